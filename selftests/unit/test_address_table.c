/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address table: against a naive longest-prefix walk, what it takes, its promises on a full pool and on writes, and
 * adoption. Under live readers: test_address_table_live.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/address_table.h"
#include "maps/table_walk.h"

static uint64_t random_state;

static uint32_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

static unsigned int graces;

static void count_grace(void *context)
{
	graces++;
}

/* Memory for tables; guards 0: none. */
static struct xs_tables new_tables(uint32_t blocks, uint32_t guards)
{
	struct xs_tables tables = { .blocks = blocks, .guards = guards };

	tables.block = calloc(blocks, sizeof(*tables.block));
	tables.guard = calloc(guards + 1, sizeof(*tables.guard));
	assert_true(tables.block && tables.guard);
	return tables;
}

static void free_tables(struct xs_tables tables)
{
	free(tables.block);
	free(tables.guard);
}

/* ---- the oracle: prefixes in a list per length, walked from the longest ------------------------------------------ */

struct naive {
	uint8_t address[16];
	unsigned int length;
	uint32_t leaf;
};

#define NAIVE_MAX 400

struct oracle {
	struct naive prefix[NAIVE_MAX];
	size_t count;
	unsigned int bytes;
};

static bool covers(const uint8_t *prefix, unsigned int length, const uint8_t *address)
{
	for (unsigned int bit = 0; bit < length; bit++)
		if ((prefix[bit / 8] ^ address[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

static struct naive *oracle_find(struct oracle *oracle, const uint8_t *address, unsigned int length)
{
	for (size_t i = 0; i < oracle->count; i++)
		if (oracle->prefix[i].length == length && covers(oracle->prefix[i].address, length, address))
			return &oracle->prefix[i];
	return NULL;
}

static const struct naive *oracle_lookup(const struct oracle *oracle, const uint8_t *address)
{
	const struct naive *best = NULL;

	for (size_t i = 0; i < oracle->count; i++) {
		const struct naive *p = &oracle->prefix[i];

		if ((!best || p->length > best->length) && covers(p->address, p->length, address))
			best = p;
	}
	return best;
}

/* Addresses from a small part of the space, so that prefixes nest and meet. */
static void random_address(uint8_t *address, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		address[i] = rnd() % 4 == 0 ? rnd() : (rnd() & 1) * 0x81;
}

static unsigned int random_length(unsigned int bytes)
{
	unsigned int bits = bytes * 8;

	switch (rnd() % 4) {
	case 0:
		return rnd() % (bits + 1);
	case 1:
		return rnd() % (bytes + 1) * 8;
	case 2:
		return bits - rnd() % 3;
	default:
		return rnd() % 25;
	}
}

/* How prefixes lie: in a small part of the space, so that they nest and meet, or alone, each far from the others. */
enum spread { DENSE, SPARSE };

static void random_prefix(uint8_t *address, unsigned int *length, unsigned int bytes, enum spread spread)
{
	if (spread == DENSE) {
		random_address(address, bytes);
		*length = random_length(bytes);
		return;
	}
	/* Some hundred places, a few of them near each other, and lengths as of routes. */
	uint32_t place = rnd() % 300;

	for (unsigned int i = 0; i < bytes; i++)
		address[i] = i < 3 ? (place * 2654435761u) >> (8 * i) : rnd() % 3;
	*length = bytes * 2 + rnd() % (bytes * 6 + 1);
}

static struct xs_tables shape(uint32_t blocks)
{
	/* As many guards as needed, few enough that they lack at times, none. */
	static const uint32_t guards[] = { 4000, 60, 0 };

	return new_tables(blocks, guards[rnd() % 3]);
}

/* A table of the same prefixes, set in any other order, is alike: nothing is left of what was removed. */
static void is_as_built_afresh(struct xs_pool *pool, uint32_t root, struct oracle *oracle, struct xs_tables tables)
{
	struct xs_tables aside = new_tables(tables.blocks, tables.guards);
	struct xs_pool *fresh = xs_pool_new(aside, count_grace, NULL);
	struct xs_table *table = xs_table_new(fresh, oracle->bytes);

	for (size_t i = oracle->count; i-- > 0;)
		assert_int_equal(xs_table_set(table, oracle->prefix[i].address, oracle->prefix[i].length,
					      oracle->prefix[i].leaf),
				 0);
	assert_int_equal(xs_pool_used(fresh), xs_pool_used(pool));
	assert_int_equal(xs_pool_guards_used(fresh), xs_pool_guards_used(pool));
	assert_true(xs_tables_equal(&aside, xs_table_root(table), &tables, root));
	xs_table_free(table);
	xs_pool_free(fresh);
	free_tables(aside);
}

static void differential(unsigned int bytes, enum spread spread, unsigned int steps)
{
	struct oracle *oracle = calloc(1, sizeof(*oracle));
	unsigned int different = 0, lookups = 0, hits = 0, changes = 0, scarce = 0, compared = 0, rounds = 0;

	oracle->bytes = bytes;
	random_state = 88172645463325252ull + bytes + spread;
	for (unsigned int done = 0; done < steps; rounds++) {
		struct xs_tables tables = shape(bytes == 4 ? 1600 : 7000);
		struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
		struct xs_table *table = xs_table_new(pool, bytes);
		unsigned int end = done + steps / 12 + 1;

		assert_non_null(table);
		scarce += tables.guards < 4000;
		for (; done < end; done++) {
			uint8_t address[16] = {};
			unsigned int length;
			/* The set grows and shrinks in long waves, so blocks come and go. */
			bool growing = done / 2000 % 2 == 0;

			random_prefix(address, &length, bytes, spread);
			if (rnd() % 100 < (growing ? 20 : 5) && oracle->count < NAIVE_MAX) {
				struct naive *known = oracle_find(oracle, address, length);
				uint32_t leaf = rnd() % 8 ? rnd() & XS_ENTRY_INDEX : 0;

				if (!known) {
					known = &oracle->prefix[oracle->count++];
					memcpy(known->address, address, 16);
					known->length = length;
				}
				known->leaf = leaf;
				assert_int_equal(xs_table_set(table, address, length, leaf), 0);
				changes++;
			} else if (rnd() % 100 < (growing ? 5 : 20) && oracle->count) {
				struct naive *gone = &oracle->prefix[rnd() % oracle->count];

				assert_int_equal(xs_table_remove(table, gone->address, gone->length), 0);
				assert_int_equal(xs_table_remove(table, gone->address, gone->length), -ENOENT);
				*gone = oracle->prefix[--oracle->count];
				changes++;
			} else {
				uint32_t leaf = 0;
				const struct naive *expected;
				bool found;

				if (oracle->count && rnd() % 4) {
					/* Near a prefix that is there: inside, or one beyond its edge. */
					const struct naive *near = &oracle->prefix[rnd() % oracle->count];
					unsigned int whole = near->length / 8;

					memcpy(address, near->address, whole);
					if (near->length % 8 && rnd() % 4)
						address[whole] = near->address[whole];
				}
				expected = oracle_lookup(oracle, address);
				found = xs_tables_lookup(tables, xs_table_root(table), address, bytes, &leaf);
				lookups++;
				hits += found;
				different += found != !!expected || (found && leaf != expected->leaf);
			}
			assert_int_equal(xs_table_count(table), oracle->count);
			if (tables.guards != 60 && rnd() % 3000 == 0) {
				is_as_built_afresh(pool, xs_table_root(table), oracle, tables);
				compared++;
			}
		}
		/* What is left is removed: the table is one empty block again. */
		while (oracle->count) {
			struct naive *last = &oracle->prefix[--oracle->count];

			assert_int_equal(xs_table_remove(table, last->address, last->length), 0);
		}
		assert_int_equal(xs_pool_used(pool), 1);
		assert_int_equal(xs_pool_guards_used(pool), 0);
		for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++)
			assert_int_equal(tables.block[xs_table_root(table)].entry[i], XS_ENTRY_EMPTY);
		xs_table_free(table);
		assert_int_equal(xs_pool_used(pool), 0);
		xs_pool_free(pool);
		free_tables(tables);
	}
	print_message("%u-byte addresses, %s: %u changes, %u lookups (%u hits), %u different; %u times compared with a "
		      "fresh one; "
		      "guards lacked in %u of %u rounds\n",
		      bytes, spread == DENSE ? "dense" : "sparse", changes, lookups, hits, different, compared, scarce,
		      rounds);
	assert_int_equal(different, 0);
	assert_true(changes > steps / 10 && hits > lookups / 4 && hits < lookups && compared > 20);
	assert_true(scarce && scarce < rounds);
	free(oracle);
}

static void test_differential_ipv4_dense(void **state)
{
	differential(4, DENSE, 1000000);
}

static void test_differential_ipv4_sparse(void **state)
{
	differential(4, SPARSE, 1000000);
}

static void test_differential_ipv6_dense(void **state)
{
	differential(16, DENSE, 1000000);
}

static void test_differential_ipv6_sparse(void **state)
{
	differential(16, SPARSE, 1000000);
}

/* ---- promises ---------------------------------------------------------------------------------------------------- */

static void test_nothing_written_where_equal(void **state)
{
	struct xs_block blocks[16] = {};
	struct xs_pool *pool = xs_pool_new((struct xs_tables){ .block = blocks, .blocks = 16 }, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4);
	uint8_t net[4] = { 10, 1, 2, 0 }, host[4] = { 10, 1, 2, 3 };
	uint64_t writes;

	assert_int_equal(xs_table_set(table, net, 24, 7), 0);
	writes = xs_pool_writes(pool);
	assert_int_equal(xs_table_set(table, net, 24, 7), 0);
	assert_int_equal(xs_pool_writes(pool), writes);
	/* Bits beyond the length are not looked at. */
	assert_int_equal(xs_table_set(table, host, 24, 7), 0);
	assert_int_equal(xs_pool_writes(pool), writes);
	assert_int_equal(xs_table_count(table), 1);
	/* A host under an existing block, and away again: the block is made, then folds by one store. */
	assert_int_equal(xs_table_set(table, host, 32, 8), 0);
	writes = xs_pool_writes(pool);
	assert_int_equal(xs_table_remove(table, host, 32), 0);
	assert_int_equal(xs_pool_writes(pool), writes + 1);
	assert_int_equal(xs_table_set(table, net, 33, 1), -EINVAL);
	assert_int_equal(xs_table_set(table, net, 8, XS_ENTRY_INDEX + 1), -EINVAL);
	xs_table_free(table);
	xs_pool_free(pool);
}

static void test_full_pool_leaves_the_table(void **state)
{
	struct xs_block blocks[5] = {}, before[5];
	struct xs_tables tables = { .block = blocks, .blocks = 5 };
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4);
	uint8_t a[4] = { 10, 1, 2, 3 }, b[4] = { 10, 9, 9, 9 };
	uint32_t leaf;

	assert_int_equal(xs_table_set(table, a, 32, 1), 0); /* root and three more: the pool is full */
	assert_int_equal(xs_pool_used(pool), 4);
	memcpy(before, blocks, sizeof(before));
	assert_int_equal(xs_table_set(table, b, 24, 2), -ENOSPC);
	assert_memory_equal(before, blocks, sizeof(before));
	assert_int_equal(xs_table_count(table), 1);
	assert_false(xs_table_get(table, b, 24, &leaf));
	assert_int_equal(xs_table_set(table, b, 16, 2), 0); /* needs no block */
	errno = 0;
	assert_null(xs_table_new(pool, 4));
	assert_int_equal(errno, ENOSPC);

	/* What is given back serves again, after a grace period, one for all three. */
	graces = 0;
	assert_int_equal(xs_table_remove(table, a, 32), 0);
	assert_int_equal(xs_table_set(table, b, 32, 3), 0);
	assert_int_equal(graces, 1);
	assert_true(xs_tables_lookup(tables, xs_table_root(table), b, 4, &leaf) && leaf == 3);
	assert_false(xs_tables_lookup(tables, xs_table_root(table), a, 4, &leaf));
	xs_table_free(table);
	xs_pool_free(pool);
}

static void test_adopted_blocks_are_left_alone(void **state)
{
	uint32_t size = 64, root, leaf, made;
	struct xs_table *others[64];
	struct xs_tables tables = new_tables(size, size);
	struct xs_block *copy = calloc(size, sizeof(*copy));
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4), *other;
	uint8_t a[4] = { 10, 1, 2, 3 }, b[4] = { 172, 16, 9, 9 }, c[4] = { 10, 1, 2, 4 }, d[4] = { 10, 1, 2, 5 };

	other = xs_table_new(pool, 4); /* what nobody adopts lies between */
	assert_int_equal(xs_table_set(table, a, 32, 1), 0);
	assert_int_equal(xs_table_set(other, a, 32, 1), 0);
	assert_int_equal(xs_table_set(table, b, 20, 2), 0);
	assert_int_equal(xs_table_set(table, c, 32, 3), 0);
	assert_int_equal(xs_table_set(table, d, 32, 4), 0);
	root = xs_table_root(table);
	xs_table_free(table);
	xs_table_free(other);
	xs_pool_free(pool);

	/* A new agent on the same memory. */
	memcpy(copy, tables.block, size * sizeof(*copy));
	pool = xs_pool_new(tables, count_grace, NULL);
	xs_pool_adopt(pool, root);
	xs_pool_adopt(pool, root);
	assert_int_equal(xs_pool_used(pool), 4);        /* of three under 10/8 */
	assert_int_equal(xs_pool_guards_used(pool), 1); /* of the one under 172/8 */
	/* Takes every other block and guard there is: none of the adopted ones is among them. */
	for (made = 0; (others[made] = xs_table_new(pool, 4)); made++) {
		assert_int_equal(xs_table_set(others[made], b, 8, 99), 0);
		assert_int_equal(xs_table_set(others[made], a, 32, 99), 0);
	}
	assert_int_equal(made, size - 1 - 4);
	assert_true(xs_tables_lookup(tables, root, a, 4, &leaf) && leaf == 1);
	assert_true(xs_tables_lookup(tables, root, b, 4, &leaf) && leaf == 2);
	assert_true(xs_tables_lookup(tables, root, d, 4, &leaf) && leaf == 4);
	assert_memory_equal(copy[root].entry, tables.block[root].entry, sizeof(copy[root]));
	xs_pool_release(pool, root);
	assert_int_equal(xs_pool_used(pool), made);
	assert_int_equal(xs_pool_guards_used(pool), made);
	for (; (others[made] = xs_table_new(pool, 4)); made++)
		;
	assert_int_equal(made, size - 1);
	while (made)
		xs_table_free(others[--made]);
	assert_int_equal(xs_pool_used(pool), 0);
	assert_int_equal(xs_pool_guards_used(pool), 0);
	xs_pool_free(pool);
	free_tables(tables);
	free(copy);
}

static void test_foreign_content_is_bounded(void **state)
{
	struct xs_block blocks[8] = {};
	struct xs_guard guards[8] = {};
	struct xs_tables tables = { blocks, guards, 8, 8 };
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);

	/* A loop, a guard that two entries lead to, and numbers beyond the pool. */
	blocks[1].entry[0] = XS_ENTRY_BLOCK | 2;
	blocks[1].entry[1] = XS_ENTRY_BLOCK | 4711;
	blocks[1].entry[2] = XS_ENTRY_GUARD | 3;
	blocks[1].entry[3] = XS_ENTRY_GUARD | 3;
	blocks[1].entry[4] = XS_ENTRY_GUARD | 4711;
	blocks[1].entry[5] = XS_ENTRY_GUARD | 0;
	blocks[2].entry[5] = XS_ENTRY_BLOCK | 1;
	xs_pool_adopt(pool, 1);
	xs_pool_adopt(pool, 4711);
	xs_pool_adopt(pool, 0);
	xs_pool_adopt(pool, 0xffffffff);
	assert_int_equal(xs_pool_used(pool), 2);
	assert_int_equal(xs_pool_guards_used(pool), 1);
	xs_pool_release(pool, 1);
	assert_int_equal(xs_pool_used(pool), 0);
	assert_int_equal(xs_pool_guards_used(pool), 0);
	xs_pool_free(pool);
}

/* ---- guards ------------------------------------------------------------------------------------------------------ */

static bool is_in(struct xs_tables tables, const struct xs_table *table, const uint8_t *address, uint32_t leaf)
{
	uint32_t found;

	return xs_tables_lookup(tables, xs_table_root(table), address, 16, &found) && found == leaf;
}

/* Two prefixes under one entry share a guard; a third makes a block; and when one goes, the block goes with it. */
static void test_a_guard_splits_and_merges(void **state)
{
	struct xs_tables tables = new_tables(32, 32);
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 16);
	uint8_t a[16] = { 0x20, 1, 0xd, 0xb8, 1 }, b[16] = { 0x20, 1, 0xd, 0xb8, 2 }, c[16] = { 0x20, 1, 0xff };
	uint8_t near[16] = { 0x20, 1, 0xd, 0xb8, 3 }, far[16] = { 0x20, 9 };
	uint64_t writes;

	assert_int_equal(xs_table_set(table, a, 0, 100), 0);
	assert_int_equal(xs_table_set(table, a, 48, 1), 0);
	assert_int_equal(xs_pool_used(pool), 1);
	assert_int_equal(xs_pool_guards_used(pool), 1);
	assert_int_equal(xs_table_set(table, b, 64, 2), 0);
	assert_int_equal(xs_pool_used(pool), 1);
	assert_int_equal(xs_pool_guards_used(pool), 1);
	assert_true(is_in(tables, table, a, 1) && is_in(tables, table, b, 2) && is_in(tables, table, near, 100) &&
		    is_in(tables, table, far, 100));
	/* The three part in the third byte: blocks for the second and the third, a guard for the two that stay
	 * together. */
	assert_int_equal(xs_table_set(table, c, 32, 3), 0);
	assert_int_equal(xs_pool_used(pool), 3);
	assert_int_equal(xs_pool_guards_used(pool), 2);
	assert_true(is_in(tables, table, a, 1) && is_in(tables, table, b, 2) && is_in(tables, table, c, 3) &&
		    is_in(tables, table, near, 100) && is_in(tables, table, far, 100));
	/* What covers them all is changed where it shows: outside the prefixes. */
	assert_int_equal(xs_table_set(table, a, 0, 101), 0);
	assert_true(is_in(tables, table, near, 101) && is_in(tables, table, far, 101) && is_in(tables, table, a, 1));
	assert_int_equal(xs_table_remove(table, c, 32), 0);
	assert_int_equal(xs_pool_used(pool), 1);
	assert_int_equal(xs_pool_guards_used(pool), 1);
	assert_true(is_in(tables, table, a, 1) && is_in(tables, table, b, 2) && is_in(tables, table, c, 101) &&
		    is_in(tables, table, near, 101));
	/* In a guard, a change and a removal are one store each. */
	writes = xs_pool_writes(pool);
	assert_int_equal(xs_table_set(table, a, 48, 7), 0);
	assert_int_equal(xs_table_remove(table, b, 64), 0);
	assert_int_equal(xs_pool_writes(pool), writes + 2);
	assert_true(is_in(tables, table, a, 7) && is_in(tables, table, b, 101));
	assert_int_equal(xs_table_remove(table, a, 48), 0);
	assert_int_equal(xs_pool_guards_used(pool), 0);
	assert_true(is_in(tables, table, a, 101));
	xs_table_free(table);
	xs_pool_free(pool);
	free_tables(tables);
}

/* Guards that lack are not missed but for the memory; when there are some again, they are used again. */
static void test_without_guards_blocks_serve(void **state)
{
	struct xs_tables tables = new_tables(64, 2);
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4);
	uint8_t a[4] = { 10, 1, 2, 3 }, b[4] = { 11, 1, 2, 3 }, c[4] = { 10, 2, 2, 2 };
	uint32_t leaf;

	assert_int_equal(xs_table_set(table, a, 32, 1), 0);
	assert_int_equal(xs_table_set(table, b, 32, 2), 0);
	assert_int_equal(xs_pool_guards_used(pool), 1);
	assert_int_equal(xs_pool_used(pool), 4); /* the one guard there is went to a */
	assert_true(xs_tables_lookup(tables, xs_table_root(table), b, 4, &leaf) && leaf == 2);
	assert_int_equal(xs_table_remove(table, a, 32), 0);
	/* b's blocks are folded into a guard when something is next taken away from them. */
	assert_int_equal(xs_table_set(table, b, 24, 3), 0);
	assert_int_equal(xs_table_remove(table, b, 24), 0);
	assert_int_equal(xs_pool_used(pool), 1);
	assert_int_equal(xs_pool_guards_used(pool), 1);
	assert_true(xs_tables_lookup(tables, xs_table_root(table), b, 4, &leaf) && leaf == 2);
	assert_false(xs_tables_lookup(tables, xs_table_root(table), c, 4, &leaf));
	xs_table_free(table);
	assert_int_equal(xs_pool_guards_used(pool), 0);
	xs_pool_free(pool);
	free_tables(tables);
}

/* ---- a million --------------------------------------------------------------------------------------------------- */

/* The i-th of a million different prefixes: IPv4 /24 anywhere; IPv6 /48 to /64 in 2000::/3. */
static void nth(unsigned int bytes, uint32_t i, uint8_t *address, unsigned int *length)
{
	if (bytes == 4) {
		/* An odd step runs through all 2^24 of them before it repeats. */
		uint32_t net = 1 + i * 10619863u;

		address[0] = net >> 16;
		address[1] = net >> 8;
		address[2] = net;
		*length = 24;
		return;
	}
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	x ^= x >> 31; /* the uppermost 48 bits differ for each of these millions */
	for (int b = 0; b < 8; b++)
		address[b] = x >> (56 - 8 * b);
	address[0] = 0x20 | (address[0] & 0x1f);
	*length = 48 + (i * 2654435761u >> 16) % 17;
}

static void a_million(unsigned int bytes, uint32_t blocks, uint32_t guards, size_t most)
{
	struct xs_tables tables = new_tables(blocks, guards);
	uint32_t count = 1000000, wrong = 0;
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, bytes);
	size_t in_maps, beside;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t address[16] = {};
		unsigned int length;

		nth(bytes, i, address, &length);
		assert_int_equal(xs_table_set(table, address, length, i & 0xffff), 0);
	}
	assert_int_equal(xs_table_count(table), count);
	for (uint32_t i = 0; i < 2 * count; i++) {
		uint8_t address[16] = {};
		uint32_t leaf = 0;
		unsigned int length;
		bool found;

		nth(bytes, i, address, &length);
		address[bytes - 1] = i;
		found = xs_tables_lookup(tables, xs_table_root(table), address, bytes, &leaf);
		wrong += found != (i < count) || (found && leaf != (i & 0xffff));
	}
	assert_int_equal(wrong, 0);
	in_maps = (size_t)xs_pool_used(pool) * sizeof(struct xs_block) +
		  xs_pool_guards_used(pool) * sizeof(struct xs_guard);
	beside = xs_pool_memory(pool) + xs_table_memory(table);
	print_message("%u prefixes of %u bytes in %u blocks and %u guards: %zu MiB in maps, %zu MiB beside them\n",
		      count, bytes, xs_pool_used(pool), xs_pool_guards_used(pool), in_maps >> 20, beside >> 20);
	assert_true(in_maps + beside <= most);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t address[16] = {};
		unsigned int length;

		nth(bytes, i, address, &length);
		assert_int_equal(xs_table_remove(table, address, length), 0);
	}
	assert_int_equal(xs_pool_used(pool), 1);
	assert_int_equal(xs_pool_guards_used(pool), 0);
	xs_table_free(table);
	xs_pool_free(pool);
	free_tables(tables);
}

static void test_a_million_of_ipv4(void **state)
{
	a_million(4, 80000, 1 << 20, 256u << 20);
}

static void test_a_million_of_ipv6(void **state)
{
	a_million(16, 80000, 1 << 20, 512u << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential_ipv4_dense),
		cmocka_unit_test(test_differential_ipv4_sparse),
		cmocka_unit_test(test_differential_ipv6_dense),
		cmocka_unit_test(test_differential_ipv6_sparse),
		cmocka_unit_test(test_nothing_written_where_equal),
		cmocka_unit_test(test_full_pool_leaves_the_table),
		cmocka_unit_test(test_adopted_blocks_are_left_alone),
		cmocka_unit_test(test_foreign_content_is_bounded),
		cmocka_unit_test(test_a_guard_splits_and_merges),
		cmocka_unit_test(test_without_guards_blocks_serve),
		cmocka_unit_test(test_a_million_of_ipv4),
		cmocka_unit_test(test_a_million_of_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
