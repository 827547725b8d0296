/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ahead.h - new namespaces, made by a thread of their own a few ahead of who fills them: to make one costs the kernel as
 * much as all that comes into it.
 *
 * Always holds: a namespace that nobody took has no name any more when the making ends.
 */
#ifndef XSLICE_NODE_AHEAD_H
#define XSLICE_NODE_AHEAD_H

#include <stddef.h>

struct xs_ahead;

/*
 * Begins to make namespaces, which inherit from the one that the thread is in. name: count of them, in the order in which they
 * will be taken; a malloc()ed array, taken over, of texts that stay. NULL where it cannot (no memory, no thread): who wants one
 * makes it himself.
 */
struct xs_ahead *xs_ahead_begin(const char **name, size_t count);

/*
 * The descriptor of the next namespace, if that is its name: the taker's now. Waits until it is made. -ENOENT: it is not the
 * next, or it was there before: open it, or make it, as if nobody went ahead. Else why it could not be made. ahead: NULL is
 * -ENOENT.
 */
int xs_ahead_take(struct xs_ahead *ahead, const char *name);

/* No more is made, and what was not taken goes. NULL does nothing. */
void xs_ahead_end(struct xs_ahead *ahead);

#endif
