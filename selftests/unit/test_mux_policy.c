/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MUX policies in plain memory: what they compile to, walked as the datapath walks it, against the naive walk; their
 * bounds; entries reused only after a grace period; what a former agent left.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/mux_policy.h"

#define CPUS 2
#define CELLS 256

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint32_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

struct node {
	struct xs_node_maps maps;
	struct xs_pool *pool;
	struct xs_mux_space *space;
	unsigned int graces;
};

static void grace(void *context)
{
	((struct node *)context)->graces++;
}

static void node_start(struct node *node)
{
	node->pool = xs_pool_new(xs_node_maps_block(&node->maps), node->maps.entries[XS_MAP_block], grace, node);
	assert_non_null(node->pool);
	node->space = xs_mux_space_new(&node->maps, node->pool);
	assert_non_null(node->space);
}

static void node_new(struct node *node, uint32_t rules, uint32_t blocks)
{
	uint32_t entries[XS_MAP_COUNT] = {
		[XS_MAP_port] = 8,   [XS_MAP_block] = blocks, [XS_MAP_cell] = CELLS,
		[XS_MAP_mux] = 8,    [XS_MAP_mux_rule] = rules, [XS_MAP_mux_general] = 3 * XS_MUX_GENERAL_MAX,
	};

	memset(node, 0, sizeof(*node));
	assert_int_equal(xs_node_maps_init_memory(&node->maps, entries, CPUS), 0);
	node_start(node);
}

/* Policies of agents that were killed: nobody gives their entries back. Kept in sight of the leak checker. */
static struct xs_policy *lost[16];
static unsigned int lost_count;

static void lose(struct xs_policy *policy)
{
	lost[lost_count++] = policy;
}

/* The agent ends; what it wrote stays. */
static void node_stop(struct node *node)
{
	xs_mux_space_free(node->space);
	xs_pool_free(node->pool);
}

static void node_free(struct node *node)
{
	node_stop(node);
	xs_node_maps_close(&node->maps);
}

static void name_in_port(struct node *node, uint32_t port, uint32_t mux)
{
	struct xs_port value = {.mux = mux};

	assert_true(xs_node_maps_put(&node->maps, XS_MAP_port, port, &value) >= 0);
}

/* ---- the datapath's walk (bpf/select.h), on the maps ------------------------------------------------------------- */

static const uint64_t *cells(const struct node *node)
{
	return node->maps.mapped[XS_MAP_cell];
}

static void rule_at(const struct node *node, uint32_t id, struct xs_mux_rule *rule)
{
	assert_true(id && id < node->maps.entries[XS_MAP_mux_rule]);
	assert_int_equal(xs_node_maps_get(&node->maps, XS_MAP_mux_rule, id, rule), 0);
}

static bool within(uint16_t value, const uint16_t range[2])
{
	return value >= range[0] && value <= range[1];
}

static bool general_matches(const struct xs_mux_general *g, const struct xs_selector *s)
{
	__be32 destination, source;

	memcpy(&destination, s->destination, 4);
	memcpy(&source, s->source, 4);
	return (destination & g->destination_mask) == g->destination && (source & g->source_mask) == g->source &&
	       (!(g->fields & XS_GENERAL_PROTOCOL) || g->protocol == s->protocol) &&
	       (!(g->fields & XS_GENERAL_DSCP) || g->dscp >> s->dscp & 1) &&
	       (!(g->fields & XS_GENERAL_INPUT_PORT) || g->input_port == s->input_port) &&
	       (!(g->fields & XS_GENERAL_SOURCE_PORT) || (s->has_ports && within(s->source_port, g->source_port))) &&
	       (!(g->fields & XS_GENERAL_DESTINATION_PORT) ||
		(s->has_ports && within(s->destination_port, g->destination_port)));
}

/* Position of the rule that selects, or -1. *id: its id. */
static int64_t walk(const struct node *node, uint32_t mux, const struct xs_selector *s, uint32_t *id)
{
	uint32_t best = XS_POSITION_NONE, at = 0;
	unsigned int steps = 0;
	struct xs_mux_rule rule;
	struct xs_mux policy;

	assert_int_equal(xs_node_maps_get(&node->maps, XS_MAP_mux, mux, &policy), 0);
	xs_blocks_lookup(xs_node_maps_block(&node->maps), policy.root, s->destination, 4, &at);
	while (at) {
		assert_true(steps++ < XS_MUX_WALK_MAX);
		rule_at(node, at, &rule);
		if (rule.position < best) {
			if (!xs_in_force(rule.slice, rule.vm_cell, rule.group_cell, cells(node))) {
				at = rule.next;
				continue;
			}
			best = rule.position;
			*id = at;
		}
		at = rule.rest > best ? 0 : rule.shorter;
	}
	for (uint32_t i = 0; i < policy.general_count; i++) {
		struct xs_mux_general general;

		assert_int_equal(xs_node_maps_get(&node->maps, XS_MAP_mux_general, policy.general_first + i,
						  &general), 0);
		if (general.position >= best)
			break;
		if (!general_matches(&general, s))
			continue;
		rule_at(node, general.rule, &rule);
		if (xs_in_force(rule.slice, rule.vm_cell, rule.group_cell, cells(node))) {
			best = general.position;
			*id = general.rule;
			break;
		}
	}
	return best == XS_POSITION_NONE ? -1 : (int64_t)best;
}

/* ---- random policies --------------------------------------------------------------------------------------------- */

#define SLICES 4

static void address(uint8_t out[4], uint32_t host)
{
	host = htonl(host);
	memcpy(out, &host, 4);
}

/*
 * Half of the sets: nested prefixes of at most 64 addresses, every address in several lists. An exact destination bears
 * the cell of its address, and every other one a group's.
 */
static size_t random_conditions(struct xs_condition *c, bool nested)
{
	size_t count = 1 + rnd() % (nested ? 120 : 60), generals = 0;
	uint32_t base = 0x0a000000 | (rnd() & 0x3) << 6;

	for (size_t i = 0; i < count; i++) {
		uint32_t where = nested ? base + rnd() % 64 : rnd() & 0x0f0f0f0f;

		memset(&c[i], 0, sizeof(c[i]));
		c[i].position = i;
		c[i].slice = 1 + i * SLICES / count;
		c[i].vport = 100 + c[i].slice;
		c[i].destination_length = nested ? 26 + rnd() % 7 : rnd() % 33;
		if (nested && rnd() % 2)
			c[i].destination_length = 32;
		if (rnd() % 25 == 0)
			c[i].destination_length = 0;
		if (c[i].destination_length == 32) {
			c[i].vm_cell = 1 + where % 64;
			if (where & 1)
				c[i].group_cell = 100 + where % 4;
		}
		address(c[i].destination, where); /* host bits are left set: they must not matter */
		if (rnd() % 4 == 0 && generals++ < XS_MUX_GENERAL_MAX) {
			c[i].fields = rnd() & 31;
			c[i].protocol = rnd() % 2 ? 6 : 17;
			c[i].source_length = rnd() % 3 ? 0 : rnd() % 33;
			address(c[i].source, rnd() & 0x03000003);
			c[i].source_port[0] = rnd() % 4;
			c[i].source_port[1] = c[i].source_port[0] + rnd() % 4;
			c[i].destination_port[0] = rnd() % 4;
			c[i].destination_port[1] = c[i].destination_port[0] + rnd() % 4;
			c[i].dscp[0] = rnd() % 64;
			c[i].dscp[1] = c[i].dscp[0] + rnd() % (64 - c[i].dscp[0]);
			c[i].input_port = 1 + rnd() % 2;
		}
	}
	return count;
}

static void random_selector(struct xs_selector *s, const struct xs_condition *near)
{
	uint32_t destination;

	memset(s, 0, sizeof(*s));
	memcpy(&destination, near->destination, 4);
	if (rnd() % 3 == 0)
		destination ^= htonl(1u << rnd() % 8);
	memcpy(s->destination, &destination, 4);
	address(s->source, rnd() & 0x03000003);
	s->protocol = rnd() % 2 ? 6 : 17;
	s->dscp = rnd() % 64;
	s->has_ports = rnd() % 4 != 0;
	s->source_port = rnd() % 8;
	s->destination_port = rnd() % 8;
	s->input_port = 1 + rnd() % 2;
}

static void random_cells(struct node *node)
{
	for (uint32_t id = 1; id < CELLS; id++)
		xs_cell_set(&node->maps, id, XS_CELL(rnd() % 1000 * CELLS + id, rnd() % (SLICES + 1)));
}

static void test_against_the_naive_walk(void **state)
{
	unsigned int pairs = 0, different = 0, selected = 0, flips = 0, too_deep = 0;
	struct xs_condition c[128];
	struct node node;

	node_new(&node, 2048, 4096);
	for (unsigned int set = 0; pairs < 150000; set++) {
		struct xs_policy *policy;
		size_t count = random_conditions(c, set & 1);
		int err = xs_policy_build(node.space, 7, c, count, &policy);

		if (err == -E2BIG) {
			assert_true(xs_conditions_depth(c, count) > XS_MUX_WALK_MAX);
			too_deep++;
			continue;
		}
		assert_int_equal(err, 0);
		assert_true(xs_conditions_depth(c, count) <= XS_MUX_WALK_MAX);
		random_cells(&node);
		for (unsigned int i = 0; i < 400; i++, pairs++) {
			struct xs_selector s;
			int64_t naive, compiled;
			uint32_t id = 0;

			random_selector(&s, &c[rnd() % count]);
			if (rnd() % 4 == 0) {
				xs_cell_set(&node.maps, 1 + rnd() % 110,
					    XS_CELL(1000 * CELLS + pairs, rnd() % (SLICES + 1)));
				flips++;
			}
			naive = xs_naive_walk(c, count, &s, cells(&node));
			compiled = walk(&node, xs_policy_mux(policy), &s, &id);
			different += naive != compiled || (naive >= 0 && id != xs_policy_rule(policy, naive));
			selected += naive >= 0;
		}
		xs_policy_free(policy);
	}
	print_message("%u pairs (%u selected a slice, %u flips, %u sets too deep): %u different\n", pairs, selected,
		      flips, too_deep, different);
	assert_int_equal(different, 0);
	assert_true(selected > pairs / 4 && selected < pairs);
	node_free(&node);
}

/* ---- bounds, and what is left behind ----------------------------------------------------------------------------- */

/* `count` hosts from 10.0.0.0 on in two slices' lists, then `any` in the third. */
static struct xs_condition *hosts(size_t per_slice, size_t *count)
{
	struct xs_condition *c = calloc(2 * per_slice + 1, sizeof(*c));

	assert_non_null(c);
	*count = 2 * per_slice + 1;
	for (size_t i = 0; i < *count; i++) {
		c[i].position = i;
		c[i].slice = 1 + i / per_slice;
		c[i].vport = 10 + c[i].slice;
		if (i < 2 * per_slice) {
			address(c[i].destination, 0x0a000000 + i % per_slice);
			c[i].destination_length = 32;
			c[i].vm_cell = 1 + i % per_slice % 100;
		}
	}
	return c;
}

static void test_bounds(void **state)
{
	struct xs_condition c[XS_MUX_GENERAL_MAX + 1];
	struct xs_policy *policy = NULL;
	struct node node;
	uint64_t writes;

	node_new(&node, 256, 64);
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

	for (uint32_t i = 0; i <= XS_MUX_GENERAL_MAX; i++)
		c[i].fields = XS_GENERAL_PROTOCOL;
	assert_int_equal(xs_conditions_depth(c, XS_MUX_GENERAL_MAX + 1), 0);
	assert_int_equal(xs_policy_build(node.space, 1, c, XS_MUX_GENERAL_MAX + 1, &policy), -E2BIG);
	assert_int_equal(xs_policy_build(node.space, 1, c, XS_MUX_GENERAL_MAX, &policy), 0);
	xs_policy_free(policy);
	/* No condition at all: nobody is selected. */
	assert_int_equal(xs_policy_build(node.space, 1, c, 0, &policy), 0);
	xs_policy_free(policy);
	node_free(&node);
}

static void test_full_maps_leave_nothing_behind(void **state)
{
	struct xs_policy *policy[8] = {}, *more = NULL;
	size_t count, small, built = 0;
	struct xs_condition *c = hosts(100, &count), *few = hosts(10, &small);
	struct node node;

	/* Rules run out, while old policies hold them; then they come back, after a grace period. */
	node_new(&node, 2 * count + small + 1, 64);
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
	node_free(&node);

	/* Blocks run out: ids are given back, and serve a policy that needs fewer blocks. */
	node_new(&node, 1024, 6);
	c[3].destination[0] = 99;
	more = NULL;
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &more), -ENOSPC);
	assert_null(more);
	assert_int_equal(xs_pool_used(node.pool), 0);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(xs_policy_build(node.space, 1, few, small, &more), 0);
		xs_policy_free(more);
		assert_int_equal(xs_policy_build(node.space, 1, c, count, &more), -ENOSPC);
	}
	node_free(&node);
	free(c);
	free(few);
}

static void test_rules_are_alike_on_every_cpu(void **state)
{
	size_t count;
	struct xs_condition *c = hosts(20, &count);
	struct xs_policy *policy;
	struct node node;

	node_new(&node, 256, 64);
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy), 0);
	for (size_t i = 0; i < count; i++) {
		const struct xs_mux_rule *copies =
			(struct xs_mux_rule *)node.maps.mapped[XS_MAP_mux_rule] + xs_policy_rule(policy, i) * CPUS;

		assert_int_equal(copies[0].position, i);
		assert_memory_equal(&copies[0], &copies[1], sizeof(copies[0]));
	}
	xs_policy_free(policy);
	node_free(&node);
	free(c);
}

static void test_find_rule(void **state)
{
	size_t count;
	struct xs_condition *c = hosts(20, &count);
	uint32_t all[64];
	struct xs_policy *policy;
	struct node node;

	c[7].fields = XS_GENERAL_PROTOCOL;
	node_new(&node, 256, 64);
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy), 0);
	assert_int_equal(xs_mux_rules(&node.maps, xs_policy_mux(policy), all, count + 1), 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(xs_mux_find_rule(&node.maps, xs_policy_mux(policy), i), xs_policy_rule(policy, i));
		assert_int_equal(all[i], xs_policy_rule(policy, i));
	}
	assert_int_equal(all[count], 0);
	assert_int_equal(xs_mux_find_rule(&node.maps, xs_policy_mux(policy), count), 0);
	assert_int_equal(xs_mux_find_rule(&node.maps, 0, 1), 0);
	xs_policy_free(policy);
	node_free(&node);
	free(c);
}

static void test_adoption(void **state)
{
	size_t count;
	struct xs_condition *c = hosts(50, &count);
	struct xs_policy *policy, *again, *other = NULL;
	uint32_t mux, rule, id = 0, used;
	struct node node;
	struct xs_selector s = {.destination = {10, 0, 0, 7}};
	uint64_t writes;

	c[30].fields = XS_GENERAL_DSCP;
	c[30].dscp[1] = 9;
	node_new(&node, 2 * count + 1, 64);
	assert_int_equal(xs_policy_build(node.space, 5, c, count, &policy), 0);
	mux = xs_policy_mux(policy);
	rule = xs_policy_rule(policy, 7);
	used = xs_pool_used(node.pool);
	name_in_port(&node, 3, mux);
	xs_cell_set(&node.maps, 8, XS_CELL(1, 1));
	lose(policy);
	node_stop(&node);

	node_start(&node);
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
	assert_int_equal(walk(&node, mux, &s, &id), 7);
	assert_int_equal(id, rule);

	writes = node.maps.writes + xs_pool_writes(node.pool);
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &again), 0);
	assert_int_equal(node.maps.writes + xs_pool_writes(node.pool), writes);
	assert_int_equal(xs_policy_mux(again), mux);
	assert_int_equal(xs_policy_rule(again, 7), rule);
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &policy), -ESTALE); /* it is somebody's now */

	/* Given back, it makes room for the next. */
	name_in_port(&node, 3, xs_policy_mux(other));
	xs_policy_free(again);
	assert_int_equal(xs_policy_build(node.space, 5, c, count, &again), 0);
	xs_policy_free(again);
	mux = xs_policy_mux(other);
	lose(other);
	node_stop(&node);

	/* A third agent wants something else: it builds anew and releases. */
	node_start(&node);
	assert_int_equal(xs_policy_build(node.space, 5, c, 10, &again), 0);
	name_in_port(&node, 3, xs_policy_mux(again));
	xs_mux_space_release(node.space, mux);
	xs_mux_space_release(node.space, mux);
	assert_int_equal(xs_policy_build(node.space, 5, c, count, &other), 0);
	xs_policy_free(other);
	xs_policy_free(again);
	assert_int_equal(xs_pool_used(node.pool), 0);
	node_free(&node);
	free(c);
}

static void test_broken_content_is_bounded(void **state)
{
	size_t count;
	struct xs_condition *c = hosts(20, &count);
	struct xs_policy *policy, *other = NULL;
	struct xs_mux_rule *rules;
	struct node node;
	uint32_t mux;

	node_new(&node, 256, 64);
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy), 0);
	mux = xs_policy_mux(policy);
	name_in_port(&node, 1, mux);
	rules = node.maps.mapped[XS_MAP_mux_rule];
	/* A chain that loops, and one that leads out of the map. */
	rules[xs_policy_rule(policy, 0) * CPUS].next = xs_policy_rule(policy, 0);
	rules[xs_policy_rule(policy, 1) * CPUS].next = 1u << 29;
	lose(policy);
	node_stop(&node);
	node_start(&node);
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &other), -ESTALE);
	xs_mux_space_release(node.space, mux);
	node_free(&node);
	free(c);
}

static void test_a_hundred_thousand(void **state)
{
	size_t count;
	struct xs_condition *c = hosts(50000, &count);
	struct xs_policy *policy, *again;
	struct node node;
	uint32_t mux;

	node_new(&node, 2 * count, 1000);
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy), 0);
	mux = xs_policy_mux(policy);
	for (unsigned int i = 0; i < 50000; i += 99) {
		struct xs_selector s = {};
		uint32_t id = 0;

		address(s.destination, 0x0a000000 + i);
		xs_cell_set(&node.maps, 1 + i % 100, XS_CELL(i + 1, 1 + i % 2));
		assert_int_equal(walk(&node, mux, &s, &id), xs_naive_walk(c, count, &s, cells(&node)));
	}
	name_in_port(&node, 1, mux);
	lose(policy);
	node_stop(&node);
	node_start(&node);
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &again), 0);
	xs_policy_free(again);
	node_free(&node);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_naive_walk),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_full_maps_leave_nothing_behind),
		cmocka_unit_test(test_rules_are_alike_on_every_cpu),
		cmocka_unit_test(test_find_rule),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_broken_content_is_bounded),
		cmocka_unit_test(test_a_hundred_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
