/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux_node.c - see mux_node.h. */
#include <arpa/inet.h>

#include "selftests/unit/mux_node.h"

static void grace(void *context)
{
	((struct mux_node *)context)->graces++;
}

void mux_node_start(struct mux_node *node)
{
	node->pool = xs_pool_new(xs_node_maps_tables(&node->maps), grace, node);
	assert_non_null(node->pool);
	node->space = xs_mux_space_new(&node->maps, node->pool);
	assert_non_null(node->space);
}

void mux_node_new(struct mux_node *node, uint32_t pages, uint32_t blocks)
{
	uint32_t entries[XS_MAP_COUNT] = {
		[XS_MAP_port] = 8,
		[XS_MAP_block] = blocks,
		[XS_MAP_sieve] = blocks,
		[XS_MAP_guard] = blocks,
		[XS_MAP_cell] = MUX_NODE_CELLS,
		[XS_MAP_mux] = 8,
		[XS_MAP_mux_page] = pages,
		[XS_MAP_mux_origin] = pages,
		[XS_MAP_mux_stats] = pages,
		[XS_MAP_mux_node] = pages,
		[XS_MAP_mux_vector] = 4 * pages,
		[XS_MAP_mux_general] = 3 * XS_MUX_GENERAL_MAX,
	};

	memset(node, 0, sizeof(*node));
	assert_int_equal(xs_node_maps_init_memory(&node->maps, entries, MUX_NODE_CPUS), 0);
	mux_node_start(node);
}

static struct xs_policy *lost[16];
static unsigned int lost_count;

void mux_node_lose(struct xs_policy *policy)
{
	lost[lost_count++] = policy;
}

void mux_node_stop(struct mux_node *node)
{
	xs_mux_space_free(node->space);
	xs_pool_free(node->pool);
}

void mux_node_free(struct mux_node *node)
{
	mux_node_stop(node);
	xs_node_maps_close(&node->maps);
}

void mux_node_name_in_port(struct mux_node *node, uint32_t port, uint32_t mux)
{
	struct xs_port value = { .mux = mux };

	assert_true(xs_node_maps_put(&node->maps, XS_MAP_port, port, &value) >= 0);
}

const uint64_t *mux_node_cells(const struct mux_node *node)
{
	return node->maps.mapped[XS_MAP_cell];
}

/* ---- the datapath's choice --------------------------------------------------------------------------------------- */

struct choice {
	uint32_t rule, slice, vport, before, vector;
};

static void get(const struct mux_node *node, enum xs_map_id map, uint32_t key, void *value)
{
	assert_int_equal(xs_node_maps_get(&node->maps, map, key, value), 0);
}

/* Page 0 and node 0 lead nowhere. */
static void walk_nodes(const struct mux_node *node, uint32_t leaf, struct choice *choice)
{
	unsigned int steps = 0;
	struct xs_mux_page page;
	struct xs_mux_node at;
	uint32_t number;

	get(node, XS_MAP_mux_page, leaf >> XS_RULE_BITS, &page);
	for (number = page.node; number; steps++) {
		uint32_t cell;

		assert_true(steps <= XS_MUX_QUESTIONS_MAX);
		get(node, XS_MAP_mux_node, number, &at);
		cell = at.cell ? at.cell : page.cell + (leaf & XS_RULE_SLOT);
		if (at.named && !xs_in_force(at.named, cell, at.group, mux_node_cells(node))) {
			number = at.other;
			continue;
		}
		number = at.then;
		if (number)
			continue;
		*choice = (struct choice){ at.rule, at.slice, at.vport, at.before, at.vector };
		if (at.vport && at.rule < XS_PAGE_RULES)
			choice->rule += leaf;
	}
}

/* What a property's value leaves: a vector, with all bits where nothing asks. False: nothing is left. */
static bool leave(const struct mux_node *node, uint32_t root, const uint8_t *value, unsigned int bytes,
		  struct xs_mux_vector *vector)
{
	uint32_t leaf = 0;

	if (root && !xs_tables_lookup(xs_node_maps_tables(&node->maps), root, value, bytes, &leaf))
		return false;
	get(node, XS_MAP_mux_vector, leaf, vector);
	return true;
}

static bool leave_number(const struct mux_node *node, uint32_t root, uint32_t value, unsigned int bits,
			 struct xs_mux_vector *vector)
{
	uint32_t wire = htonl(value << (32 - bits));

	return leave(node, root, (const uint8_t *)&wire, 4, vector);
}

static bool leave_port(const struct mux_node *node, const struct xs_mux *policy, unsigned int table,
		       const struct xs_selector *s, uint16_t port, struct xs_mux_vector *vector)
{
	uint32_t without = policy->without_ports[table - XS_MUX_SOURCE_PORT];

	if (s->has_ports || !policy->root[table])
		return leave_number(node, policy->root[table], port, 16, vector);
	if (without)
		get(node, XS_MAP_mux_vector, without, vector);
	return without;
}

static void try_generals(const struct mux_node *node, const struct xs_mux *policy, const struct xs_selector *s,
			 struct choice *choice)
{
	const uint32_t *root = policy->root;
	struct xs_mux_vector left[7];
	struct xs_mux_general general;

	get(node, XS_MAP_mux_vector, choice->vector, &left[0]);
	if (!leave(node, root[XS_MUX_SOURCE + s->family], s->source, s->family == XS_FAMILY4 ? 4 : 16, &left[1]) ||
	    !leave_number(node, root[XS_MUX_PROTOCOL], s->protocol, 8, &left[2]) ||
	    !leave_port(node, policy, XS_MUX_SOURCE_PORT, s, s->source_port, &left[3]) ||
	    !leave_port(node, policy, XS_MUX_DESTINATION_PORT, s, s->destination_port, &left[4]) ||
	    !leave_number(node, root[XS_MUX_DSCP], s->dscp, 8, &left[5]) ||
	    !leave_number(node, root[XS_MUX_INPUT_PORT], s->input_port, 16, &left[6]))
		return;
	for (unsigned int w = 0; w < XS_VECTOR_WORDS; w++) {
		uint64_t bits = ~0ull;

		for (unsigned int i = 0; i < 7; i++) {
			assert_int_equal(left[i].summary >> w & 1, left[i].word[w] != 0);
			bits &= left[i].word[w];
		}
		if (!bits)
			continue;
		uint32_t found = w * 64 + __builtin_ctzll(bits);

		assert_true(found < policy->general_count);
		if (found >= choice->before)
			return;
		get(node, XS_MAP_mux_general, policy->general_first + found, &general);
		*choice = (struct choice){ general.rule, general.slice, general.vport, 0, 0 };
		return;
	}
}

int64_t mux_node_walk(const struct mux_node *node, uint32_t mux, const struct xs_selector *s, uint32_t *rule)
{
	struct choice choice = { 0, 0, 0, 0, 0 };
	struct xs_mux_origin origin;
	struct xs_mux policy;
	uint32_t leaf = 0;

	get(node, XS_MAP_mux, mux, &policy);
	xs_tables_lookup(xs_node_maps_tables(&node->maps), policy.root[XS_MUX_DESTINATION + s->family], s->destination,
			 s->family == XS_FAMILY4 ? 4 : 16, &leaf);
	walk_nodes(node, leaf, &choice);
	if (choice.vector)
		try_generals(node, &policy, s, &choice);
	*rule = choice.rule;
	if (!choice.rule)
		return -1;
	assert_int_equal(choice.vport, 100 + choice.slice);
	get(node, XS_MAP_mux_origin, choice.rule >> XS_RULE_BITS, &origin);
	return origin.position[choice.rule & XS_RULE_SLOT];
}

/* ---- conditions -------------------------------------------------------------------------------------------------- */

void mux_node_address(uint8_t out[16], unsigned int family, uint32_t host)
{
	static const uint8_t documentation[12] = { 0x20, 0x01, 0x0d, 0xb8 };

	memset(out, 0, 16);
	host = htonl(host);
	if (family == XS_FAMILY6)
		memcpy(out, documentation, sizeof(documentation));
	memcpy(out + (family == XS_FAMILY6 ? 12 : 0), &host, 4);
}

struct xs_condition *mux_node_hosts(size_t per_slice, size_t *count)
{
	struct xs_condition *c = calloc(2 * per_slice + 1, sizeof(*c));

	assert_non_null(c);
	*count = 2 * per_slice + 1;
	for (size_t i = 0; i < *count; i++) {
		c[i].position = i;
		c[i].slice = 1 + i / per_slice;
		c[i].vport = 100 + c[i].slice;
		if (i < 2 * per_slice) {
			mux_node_address(c[i].destination, XS_FAMILY4, 0x0a000000 + i % per_slice);
			c[i].destination_length = 32;
			c[i].vm_cell = 1 + i % per_slice % 100;
		}
	}
	return c;
}
