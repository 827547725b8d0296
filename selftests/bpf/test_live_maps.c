/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed access to real BPF maps: what is refused, batches against single reads, mappings that the kernel's side sees, a
 * large policy, the grace period. Needs the right to make maps; exits 77 without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "maps/grace.h"
#include "maps/mux_policy.h"
#include "maps/node_maps.h"

#define PAGES 16384

static int make_map(enum xs_map_id id, uint32_t entries)
{
	const struct xs_map_info *info = xs_map_info(id);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = info->mapped ? BPF_F_MMAPABLE : 0);

	return bpf_map_create(info->per_cpu ? BPF_MAP_TYPE_PERCPU_ARRAY : BPF_MAP_TYPE_ARRAY, "xs_test", 4,
			      info->value_size, entries, &opts);
}

static void make_all(int fd[XS_MAP_COUNT])
{
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		fd[i] = make_map(i, !strncmp(xs_map_info(i)->name, "mux_", 4) ? PAGES : 4096);
		assert_true(fd[i] >= 0);
	}
}

static void close_all(int fd[XS_MAP_COUNT])
{
	for (int i = 0; i < XS_MAP_COUNT; i++)
		close(fd[i]);
}

static void test_another_layout_is_refused(void **state)
{
	struct xs_node_maps maps;
	int fd[XS_MAP_COUNT], kept;

	make_all(fd);
	assert_int_equal(xs_node_maps_init(&maps, fd, true), 0);
	xs_node_maps_close(&maps);
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		const struct xs_map_info *info = xs_map_info(i);

		/* The value of another size, the wrong type, and not mappable where it must be. */
		kept = fd[i];
		fd[i] = bpf_map_create(info->per_cpu ? BPF_MAP_TYPE_PERCPU_ARRAY : BPF_MAP_TYPE_ARRAY, "xs_test", 4,
				       info->value_size + 8, 16, NULL);
		assert_int_equal(xs_node_maps_init(&maps, fd, false), -EPROTO);
		close(fd[i]);
		fd[i] = bpf_map_create(info->per_cpu || info->mapped ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_PERCPU_ARRAY,
				       "xs_test", 4, info->value_size, 16, NULL);
		assert_int_equal(xs_node_maps_init(&maps, fd, false), -EPROTO);
		close(fd[i]);
		fd[i] = kept;
	}
	close_all(fd);
}

static void test_batches_and_mappings(void **state)
{
	struct xs_node_maps maps;
	struct xs_mux_stats *rules = calloc(5000, sizeof(*rules)), got;
	struct xs_nexthop nexthop;
	int fd[XS_MAP_COUNT];
	uint64_t word;
	uint32_t key = 17;

	make_all(fd);
	assert_int_equal(xs_node_maps_init(&maps, fd, true), 0);
	for (uint32_t i = 0; i < 5000; i++)
		rules[i] = (struct xs_mux_stats){{i + 1, 3}};
	assert_int_equal(xs_node_maps_put_many(&maps, XS_MAP_mux_stats, 0, 5000, rules), 5000);
	assert_int_equal(xs_node_maps_put_many(&maps, XS_MAP_mux_stats, 0, 5000, rules), 0);
	rules[4999].packets[1] = rules[0].packets[1] = 4;
	assert_int_equal(xs_node_maps_put_many(&maps, XS_MAP_mux_stats, 0, 5000, rules), 2);
	for (uint32_t i = 0; i < 5000; i += 7) {
		assert_int_equal(xs_node_maps_get(&maps, XS_MAP_mux_stats, i, &got), 0);
		assert_memory_equal(&got, &rules[i], sizeof(got));
	}
	/* The end of the map too, where a batch finds no further key. */
	assert_int_equal(xs_node_maps_put_many(&maps, XS_MAP_mux_stats, PAGES - 5000, 5000, rules), 5000);
	assert_int_equal(xs_node_maps_put_many(&maps, XS_MAP_mux_stats, PAGES - 5000, 5000, rules), 0);

	xs_node_maps_nexthop(&maps)[17].vport = 4711;
	assert_int_equal(bpf_map_lookup_elem(fd[XS_MAP_nexthop], &key, &nexthop), 0);
	assert_int_equal(nexthop.vport, 4711);
	xs_node_maps_block(&maps)[17].entry[255] = 1;
	assert_int_equal(xs_cell_set(&maps, 17, XS_CELL(9, 1)), 1);
	assert_int_equal(bpf_map_lookup_elem(fd[XS_MAP_cell], &key, &word), 0);
	assert_int_equal(word, XS_CELL(9, 1));
	xs_node_maps_close(&maps);

	/* Reading needs no mapping, and may not write cells. */
	assert_int_equal(xs_node_maps_init(&maps, fd, false), 0);
	assert_null(maps.mapped[XS_MAP_cell]);
	assert_int_equal(xs_cell_get(&maps, 17, &word), 0);
	assert_int_equal(word, XS_CELL(9, 1));
	assert_int_equal(xs_cell_set(&maps, 17, 1), -EROFS);
	xs_node_maps_close(&maps);
	close_all(fd);
	free(rules);
}

static void test_a_large_policy(void **state)
{
	size_t count = 100001;
	struct xs_condition *c = calloc(count, sizeof(*c));
	struct xs_policy *policy, *again;
	struct xs_node_maps maps, reader;
	struct xs_port port = {};
	struct xs_mux_space *space, *other;
	struct xs_pool *pool, *second;
	uint32_t *rules = calloc(count, sizeof(*rules)), mux;
	int fd[XS_MAP_COUNT];
	uint64_t writes;

	for (uint32_t i = 0; i < count; i++) {
		c[i].position = i;
		c[i].slice = c[i].vport = 1;
		if (i < count - 1) {
			uint8_t to[4] = {10, i >> 16, i >> 8, i};

			memcpy(c[i].destination, to, 4);
			c[i].destination_length = 32;
		}
	}
	make_all(fd);
	assert_int_equal(xs_node_maps_init(&maps, fd, true), 0);
	pool = xs_pool_new(xs_node_maps_tables(&maps), NULL, NULL);
	space = xs_mux_space_new(&maps, pool);
	assert_int_equal(xs_policy_build(space, 1, c, count, &policy), 0);
	port.mux = mux = xs_policy_mux(policy);
	assert_int_equal(xs_node_maps_put(&maps, XS_MAP_port, 2, &port), 1);

	/* Read without any mapping, as the command does. */
	assert_int_equal(xs_node_maps_init(&reader, fd, false), 0);
	assert_int_equal(xs_mux_rules(&reader, mux, rules, count), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rules[i], xs_policy_rule(policy, i));
	xs_node_maps_close(&reader);

	/* A second agent finds it and writes nothing. */
	second = xs_pool_new(xs_node_maps_tables(&maps), NULL, NULL);
	other = xs_mux_space_new(&maps, second);
	writes = maps.writes;
	assert_int_equal(xs_policy_adopt(other, mux, c, count, &again), 0);
	assert_int_equal(maps.writes, writes);
	assert_int_equal(xs_pool_writes(second), 0);
	xs_policy_free(again);
	xs_mux_space_free(other);
	xs_pool_free(second);
	xs_policy_free(policy);
	xs_mux_space_free(space);
	xs_pool_free(pool);
	xs_node_maps_close(&maps);
	close_all(fd);
	free(rules);
	free(c);
}

static void test_grace_returns(void **state)
{
	xs_grace();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_layout_is_refused),
		cmocka_unit_test(test_batches_and_mappings),
		cmocka_unit_test(test_a_large_policy),
		cmocka_unit_test(test_grace_returns),
	};
	int fd = make_map(XS_MAP_port, 1);

	if (fd < 0) {
		printf("SKIP: no BPF map can be made: %s\n", strerror(errno));
		return 77;
	}
	close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
