/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.h - one device's hooks: of XDP (attach_xdp.c) and of tc (attach_tc.c), between which attach.c chooses.
 *
 * Always holds: what is not ours is never replaced or removed; a program that is replaced is replaced by one exchange,
 * so no packet passes the hook between two programs. The thread is in the device's namespace, and `netlink` was opened
 * there.
 */
#ifndef XSLICE_NODE_ATTACH_H
#define XSLICE_NODE_ATTACH_H

#include "loader/node/datapath_private.h"
#include "loader/node/netlink.h"

/* 0: was so, 1: attached or replaced; -EBUSY and others with a sentence in `error`. how: of enum xs_how. */
int xs_xdp_attach(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, unsigned int how,
		  char *error);
int xs_tc_attach(struct xs_datapath *datapath, struct xs_netlink *netlink, enum xs_hook hook, uint32_t ifindex,
		 char *error);

/* 0 also where nothing was attached or the device is gone. */
int xs_xdp_detach(struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex);
int xs_tc_detach(struct xs_datapath *datapath, struct xs_netlink *netlink, enum xs_hook hook, uint32_t ifindex);

/* Is a program of ours on it? how: in which way. */
bool xs_xdp_is_on(const struct xs_datapath *datapath, struct xs_netlink *netlink, uint32_t ifindex, unsigned int *how);
bool xs_tc_is_on(struct xs_netlink *netlink, uint32_t ifindex);

/* Takes a filter of ours (by name) off a port; the qdisc if it is ours and nobody else uses it. */
int xs_tc_take_off(struct xs_netlink *netlink, uint32_t ifindex, bool qdisc_is_ours);

/*
 * Records of a device, in a directory of pins: XS_PIN_SHARED, XS_PIN_TC, XS_PIN_QDISC. They end with a reboot, as what
 * they record does. One is made before that is, and struck after it went. make: 1, it was there.
 */
int xs_record_make(const char *directory, const char *prefix, uint32_t ifindex);
bool xs_record_is_there(const char *directory, const char *prefix, uint32_t ifindex);
int xs_record_strike(const char *directory, const char *prefix, uint32_t ifindex);

#endif
