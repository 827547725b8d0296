/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table_walk.h - reads address tables as they stand in the maps: what leaves they lead to, and whether two are alike.
 * Who wrote them is not trusted: numbers are bounded, a walk ends after as many levels as an address has bytes, and
 * after as many blocks as it was given.
 */
#ifndef XSLICE_MAPS_TABLE_WALK_H
#define XSLICE_MAPS_TABLE_WALK_H

#include "maps/node_maps.h"

struct xs_table_walk {
	int (*leaf)(void *context, uint32_t index); /* called at least once for each leaf; the walk ends at non-zero */
	void *context;
	uint64_t steps;          /* blocks that may still be walked */
	uint32_t blocks, guards; /* met so far */
	bool broken;             /* a number led out of its map, or steps ran out */
};

/* Walks a table; root 0 has none. Mapped maps or not. 0, what leaf() returned, or negative errno. */
int xs_table_walk(const struct xs_node_maps *maps, uint32_t root, struct xs_table_walk *walk);

/*
 * Do two tables of IPv4's or IPv6's lead every address to the same leaf, by blocks and guards of the same shape? b is
 * not trusted.
 */
bool xs_tables_equal(const struct xs_tables *a, uint32_t root_a, const struct xs_tables *b, uint32_t root_b);

#endif
