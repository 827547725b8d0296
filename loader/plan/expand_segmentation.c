/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expand_segmentation.c - each VRF is a sliver, each link a pair of virtual ports with one label on its cable (R30,
 * R31), and routes of VRFs lead along links.
 */
#include <errno.h>
#include <string.h>

#include "loader/plan/expansion.h"
#include "loader/plan/steps.h"

/* The physical link between two ports, named alike from both ends. */
static const char *cable_name(struct xs_plan *plan, const struct xs_d_port *a, const struct xs_d_port *b)
{
	int order = strcmp(a->node->name, b->node->name);

	if (order > 0 || (order == 0 && strcmp(a->name, b->name) > 0)) {
		const struct xs_d_port *swap = a;

		a = b;
		b = swap;
	}
	return xs_arena_join(plan->arena, a->node->name, "/", a->name, " ", b->node->name, "/", b->name, NULL);
}

static int shape_link(struct xs_plan *plan, struct xs_p_slice *slice, struct xs_p_link *link,
		      const struct xs_d_link *def)
{
	const char *owner = xs_arena_join(plan->arena, "link ", slice->def->name, "/", def->name, NULL);
	unsigned int i;

	link->cable = cable_name(plan, def->port[0], def->port[1]);
	if (!link->cable || !owner)
		return -ENOMEM;
	for (i = 0; i < 2; i++) {
		struct xs_p_port *port = xs_plan_port_of(plan, def->port[i]);

		port->labelled = true;
		link->end[i] = xs_vport_add(plan, port->node,
					    &(struct xs_p_vport){ .kind = XS_VPORT_LINK,
								  .name = def->name,
								  .owner = owner,
								  .place = &def->place,
								  .vrf = xs_plan_vrf_of(plan, def->end[i]),
								  .port = port });
		if (!link->end[i])
			return -ENOMEM;
	}
	link->end[0]->other = link->end[1];
	link->end[1]->other = link->end[0];
	return 0;
}

static int shape(struct xs_plan *plan, struct xs_p_slice *slice)
{
	size_t i;
	int err = 0;

	for (i = 0; i < slice->def->vrf_count; i++)
		slice->vrf[i].sliver = true;
	for (i = 0; i < slice->def->link_count && !err; i++)
		err = shape_link(plan, slice, &slice->link[i], &slice->def->link[i]);
	return err;
}

static void address_link(struct xs_plan *plan, struct xs_p_link *link)
{
	const struct xs_d_link *def = link->def;
	uint16_t mtu = def->port[0]->mtu < def->port[1]->mtu ? def->port[0]->mtu : def->port[1]->mtu;
	struct xs_p_vport **end = link->end;
	unsigned int i, f;

	for (f = 0; f < XS_FAMILIES; f++) {
		const struct xs_prefix *subnet = &def->subnet[f];

		if (!subnet->family)
			continue;
		if (xs_prefix_end(subnet, 0, &end[0]->address[f]) || xs_prefix_end(subnet, 1, &end[1]->address[f])) {
			xs_plan_too_small(plan, &def->subnet_place[f], subnet, def->name, 2);
			continue;
		}
		for (i = 0; i < 2; i++) {
			end[i]->length[f] = subnet->length;
			end[i]->peer[f] = end[!i]->address[f];
		}
	}
	if (def->mtu > mtu)
		xs_diag_add(plan->diag, XS_ERROR, &def->place, "MTU %u of link %s is above its ports' (%u)", def->mtu,
			    def->name, mtu);
	for (i = 0; i < 2; i++)
		end[i]->mtu = def->mtu ? def->mtu : mtu;
}

static int addresses(struct xs_plan *plan, struct xs_p_slice *slice)
{
	size_t i;

	for (i = 0; i < slice->def->link_count; i++)
		address_link(plan, &slice->link[i]);
	return 0;
}

/* R7: a VRF has one MAC on all its links. */
static void macs(struct xs_p_slice *slice)
{
	size_t i;

	for (i = 0; i < slice->def->link_count; i++) {
		slice->link[i].end[0]->mac = slice->link[i].end[0]->vrf->mac;
		slice->link[i].end[1]->mac = slice->link[i].end[1]->vrf->mac;
	}
}

const struct xs_expansion xs_expand_segmentation = {
	.name = "segmentation",
	.shape = shape,
	.numbers = xs_plan_labels,
	.addresses = addresses,
	.macs = macs,
	.routes = xs_plan_derive,
	.ways = xs_plan_follow,
};
