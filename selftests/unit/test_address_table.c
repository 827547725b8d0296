/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address table's promises: on a full pool, on writes, on adoption, on guards. Against a naive walk:
 * test_address_table_random.c; in bulk: test_address_table_million.c; under live readers: test_address_table_live.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/address_table.h"
#include "maps/table_walk.h"
#include "selftests/unit/table_memory.h"

static void test_nothing_written_where_equal(void **state)
{
	struct xs_tables tables = new_tables(16, 0);
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
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
	free_tables(tables);
}

static void test_full_pool_leaves_the_table(void **state)
{
	struct xs_tables tables = new_tables(5, 0);
	struct xs_block before[5];
	struct xs_sieve sieve_before[5];
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4);
	uint8_t a[4] = { 10, 1, 2, 3 }, b[4] = { 10, 9, 9, 9 };
	uint32_t leaf;

	assert_int_equal(xs_table_set(table, a, 32, 1), 0); /* root and three more: the pool is full */
	assert_int_equal(xs_pool_used(pool), 4);
	memcpy(before, tables.block, sizeof(before));
	memcpy(sieve_before, tables.sieve, sizeof(sieve_before));
	assert_int_equal(xs_table_set(table, b, 24, 2), -ENOSPC);
	assert_memory_equal(before, tables.block, sizeof(before));
	assert_memory_equal(sieve_before, tables.sieve, sizeof(sieve_before));
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
	free_tables(tables);
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
	struct xs_tables tables = new_tables(8, 8);
	struct xs_block *blocks = tables.block;
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
	free_tables(tables);
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
	/* The three part in the third byte: blocks for the second and the third, a guard for the two that stay together. */
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

/* ---- sieves ------------------------------------------------------------------------------------------------------ */

/* Bits that are 1 in the sieve of a root; *cover: what all its words say of the rest. */
static unsigned int sifted(struct xs_tables tables, const struct xs_table *table, unsigned int words, uint32_t *cover)
{
	const struct xs_sieve *sieve = &tables.sieve[xs_table_root(table)];
	unsigned int bits = 0;

	*cover = sieve->word[0] >> XS_SIEVE_WORD_BITS;
	for (unsigned int w = 0; w < XS_SIEVE_WORDS; w++) {
		bits += __builtin_popcount((uint32_t)sieve->word[w]);
		assert_int_equal(sieve->word[w] >> XS_SIEVE_WORD_BITS, w < words ? *cover : 0);
	}
	return bits;
}

/* Only what a prefix concerns is left to the block; and when it goes, nothing is. */
static void test_a_sieve_holds_back_what_it_can(void **state)
{
	struct xs_tables tables = new_tables(32, 32);
	struct xs_pool *pool = xs_pool_new(tables, count_grace, NULL);
	struct xs_table *four = xs_table_new(pool, 4), *six = xs_table_new(pool, 16);
	uint8_t a[16] = { 0x20, 1, 0xd, 0xb8 }, b[16] = { 0x20, 0xc1 }, c[16] = { 0x20, 0x80 }, ten[4] = { 10, 1 };
	uint32_t cover, none = XS_ENTRY_EMPTY;

	assert_int_equal(sifted(tables, four, 8, &cover), 0);
	assert_int_equal(cover, none);
	assert_int_equal(xs_table_set(four, ten, 0, 100), 0);
	assert_int_equal(xs_table_set(four, ten, 16, 1), 0);
	assert_int_equal(sifted(tables, four, 8, &cover), 1);
	assert_int_equal(cover, XS_ENTRY_LEAF | 100);
	assert_int_equal(xs_table_set(four, ten, 7, 2), 0); /* two entries, one of them a guard already */
	assert_int_equal(sifted(tables, four, 8, &cover), 2);
	assert_int_equal(xs_table_remove(four, ten, 7), 0);
	assert_int_equal(sifted(tables, four, 8, &cover), 1);
	assert_int_equal(xs_table_remove(four, ten, 0), 0);
	assert_int_equal(sifted(tables, four, 8, &cover), 1);
	assert_int_equal(cover, none);

	/* Of a quarter each. */
	assert_int_equal(xs_table_set(six, a, 0, 100), 0);
	assert_int_equal(xs_table_set(six, a, 48, 1), 0);
	assert_int_equal(sifted(tables, six, 32, &cover), 1);
	assert_int_equal(cover, XS_ENTRY_LEAF | 100);
	assert_int_equal(xs_table_set(six, b, 32, 2), 0);
	assert_int_equal(sifted(tables, six, 32, &cover), 2);
	assert_int_equal(xs_table_remove(six, b, 32), 0);
	assert_int_equal(sifted(tables, six, 32, &cover), 1);
	assert_int_equal(xs_table_set(six, c, 9, 3), 0); /* two quarters */
	assert_int_equal(sifted(tables, six, 32, &cover), 3);
	/* A shorter prefix over the guard: the guard says what lies outside its own. */
	assert_int_equal(xs_table_set(six, a, 8, 4), 0);
	assert_int_equal(sifted(tables, six, 32, &cover), 4);
	assert_int_equal(xs_table_remove(six, a, 8), 0);
	assert_int_equal(sifted(tables, six, 32, &cover), 3);
	assert_int_equal(xs_table_remove(six, a, 48), 0);
	assert_int_equal(xs_table_remove(six, c, 9), 0);
	assert_int_equal(sifted(tables, six, 32, &cover), 0);
	xs_table_free(four);
	xs_table_free(six);
	xs_pool_free(pool);
	free_tables(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_written_where_equal),
		cmocka_unit_test(test_full_pool_leaves_the_table),
		cmocka_unit_test(test_adopted_blocks_are_left_alone),
		cmocka_unit_test(test_foreign_content_is_bounded),
		cmocka_unit_test(test_a_guard_splits_and_merges),
		cmocka_unit_test(test_without_guards_blocks_serve),
		cmocka_unit_test(test_a_sieve_holds_back_what_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
