/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux_read.c - see mux_read.h. Also what is read without an agent: which rule stands at a position. */
#include <errno.h>
#include <stdlib.h>

#include "maps/mux_compile.h"
#include "maps/mux_read.h"

struct reading {
	const struct xs_node_maps *maps;
	const struct xs_policy_reader *reader;
	uint8_t *page_seen, *node_seen;
	uint32_t *waiting; /* nodes that were met but not read */
	uint32_t waiting_count;
};

static int meet_node(struct reading *r, uint32_t number)
{
	if (!number)
		return 0;
	if (number >= r->maps->entries[XS_MAP_mux_node])
		return -ERANGE;
	if (r->node_seen[number])
		return 0;
	r->node_seen[number] = 1;
	r->waiting[r->waiting_count++] = number;
	return 0;
}

static int read_nodes(struct reading *r)
{
	int err = 0;

	while (r->waiting_count && !err) {
		uint32_t number = r->waiting[--r->waiting_count];
		struct xs_mux_node node;

		err = xs_node_maps_get(r->maps, XS_MAP_mux_node, number, &node);
		if (!err)
			err = r->reader->node(r->reader->context, number);
		if (!err)
			err = meet_node(r, node.then);
		if (!err)
			err = meet_node(r, node.other);
	}
	return err;
}

static int read_pages(struct reading *r, uint32_t number)
{
	int err = 0;

	while (number && !err) {
		struct xs_mux_origin origin;
		struct xs_mux_page page;

		if (number >= r->maps->entries[XS_MAP_mux_page] || number >= r->maps->entries[XS_MAP_mux_origin])
			return -ERANGE;
		if (r->page_seen[number])
			return -ELOOP;
		r->page_seen[number] = 1;
		err = xs_node_maps_get(r->maps, XS_MAP_mux_page, number, &page);
		if (!err)
			err = xs_node_maps_get(r->maps, XS_MAP_mux_origin, number, &origin);
		if (!err)
			err = r->reader->page(r->reader->context, number, &page, &origin);
		if (!err && r->reader->node)
			err = meet_node(r, page.node);
		if (!err)
			err = read_nodes(r);
		number = origin.next;
	}
	return err;
}

int xs_policy_read(const struct xs_node_maps *maps, const struct xs_mux *mux, const struct xs_policy_reader *reader)
{
	struct reading r = {
		.maps = maps,
		.reader = reader,
		.page_seen = calloc(maps->entries[XS_MAP_mux_page] + 1, 1),
		.node_seen = calloc(maps->entries[XS_MAP_mux_node] + 1, 1),
		.waiting = calloc(maps->entries[XS_MAP_mux_node] + 1, sizeof(*r.waiting)),
	};
	int err = r.page_seen && r.node_seen && r.waiting ? read_pages(&r, mux->page) : -ENOMEM;

	free(r.page_seen);
	free(r.node_seen);
	free(r.waiting);
	return err;
}

struct wanted {
	uint32_t *rule;
	size_t count;
};

static int note_page(void *context, uint32_t number, const struct xs_mux_page *page, const struct xs_mux_origin *origin)
{
	struct wanted *wanted = context;

	for (uint32_t slot = 0; slot < XS_PAGE_RULES; slot++)
		if (origin->position[slot] < wanted->count)
			wanted->rule[origin->position[slot]] = XS_RULE(number, slot);
	return 0;
}

int xs_mux_rules(const struct xs_node_maps *maps, uint32_t mux, uint32_t *rule, size_t positions)
{
	struct wanted wanted = { rule, positions };
	const struct xs_policy_reader reader = { note_page, NULL, &wanted };
	struct xs_mux entry;
	int err;

	if (!mux || !positions)
		return -EINVAL;
	for (size_t i = 0; i < positions; i++)
		rule[i] = 0;
	err = xs_node_maps_get(maps, XS_MAP_mux, mux, &entry);
	return err ? err : xs_policy_read(maps, &entry, &reader);
}
