/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_internal.h - the parts of a mirror, for mirror*.c alone.
 *
 *   mirror_netlink.c     sockets; what a message says
 *   mirror_routes.c      the kernel's routes, per prefix in the kernel's order; which leaf a prefix has
 *   mirror_neighbours.c  the kernel's neighbours, their nexthop entries, their /32s under on-link routes
 *   mirror.c             devices, synchronisation, what is left to do at the end of a batch
 *
 * IPv4. Addresses are in wire order. Leaves are set by xs_leaf_set() and xs_leaf_clear() only, which count how many
 * prefixes lead to each adjacency: one that none leads to has no nexthop entry.
 */
#ifndef XSLICE_NODE_MIRROR_INTERNAL_H
#define XSLICE_NODE_MIRROR_INTERNAL_H

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <uthash.h>

#include "loader/node/mirror.h"
#include "loader/node/nexthops.h"
#include "maps/prefix_map.h"

#define XS_MIRROR_BYTES 4
#define XS_MIRROR_BITS 32

struct mnl_socket;

enum xs_route_flag {
	XS_ROUTE_LOCAL = 1 << 0,  /* of the local table, which is asked first; else of the main table */
	XS_ROUTE_DEAD = 1 << 1,   /* the kernel passes it over */
	XS_ROUTE_KERNEL = 1 << 2, /* holds something that only the kernel can do: it is left to it */
	XS_ROUTE_MARK = 1 << 7,   /* seen in the dump under way */
};

/* A route of the kernel. Those of one prefix form a list, in the order in which the kernel tries them. */
struct xs_route {
	uint32_t next; /* index into xs_mirror.route; 0: end */
	uint32_t gateway;
	uint32_t ifindex; /* of the first next hop, as gateway */
	uint32_t priority;
	uint8_t type; /* RTN_* */
	uint8_t tos;
	uint8_t flags; /* enum xs_route_flag */
	uint8_t pad;
};

struct xs_prefix4 {
	uint8_t address[XS_MIRROR_BYTES];
	uint8_t length;
};

struct xs_neighbour_key {
	uint32_t ifindex, address;
};

/* A neighbour that the kernel has, or that a route wants. */
struct xs_adjacency {
	struct xs_neighbour_key key;
	uint8_t mac[6];
	bool usable;    /* the kernel has it, and would send to it */
	bool permanent; /* nobody needs to keep it alive */
	bool managed;   /* the kernel keeps it alive (NTF_EXT_MANAGED) */
	bool asked;     /* ... because we asked */
	bool gateway;   /* of a route */
	bool host_leaf; /* its /32 stands in the table because it lies under an on-link route */
	bool dirty;     /* its /32 must be looked at */
	bool mark;      /* seen in the dump under way */
	uint32_t nexthop; /* 0: none yet */
	uint32_t prefixes; /* that lead to nexthop */
	UT_hash_handle hh;
	UT_hash_handle by_nexthop;
};

struct xs_mirror_part {
	struct xs_mirror_device device;
	uint32_t edge_nexthop; /* MUX: the entry that its routes lead to; 0: none yet */
};

#define XS_MIRROR_CHANGED_MAX 32

struct xs_mirror {
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct xs_table *table;
	struct mnl_socket *events, *requests;
	uint32_t sequence;
	bool synchronised; /* a first dump was read */
	bool stale;        /* something was told that only a dump can answer */
	bool no_managed;   /* the kernel has no NTF_EXT_MANAGED */
	bool ask;          /* an adjacency may have to be asked for */

	xs_mirror_resolution resolution; /* NULL: nobody wants to know */
	void *resolution_context;

	struct xs_mirror_part *part;
	size_t part_count;

	struct xs_prefix_map *heads; /* prefix → its first route */
	struct xs_route *route;      /* [0] is unused */
	uint32_t route_count, route_room, route_free, routes;
	struct xs_prefix4 *shadow; /* the local table's prefixes shorter than a host's (xs_route_shadowed()) */
	size_t shadow_count;
	bool shadow_changed;

	struct xs_adjacency *adjacencies; /* by key */
	struct xs_adjacency *of_nexthop;  /* by nexthop entry, those that have one */
	uint32_t neighbours;              /* usable ones */

	/* Prefixes whose routes have changed in this batch: neighbours under them are looked at. */
	struct xs_prefix4 changed[XS_MIRROR_CHANGED_MAX];
	size_t changed_count; /* above the maximum: all */
	bool inserted;        /* a prefix was added to the table in this batch */

	struct xs_prefix_map *refused; /* prefixes for which the pool has no room */
	struct xs_prefix_map *veils;   /* prefixes that punt, as refused ones lie under them */
	uint32_t refused_hosts;        /* neighbours without a /32 or entry for lack of room, since the last dump */
};

/* ---- mirror.c ---- */
struct xs_mirror_part *xs_mirror_part(struct xs_mirror *mirror, uint32_t ifindex);
int xs_leaf_set(struct xs_mirror *mirror, const uint8_t *address, unsigned int length, uint32_t leaf);
void xs_leaf_clear(struct xs_mirror *mirror, const uint8_t *address, unsigned int length);

/* ---- mirror_netlink.c ---- */
int xs_mirror_open(struct xs_mirror *mirror, int netns);
void xs_mirror_shut(struct xs_mirror *mirror);
/* Reads all routes, or all neighbours, into xs_route_told() or xs_neighbour_told(). */
int xs_mirror_dump(struct xs_mirror *mirror, uint16_t type);
/* Throws away what waits in the events' socket: a dump will say it all. */
void xs_mirror_discard(struct xs_mirror *mirror);
/* Reads what waits in the events' socket, up to a bound. 0, or -ENOBUFS. */
int xs_mirror_receive(struct xs_mirror *mirror);
/* Asks the kernel to resolve a neighbour and, managed, to keep it alive; or no longer to. */
int xs_mirror_ask_neighbour(struct xs_mirror *mirror, const struct xs_adjacency *adjacency, bool managed);

/* ---- mirror_routes.c ---- */
struct xs_route_message {
	struct xs_prefix4 prefix;
	struct xs_route route;
	uint16_t flags; /* of the netlink message */
	bool gone, dumped;
};
int xs_route_told(struct xs_mirror *mirror, const struct xs_route_message *message);
void xs_routes_unmark(struct xs_mirror *mirror);
int xs_routes_sweep(struct xs_mirror *mirror); /* what the dump did not hold is gone */
/* Gives every prefix the leaf that it should have. */
int xs_routes_apply_all(struct xs_mirror *mirror);
int xs_routes_apply(struct xs_mirror *mirror, const uint8_t *address, unsigned int length);
/* Those that found no room are tried again; once all have found it, what they veiled is seen again. */
int xs_routes_retry_refused(struct xs_mirror *mirror);
/* The route that the kernel takes for a prefix; NULL: none. */
const struct xs_route *xs_route_best(const struct xs_mirror *mirror, uint32_t head);
bool xs_route_shadowed(const struct xs_mirror *mirror, const uint8_t *address, unsigned int length);

/* ---- mirror_neighbours.c ---- */
struct xs_neighbour_message {
	struct xs_neighbour_key key;
	uint8_t mac[6];
	bool usable, permanent, managed, idle; /* idle: STALE */
	bool dumped;
};
int xs_neighbour_told(struct xs_mirror *mirror, const struct xs_neighbour_message *message);
void xs_neighbours_unmark(struct xs_mirror *mirror);
void xs_neighbours_sweep(struct xs_mirror *mirror);
/* The entry for what is sent to a neighbour, the punting one where there is no room. NULL without memory. */
struct xs_adjacency *xs_adjacency_want(struct xs_mirror *mirror, uint32_t ifindex, uint32_t address);
uint32_t xs_adjacency_nexthop(struct xs_mirror *mirror, struct xs_adjacency *adjacency);
void xs_adjacency_referred(struct xs_mirror *mirror, uint32_t nexthop);   /* one more prefix leads there */
void xs_adjacency_unreferred(struct xs_mirror *mirror, uint32_t nexthop); /* one less */
/* Devices have changed: so do entries and /32s. */
void xs_adjacencies_refill(struct xs_mirror *mirror);
/* /32s of neighbours whose state, or whose routes, have changed in this batch. */
int xs_adjacencies_apply(struct xs_mirror *mirror);
void xs_adjacencies_ask(struct xs_mirror *mirror);
void xs_adjacencies_free(struct xs_mirror *mirror);

#endif
