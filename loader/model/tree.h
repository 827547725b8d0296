/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.h - the definition as libyang's data tree, made of a document. Knows the schema, and nothing of what it means.
 *
 * Always holds: `priv` of a node that the document wrote is its struct xs_doc_node, which knows the place; nodes whose
 * value or key is at fault, and second entries with a key, are not in the tree. Owner: the caller; the document must
 * outlive it.
 */
#ifndef XSLICE_MODEL_TREE_H
#define XSLICE_MODEL_TREE_H

#include <libyang/libyang.h>

#include "loader/model/document.h"
#include "loader/model/schema.h"

/*
 * Builds the tree and reports: unknown keys, keys given twice, wrong kinds, values that their types refuse, what is
 * missing, lists too short or too long, second entries with a key. *domain: the container, never NULL on 0 or -EINVAL.
 * 0, -EINVAL (faults were reported), -ENOMEM (*domain unchanged).
 */
int xs_tree_build(const struct xs_schema *schema, struct xs_document *document, struct xs_diag *diag,
		  struct lyd_node **domain);

/* References of the schema that lead to nothing. 0, -EINVAL (reported), -ENOMEM. */
int xs_tree_check_references(const struct xs_schema *schema, const struct lyd_node *domain, struct xs_diag *diag);

/*
 * Lets libyang judge a tree in which no fault was found: it must find none. A check on tree.c; where it would take too
 * long (it walks all targets for each reference) it is left out. Adds default nodes. 0, -EINVAL (reported), -ENOMEM.
 */
int xs_tree_cross_check(const struct xs_schema *schema, struct lyd_node **domain, struct xs_diag *diag);

/* Where a node stands; of one that the document does not write: where the one around it stands. */
static inline const struct xs_place *xs_tree_place(const struct lyd_node *node)
{
	while (node && !node->priv)
		node = lyd_parent(node);
	return node ? &((const struct xs_doc_node *)node->priv)->place : NULL;
}

/* Does the document write the node's child, though it may be at fault and not be in the tree? */
bool xs_tree_wrote(const struct lyd_node *node, const char *name);

#endif
