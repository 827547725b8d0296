/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror.h - the FIBs of a slice, one per family, and the neighbours of an edge, as a copy of what the kernel of the
 * namespace has: routes, next hops and neighbours of its main and local tables, by netlink, as they change.
 *
 * Always holds: a destination that the kernel would forward to a resolved neighbour leads to a FORWARD nexthop or,
 * while the copy lags or lacks it, to PUNT; never to a neighbour that the kernel does not have. An overrun of the
 * socket is answered by a new dump (resynchronisation). The table that is in force stays in force while a first dump is
 * read. What is behind a device without carrier is not sent to.
 *
 * Left to the kernel, as PUNT: own addresses, on-link addresses not resolved, unreachable and prohibit, routes with a
 * TOS, a source prefix, an MTU or an encapsulation of their own, and all that finds no room. IPv6's link-local and
 * multicast prefixes have no leaves: nobody looks them up. Of several next hops that are alive each flow takes one, by weight;
 * the kernel does where one of them is not a gateway by a device of ours.
 */
#ifndef XSLICE_NODE_MIRROR_H
#define XSLICE_NODE_MIRROR_H

#include <stdint.h>

#include "loader/base/address.h"
#include "maps/address_table.h"
#include "maps/node_maps.h"

struct xs_mirror;

/* A device of the namespace: what a route that leaves by it becomes. */
struct xs_mirror_device {
	uint32_t ifindex;   /* inner end; of a WAN's the port itself */
	uint32_t vport;
	uint32_t kind;      /* enum xs_vport_kind */
	uint32_t edge_root[XS_FAMILIES]; /* MUX: roots of its edge's tables */
	uint32_t port_ifindex, port_flags;
	uint16_t vid, mtu;
	uint8_t smac[6];
};

/* Hands out nexthop entries of a node; shared by its mirrors. Entries in use by adopted tables are not handed out. */
struct xs_nexthops;
struct xs_nexthops *xs_nexthops_new(struct xs_node_maps *maps);
void xs_nexthops_free(struct xs_nexthops *nexthops);
void xs_nexthops_adopt(struct xs_nexthops *nexthops, const struct xs_node_maps *maps, uint32_t root);
void xs_nexthops_release(struct xs_nexthops *nexthops, const struct xs_node_maps *maps, uint32_t root);
uint64_t xs_nexthops_writes(const struct xs_nexthops *nexthops);

/*
 * Told, as it happens, what became of a neighbour that was asked for: resolved, or not. One that the kernel forgets
 * counts as resolved: nobody knows any more that it does not answer.
 */
typedef void (*xs_mirror_resolution)(void *context, uint32_t ifindex, const struct xs_address *address,
				     bool resolved);

/* Opens the sockets in the namespace (descriptor, not owned). Nothing is read yet. */
int xs_mirror_new(int netns, struct xs_pool *pool, struct xs_nexthops *nexthops, struct xs_mirror **out);
void xs_mirror_free(struct xs_mirror *mirror); /* nothing may lead to its root any more */

/* fn may be NULL. It must not free the mirror. */
void xs_mirror_on_resolution(struct xs_mirror *mirror, xs_mirror_resolution fn, void *context);

/*
 * Devices of the namespace; one that changes takes its routes along. A route by another device is left to the kernel.
 */
int xs_mirror_set_devices(struct xs_mirror *mirror, const struct xs_mirror_device *device, size_t count);

/*
 * Before the first synchronisation: the namespace was made just now, so whom it knows already, if anybody, is a next
 * hop. Then the kernel need not look for its neighbours among those of all namespaces, unless a next hop turns out to
 * be known.
 */
void xs_mirror_nobody_is_known(struct xs_mirror *mirror);
/* Reads all (dump) and makes the table equal; also after xs_mirror_events() returned -ENOBUFS. */
int xs_mirror_sync(struct xs_mirror *mirror);
int xs_mirror_fd(const struct xs_mirror *mirror);     /* readable: call xs_mirror_events() */
int xs_mirror_events(struct xs_mirror *mirror);       /* applies what has changed. -ENOBUFS: overrun, sync is due */
/* What struct xs_slice.fib_root[family] or an edge_root of that family must be. */
uint32_t xs_mirror_root(const struct xs_mirror *mirror, unsigned int family);

/*
 * Lets the kernel look whether neighbours by a device that it has not heard of for a while are still there, and with the same MAC: it
 * does not see what the datapath sends to them. At most `most`; the others come next time. Failures are the kernel's to tell.
 */
void xs_mirror_probe_idle(struct xs_mirror *mirror, uint32_t ifindex, unsigned int most);

struct xs_mirror_count {
	uint32_t routes, neighbours, refused; /* refused: no room, left to the sliver; the next sync tries again */
};
void xs_mirror_counts(const struct xs_mirror *mirror, struct xs_mirror_count *out);

#endif
