// SPDX-License-Identifier: GPL-2.0-or-later
/* test_attach_tc.c - our filter beside others': what is not ours stays, and the qdisc goes only if we made it. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/node/node.h"
#include "selftests/bpf/datapath_stage.h"

static struct xs_datapath *datapath;

static int set_up(void **state)
{
	stage_set_up(state);
	datapath = stage_datapath(&stage_small, NULL);
	return 0;
}

static int take_down(void **state)
{
	xs_datapath_close(datapath);
	return stage_take_down(state);
}

/* Others work by libbpf and by tc. */
static uint32_t filter_at(uint32_t ifindex, enum bpf_tc_attach_point side, uint32_t handle, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = side);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = handle, .priority = priority);

	return bpf_tc_query(&hook, &found) ? 0 : found.prog_id;
}

static uint32_t ours(void)
{
	return filter_at(stage_port, BPF_TC_INGRESS, XS_TC_HANDLE, XS_TC_PRIORITY);
}

static void add_qdisc(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = stage_port, .attach_point = BPF_TC_INGRESS);

	assert_int_equal(bpf_tc_hook_create(&hook), 0);
}

static bool qdisc_is_there(void)
{
	return !system("tc qdisc show dev p0 | grep -q clsact");
}

/* A filter of somebody's on p0; its program's id. */
static uint32_t add_filter(enum bpf_tc_attach_point side, uint32_t handle, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = stage_port, .attach_point = side);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = handle, .priority = priority);

	filter.prog_fd = stage_program(BPF_PROG_TYPE_SCHED_CLS, "somebody", 0);
	assert_int_equal(bpf_tc_attach(&hook, &filter), 0);
	close(filter.prog_fd);
	return filter_at(stage_port, side, handle, priority);
}

static int detach(void)
{
	return xs_datapath_detach(datapath, XS_HOOK_TC_PORT, stage_netns, stage_port);
}

static int clean(void)
{
	return xs_datapath_clean(stage_node, stage_netns, stage_error);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void leaves_a_foreign_qdisc_and_filter(void **state)
{
	uint32_t foreign;

	add_qdisc();
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	foreign = add_filter(BPF_TC_INGRESS, 7, 9);
	assert_int_equal(detach(), 0);
	assert_int_equal(ours(), 0);
	assert_int_equal(filter_at(stage_port, BPF_TC_INGRESS, 7, 9), foreign);
}

static void leaves_a_foreign_qdisc_that_is_empty(void **state)
{
	add_qdisc();
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(detach(), 0);
	assert_true(qdisc_is_there());
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(clean(), 0);
	assert_true(qdisc_is_there());
}

static void keeps_an_own_qdisc_that_others_use(enum bpf_tc_attach_point side, int (*away)(void))
{
	uint32_t foreign;

	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	foreign = add_filter(side, 7, 9);
	assert_int_not_equal(foreign, 0);
	assert_int_equal(away(), 0);
	assert_int_equal(ours(), 0);
	assert_int_equal(filter_at(stage_port, side, 7, 9), foreign);
}

static void keeps_an_own_qdisc_with_a_filter_on_ingress(void **state)
{
	keeps_an_own_qdisc_that_others_use(BPF_TC_INGRESS, clean);
}

static void keeps_an_own_qdisc_with_a_filter_on_egress(void **state)
{
	keeps_an_own_qdisc_that_others_use(BPF_TC_EGRESS, clean);
}

static void a_detached_port_keeps_what_others_use_on_egress(void **state)
{
	keeps_an_own_qdisc_that_others_use(BPF_TC_EGRESS, detach);
}

static void refuses_a_foreign_program_in_our_place(void **state)
{
	uint32_t foreign;

	add_qdisc();
	foreign = add_filter(BPF_TC_INGRESS, XS_TC_HANDLE, XS_TC_PRIORITY);
	stage_attach(datapath, XS_HOOK_TC_PORT, -EBUSY);
	stage_said("p0 carries the tc program somebody");
	assert_int_equal(ours(), foreign);
	assert_int_equal(detach(), 0);
	assert_int_equal(xs_datapath_replace(datapath, stage_netns, stage_error), 0);
	assert_int_equal(clean(), 0);
	assert_int_equal(ours(), foreign);
}

/* Ours goes, somebody's comes into its place and hangs on our qdisc. */
static void a_foreign_program_in_our_place_keeps_our_qdisc(void **state)
{
	uint32_t foreign;

	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	stage_run("tc filter del dev p0 ingress");
	foreign = add_filter(BPF_TC_INGRESS, XS_TC_HANDLE, XS_TC_PRIORITY);
	stage_attach(datapath, XS_HOOK_TC_PORT, -EBUSY);
	assert_int_equal(clean(), 0);
	assert_int_equal(ours(), foreign);
}

/* Of another kind, so the kernel finds none of ours and refuses the next. */
static void refuses_a_filter_of_another_kind(void **state)
{
	add_qdisc();
	stage_run("tc filter add dev p0 ingress pref 22611 protocol all u32 match u32 0 0");
	assert_int_equal(XS_TC_PRIORITY, 22611);
	stage_attach(datapath, XS_HOOK_TC_PORT, -EINVAL);
	stage_said("p0: cannot attach tc_port by tc: Invalid argument: ");
	assert_int_equal(clean(), 0);
	stage_run("tc filter show dev p0 ingress | grep -q u32");
}

/* Classic BPF has no id. */
static void refuses_a_filter_without_an_id(void **state)
{
	add_qdisc();
	stage_run(
		"tc filter add dev p0 ingress pref 22611 handle 1 protocol all bpf bytecode '1,6 0 0 0,' classid 1:1");
	stage_attach(datapath, XS_HOOK_TC_PORT, -EBUSY);
	stage_said("p0 carries the tc program");
	assert_int_equal(clean(), 0);
	stage_run("tc filter show dev p0 ingress | grep -q bytecode");
}

static void somebody_was_faster(void **state)
{
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	stage_run("tc filter del dev p0 ingress");
	assert_int_equal(detach(), 0);
	assert_false(qdisc_is_there());
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	stage_run("tc qdisc del dev p0 clsact");
	assert_int_equal(detach(), 0);
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	stage_run("tc qdisc del dev p0 clsact");
	/* As it was, without anybody's doing. */
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(clean(), 0);
	assert_false(qdisc_is_there());
}

static void a_device_that_is_gone(void **state)
{
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	stage_run("ip link del p0");
	assert_int_equal(detach(), 0);
	stage_attach(datapath, XS_HOOK_TC_PORT, -ENODEV);
	stage_said("cannot make a clsact qdisc: No such device");
	assert_int_equal(clean(), 0);
	stage_run("ip link add p0 type veth peer name p1");
}

/* One exchange: the qdisc stays, and other programs of ours as well as none are told apart. */
static void replaces_one_of_ours(void **state)
{
	const uint32_t *id = xs_datapath_program_ids(datapath);

	stage_attach(datapath, XS_HOOK_TC_SLIVER, 1);
	assert_int_equal(ours(), id[XS_HOOK_TC_SLIVER]);
	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(ours(), id[XS_HOOK_TC_PORT]);
	stage_attach(datapath, XS_HOOK_TC_PORT, 0);
	assert_int_equal(system("[ $(tc filter show dev p0 ingress | grep -c 'handle') = 1 ]"), 0);
}

static void counts_what_it_changes(void **state)
{
	uint64_t before = xs_netlink_changes();

	stage_attach(datapath, XS_HOOK_TC_PORT, 1);
	assert_int_equal(xs_netlink_changes() - before, 2); /* qdisc, filter */
	stage_attach(datapath, XS_HOOK_TC_PORT, 0);
	assert_int_equal(xs_netlink_changes() - before, 2);
	assert_int_equal(detach(), 0);
	assert_int_equal(xs_netlink_changes() - before, 4);
	assert_int_equal(detach(), 0);
	assert_int_equal(xs_netlink_changes() - before, 4);
}

/* Devices that were made just now: all at once, but what is in the way is not overrun. */
static void many_at_once(void **state)
{
	const uint32_t *id = xs_datapath_program_ids(datapath);
	const uint32_t both[] = { stage_port, if_nametoindex("p1") };
	struct xs_netlink *netlink;
	uint32_t foreign;

	assert_int_equal(xs_netlink_open(stage_netns, &netlink), 0);
	assert_int_equal(xs_datapath_attach_new(datapath, XS_HOOK_TC_SLIVER, netlink, both, 2), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(xs_datapath_is_attached(datapath, XS_HOOK_TC_SLIVER, netlink, both[i]));
		assert_false(xs_datapath_is_attached(datapath, XS_HOOK_TC_EDGE, netlink, both[i]));
		assert_int_equal(filter_at(both[i], BPF_TC_INGRESS, XS_TC_HANDLE, XS_TC_PRIORITY),
				 id[XS_HOOK_TC_SLIVER]);
	}
	stage_run("tc filter del dev p0 ingress && tc filter del dev p1 ingress");
	foreign = add_filter(BPF_TC_INGRESS, XS_TC_HANDLE, XS_TC_PRIORITY);
	assert_int_equal(xs_datapath_attach_new(datapath, XS_HOOK_TC_SLIVER, netlink, both, 2), -EEXIST);
	assert_false(xs_datapath_is_attached(datapath, XS_HOOK_TC_SLIVER, netlink, stage_port));
	assert_int_equal(ours(), foreign);
	stage_attach(datapath, XS_HOOK_TC_SLIVER, -EBUSY);
	stage_said("somebody");
	xs_netlink_close(netlink);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(leaves_a_foreign_qdisc_and_filter),
		TEST(leaves_a_foreign_qdisc_that_is_empty),
		TEST(keeps_an_own_qdisc_with_a_filter_on_ingress),
		TEST(keeps_an_own_qdisc_with_a_filter_on_egress),
		TEST(a_detached_port_keeps_what_others_use_on_egress),
		TEST(refuses_a_foreign_program_in_our_place),
		TEST(a_foreign_program_in_our_place_keeps_our_qdisc),
		TEST(refuses_a_filter_of_another_kind),
		TEST(refuses_a_filter_without_an_id),
		TEST(somebody_was_faster),
		TEST(a_device_that_is_gone),
		TEST(replaces_one_of_ours),
		TEST(counts_what_it_changes),
		TEST(many_at_once),
	};

	return cmocka_run_group_tests(tests, stage_open, NULL);
}
