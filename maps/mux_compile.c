/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_compile.c - from conditions to nodes, pages, prefixes and general conditions.
 *
 * What is chosen at a prefix is a tree of nodes (mux_tree.c), and equal nodes are made once: so prefixes whose
 * conditions stand in the same lists share theirs. Then rules get slots: those of prefixes with a cell where that cell
 * is, the others in pages of rules that share a node.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/mux_tree.h"

/* One family's prefixes, and what holds over the addresses of each without asking a cell. */
struct family {
	unsigned int family;
	struct xs_prefix_runs runs;
	uint32_t *best;   /* condition, or XS_NOTHING */
	uint32_t *vector; /* general conditions; 0: none */
};

/* A prefix whose leaf needs a place: a slot in a page of its node. */
struct rooted {
	uint32_t node, cell; /* cell 0: none is asked by its slot */
	uint32_t prefix;     /* in out->table[table] */
	uint8_t table;
	bool own; /* the slot is its own: it is the cell's, and `choices` conditions are counted from there on */
	uint8_t choices;
	uint32_t choice[XS_PAGE_RULES];
};

/* A rule without a place of its own so far: its page is led by `node`. */
struct loose {
	uint32_t node, condition;
};

struct compile {
	struct xs_trees trees;
	const struct xs_condition *condition;
	struct xs_compiled *out;
	size_t page_room;
	struct rooted *rooted;
	size_t rooted_count, rooted_room;
	struct loose *loose;
	size_t loose_count;
};

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static int page_new(struct compile *c, uint32_t node, uint32_t cell)
{
	struct xs_compiled *out = c->out;

	if (out->page_count == c->page_room) {
		size_t room = c->page_room ? 2 * c->page_room : 64;
		struct xs_mux_page *page = realloc(out->page, room * sizeof(*page));
		struct xs_mux_origin *origin;

		if (page)
			out->page = page;
		origin = realloc(out->origin, room * sizeof(*origin));
		if (origin)
			out->origin = origin;
		if (!page || !origin)
			return -ENOMEM;
		c->page_room = room;
	}
	if (out->page_count)
		out->origin[out->page_count - 1].next = out->page_count + 1;
	out->page[out->page_count] = (struct xs_mux_page){ node, cell };
	out->origin[out->page_count] = (struct xs_mux_origin){ .next = 0 };
	memset(out->origin[out->page_count].position, 0xff, sizeof(out->origin[0].position));
	out->page_count++;
	return 0;
}

static void place(struct compile *c, uint32_t condition, uint32_t rule)
{
	c->out->rule[condition] = rule;
	c->out->origin[(rule >> XS_RULE_BITS) - 1].position[rule & XS_RULE_SLOT] = c->condition[condition].position;
}

static void add_loose(struct compile *c, uint32_t condition, uint32_t node)
{
	c->loose[c->loose_count++] = (struct loose){ node, condition };
}

static int by_node(const void *a, const void *b)
{
	const struct loose *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return x->condition < y->condition ? -1 : x->condition > y->condition;
}

/* Conditions to pages of 16 that share a node. */
static int place_loose(struct compile *c)
{
	uint32_t node = 0, used = XS_PAGE_RULES;

	if (c->loose_count)
		qsort(c->loose, c->loose_count, sizeof(*c->loose), by_node);
	for (size_t i = 0; i < c->loose_count; i++) {
		if (used == XS_PAGE_RULES || c->loose[i].node != node) {
			int err = page_new(c, c->loose[i].node, 0);

			if (err)
				return err;
			node = c->loose[i].node;
			used = 0;
		}
		place(c, c->loose[i].condition, XS_RULE(c->out->page_count, used++));
	}
	return 0;
}

static int by_cell(const void *a, const void *b)
{
	const struct rooted *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->own != y->own)
		return x->own - y->own;
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->cell != y->cell)
		return x->cell < y->cell ? -1 : 1;
	return x->prefix < y->prefix ? -1 : x->prefix > y->prefix;
}

/* Does a prefix go into the page of the one before? Without a cell they are one leaf, else of neighbouring cells. */
static bool same_page(const struct rooted *before, const struct rooted *r, uint32_t slots)
{
	if (!before || before->node != r->node || before->own != r->own)
		return false;
	return !r->own ||
	       (before->table == r->table && before->cell != r->cell && before->cell / slots == r->cell / slots);
}

/* Prefixes to pages by the cells that their first questions ask for: those of neighbours lie together. */
static int place_rooted(struct compile *c)
{
	const struct rooted *before = NULL;

	if (c->rooted_count)
		qsort(c->rooted, c->rooted_count, sizeof(*c->rooted), by_cell);
	for (size_t i = 0; i < c->rooted_count; i++) {
		const struct rooted *r = &c->rooted[i];
		uint32_t slots = xs_tree_slots(r->choices), rule;

		if (!same_page(before, r, slots)) {
			int err = page_new(c, r->node, r->cell - r->cell % slots);

			if (err)
				return err;
		}
		rule = XS_RULE(c->out->page_count, r->cell % slots);
		c->out->table[r->table].prefix[r->prefix].leaf = rule;
		for (uint32_t k = 0; k < r->choices; k++)
			place(c, r->choice[k], rule + k * slots);
		before = r;
	}
	return 0;
}

/* ---- prefixes ---------------------------------------------------------------------------------------------------- */

/* What holds over a prefix without asking: what does over the covering one, or something of its own. */
static int find_static(struct compile *c, struct family *f)
{
	for (size_t i = 0; i < f->runs.count; i++) {
		const struct xs_prefix_run *run = &f->runs.run[i];
		struct xs_bits bits;
		bool more = false;

		f->best[i] = run->cover ? f->best[run->cover - 1] : XS_NOTHING;
		f->vector[i] = run->cover ? f->vector[run->cover - 1] : 0;
		bits = xs_bits_of(&c->trees.vectors, f->vector[i]);
		for (uint32_t k = 0; k < run->count; k++) {
			uint32_t condition = f->runs.member[run->first + k];

			if (c->condition[condition].vm_cell)
				continue;
			if (xs_condition_is_general(&c->condition[condition])) {
				xs_bits_add(&bits, c->trees.before[condition]);
				more = true;
			} else if (condition < f->best[i]) {
				f->best[i] = condition;
			}
		}
		if (more && xs_bits_number(&c->trees.vectors, &bits, &f->vector[i]))
			return -ENOMEM;
	}
	return 0;
}

/* Of the run's conditions those that bear a cell and stand before the best plain one without. */
static int ask(const struct compile *c, const struct family *f, size_t number, struct xs_asked *asked)
{
	const struct xs_prefix_run *run = &f->runs.run[number];

	asked->count = 0;
	if (run->depth > XS_MUX_WALK_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < run->count; i++) {
		uint32_t condition = f->runs.member[run->first + i];

		if (!c->condition[condition].vm_cell)
			continue;
		if (run->length != XS_FAMILY_BITS(f->family))
			return -EINVAL;
		if (condition < f->best[number])
			asked->condition[asked->count++] = condition;
	}
	return 0;
}

/* First pass: each plain condition that is chosen without being asked for, or by nodes that only one prefix has. */
static int collect_loose(struct compile *c, const struct family *f, uint8_t *seen)
{
	for (size_t i = 0; i < f->runs.count; i++) {
		uint32_t best = f->best[i], node = 0;
		struct xs_answers answers;
		struct xs_asked asked;
		int err = ask(c, f, i, &asked);

		if (!err && best != XS_NOTHING && !seen[best]) {
			err = xs_tree_leaf(&c->trees, best, &node);
			seen[best] = 1;
			add_loose(c, best, node);
		}
		if (err)
			return err;
		if (!asked.count || xs_tree_is_shared(&c->trees, &asked, &answers))
			continue;
		for (uint32_t k = 0; k < asked.count; k++) {
			uint32_t condition = asked.condition[k];

			if (!seen[condition] && xs_condition_is_plain(&c->condition[condition]))
				add_loose(c, condition, 0);
			seen[condition] = 1;
		}
	}
	return 0;
}

static struct rooted *root_new(struct compile *c)
{
	if (c->rooted_count == c->rooted_room) {
		size_t room = c->rooted_room ? 2 * c->rooted_room : 64;
		struct rooted *more = realloc(c->rooted, room * sizeof(*more));

		if (!more)
			return NULL;
		c->rooted = more;
		c->rooted_room = room;
	}
	return memset(&c->rooted[c->rooted_count++], 0, sizeof(*c->rooted));
}

/* The prefix that was added last to its table: its leaf leads to a node of its own. */
static int root_prefix(struct compile *c, const struct family *f, size_t number, const struct xs_asked *asked)
{
	unsigned int table = XS_MUX_DESTINATION + f->family;
	struct rooted *r = root_new(c);
	struct xs_answers answers;

	if (!r)
		return -ENOMEM;
	r->table = table;
	r->prefix = c->out->table[table].count - 1;
	if (!asked->count || !xs_tree_is_shared(&c->trees, asked, &answers))
		return xs_tree_own(&c->trees, asked, f->best[number], f->vector[number], &r->node);
	r->own = true;
	r->cell = c->condition[asked->condition[0]].vm_cell;
	for (uint32_t i = 0; i < answers.count; i++)
		if (answers.plain[i] != XS_NOTHING)
			r->choice[r->choices++] = answers.plain[i];
	return xs_tree_shared(&c->trees, asked, &answers, f->best[number], f->vector[number], &r->node);
}

/* Second pass: where each prefix leads. One that leads where the next shorter one does is left out. */
static int collect_prefixes(struct compile *c, const struct family *f)
{
	for (size_t i = 0; i < f->runs.count; i++) {
		const struct xs_prefix_run *run = &f->runs.run[i];
		uint32_t best = f->best[i], vector = f->vector[i];
		struct xs_asked asked;
		int err = ask(c, f, i, &asked);

		if (err)
			return err;
		if (!asked.count && (run->cover ? f->best[run->cover - 1] == best && f->vector[run->cover - 1] == vector
						: best == XS_NOTHING && !vector))
			continue;
		err = xs_compiled_add(c->out, XS_MUX_DESTINATION + f->family, run->address, run->length,
				      best == XS_NOTHING ? 0 : c->out->rule[best]);
		if (!err && (asked.count || vector))
			err = root_prefix(c, f, i, &asked);
		if (err)
			return err;
	}
	return 0;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

/* Each general condition gets a rule, in pages that no leaf names; all conditions know how many of them stand before.
 */
static int collect_generals(struct compile *c, uint32_t *general)
{
	uint32_t count = 0;

	for (size_t i = 0; i < c->out->count; i++) {
		const struct xs_condition *this = &c->condition[i];

		c->trees.before[i] = count;
		if (!xs_condition_is_general(this))
			continue;
		if (this->vm_cell &&
		    (this->family >= XS_FAMILIES || this->destination_length != XS_FAMILY_BITS(this->family)))
			return -EINVAL;
		if (count == XS_MUX_GENERAL_MAX)
			return -E2BIG;
		general[count++] = i;
		add_loose(c, i, 0);
	}
	c->trees.generals = c->out->general_count = count;
	return count ? xs_compile_values(c->condition, general, count, &c->trees.vectors, c->out) : 0;
}

static int set_generals(struct compile *c, const uint32_t *general)
{
	struct xs_compiled *out = c->out;

	out->general = calloc(out->general_count + 1, sizeof(*out->general));
	if (!out->general)
		return -ENOMEM;
	for (uint32_t i = 0; i < out->general_count; i++) {
		const struct xs_condition *this = &c->condition[general[i]];

		out->general[i] = (struct xs_mux_general){ out->rule[general[i]], this->vport, this->slice, 0 };
	}
	return 0;
}

static int compile(struct compile *c, struct family *families, uint32_t *general, uint8_t *seen)
{
	int err = collect_generals(c, general);

	for (unsigned int i = 0; i < XS_FAMILIES && !err; i++) {
		struct family *f = &families[i];

		f->family = i;
		err = xs_prefix_runs(c->condition, c->out->count, i, &f->runs);
		if (err)
			return err;
		f->best = malloc((f->runs.count + 1) * sizeof(*f->best));
		f->vector = malloc((f->runs.count + 1) * sizeof(*f->vector));
		if (!f->best || !f->vector)
			return -ENOMEM;
		err = find_static(c, f);
		if (!err)
			err = collect_loose(c, f, seen);
	}
	if (!err)
		err = place_loose(c);
	for (unsigned int i = 0; i < XS_FAMILIES && !err; i++)
		err = collect_prefixes(c, &families[i]);
	if (!err)
		err = place_rooted(c);
	return err ? err : set_generals(c, general);
}

int xs_compile(const struct xs_condition *condition, size_t count, struct xs_compiled *out)
{
	struct xs_compiled made = { .count = count };
	struct compile c = { .condition = condition, .out = &made };
	struct family families[XS_FAMILIES] = {};
	uint8_t *seen = calloc(count + 1, 1);
	uint32_t *general = malloc(XS_MUX_GENERAL_MAX * sizeof(*general));
	int err = -ENOMEM;

	made.rule = calloc(count + 1, sizeof(*made.rule));
	c.loose = malloc((count + 1) * sizeof(*c.loose));
	c.trees = (struct xs_trees){
		.condition = condition,
		.rule = made.rule,
		.before = malloc((count + 1) * sizeof(*c.trees.before)),
		.nodes.size = sizeof(struct xs_mux_node),
		.vectors.size = sizeof(struct xs_mux_vector),
	};
	if (seen && general && made.rule && c.loose && c.trees.before)
		err = compile(&c, families, general, seen);
	for (unsigned int i = 0; i < XS_FAMILIES; i++) {
		xs_prefix_runs_free(&families[i].runs);
		free(families[i].best);
		free(families[i].vector);
	}
	made.node_count = c.trees.nodes.count;
	made.node = c.trees.nodes.record;
	made.vector_count = c.trees.vectors.count;
	made.vector = c.trees.vectors.record;
	c.trees.nodes.record = c.trees.vectors.record = NULL;
	xs_intern_free(&c.trees.nodes);
	xs_intern_free(&c.trees.vectors);
	free(c.trees.before);
	free(seen);
	free(general);
	free(c.loose);
	free(c.rooted);
	if (err)
		xs_compiled_free(&made);
	else
		*out = made;
	return err;
}

void xs_compiled_free(struct xs_compiled *compiled)
{
	free(compiled->rule);
	free(compiled->page);
	free(compiled->origin);
	free(compiled->node);
	free(compiled->vector);
	free(compiled->general);
	for (unsigned int i = 0; i < XS_MUX_TABLES; i++)
		free(compiled->table[i].prefix);
	*compiled = (struct xs_compiled){ .count = 0 };
}
