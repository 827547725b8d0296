/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_plan_switched.c - VMs that were switched, and definitions in which what they were switched to is no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "selftests/unit/plan_fixture.h"

/* text with every `from` replaced; malloc()ed. Takes text. */
static char *replaced(char *text, const char *from, const char *to)
{
	char *result = calloc(1, 4 * strlen(text) + 1), *end = result, *at = text, *next;

	assert_non_null(result);
	assert_non_null(strstr(text, from));
	while ((next = strstr(at, from))) {
		end += sprintf(end, "%.*s%s", (int)(next - at), at, to);
		at = next + strlen(from);
	}
	strcpy(end, at);
	free(text);
	return result;
}

/* Figure 7 with slice A under another name. */
static char *with_b(void)
{
	char *text = figure7_with(NULL, "");

	text = replaced(text, "name: A\n", "name: B\n");
	text = replaced(text, "name: A,", "name: B,");
	return replaced(text, "to: A", "to: B");
}

static struct xs_p_cell *vm(const struct made *made, const char *name)
{
	for (size_t i = 0; i < made->domain->migration_count; i++)
		if (!strcmp(made->plan->cell[i].name, name))
			return &made->plan->cell[i];
	fail_msg("no migration %s", name);
	return NULL;
}

static const struct xs_rec_cell *cell_record(const struct made *made, uint32_t id)
{
	const struct xs_rec_cell *record = xs_image_find(made->image[2], XS_REC_CELL, &id);

	assert_non_null(record);
	return record;
}

static void test_nothing_is_changed(void **state)
{
	char *text = figure7_with(NULL, "");
	struct made *first = made_new(text, NULL, 0), *second;
	struct xs_switched switched[] = { { vm(first, "vm5")->id, made_slice(first, "A")->id, 7 } };

	second = made_switched(text, first, switched, 1);
	assert_int_equal(second->result, 0);
	assert_string_equal(second->faults, "");
	assert_int_equal(vm(second, "vm5")->generation, vm(first, "vm5")->generation);
	assert_int_equal(second->size[2], first->size[2]);
	assert_memory_equal(second->bytes[2], first->bytes[2], first->size[2]);
	made_free(first);
	made_free(second);
	free(text);
}

static void test_slice_is_gone(void **state)
{
	char *text = figure7_with(NULL, ""), *other = with_b();
	struct made *first = made_new(text, NULL, 0), *second, *third;
	struct xs_switched switched[] = { { vm(first, "vm5")->id, made_slice(first, "A")->id, 7 } };
	const struct xs_rec_cell *record;

	second = made_switched(other, first, switched, 1);
	assert_int_equal(second->result, 0);
	assert_non_null(strstr(second->faults, "warning: vm5 was switched to a slice that is no more: from now on it is in P"));
	assert_null(strstr(second->faults, "vm6"));
	assert_true(vm(second, "vm5")->generation > 7);
	assert_int_equal(vm(second, "vm6")->generation, vm(first, "vm6")->generation);
	record = cell_record(second, vm(second, "vm5")->id);
	assert_int_equal(record->slice, made_slice(second, "P")->id);
	assert_int_equal(record->generation, vm(second, "vm5")->generation);
	assert_int_equal(xs_plan_generation(second->plan), record->generation);
	/* It is said once: from now on the plan's own word is the later one. */
	third = made_switched(other, second, switched, 1);
	assert_int_equal(third->result, 0);
	assert_string_equal(third->faults, "");
	assert_int_equal(third->size[2], second->size[2]);
	assert_memory_equal(third->bytes[2], second->bytes[2], second->size[2]);
	made_free(first);
	made_free(second);
	made_free(third);
	free(text);
	free(other);
}

static void test_group_went_there(void **state)
{
	char *text = figure7_with(NULL, ""), *other = with_b();
	struct made *first = made_new(text, NULL, 0), *second;
	uint32_t vm5 = vm(first, "vm5")->id, rack1 = vm(first, "vm5")->group->id;
	uint32_t a = made_slice(first, "A")->id, p = made_slice(first, "P")->id;
	struct xs_switched later_group[] = { { vm5, p, 7 }, { rack1, a, 9 } };
	struct xs_switched earlier_group[] = { { vm5, p, 9 }, { rack1, a, 7 } };

	assert_true(vm5 < rack1);
	second = made_switched(other, first, later_group, 2);
	assert_int_equal(second->result, 0);
	assert_non_null(strstr(second->faults, "vm5 was switched to a slice that is no more"));
	assert_true(vm(second, "vm5")->generation > 9);
	made_free(second);
	/* Its own switch is the later one, and leads to where P still is. */
	second = made_switched(other, first, earlier_group, 2);
	assert_int_equal(second->result, 0);
	assert_string_equal(second->faults, "");
	made_free(first);
	made_free(second);
	free(text);
	free(other);
}

static void test_migration_is_gone(void **state)
{
	char *text = figure7_with(NULL, "");
	char *other = replaced(figure7_with(NULL, ""), "{name: vm5, group: rack1,", "{name: vm5b,");
	struct made *first = made_new(text, NULL, 0), *second, *third;
	uint32_t a = made_slice(first, "A")->id;
	struct xs_switched switched[] = { { vm(first, "vm5")->id, a, 7 }, { vm(first, "vm5")->group->id, a, 8 } };

	second = made_switched(other, first, switched, 2);
	assert_int_equal(second->result, 0);
	assert_non_null(strstr(second->faults, "test.yaml: warning: migration vm5 was switched and is no more"));
	assert_non_null(strstr(second->faults, "test.yaml: warning: group rack1 was switched and is no more"));
	third = made_switched(other, second, switched, 2);
	assert_string_equal(third->faults, "");
	made_free(first);
	made_free(second);
	made_free(third);
	free(text);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_changed),
		cmocka_unit_test(test_slice_is_gone),
		cmocka_unit_test(test_group_went_there),
		cmocka_unit_test(test_migration_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
