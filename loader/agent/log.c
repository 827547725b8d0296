// SPDX-License-Identifier: GPL-2.0-or-later
/* log.c - lines on stderr, each written whole. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loader/agent/log.h"

static const char *node_name = "";

void xs_log_begin(const char *node)
{
	node_name = node;
}

void xs_log(const char *format, ...)
{
	char line[1024];
	va_list arguments;
	int n = snprintf(line, sizeof(line), "xsliced%s%s: ", node_name[0] ? " " : "", node_name);

	va_start(arguments, format);
	vsnprintf(line + n, sizeof(line) - n - 1, format, arguments);
	va_end(arguments);
	strcat(line, "\n");
	/* Nobody is left to be told of a failure. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}
