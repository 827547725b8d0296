/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_compile.h - from conditions to pages, nodes, prefixes and general conditions, with numbers of its own from 1 on:
 * mux_policy.c puts the maps' in their place and writes. Pure: no map, no memory but its own.
 */
#ifndef XSLICE_MAPS_MUX_COMPILE_H
#define XSLICE_MAPS_MUX_COMPILE_H

#include "maps/mux_policy.h"

#define XS_RULE(page, slot) ((uint32_t)(page) << XS_RULE_BITS | (slot))

struct xs_compiled_prefix {
	uint8_t address[16]; /* masked */
	uint8_t length;
	uint32_t leaf; /* a rule, or a vector */
};

struct xs_compiled_table {
	size_t count, room;
	struct xs_compiled_prefix *prefix;
};

/* Page n stands at [n - 1], and so do node n and vector n; rules are XS_RULE() of these pages. */
struct xs_compiled {
	size_t count;   /* conditions */
	uint32_t *rule; /* of each; 0: it can never be chosen */
	uint32_t page_count, node_count, vector_count, general_count;
	struct xs_mux_page *page;
	struct xs_mux_origin *origin;
	struct xs_mux_node *node; /* those that a node leads to come before it */
	struct xs_mux_vector *vector;
	struct xs_mux_general *general;
	uint32_t without_ports[2]; /* vectors */
	struct xs_compiled_table table[XS_MUX_TABLES];
};

static inline unsigned int xs_table_bytes(unsigned int table)
{
	return table == XS_MUX_DESTINATION + XS_FAMILY6 || table == XS_MUX_SOURCE + XS_FAMILY6 ? 16 : 4;
}

/* 0, -ENOMEM, -E2BIG beyond the contract's bounds, -EINVAL for a cell at a destination that is not exact. */
int xs_compile(const struct xs_condition *condition, size_t count, struct xs_compiled *out);
void xs_compiled_free(struct xs_compiled *compiled);

/* ---- what mux_naive.c and mux_compile.c both ask of a condition -------------------------------------------------- */

#define XS_FAMILY_BITS(family) ((family) == XS_FAMILY4 ? 32u : 128u)

static inline bool xs_condition_of(const struct xs_condition *c, unsigned int family)
{
	return c->family == family || c->family == XS_FAMILY_EITHER;
}

/* Names a destination only, or nothing. */
static inline bool xs_condition_is_plain(const struct xs_condition *c)
{
	return !c->fields && !c->source_length;
}

static inline bool xs_condition_is_general(const struct xs_condition *c)
{
	return !xs_condition_is_plain(c) && c->family != XS_FAMILY_NEITHER;
}

/* Do two addresses agree in their first `length` bits? */
static inline bool xs_bits_equal(const uint8_t *a, const uint8_t *b, unsigned int length)
{
	unsigned int bytes = length / 8, bits = length % 8;

	for (unsigned int i = 0; i < bytes; i++)
		if (a[i] != b[i])
			return false;
	return !bits || !((a[bytes] ^ b[bytes]) >> (8 - bits));
}

/*
 * The conditions of a family by destination: address, length, position, in runs of one prefix; each run with how many
 * plain conditions stand over its addresses, and with the run of the next shorter prefix that covers it.
 */
struct xs_prefix_run {
	uint8_t address[16]; /* masked */
	uint8_t length;
	uint32_t first, count; /* members */
	uint32_t cover;        /* number of the covering run + 1, which comes before it; 0: none */
	size_t depth;          /* plain conditions over one address: its own and those of all covering ones */
};

struct xs_prefix_runs {
	size_t count;
	struct xs_prefix_run *run;
	uint32_t *member; /* condition indices */
};

/* 0 or -ENOMEM. xs_prefix_runs_free() in any case. */
int xs_prefix_runs(const struct xs_condition *condition, size_t count, unsigned int family, struct xs_prefix_runs *out);
void xs_prefix_runs_free(struct xs_prefix_runs *runs);

#endif
