// SPDX-License-Identifier: GPL-2.0-or-later
/* trial.c - see trial.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include "loader/node/clsact.h"
#include "loader/node/datapath_private.h"
#include "loader/node/dispatched.h"
#include "loader/node/link.h"
#include "loader/node/netns.h"
#include "loader/node/trial.h"
#include "trial.skel.h"
#include "xslice.skel.h"

#define TAG_AT   12 /* where a tag stands in a frame, and how long it is */
#define TAG_SIZE 4

struct xs_trial {
	char node[64];
	struct xslice_bpf *skeleton;
	struct trial_bpf *door; /* to tc_port, for tagged frames */
	struct xs_node_maps live, maps;
	uint32_t own[XS_MAP_COUNT]; /* ids of the copies */
	size_t own_count;
};

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return 0;
}

/* ---- the second load --------------------------------------------------------------------------------------------- */

/* Programs count in maps per CPU, and note in two others what was punted. */
static bool is_written(int map)
{
	return xs_map_info(map)->per_cpu || map == XS_MAP_policer || map == XS_MAP_unresolved;
}

/* Live maps where they are only read, new ones of the same size where they are written. */
static int prepare(struct xs_trial *trial, char *error)
{
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		const char *name = xs_map_info(i)->name;
		struct bpf_map *map = bpf_object__find_map_by_name(trial->skeleton->obj, name);
		int err;

		if (!map)
			return xs_explain(error, -ENOENT, "the datapath has no map %s", name);
		err = is_written(i) ? bpf_map__set_max_entries(map, trial->live.entries[i])
				    : bpf_map__reuse_fd(map, trial->live.fd[i]);
		if (err)
			return xs_explain(error, err, "map %s: %s", name, strerror(-err));
	}
	return 0;
}

static int take_maps(struct xs_trial *trial, char *error)
{
	int fd[XS_MAP_COUNT], err;

	for (int i = 0; i < XS_MAP_COUNT; i++) {
		struct bpf_map_info info = { 0 };
		uint32_t length = sizeof(info);

		fd[i] = bpf_object__find_map_fd_by_name(trial->skeleton->obj, xs_map_info(i)->name);
		if (!is_written(i))
			continue;
		if (bpf_obj_get_info_by_fd(fd[i], &info, &length))
			return xs_explain(error, -errno, "map %s: %s", xs_map_info(i)->name, strerror(errno));
		trial->own[trial->own_count++] = info.id;
	}
	err = xs_node_maps_init(&trial->maps, fd, false);
	return err ? xs_explain(error, err, "cannot take the trial's maps: %s", strerror(-err)) : 0;
}

static int open_door(struct xs_trial *trial, char *error)
{
	const int program = bpf_program__fd(trial->skeleton->progs.tc_port);
	const uint32_t first = 0;

	trial->door = trial_bpf__open_and_load();
	if (!trial->door || bpf_map_update_elem(bpf_map__fd(trial->door->maps.tagged), &first, &program, BPF_ANY))
		return xs_explain(error, -errno, "the kernel refuses the door to tc_port: %s", strerror(errno));
	return 0;
}

static int open_all(struct xs_trial *trial, const char *node, char *error)
{
	int err = xs_node_maps_open(&trial->live, node, false);

	if (err == -ENOENT)
		return xs_explain(error, err, "node %s: nothing of it is loaded on this machine", node);
	if (err)
		return xs_explain(error, err, "node %s: its maps: %s%s", node, strerror(-err),
				  err == -EPROTO ? " (another version of xslice made them)" : "");
	trial->skeleton = xslice_bpf__open();
	if (!trial->skeleton)
		return xs_explain(error, -errno, "cannot open the datapath's object: %s", strerror(errno));
	err = prepare(trial, error);
	if (err)
		return err;
	err = xslice_bpf__load(trial->skeleton);
	if (err)
		return xs_explain(error, err, "the kernel refuses a second load of the datapath: %s", strerror(-err));
	err = take_maps(trial, error);
	return err ? err : open_door(trial, error);
}

int xs_trial_open(const char *node, struct xs_trial **out, char *error)
{
	struct xs_trial *trial = calloc(1, sizeof(*trial));
	libbpf_print_fn_t former_print;
	int err;

	if (!trial)
		return xs_explain(error, -ENOMEM, "no memory for a trial");
	snprintf(trial->node, sizeof(trial->node), "%s", node);
	for (int i = 0; i < XS_MAP_COUNT; i++)
		trial->live.fd[i] = trial->maps.fd[i] = -1;
	former_print = libbpf_set_print(say_nothing);
	err = open_all(trial, node, error);
	libbpf_set_print(former_print);
	if (err)
		xs_trial_close(trial);
	else
		*out = trial;
	return err;
}

void xs_trial_close(struct xs_trial *trial)
{
	if (!trial)
		return;
	xs_node_maps_close(&trial->maps);
	xs_node_maps_close(&trial->live);
	trial_bpf__destroy(trial->door);
	xslice_bpf__destroy(trial->skeleton);
	free(trial);
}

const struct xs_node_maps *xs_trial_maps(const struct xs_trial *trial)
{
	return &trial->maps;
}

/* ---- is it what packets meet? ------------------------------------------------------------------------------------ */

static int tag_of(int fd, char text[2 * BPF_TAG_SIZE + 1])
{
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	text[0] = '\0';
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	for (int i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", info.tag[i]);
	return 0;
}

static int compare(const struct xs_trial *trial, enum xs_hook hook, int attached, const struct bpf_program *loaded,
		   char *error)
{
	char theirs[2 * BPF_TAG_SIZE + 1], ours[2 * BPF_TAG_SIZE + 1];
	const int fd = bpf_program__fd(loaded);

	if (xs_program_twin(attached, fd, trial->own, trial->own_count))
		return 0;
	if (tag_of(attached, theirs) || tag_of(fd, ours) || strcmp(theirs, ours))
		return xs_explain(
			error, -ENOPKG,
			"node %s: %s is attached with tag %s, and this xslice's has %s: a trial would tell of another "
			"program (use the xslice of the xsliced that runs there)",
			trial->node, xs_hook_program[hook], theirs, ours);
	return xs_explain(error, -ENOPKG,
			  "node %s: the attached %s (tag %s) reads other maps than those that are pinned", trial->node,
			  xs_hook_program[hook], theirs);
}

/* Descriptor of the program on the port; behind libxdp's dispatcher it is the pinned one. */
static int attached_program(const struct xs_trial *trial, struct xs_netlink *netlink, enum xs_hook hook,
			    uint32_t ifindex)
{
	char name[16] = "", directory[PATH_MAX / 2], path[PATH_MAX];
	struct xs_link link = { 0 };
	uint32_t id = 0;
	int err, fd;

	err = hook == XS_HOOK_XDP_PORT ? xs_link_get(netlink, NULL, ifindex, &link)
				       : xs_clsact_program(netlink, ifindex, &id);
	if (hook == XS_HOOK_XDP_PORT)
		id = link.xdp[0];
	if (err || !id)
		return -ENOENT;
	if (hook == XS_HOOK_XDP_PORT && !xs_program_name(id, name) && !strncmp(name, XS_DISPATCHER, sizeof(name))) {
		if (xs_pin_dir(trial->node, directory, sizeof(directory)) ||
		    !xs_pin_path(path, "%s/" XS_PIN_PROGRAM "%s", directory, xs_hook_program[hook]))
			return -ENAMETOOLONG;
		fd = bpf_obj_get(path);
	} else {
		fd = bpf_prog_get_fd_by_id(id);
	}
	return fd < 0 ? -errno : fd;
}

/* Thread: in the node's namespace. */
static int check_attached(const struct xs_trial *trial, const struct xs_trial_port *port, char *error)
{
	const struct {
		enum xs_hook hook;
		const struct bpf_program *program;
	} both[] = { { XS_HOOK_XDP_PORT, trial->skeleton->progs.xdp_port },
		     { XS_HOOK_TC_PORT, trial->skeleton->progs.tc_port } };
	struct xs_netlink *netlink;
	int err = xs_netlink_open_here(&netlink);

	if (err)
		return xs_explain(error, err, "node %s: no netlink socket: %s", trial->node, strerror(-err));
	for (size_t i = port->xdp ? 0 : 1; !err && i < sizeof(both) / sizeof(both[0]); i++) {
		int fd = attached_program(trial, netlink, both[i].hook, port->ifindex);

		err = fd >= 0 ? compare(trial, both[i].hook, fd, both[i].program, error)
			      : xs_explain(error, -ENOPKG,
					   "node %s: no %s is attached to device %u: its agent has not opened the port",
					   trial->node, xs_hook_program[both[i].hook], port->ifindex);
		if (fd >= 0)
			close(fd);
	}
	xs_netlink_close(netlink);
	return err;
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

struct tag {
	__be16 type; /* 0: there is none */
	uint16_t tci;
};

/* Takes the tag out of a frame, as the kernel does before tc. False: it has none. */
static bool take_tag(struct xs_trial_frame *frame, struct tag *tag)
{
	const uint8_t *at = frame->data + TAG_AT;
	__be16 type;

	*tag = (struct tag){ 0 };
	memcpy(&type, at, sizeof(type));
	if (frame->length < TAG_AT + TAG_SIZE + 2 || (type != htobe16(ETH_P_8021Q) && type != htobe16(ETH_P_8021AD)))
		return false;
	*tag = (struct tag){ type, (uint16_t)(at[2] << 8 | at[3]) };
	memmove(frame->data + TAG_AT, at + TAG_SIZE, frame->length - TAG_AT - TAG_SIZE);
	frame->length -= TAG_SIZE;
	return true;
}

static void put_tag(struct xs_trial_frame *frame, struct tag tag)
{
	const uint8_t tci[2] = { tag.tci >> 8, tag.tci & 0xff };

	memmove(frame->data + TAG_AT + TAG_SIZE, frame->data + TAG_AT, frame->length - TAG_AT);
	memcpy(frame->data + TAG_AT, &tag.type, sizeof(tag.type));
	memcpy(frame->data + TAG_AT + sizeof(tag.type), tci, sizeof(tci));
	frame->length += TAG_SIZE;
}

/* The frame becomes what came out. 0 or negative errno; *action: what the program returned, which may be negative, too. */
static int run(int program, struct xs_trial_frame *frame, void *context, size_t context_size, int *action)
{
	struct xs_trial_frame in = *frame;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data, .data_size_in = in.length, .data_out = frame->data,
		    .data_size_out = sizeof(frame->data), .repeat = 1, .ctx_in = context, .ctx_size_in = context_size);
	int err = bpf_prog_test_run_opts(program, &options);

	if (err)
		return err;
	frame->length = options.data_size_out;
	*action = (int)options.retval;
	return 0;
}

static int run_xdp(struct xs_trial *trial, uint32_t ifindex, struct xs_trial_frame *frame, int *action)
{
	struct xdp_md context = { .data_end = frame->length, .ingress_ifindex = ifindex };

	return run(bpf_program__fd(trial->skeleton->progs.xdp_port), frame, &context, sizeof(context), action);
}

/* tag: that it had. */
static int run_tc(struct xs_trial *trial, uint32_t ifindex, struct xs_trial_frame *frame, struct tag *tag)
{
	struct __sk_buff context = { .ifindex = ifindex };
	int err, action;

	if (!take_tag(frame, tag))
		return run(bpf_program__fd(trial->skeleton->progs.tc_port), frame, &context, sizeof(context), &action);
	trial->door->bss->tag_type = tag->type;
	trial->door->bss->tag_tci = tag->tci;
	err = run(bpf_program__fd(trial->door->progs.trial_tag), frame, &context, sizeof(context), &action);
	return !err && action == TC_ACT_PIPE ? -EIO : err;
}

/* No run shall see what another counted, nor find its buckets less than full; but no copies are made: they would be sent. */
static int clear(struct xs_trial *trial)
{
	static const union {
		struct xs_policer policer;
		struct xs_unresolved unresolved;
	} full = { .policer.full_at[XS_PUNT_HEARD] = UINT64_MAX }, none;

	for (int i = 0; i < XS_MAP_COUNT; i++) {
		if (!is_written(i))
			continue;
		for (uint32_t key = 0; key < trial->maps.entries[i]; key++) {
			int err = xs_map_info(i)->per_cpu ? xs_stats_clear(&trial->maps, i, key)
			: i == XS_MAP_policer		? xs_node_maps_put(&trial->maps, i, key, &full)
							: xs_node_maps_put(&trial->maps, i, key, &none);

			if (err < 0)
				return err;
		}
	}
	return 0;
}

/* The one verdict that was counted, and in which slice. */
static int read_verdict(const struct xs_trial *trial, struct xs_trial_outcome *out)
{
	for (uint32_t id = 0; id < trial->maps.entries[XS_MAP_slice_stats]; id++) {
		struct xs_slice_stats stats;
		int err = xs_slice_stats_sum(&trial->maps, id, &stats);

		if (err)
			return err;
		for (int v = 0; v < XS_VERDICT_COUNT; v++) {
			if (!stats.verdict[v])
				continue;
			out->ours = true;
			out->verdict = (enum xs_verdict)v;
			out->slice = id;
			return 0;
		}
	}
	return 0;
}

static int read_vports(const struct xs_trial *trial, struct xs_trial_outcome *out)
{
	for (uint32_t id = 1; id < trial->maps.entries[XS_MAP_vport_stats]; id++) {
		struct xs_vport_stats stats;
		struct xs_vport vport;
		int err = xs_vport_stats_sum(&trial->maps, id, &stats);

		if (!err && stats.tx_packets)
			err = xs_node_maps_get(&trial->maps, XS_MAP_vport, id, &vport);
		if (err)
			return err;
		if (stats.rx_packets)
			out->in = id;
		if (stats.tx_packets)
			*(vport.kind == XS_VPORT_MUX || vport.kind == XS_VPORT_UPLINK ? &out->mux : &out->out) = id;
	}
	return 0;
}

/*
 * tc leaves the tag beside the frame, where a test run does not show it: it is the vport's label, with the former one's PCP and
 * DEI; of a frame that is passed on it is the one that it had.
 */
static int restore_tag(const struct xs_trial *trial, struct xs_trial_outcome *out, struct tag had)
{
	struct xs_vport vport;
	int err;

	if (out->verdict == XS_PASSED) {
		if (had.type)
			put_tag(&out->frame, had);
		return 0;
	}
	err = xs_node_maps_get(&trial->maps, XS_MAP_vport, out->out, &vport);
	if (!err && vport.vid)
		put_tag(&out->frame, (struct tag){ htobe16(ETH_P_8021Q), vport.vid | (had.tci & 0xf000) });
	return err;
}

static int run_both(struct xs_trial *trial, const struct xs_trial_port *port, const struct xs_trial_frame *frame,
		    struct xs_trial_outcome *out)
{
	int err = 0, action = XDP_PASS;
	struct tag had = { 0 };

	out->frame = *frame;
	if (port->xdp)
		err = run_xdp(trial, port->ifindex, &out->frame, &action);
	out->by_tc = action == XDP_PASS;
	if (!err && out->by_tc)
		err = run_tc(trial, port->ifindex, &out->frame, &had);
	if (!err)
		err = read_verdict(trial, out);
	if (!err)
		err = read_vports(trial, out);
	if (!err && out->ours && out->by_tc && (out->verdict == XS_FORWARDED || out->verdict == XS_PASSED))
		err = restore_tag(trial, out, had);
	return err;
}

int xs_trial_run(struct xs_trial *trial, const struct xs_trial_port *port, const struct xs_trial_frame *frame,
		 struct xs_trial_outcome *out, char *error)
{
	struct xs_netns_scope scope;
	int err;

	memset(out, 0, sizeof(*out));
	if (frame->length < XS_TRIAL_FRAME_MIN || frame->length > XS_TRIAL_FRAME_MAX)
		return xs_explain(error, -EMSGSIZE, "a frame of %zu bytes cannot be tried: %d to %d can", frame->length,
				  XS_TRIAL_FRAME_MIN, XS_TRIAL_FRAME_MAX);
	err = xs_netns_enter(port->netns, &scope);
	if (err)
		return xs_explain(error, err, "node %s: cannot enter its namespace: %s", trial->node, strerror(-err));
	err = check_attached(trial, port, error);
	if (!err) {
		err = clear(trial);
		if (!err)
			err = run_both(trial, port, frame, out);
		if (err)
			xs_explain(error, err, "node %s: the kernel does not run the programs for a trial: %s",
				   trial->node, strerror(-err));
	}
	xs_netns_leave(&scope);
	return err;
}
