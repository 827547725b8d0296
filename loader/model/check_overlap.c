/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_overlap.c - subnets of one slice are apart from each other: links', gateways', what is behind them, and those
 * of the MUXes that lead into it.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"
#include "loader/model/subnets.h"

static int compare_subnets(const void *left, const void *right)
{
	const struct xs_d_subnet *a = left, *b = right;
	int order;

	if (a->slice != b->slice)
		return (uintptr_t)a->slice < (uintptr_t)b->slice ? -1 : 1;
	order = xs_prefix_compare(&a->prefix, &b->prefix);
	if (order)
		return order;
	return xs_place_after(a->place, b->place) ? 1 : xs_place_after(b->place, a->place) ? -1 : 0;
}

static void report_overlap(struct xs_check *check, const struct xs_d_subnet *a, const struct xs_d_subnet *b)
{
	const struct xs_d_subnet *late = xs_place_after(a->place, b->place) ? a : b, *early = late == a ? b : a;
	char one[XS_PREFIX_TEXT], other[XS_PREFIX_TEXT];

	if (a->mux && a->mux == b->mux && a->choice)
		return;
	XS_FAULT(check, late->place, "%s of %s \"%s\" overlaps %s of %s \"%s\" in slice \"%s\"",
		 xs_prefix_text(&late->prefix, one), late->noun, late->name, xs_prefix_text(&early->prefix, other),
		 early->noun, early->name, a->slice->name);
	xs_diag_note(check->diag, early->place, "%s is here", other);
}

/*
 * Sorted, a prefix comes right after all that cover it. All of a family (0.0.0.0/0, ::/0, behind a router) covers
 * no other: it means the rest. But it is there once.
 */
static int sweep(struct xs_check *check, struct xs_d_subnets *subnets)
{
	const struct xs_d_subnet *open[128 + 1]; /* a prefix of each length */
	size_t depth = 0;

	qsort(subnets->list, subnets->count, sizeof(*subnets->list), compare_subnets);
	for (size_t i = 0; i < subnets->count; i++) {
		const struct xs_d_subnet *subnet = &subnets->list[i];

		while (depth && (open[depth - 1]->slice != subnet->slice ||
				 !xs_prefix_covers(&open[depth - 1]->prefix, &subnet->prefix) ||
				 (!open[depth - 1]->prefix.length && subnet->prefix.length)))
			depth--;
		if (depth) {
			report_overlap(check, open[depth - 1], subnet);
			if (!xs_prefix_compare(&open[depth - 1]->prefix, &subnet->prefix))
				continue;
		}
		open[depth++] = subnet;
	}
	return 0;
}

int xs_check_overlaps(struct xs_check *check)
{
	struct xs_d_subnets subnets;
	int err = xs_subnets_of(check->domain, check->scratch, &subnets);

	return err ? err : sweep(check, &subnets);
}
