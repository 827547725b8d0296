// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * attach_tc.c - our filter on a device's ingress: whose the one at our handle and priority is, and whose the qdisc.
 *
 * A port has two records (attach.h): by XS_PIN_TC it is found again, by XS_PIN_QDISC the qdisc is known to be ours. On
 * veths of ours nothing is recorded: all of it goes with the device.
 */
#include <errno.h>
#include <string.h>

#include "loader/node/attach.h"
#include "loader/node/clsact.h"
#include "loader/node/refusal.h"

/* As libbpf calls filters: "tc_port:[7]". */
#define FILTER_NAME 64

static const char *filter_name(const struct xs_datapath *datapath, enum xs_hook hook, char name[FILTER_NAME])
{
	snprintf(name, FILTER_NAME, "%s:[%u]", xs_hook_program[hook], datapath->id[hook]);
	return name;
}

/* The qdisc that the filter hangs on, noted as ours if it is. 0 or negative errno. */
static int make_qdisc(const struct xs_datapath *datapath, struct xs_netlink *netlink, enum xs_hook hook,
		      uint32_t ifindex)
{
	int noted = hook == XS_HOOK_TC_PORT ? xs_record_make(datapath->directory, XS_PIN_QDISC, ifindex) : 1, err;

	if (noted < 0)
		return noted;
	err = xs_clsact_add(netlink, ifindex);
	if (err && !noted) {
		int struck = xs_record_strike(datapath->directory, XS_PIN_QDISC, ifindex);

		if (struck)
			return struck;
	}
	return err == -EEXIST ? 0 : err;
}

int xs_tc_attach(struct xs_datapath *datapath, struct xs_netlink *netlink, enum xs_hook hook, uint32_t ifindex,
		 char *error)
{
	char device[IF_NAMESIZE], name[FILTER_NAME];
	uint32_t program;
	bool there = !xs_clsact_program(netlink, ifindex, &program);
	int err;

	if (there && program == datapath->id[hook])
		return 0;
	if (there && !xs_program_is_ours_by_name(program))
		return xs_device_busy("tc", ifindex, program, error);
	/* By this one the port is found again, whatever comes of the rest. */
	err = hook == XS_HOOK_TC_PORT ? xs_record_make(datapath->directory, XS_PIN_TC, ifindex) : 0;
	if (err >= 0 && !there) {
		err = make_qdisc(datapath, netlink, hook, ifindex);
		if (err)
			return xs_explain(error, err, "%s: cannot make a clsact qdisc: %s",
					  xs_device_name(ifindex, device), strerror(-err));
	}
	filter_name(datapath, hook, name);
	if (err >= 0)
		err = there ? xs_clsact_exchange(netlink, ifindex, datapath->program[hook], name)
			    : xs_clsact_run(netlink, ifindex, datapath->program[hook], name);
	if (err)
		return xs_explain(error, err, "%s: cannot attach %s by tc: %s%s", xs_device_name(ifindex, device),
				  xs_hook_program[hook], strerror(-err), xs_netlink_why(netlink));
	return 1;
}

int xs_tc_take_off(struct xs_netlink *netlink, uint32_t ifindex, bool qdisc_is_ours)
{
	uint32_t program;
	int err = xs_clsact_program(netlink, ifindex, &program), used;

	if (!err && xs_program_is_ours_by_name(program))
		err = xs_clsact_stop(netlink, ifindex);
	if (err && !xs_clsact_is_missing(err))
		return err;
	used = qdisc_is_ours ? xs_clsact_is_used(netlink, ifindex) : 1;
	if (used)
		return used < 0 ? used : 0;
	err = xs_clsact_remove(netlink, ifindex);
	/* Somebody was faster. */
	return xs_clsact_is_missing(err) ? 0 : err;
}

int xs_tc_detach(struct xs_datapath *datapath, struct xs_netlink *netlink, enum xs_hook hook, uint32_t ifindex)
{
	const char *directory = datapath->directory;
	int err;

	if (hook != XS_HOOK_TC_PORT)
		return xs_tc_take_off(netlink, ifindex, false);
	err = xs_tc_take_off(netlink, ifindex, xs_record_is_there(directory, XS_PIN_QDISC, ifindex));
	if (!err)
		err = xs_record_strike(directory, XS_PIN_QDISC, ifindex);
	/* By the last of them a port is known to be left still: see xs_datapath_keep(). */
	return err ? err : xs_record_strike(directory, XS_PIN_TC, ifindex);
}

bool xs_tc_is_on(struct xs_netlink *netlink, uint32_t ifindex)
{
	uint32_t program;

	return !xs_clsact_program(netlink, ifindex, &program) && xs_program_is_ours_by_name(program);
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
	char name[FILTER_NAME];
	int err = 0, flushed;

	filter_name(datapath, hook, name);
	xs_netlink_gather(netlink);
	for (size_t i = 0; !err && i < count; i++)
		err = xs_clsact_add(netlink, ifindex[i]);
	for (size_t i = 0; !err && i < count; i++)
		err = xs_clsact_run(netlink, ifindex[i], datapath->program[hook], name);
	flushed = xs_netlink_flush(netlink);
	return err ? err : flushed;
}
