/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stored.c - see stored.h. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/unit/stored.h"

struct stored *stored_new(void)
{
	struct stored *stored = calloc(1, sizeof(*stored));

	assert_non_null(stored);
	strcpy(stored->directory, "/tmp/xslice-store-XXXXXX");
	assert_non_null(mkdtemp(stored->directory));
	snprintf(stored->path, sizeof(stored->path), "%s/store", stored->directory);
	assert_int_equal(xs_store_open(stored->path, 1, &stored->store), 0);
	return stored;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

void stored_free(struct stored *stored)
{
	xs_store_close(stored->store);
	nftw(stored->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(stored);
}

int stored_setup(void **state)
{
	*state = stored_new();
	return 0;
}

int stored_teardown(void **state)
{
	stored_free(*state);
	return 0;
}

void stored_put(struct xs_store *store, const char *key, const char *text)
{
	assert_int_equal(xs_store_put(store, key, text, strlen(text)), 0);
}

void stored_expect(struct xs_store *store, const char *key, const char *text)
{
	void *value = NULL;
	size_t size = 0;

	assert_int_equal(xs_store_get(store, key, &value, &size), 0);
	assert_int_equal(size, strlen(text));
	assert_string_equal(value, text);
	free(value);
}

bool stored_has_file(const struct stored *stored, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", stored->path, name);
	return !access(path, F_OK);
}

static int gather(void *context, const char *name)
{
	char *names = context;

	strcat(names, name);
	strcat(names, " ");
	return strcmp(name, "stop") ? 0 : 7;
}

void stored_expect_list(struct xs_store *store, const char *prefix, const char *expected, int result)
{
	char names[512] = "";

	assert_int_equal(xs_store_list(store, prefix, gather, names), result);
	assert_string_equal(names, expected);
}
