/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.h - what carries images to agents and their reports back. One interface; a directory is the first that has it, etcd
 * the next. Keys are slash-separated names; values are bytes.
 *
 *   revision                  the active revision: number, id, nodes (JSON): see revision.h
 *   ledger                    what the plan remembers (JSON)
 *   definition                the definition in force, as it was given
 *   image/NUMBER.ID/NODE      image of a node in that revision
 *   cell/ID                   a cell that was switched (ID: decimal cell id): see cell.h
 *   generation                highest generation ever given (text)
 *   report/NODE               JSON, by the node's agent: see report.h
 *
 * Always holds: a value is whole (written aside, synced, renamed); but one that was told may be none that can be read after a crash
 * of the machine. Who changes several keys holds the lock.
 */
#ifndef XSLICE_STORE_STORE_H
#define XSLICE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_store;
struct xs_store_batch;

/* where: a directory's path (its last name created with mode 0700 where `create`). 0 or negative errno. */
int xs_store_open(const char *where, int create, struct xs_store **out);
void xs_store_close(struct xs_store *store);
/* Does `where` lead to another store by now, or to none? Then this one is read by nobody else any more. */
bool xs_store_is_elsewhere(const struct xs_store *store);

/*
 * Keys: names between single slashes, none starting with a dot; -EINVAL for others. Value of a key: malloc()ed, with a NUL
 * behind that size does not count. -ENOENT if there is none.
 */
int xs_store_get(struct xs_store *store, const char *key, void **value, size_t *size);
int xs_store_put(struct xs_store *store, const char *key, const void *value, size_t size);
/*
 * As put, but others see it before it is on the disk: for what somebody waits for, and its writer says again after a crash. On failure
 * it may be seen all the same.
 */
int xs_store_tell(struct xs_store *store, const char *key, const void *value, size_t size);
int xs_store_delete(struct xs_store *store, const char *key); /* 0 also if there was none. A prefix without keys vanishes */

/*
 * Values that come into force together. Each is written aside as it comes; xs_store_batch_put() puts them in the order in which
 * they came, the last one after all others are there for good: whoever reads that one finds those. (Of more than a few dozen the
 * first may be put earlier.) Who adds the values of several keys holds the lock.
 *
 * 0 or negative errno; then nobody knows which of them were put, but the last was not before the others. Freeing takes back what
 * was not put. NULL: no memory.
 */
struct xs_store_batch *xs_store_batch_new(struct xs_store *store);
int xs_store_batch_add(struct xs_store_batch *batch, const char *key, const void *value, size_t size);
int xs_store_batch_put(struct xs_store_batch *batch);
void xs_store_batch_free(struct xs_store_batch *batch);

/*
 * Removes all keys directly under prefix, and the level. Nothing waits for the disk: after a crash some may be there again.
 */
int xs_store_forget_level(struct xs_store *store, const char *prefix);

/*
 * Removes a level without keys, with what killed writers left in it; 0 also where it has keys (which stay), or where there is
 * none.
 */
int xs_store_delete_level(struct xs_store *store, const char *prefix);

/*
 * Calls fn with every name directly under prefix ("": the top), sorted by bytes: of keys and of further levels (the REVISIONs
 * of image). Stops at and returns fn's first non-zero value. fn may put and delete.
 */
int xs_store_list(struct xs_store *store, const char *prefix, int (*fn)(void *context, const char *name), void *context);

/*
 * One writer: waits up to timeout_ms (negative: for ever). -ETIMEDOUT; -EDEADLK where this store holds it. Released also when
 * the process ends.
 */
int xs_store_lock(struct xs_store *store, int timeout_ms);
void xs_store_unlock(struct xs_store *store);

/*
 * A descriptor that becomes readable when keys directly under one of `prefixes` ("" is the top) have changed since the last
 * xs_store_watch_clear(); negative errno. It is the store's; who calls again adds prefixes to it. May wake without cause
 * and, after errors, miss: who needs truth reads again from time to time.
 */
int xs_store_watch(struct xs_store *store, const char *const *prefixes, size_t count);
void xs_store_watch_clear(struct xs_store *store);

/* Small helpers over get, put and add: a decimal number and a newline; -ENOENT as get, -EBADMSG if it is something else. */
int xs_store_get_number(struct xs_store *store, const char *key, uint64_t *value);
int xs_store_put_number(struct xs_store *store, const char *key, uint64_t value);
int xs_store_batch_add_number(struct xs_store_batch *batch, const char *key, uint64_t value);

#endif
