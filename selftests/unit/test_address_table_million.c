/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A million prefixes in an address table: each is found, no other is, and what they take stays within a limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/address_table.h"
#include "maps/table_walk.h"
#include "selftests/unit/table_memory.h"

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
	in_maps = (size_t)xs_pool_used(pool) * (sizeof(struct xs_block) + sizeof(struct xs_sieve)) +
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
		cmocka_unit_test(test_a_million_of_ipv4),
		cmocka_unit_test(test_a_million_of_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
