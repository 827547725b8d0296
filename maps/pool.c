/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool.c - hands out the blocks and guards of a node and takes them back.
 *
 * Always holds: each is in exactly one state; one that was given back is not written until a grace period has passed
 * since, of which one serves all that wait. The free ones are those on the stack and those at or above `fresh` that
 * were not adopted.
 */
#include <stdlib.h>
#include <string.h>

#include "maps/grace.h"
#include "maps/pool.h"
#include "maps/sieve.h"

enum unit_state {
	UNIT_FREE,
	UNIT_USED,
	UNIT_WAITING,
	UNIT_ADOPTED,
	UNIT_STATE = 0x7f,
	UNIT_PASSED = 0x80, /* adopted ahead of `fresh`, which steps over it, whatever has become of it since */
};

#define LEVELS_MAX 16 /* of a table for IPv6 */

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Large and zeroed: the kernel gives memory for what is touched only. */
static bool units_init(struct xs_units *units, uint32_t size)
{
	units->size = size;
	units->fresh = 1;
	units->state = calloc((size_t)size + 1, sizeof(*units->state));
	units->stack = calloc((size_t)size + 1, sizeof(*units->stack));
	return units->state && units->stack;
}

static enum unit_state state_of(const struct xs_units *units, uint32_t unit)
{
	return units->state[unit] & UNIT_STATE;
}

static void set_state(struct xs_units *units, uint32_t unit, enum unit_state state)
{
	units->state[unit] = (units->state[unit] & UNIT_PASSED) | state;
}

static uint32_t free_units(const struct xs_units *units)
{
	uint32_t ahead = units->size > units->fresh ? units->size - units->fresh : 0;

	return units->recycled + ahead - units->adopted_ahead;
}

static uint32_t take_unit(struct xs_units *units)
{
	uint32_t unit;

	if (units->recycled) {
		unit = units->stack[--units->recycled];
	} else {
		for (; units->state[units->fresh] & UNIT_PASSED; units->fresh++)
			units->adopted_ahead--;
		unit = units->fresh++;
	}
	set_state(units, unit, UNIT_USED);
	units->used++;
	return unit;
}

/* Both ends of the stack together never hold more than there are units. */
static void let_wait(struct xs_units *units, uint32_t unit)
{
	set_state(units, unit, UNIT_WAITING);
	units->used--;
	units->stack[units->size - ++units->waiting] = unit;
}

static void free_waiting(struct xs_units *units)
{
	while (units->waiting) {
		uint32_t unit = units->stack[units->size - units->waiting--];

		set_state(units, unit, UNIT_FREE);
		units->stack[units->recycled++] = unit;
	}
}

/*
 * Moves one from a state to waiting, or to adopted. What stands in a map that a former agent wrote is not trusted:
 * numbers are bounded, and as one changes its state when it is first met, none is met twice. False: this is not one of
 * them.
 */
static bool move_unit(struct xs_units *units, uint32_t unit, enum unit_state from, enum unit_state to)
{
	if (!unit || unit >= units->size || state_of(units, unit) != from)
		return false;
	if (to != UNIT_ADOPTED) {
		let_wait(units, unit);
		return true;
	}
	if (unit < units->fresh)
		return false; /* not free but recycled: none of a former agent's */
	units->state[unit] = UNIT_PASSED | UNIT_ADOPTED;
	units->used++;
	units->adopted_ahead++;
	return true;
}

/* ---- the pool ---------------------------------------------------------------------------------------------------- */

struct xs_pool *xs_pool_new(struct xs_tables tables, void (*grace)(void *context), void *context)
{
	struct xs_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->tables = tables;
	pool->grace = grace;
	pool->context = context;
	pool->shadow = calloc((size_t)tables.blocks + 1, sizeof(*pool->shadow));
	pool->form = calloc((size_t)tables.blocks + 1, sizeof(*pool->form));
	pool->under = calloc((size_t)tables.blocks + 1, sizeof(*pool->under));
	if (!units_init(&pool->blocks, tables.blocks) || !units_init(&pool->guards, tables.guards) || !pool->shadow ||
	    !pool->form || !pool->under) {
		xs_pool_free(pool);
		return NULL;
	}
	return pool;
}

void xs_pool_free(struct xs_pool *pool)
{
	if (!pool)
		return;
	free(pool->shadow);
	free(pool->form);
	free(pool->under);
	free(pool->blocks.state);
	free(pool->blocks.stack);
	free(pool->guards.state);
	free(pool->guards.stack);
	free(pool);
}

uint32_t xs_pool_size(const struct xs_pool *pool)
{
	return pool->blocks.size;
}

uint32_t xs_pool_used(const struct xs_pool *pool)
{
	return pool->blocks.used;
}

uint32_t xs_pool_guards(const struct xs_pool *pool)
{
	return pool->guards.size;
}

uint32_t xs_pool_guards_used(const struct xs_pool *pool)
{
	return pool->guards.used;
}

uint64_t xs_pool_writes(const struct xs_pool *pool)
{
	return pool->writes;
}

size_t xs_pool_memory(const struct xs_pool *pool)
{
	size_t unit = sizeof(*pool->blocks.state) + sizeof(*pool->blocks.stack);

	return pool->blocks.used * (unit + sizeof(*pool->shadow) + sizeof(*pool->form) + sizeof(*pool->under)) +
	       pool->guards.used * unit;
}

void xs_pool_wait(struct xs_pool *pool)
{
	if (pool->grace)
		pool->grace(pool->context);
	else
		xs_grace();
	free_waiting(&pool->blocks);
	free_waiting(&pool->guards);
}

static bool has(const struct xs_pool *pool, uint32_t blocks, uint32_t guards)
{
	return free_units(&pool->blocks) >= blocks && free_units(&pool->guards) >= guards;
}

bool xs_pool_want(struct xs_pool *pool, uint32_t blocks, uint32_t guards)
{
	if (!has(pool, blocks, guards) && free_units(&pool->blocks) + pool->blocks.waiting >= blocks &&
	    free_units(&pool->guards) + pool->guards.waiting >= guards)
		xs_pool_wait(pool);
	return has(pool, blocks, guards);
}

uint32_t xs_pool_take(struct xs_pool *pool, unsigned int address_bytes, unsigned int level, struct xs_cover cover)
{
	uint32_t block = take_unit(&pool->blocks);

	pool->under[block] = 0;
	pool->form[block] = (struct xs_form){ .level = level, .fine = XS_SIEVE_NEXT(address_bytes) };
	memset(pool->shadow[block], cover.shadow, sizeof(pool->shadow[block]));
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++)
		pool->tables.block[block].entry[i] = cover.entry;
	pool->writes += XS_BLOCK_ENTRIES;
	xs_sieve_fill(pool, block, cover);
	return block;
}

void xs_pool_store(struct xs_pool *pool, uint32_t block, unsigned int i, uint32_t entry, uint8_t shadow)
{
	uint32_t *at = &pool->tables.block[block].entry[i];

	pool->shadow[block][i] = shadow;
	if (*at != entry) {
		__atomic_store_n(at, entry, __ATOMIC_RELEASE);
		pool->writes++;
	}
	xs_sieve_update(pool, block, i);
}

uint32_t xs_pool_take_guard(struct xs_pool *pool)
{
	pool->writes++;
	return take_unit(&pool->guards);
}

static void move_tree(struct xs_pool *pool, uint32_t entry, enum unit_state from, enum unit_state to,
		      unsigned int levels)
{
	uint32_t unit = entry & XS_ENTRY_INDEX;

	if ((entry & XS_ENTRY_KIND) == XS_ENTRY_GUARD)
		move_unit(&pool->guards, unit, from, to);
	if ((entry & XS_ENTRY_KIND) != XS_ENTRY_BLOCK || !levels || !move_unit(&pool->blocks, unit, from, to))
		return;
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++)
		move_tree(pool, pool->tables.block[unit].entry[i], from, to, levels - 1);
}

void xs_pool_give_back(struct xs_pool *pool, uint32_t entry)
{
	move_tree(pool, entry, UNIT_USED, UNIT_WAITING, LEVELS_MAX);
}

/* A root beyond what an entry can name is none of ours. */
static void move_root(struct xs_pool *pool, uint32_t root, enum unit_state from, enum unit_state to)
{
	if (root <= XS_ENTRY_INDEX)
		move_tree(pool, XS_ENTRY_BLOCK | root, from, to, LEVELS_MAX);
}

void xs_pool_adopt(struct xs_pool *pool, uint32_t root)
{
	move_root(pool, root, UNIT_FREE, UNIT_ADOPTED);
}

void xs_pool_release(struct xs_pool *pool, uint32_t root)
{
	move_root(pool, root, UNIT_ADOPTED, UNIT_WAITING);
}
