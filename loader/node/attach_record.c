// SPDX-License-Identifier: GPL-2.0-or-later
/* attach_record.c - the records of attach.h: empty directories, for in a bpffs there are no plain files. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/node/attach.h"

int xs_record_make(const char *directory, const char *prefix, uint32_t ifindex)
{
	char path[PATH_MAX];

	if (!xs_pin_path(path, "%s/%s%u", directory, prefix, ifindex))
		return -ENAMETOOLONG;
	if (!mkdir(path, 0700))
		return 0;
	return errno == EEXIST ? 1 : -errno;
}

bool xs_record_is_there(const char *directory, const char *prefix, uint32_t ifindex)
{
	char path[PATH_MAX];

	return xs_pin_path(path, "%s/%s%u", directory, prefix, ifindex) && !access(path, F_OK);
}

int xs_record_strike(const char *directory, const char *prefix, uint32_t ifindex)
{
	char path[PATH_MAX];

	if (!xs_pin_path(path, "%s/%s%u", directory, prefix, ifindex))
		return -ENAMETOOLONG;
	return rmdir(path) && errno != ENOENT ? -errno : 0;
}
