/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages.c - paging: which pages a slice has, and the WAN prefix of each: what the definition writes, what it had (R34),
 * or the lowest free block of its size in the first pool that has one. The largest of those that are new go first, so
 * that they lie close.
 *
 * The ledger knows a page by "SLICE PREFIX", and gives with its number the prefix it is mapped to. As with labels, a
 * page that goes away leaves a tombstone, and its block is nobody's in the change that frees it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/expansion.h"
#include "loader/plan/paging.h"

struct block {
	struct xs_prefix prefix;
	const struct xs_p_page *page; /* NULL: a tombstone's, or somebody's who is not served yet */
};

struct paging {
	struct xs_plan *plan;
	struct xs_space *space;
	struct xs_p_page **page; /* of all slices */
	size_t count;
	struct block *taken; /* what no new page may overlap; sorted when it is looked at */
	size_t taken_count;
	uint64_t next; /* no number below it is free */
};

/* ---- which pages there are ---- */

static int compare_pages(const void *a, const void *b)
{
	return xs_prefix_compare(&((const struct xs_p_page *)a)->prefix, &((const struct xs_p_page *)b)->prefix);
}

static bool writes_pages(const struct xs_d_slice *slice, uint8_t family)
{
	size_t i;

	for (i = 0; i < slice->page_count; i++) {
		if (slice->page[i].prefix.family == family)
			return true;
	}
	return false;
}

static int list_pages(struct xs_plan *plan, struct xs_p_slice *slice, const struct xs_d_subnet *subnet, size_t count)
{
	const struct xs_d_slice *def = slice->def;
	const bool written[] = { writes_pages(def, XS_IPV4), writes_pages(def, XS_IPV6) };
	size_t i;

	slice->page = xs_arena_array(plan->arena, def->page_count + count, sizeof(*slice->page));
	if (!slice->page)
		return -ENOMEM;
	for (i = 0; i < def->page_count; i++)
		slice->page[slice->page_count++] = (struct xs_p_page){
			.slice = slice,
			.prefix = def->page[i].prefix,
			.mapped = def->page[i].mapped,
			.place = &def->page[i].place,
			.mapped_place = def->page[i].mapped.family ? &def->page[i].mapped_place : NULL,
		};
	for (i = 0; i < count; i++) {
		if (!written[xs_family_index(subnet[i].prefix.family)])
			slice->page[slice->page_count++] = (struct xs_p_page){ .slice = slice,
									       .prefix = subnet[i].prefix,
									       .place = subnet[i].place };
	}
	if (slice->page_count)
		qsort(slice->page, slice->page_count, sizeof(*slice->page), compare_pages);
	return 0;
}

const struct xs_p_page *xs_page_of(const struct xs_p_slice *slice, const struct xs_prefix *prefix)
{
	size_t low = 0, high = slice->page_count;

	/* They do not overlap: it is the last that does not come behind. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct xs_p_page *page = &slice->page[middle];

		if (xs_prefix_covers(&page->prefix, prefix))
			return page;
		if (xs_prefix_compare(&page->prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- blocks ---- */

static int compare_blocks(const void *a, const void *b)
{
	return xs_prefix_compare(&((const struct block *)a)->prefix, &((const struct block *)b)->prefix);
}

static void take(struct paging *paging, const struct xs_prefix *prefix, const struct xs_p_page *page)
{
	paging->taken[paging->taken_count++] = (struct block){ .prefix = *prefix, .page = page };
}

static void sort_taken(struct paging *paging)
{
	if (paging->taken_count)
		qsort(paging->taken, paging->taken_count, sizeof(*paging->taken), compare_blocks);
}

/* One of the first `count` blocks, which are sorted and apart from each other, that overlaps; NULL: none. */
static const struct block *overlapping(const struct paging *paging, size_t count, const struct xs_prefix *prefix)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct block *block = &paging->taken[middle];

		if (xs_prefix_overlaps(&block->prefix, prefix))
			return block;
		if (xs_prefix_compare(&block->prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The prefix of the same length right behind. False: there is none. */
static bool step(struct xs_prefix *prefix)
{
	unsigned int bit = prefix->length;

	while (bit--) {
		uint8_t mask = (uint8_t)(0x80 >> (bit % 8));

		prefix->bytes[bit / 8] ^= mask;
		if (prefix->bytes[bit / 8] & mask)
			return true;
	}
	return false;
}

/*
 * From *at on, the first place in the pool that none of the first `count` blocks overlaps, which are sorted; *i: none
 * before it reaches as far as *at. False: there is none.
 */
static bool find_free(const struct block *block, size_t count, const struct xs_prefix *pool, struct xs_prefix *at,
		      size_t *i)
{
	while (xs_prefix_covers(pool, at)) {
		struct xs_prefix behind = *at;

		while (*i < count && xs_prefix_compare(&block[*i].prefix, at) < 0 &&
		       !xs_prefix_overlaps(&block[*i].prefix, at))
			(*i)++;
		if (*i == count || !xs_prefix_overlaps(&block[*i].prefix, at))
			return true;
		if (block[*i].prefix.length < at->length)
			behind = block[*i].prefix;
		if (!step(&behind))
			return false;
		memcpy(at->bytes, behind.bytes, sizeof(at->bytes));
	}
	return false;
}

/* ---- the ledger ---- */

static const char *owner_of(struct xs_plan *plan, const struct xs_p_page *page)
{
	char text[XS_PREFIX_TEXT];

	return xs_arena_print(plan->arena, "%s %s", page->slice->def->name, xs_prefix_text(&page->prefix, text));
}

/* What the page had stays a tombstone, of this change unless it was one before. */
static void leave(struct paging *paging, struct xs_entry *entry)
{
	struct xs_ledger *ledger = paging->plan->ledger;

	if (!entry->freed)
		entry->freed = ledger->change + 1;
	xs_space_disown(paging->space, entry);
	ledger->dirty = true;
}

/* The page is mapped as page->mapped says from now on. */
static int enter(struct paging *paging, struct xs_p_page *page)
{
	const char *owner = owner_of(paging->plan, page);
	struct xs_entry *entry = owner ? xs_space_owner(paging->space, owner) : NULL;

	if (!owner)
		return -ENOMEM;
	if (entry && !xs_prefix_compare(&entry->prefix, &page->mapped)) {
		paging->plan->ledger->dirty |= entry->freed != 0;
		entry->freed = 0;
		entry->claimed = true;
		return 0;
	}
	if (entry)
		leave(paging, entry);
	while (xs_space_number(paging->space, paging->next))
		paging->next++;
	entry = xs_space_add(paging->space, owner, paging->next);
	if (!entry)
		return -ENOMEM;
	entry->prefix = page->mapped;
	entry->claimed = true;
	paging->plan->ledger->dirty = true;
	return 0;
}

static bool in_pool(const struct xs_plan *plan, const struct xs_prefix *prefix)
{
	size_t i;

	for (i = 0; i < plan->domain->pool_count; i++) {
		if (xs_prefix_covers(&plan->domain->pool[i].prefix, prefix))
			return true;
	}
	return false;
}

/* What is written over somebody's page is honoured; that one moves, and packets are on their way. */
static int warn_taken(struct paging *paging)
{
	const struct xs_entry *entry;
	char text[XS_PREFIX_TEXT];

	for (entry = paging->space->by_number; entry; entry = entry->by_number.next) {
		const struct block *block = entry->claimed || entry->freed
						    ? NULL
						    : overlapping(paging, paging->taken_count, &entry->prefix);
		const char *owner = block ? owner_of(paging->plan, block->page) : NULL;

		if (block && !owner)
			return -ENOMEM;
		if (block && strcmp(owner, entry->owner))
			xs_diag_add(
				paging->plan->diag, XS_WARNING, block->page->mapped_place,
				"mapped: %s is that of page %s until this change: packets on their way may end up in "
				"slice %s",
				xs_prefix_text(&block->prefix, text), entry->owner, block->page->slice->def->name);
	}
	return 0;
}

static int take_written(struct paging *paging)
{
	size_t i;
	int err = 0;

	for (i = 0; i < paging->count && !err; i++) {
		if (!paging->page[i]->mapped_place)
			continue;
		err = enter(paging, paging->page[i]);
		take(paging, &paging->page[i]->mapped, paging->page[i]);
	}
	sort_taken(paging);
	return err ? err : warn_taken(paging);
}

static int take_kept(struct paging *paging)
{
	size_t i, written = paging->taken_count;
	int err = 0;

	for (i = 0; i < paging->count && !err; i++) {
		struct xs_p_page *page = paging->page[i];
		const char *owner = page->mapped_place ? NULL : owner_of(paging->plan, page);
		const struct xs_entry *entry = owner ? xs_space_owner(paging->space, owner) : NULL;

		if (page->mapped_place)
			continue;
		if (!owner)
			return -ENOMEM;
		if (!entry || entry->prefix.family != page->prefix.family ||
		    entry->prefix.length != page->prefix.length || !in_pool(paging->plan, &entry->prefix) ||
		    overlapping(paging, written, &entry->prefix))
			continue;
		page->mapped = entry->prefix;
		err = enter(paging, page);
		take(paging, &page->mapped, page);
	}
	return err;
}

/* What others hold until this change, or what it frees. */
static void take_tombstones(struct paging *paging)
{
	const struct xs_entry *entry;

	for (entry = paging->space->by_number; entry; entry = entry->by_number.next) {
		if (!entry->claimed && (!entry->freed || entry->freed > paging->plan->ledger->change))
			take(paging, &entry->prefix, NULL);
	}
}

/* ---- new ones ---- */

static int compare_lengths(const void *a, const void *b)
{
	const struct xs_p_page *x = *(struct xs_p_page *const *)a, *y = *(struct xs_p_page *const *)b;

	if (x->prefix.family != y->prefix.family)
		return x->prefix.family < y->prefix.family ? -1 : 1;
	if (x->prefix.length != y->prefix.length)
		return x->prefix.length < y->prefix.length ? -1 : 1;
	if (x->slice != y->slice)
		return x->slice < y->slice ? -1 : 1;
	return xs_prefix_compare(&x->prefix, &y->prefix);
}

static void report_full(struct paging *paging, struct xs_p_page *const *page, size_t others)
{
	const struct xs_domain *domain = paging->plan->domain;
	const struct xs_p_page *first = *page;
	char text[XS_PREFIX_TEXT], more[64] = "";
	const struct xs_d_pool *last = NULL;
	size_t i;

	if (others)
		snprintf(more, sizeof(more), ", nor for %zu more", others);
	xs_diag_add(paging->plan->diag, XS_ERROR, first->place,
		    "no room is left in the pools of %s for page %s of slice \"%s\"%s: give the domain another, as in "
		    "pool: [%s, ...]",
		    xs_family_name(first->prefix.family), xs_prefix_text(&first->prefix, text), first->slice->def->name,
		    more, first->prefix.family == XS_IPV4 ? XS_DEFAULT_POOL4 : XS_DEFAULT_POOL6);
	for (i = 0; i < domain->pool_count; i++) {
		if (domain->pool[i].prefix.family == first->prefix.family && domain->pool[i].given)
			last = &domain->pool[i];
	}
	if (last)
		xs_diag_note(paging->plan->diag, &last->place, "pool %s is here", xs_prefix_text(&last->prefix, text));
}

/* Pages of one size, in the pools in their order. Returns how many found room. */
static size_t place_run(struct paging *paging, struct xs_p_page **page, size_t count)
{
	const struct xs_domain *domain = paging->plan->domain;
	size_t placed = 0, pool;

	for (pool = 0; pool < domain->pool_count && placed < count; pool++) {
		const struct xs_prefix *from = &domain->pool[pool].prefix;
		struct xs_prefix at = *from;
		bool room = from->family == page[0]->prefix.family && from->length <= page[0]->prefix.length;
		size_t i = 0, known = paging->taken_count;

		at.length = page[0]->prefix.length;
		/* What is taken here lies before what is looked at next, so it is sorted in afterwards. */
		while (room && placed < count && find_free(paging->taken, known, from, &at, &i)) {
			page[placed]->mapped = at;
			take(paging, &at, page[placed++]);
			room = step(&at);
		}
		sort_taken(paging);
	}
	return placed;
}

static int take_new(struct paging *paging)
{
	struct xs_p_page **fresh = xs_arena_array(paging->plan->arena, paging->count, sizeof(*fresh));
	size_t i, next, count = 0;
	int err = fresh ? 0 : -ENOMEM;

	for (i = 0; i < paging->count && !err; i++) {
		if (!paging->page[i]->mapped.family)
			fresh[count++] = paging->page[i];
	}
	if (count)
		qsort(fresh, count, sizeof(*fresh), compare_lengths);
	for (i = 0; i < count && !err; i = next) {
		size_t placed;

		for (next = i + 1; next < count && fresh[next]->prefix.family == fresh[i]->prefix.family &&
				   fresh[next]->prefix.length == fresh[i]->prefix.length;)
			next++;
		placed = place_run(paging, &fresh[i], next - i);
		if (placed < next - i)
			report_full(paging, &fresh[i + placed], next - i - placed - 1);
		for (; placed && !err; placed--)
			err = enter(paging, fresh[i + placed - 1]);
	}
	return err;
}

/* Old tombstones whose block is somebody's again are none any more. */
static void drop_tombstones(struct paging *paging)
{
	struct xs_entry *entry, *next;
	size_t i, count = 0;

	/* Those that are held lie apart from each other. */
	for (i = 0; i < paging->taken_count; i++) {
		if (paging->taken[i].page)
			paging->taken[count++] = paging->taken[i];
	}
	paging->taken_count = count;
	for (entry = paging->space->by_number; entry; entry = next) {
		next = entry->by_number.next;
		if (entry->freed && entry->freed <= paging->plan->ledger->change &&
		    overlapping(paging, count, &entry->prefix))
			xs_space_remove(paging->space, entry);
	}
}

/* ---- all slices ---- */

static int collect(struct paging *paging, const struct xs_d_subnets *subnets)
{
	struct xs_plan *plan = paging->plan;
	size_t i, j, first = 0, next;
	int err = 0;

	for (i = 0; i < plan->domain->slice_count && !err; i++, first = next) {
		struct xs_p_slice *slice = &plan->slice[i];

		for (next = first; next < subnets->count && subnets->list[next].slice == slice->def;)
			next++;
		slice->subnet = &subnets->list[first];
		slice->subnet_count = next - first;
		if (slice->expansion != &xs_expand_paging)
			continue;
		err = list_pages(plan, slice, slice->subnet, slice->subnet_count);
		paging->count += slice->page_count;
	}
	paging->page = xs_arena_array(plan->arena, paging->count, sizeof(*paging->page));
	if (!paging->page)
		return -ENOMEM;
	paging->count = 0;
	for (i = 0; i < plan->domain->slice_count && !err; i++) {
		for (j = 0; j < plan->slice[i].page_count; j++)
			paging->page[paging->count++] = &plan->slice[i].page[j];
	}
	return err;
}

int xs_plan_pages(struct xs_plan *plan)
{
	struct paging paging = { .plan = plan, .space = xs_ledger_space(plan->ledger, "page"), .next = 1 };
	struct xs_d_subnets subnets;
	int err = paging.space ? xs_subnets_of(plan->domain, plan->arena, &subnets) : -ENOMEM;

	if (!err)
		err = collect(&paging, &subnets);
	if (err)
		return err;
	/* Each page once, each number of the ledger once. */
	paging.taken = xs_arena_array(plan->arena, paging.count + HASH_CNT(by_number, paging.space->by_number) + 1,
				      sizeof(*paging.taken));
	if (!paging.taken)
		return -ENOMEM;
	err = take_written(&paging);
	if (!err)
		err = take_kept(&paging);
	if (!err) {
		take_tombstones(&paging);
		sort_taken(&paging);
		err = take_new(&paging);
	}
	if (!err)
		drop_tombstones(&paging);
	return err ? err : xs_plan_pools(plan);
}
