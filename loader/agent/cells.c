// SPDX-License-Identifier: GPL-2.0-or-later
/* cells.c - the words of switch cells: which wins, and where it has to be written. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/agent/cells.h"
#include "loader/agent/log.h"
#include "loader/store/cell.h"

#define LOCK_WAIT_MS 200

static uint64_t generation_of(uint64_t word)
{
	return word >> XS_CELL_SLICE_BITS;
}

static uint64_t newer(uint64_t a, uint64_t b)
{
	return generation_of(b) > generation_of(a) ? b : a;
}

/* The store's word of a cell; 0 where it was never switched. */
static int stored(struct xs_store *store, uint32_t id, uint64_t *word)
{
	struct xs_stored_cell cell;
	int err = xs_stored_cell_get(store, id, &cell);

	if (err == -EBADMSG)
		xs_log("store: cell/%" PRIu32 " is no cell, and is left out", id);
	*word = err ? 0 : XS_CELL(cell.generation, cell.slice);
	return err == -ENOENT || err == -EBADMSG ? 0 : err;
}

/* Read before the cells: a switch writes its cell first and the counter after it. */
static int stored_generation(struct xs_store *store, uint64_t *generation)
{
	int err = xs_store_get_number(store, "generation", generation);

	if (err == -ENOENT)
		*generation = err = 0;
	return !err && *generation > XS_GENERATION_MAX ? -EBADMSG : err;
}

/* ---- the fast path ------------------------------------------------------------------------------------------------- */

struct pull {
	struct xs_store *store;
	struct xs_node_maps *maps;
	const struct xs_image *image;
	unsigned int changed;
};

static int pull_one(void *context, uint32_t id)
{
	struct pull *pull = context;
	uint64_t word, now;
	int err;

	if (!pull->image || !xs_image_find(pull->image, XS_REC_CELL, &id))
		return 0;
	err = stored(pull->store, id, &word);
	if (!err)
		err = xs_cell_get(pull->maps, id, &now);
	if (err || newer(now, word) == now)
		return err;
	err = xs_cell_set(pull->maps, id, word);
	if (err < 0)
		return err;
	pull->changed++;
	return 0;
}

int xs_cells_pull(struct xs_store *store, struct xs_node_maps *maps, const struct xs_image *image, uint64_t *generation,
		  unsigned int *changed)
{
	struct pull pull = {.store = store, .maps = maps, .image = image};
	uint64_t upto;
	int err = stored_generation(store, &upto);

	if (!err && image)
		err = xs_stored_cell_list(store, pull_one, &pull);
	*changed = pull.changed;
	if (!err)
		*generation = upto;
	return err;
}

/* ---- the slow one -------------------------------------------------------------------------------------------------- */

static bool is_known(const struct xs_image *former, const struct xs_rec_cell *record)
{
	const struct xs_rec_cell *was = former ? xs_image_find(former, XS_REC_CELL, &record->id) : NULL;

	return was && was->kind == record->kind && !strncmp(was->name, record->name, sizeof(was->name));
}

/*
 * The map's word is newer than the store's: the store lost it. Done under the lock, and only if it is so there. Who waited
 * for the lock in vain once does not wait again (*wait_ms).
 */
static int give_to_store(struct xs_store *store, const struct xs_rec_cell *record, uint64_t word, int *wait_ms)
{
	const struct xs_stored_cell ours = {.generation = generation_of(word), .slice = word & XS_CELL_SLICE_MASK};
	uint64_t there, generation;
	int err;

	err = xs_store_lock(store, *wait_ms);
	if (err) {
		*wait_ms = 0;
		return err == -ETIMEDOUT || err == -EDEADLK ? 0 : err;
	}
	err = stored(store, record->id, &there);
	if (!err && newer(there, word) != there) {
		err = xs_stored_cell_put(store, record->id, &ours);
		if (!err)
			err = stored_generation(store, &generation);
		if (!err && generation < generation_of(word))
			err = xs_store_put_number(store, "generation", generation_of(word));
		xs_log("cell of %s: the store had lost generation %" PRIu64, record->name, generation_of(word));
	}
	xs_store_unlock(store);
	return err;
}

static int settle_one(struct xs_store *store, struct xs_node_maps *maps, const struct xs_rec_cell *record, bool known,
		      int *wait_ms)
{
	uint64_t initial = XS_CELL(record->generation, record->slice), kept, now, word;
	int err = stored(store, record->id, &kept);

	if (!err)
		err = xs_cell_get(maps, record->id, &now);
	if (err)
		return err;
	word = newer(initial, kept);
	if (known)
		word = newer(word, now);
	if (word != now) {
		err = xs_cell_set(maps, record->id, word);
		return err < 0 ? err : 0;
	}
	return generation_of(word) > generation_of(newer(initial, kept)) ? give_to_store(store, record, word, wait_ms) : 0;
}

int xs_cells_settle(struct xs_store *store, struct xs_node_maps *maps, const struct xs_image *image,
		    const struct xs_image *former, uint64_t *generation)
{
	const struct xs_rec_cell *record;
	uint64_t upto;
	int err = stored_generation(store, &upto), wait_ms = LOCK_WAIT_MS;

	for (size_t i = 0; !err && (record = xs_image_at(image, XS_REC_CELL, i)); i++)
		err = settle_one(store, maps, record, is_known(former, record), &wait_ms);
	if (!err)
		*generation = upto;
	return err;
}

int xs_cells_withdraw(struct xs_node_maps *maps, const struct xs_image *image)
{
	uint64_t word;
	int err = 0;

	for (uint32_t id = 1; err >= 0 && id < maps->entries[XS_MAP_cell]; id++) {
		if (image && xs_image_find(image, XS_REC_CELL, &id))
			continue;
		err = xs_cell_get(maps, id, &word);
		if (!err && word)
			err = xs_cell_set(maps, id, 0);
	}
	return err < 0 ? err : 0;
}
