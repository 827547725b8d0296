// SPDX-License-Identifier: GPL-2.0-or-later
/* test_datapath_loader.c - loading, pinning, attaching, growing and taking away. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "selftests/bpf/datapath_stage.h"

static struct xs_datapath *open_datapath(const struct xs_datapath_size *size)
{
	return stage_datapath(size, NULL);
}

static uint32_t tc_program(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = stage_port, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = XS_TC_HANDLE, .priority = XS_TC_PRIORITY);

	return bpf_tc_query(&hook, &found) ? 0 : found.prog_id;
}

static bool qdisc_is_there(void)
{
	return !system("tc qdisc show dev p0 | grep -q clsact");
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void opens_anew_and_pins(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small);
	struct xs_node_maps maps;
	char directory[256];
	struct stat status;

	assert_false(xs_datapath_taken_up(datapath));
	assert_false(xs_datapath_grown(datapath));
	assert_true(xs_datapath_fits(datapath, &stage_small));
	assert_int_equal(xs_pin_dir(stage_node, directory, sizeof(directory)), 0);
	assert_int_equal(stat(directory, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(xs_node_maps_open(&maps, stage_node, false), 0);
	assert_int_equal(maps.entries[XS_MAP_block], 1024);
	assert_true(maps.entries[XS_MAP_label] == maps.entries[XS_MAP_port] * XS_VIDS);
	xs_node_maps_close(&maps);
	xs_datapath_close(datapath);
}

static void takes_up_what_is_pinned(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small);
	uint32_t id[XS_HOOK_COUNT];

	memcpy(id, xs_datapath_program_ids(datapath), sizeof(id));
	assert_int_equal(xs_cell_set(xs_datapath_maps(datapath), 5, XS_CELL(7, 3)), 1);
	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	stage_attach(datapath, XS_HOOK_XDP_PORT, 0);
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	stage_attach(datapath, XS_HOOK_TC_PORT, 0);
	xs_datapath_close(datapath);
	assert_int_equal(stage_xdp(), id[XS_HOOK_XDP_PORT]);
	assert_int_equal(tc_program(), id[XS_HOOK_TC_PORT]);

	uint64_t word = 0;

	datapath = open_datapath(&stage_small);
	assert_true(xs_datapath_taken_up(datapath));
	assert_memory_equal(id, xs_datapath_program_ids(datapath), sizeof(id));
	assert_int_equal(xs_cell_get(xs_datapath_maps(datapath), 5, &word), 0);
	assert_int_equal(word, XS_CELL(7, 3));
	assert_true(xs_datapath_owns(datapath, id[XS_HOOK_XDP_PORT]));
	stage_attach(datapath, XS_HOOK_XDP_PORT, 0);
	stage_attach(datapath, XS_HOOK_TC_PORT, 0);
	xs_datapath_close(datapath);
}

static void grows_without_losing_content(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small);
	struct xs_datapath_size large = stage_small;
	struct xs_vport vport = {.kind = XS_VPORT_LINK, .slice = 9, .veth = stage_port}, read;
	uint32_t former = xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT], label = 77;
	struct xs_node_maps *maps = xs_datapath_maps(datapath);

	xs_node_maps_block(maps)[1023].entry[255] = XS_ENTRY_LEAF | 42;
	assert_int_equal(xs_node_maps_put(maps, XS_MAP_vport, 1, &vport), 1);
	assert_int_equal(xs_node_maps_put(maps, XS_MAP_label, XS_VIDS + 4094, &label), 1);
	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	stage_attach(datapath, XS_HOOK_TC_SLIVER, 1);
	xs_datapath_close(datapath);

	large.blocks = 5000;
	large.vports = 3000;
	large.ports = 40;
	datapath = open_datapath(&large);
	maps = xs_datapath_maps(datapath);
	assert_true(xs_datapath_taken_up(datapath));
	assert_true(xs_datapath_grown(datapath));
	assert_true(xs_datapath_fits(datapath, &large));
	assert_true(maps->entries[XS_MAP_block] >= 5000);
	assert_int_equal(xs_node_maps_block(maps)[1023].entry[255], XS_ENTRY_LEAF | 42);
	assert_int_equal(xs_node_maps_get(maps, XS_MAP_vport, 1, &read), 0);
	assert_memory_equal(&read, &vport, sizeof(vport));
	label = 0;
	assert_int_equal(xs_node_maps_get(maps, XS_MAP_label, XS_VIDS + 4094, &label), 0);
	assert_int_equal(label, 77);
	/* The port still runs the former program, which is known as ours; then the one that reads the new maps. */
	assert_int_equal(stage_xdp(), former);
	assert_true(xs_datapath_owns(datapath, former));
	if (xs_datapath_replace(datapath, stage_netns, stage_error))
		fail_msg("replace: %s", stage_error);
	assert_int_not_equal(xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT], former);
	assert_int_equal(stage_xdp(), xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT]);
	assert_int_equal(tc_program(), xs_datapath_program_ids(datapath)[XS_HOOK_TC_SLIVER]);
	xs_datapath_close(datapath);

	/* Smaller wishes later leave it as large as it is. */
	datapath = open_datapath(&stage_small);
	assert_false(xs_datapath_grown(datapath));
	assert_true(xs_datapath_maps(datapath)->entries[XS_MAP_block] >= 5000);
	xs_datapath_close(datapath);
}

static void refuses_a_port_with_a_foreign_program(void **state)
{
	int fd = stage_program(BPF_PROG_TYPE_XDP, "somebody", XDP_PASS);
	struct xs_datapath *datapath;
	uint32_t foreign;

	assert_int_equal(bpf_xdp_attach(stage_port, fd, XDP_FLAGS_DRV_MODE, NULL), 0);
	foreign = stage_xdp();
	datapath = open_datapath(&stage_small);
	assert_false(xs_datapath_owns(datapath, foreign));
	stage_attach(datapath, XS_HOOK_XDP_PORT, -EBUSY);
	stage_said("somebody");
	stage_said("p0");
	assert_int_equal(stage_xdp(), foreign);
	xs_datapath_close(datapath);
	assert_int_equal(xs_datapath_clean(stage_node, stage_netns, stage_error), 0);
	assert_int_equal(stage_xdp(), foreign);
	close(fd);
}

static void cleans_without_trace(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small);
	char directory[256];

	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_true(qdisc_is_there());
	xs_datapath_close(datapath);
	assert_int_equal(xs_datapath_clean(stage_node, stage_netns, stage_error), 0);
	assert_int_equal(stage_xdp(), 0);
	assert_false(qdisc_is_there());
	snprintf(directory, sizeof(directory), "%s/%s", XS_PIN_ROOT, stage_node);
	assert_int_not_equal(access(directory, F_OK), 0);
	assert_int_equal(xs_datapath_clean(stage_node, stage_netns, stage_error), 0);
}

/* The port went and another device has its index: the pinned link holds on to nothing, and is made anew. */
static void attaches_anew_to_a_device_that_came_back(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small);
	char command[160];

	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	stage_run("ip link del p0");
	snprintf(command, sizeof(command),
		 "ip link add p0 index %u numrxqueues 1 numtxqueues 1 type veth peer name p1 numrxqueues 1 numtxqueues 1", stage_port);
	stage_run(command);
	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	assert_int_equal(stage_xdp(), xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT]);
	assert_int_equal(xs_datapath_detach(datapath, XS_HOOK_XDP_PORT, stage_netns, stage_port), 0);
	assert_int_equal(stage_xdp(), 0);
	xs_datapath_close(datapath);
}

/* An upgrade: the port goes on with the former version's program and maps until it is attached anew. */
static void takes_over_from_another_version(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small);
	uint32_t former = xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT];
	char directory[240], other[256];

	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	xs_datapath_close(datapath);
	assert_int_equal(xs_pin_dir(stage_node, directory, sizeof(directory)), 0);
	snprintf(other, sizeof(other), "%s/%s/v0", XS_PIN_ROOT, stage_node);
	assert_int_equal(rename(directory, other), 0);

	datapath = open_datapath(&stage_small);
	assert_false(xs_datapath_taken_up(datapath));
	assert_int_not_equal(access(other, F_OK), 0);
	assert_int_equal(stage_xdp(), former);
	assert_true(xs_datapath_owns(datapath, former));
	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(stage_xdp(), xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT]);
	assert_int_not_equal(stage_xdp(), former);
	xs_datapath_close(datapath);
	assert_int_equal(xs_datapath_clean(stage_node, stage_netns, stage_error), 0);
	assert_int_equal(stage_xdp(), 0);
	assert_false(qdisc_is_there());
}

/* The definition says another mode: the port changes over. */
static void changes_the_xdp_mode(void **state)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct xs_datapath *datapath = open_datapath(&stage_small);

	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	assert_int_equal(xs_datapath_attach(datapath, XS_HOOK_XDP_PORT, stage_netns, stage_port, XS_HOW_GENERIC, stage_error), 1);
	assert_int_equal(bpf_xdp_query(stage_port, 0, &query), 0);
	assert_int_equal(query.attach_mode, XDP_ATTACHED_SKB);
	assert_int_equal(xs_datapath_attach(datapath, XS_HOOK_XDP_PORT, stage_netns, stage_port, XS_HOW_GENERIC, stage_error), 0);
	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	xs_datapath_close(datapath);
}

/* A native program that does not know frames of several pages is refused where such may come. */
static void takes_a_port_of_jumbo_frames(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small);

	stage_run("ip link set p0 mtu 9000 && ip link set p1 mtu 9000");
	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	xs_datapath_close(datapath);
}

static void leaves_ports_that_are_not_kept(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small);

	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(xs_datapath_keep(datapath, XS_HOOK_XDP_PORT, stage_netns, &stage_port, 1), 0);
	assert_int_not_equal(stage_xdp(), 0);
	assert_int_equal(xs_datapath_keep(datapath, XS_HOOK_XDP_PORT, stage_netns, NULL, 0), 0);
	assert_int_equal(stage_xdp(), 0);
	assert_int_not_equal(tc_program(), 0);
	assert_int_equal(xs_datapath_keep(datapath, XS_HOOK_TC_PORT, stage_netns, NULL, 0), 0);
	assert_int_equal(tc_program(), 0);
	assert_false(qdisc_is_there());
	xs_datapath_close(datapath);
}

static void refuses_pins_of_another_layout(void **state)
{
	struct xs_datapath *datapath = open_datapath(&stage_small), *none = NULL;
	char directory[240], path[256];
	int fd;

	xs_datapath_close(datapath);
	assert_int_equal(xs_pin_dir(stage_node, directory, sizeof(directory)), 0);
	snprintf(path, sizeof(path), "%s/port", directory);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "port", 4, 8, 16, NULL);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_int_equal(xs_datapath_open(stage_node, &stage_small, NULL, &none, stage_error), -EPROTO);
	assert_null(none);
	stage_said("port");
}

/* Ids of programs only grow: those of a load that was made before now are not above this. */
static uint32_t newest_program(void)
{
	uint32_t id = 0;

	while (!bpf_prog_get_next_id(id, &id))
		;
	return id;
}

/* Opens with a spare of `have` for `wanted`. Did it serve? */
static bool spare_serves(const struct xs_datapath_size *have, const struct xs_datapath_size *wanted)
{
	struct xs_datapath *spare = NULL, *datapath;
	uint32_t newest;
	bool serves;

	assert_int_equal(xs_datapath_spare(have, &spare, stage_error), 0);
	newest = newest_program();
	datapath = stage_datapath(wanted, spare);
	xs_datapath_close(spare);
	serves = !xs_datapath_taken_up(datapath) && xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT] <= newest;
	assert_true(xs_datapath_fits(datapath, wanted));
	stage_attach(datapath, XS_HOOK_XDP_PORT, 1);
	assert_int_equal(xs_datapath_detach(datapath, XS_HOOK_XDP_PORT, stage_netns, stage_port), 0);
	xs_datapath_close(datapath);
	return serves;
}

static void takes_a_spare_where_nothing_is_pinned(void **state)
{
	struct xs_datapath_size large = stage_small;

	assert_true(spare_serves(&stage_small, &stage_small));
	/* What is pinned counts, even where it is as good. */
	assert_false(spare_serves(&stage_small, &stage_small));
	assert_int_equal(xs_datapath_clean(stage_node, stage_netns, stage_error), 0);
	large.blocks = 5000;
	assert_false(spare_serves(&stage_small, &large));
	assert_int_equal(xs_datapath_clean(stage_node, stage_netns, stage_error), 0);
	assert_true(spare_serves(&large, &stage_small));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(opens_anew_and_pins),
		STAGE_TEST(takes_up_what_is_pinned),
		STAGE_TEST(grows_without_losing_content),
		STAGE_TEST(refuses_a_port_with_a_foreign_program),
		STAGE_TEST(cleans_without_trace),
		STAGE_TEST(attaches_anew_to_a_device_that_came_back),
		STAGE_TEST(takes_over_from_another_version),
		STAGE_TEST(takes_a_port_of_jumbo_frames),
		STAGE_TEST(changes_the_xdp_mode),
		STAGE_TEST(leaves_ports_that_are_not_kept),
		STAGE_TEST(refuses_pins_of_another_layout),
		STAGE_TEST(takes_a_spare_where_nothing_is_pinned),
	};

	return cmocka_run_group_tests(tests, stage_open, NULL);
}
