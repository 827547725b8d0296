/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_internal.h - the parts of a mirror, for mirror*.c alone.
 *
 *   mirror_netlink.c     sockets, dumps, events, requests
 *   mirror_message.c     what a message says
 *   mirror_ways.c        where routes lead to: each set of next hops once
 *   mirror_routes.c      the kernel's routes, per prefix in the kernel's order
 *   mirror_leaves.c      which leaf a prefix has because of them
 *   mirror_groups.c      several next hops of a way, chosen by the flow
 *   mirror_neighbours.c  the kernel's neighbours, their nexthop entries, their leaves under on-link routes
 *   mirror.c             devices, synchronisation, what is left to do at the end of a batch
 *
 * Both families by the same code: what there is once per family stands in struct xs_fib. Leaves are set by
 * xs_leaf_set() and xs_leaf_clear() only, which count how many prefixes lead to each adjacency: one that none leads to
 * has no nexthop entry.
 */
#ifndef XSLICE_NODE_MIRROR_INTERNAL_H
#define XSLICE_NODE_MIRROR_INTERNAL_H

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <uthash.h>

#include "loader/node/mirror.h"
#include "loader/node/nexthops.h"
#include "maps/prefix_map.h"

struct mnl_socket;

/* ---- where routes lead to ---------------------------------------------------------------------------------------- */

struct xs_neighbour_key {
	uint32_t ifindex;
	struct xs_address address; /* of a next hop: NONE: the destination itself is on the link */
};

struct xs_hop {
	struct xs_neighbour_key to;
	uint16_t weight; /* 1..256 */
	uint8_t dead;    /* the kernel passes it over */
	uint8_t pad;
};

#define XS_HOPS_MAX 64 /* a route with more is left to the kernel */

/* The next hops of routes, sorted and without pads that differ: equal ones are the same way. */
struct xs_way {
	uint32_t routes; /* that lead here */
	struct xs_mirror_group *group; /* of several next hops; NULL: none yet */
	UT_hash_handle hh;
	/* key */
	struct xs_prefix source; /* IPv6: only what comes from there; length 0: all */
	uint32_t count;
	struct xs_hop hop[]; /* none: the type says it all, or only the kernel knows */
};

enum xs_route_flag {
	XS_ROUTE_LOCAL = 1 << 0,  /* of the local table, which is asked first; else of the main table */
	XS_ROUTE_DEAD = 1 << 1,   /* the kernel passes it over */
	XS_ROUTE_KERNEL = 1 << 2, /* holds something that only the kernel can do: it is left to it */
	XS_ROUTE_ALONE = 1 << 3,  /* IPv6: never becomes a next hop of another */
	XS_ROUTE_MARK = 1 << 7,   /* seen in the dump under way */
};

/* A route of the kernel. Those of one prefix form a list, in the order in which the kernel has them. */
struct xs_route {
	uint32_t next; /* index into xs_mirror.route; 0: end */
	uint32_t priority;
	struct xs_way *way;
	uint8_t type;       /* RTN_* */
	uint8_t tos;        /* IPv6: length of the source prefix, which is tried in the same order */
	uint8_t flags;      /* enum xs_route_flag */
	uint8_t preference; /* IPv6: 0 is medium, which is all that a route has that nobody gave one */
};

/* ---- neighbours -------------------------------------------------------------------------------------------------- */

/* A neighbour that the kernel has, or that a route wants. */
struct xs_adjacency {
	struct xs_neighbour_key key;
	uint8_t mac[6];
	bool usable;    /* the kernel has it, and would send to it */
	bool permanent; /* nobody needs to keep it alive */
	bool managed;   /* the kernel keeps it alive (NTF_EXT_MANAGED) */
	bool asked;     /* ... because we asked */
	bool gateway;   /* of a route */
	bool idle;      /* the kernel has not heard of it for a while (STALE) */
	bool probed;    /* in this round of xs_mirror_probe_idle() */
	bool host_leaf; /* its host prefix stands in the table because it lies under an on-link route */
	bool mark;      /* seen in the dump under way */
	bool dirty;     /* its host prefix must be looked at: in the list of such */
	bool may_ask;   /* whether to ask for it must be looked at: in the list of such */
	struct xs_adjacency *next_dirty, *next_ask;
	uint32_t nexthop;  /* 0: none yet */
	uint32_t prefixes; /* that lead to nexthop */
	UT_hash_handle hh;
	UT_hash_handle by_nexthop;
};

/* ---- the whole --------------------------------------------------------------------------------------------------- */

#define XS_MIRROR_CHANGED_MAX 32

/* What there is of each family. */
struct xs_fib {
	unsigned int bytes, bits; /* of an address */
	struct xs_table *table;
	struct xs_prefix_map *heads;   /* prefix → its first route */
	struct xs_prefix_map *refused; /* prefixes for which the pool has no room */
	struct xs_prefix_map *veils;   /* prefixes that punt, as refused ones lie under them */
	bool inserted;                 /* a prefix was added to the table in this batch */

	struct xs_prefix *shadow; /* the local table's prefixes shorter than a host's (xs_route_shadowed()) */
	size_t shadow_count;
	bool shadow_changed;

	/* Prefixes whose routes have changed in this batch: neighbours under them are looked at. */
	struct xs_prefix changed[XS_MIRROR_CHANGED_MAX];
	size_t changed_count; /* above the maximum: all */
};

enum xs_carrier {
	XS_CARRIER_UNKNOWN, /* the kernel has not told anything of the device yet */
	XS_CARRIER_UP,
	XS_CARRIER_DOWN,
};

struct xs_mirror_part {
	struct xs_mirror_device device;
	enum xs_carrier carrier;
	uint32_t own_nexthop[XS_FAMILIES]; /* of a device without neighbours: the entries that its routes lead to; 0: none yet */
};

/* Whatever is sent by it, no neighbour is looked for: a MUX's edge, or the substrate, knows on. */
static inline bool xs_part_has_neighbours(const struct xs_mirror_part *part)
{
	return part->device.kind != XS_VPORT_MUX && part->device.kind != XS_VPORT_UPLINK;
}

struct xs_mirror {
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct mnl_socket *events, *requests;
	uint32_t sequence;
	bool stale;      /* something was told that only a dump can answer */
	bool nobody;     /* the first synchronisation need not ask for neighbours: xs_mirror_nobody_is_known() */
	bool was_known;  /* one that we asked for was there */
	bool no_managed; /* the kernel has no NTF_EXT_MANAGED */

	xs_mirror_resolution resolution; /* NULL: nobody wants to know */
	void *resolution_context;

	struct xs_mirror_part *part;
	size_t part_count;

	struct xs_fib fib[XS_FAMILIES];
	struct xs_way *ways;    /* by content */
	struct xs_mirror_group *groups; /* by nexthop entry */
	bool group_idle;                /* there may be one that no prefix leads to */
	struct xs_route *route; /* [0] is unused */
	uint32_t route_count, route_room, route_free, routes;

	struct xs_adjacency *adjacencies; /* by key */
	struct xs_adjacency *of_nexthop;  /* by nexthop entry, those that have one */
	struct xs_adjacency *dirty, *ask; /* lists */
	uint32_t neighbours;              /* usable ones */
	uint32_t refused_hosts;           /* neighbours without a leaf or entry for lack of room, since the last dump */
};

static inline struct xs_fib *xs_fib_of(struct xs_mirror *mirror, uint8_t family)
{
	return &mirror->fib[xs_family_index(family)];
}

/* ---- mirror.c ---- */
struct xs_mirror_part *xs_mirror_part(struct xs_mirror *mirror, uint32_t ifindex);
int xs_leaf_set(struct xs_mirror *mirror, const struct xs_prefix *prefix, uint32_t leaf);
void xs_leaf_clear(struct xs_mirror *mirror, const struct xs_prefix *prefix);

/* ---- mirror_netlink.c ---- */
static inline uint8_t xs_mirror_netlink_family(uint8_t family)
{
	return family == XS_IPV6 ? AF_INET6 : AF_INET;
}
int xs_mirror_open(struct xs_mirror *mirror, int netns);
void xs_mirror_shut(struct xs_mirror *mirror);
/* Reads all routes, or all neighbours, of a family into xs_route_told() or xs_neighbour_told(). */
int xs_mirror_dump(struct xs_mirror *mirror, uint16_t type, uint8_t family);
/* Throws away what waits in the events' socket: a dump will say it all. */
void xs_mirror_discard(struct xs_mirror *mirror);
/* Reads what waits in the events' socket, up to a bound. 0, or -ENOBUFS. */
int xs_mirror_receive(struct xs_mirror *mirror);
/* Asks the kernel to resolve a neighbour and, managed, to keep it alive; or no longer to. */
int xs_mirror_ask_neighbour(struct xs_mirror *mirror, const struct xs_adjacency *adjacency, bool managed);

/* ---- mirror_message.c ---- */
int xs_mirror_read_message(struct xs_mirror *mirror, const struct nlmsghdr *header, bool dumped);

/* ---- mirror_ways.c ---- */
/* The way of these hops, one more route leading to it; sorts them. NULL without memory. */
struct xs_way *xs_way_get(struct xs_mirror *mirror, const struct xs_prefix *source, struct xs_hop *hop, uint32_t count);
void xs_way_put(struct xs_mirror *mirror, struct xs_way *way);    /* one less; NULL: none */
bool xs_way_same(const struct xs_way *a, const struct xs_way *b); /* but for which of its hops are dead */
bool xs_way_has(const struct xs_way *way, const struct xs_hop *hop);
bool xs_ways_have_dead(const struct xs_mirror *mirror, uint32_t ifindex); /* any next hop by that device */
bool xs_way_leaves_by_gateways(const struct xs_way *way);

/* ---- mirror_routes.c ---- */
struct xs_route_message {
	struct xs_prefix prefix;
	struct xs_route route; /* without its way */
	struct xs_prefix source;
	struct xs_hop hop[XS_HOPS_MAX];
	uint32_t hops;
	uint16_t flags; /* of the netlink message */
	bool gone, dumped;
};
int xs_route_told(struct xs_mirror *mirror, struct xs_route_message *message);
void xs_routes_unmark(struct xs_mirror *mirror);
int xs_routes_sweep(struct xs_mirror *mirror); /* what the dumps did not hold is gone */
uint32_t xs_route_head(const struct xs_fib *fib, const struct xs_prefix *prefix);
/* The route that the kernel takes for a prefix; NULL: none. */
bool xs_route_is_moot(const struct xs_mirror *mirror, uint32_t head); /* only the kernel knows which */
const struct xs_route *xs_route_best(const struct xs_mirror *mirror, uint32_t head);
void xs_routes_free(struct xs_mirror *mirror);

/* ---- mirror_leaves.c ---- */
int xs_routes_apply(struct xs_mirror *mirror, const struct xs_prefix *prefix);
/* Gives every prefix of a family the leaf that it should have. */
int xs_routes_apply_all(struct xs_mirror *mirror, struct xs_fib *fib);
/* Those that found no room are tried again; once all have found it, what they veiled is seen again. */
int xs_routes_retry_refused(struct xs_mirror *mirror, struct xs_fib *fib);
bool xs_route_shadowed(const struct xs_fib *fib, const struct xs_prefix *prefix);
int xs_route_note_shadow(struct xs_fib *fib, const struct xs_prefix *prefix, bool casts);
/* The prefixes of a map, to go through while it changes. NULL without memory. */
struct xs_prefix *xs_fib_prefixes(const struct xs_fib *fib, const struct xs_prefix_map *map, size_t *count);

/* ---- mirror_groups.c ---- */
/* The entry by which a flow takes one of the way's next hops, all of which are gateways by devices of ours. 0, -ENOMEM, -ENOSPC. */
int xs_group_want(struct xs_mirror *mirror, struct xs_way *way, uint32_t *leaf);
void xs_group_referred(struct xs_mirror *mirror, uint32_t nexthop);   /* one more prefix leads there */
void xs_group_unreferred(struct xs_mirror *mirror, uint32_t nexthop); /* one less */
void xs_group_orphan(struct xs_mirror_group *group);                  /* its way goes */
void xs_groups_refill(struct xs_mirror *mirror, const struct xs_adjacency *adjacency); /* serves now, or no longer */
void xs_groups_sweep(struct xs_mirror *mirror); /* the end of a batch: those that no prefix leads to */
void xs_groups_free(struct xs_mirror *mirror);

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
/* NULL without memory. */
struct xs_adjacency *xs_adjacency_want(struct xs_mirror *mirror, const struct xs_neighbour_key *key);
/* The entry for what is sent to a neighbour, the punting one where there is no room. */
uint32_t xs_adjacency_nexthop(struct xs_mirror *mirror, struct xs_adjacency *adjacency);
bool xs_adjacency_serves(struct xs_mirror *mirror,
			 const struct xs_adjacency *adjacency); /* the datapath may send to it */
void xs_adjacency_look_at(struct xs_mirror *mirror, struct xs_adjacency *adjacency); /* at the end of the batch */
void xs_adjacency_referred(struct xs_mirror *mirror, uint32_t nexthop);              /* one more prefix leads there */
void xs_adjacency_unreferred(struct xs_mirror *mirror, uint32_t nexthop);            /* one less */
/* Devices have changed: so do entries and host prefixes. */
void xs_adjacencies_refill(struct xs_mirror *mirror);
/* Host prefixes of neighbours whose state, or whose routes, have changed in this batch. */
int xs_adjacencies_apply(struct xs_mirror *mirror);
void xs_adjacencies_ask(struct xs_mirror *mirror);
void xs_adjacencies_free(struct xs_mirror *mirror);

#endif
