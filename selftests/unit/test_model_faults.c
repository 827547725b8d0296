/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_model_faults.c - faulty definitions: each file of selftests/unit/model/ against its .expect, which has every
 * fault as `check` prints it: message, line and column, and the place it clashes with; what only a plan finds, too. A
 * case per file.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/model/domain.h"
#include "loader/plan/plan.h"
#include "selftests/unit/model_dump.h"

#define FOLDER    "selftests/unit/model"
#define FILES_MAX 256
#define FILES_MIN 35 /* fewer: the folder was not found whole */

static char *names[FILES_MAX];
static size_t count;

/* Everything that is printed about the file. */
static char *faults_of(const char *name, const char *path, int *err)
{
	struct xs_diag *diag = xs_diag_new(name);
	struct xs_past past = { 0 };
	struct xs_domain *domain = NULL;
	struct xs_plan *plan = NULL;
	char *text = NULL;
	size_t size;
	FILE *out;

	assert_non_null(diag);
	*err = xs_domain_read(path, XS_FORMAT_GUESS, diag, &domain);
	assert_true(!*err == !!domain);
	if (domain)
		*err = xs_plan_make(domain, &past, diag, &plan);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	xs_diag_print(diag, out);
	fclose(out);
	xs_plan_free(plan);
	xs_domain_free(domain);
	xs_diag_free(diag);
	return text;
}

static void test_file(void **state)
{
	const char *name = *state;
	char path[512], *faults, *expected;
	size_t size;
	int err;

	snprintf(path, sizeof(path), "%s/%.*s.expect", FOLDER, (int)(strrchr(name, '.') - name), name);
	expected = model_slurp(path, &size);
	if (!size)
		fail_msg("%s is empty", path);
	snprintf(path, sizeof(path), "%s/%s", FOLDER, name);
	faults = faults_of(name, path, &err);
	assert_string_equal(faults, expected);
	assert_int_equal(err, strstr(expected, ": error: ") ? -EINVAL : 0);
	free(faults);
	free(expected);
}

static void test_corpus_is_there(void **state)
{
	size_t errors = 0, size;
	char path[512], *expected;

	assert_true(count >= FILES_MIN);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%.*s.expect", FOLDER, (int)(strrchr(names[i], '.') - names[i]),
			 names[i]);
		expected = model_slurp(path, &size);
		errors += strstr(expected, ": error: ") != NULL;
		free(expected);
	}
	assert_true(errors >= FILES_MIN);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect(void)
{
	DIR *dir = opendir(FOLDER);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot && entry->d_name[0] != '.' && strcmp(dot, ".expect") && count < FILES_MAX)
			names[count++] = strdup(entry->d_name);
	}
	if (dir)
		closedir(dir);
	qsort(names, count, sizeof(*names), compare_names);
}

int main(void)
{
	struct CMUnitTest tests[FILES_MAX + 1] = { cmocka_unit_test(test_corpus_is_there) };
	int failed;

	collect();
	for (size_t i = 0; i < count; i++)
		tests[i + 1] =
			(struct CMUnitTest){ .name = names[i], .test_func = test_file, .initial_state = names[i] };
	failed = _cmocka_run_group_tests("model_faults", tests, count + 1, NULL, NULL);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	return failed;
}
