/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux_space.c - see mux_space.h; and what a former agent left in force. */
#include <errno.h>
#include <stdlib.h>

#include "maps/mux_read.h"
#include "maps/mux_space.h"

static const enum xs_map_id ids_map[XS_IDS_COUNT] = { XS_MAP_mux, XS_MAP_mux_page, XS_MAP_mux_node, XS_MAP_mux_vector,
						      XS_MAP_mux_general };

void xs_ids_set(struct xs_ids *ids, uint32_t id, enum xs_id_state state)
{
	ids->free -= ids->state[id] == XS_ID_FREE;
	ids->waiting -= ids->state[id] == XS_ID_WAITING;
	ids->free += state == XS_ID_FREE;
	ids->waiting += state == XS_ID_WAITING;
	if (state == XS_ID_FREE && id < ids->low)
		ids->low = id;
	ids->state[id] = state;
}

uint32_t xs_ids_take(struct xs_ids *ids)
{
	while (ids->state[ids->low] != XS_ID_FREE)
		ids->low++;
	xs_ids_set(ids, ids->low, XS_ID_USED);
	return ids->low;
}

uint32_t xs_ids_find_run(const struct xs_ids *ids, uint32_t count)
{
	for (uint32_t first = 0, n = 0; first + count <= ids->size; first += n + 1) {
		for (n = 0; n < count && ids->state[first + n] == XS_ID_FREE; n++)
			;
		if (n == count)
			return first;
	}
	return UINT32_MAX;
}

/* One grace period for all that waits, blocks too. */
static void reclaim(struct xs_mux_space *space)
{
	static const struct xs_mux none;

	xs_pool_wait(space->pool);
	for (int kind = 0; kind < XS_IDS_COUNT; kind++) {
		struct xs_ids *ids = &space->ids[kind];

		for (uint32_t id = 0; id < ids->size && ids->waiting; id++) {
			if (ids->state[id] != XS_ID_WAITING)
				continue;
			if (kind == XS_IDS_MUX)
				xs_node_maps_put(space->maps, XS_MAP_mux, id, &none);
			xs_ids_set(ids, id, XS_ID_FREE);
		}
	}
}

static bool has_room(const struct xs_mux_space *space, const struct xs_policy_size *size)
{
	return space->ids[XS_IDS_MUX].free && space->ids[XS_IDS_PAGE].free >= size->pages &&
	       space->ids[XS_IDS_NODE].free >= size->nodes &&
	       xs_ids_find_run(&space->ids[XS_IDS_VECTOR], size->vectors) != UINT32_MAX &&
	       xs_ids_find_run(&space->ids[XS_IDS_GENERAL], size->generals) != UINT32_MAX;
}

int xs_mux_space_want(struct xs_mux_space *space, const struct xs_policy_size *size)
{
	bool waiting = false;

	if (has_room(space, size))
		return 0;
	for (int kind = 0; kind < XS_IDS_COUNT; kind++)
		waiting |= space->ids[kind].waiting > 0;
	if (waiting)
		reclaim(space);
	return has_room(space, size) ? 0 : -ENOSPC;
}

/* ---- what a former agent left ------------------------------------------------------------------------------------ */

struct moving {
	struct xs_mux_space *space;
	enum xs_id_state from, to;
};

static int move(const struct moving *m, int kind, uint32_t id)
{
	struct xs_ids *ids = &m->space->ids[kind];

	if (id < ids->size && ids->state[id] == m->from)
		xs_ids_set(ids, id, m->to);
	return 0;
}

static int move_page(void *context, uint32_t number, const struct xs_mux_page *page, const struct xs_mux_origin *origin)
{
	return move(context, XS_IDS_PAGE, number);
}

static int move_node(void *context, uint32_t number)
{
	return move(context, XS_IDS_NODE, number);
}

/* All entries that belong to a mux entry as it stands. */
static void move_policy(struct xs_mux_space *space, uint32_t mux, const struct xs_mux *entry, enum xs_id_state from,
			enum xs_id_state to)
{
	struct moving moving = { space, from, to };
	const struct xs_policy_reader reader = { move_page, move_node, &moving };

	/* A reading that fails half-way has met something broken: what it has not met nobody can hold. */
	xs_policy_read(space->maps, entry, &reader);
	for (uint32_t i = 0; i < entry->general_count && i < space->ids[XS_IDS_GENERAL].size; i++)
		move(&moving, XS_IDS_GENERAL, entry->general_first + i);
	for (uint32_t i = 0; i < entry->vector_count && i < space->ids[XS_IDS_VECTOR].size; i++)
		move(&moving, XS_IDS_VECTOR, entry->vector_first + i);
	move(&moving, XS_IDS_MUX, mux);
}

static void adopt_ports(struct xs_mux_space *space)
{
	for (uint32_t id = 1; id < space->maps->entries[XS_MAP_port]; id++) {
		struct xs_port port;
		struct xs_mux entry;

		if (xs_node_maps_get(space->maps, XS_MAP_port, id, &port) || !port.mux ||
		    port.mux >= space->ids[XS_IDS_MUX].size || space->ids[XS_IDS_MUX].state[port.mux] != XS_ID_FREE ||
		    xs_node_maps_get(space->maps, XS_MAP_mux, port.mux, &entry))
			continue;
		move_policy(space, port.mux, &entry, XS_ID_FREE, XS_ID_ADOPTED);
		for (int table = 0; table < XS_MUX_TABLES; table++)
			xs_pool_adopt(space->pool, entry.root[table]);
	}
}

struct xs_mux_space *xs_mux_space_new(struct xs_node_maps *maps, struct xs_pool *pool)
{
	struct xs_mux_space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	space->maps = maps;
	space->pool = pool;
	for (int kind = 0; kind < XS_IDS_COUNT; kind++) {
		struct xs_ids *ids = &space->ids[kind];

		ids->size = ids->free = maps->entries[ids_map[kind]];
		ids->state = calloc(ids->size + 1, 1);
		if (!ids->state) {
			xs_mux_space_free(space);
			return NULL;
		}
		if (kind != XS_IDS_GENERAL && ids->size)
			xs_ids_set(ids, 0, XS_ID_USED);
	}
	adopt_ports(space);
	return space;
}

void xs_mux_space_free(struct xs_mux_space *space)
{
	if (!space)
		return;
	for (int kind = 0; kind < XS_IDS_COUNT; kind++)
		free(space->ids[kind].state);
	free(space);
}

void xs_mux_space_release(struct xs_mux_space *space, uint32_t mux)
{
	struct xs_mux entry;

	if (!mux || mux >= space->ids[XS_IDS_MUX].size || space->ids[XS_IDS_MUX].state[mux] != XS_ID_ADOPTED ||
	    xs_node_maps_get(space->maps, XS_MAP_mux, mux, &entry))
		return;
	move_policy(space, mux, &entry, XS_ID_ADOPTED, XS_ID_WAITING);
	for (int table = 0; table < XS_MUX_TABLES; table++)
		xs_pool_release(space->pool, entry.root[table]);
}
