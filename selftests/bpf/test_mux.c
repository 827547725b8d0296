/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mux.c - select and switch, case by case: lists in order, cells, groups, bounds, policies replaced at one word. */
#include <linux/bpf.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

enum { CELL_VM = 1, CELL_OTHER, CELL_GROUP };

static struct xs_condition condition(uint32_t position, uint32_t slice, const char *destination, unsigned int length,
				     uint32_t vm, uint32_t group)
{
	struct xs_condition made = {.position = position,
				    .slice = slice,
				    .vport = slice == SLICE_1 ? VPORT_M1 : VPORT_M2,
				    .vm_cell = vm,
				    .group_cell = group,
				    .destination_length = length};
	uint32_t address = frame_ip(destination);

	for (int i = 0; i < 4; i++)
		made.destination[i] = address >> (24 - 8 * i);
	return made;
}

/* The slice that takes a packet for `destination`; 0: none. */
static uint32_t chosen(struct fixture *fixture, const char *destination)
{
	struct frame_spec spec = {.source = frame_ip("192.0.2.9"), .destination = frame_ip(destination), .destination_port = 80};
	struct outcome outcome;
	struct frame frame;

	memcpy(spec.destination_mac, fixture_mac(VPORT_E), 6);
	frame_build(&frame, &spec);
	fixture_send(fixture, PORT_MUX, &frame, &outcome);
	if (outcome.verdict == XS_NO_SLICE)
		assert_int_equal(outcome.slice, 0);
	return outcome.slice;
}

static void set_cell(struct fixture *fixture, uint32_t id, uint64_t generation, uint32_t slice)
{
	assert_true(xs_cell_set(&fixture->maps, id, XS_CELL(generation, slice)) >= 0);
}

static void the_papers_two_rules(void **state)
{
	struct fixture *fixture = *state;
	const struct xs_condition rules[] = {
		condition(0, SLICE_1, "10.0.0.5", 32, CELL_VM, 0),
		condition(1, SLICE_1, "10.0.0.6", 32, CELL_OTHER, 0),
		condition(2, SLICE_2, "0.0.0.0", 0, 0, 0),
	};

	fixture_policy(fixture, rules, 3);
	set_cell(fixture, CELL_VM, 1, SLICE_1);
	set_cell(fixture, CELL_OTHER, 1, SLICE_1);
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_1);
	assert_int_equal(chosen(fixture, "10.0.0.6"), SLICE_1);
	assert_int_equal(chosen(fixture, "10.0.0.7"), SLICE_2);
	set_cell(fixture, CELL_VM, 2, SLICE_2); /* the switch: one write */
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_2);
	assert_int_equal(chosen(fixture, "10.0.0.6"), SLICE_1);
	set_cell(fixture, CELL_VM, 3, SLICE_1); /* and back */
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_1);
}

static void the_higher_generation_of_vm_and_group(void **state)
{
	struct fixture *fixture = *state;
	const struct xs_condition rules[] = {
		condition(0, SLICE_1, "10.0.0.5", 32, CELL_VM, CELL_GROUP),
		condition(1, SLICE_2, "10.0.0.5", 32, CELL_VM, CELL_GROUP),
	};

	fixture_policy(fixture, rules, 2);
	set_cell(fixture, CELL_VM, 5, SLICE_1);
	set_cell(fixture, CELL_GROUP, 0, 0); /* before its first switch */
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_1);
	set_cell(fixture, CELL_GROUP, 4, SLICE_2); /* older than the VM's */
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_1);
	set_cell(fixture, CELL_GROUP, 6, SLICE_2);
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_2);
	set_cell(fixture, CELL_VM, 1ull << 40, SLICE_1); /* generations are wide */
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_1);
	set_cell(fixture, CELL_VM, (1ull << 40) + 1, 7); /* a slice without a list */
	assert_int_equal(chosen(fixture, "10.0.0.5"), 0);
}

static void a_shorter_prefix_before_a_longer(void **state)
{
	struct fixture *fixture = *state;
	const struct xs_condition rules[] = {
		condition(0, SLICE_2, "10.0.0.0", 30, 0, 0),
		condition(1, SLICE_1, "10.0.0.2", 32, 0, 0),
		condition(2, SLICE_1, "10.0.0.0", 24, 0, 0),
	};

	fixture_policy(fixture, rules, 3);
	assert_int_equal(chosen(fixture, "10.0.0.2"), SLICE_2);
	assert_int_equal(chosen(fixture, "10.0.0.4"), SLICE_1);
	assert_int_equal(chosen(fixture, "10.0.1.4"), 0);
}

static void a_general_condition_competes_by_position(void **state)
{
	struct fixture *fixture = *state;
	struct xs_condition rules[] = {
		condition(0, SLICE_2, "10.0.0.5", 32, CELL_VM, 0),
		condition(1, SLICE_1, "10.0.0.5", 32, 0, 0),
		condition(2, SLICE_2, "0.0.0.0", 0, 0, 0),
	};

	rules[0].fields = rules[2].fields = XS_GENERAL_DESTINATION_PORT;
	rules[0].destination_port[0] = rules[2].destination_port[0] = 80;
	rules[0].destination_port[1] = rules[2].destination_port[1] = 80;
	fixture_policy(fixture, rules, 3);
	set_cell(fixture, CELL_VM, 1, SLICE_2);
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_2);
	set_cell(fixture, CELL_VM, 2, SLICE_1); /* out of force, it yields to the next that matches, which comes later */
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_1);
	assert_int_equal(chosen(fixture, "10.0.0.6"), SLICE_2);
}

/* As deep as check allows, only the last in force; then nodes in a ring, made by hand: counted, not passed. */
static void the_bound_of_the_walk(void **state)
{
	struct fixture *fixture = *state;
	struct xs_condition rules[XS_MUX_WALK_MAX];
	struct frame_spec spec = {.source = frame_ip("192.0.2.9"), .destination = frame_ip("10.0.0.5")};
	struct outcome outcome;
	struct frame frame;
	struct xs_mux_page page;
	struct xs_mux_node node;
	struct xs_mux policy;
	uint32_t leaf;

	for (uint32_t i = 0; i < XS_MUX_WALK_MAX; i++)
		rules[i] = condition(i, 1000 + i, "10.0.0.5", 32, CELL_VM, 0);
	rules[XS_MUX_WALK_MAX - 1] = condition(XS_MUX_WALK_MAX - 1, SLICE_2, "10.0.0.5", 32, 0, 0);
	fixture_policy(fixture, rules, XS_MUX_WALK_MAX);
	set_cell(fixture, CELL_VM, 1, SLICE_2);
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_2);

	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_mux, xs_policy_mux(fixture->policy), &policy), 0);
	assert_true(xs_tables_lookup(xs_node_maps_tables(&fixture->maps), policy.root[XS_MUX_DESTINATION], (const uint8_t[]){10, 0, 0, 5}, 4,
				     &leaf));
	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_mux_page, leaf >> XS_RULE_BITS, &page), 0);
	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_mux_node, page.node, &node), 0);
	node.other = page.node;
	fixture_put(fixture, XS_MAP_mux_node, page.node, &node);
	memcpy(spec.destination_mac, fixture_mac(VPORT_E), 6);
	frame_build(&frame, &spec);
	fixture_send(fixture, PORT_MUX, &frame, &outcome);
	assert_int_equal(outcome.verdict, XS_WALK_BOUND);
	assert_int_equal(outcome.slice, 0);
}

static void as_many_generals_as_there_may_be(void **state)
{
	struct fixture *fixture = *state;
	struct xs_condition rules[XS_MUX_GENERAL_MAX];

	for (uint32_t i = 0; i < XS_MUX_GENERAL_MAX; i++) {
		rules[i] = condition(i, SLICE_1, "10.0.0.5", 32, CELL_VM, 0);
		rules[i].fields = XS_GENERAL_PROTOCOL;
		rules[i].protocol = 17;
	}
	rules[XS_MUX_GENERAL_MAX - 1].slice = SLICE_2;
	rules[XS_MUX_GENERAL_MAX - 1].vport = VPORT_M2;
	fixture_policy(fixture, rules, XS_MUX_GENERAL_MAX);
	set_cell(fixture, CELL_VM, 1, SLICE_2); /* all match, only the last is in force */
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_2);
}

/* The new policy is built beside the old one and comes by the port's one word. */
static void a_policy_is_replaced_at_one_word(void **state)
{
	struct fixture *fixture = *state;
	const struct xs_condition before = condition(0, SLICE_1, "0.0.0.0", 0, 0, 0);
	const struct xs_condition after = condition(0, SLICE_2, "0.0.0.0", 0, 0, 0);
	struct xs_policy *old, *next = NULL;

	fixture_policy(fixture, &before, 1);
	old = fixture->policy;
	assert_int_equal(xs_policy_build(fixture->space, 1, &after, 1, &next), 0);
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_1);
	fixture_use_mux(fixture, xs_policy_mux(next));
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_2);
	fixture->policy = next;
	xs_policy_free(old);
	assert_int_equal(chosen(fixture, "10.0.0.5"), SLICE_2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_papers_two_rules),
		cmocka_unit_test(the_higher_generation_of_vm_and_group),
		cmocka_unit_test(a_shorter_prefix_before_a_longer),
		cmocka_unit_test(a_general_condition_competes_by_position),
		cmocka_unit_test(the_bound_of_the_walk),
		cmocka_unit_test(as_many_generals_as_there_may_be),
		cmocka_unit_test(a_policy_is_replaced_at_one_word),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
