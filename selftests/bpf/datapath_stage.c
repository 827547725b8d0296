// SPDX-License-Identifier: GPL-2.0-or-later
/* datapath_stage.c - see datapath_stage.h. */
#include "selftests/bpf/datapath_stage.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>

char stage_node[16], stage_error[256];
int stage_netns = -1;
uint32_t stage_port;

const struct xs_datapath_size stage_small = {
	.ports = 2,
	.vports = 2,
	.slices = 2,
	.nexthops = 2,
	.blocks = 1024,
	.cells = 16,
	.muxes = 2,
	.pages = 16,
	.nodes = 16,
	.generals = 16,
};

void stage_run(const char *command)
{
	int status = system(command);

	if (status)
		fail_msg("%s: status %d", command, status);
}

int stage_program(enum bpf_prog_type type, const char *name, int verdict)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(type, name, "GPL", code, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

uint32_t stage_xdp(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id(stage_port, 0, &id), 0);
	return id;
}

struct xs_datapath *stage_datapath(const struct xs_datapath_size *size, struct xs_datapath *spare)
{
	struct xs_datapath *datapath = NULL;
	int err = xs_datapath_open(stage_node, size, spare, &datapath, stage_error);

	if (err)
		fail_msg("open: %d: %s", err, stage_error);
	return datapath;
}

void stage_attach(struct xs_datapath *datapath, enum xs_hook hook, int expected)
{
	int result = xs_datapath_attach(datapath, hook, stage_netns, stage_port, 0, stage_error);

	if (result != expected)
		fail_msg("hook %d: %d instead of %d: %s", hook, result, expected, result < 0 ? stage_error : "");
}

void stage_said(const char *part)
{
	if (!strstr(stage_error, part))
		fail_msg("no \"%s\" in: %s", part, stage_error);
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return 0;
}

int stage_open(void **state)
{
	struct statfs fs;

	libbpf_set_print(say_nothing);
	snprintf(stage_node, sizeof(stage_node), "tload%d", getpid() % 100000);
	if (unshare(CLONE_NEWNET))
		return -1;
	stage_netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!statfs("/sys/fs/bpf", &fs) && fs.f_type != BPF_FS_MAGIC && mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		return -1;
	return stage_netns < 0 ? -1 : 0;
}

int stage_set_up(void **state)
{
	stage_run("ip link add p0 numrxqueues 1 numtxqueues 1 type veth peer name p1 numrxqueues 1 numtxqueues 1");
	stage_run("ip link set p0 up && ip link set p1 up");
	stage_port = if_nametoindex("p0");
	assert_int_not_equal(stage_port, 0);
	return 0;
}

int stage_take_down(void **state)
{
	int err = xs_datapath_clean(stage_node, stage_netns, stage_error);

	stage_run("ip link del p0");
	return err;
}
