// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * attach.c - puts the programs on devices, in the devices' namespaces, and takes them off; and whose a program is that
 * is there. How, see attach.h.
 */
#include <errno.h>
#include <string.h>

#include "loader/node/attach.h"
#include "loader/node/dispatched.h"
#include "loader/node/netns.h"

/* The thread in a device's namespace, with a socket there. */
struct visit {
	struct xs_netns_scope scope;
	struct xs_netlink *netlink;
};

static int enter(int netns, struct visit *visit)
{
	int err = xs_netns_enter(netns, &visit->scope);

	if (err)
		return err;
	err = xs_netlink_open_here(&visit->netlink);
	if (err)
		xs_netns_leave(&visit->scope);
	return err;
}

static void leave(struct visit *visit)
{
	xs_netlink_close(visit->netlink);
	xs_netns_leave(&visit->scope);
}

static int attach_here(struct xs_datapath *datapath, enum xs_hook hook, struct xs_netlink *netlink, uint32_t ifindex,
		       unsigned int how, char *error)
{
	return hook == XS_HOOK_XDP_PORT ? xs_xdp_attach(datapath, netlink, ifindex, how, error)
					: xs_tc_attach(datapath, netlink, hook, ifindex, error);
}

int xs_datapath_attach(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex, unsigned int how,
		       char *error)
{
	struct visit visit;
	int result = enter(netns, &visit);

	if (result)
		return xs_explain(error, result, "cannot enter the namespace of device %u: %s", ifindex,
				  strerror(-result));
	result = attach_here(datapath, hook, visit.netlink, ifindex, how, error);
	leave(&visit);
	return result;
}

int xs_datapath_detach(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex)
{
	struct visit visit;
	int err = enter(netns, &visit);

	if (err)
		return err;
	err = hook == XS_HOOK_XDP_PORT ? xs_xdp_detach(datapath, visit.netlink, ifindex)
				       : xs_tc_detach(datapath, visit.netlink, hook, ifindex);
	leave(&visit);
	return err;
}

int xs_datapath_exchange(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex)
{
	char ignored[XS_ERROR_SIZE];
	struct visit visit;
	unsigned int how = 0;
	int err = enter(netns, &visit);

	if (err)
		return err;
	if (hook == XS_HOOK_XDP_PORT ? xs_xdp_is_on(datapath, visit.netlink, ifindex, &how)
				     : xs_tc_is_on(visit.netlink, ifindex))
		err = attach_here(datapath, hook, visit.netlink, ifindex, how, ignored);
	leave(&visit);
	return err;
}

bool xs_datapath_owns(void *context, uint32_t program_id)
{
	const struct xs_datapath *datapath = context;

	for (int hook = 0; hook < XS_HOOK_COUNT; hook++)
		if (program_id == datapath->id[hook] ||
		    (datapath->former_id[hook] && program_id == datapath->former_id[hook]))
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
