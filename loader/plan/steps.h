/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steps.h - inside plan/: the steps of xs_plan_make(), in their order. Each adds its faults to plan->diag, goes on as
 * far as it can, and returns 0 or -ENOMEM.
 */
#ifndef XSLICE_PLAN_STEPS_H
#define XSLICE_PLAN_STEPS_H

#include "loader/plan/ledger.h"
#include "loader/plan/plan_types.h"

int xs_plan_shape(struct xs_plan *plan);     /* objects and what belongs to what; nothing has a number yet */
int xs_plan_cells(struct xs_plan *plan);     /* cells, conditions in the order of the walk */
int xs_plan_numbers(struct xs_plan *plan);   /* ids; labels and pages */
int xs_plan_switched(struct xs_plan *plan);  /* cells that were switched to what is no more */
int xs_plan_addresses(struct xs_plan *plan); /* addresses and MTUs */
int xs_plan_macs(struct xs_plan *plan);
int xs_plan_routes(struct xs_plan *plan); /* routes of slivers and edges, proxies */
int xs_plan_ways(struct xs_plan *plan);   /* decides nothing: where routes lead that go round, or to nobody */
int xs_plan_sizes(struct xs_plan *plan);  /* of the maps */

/* ---- segmentation's, see expansion.h ---- */

int xs_plan_labels(struct xs_plan *plan);
/* Routes along the shortest paths of a slice, for its VRFs that write none. */
int xs_plan_derive(struct xs_plan *plan, struct xs_p_slice *slice);
/* Where routes of VRFs lead, taken together. */
int xs_plan_follow(struct xs_plan *plan, struct xs_p_slice *slice);

/* ---- small things that several steps use ---- */

/* A new virtual port, in its VRF's (NULL: it is of none), its node's and the plan's list. NULL without memory. */
struct xs_p_vport *xs_vport_add(struct xs_plan *plan, struct xs_p_node *node, const struct xs_p_vport *like);

/* Wants of one kind and their targets, while they are gathered: target[i] takes what want[i] gets. */
struct xs_wants {
	struct xs_want *want;
	uint32_t **target;
	size_t count;
};
int xs_wants_new(struct xs_plan *plan, size_t room, struct xs_wants *out);
void xs_wants_add(struct xs_wants *wants, struct xs_want want, uint32_t *target);
int xs_wants_serve(struct xs_plan *plan, const struct xs_rule *rule, struct xs_wants *wants);
/* The space of a kind on one node. NULL without memory. */
struct xs_space *xs_node_space(struct xs_plan *plan, const char *kind, const struct xs_p_node *node);
#define XS_SPACE_NAME 96

/* The n-th address of a subnet, which hosts may have. 0, or -ERANGE. */
int xs_plan_host(const struct xs_prefix *subnet, uint32_t n, struct xs_address *out);
void xs_plan_too_small(struct xs_plan *plan, const struct xs_place *place, const struct xs_prefix *subnet, const char *what,
		       uint32_t needed);

/* The MAC that stands for a sliver's or edge's neighbour on a veth: its own with one bit of the first byte turned. */
struct xs_mac xs_mac_relay(const struct xs_mac *mac);

int xs_list_push(struct xs_plan *plan, struct xs_p_list *list, void *item);

static inline void *xs_list_at(const struct xs_p_list *list, size_t i)
{
	return list->item[i];
}

/* via NULL: on-link; place NULL: it is not written. Of several to one prefix, xs_plan_routes() keeps the best origin's
 * first. */
int xs_route_add(struct xs_plan *plan, struct xs_p_list *routes, const struct xs_prefix *prefix,
		 struct xs_p_vport *vport, const struct xs_address *via, enum xs_route_origin origin,
		 const struct xs_place *place);

static inline struct xs_p_node *xs_plan_node_of(const struct xs_plan *plan, const struct xs_d_node *def)
{
	return &plan->node[def - plan->domain->node];
}

/* The node's image has it, and what it is on. */
static inline void xs_use_port(struct xs_p_port *port)
{
	port->used = true;
	if (port->on)
		port->on->used = true;
}

static inline struct xs_p_port *xs_plan_port_of(const struct xs_plan *plan, const struct xs_d_port *def)
{
	return &xs_plan_node_of(plan, def->node)->port[def - def->node->port];
}

static inline struct xs_p_slice *xs_plan_slice_of(const struct xs_plan *plan, const struct xs_d_slice *def)
{
	return &plan->slice[def - plan->domain->slice];
}

static inline struct xs_p_vrf *xs_plan_vrf_of(const struct xs_plan *plan, const struct xs_d_vrf *def)
{
	return &xs_plan_slice_of(plan, def->slice)->vrf[def - def->slice->vrf];
}

static inline struct xs_p_gateway *xs_plan_gateway_of(const struct xs_plan *plan, const struct xs_d_gateway *def)
{
	return &xs_plan_slice_of(plan, def->slice)->gateway[def - def->slice->gateway];
}

static inline bool xs_mac_given(const struct xs_mac *mac)
{
	static const struct xs_mac none;

	return memcmp(mac, &none, sizeof(none)) != 0;
}

/* The link subnet, gateway subnet or MUX address that a virtual port is on; family NONE where it carries none of it. */
static inline struct xs_prefix xs_vport_subnet(const struct xs_p_vport *vport, unsigned int family)
{
	return xs_prefix_mask(&vport->address[family], vport->length[family]);
}

#endif
