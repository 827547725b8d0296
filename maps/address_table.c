/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address_table.c - prefixes in, leaves in blocks out: how a table is changed in place under its readers.
 *
 * Always holds, of a table:
 *  - every entry that is neither BLOCK nor GUARD has the leaf of the longest prefix that covers all its addresses, and
 *    shadow[] has that prefix' length + 1 (0: none does, the entry is EMPTY); a guard has the same for what lies
 * outside its prefixes;
 *  - where XS_GUARD_PREFIXES prefixes or fewer lie under an entry, a guard holds them; where more do, a block. So what
 * a table takes depends on its prefixes and not on what became of it before. Only where guards lack may a block hold
 *    fewer, and one that holds none folds into its parent's entry;
 *  - readers need nothing of this file but blocks and guards. What they hold in hand when it is replaced stays as it
 * was, so a look-up gives the answer of one moment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/address_table.h"
#include "maps/guard.h"
#include "maps/pool.h"
#include "maps/prefix_map.h"
#include "maps/sieve.h"

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
	if (!xs_pool_want(pool, 1, 0)) {
		xs_prefix_map_free(table->prefixes);
		free(table);
		errno = ENOSPC;
		return NULL;
	}
	table->root = xs_pool_take(pool, address_bytes, 0, (struct xs_cover){ XS_ENTRY_EMPTY, 0 });
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
	xs_pool_give_back(table->pool, XS_ENTRY_BLOCK | table->root);
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

size_t xs_table_memory(const struct xs_table *table)
{
	return sizeof(*table) + xs_prefix_map_memory(table->prefixes);
}

bool xs_table_get(const struct xs_table *table, const uint8_t *address, unsigned int length, uint32_t *leaf)
{
	return length <= table->bytes * 8 && xs_prefix_map_get(table->prefixes, address, length, leaf);
}

static bool is_block(uint32_t entry)
{
	return (entry & XS_ENTRY_KIND) == XS_ENTRY_BLOCK;
}

static struct xs_guard *guard_of(const struct xs_pool *pool, uint32_t entry)
{
	return (entry & XS_ENTRY_KIND) == XS_ENTRY_GUARD ? &pool->tables.guard[entry & XS_ENTRY_INDEX] : NULL;
}

/* The level (block on the way) in which a prefix ends. */
static unsigned int level_of(unsigned int length)
{
	return length ? (length - 1) / 8 : 0;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

struct paint {
	struct xs_cover with;
	uint8_t low, high; /* entries whose shadow lies in low..high get the new value, those of longer prefixes stay */
};

static bool paints(const struct paint *p, uint8_t shadow)
{
	return shadow >= p->low && shadow <= p->high;
}

static void paint(struct xs_pool *pool, uint32_t block, unsigned int first, unsigned int count, const struct paint *p)
{
	uint32_t *entry = pool->tables.block[block].entry;
	uint8_t *shadow = pool->shadow[block];

	/* First, so that entries which it covers are known as such. */
	if (count == XS_BLOCK_ENTRIES && paints(p, pool->form[block].covered))
		xs_sieve_set_cover(pool, block, p->with);
	for (unsigned int i = first; i < first + count; i++) {
		struct xs_guard *guard = guard_of(pool, entry[i]);

		if (is_block(entry[i])) {
			paint(pool, entry[i] & XS_ENTRY_INDEX, 0, XS_BLOCK_ENTRIES, p);
		} else if (guard) {
			if (!paints(p, guard->covered))
				continue;
			pool->writes += guard->outside != p->with.entry;
			xs_guard_set_outside(guard, p->with);
			xs_sieve_update(pool, block, i);
		} else if (paints(p, shadow[i])) {
			xs_pool_store(pool, block, i, p->with.entry, p->with.shadow);
		}
	}
}

/* Paints the entries of a prefix in the block where it ends. */
static void paint_prefix(struct xs_pool *pool, uint32_t block, const uint8_t *address, unsigned int length,
			 const struct paint *p)
{
	unsigned int level = level_of(length), bits = length - level * 8;

	paint(pool, block, address[level] & (0xff00u >> bits) & 0xffu, XS_BLOCK_ENTRIES >> bits, p);
}

/* What covers all under an entry that is no block. */
static struct xs_cover cover_of_entry(const struct xs_pool *pool, uint32_t block, unsigned int i)
{
	uint32_t entry = pool->tables.block[block].entry[i];
	const struct xs_guard *guard = guard_of(pool, entry);

	if (guard)
		return (struct xs_cover){ guard->outside, guard->covered };
	return (struct xs_cover){ entry, pool->shadow[block][i] };
}

/* The blocks on the way to where a prefix stands, or would; the number of the last. */
static unsigned int walk(const struct xs_table *table, const uint8_t *address, unsigned int target, uint32_t *way)
{
	unsigned int level = 0;

	way[0] = table->root;
	for (; level < target; level++) {
		uint32_t entry = table->pool->tables.block[way[level]].entry[address[level]];

		if (!is_block(entry))
			break;
		way[level + 1] = entry & XS_ENTRY_INDEX;
	}
	return level;
}

/* ---- what a few prefixes under one entry take -------------------------------------------------------------------- */

/* Those of prefix[] that go on below the block at `level` by the byte of the one at `first`, which is the first of
 * them. */
static unsigned int below(const struct xs_guarded *prefix, unsigned int count, unsigned int level, unsigned int first,
			  struct xs_guarded *out)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (level_of(prefix[i].length) == level || prefix[i].address[level] != prefix[first].address[level])
			continue;
		if (i < first)
			return 0; /* an earlier one was the first */
		out[n++] = prefix[i];
	}
	return n;
}

/* How many blocks and guards build() takes. */
static void reckon(const struct xs_guarded *prefix, unsigned int count, unsigned int level, bool guarded,
		   uint32_t *blocks, uint32_t *guards)
{
	if (guarded && count <= XS_GUARD_PREFIXES) {
		++*guards;
		return;
	}
	++*blocks;
	for (unsigned int i = 0; i < count; i++) {
		struct xs_guarded deeper[XS_GUARDED_MAX];
		unsigned int n = level_of(prefix[i].length) == level ? 0 : below(prefix, count, level, i, deeper);

		if (n)
			reckon(deeper, n, level + 1, guarded, blocks, guards);
	}
}

/* The entry for all of prefix[] (shortest first) in the place of an entry that leads to `level`; nothing leads to it
 * yet. */
static uint32_t build(const struct xs_table *table, const struct xs_guarded *prefix, unsigned int count,
		      unsigned int level, struct xs_cover cover, bool guarded)
{
	struct xs_pool *pool = table->pool;
	uint32_t made;

	if (guarded && count <= XS_GUARD_PREFIXES) {
		made = xs_pool_take_guard(pool);
		xs_guard_fill(&pool->tables.guard[made], prefix, count, cover);
		return XS_ENTRY_GUARD | made;
	}
	made = xs_pool_take(pool, table->bytes, level, cover);
	pool->under[made] = count;
	for (unsigned int i = 0; i < count; i++) {
		struct paint p = { { prefix[i].leaf, prefix[i].length + 1 }, 0, prefix[i].length + 1 };

		if (level_of(prefix[i].length) == level)
			paint_prefix(pool, made, prefix[i].address, prefix[i].length, &p);
	}
	for (unsigned int i = 0; i < count; i++) {
		struct xs_guarded deeper[XS_GUARDED_MAX];
		unsigned int n = level_of(prefix[i].length) == level ? 0 : below(prefix, count, level, i, deeper);
		unsigned int byte = prefix[i].address[level];

		if (n)
			xs_pool_store(pool, made, byte,
				      build(table, deeper, n, level + 1, cover_of_entry(pool, made, byte), guarded), 0);
	}
	return XS_ENTRY_BLOCK | made;
}

/* Sorts in: by length, those of one length by address, so that equal sets are built alike. */
static void sort_in(struct xs_guarded *prefix, unsigned int *count, const struct xs_guarded *one)
{
	unsigned int i = (*count)++;

	for (; i && (prefix[i - 1].length > one->length ||
		     (prefix[i - 1].length == one->length &&
		      memcmp(prefix[i - 1].address, one->address, sizeof(one->address)) > 0));
	     i--)
		prefix[i] = prefix[i - 1];
	prefix[i] = *one;
}

static void guarded_prefix(struct xs_guarded *out, const uint8_t *address, unsigned int address_bytes,
			   unsigned int length, uint32_t entry)
{
	memset(out, 0, sizeof(*out));
	xs_prefix_bytes_mask(address, address_bytes, length, out->address);
	out->length = length;
	out->leaf = entry;
}

/* Is there room to build() these? *guarded: with guards; only where they lack, all of blocks. */
static bool afford(struct xs_pool *pool, const struct xs_guarded *prefix, unsigned int count, unsigned int level,
		   bool *guarded)
{
	uint32_t blocks = 0, guards = 0;

	*guarded = pool->tables.guards;
	reckon(prefix, count, level, *guarded, &blocks, &guards);
	if (xs_pool_want(pool, blocks, guards))
		return true;
	*guarded = false;
	blocks = guards = 0;
	reckon(prefix, count, level, *guarded, &blocks, &guards);
	return xs_pool_want(pool, blocks, guards);
}

/* ---- set --------------------------------------------------------------------------------------------------------- */

int xs_table_set(struct xs_table *table, const uint8_t *address, unsigned int length, uint32_t leaf)
{
	uint32_t way[XS_PREFIX_BYTES_MAX], entry = XS_ENTRY_LEAF | leaf, held, former;
	struct xs_guarded prefix[XS_GUARDED_MAX], one;
	struct xs_pool *pool = table->pool;
	unsigned int target = level_of(length), level, count;
	bool known, guarded = false;
	struct xs_guard *guard;

	if (length > table->bytes * 8 || leaf > XS_ENTRY_INDEX)
		return -EINVAL;
	known = xs_prefix_map_get(table->prefixes, address, length, &held);
	if (known && held == leaf)
		return 0;
	if (!known && xs_prefix_map_reserve(table->prefixes))
		return -ENOMEM;

	level = walk(table, address, target, way);
	former = pool->tables.block[way[level]].entry[address[level]];
	guard = guard_of(pool, former);
	count = guard ? xs_guard_read(guard, prefix) : 0;
	guarded_prefix(&one, address, table->bytes, length, entry);
	sort_in(prefix, &count, &one);
	if (level < target && !known && !afford(pool, prefix, count, level + 1, &guarded))
		return -ENOSPC;
	xs_prefix_map_set(table->prefixes, address, length, leaf);
	for (unsigned int i = 0; i <= level; i++)
		pool->under[way[i]] += !known;

	if (level == target) {
		struct paint p = { { entry, length + 1 }, 0, length + 1 };

		paint_prefix(pool, way[level], address, length, &p);
	} else if (known) {
		xs_guard_set_leaf(guard, xs_guard_find(guard, address, table->bytes, length), entry);
		pool->writes++;
	} else {
		struct xs_cover cover = cover_of_entry(pool, way[level], address[level]);

		/* All that is missing is made complete, and published by one store. */
		xs_pool_store(pool, way[level], address[level], build(table, prefix, count, level + 1, cover, guarded),
			      0);
		if (guard)
			xs_pool_give_back(pool, former);
	}
	return 0;
}

/* ---- remove ------------------------------------------------------------------------------------------------------ */

/* What covers an address by prefixes shorter than `below_length`. */
static struct xs_cover cover_of(const struct xs_table *table, const uint8_t *address, unsigned int below_length)
{
	unsigned int length;
	uint32_t leaf;

	if (!xs_prefix_map_cover(table->prefixes, address, below_length, &length, &leaf))
		return (struct xs_cover){ XS_ENTRY_EMPTY, 0 };
	return (struct xs_cover){ XS_ENTRY_LEAF | leaf, length + 1 };
}

/* Where prefixes under a block are gathered: those longer than `above` bits. */
struct gathering {
	uint8_t way[XS_PREFIX_BYTES_MAX]; /* the bytes that lead to where the search is */
	unsigned int bytes, above, count, wanted;
	struct xs_guarded prefix[XS_GUARD_PREFIXES];
};

static void gather_one(struct gathering *g, struct xs_cover seen)
{
	struct xs_guarded one;

	if (seen.shadow < g->above + 2 || g->count == g->wanted)
		return;
	guarded_prefix(&one, g->way, g->bytes, seen.shadow - 1, seen.entry);
	for (unsigned int i = 0; i < g->count; i++)
		if (g->prefix[i].length == one.length &&
		    !memcmp(g->prefix[i].address, one.address, sizeof(one.address)))
			return;
	sort_in(g->prefix, &g->count, &one);
}

/* With as few prefixes as a guard holds, none is hidden under the others. */
static void gather(const struct xs_pool *pool, uint32_t block, unsigned int level, struct gathering *g)
{
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES && g->count < g->wanted; i++) {
		uint32_t entry = pool->tables.block[block].entry[i];
		const struct xs_guard *guard = guard_of(pool, entry);
		struct xs_guarded held[XS_GUARD_PREFIXES];
		unsigned int count = guard ? xs_guard_read(guard, held) : 0;

		g->way[level] = i;
		if (is_block(entry))
			gather(pool, entry & XS_ENTRY_INDEX, level + 1, g);
		else
			gather_one(g, cover_of_entry(pool, block, i));
		for (unsigned int h = 0; h < count && g->count < g->wanted; h++)
			sort_in(g->prefix, &g->count, &held[h]);
	}
}

/* Puts a guard, or what covers all, in the place of the block way[level], under which so few prefixes are left. */
static void collapse(struct xs_table *table, const uint8_t *address, const uint32_t *way, unsigned int level)
{
	struct xs_cover cover = cover_of(table, address, level * 8 + 1);
	struct xs_pool *pool = table->pool;
	struct gathering g = { .bytes = table->bytes, .above = level * 8, .wanted = pool->under[way[level]] };

	if (g.wanted) {
		memcpy(g.way, address, level);
		gather(pool, way[level], level, &g);
		cover = (struct xs_cover){ build(table, g.prefix, g.count, level, cover, true), 0 };
	}
	xs_pool_store(pool, way[level - 1], address[level - 1], cover.entry, cover.shadow);
	xs_pool_give_back(pool, XS_ENTRY_BLOCK | way[level]);
}

/* The prefix is gone from the set; here from where it stands, way[level] or a guard under it. */
static void take_out(struct xs_table *table, const uint8_t *address, unsigned int length, const uint32_t *way,
		     unsigned int level)
{
	struct xs_pool *pool = table->pool;
	uint32_t entry = pool->tables.block[way[level]].entry[address[level]];
	struct xs_guard *guard = guard_of(pool, entry);
	struct xs_guarded held[XS_GUARD_PREFIXES];

	if (level == level_of(length)) {
		struct paint p = { cover_of(table, address, length), length + 1, length + 1 };

		paint_prefix(pool, way[level], address, length, &p);
	} else if (xs_guard_read(guard, held) > 1) {
		xs_guard_drop(guard, xs_guard_find(guard, address, table->bytes, length));
		pool->writes++;
		xs_sieve_update(pool, way[level], address[level]);
	} else {
		xs_pool_store(pool, way[level], address[level], guard->outside, guard->covered);
		xs_pool_give_back(pool, entry);
	}
}

int xs_table_remove(struct xs_table *table, const uint8_t *address, unsigned int length)
{
	struct xs_pool *pool = table->pool;
	uint32_t way[XS_PREFIX_BYTES_MAX];
	unsigned int level, few;

	if (length > table->bytes * 8)
		return -EINVAL;
	if (!xs_prefix_map_remove(table->prefixes, address, length))
		return -ENOENT;
	level = walk(table, address, level_of(length), way);
	for (unsigned int i = 0; i <= level; i++)
		pool->under[way[i]]--;

	/* Blocks that hold nothing any more fold: one store where the lowest that stays leads to them. */
	for (few = 1; few <= level && pool->under[way[few]]; few++)
		;
	if (few <= level) {
		collapse(table, address, way, few);
		level = few - 1;
	} else {
		take_out(table, address, length, way, level);
	}
	/* The highest that holds so few that a guard does. */
	for (few = 1; few <= level && pool->under[way[few]] > XS_GUARD_PREFIXES; few++)
		;
	if (few <= level && xs_pool_want(pool, 0, 1))
		collapse(table, address, way, few);
	return 0;
}

/* ---- look-up ----------------------------------------------------------------------------------------------------- */

/* True if the walk ends here: by what the sieve says, or by an entry that is no block. */
static bool step(const struct xs_tables *tables, uint32_t *entry, const uint8_t *address, unsigned int level,
		 unsigned int address_bytes)
{
	const unsigned int fine = XS_SIEVE_NEXT(address_bytes);
	uint32_t block = *entry & XS_ENTRY_INDEX;

	if (level < XS_SIEVE_LEVELS) {
		unsigned int at = address[level] << fine | (fine ? address[level + 1] >> (8 - fine) : 0);
		const __u64 *sifted = &tables->sieve[block].word[at / XS_SIEVE_WORD_BITS];
		uint64_t word = __atomic_load_n(sifted, __ATOMIC_ACQUIRE);

		*entry = word >> XS_SIEVE_WORD_BITS;
		if (!(word >> at % XS_SIEVE_WORD_BITS & 1))
			return true;
	}
	*entry = __atomic_load_n(&tables->block[block].entry[address[level]], __ATOMIC_ACQUIRE);
	return !is_block(*entry);
}

bool xs_tables_lookup(struct xs_tables tables, uint32_t root, const uint8_t *address, unsigned int address_bytes,
		      uint32_t *leaf)
{
	uint32_t entry = XS_ENTRY_BLOCK | root;

	for (unsigned int level = 0; root && level < address_bytes; level++)
		if (step(&tables, &entry, address, level, address_bytes))
			break;
	if ((entry & XS_ENTRY_KIND) == XS_ENTRY_GUARD)
		entry = xs_guard_decide(&tables.guard[entry & XS_ENTRY_INDEX], address, address_bytes);
	if ((entry & XS_ENTRY_KIND) != XS_ENTRY_LEAF)
		return false;
	*leaf = entry & XS_ENTRY_INDEX;
	return true;
}
