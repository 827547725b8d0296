/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cells.c - switch cells, and the conditions that bear them.
 *
 * A condition bears the cell of the migration whose address it names exactly as its destination, whatever else it
 * tests; of a migration with an address of each family, both. Where several migrations have that address (tenants may
 * use the same), it is the one that goes from or to the list's slice.
 */
#include <errno.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/plan/steps.h"

struct by_text {
	struct xs_p_cell *cell;
	const struct xs_p_mux *looked_at; /* the last MUX whose conditions over the address were counted */
	UT_hash_handle hh;
};

/* Cells by name of the group, or by address; lives only while conditions are resolved. */
struct cell_index {
	struct xs_plan *plan;
	struct by_text *group, *address;
};

static int index_add(struct xs_plan *plan, struct by_text **head, const void *key, size_t size, struct xs_p_cell *cell)
{
	struct by_text *entry = xs_arena_array(plan->arena, 1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->cell = cell;
	HASH_ADD_KEYPTR(hh, *head, key, size, entry);
	return entry->hh.tbl ? 0 : -ENOMEM;
}

static struct xs_p_cell *group_cell(struct cell_index *index, const struct xs_d_migration *def)
{
	struct xs_plan *plan = index->plan;
	const char *name = def->group;
	struct by_text *found;
	struct xs_p_cell *cell;

	HASH_FIND_STR(index->group, name, found);
	if (found)
		return found->cell;
	cell = xs_arena_array(plan->arena, 1, sizeof(*cell));
	if (!cell)
		return NULL;
	*cell = (struct xs_p_cell){ .name = name, .place = &def->group_place };
	if (xs_list_push(plan, &plan->groups, cell) || index_add(plan, &index->group, name, strlen(name), cell))
		return NULL;
	return cell;
}

static int index_migrations(struct cell_index *index)
{
	struct xs_plan *plan = index->plan;
	const struct xs_domain *domain = plan->domain;
	unsigned int f;
	size_t i;

	plan->cell = xs_arena_array(plan->arena, domain->migration_count, sizeof(*plan->cell));
	if (!plan->cell)
		return -ENOMEM;
	/* Backwards, so that those of one address are chained in the definition's order. */
	for (i = domain->migration_count; i--;) {
		const struct xs_d_migration *def = &domain->migration[i];
		struct xs_p_cell *cell = &plan->cell[i];

		*cell = (struct xs_p_cell){
			.name = def->name,
			.def = def,
			.place = &def->place,
			.slice = xs_plan_slice_of(plan, def->from),
		};
		for (f = 0; f < XS_FAMILIES; f++) {
			const struct xs_address *address = &def->address[f];
			struct by_text *found;

			if (!address->family)
				continue;
			HASH_FIND(hh, index->address, address, sizeof(*address), found);
			if (found) {
				cell->same_address[f] = found->cell;
				found->cell = cell;
			} else if (index_add(plan, &index->address, address, sizeof(*address), cell)) {
				return -ENOMEM;
			}
		}
	}
	for (i = 0; i < domain->migration_count; i++) {
		if (!domain->migration[i].group)
			continue;
		plan->cell[i].group = group_cell(index, &domain->migration[i]);
		if (!plan->cell[i].group)
			return -ENOMEM;
	}
	return 0;
}

/* Migrations of the address that is exactly a condition's destination; NULL: there is none. */
static struct by_text *find_address(const struct cell_index *index, const struct xs_d_condition *condition)
{
	const struct xs_prefix *destination = &condition->destination;
	struct xs_address address = { .family = destination->family };
	struct by_text *found;

	if (!(condition->fields & XS_MATCH_DESTINATION) || destination->length != xs_family_bits(destination->family))
		return NULL;
	memcpy(address.bytes, destination->bytes, sizeof(address.bytes));
	HASH_FIND(hh, index->address, &address, sizeof(address), found);
	return found;
}

static struct xs_p_cell *borne_cell(const struct cell_index *index, const struct xs_d_condition *condition,
				    const struct xs_d_slice *slice)
{
	unsigned int f = xs_family_index(condition->destination.family);
	struct by_text *found = find_address(index, condition);
	struct xs_p_cell *cell;

	if (!found)
		return NULL;
	for (cell = found->cell; cell; cell = cell->same_address[f]) {
		if (cell->def->from == slice || cell->def->to == slice)
			return cell;
	}
	/* A third slice's list: no doubt only where one migration has the address. */
	return found->cell->same_address[f] ? NULL : found->cell;
}

static struct xs_p_port *input_port(const struct xs_plan *plan, const struct xs_p_mux *mux,
				    const struct xs_d_condition *condition)
{
	const struct xs_d_node *node = mux->node->def;
	size_t i;

	for (i = 0; i < node->port_count; i++) {
		if (!strcmp(node->port[i].name, condition->input_port))
			return &mux->node->port[i];
	}
	xs_diag_add(plan->diag, XS_ERROR, &condition->input_port_place, "node %s, where MUX %s is, has no port %s",
		    node->name, mux->def->name, condition->input_port);
	xs_diag_note(plan->diag, &mux->def->place, "the MUX");
	return NULL;
}

static bool has_more_cells(const struct xs_p_cell *cell, unsigned int family)
{
	unsigned int count = 0;

	while (cell && count <= XS_MUX_CELLS_MAX) {
		cell = cell->same_address[family];
		count++;
	}
	return count > XS_MUX_CELLS_MAX;
}

/* Is it chosen for every packet to the address, whatever cells say? Then no later condition is. */
static bool takes_all(const struct xs_p_condition *condition, const struct xs_prefix *host)
{
	const struct xs_d_condition *def = condition->def;
	uint32_t others = def->fields & ~(uint32_t)(XS_MATCH_DESTINATION | XS_MATCH_ANY | XS_MATCH_SOURCE);

	if (condition->cell || others ||
	    (def->fields & XS_MATCH_SOURCE && (def->source.length || def->source.family != host->family)))
		return false;
	return !(def->fields & XS_MATCH_DESTINATION) || xs_prefix_covers(&def->destination, host);
}

/* Cells over one address are asked in every combination: the datapath's compiler refuses more than it can lay out. */
static void count_cells(struct xs_plan *plan, const struct xs_p_mux *mux, const struct xs_prefix *host)
{
	const struct xs_p_cell *seen[XS_MUX_CELLS_MAX];
	char text[XS_PREFIX_TEXT];
	size_t i, j, count = 0;

	for (i = 0; i < mux->condition_count && !takes_all(&mux->condition[i], host); i++) {
		const struct xs_p_condition *condition = &mux->condition[i];

		if (!condition->cell || xs_prefix_compare(&condition->def->destination, host))
			continue;
		for (j = 0; j < count && seen[j] != condition->cell; j++)
			;
		if (j < count)
			continue;
		if (count < XS_MUX_CELLS_MAX) {
			seen[count++] = condition->cell;
			continue;
		}
		xs_diag_add(plan->diag, XS_ERROR, &condition->def->place,
			    "condition: bears the switch cell of migration \"%s\", the %uth over %s in mux \"%s\": at "
			    "most %u",
			    condition->cell->name, XS_MUX_CELLS_MAX + 1, xs_prefix_text(host, text), mux->def->name,
			    XS_MUX_CELLS_MAX);
		xs_diag_note(plan->diag, condition->cell->place, "migration \"%s\" is here", condition->cell->name);
		return;
	}
}

static void check_cells(struct cell_index *index, const struct xs_p_mux *mux)
{
	size_t i;

	for (i = 0; i < mux->condition_count; i++) {
		const struct xs_d_condition *def = mux->condition[i].def;
		struct by_text *found = mux->condition[i].cell ? find_address(index, def) : NULL;

		if (!found || found->looked_at == mux ||
		    !has_more_cells(found->cell, xs_family_index(def->destination.family)))
			continue;
		found->looked_at = mux;
		count_cells(index->plan, mux, &def->destination);
	}
}

static int resolve_conditions(struct cell_index *index, struct xs_p_mux *mux)
{
	const struct xs_d_mux *def = mux->def;
	size_t i, j, count = 0;

	for (i = 0; i < def->slice_count; i++)
		count += def->slice[i].filter->condition_count;
	mux->condition = xs_arena_array(index->plan->arena, count, sizeof(*mux->condition));
	if (!mux->condition)
		return -ENOMEM;
	for (i = 0; i < def->slice_count; i++) {
		const struct xs_d_filter *filter = def->slice[i].filter;

		for (j = 0; j < filter->condition_count; j++) {
			struct xs_p_condition *condition = &mux->condition[mux->condition_count++];

			*condition = (struct xs_p_condition){
				.def = &filter->condition[j],
				.filter = filter,
				.number = (uint32_t)j + 1,
				.vport = mux->slice[i],
				.cell = borne_cell(index, &filter->condition[j], def->slice[i].slice),
			};
			if (!(condition->def->fields & XS_MATCH_INPUT_PORT))
				continue;
			condition->input_port = input_port(index->plan, mux, condition->def);
			if (condition->input_port)
				xs_use_port(condition->input_port);
		}
	}
	check_cells(index, mux);
	return 0;
}

/* Each cell once, in the order in which the node's conditions first bear it. */
static int collect_cells(struct xs_plan *plan, struct xs_p_node *node)
{
	struct by_text *seen = NULL, *found;
	size_t i, j, k;
	int err = 0;

	for (i = 0; i < node->muxes.count && !err; i++) {
		const struct xs_p_mux *mux = xs_list_at(&node->muxes, i);

		for (j = 0; j < mux->condition_count && !err; j++) {
			struct xs_p_cell *borne[2] = { mux->condition[j].cell, NULL };

			borne[1] = borne[0] ? borne[0]->group : NULL;
			for (k = 0; k < 2 && borne[k] && !err; k++) {
				HASH_FIND_PTR(seen, &borne[k], found);
				if (found)
					continue;
				found = xs_arena_array(plan->arena, 1, sizeof(*found));
				err = found ? xs_list_push(plan, &node->cells, borne[k]) : -ENOMEM;
				if (err)
					break;
				found->cell = borne[k];
				HASH_ADD_PTR(seen, cell, found);
				if (!found->hh.tbl)
					err = -ENOMEM;
			}
		}
	}
	HASH_CLEAR(hh, seen);
	return err;
}

/* The highest that anybody knows of: each may be older than the others. */
static uint64_t highest_generation(const struct xs_plan *plan, const struct xs_space *space)
{
	const struct xs_past *past = plan->past;
	const struct xs_entry *entry;
	uint64_t highest = past->generation;
	size_t i;

	for (i = 0; i < past->switched_count; i++) {
		if (past->switched[i].generation > highest)
			highest = past->switched[i].generation;
	}
	for (entry = space->by_number; entry; entry = entry->by_number.next) {
		if (entry->generation > highest)
			highest = entry->generation;
	}
	return highest;
}

static int number_cells(struct xs_plan *plan)
{
	const struct xs_rule rule = { .noun = "cell", .first = 1, .start = 1, .last = XS_CELL_ID_MAX, .dense = true };
	size_t i, vms = plan->domain->migration_count, count = vms + plan->groups.count;
	struct xs_want *want = xs_arena_array(plan->arena, count, sizeof(*want));
	struct xs_space *space = xs_ledger_space(plan->ledger, "cell");
	uint64_t next;
	int err;

	if (!want || !space)
		return -ENOMEM;
	plan->generation = highest_generation(plan, space);
	next = plan->generation + 1;
	if (count && next > XS_GENERATION_MAX) {
		xs_diag_add(plan->diag, XS_ERROR, &plan->domain->migration[0].place,
			    "no generation is left for new cells");
		return 0;
	}
	for (i = 0; i < count; i++) {
		struct xs_p_cell *cell = i < vms ? &plan->cell[i] : xs_list_at(&plan->groups, i - vms);

		want[i] = (struct xs_want){ .space = space, .place = cell->place, .generation = cell->def ? next : 0 };
		want[i].owner = xs_arena_print(plan->arena, "%s %s", cell->def ? "vm" : "group", cell->name);
		if (!want[i].owner)
			return -ENOMEM;
	}
	err = xs_allocate(plan->ledger, &rule, want, count, plan->diag);
	for (i = 0; i < count && !err; i++) {
		struct xs_p_cell *cell = i < vms ? &plan->cell[i] : xs_list_at(&plan->groups, i - vms);

		cell->id = (uint32_t)want[i].number;
		cell->generation = want[i].generation;
		if (cell->generation > plan->generation)
			plan->generation = cell->generation;
	}
	return err;
}

int xs_plan_cells(struct xs_plan *plan)
{
	struct cell_index index = { .plan = plan };
	size_t i;
	int err = index_migrations(&index);

	for (i = 0; i < plan->domain->mux_count && !err; i++)
		err = resolve_conditions(&index, &plan->mux[i]);
	for (i = 0; i < plan->domain->node_count && !err; i++)
		err = collect_cells(plan, &plan->node[i]);
	if (!err)
		err = number_cells(plan);
	HASH_CLEAR(hh, index.group);
	HASH_CLEAR(hh, index.address);
	return err;
}
