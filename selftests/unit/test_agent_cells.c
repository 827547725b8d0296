// SPDX-License-Identifier: GPL-2.0-or-later
/* test_agent_cells.c - which word of a switch cell wins between store, image and map. No privilege: the maps lie in memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/agent/cells.h"
#include "selftests/unit/stored.h"

struct stage {
	struct stored *stored;
	struct xs_store *store;
	struct xs_node_maps maps;
};

static struct xs_image *image_with(uint32_t id, const char *name, uint32_t slice, uint64_t generation)
{
	struct xs_image_writer *writer = xs_image_writer_new("R1");
	struct xs_rec_node node = {.head = {XS_REC_NODE, sizeof(node), 0}, .blocks = 1024, .cells = 64};
	struct xs_rec_cell cell = {.head = {XS_REC_CELL, sizeof(cell), 0}, .id = id, .kind = XS_CELL_VM, .slice = slice,
				   .generation = generation};
	struct xs_image *image = NULL;
	const char *why = "";
	void *bytes;
	size_t size;

	snprintf(cell.name, sizeof(cell.name), "%s", name);
	assert_non_null(writer);
	assert_int_equal(xs_image_writer_add(writer, &node), 0);
	assert_int_equal(xs_image_writer_add(writer, &cell), 0);
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), 0);
	xs_image_writer_free(writer);
	if (xs_image_read(bytes, size, &image, &why))
		fail_msg("image: %s", why);
	free(bytes);
	return image;
}

static void put_stored(struct stage *stage, uint32_t id, const char *text, uint64_t generation)
{
	char key[32];

	snprintf(key, sizeof(key), "cell/%u", id);
	stored_put(stage->store, key, text);
	assert_int_equal(xs_store_put_number(stage->store, "generation", generation), 0);
}

static uint64_t word_of(struct stage *stage, uint32_t id)
{
	uint64_t word = ~0ull;

	assert_int_equal(xs_cell_get(&stage->maps, id, &word), 0);
	return word;
}

static int set_up(void **state)
{
	static struct stage stage;
	uint32_t entries[XS_MAP_COUNT];

	memset(&stage, 0, sizeof(stage));
	for (int i = 0; i < XS_MAP_COUNT; i++)
		entries[i] = 64;
	stage.stored = stored_new();
	stage.store = stage.stored->store;
	if (xs_node_maps_init_memory(&stage.maps, entries, 1))
		return -1;
	*state = &stage;
	return 0;
}

static int take_down(void **state)
{
	struct stage *stage = *state;

	stored_free(stage->stored);
	xs_node_maps_close(&stage->maps);
	return 0;
}

/* ---- settle -------------------------------------------------------------------------------------------------------- */

static void a_new_cell_names_what_the_image_says(void **state)
{
	struct stage *stage = *state;
	struct xs_image *image = image_with(7, "vm5", 3, 11);
	uint64_t generation = 99;

	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, NULL, &generation), 0);
	assert_int_equal(word_of(stage, 7), XS_CELL(11, 3));
	assert_int_equal(generation, 0);
	xs_image_free(image);
}

static void a_node_that_lost_its_cells_restores_them(void **state)
{
	struct stage *stage = *state;
	struct xs_image *image = image_with(7, "vm5", 3, 11);
	uint64_t generation = 0;

	put_stored(stage, 7, "12 4\n", 12);
	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, NULL, &generation), 0);
	assert_int_equal(word_of(stage, 7), XS_CELL(12, 4));
	assert_int_equal(generation, 12);
	xs_image_free(image);
}

static void a_store_that_lost_a_switch_gets_it_back(void **state)
{
	struct stage *stage = *state;
	struct xs_image *image = image_with(7, "vm5", 3, 11);
	uint64_t generation = 0, number = 0;
	void *text;
	size_t size;

	assert_int_equal(xs_cell_set(&stage->maps, 7, XS_CELL(20, 5)), 1);
	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, image, &generation), 0);
	assert_int_equal(word_of(stage, 7), XS_CELL(20, 5));
	assert_int_equal(xs_store_get(stage->store, "cell/7", &text, &size), 0);
	assert_string_equal(text, "20 5\n");
	free(text);
	assert_int_equal(xs_store_get_number(stage->store, "generation", &number), 0);
	assert_int_equal(number, 20);
	xs_image_free(image);
}

static void what_another_definition_left_counts_for_nothing(void **state)
{
	struct stage *stage = *state;
	struct xs_image *former = image_with(7, "vm1", 3, 1), *image = image_with(7, "vm5", 3, 2);
	uint64_t generation = 0;
	void *text;
	size_t size;

	assert_int_equal(xs_cell_set(&stage->maps, 7, XS_CELL(20, 5)), 1);
	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, former, &generation), 0);
	assert_int_equal(word_of(stage, 7), XS_CELL(2, 3));
	assert_int_equal(xs_store_get(stage->store, "cell/7", &text, &size), -ENOENT);
	xs_image_free(former);
	xs_image_free(image);
}

static void a_cell_given_anew_has_the_last_word(void **state)
{
	struct stage *stage = *state;
	struct xs_image *former = image_with(7, "vm5", 3, 1), *image = image_with(7, "vm5", 3, 30);
	uint64_t generation = 0;

	put_stored(stage, 7, "12 4\n", 12);
	assert_int_equal(xs_cell_set(&stage->maps, 7, XS_CELL(12, 4)), 1);
	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, former, &generation), 0);
	assert_int_equal(word_of(stage, 7), XS_CELL(30, 3));
	xs_image_free(former);
	xs_image_free(image);
}

static void the_same_again_writes_nothing(void **state)
{
	struct stage *stage = *state;
	struct xs_image *image = image_with(7, "vm5", 3, 11);
	uint64_t generation = 0, writes;

	put_stored(stage, 7, "12 4\n", 12);
	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, NULL, &generation), 0);
	writes = stage->maps.writes;
	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, image, &generation), 0);
	assert_int_equal(stage->maps.writes, writes);
	xs_image_free(image);
}

/* ---- pull and withdraw --------------------------------------------------------------------------------------------- */

static void a_switch_is_one_word(void **state)
{
	struct stage *stage = *state;
	struct xs_image *image = image_with(7, "vm5", 3, 11);
	uint64_t generation = 0, writes;
	unsigned int changed = 0;

	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, NULL, &generation), 0);
	put_stored(stage, 7, "12 4\n", 12);
	put_stored(stage, 8, "13 4\n", 13); /* of no MUX here */
	writes = stage->maps.writes;
	assert_int_equal(xs_cells_pull(stage->store, &stage->maps, image, &generation, &changed), 0);
	assert_int_equal(stage->maps.writes, writes + 1);
	assert_int_equal(changed, 1);
	assert_int_equal(generation, 13);
	assert_int_equal(word_of(stage, 7), XS_CELL(12, 4));
	assert_int_equal(word_of(stage, 8), 0);
	/* An older one moves nothing back. */
	put_stored(stage, 7, "5 3\n", 13);
	assert_int_equal(xs_cells_pull(stage->store, &stage->maps, image, &generation, &changed), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(word_of(stage, 7), XS_CELL(12, 4));
	xs_image_free(image);
}

static void what_is_no_cell_is_left_out(void **state)
{
	struct stage *stage = *state;
	struct xs_image *image = image_with(7, "vm5", 3, 11);
	uint64_t generation = 0;
	unsigned int changed = 0;

	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, NULL, &generation), 0);
	put_stored(stage, 7, "nonsense", 12);
	assert_int_equal(xs_cells_pull(stage->store, &stage->maps, image, &generation, &changed), 0);
	put_stored(stage, 7, "12 70000\n", 12);
	assert_int_equal(xs_cells_pull(stage->store, &stage->maps, image, &generation, &changed), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(word_of(stage, 7), XS_CELL(11, 3));
	xs_image_free(image);
}

static void a_removed_cell_is_zero(void **state)
{
	struct stage *stage = *state;
	struct xs_image *former = image_with(7, "vm5", 3, 11), *image = image_with(9, "vm6", 3, 12);
	uint64_t generation = 0;

	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, former, NULL, &generation), 0);
	assert_int_equal(xs_cells_settle(stage->store, &stage->maps, image, former, &generation), 0);
	assert_int_equal(xs_cells_withdraw(&stage->maps, image), 0);
	assert_int_equal(word_of(stage, 7), 0);
	assert_int_equal(word_of(stage, 9), XS_CELL(12, 3));
	xs_image_free(former);
	xs_image_free(image);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_cell_names_what_the_image_says),
		TEST(a_node_that_lost_its_cells_restores_them),
		TEST(a_store_that_lost_a_switch_gets_it_back),
		TEST(what_another_definition_left_counts_for_nothing),
		TEST(a_cell_given_anew_has_the_last_word),
		TEST(the_same_again_writes_nothing),
		TEST(a_switch_is_one_word),
		TEST(what_is_no_cell_is_left_out),
		TEST(a_removed_cell_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
