/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parts.h - a text that grows by parts in a room of a given size, with the same words between any two.
 *
 * Always holds: it ends with NUL; what has no room is cut off.
 */
#ifndef XSLICE_BASE_PARTS_H
#define XSLICE_BASE_PARTS_H

#include <stddef.h>

struct xs_parts {
	char *text;
	size_t size, used;
	const char *between;
};

/* An empty one, in text[size]. */
struct xs_parts xs_parts_in(char *text, size_t size, const char *between);
void xs_parts_add(struct xs_parts *parts, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
