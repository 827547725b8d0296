/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_emit.c - what leaves, byte for byte: tags pushed, popped and rewritten, MACs, TTL and checksum, by XDP and by tc; punts. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

static void build(struct frame *frame, int family, uint32_t vport, uint16_t tci, const char *destination, struct frame_spec spec)
{
	spec.tci = tci;
	frame_addresses(&spec, family, "192.0.2.9", destination);
	memcpy(spec.destination_mac, fixture_mac(vport), 6);
	frame_build(frame, &spec);
}

/* `out` must be `in` with hop's MACs, tag `tci` (0: none) and a TTL or hop limit less one; nothing else may differ. */
static void assert_forwarded(const struct frame *in, const struct frame *out, uint32_t hop, uint16_t tci)
{
	const uint8_t macs[12] = {0x02, 0xcc, 0, 0, 0, fixture_hop_mac(hop), 0x02, 0xdd, 0, 0, 0, hop};
	size_t from = frame_network(in), to = frame_network(out);
	struct frame back = *out;

	assert_memory_equal(out->data, macs, sizeof(macs));
	assert_int_equal(frame_tagged(out), tci != 0);
	assert_int_equal(frame_tci(out), tci);
	assert_memory_equal(out->data + to - 2, in->data + from - 2, 2); /* the ethertype */
	assert_int_equal(out->length - to, in->length - from);
	assert_int_equal(frame_ttl(out), frame_ttl(in) - 1);
	assert_true(frame_checksum_right(out));
	if (frame_is_ipv6(in)) {
		back.data[to + 7]++;
	} else {
		back.data[to + 8]++;
		memcpy(back.data + to + 10, in->data + from + 10, 2);
	}
	assert_memory_equal(back.data + to, in->data + from, in->length - from);
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

/* What a way carries: the transport is nothing to a router, and neither are headers before it. */
static const struct frame_spec carried[] = {
	{.payload = 18},
	{.payload = 1000, .ttl = 2, .tos = 0xb8},
	{.protocol = 6, .padding = 6},
	{.fragment = 0x2000},
	{.fragment = 0x00b9},
	{.extensions = 3, .extension = {60, 43, 51}, .extension_units = 2}, /* IPv6's alone */
};

static void by_xdp(void **state)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		for (size_t k = 0; k < sizeof(carried) / sizeof(*carried) * XS_FAMILIES; k++) {
			struct frame in, out;

			build(&in, k % XS_FAMILIES, ways[i].vport, ways[i].tci_in, ways[i].destination, carried[k / XS_FAMILIES]);
			out = in;
			assert_int_equal(fixture_run_xdp(*state, ways[i].port, &out), XDP_REDIRECT);
			assert_forwarded(&in, &out, ways[i].hop, ways[i].tci_out);
		}
	}
}

static void by_tc(void **state)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		for (size_t k = 0; k < sizeof(carried) / sizeof(*carried) * XS_FAMILIES; k++) {
			struct frame in, out;

			build(&in, k % XS_FAMILIES, ways[i].vport, ways[i].tci_in, ways[i].destination, carried[k / XS_FAMILIES]);
			out = in;
			assert_int_equal(fixture_run_tc(*state, ways[i].port, &out, 0), TC_ACT_REDIRECT);
			assert_forwarded(&in, &out, ways[i].hop, ways[i].tci_out);
		}
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

	build(&in, XS_FAMILY4, VPORT_L1, 101, "10.0.0.1", (struct frame_spec){});
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

	for (size_t k = 0; k < sizeof(punts) / sizeof(*punts) * XS_FAMILIES; k++) {
		const size_t i = k / XS_FAMILIES;
		const uint8_t mac[6] = {0x02, 0xbb, 0, 0, 0, punts[i].into};
		struct frame in, out;

		build(&in, k % XS_FAMILIES, punts[i].vport, punts[i].tci, punts[i].destination, (struct frame_spec){});
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

	for (int family = 0; family < XS_FAMILIES; family++) {
		struct frame in, out;

		build(&in, family, VPORT_E, 0, "203.0.113.1", (struct frame_spec){.ttl = 1});
		out = in;
		assert_int_equal(fixture_run_tc(*state, PORT_MUX, &out, 0), TC_ACT_REDIRECT);
		assert_memory_equal(out.data, mac, 6);
		assert_int_equal(frame_ttl(&out), 1);
	}
}

/* ARP's broadcast, and the group of a neighbour solicitation. */
static void groups_keep_their_destination(void **state)
{
	const struct frame_spec specs[] = {
		{.tci = 101, .ethertype = 0x0806, .destination_mac = {255, 255, 255, 255, 255, 255}},
		{.tci = 101, .protocol = 58, .ttl = 255, .destination_mac = {0x33, 0x33, 0xff, 0, 0, 1}, .ipv6 = true},
	};

	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
		struct frame_spec spec = specs[i];
		struct frame in, out;

		frame_addresses(&spec, spec.ipv6 ? XS_FAMILY6 : XS_FAMILY4, "192.0.2.9", spec.ipv6 ? "ff02::1:ff00:1" : "0.0.0.0");
		frame_build(&in, &spec);
		out = in;
		assert_int_equal(fixture_run_tc(*state, PORT_LINKS, &out, 0), TC_ACT_REDIRECT);
		assert_false(frame_tagged(&out));
		assert_memory_equal(out.data, in.data, 12);
		assert_memory_equal(out.data + 12, in.data + 16, in.length - 16);
	}
}

/* Sends a GSO packet by tc: was it forwarded, or left to the kernel? */
static bool gso_forwarded(struct fixture *fixture, int family, const char *destination, struct frame_spec spec, uint32_t size)
{
	struct frame in, out;

	spec.payload = 2912;
	build(&in, family, VPORT_L1, 101, destination, spec);
	out = in;
	assert_int_equal(fixture_run_tc(fixture, PORT_LINKS, &out, size), TC_ACT_REDIRECT);
	if (frame_ttl(&out) == frame_ttl(&in))
		return false;
	assert_forwarded(&in, &out, HOP_L2, 102);
	return true;
}

/* A GSO packet is as big as its segments: at an MTU of 1500, IPv4 and TCP leave 1460 bytes to each. */
static void gso_is_measured_by_segments(void **state)
{
	static const struct {
		int family;
		struct frame_spec spec;
		uint32_t most; /* of payload in a segment */
	} gso[] = {
		{XS_FAMILY4, {.protocol = 6}, 1460},
		{XS_FAMILY4, {.protocol = 17}, 1472},
		{XS_FAMILY6, {.protocol = 6}, 1440},
		{XS_FAMILY6, {.protocol = 17}, 1452},
		{XS_FAMILY6, {.protocol = 6, .extensions = 1, .extension = {60}, .extension_units = 1}, 1424},
		{XS_FAMILY6, {.protocol = 6, .extensions = 2, .extension = {43, 51}, .extension_units = 4}, 1376},
	};

	for (size_t i = 0; i < sizeof(gso) / sizeof(*gso); i++) {
		assert_true(gso_forwarded(*state, gso[i].family, "10.0.0.1", gso[i].spec, gso[i].most));
		assert_false(gso_forwarded(*state, gso[i].family, "10.0.0.1", gso[i].spec, gso[i].most + 1));
	}
}

/* Frames of several pages, whose tags come, go and change, by XDP: what lies in other pages stays as it is. */
static void jumbo_frames(void **state)
{
	static const struct way jumbo[] = {
		{"rewrite", PORT_LINKS, VPORT_L1, 101, "10.9.0.1", HOP_JUMBO, 102},
		{"pop", PORT_LINKS, VPORT_L1, 101, "10.10.0.1", HOP_JUMBO_UNTAGGED, 0},
		{"push", PORT_GATEWAY, VPORT_G, 0, "10.9.0.1", HOP_JUMBO, 102},
	};

	for (size_t k = 0; k < sizeof(jumbo) / sizeof(*jumbo) * XS_FAMILIES; k++) {
		const struct way *way = &jumbo[k / XS_FAMILIES];
		struct xs_port_stats before, after;
		struct outcome outcome;
		struct frame in, out;

		build(&in, k % XS_FAMILIES, way->vport, way->tci_in, way->destination, (struct frame_spec){.total = 9000});
		for (size_t i = 200; i < in.length; i++)
			in.data[i] = i * 7;
		assert_int_equal(xs_port_stats_sum(&((struct fixture *)*state)->maps, way->port, &before), 0);
		out = in;
		assert_int_equal(fixture_run_xdp(*state, way->port, &out), XDP_REDIRECT);
		assert_forwarded(&in, &out, way->hop, way->tci_out);
		assert_int_equal(xs_port_stats_sum(&((struct fixture *)*state)->maps, way->port, &after), 0);
		assert_int_equal(after.rx_bytes - before.rx_bytes, in.length);

		/* One byte more than the link takes, and one less than the packet says. */
		build(&in, k % XS_FAMILIES, way->vport, way->tci_in, way->destination, (struct frame_spec){.total = 9001});
		assert_int_equal(fixture_run_xdp(*state, way->port, &in), XDP_PASS);
		build(&in, k % XS_FAMILIES, way->vport, way->tci_in, way->destination, (struct frame_spec){.total = 9000});
		in.length--;
		fixture_send(*state, way->port, &in, &outcome);
		assert_int_equal(outcome.verdict, XS_MALFORMED);
	}
}

/* Without GSO the same packet is too big for either way. */
static void a_big_packet_is_punted(void **state)
{
	for (int family = 0; family < XS_FAMILIES; family++) {
		struct frame in;

		build(&in, family, VPORT_L1, 101, "10.0.0.1", (struct frame_spec){.payload = 2912});
		assert_int_equal(fixture_run_xdp(*state, PORT_LINKS, &in), XDP_PASS);
		assert_int_equal(fixture_run_tc(*state, PORT_LINKS, &in, 0), TC_ACT_REDIRECT);
		assert_int_equal(frame_ttl(&in), 64);
	}
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
		cmocka_unit_test(groups_keep_their_destination),
		cmocka_unit_test(gso_is_measured_by_segments),
		cmocka_unit_test(jumbo_frames),
		cmocka_unit_test(a_big_packet_is_punted),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup_with_mux, fixture_teardown);
}
