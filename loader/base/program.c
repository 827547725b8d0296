/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program.c - see program.h. */
#include "loader/base/program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int xs_end_output(const char *program, int code)
{
	bool lost = ferror(stdout);

	errno = 0;
	/* Only closing tells what a file system says last; a program that was started without an output has none to
	 * lose. */
	if (fclose(stdout) && errno != EBADF)
		lost = true;
	if (!lost)
		return code;
	fprintf(stderr, "%s: standard output: %s; what was printed is not whole\n", program,
		errno ? strerror(errno) : "write error");
	return 1;
}
