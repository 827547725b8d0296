/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sizes.c - how large a node's maps must be. Powers of two with room to grow, so that a small change of the definition
 * changes no size.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/steps.h"

#define BLOCKS_MIN       4096
#define GUARDS_MIN       8192
#define POOL_STEP        65536 /* larger pools grow by this, since they are memory that is taken at once */
#define HOST_BLOCKS_MAX  256 /* of one IPv4 subnet: as many as a /16 has */
#define HOST_BLOCKS_6    64  /* of one IPv6 subnet: eight neighbours without a common byte below a /64 */
/*
 * For the WAN's own routes, of which the definition knows nothing. Set aside on every node, so that its first slice by paging does not
 * make other maps necessary.
 */
#define SUBSTRATE_BLOCKS 1500
#define CONDITIONS_SLACK 512
#define CELLS_SLACK      512

static uint32_t power_of_two(uint64_t least)
{
	uint32_t power = 1;

	while (power < least && power < 1u << 31)
		power <<= 1;
	return power;
}

/* What tables take. */
struct room {
	uint64_t blocks, guards;
};

/* Twice what is needed, since a rebuilt table stands beside the old one; and what is set aside for what cannot be known. */
static uint32_t pool_size(uint64_t needed, uint64_t aside, uint32_t least, uint32_t most)
{
	uint64_t units = 2 * needed + aside;

	if (units <= least)
		return least;
	if (units <= POOL_STEP)
		return power_of_two(units);
	units = (units + POOL_STEP - 1) / POOL_STEP * POOL_STEP;
	return (uint32_t)(units < most ? units : most);
}

static int compare_prefixes(const void *a, const void *b)
{
	return xs_prefix_compare(a, b);
}

/*
 * What lies below a block that is reached by `depth` bytes, which all of these share and go beyond: for each value of the next
 * byte a guard, or a block where more go on than a guard holds. Sorted, so those of one value are a run; of them, one that ends
 * with that byte lies in the block itself.
 */
static void add_below(const struct xs_prefix *prefix, size_t count, unsigned int depth, struct room *room)
{
	size_t i, next;

	for (i = 0; i < count; i = next) {
		size_t first = i;

		for (next = i + 1; next < count && prefix[next].length > depth * 8 &&
				   prefix[next].bytes[depth] == prefix[i].bytes[depth];)
			next++;
		while (first < next && prefix[first].length <= (depth + 1) * 8)
			first++;
		if (next - first > XS_GUARD_PREFIXES) {
			room->blocks++;
			add_below(prefix + first, next - first, depth + 1, room);
		} else if (next > first) {
			room->guards++;
		}
	}
}

/* Adds what the address tables, one of each family, take that hold these. Sorts, and leaves out what is there twice. */
static void add_tables(struct xs_prefix *prefix, size_t count, struct room *room)
{
	size_t i, next, kept = 0;

	room->blocks += XS_FAMILIES;
	if (count)
		qsort(prefix, count, sizeof(*prefix), compare_prefixes);
	for (i = 0; i < count; i++)
		if (prefix[i].length && (!kept || xs_prefix_compare(&prefix[i], &prefix[kept - 1])))
			prefix[kept++] = prefix[i];
	for (i = 0; i < kept; i = next) {
		for (next = i + 1; next < kept && prefix[next].family == prefix[i].family;)
			next++;
		add_below(prefix + i, next - i, 0, room);
	}
}

/*
 * Neighbours are entries too: as many blocks as an IPv4 subnet has /24s, within reason. IPv6's may be anywhere in
 * theirs, so what is set aside is for few; the pool grows as they come.
 */
static uint64_t host_blocks(const struct xs_p_vport *vport)
{
	uint8_t length = vport->length[XS_FAMILY4];
	uint64_t blocks = 0;

	if (vport->kind != XS_VPORT_GATEWAY && vport->kind != XS_VPORT_EDGE)
		return 0;
	if (vport->address[XS_FAMILY4].family)
		blocks += length >= 24 ? 1 : length <= 16 ? HOST_BLOCKS_MAX : 1u << (24 - length);
	if (vport->address[XS_FAMILY6].family)
		blocks += HOST_BLOCKS_6;
	return blocks;
}

/*
 * What the kernel has of a virtual port's subnet: the route, its own address, that of all (IPv4's last, IPv6's first),
 * and behind a link the other end's.
 */
#define PREFIXES_OF_PORT 4

static size_t port_prefixes(const struct xs_p_vport *vport, unsigned int f, struct xs_prefix *out)
{
	const struct xs_address *own = &vport->address[f];
	struct xs_address other = *own;
	unsigned int last = xs_family_bits(own->family) / 8 - 1;

	out[0] = xs_vport_subnet(vport, f);
	out[1] = xs_prefix_of_host(own);
	other.bytes[last] ^= 1;
	out[2] = xs_prefix_of_host(&other);
	other.bytes[last] ^= 3;
	out[3] = xs_prefix_of_host(&other);
	return PREFIXES_OF_PORT;
}

static int add_vrf(const struct xs_p_vrf *vrf, struct room *room)
{
	unsigned int f;
	size_t i, count = 0;
	struct xs_prefix *prefix =
		calloc(vrf->routes.count + PREFIXES_OF_PORT * XS_FAMILIES * vrf->vports.count + 1, sizeof(*prefix));

	if (!prefix)
		return -ENOMEM;
	for (i = 0; i < vrf->routes.count; i++)
		prefix[count++] = ((struct xs_p_route *)xs_list_at(&vrf->routes, i))->prefix;
	for (i = 0; i < vrf->vports.count; i++) {
		const struct xs_p_vport *vport = xs_list_at(&vrf->vports, i);

		for (f = 0; f < XS_FAMILIES; f++) {
			if (vport->address[f].family)
				count += port_prefixes(vport, f, &prefix[count]);
		}
		room->blocks += host_blocks(vport);
	}
	add_tables(prefix, count, room);
	free(prefix);
	return 0;
}

/* Tables of numbers: a root each; and two borders of a range of ports lie in two blocks at most, of which there are 256. */
static uint64_t number_blocks(const struct xs_p_mux *mux)
{
	const uint32_t ports[] = { XS_MATCH_SOURCE_PORT, XS_MATCH_DESTINATION_PORT, XS_MATCH_INPUT_PORT };
	uint64_t blocks = 5;
	size_t i, p;

	for (p = 0; p < sizeof(ports) / sizeof(ports[0]); p++) {
		uint64_t borders = 0;

		for (i = 0; i < mux->condition_count; i++)
			borders += mux->condition[i].def->fields & ports[p] ? 2 : 0;
		blocks += borders < 256 ? borders : 256;
	}
	return blocks;
}

static int add_mux(const struct xs_p_mux *mux, struct room *room)
{
	size_t i, count = 0, sources = 0;
	struct xs_prefix *prefix = calloc(mux->condition_count + 1, sizeof(*prefix));
	struct xs_prefix *source = calloc(mux->condition_count + 1, sizeof(*source));

	if (!prefix || !source) {
		free(prefix);
		free(source);
		return -ENOMEM;
	}
	for (i = 0; i < mux->condition_count; i++) {
		if (mux->condition[i].def->fields & XS_MATCH_DESTINATION)
			prefix[count++] = mux->condition[i].def->destination;
		if (mux->condition[i].def->fields & XS_MATCH_SOURCE)
			source[sources++] = mux->condition[i].def->source;
	}
	add_tables(prefix, count, room);
	add_tables(source, sources, room);
	/* The edge's table and the sources that its users may have. */
	room->blocks += number_blocks(mux) + host_blocks(mux->edge) + 6 * mux->def->client_count + 2 * XS_FAMILIES;
	free(source);
	free(prefix);
	return 0;
}

/* Tables of pages: the slice's, by its own addresses, and its part of the WAN's. */
static int add_pages(const struct xs_p_vrf *vrf, struct room *room)
{
	struct xs_prefix *prefix = calloc(vrf->parts.count + 1, sizeof(*prefix));
	size_t i;

	if (!prefix)
		return -ENOMEM;
	for (i = 0; i < vrf->parts.count; i++)
		prefix[i] = ((struct xs_p_part *)xs_list_at(&vrf->parts, i))->prefix;
	add_tables(prefix, vrf->parts.count, room);
	for (i = 0; i < vrf->parts.count; i++)
		prefix[i] = ((struct xs_p_part *)xs_list_at(&vrf->parts, i))->mapped;
	add_tables(prefix, vrf->parts.count, room);
	free(prefix);
	return 0;
}

static int add_pools(const struct xs_p_node *node, struct room *room)
{
	struct xs_prefix *prefix = calloc(node->pools.count + 1, sizeof(*prefix));
	size_t i;

	if (!prefix)
		return -ENOMEM;
	for (i = 0; i < node->pools.count; i++)
		prefix[i] = ((const struct xs_p_pool *)xs_list_at(&node->pools, i))->prefix;
	add_tables(prefix, node->pools.count, room);
	free(prefix);
	return 0;
}

static int size_node(struct xs_p_node *node)
{
	uint64_t conditions = 0, cells = 0;
	struct room room = { .blocks = 1 };
	size_t i;
	int err = 0;

	for (i = 0; i < node->vrfs.count && !err; i++) {
		const struct xs_p_vrf *vrf = xs_list_at(&node->vrfs, i);

		err = vrf->sliver ? add_vrf(vrf, &room) : 0;
		if (!err && vrf->parts.count)
			err = add_pages(vrf, &room);
	}
	for (i = 0; i < node->muxes.count && !err; i++) {
		const struct xs_p_mux *mux = xs_list_at(&node->muxes, i);

		err = add_mux(mux, &room);
		conditions += mux->condition_count;
	}
	for (i = 0; i < node->cells.count; i++) {
		const struct xs_p_cell *cell = xs_list_at(&node->cells, i);

		if (cell->id > cells)
			cells = cell->id;
	}
	if (!err && node->pools.count)
		err = add_pools(node, &room);
	node->blocks = node->def->blocks ? node->def->blocks : pool_size(room.blocks, SUBSTRATE_BLOCKS, BLOCKS_MIN, XS_BLOCKS_MAX);
	node->guards = pool_size(room.guards, 0, GUARDS_MIN, XS_GUARDS_MAX);
	node->conditions = power_of_two(2 * conditions + CONDITIONS_SLACK);
	node->cell_entries = power_of_two(cells + 1 + CELLS_SLACK);
	return err;
}

int xs_plan_sizes(struct xs_plan *plan)
{
	size_t i;
	int err = 0;

	for (i = 0; i < plan->domain->node_count && !err; i++)
		err = size_node(&plan->node[i]);
	return err;
}
