/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_policy.c - gives compiled conditions their entries in the maps, and takes the entries back.
 *
 * Always holds: an entry is written only while nothing that a port names leads to it. An id that was given back is
 * reused, and a mux entry zeroed, after a grace period. So what a port names is whole at any moment, also when the
 * agent ends here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/mux_compile.h"
#include "maps/mux_read.h"

enum id_state {
	ID_FREE,
	ID_USED,
	ID_WAITING,
	ID_ADOPTED,
};

/* The entries of one map. */
struct ids {
	uint8_t *state;
	uint32_t size, free, waiting;
	uint32_t low; /* none below is free */
};

enum { IDS_MUX, IDS_RULE, IDS_GENERAL, IDS_COUNT };

static const enum xs_map_id ids_map[IDS_COUNT] = {XS_MAP_mux, XS_MAP_mux_rule, XS_MAP_mux_general};

struct xs_mux_space {
	struct xs_node_maps *maps;
	struct xs_pool *pool;
	struct ids ids[IDS_COUNT];
};

struct xs_policy {
	struct xs_mux_space *space;
	struct xs_table *table;  /* NULL where the blocks are adopted */
	uint32_t adopted_root;
	uint32_t mux;
	uint32_t general_first, general_count;
	size_t count;
	uint32_t rule[]; /* of each condition */
};

/* ---- ids --------------------------------------------------------------------------------------------------------- */

static void set_state(struct ids *ids, uint32_t id, enum id_state state)
{
	ids->free -= ids->state[id] == ID_FREE;
	ids->waiting -= ids->state[id] == ID_WAITING;
	ids->free += state == ID_FREE;
	ids->waiting += state == ID_WAITING;
	if (state == ID_FREE && id < ids->low)
		ids->low = id;
	ids->state[id] = state;
}

static uint32_t take_lowest(struct ids *ids)
{
	while (ids->state[ids->low] != ID_FREE)
		ids->low++;
	set_state(ids, ids->low, ID_USED);
	return ids->low;
}

/* First of `count` neighbours that are free; UINT32_MAX if there are none. */
static uint32_t find_run(const struct ids *ids, uint32_t count)
{
	for (uint32_t first = 0, n = 0; first + count <= ids->size; first += n + 1) {
		for (n = 0; n < count && ids->state[first + n] == ID_FREE; n++)
			;
		if (n == count)
			return first;
	}
	return UINT32_MAX;
}

/* One grace period for all that waits, blocks too. */
static void reclaim(struct xs_mux_space *space)
{
	static const struct xs_mux none;

	xs_pool_wait(space->pool);
	for (int kind = 0; kind < IDS_COUNT; kind++) {
		struct ids *ids = &space->ids[kind];

		for (uint32_t id = 0; id < ids->size && ids->waiting; id++) {
			if (ids->state[id] != ID_WAITING)
				continue;
			if (kind == IDS_MUX)
				xs_node_maps_put(space->maps, XS_MAP_mux, id, &none);
			set_state(ids, id, ID_FREE);
		}
	}
}

static bool has_room(const struct xs_mux_space *space, size_t rules, uint32_t generals)
{
	return space->ids[IDS_MUX].free && space->ids[IDS_RULE].free >= rules &&
	       find_run(&space->ids[IDS_GENERAL], generals) != UINT32_MAX;
}

static int want(struct xs_mux_space *space, size_t rules, uint32_t generals)
{
	if (!has_room(space, rules, generals) &&
	    (space->ids[IDS_MUX].waiting || space->ids[IDS_RULE].waiting || space->ids[IDS_GENERAL].waiting))
		reclaim(space);
	return has_room(space, rules, generals) ? 0 : -ENOSPC;
}

/* ---- the space, and what a former agent left --------------------------------------------------------------------- */

struct moving {
	struct ids *ids;
	enum id_state from, to;
};

static int move_rule(void *context, uint32_t id, const struct xs_mux_rule *rule)
{
	struct moving *m = context;

	if (m->ids->state[id] == m->from)
		set_state(m->ids, id, m->to);
	return 0;
}

/* All entries that belong to a mux entry as it stands. */
static void move_policy(struct xs_mux_space *space, uint32_t mux, const struct xs_mux *entry, enum id_state from,
			enum id_state to)
{
	struct moving moving = {&space->ids[IDS_RULE], from, to};
	struct xs_policy_reader reader = {move_rule, &moving, 0};
	struct ids *generals = &space->ids[IDS_GENERAL];

	/* A reading that fails half-way has met something broken: what it has not met nobody can hold. */
	xs_policy_read(space->maps, entry, &reader);
	for (uint32_t i = 0; i < entry->general_count && i < XS_MUX_GENERAL_MAX; i++)
		if (entry->general_first + i < generals->size && generals->state[entry->general_first + i] == from)
			set_state(generals, entry->general_first + i, to);
	set_state(&space->ids[IDS_MUX], mux, to);
}

static void adopt_ports(struct xs_mux_space *space)
{
	for (uint32_t id = 1; id < space->maps->entries[XS_MAP_port]; id++) {
		struct xs_port port;
		struct xs_mux entry;

		if (xs_node_maps_get(space->maps, XS_MAP_port, id, &port) || !port.mux ||
		    port.mux >= space->ids[IDS_MUX].size || space->ids[IDS_MUX].state[port.mux] != ID_FREE ||
		    xs_node_maps_get(space->maps, XS_MAP_mux, port.mux, &entry))
			continue;
		move_policy(space, port.mux, &entry, ID_FREE, ID_ADOPTED);
		xs_pool_adopt(space->pool, entry.root);
	}
}

struct xs_mux_space *xs_mux_space_new(struct xs_node_maps *maps, struct xs_pool *pool)
{
	struct xs_mux_space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	space->maps = maps;
	space->pool = pool;
	for (int kind = 0; kind < IDS_COUNT; kind++) {
		struct ids *ids = &space->ids[kind];

		ids->size = ids->free = maps->entries[ids_map[kind]];
		ids->state = calloc(ids->size + 1, 1);
		if (!ids->state) {
			xs_mux_space_free(space);
			return NULL;
		}
		if (kind != IDS_GENERAL && ids->size)
			set_state(ids, 0, ID_USED);
	}
	adopt_ports(space);
	return space;
}

void xs_mux_space_free(struct xs_mux_space *space)
{
	if (!space)
		return;
	for (int kind = 0; kind < IDS_COUNT; kind++)
		free(space->ids[kind].state);
	free(space);
}

void xs_mux_space_release(struct xs_mux_space *space, uint32_t mux)
{
	struct xs_mux entry;

	if (!mux || mux >= space->ids[IDS_MUX].size || space->ids[IDS_MUX].state[mux] != ID_ADOPTED ||
	    xs_node_maps_get(space->maps, XS_MAP_mux, mux, &entry))
		return;
	move_policy(space, mux, &entry, ID_ADOPTED, ID_WAITING);
	xs_pool_release(space->pool, entry.root);
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

/* Links by condition become links by id. */
static void give_ids(struct xs_compiled *compiled, const uint32_t *id)
{
	for (size_t i = 0; i < compiled->count; i++) {
		struct xs_mux_rule *rule = &compiled->rule[i];

		rule->next = rule->next ? id[rule->next - 1] : 0;
		rule->shorter = rule->shorter ? id[rule->shorter - 1] : 0;
	}
	for (size_t i = 0; i < compiled->prefix_count; i++)
		compiled->prefix[i].first = id[compiled->prefix[i].first - 1];
	for (size_t i = 0; i < compiled->general_count; i++)
		compiled->general[i].rule = id[compiled->general[i].rule - 1];
}

static int fill_table(struct xs_table *table, const struct xs_compiled *compiled)
{
	int err = 0;

	for (size_t i = 0; i < compiled->prefix_count && !err; i++) {
		const struct xs_compiled_prefix *prefix = &compiled->prefix[i];
		uint32_t address = htonl(prefix->address);

		err = xs_table_set(table, (const uint8_t *)&address, prefix->length, prefix->first);
	}
	return err;
}

static int write_rules(struct xs_policy *policy, const struct xs_compiled *compiled)
{
	int err = 0;

	/* Ids rise with the conditions: neighbours among them are written together. */
	for (size_t i = 0, end; i < policy->count && err >= 0; i = end) {
		for (end = i + 1; end < policy->count && policy->rule[end] == policy->rule[end - 1] + 1; end++)
			;
		err = xs_node_maps_put_many(policy->space->maps, XS_MAP_mux_rule, policy->rule[i], end - i,
					    &compiled->rule[i]);
	}
	return err < 0 ? err : 0;
}

static void drop_ids(struct xs_policy *policy, enum id_state to)
{
	struct ids *ids = policy->space->ids;

	for (size_t i = 0; i < policy->count; i++)
		set_state(&ids[IDS_RULE], policy->rule[i], to);
	for (uint32_t i = 0; i < policy->general_count; i++)
		set_state(&ids[IDS_GENERAL], policy->general_first + i, to);
	set_state(&ids[IDS_MUX], policy->mux, to);
}

static struct xs_policy *policy_new(struct xs_mux_space *space, size_t count)
{
	struct xs_policy *policy = calloc(1, sizeof(*policy) + count * sizeof(policy->rule[0]));

	if (policy) {
		policy->space = space;
		policy->count = count;
	}
	return policy;
}

int xs_policy_build(struct xs_mux_space *space, uint32_t id, const struct xs_condition *condition, size_t count,
		    struct xs_policy **out)
{
	struct xs_compiled compiled = {.count = 0};
	struct xs_policy *policy = NULL;
	struct xs_mux entry = {.id = id};
	int err = xs_compile(condition, count, &compiled);

	if (err)
		return err;
	err = want(space, count, compiled.general_count);
	if (err)
		goto out;
	policy = policy_new(space, count);
	if (!policy) {
		err = -ENOMEM;
		goto out;
	}
	policy->mux = take_lowest(&space->ids[IDS_MUX]);
	for (size_t i = 0; i < count; i++)
		policy->rule[i] = take_lowest(&space->ids[IDS_RULE]);
	policy->general_count = compiled.general_count;
	policy->general_first = find_run(&space->ids[IDS_GENERAL], policy->general_count);
	for (uint32_t i = 0; i < policy->general_count; i++)
		set_state(&space->ids[IDS_GENERAL], policy->general_first + i, ID_USED);
	give_ids(&compiled, policy->rule);

	policy->table = xs_table_new(space->pool, 4);
	err = policy->table ? fill_table(policy->table, &compiled) : -errno;
	if (!err)
		err = write_rules(policy, &compiled);
	if (!err && policy->general_count) {
		err = xs_node_maps_put_many(space->maps, XS_MAP_mux_general, policy->general_first,
					    policy->general_count, compiled.general);
		err = err < 0 ? err : 0;
	}
	if (!err) {
		entry.root = xs_table_root(policy->table);
		entry.general_first = policy->general_count ? policy->general_first : 0;
		entry.general_count = policy->general_count;
		err = xs_node_maps_put(space->maps, XS_MAP_mux, policy->mux, &entry);
		err = err < 0 ? err : 0;
	}
	if (!err) {
		*out = policy;
		policy = NULL;
	}
out:
	if (policy) {
		/* Nothing ever led there. */
		drop_ids(policy, ID_FREE);
		xs_table_free(policy->table);
		free(policy);
	}
	xs_compiled_free(&compiled);
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
	drop_ids(policy, ID_WAITING);
	if (policy->table)
		xs_table_free(policy->table);
	else
		xs_pool_release(policy->space->pool, policy->adopted_root);
	free(policy);
}

/* ---- taking over ------------------------------------------------------------------------------------------------- */

struct found {
	const struct xs_condition *condition;
	size_t count;
	uint32_t *id; /* per condition: its rule, 0: not met */
	struct xs_mux_rule *rule;
};

static int match_rule(void *context, uint32_t id, const struct xs_mux_rule *rule)
{
	struct found *found = context;
	size_t low = 0, high = found->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (found->condition[middle].position < rule->position)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == found->count || found->condition[low].position != rule->position || found->id[low])
		return -ESTALE;
	found->id[low] = id;
	found->rule[low] = *rule;
	found->rule[low].packets = found->rule[low].bytes = 0;
	return 0;
}

static bool same_blocks(const struct xs_block *a, uint32_t in_a, const struct xs_block *b, uint32_t in_b)
{
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++) {
		uint32_t x = a[in_a].entry[i], y = b[in_b].entry[i];

		if ((x & XS_ENTRY_KIND) == XS_ENTRY_BLOCK && (y & XS_ENTRY_KIND) == XS_ENTRY_BLOCK) {
			if (!same_blocks(a, x & XS_ENTRY_INDEX, b, y & XS_ENTRY_INDEX))
				return false;
		} else if (x != y) {
			return false;
		}
	}
	return true;
}

/*
 * Builds the table that the conditions would have, of as many blocks as are there, and compares. 0, -ESTALE, -ENOMEM.
 */
static int compare_table(const struct xs_node_maps *maps, uint32_t root, uint32_t blocks,
			 const struct xs_compiled *compiled)
{
	struct xs_block *aside = calloc(blocks + 1, sizeof(*aside));
	struct xs_pool *pool = aside ? xs_pool_new(aside, blocks + 1, NULL, NULL) : NULL;
	struct xs_table *table = pool ? xs_table_new(pool, 4) : NULL;
	int err = -ENOMEM;

	if (table)
		err = fill_table(table, compiled);
	if (!err && !same_blocks(aside, xs_table_root(table), xs_node_maps_block(maps), root))
		err = -ESTALE;
	xs_table_free(table);
	xs_pool_free(pool);
	free(aside);
	return err == -ENOSPC ? -ESTALE : err;
}

/* Compares all that stands under `entry` with what the conditions compile to; fills id[]. */
static int compare(const struct xs_node_maps *maps, const struct xs_mux *entry, struct found *found,
		   struct xs_compiled *compiled)
{
	struct xs_policy_reader reader = {match_rule, found, 0};
	int err = xs_policy_read(maps, entry, &reader);

	if (err == -ENOMEM)
		return err;
	if (err || !entry->root || entry->general_count != compiled->general_count)
		return -ESTALE;
	for (size_t i = 0; i < found->count; i++)
		if (!found->id[i])
			return -ESTALE;
	give_ids(compiled, found->id);
	if (memcmp(found->rule, compiled->rule, found->count * sizeof(*found->rule)))
		return -ESTALE;
	for (uint32_t i = 0; i < entry->general_count; i++) {
		struct xs_mux_general general;

		if (xs_node_maps_get(maps, XS_MAP_mux_general, entry->general_first + i, &general) ||
		    memcmp(&general, &compiled->general[i], sizeof(general)))
			return -ESTALE;
	}
	return compare_table(maps, entry->root, reader.blocks, compiled);
}

int xs_policy_adopt(struct xs_mux_space *space, uint32_t mux, const struct xs_condition *condition, size_t count,
		    struct xs_policy **out)
{
	struct xs_compiled compiled = {.count = 0};
	struct found found = {condition, count, NULL, NULL};
	struct xs_policy *policy = NULL;
	struct xs_mux entry;
	int err;

	if (!mux || mux >= space->ids[IDS_MUX].size || space->ids[IDS_MUX].state[mux] != ID_ADOPTED ||
	    xs_node_maps_get(space->maps, XS_MAP_mux, mux, &entry))
		return -ESTALE;
	err = xs_compile(condition, count, &compiled);
	if (err)
		return err;
	policy = policy_new(space, count);
	found.rule = calloc(count + 1, sizeof(*found.rule));
	if (!policy || !found.rule) {
		err = -ENOMEM;
		goto out;
	}
	found.id = policy->rule;
	err = compare(space->maps, &entry, &found, &compiled);
	if (err)
		goto out;
	policy->mux = mux;
	policy->adopted_root = entry.root;
	policy->general_first = entry.general_first;
	policy->general_count = entry.general_count;
	drop_ids(policy, ID_USED);
	*out = policy;
	policy = NULL;
out:
	free(policy);
	free(found.rule);
	xs_compiled_free(&compiled);
	return err;
}
