/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link.h - devices of a namespace: what is there, and single changes (each counted, see netlink.h).
 *
 * Functions return 0 or negative errno; xs_netlink_why() has the kernel's words.
 */
#ifndef XSLICE_NODE_LINK_H
#define XSLICE_NODE_LINK_H

#include <linux/ip.h>   /* IPV4_DEVCONF_* */
#include <linux/ipv6.h> /* DEVCONF_* */
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/base/address.h"
#include "loader/node/netlink.h"

#define XS_LINK_XDP_MAX  4
#define XS_IPV6_CONF_MAX DEVCONF_MAX

struct xs_link {
	char name[IFNAMSIZ];
	uint32_t ifindex;
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	uint8_t mac[6];
	bool carrier;
	bool veth, tap;
	uint32_t peer;     /* ifindex of a veth's other end; 0: none */
	int32_t peer_nsid; /* the peer's namespace as this one numbers it (xs_netlink_nsid()); -1: this one itself */
	uint32_t xdp[XS_LINK_XDP_MAX];      /* ids of its XDP programs, 0: no more */
	bool xdp_generic;                   /* the only one that there is stands before the stack, not in the driver */
	int32_t ipv4[IPV4_DEVCONF_MAX + 1]; /* net.ipv4.conf.DEVICE.*, by IPV4_DEVCONF_*; -1: the kernel does not say */
	int32_t ipv6_conf[XS_IPV6_CONF_MAX]; /* net.ipv6.conf.DEVICE.*, by DEVCONF_*; likewise */
	bool ipv6;                           /* IPv6 is enabled on it */
};

/* All of the namespace, sorted by name; malloc()ed, the caller's. */
int xs_link_dump(struct xs_netlink *netlink, struct xs_link **out, size_t *count);
struct xs_link *xs_link_find(struct xs_link *links, size_t count, const char *name);

/* One, by name or (name NULL) by index. -ENODEV. */
int xs_link_get(struct xs_netlink *netlink, const char *name, uint32_t ifindex, struct xs_link *out);

int xs_link_set_flags(struct xs_netlink *netlink, uint32_t ifindex, uint32_t flags, uint32_t mask);
int xs_link_set_mtu(struct xs_netlink *netlink, uint32_t ifindex, uint32_t mtu);
int xs_link_set_mac(struct xs_netlink *netlink, uint32_t ifindex, const uint8_t mac[6]);

/*
 * A veth pair with one queue each: this end, `name`, in the socket's namespace, without ARP; the other, `inner`,
 * directly in namespace `inner_netns` (descriptor). Both are down.
 */
int xs_veth_add(struct xs_netlink *netlink, const char *name, int inner_netns, const char *inner,
		const uint8_t inner_mac[6], uint32_t mtu);

/*
 * The same pair made from its inner end, which is the socket's namespace, and of which nothing else is known yet: it
 * gets the index, and is up. The outer end, without ARP and down, is in `outer_netns`.
 */
int xs_veth_add_inside(struct xs_netlink *netlink, const char *name, uint32_t ifindex, const uint8_t mac[6],
		       uint32_t mtu, int outer_netns, const char *outer);

/*
 * Deletes `count` devices. Several go at once, by way of a group that no other device is in: one by one, each costs a grace period of
 * the kernel. Those that are gone already are not missed.
 */
int xs_link_delete(struct xs_netlink *netlink, const uint32_t *ifindex, size_t count);

#endif
