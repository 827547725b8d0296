/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address_table.h - longest prefix over an address (contract.h, struct xs_block, struct xs_guard): user space's side.
 * One pool of blocks and guards per node serves every table of the node: FIBs, edges, MUXes, sources.
 *
 * The pool keeps what the datapath does not need (the prefix length behind each entry, the set of prefixes) and changes
 * entries in place by aligned stores; a new block or guard is complete before an entry leads to it (release order). One
 * that nothing leads to any more is reused only after a grace period, of which one serves many.
 * Owner: one thread. Readers are the datapath's CPUs (or a test's thread) at any moment.
 */
#ifndef XSLICE_MAPS_ADDRESS_TABLE_H
#define XSLICE_MAPS_ADDRESS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maps/contract.h"

struct xs_pool;
struct xs_table;

/* Where tables stand: the mapped maps (xs_node_maps_tables()), or a test's memory. Without guards all is made of
 * blocks. */
struct xs_tables {
	struct xs_block *block;
	struct xs_sieve *sieve; /* as many as blocks */
	struct xs_guard *guard;
	uint32_t blocks, guards;
};

/* What covers addresses: a LEAF or EMPTY, and the length + 1 of the prefix that it comes from (0: none). */
struct xs_cover {
	uint32_t entry;
	uint8_t shadow;
};

/*
 * tables: not owned. grace(context) returns when every reader that began before the call has ended; NULL: xs_grace().
 * NULL without memory.
 */
struct xs_pool *xs_pool_new(struct xs_tables tables, void (*grace)(void *context), void *context);
void xs_pool_free(struct xs_pool *pool);

/*
 * Takes the blocks and guards under `root`, as they stand in the maps, as in use: what a former agent left in force.
 * Before the first table of the pool is made, for all roots there are: what is not adopted by then is free.
 */
void xs_pool_adopt(struct xs_pool *pool, uint32_t root);
/* Frees all under an adopted root, once nothing leads to it. Waits for the grace period as others do. */
void xs_pool_release(struct xs_pool *pool, uint32_t root);

/* Waits for a grace period now; what waited is free after it. For those who keep other things beside blocks. */
void xs_pool_wait(struct xs_pool *pool);

uint32_t xs_pool_size(const struct xs_pool *pool);   /* blocks */
uint32_t xs_pool_used(const struct xs_pool *pool);   /* adopted ones too; without those that wait */
uint32_t xs_pool_guards(const struct xs_pool *pool); /* the same of guards */
uint32_t xs_pool_guards_used(const struct xs_pool *pool);
uint64_t xs_pool_writes(const struct xs_pool *pool); /* entries and guards stored since xs_pool_new() */
size_t xs_pool_memory(const struct xs_pool *pool);   /* bytes beside the maps, of what is in use */

/* address_bytes: 4 or 16. The root block is taken at once; NULL and errno ENOSPC/ENOMEM otherwise. */
struct xs_table *xs_table_new(struct xs_pool *pool, unsigned int address_bytes);
/* Nothing may lead to the table's root any more (the caller wrote the word that led there). */
void xs_table_free(struct xs_table *table);
uint32_t xs_table_root(const struct xs_table *table);
size_t xs_table_count(const struct xs_table *table);  /* prefixes held */
size_t xs_table_memory(const struct xs_table *table); /* bytes that it takes beside the pool: the set of its prefixes */

/*
 * Sets a prefix' leaf (0 .. XS_ENTRY_INDEX) or removes the prefix. address is in wire order, bits beyond length are
 * ignored. Nothing is written where nothing changes. -ENOSPC: the pool is full, and the table is as before. -ENOENT on
 * removal.
 */
int xs_table_set(struct xs_table *table, const uint8_t *address, unsigned int length, uint32_t leaf);
int xs_table_remove(struct xs_table *table, const uint8_t *address, unsigned int length);
bool xs_table_get(const struct xs_table *table, const uint8_t *address, unsigned int length, uint32_t *leaf);

/* What the datapath's lookup does: true and the leaf, or false. Works on any reader's thread; root 0 has no entries. */
bool xs_tables_lookup(struct xs_tables tables, uint32_t root, const uint8_t *address, unsigned int address_bytes,
		      uint32_t *leaf);

#endif
