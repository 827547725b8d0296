/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux_tree.c - see mux_tree.h. */
#include <errno.h>
#include <string.h>

#include "maps/mux_tree.h"

/* Cells over one address are asked one after the other in every combination: an end to that. */
#define OWN_STEPS_MAX 4096

uint32_t xs_tree_slots(uint32_t choices)
{
	uint32_t slots = XS_PAGE_RULES;

	for (uint32_t n = 1; n < choices; n *= 2)
		slots /= 2;
	return slots;
}

/* ---- what a node chooses ----------------------------------------------------------------------------------------- */

static void choose(const struct xs_trees *trees, struct xs_mux_node *node, uint32_t condition, uint32_t rule)
{
	node->before = condition == XS_NOTHING ? trees->generals : trees->before[condition];
	if (condition == XS_NOTHING)
		return;
	node->slice = trees->condition[condition].slice;
	node->vport = trees->condition[condition].vport;
	node->rule = rule;
}

static void choose_known(const struct xs_trees *trees, struct xs_mux_node *node, uint32_t condition)
{
	choose(trees, node, condition, condition == XS_NOTHING ? 0 : trees->rule[condition]);
}

/* What is chosen once nothing is left to be asked. */
static int end(struct xs_trees *trees, uint32_t best, uint32_t vector, uint32_t *number)
{
	struct xs_mux_node node = { .vector = vector };

	*number = 0;
	if (best == XS_NOTHING && !vector)
		return 0;
	choose_known(trees, &node, best);
	return xs_intern(&trees->nodes, &node, number);
}

int xs_tree_leaf(struct xs_trees *trees, uint32_t condition, uint32_t *number)
{
	struct xs_mux_node node = { .vector = 0 };

	choose(trees, &node, condition, 0);
	return xs_intern(&trees->nodes, &node, number);
}

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

static bool same_cells(const struct xs_condition *a, const struct xs_condition *b)
{
	return a->vm_cell == b->vm_cell && a->group_cell == b->group_cell;
}

static void find_answers(const struct xs_trees *trees, const struct xs_asked *asked, struct xs_answers *answers)
{
	const struct xs_condition *first = &trees->condition[asked->condition[0]];

	answers->count = 0;
	for (uint32_t i = 0; i < asked->count; i++) {
		const struct xs_condition *this = &trees->condition[asked->condition[i]];
		uint32_t k = 0;

		if (!same_cells(this, first))
			continue;
		while (k < answers->count && answers->slice[k] != this->slice)
			k++;
		if (k == answers->count) {
			answers->slice[k] = this->slice;
			answers->plain[k] = XS_NOTHING;
			answers->count++;
		}
		if (answers->plain[k] == XS_NOTHING && xs_condition_is_plain(this))
			answers->plain[k] = asked->condition[i];
	}
}

bool xs_tree_is_shared(const struct xs_trees *trees, const struct xs_asked *asked, struct xs_answers *answers)
{
	uint32_t plain = 0;

	for (uint32_t i = 1; i < asked->count; i++)
		if (!same_cells(&trees->condition[asked->condition[i]], &trees->condition[asked->condition[0]]))
			return false;
	find_answers(trees, asked, answers);
	for (uint32_t i = 0; i < answers->count; i++)
		plain += answers->plain[i] != XS_NOTHING;
	return plain <= XS_PAGE_RULES;
}

/* The general conditions that come into force where the first one's cell names this slice, besides `bits`. */
static void add_generals(const struct xs_trees *trees, const struct xs_asked *asked, uint32_t slice,
			 struct xs_bits *bits)
{
	const struct xs_condition *first = &trees->condition[asked->condition[0]];

	for (uint32_t i = 0; i < asked->count; i++) {
		const struct xs_condition *this = &trees->condition[asked->condition[i]];

		if (this->slice == slice && same_cells(this, first) && xs_condition_is_general(this))
			xs_bits_add(bits, trees->before[asked->condition[i]]);
	}
}

int xs_tree_shared(struct xs_trees *trees, const struct xs_asked *asked, const struct xs_answers *answers,
		   uint32_t best, uint32_t vector, uint32_t *number)
{
	const struct xs_bits always = xs_bits_of(&trees->vectors, vector);
	uint32_t next, slot = 0, slots;
	int err = end(trees, best, vector, &next);

	for (uint32_t i = 0; i < answers->count; i++)
		slot += answers->plain[i] != XS_NOTHING;
	slots = xs_tree_slots(slot);
	for (uint32_t i = answers->count; i-- && !err;) {
		struct xs_mux_node node = {
			.group = trees->condition[asked->condition[0]].group_cell,
			.named = answers->slice[i],
			.other = next,
		};
		struct xs_bits bits = always;

		if (answers->plain[i] == XS_NOTHING)
			choose_known(trees, &node, best);
		else
			choose(trees, &node, answers->plain[i], --slot * slots);
		add_generals(trees, asked, answers->slice[i], &bits);
		err = xs_bits_number(&trees->vectors, &bits, &node.vector);
		if (!err)
			err = xs_intern(&trees->nodes, &node, &next);
	}
	*number = next;
	return err;
}

/* What is left to be asked once the first one's cell is known, and once condition `best` is what is to be beaten. */
static void remaining(const struct xs_trees *trees, const struct xs_asked *asked, uint32_t best, struct xs_asked *left)
{
	const struct xs_condition *first = &trees->condition[asked->condition[0]];

	left->count = 0;
	for (uint32_t i = 0; i < asked->count; i++)
		if (!same_cells(&trees->condition[asked->condition[i]], first) && asked->condition[i] < best)
			left->condition[left->count++] = asked->condition[i];
}

static int ask(struct xs_trees *trees, const struct xs_asked *asked, uint32_t best, const struct xs_bits *bits,
	       unsigned int cells, uint32_t *number)
{
	const struct xs_condition *first;
	struct xs_answers answers;
	struct xs_asked left;
	uint32_t next;
	int err;

	if (!asked->count) {
		uint32_t vector;

		err = xs_bits_number(&trees->vectors, bits, &vector);
		return err ? err : end(trees, best, vector, number);
	}
	if (!cells || !trees->budget--)
		return -E2BIG;
	first = &trees->condition[asked->condition[0]];
	find_answers(trees, asked, &answers);
	remaining(trees, asked, best, &left);
	err = ask(trees, &left, best, bits, cells - 1, &next);
	for (uint32_t i = answers.count; i-- && !err;) {
		struct xs_mux_node node = {
			.cell = first->vm_cell,
			.group = first->group_cell,
			.named = answers.slice[i],
			.other = next,
		};
		uint32_t chosen = answers.plain[i] == XS_NOTHING ? best : answers.plain[i];
		struct xs_bits more = *bits;

		add_generals(trees, asked, answers.slice[i], &more);
		remaining(trees, asked, chosen, &left);
		err = ask(trees, &left, chosen, &more, cells - 1, &node.then);
		if (!err) /* node.then is not 0: a condition of that slice is in force */
			err = xs_intern(&trees->nodes, &node, &next);
	}
	*number = next;
	return err;
}

int xs_tree_own(struct xs_trees *trees, const struct xs_asked *asked, uint32_t best, uint32_t vector, uint32_t *number)
{
	const struct xs_bits bits = xs_bits_of(&trees->vectors, vector);

	trees->budget = OWN_STEPS_MAX;
	return ask(trees, asked, best, &bits, XS_MUX_CELLS_MAX, number);
}
