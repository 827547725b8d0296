/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parts.c - paging: what of a slice's pages is where. A spot is a prefix whose hosts are at one VRF: a gateway's subnet
 * and what is behind it, a MUX's users, an address on a link. A VRF with a sliver has all pages of the slice, and the
 * spots there that are parts of a page. One without has only addresses, which are the node's own, mapped (R36).
 */
#include <errno.h>
#include <stdlib.h>

#include "loader/image/image.h"
#include "loader/plan/paging.h"

struct spot {
	struct xs_p_vrf *vrf;
	struct xs_prefix prefix;
	struct xs_address own; /* NONE: any that the sliver has */
	bool empty;            /* no host is there, and none is elsewhere */
	size_t order;          /* in which they were found */
};

struct spots {
	struct xs_plan *plan;
	struct spot *list;
	size_t count;
};

static void add_spot(struct spots *spots, struct xs_p_vrf *vrf, const struct xs_prefix *prefix,
		     const struct xs_address *own)
{
	spots->list[spots->count] = (struct spot){ .vrf = vrf, .prefix = *prefix, .order = spots->count };
	if (own)
		spots->list[spots->count].own = *own;
	spots->count++;
}

/* ---- where things are ---- */

/* A VRF's address on a link: its sliver's, or, mapped, the node's. */
static int add_end(struct spots *spots, struct xs_p_slice *slice, const struct xs_d_subnet *subnet, unsigned int end)
{
	struct xs_p_vrf *vrf = xs_plan_vrf_of(spots->plan, subnet->link->end[end]);
	struct xs_prefix *copy = xs_arena_array(spots->plan->arena, 1, sizeof(*copy));
	const struct xs_p_page *page;
	struct xs_address address;

	if (!copy)
		return -ENOMEM;
	if (xs_prefix_end(&subnet->prefix, end, &address)) {
		xs_plan_too_small(spots->plan, subnet->place, &subnet->prefix, subnet->name, 2);
		return 0;
	}
	*copy = xs_prefix_of_host(&address);
	if (vrf->sliver) {
		add_spot(spots, vrf, copy, NULL);
	} else {
		page = xs_page_of(slice, copy);
		if (!page || !page->mapped.family)
			return 0; /* said before */
		*copy = xs_prefix_shift(copy, &page->prefix, &page->mapped);
	}
	return xs_list_push(spots->plan, &vrf->addresses, copy);
}

/* What a MUX and its users have in one of its slices. */
static void add_mux(struct spots *spots, const struct xs_d_subnet *subnet)
{
	const struct xs_p_mux *mux = &spots->plan->mux[subnet->mux - spots->plan->domain->mux];
	const struct xs_p_vport *end = mux->slice[subnet->choice];
	unsigned int f = xs_family_index(subnet->prefix.family);
	struct xs_prefix host;

	add_spot(spots, end->vrf, &subnet->prefix, &end->shared[f]);
	if (subnet->kind != XS_SUBNET_MUX || !end->address[f].family)
		return;
	/* Of its own addresses one is this slice's, and the others are nobody's in it. */
	spots->list[spots->count - 1].empty = true;
	host = xs_prefix_of_host(&end->address[f]);
	add_spot(spots, end->vrf, &host, &end->shared[f]);
}

static int add_subnet(struct spots *spots, struct xs_p_slice *slice, const struct xs_d_subnet *subnet)
{
	const struct xs_p_gateway *gateway;
	unsigned int end;
	int err = 0;

	switch (subnet->kind) {
	case XS_SUBNET_LINK:
		for (end = 0; end < 2 && !err; end++)
			err = add_end(spots, slice, subnet, end);
		break;
	case XS_SUBNET_GATEWAY:
	case XS_SUBNET_BEHIND:
		gateway = xs_plan_gateway_of(spots->plan, subnet->gateway);
		add_spot(spots, gateway->vport->vrf, &subnet->prefix,
			 &gateway->vport->address[xs_family_index(subnet->prefix.family)]);
		break;
	case XS_SUBNET_MUX:
	case XS_SUBNET_USERS:
		add_mux(spots, subnet);
		break;
	}
	return err;
}

/* A route that a VRF writes by way of one of its gateways leads to what is behind that. */
static void add_written(struct spots *spots, struct xs_p_slice *slice)
{
	size_t i, j;

	for (i = 0; i < slice->def->gateway_count; i++) {
		const struct xs_p_vport *vport = slice->gateway[i].vport;
		const struct xs_d_vrf *vrf = vport->vrf->def;

		for (j = 0; j < vrf->route_count; j++) {
			const struct xs_d_route *route = &vrf->route[j];
			unsigned int f = xs_family_index(route->prefix.family);

			if (xs_prefix_contains(&slice->gateway[i].def->subnet[f], &route->via))
				add_spot(spots, vport->vrf, &route->prefix, &vport->address[f]);
		}
	}
}

static int compare_spots(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	int order;

	if (x->vrf != y->vrf)
		return x->vrf < y->vrf ? -1 : 1;
	order = xs_prefix_compare(&x->prefix, &y->prefix);
	if (order)
		return order;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* By VRF and prefix; of what is there twice, as what a gateway has and what a route says, the first found stays. */
static void sort_spots(struct spots *spots)
{
	size_t i, kept = 0;

	if (spots->count)
		qsort(spots->list, spots->count, sizeof(*spots->list), compare_spots);
	for (i = 0; i < spots->count; i++) {
		const struct spot *spot = &spots->list[i];

		if (!kept || spots->list[kept - 1].vrf != spot->vrf ||
		    xs_prefix_compare(&spots->list[kept - 1].prefix, &spot->prefix))
			spots->list[kept++] = *spot;
	}
	spots->count = kept;
}

static int find_spots(struct spots *spots, struct xs_p_slice *slice)
{
	size_t i, room = 2 * slice->subnet_count;
	int err = 0;

	for (i = 0; i < slice->def->vrf_count; i++)
		room += slice->def->vrf[i].route_count;
	spots->list = xs_arena_array(spots->plan->arena, room, sizeof(*spots->list));
	if (!spots->list)
		return -ENOMEM;
	for (i = 0; i < slice->subnet_count && !err; i++)
		err = add_subnet(spots, slice, &slice->subnet[i]);
	add_written(spots, slice);
	sort_spots(spots);
	return err;
}

/* ---- parts of one VRF ---- */

/* In whose name errors are sent on: an address of the sliver's that users of the spot know, else any. */
static struct xs_address own_of(const struct xs_p_vrf *vrf, const struct spot *spot)
{
	unsigned int f = xs_family_index(spot->prefix.family);
	struct xs_address own = spot->own;
	size_t i;

	for (i = 0; i < vrf->vports.count && !own.family; i++) {
		const struct xs_p_vport *vport = xs_list_at(&vrf->vports, i);

		own = vport->kind == XS_VPORT_MUX ? vport->shared[f] : vport->address[f];
	}
	for (i = 0; i < vrf->addresses.count && !own.family; i++) {
		const struct xs_prefix *address = xs_list_at(&vrf->addresses, i);

		if (address->family == spot->prefix.family) {
			own.family = address->family;
			memcpy(own.bytes, address->bytes, sizeof(own.bytes));
		}
	}
	return own;
}

static int add_part(struct xs_plan *plan, struct xs_p_vrf *vrf, const struct xs_p_page *page,
		    const struct xs_prefix *prefix, const struct spot *spot)
{
	struct xs_p_part *part = xs_arena_array(plan->arena, 1, sizeof(*part));

	if (!part)
		return -ENOMEM;
	part->prefix = *prefix;
	part->mapped = xs_prefix_shift(prefix, &page->prefix, &page->mapped);
	part->local = spot != NULL;
	if (spot && !spot->empty) {
		part->uplink = vrf->uplink;
		part->own = own_of(vrf, spot);
	}
	return xs_list_push(plan, &vrf->parts, part);
}

/* Low ids first: they index a map. */
static int number_parts(struct xs_plan *plan, struct xs_p_vrf *vrf)
{
	const struct xs_rule rule = {
		.noun = "page id", .first = 1, .start = 1, .last = XS_PAGE_ID_MAX, .dense = true
	};
	struct xs_space *space = xs_node_space(plan, "part", vrf->node);
	struct xs_wants wants;
	size_t i;

	if (!space || xs_wants_new(plan, vrf->parts.count, &wants))
		return -ENOMEM;
	for (i = 0; i < vrf->parts.count; i++) {
		struct xs_p_part *part = xs_list_at(&vrf->parts, i);
		char text[XS_PREFIX_TEXT];
		const char *owner = xs_arena_print(plan->arena, "%s %s", vrf->slice->def->name,
						   xs_prefix_text(&part->prefix, text));

		if (!owner)
			return -ENOMEM;
		xs_wants_add(&wants, (struct xs_want){ .space = space, .owner = owner, .place = &vrf->def->place },
			     &part->id);
	}
	return xs_wants_serve(plan, &rule, &wants);
}

/* `spot`: those of this VRF, by prefix. */
static int part_vrf(struct xs_plan *plan, struct xs_p_vrf *vrf, const struct spot *spot, size_t count)
{
	const struct xs_p_slice *slice = vrf->slice;
	size_t i, j = 0;
	int err = 0;

	/* Pages and spots are sorted alike; a page comes before its parts. */
	for (i = 0; i < slice->page_count && !err; i++) {
		const struct xs_p_page *page = &slice->page[i];
		const struct spot *whole = NULL;

		if (!page->mapped.family)
			continue; /* no room: said before */
		for (; j < count && xs_prefix_compare(&spot[j].prefix, &page->prefix) < 0;)
			j++;
		if (j < count && !xs_prefix_compare(&spot[j].prefix, &page->prefix))
			whole = &spot[j++];
		err = add_part(plan, vrf, page, &page->prefix, whole);
		for (; j < count && xs_prefix_covers(&page->prefix, &spot[j].prefix) && !err; j++) {
			/* What nobody has needs no part of its own. */
			if (!spot[j].empty)
				err = add_part(plan, vrf, page, &spot[j].prefix, &spot[j]);
		}
	}
	return err ? err : number_parts(plan, vrf);
}

int xs_plan_parts(struct xs_plan *plan, struct xs_p_slice *slice)
{
	struct spots spots = { .plan = plan };
	int err = find_spots(&spots, slice);
	size_t i, next, at = 0;

	for (i = 0; i < slice->def->vrf_count && !err; i++, at = next) {
		struct xs_p_vrf *vrf = &slice->vrf[i];

		for (next = at; next < spots.count && spots.list[next].vrf == vrf;)
			next++;
		if (vrf->sliver)
			err = part_vrf(plan, vrf, &spots.list[at], next - at);
	}
	return err;
}
