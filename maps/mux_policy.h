/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_policy.h - compiles the conditions of one MUX into rules, an address table and general conditions (contract.h)
 * such that the datapath's walk gives the answer of the naive walk: lists in order, conditions in order, first match in
 * force.
 *
 * A policy is built aside, in entries that no packet reads, and comes into force when the caller writes its mux id into
 * a port. What it replaced is taken back with xs_policy_free() after that.
 */
#ifndef XSLICE_MAPS_MUX_POLICY_H
#define XSLICE_MAPS_MUX_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maps/address_table.h"
#include "maps/node_maps.h"

/* A condition that tests no address is of either family; one that tests addresses of both can match nothing. */
#define XS_FAMILY_EITHER XS_FAMILIES
#define XS_FAMILY_NEITHER (XS_FAMILIES + 1)

/*
 * One condition of the naive walk, resolved. destination/source length 0: matches all of the family. Ranges are
 * inclusive. Only an exact destination may bear a cell.
 */
struct xs_condition {
	uint32_t position; /* ascending in the array handed in */
	uint32_t slice, vport;
	uint32_t vm_cell, group_cell;
	uint8_t destination[16], source[16]; /* wire order; IPv4: the first four bytes */
	uint8_t destination_length, source_length;
	uint8_t family; /* XS_FAMILY4, XS_FAMILY6, or as above: packets of which it matches */
	uint8_t protocol;
	uint16_t fields; /* enum xs_general_field */
	uint16_t source_port[2], destination_port[2], dscp[2];
	uint32_t input_port; /* port id */
};

/*
 * What the naive walk sees of a packet; tests' oracle and `xslice show` use it. Ports are host order; has_ports: no
 * fragment.
 */
struct xs_selector {
	uint8_t destination[16], source[16];
	uint8_t family; /* XS_FAMILY4 or XS_FAMILY6 */
	uint8_t protocol, dscp;
	bool has_ports;
	uint16_t source_port, destination_port;
	uint32_t input_port;
};

/* The meaning (R18): index of the first condition that matches and is in force, or -1. cells: words by cell id. */
int64_t xs_naive_walk(const struct xs_condition *condition, size_t count, const struct xs_selector *selector,
		      const uint64_t *cells);

/*
 * Is a condition of `slice` with these cells in force? A VM's cell yields to its group's only where that is of a higher
 * generation.
 */
bool xs_in_force(uint32_t slice, uint32_t vm_cell, uint32_t group_cell, const uint64_t *cells);

/* Most destination-only conditions over one address in `condition`, for check: above XS_MUX_WALK_MAX it is refused. */
size_t xs_conditions_depth(const struct xs_condition *condition, size_t count);

/* Entries that a policy of these conditions takes in the maps. */
struct xs_policy_size {
	uint32_t pages, nodes, vectors, generals;
};
/* 0, -ENOMEM, -E2BIG or -EINVAL as xs_policy_build(). */
int xs_policy_measure(const struct xs_condition *condition, size_t count, struct xs_policy_size *out);

/*
 * Hands out a node's entries of the mux maps. What a former agent left in force, that is, what ports
 * name, is adopted with its blocks: so it is made before any table of the pool.
 */
struct xs_mux_space;
struct xs_mux_space *xs_mux_space_new(struct xs_node_maps *maps, struct xs_pool *pool);
void xs_mux_space_free(struct xs_mux_space *space);

struct xs_policy;
/*
 * Compiles and writes a policy aside. id: the definition's MUX id, kept in struct xs_mux. -ENOSPC: maps or pool are
 * full; -E2BIG: more general conditions, or more over one address, or more cells, than the contract's
 * bounds; -EINVAL: a cell at a
 * destination that is not exact. Nothing is left behind on failure.
 */
int xs_policy_build(struct xs_mux_space *space, uint32_t id, const struct xs_condition *condition, size_t count,
		    struct xs_policy **out);
uint32_t xs_policy_mux(const struct xs_policy *policy);                      /* mux entry: what a port must name */
/* Its rule: where it is counted; 0: it can never be chosen. */
uint32_t xs_policy_rule(const struct xs_policy *policy, size_t condition);
/* After nothing leads to it: its entries and blocks are reused after a grace period. */
void xs_policy_free(struct xs_policy *policy);

/*
 * Takes over the policy that a former agent left as mux entry `mux` if it is, entry by entry, what `condition` compiles
 * to; -ESTALE if not (then build anew and release it with xs_mux_space_release()).
 */
int xs_policy_adopt(struct xs_mux_space *space, uint32_t mux, const struct xs_condition *condition, size_t count,
		    struct xs_policy **out);
void xs_mux_space_release(struct xs_mux_space *space, uint32_t mux);

/*
 * For `xslice stats` without an agent: the rules of the conditions in force at positions 0 .. positions - 1, rule[position],
 * 0 where there is none. 0 or negative errno.
 */
int xs_mux_rules(const struct xs_node_maps *maps, uint32_t mux, uint32_t *rule, size_t positions);

#endif
