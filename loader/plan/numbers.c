/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * numbers.c - ids of slices, VRFs, ports, virtual ports and MUXes, and the labels of links (R30): one rule each.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/plan/steps.h"

#define VRF_ID_MAX 65535
#define SPACE_NAME 96

/* Wants of one kind, while they are gathered; target[i] takes what want[i] gets. */
struct wants {
	struct xs_want *want;
	uint32_t **target;
	size_t count;
};

static int wants_new(struct xs_plan *plan, size_t room, struct wants *out)
{
	*out = (struct wants){
		.want = xs_arena_array(plan->arena, room, sizeof(*out->want)),
		.target = xs_arena_array(plan->arena, room, sizeof(*out->target)),
	};
	return out->want && out->target ? 0 : -ENOMEM;
}

static void wants_add(struct wants *wants, struct xs_want want, uint32_t *target)
{
	wants->target[wants->count] = target;
	wants->want[wants->count++] = want;
}

static int wants_serve(struct xs_plan *plan, const struct xs_rule *rule, struct wants *wants)
{
	int err = xs_allocate(plan->ledger, rule, wants->want, wants->count, plan->diag);
	size_t i;

	for (i = 0; i < wants->count; i++)
		*wants->target[i] = (uint32_t)wants->want[i].number;
	return err;
}

/* A space of one node: "KIND NODE". */
static struct xs_space *node_space(struct xs_plan *plan, const char *kind, const struct xs_p_node *node)
{
	char name[SPACE_NAME];

	snprintf(name, sizeof(name), "%s %s", kind, node->def->name);
	return xs_ledger_space(plan->ledger, name);
}

static int number_slices(struct xs_plan *plan)
{
	const struct xs_rule rule = {
		.noun = "slice id", .first = 1, .start = 1, .last = XS_SLICE_MAX, .strict = true
	};
	struct xs_space *space = xs_ledger_space(plan->ledger, "slice");
	struct wants wants;
	size_t i;

	if (!space || wants_new(plan, plan->domain->slice_count, &wants))
		return -ENOMEM;
	for (i = 0; i < plan->domain->slice_count; i++) {
		const struct xs_d_slice *def = plan->slice[i].def;

		wants_add(&wants,
			  (struct xs_want){ .space = space,
					    .owner = def->name,
					    .place = &def->place,
					    .number_place = &def->id_place,
					    .number = def->id },
			  &plan->slice[i].id);
	}
	return wants_serve(plan, &rule, &wants);
}

static int number_vrfs(struct xs_plan *plan, struct xs_p_node *node)
{
	const struct xs_rule rule = { .noun = "VRF id", .first = 1, .start = 1, .last = VRF_ID_MAX };
	struct xs_space *space = node_space(plan, "vrf", node);
	struct wants wants;
	size_t i;

	if (!space || wants_new(plan, node->vrfs.count, &wants))
		return -ENOMEM;
	for (i = 0; i < node->vrfs.count; i++) {
		struct xs_p_vrf *vrf = xs_list_at(&node->vrfs, i);
		const struct xs_d_vrf *def = vrf->def;
		const char *owner = xs_arena_print(plan->arena, "%s/%s", def->slice->name, def->name);

		if (!owner)
			return -ENOMEM;
		wants_add(&wants,
			  (struct xs_want){ .space = space,
					    .owner = owner,
					    .place = &def->place,
					    .number_place = &def->id_place,
					    .number = def->id },
			  &vrf->id);
	}
	return wants_serve(plan, &rule, &wants);
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
	struct xs_space *port_space = node_space(plan, "port", node), *vport_space = node_space(plan, "vport", node);
	struct xs_space *mux_space = node_space(plan, "mux", node);
	struct wants ports, vports, muxes;
	size_t i;
	int err;

	if (!port_space || !vport_space || !mux_space || wants_new(plan, node->def->port_count, &ports) ||
	    wants_new(plan, node->vports.count, &vports) || wants_new(plan, node->muxes.count, &muxes))
		return -ENOMEM;
	for (i = 0; i < node->def->port_count; i++) {
		struct xs_p_port *port = &node->port[i];
		struct xs_want want = { .space = port_space, .owner = port->def->name, .place = &port->def->place };

		if (port->used)
			wants_add(&ports, want, &port->id);
	}
	for (i = 0; i < node->vports.count; i++) {
		struct xs_p_vport *vport = xs_list_at(&node->vports, i);
		struct xs_want want = { .space = vport_space, .owner = vport->owner, .place = vport->place };

		wants_add(&vports, want, &vport->id);
	}
	for (i = 0; i < node->muxes.count; i++) {
		struct xs_p_mux *mux = xs_list_at(&node->muxes, i);
		struct xs_want want = { .space = mux_space, .owner = mux->def->name, .place = &mux->def->place };

		wants_add(&muxes, want, &mux->id);
	}
	err = wants_serve(plan, &port_rule, &ports);
	if (!err)
		err = wants_serve(plan, &vport_rule, &vports);
	if (!err)
		err = wants_serve(plan, &mux_rule, &muxes);
	return err;
}

static bool among(const struct xs_d_range *range, size_t count, uint64_t number)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (number >= range[i].first && number <= range[i].last)
			return true;
	}
	return false;
}

/*
 * A label must be free at both ends of the cable: neither port may have left it to its host; and a switch in between
 * must carry it.
 */
static bool label_refused(void *context, const struct xs_want *want, uint64_t number, const char **why,
			  const struct xs_place **at)
{
	const struct xs_d_link *link = want->object;
	const struct xs_d_switch *through = link->port[0]->through;
	unsigned int i;
	size_t j;

	if (through && !among(through->carries, through->carries_count, number)) {
		*why = "is not carried by the switch in between";
		*at = &through->place;
		return true;
	}
	for (i = 0; i < 2; i++) {
		const struct xs_d_port *port = link->port[i];

		for (j = 0; j < port->reserved_count; j++) {
			if (number < port->reserved[j].first || number > port->reserved[j].last)
				continue;
			*why = i ? "is reserved by the port at the second end"
				 : "is reserved by the port at the first end";
			*at = &port->reserved[j].place;
			return true;
		}
	}
	return false;
}

static int number_links(struct xs_plan *plan)
{
	/* 1 comes last: switches in between (R40) often take it off as their native VLAN. */
	const struct xs_rule rule = {
		.noun = "label",
		.first = XS_VID_MIN,
		.start = 2,
		.last = XS_VID_MAX,
		.strict = true,
		.refuses = label_refused,
		.personal = true,
	};
	struct wants wants;
	size_t i, j, count = 0;
	uint32_t *label;
	int err;

	for (i = 0; i < plan->domain->slice_count; i++)
		count += plan->slice[i].def->link_count;
	label = xs_arena_array(plan->arena, count, sizeof(*label));
	if (!label || wants_new(plan, count, &wants))
		return -ENOMEM;
	for (i = 0; i < plan->domain->slice_count; i++) {
		for (j = 0; j < plan->slice[i].def->link_count; j++) {
			const struct xs_p_link *link = &plan->slice[i].link[j];
			const struct xs_d_link *def = link->def;
			char name[SPACE_NAME];
			struct xs_want want = { .place = &def->place,
						.number_place = &def->label_place,
						.number = def->label,
						.object = def };

			/* A label is one network on all of a switch; cables have "/" in their names, switches have not.
			 */
			if (def->port[0]->through)
				snprintf(name, sizeof(name), "label %s", def->port[0]->through->name);
			else
				snprintf(name, sizeof(name), "label %s", link->cable);
			want.space = xs_ledger_space(plan->ledger, name);
			want.owner = xs_arena_print(plan->arena, "%s/%s", def->slice->name, def->name);
			if (!want.space || !want.owner)
				return -ENOMEM;
			wants_add(&wants, want, &label[wants.count]);
		}
	}
	err = wants_serve(plan, &rule, &wants);
	count = 0;
	for (i = 0; i < plan->domain->slice_count; i++) {
		for (j = 0; j < plan->slice[i].def->link_count; j++, count++) {
			plan->slice[i].link[j].end[0]->vid = (uint16_t)label[count];
			plan->slice[i].link[j].end[1]->vid = (uint16_t)label[count];
		}
	}
	return err;
}

int xs_plan_numbers(struct xs_plan *plan)
{
	size_t i;
	int err = number_slices(plan);

	for (i = 0; i < plan->domain->node_count && !err; i++) {
		err = number_vrfs(plan, &plan->node[i]);
		if (!err)
			err = number_ports(plan, &plan->node[i]);
	}
	return err ? err : number_links(plan);
}
