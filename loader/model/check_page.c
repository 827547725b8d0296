/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_page.c - paging: pages that are written, and that all of a slice lies in its pages (R36). Where nobody is by
 * paging, there is nothing to check. What the WAN's addresses clash with: check_pool.c; its ports: check_wan.c.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"
#include "loader/model/subnets.h"

/* ---- pages of a slice ------------------------------------------------------------------------------------------- */

static int compare_pages(const void *left, const void *right)
{
	const struct xs_d_page *a = *(const struct xs_d_page *const *)left,
			       *b = *(const struct xs_d_page *const *)right;
	int order = xs_prefix_compare(&a->prefix, &b->prefix);

	return order ? order : xs_place_after(&a->place, &b->place) ? 1 : -1;
}

static void check_mapped(struct xs_check *check, const struct xs_d_page *page)
{
	char text[XS_PREFIX_TEXT], mapped[XS_PREFIX_TEXT];

	if (!page->mapped.family || !page->prefix.family)
		return;
	xs_prefix_text(&page->prefix, text);
	xs_prefix_text(&page->mapped, mapped);
	if (page->mapped.family != page->prefix.family || page->mapped.length != page->prefix.length)
		XS_FAULT(check, &page->mapped_place,
			 "mapped: %s is not as long as page %s: address by address they are one", mapped, text);
	else if (xs_is_martian(&page->mapped, false))
		XS_FAULT(check, &page->mapped_place, "mapped: %s holds addresses that no host can have", mapped);
}

/* Its own pages are apart. *sorted: those that can be spoken of, by prefix. */
static int check_pages(struct xs_check *check, const struct xs_d_slice *slice, const struct xs_d_page ***sorted,
		       size_t *count)
{
	const struct xs_d_page **list = xs_arena_array(check->scratch, slice->page_count, sizeof(*list));
	char one[XS_PREFIX_TEXT], other[XS_PREFIX_TEXT];
	const struct xs_d_page *cover = NULL;

	*count = 0;
	*sorted = list;
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < slice->page_count; i++) {
		const struct xs_d_page *page = &slice->page[i];

		check_mapped(check, page);
		if (!page->prefix.family)
			continue;
		list[(*count)++] = page;
		if (!page->prefix.length || xs_is_martian(&page->prefix, true))
			XS_FAULT(check, &page->place, "page: %s is none: it holds addresses that no host can have",
				 xs_prefix_text(&page->prefix, one));
	}
	if (*count)
		qsort(list, *count, sizeof(*list), compare_pages);
	for (size_t i = 0; i < *count; i++) {
		const struct xs_d_page *late = list[i], *early = cover;

		if (!cover || !xs_prefix_covers(&cover->prefix, &list[i]->prefix)) {
			cover = list[i];
			continue;
		}
		if (xs_place_after(&cover->place, &list[i]->place)) {
			late = cover;
			early = list[i];
		}
		XS_FAULT(check, &late->place, "page: %s overlaps %s of the same slice",
			 xs_prefix_text(&late->prefix, one), xs_prefix_text(&early->prefix, other));
		xs_diag_note(check->diag, &early->place, "%s is here", other);
	}
	return 0;
}

/* ---- what must lie in them -------------------------------------------------------------------------------------- */

/* What a slice has its addresses in: its pages, and where it writes none of a family, its subnets. By prefix, and
 * apart. */
struct range {
	const struct xs_d_slice *slice;
	const struct xs_d_page *first[XS_FAMILIES]; /* that it writes; NULL: none of the family */
	struct xs_prefix *prefix;
	size_t count;
	const struct xs_d_subnet *subnet;
	size_t subnet_count;
};

static int compare_prefixes(const void *left, const void *right)
{
	return xs_prefix_compare(left, right);
}

static int fill_range(struct xs_check *check, struct range *range)
{
	const struct xs_d_slice *slice = range->slice;
	const struct xs_d_page **page;
	size_t pages, kept = 0;
	int err = check_pages(check, slice, &page, &pages);

	if (err)
		return err;
	range->prefix = xs_arena_array(check->scratch, pages + range->subnet_count, sizeof(*range->prefix));
	if (!range->prefix)
		return -ENOMEM;
	for (size_t i = slice->page_count; i--;) {
		if (slice->page[i].prefix.family)
			range->first[xs_family_index(slice->page[i].prefix.family)] = &slice->page[i];
	}
	for (size_t i = 0; i < pages; i++)
		range->prefix[range->count++] = page[i]->prefix;
	for (size_t i = 0; i < range->subnet_count; i++) {
		const struct xs_prefix *prefix = &range->subnet[i].prefix;

		/* All of a family is refused below. */
		if (prefix->length && !range->first[xs_family_index(prefix->family)])
			range->prefix[range->count++] = *prefix;
	}
	if (range->count)
		qsort(range->prefix, range->count, sizeof(*range->prefix), compare_prefixes);
	/* What overlaps was reported. */
	for (size_t i = 0; i < range->count; i++) {
		if (!kept || !xs_prefix_covers(&range->prefix[kept - 1], &range->prefix[i]))
			range->prefix[kept++] = range->prefix[i];
	}
	range->count = kept;
	return 0;
}

/* The last that does not come behind is the one that covers it, if any does. */
static bool in_range(const struct range *range, const struct xs_prefix *prefix)
{
	size_t low = 0, high = range->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (xs_prefix_covers(&range->prefix[middle], prefix))
			return true;
		if (xs_prefix_compare(&range->prefix[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void check_subnet(struct xs_check *check, const struct range *range, const struct xs_d_subnet *subnet)
{
	const struct xs_d_page *page = range->first[xs_family_index(subnet->prefix.family)];
	char text[XS_PREFIX_TEXT];

	xs_prefix_text(&subnet->prefix, text);
	if (!subnet->prefix.length) {
		XS_FAULT(check, subnet->place,
			 "%s of %s \"%s\": by paging slice \"%s\" is a closed world; write the prefixes that it is to "
			 "reach",
			 text, subnet->noun, subnet->name, range->slice->name);
		return;
	}
	if (in_range(range, &subnet->prefix))
		return;
	XS_FAULT(check, subnet->place, "%s of %s \"%s\" lies in no page of slice \"%s\"", text, subnet->noun,
		 subnet->name, range->slice->name);
	if (page)
		xs_diag_note(check->diag, &page->place, "its pages of %s begin here",
			     xs_family_name(page->prefix.family));
}

/* By way of a gateway it leads to what is behind that. */
static bool by_gateway(const struct xs_d_vrf *vrf, const struct xs_address *via)
{
	for (size_t i = 0; i < vrf->slice->gateway_count; i++) {
		const struct xs_d_gateway *gateway = &vrf->slice->gateway[i];

		if (gateway->vrf == vrf && xs_prefix_contains(&gateway->subnet[xs_family_index(via->family)], via))
			return true;
	}
	return false;
}

static void check_route(struct xs_check *check, const struct range *range, const struct xs_d_vrf *vrf,
			const struct xs_d_route *route)
{
	char text[XS_PREFIX_TEXT];

	if (!route->prefix.family || !route->via.family)
		return;
	xs_prefix_text(&route->prefix, text);
	if (!in_range(range, &route->prefix)) {
		XS_FAULT(check, &route->place,
			 "route: %s lies in no page of slice \"%s\": by paging a slice is a closed world", text,
			 range->slice->name);
		xs_diag_note(check->diag, &range->slice->place, "slice \"%s\" is here", range->slice->name);
	} else if (!by_gateway(vrf, &route->via)) {
		xs_diag_add(check->diag, XS_WARNING, &route->place,
			    "route: %s: by paging the WAN's own routing finds the way; this route is passed over",
			    text);
	}
}

/* Slivers' devices towards the WAN have a name that no other may have. */
static void check_name(struct xs_check *check, const struct xs_d_slice *slice, const char *noun, const char *name,
		       const struct xs_place *place)
{
	if (name && !strcmp(name, XS_UPLINK_NAME))
		XS_FAULT(check, place,
			 "%s \"%s\": in slice \"%s\", which is by paging, that is the device towards the WAN", noun,
			 name, slice->name);
}

static int check_slice(struct xs_check *check, struct range *range)
{
	const struct xs_d_slice *slice = range->slice;
	int err = fill_range(check, range);

	for (size_t i = 0; i < range->subnet_count && !err; i++)
		check_subnet(check, range, &range->subnet[i]);
	for (size_t i = 0; i < slice->vrf_count && !err; i++) {
		for (size_t j = 0; j < slice->vrf[i].route_count; j++)
			check_route(check, range, &slice->vrf[i], &slice->vrf[i].route[j]);
	}
	for (size_t i = 0; i < slice->gateway_count; i++)
		check_name(check, slice, "gateway", slice->gateway[i].name, &slice->gateway[i].place);
	return err;
}

static void check_mux_names(struct xs_check *check)
{
	for (size_t i = 0; i < check->domain->mux_count; i++) {
		const struct xs_d_mux *mux = &check->domain->mux[i];

		for (size_t j = 0; j < mux->slice_count; j++) {
			const struct xs_d_slice *slice = mux->slice[j].slice;

			if (!slice || slice->implementation != XS_PAGING)
				continue;
			check_name(check, slice, "mux", mux->name, &mux->place);
			break;
		}
	}
}

int xs_check_pages(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	struct xs_d_subnets subnets;
	size_t first = 0, next;
	bool any = false;
	int err = 0;

	for (size_t i = 0; i < domain->slice_count; i++)
		any |= domain->slice[i].implementation == XS_PAGING;
	if (!any)
		return 0;
	err = xs_subnets_of(domain, check->scratch, &subnets);
	for (size_t i = 0; i < domain->slice_count && !err; i++, first = next) {
		struct range range = { .slice = &domain->slice[i], .subnet = &subnets.list[first] };

		for (next = first; next < subnets.count && subnets.list[next].slice == range.slice;)
			next++;
		range.subnet_count = next - first;
		if (range.slice->implementation == XS_PAGING)
			err = check_slice(check, &range);
	}
	check_mux_names(check);
	err = err ? err : xs_check_pools(check, &subnets);
	return err ? err : xs_check_wan(check, &subnets);
}
