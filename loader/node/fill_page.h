/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fill_page.h - what fill_page.c and fill_pool.c share: the tables of pages, and the entries that these lead to. Included by these only.
 *
 * Always holds: an entry that was given up is free again only after a grace period.
 */
#ifndef XSLICE_NODE_FILL_PAGE_H
#define XSLICE_NODE_FILL_PAGE_H

#include "loader/node/fill_private.h"

struct page_content {
	struct xs_page page;
	struct xs_page_rest rest;
};

struct held_page;   /* fill_page.c */
struct page_tables; /* fill_page.c */
struct held_pool;   /* fill_pool.c */

struct fill_pages {
	struct held_page *held;
	struct held_pool *pools;
	uint32_t elsewhere; /* the pools' entry; 0: there are none */
	struct page_tables *tables;
	bool *taken; /* entries: ours, or of a former agent that has not been withdrawn */
	uint32_t entries, lowest; /* below that, all are taken */
	uint32_t *going, going_count; /* nothing leads to them any more, but a packet may be reading them */
};

/* ---- fill_page.c ---- */

/* A free entry, with this content. -ENOSPC: there is none. */
int xs_fill_take_entry(struct xs_fill *fill, const struct page_content *content, uint32_t *out);
/* Once nothing leads to it any more. */
void xs_fill_give_up_entry(struct fill_pages *pages, uint32_t id);

/* slice 0: by WAN address. NULL: there is none. */
struct xs_table *xs_fill_page_table(const struct xs_fill *fill, uint32_t slice, uint8_t family);
int xs_fill_lead(struct xs_fill *fill, uint32_t slice, const struct xs_prefix *prefix, uint32_t entry);
void xs_fill_lead_nowhere(struct xs_fill *fill, uint32_t slice, const struct xs_prefix *prefix, uint32_t entry);

/* ---- fill_pool.c ---- */

int xs_fill_hold_pools(struct xs_fill *fill, const struct xs_image *image);
/* Of all there is in the WAN's table pools come last: they shut what nobody else has. */
int xs_fill_lead_pools(struct xs_fill *fill);
/* Those that the image (NULL: none) does not have. */
int xs_fill_withdraw_pools(struct xs_fill *fill, const struct xs_image *image);

#endif
