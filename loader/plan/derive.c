/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * derive.c - routes along a slice's shortest paths, for VRFs that write none of the family: so one definition serves
 * for static routing and for OSPF. Every link that carries the family has the cost 1; of equal paths, that by the
 * earlier link of the definition is taken, at each VRF.
 */
#include <errno.h>
#include <stdlib.h>

#include "loader/plan/steps.h"

#define UNREACHED UINT32_MAX

/* A prefix of the slice and the VRFs that are on it or have it attached. */
struct target {
	struct xs_prefix prefix;
	struct xs_p_list owners; /* struct xs_p_vrf */
	UT_hash_handle hh;
};

struct targets {
	struct xs_plan *plan;
	struct target *target; /* in the order they were added */
};

/* One search: distance and first hop of every VRF of the slice, by its place in the definition. */
struct search {
	uint32_t *distance;
	struct xs_p_vport **first; /* the virtual port, at the start, of the path's first link */
	struct xs_p_vrf **queue;
};

static int add_target(struct targets *targets, const struct xs_prefix *prefix, struct xs_p_vrf *owner)
{
	struct target *target;

	HASH_FIND(hh, targets->target, prefix, sizeof(*prefix), target);
	if (!target) {
		target = xs_arena_array(targets->plan->arena, 1, sizeof(*target));
		if (!target)
			return -ENOMEM;
		target->prefix = *prefix;
		HASH_ADD(hh, targets->target, prefix, sizeof(target->prefix), target);
		if (!target->hh.tbl)
			return -ENOMEM;
	}
	return xs_list_push(targets->plan, &target->owners, owner);
}

/* A MUX's users, whom the slice's VRF there reaches by the edge. */
static int add_users(struct targets *targets, const struct xs_p_vport *vport)
{
	const struct xs_p_node *node = vport->node;
	size_t i, j;
	int err = 0;

	for (i = 0; i < node->muxes.count && !err; i++) {
		const struct xs_p_mux *mux = xs_list_at(&node->muxes, i);

		for (j = 0; mux->edge == vport->edge && j < mux->def->client_count && !err; j++)
			err = add_target(targets, &mux->def->client[j].prefix, vport->vrf);
	}
	return err;
}

static int collect_targets(struct targets *targets, struct xs_p_slice *slice)
{
	unsigned int f;
	size_t i, j;
	int err = 0;

	for (i = 0; i < slice->def->vrf_count; i++) {
		struct xs_p_vrf *vrf = &slice->vrf[i];

		for (j = 0; j < vrf->vports.count && !err; j++) {
			const struct xs_p_vport *vport = xs_list_at(&vrf->vports, j);

			for (f = 0; f < XS_FAMILIES && !err; f++) {
				struct xs_prefix subnet = xs_vport_subnet(vport, f);

				if (subnet.family)
					err = add_target(targets, &subnet, vrf);
			}
			if (!err && vport->kind == XS_VPORT_MUX)
				err = add_users(targets, vport);
		}
	}
	for (i = 0; i < slice->def->gateway_count; i++) {
		const struct xs_p_gateway *gateway = &slice->gateway[i];

		for (j = 0; j < gateway->def->behind_count && !err; j++)
			err = add_target(targets, &gateway->def->behind[j].prefix, gateway->vport->vrf);
	}
	return err;
}

static size_t place_of(const struct xs_p_vrf *vrf)
{
	return (size_t)(vrf - vrf->slice->vrf);
}

static void search_from(struct search *search, struct xs_p_vrf *start, unsigned int f)
{
	size_t i, head = 0, tail = 0, count = start->slice->def->vrf_count;

	for (i = 0; i < count; i++)
		search->distance[i] = UNREACHED;
	search->distance[place_of(start)] = 0;
	search->queue[tail++] = start;
	while (head < tail) {
		const struct xs_p_vrf *vrf = search->queue[head++];

		for (i = 0; i < vrf->vports.count; i++) {
			struct xs_p_vport *vport = xs_list_at(&vrf->vports, i);
			struct xs_p_vrf *next = vport->other ? vport->other->vrf : NULL;

			if (!next || !vport->peer[f].family || search->distance[place_of(next)] != UNREACHED)
				continue;
			search->distance[place_of(next)] = search->distance[place_of(vrf)] + 1;
			search->first[place_of(next)] = vrf == start ? vport : search->first[place_of(vrf)];
			search->queue[tail++] = next;
		}
	}
}

static int derive_vrf(struct targets *targets, const struct search *search, struct xs_p_vrf *vrf, unsigned int f)
{
	const struct target *target;
	int err = 0;
	size_t i;

	for (target = targets->target; target && !err; target = target->hh.next) {
		uint32_t best = UNREACHED;
		struct xs_p_vport *first = NULL;

		if (target->prefix.family != xs_family_at(f))
			continue;
		for (i = 0; i < target->owners.count; i++) {
			size_t owner = place_of(xs_list_at(&target->owners, i));

			if (search->distance[owner] >= best)
				continue;
			best = search->distance[owner];
			first = search->first[owner];
		}
		if (best && best != UNREACHED)
			err = xs_route_add(targets->plan, &vrf->routes, &target->prefix, first, &first->peer[f],
					   XS_ROUTE_DERIVED, NULL);
	}
	return err;
}

static bool writes_routes(const struct xs_d_vrf *vrf, unsigned int f)
{
	size_t i;

	for (i = 0; i < vrf->route_count; i++) {
		if (vrf->route[i].prefix.family == xs_family_at(f))
			return true;
	}
	return false;
}

int xs_plan_derive(struct xs_plan *plan, struct xs_p_slice *slice)
{
	struct targets targets = { .plan = plan };
	size_t i, count = slice->def->vrf_count;
	struct search search = {
		.distance = calloc(count + 1, sizeof(*search.distance)),
		.first = calloc(count + 1, sizeof(*search.first)),
		.queue = calloc(count + 1, sizeof(*search.queue)),
	};
	int err = search.distance && search.first && search.queue ? collect_targets(&targets, slice) : -ENOMEM;

	for (i = 0; i < XS_FAMILIES * count && !err; i++) {
		struct xs_p_vrf *vrf = &slice->vrf[i / XS_FAMILIES];
		unsigned int f = i % XS_FAMILIES;

		if (writes_routes(vrf->def, f))
			continue;
		search_from(&search, vrf, f);
		err = derive_vrf(&targets, &search, vrf, f);
	}
	HASH_CLEAR(hh, targets.target);
	free(search.distance);
	free(search.first);
	free(search.queue);
	return err;
}
