/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.h - everything resolved: ids, labels, addresses, MACs, routes, cells. Pure: reads the model and the earlier ledger.
 *
 * The ledger is what a plan remembers: every number that was ever given, by the kind and the name of what it was given to.
 * A number stays with its name while the name is there, and as a tombstone afterwards, so adding or removing a slice
 * renumbers nothing else, and a label is not given to somebody else in the very change that frees it.
 */
#ifndef XSLICE_PLAN_PLAN_H
#define XSLICE_PLAN_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "loader/base/diag.h"
#include "loader/model/domain.h"

struct json_t;

struct xs_ledger;
struct xs_ledger *xs_ledger_new(void);                                        /* empty: nothing was given yet */
int xs_ledger_read(const char *text, size_t size, struct xs_ledger **out, const char **why); /* -EBADMSG, *why static */
char *xs_ledger_write(const struct xs_ledger *ledger, size_t *size);          /* same ledger, same bytes; malloc()ed */
void xs_ledger_free(struct xs_ledger *ledger);

struct xs_plan; /* see plan_types.h; image/build.c and the printer read it */

/* A switch that was made: the word that a cell has now, where it is not the one that the plan gave it. */
struct xs_switched {
	uint32_t cell, slice;
	uint64_t generation;
};

/* What a domain remembers. All zero: nothing was ever given. */
struct xs_past {
	struct xs_ledger *ledger; /* NULL: none */
	uint64_t generation;      /* the highest that was ever given */
	struct xs_switched *switched; /* sorted by cell */
	size_t switched_count;
};
void xs_past_free(struct xs_past *past); /* what it holds; and makes it empty */

/*
 * The plan takes past's ledger over, also where it fails, and goes on with it: the same bytes if nothing was given or freed. Faults that
 * only allocation finds (collision, exhaustion, a subnet too small) go to diag with their place. Cells that are new, and those
 * of VMs that were switched to a slice that is no more, take the generations after past's. domain must outlive the plan,
 * which points into it. 0, -EINVAL, -ENOMEM; *out is unchanged on failure.
 */
int xs_plan_make(const struct xs_domain *domain, struct xs_past *past, struct xs_diag *diag, struct xs_plan **out);
void xs_plan_free(struct xs_plan *plan);
const struct xs_ledger *xs_plan_ledger(const struct xs_plan *plan); /* lives as long as the plan */

/* The highest generation given, those of the plan's new cells included: what the store must hold once the plan is in force. */
uint64_t xs_plan_generation(const struct xs_plan *plan);

/* What it allocated, for people and scripts: a new reference, keys sorted. */
struct json_t *xs_plan_json(const struct xs_plan *plan);

/* The nodes of the plan, 0-based, in the definition's order. Their images: image/build.h. */
size_t xs_plan_node_count(const struct xs_plan *plan);
const char *xs_plan_node_name(const struct xs_plan *plan, size_t node);

#endif
