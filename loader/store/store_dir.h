/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_dir.h - what the files of the store that is a directory share: store_dir.c has keys and values,
 * store_dir_put.c how values are put, store_dir_lock.c the lock, store_dir_watch.c what wakes who waits for a change.
 *
 * Always holds: names that start with a dot are the store's own (the lock, values that are being written), so no key
 * has one.
 */
#ifndef XSLICE_STORE_STORE_DIR_H
#define XSLICE_STORE_STORE_DIR_H

#include "loader/store/store.h"

#define XS_STORE_KEY_MAX  512
#define XS_STORE_NAME_MAX 200 /* leaves room for what is put around a name */

struct xs_store {
	char *where; /* as it was given */
	int root;    /* the directory */
	int lock;    /* -1: not held */
	int inotify; /* -1: nothing is watched */
};

/* Names between single slashes, none starting with a dot, nothing that a terminal would obey. */
bool xs_store_key_ok(const char *key);
/* Key to its directory's path ("." for the top) and its last name. */
void xs_store_split(const char *key, char directory[XS_STORE_KEY_MAX + 1], const char **name);
/* Makes the directories of a path; *made becomes true where any was not there: those above are not synced yet. 0 or negative errno. */
int xs_store_make_directories(const struct xs_store *store, const char *directory, bool *made);
int xs_store_sync_directory(int parent, const char *path);
/* All directories that `directory` is in. */
int xs_store_sync_above(const struct xs_store *store, const char *directory);

#endif
