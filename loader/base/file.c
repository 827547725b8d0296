/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.c - see file.h. */
#include "loader/base/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int xs_write_all(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size) {
		ssize_t put = write(fd, at, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		size -= (size_t)put;
	}
	return 0;
}

bool xs_file_is_at(int fd, int directory, const char *path, int flags)
{
	struct stat ours, there;

	return !fstat(fd, &ours) && !fstatat(directory, path, &there, flags) && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}
