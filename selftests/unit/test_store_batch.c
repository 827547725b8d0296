/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_store_batch.c - values that are put together: all of them, the last one last, or none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "selftests/unit/stored.h"

static void add(struct xs_store_batch *batch, const char *key, const char *text)
{
	assert_int_equal(xs_store_batch_add(batch, key, text, strlen(text)), 0);
}

/* Nothing is there before all of it is put, and nothing is left of one that is given up. */
static void test_batch(void **state)
{
	struct stored *stored = *state;
	struct xs_store *store = stored->store;
	struct xs_store_batch *batch = xs_store_batch_new(store);

	assert_non_null(batch);
	assert_int_equal(xs_store_batch_put(batch), 0); /* of none */
	add(batch, "image/1/R1", "a");
	add(batch, "image/1/R2", "b");
	assert_int_equal(xs_store_batch_add_number(batch, "generation", 7), 0);
	add(batch, "revision", "1");
	assert_int_equal(xs_store_batch_add(batch, "image//x", "", 0), -EINVAL);
	stored_expect_list(store, "image/1", "", 0);
	assert_false(stored_has_file(stored, "revision"));
	assert_int_equal(xs_store_batch_put(batch), 0);
	stored_expect_list(store, "image/1", "R1 R2 ", 0);
	stored_expect(store, "image/1/R2", "b");
	stored_expect(store, "generation", "7\n");
	stored_expect(store, "revision", "1");
	/* Once more by the same batch; the second value of a key is the one that stays. */
	add(batch, "revision", "2");
	add(batch, "revision", "3");
	assert_int_equal(xs_store_batch_put(batch), 0);
	stored_expect(store, "revision", "3");
	add(batch, "revision", "4");
	add(batch, "ledger", "l");
	assert_true(stored_has_file(stored, ".revision.new"));
	xs_store_batch_free(batch);
	assert_false(stored_has_file(stored, ".revision.new"));
	assert_false(stored_has_file(stored, ".ledger.new"));
	assert_false(stored_has_file(stored, "ledger"));
	stored_expect(store, "revision", "3");
}

/* More than a process may hold open, and a failure in the middle: the last one was not put. */
static void test_batch_of_many(void **state)
{
	struct stored *stored = *state;
	struct xs_store *store = stored->store;
	struct xs_store_batch *batch = xs_store_batch_new(store);
	struct rlimit former, few;
	char key[64], text[16];
	void *value;
	size_t size;

	assert_non_null(batch);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &former), 0);
	few = (struct rlimit){ 200, former.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "image/1/R%d", i);
		snprintf(text, sizeof(text), "%d", i);
		add(batch, key, text);
	}
	add(batch, "revision", "1");
	assert_int_equal(xs_store_batch_put(batch), 0);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof(key), "image/1/R%d", i);
		assert_int_equal(xs_store_get(store, key, &value, &size), 0);
		assert_int_equal(atoi(value), i);
		free(value);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &former), 0);
	stored_put(store, "taken/x", "1");
	add(batch, "ledger", "l");
	add(batch, "taken", "a level is no value");
	add(batch, "revision", "2");
	assert_true(xs_store_batch_put(batch) < 0);
	stored_expect(store, "revision", "1");
	assert_false(stored_has_file(stored, ".revision.new"));
	assert_false(stored_has_file(stored, ".taken.new"));
	xs_store_batch_free(batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_batch, stored_setup, stored_teardown),
		cmocka_unit_test_setup_teardown(test_batch_of_many, stored_setup, stored_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
