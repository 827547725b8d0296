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
		[XS_MAP_guard] = blocks,
		[XS_MAP_cell] = MUX_NODE_CELLS,
		[XS_MAP_mux] = 8,
		[XS_MAP_mux_page] = pages,
		[XS_MAP_mux_origin] = pages,
		[XS_MAP_mux_stats] = pages,
		[XS_MAP_mux_node] = pages,
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
	struct xs_port value = {.mux = mux};

	assert_true(xs_node_maps_put(&node->maps, XS_MAP_port, port, &value) >= 0);
}

const uint64_t *mux_node_cells(const struct mux_node *node)
{
	return node->maps.mapped[XS_MAP_cell];
}

/* ---- the datapath's choice -------------------------------------------------------------------------------------------- */

struct choice {
	uint32_t rule, slice, vport, before;
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

		assert_true(steps <= XS_MUX_WALK_MAX);
		get(node, XS_MAP_mux_node, number, &at);
		cell = at.cell ? at.cell : page.cell + (leaf & XS_RULE_SLOT);
		if (at.named && !xs_in_force(at.named, cell, at.group, mux_node_cells(node))) {
			number = at.other;
			continue;
		}
		number = at.then;
		if (!number)
			*choice = (struct choice){at.rule < XS_PAGE_RULES ? leaf + at.rule : at.rule, at.slice, at.vport,
						  at.before};
	}
}

static bool within(uint16_t value, const uint16_t range[2])
{
	return value >= range[0] && value <= range[1];
}

static bool masked_equal(const uint8_t *address, const union xs_wire_address *mask, const union xs_wire_address *value)
{
	for (int i = 0; i < 16; i++)
		if ((address[i] & mask->byte[i]) != value->byte[i])
			return false;
	return true;
}

static bool general_matches(const struct xs_mux_general *g, const struct xs_selector *s)
{
	return g->families >> s->family & 1 && masked_equal(s->destination, &g->destination_mask, &g->destination) &&
	       masked_equal(s->source, &g->source_mask, &g->source) &&
	       (!(g->fields & XS_GENERAL_PROTOCOL) || g->protocol == s->protocol) &&
	       (!(g->fields & XS_GENERAL_DSCP) || g->dscp >> s->dscp & 1) &&
	       (!(g->fields & XS_GENERAL_INPUT_PORT) || g->input_port == s->input_port) &&
	       (!(g->fields & XS_GENERAL_SOURCE_PORT) || (s->has_ports && within(s->source_port, g->source_port))) &&
	       (!(g->fields & XS_GENERAL_DESTINATION_PORT) ||
		(s->has_ports && within(s->destination_port, g->destination_port)));
}

static void scan_generals(const struct mux_node *node, const struct xs_mux *policy, const struct xs_selector *s,
			  struct choice *choice)
{
	uint32_t count = choice->rule && choice->before < policy->general_count ? choice->before : policy->general_count;

	for (uint32_t i = 0; i < count; i++) {
		struct xs_mux_general g;

		get(node, XS_MAP_mux_general, policy->general_first + i, &g);
		if (!general_matches(&g, s) || !xs_in_force(g.slice, g.vm_cell, g.group_cell, mux_node_cells(node)))
			continue;
		*choice = (struct choice){g.rule, g.slice, g.vport, 0};
		return;
	}
}

int64_t mux_node_walk(const struct mux_node *node, uint32_t mux, const struct xs_selector *s, uint32_t *rule)
{
	struct choice choice = {0, 0, 0, 0};
	struct xs_mux_origin origin;
	struct xs_mux policy;
	uint32_t leaf = 0;

	get(node, XS_MAP_mux, mux, &policy);
	xs_tables_lookup(xs_node_maps_tables(&node->maps), policy.root[s->family], s->destination,
			 s->family == XS_FAMILY4 ? 4 : 16, &leaf);
	walk_nodes(node, leaf, &choice);
	scan_generals(node, &policy, s, &choice);
	*rule = choice.rule;
	if (!choice.rule)
		return -1;
	assert_int_equal(choice.vport, 100 + choice.slice);
	get(node, XS_MAP_mux_origin, choice.rule >> XS_RULE_BITS, &origin);
	return origin.position[choice.rule & XS_RULE_SLOT];
}

/* ---- conditions ------------------------------------------------------------------------------------------------------- */

void mux_node_address(uint8_t out[16], unsigned int family, uint32_t host)
{
	static const uint8_t documentation[12] = {0x20, 0x01, 0x0d, 0xb8};

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
