/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address table: against a naive longest-prefix walk, its promises on a full pool and on writes, adoption, and
 * blocks reused under a live reader.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/address_table.h"
#include "maps/prefix_map.h"

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

static void differential(unsigned int bytes, unsigned int steps)
{
	uint32_t size = bytes == 4 ? 1200 : 6000;
	struct xs_block *blocks = calloc(size, sizeof(*blocks));
	struct xs_pool *pool = xs_pool_new(blocks, size, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, bytes);
	struct oracle *oracle = calloc(1, sizeof(*oracle));
	unsigned int different = 0, lookups = 0, hits = 0, changes = 0;

	assert_non_null(table);
	oracle->bytes = bytes;
	random_state = 88172645463325252ull + bytes;
	for (unsigned int step = 0; step < steps; step++) {
		uint8_t address[16] = {};
		unsigned int length = random_length(bytes);
		/* The set grows and shrinks in long waves, so blocks come and go. */
		bool growing = step / 2000 % 2 == 0;

		random_address(address, bytes);
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

			if (oracle->count && rnd() % 2) {
				/* Near a prefix that is there: inside, or one beyond its edge. */
				const struct naive *near = &oracle->prefix[rnd() % oracle->count];

				memcpy(address, near->address, near->length / 8);
			}
			expected = oracle_lookup(oracle, address);
			found = xs_blocks_lookup(blocks, xs_table_root(table), address, bytes, &leaf);
			lookups++;
			hits += found;
			different += found != !!expected || (found && leaf != expected->leaf);
		}
		assert_int_equal(xs_table_count(table), oracle->count);
	}
	print_message("%u-byte addresses: %u changes, %u lookups (%u hits), %u different\n", bytes, changes, lookups,
		      hits, different);
	assert_int_equal(different, 0);
	assert_true(changes > steps / 10 && hits > lookups / 4 && hits < lookups);

	/* What is left is removed: the table is one empty block again. */
	while (oracle->count) {
		struct naive *last = &oracle->prefix[--oracle->count];

		assert_int_equal(xs_table_remove(table, last->address, last->length), 0);
	}
	assert_int_equal(xs_pool_used(pool), 1);
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++)
		assert_int_equal(blocks[xs_table_root(table)].entry[i], XS_ENTRY_EMPTY);
	xs_table_free(table);
	assert_int_equal(xs_pool_used(pool), 0);
	xs_pool_free(pool);
	free(blocks);
	free(oracle);
}

static void test_differential_ipv4(void **state)
{
	differential(4, 1000000);
}

static void test_differential_ipv6(void **state)
{
	differential(16, 1000000);
}

/* ---- promises ---------------------------------------------------------------------------------------------------- */

static void test_nothing_written_where_equal(void **state)
{
	struct xs_block blocks[16] = {};
	struct xs_pool *pool = xs_pool_new(blocks, 16, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4);
	uint8_t net[4] = {10, 1, 2, 0}, host[4] = {10, 1, 2, 3};
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
	struct xs_pool *pool = xs_pool_new(blocks, 5, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4);
	uint8_t a[4] = {10, 1, 2, 3}, b[4] = {10, 9, 9, 9};
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
	assert_true(xs_blocks_lookup(blocks, xs_table_root(table), b, 4, &leaf) && leaf == 3);
	assert_false(xs_blocks_lookup(blocks, xs_table_root(table), a, 4, &leaf));
	xs_table_free(table);
	xs_pool_free(pool);
}

static void test_adopted_blocks_are_left_alone(void **state)
{
	uint32_t size = 64, root, leaf, made;
	struct xs_table *tables[64];
	struct xs_block *blocks = calloc(size, sizeof(*blocks)), *copy = calloc(size, sizeof(*copy));
	struct xs_pool *pool = xs_pool_new(blocks, size, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4), *other;
	uint8_t a[4] = {10, 1, 2, 3}, b[4] = {172, 16, 9, 9};

	other = xs_table_new(pool, 4); /* blocks that nobody adopts lie between */
	assert_int_equal(xs_table_set(table, a, 32, 1), 0);
	assert_int_equal(xs_table_set(other, a, 32, 1), 0);
	assert_int_equal(xs_table_set(table, b, 20, 2), 0);
	root = xs_table_root(table);
	xs_table_free(table);
	xs_table_free(other);
	xs_pool_free(pool);

	/* A new agent on the same memory. */
	memcpy(copy, blocks, size * sizeof(*blocks));
	pool = xs_pool_new(blocks, size, count_grace, NULL);
	xs_pool_adopt(pool, root);
	xs_pool_adopt(pool, root);
	assert_int_equal(xs_pool_used(pool), 6);
	/* Takes every other block there is: none of the adopted ones is among them. */
	for (made = 0; (tables[made] = xs_table_new(pool, 4)); made++)
		assert_int_equal(xs_table_set(tables[made], b, 8, 99), 0);
	assert_int_equal(made, size - 1 - 6);
	assert_true(xs_blocks_lookup(blocks, root, a, 4, &leaf) && leaf == 1);
	assert_true(xs_blocks_lookup(blocks, root, b, 4, &leaf) && leaf == 2);
	assert_memory_equal(copy[root].entry, blocks[root].entry, sizeof(copy[root]));
	xs_pool_release(pool, root);
	assert_int_equal(xs_pool_used(pool), made);
	for (; (tables[made] = xs_table_new(pool, 4)); made++)
		;
	assert_int_equal(made, size - 1);
	while (made)
		xs_table_free(tables[--made]);
	assert_int_equal(xs_pool_used(pool), 0);
	xs_pool_free(pool);
	free(blocks);
	free(copy);
}

static void test_foreign_content_is_bounded(void **state)
{
	uint32_t size = 8;
	struct xs_block blocks[8] = {};
	struct xs_pool *pool = xs_pool_new(blocks, size, count_grace, NULL);

	/* A loop, a number beyond the pool, a kind that does not exist. */
	blocks[1].entry[0] = XS_ENTRY_BLOCK | 2;
	blocks[1].entry[1] = XS_ENTRY_BLOCK | 4711;
	blocks[1].entry[2] = XS_ENTRY_KIND | 3;
	blocks[2].entry[5] = XS_ENTRY_BLOCK | 1;
	xs_pool_adopt(pool, 1);
	xs_pool_adopt(pool, 4711);
	xs_pool_adopt(pool, 0);
	assert_int_equal(xs_pool_used(pool), 2);
	xs_pool_release(pool, 1);
	assert_int_equal(xs_pool_used(pool), 0);
	xs_pool_free(pool);
}

/* ---- reuse under a reader ---------------------------------------------------------------------------------------- */

/*
 * The reader announces the epoch in which its lookup begins, as a program under RCU does by not having passed a
 * quiescent state; grace() starts a new epoch and waits until the reader is outside or in it.
 */
struct live {
	struct xs_block *blocks;
	_Atomic uint32_t root[2];
	_Atomic uint64_t epoch, inside; /* inside: epoch of the lookup under way, 0: none */
	_Atomic bool stop;
	_Atomic uint64_t lookups, foreign, misses;
};

static void live_grace(void *context)
{
	struct live *live = context;
	uint64_t now = atomic_fetch_add(&live->epoch, 1) + 1;

	graces++;
	for (;;) {
		uint64_t inside = atomic_load(&live->inside);

		if (!inside || inside >= now)
			return;
		sched_yield();
	}
}

/* Table t has leaves t * 1000000 + ..., and always a default route; a lookup ends in a leaf of its own table. */
static void *live_reader(void *context)
{
	struct live *live = context;
	uint64_t seed = 1234567;

	while (!atomic_load_explicit(&live->stop, memory_order_relaxed)) {
		for (unsigned int i = 0; i < 1000; i++) {
			uint32_t leaf = 0, t = i & 1;
			uint8_t address[4];
			bool found;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			for (unsigned int b = 0; b < 4; b++)
				address[b] = (seed >> (33 + 2 * b)) & 3;
			atomic_store(&live->inside, atomic_load(&live->epoch));
			found = xs_blocks_lookup(live->blocks, atomic_load(&live->root[t]), address, 4, &leaf);
			atomic_store(&live->inside, 0);
			if (!found)
				atomic_fetch_add(&live->misses, 1);
			else if (leaf / 1000000 != t + 1)
				atomic_fetch_add(&live->foreign, 1);
		}
		atomic_fetch_add(&live->lookups, 1000);
	}
	return NULL;
}

static void test_reuse_under_a_reader(void **state)
{
	static const uint8_t any[4];
	uint32_t size = 48;
	struct live live = {.blocks = calloc(size, sizeof(struct xs_block)), .epoch = 1};
	struct xs_pool *pool = xs_pool_new(live.blocks, size, live_grace, &live);
	struct xs_table *table[2];
	struct naive held[2][24] = {};
	unsigned int changes = 0, full = 0;
	pthread_t reader;

	random_state = 4242424242ull;
	for (unsigned int t = 0; t < 2; t++) {
		table[t] = xs_table_new(pool, 4);
		assert_int_equal(xs_table_set(table[t], any, 0, (t + 1) * 1000000), 0);
		atomic_store(&live.root[t], xs_table_root(table[t]));
	}
	graces = 0;
	assert_int_equal(pthread_create(&reader, NULL, live_reader, &live), 0);
	/*
	 * Both tables draw on one small pool, so what one drops the other gets. Ends by work done on both sides, not by
	 * time.
	 */
	while (changes < 300000 || atomic_load(&live.lookups) < 300000) {
		unsigned int t = rnd() & 1, slot = rnd() % 24;
		struct naive *p = &held[t][slot];

		if (p->length) {
			assert_int_equal(xs_table_remove(table[t], p->address, p->length), 0);
			p->length = 0;
		} else {
			uint8_t address[4] = {rnd() & 3, rnd() & 3, rnd() & 3, rnd() & 3};
			unsigned int length = 9 + rnd() % 24;
			uint32_t leaf;
			int err;

			if (xs_table_get(table[t], address, length, &leaf))
				continue;
			err = xs_table_set(table[t], address, length, (t + 1) * 1000000 + rnd() % 1000);
			assert_true(!err || err == -ENOSPC);
			full += err != 0;
			if (!err) {
				memcpy(p->address, address, 4);
				p->length = length;
			}
		}
		if (rnd() % 4000 == 0) {
			/* The whole table is replaced, as a resynchronisation does. */
			struct xs_table *fresh = xs_table_new(pool, 4);

			if (fresh) {
				assert_int_equal(xs_table_set(fresh, any, 0, (t + 1) * 1000000), 0);
				atomic_store(&live.root[t], xs_table_root(fresh));
				xs_table_free(table[t]);
				table[t] = fresh;
				memset(held[t], 0, sizeof(held[t]));
			}
		}
		changes++;
	}
	atomic_store(&live.stop, true);
	pthread_join(reader, NULL);
	print_message("%u changes (%u on a full pool), %u grace periods, %llu lookups: %llu foreign, %llu unanswered\n",
		      changes, full, graces, (unsigned long long)live.lookups, (unsigned long long)live.foreign,
		      (unsigned long long)live.misses);
	assert_int_equal(live.foreign, 0);
	assert_int_equal(live.misses, 0);
	assert_true(graces > 100 && full > 0);
	xs_table_free(table[0]);
	xs_table_free(table[1]);
	xs_pool_free(pool);
	free(live.blocks);
}

/* ---- a million --------------------------------------------------------------------------------------------------- */

static void test_a_million_prefixes(void **state)
{
	uint32_t size = 80000, count = 1000000, wrong = 0;
	struct xs_block *blocks = calloc(size, sizeof(*blocks));
	struct xs_pool *pool = xs_pool_new(blocks, size, count_grace, NULL);
	struct xs_table *table = xs_table_new(pool, 4);

	/* Each /24 once: an odd step runs through all 2^24 of them before it repeats. */
	for (uint32_t i = 0, net = 1; i < count; i++, net = (net + 10619863u) & 0xffffff) {
		uint8_t address[4] = {net >> 16, net >> 8, net, 0};

		assert_int_equal(xs_table_set(table, address, 24, net & 0xffff), 0);
	}
	assert_int_equal(xs_table_count(table), count);
	for (uint32_t i = 0, net = 1; i < 2 * count; i++, net = (net + 10619863u) & 0xffffff) {
		uint8_t address[4] = {net >> 16, net >> 8, net, net};
		uint32_t leaf = 0;
		bool found = xs_blocks_lookup(blocks, xs_table_root(table), address, 4, &leaf);

		wrong += found != (i < count) || (found && leaf != (net & 0xffff));
	}
	assert_int_equal(wrong, 0);
	print_message("%u prefixes in %u blocks\n", count, xs_pool_used(pool));
	for (uint32_t i = 0, net = 1; i < count; i++, net = (net + 10619863u) & 0xffffff) {
		uint8_t address[4] = {net >> 16, net >> 8, net, 0};

		assert_int_equal(xs_table_remove(table, address, 24), 0);
	}
	assert_int_equal(xs_pool_used(pool), 1);
	xs_table_free(table);
	xs_pool_free(pool);
	free(blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential_ipv4),
		cmocka_unit_test(test_differential_ipv6),
		cmocka_unit_test(test_nothing_written_where_equal),
		cmocka_unit_test(test_full_pool_leaves_the_table),
		cmocka_unit_test(test_adopted_blocks_are_left_alone),
		cmocka_unit_test(test_foreign_content_is_bounded),
		cmocka_unit_test(test_reuse_under_a_reader),
		cmocka_unit_test(test_a_million_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
