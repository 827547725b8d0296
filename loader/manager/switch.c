// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * switch.c - one VM's or group's cell gets a new generation and slice, in the store. Before that, every MUX that bears
 * the cell is walked as its datapath would, with the cell as it would then be: a switch that would not lead where it
 * says is refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "loader/manager/manager.h"
#include "loader/model/domain.h"
#include "maps/contract.h"

int xs_cell_word(struct xs_store *store, const struct xs_rec_cell *record, uint64_t *word)
{
	const uint64_t initial = XS_CELL(record->generation, record->slice);
	struct xs_stored_cell cell;
	int error = xs_stored_cell_get(store, record->id, &cell);

	if (error && error != -ENOENT)
		return error;
	/* A definition that gives the cell anew (a later generation) has the last word. */
	*word = error || XS_CELL(cell.generation, cell.slice) < initial ? initial : XS_CELL(cell.generation, cell.slice);
	return 0;
}

int xs_switch_recover(struct xs_store *store, char *error_text)
{
	struct xs_stored_cell cell;
	uint64_t counted = 0;
	uint32_t id;
	void *value;
	size_t size;
	int error;

	error = xs_store_get(store, XS_KEY_PENDING, &value, &size);
	if (error == -ENOENT)
		return 0;
	if (error)
		goto out;
	if (sscanf(value, "%" SCNu32 " %" SCNu64 " %" SCNu32, &id, &cell.generation, &cell.slice) != 3 ||
	    cell.generation > XS_GENERATION_MAX || cell.slice > XS_SLICE_MAX)
		error = -EBADMSG;
	free(value);
	if (!error)
		error = xs_stored_cell_put(store, id, &cell);
	if (!error)
		error = xs_store_get_number(store, XS_KEY_GENERATION, &counted);
	if (error == -ENOENT)
		error = 0;
	if (!error && counted < cell.generation)
		error = xs_store_put_number(store, XS_KEY_GENERATION, cell.generation);
	if (!error)
		error = xs_store_delete(store, XS_KEY_PENDING);
out:
	if (error)
		snprintf(error_text, XS_ERROR_TEXT, "the store's key '" XS_KEY_PENDING "', an unfinished switch: %s%s",
			 strerror(-error),
			 error == -EBADMSG ? ": delete it, and switch again" : ": the next switch or apply finishes it");
	return error;
}

int xs_switch_stands(struct xs_store *store, const struct xs_switch_result *result)
{
	struct xs_stored_cell cell;
	int error = xs_stored_cell_get(store, result->cell, &cell);

	if (error)
		return error == -ENOENT ? 0 : error;
	return cell.generation == result->generation;
}

/* ---- what the walk would choose ---- */

struct cell_state {
	uint32_t id;
	uint64_t word;
	UT_hash_handle hh;
};

/* Conditions that name one address, by address: a group may have as many VMs as a MUX has conditions. */
struct exact {
	struct xs_prefix address;                  /* a host's; of either family */
	const struct xs_rec_condition **condition; /* in the walk's order */
	size_t count, room;
	UT_hash_handle hh;
};

struct switching {
	struct xs_store *store;
	const char *name, *slice_name;
	char *error;
	uint32_t cell, slice;
	uint64_t generation;
	struct cell_state *cells; /* of all nodes that hold the cell: as they are; the cell itself: as it would be */
	uint64_t highest;         /* generation among them */
	bool group;
	size_t vms;
	bool slice_known;
	struct xs_node_wait *wait;
	size_t count;
};

static uint64_t word_of(const struct cell_state *cells, uint32_t id)
{
	const struct cell_state *found;

	HASH_FIND(hh, cells, &id, sizeof(id), found);
	return found ? found->word : 0;
}

static bool in_force(const struct cell_state *cells, const struct xs_rec_condition *condition)
{
	uint64_t vm, group;

	if (!condition->vm_cell)
		return true;
	vm = word_of(cells, condition->vm_cell);
	group = condition->group_cell ? word_of(cells, condition->group_cell) : 0;
	return ((vm > group ? vm : group) & XS_CELL_SLICE_MASK) == condition->slice;
}

/* A packet of which nothing is known but where it goes meets only conditions that ask nothing else. */
static bool names_destination_only(const struct xs_rec_condition *condition)
{
	return !(condition->fields & ~(uint32_t)(XS_MATCH_DESTINATION | XS_MATCH_ANY));
}

/* Adds the cells of a node's image to those known. */
static int load_cells(struct switching *sw, const struct xs_image *image)
{
	const struct xs_rec_cell *record;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_CELL, i)); i++) {
		struct cell_state *state;
		int error;

		HASH_FIND(hh, sw->cells, &record->id, sizeof(record->id), state);
		if (state)
			continue;
		state = calloc(1, sizeof(*state));
		if (!state)
			return -ENOMEM;
		state->id = record->id;
		HASH_ADD(hh, sw->cells, id, sizeof(state->id), state);
		error = xs_cell_word(sw->store, record, &state->word);
		if (error) {
			snprintf(sw->error, XS_ERROR_TEXT, "the store's cell/%u (%s): %s", record->id, record->name,
				 strerror(-error));
			return error;
		}
		if (state->word >> XS_CELL_SLICE_BITS > sw->highest)
			sw->highest = state->word >> XS_CELL_SLICE_BITS;
	}
	return 0;
}

static void free_cells(struct cell_state *cells)
{
	struct cell_state *state, *next;

	HASH_ITER(hh, cells, state, next) {
		HASH_DEL(cells, state);
		free(state);
	}
}

static void free_exact(struct exact *table)
{
	struct exact *entry, *next;

	HASH_ITER(hh, table, entry, next) {
		HASH_DEL(table, entry);
		free(entry->condition);
		free(entry);
	}
}

/* Splits a MUX's destination-only conditions into exact ones, by address, and wider ones, in the walk's order. */
static int index_mux(const struct xs_image *image, uint32_t mux, struct exact **table,
		     const struct xs_rec_condition ***wide, size_t *wide_count)
{
	const struct xs_rec_condition *condition;
	size_t room = 0;

	for (size_t i = 0; (condition = xs_image_at(image, XS_REC_CONDITION, i)); i++) {
		struct exact *entry;

		if (condition->mux != mux || !names_destination_only(condition))
			continue;
		if (!(condition->fields & XS_MATCH_DESTINATION) ||
		    condition->destination.length < xs_family_bits(condition->destination.family)) {
			if (*wide_count == room) {
				const struct xs_rec_condition **grown =
					realloc(*wide, (room = room * 2 + 16) * sizeof(*grown));

				if (!grown)
					return -ENOMEM;
				*wide = grown;
			}
			(*wide)[(*wide_count)++] = condition;
			continue;
		}
		HASH_FIND(hh, *table, &condition->destination, sizeof(entry->address), entry);
		if (!entry) {
			entry = calloc(1, sizeof(*entry));
			if (!entry)
				return -ENOMEM;
			entry->address = condition->destination;
			HASH_ADD(hh, *table, address, sizeof(entry->address), entry);
		}
		if (entry->count == entry->room) {
			const struct xs_rec_condition **grown =
				realloc(entry->condition, (entry->room = entry->room * 2 + 2) * sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			entry->condition = grown;
		}
		entry->condition[entry->count++] = condition;
	}
	return 0;
}

/* First condition in force for packets to entry's address; wide ones count where they cover it. */
static const struct xs_rec_condition *walk(const struct cell_state *cells, const struct exact *entry,
					   const struct xs_rec_condition *const *wide, size_t wide_count)
{
	const struct xs_rec_condition *best = NULL;
	struct xs_address address = { .family = entry->address.family };

	memcpy(address.bytes, entry->address.bytes, sizeof(address.bytes));
	for (size_t i = 0; i < entry->count && !best; i++)
		if (in_force(cells, entry->condition[i]))
			best = entry->condition[i];
	for (size_t i = 0; i < wide_count; i++) {
		if (best && wide[i]->position > best->position)
			break;
		if ((!(wide[i]->fields & XS_MATCH_DESTINATION) ||
		     xs_prefix_contains(&wide[i]->destination, &address)) &&
		    in_force(cells, wide[i]))
			return wide[i];
	}
	return best;
}

static const char *slice_name(const struct xs_image *image, uint32_t id)
{
	const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &id);

	return slice ? slice->name : "?";
}

/* Would every VM of the cell go through the named slice at this MUX? -EPERM, and says which would not. */
static int check_mux(const struct switching *sw, const struct xs_image *image, const struct xs_rec_mux *mux)
{
	const struct xs_rec_condition **wide = NULL;
	struct exact *table = NULL, *entry, *next;
	size_t wide_count = 0;
	char text[XS_PREFIX_TEXT];
	int error;

	error = index_mux(image, mux->id, &table, &wide, &wide_count);
	if (error)
		goto out;
	HASH_ITER(hh, table, entry, next) {
		const struct xs_rec_condition *bearer = entry->condition[0], *chosen;

		if (bearer->vm_cell != sw->cell && bearer->group_cell != sw->cell)
			continue;
		chosen = walk(sw->cells, entry, wide, wide_count);
		if (chosen && chosen->slice == sw->slice)
			continue;
		error = -EPERM;
		xs_prefix_text(&bearer->destination, text);
		if (chosen)
			snprintf(sw->error, XS_ERROR_TEXT,
				 "MUX %s would send packets to %s through slice %s, by condition %u of filter %s, not "
				 "through %s",
				 mux->name, text, slice_name(image, chosen->slice), chosen->number, chosen->filter,
				 sw->slice_name);
		else
			snprintf(sw->error, XS_ERROR_TEXT,
				 "MUX %s would have no condition in force for packets to %s: none of slice %s takes "
				 "them",
				 mux->name, text, sw->slice_name);
		break;
	}
out:
	free_exact(table);
	free(wide);
	return error;
}

/* ---- finding what the names mean ---- */

/* A node that is not known may hold the cell, too. */
static int without_image(struct switching *sw, const char *node, const char *why)
{
	snprintf(sw->error, XS_ERROR_TEXT, "node %s: %.400s", node, why);
	return -EBADMSG;
}

static int find_names(void *context, const char *node, const struct xs_image *image, const char *why)
{
	struct switching *sw = context;
	const struct xs_rec_cell *cell;
	const struct xs_rec_slice *slice;
	struct xs_node_wait *grown;
	bool here = false;
	size_t vms = 0;
	int error;

	if (!image)
		return without_image(sw, node, why);
	for (size_t i = 0; (slice = xs_image_at(image, XS_REC_SLICE, i)); i++) {
		if (!strcmp(slice->name, sw->slice_name)) {
			sw->slice = slice->id;
			sw->slice_known = true;
		}
	}
	for (size_t i = 0; (cell = xs_image_at(image, XS_REC_CELL, i)); i++) {
		if (strcmp(cell->name, sw->name))
			continue;
		sw->cell = cell->id;
		sw->group = cell->kind == XS_CELL_GROUP;
		here = true;
	}
	if (!here)
		return 0;
	error = load_cells(sw, image);
	if (error)
		return error;
	for (size_t i = 0; (cell = xs_image_at(image, XS_REC_CELL, i)); i++)
		vms += cell->kind == XS_CELL_VM && (cell->id == sw->cell || cell->group == sw->cell);
	if (vms > sw->vms)
		sw->vms = vms;
	grown = realloc(sw->wait, (sw->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	sw->wait = grown;
	memset(&grown[sw->count], 0, sizeof(*grown));
	snprintf(grown[sw->count++].node, sizeof(grown->node), "%s", node);
	return 0;
}

static int check_node(void *context, const char *node, const struct xs_image *image, const char *why)
{
	const struct switching *sw = context;
	const struct xs_rec_mux *mux;
	int error = 0;

	if (!image || !xs_image_find(image, XS_REC_CELL, &sw->cell))
		return 0;
	for (size_t i = 0; !error && (mux = xs_image_at(image, XS_REC_MUX, i)); i++)
		error = check_mux(sw, image, mux);
	return error;
}

/* The generation after all that anybody knows of. */
static int next_generation(struct switching *sw)
{
	struct cell_state *state;
	int error = xs_highest_generation(sw->store, &sw->generation, sw->error);

	if (error)
		return error;
	if (sw->highest > sw->generation)
		sw->generation = sw->highest;
	if (sw->generation >= XS_GENERATION_MAX) {
		snprintf(sw->error, XS_ERROR_TEXT, "no generation is left after %" PRIu64, sw->generation);
		return -EOVERFLOW;
	}
	sw->generation++;
	HASH_FIND(hh, sw->cells, &sw->cell, sizeof(sw->cell), state);
	state->word = XS_CELL(sw->generation, sw->slice);
	return 0;
}

/*
 * Journal, cell, counter, journal off: whoever comes after a cut finishes it. Where the cell cannot be written, the journal is taken
 * back: who was told that it failed is not to find it made later.
 */
static int store_switch(const struct switching *sw)
{
	struct xs_stored_cell cell;
	char value[64];
	int error;

	snprintf(value, sizeof(value), "%" PRIu32 " %" PRIu64 " %" PRIu32 "\n", sw->cell, sw->generation, sw->slice);
	error = xs_store_put(sw->store, XS_KEY_PENDING, value, strlen(value));
	if (error)
		return error;
	error = xs_switch_recover(sw->store, sw->error);
	if (error && (xs_stored_cell_get(sw->store, sw->cell, &cell) || cell.generation != sw->generation) &&
	    !xs_store_delete(sw->store, XS_KEY_PENDING))
		snprintf(sw->error, XS_ERROR_TEXT, "cell/%u cannot be written, so nothing is switched: %s", sw->cell,
			 strerror(-error));
	return error;
}

int xs_switch(struct xs_store *store, const char *name, const char *slice, struct xs_switch_result *result, char *error)
{
	struct switching sw = { .store = store, .name = name, .slice_name = slice, .error = error };
	int code;

	error[0] = '\0';
	code = xs_switch_recover(store, error);
	if (code)
		goto out;
	code = xs_active_images(store, find_names, &sw, error);
	if (code)
		goto out;
	if (!sw.cell || !sw.slice_known) {
		code = -ENOENT;
		if (!sw.cell)
			snprintf(error, XS_ERROR_TEXT,
				 "no migration or group is called '%s' where a MUX could switch it", name);
		else
			snprintf(error, XS_ERROR_TEXT, "no slice is called '%s'", slice);
		goto out;
	}
	code = next_generation(&sw);
	if (code)
		goto out;
	code = xs_active_images(store, check_node, &sw, error);
	if (code)
		goto out;
	code = store_switch(&sw);
	if (code)
		goto out;
	*result = (struct xs_switch_result){ .cell = sw.cell,
					     .slice = sw.slice,
					     .generation = sw.generation,
					     .group = sw.group,
					     .vms = sw.vms,
					     .wait = sw.wait,
					     .count = sw.count };
	sw.wait = NULL;
out:
	if (code && !error[0])
		snprintf(error, XS_ERROR_TEXT, "the store cannot be read or written: %s", strerror(-code));
	free_cells(sw.cells);
	free(sw.wait);
	return code;
}
