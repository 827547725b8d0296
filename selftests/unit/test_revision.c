/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_revision.c - the active revision and stored cells: read back as written, refused as garbage; which report answers it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/manager/manager.h"
#include "selftests/unit/stored.h"

static struct xs_store *store;

static int set_up(void **state)
{
	struct stored *stored = stored_new();

	store = stored->store;
	*state = stored;
	return 0;
}

static void test_revision(void **state)
{
	static const char *const nodes[] = { "R2", "R10", "R1", "R2", "R3" };
	struct xs_revision made, other, read = { 0 };
	char key[XS_IMAGE_KEY], expected[XS_IMAGE_KEY];

	assert_int_equal(xs_revision_get(store, &read), -ENOENT);
	assert_int_equal(xs_revision_new(7, &made), 0);
	assert_int_equal(xs_revision_new(7, &other), 0);
	assert_string_not_equal(made.id, other.id);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		assert_int_equal(xs_revision_add_node(&made, nodes[i]), 0);
	assert_int_equal(made.node_count, 4);
	assert_string_equal(made.node[0], "R1");
	assert_string_equal(made.node[1], "R10");
	assert_int_equal(xs_revision_put(store, &made), 0);
	assert_int_equal(xs_revision_get(store, &read), 0);
	assert_int_equal(read.number, 7);
	assert_string_equal(read.id, made.id);
	assert_int_equal(read.node_count, 4);
	assert_true(xs_revision_has_node(&read, "R3"));
	assert_false(xs_revision_has_node(&read, "R4"));
	snprintf(expected, sizeof(expected), "image/7.%s/R3", made.id);
	assert_string_equal(xs_image_key(&read, "R3", key), expected);
	assert_int_equal(xs_revision_new(XS_REVISION_MAX, &other), 0);
	assert_int_equal(xs_revision_new(XS_REVISION_MAX + 1, &other), -EOVERFLOW);
	xs_revision_free(&made);
	xs_revision_free(&read);
}

static void test_garbage(void **state)
{
	static const char *const bad[] = {
		"", "7\n", "[]", "{}", "{\"revision\": 7, \"id\": \"0123456789abcdef\"}",
		"{\"revision\": 0, \"id\": \"0123456789abcdef\", \"node\": []}",
		"{\"revision\": 9007199254740992, \"id\": \"0123456789abcdef\", \"node\": []}",
		"{\"revision\": 7, \"id\": \"0123456789abcdeg\", \"node\": []}",
		"{\"revision\": 7, \"id\": \"0123456789abcdef0\", \"node\": []}",
		"{\"revision\": 7, \"id\": \"0123456789abcdef\", \"node\": [\"a/b\"]}",
		"{\"revision\": 7, \"id\": \"0123456789abcdef\", \"node\": [\"..\"]}",
		"{\"revision\": 7, \"id\": \"0123456789abcdef\", \"node\": [1]}",
	};
	static const char *const bad_cell[] = { "", "7\n", "7 x\n", "-1 2\n", "7 2 3\n", "7 2\n\n3", "281474976710656 1\n", "7 65536\n" };
	struct xs_revision read = { .number = 4711 };
	struct xs_stored_cell cell = { .generation = 4711 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stored_put(store, "revision", bad[i]);
		if (xs_revision_get(store, &read) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(read.number, 4711);
	for (size_t i = 0; i < sizeof(bad_cell) / sizeof(bad_cell[0]); i++) {
		stored_put(store, "cell/5", bad_cell[i]);
		if (xs_stored_cell_get(store, 5, &cell) != -EBADMSG)
			fail_msg("taken: %s", bad_cell[i]);
	}
	assert_int_equal(cell.generation, 4711);
}

static int count_cell(void *context, uint32_t id)
{
	*(uint64_t *)context = *(uint64_t *)context * 100 + id;
	return 0;
}

static void test_cells(void **state)
{
	const struct xs_stored_cell first = { .generation = XS_GENERATION_MAX, .slice = 65535 }, second = { .generation = 1 };
	struct xs_stored_cell read;
	uint64_t seen = 0;

	assert_int_equal(xs_stored_cell_get(store, 5, &read), -ENOENT);
	assert_int_equal(xs_stored_cell_put(store, 5, &first), 0);
	assert_int_equal(xs_stored_cell_put(store, 12, &second), 0);
	stored_put(store, "cell/notes", "somebody's\n");
	assert_int_equal(xs_stored_cell_get(store, 5, &read), 0);
	assert_true(read.generation == first.generation && read.slice == first.slice);
	assert_int_equal(xs_stored_cell_list(store, count_cell, &seen), 0);
	assert_true(seen == 512 || seen == 1205);
	assert_int_equal(xs_stored_cell_delete(store, 5), 0);
	assert_int_equal(xs_stored_cell_get(store, 5, &read), -ENOENT);
}

/* Does the report of R1, as it stands, answer this revision and generation? */
static int answered(const struct xs_revision *revision, uint64_t generation)
{
	struct xs_node_wait wait = { .node = "R1" };

	return xs_wait_reports(store, &wait, 1, revision, generation, 1, NULL, NULL);
}

static void report(const struct xs_revision *revision, uint64_t generation)
{
	struct xs_report value = { .revision = revision->number, .generation = generation };

	strcpy(value.revision_id, revision->id);
	assert_int_equal(xs_report_put(store, "R1", &value), 0);
}

static void test_which_report_answers(void **state)
{
	struct xs_revision ours, twin, later;

	assert_int_equal(xs_revision_new(7, &ours), 0);
	assert_int_equal(xs_revision_new(7, &twin), 0);
	assert_int_equal(xs_revision_new(9, &later), 0);
	assert_int_equal(xs_revision_put(store, &ours), 0);
	assert_int_equal(answered(&ours, 0), -ETIMEDOUT);
	report(&twin, 3);
	assert_int_equal(answered(&ours, 0), -ETIMEDOUT);
	/* A later number says nothing by itself: the store may have been set back. */
	report(&later, 3);
	assert_int_equal(answered(&ours, 0), -ETIMEDOUT);
	assert_int_equal(answered(NULL, 3), 0);
	assert_int_equal(answered(NULL, 4), -ETIMEDOUT);
	/* But it does where it is the active one by now. */
	assert_int_equal(xs_revision_put(store, &later), 0);
	assert_int_equal(answered(&ours, 0), 0);
	report(&ours, 3);
	assert_int_equal(answered(&ours, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_revision, set_up, stored_teardown),
		cmocka_unit_test_setup_teardown(test_garbage, set_up, stored_teardown),
		cmocka_unit_test_setup_teardown(test_cells, set_up, stored_teardown),
		cmocka_unit_test_setup_teardown(test_which_report_answers, set_up, stored_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
