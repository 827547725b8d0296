/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arena.c - chunks of memory in a list; the newest is filled first.
 */
#include "loader/model/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE (64u * 1024)
#define ALIGNMENT  _Alignof(max_align_t)

struct chunk {
	struct chunk *older;
	size_t used, size;
	_Alignas(max_align_t) unsigned char bytes[];
};

struct xs_arena {
	struct chunk *newest;
};

struct xs_arena *xs_arena_new(void)
{
	return calloc(1, sizeof(struct xs_arena));
}

void xs_arena_free(struct xs_arena *arena)
{
	struct chunk *chunk, *older;

	if (!arena)
		return;
	for (chunk = arena->newest; chunk; chunk = older) {
		older = chunk->older;
		free(chunk);
	}
	free(arena);
}

void *xs_arena_array(struct xs_arena *arena, size_t count, size_t size)
{
	struct chunk *chunk = arena->newest;
	size_t need;
	void *out;

	if (__builtin_mul_overflow(count, size, &need) || need > SIZE_MAX / 2)
		return NULL;
	need = (need + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (!chunk || chunk->size - chunk->used < need) {
		size_t room = need > CHUNK_SIZE ? need : CHUNK_SIZE;

		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->size = room;
		chunk->older = arena->newest;
		arena->newest = chunk;
	}
	out = chunk->bytes + chunk->used;
	chunk->used += need;
	return out;
}

char *xs_arena_copy(struct xs_arena *arena, const char *text, size_t size)
{
	char *copy = xs_arena_array(arena, size + 1, 1);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}

char *xs_arena_join(struct xs_arena *arena, const char *first, ...)
{
	size_t size = 1;
	va_list args;
	char *text;

	va_start(args, first);
	for (const char *piece = first; piece; piece = va_arg(args, const char *))
		size += strlen(piece);
	va_end(args);
	text = xs_arena_array(arena, size, 1);
	if (!text)
		return NULL;
	size = 0;
	va_start(args, first);
	for (const char *piece = first; piece; piece = va_arg(args, const char *)) {
		size_t length = strlen(piece);

		memcpy(text + size, piece, length);
		size += length;
	}
	va_end(args);
	return text;
}

char *xs_arena_print(struct xs_arena *arena, const char *format, ...)
{
	char *copy, usual[256];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(usual, sizeof(usual), format, args);
	va_end(args);
	copy = size < 0 ? NULL : xs_arena_array(arena, (size_t)size + 1, 1);
	if (!copy)
		return NULL;
	if ((size_t)size < sizeof(usual))
		return memcpy(copy, usual, (size_t)size + 1);
	va_start(args, format);
	vsnprintf(copy, (size_t)size + 1, format, args);
	va_end(args);
	return copy;
}
