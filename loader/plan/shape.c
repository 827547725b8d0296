/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shape.c - lays out the plan's objects beside the definition's, and every virtual port at its sliver, node and port.
 */
#include <errno.h>
#include <string.h>

#include "loader/plan/steps.h"

static int shape_nodes(struct xs_plan *plan)
{
	const struct xs_domain *domain = plan->domain;
	size_t i, j;

	plan->node = xs_arena_array(plan->arena, domain->node_count, sizeof(*plan->node));
	if (!plan->node)
		return -ENOMEM;
	for (i = 0; i < domain->node_count; i++) {
		struct xs_p_node *node = &plan->node[i];

		node->def = &domain->node[i];
		node->port = xs_arena_array(plan->arena, node->def->port_count, sizeof(*node->port));
		if (!node->port)
			return -ENOMEM;
		for (j = 0; j < node->def->port_count; j++)
			node->port[j] = (struct xs_p_port){ .def = &node->def->port[j], .node = node };
	}
	return 0;
}

static int shape_vrfs(struct xs_plan *plan, struct xs_p_slice *slice)
{
	const struct xs_d_slice *def = slice->def;
	size_t i;
	int err;

	slice->vrf = xs_arena_array(plan->arena, def->vrf_count, sizeof(*slice->vrf));
	slice->link = xs_arena_array(plan->arena, def->link_count, sizeof(*slice->link));
	slice->gateway = xs_arena_array(plan->arena, def->gateway_count, sizeof(*slice->gateway));
	if (!slice->vrf || !slice->link || !slice->gateway)
		return -ENOMEM;
	for (i = 0; i < def->vrf_count; i++) {
		struct xs_p_vrf *vrf = &slice->vrf[i];

		*vrf = (struct xs_p_vrf){ .def = &def->vrf[i],
					  .slice = slice,
					  .node = xs_plan_node_of(plan, def->vrf[i].node) };
		err = xs_list_push(plan, &vrf->node->vrfs, vrf);
		if (err)
			return err;
	}
	return 0;
}

/* A new virtual port, in its VRF's, its node's and the plan's list. */
static struct xs_p_vport *add_vport(struct xs_plan *plan, enum xs_vport_kind kind, struct xs_p_vrf *vrf,
				    const struct xs_d_port *port, const char *name, const struct xs_place *place)
{
	struct xs_p_vport *vport = xs_arena_array(plan->arena, 1, sizeof(*vport));
	size_t i;

	if (!vport)
		return NULL;
	vport->kind = kind;
	vport->name = name;
	vport->place = place;
	vport->port = xs_plan_port_of(plan, port);
	vport->node = vport->port->node;
	vport->vrf = vrf;
	vport->port->used = true;
	if (kind == XS_VPORT_LINK)
		vport->port->labelled = true;
	else
		vport->port->user = true;
	for (i = 0; vrf && i < vrf->vports.count; i++) {
		const struct xs_p_vport *other = xs_list_at(&vrf->vports, i);

		if (strcmp(other->name, name))
			continue;
		xs_diag_add(plan->diag, XS_ERROR, place, "VRF %s has two devices named %s", vrf->def->name, name);
		xs_diag_note(plan->diag, other->place, "the other");
	}
	if ((vrf && xs_list_push(plan, &vrf->vports, vport)) || xs_list_push(plan, &vport->node->vports, vport) ||
	    xs_list_push(plan, &plan->vports, vport))
		return NULL;
	return vport;
}

/* The physical link between two ports, named alike from both ends. */
static const char *cable_name(struct xs_plan *plan, const struct xs_d_port *a, const struct xs_d_port *b)
{
	int order = strcmp(a->node->name, b->node->name);

	if (order > 0 || (order == 0 && strcmp(a->name, b->name) > 0)) {
		const struct xs_d_port *swap = a;

		a = b;
		b = swap;
	}
	return xs_arena_print(plan->arena, "%s/%s %s/%s", a->node->name, a->name, b->node->name, b->name);
}

static int shape_link(struct xs_plan *plan, struct xs_p_slice *slice, struct xs_p_link *link,
		      const struct xs_d_link *def)
{
	unsigned int i;

	link->def = def;
	link->cable = cable_name(plan, def->port[0], def->port[1]);
	if (!link->cable)
		return -ENOMEM;
	for (i = 0; i < 2; i++) {
		link->end[i] = add_vport(plan, XS_VPORT_LINK, xs_plan_vrf_of(plan, def->end[i]), def->port[i],
					 def->name, &def->place);
		if (!link->end[i])
			return -ENOMEM;
		link->end[i]->owner = xs_arena_print(plan->arena, "link %s/%s", slice->def->name, def->name);
		if (!link->end[i]->owner)
			return -ENOMEM;
	}
	link->end[0]->other = link->end[1];
	link->end[1]->other = link->end[0];
	return 0;
}

static int shape_gateway(struct xs_plan *plan, struct xs_p_slice *slice, struct xs_p_gateway *gateway,
			 const struct xs_d_gateway *def)
{
	gateway->def = def;
	gateway->vport =
		add_vport(plan, XS_VPORT_GATEWAY, xs_plan_vrf_of(plan, def->vrf), def->port, def->name, &def->place);
	if (!gateway->vport)
		return -ENOMEM;
	gateway->vport->owner = xs_arena_print(plan->arena, "gateway %s/%s", slice->def->name, def->name);
	return gateway->vport->owner ? 0 : -ENOMEM;
}

static int shape_slices(struct xs_plan *plan)
{
	const struct xs_domain *domain = plan->domain;
	size_t i, j;
	int err = 0;

	plan->slice = xs_arena_array(plan->arena, domain->slice_count, sizeof(*plan->slice));
	if (!plan->slice)
		return -ENOMEM;
	for (i = 0; i < domain->slice_count && !err; i++) {
		struct xs_p_slice *slice = &plan->slice[i];

		slice->def = &domain->slice[i];
		err = shape_vrfs(plan, slice);
		for (j = 0; j < slice->def->link_count && !err; j++)
			err = shape_link(plan, slice, &slice->link[j], &slice->def->link[j]);
		for (j = 0; j < slice->def->gateway_count && !err; j++)
			err = shape_gateway(plan, slice, &slice->gateway[j], &slice->def->gateway[j]);
	}
	return err;
}

static int shape_mux(struct xs_plan *plan, struct xs_p_mux *mux, const struct xs_d_mux *def)
{
	size_t i;

	mux->def = def;
	mux->node = xs_plan_node_of(plan, def->node);
	mux->slice = xs_arena_array(plan->arena, def->slice_count, sizeof(*mux->slice));
	mux->edge = add_vport(plan, XS_VPORT_EDGE, NULL, def->port, def->port->name, &def->place);
	if (!mux->slice || !mux->edge)
		return -ENOMEM;
	mux->edge->owner = xs_arena_print(plan->arena, "edge %s", def->port->name);
	if (!mux->edge->owner)
		return -ENOMEM;
	if (def->exit) {
		mux->exit = xs_plan_port_of(plan, def->exit);
		mux->exit->used = true;
		mux->exit->exit = true;
	}
	for (i = 0; i < def->slice_count; i++) {
		struct xs_p_vport *vport = add_vport(plan, XS_VPORT_MUX, xs_plan_vrf_of(plan, def->slice[i].vrf),
						     def->port, def->name, &def->slice[i].place);

		if (!vport)
			return -ENOMEM;
		vport->edge = mux->edge;
		vport->owner = xs_arena_print(plan->arena, "mux %s/%s", def->name, def->slice[i].slice->name);
		if (!vport->owner)
			return -ENOMEM;
		mux->slice[i] = vport;
	}
	return xs_list_push(plan, &mux->node->muxes, mux);
}

int xs_plan_shape(struct xs_plan *plan)
{
	const struct xs_domain *domain = plan->domain;
	size_t i;
	int err = shape_nodes(plan);

	if (!err)
		err = shape_slices(plan);
	if (err)
		return err;
	plan->mux = xs_arena_array(plan->arena, domain->mux_count, sizeof(*plan->mux));
	if (!plan->mux)
		return -ENOMEM;
	for (i = 0; i < domain->mux_count && !err; i++)
		err = shape_mux(plan, &plan->mux[i], &domain->mux[i]);
	return err;
}
