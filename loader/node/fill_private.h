/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fill_private.h - what fill*.c share, and nobody else sees. */
#ifndef XSLICE_NODE_FILL_PRIVATE_H
#define XSLICE_NODE_FILL_PRIVATE_H

#include "loader/node/fill.h"

struct fill_source; /* the sources of one user vport: fill_source.c */
struct fill_mux;    /* the policy of one MUX: fill_mux.c */
struct fill_pages;  /* pages and their tables: fill_page.c */

struct xs_fill {
	struct xs_node_maps *maps;
	struct xs_pool *pool;
	struct xs_mux_space *space;
	struct fill_source *sources; /* by vport id */
	struct fill_mux *muxes;      /* by mux id */
	struct fill_pages *pages;    /* NULL: there are none */
	bool pages_swept;            /* none of a former agent is left */
};

/* The flags of a port, and what XDP may see there besides, which depends on the device. */
uint32_t xs_fill_flags_with(const struct xs_rec_port *port, const struct xs_node_port *device);

/* Those that the image (NULL: none) does not have; nothing leads to them any more. */
int xs_fill_withdraw_vports(struct xs_fill *fill, const struct xs_image *image);

/*
 * Adds the image's sources to the tables of a vport; root, all 0 before: what its port must name, 0 where none is declared. Those
 * that the image (NULL: none) has no more are taken out by the second, once no port of a former image can need them.
 */
int xs_fill_sources(struct xs_fill *fill, const struct xs_image *image, uint32_t vport,
		    uint32_t root[XS_FAMILIES]);
int xs_fill_withdraw_sources(struct xs_fill *fill, const struct xs_image *image);

/* The part of xs_fill_size() that is the pages'. */
void xs_fill_page_size(const struct xs_image *image, struct xs_datapath_size *size);
/* Those that the image (NULL: none) does not have, or has otherwise. */
int xs_fill_withdraw_pages(struct xs_fill *fill, const struct xs_image *image);

static inline void xs_fill_raise(uint32_t *value, uint64_t wanted)
{
	if (wanted > *value)
		*value = wanted < 1u << 30 ? wanted : 1u << 30;
}

/* The part of xs_fill_size() that is the MUXes'. */
void xs_fill_mux_size(const struct xs_image *image, struct xs_datapath_size *size);

/* Mux entry of the newest policy of a MUX; 0: it has none. */
uint32_t xs_fill_mux_entry(const struct xs_fill *fill, uint32_t mux);
/* No port names a replaced policy any more, nor any of a MUX that the image (NULL: none) does not have: they are freed. */
void xs_fill_withdraw_muxes(struct xs_fill *fill, const struct xs_image *image);

#endif
