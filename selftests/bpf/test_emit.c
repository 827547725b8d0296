/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_emit.c - what leaves, byte for byte: tags pushed, popped and rewritten, MACs, TTL and checksum, by XDP and by tc; punts. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

static void build(struct frame *frame, uint32_t vport, uint16_t tci, const char *destination)
{
	struct frame_spec spec = {.tci = tci, .source = frame_ip("192.0.2.9"), .destination = frame_ip(destination)};

	memcpy(spec.destination_mac, fixture_mac(vport), 6);
	frame_build(frame, &spec);
}

/* `out` must be `in` with hop's MACs, tag `tci` (0: none) and a TTL less one; nothing else may differ. */
static void assert_forwarded(const struct frame *in, const struct frame *out, uint32_t hop, uint16_t tci)
{
	const uint8_t macs[12] = {0x02, 0xcc, 0, 0, 0, fixture_hop_mac(hop), 0x02, 0xdd, 0, 0, 0, hop};
	size_t from = frame_network(in), to = frame_network(out);

	assert_memory_equal(out->data, macs, sizeof(macs));
	assert_int_equal(frame_tagged(out), tci != 0);
	assert_int_equal(frame_tci(out), tci);
	assert_int_equal(out->data[to - 2] << 8 | out->data[to - 1], 0x0800);
	assert_int_equal(out->length - to, in->length - from);
	assert_int_equal(frame_ttl(out), frame_ttl(in) - 1);
	assert_true(frame_checksum_right(out));
	assert_memory_equal(out->data + to, in->data + from, 8);
	assert_int_equal(out->data[to + 9], in->data[from + 9]);
	assert_memory_equal(out->data + to + 12, in->data + from + 12, in->length - from - 12);
}

struct way {
	const char *what;
	uint32_t port, vport;
	uint16_t tci_in;
	const char *destination;
	uint32_t hop;
	uint16_t tci_out;
};

static const struct way ways[] = {
	{"rewrite", PORT_LINKS, VPORT_L1, 101, "10.0.0.1", HOP_L2, 102},
	{"rewrite, priority kept", PORT_LINKS, VPORT_L1, 0xb000 | 101, "10.0.0.1", HOP_L2, 0xb000 | 102},
	{"pop", PORT_LINKS, VPORT_L1, 101, "10.1.0.1", HOP_G, 0},
	{"push", PORT_GATEWAY, VPORT_G, 0, "10.0.0.1", HOP_L2, 102},
	{"neither", PORT_GATEWAY, VPORT_G, 0, "10.1.0.1", HOP_G, 0},
	{"to a user behind the MUX", PORT_LINKS, VPORT_L1, 101, "192.0.2.7", HOP_USER, 0},
	{"from a user by the MUX", PORT_MUX, VPORT_E, 0, "203.0.113.1", HOP_L3, 201},
};

static void by_xdp(void **state)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct frame in, out;

		build(&in, ways[i].vport, ways[i].tci_in, ways[i].destination);
		out = in;
		assert_int_equal(fixture_run_xdp(*state, ways[i].port, &out), XDP_REDIRECT);
		assert_forwarded(&in, &out, ways[i].hop, ways[i].tci_out);
	}
}

static void by_tc(void **state)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct frame in, out;

		build(&in, ways[i].vport, ways[i].tci_in, ways[i].destination);
		out = in;
		assert_int_equal(fixture_run_tc(*state, ways[i].port, &out, 0), TC_ACT_REDIRECT);
		assert_forwarded(&in, &out, ways[i].hop, ways[i].tci_out);
	}
}

/* Every TTL and many checksums: the incremental update is right wherever a carry falls. */
static void checksum_of_every_ttl(void **state)
{
	for (unsigned int ttl = 2; ttl < 256; ttl++) {
		for (uint32_t i = 0; i < 16; i++) {
			struct frame_spec spec = {.tci = 101, .ttl = ttl, .source = frame_ip("192.0.2.9"),
						  .destination = frame_ip("10.0.0.0") + 0x0fef * i + ttl};
			struct frame in, out;

			memcpy(spec.destination_mac, fixture_mac(VPORT_L1), 6);
			frame_build(&in, &spec);
			out = in;
			assert_int_equal(fixture_run_xdp(*state, PORT_LINKS, &out), XDP_REDIRECT);
			assert_forwarded(&in, &out, HOP_L2, 102);
		}
	}
}

/* The one header whose checksum becomes 0xffff, or 0x0000, after the update. */
static void checksum_at_its_ends(void **state)
{
	struct frame in, out;
	unsigned int seen = 0;

	build(&in, VPORT_L1, 101, "10.0.0.1");
	for (uint32_t id = 0; id < 65536; id += 1) {
		uint8_t *ip = in.data + 18;
		uint32_t sum = 0;

		ip[4] = id >> 8;
		ip[5] = id;
		ip[10] = ip[11] = 0;
		for (int i = 0; i < 20; i += 2)
			sum += ip[i] << 8 | ip[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
		if (sum > 0x0001 && sum < 0xfdfe)
			continue;
		ip[10] = sum >> 8;
		ip[11] = sum;
		out = in;
		assert_int_equal(fixture_run_xdp(*state, PORT_LINKS, &out), XDP_REDIRECT);
		assert_forwarded(&in, &out, HOP_L2, 102);
		seen++;
	}
	assert_in_range(seen, 500, 600);
}

static void punts_bear_the_slivers_mac(void **state)
{
	static const struct {
		uint32_t port, vport, into;
		uint16_t tci;
		const char *destination;
	} punts[] = {
		{PORT_LINKS, VPORT_L1, VPORT_L1, 101, "10.3.0.1"},
		{PORT_GATEWAY, VPORT_G, VPORT_G, 0, "10.3.0.1"},
		{PORT_MUX, VPORT_E, VPORT_E, 0, "192.0.2.1"},
	};

	for (size_t i = 0; i < sizeof(punts) / sizeof(*punts); i++) {
		const uint8_t mac[6] = {0x02, 0xbb, 0, 0, 0, punts[i].into};
		struct frame in, out;

		build(&in, punts[i].vport, punts[i].tci, punts[i].destination);
		out = in;
		assert_int_equal(fixture_run_tc(*state, punts[i].port, &out, 0), TC_ACT_REDIRECT);
		assert_false(frame_tagged(&out));
		assert_memory_equal(out.data, mac, 6);
		assert_memory_equal(out.data + 6, in.data + 6, 6);
		assert_memory_equal(out.data + 14, in.data + frame_network(&in), in.length - frame_network(&in));
	}
}

/* A punt after selection belongs to the MUX vport of the slice. */
static void punt_after_selection(void **state)
{
	const uint8_t mac[6] = {0x02, 0xbb, 0, 0, 0, VPORT_M2};
	struct frame_spec spec = {.ttl = 1, .source = frame_ip("192.0.2.9"), .destination = frame_ip("203.0.113.1")};
	struct frame in, out;

	memcpy(spec.destination_mac, fixture_mac(VPORT_E), 6);
	frame_build(&in, &spec);
	out = in;
	assert_int_equal(fixture_run_tc(*state, PORT_MUX, &out, 0), TC_ACT_REDIRECT);
	assert_memory_equal(out.data, mac, 6);
	assert_int_equal(frame_ttl(&out), 1);
}

static void broadcast_keeps_its_destination(void **state)
{
	struct frame_spec spec = {.tci = 101, .ethertype = 0x0806, .destination_mac = {255, 255, 255, 255, 255, 255}};
	struct frame in, out;

	frame_build(&in, &spec);
	out = in;
	assert_int_equal(fixture_run_tc(*state, PORT_LINKS, &out, 0), TC_ACT_REDIRECT);
	assert_false(frame_tagged(&out));
	assert_memory_equal(out.data, in.data, 12);
	assert_memory_equal(out.data + 12, in.data + 16, in.length - 16);
}

/* A GSO packet is as big as its segments: 1448 + 20 + 20 fits 1500, and 600 does not hold it. */
static void gso_is_measured_by_segments(void **state)
{
	struct frame_spec spec = {.tci = 101, .protocol = 6, .payload = 2912, .source = frame_ip("192.0.2.9"),
				  .destination = frame_ip("10.0.0.1")};
	struct frame in, out;

	memcpy(spec.destination_mac, fixture_mac(VPORT_L1), 6);
	frame_build(&in, &spec);
	out = in;
	assert_int_equal(fixture_run_tc(*state, PORT_LINKS, &out, 1448), TC_ACT_REDIRECT);
	assert_forwarded(&in, &out, HOP_L2, 102);
	out = in;
	fixture_run_tc(*state, PORT_LINKS, &out, 1461);
	assert_int_equal(frame_ttl(&out), 64); /* punted: 1461 + 40 > 1500 */
	spec.destination = frame_ip("10.4.0.1");
	frame_build(&in, &spec);
	out = in;
	fixture_run_tc(*state, PORT_LINKS, &out, 1448);
	assert_int_equal(frame_ttl(&out), 64);
	out = in;
	fixture_run_tc(*state, PORT_LINKS, &out, 560);
	assert_int_equal(frame_ttl(&out), 63);
}

/* Without GSO the same packet is too big for either way. */
static void a_big_packet_is_punted(void **state)
{
	struct frame_spec spec = {.tci = 101, .payload = 2912, .source = frame_ip("192.0.2.9"),
				  .destination = frame_ip("10.0.0.1")};
	struct frame in;

	memcpy(spec.destination_mac, fixture_mac(VPORT_L1), 6);
	frame_build(&in, &spec);
	assert_int_equal(fixture_run_xdp(*state, PORT_LINKS, &in), XDP_PASS);
	assert_int_equal(fixture_run_tc(*state, PORT_LINKS, &in, 0), TC_ACT_REDIRECT);
	assert_int_equal(frame_ttl(&in), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_xdp),
		cmocka_unit_test(by_tc),
		cmocka_unit_test(checksum_of_every_ttl),
		cmocka_unit_test(checksum_at_its_ends),
		cmocka_unit_test(punts_bear_the_slivers_mac),
		cmocka_unit_test(punt_after_selection),
		cmocka_unit_test(broadcast_keeps_its_destination),
		cmocka_unit_test(gso_is_measured_by_segments),
		cmocka_unit_test(a_big_packet_is_punted),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup_with_mux, fixture_teardown);
}
