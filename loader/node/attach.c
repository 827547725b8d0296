// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * attach.c - puts the programs on devices, in the devices' namespaces, and takes them off. XDP by a pinned bpf_link or, shared,
 * behind libxdp's dispatcher (share.c); tc by a clsact filter of our handle and priority.
 *
 * Always holds: what is not ours is never replaced or removed; a program that is replaced is replaced by one exchange, so no
 * packet passes the hook between two programs.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "loader/node/clsact.h"
#include "loader/node/datapath_private.h"
#include "loader/node/link.h"
#include "loader/node/netns.h"
#include "loader/node/refusal.h"
#include "loader/node/share.h"

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return 0;
}

/* "eth0", or "#7" where the index has no name (any more). */
const char *xs_device_name(uint32_t ifindex, char buf[IF_NAMESIZE])
{
	if (!if_indextoname(ifindex, buf))
		snprintf(buf, IF_NAMESIZE, "#%u", ifindex);
	return buf;
}

int xs_device_busy(const char *where, uint32_t ifindex, uint32_t id, char *error)
{
	char device[IF_NAMESIZE], name[16] = "?";

	xs_program_name(id, name);
	return xs_explain(error, -EBUSY, "%s carries the %s program %.15s (id %u), which is not xslice's",
			  xs_device_name(ifindex, device), where, name, id);
}

/* ---- records ------------------------------------------------------------------------------------------------------- */

/* A record that ends with a reboot, as what it records does. It is made before that is, and goes after it. 1: it was there. */
static int record(const struct xs_datapath *datapath, const char *prefix, uint32_t ifindex)
{
	char path[PATH_MAX];

	if (!xs_pin_path(path, "%s/%s%u", datapath->directory, prefix, ifindex))
		return -ENAMETOOLONG;
	if (!mkdir(path, 0700))
		return 0;
	return errno == EEXIST ? 1 : -errno;
}

static bool is_recorded(const struct xs_datapath *datapath, const char *prefix, uint32_t ifindex)
{
	char path[PATH_MAX];

	return xs_pin_path(path, "%s/%s%u", datapath->directory, prefix, ifindex) && !access(path, F_OK);
}

static int strike(const struct xs_datapath *datapath, const char *prefix, uint32_t ifindex)
{
	char path[PATH_MAX];

	if (!xs_pin_path(path, "%s/%s%u", datapath->directory, prefix, ifindex))
		return -ENAMETOOLONG;
	return rmdir(path) && errno != ENOENT ? -errno : 0;
}

/* ---- XDP ----------------------------------------------------------------------------------------------------------- */

/* Our link on the device, if it is there and still holds on to it; program: the id of what it runs. -ENOENT. */
static int find_link(const char *path, uint32_t ifindex, uint32_t *program)
{
	struct bpf_link_info info = {0};
	uint32_t length = sizeof(info);
	int fd = bpf_obj_get(path);

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &length)) {
		int err = -errno;

		close(fd);
		return err;
	}
	if (info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == ifindex) {
		*program = info.prog_id;
		return fd;
	}
	/* Its device is gone: the link holds on to nothing, and the index may be another device's now. */
	close(fd);
	if (unlink(path))
		return -errno;
	return -ENOENT;
}

static int detach_link(struct xs_datapath *datapath, uint32_t ifindex)
{
	char path[PATH_MAX];
	uint32_t program;
	int link, err = 0;

	if (!xs_pin_path(path, "%s/" XS_PIN_XDP "%u", datapath->directory, ifindex))
		return -ENAMETOOLONG;
	link = find_link(path, ifindex, &program);
	if (link < 0)
		return link == -ENOENT ? 0 : link;
	if (bpf_link_detach(link) || unlink(path))
		err = -errno;
	close(link);
	return err;
}

/* What XDP is on a device of the thread's namespace; libbpf would look at all devices for this. */
static int look_at_xdp(uint32_t ifindex, struct xs_link *out)
{
	struct xs_netlink *netlink;
	int err = xs_netlink_open_here(&netlink);

	if (err)
		return err;
	err = xs_link_get(netlink, NULL, ifindex, out);
	xs_netlink_close(netlink);
	return err;
}

static bool is_generic(uint32_t ifindex)
{
	struct xs_link link;

	return !look_at_xdp(ifindex, &link) && link.xdp_generic;
}

static int attach_link(struct xs_datapath *datapath, uint32_t ifindex, bool generic, char *error)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	const uint32_t ours = datapath->id[XS_HOOK_XDP_PORT];
	const int program = datapath->program[XS_HOOK_XDP_PORT];
	char path[PATH_MAX], device[IF_NAMESIZE];
	struct xs_link now;
	uint32_t there = 0;
	int link, err = 0;

	if (!xs_pin_path(path, "%s/" XS_PIN_XDP "%u", datapath->directory, ifindex))
		return -ENAMETOOLONG;
	link = find_link(path, ifindex, &there);
	if (link >= 0 && is_generic(ifindex) != generic) {
		/* The definition says another mode now: no exchange leads there, so for a moment the port has only tc. */
		close(link);
		err = detach_link(datapath, ifindex);
		if (err)
			return xs_explain(error, err, "%s: cannot leave the former XDP mode: %s", xs_device_name(ifindex, device),
					  strerror(-err));
		link = -ENOENT;
	}
	if (link >= 0) {
		if (there != ours && bpf_link_update(link, program, NULL))
			err = xs_explain(error, -errno, "%s: cannot replace the XDP program: %s", xs_device_name(ifindex, device),
					 strerror(errno));
		close(link);
		return err ? err : there != ours;
	}
	if (link != -ENOENT)
		return xs_explain(error, link, "%s: %s", path, strerror(-link));
	if (!look_at_xdp(ifindex, &now) && now.xdp[0])
		return xs_device_busy("XDP", ifindex, now.xdp[0], error);
	link = bpf_link_create(program, ifindex, BPF_XDP, &options);
	if (link < 0) {
		err = -errno;
		return xs_explain_refusal(ifindex, program, generic, err, error);
	}
	if (bpf_obj_pin(link, path))
		err = xs_explain(error, -errno, "cannot pin %s: %s", path, strerror(errno));
	/* Unpinned, it ends with its descriptor. */
	close(link);
	return err ? err : 1;
}

/*
 * Shared or not, there is one program of ours. Where the definition says the other now, tc has the port to itself for a moment.
 * Who shares is recorded before, and struck after: by the record a port is found again.
 */
static int attach_shared(struct xs_datapath *datapath, uint32_t ifindex, bool generic, char *error)
{
	char device[IF_NAMESIZE];
	int err = detach_link(datapath, ifindex);

	if (!err)
		err = record(datapath, XS_PIN_SHARED, ifindex);
	if (err < 0)
		return xs_explain(error, err, "%s: cannot share its XDP: %s", xs_device_name(ifindex, device), strerror(-err));
	return xs_share_join(datapath, ifindex, generic, error);
}

static int detach_shared(struct xs_datapath *datapath, uint32_t ifindex, char *error)
{
	int err;

	if (!is_recorded(datapath, XS_PIN_SHARED, ifindex))
		return 0;
	err = xs_share_leave(ifindex, error);
	return err ? err : strike(datapath, XS_PIN_SHARED, ifindex);
}

static int attach_exclusive(struct xs_datapath *datapath, uint32_t ifindex, bool generic, char *error)
{
	char device[IF_NAMESIZE];
	struct xs_dispatched there;
	int other, err;

	if (is_recorded(datapath, XS_PIN_SHARED, ifindex)) {
		if (xs_share_holds(ifindex, &there, &other) && other >= 0)
			return xs_explain(error, -EBUSY, "%s is shared with the XDP program %.15s (id %u), which is not xslice's",
					  xs_device_name(ifindex, device), there.program[other].name, there.program[other].id);
		err = detach_shared(datapath, ifindex, error);
		if (err)
			return err;
	}
	return attach_link(datapath, ifindex, generic, error);
}

/* ---- tc ------------------------------------------------------------------------------------------------------------ */

static int count_filter(const struct nlmsghdr *message, void *data)
{
	if (message->nlmsg_type == RTM_NEWTFILTER)
		++*(unsigned int *)data;
	return MNL_CB_OK;
}

/* Filters of anybody under a parent of the device, in the thread's namespace; negative errno. */
static int count_filters(uint32_t ifindex, uint32_t parent)
{
	char buffer[16384];
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct nlmsghdr *message;
	unsigned int count = 0;
	struct tcmsg *body;
	int err = 0;
	ssize_t n;

	if (!socket)
		return -errno;
	message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = RTM_GETTFILTER;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = 1;
	body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->tcm_family = AF_UNSPEC;
	body->tcm_ifindex = ifindex;
	body->tcm_parent = parent;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		err = -errno;
	while (!err && (n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer))) != 0) {
		int more = n < 0 ? -1 : mnl_cb_run(buffer, n, 1, mnl_socket_get_portid(socket), count_filter, &count);

		if (more < 0)
			err = -errno;
		if (more <= MNL_CB_STOP)
			break;
	}
	mnl_socket_close(socket);
	return err ? err : (int)count;
}

int xs_tc_take_off(uint32_t ifindex, bool qdisc_is_ours)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = XS_TC_HANDLE, .priority = XS_TC_PRIORITY);
	LIBBPF_OPTS(bpf_tc_opts, which, .handle = XS_TC_HANDLE, .priority = XS_TC_PRIORITY);
	int err = bpf_tc_query(&hook, &found), others;

	/* -EINVAL, -ENOENT: no qdisc, no filter, or no device. */
	if (err == -ENODEV || err == -EINVAL || err == -ENOENT)
		err = 0;
	else if (!err && xs_program_is_ours_by_name(found.prog_id))
		err = bpf_tc_detach(&hook, &which);
	if (err || !qdisc_is_ours || !if_indextoname(ifindex, (char[IF_NAMESIZE]){0}))
		return err;
	others = count_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
	if (!others)
		others = count_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
	if (others)
		return others > 0 || others == -EINVAL || others == -ENOENT || others == -ENODEV ? 0 : others;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	err = bpf_tc_hook_destroy(&hook);
	/* Somebody was faster. */
	return err == -ENOENT || err == -EINVAL ? 0 : err;
}

/* The qdisc that filters hang on, noted as ours if it is. */
static int make_qdisc(const struct xs_datapath *datapath, enum xs_hook which, struct bpf_tc_hook *hook, uint32_t ifindex)
{
	/* On veths of ours the qdisc goes with the device. */
	int noted = which == XS_HOOK_TC_PORT ? record(datapath, XS_PIN_QDISC, ifindex) : 1, err;

	if (noted < 0)
		return noted;
	err = bpf_tc_hook_create(hook);
	if (err && !noted) {
		int struck = strike(datapath, XS_PIN_QDISC, ifindex);

		if (struck)
			return struck;
	}
	return err == -EEXIST ? 0 : err;
}

static int attach_tc(struct xs_datapath *datapath, enum xs_hook which, uint32_t ifindex, char *error)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = XS_TC_HANDLE, .priority = XS_TC_PRIORITY);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = XS_TC_HANDLE, .priority = XS_TC_PRIORITY, .prog_fd = datapath->program[which],
		    .flags = BPF_TC_F_REPLACE);
	char device[IF_NAMESIZE];
	bool there;
	int err;

	there = !bpf_tc_query(&hook, &found);
	if (there) {
		if (found.prog_id == datapath->id[which])
			return 0;
		if (!xs_program_is_ours_by_name(found.prog_id))
			return xs_device_busy("tc", ifindex, found.prog_id, error);
	}
	/* By this one the port is found again, whatever comes of the rest. */
	err = which == XS_HOOK_TC_PORT ? record(datapath, XS_PIN_TC, ifindex) : 0;
	if (err >= 0 && !there) {
		err = make_qdisc(datapath, which, &hook, ifindex);
		if (err)
			return xs_explain(error, err, "%s: cannot make a clsact qdisc: %s", xs_device_name(ifindex, device),
					  strerror(-err));
	}
	if (err >= 0)
		err = bpf_tc_attach(&hook, &options);
	if (err)
		return xs_explain(error, err, "%s: cannot attach %s by tc: %s", xs_device_name(ifindex, device),
				  xs_hook_program[which], strerror(-err));
	return 1;
}

/* ---- both ---------------------------------------------------------------------------------------------------------- */

static int attach_xdp(struct xs_datapath *datapath, uint32_t ifindex, unsigned int how, char *error)
{
	const bool generic = how & XS_HOW_GENERIC;

	return how & XS_HOW_SHARED ? attach_shared(datapath, ifindex, generic, error) :
				     attach_exclusive(datapath, ifindex, generic, error);
}

int xs_datapath_attach(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex, unsigned int how, char *error)
{
	libbpf_print_fn_t former_print;
	struct xs_netns_scope scope;
	int result = xs_netns_enter(netns, &scope);

	if (result)
		return xs_explain(error, result, "cannot enter the namespace of device %u: %s", ifindex, strerror(-result));
	former_print = libbpf_set_print(say_nothing);
	result = hook == XS_HOOK_XDP_PORT ? attach_xdp(datapath, ifindex, how, error) :
					    attach_tc(datapath, hook, ifindex, error);
	libbpf_set_print(former_print);
	xs_netns_leave(&scope);
	return result;
}

bool xs_datapath_is_attached(const struct xs_datapath *datapath, enum xs_hook hook, struct xs_netlink *netlink,
			     uint32_t ifindex)
{
	uint32_t program;

	return !xs_clsact_program(netlink, ifindex, &program) && program == datapath->id[hook];
}

int xs_datapath_attach_new(const struct xs_datapath *datapath, enum xs_hook hook, struct xs_netlink *netlink,
			   const uint32_t *ifindex, size_t count)
{
	int err = 0, flushed;
	char name[64];

	/* As libbpf calls it. */
	snprintf(name, sizeof(name), "%s:[%u]", xs_hook_program[hook], datapath->id[hook]);
	xs_netlink_gather(netlink);
	for (size_t i = 0; !err && i < count; i++)
		err = xs_clsact_add(netlink, ifindex[i]);
	for (size_t i = 0; !err && i < count; i++)
		err = xs_clsact_run(netlink, ifindex[i], datapath->program[hook], name);
	flushed = xs_netlink_flush(netlink);
	return err ? err : flushed;
}

int xs_datapath_detach(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex)
{
	libbpf_print_fn_t former_print;
	struct xs_netns_scope scope;
	char ignored[XS_ERROR_SIZE];
	int err = xs_netns_enter(netns, &scope);

	if (err)
		return err;
	former_print = libbpf_set_print(say_nothing);
	if (hook == XS_HOOK_XDP_PORT) {
		err = detach_link(datapath, ifindex);
		if (!err)
			err = detach_shared(datapath, ifindex, ignored);
	} else {
		err = xs_tc_take_off(ifindex, hook == XS_HOOK_TC_PORT && is_recorded(datapath, XS_PIN_QDISC, ifindex));
		/* By the last of them a port is known to be left still: see xs_datapath_keep(). */
		if (!err && hook == XS_HOOK_TC_PORT)
			err = strike(datapath, XS_PIN_QDISC, ifindex);
		if (!err && hook == XS_HOOK_TC_PORT)
			err = strike(datapath, XS_PIN_TC, ifindex);
	}
	libbpf_set_print(former_print);
	xs_netns_leave(&scope);
	return err;
}

/* Is a program of ours on the hook, in the thread's namespace? */
static bool is_on(const struct xs_datapath *datapath, enum xs_hook which, uint32_t ifindex, bool shared)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = XS_TC_HANDLE, .priority = XS_TC_PRIORITY);
	struct xs_dispatched there;
	char path[PATH_MAX];
	uint32_t program;
	int link, other;

	if (shared)
		return xs_share_holds(ifindex, &there, &other);
	if (which != XS_HOOK_XDP_PORT)
		return !bpf_tc_query(&hook, &found) && xs_program_is_ours_by_name(found.prog_id);
	if (!xs_pin_path(path, "%s/" XS_PIN_XDP "%u", datapath->directory, ifindex))
		return false;
	link = find_link(path, ifindex, &program);
	if (link >= 0)
		close(link);
	return link >= 0;
}

int xs_datapath_exchange(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex)
{
	libbpf_print_fn_t former_print;
	struct xs_netns_scope scope;
	char ignored[XS_ERROR_SIZE];
	int err = xs_netns_enter(netns, &scope);
	bool shared, there;
	unsigned int how;

	if (err)
		return err;
	former_print = libbpf_set_print(say_nothing);
	shared = hook == XS_HOOK_XDP_PORT && is_recorded(datapath, XS_PIN_SHARED, ifindex);
	there = is_on(datapath, hook, ifindex, shared);
	how = (shared ? XS_HOW_SHARED : 0) | (hook == XS_HOOK_XDP_PORT && is_generic(ifindex) ? XS_HOW_GENERIC : 0);
	libbpf_set_print(former_print);
	xs_netns_leave(&scope);
	return there ? xs_datapath_attach(datapath, hook, netns, ifindex, how, ignored) : 0;
}

bool xs_datapath_owns(void *context, uint32_t program_id)
{
	const struct xs_datapath *datapath = context;

	for (int hook = 0; hook < XS_HOOK_COUNT; hook++)
		if (program_id == datapath->id[hook] || (datapath->former_id[hook] && program_id == datapath->former_id[hook]))
			return true;
	return xs_links_run(datapath->directory, program_id);
}

/* "XDP program 7 (name)", and how it comes to be there. */
static bool name_foreigner(uint32_t id, const char *name, bool dispatched, char who[XS_WHO_SIZE])
{
	snprintf(who, XS_WHO_SIZE, "XDP program %u (%.15s)%s", id, name[0] ? name : "without a name",
		 dispatched ? " by libxdp's dispatcher" : "");
	return false;
}

bool xs_datapath_admits(void *context, uint32_t ifindex, uint32_t program_id, bool shared, char who[XS_WHO_SIZE])
{
	struct xs_dispatched there;
	char name[16] = "";

	if (xs_datapath_owns(context, program_id))
		return true;
	if (!xs_dispatched_read(ifindex, program_id, &there)) {
		xs_program_name(program_id, name);
		return name_foreigner(program_id, name, false, who);
	}
	for (uint32_t i = 0; !shared && i < there.count; i++)
		if (!xs_program_is_ours_by_name(there.program[i].id))
			return name_foreigner(there.program[i].id, there.program[i].name, true, who);
	return true;
}
