/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_whole.c - refuses an image whose records are each right and do not go together: two that take the same frames,
 * pages that overlap.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/image/check.h"
#include "loader/image/image.h"
#include "maps/contract.h"

static int compare_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Is any of the reserved labels one that frames of ours bear? taken: sorted, a port and a label in each. */
static bool is_reserved_taken(const struct xs_image *image, const uint64_t *taken, size_t count)
{
	const struct xs_rec_reserved *reserved;

	for (size_t i = 0; (reserved = xs_image_at(image, XS_REC_RESERVED, i)); i++) {
		uint64_t first = (uint64_t)reserved->port << 16 | reserved->first;
		uint64_t last = (uint64_t)reserved->port << 16 | reserved->last;
		size_t low = 0, high = count;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (taken[middle] < first)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < count && taken[low] <= last)
			return true;
	}
	return false;
}

/*
 * A frame must lead to one virtual port, or to one VLAN: a label, and being untagged, is given once per port (a MUX's
 * ends have no frames of their own, its edge has), or to the MUX whose exit the port is; and an edge to one MUX. Labels
 * that a port reserves are the host's. A slice has one uplink, and a page's id is one page's.
 */
static const char *check_unique(const struct xs_image *image)
{
	enum { FRAMES, MUXES, UPLINKS, PAGES };
	static const char *const faults[] = {
		[FRAMES] = "virtual port: two take the same frames of one port",
		[MUXES] = "MUX: two have the same edge",
		[UPLINKS] = "virtual port: a slice has two uplinks",
		[PAGES] = "page: two have the same id",
	};
	const unsigned int mark = 48; /* above any port and label */
	size_t i, count = 0;
	size_t total = image->count[XS_REC_PORT] + image->count[XS_REC_VPORT] + 2 * image->count[XS_REC_MUX] +
		       image->count[XS_REC_PAGE];
	uint64_t *taken = malloc((total + 1) * sizeof(*taken));
	const char *why = NULL;

	if (!taken)
		return xs_image_no_memory;
	for (i = 0; i < image->count[XS_REC_PORT]; i++) {
		const struct xs_rec_port *port = xs_image_at(image, XS_REC_PORT, i);

		if (port->on)
			taken[count++] = (uint64_t)port->on << 16 | port->vid;
	}
	for (i = 0; i < image->count[XS_REC_VPORT]; i++) {
		const struct xs_rec_vport *vport = xs_image_at(image, XS_REC_VPORT, i);

		if (vport->kind == XS_VPORT_UPLINK)
			taken[count++] = (uint64_t)UPLINKS << mark | vport->slice;
		else if (vport->kind != XS_VPORT_MUX)
			taken[count++] = (uint64_t)vport->port << 16 | vport->vid;
	}
	for (i = 0; i < image->count[XS_REC_MUX]; i++) {
		const struct xs_rec_mux *mux = xs_image_at(image, XS_REC_MUX, i);

		taken[count++] = (uint64_t)MUXES << mark | mux->edge;
		if (mux->exit)
			taken[count++] = (uint64_t)mux->exit << 16;
	}
	for (i = 0; i < image->count[XS_REC_PAGE]; i++)
		taken[count++] =
			(uint64_t)PAGES << mark | ((const struct xs_rec_page *)xs_image_at(image, XS_REC_PAGE, i))->id;
	qsort(taken, count, sizeof(*taken), compare_number);
	for (i = 1; i < count && !why; i++) {
		if (taken[i] == taken[i - 1])
			why = faults[taken[i] >> mark];
	}
	if (!why && is_reserved_taken(image, taken, count))
		why = "reserved labels: a virtual port, or a VLAN, has one of them";
	free(taken);
	return why;
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static int compare_mapped(const void *a, const void *b)
{
	const struct xs_rec_page *x = *(const struct xs_rec_page *const *)a, *y = *(const struct xs_rec_page *const *)b;

	return xs_prefix_compare(&x->mapped, &y->mapped);
}

/* Is the one a part of the other, on both sides? */
static bool is_part(const struct xs_rec_page *outer, const struct xs_rec_page *inner)
{
	struct xs_prefix mapped = xs_prefix_shift(&inner->prefix, &outer->prefix, &outer->mapped);

	return outer->slice == inner->slice && outer->mapped.length < inner->mapped.length &&
	       xs_prefix_covers(&outer->prefix, &inner->prefix) && !xs_prefix_compare(&mapped, &inner->mapped);
}

/* Sorted by one of their prefixes, a page comes right after all that cover it: each of these it must be a part of. */
static bool nested(const struct xs_rec_page *const *page, size_t count, bool by_mapped)
{
	const struct xs_rec_page *open[128 + 1]; /* a prefix of each length */
	size_t i, depth = 0;

	for (i = 0; i < count; i++) {
		const struct xs_prefix *prefix = by_mapped ? &page[i]->mapped : &page[i]->prefix;

		while (depth &&
		       ((!by_mapped && open[depth - 1]->slice != page[i]->slice) ||
			!xs_prefix_covers(by_mapped ? &open[depth - 1]->mapped : &open[depth - 1]->prefix, prefix)))
			depth--;
		if (depth && !is_part(open[depth - 1], page[i]))
			return false;
		open[depth++] = page[i];
	}
	return true;
}

/* No two overlap, neither in the WAN nor in a slice (R2), but for parts of a page, which lie in it on both sides alike. */
static const char *check_pages(const struct xs_image *image)
{
	size_t i, count = image->count[XS_REC_PAGE];
	const struct xs_rec_page **page = malloc((count + 1) * sizeof(*page));
	bool apart;

	if (!page)
		return xs_image_no_memory;
	for (i = 0; i < count; i++)
		page[i] = xs_image_at(image, XS_REC_PAGE, i);
	/* Records come by slice and prefix. */
	apart = nested(page, count, false);
	if (count)
		qsort(page, count, sizeof(*page), compare_mapped);
	apart = apart && nested(page, count, true);
	free(page);
	return apart ? NULL : "page: two overlap";
}

/* A virtual port of kind WAN is one of a port that is the WAN's, and no two are of one: so only their number is left. */
static const char *check_wans(const struct xs_image *image)
{
	size_t i, ports = 0, vports = 0;

	for (i = 0; i < image->count[XS_REC_PORT]; i++)
		ports += ((const struct xs_rec_port *)xs_image_at(image, XS_REC_PORT, i))->wan;
	for (i = 0; i < image->count[XS_REC_VPORT]; i++)
		vports += ((const struct xs_rec_vport *)xs_image_at(image, XS_REC_VPORT, i))->kind == XS_VPORT_WAN;
	return ports == vports ? NULL : "port: the WAN's, without a virtual port";
}

const char *xs_image_check_whole(const struct xs_image *image)
{
	const char *why = check_unique(image);

	why = why ? why : check_wans(image);
	return why ? why : check_pages(image);
}
