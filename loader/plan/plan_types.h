/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan_types.h - the plan: everything resolved. Made by loader/plan, read by image/build.c and the printer.
 *
 * Every object points to its definition (def), lists keep the definition's order, and arrays run parallel to the
 * definition's (plan->slice[i].vrf[j] is domain->slice[i].vrf[j]'s). Memory is the plan's arena; definitions are the
 * domain's. Always holds of a plan that xs_plan_make() gave out: every number is given, every address and MAC is set.
 */
#ifndef XSLICE_PLAN_PLAN_TYPES_H
#define XSLICE_PLAN_PLAN_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/model/arena.h"
#include "loader/model/domain.h"
#include "loader/plan/plan.h"
#include "maps/contract.h"

struct xs_d_subnet;
struct xs_expansion;
struct xs_p_node;
struct xs_p_slice;
struct xs_p_vrf;

/* Pointers in the order they were added. */
struct xs_p_list {
	void **item;
	size_t count, room;
};

struct xs_p_port {
	const struct xs_d_port *def;
	struct xs_p_node *node;
	struct xs_p_port *on; /* a VLAN's: the physical port; else NULL */
	uint32_t id;   /* 0: nothing of ours uses it */
	bool used;     /* a virtual port or a condition names it */
	bool user;     /* a gateway or MUX takes its untagged frames */
	bool labelled; /* link slivers run over it */
	bool exit;     /* of a MUX (R16) */
	bool wan;      /* paging: by it the node's own routing instance reaches the WAN */
};

struct xs_p_vport {
	enum xs_vport_kind kind;
	const char *name;  /* of the device in its namespace */
	const char *owner; /* what it is of, in the ledger: "link P/P12" */
	const struct xs_place *place;
	struct xs_p_node *node;
	struct xs_p_vrf *vrf; /* NULL: an edge's, a WAN's */
	struct xs_p_port *port; /* NULL: an uplink's */
	struct xs_p_vport *edge;  /* MUX: its edge */
	struct xs_p_vport *other; /* LINK: the other end */
	uint32_t id;
	uint16_t vid, mtu;
	struct xs_mac mac, relay;
	/* As in struct xs_rec_vport: by family. */
	uint8_t length[XS_FAMILIES];
	struct xs_address address[XS_FAMILIES], peer[XS_FAMILIES], shared[XS_FAMILIES];
};

enum xs_route_origin { XS_ROUTE_WRITTEN, XS_ROUTE_ATTACHED, XS_ROUTE_DERIVED };

struct xs_p_route {
	struct xs_prefix prefix;
	struct xs_address via; /* NONE: on-link */
	struct xs_p_vport *vport;
	enum xs_route_origin origin;
	const struct xs_place *place; /* where it is written; NULL: it follows from others */
	size_t sequence; /* order in which they were found */
};

/* A VRF node sliver. */
struct xs_p_vrf {
	const struct xs_d_vrf *def;
	struct xs_p_slice *slice;
	struct xs_p_node *node;
	bool users;  /* a gateway or MUX is on it */
	bool sliver; /* it has a namespace; else it is configuration of the node's own routing instance */
	struct xs_p_vport *uplink; /* paging, with a sliver; else NULL */
	uint32_t id;
	struct xs_mac mac;
	struct xs_p_list vports; /* struct xs_p_vport: links, gateways, MUXes, an uplink */
	struct xs_p_list routes; /* struct xs_p_route, sorted by prefix */
	/* Paging: the slice's pages as they are here; and addresses on links: its own, or, without a sliver, the node's, mapped. */
	struct xs_p_list parts;     /* struct xs_p_part */
	struct xs_p_list addresses; /* struct xs_prefix, of full length */
};

/* Paging: neither ends nor a cable of its own. */
struct xs_p_link {
	const struct xs_d_link *def;
	struct xs_p_vport *end[2];
	const char *cable; /* the physical link it runs over, from both ends alike: "R1/r2 R2/r1" */
};

struct xs_p_gateway {
	const struct xs_d_gateway *def;
	struct xs_p_vport *vport;
};

/* Paging: a prefix of a slice's addresses that is mapped as a whole. */
struct xs_p_page {
	const struct xs_p_slice *slice;
	struct xs_prefix prefix, mapped;
	const struct xs_place *place;        /* of the subnet that it is for, or where it is written */
	const struct xs_place *mapped_place; /* NULL: it was allocated */
};

/* Paging: a page, or a part of one, as a VRF has it. */
struct xs_p_part {
	struct xs_prefix prefix, mapped;
	struct xs_p_vport *uplink; /* where its hosts are; NULL: elsewhere */
	struct xs_address own;     /* with an uplink: the sliver's, in whose name errors of the WAN's routers are sent on */
	bool local;                /* no route to it leads by the uplink */
	uint32_t id;
};

struct xs_p_slice {
	const struct xs_d_slice *def;
	const struct xs_expansion *expansion;
	uint32_t id;
	struct xs_p_vrf *vrf;
	struct xs_p_link *link;
	struct xs_p_gateway *gateway;
	/* Paging: */
	const struct xs_d_subnet *subnet; /* all that lead to it */
	struct xs_p_page *page;           /* by prefix */
	size_t subnet_count, page_count;
};

/* A switch cell: a migration's, or a group's (then slice is NULL and group is NULL). */
struct xs_p_cell {
	const char *name;
	uint32_t id;
	uint64_t generation;
	const struct xs_d_migration *def; /* NULL: a group's */
	const struct xs_place *place;
	struct xs_p_cell *group;
	struct xs_p_slice *slice;
	struct xs_p_cell *same_address[XS_FAMILIES]; /* next migration of the same address */
};

/* A condition at its place in a MUX's walk. */
struct xs_p_condition {
	const struct xs_d_condition *def;
	const struct xs_d_filter *filter;
	uint32_t number; /* in the filter, from 1 */
	struct xs_p_vport *vport;
	struct xs_p_cell *cell; /* NULL: always in force */
	struct xs_p_port *input_port;
};

struct xs_p_mux {
	const struct xs_d_mux *def;
	struct xs_p_node *node;
	uint32_t id;
	struct xs_p_vport *edge;
	struct xs_p_port *exit;           /* NULL: none */
	struct xs_p_vport **slice;        /* parallel to def->slice */
	struct xs_p_list routes;          /* struct xs_p_route: the edge's own, sorted by prefix */
	struct xs_p_list proxies;         /* struct xs_prefix, sorted */
	struct xs_p_condition *condition; /* in the order of the walk */
	size_t condition_count;
};

/* WAN addresses that no user may have. */
struct xs_p_pool {
	struct xs_prefix prefix;
	bool written; /* a page's that is written, and no pool of the domain */
};

struct xs_p_node {
	const struct xs_d_node *def;
	struct xs_p_port *port;
	struct xs_p_list vports, vrfs, muxes;
	struct xs_p_list pools;                    /* paging, with an uplink: struct xs_p_pool, see struct xs_rec_pool */
	struct xs_p_list cells;                    /* those that conditions of its MUXes bear, and their groups' */
	uint32_t blocks, guards, conditions, cell_entries; /* as in struct xs_rec_node */
};

struct xs_plan {
	const struct xs_domain *domain;
	struct xs_arena *arena;
	struct xs_ledger *ledger;
	struct xs_diag *diag; /* while it is being made */
	const struct xs_past *past; /* likewise */
	uint64_t generation;  /* the highest given */
	struct xs_p_node *node;
	struct xs_p_slice *slice;
	struct xs_p_mux *mux;
	struct xs_p_cell *cell;  /* one per migration, parallel to the definition's */
	struct xs_p_list groups; /* struct xs_p_cell */
	struct xs_p_list vports; /* all */
};

#endif
