/* SPDX-License-Identifier: GPL-2.0-or-later */
/* paging.h - inside plan/: the parts of the expansion by paging (expansion.h). */
#ifndef XSLICE_PLAN_PAGING_H
#define XSLICE_PLAN_PAGING_H

#include "loader/model/subnets.h"
#include "loader/plan/steps.h"

/* pages.c: the pages of all slices, in the order of their prefixes, each mapped. 0 or -ENOMEM. */
int xs_plan_pages(struct xs_plan *plan);

/* pools.c: which WAN addresses each node with an uplink keeps from users, beside those of its own slices' pages. 0 or -ENOMEM. */
int xs_plan_pools(struct xs_plan *plan);

/* The page that a prefix of the slice lies in; NULL: none. */
const struct xs_p_page *xs_page_of(const struct xs_p_slice *slice, const struct xs_prefix *prefix);

/* parts.c: which of the slice's pages, and which parts of them, are at each of its VRFs. 0 or -ENOMEM. */
int xs_plan_parts(struct xs_plan *plan, struct xs_p_slice *slice);

#endif
