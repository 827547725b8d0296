/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeup.h - what a former agent left in force in the maps: kept from being handed out until this agent has put its own in
 * its place, then released.
 */
#ifndef XSLICE_AGENT_TAKEUP_H
#define XSLICE_AGENT_TAKEUP_H

#include "loader/node/mirror.h"
#include "maps/address_table.h"
#include "maps/mux_policy.h"
#include "maps/node_maps.h"

struct xs_takeup;

/*
 * Adopts blocks and next hops under the roots of all slices, of the edges that they lead to, and of the ports' sources. Before
 * the first table of the pool is made. (A mux space adopts its own.)
 */
int xs_takeup_new(struct xs_node_maps *maps, struct xs_pool *pool, struct xs_nexthops *nexthops, struct xs_takeup **out);
/* Nothing leads to any of it any more. */
void xs_takeup_release(struct xs_takeup *takeup, struct xs_mux_space *space);
void xs_takeup_free(struct xs_takeup *takeup);

#endif
