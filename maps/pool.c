/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool.c - hands out the blocks of a node and takes them back.
 *
 * Always holds: a block is in exactly one state; one that was given back is not written until a grace period has passed
 * since, of which one serves all that wait. The free ones are those on the stack and those at or above `fresh` that
 * were not adopted.
 */
#include <stdlib.h>
#include <string.h>

#include "maps/grace.h"
#include "maps/pool.h"

enum block_state {
	BLOCK_FREE,
	BLOCK_USED,
	BLOCK_WAITING,
	BLOCK_ADOPTED,
	BLOCK_STATE = 0x7f,
	BLOCK_PASSED = 0x80, /* adopted ahead of `fresh`, which steps over it, whatever has become of it since */
};

#define LEVELS_MAX 16 /* of a table for IPv6 */

static enum block_state state_of(const struct xs_pool *pool, uint32_t block)
{
	return pool->state[block] & BLOCK_STATE;
}

static void set_state(struct xs_pool *pool, uint32_t block, enum block_state state)
{
	pool->state[block] = (pool->state[block] & BLOCK_PASSED) | state;
}

struct xs_pool *xs_pool_new(struct xs_block *blocks, uint32_t count, void (*grace)(void *context), void *context)
{
	struct xs_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->blocks = blocks;
	pool->size = count;
	pool->fresh = 1;
	pool->grace = grace;
	pool->context = context;
	/* Large and zeroed: the kernel gives memory for what is touched only. */
	pool->shadow = calloc(count + 1, sizeof(*pool->shadow));
	pool->prefixes = calloc(count + 1, sizeof(*pool->prefixes));
	pool->children = calloc(count + 1, sizeof(*pool->children));
	pool->state = calloc(count + 1, sizeof(*pool->state));
	pool->stack = calloc(count + 1, sizeof(*pool->stack));
	if (!pool->shadow || !pool->prefixes || !pool->children || !pool->state || !pool->stack) {
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
	free(pool->prefixes);
	free(pool->children);
	free(pool->state);
	free(pool->stack);
	free(pool);
}

uint32_t xs_pool_size(const struct xs_pool *pool)
{
	return pool->size;
}

uint32_t xs_pool_used(const struct xs_pool *pool)
{
	return pool->used;
}

uint64_t xs_pool_writes(const struct xs_pool *pool)
{
	return pool->writes;
}

void xs_pool_wait(struct xs_pool *pool)
{
	if (pool->grace)
		pool->grace(pool->context);
	else
		xs_grace();
	while (pool->waiting) {
		uint32_t block = pool->stack[pool->size - pool->waiting--];

		set_state(pool, block, BLOCK_FREE);
		pool->stack[pool->recycled++] = block;
	}
}

static uint32_t free_blocks(const struct xs_pool *pool)
{
	uint32_t ahead = pool->size > pool->fresh ? pool->size - pool->fresh : 0;

	return pool->recycled + ahead - pool->adopted_ahead;
}

bool xs_pool_want(struct xs_pool *pool, uint32_t count)
{
	if (free_blocks(pool) < count && pool->waiting)
		xs_pool_wait(pool);
	return free_blocks(pool) >= count;
}

uint32_t xs_pool_take(struct xs_pool *pool, uint32_t entry, uint8_t shadow)
{
	uint32_t block;

	if (pool->recycled) {
		block = pool->stack[--pool->recycled];
	} else {
		for (; pool->state[pool->fresh] & BLOCK_PASSED; pool->fresh++)
			pool->adopted_ahead--;
		block = pool->fresh++;
	}
	set_state(pool, block, BLOCK_USED);
	pool->used++;
	pool->prefixes[block] = pool->children[block] = 0;
	memset(pool->shadow[block], shadow, sizeof(pool->shadow[block]));
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++)
		pool->blocks[block].entry[i] = entry;
	pool->writes += XS_BLOCK_ENTRIES;
	return block;
}

void xs_pool_give_back(struct xs_pool *pool, uint32_t block)
{
	set_state(pool, block, BLOCK_WAITING);
	pool->used--;
	/* Both ends of the stack together never hold more than there are blocks. */
	pool->stack[pool->size - ++pool->waiting] = block;
}

/*
 * Moves the blocks under `block` that are in state `from` to waiting, or to adopted. What stands in a map that a former
 * agent wrote is not trusted: numbers are bounded, and as a block changes its state when it is first met, none is met
 * twice.
 */
static void move_tree(struct xs_pool *pool, uint32_t block, enum block_state from, enum block_state to,
		      unsigned int levels)
{
	if (!block || block >= pool->size || state_of(pool, block) != from || !levels)
		return;
	if (to == BLOCK_ADOPTED && block < pool->fresh)
		return; /* not free but recycled: none of a former agent's */
	set_state(pool, block, to);
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++) {
		uint32_t entry = pool->blocks[block].entry[i];

		if ((entry & XS_ENTRY_KIND) == XS_ENTRY_BLOCK)
			move_tree(pool, entry & XS_ENTRY_INDEX, from, to, levels - 1);
	}
	if (to == BLOCK_ADOPTED) {
		pool->state[block] |= BLOCK_PASSED;
		pool->used++;
		pool->adopted_ahead++;
		return;
	}
	xs_pool_give_back(pool, block);
}

void xs_pool_give_back_tree(struct xs_pool *pool, uint32_t root)
{
	move_tree(pool, root, BLOCK_USED, BLOCK_WAITING, LEVELS_MAX);
}

void xs_pool_adopt(struct xs_pool *pool, uint32_t root)
{
	move_tree(pool, root, BLOCK_FREE, BLOCK_ADOPTED, LEVELS_MAX);
}

void xs_pool_release(struct xs_pool *pool, uint32_t root)
{
	move_tree(pool, root, BLOCK_ADOPTED, BLOCK_WAITING, LEVELS_MAX);
}
