/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.h - what writing a file aside and locking one take, beyond one system call. */
#ifndef XSLICE_BASE_FILE_H
#define XSLICE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* 0 or negative errno; some of it may have been written then. */
int xs_write_all(int fd, const void *bytes, size_t size);

/* Does the path (flags: as of fstatat()) lead to the file that is open, or to another by now, or to none? */
bool xs_file_is_at(int fd, int directory, const char *path, int flags);

#endif
