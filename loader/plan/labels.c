/* SPDX-License-Identifier: GPL-2.0-or-later */
/* labels.c - segmentation: the labels of links (R30), one on all of a cable or switch. */
#include <errno.h>
#include <stdio.h>

#include "loader/plan/expansion.h"
#include "loader/plan/steps.h"
#include "maps/contract.h"

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
		const struct xs_d_port *port = link->port[i], *vlan = xs_d_vlan_of(port, number);

		if (vlan) {
			*why = vlan->on != port ? "is a VLAN of users on the switch in between"
			       : i		? "is a VLAN of users on the port at the second end"
						: "is a VLAN of users on the port at the first end";
			*at = &vlan->vlan_place;
			return true;
		}
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

int xs_plan_labels(struct xs_plan *plan)
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
	struct xs_wants wants;
	size_t i, j, count = 0;
	uint32_t *label;
	int err;

	for (i = 0; i < plan->domain->slice_count; i++)
		count += plan->slice[i].def->link_count;
	label = xs_arena_array(plan->arena, count, sizeof(*label));
	if (!label || xs_wants_new(plan, count, &wants))
		return -ENOMEM;
	for (i = 0; i < plan->domain->slice_count; i++) {
		for (j = 0; j < plan->slice[i].def->link_count; j++) {
			const struct xs_p_link *link = &plan->slice[i].link[j];
			const struct xs_d_link *def = link->def;
			char name[XS_SPACE_NAME];
			struct xs_want want = { .place = &def->place,
						.number_place = &def->label_place,
						.number = def->label,
						.object = def };

			if (!link->end[0])
				continue;
			/* A label is one network on all of a switch; cables have "/" in their names, switches have not.
			 */
			if (def->port[0]->through)
				snprintf(name, sizeof(name), "label %s", def->port[0]->through->name);
			else
				snprintf(name, sizeof(name), "label %s", link->cable);
			want.space = xs_ledger_space(plan->ledger, name);
			want.owner = xs_arena_join(plan->arena, def->slice->name, "/", def->name, NULL);
			if (!want.space || !want.owner)
				return -ENOMEM;
			xs_wants_add(&wants, want, &label[wants.count]);
		}
	}
	err = xs_wants_serve(plan, &rule, &wants);
	count = 0;
	for (i = 0; i < plan->domain->slice_count; i++) {
		for (j = 0; j < plan->slice[i].def->link_count; j++) {
			const struct xs_p_link *link = &plan->slice[i].link[j];

			if (!link->end[0])
				continue;
			link->end[0]->vid = link->end[1]->vid = (uint16_t)label[count];
			count++;
		}
	}
	return err;
}
