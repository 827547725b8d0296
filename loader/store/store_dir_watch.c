/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_dir_watch.c - what wakes who waits for keys to change: inotify on their directories. */
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "loader/store/store_dir.h"

int xs_store_watch(struct xs_store *store, const char *const *prefixes, size_t count)
{
	char path[64 + XS_STORE_KEY_MAX];
	size_t i;
	int fd, err;

	for (i = 0; i < count; i++) {
		if (*prefixes[i] && !xs_store_key_ok(prefixes[i]))
			return -EINVAL;
	}
	fd = store->inotify >= 0 ? store->inotify : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (i = 0; i < count; i++) {
		bool made = false;

		err = *prefixes[i] ? xs_store_make_directories(store, prefixes[i], &made) : 0;
		if (!err && made)
			err = xs_store_sync_above(store, prefixes[i]);
		if (err)
			goto failed;
		/* By the descriptor: the directory may have been given by a relative path. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", store->root, prefixes[i]);
		if (inotify_add_watch(fd, path, IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) <
		    0) {
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
