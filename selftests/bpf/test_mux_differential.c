/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mux_differential.c - the MUX in the datapath against the naive walk: random rule sets, random packets, cells flipped in
 * between; the same condition must be chosen, told by its counter. A number as argument is the seed.
 *
 * Half of the rule sets are made of nested prefixes over 64 addresses, every address in several lists, half of the cells
 * naming a slice that has no list.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selftests/bpf/fixture.h"
#include "selftests/random.h"

#define SETS 3200
#define PACKETS 64 /* per set: 204 800 pairs of rule set and packet */
#define CONDITIONS_MAX 1000
#define MANY_EVERY 24 /* sets: one of so many has nearly as many conditions, nearly all general */
#define SLICES 5   /* that have lists; the next one has none */
#define NEST 0x0a000000u /* 10.0.0.0/26 */
#define NEST_SIZE 64
#define VM_CELLS 64 /* ids 1.. */
#define GROUP_CELLS 8 /* ids 65.. */

static uint64_t state64;

static uint32_t rnd(uint32_t below)
{
	return (uint32_t)(random_next(&state64) >> 8) % below;
}

static bool one_in(uint32_t n)
{
	return rnd(n) == 0;
}

/* An IPv6 address ends in the same four bytes. */
static void to_wire(uint8_t wire[16], int family, uint32_t address)
{
	static const uint8_t documentation[12] = {0x20, 0x01, 0x0d, 0xb8};

	memset(wire, 0, 16);
	address = htonl(address);
	if (family == XS_FAMILY6)
		memcpy(wire, documentation, sizeof(documentation));
	memcpy(wire + (family == XS_FAMILY6 ? 12 : 0), &address, 4);
}

/* Sources are those that the fixture's port allows. */
static void source_to_wire(uint8_t wire[16], int family, uint32_t address)
{
	if (family == XS_FAMILY6)
		frame_twin(address, wire);
	else
		to_wire(wire, family, address);
}

static uint32_t any_address(bool nested)
{
	static const uint8_t nets[] = {10, 100, 203};

	return nested ? NEST + rnd(NEST_SIZE) : (uint32_t)nets[rnd(3)] << 24 | rnd(1 << 24);
}

/* What a condition tests besides its destination. */
static void make_general(struct xs_condition *c)
{
	if (one_in(2)) {
		c->fields |= XS_GENERAL_PROTOCOL;
		c->protocol = (const uint8_t[]){1, 6, 17}[rnd(3)];
	}
	if (one_in(3)) {
		c->fields |= XS_GENERAL_SOURCE_PORT;
		c->source_port[0] = rnd(40);
		c->source_port[1] = c->source_port[0] + rnd(30);
	}
	if (one_in(3)) {
		c->fields |= XS_GENERAL_DESTINATION_PORT;
		c->destination_port[0] = rnd(40);
		c->destination_port[1] = c->destination_port[0] + rnd(30);
	}
	if (one_in(4)) {
		c->fields |= XS_GENERAL_DSCP;
		c->dscp[0] = rnd(64);
		c->dscp[1] = c->dscp[0] + rnd(64 - c->dscp[0]);
	}
	if (one_in(5)) {
		c->fields |= XS_GENERAL_INPUT_PORT;
		c->input_port = one_in(2) ? PORT_MUX : PORT_GATEWAY;
	}
	if (c->family < XS_FAMILIES && one_in(3)) {
		c->source_length = (c->family == XS_FAMILY6 ? 120 : 24) + rnd(9);
		source_to_wire(c->source, c->family, frame_ip("192.0.2.0") + rnd(256));
	}
}

static size_t make_conditions(struct xs_condition *condition, bool nested, bool many)
{
	size_t count = many ? CONDITIONS_MAX - rnd(100) : 1 + rnd(120);
	uint32_t list = 0;

	memset(condition, 0, count * sizeof(*condition));
	for (size_t i = 0; i < count; i++) {
		struct xs_condition *c = &condition[i];
		uint32_t address = any_address(nested);
		bool exact = one_in(2);

		/* Lists in order; a slice may come again, as with several lists of one slice. */
		if (!i || one_in(1 + count / 6))
			list = 1 + rnd(SLICES);
		c->position = i * (1 + rnd(3)) + i * 3;
		c->slice = list;
		c->vport = list == SLICE_1 ? VPORT_M1 : VPORT_M2;
		c->family = rnd(XS_FAMILIES);
		c->destination_length = exact ? 32 : nested ? 26 + rnd(6) : rnd(32);
		if (c->family == XS_FAMILY6)
			c->destination_length += 96;
		/* Many must not all come after one that takes all. */
		if (one_in(many ? 300 : 30))
			c->destination_length = exact = 0;
		if (one_in(many ? 600 : 60)) {
			c->family = one_in(8) ? XS_FAMILY_NEITHER : XS_FAMILY_EITHER;
			c->destination_length = exact = 0;
		}
		to_wire(c->destination, c->family, address);
		/* The address' cell, or another's: two tenants may have VMs of one address. */
		if (exact && !one_in(16)) {
			uint32_t vm = one_in(8) ? address / 2 : address;

			c->vm_cell = 1 + vm % VM_CELLS;
			c->group_cell = vm % 3 ? 1 + VM_CELLS + vm % GROUP_CELLS : 0;
		}
		if (many ? i % 16 != 0 : i % 4 == 3 && one_in(2))
			make_general(c);
	}
	for (size_t i = 1; i < count; i++)
		if (condition[i].position <= condition[i - 1].position)
			condition[i].position = condition[i - 1].position + 1;
	return count;
}

static void flip(struct fixture *fixture, uint64_t *cells, uint32_t id)
{
	/* Half name a slice that no list is for. */
	cells[id] = XS_CELL(1 + rnd(1000), one_in(2) ? SLICES + 1 : 1 + rnd(SLICES));
	if (id > VM_CELLS && one_in(3))
		cells[id] = 0; /* a group before its first switch */
	assert_true(xs_cell_set(&fixture->maps, id, cells[id]) >= 0);
}

static void make_packet(struct frame *frame, struct xs_selector *selector, bool nested)
{
	struct frame_spec spec = {
		.ipv6 = one_in(2),
		.source = frame_ip("192.0.2.0") + rnd(256),
		.destination = any_address(one_in(8) ? !nested : nested),
		.protocol = (const uint8_t[]){1, 6, 17}[rnd(3)],
		.tos = rnd(256),
		.source_port = rnd(70),
		.destination_port = rnd(70),
		.fragment = one_in(6) ? (const uint16_t[]){0x2000, 0x0001, 0x20b9, 0x4000}[rnd(4)] : 0,
		.option_words = one_in(16) ? 1 + rnd(10) : 0,
		.payload = 20,
	};

	memcpy(spec.destination_mac, fixture_mac(VPORT_E), 6);
	memset(selector, 0, sizeof(*selector));
	selector->family = spec.ipv6 ? XS_FAMILY6 : XS_FAMILY4;
	source_to_wire(selector->source, selector->family, spec.source);
	to_wire(selector->destination, selector->family, spec.destination);
	memcpy(spec.source6, selector->source, 16);
	memcpy(spec.destination6, selector->destination, 16);
	frame_build(frame, &spec);
	selector->protocol = spec.protocol;
	selector->dscp = spec.tos >> 2;
	/* A fragment header is one, whatever it says. */
	selector->has_ports = spec.protocol != 1 && !(spec.fragment & (spec.ipv6 ? 0xffff : 0x3fff));
	selector->source_port = spec.source_port;
	selector->destination_port = spec.destination_port;
	selector->input_port = PORT_MUX;
}

static void describe(const struct xs_condition *c, size_t i)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(c->family == XS_FAMILY6 ? AF_INET6 : AF_INET, c->destination, text, sizeof(text));
	print_error("  %zu: position %u slice %u family %u %s/%u cells %u %u fields %x\n", i, c->position, c->slice, c->family, text,
		    c->destination_length, c->vm_cell, c->group_cell, c->fields);
}

/* A packet by XDP, and by tc if it goes on there: one of them counts the rule. */
static void pass_through(struct fixture *fixture, struct frame *frame)
{
	if (fixture_run_xdp(fixture, PORT_MUX, frame) == XDP_PASS)
		fixture_run_tc(fixture, PORT_MUX, frame, 0);
}

static void one_set(struct fixture *fixture, uint64_t *cells, bool nested, bool many, uint64_t chosen[XS_FAMILIES],
		    uint64_t *none)
{
	static struct xs_condition condition[CONDITIONS_MAX];
	uint64_t expected[CONDITIONS_MAX] = {}, packets;
	struct xs_slice_stats nobody;
	size_t count;

	do
		count = make_conditions(condition, nested, many);
	while (xs_conditions_depth(condition, count) > XS_MUX_WALK_MAX);
	fixture_policy(fixture, condition, count);
	for (uint32_t id = 1; id <= VM_CELLS + GROUP_CELLS; id++)
		flip(fixture, cells, id);
	assert_int_equal(xs_slice_stats_sum(&fixture->maps, 0, &nobody), 0);
	uint64_t unselected = nobody.verdict[XS_NO_SLICE];

	for (int i = 0; i < PACKETS; i++) {
		struct xs_selector selector;
		struct frame frame;

		if (one_in(3))
			flip(fixture, cells, 1 + rnd(VM_CELLS + GROUP_CELLS));
		make_packet(&frame, &selector, nested);
		int64_t want = xs_naive_walk(condition, count, &selector, cells);

		pass_through(fixture, &frame);
		if (want < 0) {
			assert_int_equal(xs_slice_stats_sum(&fixture->maps, 0, &nobody), 0);
			assert_int_equal(nobody.verdict[XS_NO_SLICE], ++unselected);
			++*none;
			continue;
		}
		expected[want]++;
		chosen[selector.family]++;
		assert_int_equal(xs_mux_rule_stats_sum(&fixture->maps, xs_policy_rule(fixture->policy, want), &packets), 0);
		if (packets == expected[want])
			continue;
		char text[INET6_ADDRSTRLEN] = "";

		inet_ntop(selector.family == XS_FAMILY6 ? AF_INET6 : AF_INET, selector.destination, text, sizeof(text));
		print_error("condition %lld of %zu was not chosen for %s\n", (long long)want, count, text);
		for (size_t k = 0; k < count; k++)
			describe(&condition[k], k);
		fail();
	}
	/* And nothing else was counted. */
	for (size_t k = 0; k < count; k++) {
		assert_int_equal(xs_mux_rule_stats_sum(&fixture->maps, xs_policy_rule(fixture->policy, k), &packets), 0);
		assert_int_equal(packets, expected[k]);
	}
}

static uint64_t seed = 20261124;

static void same_as_the_naive_walk(void **state)
{
	struct fixture *fixture = *state;
	uint64_t cells[1 + VM_CELLS + GROUP_CELLS] = {}, chosen[XS_FAMILIES] = {}, none = 0;

	state64 = seed;
	for (int set = 0; set < SETS; set++)
		one_set(fixture, cells, set % 2, set % MANY_EVERY < 2, chosen, &none);
	print_message("seed %llu: %d rule sets, %llu IPv4 and %llu IPv6 packets selected, %llu taken by no slice, 0 different\n",
		      (unsigned long long)seed, SETS, (unsigned long long)chosen[XS_FAMILY4],
		      (unsigned long long)chosen[XS_FAMILY6], (unsigned long long)none);
	assert_int_equal(chosen[XS_FAMILY4] + chosen[XS_FAMILY6] + none, SETS * PACKETS);
	/* No answer is the trivial one. */
	assert_true(none > SETS && chosen[XS_FAMILY4] > 4 * SETS && chosen[XS_FAMILY6] > 4 * SETS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(same_as_the_naive_walk)};
	int skip = fixture_available();

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0) | 1;
	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
