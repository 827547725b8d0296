/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool.h - the pool of blocks as address_table.c sees it: blocks with what user space knows of each. Not for others:
 * they have address_table.h.
 */
#ifndef XSLICE_MAPS_POOL_H
#define XSLICE_MAPS_POOL_H

#include "maps/address_table.h"

struct xs_pool {
	struct xs_block *blocks;
	uint32_t size;
	uint8_t (*shadow)[XS_BLOCK_ENTRIES]; /* per entry: length + 1 of the prefix it has its leaf from; 0: none */
	uint16_t *prefixes;                  /* per block: prefixes that end in it */
	uint16_t *children;                  /* per block: blocks that hang under it */
	uint8_t *state;                      /* per block: enum block_state of pool.c */
	uint32_t *stack;                     /* [0, recycled): free ones that were in use; waiting ones at the end */
	uint32_t recycled, waiting, fresh;   /* fresh: blocks from here on were never taken, save adopted ones */
	uint32_t used, adopted_ahead;        /* adopted_ahead: above fresh, but not free: they were adopted */
	uint64_t writes;
	void (*grace)(void *context);
	void *context;
};

/* Are there `count` blocks to take? Waits for a grace period if only that yields them. */
bool xs_pool_want(struct xs_pool *pool, uint32_t count);
/* Takes a block (xs_pool_want() said that there is one), all its entries filled; nothing leads to it yet. */
uint32_t xs_pool_take(struct xs_pool *pool, uint32_t entry, uint8_t shadow);
/* Nothing leads to the block any more; it is reused after a grace period. */
void xs_pool_give_back(struct xs_pool *pool, uint32_t block);
/* ... nor to any block under it. */
void xs_pool_give_back_tree(struct xs_pool *pool, uint32_t root);

/* One aligned store, after all that was written before (a new block is complete before an entry leads to it). */
static inline void xs_pool_store(struct xs_pool *pool, uint32_t block, unsigned int i, uint32_t entry, uint8_t shadow)
{
	uint32_t *at = &pool->blocks[block].entry[i];

	pool->shadow[block][i] = shadow;
	if (*at == entry)
		return;
	__atomic_store_n(at, entry, __ATOMIC_RELEASE);
	pool->writes++;
}

#endif
