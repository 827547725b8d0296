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
	uint64_t needed[XS_FAMILIES]; /* size of the pages of a family that are to come from pools, see size_of() */
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

/* ---- advice ----------------------------------------------------------------------------------------------------- */

/* In addresses; of IPv6 in /64s, of which what is smaller takes one. */
static uint64_t size_of(uint8_t family, unsigned int length)
{
	unsigned int bits = family == XS_IPV4 ? 32 : 64;

	return length >= bits ? 1 : length ? 1ull << (bits - length) : UINT64_MAX;
}

static void need(struct claims *claims, const struct xs_prefix *page)
{
	uint64_t *sum = &claims->needed[xs_family_index(page->family)], size = size_of(page->family, page->length);

	*sum = *sum + size < size ? UINT64_MAX : *sum + size;
}

/* The nth of the prefixes of a length in another. */
static struct xs_prefix part_of(const struct xs_prefix *whole, unsigned int length, unsigned int n)
{
	struct xs_prefix part = *whole;

	part.length = (uint8_t)length;
	for (unsigned int bit = length; n && bit--; n >>= 1)
		part.bytes[bit / 8] |= (uint8_t)((n & 1) << (7 - bit % 8));
	return part;
}

static bool is_free(const struct claims *claims, const struct xs_prefix *prefix)
{
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->list[i];

		/* Where a pool is written, the default is none. */
		if ((claim->kind != POOL || claim->place) && xs_prefix_overlaps(&claim->prefix, prefix))
			return false;
	}
	return true;
}

/* A pool of addresses that hosts of nobody else have, which clashes with nothing and has room for what it is for. */
static bool find_pool(const struct claims *claims, uint8_t family, struct xs_prefix *out)
{
	static const struct {
		const char *within;
		unsigned int length;
	} places[] = {
		{ "10.192.0.0/10", 10 }, { "10.0.0.0/8", 10 },	  { "100.64.0.0/10", 10 },  { "172.16.0.0/12", 12 },
		{ "10.0.0.0/8", 12 },	  { "100.64.0.0/10", 12 }, { "10.0.0.0/8", 16 },     { "172.16.0.0/12", 16 },
		{ "100.64.0.0/10", 16 }, { "192.168.0.0/16", 16 }, { "fd00:db8::/29", 32 }, { "fd00::/8", 16 },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		unsigned int length = places[i].length;
		struct xs_prefix within;

		if (xs_prefix_parse(places[i].within, &within) || within.family != family ||
		    size_of(family, length) < claims->needed[xs_family_index(family)])
			continue;
		for (unsigned int n = 0; n < 1u << (length - within.length); n++) {
			*out = part_of(&within, length, n);
			if (is_free(claims, out))
				return true;
		}
	}
	return false;
}

/* A pool that nobody wrote: the fault is where it is met, and tells what to write. */
static void report_default(struct xs_check *check, const struct claims *claims, const struct claim *pool,
			   const struct claim *other)
{
	char text[XS_PREFIX_TEXT], what[160], advice[XS_PREFIX_TEXT + 32] = "";
	struct xs_prefix instead;

	say(other, what, sizeof(what));
	if (find_pool(claims, pool->prefix.family, &instead))
		snprintf(advice, sizeof(advice), ", as in `pool: [%s]`", xs_prefix_text(&instead, text));
	XS_FAULT(check, other->place,
		 "%s overlaps %s, out of which pages are given where the domain names no pool of %s: write one beside "
		 "`implementation`%s",
		 what, xs_prefix_text(&pool->prefix, text), xs_family_name(pool->prefix.family), advice);
}

/* ---- clashes ---------------------------------------------------------------------------------------------------- */

static void report(struct xs_check *check, const struct claims *claims, struct claim *a, struct claim *b)
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
		report_default(check, claims, late, early);
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
				report(check, claims, open[j], claim);
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

/* What slices take from pools. */
static void find_needed(const struct xs_domain *domain, const struct xs_d_subnets *subnets, struct claims *claims)
{
	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; slice->implementation == XS_PAGING && j < slice->page_count; j++) {
			if (slice->page[j].prefix.family && !slice->page[j].mapped.family)
				need(claims, &slice->page[j].prefix);
		}
	}
	for (size_t i = 0; i < subnets->count; i++) {
		const struct xs_d_subnet *subnet = &subnets->list[i];

		if (subnet->slice->implementation == XS_PAGING && !writes_pages(subnet->slice, subnet->prefix.family))
			need(claims, &subnet->prefix);
	}
}

static void add_pools(struct xs_check *check, struct claims *claims)
{
	const struct xs_domain *domain = check->domain;
	char text[XS_PREFIX_TEXT];

	for (size_t i = 0; i < domain->pool_count; i++) {
		const struct xs_d_pool *pool = &domain->pool[i];

		if (!pool->prefix.family || (!pool->given && !claims->needed[xs_family_index(pool->prefix.family)]))
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
	find_needed(domain, subnets, &claims);
	add_pools(check, &claims);
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
