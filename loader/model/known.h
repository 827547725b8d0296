/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * known.h - values and entries' keys that were met before. Most of libyang's time goes into comparing a value with the
 * patterns of its type, and the same few stand in most places: names of nodes and VRFs, prefixes. Of one that is known
 * already the node is copied.
 *
 * Owner: tree.c, while it builds a tree. Always holds: a node that is known is in that tree.
 */
#ifndef XSLICE_MODEL_KNOWN_H
#define XSLICE_MODEL_KNOWN_H

#include <libyang/libyang.h>

#include "loader/model/arena.h"

struct xs_known_of; /* one schema node */

struct xs_known {
	struct xs_arena *arena; /* the caller's */
	struct xs_known_of *of;
};

/*
 * A leaf's node, a leaf-list's or an entry of a list, which libyang takes the text for (the entry's key), in parent. As
 * lyd_new_term() and lyd_new_list(); the text lives as long as the tree is built.
 */
LY_ERR xs_known_make(struct xs_known *known, const struct lysc_node *schema, struct lyd_node *parent, const char *text,
		     struct lyd_node **out);
/* Frees a node that was made by it with that text. */
void xs_known_free(struct xs_known *known, const char *text, struct lyd_node *node);
/* The tree is built. */
void xs_known_clear(struct xs_known *known);

#endif
