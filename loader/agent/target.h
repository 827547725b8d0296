/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - what the store says that a node should hold.
 *
 * Always holds: that a node has nothing to hold is said by a revision that does not list it, never by something missing.
 */
#ifndef XSLICE_AGENT_TARGET_H
#define XSLICE_AGENT_TARGET_H

#include <stdbool.h>

#include "loader/image/image.h"
#include "loader/store/revision.h"

#define XS_TARGET_ERROR 256

struct xs_target {
	bool known; /* the store has a revision at all */
	struct xs_revision revision;
	struct xs_image *image; /* NULL: it says that the node holds nothing */
};

/*
 * A revision that is replaced while its image is read, and so perhaps swept away, is read again. 0, or negative errno with a
 * sentence in error; then target->revision says what could not be had. Free it in any case.
 */
int xs_target_read(struct xs_store *store, const char *node, struct xs_target *target, char *error);
void xs_target_free(struct xs_target *target);

#endif
