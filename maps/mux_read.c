/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux_read.c - see mux_read.h. Also what is read without an agent: which rule stands at a position. */
#include <errno.h>
#include <stdlib.h>

#include "maps/mux_policy.h"
#include "maps/mux_read.h"

#define IPV4_LEVELS 4

struct reading {
	const struct xs_node_maps *maps;
	struct xs_policy_reader *reader;
	uint8_t *seen; /* a byte per rule */
};

static int read_chain(struct reading *r, uint32_t id)
{
	while (id) {
		struct xs_mux_rule rule;
		int err;

		if (id >= r->maps->entries[XS_MAP_mux_rule])
			return -ERANGE;
		if (r->seen[id])
			return 0;
		r->seen[id] = 1;
		err = xs_node_maps_get(r->maps, XS_MAP_mux_rule, id, &rule);
		if (!err)
			err = r->reader->rule(r->reader->context, id, &rule);
		if (err)
			return err;
		id = rule.next;
	}
	return 0;
}

static int read_block(struct reading *r, uint32_t number, unsigned int levels)
{
	const struct xs_block *mapped = xs_node_maps_block(r->maps);
	struct xs_block copy;
	int err = 0;

	if (number >= r->maps->entries[XS_MAP_block] || !levels)
		return -ERANGE;
	r->reader->blocks++;
	if (!mapped) {
		err = xs_node_maps_get(r->maps, XS_MAP_block, number, &copy);
		mapped = &copy;
		number = 0;
	}
	for (unsigned int i = 0; i < XS_BLOCK_ENTRIES && !err; i++) {
		uint32_t entry = mapped[number].entry[i];

		if ((entry & XS_ENTRY_KIND) == XS_ENTRY_LEAF)
			err = read_chain(r, entry & XS_ENTRY_INDEX);
		else if ((entry & XS_ENTRY_KIND) == XS_ENTRY_BLOCK)
			err = read_block(r, entry & XS_ENTRY_INDEX, levels - 1);
	}
	return err;
}

int xs_policy_read(const struct xs_node_maps *maps, const struct xs_mux *mux, struct xs_policy_reader *reader)
{
	struct reading r = {maps, reader, calloc(maps->entries[XS_MAP_mux_rule] + 1, 1)};
	int err = 0;

	reader->blocks = 0;
	if (!r.seen)
		return -ENOMEM;
	if (mux->general_count > XS_MUX_GENERAL_MAX) {
		err = -ERANGE;
		goto out;
	}
	for (uint32_t i = 0; i < mux->general_count && !err; i++) {
		struct xs_mux_general general;

		err = xs_node_maps_get(maps, XS_MAP_mux_general, mux->general_first + i, &general);
		if (!err)
			err = read_chain(&r, general.rule);
	}
	if (!err && mux->root)
		err = read_block(&r, mux->root, IPV4_LEVELS);
out:
	free(r.seen);
	return err;
}

struct wanted {
	uint32_t *rule;
	size_t count;
	uint32_t only; /* with count 0: the position to stop at; its rule goes to rule[0] */
};

static int note_rule(void *context, uint32_t id, const struct xs_mux_rule *rule)
{
	struct wanted *wanted = context;

	if (rule->position < wanted->count)
		wanted->rule[rule->position] = id;
	if (wanted->count || rule->position != wanted->only)
		return 0;
	wanted->rule[0] = id;
	return 1;
}

uint32_t xs_mux_find_rule(const struct xs_node_maps *maps, uint32_t mux, uint32_t position)
{
	uint32_t found = 0;
	struct wanted wanted = {&found, 0, position};
	struct xs_policy_reader reader = {note_rule, &wanted, 0};
	struct xs_mux entry;

	if (mux && !xs_node_maps_get(maps, XS_MAP_mux, mux, &entry))
		xs_policy_read(maps, &entry, &reader);
	return found;
}

int xs_mux_rules(const struct xs_node_maps *maps, uint32_t mux, uint32_t *rule, size_t positions)
{
	struct wanted wanted = {rule, positions, 0};
	struct xs_policy_reader reader = {note_rule, &wanted, 0};
	struct xs_mux entry;
	int err;

	if (!mux || !positions)
		return -EINVAL;
	for (size_t i = 0; i < positions; i++)
		rule[i] = 0;
	err = xs_node_maps_get(maps, XS_MAP_mux, mux, &entry);
	return err ? err : xs_policy_read(maps, &entry, &reader);
}
