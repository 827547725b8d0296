// SPDX-License-Identifier: GPL-2.0-or-later
/* output.c - how the command speaks: complaints, progress, JSON, and the store that its options name. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

void xs_complain(const char *format, ...)
{
	va_list list;

	xs_progress(NULL);
	fputs("xslice: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

int xs_open_store(const struct xs_options *options, bool create, struct xs_store **out)
{
	int error = xs_store_open(options->store, create, out);

	if (error)
		xs_complain("store %s: %s%s", options->store, strerror(-error),
			    error == -ENOENT && !create ? " (nothing was applied here; --store DIR names another)"
			    : error == -ENOENT          ? " (only its last directory is made)"
			    : error == -EACCES          ? " (it is root's; --store DIR names another)"
							: "");
	return error;
}

void xs_print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
	fputc('\n', stdout);
	json_decref(json);
}

void xs_print_result(const struct xs_options *options, json_t *result, void (*print)(const json_t *result))
{
	if (options->json) {
		xs_print_json(result);
		return;
	}
	print(result);
	json_decref(result);
}

void xs_progress(const char *line)
{
	static bool shown;

	if (!isatty(STDERR_FILENO))
		return;
	if (line)
		fprintf(stderr, "\r\033[K%s", line);
	else if (shown)
		fputs("\r\033[K", stderr);
	shown = line != NULL;
	fflush(stderr);
}
