/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_counters.c - what each counter counts, and that they add up: received = forwarded + punted + host + dropped. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

struct counts {
	struct xs_port_stats port[PORT_STACK + 1];
	struct xs_vport_stats vport[VPORT_M2 + 1];
};

static void read_counts(struct fixture *fixture, struct counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	for (uint32_t port = 1; port <= PORT_STACK; port++)
		assert_int_equal(xs_port_stats_sum(&fixture->maps, port, &counts->port[port]), 0);
	for (uint32_t vport = 1; vport <= VPORT_M2; vport++)
		assert_int_equal(xs_vport_stats_sum(&fixture->maps, vport, &counts->vport[vport]), 0);
}

struct flow {
	int family;
	uint32_t port, vport; /* arrives at, addressed to */
	uint16_t tci;
	uint8_t ttl;
	const char *source, *destination;
	int verdict;
	uint32_t in, out, out_too; /* vports that count it; 0: none */
};

static const struct flow flows[] = {
	{XS_FAMILY4, PORT_LINKS, VPORT_L1, 101, 64, "192.0.2.9", "10.0.0.1", XS_FORWARDED, VPORT_L1, VPORT_L2, 0},
	{XS_FAMILY4, PORT_LINKS, VPORT_L1, 101, 64, "192.0.2.9", "10.1.0.1", XS_FORWARDED, VPORT_L1, VPORT_G, 0},
	{XS_FAMILY4, PORT_LINKS, VPORT_L1, 101, 64, "192.0.2.9", "10.5.0.1", XS_FORWARDED, VPORT_L1, VPORT_G, 0}, /* by tc */
	{XS_FAMILY4, PORT_LINKS, VPORT_L1, 101, 64, "192.0.2.9", "192.0.2.7", XS_FORWARDED, VPORT_L1, VPORT_E, VPORT_M1},
	{XS_FAMILY4, PORT_GATEWAY, VPORT_G, 0, 64, "192.0.2.9", "10.0.0.1", XS_FORWARDED, VPORT_G, VPORT_L2, 0},
	{XS_FAMILY4, PORT_STACK, VPORT_G, 0, 64, "192.0.2.9", "10.0.0.1", XS_FORWARDED, VPORT_G, VPORT_L2, 0},
	{XS_FAMILY4, PORT_MUX, VPORT_E, 0, 64, "192.0.2.9", "203.0.113.1", XS_FORWARDED, VPORT_M2, VPORT_L3, 0},
	{XS_FAMILY4, PORT_MUX, VPORT_E, 0, 1, "192.0.2.9", "203.0.113.1", XS_PUNTED, VPORT_M2, 0, 0},
	{XS_FAMILY4, PORT_MUX, VPORT_E, 0, 64, "192.0.2.9", "192.0.2.1", XS_PUNTED, VPORT_E, 0, 0},
	{XS_FAMILY4, PORT_LINKS, VPORT_L1, 101, 1, "192.0.2.9", "10.0.0.1", XS_PUNTED, VPORT_L1, 0, 0},
	{XS_FAMILY4, PORT_LINKS, VPORT_L1, 101, 64, "192.0.2.9", "10.2.0.1", XS_BLACKHOLE, VPORT_L1, 0, 0},
	{XS_FAMILY4, PORT_LINKS, VPORT_L1, 103, 64, "192.0.2.9", "10.0.0.1", XS_UNKNOWN_LABEL, 0, 0, 0},
	{XS_FAMILY4, PORT_LINKS, VPORT_L3, 101, 64, "192.0.2.9", "10.0.0.1", XS_NOT_FOR_US, 0, 0, 0},
	{XS_FAMILY4, PORT_LINKS, VPORT_L1, 999, 64, "192.0.2.9", "10.0.0.1", XS_HOST, 0, 0, 0},
	{XS_FAMILY4, PORT_MUX, VPORT_E, 0, 64, "198.51.100.1", "10.0.0.1", XS_SPOOFED_SOURCE, VPORT_E, 0, 0},
	{XS_FAMILY6, PORT_LINKS, VPORT_L1, 101, 64, "192.0.2.9", "10.0.0.1", XS_FORWARDED, VPORT_L1, VPORT_L2, 0},
	{XS_FAMILY6, PORT_LINKS, VPORT_L1, 101, 64, "192.0.2.9", "192.0.2.7", XS_FORWARDED, VPORT_L1, VPORT_E, VPORT_M1},
	{XS_FAMILY6, PORT_STACK, VPORT_G, 0, 64, "192.0.2.9", "10.0.0.1", XS_FORWARDED, VPORT_G, VPORT_L2, 0},
	{XS_FAMILY6, PORT_MUX, VPORT_E, 0, 64, "192.0.2.9", "203.0.113.1", XS_FORWARDED, VPORT_M2, VPORT_L3, 0},
	{XS_FAMILY6, PORT_MUX, VPORT_E, 0, 64, "192.0.2.9", "192.0.2.1", XS_PUNTED, VPORT_E, 0, 0},
	{XS_FAMILY6, PORT_MUX, VPORT_E, 0, 255, "fe80::9", "ff02::2", XS_PUNTED, VPORT_E, 0, 0},
	{XS_FAMILY6, PORT_LINKS, VPORT_L1, 101, 64, "192.0.2.9", "10.2.0.1", XS_BLACKHOLE, VPORT_L1, 0, 0},
};

static void build(struct frame *frame, const struct flow *flow)
{
	struct frame_spec spec = {.tci = flow->tci, .ttl = flow->ttl};

	frame_addresses(&spec, flow->family, flow->source, flow->destination);
	memcpy(spec.destination_mac, fixture_mac(flow->vport), 6);
	frame_build(frame, &spec);
}

/* Each counter moves by exactly this frame, or not at all. */
static void each_counts_its_own(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(flows) / sizeof(*flows); i++) {
		const struct flow *flow = &flows[i];
		struct counts before, after;
		struct outcome outcome;
		struct frame frame;

		build(&frame, flow);
		uint64_t wire = frame.length, bytes = frame.length - (flow->tci ? 4 : 0);

		read_counts(fixture, &before);
		fixture_send(fixture, flow->port, &frame, &outcome);
		read_counts(fixture, &after);
		assert_int_equal(outcome.verdict, flow->verdict);
		for (uint32_t port = 1; port <= PORT_STACK; port++) {
			uint64_t mine = port == flow->port;

			assert_int_equal(after.port[port].rx_packets - before.port[port].rx_packets, mine);
			assert_int_equal(after.port[port].rx_bytes - before.port[port].rx_bytes, mine ? wire : 0);
		}
		for (uint32_t vport = 1; vport <= VPORT_M2; vport++) {
			const struct xs_vport_stats *was = &before.vport[vport], *is = &after.vport[vport];
			uint64_t in = vport == flow->in, out = vport == flow->out || vport == flow->out_too;

			assert_int_equal(is->rx_packets - was->rx_packets, in);
			assert_int_equal(is->rx_bytes - was->rx_bytes, in ? bytes : 0);
			assert_int_equal(is->tx_packets - was->tx_packets, out);
			assert_int_equal(is->tx_bytes - was->tx_bytes, out ? bytes : 0);
			assert_int_equal(is->originated, was->originated);
		}
	}
}

static void a_rule_counts_what_it_selected(void **state)
{
	struct fixture *fixture = *state;
	uint32_t rule = xs_policy_rule(fixture->policy, 0);
	uint64_t packets, packets_after;
	struct outcome outcome;
	struct frame frame;

	assert_int_equal(xs_mux_rule_stats_sum(&fixture->maps, rule, &packets), 0);
	for (size_t i = 0; i < sizeof(flows) / sizeof(*flows); i++) {
		build(&frame, &flows[i]);
		fixture_send(fixture, flows[i].port, &frame, &outcome);
		packets += flows[i].in == VPORT_M2 && flows[i].family == XS_FAMILY4;
	}
	assert_int_equal(xs_mux_rule_stats_sum(&fixture->maps, rule, &packets_after), 0);
	assert_int_equal(packets_after, packets);
}

/* Noise: no bytes make the sums differ. */
static void they_add_up_over_noise(void **state)
{
	struct fixture *fixture = *state;
	uint64_t noise = 1;

	for (int i = 0; i < 20000; i++) {
		const struct flow *flow = &flows[i % (sizeof(flows) / sizeof(*flows))];
		struct frame frame;

		build(&frame, flow);
		for (int k = 0; k < 3; k++) {
			noise = noise * 6364136223846793005ull + 1442695040888963407ull;
			frame.data[(noise >> 33) % (flow->family == XS_FAMILY6 ? 62 : 42)] = noise >> 56;
		}
		if (i % 5 == 0)
			frame.length = 18 + (noise >> 40) % (frame.length - 18);
		if (flow->port == PORT_STACK) /* the kernel gives tc no frame without a network header */
			frame.length = frame.length < 60 ? 60 : frame.length;
		if (flow->port == PORT_STACK || fixture_run_xdp(fixture, flow->port, &frame) == XDP_PASS) {
			if (frame.length < 60)
				frame.length = 60;
			fixture_run_tc(fixture, flow->port, &frame, 0);
		}
	}
	assert_int_equal(fixture_sum_arrivals(fixture), fixture_sum_verdicts(fixture));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_counts_its_own),
		cmocka_unit_test(a_rule_counts_what_it_selected),
		cmocka_unit_test(they_add_up_over_noise),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup_with_mux, fixture_teardown);
}
