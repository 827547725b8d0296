/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_policy.c - gives compiled conditions their entries in the maps, takes the entries back, and takes over those that
 * a former agent left.
 *
 * Always holds: an entry is written only while nothing that a port names leads to it. So what a port names is whole at
 * any moment, also when the agent ends here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/mux_compile.h"
#include "maps/mux_read.h"
#include "maps/mux_space.h"
#include "maps/table_walk.h"

struct xs_policy {
	struct xs_mux_space *space;
	struct xs_table *table[XS_MUX_TABLES]; /* NULL: it has no prefix, or its blocks are adopted */
	uint32_t mux;
	struct xs_mux entry; /* as it stands there */
	bool adopted;        /* entry.root are a former agent's blocks */
	struct xs_policy_size size;
	uint32_t *page, *node; /* numbers in the maps, of the compiled ones from 1 on */
	size_t count;
	uint32_t rule[]; /* of each condition */
};

static struct xs_policy_size size_of(const struct xs_compiled *compiled)
{
	return (struct xs_policy_size){
		.pages = compiled->page_count,
		.nodes = compiled->node_count,
		.vectors = compiled->vector_count,
		.generals = compiled->general_count,
	};
}

static struct xs_policy *policy_new(struct xs_mux_space *space, const struct xs_compiled *compiled)
{
	size_t count = compiled->count;
	struct xs_policy *policy = calloc(1, sizeof(*policy) + count * sizeof(policy->rule[0]));

	if (!policy)
		return NULL;
	policy->space = space;
	policy->count = count;
	policy->size = size_of(compiled);
	policy->page = calloc(policy->size.pages + 1, sizeof(*policy->page));
	policy->node = calloc(policy->size.nodes + 1, sizeof(*policy->node));
	if (policy->page && policy->node)
		return policy;
	free(policy->page);
	free(policy->node);
	free(policy);
	return NULL;
}

static void policy_delete(struct xs_policy *policy)
{
	for (int table = 0; table < XS_MUX_TABLES; table++)
		xs_table_free(policy->table[table]);
	free(policy->page);
	free(policy->node);
	free(policy);
}

static void set_ids(struct xs_policy *policy, enum xs_id_state to)
{
	struct xs_ids *ids = policy->space->ids;

	for (uint32_t i = 1; i <= policy->size.pages; i++)
		xs_ids_set(&ids[XS_IDS_PAGE], policy->page[i], to);
	for (uint32_t i = 1; i <= policy->size.nodes; i++)
		xs_ids_set(&ids[XS_IDS_NODE], policy->node[i], to);
	for (uint32_t i = 0; i < policy->size.vectors; i++)
		xs_ids_set(&ids[XS_IDS_VECTOR], policy->entry.vector_first + i, to);
	for (uint32_t i = 0; i < policy->size.generals; i++)
		xs_ids_set(&ids[XS_IDS_GENERAL], policy->entry.general_first + i, to);
	xs_ids_set(&ids[XS_IDS_MUX], policy->mux, to);
}

int xs_policy_measure(const struct xs_condition *condition, size_t count, struct xs_policy_size *out)
{
	struct xs_compiled compiled;
	int err = xs_compile(condition, count, &compiled);

	if (err)
		return err;
	*out = size_of(&compiled);
	xs_compiled_free(&compiled);
	return 0;
}

/* ---- from compiled numbers to the maps' -------------------------------------------------------------------------- */

/* Slots stay; so do distances between slots, which name no page. */
static uint32_t rule_in_map(const struct xs_policy *policy, uint32_t rule)
{
	return rule < XS_PAGE_RULES ? rule : XS_RULE(policy->page[rule >> XS_RULE_BITS], rule & XS_RULE_SLOT);
}

static uint32_t vector_in_map(const struct xs_policy *policy, uint32_t vector)
{
	return vector ? policy->entry.vector_first + vector - 1 : 0;
}

static struct xs_mux_node node_in_map(const struct xs_policy *policy, const struct xs_mux_node *compiled)
{
	struct xs_mux_node node = *compiled;

	node.rule = rule_in_map(policy, node.rule);
	node.then = policy->node[node.then];
	node.other = policy->node[node.other];
	node.vector = vector_in_map(policy, node.vector);
	return node;
}

static struct xs_mux_page page_in_map(const struct xs_policy *policy, const struct xs_mux_page *compiled)
{
	return (struct xs_mux_page){ policy->node[compiled->node], compiled->cell };
}

static struct xs_mux_origin origin_in_map(const struct xs_policy *policy, const struct xs_mux_origin *compiled)
{
	struct xs_mux_origin origin = *compiled;

	origin.next = policy->page[origin.next];
	return origin;
}

static struct xs_mux_general general_in_map(const struct xs_policy *policy, const struct xs_mux_general *compiled)
{
	struct xs_mux_general general = *compiled;

	general.rule = rule_in_map(policy, general.rule);
	return general;
}

static void set_rules(struct xs_policy *policy, const struct xs_compiled *compiled)
{
	for (size_t i = 0; i < policy->count; i++)
		policy->rule[i] = rule_in_map(policy, compiled->rule[i]);
}

static uint32_t leaf_in_map(const struct xs_policy *policy, unsigned int table, uint32_t leaf)
{
	return table < XS_MUX_SOURCE ? rule_in_map(policy, leaf) : vector_in_map(policy, leaf);
}

static int fill_table(const struct xs_policy *policy, struct xs_table *to, const struct xs_compiled *compiled,
		      unsigned int table)
{
	int err = 0;

	for (size_t i = 0; i < compiled->table[table].count && err >= 0; i++) {
		const struct xs_compiled_prefix *prefix = &compiled->table[table].prefix[i];

		err = xs_table_set(to, prefix->address, prefix->length, leaf_in_map(policy, table, prefix->leaf));
	}
	return err < 0 ? err : 0;
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

static uint32_t take_run(struct xs_ids *ids, uint32_t count)
{
	uint32_t first = count ? xs_ids_find_run(ids, count) : 0;

	for (uint32_t i = 0; i < count; i++)
		xs_ids_set(ids, first + i, XS_ID_USED);
	return first;
}

static void take_ids(struct xs_policy *policy)
{
	struct xs_ids *ids = policy->space->ids;

	policy->mux = xs_ids_take(&ids[XS_IDS_MUX]);
	for (uint32_t i = 1; i <= policy->size.pages; i++)
		policy->page[i] = xs_ids_take(&ids[XS_IDS_PAGE]);
	for (uint32_t i = 1; i <= policy->size.nodes; i++)
		policy->node[i] = xs_ids_take(&ids[XS_IDS_NODE]);
	policy->entry.page = policy->page[policy->size.pages ? 1 : 0];
	policy->entry.vector_count = policy->size.vectors;
	policy->entry.vector_first = take_run(&ids[XS_IDS_VECTOR], policy->size.vectors);
	policy->entry.general_count = policy->size.generals;
	policy->entry.general_first = take_run(&ids[XS_IDS_GENERAL], policy->size.generals);
}

/* Numbers rise: neighbours among them are written together. values: entry i is for number[i]. */
static int write_entries(struct xs_policy *policy, enum xs_map_id map, const uint32_t *number, uint32_t count,
			 const void *values)
{
	size_t size = xs_map_info(map)->value_size;
	int err = 0;

	for (uint32_t i = 0, end; i < count && err >= 0; i = end) {
		for (end = i + 1; end < count && number[end] == number[end - 1] + 1; end++)
			;
		err = xs_node_maps_put_many(policy->space->maps, map, number[i], end - i,
					    (const char *)values + i * size);
	}
	return err < 0 ? err : 0;
}

/* What general conditions need. Entry 0 of the vectors is the same for all policies. */
static int write_generals(struct xs_policy *policy, const struct xs_compiled *compiled)
{
	struct xs_node_maps *maps = policy->space->maps;
	struct xs_mux_vector all = { .summary = (1u << XS_VECTOR_WORDS) - 1 };
	int err;

	if (!policy->size.generals)
		return 0;
	memset(all.word, 0xff, sizeof(all.word));
	err = xs_node_maps_put(maps, XS_MAP_mux_vector, 0, &all);
	if (err >= 0)
		err = xs_node_maps_put_many(maps, XS_MAP_mux_vector, policy->entry.vector_first, policy->size.vectors,
					    compiled->vector);
	if (err >= 0)
		err = xs_node_maps_put_many(maps, XS_MAP_mux_general, policy->entry.general_first,
					    policy->size.generals, compiled->general);
	return err < 0 ? err : 0;
}

/* compiled becomes what stands in the maps. */
static int write_all(struct xs_policy *policy, struct xs_compiled *compiled)
{
	uint32_t pages = policy->size.pages;
	struct xs_mux_stats *zero = calloc(pages + 1, sizeof(*zero));
	int err = zero ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < pages; i++) {
		compiled->page[i] = page_in_map(policy, &compiled->page[i]);
		compiled->origin[i] = origin_in_map(policy, &compiled->origin[i]);
	}
	for (uint32_t i = 0; i < policy->size.nodes; i++)
		compiled->node[i] = node_in_map(policy, &compiled->node[i]);
	for (uint32_t i = 0; i < policy->size.generals; i++)
		compiled->general[i] = general_in_map(policy, &compiled->general[i]);
	if (!err)
		err = write_entries(policy, XS_MAP_mux_stats, policy->page + 1, pages, zero);
	if (!err)
		err = write_entries(policy, XS_MAP_mux_origin, policy->page + 1, pages, compiled->origin);
	if (!err)
		err = write_entries(policy, XS_MAP_mux_page, policy->page + 1, pages, compiled->page);
	if (!err)
		err = write_entries(policy, XS_MAP_mux_node, policy->node + 1, policy->size.nodes, compiled->node);
	if (!err)
		err = write_generals(policy, compiled);
	if (!err)
		err = xs_node_maps_put(policy->space->maps, XS_MAP_mux, policy->mux, &policy->entry);
	free(zero);
	return err < 0 ? err : 0;
}

/* What has no prefixes has no table: root 0. */
static int build_tables(struct xs_policy *policy, const struct xs_compiled *compiled)
{
	int err = 0;

	for (unsigned int i = 0; i < XS_MUX_TABLES && !err; i++) {
		if (!compiled->table[i].count)
			continue;
		policy->table[i] = xs_table_new(policy->space->pool, xs_table_bytes(i));
		if (!policy->table[i])
			return -errno;
		err = fill_table(policy, policy->table[i], compiled, i);
		policy->entry.root[i] = xs_table_root(policy->table[i]);
	}
	for (int i = 0; i < 2; i++)
		policy->entry.without_ports[i] = vector_in_map(policy, compiled->without_ports[i]);
	return err;
}

int xs_policy_build(struct xs_mux_space *space, uint32_t id, const struct xs_condition *condition, size_t count,
		    struct xs_policy **out)
{
	struct xs_compiled compiled;
	struct xs_policy *policy;
	int err = xs_compile(condition, count, &compiled);

	if (err)
		return err;
	policy = policy_new(space, &compiled);
	err = policy ? xs_mux_space_want(space, &policy->size) : -ENOMEM;
	if (err)
		goto out;
	policy->entry.id = id;
	take_ids(policy);
	set_rules(policy, &compiled);
	err = build_tables(policy, &compiled);
	if (!err)
		err = write_all(policy, &compiled);
	if (err)
		set_ids(policy, XS_ID_FREE); /* nothing ever led there */
out:
	xs_compiled_free(&compiled);
	if (!err)
		*out = policy;
	else if (policy)
		policy_delete(policy);
	return err;
}

uint32_t xs_policy_mux(const struct xs_policy *policy)
{
	return policy->mux;
}

uint32_t xs_policy_rule(const struct xs_policy *policy, size_t condition)
{
	return condition < policy->count ? policy->rule[condition] : 0;
}

void xs_policy_free(struct xs_policy *policy)
{
	if (!policy)
		return;
	set_ids(policy, XS_ID_WAITING);
	for (int i = 0; policy->adopted && i < XS_MUX_TABLES; i++)
		xs_pool_release(policy->space->pool, policy->entry.root[i]);
	policy_delete(policy);
}

/* ---- taking over ------------------------------------------------------------------------------------------------- */

/* Pages as they are met are the compiled ones, in their order. */
struct meeting {
	struct xs_policy *policy;
	const struct xs_compiled *compiled;
	uint32_t met;
};

/* A compiled number means this one in the map, and no other. */
static bool means(uint32_t *numbers, uint32_t compiled, uint32_t in_map)
{
	if (!compiled || !in_map)
		return compiled == in_map;
	if (!numbers[compiled])
		numbers[compiled] = in_map;
	return numbers[compiled] == in_map;
}

static int meet_page(void *context, uint32_t number, const struct xs_mux_page *page, const struct xs_mux_origin *origin)
{
	struct meeting *meeting = context;
	const struct xs_compiled *compiled = meeting->compiled;
	uint32_t i = meeting->met++;

	if (i == compiled->page_count || compiled->page[i].cell != page->cell ||
	    memcmp(compiled->origin[i].position, origin->position, sizeof(origin->position)) ||
	    !means(meeting->policy->node, compiled->page[i].node, page->node))
		return -ESTALE;
	meeting->policy->page[i + 1] = number;
	return 0;
}

/* What leads to a node comes after it: backwards, each node's number is known when its turn comes. */
static int compare_nodes(struct xs_policy *policy, const struct xs_compiled *compiled)
{
	const struct xs_ids *ids = &policy->space->ids[XS_IDS_NODE];

	for (uint32_t i = compiled->node_count; i--;) {
		uint32_t number = policy->node[i + 1];
		struct xs_mux_node node, wanted;

		if (!number || number >= ids->size || ids->state[number] != XS_ID_ADOPTED ||
		    xs_node_maps_get(policy->space->maps, XS_MAP_mux_node, number, &node) ||
		    !means(policy->node, compiled->node[i].then, node.then) ||
		    !means(policy->node, compiled->node[i].other, node.other))
			return -ESTALE;
		wanted = node_in_map(policy, &compiled->node[i]);
		if (memcmp(&node, &wanted, sizeof(node)))
			return -ESTALE;
	}
	return 0;
}

static int compare_generals(const struct xs_policy *policy, const struct xs_compiled *compiled)
{
	for (int i = 0; i < 2; i++)
		if (policy->entry.without_ports[i] != vector_in_map(policy, compiled->without_ports[i]))
			return -ESTALE;
	for (uint32_t i = 0; i < compiled->vector_count; i++) {
		struct xs_mux_vector vector;

		if (xs_node_maps_get(policy->space->maps, XS_MAP_mux_vector, policy->entry.vector_first + i, &vector) ||
		    memcmp(&vector, &compiled->vector[i], sizeof(vector)))
			return -ESTALE;
	}
	for (uint32_t i = 0; i < compiled->general_count; i++) {
		struct xs_mux_general general, wanted = general_in_map(policy, &compiled->general[i]);

		if (xs_node_maps_get(policy->space->maps, XS_MAP_mux_general, policy->entry.general_first + i,
				     &general) ||
		    memcmp(&general, &wanted, sizeof(general)))
			return -ESTALE;
	}
	return 0;
}

static void no_readers(void *context)
{
}

/*
 * Builds the table that the conditions would have, of no more blocks than are in use, and compares. 0, -ESTALE, -ENOMEM. There
 * are more guards than are in use, since one that is replaced goes only after the other has come.
 */
static int compare_table(const struct xs_policy *policy, const struct xs_compiled *compiled, unsigned int i)
{
	const struct xs_pool *in_use = policy->space->pool;
	struct xs_tables in_force = xs_node_maps_tables(policy->space->maps);
	struct xs_tables aside = {.blocks = xs_pool_used(in_use) + 1, .guards = xs_pool_guards_used(in_use) + 16};
	uint32_t root = policy->entry.root[i];
	struct xs_table *table = NULL;
	struct xs_pool *pool = NULL;
	int err = -ENOMEM;

	if (!root || !compiled->table[i].count)
		return root || compiled->table[i].count ? -ESTALE : 0;
	if (!in_force.guards)
		aside.guards = 0;
	aside.block = calloc(aside.blocks, sizeof(*aside.block));
	aside.sieve = calloc(aside.blocks, sizeof(*aside.sieve));
	aside.guard = calloc(aside.guards + 1, sizeof(*aside.guard));
	if (aside.block && aside.sieve && aside.guard)
		pool = xs_pool_new(aside, no_readers, NULL);
	if (pool) {
		table = xs_table_new(pool, xs_table_bytes(i));
		err = table ? fill_table(policy, table, compiled, i) : -errno;
	}
	if (!err && !xs_tables_equal(&aside, xs_table_root(table), &in_force, root))
		err = -ESTALE;
	xs_table_free(table);
	xs_pool_free(pool);
	free(aside.block);
	free(aside.sieve);
	free(aside.guard);
	return err == -ENOSPC ? -ESTALE : err;
}

/* Compares all that stands under policy->entry with what the conditions compile to; fills the policy's numbers. */
static int compare(struct xs_policy *policy, const struct xs_compiled *compiled)
{
	struct meeting meeting = { policy, compiled, 0 };
	const struct xs_policy_reader reader = { meet_page, NULL, &meeting };
	int err = xs_policy_read(policy->space->maps, &policy->entry, &reader);

	if (err == -ENOMEM)
		return err;
	if (err || meeting.met != compiled->page_count || policy->entry.general_count != compiled->general_count ||
	    policy->entry.vector_count != compiled->vector_count)
		return -ESTALE;
	err = compare_nodes(policy, compiled);
	if (!err)
		err = compare_generals(policy, compiled);
	for (unsigned int i = 0; i < XS_MUX_TABLES && !err; i++)
		err = compare_table(policy, compiled, i);
	return err;
}

int xs_policy_adopt(struct xs_mux_space *space, uint32_t mux, const struct xs_condition *condition, size_t count,
		    struct xs_policy **out)
{
	struct xs_compiled compiled;
	struct xs_policy *policy;
	int err;

	if (!mux || mux >= space->ids[XS_IDS_MUX].size || space->ids[XS_IDS_MUX].state[mux] != XS_ID_ADOPTED)
		return -ESTALE;
	err = xs_compile(condition, count, &compiled);
	if (err)
		return err;
	policy = policy_new(space, &compiled);
	err = policy ? xs_node_maps_get(space->maps, XS_MAP_mux, mux, &policy->entry) : -ENOMEM;
	if (!err) {
		policy->mux = mux;
		policy->adopted = true;
		err = compare(policy, &compiled);
	}
	if (!err) {
		set_rules(policy, &compiled);
		set_ids(policy, XS_ID_USED);
		*out = policy;
	} else if (policy) {
		policy_delete(policy);
	}
	xs_compiled_free(&compiled);
	return err;
}
