/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_paging.c - paging's verdicts, at a port for users and at one of the WAN: what goes on, what the kernels get and of which class, and
 * what is nobody's (paging_cases.c); the slow path. What frames become is test_paging_differential.c's.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "selftests/bpf/paging_cases.h"

/* Whom the frame was handed to, by its MAC; 0: nobody. */
static uint32_t handed_to(const struct outcome *outcome)
{
	const uint8_t sliver[5] = {0x02, 0xbb, 0, 0, 0};

	return memcmp(outcome->out.data, sliver, 5) ? 0 : outcome->out.data[5];
}

static void verdicts(void **state)
{
	struct paged *paged = *state;
	unsigned int wrong = 0;

	for (size_t k = 0; k < paging_case_count * XS_FAMILIES; k++) {
		const struct paging_case *test = &paging_cases[k / XS_FAMILIES];
		const int family = k % XS_FAMILIES;
		struct outcome outcome;
		struct frame frame;

		if (!paging_case_concerns(test, family))
			continue;
		paging_case_build(&frame, test, family);
		fixture_send(paged->fixture, test->port, &frame, &outcome);
		if (outcome.verdict == test->verdict && outcome.slice == test->slice && handed_to(&outcome) == test->punted_to)
			continue;
		print_error("%s, family %d: %s in slice %u to %u instead of %s in slice %u to %u\n", test->name, family,
			    xs_verdict_name(outcome.verdict), outcome.slice, handed_to(&outcome), xs_verdict_name(test->verdict),
			    test->slice, test->punted_to);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* What is the host's, and what is punted, leaves the programs as it came but for the MAC that leads it to the sliver. */
static void what_is_not_forwarded_is_untouched(void **state)
{
	struct paged *paged = *state;

	for (size_t k = 0; k < paging_case_count * XS_FAMILIES; k++) {
		const struct paging_case *test = &paging_cases[k / XS_FAMILIES];
		struct outcome outcome;
		struct frame frame;

		if (!paging_case_concerns(test, k % XS_FAMILIES) || test->spec.tci || (test->verdict != XS_HOST && test->verdict != XS_PUNTED))
			continue;
		paging_case_build(&frame, test, k % XS_FAMILIES);
		fixture_send(paged->fixture, test->port, &frame, &outcome);
		assert_int_equal(outcome.tc, test->verdict == XS_HOST ? TC_ACT_UNSPEC : TC_ACT_REDIRECT);
		assert_int_equal(outcome.out.length, frame.length);
		assert_memory_equal(outcome.out.data + 6, frame.data + 6, frame.length - 6);
	}
}

static void change_sum(struct paged *paged, uint32_t id, uint16_t sum)
{
	struct xs_page page;

	assert_int_equal(xs_node_maps_get(&paged->fixture->maps, XS_MAP_page, id, &page), 0);
	page.sum = sum;
	fixture_put(paged->fixture, XS_MAP_page, id, &page);
}

/*
 * RFC 1624's example, by hand: a checksum of 0xDD2F over data in which 0x5555 becomes 0x3285 becomes 0x0000, and not 0xFFFF as by RFC 1141's
 * way; but 0xFFFF in UDP, where 0x0000 says that there is none. And what a page's sum is of these words: m' + ~m.
 */
static void example_of_rfc_1624(void **state)
{
	static const struct {
		uint8_t protocol;
		size_t at; /* in the transport header */
		uint16_t before, after;
	} fields[] = {{6, 16, 0xdd2f, 0x0000}, {17, 6, 0xdd2f, 0xffff}, {17, 6, 0x0000, 0x0000}, {136, 6, 0xdd2f, 0xffff}};
	struct paged *paged = *state;

	change_sum(paged, 1, htons(0x3285 + 0xaaaa)); /* 10.20/16 of slice P, of IPv4 */
	change_sum(paged, 3, 0xffff);                 /* 10.21/16: its prefixes have equal sums */
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct paging_case test = *paging_case_of("inward");
		uint16_t check = htons(fields[i].before);
		struct outcome outcome;
		struct frame frame;

		test.spec.protocol = fields[i].protocol;
		paging_case_build(&frame, &test, XS_FAMILY4);
		memcpy(frame.data + frame_network(&frame) + 20 + fields[i].at, &check, sizeof(check));
		fixture_send(paged->fixture, test.port, &frame, &outcome);
		assert_int_equal(outcome.verdict, XS_FORWARDED);
		memcpy(&check, outcome.out.data + frame_network(&outcome.out) + 20 + fields[i].at, sizeof(check));
		assert_int_equal(ntohs(check), fields[i].after);
	}
}

/* One packet more that came in by one vport and left by two. */
static void counters(void **state)
{
	static const struct {
		const char *name;
		uint32_t in, out[2];
	} ways[] = {{"inward", VPORT_P, {VPORT_U, VPORT_W}}, {"outward", VPORT_U, {VPORT_P, 0}}};
	struct paged *paged = *state;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		const struct paging_case *test = paging_case_of(ways[i].name);
		struct xs_vport_stats before[VPORT_COUNT], after;
		struct outcome outcome;
		struct frame frame;

		for (uint32_t v = 0; v < VPORT_COUNT; v++)
			assert_int_equal(xs_vport_stats_sum(&paged->fixture->maps, v, &before[v]), 0);
		paging_case_build(&frame, test, XS_FAMILY4);
		fixture_send(paged->fixture, test->port, &frame, &outcome);
		for (uint32_t v = 0; v < VPORT_COUNT; v++) {
			assert_int_equal(xs_vport_stats_sum(&paged->fixture->maps, v, &after), 0);
			assert_int_equal(after.rx_packets - before[v].rx_packets, v == ways[i].in);
			assert_int_equal(after.tx_packets - before[v].tx_packets, v && (v == ways[i].out[0] || v == ways[i].out[1]));
		}
	}
}

/* Errors have a class of their own, at the vport that they come in by; another class of that vport loses nothing. */
static void errors_are_policed(void **state)
{
	static const char *const names[] = {"outward, a stranger's error", "outward, an error", "inward, an error"};
	const unsigned int burst = fixture_punt_class[XS_PUNT_QUOTE].burst;
	struct paged *paged = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) * XS_FAMILIES; i++) {
		const struct paging_case *test = paging_case_of(names[i / XS_FAMILIES]);
		const struct xs_policer full = {};
		unsigned int passed = 0;
		struct frame frame, out;
		double start;

		paged->fixture->police = true;
		fixture_put(paged->fixture, XS_MAP_policer, test->punted_to, &full);
		paging_case_build(&frame, test, i % XS_FAMILIES);
		start = fixture_now();
		for (unsigned int n = 0; n < burst + 600; n++) {
			out = frame;
			passed += fixture_run_xdp(paged->fixture, test->port, &out) == XDP_PASS;
		}
		assert_in_range(passed, burst, fixture_most_passed(XS_PUNT_QUOTE, start));
		paging_case_build(&frame, paging_case_of(test->port == PORT_WAN ? "outward, TTL 1" : "inward, TTL 1"), i % XS_FAMILIES);
		assert_int_equal(fixture_run_xdp(paged->fixture, test->port, &frame), XDP_PASS);
		paged->fixture->police = false;
	}
}

/* One front end polices, by the flags of the port that the packet came in by, as an uplink has none: tc where no XDP is before it, or one that sees
 * merged frames. The other lets pass what the first has let pass. */
static void one_front_end_polices(void **state)
{
	static const uint32_t flags[] = {0, XS_PORT_LOCAL_STACK, XS_PORT_MERGED};
	static const char *const names[] = {"outward, TTL 1", "inward, TTL 1"};
	struct paged *paged = *state;
	struct fixture *fixture = paged->fixture;

	fixture->police = true;
	for (size_t k = 0; k < sizeof(flags) / sizeof(*flags) * 2 * XS_FAMILIES; k++) {
		const struct paging_case *test = paging_case_of(names[k / XS_FAMILIES % 2]);
		const uint32_t by = flags[k / XS_FAMILIES / 2];
		const struct xs_policer full = {};
		unsigned int by_xdp = 0, by_tc = 0;
		struct xs_port was, now;
		struct frame frame, out;
		double start;

		assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_port, test->port, &was), 0);
		now = was;
		now.flags |= by;
		fixture_put(fixture, XS_MAP_port, test->port, &now);
		fixture_put(fixture, XS_MAP_policer, test->punted_to, &full);
		paging_case_build(&frame, test, k % XS_FAMILIES);
		start = fixture_now();
		for (unsigned int n = 0; n < 400; n++) {
			out = frame;
			by_xdp += by == XS_PORT_LOCAL_STACK || fixture_run_xdp(fixture, test->port, &out) == XDP_PASS;
			out = frame;
			by_tc += fixture_run_tc(fixture, test->port, &out, 0) == TC_ACT_REDIRECT;
		}
		assert_in_range(by ? by_tc : by_xdp, fixture_punt_class[XS_PUNT_ERROR].burst, fixture_most_passed(XS_PUNT_ERROR, start));
		assert_int_equal(by ? by_xdp : by_tc, 400);
		fixture_put(fixture, XS_MAP_port, test->port, &was);
	}
	fixture->police = false;
}

/* ---- the slow path -------------------------------------------------------------------------------------------------- */

static uint64_t lost_at(struct fixture *fixture, uint32_t vport)
{
	struct xs_vport_stats stats;

	assert_int_equal(xs_vport_stats_sum(&fixture->maps, vport, &stats), 0);
	return stats.originated_dropped;
}

/* By the inner end of an uplink: to this MAC, and whether it goes on. */
static int uplink(struct paged *paged, int family, uint32_t vport, const char *source, const char *destination, struct frame_spec spec)
{
	const uint8_t mac[6] = {0x02, 0xbb, 0, 0, 0, vport};
	struct frame frame;

	memcpy(spec.destination_mac, mac, 6);
	frame_addresses(&spec, family, source, destination);
	frame_build(&frame, &spec);
	return fixture_run_uplink(paged->fixture, &frame, 0);
}

static void uplink_takes_only_its_own(void **state)
{
	struct paged *paged = *state;

	for (int family = 0; family < XS_FAMILIES; family++) {
		const uint64_t lost = lost_at(paged->fixture, VPORT_U);

		assert_int_equal(uplink(paged, family, VPORT_U, "100.65.0.9", "100.64.0.9", (struct frame_spec){}), TC_ACT_UNSPEC);
		assert_int_equal(uplink(paged, family, VPORT_U2, "100.71.0.9", "100.70.0.9", (struct frame_spec){}), TC_ACT_UNSPEC);
		assert_int_equal(uplink(paged, family, VPORT_U2, "100.65.0.9", "100.64.0.9", (struct frame_spec){}), TC_ACT_SHOT);
		assert_int_equal(uplink(paged, family, VPORT_U, "100.71.0.9", "100.70.0.9", (struct frame_spec){}), TC_ACT_SHOT);
		assert_int_equal(uplink(paged, family, VPORT_U, "100.64.0.9", "100.65.0.9", (struct frame_spec){}), TC_ACT_SHOT);
		assert_int_equal(uplink(paged, family, VPORT_U, "203.0.113.9", "203.0.113.1", (struct frame_spec){}), TC_ACT_SHOT);
		assert_int_equal(uplink(paged, family, VPORT_U, "100.64.0.9", "100.112.0.9", (struct frame_spec){}), TC_ACT_SHOT);
		assert_int_equal(lost_at(paged->fixture, VPORT_U), lost); /* none of these is known to be the uplink's */
		assert_int_equal(uplink(paged, family, VPORT_U, "100.71.0.9", "100.64.0.9", (struct frame_spec){}), TC_ACT_SHOT);
		assert_int_equal(uplink(paged, family, VPORT_U, "203.0.113.9", "100.64.0.9", (struct frame_spec){}), TC_ACT_SHOT);
		assert_int_equal(lost_at(paged->fixture, VPORT_U), lost + 2);
	}
	assert_int_equal(uplink(paged, XS_FAMILY4, VPORT_U, "100.65.0.9", "100.64.0.9", (struct frame_spec){.ethertype = 0x0806}),
			 TC_ACT_SHOT);
}

/* An error from `router` to `destination` about a packet from `from` to `to`, as the WAN has it: is it taken? */
static bool error_is_taken(struct paged *paged, int family, const char *router, const char *destination, const char *from, const char *to)
{
	const uint8_t mac[6] = {0x02, 0xbb, 0, 0, 0, VPORT_U};
	struct frame_spec spec = {.protocol = family == XS_FAMILY4 ? 1 : 58, .payload = 60}, quoted = {};
	struct frame error, quote;

	memcpy(spec.destination_mac, mac, 6);
	spec.source_port = (family == XS_FAMILY4 ? 11 : 3) << 8;
	frame_addresses(&spec, family, router, destination);
	frame_build(&error, &spec);
	frame_addresses(&quoted, family, from, to);
	frame_build(&quote, &quoted);
	memcpy(error.data + 14 + (family == XS_FAMILY4 ? 20 : 40) + 8, quote.data + 14, 60);
	return fixture_run_uplink(paged->fixture, &error, 0) == TC_ACT_UNSPEC;
}

/* What a router of the WAN says is taken only about a packet that this gateway could have sent. */
static void errors_about_what_was_not_sent(void **state)
{
	struct paged *paged = *state;

	for (int family = 0; family < XS_FAMILIES; family++) {
		assert_true(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.64.0.9", "100.65.0.9"));
		assert_true(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.64.0.9", "198.18.9.9"));
		/* The quoted source is another one; of another slice; not here; in no page. */
		assert_false(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.64.0.8", "100.65.0.9"));
		assert_false(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.70.0.9", "100.65.0.9"));
		assert_false(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.65.0.9", "100.64.0.9"));
		assert_false(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "203.0.113.1", "100.65.0.9"));
		assert_false(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.64.0.9", "100.112.0.9"));
		/* The quoted destination is of another slice; here; in no page. */
		assert_false(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.64.0.9", "100.71.0.9"));
		assert_false(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.64.0.9", "100.64.0.8"));
		assert_false(error_is_taken(paged, family, "203.0.113.9", "100.64.0.9", "100.64.0.9", "203.0.113.1"));
		/* Whoever says it out of a page of the slice: about packets of the slice, whichever way they went. */
		assert_true(error_is_taken(paged, family, "100.65.0.9", "100.64.0.9", "100.64.0.9", "100.65.0.9"));
		assert_true(error_is_taken(paged, family, "100.65.0.1", "100.64.0.9", "100.64.0.9", "198.18.9.9"));
		assert_false(error_is_taken(paged, family, "100.65.0.9", "100.64.0.9", "100.64.0.9", "100.71.0.9"));
		assert_false(error_is_taken(paged, family, "100.65.0.9", "100.64.0.9", "100.70.0.9", "100.65.0.9"));
		assert_false(error_is_taken(paged, family, "100.71.0.9", "100.64.0.9", "100.64.0.9", "100.65.0.9"));
		assert_false(error_is_taken(paged, family, "100.112.0.9", "100.64.0.9", "100.64.0.9", "100.65.0.9"));
	}
}

/* What a sliver's kernel sends by its uplink: packets of its slice alone; with the hop that it took, but never more than there can be. */
static void slivers_send_only_their_own(void **state)
{
	static const struct {
		const char *source, *destination;
		struct frame_spec spec;
		uint8_t ttl; /* as it leaves; 0: it does not */
	} sent[] = {
		{"10.20.0.9", "10.21.0.9", {.ttl = 63}, 64},
		{"10.20.0.1", "10.22.7.9", {.ttl = 254}, 255},
		{"10.20.0.1", "10.22.7.9", {.ttl = 255}, 255},
		{"10.20.0.9", "10.23.0.9", {}, 0},
		{"10.24.0.9", "10.21.0.9", {}, 0},
		{"10.20.0.9", "100.65.0.9", {}, 0},
		{"100.64.0.9", "100.65.0.9", {}, 0},
		{"10.20.0.9", "10.21.0.9", {.ethertype = 0x0806}, 0},
		{"10.20.0.9", "10.21.0.9", {.tci = 5}, 0},
		{"10.20.0.9", "10.21.0.9", {.protocol = 6, .payload = 8}, 0},
	};
	struct paged *paged = *state;

	for (size_t k = 0; k < sizeof(sent) / sizeof(*sent) * XS_FAMILIES; k++) {
		const uint64_t lost = lost_at(paged->fixture, VPORT_U);
		struct frame_spec spec = sent[k / XS_FAMILIES].spec;
		struct frame frame;
		int action;

		frame_addresses(&spec, k % XS_FAMILIES, sent[k / XS_FAMILIES].source, sent[k / XS_FAMILIES].destination);
		frame_build(&frame, &spec);
		action = fixture_run_sliver(paged->fixture, VPORT_U, &frame);
		assert_int_equal(action, sent[k / XS_FAMILIES].ttl ? TC_ACT_UNSPEC : TC_ACT_SHOT);
		assert_int_equal(lost_at(paged->fixture, VPORT_U) - lost, !sent[k / XS_FAMILIES].ttl);
		if (!sent[k / XS_FAMILIES].ttl)
			continue;
		assert_int_equal(frame_ttl(&frame), sent[k / XS_FAMILIES].ttl);
		assert_true(frame_checksum_right(&frame));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(what_is_not_forwarded_is_untouched),
		cmocka_unit_test(counters),
		cmocka_unit_test(errors_are_policed),
		cmocka_unit_test(one_front_end_polices),
		cmocka_unit_test_setup_teardown(example_of_rfc_1624, paged_setup, paged_teardown),
		cmocka_unit_test(uplink_takes_only_its_own),
		cmocka_unit_test(errors_about_what_was_not_sent),
		cmocka_unit_test(slivers_send_only_their_own),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, paged_setup, paged_teardown);
}
