/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock.h - the agent's directory of a node, /run/xslice/NODE: the lock that makes one agent per node, a copy of the image in
 * force, by which an agent that starts knows what its predecessor left, and whose node it is. It goes with a reboot, as namespaces do.
 */
#ifndef XSLICE_AGENT_LOCK_H
#define XSLICE_AGENT_LOCK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define XS_RUN_ROOT "/run/xslice"

/*
 * Returns a descriptor that holds the lock until it is closed or the process ends. -EBUSY: somebody holds it; error names the
 * process. error: >= 256 bytes.
 */
int xs_agent_lock(const char *node, char *error);
/* Says in it which store the agent goes by: whose the node will be, before it holds anything. store: a path, resolved here. */
int xs_agent_lock_sign(int lock, const char *store);
/* Is it still the one that others look for? */
bool xs_agent_lock_stands(const char *node, int lock);
/* Does a process hold it? Says more than a pid, which may be another's by now, or a dead one's that nobody has waited for. */
bool xs_agent_runs(const char *node);
/* Lets go and removes the directory, if nobody else left something in it. */
void xs_agent_unlock(const char *node, int lock);
/* What is left of an agent that was killed before its node held anything goes; nothing else does. */
void xs_agent_sweep(const char *node);

/* The image in force: malloc()ed bytes; -ENOENT if there is none. */
int xs_saved_image_get(const char *node, void **bytes, size_t *size);
int xs_saved_image_put(const char *node, const void *bytes, size_t size); /* size 0: removes it */

/* Whose node it is. Noted while it holds something, so that it can be taken down even where the store has forgotten it. */
struct xs_owner {
	char store[PATH_MAX]; /* without symbolic links */
	char netns[64];       /* as in struct xs_report */
};
int xs_owner_get(const char *node, struct xs_owner *out); /* -ENOENT: nobody's; -EBADMSG */
/* Does the node hold something for another store than this path's? *owner: for whose. */
bool xs_owner_is_other(const char *node, const char *store, struct xs_owner *owner);
/*
 * Is the node another store's than this path's: does its agent go by another, or, where none runs, what it holds? Writes which.
 */
bool xs_node_is_elsewhere(const char *node, const char *store, char other[PATH_MAX]);
/* store: a path, resolved here; NULL: takes the note back. netns NULL: the machine's own. */
int xs_owner_put(const char *node, const char *store, const char *netns);

/* Calls fn with each node that has a directory on this machine. Stops at and returns fn's first non-zero value. */
int xs_local_nodes(int (*fn)(void *context, const char *node), void *context);

#endif
