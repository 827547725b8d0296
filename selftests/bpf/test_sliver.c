/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sliver.c - what slivers and edges send: only emitted, labelled where the wire wants it, and nothing that is not theirs. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "selftests/bpf/front.skel.h"
#include "selftests/bpf/fixture.h"

static const uint8_t anyone[6] = {0x02, 0x77, 0, 0, 0, 1};
static const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t relay[6] = {0x06, 0xaa, 0, 0, 0, VPORT_E};

static void build(struct frame *frame, const uint8_t mac[6], struct frame_spec spec)
{
	memcpy(spec.destination_mac, mac, 6);
	frame_addresses(&spec, spec.ipv6 ? XS_FAMILY6 : XS_FAMILY4, "10.3.0.1", "10.0.0.1");
	frame_build(frame, &spec);
}

/* Runs it, and says what the vport counted: *sent, *refused. */
static int send(struct fixture *fixture, uint32_t vport, struct frame *frame, uint64_t *sent, uint64_t *refused)
{
	struct xs_vport_stats before, after;
	int action;

	assert_int_equal(xs_vport_stats_sum(&fixture->maps, vport, &before), 0);
	action = fixture_run_sliver(fixture, vport, frame);
	assert_int_equal(xs_vport_stats_sum(&fixture->maps, vport, &after), 0);
	*sent = after.originated - before.originated;
	*refused = after.originated_dropped - before.originated_dropped;
	assert_int_equal(after.tx_packets - before.tx_packets, *sent);
	assert_int_equal(after.rx_packets, before.rx_packets);
	return action;
}

static void assert_sent(struct fixture *fixture, uint32_t vport, const struct frame *in, uint16_t tci)
{
	struct frame out = *in;
	uint64_t sent, refused, verdicts = fixture_sum_verdicts(fixture);

	assert_int_equal(send(fixture, vport, &out, &sent, &refused), TC_ACT_REDIRECT);
	assert_int_equal(sent, 1);
	assert_int_equal(refused, 0);
	assert_int_equal(frame_tci(&out), tci);
	assert_memory_equal(out.data, in->data, 12);
	assert_memory_equal(out.data + frame_network(&out), in->data + 14, in->length - 14);
	assert_int_equal(fixture_sum_verdicts(fixture), verdicts); /* it was not received */
}

static void assert_refused(struct fixture *fixture, uint32_t vport, const struct frame *in)
{
	struct frame out = *in;
	uint64_t sent, refused;

	assert_int_equal(send(fixture, vport, &out, &sent, &refused), TC_ACT_SHOT);
	assert_int_equal(sent, 0);
	assert_int_equal(refused, 1);
}

static void a_link_pushes_its_label(void **state)
{
	struct frame frame;

	build(&frame, anyone, (struct frame_spec){.ttl = 1, .protocol = 89}); /* OSPF's TTL stays */
	assert_sent(*state, VPORT_L1, &frame, 101);
	build(&frame, anyone, (struct frame_spec){.ethertype = 0x0806});
	assert_sent(*state, VPORT_L3, &frame, 201);
	build(&frame, anyone, (struct frame_spec){.option_words = 3});
	assert_sent(*state, VPORT_L1, &frame, 101);
	build(&frame, anyone, (struct frame_spec){.ipv6 = true, .ttl = 1, .protocol = 89});
	assert_sent(*state, VPORT_L1, &frame, 101);
	build(&frame, all_nodes, (struct frame_spec){.ipv6 = true, .ttl = 255, .protocol = 58});
	assert_sent(*state, VPORT_L3, &frame, 201);
}

static void gateway_and_edge_send_untagged(void **state)
{
	struct frame frame;

	build(&frame, anyone, (struct frame_spec){});
	assert_sent(*state, VPORT_G, &frame, 0);
	assert_sent(*state, VPORT_E, &frame, 0);
	build(&frame, anyone, (struct frame_spec){.ethertype = 0x0806});
	assert_sent(*state, VPORT_G, &frame, 0);
	assert_sent(*state, VPORT_E, &frame, 0);
	build(&frame, all_nodes, (struct frame_spec){.ipv6 = true, .ttl = 255, .protocol = 58});
	assert_sent(*state, VPORT_G, &frame, 0);
	assert_sent(*state, VPORT_E, &frame, 0);
}

static void a_mux_reaches_only_the_relay(void **state)
{
	struct frame frame;

	build(&frame, relay, (struct frame_spec){});
	assert_sent(*state, VPORT_M1, &frame, 0);
	build(&frame, anyone, (struct frame_spec){});
	assert_refused(*state, VPORT_M1, &frame);
	build(&frame, fixture_mac(VPORT_E), (struct frame_spec){}); /* the edge itself is not to be talked to */
	assert_refused(*state, VPORT_M1, &frame);
	build(&frame, relay, (struct frame_spec){.ethertype = 0x0806});
	assert_refused(*state, VPORT_M1, &frame);
	build(&frame, (const uint8_t[]){255, 255, 255, 255, 255, 255}, (struct frame_spec){});
	assert_refused(*state, VPORT_M1, &frame);
	build(&frame, relay, (struct frame_spec){.ipv6 = true});
	assert_sent(*state, VPORT_M1, &frame, 0);
	build(&frame, relay, (struct frame_spec){.ethertype = 0x8847});
	assert_refused(*state, VPORT_M1, &frame);
}

/* Two slices' neighbours must not find each other by way of the edge that they share. */
static void neighbour_discovery_stays_in_its_slice(void **state)
{
	const uint8_t solicited[6] = {0x33, 0x33, 0xff, 0, 0, 1};
	struct frame frame;

	build(&frame, solicited, (struct frame_spec){.ipv6 = true, .ttl = 255, .protocol = 58});
	assert_refused(*state, VPORT_M1, &frame);
	build(&frame, all_nodes, (struct frame_spec){.ipv6 = true, .ttl = 255, .protocol = 58});
	assert_refused(*state, VPORT_M2, &frame);
	build(&frame, fixture_mac(VPORT_E), (struct frame_spec){.ipv6 = true, .ttl = 255, .protocol = 58});
	assert_refused(*state, VPORT_M1, &frame);
}

/* A sliver that tags its frames would choose its own slice. */
static void no_tag_of_its_own(void **state)
{
	struct frame frame;

	for (uint32_t vport = VPORT_L1; vport <= VPORT_M2; vport++) {
		build(&frame, vport >= VPORT_M1 ? relay : anyone, (struct frame_spec){.tci = 201});
		assert_refused(*state, vport, &frame);
		build(&frame, anyone, (struct frame_spec){.inner_tag_type = 0x8100});
		assert_refused(*state, vport, &frame);
		build(&frame, anyone, (struct frame_spec){.inner_tag_type = 0x88a8});
		assert_refused(*state, vport, &frame);
	}
}

static void a_veth_of_nobody(void **state)
{
	struct frame frame;

	build(&frame, anyone, (struct frame_spec){});
	assert_int_equal(fixture_run_sliver(*state, 0, &frame), TC_ACT_SHOT);
}

static int edge(struct fixture *fixture, const uint8_t mac[6], uint16_t ethertype)
{
	struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data, .repeat = 1);

	build(&frame, mac, (struct frame_spec){.ethertype = ethertype, .ipv6 = ethertype == 0x86dd});
	opts.data_size_in = frame.length;
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(fixture->skeleton->progs.tc_edge), &opts), 0);
	return (int)opts.retval;
}

/* The test's device is the loopback, whose MAC is zero: any other unicast MAC is somebody else's, as the relay's is. */
static void the_edge_relays_what_is_not_its_own(void **state)
{
	const uint8_t own[6] = {0};

	assert_int_equal(edge(*state, relay, 0x0800), TC_ACT_REDIRECT);
	assert_int_equal(edge(*state, relay, 0x86dd), TC_ACT_REDIRECT);
	assert_int_equal(edge(*state, relay, 0x0806), TC_ACT_UNSPEC);
	assert_int_equal(edge(*state, own, 0x86dd), TC_ACT_UNSPEC);
	assert_int_equal(edge(*state, all_nodes, 0x86dd), TC_ACT_UNSPEC);
	assert_int_equal(edge(*state, own, 0x0800), TC_ACT_UNSPEC);
	assert_int_equal(edge(*state, (const uint8_t[]){255, 255, 255, 255, 255, 255}, 0x0800), TC_ACT_UNSPEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_pushes_its_label),
		cmocka_unit_test(gateway_and_edge_send_untagged),
		cmocka_unit_test(a_mux_reaches_only_the_relay),
		cmocka_unit_test(neighbour_discovery_stays_in_its_slice),
		cmocka_unit_test(no_tag_of_its_own),
		cmocka_unit_test(a_veth_of_nobody),
		cmocka_unit_test(the_edge_relays_what_is_not_its_own),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
