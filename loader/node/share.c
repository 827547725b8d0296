// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * share.c - see share.h. libxdp works in a child process: up to 1.3 it leaves descriptors open, which in an agent would
 * hold every former dispatcher for ever; and what it says is collected there.
 *
 * Each port has a program of its own: libxdp asks for frames of several pages only for what it has loaded itself.
 */
#include "loader/node/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include "dispatcher.skel.h"
#include "loader/node/link.h"
#include "loader/node/refusal.h"
#include "xslice.skel.h"

struct job {
	struct xs_datapath *datapath;
	uint32_t ifindex;
	enum xdp_attach_mode mode;
	uint32_t leaves; /* id of the program that goes */
};

/* ---- in the child ------------------------------------------------------------------------------------------------ */

static char complaint[XS_ERROR_SIZE];

/* The first word that there is: what follows only says that therefore something else failed. */
static void complain(const char *format, va_list arguments)
{
	char text[4096];
	const char *why;

	vsnprintf(text, sizeof(text), format, arguments);
	/* Of the verifier's log, what it says itself. */
	why = strstr(text, "BEGIN PROG LOAD LOG --\n");
	if (!why && complaint[0])
		return;
	snprintf(complaint, sizeof(complaint), "%.200s", why ? strchr(why, '\n') + 1 : text);
	complaint[strcspn(complaint, "\n")] = '\0';
}

static int hear_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN)
		complain(format, arguments);
	return 0;
}

static int hear_libxdp(enum libxdp_print_level level, const char *format, va_list arguments)
{
	if (level == LIBXDP_WARN)
		complain(format, arguments);
	return 0;
}

/* The datapath once more, of which libxdp will load xdp_port alone, with the node's maps. */
static int open_program(const struct job *job, struct xdp_program **out)
{
	struct xslice_bpf *skeleton = xslice_bpf__open();
	struct bpf_program *each;
	struct bpf_map *map;
	int err = skeleton ? 0 : -errno;

	if (err)
		return err;
	bpf_object__for_each_map(map, skeleton->obj)
	{
		int fd = bpf_map__is_internal(map)
				 ? -1
				 : bpf_object__find_map_fd_by_name(job->datapath->skeleton->obj, bpf_map__name(map));

		if (!err && fd >= 0)
			err = bpf_map__reuse_fd(map, fd);
	}
	bpf_object__for_each_program(each, skeleton->obj)
		bpf_program__set_autoload(each, each == skeleton->progs.xdp_port);
	DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = skeleton->obj,
			    .prog_name = xs_hook_program[XS_HOOK_XDP_PORT]);
	*out = err ? NULL : xdp_program__create(&options);
	if (!err)
		err = libxdp_get_error(*out);
	if (!err)
		err = xdp_program__set_run_prio(*out, XS_SHARE_PRIORITY);
	if (!err)
		err = xdp_program__set_chain_call_enabled(*out, XDP_PASS, false);
	return err;
}

/* libxdp reads its dispatcher from a file of this name; in a folder of our own it is ours. */
#define DISPATCHER_FILE "xdp-dispatcher.o"

static int write_dispatcher(const char *folder)
{
	char path[PATH_MAX];
	const void *bytes;
	size_t size;
	FILE *file;
	int err = 0;

	bytes = dispatcher_bpf__elf_bytes(&size);
	if (!xs_pin_path(path, "%s/" DISPATCHER_FILE, folder))
		return -ENAMETOOLONG;
	file = fopen(path, "we");
	if (!file)
		return -errno;
	if (fwrite(bytes, size, 1, file) != 1)
		err = -EIO;
	if (fclose(file) && !err)
		err = -errno;
	return err;
}

static void remove_dispatcher(const char *folder)
{
	char path[PATH_MAX];

	if (xs_pin_path(path, "%s/" DISPATCHER_FILE, folder))
		unlink(path);
	rmdir(folder);
}

static int with_dispatcher(int (*act)(const struct job *job), const struct job *job)
{
	char folder[] = "/run/xslice-dispatcher-XXXXXX";
	int err;

	if (!mkdtemp(folder))
		return -errno;
	err = write_dispatcher(folder);
	if (!err && setenv("LIBXDP_OBJECT_PATH", folder, 1))
		err = -errno;
	if (!err)
		err = act(job);
	remove_dispatcher(folder);
	return err;
}

static int join(const struct job *job)
{
	struct xs_dispatched there;
	struct xdp_program *program;
	uint32_t id = 0;
	int err = open_program(job, &program);

	if (!err)
		err = xdp_program__attach(program, job->ifindex, job->mode, 0);
	if (err || bpf_xdp_query_id(job->ifindex, 0, &id))
		return err ? err : -errno;
	if (xs_dispatched_read(job->ifindex, id, &there))
		return 0;
	/* Where the kernel has no way to do it libxdp attaches the program alone: others find the door closed. */
	xdp_program__detach(program, job->ifindex, job->mode, 0);
	snprintf(complaint, sizeof(complaint),
		 "this kernel cannot replace functions of XDP programs (BPF_PROG_TYPE_EXT)");
	return -ENOSYS;
}

static int leave(const struct job *job)
{
	int fd = bpf_prog_get_fd_by_id(job->leaves);
	struct xdp_program *program;
	int err;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	program = xdp_program__from_fd(fd);
	err = libxdp_get_error(program);
	return err ? err : xdp_program__detach(program, job->ifindex, job->mode, 0);
}

/* ---- and here ---------------------------------------------------------------------------------------------------- */

/* What the child says is an errno and a sentence. Its memory and descriptors go with it. */
static int in_child(int (*act)(const struct job *job), const struct job *job, char *said)
{
	char text[sizeof(int) + XS_ERROR_SIZE] = "";
	int pipe_end[2], status, err;
	size_t have = 0;
	ssize_t n;
	pid_t child;

	if (pipe2(pipe_end, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0) {
		err = -errno;
		close(pipe_end[0]);
		close(pipe_end[1]);
		return err;
	}
	if (!child) {
		libbpf_set_print(hear_libbpf);
		libxdp_set_print(hear_libxdp);
		err = with_dispatcher(act, job);
		memcpy(text, &err, sizeof(err));
		memcpy(text + sizeof(err), complaint, XS_ERROR_SIZE);
		_exit(write(pipe_end[1], text, sizeof(text)) != sizeof(text));
	}
	close(pipe_end[1]);
	while (have < sizeof(text) &&
	       ((n = read(pipe_end[0], text + have, sizeof(text) - have)) > 0 || (n < 0 && errno == EINTR)))
		have += n > 0 ? n : 0;
	close(pipe_end[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (have < sizeof(text))
		return -ECHILD;
	memcpy(&err, text, sizeof(err));
	snprintf(said, XS_ERROR_SIZE, "%s", text + sizeof(err));
	return err;
}

static int explain(char *error, int err, const char *what, uint32_t ifindex, const char *said)
{
	char device[IF_NAMESIZE];

	return xs_explain(error, err, "%s: cannot %s libxdp's dispatcher: %s%s%.120s%s",
			  xs_device_name(ifindex, device), what, strerror(-err), said[0] ? " (" : "", said,
			  said[0] ? ")" : "");
}

static bool is_ours(const char *name)
{
	return !strncmp(name, xs_hook_program[XS_HOOK_XDP_PORT],
			sizeof(((struct xs_dispatched *)NULL)->program[0].name));
}

/* The program on the device; 0: there is none. */
static int query(struct xs_netlink *netlink, uint32_t ifindex, uint32_t *id, enum xdp_attach_mode *mode)
{
	struct xs_link now;
	int err = xs_link_get(netlink, NULL, ifindex, &now);

	if (err)
		return err;
	*mode = now.xdp_generic ? XDP_MODE_SKB : XDP_MODE_NATIVE;
	*id = now.xdp[0];
	return 0;
}

bool xs_share_holds(struct xs_netlink *netlink, uint32_t ifindex, struct xs_dispatched *there, int *other)
{
	enum xdp_attach_mode mode;
	bool holds = false;
	uint32_t id;

	*other = -1;
	if (query(netlink, ifindex, &id, &mode) || !id || !xs_dispatched_read(ifindex, id, there))
		return false;
	for (uint32_t i = 0; i < there->count; i++) {
		if (is_ours(there->program[i].name))
			holds = true;
		else if (*other < 0)
			*other = (int)i;
	}
	return holds;
}

/* Is it what the datapath has now, but for its type? */
static bool is_current(const struct xs_datapath *datapath, uint32_t id)
{
	int fd = bpf_prog_get_fd_by_id(id);
	bool same = fd >= 0 && xs_program_alike(fd, datapath->program[XS_HOOK_XDP_PORT]);

	if (fd >= 0)
		close(fd);
	return same;
}

/* Ours behind the dispatcher, but for `kept` (0: none is), leave it. */
static int leave_all(struct xs_netlink *netlink, uint32_t ifindex, uint32_t kept, char *error)
{
	struct job job = { .ifindex = ifindex };
	struct xs_dispatched there;
	char said[XS_ERROR_SIZE] = "";
	uint32_t id;
	int err;

	if (query(netlink, ifindex, &id, &job.mode) || !id || !xs_dispatched_read(ifindex, id, &there))
		return 0;
	for (uint32_t i = 0; i < there.count; i++) {
		if (!is_ours(there.program[i].name) || there.program[i].id == kept)
			continue;
		job.leaves = there.program[i].id;
		err = in_child(leave, &job, said);
		if (err)
			return explain(error, err, "leave", ifindex, said);
	}
	return 0;
}

int xs_share_leave(struct xs_netlink *netlink, uint32_t ifindex, char *error)
{
	return leave_all(netlink, ifindex, 0, error);
}

/* The id of ours that runs what the datapath has, in what is there; 0: none does. */
static uint32_t find_current(const struct xs_datapath *datapath, const struct xs_dispatched *there)
{
	for (uint32_t i = 0; i < there->count; i++)
		if (is_ours(there->program[i].name) && is_current(datapath, there->program[i].id))
			return there->program[i].id;
	return 0;
}

int xs_share_join(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, bool generic, char *error)
{
	struct job job = { .datapath = datapath, .ifindex = ifindex, .mode = generic ? XDP_MODE_SKB : XDP_MODE_NATIVE };
	char said[XS_ERROR_SIZE] = "", device[IF_NAMESIZE];
	struct xs_dispatched there = { 0 };
	enum xdp_attach_mode mode;
	uint32_t id, current;
	int err = query(netlink, ifindex, &id, &mode), other;

	if (err)
		return xs_explain(error, err, "%s: %s", xs_device_name(ifindex, device), strerror(-err));
	if (id && !xs_dispatched_read(ifindex, id, &there))
		return xs_device_busy("XDP", ifindex, id, error);
	if (id && mode != job.mode) {
		if (!xs_share_holds(netlink, ifindex, &there, &other) || other >= 0)
			return xs_explain(
				error, -EBUSY,
				"%s is shared with %.15s in %s mode, and one device has one mode: say `mode: %s`",
				xs_device_name(ifindex, device), there.program[other < 0 ? 0 : other].name,
				generic ? "native" : "generic", generic ? "native" : "generic");
		/* The definition says another mode now: no exchange leads there, so for a moment there is only tc. */
		err = xs_share_leave(netlink, ifindex, error);
		if (err)
			return err;
		there.count = 0;
	}
	current = find_current(datapath, &there);
	if (current) /* A former one beside it is what a killed agent left. */
		return leave_all(netlink, ifindex, current, error);
	err = in_child(join, &job, said);
	if (err == -EOPNOTSUPP && !generic)
		return xs_explain_refusal(ifindex, datapath->program[XS_HOOK_XDP_PORT], generic, err, error);
	if (err)
		return explain(error, err, "join", ifindex, said);
	if (!query(netlink, ifindex, &id, &mode) && id && xs_dispatched_read(ifindex, id, &there))
		current = find_current(datapath, &there);
	if (!current)
		return explain(error, -ENOENT, "find its program behind", ifindex, "");
	err = leave_all(netlink, ifindex, current, error);
	return err ? err : 1;
}
