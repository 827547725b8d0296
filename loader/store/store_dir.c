/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_dir.c - the store as a directory: a key is a path, a value is a file.
 *
 * Always holds: names that start with a dot are the store's own (the lock, values that are being written), so no key
 * has one. A value is written to `.NAME.new` beside its place, synced, renamed, and the directory synced; whoever
 * writes a key holds flock() on that file, so what a killed writer left behind is overwritten by the next, or goes with
 * its level.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "loader/store/store.h"

#define KEY_MAX        512
#define NAME_BYTES_MAX 200 /* leaves room for what is put around a name */
#define VALUE_MAX      (1ull << 31)
#define LOCK_NAME      ".lock"
#define LOCK_POLL_MS   10

struct xs_store {
	char *where; /* as it was given */
	int root;    /* the directory */
	int lock;    /* -1: not held */
	int inotify; /* -1: nothing is watched */
};

/* ---- keys ---- */

/* Names between single slashes, none starting with a dot, nothing that a terminal would obey. */
static bool key_ok(const char *key)
{
	const char *name = key, *c;

	for (c = key;; c++) {
		if (*c != '/' && *c != '\0') {
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				return false;
			continue;
		}
		if (c == name || *name == '.' || c - name > NAME_BYTES_MAX || c - key > KEY_MAX)
			return false;
		if (!*c)
			return true;
		name = c + 1;
	}
}

/* Key to its directory's path ("." for the top) and its last name. */
static void split(const char *key, char directory[KEY_MAX + 1], const char **name)
{
	const char *slash = strrchr(key, '/');

	if (!slash) {
		strcpy(directory, ".");
		*name = key;
		return;
	}
	memcpy(directory, key, (size_t)(slash - key));
	directory[slash - key] = '\0';
	*name = slash + 1;
}

static int sync_directory(int parent, const char *path)
{
	int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

/* Makes the directories of a path, each synced into the one above it. */
static int make_directories(const struct xs_store *store, const char *directory)
{
	char path[KEY_MAX + 1], above[KEY_MAX + 1];
	const char *name;
	char *slash;
	int err;

	strcpy(path, directory);
	for (slash = path; slash; *slash++ = '/') {
		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		if (mkdirat(store->root, path, 0700) == 0) {
			split(path, above, &name);
			err = sync_directory(store->root, above);
			if (err)
				return err;
		} else if (errno != EEXIST) {
			return -errno;
		}
		if (!slash)
			break;
	}
	return 0;
}

/* ---- opening ---- */

int xs_store_open(const char *where, int create, struct xs_store **out)
{
	struct xs_store *store;
	int fd, err;

	if (create && mkdir(where, 0700) && errno != EEXIST)
		return -errno;
	fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = create ? sync_directory(fd, "..") : 0;
	store = err ? NULL : malloc(sizeof(*store));
	if (store)
		*store = (struct xs_store){ .where = strdup(where), .root = fd, .lock = -1, .inotify = -1 };
	if (!store || !store->where) {
		free(store);
		close(fd);
		return err ? err : -ENOMEM;
	}
	*out = store;
	return 0;
}

void xs_store_close(struct xs_store *store)
{
	if (!store)
		return;
	xs_store_unlock(store);
	if (store->inotify >= 0)
		close(store->inotify);
	close(store->root);
	free(store->where);
	free(store);
}

bool xs_store_is_elsewhere(const struct xs_store *store)
{
	struct stat ours, there;

	return fstat(store->root, &ours) || stat(store->where, &there) || ours.st_ino != there.st_ino ||
	       ours.st_dev != there.st_dev;
}

/* ---- values ---- */

int xs_store_get(struct xs_store *store, const char *key, void **value, size_t *size)
{
	char *bytes = NULL;
	size_t used = 0;
	struct stat st;
	int fd, err;

	if (!key_ok(key))
		return -EINVAL;
	fd = openat(store->root, key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	err = fstat(fd, &st) ? -errno : !S_ISREG(st.st_mode) ? -ENOENT : (uint64_t)st.st_size > VALUE_MAX ? -EFBIG : 0;
	if (err)
		goto out;
	/* A value is never changed in place: its size stands. */
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes) {
		err = -ENOMEM;
		goto out;
	}
	while (used < (size_t)st.st_size) {
		ssize_t got = read(fd, bytes + used, (size_t)st.st_size - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			err = got ? -errno : -EIO;
			goto out;
		}
		used += (size_t)got;
	}
	bytes[used] = '\0';
	*value = bytes;
	*size = used;
	bytes = NULL;
out:
	free(bytes);
	close(fd);
	return err;
}

/* Is it still the file of that name? */
static bool is_there(int directory, const char *name, int fd)
{
	struct stat mine, there;

	return !fstat(fd, &mine) && !fstatat(directory, name, &there, AT_SYMLINK_NOFOLLOW) && mine.st_ino == there.st_ino &&
	       mine.st_dev == there.st_dev;
}

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
		if (is_there(directory, aside, fd))
			return fd;
		close(fd);
	}
}

static int write_all(int fd, const void *value, size_t size)
{
	const char *at = value;

	if (ftruncate(fd, 0))
		return -errno;
	while (size) {
		ssize_t put = write(fd, at, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		size -= (size_t)put;
	}
	return fsync(fd) ? -errno : 0;
}

static int put_in_directory(int directory, const char *name, const void *value, size_t size)
{
	char aside[NAME_BYTES_MAX + 8];
	int fd, err;

	snprintf(aside, sizeof(aside), ".%s.new", name);
	fd = open_aside(directory, aside);
	if (fd < 0)
		return fd;
	err = write_all(fd, value, size);
	if (!err && renameat(directory, aside, directory, name))
		err = -errno;
	if (!err && fsync(directory))
		err = -errno;
	if (err)
		unlinkat(directory, aside, 0);
	close(fd);
	return err;
}

int xs_store_put(struct xs_store *store, const char *key, const void *value, size_t size)
{
	char directory[KEY_MAX + 1];
	const char *name;
	int fd, err, tries;

	if (!key_ok(key))
		return -EINVAL;
	if (size > VALUE_MAX)
		return -EFBIG;
	split(key, directory, &name);
	/* Somebody's delete may take an empty directory away between making and using it. */
	for (tries = 0; tries < 8; tries++) {
		err = strchr(key, '/') ? make_directories(store, directory) : 0;
		if (err)
			return err;
		fd = openat(store->root, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = fd < 0 ? -errno : put_in_directory(fd, name, value, size);
		if (fd >= 0)
			close(fd);
		if (err != -ENOENT)
			return err;
	}
	return err;
}

int xs_store_delete(struct xs_store *store, const char *key)
{
	char path[KEY_MAX + 1], directory[KEY_MAX + 1];
	const char *name;
	int err;

	if (!key_ok(key))
		return -EINVAL;
	split(key, directory, &name);
	if (unlinkat(store->root, key, 0))
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	err = sync_directory(store->root, directory);
	/* A level that became empty goes too, but for those at the top: they are watched. */
	while (strchr(directory, '/') && !unlinkat(store->root, directory, AT_REMOVEDIR)) {
		strcpy(path, directory);
		split(path, directory, &name);
	}
	return err == -ENOENT ? 0 : err;
}

/* What killed writers left; who still writes holds his file. */
static void sweep_aside(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);
		int fd;

		if (entry->d_name[0] != '.' || length < 5 || strcmp(entry->d_name + length - 4, ".new"))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (!flock(fd, LOCK_EX | LOCK_NB) && is_there(dirfd(dir), entry->d_name, fd))
			unlinkat(dirfd(dir), entry->d_name, 0);
		close(fd);
	}
}

int xs_store_delete_level(struct xs_store *store, const char *prefix)
{
	char above[KEY_MAX + 1];
	const char *name;
	DIR *dir;
	int fd;

	if (!key_ok(prefix))
		return -EINVAL;
	fd = openat(store->root, prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	sweep_aside(dir);
	closedir(dir);
	if (unlinkat(store->root, prefix, AT_REMOVEDIR))
		return errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno;
	split(prefix, above, &name);
	return sync_directory(store->root, above);
}

/* ---- lists ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(DIR *dir, char ***out, size_t *out_count)
{
	char **names = NULL, **grown;
	size_t count = 0, room = 0;
	struct dirent *entry;
	int err = 0;

	while (errno = 0, (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (count == room) {
			room = room ? 2 * room : 64;
			grown = realloc(names, room * sizeof(*names));
			if (!grown) {
				err = -ENOMEM;
				break;
			}
			names = grown;
		}
		names[count] = strdup(entry->d_name);
		if (!names[count]) {
			err = -ENOMEM;
			break;
		}
		count++;
	}
	if (!err)
		err = -errno;
	*out = names;
	*out_count = count;
	return err;
}

int xs_store_list(struct xs_store *store, const char *prefix, int (*fn)(void *context, const char *name), void *context)
{
	char **names = NULL;
	size_t i, count = 0;
	DIR *dir;
	int fd, result;

	if (*prefix && !key_ok(prefix))
		return -EINVAL;
	fd = openat(store->root, *prefix ? prefix : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		result = -errno;
		close(fd);
		return result;
	}
	result = read_names(dir, &names, &count);
	closedir(dir);
	if (!result && count)
		qsort(names, count, sizeof(*names), compare_names);
	for (i = 0; i < count; i++) {
		if (!result)
			result = fn(context, names[i]);
		free(names[i]);
	}
	free(names);
	return result;
}

/* ---- the lock ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int xs_store_lock(struct xs_store *store, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };
	int64_t end = now_ms() + timeout_ms;
	int fd, err;

	if (store->lock >= 0)
		return -EDEADLK;
	fd = openat(store->root, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		err = -errno;
		if (err != -EWOULDBLOCK && err != -EINTR) {
			close(fd);
			return err;
		}
		if (timeout_ms >= 0 && now_ms() >= end) {
			close(fd);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
	store->lock = fd;
	return 0;
}

void xs_store_unlock(struct xs_store *store)
{
	if (store->lock < 0)
		return;
	close(store->lock);
	store->lock = -1;
}

/* ---- watching ---- */

int xs_store_watch(struct xs_store *store, const char *const *prefixes, size_t count)
{
	char path[64 + KEY_MAX];
	size_t i;
	int fd, err;

	for (i = 0; i < count; i++) {
		if (*prefixes[i] && !key_ok(prefixes[i]))
			return -EINVAL;
	}
	fd = store->inotify >= 0 ? store->inotify : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (i = 0; i < count; i++) {
		err = *prefixes[i] ? make_directories(store, prefixes[i]) : 0;
		if (err)
			goto failed;
		/* By the descriptor: the directory may have been given by a relative path. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", store->root, prefixes[i]);
		if (inotify_add_watch(fd, path, IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0) {
			err = -errno;
			goto failed;
		}
	}
	store->inotify = fd;
	return fd;
failed:
	if (store->inotify < 0)
		close(fd);
	return err;
}

void xs_store_watch_clear(struct xs_store *store)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	if (store->inotify < 0)
		return;
	while (read(store->inotify, events, sizeof(events)) > 0)
		;
}
