/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path.c - data paths as text, see diag.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/base/diag.h"

#define QUOTED_MAX 80

int xs_quoted_length(const char *text)
{
	size_t size = strnlen(text, QUOTED_MAX + 1);

	if (size <= QUOTED_MAX)
		return (int)size;
	for (size = QUOTED_MAX; size && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
		;
	return (int)size;
}

static void write_quoted(FILE *out, const char *text)
{
	int size = xs_quoted_length(text);

	fprintf(out, "%.*s%s", size, text, text[size] ? "..." : "");
}

/* Recursion is as deep as a document may be. */
static void write_path(FILE *out, const struct xs_path *path)
{
	if (path->above)
		write_path(out, path->above);
	putc('/', out);
	write_quoted(out, path->name);
	if (!path->key)
		return;
	fprintf(out, "[%s='", path->key);
	write_quoted(out, path->value);
	fputs("']", out);
}

char *xs_path_text(const struct xs_path *path)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	write_path(out, path);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
