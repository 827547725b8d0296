/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clsact.h - a device's clsact qdisc, and the filter of our handle and priority on its ingress, by a netlink socket of
 * the device's namespace. Changes may be gathered (netlink.h).
 *
 * Only what to say to the kernel: whose a filter is, and whether the qdisc may go, is attach_tc.c's to find out.
 * Functions return 0 or negative errno; xs_netlink_why() has the kernel's words.
 */
#ifndef XSLICE_NODE_CLSACT_H
#define XSLICE_NODE_CLSACT_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/node/netlink.h"

/* Does the kernel say so where there is no such device, qdisc or filter? */
bool xs_clsact_is_missing(int err);

/* A qdisc on a device that has none: -EEXIST. And away with it, whatever hangs on it. */
int xs_clsact_add(struct xs_netlink *netlink, uint32_t ifindex);
int xs_clsact_remove(struct xs_netlink *netlink, uint32_t ifindex);
/* Does any filter hang on the qdisc, on either side? 1, 0 (also where there is no qdisc), or negative errno. */
int xs_clsact_is_used(struct xs_netlink *netlink, uint32_t ifindex);

/* Id of the program that the filter runs; 0: of none that has an id. xs_clsact_is_missing(): there is none. */
int xs_clsact_program(struct xs_netlink *netlink, uint32_t ifindex, uint32_t *program);
/*
 * The filter where there is none (-EEXIST), and in the place of one that is there, by one exchange: no packet passes
 * between the two. name: of the program, for people. A qdisc takes its first filter after a grace period of the kernel:
 * who has many makes all qdiscs first.
 */
int xs_clsact_run(struct xs_netlink *netlink, uint32_t ifindex, int program, const char *name);
int xs_clsact_exchange(struct xs_netlink *netlink, uint32_t ifindex, int program, const char *name);
int xs_clsact_stop(struct xs_netlink *netlink, uint32_t ifindex);

#endif
