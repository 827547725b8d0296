/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_node.h - the maps of a node in plain memory, for tests of MUX policies; and the datapath's choice (bpf/select.h),
 * made of what stands in them.
 */
#ifndef XSLICE_SELFTESTS_UNIT_MUX_NODE_H
#define XSLICE_SELFTESTS_UNIT_MUX_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/mux_policy.h"

#define MUX_NODE_CPUS  2
#define MUX_NODE_CELLS 256

struct mux_node {
	struct xs_node_maps maps;
	struct xs_pool *pool;
	struct xs_mux_space *space;
	unsigned int graces;
};

/* Room for so many pages, as many nodes, and so many blocks. */
void mux_node_new(struct mux_node *node, uint32_t pages, uint32_t blocks);
void mux_node_free(struct mux_node *node);
/* The agent ends; what it wrote stays. And another one starts. */
void mux_node_stop(struct mux_node *node);
void mux_node_start(struct mux_node *node);
/* A policy of an agent that was killed: nobody gives its entries back. Kept in sight of the leak checker. */
void mux_node_lose(struct xs_policy *policy);

void mux_node_name_in_port(struct mux_node *node, uint32_t port, uint32_t mux);
const uint64_t *mux_node_cells(const struct mux_node *node);

/* Position of the rule that selects, or -1. *rule: the rule. */
int64_t mux_node_walk(const struct mux_node *node, uint32_t mux, const struct xs_selector *s, uint32_t *rule);

/* ---- conditions -------------------------------------------------------------------------------------------------- */

/* A host-order number as the last four bytes of an address of a family; the others are a prefix of documentation. */
void mux_node_address(uint8_t out[16], unsigned int family, uint32_t host);
/*
 * `per_slice` hosts from 10.0.0.0 on in two slices' lists, then `any` of IPv4 in the third. malloc()ed. Cells 1 .. 100
 * in turn.
 */
struct xs_condition *mux_node_hosts(size_t per_slice, size_t *count);

#endif
