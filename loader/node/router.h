/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * router.h - IPv6 router discovery (RFC 4861) on one device: advertisements out, solicitations in. When what is sent:
 * loader/agent/advertise.h.
 *
 * A gateway or edge advertises itself as a router, its prefix as on the link (and for autoconfiguration where it is a
 * /64), its MTU, its MAC; from the link-local address of its MAC.
 */
#ifndef XSLICE_NODE_ROUTER_H
#define XSLICE_NODE_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/image/image.h"

#define XS_ROUTER_LIFETIME_S 1800

/* Is it one that advertises itself? Not an edge in front of an exit (R16): there users' first hop is beyond it. */
bool xs_router_is(const struct xs_image *image, const struct xs_rec_vport *vport);

/* A socket for device `ifindex` of the namespace. Descriptor or negative errno. */
int xs_router_open(int netns, uint32_t ifindex);
/* To all on the link. lifetime: seconds; 0: it is no router any more. 0 or negative errno. */
int xs_router_send(int fd, uint32_t ifindex, const struct xs_rec_vport *vport, uint16_t lifetime);
/* Takes in what waits. Was there a valid solicitation? */
bool xs_router_solicited(int fd);

/*
 * Says of those in `former` that are not in `next` (NULL: of all) that they are no routers any more: hosts need not
 * wait until the lifetime has passed. By the names of namespaces and devices, so no node need be open.
 */
void xs_routers_leave(const struct xs_image *former, const struct xs_image *next);

#endif
