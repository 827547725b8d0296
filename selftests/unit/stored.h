/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stored.h - a store of a test's own: a new one, in a directory that goes with it. What does not work fails the test.
 */
#ifndef XSLICE_UNIT_STORED_H
#define XSLICE_UNIT_STORED_H

#include <stdbool.h>

#include "loader/store/store.h"

struct stored {
	char directory[64], path[96]; /* path: the store's, in the directory */
	struct xs_store *store;
};

struct stored *stored_new(void);
void stored_free(struct stored *stored);

/* cmocka: one in *state. */
int stored_setup(void **state);
int stored_teardown(void **state);

void stored_put(struct xs_store *store, const char *key, const char *text);
void stored_expect(struct xs_store *store, const char *key, const char *text);
/* Is there a file of this name in the store's directory, a key's or another? */
bool stored_has_file(const struct stored *stored, const char *name);

/* What xs_store_list() finds, each with a space behind it; it ends with `result`, which is 7 if there is a key "stop". */
void stored_expect_list(struct xs_store *store, const char *prefix, const char *expected, int result);

#endif
