// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_datapath_loader.c - loading, pinning, attaching, growing and taking away, on a veth in a namespace of the test's own.
 *
 *     [ the test's unnamed namespace:  p0 ---veth--- p1 ]
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/if_link.h>
#include <linux/magic.h>

#include "loader/node/datapath.h"

static char node[16], error[256];
static int netns = -1;
static uint32_t port;

static const struct xs_datapath_size small = {.ports = 2, .vports = 2, .slices = 2, .nexthops = 2, .blocks = 1024,
					      .cells = 16, .muxes = 2, .pages = 16, .nodes = 16, .generals = 16};

static void run(const char *command)
{
	int status = system(command);

	if (status)
		fail_msg("%s: status %d", command, status);
}

static struct xs_datapath *open_with(const struct xs_datapath_size *size, struct xs_datapath *spare)
{
	struct xs_datapath *datapath = NULL;
	int err = xs_datapath_open(node, size, spare, &datapath, error);

	if (err)
		fail_msg("open: %d: %s", err, error);
	return datapath;
}

static struct xs_datapath *open_datapath(const struct xs_datapath_size *size)
{
	return open_with(size, NULL);
}

static void attach(struct xs_datapath *datapath, enum xs_hook hook, int expected)
{
	int result = xs_datapath_attach(datapath, hook, netns, port, 0, error);

	if (result != expected)
		fail_msg("hook %d: %d instead of %d: %s", hook, result, expected, result < 0 ? error : "");
}

static uint32_t xdp_program(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id(port, 0, &id), 0);
	return id;
}

static uint32_t tc_program(uint32_t handle, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = port, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = handle, .priority = priority);

	return bpf_tc_query(&hook, &found) ? 0 : found.prog_id;
}

static bool qdisc_is_there(void)
{
	return !system("tc qdisc show dev p0 | grep -q clsact");
}

static int pass_all(enum bpf_prog_type type, uint32_t verdict)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(type, "somebody", "GPL", code, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

/* ---- the stage ----------------------------------------------------------------------------------------------------- */

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return 0;
}

static int set_up_stage(void **state)
{
	struct statfs fs;

	libbpf_set_print(say_nothing);
	snprintf(node, sizeof(node), "tload%d", getpid() % 100000);
	if (unshare(CLONE_NEWNET))
		return -1;
	netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!statfs("/sys/fs/bpf", &fs) && fs.f_type != BPF_FS_MAGIC && mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return -1;
	return netns < 0 ? -1 : 0;
}

static int set_up(void **state)
{
	run("ip link add p0 numrxqueues 1 numtxqueues 1 type veth peer name p1 numrxqueues 1 numtxqueues 1");
	run("ip link set p0 up && ip link set p1 up");
	port = if_nametoindex("p0");
	assert_int_not_equal(port, 0);
	return 0;
}

static int take_down(void **state)
{
	int err = xs_datapath_clean(node, netns, error);

	run("ip link del p0");
	return err;
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void opens_anew_and_pins(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small);
	struct xs_node_maps maps;
	char directory[256];
	struct stat status;

	assert_false(xs_datapath_taken_up(datapath));
	assert_false(xs_datapath_grown(datapath));
	assert_true(xs_datapath_fits(datapath, &small));
	assert_int_equal(xs_pin_dir(node, directory, sizeof(directory)), 0);
	assert_int_equal(stat(directory, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(xs_node_maps_open(&maps, node, false), 0);
	assert_int_equal(maps.entries[XS_MAP_block], 1024);
	assert_true(maps.entries[XS_MAP_label] == maps.entries[XS_MAP_port] * XS_VIDS);
	xs_node_maps_close(&maps);
	xs_datapath_close(datapath);
}

static void takes_up_what_is_pinned(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small);
	uint32_t id[XS_HOOK_COUNT];

	memcpy(id, xs_datapath_program_ids(datapath), sizeof(id));
	assert_int_equal(xs_cell_set(xs_datapath_maps(datapath), 5, XS_CELL(7, 3)), 1);
	attach(datapath, XS_HOOK_XDP_PORT, 1);
	attach(datapath, XS_HOOK_XDP_PORT, 0);
	attach(datapath, XS_HOOK_TC_PORT, 1);
	attach(datapath, XS_HOOK_TC_PORT, 0);
	xs_datapath_close(datapath);
	assert_int_equal(xdp_program(), id[XS_HOOK_XDP_PORT]);
	assert_int_equal(tc_program(XS_TC_HANDLE, XS_TC_PRIORITY), id[XS_HOOK_TC_PORT]);

	uint64_t word = 0;

	datapath = open_datapath(&small);
	assert_true(xs_datapath_taken_up(datapath));
	assert_memory_equal(id, xs_datapath_program_ids(datapath), sizeof(id));
	assert_int_equal(xs_cell_get(xs_datapath_maps(datapath), 5, &word), 0);
	assert_int_equal(word, XS_CELL(7, 3));
	assert_true(xs_datapath_owns(datapath, id[XS_HOOK_XDP_PORT]));
	attach(datapath, XS_HOOK_XDP_PORT, 0);
	attach(datapath, XS_HOOK_TC_PORT, 0);
	xs_datapath_close(datapath);
}

static void grows_without_losing_content(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small);
	struct xs_datapath_size large = small;
	struct xs_vport vport = {.kind = XS_VPORT_LINK, .slice = 9, .veth = port}, read;
	uint32_t former = xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT], label = 77;
	struct xs_node_maps *maps = xs_datapath_maps(datapath);

	xs_node_maps_block(maps)[1023].entry[255] = XS_ENTRY_LEAF | 42;
	assert_int_equal(xs_node_maps_put(maps, XS_MAP_vport, 1, &vport), 1);
	assert_int_equal(xs_node_maps_put(maps, XS_MAP_label, XS_VIDS + 4094, &label), 1);
	attach(datapath, XS_HOOK_XDP_PORT, 1);
	attach(datapath, XS_HOOK_TC_SLIVER, 1);
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
	assert_int_equal(xdp_program(), former);
	assert_true(xs_datapath_owns(datapath, former));
	if (xs_datapath_replace(datapath, netns, error))
		fail_msg("replace: %s", error);
	assert_int_not_equal(xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT], former);
	assert_int_equal(xdp_program(), xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT]);
	assert_int_equal(tc_program(XS_TC_HANDLE, XS_TC_PRIORITY), xs_datapath_program_ids(datapath)[XS_HOOK_TC_SLIVER]);
	xs_datapath_close(datapath);

	/* Smaller wishes later leave it as large as it is. */
	datapath = open_datapath(&small);
	assert_false(xs_datapath_grown(datapath));
	assert_true(xs_datapath_maps(datapath)->entries[XS_MAP_block] >= 5000);
	xs_datapath_close(datapath);
}

static void refuses_a_port_with_a_foreign_program(void **state)
{
	int fd = pass_all(BPF_PROG_TYPE_XDP, XDP_PASS);
	struct xs_datapath *datapath;
	uint32_t foreign;

	assert_int_equal(bpf_xdp_attach(port, fd, XDP_FLAGS_DRV_MODE, NULL), 0);
	foreign = xdp_program();
	datapath = open_datapath(&small);
	assert_false(xs_datapath_owns(datapath, foreign));
	attach(datapath, XS_HOOK_XDP_PORT, -EBUSY);
	assert_non_null(strstr(error, "somebody"));
	assert_non_null(strstr(error, "p0"));
	assert_int_equal(xdp_program(), foreign);
	xs_datapath_close(datapath);
	assert_int_equal(xs_datapath_clean(node, netns, error), 0);
	assert_int_equal(xdp_program(), foreign);
	close(fd);
}

static void leaves_a_foreign_qdisc_and_filter(void **state)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = port, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = 7, .priority = 9);
	struct xs_datapath *datapath = open_datapath(&small);

	filter.prog_fd = pass_all(BPF_PROG_TYPE_SCHED_CLS, 0);
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(bpf_tc_attach(&hook, &filter), 0);
	assert_int_equal(xs_datapath_detach(datapath, XS_HOOK_TC_PORT, netns, port), 0);
	assert_int_equal(tc_program(XS_TC_HANDLE, XS_TC_PRIORITY), 0);
	assert_int_not_equal(tc_program(7, 9), 0);
	close(filter.prog_fd);
	xs_datapath_close(datapath);
}

static void keeps_an_own_qdisc_that_others_use(void **state)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = port, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = 7, .priority = 9);
	struct xs_datapath *datapath = open_datapath(&small);

	filter.prog_fd = pass_all(BPF_PROG_TYPE_SCHED_CLS, 0);
	attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(bpf_tc_attach(&hook, &filter), 0);
	xs_datapath_close(datapath);
	assert_int_equal(xs_datapath_clean(node, netns, error), 0);
	assert_int_equal(tc_program(XS_TC_HANDLE, XS_TC_PRIORITY), 0);
	assert_int_not_equal(tc_program(7, 9), 0);
	close(filter.prog_fd);
}

static void cleans_without_trace(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small);
	char directory[256];

	attach(datapath, XS_HOOK_XDP_PORT, 1);
	attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_true(qdisc_is_there());
	xs_datapath_close(datapath);
	assert_int_equal(xs_datapath_clean(node, netns, error), 0);
	assert_int_equal(xdp_program(), 0);
	assert_false(qdisc_is_there());
	snprintf(directory, sizeof(directory), "%s/%s", XS_PIN_ROOT, node);
	assert_int_not_equal(access(directory, F_OK), 0);
	assert_int_equal(xs_datapath_clean(node, netns, error), 0);
}

/* The port went and another device has its index: the pinned link holds on to nothing, and is made anew. */
static void attaches_anew_to_a_device_that_came_back(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small);
	char command[160];

	attach(datapath, XS_HOOK_XDP_PORT, 1);
	run("ip link del p0");
	snprintf(command, sizeof(command),
		 "ip link add p0 index %u numrxqueues 1 numtxqueues 1 type veth peer name p1 numrxqueues 1 numtxqueues 1", port);
	run(command);
	attach(datapath, XS_HOOK_XDP_PORT, 1);
	assert_int_equal(xdp_program(), xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT]);
	assert_int_equal(xs_datapath_detach(datapath, XS_HOOK_XDP_PORT, netns, port), 0);
	assert_int_equal(xdp_program(), 0);
	xs_datapath_close(datapath);
}

/* An upgrade: the port goes on with the former version's program and maps until it is attached anew. */
static void takes_over_from_another_version(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small);
	uint32_t former = xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT];
	char directory[240], other[256];

	attach(datapath, XS_HOOK_XDP_PORT, 1);
	attach(datapath, XS_HOOK_TC_PORT, 1);
	xs_datapath_close(datapath);
	assert_int_equal(xs_pin_dir(node, directory, sizeof(directory)), 0);
	snprintf(other, sizeof(other), "%s/%s/v0", XS_PIN_ROOT, node);
	assert_int_equal(rename(directory, other), 0);

	datapath = open_datapath(&small);
	assert_false(xs_datapath_taken_up(datapath));
	assert_int_not_equal(access(other, F_OK), 0);
	assert_int_equal(xdp_program(), former);
	assert_true(xs_datapath_owns(datapath, former));
	attach(datapath, XS_HOOK_XDP_PORT, 1);
	attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(xdp_program(), xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT]);
	assert_int_not_equal(xdp_program(), former);
	xs_datapath_close(datapath);
	assert_int_equal(xs_datapath_clean(node, netns, error), 0);
	assert_int_equal(xdp_program(), 0);
	assert_false(qdisc_is_there());
}

/* The definition says another mode: the port changes over. */
static void changes_the_xdp_mode(void **state)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct xs_datapath *datapath = open_datapath(&small);

	attach(datapath, XS_HOOK_XDP_PORT, 1);
	assert_int_equal(xs_datapath_attach(datapath, XS_HOOK_XDP_PORT, netns, port, XS_HOW_GENERIC, error), 1);
	assert_int_equal(bpf_xdp_query(port, 0, &query), 0);
	assert_int_equal(query.attach_mode, XDP_ATTACHED_SKB);
	assert_int_equal(xs_datapath_attach(datapath, XS_HOOK_XDP_PORT, netns, port, XS_HOW_GENERIC, error), 0);
	attach(datapath, XS_HOOK_XDP_PORT, 1);
	xs_datapath_close(datapath);
}

/* A native program that does not know frames of several pages is refused where such may come. */
static void takes_a_port_of_jumbo_frames(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small);

	run("ip link set p0 mtu 9000 && ip link set p1 mtu 9000");
	attach(datapath, XS_HOOK_XDP_PORT, 1);
	xs_datapath_close(datapath);
}

static void leaves_ports_that_are_not_kept(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small);

	attach(datapath, XS_HOOK_XDP_PORT, 1);
	attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(xs_datapath_keep(datapath, XS_HOOK_XDP_PORT, netns, &port, 1), 0);
	assert_int_not_equal(xdp_program(), 0);
	assert_int_equal(xs_datapath_keep(datapath, XS_HOOK_XDP_PORT, netns, NULL, 0), 0);
	assert_int_equal(xdp_program(), 0);
	assert_int_not_equal(tc_program(XS_TC_HANDLE, XS_TC_PRIORITY), 0);
	assert_int_equal(xs_datapath_keep(datapath, XS_HOOK_TC_PORT, netns, NULL, 0), 0);
	assert_int_equal(tc_program(XS_TC_HANDLE, XS_TC_PRIORITY), 0);
	assert_false(qdisc_is_there());
	xs_datapath_close(datapath);
}

static void refuses_pins_of_another_layout(void **state)
{
	struct xs_datapath *datapath = open_datapath(&small), *none = NULL;
	char directory[240], path[256];
	int fd;

	xs_datapath_close(datapath);
	assert_int_equal(xs_pin_dir(node, directory, sizeof(directory)), 0);
	snprintf(path, sizeof(path), "%s/port", directory);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "port", 4, 8, 16, NULL);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_int_equal(xs_datapath_open(node, &small, NULL, &none, error), -EPROTO);
	assert_null(none);
	assert_non_null(strstr(error, "port"));
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

	assert_int_equal(xs_datapath_spare(have, &spare, error), 0);
	newest = newest_program();
	datapath = open_with(wanted, spare);
	xs_datapath_close(spare);
	serves = !xs_datapath_taken_up(datapath) && xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT] <= newest;
	assert_true(xs_datapath_fits(datapath, wanted));
	attach(datapath, XS_HOOK_XDP_PORT, 1);
	assert_int_equal(xs_datapath_detach(datapath, XS_HOOK_XDP_PORT, netns, port), 0);
	xs_datapath_close(datapath);
	return serves;
}

static void takes_a_spare_where_nothing_is_pinned(void **state)
{
	struct xs_datapath_size large = small;

	assert_true(spare_serves(&small, &small));
	/* What is pinned counts, even where it is as good. */
	assert_false(spare_serves(&small, &small));
	assert_int_equal(xs_datapath_clean(node, netns, error), 0);
	large.blocks = 5000;
	assert_false(spare_serves(&small, &large));
	assert_int_equal(xs_datapath_clean(node, netns, error), 0);
	assert_true(spare_serves(&large, &small));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(opens_anew_and_pins),
		TEST(takes_up_what_is_pinned),
		TEST(grows_without_losing_content),
		TEST(refuses_a_port_with_a_foreign_program),
		TEST(leaves_a_foreign_qdisc_and_filter),
		TEST(keeps_an_own_qdisc_that_others_use),
		TEST(cleans_without_trace),
		TEST(attaches_anew_to_a_device_that_came_back),
		TEST(takes_over_from_another_version),
		TEST(takes_a_port_of_jumbo_frames),
		TEST(changes_the_xdp_mode),
		TEST(leaves_ports_that_are_not_kept),
		TEST(refuses_pins_of_another_layout),
		TEST(takes_a_spare_where_nothing_is_pinned),
	};

	return cmocka_run_group_tests(tests, set_up_stage, NULL);
}
