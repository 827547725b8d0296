// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * attach_xdp.c - xdp_port on a port: alone, by a pinned bpf_link, or shared, behind libxdp's dispatcher (share.c).
 *
 * There is one program of ours, shared or not. Who shares is recorded (XS_PIN_SHARED), as the pin is where it is alone:
 * by these a port is found again.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "loader/node/attach.h"
#include "loader/node/link.h"
#include "loader/node/refusal.h"
#include "loader/node/share.h"

/* ---- alone ---- */

/* Our link on the device, if it is there and still holds on to it; program: the id of what it runs. -ENOENT. */
static int find_link(const char *path, uint32_t ifindex, uint32_t *program)
{
	struct bpf_link_info info = { 0 };
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

static bool is_generic(struct xs_netlink *netlink, uint32_t ifindex)
{
	struct xs_link link;

	return !xs_link_get(netlink, NULL, ifindex, &link) && link.xdp_generic;
}

static int attach_link(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, bool generic,
		       char *error)
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
	if (link >= 0 && is_generic(netlink, ifindex) != generic) {
		/* The definition says another mode now: no exchange leads there, so for a moment there is only tc. */
		close(link);
		err = detach_link(datapath, ifindex);
		if (err)
			return xs_explain(error, err, "%s: cannot leave the former XDP mode: %s",
					  xs_device_name(ifindex, device), strerror(-err));
		link = -ENOENT;
	}
	if (link >= 0) {
		if (there != ours && bpf_link_update(link, program, NULL))
			err = xs_explain(error, -errno, "%s: cannot replace the XDP program: %s",
					 xs_device_name(ifindex, device), strerror(errno));
		close(link);
		return err ? err : there != ours;
	}
	if (link != -ENOENT)
		return xs_explain(error, link, "%s: %s", path, strerror(-link));
	if (!xs_link_get(netlink, NULL, ifindex, &now) && now.xdp[0])
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

/* ---- shared ---- */

/* Where the definition says the other now, tc has the port to itself for a moment. */
static int attach_shared(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, bool generic,
			 char *error)
{
	char device[IF_NAMESIZE];
	int err = detach_link(datapath, ifindex);

	if (!err)
		err = xs_record_make(datapath->directory, XS_PIN_SHARED, ifindex);
	if (err < 0)
		return xs_explain(error, err, "%s: cannot share its XDP: %s", xs_device_name(ifindex, device),
				  strerror(-err));
	return xs_share_join(datapath, netlink, ifindex, generic, error);
}

static int detach_shared(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, char *error)
{
	int err;

	if (!xs_record_is_there(datapath->directory, XS_PIN_SHARED, ifindex))
		return 0;
	err = xs_share_leave(netlink, ifindex, error);
	return err ? err : xs_record_strike(datapath->directory, XS_PIN_SHARED, ifindex);
}

/* ---- either ---- */

static int attach_exclusive(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, bool generic,
			    char *error)
{
	char device[IF_NAMESIZE];
	struct xs_dispatched there;
	int other, err;

	if (xs_record_is_there(datapath->directory, XS_PIN_SHARED, ifindex)) {
		if (xs_share_holds(netlink, ifindex, &there, &other) && other >= 0)
			return xs_explain(
				error, -EBUSY, "%s is shared with the XDP program %.15s (id %u), which is not xslice's",
				xs_device_name(ifindex, device), there.program[other].name, there.program[other].id);
		err = detach_shared(datapath, netlink, ifindex, error);
		if (err)
			return err;
	}
	return attach_link(datapath, netlink, ifindex, generic, error);
}

int xs_xdp_attach(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, unsigned int how,
		  char *error)
{
	const bool generic = how & XS_HOW_GENERIC;

	return how & XS_HOW_SHARED ? attach_shared(datapath, netlink, ifindex, generic, error)
				   : attach_exclusive(datapath, netlink, ifindex, generic, error);
}

int xs_xdp_detach(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex)
{
	char ignored[XS_ERROR_SIZE];
	int err = detach_link(datapath, ifindex);

	return err ? err : detach_shared(datapath, netlink, ifindex, ignored);
}

bool xs_xdp_is_on(const struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, unsigned int *how)
{
	const bool shared = xs_record_is_there(datapath->directory, XS_PIN_SHARED, ifindex);
	struct xs_dispatched there;
	char path[PATH_MAX];
	uint32_t program;
	int link, other;

	*how = (shared ? XS_HOW_SHARED : 0) | (is_generic(netlink, ifindex) ? XS_HOW_GENERIC : 0);
	if (shared)
		return xs_share_holds(netlink, ifindex, &there, &other);
	if (!xs_pin_path(path, "%s/" XS_PIN_XDP "%u", datapath->directory, ifindex))
		return false;
	link = find_link(path, ifindex, &program);
	if (link >= 0)
		close(link);
	return link >= 0;
}
