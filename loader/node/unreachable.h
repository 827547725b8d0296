/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unreachable.h - routes by which a sliver's kernel says host-unreachable about one address. They bear a protocol number of
 * their own, so what makes a namespace equal to its image passes them by. Not counted as changes of an apply.
 */
#ifndef XSLICE_NODE_UNREACHABLE_H
#define XSLICE_NODE_UNREACHABLE_H

#include "loader/base/address.h"

#define XS_RTPROT_UNREACHABLE 159

struct xs_netlink;

/* netlink: a socket of the sliver's namespace. 0 also if it was so; negative errno. */
int xs_unreachable_add(struct xs_netlink *netlink, const struct xs_address *address);
int xs_unreachable_delete(struct xs_netlink *netlink, const struct xs_address *address);
/* Takes all of them away: a former agent may have left some. netns: descriptor of the sliver's namespace. */
int xs_unreachable_clear(int netns);

#endif
