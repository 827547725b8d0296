/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nexthops.h - how the mirrors of a node get, change and give back nexthop entries. Adoption: mirror.h.
 *
 * Always holds: an entry that packets may read changes as contract.h says (kind = PUNT, a grace period, the rest,
 * kind); one that was given back is filled anew only after a grace period. One period serves all that wait for it.
 */
#ifndef XSLICE_NODE_NEXTHOPS_H
#define XSLICE_NODE_NEXTHOPS_H

#include "loader/node/mirror.h"

/*
 * Entries that are the same for all: what punts, what drops, what is punted as unreachable, and what makes the kernel look for a
 * new neighbour. One each for all mirrors. 0: there is no room for it.
 */
uint32_t xs_nexthops_punt(struct xs_nexthops *nexthops);
uint32_t xs_nexthops_blackhole(struct xs_nexthops *nexthops);
uint32_t xs_nexthops_unreachable(struct xs_nexthops *nexthops);
uint32_t xs_nexthops_resolve(struct xs_nexthops *nexthops);

/* A zeroed entry of kind PUNT; 0: there is none. */
uint32_t xs_nexthops_take(struct xs_nexthops *nexthops);
/* Nothing leads to the entry any more. */
void xs_nexthops_give_back(struct xs_nexthops *nexthops, uint32_t id);

/* A group, zeroed; 0: there is none. Given back, it is handed out again when nobody can be reading it any more. */
uint32_t xs_nexthops_take_group(struct xs_nexthops *nexthops);
void xs_nexthops_give_back_group(struct xs_nexthops *nexthops, uint32_t id);
void xs_nexthops_set_slot(struct xs_nexthops *nexthops, uint32_t group, uint32_t slot, uint32_t nexthop);

/*
 * Makes the entry equal to *content: at once where readers allow that, else it punts until xs_nexthops_commit(). Of
 * content with kind PUNT only the kind counts.
 */
void xs_nexthops_set(struct xs_nexthops *nexthops, uint32_t id, const struct xs_nexthop *content);
void xs_nexthops_commit(struct xs_nexthops *nexthops);

#endif
