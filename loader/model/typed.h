/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * typed.h - from the data tree to struct xs_domain.
 */
#ifndef XSLICE_MODEL_TYPED_H
#define XSLICE_MODEL_TYPED_H

#include <libyang/libyang.h>

#include "loader/model/arena.h"
#include "loader/model/domain.h"
#include "loader/model/names.h"

/* In a condition's fields while checks run: a value of it was at fault. Never in a domain that was handed out. */
#define XS_MATCH_FAULTY (1u << 31)

/*
 * Fills *out, whose objects and strings lie in `arena`, and `index`. Works on trees with faults too: what is missing or
 * at fault is absent in *out (NULL, zero, XS_FAMILY_NONE), as are references that lead nowhere. Reports values that a
 * type of the schema cannot judge. instead: the domain's implementation, whatever the tree says; NULL: the tree's. 0, -EINVAL (faults were reported, *out is filled), -ENOMEM.
 */
int xs_typed_read(const struct lyd_node *tree, const enum xs_implementation *instead, struct xs_arena *arena,
		  struct xs_diag *diag, struct xs_index *index, struct xs_domain *out);

#endif
