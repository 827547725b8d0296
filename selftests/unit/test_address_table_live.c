/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address table under live readers: threads look up while another changes tables on a small pool, so that blocks
 * and guards are reused at once. A look-up's answer is that of one moment during it, and never a foreign table's.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/address_table.h"
#include "selftests/random.h"

#define READERS 2
#define PROBES  32
#define SLOTS   24
#define MOMENTS 4 /* of which the answers are kept */
#define FOREIGN 1000000

static uint64_t random_state;

static uint32_t rnd(void)
{
	return (uint32_t)random_next(&random_state);
}

/*
 * A reader announces the epoch in which its lookup begins, as a program under RCU does by not having passed a quiescent
 * state; grace() starts a new epoch and waits until each reader is outside or in it.
 */
struct reader {
	struct live *live;
	pthread_t thread;
	uint64_t seed;
	_Atomic uint64_t inside; /* epoch of the lookup under way, 0: none */
};

struct live {
	struct xs_tables tables;
	unsigned int bytes;
	uint32_t root[2]; /* table 1 is the foreign one */
	uint8_t probe[PROBES][16];
	_Atomic uint32_t answer[MOMENTS][PROBES]; /* leaf + 1, or 0: of each moment, modulo MOMENTS */
	_Atomic uint64_t moment;                  /* of the last change that is done */
	_Atomic uint64_t coming;                  /* ... that has begun */
	struct reader reader[READERS];
	_Atomic uint64_t epoch;
	_Atomic bool stop;
	_Atomic uint64_t lookups, judged, wrong, foreign;
};

static unsigned int graces;

static void live_grace(void *context)
{
	struct live *live = context;
	uint64_t now = atomic_fetch_add(&live->epoch, 1) + 1;

	graces++;
	for (unsigned int i = 0; i < READERS; i++)
		for (;;) {
			uint64_t inside = atomic_load(&live->reader[i].inside);

			if (!inside || inside >= now)
				break;
			sched_yield();
		}
}

static uint32_t look_up(struct live *live, unsigned int table, const uint8_t *address)
{
	uint32_t leaf;

	return xs_tables_lookup(live->tables, live->root[table], address, live->bytes, &leaf) ? leaf + 1 : 0;
}

static void *read_on(void *context)
{
	struct reader *reader = context;
	struct live *live = reader->live;

	while (!atomic_load_explicit(&live->stop, memory_order_relaxed)) {
		reader->seed = reader->seed * 6364136223846793005ull + 1442695040888963407ull;
		unsigned int probe = (reader->seed >> 33) % PROBES;
		uint64_t from = atomic_load(&live->moment), to;
		uint32_t answer;
		bool right = false;

		atomic_store(&reader->inside, atomic_load(&live->epoch));
		answer = look_up(live, 0, live->probe[probe]);
		atomic_store(&reader->inside, 0);
		to = atomic_load(&live->coming);
		atomic_fetch_add(&live->lookups, 1);
		atomic_fetch_add(&live->foreign, answer > FOREIGN);
		for (uint64_t at = from; at <= to && at < from + MOMENTS; at++)
			right |= answer == atomic_load(&live->answer[at % MOMENTS][probe]);
		/* What was kept may have been overwritten meanwhile: then nothing is said. */
		if (atomic_load(&live->coming) - from < MOMENTS - 1) {
			atomic_fetch_add(&live->judged, 1);
			atomic_fetch_add(&live->wrong, !right);
		}
	}
	return NULL;
}

/* From a small part of the space; places are few, so that prefixes nest, meet, and stand alone. */
static void random_address(uint8_t *address, unsigned int bytes)
{
	memset(address, 0, 16);
	for (unsigned int i = 0; i < bytes; i++)
		address[i] = rnd() % (i % 2 ? 2 : 3);
}

struct held {
	uint8_t address[16];
	unsigned int length;
	uint32_t leaf;
};

static bool covers(const struct held *prefix, const uint8_t *address)
{
	for (unsigned int bit = 0; bit < prefix->length; bit++)
		if ((prefix->address[bit / 8] ^ address[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

/* By the naive walk, what each probe is to give; from where it is said on, readers may see it. */
static void announce(struct live *live, const struct held *held, uint64_t next)
{
	for (unsigned int p = 0; p < PROBES; p++) {
		const struct held *best = NULL;

		for (unsigned int i = 0; i < SLOTS; i++)
			if (held[i].leaf && (!best || held[i].length > best->length) &&
			    covers(&held[i], live->probe[p]))
				best = &held[i];
		atomic_store(&live->answer[next % MOMENTS][p], best ? best->leaf + 1 : 0);
	}
	atomic_store(&live->coming, next);
}

/* One change of table 0. False: there is no room for it. */
static bool change(struct live *live, struct xs_table *table, struct held *held)
{
	uint64_t next = atomic_load(&live->moment) + 1;
	struct held *slot = &held[rnd() % SLOTS], was = *slot;
	uint32_t leaf;
	int err;

	if (!was.leaf) {
		random_address(slot->address, live->bytes);
		slot->length = rnd() % (live->bytes * 8 + 1);
		if (xs_table_get(table, slot->address, slot->length, &leaf))
			return true;
		slot->leaf = 1 + rnd() % 1000;
	} else {
		slot->leaf = rnd() % 3 ? 0 : 1 + rnd() % 1000;
	}
	announce(live, held, next);
	err = slot->leaf ? xs_table_set(table, slot->address, slot->length, slot->leaf)
			 : xs_table_remove(table, slot->address, slot->length);
	assert_true(!err || (err == -ENOSPC && !was.leaf));
	if (err) {
		/* Nothing has changed: what was announced did not come. */
		slot->leaf = 0;
		announce(live, held, ++next);
	}
	atomic_store(&live->moment, next);
	return !err;
}

/* The foreign table draws on the same pool: what the first one drops it gets. */
static void change_foreign(struct live *live, struct xs_table *table, struct held *held)
{
	struct held *slot = &held[rnd() % SLOTS];

	if (slot->leaf) {
		xs_table_remove(table, slot->address, slot->length);
		slot->leaf = 0;
		return;
	}
	random_address(slot->address, live->bytes);
	slot->length = 1 + rnd() % (live->bytes * 8);
	slot->leaf = !xs_table_set(table, slot->address, slot->length, FOREIGN + rnd() % 1000);
}

static void under_readers(unsigned int bytes, uint32_t blocks, uint32_t guards)
{
	static const uint8_t any[16];
	struct live *live = calloc(1, sizeof(*live));
	struct held held[2][SLOTS] = {};
	unsigned int changes = 0, full = 0;
	struct xs_table *table[2];
	struct xs_pool *pool;

	*live = (struct live){ .bytes = bytes, .epoch = 1, .tables = { .blocks = blocks, .guards = guards } };
	live->tables.block = calloc(blocks, sizeof(struct xs_block));
	live->tables.sieve = calloc(blocks, sizeof(struct xs_sieve));
	live->tables.guard = calloc(guards + 1, sizeof(struct xs_guard));
	random_state = 4242424242ull + bytes;
	pool = xs_pool_new(live->tables, live_grace, live);
	for (unsigned int t = 0; t < 2; t++) {
		table[t] = xs_table_new(pool, bytes);
		live->root[t] = xs_table_root(table[t]);
	}
	assert_int_equal(xs_table_set(table[1], any, 0, FOREIGN), 0);
	for (unsigned int p = 0; p < PROBES; p++)
		random_address(live->probe[p], bytes);
	graces = 0;
	for (unsigned int i = 0; i < READERS; i++) {
		live->reader[i] = (struct reader){ .live = live, .seed = 1234567 + i };
		assert_int_equal(pthread_create(&live->reader[i].thread, NULL, read_on, &live->reader[i]), 0);
	}
	/* Ends by work done on both sides, not by time. */
	while (changes < 200000 || atomic_load(&live->judged) < 300000) {
		if (rnd() % 3)
			full += !change(live, table[0], held[0]);
		else
			change_foreign(live, table[1], held[1]);
		changes++;
	}
	atomic_store(&live->stop, true);
	for (unsigned int i = 0; i < READERS; i++)
		pthread_join(live->reader[i].thread, NULL);
	print_message("%u-byte addresses, %u guards: %u changes (%u that found no room), %u grace periods, %llu "
		      "lookups, %llu judged: "
		      "%llu wrong, %llu foreign\n",
		      bytes, guards, changes, full, graces, (unsigned long long)live->lookups,
		      (unsigned long long)live->judged, (unsigned long long)live->wrong,
		      (unsigned long long)live->foreign);
	assert_int_equal(live->wrong, 0);
	assert_int_equal(live->foreign, 0);
	assert_true(graces > 100 && full < changes / 2);
	xs_table_free(table[0]);
	xs_table_free(table[1]);
	xs_pool_free(pool);
	free(live->tables.block);
	free(live->tables.sieve);
	free(live->tables.guard);
	free(live);
}

static void test_ipv4_with_guards(void **state)
{
	under_readers(4, 40, 24);
}

static void test_ipv4_of_blocks_alone(void **state)
{
	under_readers(4, 60, 0);
}

static void test_ipv6_with_guards(void **state)
{
	under_readers(16, 120, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_with_guards),
		cmocka_unit_test(test_ipv4_of_blocks_alone),
		cmocka_unit_test(test_ipv6_with_guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
