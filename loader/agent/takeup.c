// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * takeup.c - walks the maps for roots in force. What is read was written by another process, perhaps of another version: every
 * index is bounded, and no more blocks are walked than there are.
 */
#include <errno.h>
#include <stdlib.h>

#include "loader/agent/takeup.h"
#include "maps/table_walk.h"

enum root_kind { ROOT_PLAIN, ROOT_EDGE, ROOT_SLICE }; /* plain: leaves are no next hops; sources, pages */

struct root {
	enum root_kind kind;
	uint32_t block;
};

struct xs_takeup {
	struct xs_node_maps *maps;
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct root *root;
	size_t count, room;
	uint32_t *mux; /* entries that ports named */
	size_t mux_count;
	uint64_t steps; /* blocks that may still be walked: tables are disjoint, so each is met once */
};

static int add(struct xs_takeup *takeup, enum root_kind kind, uint32_t block)
{
	if (!block || block >= takeup->maps->entries[XS_MAP_block])
		return 0;
	/* Slices share edges, and name them one after the other: newest first. Nothing else has two who lead to it. */
	for (size_t i = takeup->count; kind == ROOT_EDGE && i-- > 0;)
		if (takeup->root[i].block == block)
			return 0;
	if (takeup->count == takeup->room) {
		size_t room = takeup->room * 2 + 64;
		struct root *grown = realloc(takeup->root, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		takeup->root = grown;
		takeup->room = room;
	}
	takeup->root[takeup->count++] = (struct root){kind, block};
	return 0;
}

static int add_edge(void *context, uint32_t index)
{
	struct xs_takeup *takeup = context;
	const struct xs_nexthop *nexthops = xs_node_maps_nexthop(takeup->maps);
	int err = 0;

	if (index < takeup->maps->entries[XS_MAP_nexthop] && nexthops[index].kind == XS_NEXTHOP_EDGE)
		err = add(takeup, ROOT_EDGE, nexthops[index].edge_root);
	return err;
}

/* Which edges' tables does a slice's lead to? */
static int add_edges(struct xs_takeup *takeup, uint32_t root)
{
	struct xs_table_walk walk = {.leaf = add_edge, .context = takeup, .steps = takeup->steps};
	int err = xs_table_walk(takeup->maps, root, &walk);

	takeup->steps = walk.steps;
	return err;
}

/* Does any slice reach users by way of an edge? If not, no table need be walked. */
static bool has_mux(const struct xs_node_maps *maps)
{
	struct xs_vport vport;

	for (uint32_t id = 1; id < maps->entries[XS_MAP_vport]; id++)
		if (!xs_node_maps_get(maps, XS_MAP_vport, id, &vport) && vport.kind == XS_VPORT_MUX)
			return true;
	return false;
}

static int collect(struct xs_takeup *takeup)
{
	const struct xs_node_maps *maps = takeup->maps;
	bool edges = has_mux(maps);
	int err = 0;

	takeup->mux = calloc(maps->entries[XS_MAP_port], sizeof(*takeup->mux));
	if (!takeup->mux)
		return -ENOMEM;
	for (uint32_t id = 1; !err && id < maps->entries[XS_MAP_port]; id++) {
		struct xs_port port;

		err = xs_node_maps_get(maps, XS_MAP_port, id, &port);
		if (!err && port.mux)
			takeup->mux[takeup->mux_count++] = port.mux;
		for (int family = 0; !err && family < XS_FAMILIES; family++)
			err = add(takeup, ROOT_PLAIN, port.source_root[family]);
	}
	for (uint32_t id = 0; !err && id < maps->entries[XS_MAP_slice]; id++) {
		struct xs_slice slice;

		err = xs_node_maps_get(maps, XS_MAP_slice, id, &slice);
		for (int family = 0; !err && family < XS_FAMILIES; family++) {
			if (edges)
				err = add_edges(takeup, slice.fib_root[family]);
			if (!err)
				err = add(takeup, ROOT_SLICE, slice.fib_root[family]);
			if (!err)
				err = add(takeup, ROOT_PLAIN, slice.page_root[family]);
		}
	}
	return err;
}

int xs_takeup_new(struct xs_node_maps *maps, struct xs_pool *pool, struct xs_nexthops *nexthops, struct xs_takeup **out)
{
	struct xs_takeup *takeup = calloc(1, sizeof(*takeup));
	int err;

	if (!takeup)
		return -ENOMEM;
	*takeup = (struct xs_takeup){.maps = maps, .pool = pool, .nexthops = nexthops, .steps = maps->entries[XS_MAP_block]};
	err = collect(takeup);
	if (err) {
		xs_takeup_free(takeup);
		return err;
	}
	for (size_t i = 0; i < takeup->count; i++) {
		xs_pool_adopt(pool, takeup->root[i].block);
		if (takeup->root[i].kind != ROOT_PLAIN)
			xs_nexthops_adopt(nexthops, maps, takeup->root[i].block);
	}
	*out = takeup;
	return 0;
}

/* Slices lead to edges: what leads is released first, so that a next hop that leads to an edge goes before the edge's table. */
void xs_takeup_release(struct xs_takeup *takeup, struct xs_mux_space *space)
{
	for (int kind = ROOT_SLICE; kind >= ROOT_PLAIN; kind--)
		for (size_t i = 0; i < takeup->count; i++) {
			if ((int)takeup->root[i].kind != kind)
				continue;
			if (kind != ROOT_PLAIN)
				xs_nexthops_release(takeup->nexthops, takeup->maps, takeup->root[i].block);
			xs_pool_release(takeup->pool, takeup->root[i].block);
		}
	/* Those that were taken over are nobody's leavings any more, and stay. */
	for (size_t i = 0; i < takeup->mux_count; i++)
		xs_mux_space_release(space, takeup->mux[i]);
	takeup->count = takeup->mux_count = 0;
}

void xs_takeup_free(struct xs_takeup *takeup)
{
	if (!takeup)
		return;
	free(takeup->root);
	free(takeup->mux);
	free(takeup);
}
