// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_agent_takeup.c - what a former agent left in the maps is not handed out until it is released. Maps in memory.
 *
 *     slice 3 -> table -> nexthop EDGE -> edge's table -> nexthop FORWARD        port 1 -> sources' table
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/agent/takeup.h"

#define BLOCKS 64
#define EDGE_HOP 5
#define USER_HOP 6

static struct xs_node_maps maps;

static void no_readers(void *context)
{
}

static int set_up(void **state)
{
	uint32_t entries[XS_MAP_COUNT];

	for (int i = 0; i < XS_MAP_COUNT; i++)
		entries[i] = 64;
	return xs_node_maps_init_memory(&maps, entries, 1);
}

static int take_down(void **state)
{
	xs_node_maps_close(&maps);
	return 0;
}

static struct xs_pool *new_pool(void)
{
	struct xs_pool *pool = xs_pool_new(xs_node_maps_tables(&maps), no_readers, NULL);

	assert_non_null(pool);
	return pool;
}

static struct xs_table *table_with(struct xs_pool *pool, const char *address, unsigned int length, uint32_t leaf)
{
	struct xs_table *table = xs_table_new(pool, 4);

	assert_non_null(table);
	assert_int_equal(xs_table_set(table, (const uint8_t *)address, length, leaf), 0);
	return table;
}

/* A former agent is gone with its memory; its tables in the map are not. */
static void forget(struct xs_pool *pool, struct xs_table **table, size_t count)
{
	struct xs_block *left = malloc(BLOCKS * sizeof(*left));

	assert_non_null(left);
	memcpy(left, xs_node_maps_block(&maps), BLOCKS * sizeof(*left));
	for (size_t i = 0; i < count; i++)
		xs_table_free(table[i]);
	xs_pool_free(pool);
	memcpy(xs_node_maps_block(&maps), left, BLOCKS * sizeof(*left));
	free(left);
}

/* What a former agent would have left, with `edge_root` in the next hop; returns the blocks that are in use. */
static uint32_t leave_behind(uint32_t *slice_root)
{
	struct xs_vport vport = {.kind = XS_VPORT_MUX, .slice = 3};
	struct xs_pool *pool = new_pool();
	struct xs_table *table[] = {
		table_with(pool, "\xc0\x00\x02\x00", 24, EDGE_HOP),
		table_with(pool, "\xc0\x00\x02\x00", 24, 1),
		table_with(pool, "\xc0\x00\x02\x0a", 32, USER_HOP),
	};
	struct xs_slice slice = {.fib_root[XS_FAMILY4] = xs_table_root(table[0])};
	struct xs_port port = {.ifindex = 9, .source_root[XS_FAMILY4] = xs_table_root(table[1])};
	uint32_t used;

	xs_node_maps_nexthop(&maps)[EDGE_HOP].edge_root = xs_table_root(table[2]);
	xs_node_maps_nexthop(&maps)[EDGE_HOP].kind = XS_NEXTHOP_EDGE;
	xs_node_maps_nexthop(&maps)[USER_HOP].kind = XS_NEXTHOP_FORWARD;
	assert_int_equal(xs_node_maps_put(&maps, XS_MAP_vport, 1, &vport), 1);
	assert_int_equal(xs_node_maps_put(&maps, XS_MAP_slice, 3, &slice), 1);
	assert_int_equal(xs_node_maps_put(&maps, XS_MAP_port, 1, &port), 1);
	used = xs_pool_used(pool);
	forget(pool, table, 3);
	*slice_root = slice.fib_root[XS_FAMILY4];
	return used;
}

static void what_is_in_force_is_kept_then_released(void **state)
{
	uint32_t root, used = leave_behind(&root), leaf = 0;
	struct xs_pool *pool = new_pool();
	struct xs_nexthops *nexthops = xs_nexthops_new(&maps);
	struct xs_mux_space *space;
	struct xs_takeup *takeup;
	struct xs_slice none = {0};
	struct xs_table *fresh[BLOCKS];
	size_t fresh_count = 0;

	assert_non_null(nexthops);
	assert_int_equal(xs_takeup_new(&maps, pool, nexthops, &takeup), 0);
	assert_int_equal(xs_pool_used(pool), used);
	space = xs_mux_space_new(&maps, pool);
	assert_non_null(space);

	/* New tables fill all that is free, and the former one still answers. */
	while (fresh_count < BLOCKS && (fresh[fresh_count] = xs_table_new(pool, 4)))
		xs_table_set(fresh[fresh_count++], (const uint8_t *)"\x0a\x00\x00\x05", 32, 60);
	assert_true(xs_tables_lookup(xs_node_maps_tables(&maps), root, (const uint8_t *)"\xc0\x00\x02\x0a", 4, &leaf));
	assert_int_equal(leaf, EDGE_HOP);
	assert_true(xs_tables_lookup(xs_node_maps_tables(&maps), xs_node_maps_nexthop(&maps)[EDGE_HOP].edge_root,
				     (const uint8_t *)"\xc0\x00\x02\x0a", 4, &leaf));
	assert_int_equal(leaf, USER_HOP);

	used = xs_pool_used(pool);
	assert_int_equal(xs_node_maps_put(&maps, XS_MAP_slice, 3, &none), 1);
	xs_takeup_release(takeup, space);
	assert_true(xs_pool_used(pool) < used);
	for (size_t i = 0; i < fresh_count; i++)
		xs_table_free(fresh[i]);
	xs_takeup_free(takeup);
	xs_mux_space_free(space);
	xs_nexthops_free(nexthops);
	xs_pool_free(pool);
}

/* Numbers that lead nowhere, or round in a circle, are what a broken writer leaves: they end the walk and nothing else. */
static void nonsense_is_survived(void **state)
{
	struct xs_block *blocks = xs_node_maps_block(&maps);
	struct xs_vport vport = {.kind = XS_VPORT_MUX, .slice = 3};
	struct xs_slice slice = {.fib_root[XS_FAMILY4] = 2}, far = {.fib_root[XS_FAMILY4] = 4000000};
	struct xs_pool *pool = new_pool();
	struct xs_nexthops *nexthops = xs_nexthops_new(&maps);
	struct xs_takeup *takeup;

	blocks[2].entry[0] = XS_ENTRY_BLOCK | 2;
	for (unsigned int i = 4; i < XS_BLOCK_ENTRIES; i++)
		blocks[2].entry[i] = XS_ENTRY_BLOCK | (i % 2 + 2);
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++)
		blocks[3].entry[i] = XS_ENTRY_BLOCK | (i % 2 + 2);
	blocks[2].entry[1] = XS_ENTRY_BLOCK | 900000;
	blocks[2].entry[2] = XS_ENTRY_LEAF | 900000;
	blocks[2].entry[3] = XS_ENTRY_LEAF | EDGE_HOP;
	xs_node_maps_nexthop(&maps)[EDGE_HOP].edge_root = 900000;
	xs_node_maps_nexthop(&maps)[EDGE_HOP].kind = XS_NEXTHOP_EDGE;
	assert_int_equal(xs_node_maps_put(&maps, XS_MAP_vport, 1, &vport), 1);
	assert_int_equal(xs_node_maps_put(&maps, XS_MAP_slice, 3, &slice), 1);
	assert_int_equal(xs_node_maps_put(&maps, XS_MAP_slice, 4, &far), 1);
	assert_int_equal(xs_takeup_new(&maps, pool, nexthops, &takeup), 0);
	assert_int_equal(xs_pool_used(pool), 2);
	xs_takeup_free(takeup);
	xs_nexthops_free(nexthops);
	xs_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_in_force_is_kept_then_released, set_up, take_down),
		cmocka_unit_test_setup_teardown(nonsense_is_survived, set_up, take_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
