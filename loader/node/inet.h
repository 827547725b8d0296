/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inet.h - addresses, our static routes and permanent neighbours of a namespace, both families: what is there, and single
 * changes (each counted, see netlink.h).
 *
 * Functions return 0 or negative errno; xs_netlink_why() has the kernel's words. Dumps are malloc()ed, the caller's; `families`:
 * how many are read, 1 for IPv4 alone.
 */
#ifndef XSLICE_NODE_INET_H
#define XSLICE_NODE_INET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/base/address.h"
#include "loader/node/netlink.h"

/* Protocol number of the routes that are ours (`ip route show proto 158`): none that iproute2, BIRD or FRR use. */
#define XS_RTPROT 158

struct xs_held_address {
	uint32_t ifindex;
	struct xs_address address;
	uint8_t length, scope; /* scope: RT_SCOPE_* */
};
int xs_address_dump(struct xs_netlink *netlink, unsigned int families, struct xs_held_address **out, size_t *count);
int xs_address_add(struct xs_netlink *netlink, const struct xs_held_address *address);
int xs_address_delete(struct xs_netlink *netlink, const struct xs_held_address *address);

struct xs_held_route {
	struct xs_prefix prefix;
	uint32_t ifindex;
	struct xs_address via; /* NONE: on the link */
	bool onlink;           /* `via` is taken to be on the link, whatever addresses say */
};
/* Those of protocol XS_RTPROT in the main table. */
int xs_route_dump(struct xs_netlink *netlink, unsigned int families, struct xs_held_route **out, size_t *count);
/* replace: one of ours for this prefix is there. Without: -EEXIST where there is one of anybody's. */
int xs_route_set(struct xs_netlink *netlink, const struct xs_held_route *route, bool replace);
int xs_route_delete(struct xs_netlink *netlink, const struct xs_held_route *route);
/* The route to an address's own subnet, as the kernel makes it with the address. -EEXIST where there is one. */
int xs_route_to_subnet(struct xs_netlink *netlink, const struct xs_held_address *address);

struct xs_held_neighbour {
	uint32_t ifindex;
	struct xs_address address;
	struct xs_mac mac;
	bool permanent;
};
/* Fills mac and permanent of *neighbour by the rest. -ENOENT. */
int xs_neighbour_get(struct xs_netlink *netlink, struct xs_held_neighbour *neighbour);
int xs_neighbour_set(struct xs_netlink *netlink, const struct xs_held_neighbour *neighbour); /* permanent */
int xs_neighbour_delete(struct xs_netlink *netlink, const struct xs_held_neighbour *neighbour);
/* All that are resolved, or asked for. The kernel walks the neighbours of all namespaces for this: not for every day. */
int xs_neighbour_dump(struct xs_netlink *netlink, unsigned int families, struct xs_held_neighbour **out, size_t *count);

/* How the kernel resolves neighbours by a device: net.{ipv4,ipv6}.neigh.DEVICE.*, of a family (XS_IPV4, XS_IPV6). */
struct xs_neighbour_setting {
	uint32_t proxy_delay_ms;
	uint32_t retrans_time_ms, mcast_solicit; /* 0: as it is */
};
int xs_neighbour_setting_set(struct xs_netlink *netlink, uint32_t ifindex, uint8_t family,
			     const struct xs_neighbour_setting *setting);

#endif
