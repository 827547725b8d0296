/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address table against a naive longest-prefix walk: random changes and look-ups, both lengths of address, prefixes
 * that nest and prefixes that lie alone, with guards, too few of them, and none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/address_table.h"
#include "maps/table_walk.h"
#include "selftests/random.h"
#include "selftests/unit/table_memory.h"

static uint64_t random_state;

static uint32_t rnd(void)
{
	return (uint32_t)random_next(&random_state);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential_ipv4_dense),
		cmocka_unit_test(test_differential_ipv4_sparse),
		cmocka_unit_test(test_differential_ipv6_dense),
		cmocka_unit_test(test_differential_ipv6_sparse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
