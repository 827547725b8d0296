/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address_table.c - prefixes in, leaves in blocks out: how a table is changed in place under its readers.
 *
 * Always holds, of a table:
 *  - every entry that is no BLOCK has the leaf of the longest prefix that covers all its addresses, and shadow[] has
 *    that prefix' length + 1 (0: none does, the entry is EMPTY);
 *  - a block other than the root exists only as long as a prefix ends in it (8 * level < length <= 8 * level + 8) or a
 *    block hangs under it: so one that holds neither has 256 equal entries, and folds into its parent's entry;
 *  - readers need nothing of this file but the blocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/address_table.h"
#include "maps/pool.h"
#include "maps/prefix_map.h"

struct xs_table {
	struct xs_pool *pool;
	struct xs_prefix_map *prefixes; /* the leaf of each prefix */
	uint32_t root;
	unsigned int bytes;
};

struct xs_table *xs_table_new(struct xs_pool *pool, unsigned int address_bytes)
{
	struct xs_table *table = calloc(1, sizeof(*table));

	if (!table)
		goto out;
	table->pool = pool;
	table->bytes = address_bytes;
	table->prefixes = xs_prefix_map_new(address_bytes);
	if (!table->prefixes)
		goto out;
	if (!xs_pool_want(pool, 1)) {
		xs_prefix_map_free(table->prefixes);
		free(table);
		errno = ENOSPC;
		return NULL;
	}
	table->root = xs_pool_take(pool, XS_ENTRY_EMPTY, 0);
	return table;
out:
	free(table);
	errno = ENOMEM;
	return NULL;
}

void xs_table_free(struct xs_table *table)
{
	if (!table)
		return;
	xs_pool_give_back_tree(table->pool, table->root);
	xs_prefix_map_free(table->prefixes);
	free(table);
}

uint32_t xs_table_root(const struct xs_table *table)
{
	return table->root;
}

size_t xs_table_count(const struct xs_table *table)
{
	return xs_prefix_map_count(table->prefixes);
}

bool xs_table_get(const struct xs_table *table, const uint8_t *address, unsigned int length, uint32_t *leaf)
{
	return length <= table->bytes * 8 && xs_prefix_map_get(table->prefixes, address, length, leaf);
}

static bool is_block(uint32_t entry)
{
	return (entry & XS_ENTRY_KIND) == XS_ENTRY_BLOCK;
}

/* The level (block on the way) in which a prefix ends, and its entries there. */
static unsigned int level_of(unsigned int length)
{
	return length ? (length - 1) / 8 : 0;
}

struct paint {
	uint32_t entry;
	uint8_t shadow;
	uint8_t low, high; /* entries whose shadow lies in low..high get the new value, those of longer prefixes stay */
};

static void paint(struct xs_pool *pool, uint32_t block, unsigned int first, unsigned int count, const struct paint *p)
{
	uint32_t *entry = pool->blocks[block].entry;
	uint8_t *shadow = pool->shadow[block];

	for (unsigned int i = first; i < first + count; i++) {
		if (is_block(entry[i]))
			paint(pool, entry[i] & XS_ENTRY_INDEX, 0, XS_BLOCK_ENTRIES, p);
		else if (shadow[i] >= p->low && shadow[i] <= p->high)
			xs_pool_store(pool, block, i, p->entry, p->shadow);
	}
}

/* The entries of a prefix in the block where it ends. */
static void span(const uint8_t *address, unsigned int length, unsigned int *first, unsigned int *count)
{
	unsigned int level = level_of(length), bits = length - level * 8;

	*count = XS_BLOCK_ENTRIES >> bits;
	*first = address[level] & (0xff00u >> bits) & 0xffu;
}

int xs_table_set(struct xs_table *table, const uint8_t *address, unsigned int length, uint32_t leaf)
{
	struct xs_pool *pool = table->pool;
	unsigned int target = level_of(length), level = 0, first, count;
	uint32_t block = table->root, held;
	bool known;

	if (length > table->bytes * 8 || leaf > XS_ENTRY_INDEX)
		return -EINVAL;
	known = xs_prefix_map_get(table->prefixes, address, length, &held);
	if (known && held == leaf)
		return 0;
	if (!known && xs_prefix_map_reserve(table->prefixes))
		return -ENOMEM;

	while (level < target && is_block(pool->blocks[block].entry[address[level]]))
		block = pool->blocks[block].entry[address[level++]] & XS_ENTRY_INDEX;
	if (!xs_pool_want(pool, target - level))
		return -ENOSPC;
	xs_prefix_map_set(table->prefixes, address, length, leaf);

	struct paint p = {XS_ENTRY_LEAF | leaf, length + 1, 0, length + 1};

	span(address, length, &first, &count);
	if (level == target) {
		pool->prefixes[block] += !known;
		paint(pool, block, first, count, &p);
		return 0;
	}
	/*
	 * The missing blocks are made from the last one up, each a copy of what covers it, and published by one store.
	 */
	uint32_t above = pool->blocks[block].entry[address[level]];
	uint8_t above_shadow = pool->shadow[block][address[level]];
	uint32_t child = xs_pool_take(pool, above, above_shadow);

	pool->prefixes[child] = 1;
	paint(pool, child, first, count, &p);
	for (unsigned int up = target - 1; up > level; up--) {
		uint32_t parent = xs_pool_take(pool, above, above_shadow);

		pool->children[parent] = 1;
		xs_pool_store(pool, parent, address[up], XS_ENTRY_BLOCK | child, 0);
		child = parent;
	}
	pool->children[block]++;
	xs_pool_store(pool, block, address[level], XS_ENTRY_BLOCK | child, 0);
	return 0;
}

int xs_table_remove(struct xs_table *table, const uint8_t *address, unsigned int length)
{
	struct xs_pool *pool = table->pool;
	unsigned int target, level, shorter, first, count;
	uint32_t way[XS_PREFIX_BYTES_MAX], leaf;
	struct paint p = {XS_ENTRY_EMPTY, 0, length + 1, length + 1};

	if (length > table->bytes * 8)
		return -EINVAL;
	if (!xs_prefix_map_remove(table->prefixes, address, length))
		return -ENOENT;
	if (xs_prefix_map_cover(table->prefixes, address, length, &shorter, &leaf)) {
		p.entry = XS_ENTRY_LEAF | leaf;
		p.shadow = shorter + 1;
	}
	target = level_of(length);
	way[0] = table->root;
	for (level = 0; level < target; level++)
		way[level + 1] = pool->blocks[way[level]].entry[address[level]] & XS_ENTRY_INDEX;

	/* Blocks that hold nothing any more fold: one store where the lowest that stays leads to them. */
	pool->prefixes[way[target]]--;
	for (level = target; level && !pool->prefixes[way[level]] && !pool->children[way[level]]; level--)
		pool->children[way[level - 1]]--;
	if (level < target) {
		xs_pool_store(pool, way[level], address[level], p.entry, p.shadow);
		for (unsigned int i = level + 1; i <= target; i++)
			xs_pool_give_back(pool, way[i]);
		return 0;
	}
	span(address, length, &first, &count);
	paint(pool, way[target], first, count, &p);
	return 0;
}

bool xs_blocks_lookup(const struct xs_block *blocks, uint32_t root, const uint8_t *address, unsigned int address_bytes,
		      uint32_t *leaf)
{
	uint32_t block = root;

	for (unsigned int level = 0; block && level < address_bytes; level++) {
		uint32_t entry = __atomic_load_n(&blocks[block].entry[address[level]], __ATOMIC_ACQUIRE);

		if ((entry & XS_ENTRY_KIND) == XS_ENTRY_LEAF) {
			*leaf = entry & XS_ENTRY_INDEX;
			return true;
		}
		if (!is_block(entry))
			return false;
		block = entry & XS_ENTRY_INDEX;
	}
	return false;
}
