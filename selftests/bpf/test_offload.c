/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_offload.c - what stacks leave to the card: partial checksums and merged frames at XDP, and how packets of many frames count. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

enum { TCP = 6, UDP = 17, SCTP = 132 };

static void set_flags(struct fixture *fixture, uint32_t port, uint32_t flags)
{
	struct xs_port entry;
	struct xs_vport by;

	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_port, port, &entry), 0);
	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_vport, entry.untagged, &by), 0);
	entry.flags = by.port_flags = flags;
	fixture_put(fixture, XS_MAP_port, port, &entry);
	fixture_put(fixture, XS_MAP_vport, entry.untagged, &by);
}

static void build(struct frame *frame, int family, uint32_t vport, const char *destination, struct frame_spec spec)
{
	frame_addresses(&spec, family, "192.0.2.9", destination);
	memcpy(spec.destination_mac, fixture_mac(vport), 6);
	frame_build(frame, &spec);
}

static void put_checksum(struct frame *frame, uint8_t protocol, uint16_t check)
{
	size_t at = frame_checksum_at(frame, protocol);

	frame_put_word(frame, at, check);
	if (protocol == SCTP)
		frame->data[at + 2] = frame->data[at + 3] = check;
}

/* XDP leaves to tc what the card was to finish, where a card may have been skipped at all, and only there. */
static void partial_checksums_go_by_tc(void **state)
{
	static const uint8_t protocols[] = {TCP, UDP, SCTP};

	for (size_t k = 0; k < sizeof(protocols) * XS_FAMILIES; k++) {
		const uint8_t protocol = protocols[k / XS_FAMILIES];
		struct frame partial, finished, out;

		build(&partial, k % XS_FAMILIES, VPORT_G, "10.0.0.1", (struct frame_spec){.protocol = protocol, .payload = 100});
		finished = partial;
		put_checksum(&partial, protocol, protocol == SCTP ? 0 : frame_pseudo_sum(&partial, protocol));
		put_checksum(&finished, protocol, protocol == SCTP ? 1 : frame_pseudo_sum(&finished, protocol) ^ 0x1234);
		set_flags(*state, PORT_GATEWAY, XS_PORT_USER | XS_PORT_UNFINISHED);
		out = partial;
		assert_int_equal(fixture_run_xdp(*state, PORT_GATEWAY, &out), XDP_PASS);
		assert_int_equal(fixture_run_tc(*state, PORT_GATEWAY, &out, 0), TC_ACT_REDIRECT);
		assert_int_equal(frame_tci(&out), 102);
		out = finished;
		assert_int_equal(fixture_run_xdp(*state, PORT_GATEWAY, &out), XDP_REDIRECT);
		set_flags(*state, PORT_GATEWAY, XS_PORT_USER);
		out = partial;
		assert_int_equal(fixture_run_xdp(*state, PORT_GATEWAY, &out), XDP_REDIRECT);
	}
}

/* What another node sends is finished, but where generic XDP sees what GRO has merged. Then tc finds the tag beside the frame. */
static void merged_transit_goes_by_tc(void **state)
{
	struct xs_vport by;

	assert_int_equal(xs_node_maps_get(&((struct fixture *)*state)->maps, XS_MAP_vport, VPORT_L1, &by), 0);
	for (int family = 0; family < XS_FAMILIES; family++) {
		struct frame_spec spec = {.protocol = TCP, .payload = 100, .tci = 101};
		struct frame frame, out;

		build(&frame, family, VPORT_L1, "10.0.0.1", spec);
		put_checksum(&frame, TCP, frame_pseudo_sum(&frame, TCP));
		out = frame;
		assert_int_equal(fixture_run_xdp(*state, PORT_LINKS, &out), XDP_REDIRECT);
		by.port_flags |= XS_PORT_MERGED | XS_PORT_UNFINISHED;
		fixture_put(*state, XS_MAP_vport, VPORT_L1, &by);
		out = frame;
		assert_int_equal(fixture_run_xdp(*state, PORT_LINKS, &out), XDP_PASS);
		assert_memory_equal(out.data, frame.data, frame.length);
		by.port_flags &= ~(uint32_t)(XS_PORT_MERGED | XS_PORT_UNFINISHED);
		fixture_put(*state, XS_MAP_vport, VPORT_L1, &by);
	}
}

/* No later fragment has a checksum; what looks like one is payload. */
static void fragments_are_no_partial_ones(void **state)
{
	struct frame frame;

	build(&frame, XS_FAMILY4, VPORT_G, "10.0.0.1", (struct frame_spec){.protocol = UDP, .payload = 100, .fragment = 0x00b9});
	put_checksum(&frame, UDP, frame_pseudo_sum(&frame, UDP));
	set_flags(*state, PORT_GATEWAY, XS_PORT_USER | XS_PORT_UNFINISHED);
	assert_int_equal(fixture_run_xdp(*state, PORT_GATEWAY, &frame), XDP_REDIRECT);
}

/* Where XDP sees merged frames, what is longer than the port takes is neither policed nor counted by it: tc knows the segments. */
static void merged_frames_are_decided_by_tc(void **state)
{
	struct fixture *fixture = *state;

	fixture->police = true;
	for (int family = 0; family < XS_FAMILIES; family++) {
		const struct xs_policer full = {};

		fixture_put(fixture, XS_MAP_policer, VPORT_G, &full);
		set_flags(fixture, PORT_GATEWAY, XS_PORT_USER | XS_PORT_UNFINISHED | XS_PORT_MERGED);
		for (int i = 0; i < 200; i++) { /* more than ICMP errors may be asked for */
			uint64_t arrivals = fixture_sum_arrivals(fixture), verdicts = fixture_sum_verdicts(fixture);
			struct frame out;

			build(&out, family, VPORT_G, "10.0.0.1", (struct frame_spec){.protocol = TCP, .payload = 2912});
			assert_int_equal(fixture_run_xdp(fixture, PORT_GATEWAY, &out), XDP_PASS);
			assert_int_equal(fixture_run_tc(fixture, PORT_GATEWAY, &out, 1400), TC_ACT_REDIRECT);
			assert_int_equal(frame_tci(&out), 102);
			assert_int_equal(fixture_sum_arrivals(fixture) - arrivals, 1);
			assert_int_equal(fixture_sum_verdicts(fixture) - verdicts, 1);
		}
		set_flags(fixture, PORT_GATEWAY, XS_PORT_USER);
	}
	fixture->police = false;
}

/* tc polices what XDP has left to it: one that is too big, if cut or not. */
static void what_tc_decides_it_polices(void **state)
{
	struct fixture *fixture = *state;
	const struct xs_policer full = {};
	unsigned int taken = 0;
	double start;

	fixture->police = true;
	fixture_put(fixture, XS_MAP_policer, VPORT_G, &full);
	start = fixture_now();
	set_flags(fixture, PORT_GATEWAY, XS_PORT_USER | XS_PORT_UNFINISHED | XS_PORT_MERGED);
	for (int i = 0; i < 200; i++) {
		struct frame out;

		build(&out, XS_FAMILY6, VPORT_G, "10.4.0.1", (struct frame_spec){.protocol = TCP, .payload = 2912});
		assert_int_equal(fixture_run_xdp(fixture, PORT_GATEWAY, &out), XDP_PASS);
		taken += fixture_run_tc(fixture, PORT_GATEWAY, &out, 1400) == TC_ACT_REDIRECT;
	}
	assert_in_range(taken, fixture_punt_class[XS_PUNT_ERROR].burst, fixture_most_passed(XS_PUNT_ERROR, start));
	set_flags(fixture, PORT_GATEWAY, XS_PORT_USER);
	fixture->police = false;
}

/* A packet of several frames counts as these, with their headers, at its arrival and at its end. */
static void segments_count_as_frames(void **state)
{
	struct fixture *fixture = *state;

	for (int family = 0; family < XS_FAMILIES; family++) {
		const size_t headers = 14 + (family == XS_FAMILY4 ? 20 : 40) + 20;
		struct xs_port_stats before, after;
		struct xs_vport_stats sent_before, sent_after;
		uint64_t verdicts = fixture_sum_verdicts(fixture);
		struct frame in, out;

		build(&in, family, VPORT_G, "10.0.0.1", (struct frame_spec){.protocol = TCP, .payload = 2000});
		assert_int_equal(xs_port_stats_sum(&fixture->maps, PORT_STACK, &before), 0);
		assert_int_equal(xs_vport_stats_sum(&fixture->maps, VPORT_L2, &sent_before), 0);
		out = in;
		assert_int_equal(fixture_run_tc(fixture, PORT_STACK, &out, 1400), TC_ACT_REDIRECT);
		assert_int_equal(xs_port_stats_sum(&fixture->maps, PORT_STACK, &after), 0);
		assert_int_equal(xs_vport_stats_sum(&fixture->maps, VPORT_L2, &sent_after), 0);
		assert_int_equal(after.rx_packets - before.rx_packets, 2);
		assert_int_equal(after.rx_bytes - before.rx_bytes, in.length + headers);
		assert_int_equal(sent_after.tx_packets - sent_before.tx_packets, 2);
		assert_int_equal(sent_after.tx_bytes - sent_before.tx_bytes, in.length + headers);
		assert_int_equal(fixture_sum_verdicts(fixture) - verdicts, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partial_checksums_go_by_tc),
		cmocka_unit_test(merged_transit_goes_by_tc),
		cmocka_unit_test(fragments_are_no_partial_ones),
		cmocka_unit_test(merged_frames_are_decided_by_tc),
		cmocka_unit_test(what_tc_decides_it_polices),
		cmocka_unit_test(segments_count_as_frames),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup_with_mux, fixture_teardown);
}
