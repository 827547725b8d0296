/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes.c - routes of slivers and edges, and what an edge answers ARP for.
 *
 * Three origins, the first to name a prefix wins: what a VRF writes; what is attached to it (prefixes behind its
 * gateways, users behind its MUXes); and what is derived: by segmentation, where it writes none, from the slice's shape
 * (derive.c), by paging from its pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/expansion.h"
#include "loader/plan/steps.h"

/* The virtual port of a VRF by which a neighbour is reached; NULL: none. */
static struct xs_p_vport *vport_towards(const struct xs_p_vrf *vrf, const struct xs_address *via)
{
	unsigned int f = xs_family_index(via->family);
	size_t i;

	for (i = 0; i < vrf->vports.count; i++) {
		struct xs_p_vport *vport = xs_list_at(&vrf->vports, i);
		struct xs_prefix subnet = xs_vport_subnet(vport, f);

		if (vport->kind == XS_VPORT_MUX ? !xs_address_compare(&vport->peer[f], via)
						: xs_prefix_contains(&subnet, via))
			return vport;
	}
	return NULL;
}

int xs_route_add(struct xs_plan *plan, struct xs_p_list *routes, const struct xs_prefix *prefix,
		 struct xs_p_vport *vport, const struct xs_address *via, enum xs_route_origin origin,
		 const struct xs_place *place)
{
	struct xs_p_route *route = xs_arena_array(plan->arena, 1, sizeof(*route));

	if (!route)
		return -ENOMEM;
	*route = (struct xs_p_route){
		.prefix = *prefix, .vport = vport, .origin = origin, .place = place, .sequence = routes->count
	};
	if (via)
		route->via = *via;
	return xs_list_push(plan, routes, route);
}

static int compare_routes(const void *a, const void *b)
{
	const struct xs_p_route *x = *(struct xs_p_route *const *)a, *y = *(struct xs_p_route *const *)b;
	int order = xs_prefix_compare(&x->prefix, &y->prefix);

	if (order)
		return order;
	if (x->origin != y->origin)
		return x->origin < y->origin ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static void sort_routes(struct xs_p_list *routes)
{
	size_t i, kept = 0;

	if (routes->count)
		qsort(routes->item, routes->count, sizeof(*routes->item), compare_routes);
	for (i = 0; i < routes->count; i++) {
		struct xs_p_route *route = xs_list_at(routes, i), *last = kept ? xs_list_at(routes, kept - 1) : NULL;

		if (!last || xs_prefix_compare(&last->prefix, &route->prefix))
			routes->item[kept++] = route;
	}
	routes->count = kept;
}

static int add_written(struct xs_plan *plan, struct xs_p_vrf *vrf)
{
	char via[XS_PREFIX_TEXT];
	size_t i;
	int err = 0;

	/* What would go along links goes the WAN's way where there are none. */
	for (i = 0; vrf->sliver && i < vrf->def->route_count && !err; i++) {
		const struct xs_d_route *route = &vrf->def->route[i];
		struct xs_p_vport *vport = vport_towards(vrf, &route->via);

		if (vport)
			err = xs_route_add(plan, &vrf->routes, &route->prefix, vport, &route->via, XS_ROUTE_WRITTEN,
					   &route->place);
		else if (!vrf->uplink)
			xs_diag_add(plan->diag, XS_ERROR, &route->via_place, "%s is on no link or gateway of VRF %s",
				    xs_address_text(&route->via, via), vrf->def->name);
	}
	return err;
}

static int add_behind(struct xs_plan *plan, struct xs_p_gateway *gateway)
{
	size_t i;
	int err = 0;

	for (i = 0; i < gateway->def->behind_count && !err; i++) {
		const struct xs_d_route *behind = &gateway->def->behind[i];

		err = xs_route_add(plan, &gateway->vport->vrf->routes, &behind->prefix, gateway->vport, &behind->via,
				   XS_ROUTE_ATTACHED, &behind->place);
	}
	return err;
}

/* Users: slivers reach them all by way of the edge; the edge itself those that are not on its own subnet. */
static int add_clients(struct xs_plan *plan, struct xs_p_mux *mux)
{
	size_t i, j;
	int err = 0;

	for (i = 0; i < mux->def->client_count && !err; i++) {
		const struct xs_d_client *client = &mux->def->client[i];
		unsigned int f = xs_family_index(client->prefix.family);
		const struct xs_prefix own = xs_vport_subnet(mux->edge, f);
		const struct xs_address *via = client->via.family ? &client->via : NULL;

		if (via || xs_prefix_compare(&client->prefix, &own))
			err = xs_route_add(plan, &mux->routes, &client->prefix, mux->edge, via, XS_ROUTE_ATTACHED,
					   NULL);
		for (j = 0; j < mux->def->slice_count && !err; j++)
			err = xs_route_add(plan, &mux->slice[j]->vrf->routes, &client->prefix, mux->slice[j],
					   &mux->slice[j]->peer[f], XS_ROUTE_ATTACHED, NULL);
	}
	return err;
}

/* ---- what an edge answers ARP for ---- */

static bool is_clients(const struct xs_p_mux *mux, const struct xs_prefix *prefix)
{
	size_t i;

	for (i = 0; i < mux->def->client_count; i++) {
		if (xs_prefix_overlaps(&mux->def->client[i].prefix, prefix))
			return true;
	}
	return false;
}

/* R8's proxy is IPv4's alone: IPv6's users learn of the edge by its advertisements as a router. */
static int add_proxy(struct xs_plan *plan, struct xs_p_mux *mux, const struct xs_prefix *prefix)
{
	struct xs_prefix *copy;

	if (prefix->family != XS_IPV4 || is_clients(mux, prefix))
		return 0;
	copy = xs_arena_array(plan->arena, 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *prefix;
	return xs_list_push(plan, &mux->proxies, copy);
}

static int compare_proxies(const void *a, const void *b)
{
	return xs_prefix_compare(*(struct xs_prefix *const *)a, *(struct xs_prefix *const *)b);
}

/*
 * All that the VRFs behind the MUX reach, but for its own users. Nothing where there is an exit: users' ARP passes, and
 * whoever is beyond answers.
 */
static int add_proxies(struct xs_plan *plan, struct xs_p_mux *mux)
{
	struct xs_p_list *proxies = &mux->proxies;
	size_t i, j, kept = 0;
	int err = 0;

	for (i = 0; i < mux->def->slice_count && !mux->exit; i++) {
		const struct xs_p_vrf *vrf = mux->slice[i]->vrf;

		for (j = 0; j < vrf->vports.count && !err; j++) {
			const struct xs_p_vport *vport = xs_list_at(&vrf->vports, j);
			struct xs_prefix subnet = xs_vport_subnet(vport, XS_FAMILY4);

			if (vport->kind != XS_VPORT_MUX)
				err = add_proxy(plan, mux, &subnet);
		}
		for (j = 0; j < vrf->routes.count && !err; j++) {
			const struct xs_p_route *route = xs_list_at(&vrf->routes, j);

			if (route->vport != mux->slice[i])
				err = add_proxy(plan, mux, &route->prefix);
		}
	}
	if (proxies->count)
		qsort(proxies->item, proxies->count, sizeof(*proxies->item), compare_proxies);
	for (i = 0; i < proxies->count; i++) {
		if (!kept || xs_prefix_compare(xs_list_at(proxies, i), xs_list_at(proxies, kept - 1)))
			proxies->item[kept++] = xs_list_at(proxies, i);
	}
	proxies->count = kept;
	return err;
}

int xs_plan_routes(struct xs_plan *plan)
{
	const struct xs_domain *domain = plan->domain;
	size_t i, j;
	int err = 0;

	for (i = 0; i < domain->slice_count && !err; i++) {
		for (j = 0; j < domain->slice[i].vrf_count && !err; j++)
			err = add_written(plan, &plan->slice[i].vrf[j]);
		for (j = 0; j < domain->slice[i].gateway_count && !err; j++)
			err = add_behind(plan, &plan->slice[i].gateway[j]);
	}
	for (i = 0; i < domain->mux_count && !err; i++) {
		err = add_clients(plan, &plan->mux[i]);
		sort_routes(&plan->mux[i].routes);
	}
	for (i = 0; i < domain->slice_count && !err; i++) {
		err = plan->slice[i].expansion->routes(plan, &plan->slice[i]);
		for (j = 0; j < domain->slice[i].vrf_count; j++)
			sort_routes(&plan->slice[i].vrf[j].routes);
	}
	for (i = 0; i < domain->mux_count && !err; i++)
		err = add_proxies(plan, &plan->mux[i]);
	return err;
}
