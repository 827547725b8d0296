/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan.c - makes a plan step by step (steps.h), and frees it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/steps.h"

int xs_list_push(struct xs_plan *plan, struct xs_p_list *list, void *item)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 4;
		void **grown = xs_arena_array(plan->arena, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		if (list->count)
			memcpy(grown, list->item, list->count * sizeof(*grown));
		list->item = grown;
		list->room = room;
	}
	list->item[list->count++] = item;
	return 0;
}

void xs_past_free(struct xs_past *past)
{
	xs_ledger_free(past->ledger);
	free(past->switched);
	*past = (struct xs_past){ 0 };
}

int xs_plan_make(const struct xs_domain *domain, struct xs_past *past, struct xs_diag *diag, struct xs_plan **out)
{
	static int (*const steps[])(struct xs_plan * plan) = {
		xs_plan_shape, xs_plan_cells,  xs_plan_numbers, xs_plan_switched, xs_plan_addresses,
		xs_plan_macs,  xs_plan_routes, xs_plan_ways,    xs_plan_sizes,
	};
	struct xs_plan *plan = calloc(1, sizeof(*plan));
	size_t i, errors = xs_diag_errors(diag);
	int err = -ENOMEM;

	if (!plan)
		return -ENOMEM;
	*plan = (struct xs_plan){
		.domain = domain,
		.diag = diag,
		.past = past,
		.generation = past->generation,
		.arena = xs_arena_new(),
		.ledger = past->ledger ? past->ledger : xs_ledger_new(),
	};
	past->ledger = NULL;
	if (!plan->arena || !plan->ledger)
		goto out;
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		err = steps[i](plan);
		if (err)
			goto out;
	}
	xs_ledger_finish(plan->ledger);
	plan->diag = NULL;
	plan->past = NULL;
	err = xs_diag_errors(diag) > errors ? -EINVAL : 0;
	if (err)
		goto out;
	*out = plan;
	plan = NULL;
out:
	xs_plan_free(plan);
	return err;
}

void xs_plan_free(struct xs_plan *plan)
{
	if (!plan)
		return;
	xs_ledger_free(plan->ledger);
	xs_arena_free(plan->arena);
	free(plan);
}

const struct xs_ledger *xs_plan_ledger(const struct xs_plan *plan)
{
	return plan->ledger;
}

uint64_t xs_plan_generation(const struct xs_plan *plan)
{
	return plan->generation;
}

size_t xs_plan_node_count(const struct xs_plan *plan)
{
	return plan->domain->node_count;
}

const char *xs_plan_node_name(const struct xs_plan *plan, size_t node)
{
	return plan->domain->node[node].name;
}
