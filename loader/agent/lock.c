// SPDX-License-Identifier: GPL-2.0-or-later
/* lock.c - /run/xslice/NODE: lock, saved image, owner. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "loader/agent/lock.h"
#include "loader/base/file.h"
#include "loader/image/image.h"

#define ERROR_SIZE 256
/* Who only looks whether an agent runs, or sweeps, holds the lock for a moment. */
#define LOCK_TRIES    10
#define LOCK_PAUSE_MS 10

static int path_of(char path[PATH_MAX], const char *node, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s%s%s", XS_RUN_ROOT, node, name[0] ? "/" : "", name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int make_directory(const char *node)
{
	char path[PATH_MAX];
	int err = path_of(path, node, "");

	if (err)
		return err;
	if (mkdir(XS_RUN_ROOT, 0755) && errno != EEXIST)
		return -errno;
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static int busy(const char *node, int fd, char *error)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	snprintf(error, ERROR_SIZE, "node %s has an agent already, process %s", node, pid[0] ? pid : "?");
	return -EBUSY;
}

int xs_agent_lock(const char *node, char *error)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	char path[PATH_MAX];
	int err = path_of(path, node, "lock"), fd = -1, tries = 0;

	while (!err) {
		err = make_directory(node);
		if (err)
			break;
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0) {
			err = -errno;
			break;
		}
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			if (errno == EWOULDBLOCK && ++tries < LOCK_TRIES) {
				close(fd);
				nanosleep(&pause, NULL);
				continue;
			}
			err = errno == EWOULDBLOCK ? busy(node, fd, error) : -errno;
			close(fd);
			break;
		}
		/* Unless the file that we locked was removed, or replaced, by its former holder before we had it. */
		if (xs_file_is_at(fd, AT_FDCWD, path, 0)) {
			if (ftruncate(fd, 0) || dprintf(fd, "%d\n", getpid()) < 0) {
				err = -errno;
				close(fd);
				break;
			}
			return fd;
		}
		close(fd);
	}
	if (err != -EBUSY)
		snprintf(error, ERROR_SIZE, "%.180s: %s", path, strerror(-err));
	return err;
}

int xs_agent_lock_sign(int lock, const char *store)
{
	char text[PATH_MAX + 16], resolved[PATH_MAX];
	int size;

	if (!realpath(store, resolved))
		return -errno;
	size = snprintf(text, sizeof(text), "%d\n%s\n", getpid(), resolved);
	if (ftruncate(lock, 0))
		return -errno;
	return pwrite(lock, text, (size_t)size, 0) == size ? 0 : -EIO;
}

bool xs_agent_lock_stands(const char *node, int lock)
{
	char path[PATH_MAX];

	return !path_of(path, node, "lock") && xs_file_is_at(lock, AT_FDCWD, path, 0);
}

bool xs_agent_runs(const char *node)
{
	char path[PATH_MAX];
	bool held;
	int fd;

	if (path_of(path, node, "lock"))
		return false;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	held = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return held;
}

void xs_agent_unlock(const char *node, int lock)
{
	char path[PATH_MAX];

	/* Removed while it is held: who waits for it sees that it is stale and makes a new one. */
	if (!path_of(path, node, "lock"))
		unlink(path);
	close(lock);
	if (!path_of(path, node, ""))
		rmdir(path);
	rmdir(XS_RUN_ROOT);
}

void xs_agent_sweep(const char *node)
{
	char error[ERROR_SIZE];
	struct xs_owner owner;
	int lock;

	if (xs_agent_runs(node) || xs_owner_get(node, &owner) != -ENOENT)
		return;
	lock = xs_agent_lock(node, error);
	if (lock < 0)
		return;
	if (xs_owner_get(node, &owner) == -ENOENT)
		xs_agent_unlock(node, lock);
	else
		close(lock);
}

/* ---- files of the directory: written aside, renamed ----------------------------------------------------------------- */

static int get_file(const char *node, const char *name, size_t most, void **bytes, size_t *size)
{
	char path[PATH_MAX];
	struct stat status;
	char *read_bytes;
	int err = path_of(path, node, name), fd;
	size_t done = 0;

	if (err)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) || status.st_size < 0 || (size_t)status.st_size > most) {
		close(fd);
		return -EBADMSG;
	}
	read_bytes = malloc(status.st_size + 1);
	err = read_bytes ? 0 : -ENOMEM;
	while (!err && done < (size_t)status.st_size) {
		ssize_t n = read(fd, read_bytes + done, status.st_size - done);

		if (n <= 0)
			err = n ? -errno : -EBADMSG;
		else
			done += n;
	}
	close(fd);
	if (err) {
		free(read_bytes);
		return err;
	}
	read_bytes[done] = '\0';
	*bytes = read_bytes;
	*size = done;
	return 0;
}

/* bytes NULL: removes it. */
static int put_file(const char *node, const char *name, const void *bytes, size_t size)
{
	char path[PATH_MAX], aside[PATH_MAX];
	int err = path_of(path, node, name), fd;

	if (err || snprintf(aside, sizeof(aside), "%s.next", path) >= (int)sizeof(aside))
		return err ? err : -ENAMETOOLONG;
	if (!bytes)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = xs_write_all(fd, bytes, size);
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(aside, path))
		err = -errno;
	if (err)
		unlink(aside);
	return err;
}

int xs_saved_image_get(const char *node, void **bytes, size_t *size)
{
	return get_file(node, "image", XS_IMAGE_SIZE_MAX, bytes, size);
}

int xs_saved_image_put(const char *node, const void *bytes, size_t size)
{
	return put_file(node, "image", size ? bytes : NULL, size);
}

/* ---- whose node it is: two lines, store and namespace --------------------------------------------------------------- */

int xs_owner_get(const char *node, struct xs_owner *out)
{
	size_t size, store, netns;
	void *text;
	const char *second;
	int err = get_file(node, "owner", sizeof(*out), &text, &size);

	if (err)
		return err;
	store = strcspn(text, "\n");
	second = (char *)text + store + (store < size);
	netns = strcspn(second, "\n");
	if (!store || store >= sizeof(out->store) || netns >= sizeof(out->netns)) {
		err = -EBADMSG;
	} else {
		snprintf(out->store, sizeof(out->store), "%.*s", (int)store, (char *)text);
		snprintf(out->netns, sizeof(out->netns), "%.*s", (int)netns, second);
	}
	free(text);
	return err;
}

bool xs_owner_is_other(const char *node, const char *store, struct xs_owner *owner)
{
	char resolved[PATH_MAX];

	return realpath(store, resolved) && !xs_owner_get(node, owner) && strcmp(owner->store, resolved);
}

/* The store that the agent which runs on the node goes by: the lock's second line. */
static int followed_store(const char *node, char store[PATH_MAX])
{
	const char *second;
	size_t size, pid;
	void *text;
	int err;

	if (!xs_agent_runs(node))
		return -ESRCH;
	err = get_file(node, "lock", PATH_MAX + 16, &text, &size);
	if (err)
		return err;
	pid = strcspn(text, "\n");
	second = (char *)text + pid + (pid < size);
	if (second[0] == '/' && strcspn(second, "\n") < PATH_MAX)
		snprintf(store, PATH_MAX, "%.*s", (int)strcspn(second, "\n"), second);
	else
		err = -ENOENT;
	free(text);
	return err;
}

bool xs_node_is_elsewhere(const char *node, const char *store, char other[PATH_MAX])
{
	char resolved[PATH_MAX];
	struct xs_owner owner;

	if (!realpath(store, resolved))
		return false;
	if (followed_store(node, other)) {
		if (xs_owner_get(node, &owner))
			return false;
		memcpy(other, owner.store, sizeof(owner.store));
	}
	return strcmp(other, resolved) != 0;
}

int xs_owner_put(const char *node, const char *store, const char *netns)
{
	char text[PATH_MAX + 80], resolved[PATH_MAX];
	int size;

	if (!store)
		return put_file(node, "owner", NULL, 0);
	if (!realpath(store, resolved))
		return -errno;
	size = snprintf(text, sizeof(text), "%s\n%s\n", resolved, netns ? netns : "");
	return size < (int)sizeof(text) ? put_file(node, "owner", text, (size_t)size) : -ENAMETOOLONG;
}

int xs_local_nodes(int (*fn)(void *context, const char *node), void *context)
{
	DIR *dir = opendir(XS_RUN_ROOT);
	struct dirent *entry;
	int result = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!result && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && entry->d_type == DT_DIR)
			result = fn(context, entry->d_name);
	closedir(dir);
	return result;
}
