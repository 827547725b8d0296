/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switched.c - what a change of the definition does to VMs that were switched.
 *
 * A cell names a slice by its id. Where that slice is no more (removed, or under another name), no list has the cell's
 * conditions in force, and the VM's packets would fall to whatever list comes next. So such a VM begins anew, in the slice
 * where its migration comes from: with a generation of its own, which is later than every switch before. What cannot be
 * kept because the object itself is gone is said.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/steps.h"

static int compare_switched(const void *key, const void *element)
{
	uint32_t cell = *(const uint32_t *)key;
	const struct xs_switched *switched = element;

	return cell < switched->cell ? -1 : cell > switched->cell;
}

static const struct xs_switched *find_switched(const struct xs_past *past, uint32_t cell)
{
	if (!past->switched_count)
		return NULL;
	return bsearch(&cell, past->switched, past->switched_count, sizeof(*past->switched), compare_switched);
}

static bool has_slice(const struct xs_plan *plan, uint32_t id)
{
	size_t i;

	for (i = 0; i < plan->domain->slice_count; i++) {
		if (plan->slice[i].id == id)
			return true;
	}
	return false;
}

/* The switch that says where the VM is now: its own or its group's, the later one. NULL: it was never switched. */
static const struct xs_switched *last_switch(const struct xs_past *past, const struct xs_p_cell *cell)
{
	const struct xs_switched *own = find_switched(past, cell->id);
	const struct xs_switched *group = cell->group ? find_switched(past, cell->group->id) : NULL;

	if (own && own->generation <= cell->generation)
		own = NULL;
	if (group && group->generation <= (own ? own->generation : cell->generation))
		group = NULL;
	return group ? group : own;
}

static int begin_anew(struct xs_plan *plan, struct xs_space *space, struct xs_p_cell *cell)
{
	struct xs_entry *entry = xs_space_number(space, cell->id);

	if (!entry)
		return 0; /* it got no number: a fault was added */
	if (plan->generation >= XS_GENERATION_MAX) {
		xs_diag_add(plan->diag, XS_ERROR, cell->place, "no generation is left for %s", cell->name);
		return 0;
	}
	entry->generation = cell->generation = ++plan->generation;
	plan->ledger->dirty = true;
	xs_diag_add(plan->diag, XS_WARNING, cell->place,
		    "%s was switched to a slice that is no more: from now on it is in %s", cell->name,
		    cell->def->from->name);
	return 0;
}

/* Migrations and groups that went away take their switches with them. */
static void tell_removed(struct xs_plan *plan, const struct xs_space *space)
{
	size_t i;

	for (i = 0; i < plan->past->switched_count; i++) {
		const struct xs_entry *entry = xs_space_number(space, plan->past->switched[i].cell);

		if (!entry || !entry->owner || entry->claimed || entry->freed)
			continue;
		if (!strncmp(entry->owner, "vm ", 3))
			xs_diag_add(plan->diag, XS_WARNING, NULL,
				    "migration %s was switched and is no more: conditions on its address are in force in every "
				    "list again, and were it to return, it would begin where it comes from",
				    entry->owner + 3);
		else
			xs_diag_add(plan->diag, XS_WARNING, NULL,
				    "group %s was switched and is no more: its VMs are where each of them was switched to last",
				    strchr(entry->owner, ' ') + 1);
	}
}

int xs_plan_switched(struct xs_plan *plan)
{
	struct xs_space *space = xs_ledger_space(plan->ledger, "cell");
	size_t i;
	int err = space ? 0 : -ENOMEM;

	for (i = 0; i < plan->domain->migration_count && !err; i++) {
		const struct xs_switched *last = last_switch(plan->past, &plan->cell[i]);

		if (last && !has_slice(plan, last->slice))
			err = begin_anew(plan, space, &plan->cell[i]);
	}
	if (!err)
		tell_removed(plan, space);
	return err;
}
