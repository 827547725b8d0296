/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_dir_lock.c - one writer at a time: flock() on a file of the directory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "loader/base/clock.h"
#include "loader/store/store_dir.h"

#define LOCK_NAME    ".lock"
#define LOCK_POLL_MS 10

int xs_store_lock(struct xs_store *store, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };
	int64_t end = xs_now_ms() + timeout_ms;
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
		if (timeout_ms >= 0 && xs_now_ms() >= end) {
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
