/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ways.c - where the routes of a slice's VRFs lead, taken together: no packet may go round (static routing loops), a
 * written route must lead to somebody who knows on, and users of a MUX must be reached from behind every gateway of its
 * slices (R27).
 *
 * Followed is a prefix as a whole: at each VRF by the longest route that covers it. What longer routes make of its
 * parts is seen when theirs are followed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/expansion.h"
#include "loader/plan/steps.h"

#define LENGTH_WORDS 3 /* 0 to 128, as bits */
#define NAMES_MAX    256

enum way_end {
	END_HERE, /* by a gateway or MUX, or on a subnet of the last VRF */
	END_LOST, /* the last VRF has no route */
	END_LOOP, /* the last VRF's route leads to one that was passed */
};

struct ways {
	struct xs_plan *plan;
	struct xs_p_slice *slice;
	/* By VRF: */
	uint64_t (*lengths)[XS_FAMILIES][LENGTH_WORDS]; /* that its routes' prefixes have */
	const struct xs_p_route **taken;                /* on the way that was followed last; NULL: on its own subnet */
	size_t *seen;                                   /* the number of the way that passed it last */
	/* The way that was followed last: */
	struct xs_p_vrf **path;
	size_t hops, number;
	struct xs_p_vrf *returned; /* END_LOOP: to whom */
};

static size_t place_of(const struct xs_p_vrf *vrf)
{
	return (size_t)(vrf - vrf->slice->vrf);
}

/* The place in the sorted list where a route to `prefix` is or would be. */
static size_t lower_bound(const struct xs_p_list *routes, const struct xs_prefix *prefix)
{
	size_t low = 0, high = routes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (xs_prefix_compare(&((struct xs_p_route *)xs_list_at(routes, middle))->prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct xs_p_route *route_at(const struct xs_p_list *routes, size_t i)
{
	return i < routes->count ? xs_list_at(routes, i) : NULL;
}

/* The longest route that covers `prefix`. */
static const struct xs_p_route *route_for(const struct ways *ways, const struct xs_p_vrf *vrf,
					  const struct xs_prefix *prefix)
{
	const uint64_t *lengths = ways->lengths[place_of(vrf)][xs_family_index(prefix->family)];
	struct xs_address base = { .family = prefix->family };
	unsigned int length = prefix->length + 1u;

	memcpy(base.bytes, prefix->bytes, sizeof(base.bytes));
	while (length--) {
		struct xs_prefix cover;
		const struct xs_p_route *route;

		if (!(lengths[length / 64] >> (length % 64) & 1))
			continue;
		cover = xs_prefix_mask(&base, length);
		route = route_at(&vrf->routes, lower_bound(&vrf->routes, &cover));
		if (route && !xs_prefix_compare(&route->prefix, &cover))
			return route;
	}
	return NULL;
}

/* Is it on a subnet of the VRF, and that a longer one than `route` is to? */
static bool on_subnet(const struct xs_p_vrf *vrf, const struct xs_prefix *prefix, const struct xs_p_route *route)
{
	size_t i;

	for (i = 0; i < vrf->vports.count; i++) {
		struct xs_prefix subnet = xs_vport_subnet(xs_list_at(&vrf->vports, i), xs_family_index(prefix->family));

		if (xs_prefix_covers(&subnet, prefix) && (!route || subnet.length > route->prefix.length))
			return true;
	}
	return false;
}

static enum way_end follow(struct ways *ways, struct xs_p_vrf *vrf, const struct xs_prefix *prefix)
{
	ways->number++;
	ways->hops = 0;
	for (;;) {
		const struct xs_p_route *route = route_for(ways, vrf, prefix);
		size_t place = place_of(vrf);

		if (ways->seen[place] == ways->number) {
			ways->returned = vrf;
			return END_LOOP;
		}
		ways->seen[place] = ways->number;
		ways->path[ways->hops++] = vrf;
		if (on_subnet(vrf, prefix, route))
			route = NULL;
		else if (!route)
			return END_LOST;
		ways->taken[place] = route;
		if (!route || !route->vport->other)
			return END_HERE;
		vrf = route->vport->other->vrf;
	}
}

/* ---- loops and dead ends ---- */

/* A loop is found from each VRF on it; it is told from the first one whose route is to the prefix itself. */
static bool tells(const struct ways *ways, const struct xs_p_vrf *start, const struct xs_prefix *prefix)
{
	size_t i;

	for (i = 0; i < ways->hops; i++) {
		const struct xs_p_vrf *vrf = ways->path[i];

		if (place_of(vrf) < place_of(start) && !xs_prefix_compare(&ways->taken[place_of(vrf)]->prefix, prefix))
			return false;
	}
	return true;
}

static void report_loop(struct ways *ways, const struct xs_prefix *prefix)
{
	const struct xs_p_route *written = NULL, *other = NULL;
	char names[NAMES_MAX] = "", text[XS_PREFIX_TEXT];
	size_t i, used = 0;

	for (i = 0; i < ways->hops; i++) {
		const struct xs_p_vrf *vrf = ways->path[i];
		const struct xs_p_route *route = ways->taken[place_of(vrf)];

		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "\"%s\" to ", vrf->def->name);
		if (!route->place)
			continue;
		other = written && !other ? route : other;
		written = written ? written : route;
	}
	/* Derived routes alone make none: they go along shortest paths. */
	if (!written)
		return;
	xs_diag_add(ways->plan->diag, XS_ERROR, written->place,
		    "route: in slice \"%s\" packets to %s go round, from VRF %s\"%s\"", ways->slice->def->name,
		    xs_prefix_text(prefix, text), names, ways->path[0]->def->name);
	if (other)
		xs_diag_note(ways->plan->diag, other->place, "%s leads on from here",
			     xs_prefix_text(&other->prefix, text));
}

/* Whether a VRF has to do with a prefix at all: a part of it, or more than it. */
static bool knows(const struct ways *ways, const struct xs_p_vrf *vrf, const struct xs_prefix *prefix)
{
	const struct xs_p_route *inside = route_at(&vrf->routes, lower_bound(&vrf->routes, prefix));
	size_t i;

	if ((inside && xs_prefix_covers(prefix, &inside->prefix)) || route_for(ways, vrf, prefix))
		return true;
	for (i = 0; i < vrf->vports.count; i++) {
		struct xs_prefix subnet = xs_vport_subnet(xs_list_at(&vrf->vports, i), xs_family_index(prefix->family));

		if (subnet.family && xs_prefix_overlaps(&subnet, prefix))
			return true;
	}
	return false;
}

static void check_route(struct ways *ways, struct xs_p_vrf *vrf, const struct xs_p_route *route)
{
	const struct xs_p_vrf *next = route->vport->other ? route->vport->other->vrf : NULL;
	char text[XS_PREFIX_TEXT];

	if (!next)
		return;
	if (route->place && !knows(ways, next, &route->prefix)) {
		xs_diag_add(ways->plan->diag, XS_WARNING, route->place,
			    "route: %s leads to VRF \"%s\", which has no route to it",
			    xs_prefix_text(&route->prefix, text), next->def->name);
		xs_diag_note(ways->plan->diag, &next->def->place, "VRF \"%s\" is here", next->def->name);
		return;
	}
	if (follow(ways, vrf, &route->prefix) == END_LOOP && ways->returned == vrf && tells(ways, vrf, &route->prefix))
		report_loop(ways, &route->prefix);
}

static bool writes_routes(const struct xs_d_slice *slice)
{
	size_t i;

	for (i = 0; i < slice->vrf_count; i++) {
		if (slice->vrf[i].route_count)
			return true;
	}
	return false;
}

/* ---- the way back ---- */

static void report_no_way(struct ways *ways, const struct xs_d_mux *mux, const struct xs_d_mux_slice *one,
			  const struct xs_d_gateway *gateway, const struct xs_prefix *clients, enum way_end end)
{
	const struct xs_p_vrf *last = ways->path[ways->hops - 1];
	char text[XS_PREFIX_TEXT];

	xs_diag_add(ways->plan->diag, XS_ERROR, &one->place,
		    "slice: from gateway \"%s\" of slice \"%s\" there is no way back to the clients %s of mux \"%s\"",
		    gateway->name, one->slice->name, xs_prefix_text(clients, text), mux->name);
	if (end == END_LOST)
		xs_diag_note(ways->plan->diag, &last->def->place, "VRF \"%s\" here has no route to them",
			     last->def->name);
	else
		xs_diag_note(ways->plan->diag, &last->def->place, "VRF \"%s\" here sends them elsewhere",
			     last->def->name);
}

/* From one gateway to all users; one fault is enough. */
static void check_gateway(struct ways *ways, const struct xs_p_mux *mux, size_t one, const struct xs_p_gateway *gateway)
{
	const struct xs_p_vport *end = mux->slice[one];
	size_t i;

	for (i = 0; i < mux->def->client_count; i++) {
		const struct xs_prefix *clients = &mux->def->client[i].prefix;
		const struct xs_p_route *last;
		enum way_end how;

		if (!gateway->def->subnet[xs_family_index(clients->family)].family)
			continue;
		how = follow(ways, gateway->vport->vrf, clients);
		last = how == END_HERE ? ways->taken[place_of(ways->path[ways->hops - 1])] : NULL;
		if (last && last->vport == end)
			continue;
		report_no_way(ways, mux->def, &mux->def->slice[one], gateway->def, clients, how);
		return;
	}
}

static void check_back(struct ways *ways)
{
	struct xs_plan *plan = ways->plan;
	size_t i, j, k;

	for (i = 0; i < plan->domain->mux_count; i++) {
		const struct xs_p_mux *mux = &plan->mux[i];

		for (j = 0; j < mux->def->slice_count; j++) {
			if (mux->slice[j]->vrf->slice != ways->slice)
				continue;
			for (k = 0; k < ways->slice->def->gateway_count; k++)
				check_gateway(ways, mux, j, &ways->slice->gateway[k]);
		}
	}
}

/* ---- one slice ---- */

static void note_lengths(struct ways *ways, const struct xs_p_vrf *vrf)
{
	size_t i;

	for (i = 0; i < vrf->routes.count; i++) {
		const struct xs_prefix *prefix = &route_at(&vrf->routes, i)->prefix;
		uint64_t *lengths = ways->lengths[place_of(vrf)][xs_family_index(prefix->family)];

		lengths[prefix->length / 64] |= 1ull << (prefix->length % 64);
	}
}

int xs_plan_follow(struct xs_plan *plan, struct xs_p_slice *slice)
{
	size_t i, j, count = slice->def->vrf_count;
	struct ways ways = {
		.plan = plan,
		.slice = slice,
		.lengths = calloc(count + 1, sizeof(*ways.lengths)),
		.taken = calloc(count + 1, sizeof(*ways.taken)),
		.seen = calloc(count + 1, sizeof(*ways.seen)),
		.path = calloc(count + 1, sizeof(*ways.path)),
	};
	int err = ways.lengths && ways.taken && ways.seen && ways.path ? 0 : -ENOMEM;

	for (i = 0; i < count && !err; i++)
		note_lengths(&ways, &slice->vrf[i]);
	for (i = 0; i < count && !err && writes_routes(slice->def); i++) {
		for (j = 0; j < slice->vrf[i].routes.count; j++)
			check_route(&ways, &slice->vrf[i], route_at(&slice->vrf[i].routes, j));
	}
	if (!err)
		check_back(&ways);
	free(ways.lengths);
	free(ways.taken);
	free(ways.seen);
	free(ways.path);
	return err;
}

int xs_plan_ways(struct xs_plan *plan)
{
	size_t i;
	int err = 0;

	/* Where something was at fault, routes are missing. */
	if (xs_diag_errors(plan->diag))
		return 0;
	for (i = 0; i < plan->domain->slice_count && !err; i++) {
		struct xs_p_slice *slice = &plan->slice[i];

		err = slice->expansion->ways ? slice->expansion->ways(plan, slice) : 0;
	}
	return err;
}
