/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_overlap.c - subnets of one slice are apart from each other: links', gateways', what is behind them, and those
 * of the MUXes that lead into it.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

/* What leads to a prefix in a slice. */
struct span {
	const struct xs_d_slice *slice;
	struct xs_prefix prefix;
	const struct xs_place *place;
	const char *kind, *name;    /* "link", "P12" */
	const struct xs_d_mux *mux; /* it is the MUX's: said of the MUX's first slice, and not of all */
	bool first;
};

static int compare_spans(const void *left, const void *right)
{
	const struct span *a = left, *b = right;
	int order;

	if (a->slice != b->slice)
		return (uintptr_t)a->slice < (uintptr_t)b->slice ? -1 : 1;
	order = xs_prefix_compare(&a->prefix, &b->prefix);
	if (order)
		return order;
	return xs_place_after(a->place, b->place) ? 1 : xs_place_after(b->place, a->place) ? -1 : 0;
}

struct spans {
	struct span *list;
	size_t count;
};

static void add_span(struct spans *spans, const struct span *span)
{
	if (span->prefix.family)
		spans->list[spans->count++] = *span;
}

static void add_slice(struct spans *spans, const struct xs_d_slice *slice)
{
	for (size_t i = 0; i < slice->link_count; i++) {
		const struct xs_d_link *link = &slice->link[i];

		for (int f = 0; f < XS_FAMILIES; f++)
			add_span(spans, &(struct span){ slice, link->subnet[f], &link->subnet_place[f], "link",
							link->name, NULL, true });
	}
	for (size_t i = 0; i < slice->gateway_count; i++) {
		const struct xs_d_gateway *gateway = &slice->gateway[i];

		for (int f = 0; f < XS_FAMILIES; f++)
			add_span(spans, &(struct span){ slice, gateway->subnet[f], &gateway->subnet_place[f], "gateway",
							gateway->name, NULL, true });
		for (size_t j = 0; j < gateway->behind_count; j++)
			add_span(spans, &(struct span){ slice, gateway->behind[j].prefix, &gateway->behind[j].place,
							"gateway", gateway->name, NULL, true });
	}
}

static void add_mux(struct spans *spans, const struct xs_d_mux *mux)
{
	for (size_t i = 0; i < mux->slice_count; i++) {
		const struct xs_d_slice *slice = mux->slice[i].slice;

		if (!slice)
			continue;
		for (int f = 0; f < XS_FAMILIES; f++)
			add_span(spans, &(struct span){ slice, mux->subnet[f], &mux->subnet_place[f], "mux", mux->name,
							mux, i == 0 });
		for (size_t j = 0; j < mux->client_count; j++)
			add_span(spans, &(struct span){ slice, mux->client[j].prefix, &mux->client[j].place, "mux",
							mux->name, mux, i == 0 });
	}
}

static void report_overlap(struct xs_check *check, const struct span *a, const struct span *b)
{
	const struct span *late = xs_place_after(a->place, b->place) ? a : b, *early = late == a ? b : a;
	char one[XS_PREFIX_TEXT], other[XS_PREFIX_TEXT];

	if (a->mux && a->mux == b->mux && !a->first)
		return;
	XS_FAULT(check, late->place, "%s of %s \"%s\" overlaps %s of %s \"%s\" in slice \"%s\"",
		 xs_prefix_text(&late->prefix, one), late->kind, late->name, xs_prefix_text(&early->prefix, other),
		 early->kind, early->name, a->slice->name);
	xs_diag_note(check->diag, early->place, "%s is here", other);
}

/*
 * Sorted, a prefix comes right after all that cover it. All of a family (0.0.0.0/0, ::/0, behind a router) covers
 * no other: it means the rest. But it is there once.
 */
static int sweep(struct xs_check *check, struct spans *spans)
{
	const struct span *open[128 + 1]; /* a prefix of each length */
	size_t depth = 0;

	qsort(spans->list, spans->count, sizeof(*spans->list), compare_spans);
	for (size_t i = 0; i < spans->count; i++) {
		const struct span *span = &spans->list[i];

		while (depth && (open[depth - 1]->slice != span->slice ||
				 !xs_prefix_covers(&open[depth - 1]->prefix, &span->prefix) ||
				 (!open[depth - 1]->prefix.length && span->prefix.length)))
			depth--;
		if (depth) {
			report_overlap(check, open[depth - 1], span);
			if (!xs_prefix_compare(&open[depth - 1]->prefix, &span->prefix))
				continue;
		}
		open[depth++] = span;
	}
	return 0;
}

int xs_check_overlaps(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	struct spans spans = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < domain->slice_count; i++) {
		room += XS_FAMILIES * (domain->slice[i].link_count + domain->slice[i].gateway_count);
		for (size_t j = 0; j < domain->slice[i].gateway_count; j++)
			room += domain->slice[i].gateway[j].behind_count;
	}
	for (size_t i = 0; i < domain->mux_count; i++)
		room += domain->mux[i].slice_count * (domain->mux[i].client_count + XS_FAMILIES);
	spans.list = xs_arena_array(check->scratch, room, sizeof(*spans.list));
	if (!spans.list)
		return -ENOMEM;
	for (size_t i = 0; i < domain->slice_count; i++)
		add_slice(&spans, &domain->slice[i]);
	for (size_t i = 0; i < domain->mux_count; i++)
		add_mux(&spans, &domain->mux[i]);
	return sweep(check, &spans);
}
