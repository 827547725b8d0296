/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mux_policy.c - a MUX policy's entries in the maps: bounds, nothing left behind, entries reused only after a
 * grace period, counters' places, and what a former agent left.
 */
#include <errno.h>

#include "selftests/unit/mux_node.h"

static void test_bounds(void **state)
{
	struct xs_condition c[XS_MUX_GENERAL_MAX + 1];
	struct xs_policy *policy = NULL;
	struct mux_node node;
	uint64_t writes;

	mux_node_new(&node, 1024, 64);
	memset(c, 0, sizeof(c));
	for (uint32_t i = 0; i <= XS_MUX_GENERAL_MAX; i++) {
		c[i].position = i;
		c[i].slice = 1;
	}
	/* One address with as many conditions as a walk takes, and one more. */
	assert_int_equal(xs_conditions_depth(c, XS_MUX_WALK_MAX + 1), XS_MUX_WALK_MAX + 1);
	writes = node.maps.writes;
	assert_int_equal(xs_policy_build(node.space, 1, c, XS_MUX_WALK_MAX + 1, &policy), -E2BIG);
	assert_int_equal(node.maps.writes, writes);
	assert_null(policy);
	assert_int_equal(xs_policy_build(node.space, 1, c, XS_MUX_WALK_MAX, &policy), 0);
	xs_policy_free(policy);

	/* A cell belongs to one address. */
	c[0].vm_cell = 1;
	c[0].destination_length = 31;
	assert_int_equal(xs_policy_build(node.space, 1, c, 1, &policy), -EINVAL);
	c[0].fields = XS_GENERAL_PROTOCOL;
	assert_int_equal(xs_policy_build(node.space, 1, c, 1, &policy), -EINVAL);
	c[0].destination_length = 32;
	c[0].family = XS_FAMILY6;
	assert_int_equal(xs_policy_build(node.space, 1, c, 1, &policy), -EINVAL);
	c[0].family = XS_FAMILY4;
	assert_int_equal(xs_policy_build(node.space, 1, c, 1, &policy), 0);
	xs_policy_free(policy);

	for (uint32_t i = 0; i <= XS_MUX_GENERAL_MAX; i++)
		c[i].fields = XS_GENERAL_PROTOCOL;
	assert_int_equal(xs_conditions_depth(c, XS_MUX_GENERAL_MAX + 1), 0);
	assert_int_equal(xs_policy_build(node.space, 1, c, XS_MUX_GENERAL_MAX + 1, &policy), -E2BIG);
	assert_int_equal(xs_policy_build(node.space, 1, c, XS_MUX_GENERAL_MAX, &policy), 0);
	xs_policy_free(policy);
	/* No condition at all: nobody is selected. */
	assert_int_equal(xs_policy_build(node.space, 1, c, 0, &policy), 0);
	xs_policy_free(policy);
	mux_node_free(&node);
}

static void test_full_maps_leave_nothing_behind(void **state)
{
	struct xs_policy *policy[8] = {}, *more = NULL;
	size_t count, small, built = 0;
	struct xs_condition *c = mux_node_hosts(100, &count), *few = mux_node_hosts(10, &small);
	struct xs_policy_size many, some;
	struct mux_node node;

	assert_int_equal(xs_policy_measure(c, count, &many), 0);
	assert_int_equal(xs_policy_measure(few, small, &some), 0);
	/* Pages run out, while old policies hold them; then they come back, after a grace period. */
	mux_node_new(&node, 2 * many.pages + some.pages + 1, 64);
	for (; built < 2; built++)
		assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy[built]), 0);
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &more), -ENOSPC);
	assert_int_equal(xs_policy_build(node.space, 1, few, small, &more), 0);
	node.graces = 0;
	xs_policy_free(policy[0]);
	assert_int_equal(node.graces, 0);
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy[0]), 0);
	assert_int_equal(node.graces, 1);
	xs_policy_free(policy[0]);
	xs_policy_free(policy[1]);
	xs_policy_free(more);
	mux_node_free(&node);

	/* Blocks run out: ids are given back, and serve a policy that needs fewer blocks. */
	mux_node_new(&node, 1024, 6);
	for (unsigned int i = 3; i < 6; i++) /* a guard would do for two */
		c[i].destination[0] = 99;
	more = NULL;
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &more), -ENOSPC);
	assert_null(more);
	assert_int_equal(xs_pool_used(node.pool), 0);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(xs_policy_build(node.space, 1, few, small, &more), 0);
		xs_policy_free(more);
		assert_int_equal(xs_policy_build(node.space, 1, c, count, &more), -ENOSPC);
	}
	mux_node_free(&node);
	free(c);
	free(few);
}

/* Every rule has a counter of its own, which begins at zero on every CPU, and is found again by the condition's position. */
static void test_counters(void **state)
{
	uint32_t all[64], mux;
	uint64_t packets;
	struct xs_policy *policy;
	struct mux_node node;
	size_t count;
	struct xs_condition *c = mux_node_hosts(20, &count);

	c[7].fields = XS_GENERAL_PROTOCOL;
	mux_node_new(&node, 64, 64);
	memset(node.maps.mapped[XS_MAP_mux_stats], 0xff, MUX_NODE_CPUS * 64 * sizeof(struct xs_mux_stats));
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy), 0);
	mux = xs_policy_mux(policy);
	assert_int_equal(xs_mux_rules(&node.maps, mux, all, count + 1), 0);
	for (size_t i = 0; i < count; i++) {
		struct xs_mux_stats *stats = node.maps.mapped[XS_MAP_mux_stats];
		uint32_t rule = xs_policy_rule(policy, i);

		assert_int_equal(all[i], rule);
		assert_int_equal(xs_mux_rule_stats_sum(&node.maps, rule, &packets), 0);
		assert_int_equal(packets, 0);
		for (int cpu = 0; cpu < MUX_NODE_CPUS; cpu++)
			stats[(rule >> XS_RULE_BITS) * MUX_NODE_CPUS + cpu].packets[rule & XS_RULE_SLOT] += 1 + i;
		assert_int_equal(xs_mux_rule_stats_sum(&node.maps, rule, &packets), 0);
		assert_int_equal(packets, (1 + i) * MUX_NODE_CPUS);
	}
	assert_int_equal(all[count], 0);
	assert_int_equal(xs_mux_rules(&node.maps, 0, all, count), -EINVAL);
	xs_policy_free(policy);

	/* What another one always comes before has none. */
	c[count - 2].destination_length = 0;
	c[count - 2].vm_cell = 0;
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy), 0);
	assert_int_equal(xs_policy_rule(policy, count - 1), 0);
	assert_int_equal(xs_mux_rule_stats_sum(&node.maps, 0, &packets), 0);
	assert_int_equal(packets, 0);
	xs_policy_free(policy);
	mux_node_free(&node);
	free(c);
}

static void test_adoption(void **state)
{
	size_t count;
	struct xs_condition *c = mux_node_hosts(50, &count);
	struct xs_policy *policy, *again, *other = NULL;
	uint32_t mux, rule, id = 0, used;
	struct mux_node node;
	struct xs_selector s = { .destination = { 10, 0, 0, 7 } };
	struct xs_policy_size size;
	uint64_t writes;

	c[30].fields = XS_GENERAL_DSCP;
	c[30].dscp[1] = 9;
	assert_int_equal(xs_policy_measure(c, count, &size), 0);
	mux_node_new(&node, 2 * size.pages + 1, 64);
	assert_int_equal(xs_policy_build(node.space, 5, c, count, &policy), 0);
	mux = xs_policy_mux(policy);
	rule = xs_policy_rule(policy, 7);
	used = xs_pool_used(node.pool);
	mux_node_name_in_port(&node, 3, mux);
	xs_cell_set(&node.maps, 8, XS_CELL(1, 1));
	mux_node_lose(policy);
	mux_node_stop(&node);

	mux_node_start(&node);
	assert_int_equal(xs_pool_used(node.pool), used);
	/* Not what is there: another destination, one condition less, one more in another slice. */
	c[7].destination[3] ^= 64;
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &other), -ESTALE);
	c[7].destination[3] ^= 64;
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count - 1, &other), -ESTALE);
	c[9].slice = 3;
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &other), -ESTALE);
	c[9].slice = 1;
	c[30].dscp[1] = 8;
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &other), -ESTALE);
	c[30].dscp[1] = 9;
	assert_int_equal(xs_policy_adopt(node.space, mux + 1, c, count, &other), -ESTALE);
	assert_null(other);
	/* Beside it one more has room, and does not touch it. */
	assert_int_equal(xs_policy_build(node.space, 5, c, count, &other), 0);
	assert_int_not_equal(xs_policy_mux(other), mux);
	assert_int_equal(mux_node_walk(&node, mux, &s, &id), 7);
	assert_int_equal(id, rule);

	writes = node.maps.writes + xs_pool_writes(node.pool);
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &again), 0);
	assert_int_equal(node.maps.writes + xs_pool_writes(node.pool), writes);
	assert_int_equal(xs_policy_mux(again), mux);
	assert_int_equal(xs_policy_rule(again, 7), rule);
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &policy), -ESTALE); /* it is somebody's now */

	/* Given back, it makes room for the next. */
	mux_node_name_in_port(&node, 3, xs_policy_mux(other));
	xs_policy_free(again);
	assert_int_equal(xs_policy_build(node.space, 5, c, count, &again), 0);
	xs_policy_free(again);
	mux = xs_policy_mux(other);
	mux_node_lose(other);
	mux_node_stop(&node);

	/* A third agent wants something else: it builds anew and releases. */
	mux_node_start(&node);
	assert_int_equal(xs_policy_build(node.space, 5, c, 10, &again), 0);
	mux_node_name_in_port(&node, 3, xs_policy_mux(again));
	xs_mux_space_release(node.space, mux);
	xs_mux_space_release(node.space, mux);
	assert_int_equal(xs_policy_build(node.space, 5, c, count, &other), 0);
	xs_policy_free(other);
	xs_policy_free(again);
	assert_int_equal(xs_pool_used(node.pool), 0);
	mux_node_free(&node);
	free(c);
}

/* A port names what somebody broke: nodes in a ring, pages in a ring, and numbers outside the maps. */
static void test_broken_content_is_bounded(void **state)
{
	size_t count;
	struct xs_condition *c = mux_node_hosts(20, &count);

	for (int fault = 0; fault < 6; fault++) {
		struct xs_policy *policy, *other = NULL;
		struct xs_mux_origin *origin;
		struct xs_mux_page *pages;
		struct xs_mux_node *nodes;
		struct xs_mux *entry;
		struct mux_node node;
		uint32_t mux, page;

		mux_node_new(&node, 256, 64);
		assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy), 0);
		mux = xs_policy_mux(policy);
		mux_node_name_in_port(&node, 1, mux);
		entry = node.maps.mapped[XS_MAP_mux];
		pages = node.maps.mapped[XS_MAP_mux_page];
		nodes = node.maps.mapped[XS_MAP_mux_node];
		origin = node.maps.mapped[XS_MAP_mux_origin];
		page = xs_policy_rule(policy, 0) >> XS_RULE_BITS;
		switch (fault) {
		case 0:
			nodes[pages[page].node].other = pages[page].node;
			break;
		case 1:
			nodes[pages[page].node].then = 1u << 29;
			break;
		case 2:
			origin[page].next = page;
			break;
		case 3:
			origin[page].next = 1u << 29;
			break;
		case 4:
			pages[page].node = 1u << 29;
			break;
		default:
			entry[mux].root[XS_MUX_DESTINATION] = 1u << 29;
		}
		mux_node_lose(policy);
		mux_node_stop(&node);
		mux_node_start(&node);
		assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &other), -ESTALE);
		xs_mux_space_release(node.space, mux);
		assert_int_equal(xs_policy_build(node.space, 1, c, count, &other), 0);
		xs_policy_free(other);
		mux_node_free(&node);
	}
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_full_maps_leave_nothing_behind),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_broken_content_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
