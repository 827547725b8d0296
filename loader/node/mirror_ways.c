/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_ways.c - where routes lead to. A million routes lead to few sets of next hops, so each set stands once.
 *
 * Always holds: hops are sorted, so that the kernel's order, which changes as members come and go, does not matter; a
 * way is freed with its last route.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/node/mirror_internal.h"

static size_t key_length(uint32_t count)
{
	return offsetof(struct xs_way, hop) - offsetof(struct xs_way, source) + count * sizeof(struct xs_hop);
}

static int by_target(const void *a, const void *b)
{
	const struct xs_hop *x = a, *y = b;

	if (x->to.ifindex != y->to.ifindex)
		return x->to.ifindex < y->to.ifindex ? -1 : 1;
	return xs_address_compare(&x->to.address, &y->to.address);
}

struct xs_way *xs_way_get(struct xs_mirror *mirror, const struct xs_prefix *source, struct xs_hop *hop, uint32_t count)
{
	struct xs_way *way = calloc(1, sizeof(*way) + count * sizeof(*hop)), *known;

	if (!way)
		return NULL;
	qsort(hop, count, sizeof(*hop), by_target);
	way->source = *source;
	way->count = count;
	memcpy(way->hop, hop, count * sizeof(*hop));
	HASH_FIND(hh, mirror->ways, &way->source, key_length(count), known);
	if (known) {
		free(way);
		way = known;
	} else {
		HASH_ADD(hh, mirror->ways, source, key_length(count), way);
	}
	way->routes++;
	return way;
}

void xs_way_put(struct xs_mirror *mirror, struct xs_way *way)
{
	if (!way || --way->routes)
		return;
	if (way->group)
		xs_group_orphan(way->group);
	HASH_DELETE(hh, mirror->ways, way);
	free(way);
}

bool xs_way_same(const struct xs_way *a, const struct xs_way *b)
{
	if (a == b)
		return true;
	if (a->count != b->count || memcmp(&a->source, &b->source, sizeof(a->source)))
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (by_target(&a->hop[i], &b->hop[i]))
			return false;
	return true;
}

bool xs_way_has(const struct xs_way *way, const struct xs_hop *hop)
{
	return way->count && bsearch(hop, way->hop, way->count, sizeof(*hop), by_target);
}

bool xs_way_leaves_by_gateways(const struct xs_way *way)
{
	for (uint32_t i = 0; i < way->count; i++)
		if (way->hop[i].to.address.family == XS_FAMILY_NONE)
			return false;
	return way->count;
}

bool xs_ways_have_dead(const struct xs_mirror *mirror, uint32_t ifindex)
{
	for (const struct xs_way *way = mirror->ways; way; way = way->hh.next)
		for (uint32_t i = 0; i < way->count; i++)
			if (way->hop[i].dead && way->hop[i].to.ifindex == ifindex)
				return true;
	return false;
}
