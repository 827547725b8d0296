/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool.h - the pool of blocks and guards as address_table.c sees it: with what user space knows of each. Not for
 * others: they have address_table.h.
 */
#ifndef XSLICE_MAPS_POOL_H
#define XSLICE_MAPS_POOL_H

#include "maps/address_table.h"

/* The numbers of one kind, blocks or guards: which are free, which wait. */
struct xs_units {
	uint8_t *state;  /* of each: enum unit_state of pool.c */
	uint32_t *stack; /* [0, recycled): free ones that were in use; waiting ones at the end */
	uint32_t size, recycled, waiting, fresh; /* fresh: from here on none was ever taken, save adopted ones */
	uint32_t used, adopted_ahead;            /* adopted_ahead: above fresh, but not free: they were adopted */
};

/* What a block is for: with that, what its sieve has to say is known from its entries. */
struct xs_form {
	uint8_t level;   /* the byte of the address that selects an entry */
	uint8_t fine;    /* how many bits of the next byte its sieve asks for */
	uint8_t covered; /* length + 1 of the prefix that covers the whole block; 0: none */
};

struct xs_pool {
	struct xs_tables tables;
	struct xs_units blocks, guards;
	uint8_t (*shadow)[XS_BLOCK_ENTRIES]; /* per entry: length + 1 of the prefix it has its leaf from; 0: none, or no
						leaf */
	struct xs_form *form;
	uint32_t *under; /* per block: prefixes that end in it or in what hangs under it */
	uint64_t writes;
	void (*grace)(void *context);
	void *context;
};

/* Are there so many to take? Waits for a grace period if only that yields them. */
bool xs_pool_want(struct xs_pool *pool, uint32_t blocks, uint32_t guards);
/* Takes a block (xs_pool_want() said that there is one) for a table's `level`, all its entries filled; nothing leads to
 * it yet. */
uint32_t xs_pool_take(struct xs_pool *pool, unsigned int address_bytes, unsigned int level, struct xs_cover cover);
/* Takes a guard likewise, for the caller to fill before anything leads to it. */
uint32_t xs_pool_take_guard(struct xs_pool *pool);
/* Nothing leads any more to the block or guard that an entry names, nor by it to others: they are reused after a grace
 * period. */
void xs_pool_give_back(struct xs_pool *pool, uint32_t entry);

/* One aligned store, after all that was written before (a new block is complete before an entry leads to it); then the
 * sieve's bits. */
void xs_pool_store(struct xs_pool *pool, uint32_t block, unsigned int i, uint32_t entry, uint8_t shadow);

#endif
