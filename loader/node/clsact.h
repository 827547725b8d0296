/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clsact.h - our filter on the ingress of a device's clsact qdisc, by a netlink socket of the device's namespace: what
 * attach.c does by libbpf for one device, which takes three sockets of its own, for thousands of them. Changes may be
 * gathered (netlink.h).
 */
#ifndef XSLICE_NODE_CLSACT_H
#define XSLICE_NODE_CLSACT_H

#include <stdint.h>

#include "loader/node/netlink.h"

/* Id of the program that the filter of our handle and priority runs. -ENOENT, -EINVAL: no filter, no qdisc. */
int xs_clsact_program(struct xs_netlink *netlink, uint32_t ifindex, uint32_t *program);
/* A qdisc on a device that has none. */
int xs_clsact_add(struct xs_netlink *netlink, uint32_t ifindex);
/*
 * The filter, where there is none. name: of the program, for people. A qdisc takes its first filter after a grace
 * period of the kernel: who has many makes all qdiscs first.
 */
int xs_clsact_run(struct xs_netlink *netlink, uint32_t ifindex, int program, const char *name);

#endif
