/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pools.c - paging: which WAN addresses no user may have, on every node that has paging: those of the domain's pools,
 * and of the pages that are written outside them. A node knows its own slices' pages otherwise, and better.
 *
 * Always holds: none lies in another, or in what is written in a slice; so none hides a page.
 */
#include <errno.h>
#include <stdlib.h>

#include "loader/plan/expansion.h"
#include "loader/plan/paging.h"

struct closed {
	struct xs_p_pool pool;
	const struct xs_p_slice *slice; /* in which it is written; NULL: a pool */
};

static int compare(const void *a, const void *b)
{
	const struct closed *x = a, *y = b;
	int order = xs_prefix_compare(&x->pool.prefix, &y->pool.prefix);

	/* What is written, before a pool that is the same. */
	return order ? order : y->pool.written - x->pool.written;
}

/* A default that no page is out of is no pool: its addresses are as others are. */
static bool is_used(const struct xs_plan *plan, const struct xs_d_pool *pool)
{
	if (pool->given)
		return true;
	for (size_t i = 0; i < plan->domain->slice_count; i++) {
		const struct xs_p_slice *slice = &plan->slice[i];

		for (size_t j = 0; j < slice->page_count; j++) {
			if (slice->page[j].prefix.family == pool->prefix.family && !slice->page[j].mapped_place)
				return true;
		}
	}
	return false;
}

/* Sorted, without those that lie in others. */
static size_t list_closed(const struct xs_plan *plan, struct closed *list)
{
	const struct xs_domain *domain = plan->domain;
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < domain->pool_count; i++) {
		if (is_used(plan, &domain->pool[i]))
			list[count++] = (struct closed){ .pool.prefix = domain->pool[i].prefix };
	}
	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_p_slice *slice = &plan->slice[i];

		for (size_t j = 0; j < slice->page_count; j++) {
			if (slice->page[j].mapped_place)
				list[count++] = (struct closed){ .pool = { slice->page[j].mapped, true }, .slice = slice };
		}
	}
	if (count)
		qsort(list, count, sizeof(*list), compare);
	for (size_t i = 0; i < count; i++) {
		if (!kept || !xs_prefix_covers(&list[kept - 1].pool.prefix, &list[i].pool.prefix))
			list[kept++] = list[i];
	}
	return kept;
}

/* The slices that have a sliver on the node, by number. False: none has an uplink. */
static bool find_slivers(const struct xs_plan *plan, const struct xs_p_node *node, bool *has)
{
	bool uplink = false;

	for (size_t i = 0; i < plan->domain->slice_count; i++)
		has[i] = false;
	for (size_t i = 0; i < node->vrfs.count; i++) {
		const struct xs_p_vrf *vrf = xs_list_at(&node->vrfs, i);

		has[vrf->slice - plan->slice] = vrf->sliver;
		uplink |= vrf->uplink != NULL;
	}
	return uplink;
}

int xs_plan_pools(struct xs_plan *plan)
{
	const struct xs_domain *domain = plan->domain;
	bool *has_sliver = xs_arena_array(plan->arena, domain->slice_count, sizeof(*has_sliver));
	size_t count = domain->pool_count;
	struct closed *list;
	int err = 0;

	for (size_t i = 0; i < domain->slice_count; i++)
		count += plan->slice[i].page_count;
	list = xs_arena_array(plan->arena, count, sizeof(*list));
	if (!list || !has_sliver)
		return -ENOMEM;
	count = list_closed(plan, list);
	for (size_t i = 0; i < domain->node_count; i++) {
		struct xs_p_node *node = &plan->node[i];

		if (!find_slivers(plan, node, has_sliver))
			continue;
		for (size_t j = 0; j < count && !err; j++) {
			if (!list[j].slice || !has_sliver[list[j].slice - plan->slice])
				err = xs_list_push(plan, &node->pools, &list[j].pool);
		}
	}
	return err;
}
