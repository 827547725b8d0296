/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expansion.h - inside plan/: where the mechanisms differ. A slice is expanded by one of these tables, function by
 * function as the plan goes from step to step (steps.h); everything else in plan/ is the same for all of them.
 *
 * What they have in common: slices, VRFs, gateways, MUXes, conditions and cells, with their ids, addresses and MACs,
 * and the routes to what is behind gateways and MUXes. What an expansion adds is how VRFs of a slice reach each other.
 */
#ifndef XSLICE_PLAN_EXPANSION_H
#define XSLICE_PLAN_EXPANSION_H

#include "loader/plan/plan_types.h"

/* Each 0 or -ENOMEM; faults go to plan->diag. NULL: nothing to do there. */
struct xs_expansion {
	const char *name; /* as the definition writes it */
	/*
	 * Says which of its VRFs have a sliver, and gives those their virtual ports towards the WAN. Which VRFs and
	 * ports gateways, MUXes and exits use is known (users, exit).
	 */
	int (*shape)(struct xs_plan *plan, struct xs_p_slice *slice);
	/* What tells its slices apart in the WAN; of all slices at once, since they share it. */
	int (*numbers)(struct xs_plan *plan);
	/* Addresses and MTUs of its virtual ports; gateways and MUXes have theirs. */
	int (*addresses)(struct xs_plan *plan, struct xs_p_slice *slice);
	/* MACs of its virtual ports; VRFs have theirs. */
	void (*macs)(struct xs_p_slice *slice);
	/* Routes towards the WAN; those to what is behind gateways and MUXes are there. */
	int (*routes)(struct xs_plan *plan, struct xs_p_slice *slice);
	/* Decides nothing: whether routes lead where they should (R27). */
	int (*ways)(struct xs_plan *plan, struct xs_p_slice *slice);
};

extern const struct xs_expansion xs_expand_segmentation, xs_expand_paging;

/* By what the definition says. */
const struct xs_expansion *xs_expansion_of(enum xs_implementation implementation);
/* All of them; NULL past the last. */
const struct xs_expansion *xs_expansion_at(size_t i);

#endif
