/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_group.c - several next hops: a flow keeps its way, flows are divided by the slots, fragments of a packet stay together, and
 * what a slot leads to is sent, or punted, as if the route led there. 10.6/16 of slice 1 leads to the group.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

#define HOP_GROUP 40
#define GROUP     3
#define FLOWS     400

static void slots(struct fixture *fixture, unsigned int of_first, uint32_t first, uint32_t second)
{
	struct xs_group *group = &xs_node_maps_group(&fixture->maps)[GROUP];

	for (unsigned int i = 0; i < XS_GROUP_SLOTS; i++)
		group->slot[i] = i < of_first ? first : second;
}

static void lead_there(struct fixture *fixture)
{
	const uint32_t address = htonl(frame_ip("10.6.0.0"));
	uint8_t twin[16];

	frame_twin(ntohl(address), twin);
	xs_node_maps_nexthop(&fixture->maps)[HOP_GROUP] = (struct xs_nexthop){ .kind = XS_NEXTHOP_GROUP, .group = GROUP };
	assert_int_equal(xs_table_set(fixture->fib1[XS_FAMILY4], (const uint8_t *)&address, 16, HOP_GROUP), 0);
	assert_int_equal(xs_table_set(fixture->fib1[XS_FAMILY6], twin, frame_twin_bits(16), HOP_GROUP), 0);
}

/* The hop that a packet of this flow left by; 0: it was punted. */
static uint32_t way_of(struct fixture *fixture, int family, const char *source, struct frame_spec spec)
{
	struct outcome outcome;
	struct frame frame;

	spec.tci = 101;
	frame_addresses(&spec, family, source, "10.6.0.1");
	memcpy(spec.destination_mac, fixture_mac(VPORT_L1), 6);
	frame_build(&frame, &spec);
	fixture_send(fixture, PORT_LINKS, &frame, &outcome);
	if (outcome.verdict == XS_PUNTED)
		return 0;
	assert_int_equal(outcome.verdict, XS_FORWARDED);
	assert_true(frame_checksum_right(&outcome.out));
	return outcome.out.data[5] - fixture_hop_mac(0);
}

static struct frame_spec flow(unsigned int i, uint8_t protocol)
{
	return (struct frame_spec){ .protocol = protocol,
				    .source_port = (uint16_t)(1024 + i),
				    .destination_port = (uint16_t)(80 + i % 3) };
}

static void flows_keep_their_way(void **state)
{
	struct fixture *fixture = *state;
	unsigned int first;

	lead_there(fixture);
	slots(fixture, XS_GROUP_SLOTS * 3 / 4, HOP_L2, HOP_G);
	for (int family = 0; family < XS_FAMILIES; family++) {
		first = 0;
		for (unsigned int i = 0; i < FLOWS; i++) {
			struct frame_spec spec = flow(i, i % 2 ? 6 : 17);
			uint32_t way = way_of(fixture, family, "192.0.2.9", spec);

			assert_true(way == HOP_L2 || way == HOP_G);
			first += way == HOP_L2;
			/* Other packets of it: another length, TTL, class; IPv6's headers between. */
			spec.payload = 700;
			spec.ttl = 9;
			spec.tos = 0xb8;
			assert_int_equal(way_of(fixture, family, "192.0.2.9", spec), way);
		}
		/* Three quarters, within four standard deviations. */
		assert_in_range(first, FLOWS * 3 / 4 - 35, FLOWS * 3 / 4 + 35);
	}
}

/* Of 200 pairs of packets from one address both go the same way; by either way about half of the pairs. */
static void expect_pairs(struct fixture *fixture, void (*make)(unsigned int i, struct frame_spec pair[2]))
{
	unsigned int first = 0;
	char source[16];

	lead_there(fixture);
	slots(fixture, XS_GROUP_SLOTS / 2, HOP_L2, HOP_G);
	for (int family = 0; family < XS_FAMILIES; family++) {
		for (unsigned int i = 1; i <= 100; i++) {
			struct frame_spec pair[2];
			uint32_t way;

			snprintf(source, sizeof(source), "192.0.2.%u", i);
			make(i, pair);
			way = way_of(fixture, family, source, pair[0]);
			first += way == HOP_L2;
			assert_int_equal(way_of(fixture, family, source, pair[1]), way);
		}
	}
	assert_in_range(first, 60, 140);
}

static void first_and_later_fragment(unsigned int i, struct frame_spec pair[2])
{
	pair[0] = flow(i, 17);
	pair[1] = flow(i + 1000, 17);
	pair[0].fragment = 0x2000;
	pair[1].fragment = 0x00b9;
}

/* Only the first of a packet's fragments knows its ports: they all go by the addresses. */
static void fragments_stay_together(void **state)
{
	expect_pairs(*state, first_and_later_fragment);
}

static void two_of_gre(unsigned int i, struct frame_spec pair[2])
{
	pair[0] = flow(i, 47);
	pair[1] = flow(i + 7, 47);
}

/* What has no ports is divided by its addresses and protocol. */
static void without_ports(void **state)
{
	expect_pairs(*state, two_of_gre);
}

static void a_slot_is_a_next_hop_like_others(void **state)
{
	struct fixture *fixture = *state;
	struct xs_nexthop *several = &xs_node_maps_nexthop(&fixture->maps)[HOP_GROUP];

	lead_there(fixture);
	for (int family = 0; family < XS_FAMILIES; family++) {
		slots(fixture, 0, 0, HOP_UNRESOLVED);
		assert_int_equal(way_of(fixture, family, "192.0.2.9", flow(1, 17)), 0);
		slots(fixture, 0, 0, HOP_SMALL); /* MTU 600 */
		assert_int_equal(way_of(fixture, family, "192.0.2.9", flow(1, 17)), HOP_SMALL);
		assert_int_equal(way_of(fixture, family, "192.0.2.9", (struct frame_spec){ .payload = 700 }), 0);
		assert_int_equal(way_of(fixture, family, "192.0.2.9", (struct frame_spec){ .ttl = 1 }), 0);
		/* An entry that is no group's, and one that does not exist. */
		slots(fixture, 0, 0, 1u << 30);
		assert_int_equal(way_of(fixture, family, "192.0.2.9", flow(1, 17)), 0);
		several->group = 65535;
		assert_int_equal(way_of(fixture, family, "192.0.2.9", flow(1, 17)), 0);
		several->group = GROUP;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(flows_keep_their_way, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(fragments_stay_together, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(without_ports, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_slot_is_a_next_hop_like_others, fixture_setup, fixture_teardown),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
