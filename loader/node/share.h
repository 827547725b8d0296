/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share.h - xdp_port behind libxdp's dispatcher, so that a firewall's program and others live on the same device.
 *
 * Ours runs last (XS_SHARE_PRIORITY) and its verdict is final. So while it is replaced, the next behind the former, no
 * frame meets both; the dispatcher itself is exchanged by one netlink message. A former one is known by its name. The
 * thread is in the device's namespace, and `netlink` was opened there.
 */
#ifndef XSLICE_NODE_SHARE_H
#define XSLICE_NODE_SHARE_H

#include "loader/node/datapath_private.h"
#include "loader/node/dispatched.h"

/* Programs with a smaller number run before ours; libxdp's default is 50. */
#define XS_SHARE_PRIORITY 100

/* There is a dispatcher on the device, or nothing. 0: ours is behind it already, 1: it is now. -EBUSY: as if alone. */
int xs_share_join(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, bool generic,
		  char *error);

/* Takes ours out; what others have there stays, and the dispatcher while there is one. 0 also if ours was not there. */
int xs_share_leave(struct xs_netlink *netlink, uint32_t ifindex, char *error);

/* Is a program of ours behind a dispatcher on the device? other: one that is not ours is, too (its index, -1: none). */
bool xs_share_holds(struct xs_netlink *netlink, uint32_t ifindex, struct xs_dispatched *there, int *other);

#endif
