/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_compile.c - what conditions mean (the naive walk), and their compilation.
 *
 * Conditions that test a destination only are grouped by prefix; sorted by address and length, each prefix' next
 * shorter one stands on a stack. The others become general conditions, whose rules are in no chain.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/mux_compile.h"

#define IPV4_BITS 32

struct keyed {
	uint32_t address, length, index;
};

static uint32_t mask_of(unsigned int length)
{
	return length ? ~0u << (IPV4_BITS - length) : 0;
}

static uint32_t word(const uint8_t bytes[4])
{
	uint32_t value;

	memcpy(&value, bytes, 4);
	return ntohl(value);
}

static bool destination_only(const struct xs_condition *c)
{
	return !c->fields && !c->source_length;
}

static bool in_range(uint16_t value, const uint16_t range[2])
{
	return value >= range[0] && value <= range[1];
}

static bool matches(const struct xs_condition *c, const struct xs_selector *s)
{
	if ((word(c->destination) ^ word(s->destination)) & mask_of(c->destination_length))
		return false;
	if ((word(c->source) ^ word(s->source)) & mask_of(c->source_length))
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

static bool same_prefix(const struct keyed *a, const struct keyed *b)
{
	return a->address == b->address && a->length == b->length;
}

static int by_prefix(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* The destination-only conditions by address, length, position. NULL without memory; *count of them. */
static struct keyed *sorted(const struct xs_condition *condition, size_t *count)
{
	struct keyed *key = malloc((*count + 1) * sizeof(*key));
	size_t n = 0;

	if (!key)
		return NULL;
	for (size_t i = 0; i < *count; i++) {
		const struct xs_condition *c = &condition[i];

		if (destination_only(c))
			key[n++] = (struct keyed){word(c->destination) & mask_of(c->destination_length),
						  c->destination_length, i};
	}
	qsort(key, n, sizeof(*key), by_prefix);
	*count = n;
	return key;
}

/* Prefixes that cover the one at hand, shorter ones first. */
struct cover {
	struct {
		uint32_t address, length;
		uint32_t first;    /* condition index */
		uint32_t smallest; /* position: of its first and of those of shorter ones */
		size_t conditions; /* of it and of shorter ones */
	} level[IPV4_BITS + 1];
	unsigned int depth;
};

static void leave(struct cover *cover, const struct keyed *key)
{
	while (cover->depth) {
		unsigned int top = cover->depth - 1;

		if (!((cover->level[top].address ^ key->address) & mask_of(cover->level[top].length)))
			return;
		cover->depth--;
	}
}

size_t xs_conditions_depth(const struct xs_condition *condition, size_t count)
{
	struct keyed *key = sorted(condition, &count);
	struct cover cover = {.depth = 0};
	size_t deepest = 0;

	if (!key)
		return SIZE_MAX;
	for (size_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && same_prefix(&key[end], &key[i]); end++)
			;
		leave(&cover, &key[i]);
		size_t conditions = end - i + (cover.depth ? cover.level[cover.depth - 1].conditions : 0);

		cover.level[cover.depth].address = key[i].address;
		cover.level[cover.depth].length = key[i].length;
		cover.level[cover.depth++].conditions = conditions;
		if (conditions > deepest)
			deepest = conditions;
	}
	free(key);
	return deepest;
}

static void add_general(struct xs_compiled *out, const struct xs_condition *c, size_t index)
{
	struct xs_mux_general *g = &out->general[out->general_count++];

	memset(g, 0, sizeof(*g));
	g->destination_mask = htonl(mask_of(c->destination_length));
	g->source_mask = htonl(mask_of(c->source_length));
	g->destination = htonl(word(c->destination)) & g->destination_mask;
	g->source = htonl(word(c->source)) & g->source_mask;
	g->fields = c->fields;
	g->rule = index + 1;
	g->position = c->position;
	/* What is not tested stays zero, so equal conditions are equal bytes. */
	if (c->fields & XS_GENERAL_PROTOCOL)
		g->protocol = c->protocol;
	if (c->fields & XS_GENERAL_SOURCE_PORT)
		memcpy(g->source_port, c->source_port, sizeof(g->source_port));
	if (c->fields & XS_GENERAL_DESTINATION_PORT)
		memcpy(g->destination_port, c->destination_port, sizeof(g->destination_port));
	if (c->fields & XS_GENERAL_DSCP)
		for (unsigned int d = c->dscp[0]; d <= c->dscp[1] && d < 64; d++)
			g->dscp |= 1ull << d;
	if (c->fields & XS_GENERAL_INPUT_PORT)
		g->input_port = c->input_port;
}

/* Chains the rules of one prefix (key[0 .. n)), then to the next shorter one, which is on top of `cover`. */
static void add_prefix(struct xs_compiled *out, struct cover *cover, const struct keyed *key, size_t n)
{
	uint32_t shorter = 0, rest = XS_POSITION_NONE, own = out->rule[key[0].index].position;
	size_t conditions = n;

	if (cover->depth) {
		shorter = cover->level[cover->depth - 1].first + 1;
		rest = cover->level[cover->depth - 1].smallest;
		conditions += cover->level[cover->depth - 1].conditions;
	}
	for (size_t i = 0; i < n; i++) {
		struct xs_mux_rule *rule = &out->rule[key[i].index];

		rule->next = i + 1 < n ? key[i + 1].index + 1 : shorter;
		rule->shorter = shorter;
		rule->rest = rest;
	}
	out->prefix[out->prefix_count++] = (struct xs_compiled_prefix){key->address, key->length, key->index + 1};
	cover->level[cover->depth].address = key->address;
	cover->level[cover->depth].length = key->length;
	cover->level[cover->depth].first = key->index;
	cover->level[cover->depth].smallest = own < rest ? own : rest;
	cover->level[cover->depth++].conditions = conditions;
}

int xs_compile(const struct xs_condition *condition, size_t count, struct xs_compiled *out)
{
	struct xs_compiled made = {.count = count};
	struct cover cover = {.depth = 0};
	struct keyed *key = NULL;
	size_t keys = count;
	int err = -ENOMEM;

	made.rule = calloc(count + 1, sizeof(*made.rule));
	made.prefix = malloc((count + 1) * sizeof(*made.prefix));
	key = sorted(condition, &keys);
	if (!made.rule || !made.prefix || !key)
		goto out;
	err = -E2BIG;
	if (count - keys > XS_MUX_GENERAL_MAX)
		goto out;
	for (size_t i = 0; i < count; i++) {
		const struct xs_condition *c = &condition[i];

		made.rule[i].position = c->position;
		made.rule[i].vport = c->vport;
		made.rule[i].slice = c->slice;
		made.rule[i].vm_cell = c->vm_cell;
		made.rule[i].group_cell = c->group_cell;
		if (!destination_only(c))
			add_general(&made, c, i);
	}
	for (size_t i = 0, end; i < keys; i = end) {
		for (end = i + 1; end < keys && same_prefix(&key[end], &key[i]); end++)
			;
		leave(&cover, &key[i]);
		add_prefix(&made, &cover, &key[i], end - i);
		if (cover.level[cover.depth - 1].conditions > XS_MUX_WALK_MAX)
			goto out;
	}
	err = 0;
out:
	free(key);
	if (err)
		xs_compiled_free(&made);
	else
		*out = made;
	return err;
}

void xs_compiled_free(struct xs_compiled *compiled)
{
	free(compiled->rule);
	free(compiled->prefix);
	compiled->rule = NULL;
	compiled->prefix = NULL;
}
