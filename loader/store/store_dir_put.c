/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_dir_put.c - values are put, alone or several together: each is written aside and synced, then all are renamed, then
 * their directories synced. What is synced together costs little more than one alone.
 *
 * Always holds: as in store_dir.c; and nothing is renamed before all that was added before it is synced, but what is told
 * (xs_store_tell()).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/base/file.h"
#include "loader/store/store_dir.h"

#define VALUE_MAX (1ull << 31)
#define HELD_MAX  64 /* files that a batch holds open */

/* A value that is written aside. */
struct aside {
	char directory[XS_STORE_KEY_MAX + 1], name[XS_STORE_NAME_MAX + 8]; /* .NAME.new */
	int directory_fd, fd;
	bool made; /* so were directories above it */
};

struct xs_store_batch {
	struct xs_store *store;
	size_t count;
	struct aside aside[HELD_MAX];
};

/* Opens the file aside and holds it. One that was renamed while we waited is a value by now: then again. */
static int open_aside(int directory, const char *aside)
{
	for (;;) {
		int fd = openat(directory, aside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), err;

		if (fd < 0)
			return -errno;
		while (flock(fd, LOCK_EX)) {
			if (errno == EINTR)
				continue;
			err = -errno;
			close(fd);
			return err;
		}
		if (xs_file_is_at(fd, directory, aside, AT_SYMLINK_NOFOLLOW))
			return fd;
		close(fd);
	}
}

/* Takes back what was not renamed, and lets go. */
static void drop(struct aside *aside, bool renamed)
{
	if (!renamed)
		unlinkat(aside->directory_fd, aside->name, 0);
	close(aside->fd);
	close(aside->directory_fd);
}

static int open_in(const struct xs_store *store, struct aside *aside)
{
	int err = strcmp(aside->directory, ".") ? xs_store_make_directories(store, aside->directory, &aside->made) : 0;

	if (err)
		return err;
	aside->directory_fd = openat(store->root, aside->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (aside->directory_fd < 0)
		return -errno;
	aside->fd = open_aside(aside->directory_fd, aside->name);
	if (aside->fd < 0)
		close(aside->directory_fd);
	return aside->fd < 0 ? aside->fd : 0;
}

static int write_aside(const struct xs_store *store, struct aside *aside, const char *key, const void *value, size_t size)
{
	const char *name;
	int err = -ENOENT;

	aside->made = false;
	xs_store_split(key, aside->directory, &name);
	snprintf(aside->name, sizeof(aside->name), ".%s.new", name);
	/* Somebody's delete may take an empty directory away between making and using it. */
	for (int tries = 0; tries < 8 && err == -ENOENT; tries++)
		err = open_in(store, aside);
	if (err)
		return err;
	err = ftruncate(aside->fd, 0) ? -errno : xs_write_all(aside->fd, value, size);
	/* The disk may begin; whether it could is told by fsync(). */
	if (!err)
		sync_file_range(aside->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	else
		drop(aside, false);
	return err;
}

/*
 * All bytes are on the disk. Their writing is waited for first, of all of them: then one commit of the file system's journal serves
 * them all, while a file whose blocks are had after another's fsync() needs one of its own.
 */
static int sync_bytes(const struct xs_store_batch *batch)
{
	const unsigned int all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	int err = 0;

	/* What went wrong is told once: by this one, then. */
	for (size_t i = 0; i < batch->count && !err && batch->count > 1; i++)
		err = sync_file_range(batch->aside[i].fd, 0, 0, all) && errno != ENOSYS ? -errno : 0;
	for (size_t i = 0; i < batch->count && !err; i++)
		err = fsync(batch->aside[i].fd) ? -errno : 0;
	return err;
}

/* Gives some of the batch their names. *renamed counts them. */
static int rename_some(const struct xs_store_batch *batch, size_t count, size_t *renamed)
{
	for (size_t end = *renamed + count; *renamed < end; ++*renamed) {
		const struct aside *aside = &batch->aside[*renamed];
		char name[XS_STORE_NAME_MAX + 8];

		snprintf(name, sizeof(name), "%.*s", (int)strlen(aside->name) - 5, aside->name + 1);
		if (renameat(aside->directory_fd, aside->name, aside->directory_fd, name))
			return -errno;
	}
	return 0;
}

/* The names from `first` on are on the disk, those above too, where they were made: each directory is synced once. */
static int sync_names(const struct xs_store_batch *batch, size_t first, size_t end)
{
	bool above = false;
	int err = 0;

	for (size_t i = first; i < end && !err; i++) {
		if (!batch->aside[i].made)
			continue;
		err = xs_store_sync_above(batch->store, batch->aside[i].directory);
		above = true;
	}
	for (size_t i = first; i < end && !err; i++) {
		const char *directory = batch->aside[i].directory;
		bool again = above && !strcmp(directory, ".");

		for (size_t j = i + 1; j < end && !again; j++)
			again = !strcmp(directory, batch->aside[j].directory);
		if (!again && fsync(batch->aside[i].directory_fd))
			err = -errno;
	}
	return err;
}

/* Some of the batch, whose bytes are synced. */
static int give_names(const struct xs_store_batch *batch, size_t count, size_t *renamed)
{
	const size_t first = *renamed;
	int err = rename_some(batch, count, renamed);

	return err ? err : sync_names(batch, first, *renamed);
}

/* Whoever holds a file aside would wait for himself. */
static bool is_held(const struct xs_store_batch *batch, const char *key)
{
	char directory[XS_STORE_KEY_MAX + 1];
	const char *name;
	bool held = false;

	xs_store_split(key, directory, &name);
	for (size_t i = 0; i < batch->count && !held; i++) {
		const struct aside *aside = &batch->aside[i];

		held = !strcmp(aside->directory, directory) && !strncmp(aside->name + 1, name, strlen(name)) &&
		       !strcmp(aside->name + 1 + strlen(name), ".new");
	}
	return held;
}

static void let_go(struct xs_store_batch *batch, size_t renamed)
{
	for (size_t i = 0; i < batch->count; i++)
		drop(&batch->aside[i], i < renamed);
	batch->count = 0;
}

/* All that is held; the last one by itself, after the others. The batch is empty then. */
static int put_held(struct xs_store_batch *batch)
{
	size_t renamed = 0;
	int err = sync_bytes(batch);

	if (!err && batch->count > 1)
		err = give_names(batch, batch->count - 1, &renamed);
	if (!err && batch->count)
		err = give_names(batch, 1, &renamed);
	let_go(batch, renamed);
	return err;
}

struct xs_store_batch *xs_store_batch_new(struct xs_store *store)
{
	struct xs_store_batch *batch = malloc(sizeof(*batch));

	if (batch) {
		batch->store = store;
		batch->count = 0;
	}
	return batch;
}

int xs_store_batch_add(struct xs_store_batch *batch, const char *key, const void *value, size_t size)
{
	int err;

	if (!xs_store_key_ok(key))
		return -EINVAL;
	if (size > VALUE_MAX)
		return -EFBIG;
	err = batch->count == HELD_MAX || is_held(batch, key) ? put_held(batch) : 0;
	if (!err)
		err = write_aside(batch->store, &batch->aside[batch->count], key, value, size);
	if (!err)
		batch->count++;
	return err;
}

int xs_store_batch_put(struct xs_store_batch *batch)
{
	return put_held(batch);
}

void xs_store_batch_free(struct xs_store_batch *batch)
{
	if (!batch)
		return;
	let_go(batch, 0);
	free(batch);
}

int xs_store_put(struct xs_store *store, const char *key, const void *value, size_t size)
{
	struct xs_store_batch *batch = xs_store_batch_new(store);
	int err = batch ? xs_store_batch_add(batch, key, value, size) : -ENOMEM;

	if (!err)
		err = xs_store_batch_put(batch);
	xs_store_batch_free(batch);
	return err;
}

int xs_store_tell(struct xs_store *store, const char *key, const void *value, size_t size)
{
	struct xs_store_batch *batch = xs_store_batch_new(store);
	size_t renamed = 0;
	int err = batch ? xs_store_batch_add(batch, key, value, size) : -ENOMEM;

	if (!err)
		err = rename_some(batch, 1, &renamed);
	if (!err)
		err = sync_bytes(batch);
	if (!err)
		err = sync_names(batch, 0, 1);
	if (batch)
		let_go(batch, renamed);
	xs_store_batch_free(batch);
	return err;
}
