/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mux_read.h - reads a policy as it stands in the maps, bounded: who wrote it is not trusted. */
#ifndef XSLICE_MAPS_MUX_READ_H
#define XSLICE_MAPS_MUX_READ_H

#include "maps/node_maps.h"

/*
 * fn is called once for each rule that the entry's table, chains and general conditions lead to; it ends at non-zero.
 */
struct xs_policy_reader {
	int (*rule)(void *context, uint32_t id, const struct xs_mux_rule *rule);
	void *context;
	uint32_t blocks; /* out: blocks met */
};

/* 0, what fn returned, or negative errno: -ERANGE for a mux, general or rule number outside its map. */
int xs_policy_read(const struct xs_node_maps *maps, const struct xs_mux *mux, struct xs_policy_reader *reader);

#endif
