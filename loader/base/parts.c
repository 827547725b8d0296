/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parts.c - see parts.h. */
#include "loader/base/parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct xs_parts xs_parts_in(char *text, size_t size, const char *between)
{
	text[0] = '\0';
	return (struct xs_parts){ .text = text, .size = size, .between = between };
}

void xs_parts_add(struct xs_parts *parts, const char *format, ...)
{
	size_t between = parts->used ? strlen(parts->between) : 0, room;
	va_list list;
	int size;

	if (parts->used + between >= parts->size)
		return;
	memcpy(parts->text + parts->used, parts->between, between);
	parts->used += between;
	room = parts->size - parts->used;
	va_start(list, format);
	size = vsnprintf(parts->text + parts->used, room, format, list);
	va_end(list);
	parts->used += size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
	parts->text[parts->used] = '\0';
}
