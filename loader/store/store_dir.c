/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_dir.c - the store as a directory: keys and values. A key is a path, a value is a file, which store_dir_put.c writes.
 *
 * Always holds: a value is written to `.NAME.new` beside its place, synced, renamed, and the directory synced (what is told is
 * renamed first); whoever writes a key holds flock() on that file, so what a killed writer left behind is overwritten by the
 * next, or goes with its level.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/base/file.h"
#include "loader/store/store_dir.h"

#define VALUE_MAX (1ull << 31)

/* ---- keys ---- */

bool xs_store_key_ok(const char *key)
{
	const char *name = key, *c;

	for (c = key;; c++) {
		if (*c != '/' && *c != '\0') {
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				return false;
			continue;
		}
		if (c == name || *name == '.' || c - name > XS_STORE_NAME_MAX || c - key > XS_STORE_KEY_MAX)
			return false;
		if (!*c)
			return true;
		name = c + 1;
	}
}

void xs_store_split(const char *key, char directory[XS_STORE_KEY_MAX + 1], const char **name)
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

int xs_store_sync_directory(int parent, const char *path)
{
	int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

int xs_store_sync_above(const struct xs_store *store, const char *directory)
{
	char path[XS_STORE_KEY_MAX + 1], below[XS_STORE_KEY_MAX + 1];
	const char *name;
	int err = 0;

	strcpy(path, directory);
	while (!err && strcmp(path, ".")) {
		strcpy(below, path);
		xs_store_split(below, path, &name);
		err = xs_store_sync_directory(store->root, path);
	}
	return err;
}

int xs_store_make_directories(const struct xs_store *store, const char *directory, bool *made)
{
	char path[XS_STORE_KEY_MAX + 1];
	char *slash;

	strcpy(path, directory);
	for (slash = path; slash; *slash++ = '/') {
		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		if (!mkdirat(store->root, path, 0700))
			*made = true;
		else if (errno != EEXIST)
			return -errno;
		if (!slash)
			break;
	}
	return 0;
}

/* ---- opening ---- */

/* The directory's own name is on the disk: whoever made it may have been killed before that, but not before the first revision. */
static int sync_name(int fd)
{
	return faccessat(fd, "revision", F_OK, 0) ? xs_store_sync_directory(fd, "..") : 0;
}

int xs_store_open(const char *where, int create, struct xs_store **out)
{
	struct xs_store *store;
	int fd, err;

	if (create && mkdir(where, 0700) && errno != EEXIST)
		return -errno;
	fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = create ? sync_name(fd) : 0;
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
	return !xs_file_is_at(store->root, AT_FDCWD, store->where, 0);
}

/* ---- values ---- */

int xs_store_get(struct xs_store *store, const char *key, void **value, size_t *size)
{
	char *bytes = NULL;
	size_t used = 0;
	struct stat st;
	int fd, err;

	if (!xs_store_key_ok(key))
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

int xs_store_delete(struct xs_store *store, const char *key)
{
	char path[XS_STORE_KEY_MAX + 1], directory[XS_STORE_KEY_MAX + 1];
	const char *name;
	int err;

	if (!xs_store_key_ok(key))
		return -EINVAL;
	xs_store_split(key, directory, &name);
	if (unlinkat(store->root, key, 0))
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	err = xs_store_sync_directory(store->root, directory);
	/* A level that became empty goes too, but for those at the top: they are watched. */
	while (strchr(directory, '/') && !unlinkat(store->root, directory, AT_REMOVEDIR)) {
		strcpy(path, directory);
		xs_store_split(path, directory, &name);
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
		if (!flock(fd, LOCK_EX | LOCK_NB) && xs_file_is_at(fd, dirfd(dir), entry->d_name, AT_SYMLINK_NOFOLLOW))
			unlinkat(dirfd(dir), entry->d_name, 0);
		close(fd);
	}
}

/* What lies in it, levels aside. */
static void remove_keys(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	rewinddir(dir);
}

/* 1: the level is gone; 0: it was not there, or has to stay; negative errno. */
static int remove_level(struct xs_store *store, const char *prefix, bool with_keys)
{
	DIR *dir;
	int fd;

	if (!xs_store_key_ok(prefix))
		return -EINVAL;
	fd = openat(store->root, prefix, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	if (with_keys)
		remove_keys(dir);
	sweep_aside(dir);
	closedir(dir);
	if (unlinkat(store->root, prefix, AT_REMOVEDIR))
		return errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno;
	return 1;
}

int xs_store_delete_level(struct xs_store *store, const char *prefix)
{
	char above[XS_STORE_KEY_MAX + 1];
	const char *name;
	int gone = remove_level(store, prefix, false);

	if (gone <= 0)
		return gone;
	xs_store_split(prefix, above, &name);
	return xs_store_sync_directory(store->root, above);
}

int xs_store_forget_level(struct xs_store *store, const char *prefix)
{
	int gone = remove_level(store, prefix, true);

	return gone < 0 ? gone : 0;
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

	if (*prefix && !xs_store_key_ok(prefix))
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
