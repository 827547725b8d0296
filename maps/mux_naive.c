/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux_naive.c - what conditions mean: the naive walk; and how many stand over one address. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/mux_compile.h"
#include "maps/prefix_map.h"

static bool in_range(uint16_t value, const uint16_t range[2])
{
	return value >= range[0] && value <= range[1];
}

static bool matches(const struct xs_condition *c, const struct xs_selector *s)
{
	if (!xs_condition_of(c, s->family) || !xs_bits_equal(c->destination, s->destination, c->destination_length) ||
	    !xs_bits_equal(c->source, s->source, c->source_length))
		return false;
	if (c->fields & XS_GENERAL_PROTOCOL && c->protocol != s->protocol)
		return false;
	if (c->fields & XS_GENERAL_SOURCE_PORT && !(s->has_ports && in_range(s->source_port, c->source_port)))
		return false;
	if (c->fields & XS_GENERAL_DESTINATION_PORT &&
	    !(s->has_ports && in_range(s->destination_port, c->destination_port)))
		return false;
	if (c->fields & XS_GENERAL_DSCP && !in_range(s->dscp, c->dscp))
		return false;
	return !(c->fields & XS_GENERAL_INPUT_PORT) || c->input_port == s->input_port;
}

bool xs_in_force(uint32_t slice, uint32_t vm_cell, uint32_t group_cell, const uint64_t *cells)
{
	uint64_t vm, group;

	if (!vm_cell)
		return true;
	vm = cells[vm_cell];
	group = group_cell ? cells[group_cell] : 0;
	/*
	 * Generations are the domain's and differ: the greater word is that of the higher one. The datapath compares
	 * alike.
	 */
	if (group > vm)
		vm = group;
	return (vm & XS_CELL_SLICE_MASK) == slice;
}

int64_t xs_naive_walk(const struct xs_condition *condition, size_t count, const struct xs_selector *selector,
		      const uint64_t *cells)
{
	for (size_t i = 0; i < count; i++) {
		const struct xs_condition *c = &condition[i];

		if (matches(c, selector) && xs_in_force(c->slice, c->vm_cell, c->group_cell, cells))
			return i;
	}
	return -1;
}

/* ---- prefixes and what covers them ------------------------------------------------------------------------------- */

struct keyed {
	uint8_t address[16];
	uint32_t length, index;
};

static int by_prefix(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int order = memcmp(x->address, y->address, sizeof(x->address));

	if (order)
		return order;
	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static size_t collect(const struct xs_condition *condition, size_t count, unsigned int family, struct keyed *key)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct xs_condition *c = &condition[i];

		if (!xs_condition_of(c, family))
			continue;
		key[n] = (struct keyed){ .length = c->destination_length, .index = i };
		xs_prefix_bytes_mask(c->destination, XS_FAMILY_BITS(family) / 8, c->destination_length, key[n].address);
		n++;
	}
	qsort(key, n, sizeof(*key), by_prefix);
	return n;
}

/* Sorted, a run comes after those that cover it: the last run, or one that covers that. */
static uint32_t covering(const struct xs_prefix_runs *runs, const struct keyed *key)
{
	uint32_t at = runs->count;

	while (at && !xs_bits_equal(runs->run[at - 1].address, key->address, runs->run[at - 1].length))
		at = runs->run[at - 1].cover;
	return at;
}

int xs_prefix_runs(const struct xs_condition *condition, size_t count, unsigned int family, struct xs_prefix_runs *out)
{
	struct keyed *key = malloc((count + 1) * sizeof(*key));
	size_t n;

	*out = (struct xs_prefix_runs){ .count = 0 };
	out->run = malloc((count + 1) * sizeof(*out->run));
	out->member = malloc((count + 1) * sizeof(*out->member));
	if (!key || !out->run || !out->member) {
		free(key);
		return -ENOMEM;
	}
	n = collect(condition, count, family, key);
	for (size_t i = 0; i < n; i++) {
		struct xs_prefix_run *run = out->count ? &out->run[out->count - 1] : NULL;

		out->member[i] = key[i].index;
		if (!run || key[i].length != run->length ||
		    memcmp(key[i].address, run->address, sizeof(run->address))) {
			uint32_t cover = covering(out, &key[i]);

			run = &out->run[out->count++];
			*run = (struct xs_prefix_run){ .length = key[i].length, .first = i, .cover = cover };
			memcpy(run->address, key[i].address, sizeof(run->address));
			run->depth = cover ? out->run[cover - 1].depth : 0;
		}
		run->count++;
		run->depth += xs_condition_is_plain(&condition[key[i].index]);
	}
	free(key);
	return 0;
}

void xs_prefix_runs_free(struct xs_prefix_runs *runs)
{
	free(runs->run);
	free(runs->member);
	*runs = (struct xs_prefix_runs){ .count = 0 };
}

size_t xs_conditions_depth(const struct xs_condition *condition, size_t count)
{
	size_t deepest = 0;

	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		struct xs_prefix_runs runs;

		if (xs_prefix_runs(condition, count, family, &runs))
			deepest = SIZE_MAX;
		for (size_t i = 0; i < runs.count && deepest != SIZE_MAX; i++)
			if (runs.run[i].depth > deepest)
				deepest = runs.run[i].depth;
		xs_prefix_runs_free(&runs);
	}
	return deepest;
}
