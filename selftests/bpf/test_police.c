/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_police.c - what the kernels of slivers and edges may be asked for: each class of each virtual port has its rate and burst,
 * new neighbours are counted per slice and by address, and nobody's flood takes from anybody else.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "selftests/bpf/fixture.h"

#define SLACK 0.35 /* of a second: as much as these tests may take longer than they should */

struct sort {
	const char *name;
	enum xs_punt_class class;
	int family;
	struct frame_spec spec;
	const char *source, *destination;
};

/* clang-format off */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static const struct sort sorts[] = {
	{"ARP", XS_PUNT_NEIGHBOUR, XS_FAMILY4, {.ethertype = 0x0806}},
	{"neighbour solicitation", XS_PUNT_NEIGHBOUR, XS_FAMILY6, {.protocol = 58, .source_port = 135 << 8}, "fe80::9", "ff02::1:ff00:1"},
	{"router solicitation", XS_PUNT_NEIGHBOUR, XS_FAMILY6, {.protocol = 58, .source_port = 133 << 8}, "fe80::9", "ff02::2"},
	{"echo request", XS_PUNT_OTHER, XS_FAMILY6, {.protocol = 58, .source_port = 128 << 8}, NULL, "10.3.0.1"},
	{"OSPF hello", XS_PUNT_ROUTING, XS_FAMILY4, {.protocol = 89, .ttl = 1}, NULL, "224.0.0.5"},
	{"OSPFv3 hello", XS_PUNT_ROUTING, XS_FAMILY6, {.protocol = 89, .ttl = 1}, "fe80::9", "ff02::5"},
	{"OSPF to the sliver", XS_PUNT_ROUTING, XS_FAMILY4, {.protocol = 89, .ttl = 1}, NULL, "10.3.0.1"},
	{"OSPF that expires", XS_PUNT_ERROR, XS_FAMILY4, {.protocol = 89, .ttl = 1}},
	{"BGP from a peer", XS_PUNT_ROUTING, XS_FAMILY4, {.protocol = 6, .source_port = 40000, .destination_port = 179}, NULL, "10.3.0.1"},
	{"BGP of ours", XS_PUNT_ROUTING, XS_FAMILY6, {.protocol = 6, .source_port = 179, .destination_port = 40000}, NULL, "10.3.0.1"},
	{"BFD", XS_PUNT_ROUTING, XS_FAMILY6, {.source_port = 49152, .destination_port = 3784, .ttl = 255}, NULL, "10.3.0.1"},
	{"a fragment that looks like BFD", XS_PUNT_OTHER, XS_FAMILY4, {.destination_port = 3784, .fragment = 0x2000}, NULL, "10.3.0.1"},
	{"to the sliver", XS_PUNT_OTHER, XS_FAMILY4, {.destination_port = 33434}, NULL, "10.3.0.1"},
	{"options", XS_PUNT_OTHER, XS_FAMILY4, {.option_words = 1}},
	{"hop-by-hop", XS_PUNT_OTHER, XS_FAMILY6, {.option_words = 1}},
	{"TTL 1", XS_PUNT_ERROR, XS_FAMILY4, {.ttl = 1}},
	{"hop limit 1", XS_PUNT_ERROR, XS_FAMILY6, {.ttl = 1}},
	{"too big, to be fragmented", XS_PUNT_OTHER, XS_FAMILY4, {.total = 601}, NULL, "10.4.0.1"},
	{"too big, DF", XS_PUNT_ERROR, XS_FAMILY4, {.total = 601, .fragment = 0x4000}, NULL, "10.4.0.1"},
	{"packet too big", XS_PUNT_ERROR, XS_FAMILY6, {.total = 601}, NULL, "10.4.0.1"},
	{"no route", XS_PUNT_ERROR, XS_FAMILY4, {}, NULL, "10.99.0.1"},
	{"unreachable", XS_PUNT_ERROR, XS_FAMILY6, {}, NULL, "10.7.0.1"},
	{"one address to look for", XS_PUNT_OTHER, XS_FAMILY4, {}, NULL, "10.8.0.1"},
	{"one address of IPv6 to look for", XS_PUNT_OTHER, XS_FAMILY6, {}, NULL, "10.8.0.1"},
};
/* clang-format on */

static void build(struct frame *frame, const struct sort *sort, uint32_t vport)
{
	struct frame_spec spec = sort->spec;

	spec.tci = vport == VPORT_L1 ? 101 : vport == VPORT_L2 ? 102 : 201;
	frame_addresses(&spec, sort->family, sort->source ? sort->source : "192.0.2.9",
			sort->destination ? sort->destination : "10.0.0.1");
	memcpy(spec.destination_mac, fixture_mac(vport), 6);
	frame_build(frame, &spec);
}

static bool passes(struct fixture *fixture, const struct frame *frame)
{
	struct frame out = *frame;
	int action = fixture_run_xdp(fixture, PORT_LINKS, &out);

	assert_true(action == XDP_PASS || action == XDP_DROP);
	return action == XDP_PASS;
}

static unsigned int flood(struct fixture *fixture, const struct frame *frame, unsigned int count)
{
	unsigned int passed = 0;

	while (count--)
		passed += passes(fixture, frame);
	return passed;
}

static void fill(struct fixture *fixture)
{
	struct frame none = {.length = 60};

	fixture->police = false; /* the next frame finds all full, whatever it is */
	fixture_run_xdp(fixture, PORT_LINKS, &none);
	fixture->police = true;
}

/* As many at once as the burst says, and after that as many as the rate. */
static void each_has_its_rate_and_burst(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sorts) / sizeof(*sorts); i++) {
		const struct fixture_punt_class *class = &fixture_punt_class[sorts[i].class];
		unsigned int rate = class->rate, burst = class->burst, passed;
		struct frame frame;
		double start;

		build(&frame, &sorts[i], VPORT_L1);
		fill(fixture);
		start = fixture_now();
		passed = flood(fixture, &frame, burst + rate + 1000);
		if (passed < burst || passed > fixture_most_passed(sorts[i].class, start))
			fail_msg("%s: %u of class %s at once, burst %u", sorts[i].name, passed, class->name, burst);
		start = fixture_now();
		usleep(100000);
		passed = flood(fixture, &frame, burst + rate);
		if (passed < 0.1 * rate - 1 || passed > (fixture_now() - start + SLACK) * rate)
			fail_msg("%s: %u in %.3f s, %u a second", sorts[i].name, passed, fixture_now() - start, rate);
	}
}

/* What a class has used up, no other lacks; nor does another virtual port, of the same slice or of another. */
static void nobody_pays_for_another(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sorts) / sizeof(*sorts); i++) {
		struct frame frame;

		build(&frame, &sorts[i], VPORT_L1);
		fill(fixture);
		flood(fixture, &frame, 2 * fixture_punt_class[sorts[i].class].burst + 200);
		for (size_t k = 0; k < sizeof(sorts) / sizeof(*sorts); k++) {
			if (sorts[k].class != sorts[i].class) {
				build(&frame, &sorts[k], VPORT_L1);
				assert_true(passes(fixture, &frame));
			}
			build(&frame, &sorts[k], VPORT_L2);
			assert_int_equal(flood(fixture, &frame, 2), 2);
		}
	}
}

/* The drop is counted where it happened, and tc does not count a packet a second time against the bucket. */
static void policed_is_a_verdict(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;
	unsigned int punted = 0;
	struct frame frame;

	build(&frame, &(struct sort){.family = XS_FAMILY6, .spec = {.ttl = 1}}, VPORT_L1);
	fill(fixture);
	for (unsigned int i = 0; i < fixture_punt_class[XS_PUNT_ERROR].burst; i++) {
		fixture_send(fixture, PORT_LINKS, &frame, &outcome);
		punted += outcome.verdict == XS_PUNTED;
	}
	assert_int_equal(punted, fixture_punt_class[XS_PUNT_ERROR].burst);
	flood(fixture, &frame, 10);
	fixture_send(fixture, PORT_LINKS, &frame, &outcome);
	assert_int_equal(outcome.verdict, XS_POLICED);
	assert_int_equal(outcome.slice, SLICE_1);
	assert_int_equal(outcome.xdp, XDP_DROP);
	fixture->police = false;
	fixture_send(fixture, PORT_LINKS, &frame, &outcome);
	assert_int_equal(outcome.verdict, XS_PUNTED);
}

/* A port without XDP polices by tc. */
static void a_local_stack_is_policed_by_tc(void **state)
{
	struct fixture *fixture = *state;
	struct frame_spec spec = {.ttl = 1};
	unsigned int punted = 0, policed = 0;
	struct xs_vport by;
	struct frame frame;
	double start;

	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_vport, VPORT_G, &by), 0);
	by.port_flags = XS_PORT_USER | XS_PORT_LOCAL_STACK; /* it is behind that port now */
	fixture_put(fixture, XS_MAP_vport, VPORT_G, &by);
	memcpy(spec.destination_mac, fixture_mac(VPORT_G), 6);
	frame_addresses(&spec, XS_FAMILY4, "192.0.2.9", "10.0.0.1");
	frame_build(&frame, &spec);
	fill(fixture);
	start = fixture_now();
	for (int i = 0; i < 200; i++) {
		struct frame out = frame;
		int action = fixture_run_tc(fixture, PORT_STACK, &out, 0);

		punted += action == TC_ACT_REDIRECT;
		policed += action == TC_ACT_SHOT;
	}
	assert_int_equal(punted + policed, 200);
	assert_in_range(punted, fixture_punt_class[XS_PUNT_ERROR].burst, fixture_most_passed(XS_PUNT_ERROR, start));
	by.port_flags = XS_PORT_USER;
	fixture_put(fixture, XS_MAP_vport, VPORT_G, &by);
}

static unsigned int scan(struct fixture *fixture, int family, uint32_t vport, unsigned int count)
{
	unsigned int passed = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct sort sort = {.family = family};
		char address[32];
		struct frame frame;

		snprintf(address, sizeof(address), "10.8.%u.%u", i >> 8, i & 255);
		sort.destination = address;
		build(&frame, &sort, vport);
		passed += passes(fixture, &frame);
	}
	return passed;
}

/* A scan gets the burst, not the class'; the other slice then still finds 250 that it never spoke to, again and again. */
static void a_scan_is_counted_by_addresses(void **state)
{
	struct fixture *fixture = *state;

	for (int family = 0; family < XS_FAMILIES; family++) {
		double start = fixture_now();
		unsigned int passed;

		fill(fixture);
		passed = scan(fixture, family, VPORT_L1, 20000);
		if (passed < XS_UNRESOLVED_BURST || passed > XS_UNRESOLVED_BURST + (fixture_now() - start + 0.01) * XS_UNRESOLVED_RATE + 1)
			fail_msg("%u new neighbours in %.3f s", passed, fixture_now() - start);
		assert_int_equal(scan(fixture, family, VPORT_L3, 250), 250);
		assert_int_equal(scan(fixture, family, VPORT_L3, 250), 250);
		/* The scanner itself is only kept from new ones. */
		assert_true(scan(fixture, family, VPORT_L1, 20000) < 400 + XS_UNRESOLVED_MARKS);
	}
}

/* Asked for again and again, an address is one. */
static void an_address_counts_once(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture);
	for (int again = 0; again < 30; again++)
		assert_int_equal(scan(fixture, XS_FAMILY6, VPORT_L1, 60), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_rate_and_burst),
		cmocka_unit_test(nobody_pays_for_another),
		cmocka_unit_test(policed_is_a_verdict),
		cmocka_unit_test(a_local_stack_is_policed_by_tc),
		cmocka_unit_test(a_scan_is_counted_by_addresses),
		cmocka_unit_test(an_address_counts_once),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
