/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shape.c - lays out the plan's objects beside the definition's, and every virtual port at its sliver, node and port.
 */
#include <errno.h>
#include <string.h>

#include "loader/plan/expansion.h"
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
		for (j = 0; j < node->def->port_count; j++) {
			if (node->def->port[j].on)
				node->port[j].on = &node->port[node->def->port[j].on - node->def->port];
		}
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
	for (i = 0; i < def->link_count; i++)
		slice->link[i].def = &def->link[i];
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

struct xs_p_vport *xs_vport_add(struct xs_plan *plan, struct xs_p_node *node, const struct xs_p_vport *like)
{
	struct xs_p_vport *vport = xs_arena_array(plan->arena, 1, sizeof(*vport));
	struct xs_p_vrf *vrf = like->vrf;
	size_t i;

	if (!vport)
		return NULL;
	*vport = *like;
	vport->node = node;
	if (vport->port)
		xs_use_port(vport->port);
	for (i = 0; vrf && i < vrf->vports.count; i++) {
		const struct xs_p_vport *other = xs_list_at(&vrf->vports, i);

		if (strcmp(other->name, vport->name))
			continue;
		xs_diag_add(plan->diag, XS_ERROR, vport->place, "VRF %s has two devices named %s", vrf->def->name,
			    vport->name);
		xs_diag_note(plan->diag, other->place, "the other");
	}
	if ((vrf && xs_list_push(plan, &vrf->vports, vport)) || xs_list_push(plan, &node->vports, vport) ||
	    xs_list_push(plan, &plan->vports, vport))
		return NULL;
	return vport;
}

/* One that users' packets come in by, or a slice's end of it. */
static struct xs_p_vport *add_user(struct xs_plan *plan, enum xs_vport_kind kind, struct xs_p_vrf *vrf,
				   const struct xs_d_port *def, const char *name, const struct xs_place *place)
{
	struct xs_p_port *port = xs_plan_port_of(plan, def);

	return xs_vport_add(
		plan, port->node,
		&(struct xs_p_vport){ .kind = kind,
				      .name = name,
				      .place = place,
				      .vrf = vrf,
				      .port = port,
				      /* A MUX's frames are its edge's to send. */
				      .vid = def->on && kind != XS_VPORT_MUX ? def->vlan : 0 });
}

static int shape_gateway(struct xs_plan *plan, struct xs_p_slice *slice, struct xs_p_gateway *gateway,
			 const struct xs_d_gateway *def)
{
	gateway->def = def;
	gateway->vport =
		add_user(plan, XS_VPORT_GATEWAY, xs_plan_vrf_of(plan, def->vrf), def->port, def->name, &def->place);
	if (!gateway->vport)
		return -ENOMEM;
	gateway->vport->owner = xs_arena_print(plan->arena, "gateway %s/%s", slice->def->name, def->name);
	return gateway->vport->owner ? 0 : -ENOMEM;
}

/* What users are at: an expansion asks before there are virtual ports. */
static void mark_users(struct xs_plan *plan)
{
	const struct xs_domain *domain = plan->domain;
	size_t i, j;

	for (i = 0; i < domain->slice_count; i++) {
		for (j = 0; j < domain->slice[i].gateway_count; j++) {
			xs_plan_vrf_of(plan, domain->slice[i].gateway[j].vrf)->users = true;
			xs_plan_port_of(plan, domain->slice[i].gateway[j].port)->user = true;
		}
	}
	for (i = 0; i < domain->mux_count; i++) {
		const struct xs_d_mux *mux = &domain->mux[i];

		xs_plan_port_of(plan, mux->port)->user = true;
		if (mux->exit)
			xs_plan_port_of(plan, mux->exit)->exit = true;
		for (j = 0; j < mux->slice_count; j++)
			xs_plan_vrf_of(plan, mux->slice[j].vrf)->users = true;
	}
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
		plan->slice[i].def = &domain->slice[i];
		plan->slice[i].expansion = xs_expansion_of(domain->slice[i].implementation);
		err = shape_vrfs(plan, &plan->slice[i]);
	}
	if (!err)
		mark_users(plan);
	for (i = 0; i < domain->slice_count && !err; i++) {
		struct xs_p_slice *slice = &plan->slice[i];

		err = slice->expansion->shape(plan, slice);
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
	mux->edge = add_user(plan, XS_VPORT_EDGE, NULL, def->port, def->port->name, &def->place);
	if (!mux->slice || !mux->edge)
		return -ENOMEM;
	mux->edge->owner = xs_arena_print(plan->arena, "edge %s", def->port->name);
	if (!mux->edge->owner)
		return -ENOMEM;
	if (def->exit) {
		mux->exit = xs_plan_port_of(plan, def->exit);
		xs_use_port(mux->exit);
	}
	for (i = 0; i < def->slice_count; i++) {
		struct xs_p_vport *vport = add_user(plan, XS_VPORT_MUX, xs_plan_vrf_of(plan, def->slice[i].vrf),
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
