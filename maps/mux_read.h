/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux_read.h - reads a policy as it stands in the maps, bounded: who wrote it is not trusted. */
#ifndef XSLICE_MAPS_MUX_READ_H
#define XSLICE_MAPS_MUX_READ_H

#include "maps/node_maps.h"

/* Each is called once for each page or node that the mux entry leads to, pages in their order; reading ends at
 * non-zero. */
struct xs_policy_reader {
	int (*page)(void *context, uint32_t number, const struct xs_mux_page *page, const struct xs_mux_origin *origin);
	int (*node)(void *context, uint32_t number); /* NULL: nodes are not read */
	void *context;
};

/* 0, what a callback returned, or negative errno: -ERANGE for a number outside its map, -ELOOP for pages that form a
 * ring. */
int xs_policy_read(const struct xs_node_maps *maps, const struct xs_mux *mux, const struct xs_policy_reader *reader);

#endif
