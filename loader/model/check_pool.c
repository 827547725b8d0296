/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_pool.c - paging: WAN addresses, which pools have and pages are mapped to, are nobody else's: no user's and no
 * slice's, whatever its mechanism, since at users' ports they are dropped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"
#include "loader/model/subnets.h"

enum kind { POOL, MAPPED, SUBNET };

struct claim {
	enum kind kind;
	struct xs_prefix prefix;
	const struct xs_place *place; /* NULL: a default's */
	const struct xs_d_subnet *subnet;
	const struct xs_d_slice *slice; /* MAPPED: whose page */
	bool told;
};

struct claims {
	struct claim *list;
	size_t count;
};

static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left, *b = right;
	int order = xs_prefix_compare(&a->prefix, &b->prefix);

	if (order)
		return order;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (!a->place || !b->place)
		return 0;
	return xs_place_after(a->place, b->place) ? 1 : xs_place_after(b->place, a->place) ? -1 : 0;
}

static void say(const struct claim *claim, char *text, size_t size)
{
	char prefix[XS_PREFIX_TEXT];

	xs_prefix_text(&claim->prefix, prefix);
	if (claim->kind == POOL)
		snprintf(text, size, "pool %s", prefix);
	else if (claim->kind == MAPPED)
		snprintf(text, size, "mapped: %s of slice \"%s\"", prefix, claim->slice->name);
	else
		snprintf(text, size, "%s of %s \"%s\" in slice \"%s\"", prefix, claim->subnet->noun,
			 claim->subnet->name, claim->subnet->slice->name);
}

/* A pool that nobody wrote: the fault is where it is met, and tells what to write. */
static void report_default(struct xs_check *check, const struct claim *pool, const struct claim *other)
{
	char text[XS_PREFIX_TEXT], what[160];

	say(other, what, sizeof(what));
	XS_FAULT(check, other->place,
		 "%s overlaps %s, out of which pages are given where the domain names no pool of %s: write one beside "
		 "`implementation`, as in `pool: [%s]`",
		 what, xs_prefix_text(&pool->prefix, text), xs_family_name(pool->prefix.family),
		 pool->prefix.family == XS_IPV4 ? "10.192.0.0/10" : "fd00:db8::/32");
}

static void report(struct xs_check *check, struct claim *a, struct claim *b)
{
	struct claim *late = a, *early = b;
	char one[160], other[160];

	/* Of a subnet and a WAN prefix it is the latter that is to be another. */
	if (a->kind == SUBNET || (b->kind != SUBNET && xs_place_after(b->place, a->place))) {
		late = b;
		early = a;
	}
	/* One fault for each WAN prefix is enough. */
	if (late->told)
		return;
	late->told = true;
	if (!late->place) {
		report_default(check, late, early);
		return;
	}
	say(late, one, sizeof(one));
	say(early, other, sizeof(other));
	XS_FAULT(check, late->place, "%s overlaps %s", one, other);
	xs_diag_note(check->diag, early->place, "that is here");
}

static bool clash(const struct claim *a, const struct claim *b)
{
	if (a->kind == SUBNET || b->kind == SUBNET)
		return a->kind != b->kind;
	return a->kind == b->kind;
}

/* Sorted, a prefix comes right after all that cover it. */
static void sweep(struct xs_check *check, struct claims *claims)
{
	struct claim *open[3 * (128 + 1)]; /* of each length one of each kind */
	size_t depth = 0;

	if (claims->count)
		qsort(claims->list, claims->count, sizeof(*claims->list), compare_claims);
	for (size_t i = 0; i < claims->count; i++) {
		struct claim *claim = &claims->list[i];
		bool known = false;

		while (depth && !xs_prefix_covers(&open[depth - 1]->prefix, &claim->prefix))
			depth--;
		for (size_t j = depth; j-- > 0;) {
			if (clash(open[j], claim))
				report(check, open[j], claim);
			known |= open[j]->kind == claim->kind && !xs_prefix_compare(&open[j]->prefix, &claim->prefix);
		}
		if (!known)
			open[depth++] = claim;
	}
}

static bool writes_pages(const struct xs_d_slice *slice, uint8_t family)
{
	for (size_t i = 0; i < slice->page_count; i++) {
		if (slice->page[i].prefix.family == family)
			return true;
	}
	return false;
}

/* Does any slice take a page of the family from a pool? */
static bool is_needed(const struct xs_domain *domain, const struct xs_d_subnets *subnets, uint8_t family)
{
	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; slice->implementation == XS_PAGING && j < slice->page_count; j++) {
			if (slice->page[j].prefix.family == family && !slice->page[j].mapped.family)
				return true;
		}
	}
	for (size_t i = 0; i < subnets->count; i++) {
		const struct xs_d_subnet *subnet = &subnets->list[i];

		if (subnet->prefix.family == family && subnet->slice->implementation == XS_PAGING &&
		    !writes_pages(subnet->slice, family))
			return true;
	}
	return false;
}

static void add_pools(struct xs_check *check, const struct xs_d_subnets *subnets, struct claims *claims)
{
	const struct xs_domain *domain = check->domain;
	char text[XS_PREFIX_TEXT];

	for (size_t i = 0; i < domain->pool_count; i++) {
		const struct xs_d_pool *pool = &domain->pool[i];

		if (!pool->prefix.family || (!pool->given && !is_needed(domain, subnets, pool->prefix.family)))
			continue;
		if (xs_is_martian(&pool->prefix, false))
			XS_FAULT(check, &pool->place, "pool: %s holds addresses that no host can have",
				 xs_prefix_text(&pool->prefix, text));
		claims->list[claims->count++] = (struct claim){ .kind = POOL,
								.prefix = pool->prefix,
								.place = pool->given ? &pool->place : NULL };
	}
}

int xs_check_pools(struct xs_check *check, const struct xs_d_subnets *subnets)
{
	const struct xs_domain *domain = check->domain;
	size_t room = domain->pool_count + subnets->count;
	struct claims claims = { 0 };

	for (size_t i = 0; i < domain->slice_count; i++)
		room += domain->slice[i].page_count;
	claims.list = xs_arena_array(check->scratch, room, sizeof(*claims.list));
	if (!claims.list)
		return -ENOMEM;
	add_pools(check, subnets, &claims);
	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; slice->implementation == XS_PAGING && j < slice->page_count; j++) {
			if (slice->page[j].mapped.family)
				claims.list[claims.count++] = (struct claim){ .kind = MAPPED,
									      .prefix = slice->page[j].mapped,
									      .place = &slice->page[j].mapped_place,
									      .slice = slice };
		}
	}
	/* All of a family means the rest. */
	for (size_t i = 0; i < subnets->count; i++) {
		if (subnets->list[i].prefix.length)
			claims.list[claims.count++] = (struct claim){ .kind = SUBNET,
								      .prefix = subnets->list[i].prefix,
								      .place = subnets->list[i].place,
								      .subnet = &subnets->list[i] };
	}
	sweep(check, &claims);
	return 0;
}
