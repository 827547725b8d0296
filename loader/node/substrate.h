/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * substrate.h - what paging has in the node's own namespace, the routing instance that slices share: routes to the pages whose
 * hosts are here, by the uplinks of their slivers, and the mapped addresses of VRFs and links that have no sliver here. All
 * else there, the ports' addresses and the routing daemon above all, is the operator's.
 *
 * Always holds: routes are of protocol XS_RTPROT, addresses stand in the journal: nothing else is ever touched.
 */
#ifndef XSLICE_NODE_SUBSTRATE_H
#define XSLICE_NODE_SUBSTRATE_H

#include "loader/node/internal.h"

/* Notes the addresses that are to be added; refuses those that somebody else has put there. Changes nothing. */
int xs_substrate_claim(struct xs_node *node, const struct xs_image *image, char *error);

/* Is lo down, where the addresses are? */
bool xs_substrate_is_down(struct xs_node *node);

/* What is on an uplink and not in the image goes: routes, and a family that its slice does not carry. NULL: nothing is done. */
int xs_substrate_trim(struct xs_node *node, const struct xs_image *image, char *error);
/* An address of the journal that no image holds any more, and the route to it. */
int xs_substrate_give_back(struct xs_node *node, const struct xs_journal_entry *entry, char *error);

#endif
