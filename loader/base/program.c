/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program.c - see program.h. */
#include "loader/base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void xs_begin_output(void)
{
	/* Each the wrong way round: who reads or writes there gets an error, as from a closed one. */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

int xs_end_output(const char *program, int code)
{
	bool lost = ferror(stdout);
	int error;

	errno = 0;
	if (fflush(stdout))
		lost = true;
	error = errno;
	errno = 0;
	/* Only closing tells what a file system says last; who has printed nothing into a closed output has lost nothing. */
	if (fclose(stdout) && errno != EBADF)
		lost = true;
	error = error ? error : errno;
	if (!lost)
		return code;
	fprintf(stderr, "%s: standard output: %s; what was printed is not whole\n", program,
		error ? strerror(error) : "write error");
	return 1;
}
