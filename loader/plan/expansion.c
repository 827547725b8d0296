/* SPDX-License-Identifier: GPL-2.0-or-later */
/* expansion.c - which expansions there are. */
#include "loader/plan/expansion.h"

static const struct xs_expansion *const expansions[] = {
	[XS_SEGMENTATION] = &xs_expand_segmentation,
	[XS_PAGING] = &xs_expand_paging,
};

const struct xs_expansion *xs_expansion_of(enum xs_implementation implementation)
{
	return expansions[implementation];
}

const struct xs_expansion *xs_expansion_at(size_t i)
{
	return i < sizeof(expansions) / sizeof(expansions[0]) ? expansions[i] : NULL;
}
