/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * numbers.c - ids of slices, VRFs, ports, virtual ports and MUXes: one rule each. What tells slices apart in the WAN, labels
 * and pages, is the expansions'.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/plan/expansion.h"
#include "loader/plan/steps.h"

#define VRF_ID_MAX 65535

int xs_wants_new(struct xs_plan *plan, size_t room, struct xs_wants *out)
{
	*out = (struct xs_wants){
		.want = xs_arena_array(plan->arena, room, sizeof(*out->want)),
		.target = xs_arena_array(plan->arena, room, sizeof(*out->target)),
	};
	return out->want && out->target ? 0 : -ENOMEM;
}

void xs_wants_add(struct xs_wants *wants, struct xs_want want, uint32_t *target)
{
	wants->target[wants->count] = target;
	wants->want[wants->count++] = want;
}

int xs_wants_serve(struct xs_plan *plan, const struct xs_rule *rule, struct xs_wants *wants)
{
	int err = xs_allocate(plan->ledger, rule, wants->want, wants->count, plan->diag);
	size_t i;

	for (i = 0; i < wants->count; i++)
		*wants->target[i] = (uint32_t)wants->want[i].number;
	return err;
}

/* "KIND NODE" */
struct xs_space *xs_node_space(struct xs_plan *plan, const char *kind, const struct xs_p_node *node)
{
	char name[XS_SPACE_NAME];

	snprintf(name, sizeof(name), "%s %s", kind, node->def->name);
	return xs_ledger_space(plan->ledger, name);
}

static int number_slices(struct xs_plan *plan)
{
	const struct xs_rule rule = {
		.noun = "slice id", .first = 1, .start = 1, .last = XS_SLICE_MAX, .strict = true
	};
	struct xs_space *space = xs_ledger_space(plan->ledger, "slice");
	struct xs_wants wants;
	size_t i;

	if (!space || xs_wants_new(plan, plan->domain->slice_count, &wants))
		return -ENOMEM;
	for (i = 0; i < plan->domain->slice_count; i++) {
		const struct xs_d_slice *def = plan->slice[i].def;

		xs_wants_add(&wants,
			  (struct xs_want){ .space = space,
					    .owner = def->name,
					    .place = &def->place,
					    .number_place = &def->id_place,
					    .number = def->id },
			  &plan->slice[i].id);
	}
	return xs_wants_serve(plan, &rule, &wants);
}

static int number_vrfs(struct xs_plan *plan, struct xs_p_node *node)
{
	const struct xs_rule rule = { .noun = "VRF id", .first = 1, .start = 1, .last = VRF_ID_MAX };
	struct xs_space *space = xs_node_space(plan, "vrf", node);
	struct xs_wants wants;
	size_t i;

	if (!space || xs_wants_new(plan, node->vrfs.count, &wants))
		return -ENOMEM;
	for (i = 0; i < node->vrfs.count; i++) {
		struct xs_p_vrf *vrf = xs_list_at(&node->vrfs, i);
		const struct xs_d_vrf *def = vrf->def;
		const char *owner = xs_arena_join(plan->arena, def->slice->name, "/", def->name, NULL);

		if (!owner)
			return -ENOMEM;
		xs_wants_add(&wants,
			  (struct xs_want){ .space = space,
					    .owner = owner,
					    .place = &def->place,
					    .number_place = &def->id_place,
					    .number = def->id },
			  &vrf->id);
	}
	return xs_wants_serve(plan, &rule, &wants);
}

/* Ids that index maps: low ones, so that the maps stay small. */
static int number_ports(struct xs_plan *plan, struct xs_p_node *node)
{
	const struct xs_rule port_rule = {
		.noun = "port id", .first = 1, .start = 1, .last = XS_PORT_ID_MAX, .dense = true
	};
	const struct xs_rule vport_rule = {
		.noun = "virtual port id",
		.first = 1,
		.start = 1,
		.last = XS_VPORT_ID_MAX,
		.dense = true,
	};
	const struct xs_rule mux_rule = {
		.noun = "MUX id", .first = 1, .start = 1, .last = XS_MUX_ID_MAX, .dense = true
	};
	struct xs_space *port_space = xs_node_space(plan, "port", node), *vport_space = xs_node_space(plan, "vport", node);
	struct xs_space *mux_space = xs_node_space(plan, "mux", node);
	struct xs_wants ports, vports, muxes;
	size_t i;
	int err;

	if (!port_space || !vport_space || !mux_space || xs_wants_new(plan, node->def->port_count, &ports) ||
	    xs_wants_new(plan, node->vports.count, &vports) || xs_wants_new(plan, node->muxes.count, &muxes))
		return -ENOMEM;
	for (i = 0; i < node->def->port_count; i++) {
		struct xs_p_port *port = &node->port[i];
		struct xs_want want = { .space = port_space, .owner = port->def->name, .place = &port->def->place };

		if (port->used)
			xs_wants_add(&ports, want, &port->id);
	}
	for (i = 0; i < node->vports.count; i++) {
		struct xs_p_vport *vport = xs_list_at(&node->vports, i);
		struct xs_want want = { .space = vport_space, .owner = vport->owner, .place = vport->place };

		xs_wants_add(&vports, want, &vport->id);
	}
	for (i = 0; i < node->muxes.count; i++) {
		struct xs_p_mux *mux = xs_list_at(&node->muxes, i);
		struct xs_want want = { .space = mux_space, .owner = mux->def->name, .place = &mux->def->place };

		xs_wants_add(&muxes, want, &mux->id);
	}
	err = xs_wants_serve(plan, &port_rule, &ports);
	if (!err)
		err = xs_wants_serve(plan, &vport_rule, &vports);
	if (!err)
		err = xs_wants_serve(plan, &mux_rule, &muxes);
	return err;
}

int xs_plan_numbers(struct xs_plan *plan)
{
	const struct xs_expansion *expansion;
	size_t i;
	int err = number_slices(plan);

	for (i = 0; i < plan->domain->node_count && !err; i++) {
		err = number_vrfs(plan, &plan->node[i]);
		if (!err)
			err = number_ports(plan, &plan->node[i]);
	}
	for (i = 0; (expansion = xs_expansion_at(i)) && !err; i++)
		err = expansion->numbers(plan);
	return err;
}
