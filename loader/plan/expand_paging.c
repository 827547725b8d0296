/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expand_paging.c - slices share the node's own routing instance (R35); what tells them apart is their pages. A VRF has
 * a sliver only where users are, with an uplink instead of links; all others, and the links, are configuration of that
 * instance.
 */
#include <errno.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/plan/expansion.h"
#include "loader/plan/paging.h"

#define UPLINK_MTU 1500 /* where there is no WAN port */

/*
 * Ports of the node where no users send untagged frames: by them its own routing instance reaches the WAN. Once per
 * node. A VLAN is never one: it is its users'.
 */
static int shape_wan(struct xs_plan *plan, struct xs_p_node *node)
{
	size_t i;

	for (i = 0; i < node->def->port_count; i++) {
		struct xs_p_port *port = &node->port[i];
		const char *owner;

		if (port->on || port->user || port->exit || port->wan)
			continue;
		port->wan = true;
		owner = xs_arena_print(plan->arena, "wan %s", port->def->name);
		if (!owner || !xs_vport_add(plan, node,
					    &(struct xs_p_vport){ .kind = XS_VPORT_WAN,
								  .name = port->def->name,
								  .owner = owner,
								  .place = &port->def->place,
								  .port = port,
								  .mtu = port->def->mtu }))
			return -ENOMEM;
	}
	return 0;
}

static int shape(struct xs_plan *plan, struct xs_p_slice *slice)
{
	size_t i;
	int err = 0;

	for (i = 0; i < slice->def->vrf_count && !err; i++) {
		struct xs_p_vrf *vrf = &slice->vrf[i];
		const char *owner;

		if (!vrf->users)
			continue;
		vrf->sliver = true;
		owner = xs_arena_print(plan->arena, "uplink %s", slice->def->name);
		if (!owner)
			return -ENOMEM;
		vrf->uplink = xs_vport_add(plan, vrf->node,
					   &(struct xs_p_vport){ .kind = XS_VPORT_UPLINK,
								 .name = XS_UPLINK_NAME,
								 .owner = owner,
								 .place = &vrf->def->place,
								 .vrf = vrf });
		err = vrf->uplink ? shape_wan(plan, vrf->node) : -ENOMEM;
	}
	return err;
}

/* The neighbour of each family that the slice has pages of, and the largest MTU by which packets may go on. */
static void address_uplink(struct xs_p_vrf *vrf)
{
	static const char *const peers[XS_FAMILIES] = { XS_UPLINK_PEER4, XS_UPLINK_PEER6 };
	size_t i;

	for (i = 0; i < vrf->slice->page_count; i++) {
		unsigned int f = xs_family_index(vrf->slice->page[i].prefix.family);

		if (!vrf->uplink->peer[f].family)
			xs_address_parse(peers[f], &vrf->uplink->peer[f]);
	}
	for (i = 0; i < vrf->node->def->port_count; i++) {
		if (vrf->node->port[i].wan && vrf->node->def->port[i].mtu > vrf->uplink->mtu)
			vrf->uplink->mtu = vrf->node->def->port[i].mtu;
	}
	if (!vrf->uplink->mtu)
		vrf->uplink->mtu = UPLINK_MTU;
}

static int addresses(struct xs_plan *plan, struct xs_p_slice *slice)
{
	size_t i;

	for (i = 0; i < slice->def->vrf_count; i++) {
		if (slice->vrf[i].uplink)
			address_uplink(&slice->vrf[i]);
	}
	return xs_plan_parts(plan, slice);
}

static void macs(struct xs_p_slice *slice)
{
	size_t i;

	for (i = 0; i < slice->def->vrf_count; i++) {
		struct xs_p_vport *uplink = slice->vrf[i].uplink;

		if (!uplink)
			continue;
		uplink->mac = slice->vrf[i].mac;
		uplink->relay = xs_mac_relay(&uplink->mac);
	}
}

/* All pages that are elsewhere; their order is that of their prefixes. */
static int routes(struct xs_plan *plan, struct xs_p_slice *slice)
{
	size_t i, j;
	int err = 0;

	for (i = 0; i < slice->def->vrf_count; i++) {
		struct xs_p_vrf *vrf = &slice->vrf[i];

		for (j = 0; j < vrf->parts.count && !err; j++) {
			const struct xs_p_part *part = xs_list_at(&vrf->parts, j);

			if (!part->local)
				err = xs_route_add(plan, &vrf->routes, &part->prefix, vrf->uplink, NULL,
						   XS_ROUTE_DERIVED, NULL);
		}
	}
	return err;
}

const struct xs_expansion xs_expand_paging = {
	.name = "paging",
	.shape = shape,
	.numbers = xs_plan_pages,
	.addresses = addresses,
	.macs = macs,
	.routes = routes,
	/* Whoever has the slice's pages reaches all of it, and users of a MUX are a page. */
	.ways = NULL,
};
