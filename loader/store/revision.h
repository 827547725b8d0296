/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * revision.h - the active revision, key `revision`: its number, its id, and which nodes have an image in it. One value, so
 * one write puts it into force and one read sees the whole.
 *
 * Always holds: two applies never share an id, whatever became of the store between them (emptied, restored from a copy).
 * The number counts up and is for people. A node that is not listed has nothing to hold; one that is listed and whose image
 * is missing has lost it, which is another thing.
 */
#ifndef XSLICE_STORE_REVISION_H
#define XSLICE_STORE_REVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/store/store.h"

#define XS_REVISION_ID 17                /* 16 hexadecimal digits and a NUL */
#define XS_REVISION_MAX ((1ull << 53) - 1) /* what every reader of JSON can hold */

struct xs_revision {
	uint64_t number; /* from 1 */
	char id[XS_REVISION_ID];
	char **node; /* sorted */
	size_t node_count;
};

/* 0; -ENOENT: there is none; -EBADMSG: the value is no revision; another negative errno. Free it. */
int xs_revision_get(struct xs_store *store, struct xs_revision *out);
int xs_revision_put(struct xs_store *store, const struct xs_revision *revision);
int xs_revision_add(struct xs_store_batch *batch, const struct xs_revision *revision);
void xs_revision_free(struct xs_revision *revision); /* and makes it empty */

/* A revision of this number with an id of its own, without nodes. 0, -EOVERFLOW beyond XS_REVISION_MAX, or negative errno. */
int xs_revision_new(uint64_t number, struct xs_revision *out);
/* Keeps the list sorted; one that is there is not added again. */
int xs_revision_add_node(struct xs_revision *revision, const char *node);
bool xs_revision_has_node(const struct xs_revision *revision, const char *node);

#define XS_IMAGE_KEY 128
/* Key of the level that holds the revision's images ("image/NUMBER.ID"), or with a node of its image; buf: XS_IMAGE_KEY. */
const char *xs_image_key(const struct xs_revision *revision, const char *node, char *buf);

#endif
