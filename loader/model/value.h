/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * value.h - values out of the text of leaves: prefixes, addresses, MACs, ranges, protocols; and what about them a
 * pattern cannot say (host bits, a range that runs backwards).
 *
 * `node` may be NULL everywhere: the value is then zero, and its place that of `parent`.
 */
#ifndef XSLICE_MODEL_VALUE_H
#define XSLICE_MODEL_VALUE_H

#include <errno.h>
#include <libyang/libyang.h>

#include "loader/model/arena.h"
#include "loader/model/domain.h"

struct xs_values {
	struct xs_diag *diag;
	struct xs_arena *arena; /* of texts */
	int err;                /* -EINVAL: something was reported; -ENOMEM */
};

static inline void xs_values_fail(struct xs_values *values, int err)
{
	if (values->err != -ENOMEM)
		values->err = err;
}

/* Its path is the document's. */
struct xs_place xs_value_place(const struct lyd_node *node);

/* place may be NULL. */
struct xs_prefix xs_value_prefix(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
				 struct xs_place *place);
struct xs_address xs_value_address(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
				   struct xs_place *place);
struct xs_mac xs_value_mac(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
			   struct xs_place *place);

/* "N" or "N-M" within least..most. */
struct xs_d_range xs_value_range(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
				 uint32_t least, uint32_t most);

uint8_t xs_value_protocol(const struct lyd_node *node);

#endif
