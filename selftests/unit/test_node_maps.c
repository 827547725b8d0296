/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Typed access to a node's maps, with the maps in plain memory: what is written, counted, summed and refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/node_maps.h"

#define CPUS 3

static int setup(void **state)
{
	struct xs_node_maps *maps = malloc(sizeof(*maps));
	uint32_t entries[XS_MAP_COUNT];

	for (int i = 0; i < XS_MAP_COUNT; i++)
		entries[i] = 10000;
	assert_int_equal(xs_node_maps_init_memory(maps, entries, CPUS), 0);
	*state = maps;
	return 0;
}

static int teardown(void **state)
{
	xs_node_maps_close(*state);
	free(*state);
	return 0;
}

static void test_names(void **state)
{
	char dir[64], expected[64];

	snprintf(expected, sizeof(expected), "%s/R1/v%d", XS_PIN_ROOT, XS_CONTRACT_VERSION);
	assert_int_equal(xs_pin_dir("R1", dir, sizeof(dir)), 0);
	assert_string_equal(dir, expected);
	assert_int_equal(xs_pin_dir("R1", dir, strlen(dir)), -ENAMETOOLONG);
	assert_string_equal(xs_map_info(XS_MAP_mux_stats)->name, "mux_stats");
	assert_true(xs_map_info(XS_MAP_mux_stats)->per_cpu && xs_map_info(XS_MAP_block)->mapped);
	assert_null(xs_map_info(XS_MAP_COUNT));
	assert_string_equal(xs_verdict_name(XS_FORWARDED), "forwarded");
	assert_string_equal(xs_verdict_name(XS_DROP_FIRST), "malformed");
	assert_string_equal(xs_verdict_name(XS_VERDICT_COUNT), "?");
	for (int i = 0; i < XS_VERDICT_COUNT; i++)
		assert_true(xs_verdict_name(i)[0] && xs_verdict_text(i)[0]);
}

static void test_put_writes_only_what_differs(void **state)
{
	struct xs_node_maps *maps = *state;
	struct xs_port port = {.ifindex = 7}, got;

	assert_int_equal(xs_node_maps_put(maps, XS_MAP_port, 3, &port), 1);
	assert_int_equal(xs_node_maps_put(maps, XS_MAP_port, 3, &port), 0);
	port.mux = 1;
	assert_int_equal(xs_node_maps_put(maps, XS_MAP_port, 3, &port), 1);
	assert_int_equal(maps->writes, 2);
	assert_int_equal(xs_node_maps_get(maps, XS_MAP_port, 3, &got), 0);
	assert_memory_equal(&got, &port, sizeof(got));
	assert_int_equal(xs_node_maps_put(maps, XS_MAP_port, 10000, &port), -ERANGE);
	assert_int_equal(xs_node_maps_get(maps, XS_MAP_port, 10000, &got), -ERANGE);
}

static void test_put_many(void **state)
{
	struct xs_node_maps *maps = *state;
	struct xs_mux_stats *rules = calloc(9000, sizeof(*rules)), got;

	for (uint32_t i = 0; i < 9000; i++)
		rules[i].packets[15] = i + 1;
	assert_int_equal(xs_node_maps_put_many(maps, XS_MAP_mux_stats, 500, 9000, rules), 9000);
	assert_int_equal(xs_node_maps_put_many(maps, XS_MAP_mux_stats, 500, 9000, rules), 0);
	/* Lonely ones, neighbours, the first and the last. */
	rules[0].packets[0] = rules[4000].packets[0] = rules[4001].packets[0] = rules[8999].packets[0] = 5;
	assert_int_equal(xs_node_maps_put_many(maps, XS_MAP_mux_stats, 500, 9000, rules), 4);
	assert_int_equal(maps->writes, 9004);
	for (uint32_t i = 0; i < 9000; i++) {
		assert_int_equal(xs_node_maps_get(maps, XS_MAP_mux_stats, 500 + i, &got), 0);
		assert_memory_equal(&got, &rules[i], sizeof(got));
	}
	assert_int_equal(xs_node_maps_get(maps, XS_MAP_mux_stats, 499, &got), 0);
	assert_int_equal(got.packets[15], 0);
	assert_int_equal(xs_node_maps_put_many(maps, XS_MAP_mux_stats, 1001, 9000, rules), -ERANGE);
	assert_int_equal(xs_node_maps_put_many(maps, XS_MAP_mux_stats, 10000, 0, rules), 0);
	free(rules);
}

static void test_sums_and_clear(void **state)
{
	struct xs_node_maps *maps = *state;
	struct xs_slice_stats *slice = maps->mapped[XS_MAP_slice_stats], total;
	struct xs_mux_stats *page = maps->mapped[XS_MAP_mux_stats];
	uint64_t packets;

	for (int cpu = 0; cpu < CPUS; cpu++) {
		slice[2 * CPUS + cpu].verdict[XS_BLACKHOLE] = 10 + cpu;
		page[5 * CPUS + cpu].packets[7] = 1 + cpu;
		page[5 * CPUS + cpu].packets[8] = 1000;
	}
	assert_int_equal(xs_slice_stats_sum(maps, 2, &total), 0);
	assert_int_equal(total.verdict[XS_BLACKHOLE], 33);
	assert_int_equal(total.verdict[XS_FORWARDED], 0);
	assert_int_equal(xs_slice_stats_sum(maps, 3, &total), 0);
	assert_int_equal(total.verdict[XS_BLACKHOLE], 0);
	assert_int_equal(xs_slice_stats_sum(maps, 10000, &total), -ERANGE);
	assert_int_equal(xs_mux_rule_stats_sum(maps, 5 << XS_RULE_BITS | 7, &packets), 0);
	assert_int_equal(packets, 6);
	assert_int_equal(xs_mux_rule_stats_sum(maps, 0, &packets), 0);
	assert_int_equal(packets, 0);
	assert_int_equal(xs_mux_rule_stats_sum(maps, 10000 << XS_RULE_BITS, &packets), -ERANGE);

	assert_int_equal(xs_stats_clear(maps, XS_MAP_slice_stats, 2), 0);
	assert_int_equal(xs_slice_stats_sum(maps, 2, &total), 0);
	assert_int_equal(total.verdict[XS_BLACKHOLE], 0);
	assert_int_equal(xs_stats_clear(maps, XS_MAP_port, 2), -EINVAL);
}

static void test_cells(void **state)
{
	struct xs_node_maps *maps = *state;
	uint64_t word = 1;

	assert_int_equal(xs_cell_get(maps, 9, &word), 0);
	assert_int_equal(word, 0);
	assert_int_equal(xs_cell_set(maps, 9, XS_CELL(3, 2)), 1);
	assert_int_equal(xs_cell_set(maps, 9, XS_CELL(3, 2)), 0);
	assert_int_equal(maps->writes, 1);
	assert_int_equal(xs_cell_get(maps, 9, &word), 0);
	assert_int_equal(word, 0x30002);
	assert_int_equal(xs_cell_set(maps, 10000, 1), -ERANGE);
	assert_int_equal(xs_cell_get(maps, 10000, &word), -ERANGE);
}

static void test_nothing_of_a_map_is_taken(void **state)
{
	struct xs_node_maps maps, before;
	int fd[XS_MAP_COUNT];

	for (int i = 0; i < XS_MAP_COUNT; i++)
		fd[i] = -1;
	memset(&maps, 0x5a, sizeof(maps));
	before = maps;
	assert_int_equal(xs_node_maps_init(&maps, fd, true), -EBADF);
	assert_true(xs_node_maps_open(&maps, "no-such-node", false) < 0);
	assert_memory_equal(&maps, &before, sizeof(maps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_put_writes_only_what_differs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sums_and_clear, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cells, setup, teardown),
		cmocka_unit_test(test_nothing_of_a_map_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
