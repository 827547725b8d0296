/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * leaf.h - the leaves of one node of the data tree, by name: as text, as numbers, as values of value.h.
 *
 * A leaf that is not there has the value zero (NULL, XS_FAMILY_NONE), and its place is its parent's.
 */
#ifndef XSLICE_MODEL_LEAF_H
#define XSLICE_MODEL_LEAF_H

#include "loader/model/value.h"

const struct lyd_node *xs_leaf_find(const struct lyd_node *parent, const char *name);
struct xs_place xs_leaf_place(struct xs_values *values, const struct lyd_node *parent, const char *name);

bool xs_leaf_says(const struct lyd_node *parent, const char *name, const char *value);
uint32_t xs_leaf_number(struct xs_values *values, const struct lyd_node *parent, const char *name, struct xs_place *place);

/* Of these, place may be NULL. The text is the arena's. */
const char *xs_leaf_text(struct xs_values *values, const struct lyd_node *parent, const char *name, struct xs_place *place);
struct xs_prefix xs_leaf_prefix(struct xs_values *values, const struct lyd_node *parent, const char *name,
				struct xs_place *place);
struct xs_address xs_leaf_address(struct xs_values *values, const struct lyd_node *parent, const char *name,
				  struct xs_place *place);
struct xs_mac xs_leaf_mac(struct xs_values *values, const struct lyd_node *parent, const char *name, struct xs_place *place);

/* The values of a leaf-list that may have one of each family; a second one is reported. out[] was zero. */
void xs_leaf_prefixes(struct xs_values *values, const struct lyd_node *parent, const char *name,
		      struct xs_prefix out[XS_FAMILIES], struct xs_place out_place[XS_FAMILIES]);
void xs_leaf_addresses(struct xs_values *values, const struct lyd_node *parent, const char *name,
		       struct xs_address out[XS_FAMILIES], struct xs_place out_place[XS_FAMILIES]);

#endif
