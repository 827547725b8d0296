// SPDX-License-Identifier: GPL-2.0-or-later
/* test_ahead.c - namespaces that a thread makes ahead: in order, of those that are there none, and none is left that nobody took. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/node/ahead.h"
#include "loader/node/netns.h"

#define COUNT 40

static char text[COUNT][32];

static struct xs_ahead *begin(void)
{
	const char **name = calloc(COUNT, sizeof(*name));

	assert_non_null(name);
	for (int i = 0; i < COUNT; i++) {
		snprintf(text[i], sizeof(text[i]), "xsa%d.%d", (int)getpid(), i);
		name[i] = text[i];
	}
	return xs_ahead_begin(name, COUNT);
}

static void expect_named(int first, int after, bool there)
{
	for (int i = first; i < after; i++) {
		int netns = xs_netns_open(text[i]);

		if (netns >= 0)
			close(netns);
		if ((netns >= 0) != there)
			fail_msg("namespace %s %s", text[i], there ? "is not there" : "is still there");
	}
}

static void take(struct xs_ahead *ahead, int first, int after)
{
	for (int i = first; i < after; i++) {
		int netns = xs_ahead_take(ahead, text[i]), named = xs_netns_open(text[i]);
		uint64_t taken, found;

		assert_true(netns >= 0);
		assert_true(named >= 0);
		assert_int_equal(xs_netns_identity(netns, &taken), 0);
		assert_int_equal(xs_netns_identity(named, &found), 0);
		assert_int_equal(taken, found);
		close(netns);
		close(named);
	}
}

static int delete_all(void **state)
{
	for (int i = 0; i < COUNT; i++)
		xs_netns_delete(text[i]);
	return 0;
}

static void all_are_taken_in_order(void **state)
{
	struct xs_ahead *ahead = begin();

	assert_non_null(ahead);
	assert_int_equal(xs_ahead_take(ahead, text[1]), -ENOENT);
	assert_int_equal(xs_ahead_take(ahead, "another"), -ENOENT);
	take(ahead, 0, COUNT);
	assert_int_equal(xs_ahead_take(ahead, text[COUNT - 1]), -ENOENT);
	xs_ahead_end(ahead);
	expect_named(0, COUNT, true);
}

static void what_nobody_took_goes(void **state)
{
	struct xs_ahead *ahead = begin();

	assert_non_null(ahead);
	take(ahead, 0, 5);
	xs_ahead_end(ahead);
	expect_named(0, 5, true);
	expect_named(5, COUNT, false);
}

static void what_was_there_stays_and_is_not_given(void **state)
{
	struct xs_ahead *ahead = begin();
	uint64_t before, after;
	int netns;

	xs_ahead_end(ahead);
	netns = xs_netns_add(text[3]);
	assert_true(netns >= 0);
	assert_int_equal(xs_netns_identity(netns, &before), 0);
	close(netns);
	ahead = begin();
	assert_non_null(ahead);
	take(ahead, 0, 3);
	assert_int_equal(xs_ahead_take(ahead, text[3]), -ENOENT);
	take(ahead, 4, 6);
	xs_ahead_end(ahead);
	expect_named(0, 6, true);
	expect_named(6, COUNT, false);
	netns = xs_netns_open(text[3]);
	assert_int_equal(xs_netns_identity(netns, &after), 0);
	close(netns);
	assert_int_equal(before, after);
}

static void why_one_was_not_made_is_told(void **state)
{
	const char **name = calloc(1, sizeof(*name));
	struct xs_ahead *ahead;

	assert_non_null(name);
	*name = "no/name";
	ahead = xs_ahead_begin(name, 1);
	assert_non_null(ahead);
	assert_int_equal(xs_ahead_take(ahead, "no/name"), -EINVAL);
	xs_ahead_end(ahead);
}

static void without_anybody_ahead_nothing_is_given(void **state)
{
	assert_int_equal(xs_ahead_take(NULL, "any"), -ENOENT);
	xs_ahead_end(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_are_taken_in_order, delete_all),
		cmocka_unit_test_teardown(what_nobody_took_goes, delete_all),
		cmocka_unit_test_teardown(what_was_there_stays_and_is_not_given, delete_all),
		cmocka_unit_test(why_one_was_not_made_is_told),
		cmocka_unit_test(without_anybody_ahead_nothing_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
