/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_exit.c - R16: a MUX with an exit. What no slice takes leaves by the other port byte for byte, in both
 * directions, by XDP and by tc; what a slice takes, whoever it is sent to, goes into the slice; what is the edge's own
 * goes to the edge.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

/* A frame whose payload frame_build() does not know. */
enum shape { PLAIN, ARP, SOLICITATION };

struct pass_case {
	const char *name;
	int verdict; /* from the users' port; from the exit everything passes, but for what the host reserves */
	uint32_t slice;
	struct frame_spec spec;
	const char *source, *destination; /* default: a user, an address that no condition takes */
	enum shape shape;
	const char *asked; /* ARP, SOLICITATION: for which address */
	unsigned int only; /* V4 or V6; 0: both */
	size_t cut;        /* > 0: the frame ends here */
	size_t patch_at;   /* > 0: this byte of the frame becomes patch */
	uint8_t patch;
	bool heard; /* passes by tc, which gives the edge a copy */
};

#define V4 (1 << XS_FAMILY4)
#define V6 (1 << XS_FAMILY6)

/* clang-format off */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define E .destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_E}
#define ROUTER .destination_mac = {0x02, 0x99, 0, 0, 0, 1}
#define BROADCAST .destination_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
#define GROUP4 .destination_mac = {0x01, 0x00, 0x5e, 0, 0, 0xfb}
#define GROUP6 .destination_mac = {0x33, 0x33, 0, 0, 0, 0xfb}
#define SOLICITED(last) .destination_mac = {0x33, 0x33, 0xff, 0, 0, last}, .protocol = 58, .ttl = 255
#define LLDP .destination_mac = {0x01, 0x80, 0xc2, 0, 0, 0x0e}
#define TAKEN .destination = "203.0.113.1"
#define EDGE_LINK_LOCAL "fe80::aa:ff:fe00:5" /* of E's MAC */

static const struct pass_case cases[] = {
	{"taken, by the router's MAC", XS_FORWARDED, 2, {ROUTER}, TAKEN},
	{"taken, by the edge's MAC", XS_FORWARDED, 2, {E}, TAKEN},
	{"taken, a fragment", XS_FORWARDED, 2, {ROUTER, .fragment = 0x2000}, TAKEN},
	{"taken, TTL 1: the sliver answers", XS_PUNTED, 2, {ROUTER, .ttl = 1}, TAKEN},
	{"taken, options", XS_PUNTED, 2, {ROUTER, .option_words = 1}, TAKEN},
	{"taken, too big for the slice's link", XS_PUNTED, 2, {ROUTER, .total = 1501}, TAKEN},

	{"not taken", XS_PASSED, 0, {ROUTER}},
	{"not taken, TTL 1", XS_PASSED, 0, {ROUTER, .ttl = 1}},
	{"not taken, options", XS_PASSED, 0, {ROUTER, .option_words = 2}},
	{"not taken, a later fragment", XS_PASSED, 0, {ROUTER, .fragment = 0x00b9}},
	{"not taken, padding", XS_PASSED, 0, {ROUTER, .padding = 10}},
	{"not taken, as large as the MTU", XS_PASSED, 0, {ROUTER, .total = 1500}},
	{"not taken, jumbo", XS_PASSED, 0, {ROUTER, .total = 9000}},
	{"taken by a spoofed source: it is not a user's", XS_PASSED, 0, {ROUTER}, .source = "198.51.100.1", TAKEN},
	{"a source that may not be on a wire", XS_PASSED, 0, {ROUTER}, .source = "127.0.0.1", TAKEN, .only = V4},
	{"a source that may not be on a wire", XS_PASSED, 0, {ROUTER}, .source = "::1", TAKEN, .only = V6},
	{"a destination that may not be on a wire", XS_PASSED, 0, {ROUTER}, .destination = "240.0.0.1", .only = V4},
	{"the edge's address by the router's MAC", XS_PASSED, 0, {ROUTER}, .destination = "192.0.2.1"},
	{"link-local by the router's MAC", XS_PASSED, 0, {ROUTER}, .source = "fe80::9", TAKEN, .only = V6},
	{"malformed", XS_PASSED, 0, {ROUTER}, TAKEN, .cut = 14 + 40},
	{"malformed, no header", XS_PASSED, 0, {ROUTER}, TAKEN, .cut = 14 + 8},
	{"malformed, version 5", XS_PASSED, 0, {ROUTER}, TAKEN, .patch_at = 14, .patch = 0x55},
	{"nothing but a link header", XS_PASSED, 0, {ROUTER}, .cut = 14},

	{"to the edge's MAC, not taken: nobody else has it", XS_NO_SLICE, 0, {E}},
	{"to the edge itself", XS_PUNTED, 0, {E}, .destination = "192.0.2.1"},
	{"spoofed, to the edge's MAC", XS_SPOOFED_SOURCE, 0, {E}, .source = "198.51.100.1"},
	{"martian, to the edge's MAC", XS_MARTIAN, 0, {E}, .destination = "127.0.0.1", .only = V4},
	{"malformed, to the edge's MAC", XS_MALFORMED, 0, {E}, .cut = 14 + 40},
	{"multicast by the edge's MAC", XS_MULTICAST, 0, {E}, .destination = "239.1.1.1", .only = V4},
	{"MPLS to the edge's MAC", XS_ETHERTYPE, 0, {E, .ethertype = 0x8847}},
	{"link-local, to the edge's MAC", XS_PUNTED, 0, {E, .protocol = 58}, .source = "fe80::9", .destination = EDGE_LINK_LOCAL, .only = V6},

	{"ARP for the edge", XS_PUNTED, 0, {BROADCAST}, .shape = ARP, .asked = "192.0.2.1", .only = V4},
	{"ARP for the edge, by its MAC", XS_PUNTED, 0, {E}, .shape = ARP, .asked = "192.0.2.1", .only = V4},
	{"ARP for another, by the edge's MAC", XS_PUNTED, 0, {E}, .shape = ARP, .asked = "192.0.2.254", .only = V4},
	{"ARP for another", XS_PASSED, 0, {BROADCAST}, .shape = ARP, .asked = "192.0.2.254", .only = V4, .heard = true},
	{"ARP for the edge, by another's MAC", XS_PASSED, 0, {ROUTER}, .shape = ARP, .asked = "192.0.2.1", .only = V4},
	{"ARP, truncated", XS_PASSED, 0, {BROADCAST}, .shape = ARP, .asked = "192.0.2.1", .only = V4, .cut = 14 + 27,
		.heard = true},
	{"solicitation for the edge", XS_PUNTED, 0, {SOLICITED(1)}, .destination = "ff02::1:ff00:1", .shape = SOLICITATION,
		.asked = "192.0.2.1", .only = V6},
	{"solicitation for the edge, before there is an address", XS_PUNTED, 0, {SOLICITED(1)}, .source = "::",
		.destination = "ff02::1:ff00:1", .shape = SOLICITATION, .asked = "192.0.2.1", .only = V6},
	{"solicitation for the edge's link-local address", XS_PUNTED, 0, {SOLICITED(5)}, .destination = "ff02::1:ff00:5",
		.shape = SOLICITATION, .asked = EDGE_LINK_LOCAL, .only = V6},
	{"solicitation for the edge, by its MAC", XS_PUNTED, 0, {E, .protocol = 58, .ttl = 255}, .destination = "192.0.2.1",
		.shape = SOLICITATION, .asked = "192.0.2.1", .only = V6},
	{"solicitation for another of the group", XS_PASSED, 0, {SOLICITED(1)}, .destination = "ff02::1:ff00:1",
		.shape = SOLICITATION, .asked = "198.51.100.1", .only = V6},
	{"solicitation for a link-local address like the edge's", XS_PASSED, 0, {SOLICITED(5)}, .destination = "ff02::1:ff00:5",
		.shape = SOLICITATION, .asked = "fe80::ab:ff:fe00:5", .only = V6},
	{"solicitation, truncated", XS_PASSED, 0, {SOLICITED(1)}, .destination = "ff02::1:ff00:1", .shape = SOLICITATION,
		.asked = "192.0.2.1", .only = V6, .cut = 14 + 63},
	{"advertisement to all", XS_PASSED, 0, {GROUP6, .protocol = 58, .ttl = 255}, .destination = "ff02::1", .shape = SOLICITATION,
		.asked = "192.0.2.1", .only = V6, .patch_at = 14 + 40, .patch = 136, .heard = true},
	{"router solicitation", XS_PASSED, 0, {GROUP6, .protocol = 58, .ttl = 255}, .source = "fe80::9", .destination = "ff02::2",
		.only = V6},

	{"DHCP", XS_PASSED, 0, {BROADCAST}, .source = "0.0.0.0", .destination = "255.255.255.255", .only = V4},
	{"broadcast of what a slice would take", XS_PASSED, 0, {BROADCAST}, TAKEN, .only = V4},
	{"link-local group", XS_PASSED, 0, {GROUP4}, .destination = "224.0.0.251", .only = V4},
	{"link-local group", XS_PASSED, 0, {GROUP6}, .source = "fe80::9", .destination = "ff02::fb", .only = V6},
	{"group", XS_PASSED, 0, {GROUP4}, .destination = "239.1.1.1", .only = V4},
	{"group", XS_PASSED, 0, {GROUP6}, .destination = "ff0e::1", .only = V6},
	{"MPLS", XS_PASSED, 0, {ROUTER, .ethertype = 0x8847}},
	{"802.3 length", XS_PASSED, 0, {BROADCAST, .ethertype = 0x0030}},
	{"LLDP", XS_PASSED, 0, {LLDP, .ethertype = 0x88cc}},

	{"tag", XS_PASSED, 0, {ROUTER, .tci = 7}},
	{"tag, what a slice would take", XS_PASSED, 0, {ROUTER, .tci = 7}, TAKEN},
	{"tag, to the edge's MAC", XS_PASSED, 0, {E, .tci = 7}, .destination = "192.0.2.1"},
	{"tag that is another port's label", XS_PASSED, 0, {ROUTER, .tci = 0xb000 | 101}},
	{"tag 0 with priority", XS_PASSED, 0, {ROUTER, .tci = 0xe000}},
	{"tag 4095", XS_PASSED, 0, {ROUTER, .tci = 4095}},
	{"802.1ad", XS_PASSED, 0, {ROUTER, .tci = 0x3007, .tag_type = 0x88a8}},
	{"802.1ad and 802.1Q", XS_PASSED, 0, {ROUTER, .tci = 7, .tag_type = 0x88a8, .inner_tag_type = 0x8100}},
	{"two tags", XS_PASSED, 0, {ROUTER, .tci = 7, .inner_tag_type = 0x8100}},
	{"ARP with a tag", XS_PASSED, 0, {BROADCAST, .tci = 7}, .shape = ARP, .asked = "192.0.2.1", .only = V4},
	{"link control with a tag", XS_PASSED, 0, {LLDP, .tci = 7, .ethertype = 0x88cc}},
	{"tag, as large as the MTU", XS_PASSED, 0, {ROUTER, .tci = 7, .total = 1500}},
	{"host's tag", XS_HOST, 0, {ROUTER, .tci = 999}},
	{"host's tag before another", XS_HOST, 0, {ROUTER, .tci = 999, .inner_tag_type = 0x8100}},
	{"host's id in 802.1ad", XS_PASSED, 0, {ROUTER, .tci = 999, .tag_type = 0x88a8}},
};
/* clang-format on */

#define CASES (sizeof(cases) / sizeof(*cases))

static void address_of(int family, const char *text, uint8_t out[16])
{
	struct frame_spec spec = {};

	frame_addresses(&spec, family, text, text);
	if (family == XS_FAMILY6)
		memcpy(out, spec.destination6, 16);
	else
		memcpy(out, &(uint32_t){ htonl(spec.destination) }, 4);
}

static void build(struct frame *frame, const struct pass_case *test, int family)
{
	struct frame_spec spec = test->spec;
	size_t at;

	if (test->shape == ARP)
		spec.ethertype = 0x0806;
	if (test->shape == SOLICITATION)
		spec.payload = 16;
	frame_addresses(&spec, family, test->source ? test->source : "192.0.2.9",
			test->destination ? test->destination : "10.0.0.1");
	frame_build(frame, &spec);
	at = frame_network(frame);
	if (test->shape == ARP) {
		const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

		memcpy(frame->data + at, head, sizeof(head));
		address_of(XS_FAMILY4, test->asked, frame->data + at + 24);
	}
	if (test->shape == SOLICITATION) {
		frame->data[at + 40] = 135;
		address_of(XS_FAMILY6, test->asked, frame->data + at + 48);
	}
	if (test->patch_at)
		frame->data[test->patch_at] = test->patch;
	if (test->cut)
		frame->length = test->cut;
}

static bool is_same(const struct frame *a, const struct frame *b)
{
	return a->length == b->length && !memcmp(a->data, b->data, a->length);
}

/* Runs `one` on every case in every family that it concerns; what it says is wrong is counted. */
static void each(struct fixture *fixture,
		 bool (*one)(struct fixture *fixture, const struct pass_case *test, const struct frame *in))
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < CASES * XS_FAMILIES; i++) {
		const struct pass_case *test = &cases[i / XS_FAMILIES];
		const int family = i % XS_FAMILIES;
		struct frame in;

		if (test->only && !(test->only & 1u << family))
			continue;
		build(&in, test, family);
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
	for (size_t i = 0; i < CASES * XS_FAMILIES; i++) {
		const struct pass_case *test = &cases[i / XS_FAMILIES];
		struct outcome outcome;
		struct frame in;

		if (test->verdict == XS_HOST || test->spec.total || test->spec.destination_mac[1] == 0xaa)
			continue;
		build(&in, test, i % XS_FAMILIES);
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

		build(&in, &test, family);
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

		build(&in, &test, family);
		fixture_send(*state, PORT_MUX, &in, &outcome);
		assert_int_equal(outcome.xdp, XDP_REDIRECT);
		assert_int_equal(frame_tci(&outcome.out), 201);
		assert_int_equal(frame_ttl(&outcome.out), 63);
		assert_int_equal(outcome.out.data[5], fixture_hop_mac(HOP_L3));
		test.spec.ttl = 1;
		build(&in, &test, family);
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

	fixture_exit(fixture, 0, 0);
	build(&in, &test, XS_FAMILY4);
	fixture->police = true;
	for (unsigned int i = 0; i < 3000; i++) {
		struct frame out = in;
		int action = fixture_run_xdp(fixture, PORT_MUX, &out);

		up += action == XDP_PASS;
		on += action == XDP_REDIRECT;
	}
	fixture->police = false;
	assert_int_equal(up + on, 3000);
	assert_in_range(up, 1000, 2500);
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
		build(&in, &test, family);
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
	build(&in, &test, XS_FAMILY4);
	fixture_send(*state, PORT_MUX, &in, &outcome);
	assert_int_equal(outcome.verdict, XS_NOT_FOR_US);
	assert_int_equal(outcome.slice, SLICE_1);
	fixture_put(*state, XS_MAP_label, PORT_MUX * XS_VIDS + 321, &none);
	test.spec.tci = 0;
	build(&in, &test, XS_FAMILY4);
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
