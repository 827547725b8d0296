/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arena.h - memory that is freed at once: a definition's document, and the domain that is made of it.
 *
 * Always holds: what is handed out is zeroed, aligned for any type, and never moves. Not for concurrent use.
 */
#ifndef XSLICE_MODEL_ARENA_H
#define XSLICE_MODEL_ARENA_H

#include <stddef.h>

struct xs_arena;

struct xs_arena *xs_arena_new(void);
void xs_arena_free(struct xs_arena *arena);

/* NULL without memory or on overflow. A size of 0 gives a pointer that must not be read. */
void *xs_arena_array(struct xs_arena *arena, size_t count, size_t size);

/* A copy of size bytes and a NUL. */
char *xs_arena_copy(struct xs_arena *arena, const char *text, size_t size);

/* Strings one after the other, the last one NULL. There are thousands of such names, and printing one takes five times as long. */
char *xs_arena_join(struct xs_arena *arena, const char *first, ...) __attribute__((sentinel));
char *xs_arena_print(struct xs_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
