/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_space.h - who holds which entry of a node's mux maps, for mux_policy.c alone.
 *
 * Always holds: an entry that is given back is free again only after a grace period; a mux entry is zeroed then.
 */
#ifndef XSLICE_MAPS_MUX_SPACE_H
#define XSLICE_MAPS_MUX_SPACE_H

#include "maps/mux_policy.h"

enum xs_id_state {
	XS_ID_FREE,
	XS_ID_USED,
	XS_ID_WAITING, /* for a grace period */
	XS_ID_ADOPTED, /* a former agent's, in force */
};

/* The entries of one map. */
struct xs_ids {
	uint8_t *state;
	uint32_t size, free, waiting;
	uint32_t low; /* none below is free */
};

/* Pages' entries are those of mux_page, mux_origin and mux_stats alike. */
enum { XS_IDS_MUX, XS_IDS_PAGE, XS_IDS_NODE, XS_IDS_VECTOR, XS_IDS_GENERAL, XS_IDS_COUNT };

struct xs_mux_space {
	struct xs_node_maps *maps;
	struct xs_pool *pool;
	struct xs_ids ids[XS_IDS_COUNT];
};

void xs_ids_set(struct xs_ids *ids, uint32_t id, enum xs_id_state state);
/* There is one free: xs_mux_space_want() said so. */
uint32_t xs_ids_take(struct xs_ids *ids);
/* First of `count` neighbours that are free; UINT32_MAX if there are none. */
uint32_t xs_ids_find_run(const struct xs_ids *ids, uint32_t count);

/* Is there room for one more policy? Waits for a grace period if only that gives it. 0 or -ENOSPC. */
int xs_mux_space_want(struct xs_mux_space *space, const struct xs_policy_size *size);

#endif
