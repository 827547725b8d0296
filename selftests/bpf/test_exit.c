/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_exit.c - R16: a MUX with an exit (pass_cases.c). What no slice takes leaves by the other port byte for byte, in both
 * directions, by XDP and by tc; what a slice takes, whoever it is sent to, goes into the slice; what is the edge's own
 * goes to the edge.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "selftests/bpf/pass_cases.h"

static bool is_same(const struct frame *a, const struct frame *b)
{
	return a->length == b->length && !memcmp(a->data, b->data, a->length);
}

/* Runs `one` on every case in every family that it concerns; what it says is wrong is counted. */
static void each(struct fixture *fixture,
		 bool (*one)(struct fixture *fixture, const struct pass_case *test, const struct frame *in))
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < pass_case_count * XS_FAMILIES; i++) {
		const struct pass_case *test = &pass_cases[i / XS_FAMILIES];
		const int family = i % XS_FAMILIES;
		struct frame in;

		if (test->only && !(test->only & 1u << family))
			continue;
		pass_case_build(&in, test, family);
		if (one(fixture, test, &in))
			continue;
		print_error("%s, IPv%d\n", test->name, family == XS_FAMILY4 ? 4 : 6);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static bool by_xdp(struct fixture *fixture, const struct pass_case *test, const struct frame *in)
{
	struct xs_vport_stats before, after;
	struct outcome outcome;

	assert_int_equal(xs_vport_stats_sum(&fixture->maps, VPORT_E, &before), 0);
	fixture_send(fixture, PORT_MUX, in, &outcome);
	assert_int_equal(xs_vport_stats_sum(&fixture->maps, VPORT_E, &after), 0);
	if (outcome.verdict != test->verdict || outcome.slice != test->slice) {
		print_error("%s in slice %u instead of %s in slice %u: ", xs_verdict_name(outcome.verdict),
			    outcome.slice, xs_verdict_name(test->verdict), test->slice);
		return false;
	}
	/* The edge counts what it gets, and nothing of what passes it by. */
	if (test->verdict == XS_PASSED)
		return outcome.xdp == (test->heard ? XDP_PASS : XDP_REDIRECT) && is_same(&outcome.out, in) &&
		       (!test->heard || outcome.tc == TC_ACT_REDIRECT) && after.rx_packets == before.rx_packets;
	return test->verdict != XS_HOST || outcome.tc == TC_ACT_UNSPEC;
}

static void users_by_xdp(void **state)
{
	fixture_exit(*state, 0, 0);
	each(*state, by_xdp);
}

/* A test run makes no skb of a page or more, nor of IP without a whole header, nor of nothing behind the link header. */
static bool has_skb(const struct frame *in)
{
	const size_t network = frame_network(in);
	const uint8_t *type = in->data + network - 2;
	size_t least = network + 1;

	if (!memcmp(type, "\x08\x00", 2))
		least = network + 20;
	if (!memcmp(type, "\x86\xdd", 2))
		least = network + 40;
	return in->length >= least && in->length <= 3500;
}

static uint64_t count_of(struct fixture *fixture, uint32_t slice, int verdict)
{
	struct xs_slice_stats stats;

	assert_int_equal(xs_slice_stats_sum(&fixture->maps, slice, &stats), 0);
	return stats.verdict[verdict];
}

static bool by_tc_from(struct fixture *fixture, uint32_t port, const struct pass_case *test, const struct frame *in)
{
	uint64_t before = count_of(fixture, test->slice, test->verdict), arrivals = fixture_sum_arrivals(fixture);
	struct frame out = *in;
	int action;

	if (!has_skb(in))
		return true;
	action = fixture_run_tc(fixture, port, &out, 0);
	if (count_of(fixture, test->slice, test->verdict) != before + 1 ||
	    fixture_sum_arrivals(fixture) != arrivals + 1)
		return false;
	return test->verdict != XS_PASSED || (action == TC_ACT_REDIRECT && is_same(&out, in));
}

static bool by_tc(struct fixture *fixture, const struct pass_case *test, const struct frame *in)
{
	return by_tc_from(fixture, PORT_MUX, test, in);
}

/* A local stack behind the users' port: tc alone, which counts arrivals, too. */
static void users_by_tc(void **state)
{
	fixture_exit(*state, XS_PORT_LOCAL_STACK | XS_PORT_BY_TC, 0);
	each(*state, by_tc);
}

/* From beyond, nothing is looked at: neither what a slice would take, nor what is said to the edge. */
static int from_beyond(const struct pass_case *test)
{
	return test->verdict == XS_HOST ? XS_HOST : XS_PASSED;
}

static bool back_by_xdp(struct fixture *fixture, const struct pass_case *test, const struct frame *in)
{
	struct outcome outcome;

	fixture_send(fixture, PORT_EXIT, in, &outcome);
	return outcome.slice == 0 && outcome.verdict == from_beyond(test) &&
	       (outcome.verdict == XS_HOST || (outcome.xdp == XDP_REDIRECT && is_same(&outcome.out, in)));
}

static void beyond_by_xdp(void **state)
{
	fixture_exit(*state, 0, 0);
	each(*state, back_by_xdp);
}

static bool back_by_tc(struct fixture *fixture, const struct pass_case *test, const struct frame *in)
{
	struct pass_case back = *test;

	back.verdict = from_beyond(test);
	back.slice = 0;
	return by_tc_from(fixture, PORT_EXIT, &back, in);
}

static void beyond_by_tc(void **state)
{
	fixture_exit(*state, 0, XS_PORT_LOCAL_STACK | XS_PORT_BY_TC);
	each(*state, back_by_tc);
}

/* A local stack behind the other port: XDP leaves to tc what passes, and it is counted once. */
static bool up_to_tc(struct fixture *fixture, const struct pass_case *test, const struct frame *in)
{
	struct outcome outcome;

	if (!has_skb(in))
		return true;
	fixture_send(fixture, PORT_MUX, in, &outcome);
	return outcome.verdict == test->verdict && outcome.slice == test->slice &&
	       (test->verdict != XS_PASSED ||
		(outcome.xdp == XDP_PASS && outcome.tc == TC_ACT_REDIRECT && is_same(&outcome.out, in)));
}

static void to_a_local_stack(void **state)
{
	fixture_exit(*state, 0, XS_PORT_LOCAL_STACK | XS_PORT_BY_TC);
	each(*state, up_to_tc);
}

/* From one port in generic mode to another: IP, which may be several frames in one, by tc; what tc might not find whole by XDP. */
static bool by_generic(struct fixture *fixture, const struct pass_case *test, const struct frame *in)
{
	uint16_t type = in->data[12] << 8 | in->data[13];
	bool knows_segments = type == 0x0800 || type == 0x86dd || type == 0x8100 || type == 0x88a8;
	struct outcome outcome;

	if (!has_skb(in))
		return true;
	fixture_send(fixture, PORT_MUX, in, &outcome);
	if (outcome.verdict != test->verdict || outcome.slice != test->slice)
		return false;
	if (test->verdict != XS_PASSED)
		return true;
	return is_same(&outcome.out, in) && outcome.xdp == (knows_segments || test->heard ? XDP_PASS : XDP_REDIRECT);
}

static void from_generic_to_generic(void **state)
{
	const uint32_t generic = XS_PORT_GENERIC | XS_PORT_BY_TC | XS_PORT_MERGED | XS_PORT_UNFINISHED;

	fixture_exit(*state, generic, generic);
	each(*state, by_generic);
}

/* Wherever a frame ends, it passes, and is not read beyond its end. */
static void truncated_anywhere(void **state)
{
	fixture_exit(*state, 0, 0);
	for (size_t i = 0; i < pass_case_count * XS_FAMILIES; i++) {
		const struct pass_case *test = &pass_cases[i / XS_FAMILIES];
		struct outcome outcome;
		struct frame in;

		if (test->verdict == XS_HOST || test->spec.total || test->spec.destination_mac[1] == 0xaa)
			continue;
		pass_case_build(&in, test, i % XS_FAMILIES);
		while (--in.length >= 14) {
			if (test->shape != PLAIN && in.length >= 14 + 28)
				continue; /* long enough to ask for the edge */
			for (uint32_t port = PORT_MUX; port <= PORT_EXIT; port += PORT_EXIT - PORT_MUX) {
				fixture_send(*state, port, &in, &outcome);
				assert_int_equal(outcome.verdict, XS_PASSED);
				assert_true(is_same(&outcome.out, &in));
			}
		}
	}
}

/* A GSO packet of a local stack goes on as it is; its segments are made where it leaves. */
static void gso(void **state)
{
	fixture_exit(*state, XS_PORT_LOCAL_STACK | XS_PORT_BY_TC, 0);
	for (int family = 0; family < XS_FAMILIES; family++) {
		const struct pass_case test = { .spec = { ROUTER, .protocol = 6, .payload = 2912 } };
		uint64_t before = count_of(*state, 0, XS_PASSED);
		struct frame in, out;

		pass_case_build(&in, &test, family);
		out = in;
		assert_int_equal(fixture_run_tc(*state, PORT_MUX, &out, 1448), TC_ACT_REDIRECT);
		assert_true(is_same(&out, &in));
		assert_int_equal(count_of(*state, 0, XS_PASSED), before + 2);
	}
}

/* What is taken leaves as any router's packet does; a punt to the sliver bears the sliver's MAC, whoever it was sent to. */
static void taken_from_the_router(void **state)
{
	const uint8_t sliver[6] = { 0x02, 0xbb, 0, 0, 0, VPORT_M2 };

	fixture_exit(*state, 0, 0);
	for (int family = 0; family < XS_FAMILIES; family++) {
		struct pass_case test = { .spec = { ROUTER }, TAKEN };
		struct outcome outcome;
		struct frame in;

		pass_case_build(&in, &test, family);
		fixture_send(*state, PORT_MUX, &in, &outcome);
		assert_int_equal(outcome.xdp, XDP_REDIRECT);
		assert_int_equal(frame_tci(&outcome.out), 201);
		assert_int_equal(frame_ttl(&outcome.out), 63);
		assert_int_equal(outcome.out.data[5], fixture_hop_mac(HOP_L3));
		test.spec.ttl = 1;
		pass_case_build(&in, &test, family);
		fixture_send(*state, PORT_MUX, &in, &outcome);
		assert_int_equal(outcome.tc, TC_ACT_REDIRECT);
		assert_memory_equal(outcome.out.data, sliver, sizeof(sliver));
		assert_memory_equal(outcome.out.data + 6, in.data + 6, in.length - 6);
	}
}

/* Copies are policed: who floods passes all the same, by XDP. */
static void heard_for_a_while(void **state)
{
	const struct pass_case test = { .spec = { BROADCAST }, .shape = ARP, .asked = "192.0.2.254" };
	struct fixture *fixture = *state;
	unsigned int up = 0, on = 0;
	struct frame in;
	double start;

	fixture_exit(fixture, 0, 0);
	pass_case_build(&in, &test, XS_FAMILY4);
	fixture->police = true;
	start = fixture_now();
	for (unsigned int i = 0; i < 3000; i++) {
		struct frame out = in;
		int action = fixture_run_xdp(fixture, PORT_MUX, &out);

		up += action == XDP_PASS;
		on += action == XDP_REDIRECT;
	}
	fixture->police = false;
	assert_int_equal(up + on, 3000);
	assert_in_range(up, fixture_punt_class[XS_PUNT_HEARD].burst, fixture_most_passed(XS_PUNT_HEARD, start));
}

/* Without IPv6 at the edge, or without IPv4, nobody asks for it. */
static void an_edge_of_one_family(void **state)
{
	struct fixture *fixture = *state;
	struct xs_port port, was;

	fixture_exit(fixture, 0, 0);
	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_port, PORT_MUX, &was), 0);
	for (int family = 0; family < XS_FAMILIES; family++) {
		const struct pass_case test = { .spec = { BROADCAST, .protocol = 58 },
						.shape = family == XS_FAMILY4 ? ARP : SOLICITATION,
						.asked = family == XS_FAMILY4 ? "0.0.0.0" : "::" };
		struct outcome outcome;
		struct frame in;

		port = was;
		memset(&port.edge_address[family], 0, sizeof(port.edge_address[family]));
		fixture_put(fixture, XS_MAP_port, PORT_MUX, &port);
		pass_case_build(&in, &test, family);
		fixture_send(fixture, PORT_MUX, &in, &outcome);
		assert_int_equal(outcome.verdict, XS_PASSED);
	}
	fixture_put(fixture, XS_MAP_port, PORT_MUX, &was);
}

/* A link's end on the users' port is no affair of the exit's, and neither is another port. */
static void links_stay_as_they_are(void **state)
{
	const uint32_t link = VPORT_L1, none = 0;
	struct pass_case test = { .spec = { ROUTER, .tci = 321 } };
	struct outcome outcome;
	struct frame in;

	fixture_exit(*state, 0, 0);
	fixture_put(*state, XS_MAP_label, PORT_MUX * XS_VIDS + 321, &link);
	pass_case_build(&in, &test, XS_FAMILY4);
	fixture_send(*state, PORT_MUX, &in, &outcome);
	assert_int_equal(outcome.verdict, XS_NOT_FOR_US);
	assert_int_equal(outcome.slice, SLICE_1);
	fixture_put(*state, XS_MAP_label, PORT_MUX * XS_VIDS + 321, &none);
	test.spec.tci = 0;
	pass_case_build(&in, &test, XS_FAMILY4);
	fixture_send(*state, PORT_GATEWAY, &in, &outcome);
	assert_int_equal(outcome.verdict, XS_NOT_FOR_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_by_xdp),
		cmocka_unit_test(users_by_tc),
		cmocka_unit_test(beyond_by_xdp),
		cmocka_unit_test(beyond_by_tc),
		cmocka_unit_test(to_a_local_stack),
		cmocka_unit_test(from_generic_to_generic),
		cmocka_unit_test(truncated_anywhere),
		cmocka_unit_test(gso),
		cmocka_unit_test(taken_from_the_router),
		cmocka_unit_test(heard_for_a_while),
		cmocka_unit_test(an_edge_of_one_family),
		cmocka_unit_test(links_stay_as_they_are),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup_with_exit, fixture_teardown);
}
