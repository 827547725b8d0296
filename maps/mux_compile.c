/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_compile.c - from conditions to nodes, pages, prefixes and general conditions.
 *
 * What is chosen at a prefix is a tree of nodes (contract.h, struct xs_mux_node), built from its ends, and equal nodes are
 * made once: so prefixes whose conditions stand in the same lists share theirs. Then rules get slots: those of prefixes
 * with a cell where that cell is, the others in pages of rules that share a node.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/mux_compile.h"

#define NODES_PER_PREFIX_MAX 1024 /* several cells over one address ask each after each: an end to that */

/* A prefix with cells, until it has its page. */
struct rooted {
	uint32_t node, cell;
	uint32_t prefix; /* in out->prefix[family] */
	uint8_t family, choices; /* conditions that are counted in the page, at most XS_PAGE_RULES */
	uint32_t choice[XS_PAGE_RULES];
};

/* A rule without a place of its own so far: its page is led by `node`. */
struct loose {
	uint32_t node, condition;
};

struct compile {
	const struct xs_condition *condition;
	struct xs_compiled *out;
	uint32_t *before;    /* per condition: general conditions at smaller positions */
	uint32_t *bucket;    /* nodes by content: number of the first + 1 */
	uint32_t *following; /* per node: next in its bucket */
	size_t buckets, node_room, page_room, budget;
	struct rooted *rooted;
	size_t rooted_count;
	struct loose *loose;
	size_t loose_count;
};

/* ---- nodes ----------------------------------------------------------------------------------------------------------- */

static uint32_t hash_of(const struct xs_mux_node *node)
{
	uint32_t word[sizeof(*node) / sizeof(uint32_t)];
	uint64_t hash = 0;

	memcpy(word, node, sizeof(word));
	for (size_t i = 0; i < sizeof(word) / sizeof(*word); i++) {
		hash = (hash ^ word[i]) * 0xd6e8feb86659fd93ull;
		hash ^= hash >> 32;
	}
	return hash;
}

static int rehash(struct compile *c, size_t room)
{
	size_t buckets = room * 2;
	uint32_t *bucket = calloc(buckets, sizeof(*bucket)), *following;
	struct xs_mux_node *node = realloc(c->out->node, room * sizeof(*node));

	if (node)
		c->out->node = node;
	following = realloc(c->following, room * sizeof(*following));
	if (following)
		c->following = following;
	if (!bucket || !node || !following) {
		free(bucket);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < c->out->node_count; i++) {
		uint32_t *head = &bucket[hash_of(&node[i]) % buckets];

		following[i] = *head;
		*head = i + 1;
	}
	free(c->bucket);
	c->bucket = bucket;
	c->buckets = buckets;
	c->node_room = room;
	return 0;
}

/* The number of the node with this content. */
static int node_of(struct compile *c, const struct xs_mux_node *content, uint32_t *number)
{
	struct xs_compiled *out = c->out;
	uint32_t *head;
	int err = 0;

	if (!c->budget--)
		return -E2BIG;
	if (out->node_count == c->node_room)
		err = rehash(c, c->node_room ? 2 * c->node_room : 64);
	if (err)
		return err;
	head = &c->bucket[hash_of(content) % c->buckets];
	for (uint32_t at = *head; at; at = c->following[at - 1]) {
		if (!memcmp(&out->node[at - 1], content, sizeof(*content))) {
			*number = at;
			return 0;
		}
	}
	out->node[out->node_count] = *content;
	c->following[out->node_count] = *head;
	*head = *number = ++out->node_count;
	return 0;
}

/* A node that chooses condition i, always; `rule` as in struct xs_mux_node. */
static int end_node(struct compile *c, uint32_t i, uint32_t rule, uint32_t *number)
{
	const struct xs_mux_node content = {
		.slice = c->condition[i].slice,
		.vport = c->condition[i].vport,
		.rule = rule,
		.before = c->before[i],
	};

	return node_of(c, &content, number);
}

/* ---- pages ----------------------------------------------------------------------------------------------------------- */

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
	out->page[out->page_count] = (struct xs_mux_page){node, cell};
	out->origin[out->page_count] = (struct xs_mux_origin){.next = 0};
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
	c->loose[c->loose_count++] = (struct loose){node, condition};
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
	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->cell != y->cell)
		return x->cell < y->cell ? -1 : 1;
	return x->prefix < y->prefix ? -1 : x->prefix > y->prefix;
}

/* Slots between two choices of a rooted prefix: a page holds that many of such prefixes. */
static uint32_t spread(uint32_t choices)
{
	uint32_t slots = XS_PAGE_RULES;

	for (uint32_t n = 1; n < choices; n *= 2)
		slots /= 2;
	return slots;
}

/* Prefixes to pages by the cells that their first questions ask for: those of neighbours lie together. */
static int place_rooted(struct compile *c)
{
	const struct rooted *before = NULL;

	qsort(c->rooted, c->rooted_count, sizeof(*c->rooted), by_cell);
	for (size_t i = 0; i < c->rooted_count; i++) {
		const struct rooted *r = &c->rooted[i];
		uint32_t slots = spread(r->choices), rule;

		if (!before || r->node != before->node || r->family != before->family || r->cell == before->cell ||
		    r->cell / slots != before->cell / slots) {
			int err = page_new(c, r->node, r->cell - r->cell % slots);

			if (err)
				return err;
		}
		rule = XS_RULE(c->out->page_count, r->cell % slots);
		c->out->prefix[r->family][r->prefix].rule = rule;
		for (uint32_t k = 0; k < r->choices; k++)
			place(c, r->choice[k], rule + k * slots);
		before = r;
	}
	return 0;
}

/* ---- what is chosen at a prefix with cells ---------------------------------------------------------------------------- */

#define NOTHING UINT32_MAX /* no condition */

/* Conditions that bear cells, by position; all before the best one without. */
struct asked {
	uint32_t count;
	uint32_t condition[XS_MUX_WALK_MAX];
};

static bool same_cells(const struct xs_condition *a, const struct xs_condition *b)
{
	return a->vm_cell == b->vm_cell && a->group_cell == b->group_cell;
}

/* Those of slices that the list names for the first time, of the first one's cell: all that can be chosen by it. */
static uint32_t answers(const struct compile *c, const struct asked *asked, uint32_t *answer)
{
	const struct xs_condition *first = &c->condition[asked->condition[0]];
	uint32_t count = 0;

	for (uint32_t i = 0; i < asked->count; i++) {
		const struct xs_condition *this = &c->condition[asked->condition[i]];
		bool known = !same_cells(this, first);

		for (uint32_t k = 0; k < count && !known; k++)
			known = c->condition[answer[k]].slice == this->slice;
		if (!known)
			answer[count++] = asked->condition[i];
	}
	return count;
}

/* What is left to be asked once the first one's cell is known, and once condition `best` is what is to be beaten. */
static void remaining(const struct compile *c, const struct asked *asked, uint32_t best, struct asked *left)
{
	const struct xs_condition *first = &c->condition[asked->condition[0]];

	left->count = 0;
	for (uint32_t i = 0; i < asked->count; i++)
		if (!same_cells(&c->condition[asked->condition[i]], first) && asked->condition[i] < best)
			left->condition[left->count++] = asked->condition[i];
}

/* The rule of each condition is known already: several cells over one address, each node is this prefix' own. */
static int tree_of_many(struct compile *c, const struct asked *asked, uint32_t best, uint32_t *number)
{
	uint32_t answer[XS_MUX_WALK_MAX], count, next = 0;
	struct asked left;
	int err;

	*number = 0;
	if (!asked->count)
		return best == NOTHING ? 0 : end_node(c, best, c->out->rule[best], number);
	count = answers(c, asked, answer);
	remaining(c, asked, best, &left);
	err = tree_of_many(c, &left, best, &next);
	while (count-- && !err) {
		const struct xs_condition *this = &c->condition[answer[count]];
		struct xs_mux_node node = {
			.cell = this->vm_cell, .group = this->group_cell, .named = this->slice, .other = next,
		};

		remaining(c, asked, answer[count], &left);
		err = tree_of_many(c, &left, answer[count], &node.then);
		if (!err)
			err = node_of(c, &node, &next);
	}
	*number = next;
	return err;
}

/* One cell, that of the leaf's slot: nodes that any prefix with conditions in the same lists shares. */
static int tree_of_one(struct compile *c, const uint32_t *answer, uint32_t count, uint32_t best, uint32_t *number)
{
	uint32_t slots = spread(count), next = 0;
	int err = best == NOTHING ? 0 : end_node(c, best, c->out->rule[best], &next);

	while (count-- && !err) {
		const struct xs_condition *this = &c->condition[answer[count]];
		const struct xs_mux_node node = {
			.group = this->group_cell,
			.named = this->slice,
			.slice = this->slice,
			.vport = this->vport,
			.rule = count * slots,
			.other = next,
			.before = c->before[answer[count]],
		};

		err = node_of(c, &node, &next);
	}
	*number = next;
	return err;
}

/* One cell, and no more to be chosen than a page has room for: how many; else 0. */
static uint32_t answers_of_one(const struct compile *c, const struct asked *asked, uint32_t *answer)
{
	const struct xs_condition *first = &c->condition[asked->condition[0]];
	uint32_t count = answers(c, asked, answer);

	for (uint32_t i = 1; i < asked->count; i++)
		if (!same_cells(&c->condition[asked->condition[i]], first))
			return 0;
	return count <= XS_PAGE_RULES ? count : 0;
}

/* ---- prefixes -------------------------------------------------------------------------------------------------------- */

/* One family's prefixes, and what is the best condition without a cell over the addresses of each. */
struct family {
	unsigned int family;
	struct xs_prefix_runs runs;
	uint32_t *best;
};

/* Of the run's conditions those that bear a cell and stand before the best without one. */
static int ask(const struct compile *c, const struct family *f, size_t number, struct asked *asked)
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

static void find_best(const struct compile *c, struct family *f)
{
	for (size_t i = 0; i < f->runs.count; i++) {
		const struct xs_prefix_run *run = &f->runs.run[i];

		f->best[i] = run->cover ? f->best[run->cover - 1] : NOTHING;
		for (uint32_t k = 0; k < run->count; k++) {
			uint32_t condition = f->runs.member[run->first + k];

			if (!c->condition[condition].vm_cell && condition < f->best[i])
				f->best[i] = condition;
		}
	}
}

/* First pass: each condition that is chosen without being asked for, or by nodes that only one prefix has. */
static int collect_loose(struct compile *c, const struct family *f, uint8_t *seen)
{
	for (size_t i = 0; i < f->runs.count; i++) {
		uint32_t best = f->best[i], node = 0, answer[XS_MUX_WALK_MAX];
		struct asked asked;
		int err = ask(c, f, i, &asked);

		if (!err && best != NOTHING && !seen[best]) {
			c->budget = 1;
			err = end_node(c, best, 0, &node);
			seen[best] = 1;
			add_loose(c, best, node);
		}
		if (err)
			return err;
		if (!asked.count || answers_of_one(c, &asked, answer))
			continue;
		for (uint32_t k = 0; k < asked.count; k++) {
			if (!seen[asked.condition[k]])
				add_loose(c, asked.condition[k], 0);
			seen[asked.condition[k]] = 1;
		}
	}
	return 0;
}

static int root_prefix(struct compile *c, const struct family *f, size_t number, const struct asked *asked, uint32_t prefix)
{
	struct rooted *r = &c->rooted[c->rooted_count++];
	uint32_t answer[XS_MUX_WALK_MAX], count;

	*r = (struct rooted){.prefix = prefix, .family = f->family};
	c->budget = NODES_PER_PREFIX_MAX;
	count = answers_of_one(c, asked, answer);
	if (!count)
		return tree_of_many(c, asked, f->best[number], &r->node);
	r->cell = c->condition[answer[0]].vm_cell;
	r->choices = count;
	memcpy(r->choice, answer, count * sizeof(*answer));
	return tree_of_one(c, answer, count, f->best[number], &r->node);
}

/* Second pass: where each prefix leads. One that leads where the next shorter one does is left out. */
static int collect_prefixes(struct compile *c, const struct family *f)
{
	struct xs_compiled *out = c->out;

	for (size_t i = 0; i < f->runs.count; i++) {
		const struct xs_prefix_run *run = &f->runs.run[i];
		struct xs_compiled_prefix *prefix = &out->prefix[f->family][out->prefix_count[f->family]];
		struct asked asked;
		int err = ask(c, f, i, &asked);

		if (err)
			return err;
		*prefix = (struct xs_compiled_prefix){.length = run->length};
		memcpy(prefix->address, run->address, sizeof(prefix->address));
		if (asked.count)
			err = root_prefix(c, f, i, &asked, out->prefix_count[f->family]);
		else if (f->best[i] != NOTHING && (!run->cover || f->best[run->cover - 1] != f->best[i]))
			prefix->rule = out->rule[f->best[i]];
		else
			continue;
		if (err)
			return err;
		out->prefix_count[f->family]++;
	}
	return 0;
}

/* ---- general conditions ---------------------------------------------------------------------------------------------- */

static void set_masked(union xs_wire_address *address, union xs_wire_address *mask, const uint8_t *from, unsigned int length)
{
	for (unsigned int i = 0; i < length; i++)
		mask->byte[i / 8] |= 0x80 >> i % 8;
	for (unsigned int i = 0; i < sizeof(mask->byte); i++)
		address->byte[i] = from[i] & mask->byte[i];
}

static void set_general(const struct compile *c, uint32_t index, struct xs_mux_general *g)
{
	const struct xs_condition *from = &c->condition[index];

	memset(g, 0, sizeof(*g));
	set_masked(&g->destination, &g->destination_mask, from->destination, from->destination_length);
	set_masked(&g->source, &g->source_mask, from->source, from->source_length);
	for (unsigned int family = 0; family < XS_FAMILIES; family++)
		g->families |= xs_condition_of(from, family) << family;
	g->fields = from->fields;
	g->slice = from->slice;
	g->vport = from->vport;
	g->vm_cell = from->vm_cell;
	g->group_cell = from->group_cell;
	g->rule = c->out->rule[index];
	/* What is not tested stays zero, so equal conditions are equal bytes. */
	if (from->fields & XS_GENERAL_PROTOCOL)
		g->protocol = from->protocol;
	if (from->fields & XS_GENERAL_SOURCE_PORT)
		memcpy(g->source_port, from->source_port, sizeof(g->source_port));
	if (from->fields & XS_GENERAL_DESTINATION_PORT)
		memcpy(g->destination_port, from->destination_port, sizeof(g->destination_port));
	if (from->fields & XS_GENERAL_DSCP)
		for (unsigned int d = from->dscp[0]; d <= from->dscp[1] && d < 64; d++)
			g->dscp |= 1ull << d;
	if (from->fields & XS_GENERAL_INPUT_PORT)
		g->input_port = from->input_port;
}

/* Each gets a rule, in pages that no leaf names; all know how many stand before them. */
static int collect_generals(struct compile *c)
{
	uint32_t count = 0;

	for (size_t i = 0; i < c->out->count; i++) {
		const struct xs_condition *this = &c->condition[i];

		c->before[i] = count;
		if (xs_condition_is_plain(this) || this->family == XS_FAMILY_NEITHER)
			continue;
		if (this->vm_cell && (this->family >= XS_FAMILIES || this->destination_length != XS_FAMILY_BITS(this->family)))
			return -EINVAL;
		if (count++ == XS_MUX_GENERAL_MAX)
			return -E2BIG;
		add_loose(c, i, 0);
	}
	c->out->general_count = count;
	return 0;
}

static void set_generals(struct compile *c)
{
	uint32_t count = 0;

	for (size_t i = 0; i < c->out->count; i++)
		if (!xs_condition_is_plain(&c->condition[i]) && c->condition[i].family != XS_FAMILY_NEITHER)
			set_general(c, i, &c->out->general[count++]);
}

/* ---- all ------------------------------------------------------------------------------------------------------------- */

static int compile(struct compile *c, struct family *families, uint8_t *seen)
{
	int err = collect_generals(c);

	for (unsigned int i = 0; i < XS_FAMILIES && !err; i++) {
		struct family *f = &families[i];

		f->family = i;
		err = xs_prefix_runs(c->condition, c->out->count, i, &f->runs);
		if (err)
			return err;
		f->best = malloc((f->runs.count + 1) * sizeof(*f->best));
		c->out->prefix[i] = malloc((f->runs.count + 1) * sizeof(*c->out->prefix[i]));
		if (!f->best || !c->out->prefix[i])
			return -ENOMEM;
		find_best(c, f);
		err = collect_loose(c, f, seen);
	}
	if (!err)
		err = place_loose(c);
	for (unsigned int i = 0; i < XS_FAMILIES && !err; i++)
		err = collect_prefixes(c, &families[i]);
	if (!err)
		err = place_rooted(c);
	if (!err)
		set_generals(c);
	return err;
}

int xs_compile(const struct xs_condition *condition, size_t count, struct xs_compiled *out)
{
	struct xs_compiled made = {.count = count};
	struct compile c = {.condition = condition, .out = &made};
	struct family families[XS_FAMILIES] = {};
	uint8_t *seen = calloc(count + 1, 1);
	int err = -ENOMEM;

	made.rule = calloc(count + 1, sizeof(*made.rule));
	c.before = malloc((count + 1) * sizeof(*c.before));
	c.loose = malloc((count + 1) * sizeof(*c.loose));
	/* A prefix with cells has a condition of its own, of one family. */
	c.rooted = malloc((count + 1) * sizeof(*c.rooted));
	if (seen && made.rule && c.before && c.loose && c.rooted)
		err = compile(&c, families, seen);
	for (unsigned int i = 0; i < XS_FAMILIES; i++) {
		xs_prefix_runs_free(&families[i].runs);
		free(families[i].best);
	}
	free(seen);
	free(c.before);
	free(c.loose);
	free(c.rooted);
	free(c.bucket);
	free(c.following);
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
	for (unsigned int i = 0; i < XS_FAMILIES; i++)
		free(compiled->prefix[i]);
	*compiled = (struct xs_compiled){.count = 0};
}
