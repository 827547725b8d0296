/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_tree.h - what is chosen at one prefix, as a tree of nodes (contract.h, struct xs_mux_node) that ask cells. For
 * mux_compile.c alone.
 *
 * Trees are built from their ends, and equal nodes are made once. With one cell over the address, the cell is that of
 * the leaf's slot, and conditions are counted in slots beside it: then any prefix with conditions in the same lists has
 * the same nodes. With several (tenants' VMs of one address), nodes are the prefix' own.
 */
#ifndef XSLICE_MAPS_MUX_TREE_H
#define XSLICE_MAPS_MUX_TREE_H

#include "maps/mux_vectors.h"

#define XS_NOTHING UINT32_MAX /* no condition */

struct xs_trees {
	const struct xs_condition *condition;
	const uint32_t *rule; /* per condition, as far as it is known */
	uint32_t *before;     /* per condition: general conditions at smaller positions; of a general one: its number */
	uint32_t generals;    /* how many there are */
	uint32_t budget;      /* steps that the tree at hand may still take */
	struct xs_intern nodes, vectors;
};

/* Conditions that bear cells, by position; all stand before the best plain one without. */
struct xs_asked {
	uint32_t count;
	uint32_t condition[XS_MUX_QUESTIONS_MAX];
};

/* The slices that a list of conditions knows for the first one's cell, in order; and the first plain condition of each.
 */
struct xs_answers {
	uint32_t count;
	uint32_t slice[XS_MUX_QUESTIONS_MAX];
	uint32_t plain[XS_MUX_QUESTIONS_MAX]; /* or XS_NOTHING */
};

/* Slots between two conditions that are counted beside a cell: a page holds the cells of as many. */
uint32_t xs_tree_slots(uint32_t choices);

/* Does one cell decide, with no more conditions than a page has room for? Fills *answers. */
bool xs_tree_is_shared(const struct xs_trees *trees, const struct xs_asked *asked, struct xs_answers *answers);

/*
 * The first node; 0: nothing can be chosen. best: plain condition that is chosen if no cell says otherwise, or
 * XS_NOTHING; vector: general conditions in force whatever cells say. 0, -ENOMEM, or -E2BIG: too many cells over one
 * address. Of `shared` the plain answers have slots beside the leaf's; of `own` their rules must be known.
 */
int xs_tree_shared(struct xs_trees *trees, const struct xs_asked *asked, const struct xs_answers *answers,
		   uint32_t best, uint32_t vector, uint32_t *node);
int xs_tree_own(struct xs_trees *trees, const struct xs_asked *asked, uint32_t best, uint32_t vector, uint32_t *node);
/* The node of a rule that is a leaf itself: chosen always, no general condition left. */
int xs_tree_leaf(struct xs_trees *trees, uint32_t condition, uint32_t *node);

#endif
