// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_share.c - a port that others' XDP programs use too: who is in the way is named, and libxdp's dispatcher is known by its pins.
 * Where the kernel replaces functions of XDP programs, joining one is tried; where it does not, that it says so. On a kernel of its
 * own all of it is tried by `make test-qemu`.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "loader/node/dispatched.h"
#include "selftests/bpf/datapath_stage.h"

static char pins[128];
static struct xs_datapath *datapath;

static int attach(const char *device, unsigned int how)
{
	return xs_datapath_attach(datapath, XS_HOOK_XDP_PORT, stage_netns, if_nametoindex(device), how, stage_error);
}

static int pass_all(const char *name)
{
	return stage_program(BPF_PROG_TYPE_XDP, name, XDP_PASS);
}

/* What libxdp leaves when `name` was loaded by it: its dispatcher attached, and who is behind it pinned. Only the names are true. */
static uint32_t attach_dispatched(const char *name)
{
	int dispatcher = pass_all(XS_DISPATCHER), behind = pass_all(name);
	char path[160];
	uint32_t id;

	assert_int_equal(bpf_xdp_attach(stage_port, dispatcher, XDP_FLAGS_DRV_MODE, NULL), 0);
	id = stage_xdp();
	assert_true(!mkdir("/sys/fs/bpf/xdp", 0700) || errno == EEXIST);
	snprintf(pins, sizeof(pins), "/sys/fs/bpf/xdp/dispatch-%u-%u", stage_port, id);
	assert_int_equal(mkdir(pins, 0700), 0);
	snprintf(path, sizeof(path), "%s/prog0-prog", pins);
	assert_int_equal(bpf_obj_pin(behind, path), 0);
	close(dispatcher);
	close(behind);
	return id;
}

static int set_up(void **state)
{
	pins[0] = '\0';
	stage_set_up(state);
	datapath = stage_datapath(&stage_small, NULL);
	return 0;
}

static int take_down(void **state)
{
	char path[160];
	int err;

	xs_datapath_close(datapath);
	err = stage_take_down(state);
	if (pins[0]) {
		snprintf(path, sizeof(path), "%s/prog0-prog", pins);
		unlink(path);
		rmdir(pins);
		rmdir("/sys/fs/bpf/xdp");
	}
	return err;
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void reads_who_is_behind_a_dispatcher(void **state)
{
	struct xs_dispatched there;
	uint32_t id = attach_dispatched("firewall");

	assert_true(xs_dispatched_read(stage_port, id, &there));
	assert_int_equal(there.count, 1);
	assert_string_equal(there.program[0].name, "firewall");
	assert_int_not_equal(there.program[0].id, id);
	/* Of another device nothing is pinned. */
	assert_false(xs_dispatched_read(stage_port + 1000, id, &there));
}

static void a_program_alone_is_no_dispatcher(void **state)
{
	int fd = pass_all("somebody");
	struct xs_dispatched there;

	assert_int_equal(bpf_xdp_attach(stage_port, fd, XDP_FLAGS_DRV_MODE, NULL), 0);
	assert_false(xs_dispatched_read(stage_port, stage_xdp(), &there));
	close(fd);
}

static void exclusive_is_refused_by_name(void **state)
{
	uint32_t id = attach_dispatched("firewall");
	char who[XS_WHO_SIZE] = "";

	assert_false(xs_datapath_admits(datapath, stage_port, id, false, who));
	assert_non_null(strstr(who, "firewall"));
	assert_non_null(strstr(who, "dispatcher"));
	assert_true(xs_datapath_admits(datapath, stage_port, id, true, who));
	assert_int_equal(attach("p0", 0), -EBUSY);
	assert_int_equal(stage_xdp(), id);
}

static void shared_needs_a_dispatcher(void **state)
{
	int fd = pass_all("somebody");
	char who[XS_WHO_SIZE] = "";
	uint32_t id;

	assert_int_equal(bpf_xdp_attach(stage_port, fd, XDP_FLAGS_DRV_MODE, NULL), 0);
	id = stage_xdp();
	assert_false(xs_datapath_admits(datapath, stage_port, id, true, who));
	assert_non_null(strstr(who, "somebody"));
	assert_int_equal(attach("p0", XS_HOW_SHARED), -EBUSY);
	stage_said("somebody");
	assert_int_equal(stage_xdp(), id);
	close(fd);
}

static void one_device_has_one_mode(void **state)
{
	uint32_t id = attach_dispatched("firewall");

	assert_int_equal(attach("p0", XS_HOW_SHARED | XS_HOW_GENERIC), -EBUSY);
	stage_said("firewall");
	stage_said("mode: native");
	assert_int_equal(stage_xdp(), id);
}

/* Alone on the port, shared: with what the kernel offers. */
static void joins_or_says_why_not(void **state)
{
	int result = attach("p0", XS_HOW_SHARED);
	struct xs_dispatched there;
	uint32_t id;

	if (result < 0) {
		assert_int_equal(result, -ENOSYS);
		stage_said("BPF_PROG_TYPE_EXT");
		stage_said("p0");
		assert_int_equal(stage_xdp(), 0);
		return;
	}
	assert_int_equal(result, 1);
	id = stage_xdp();
	assert_true(xs_dispatched_read(stage_port, id, &there));
	assert_string_equal(there.program[0].name, "xdp_port");
	assert_int_equal(attach("p0", XS_HOW_SHARED), 0);
	assert_int_equal(stage_xdp(), id);
	assert_int_equal(attach("p0", 0), 1);
	assert_int_equal(stage_xdp(), xs_datapath_program_ids(datapath)[XS_HOOK_XDP_PORT]);
	assert_int_equal(attach("p0", XS_HOW_SHARED), 1);
	assert_int_equal(xs_datapath_detach(datapath, XS_HOOK_XDP_PORT, stage_netns, stage_port), 0);
	assert_int_equal(stage_xdp(), 0);
}

static void a_driver_without_native_xdp_is_named(void **state)
{
	stage_run("ip link add link p0 name m0 type macvlan && ip link set m0 up");
	assert_int_equal(attach("m0", 0), -EOPNOTSUPP);
	assert_string_equal(stage_error, "interface m0: driver macvlan has no native XDP; add `mode: generic`");
	assert_int_equal(attach("m0", XS_HOW_GENERIC), 1);
}

/* A driver that has it and refuses: its own words. */
static void a_refusal_is_given_in_the_drivers_words(void **state)
{
	stage_run("ip link set p0 mtu 1500 && ip link add q0 numrxqueues 1 numtxqueues 1 type veth peer name q1 numrxqueues 2 numtxqueues 2");
	stage_run("ip link set q0 up && ip link set q1 up");
	assert_true(attach("q0", 0) < 0);
	stage_said("driver veth refuses XDP in native mode");
	stage_said("queue");
	stage_run("ip link del q0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(reads_who_is_behind_a_dispatcher),
		TEST(a_program_alone_is_no_dispatcher),
		TEST(exclusive_is_refused_by_name),
		TEST(shared_needs_a_dispatcher),
		TEST(one_device_has_one_mode),
		TEST(joins_or_says_why_not),
		TEST(a_driver_without_native_xdp_is_named),
		TEST(a_refusal_is_given_in_the_drivers_words),
	};

	return cmocka_run_group_tests(tests, stage_open, NULL);
}
