/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table_walk.c - see table_walk.h. */
#include <string.h>

#include "maps/guard.h"
#include "maps/table_walk.h"

#define LEVELS_MAX 16

static int see(struct xs_table_walk *walk, uint32_t entry)
{
	return (entry & XS_ENTRY_KIND) == XS_ENTRY_LEAF ? walk->leaf(walk->context, entry & XS_ENTRY_INDEX) : 0;
}

static int walk_guard(const struct xs_node_maps *maps, uint32_t number, struct xs_table_walk *walk)
{
	const struct xs_guard *mapped = xs_node_maps_tables(maps).guard;
	struct xs_guard guard;
	int err = 0;

	if (!number || number >= maps->entries[XS_MAP_guard]) {
		walk->broken = true;
		return 0;
	}
	walk->guards++;
	if (mapped)
		guard = mapped[number];
	else
		err = xs_node_maps_get(maps, XS_MAP_guard, number, &guard);
	for (unsigned int i = 0; i < XS_GUARD_PREFIXES && !err; i++)
		if (guard.length[i])
			err = see(walk, guard.leaf[i]);
	return err ? err : see(walk, guard.outside);
}

static int walk_block(const struct xs_node_maps *maps, uint32_t number, struct xs_table_walk *walk, unsigned int levels)
{
	const struct xs_block *block = xs_node_maps_block(maps);
	uint32_t before = XS_ENTRY_EMPTY;
	struct xs_block copy;
	int err = 0;

	if (!number || number >= maps->entries[XS_MAP_block] || !levels || !walk->steps) {
		walk->broken = true;
		return 0;
	}
	walk->steps--;
	walk->blocks++;
	if (block) {
		block += number;
	} else {
		err = xs_node_maps_get(maps, XS_MAP_block, number, &copy);
		block = &copy;
	}
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES && !err; i++) {
		uint32_t entry = block->entry[i];

		if (entry == before)
			continue;
		before = entry;
		if ((entry & XS_ENTRY_KIND) == XS_ENTRY_BLOCK)
			err = walk_block(maps, entry & XS_ENTRY_INDEX, walk, levels - 1);
		else if ((entry & XS_ENTRY_KIND) == XS_ENTRY_GUARD)
			err = walk_guard(maps, entry & XS_ENTRY_INDEX, walk);
		else
			err = see(walk, entry);
	}
	return err;
}

int xs_table_walk(const struct xs_node_maps *maps, uint32_t root, struct xs_table_walk *walk)
{
	return root ? walk_block(maps, root, walk, LEVELS_MAX) : 0;
}

/* What removals leave in a guard's unused places does not count. */
static bool equal_guards(const struct xs_guard *a, const struct xs_guard *b)
{
	struct xs_guarded in_a[XS_GUARD_PREFIXES], in_b[XS_GUARD_PREFIXES];
	unsigned int count = xs_guard_read(a, in_a);

	if (xs_guard_read(b, in_b) != count || a->outside != b->outside)
		return false;
	for (unsigned int i = 0; i < count; i++)
		if (in_a[i].length != in_b[i].length || in_a[i].leaf != in_b[i].leaf ||
		    memcmp(in_a[i].address, in_b[i].address, sizeof(in_a[i].address)))
			return false;
	return true;
}

static bool equal_entries(const struct xs_tables *a, uint32_t x, const struct xs_tables *b, uint32_t y,
			  unsigned int levels)
{
	uint32_t kind = x & XS_ENTRY_KIND, in_a = x & XS_ENTRY_INDEX, in_b = y & XS_ENTRY_INDEX;

	if ((y & XS_ENTRY_KIND) != kind)
		return false;
	if (kind == XS_ENTRY_GUARD)
		return in_b < b->guards && equal_guards(&a->guard[in_a], &b->guard[in_b]);
	if (kind != XS_ENTRY_BLOCK)
		return x == y;
	if (in_b >= b->blocks || !levels)
		return false;
	if (memcmp(&a->sieve[in_a], &b->sieve[in_b], sizeof(*a->sieve)))
		return false;
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES; i++)
		if (!equal_entries(a, a->block[in_a].entry[i], b, b->block[in_b].entry[i], levels - 1))
			return false;
	return true;
}

bool xs_tables_equal(const struct xs_tables *a, uint32_t root_a, const struct xs_tables *b, uint32_t root_b)
{
	return equal_entries(a, XS_ENTRY_BLOCK | root_a, b, XS_ENTRY_BLOCK | root_b, LEVELS_MAX);
}
