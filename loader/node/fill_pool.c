/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fill_pool.c - the domain's pools in the WAN's table, behind one entry for all: their addresses are somebody's, if not of this node.
 *
 * Always holds: what a page has, or had and has not withdrawn yet, and what lies below it, is led to the page and not to the pools.
 */
#include <errno.h>
#include <stdlib.h>

#include <uthash.h>

#include "loader/node/fill_page.h"

/* Where a page is or was in force, or covers it, it is not led to its entry, but once that is withdrawn. */
struct held_pool {
	struct xs_prefix prefix;
	UT_hash_handle hh;
};

int xs_fill_hold_pools(struct xs_fill *fill, const struct xs_image *image)
{
	const struct page_content content = { .page = { .sum = 0xffff } };
	struct fill_pages *pages = fill->pages;
	const struct xs_rec_pool *record;
	struct held_pool *held;
	int err = 0;

	if (!pages->elsewhere && image->count[XS_REC_POOL])
		err = xs_fill_take_entry(fill, &content, &pages->elsewhere);
	for (size_t i = 0; !err && (record = xs_image_at(image, XS_REC_POOL, i)); i++) {
		HASH_FIND(hh, pages->pools, &record->prefix, sizeof(record->prefix), held);
		if (held)
			continue;
		held = calloc(1, sizeof(*held));
		if (!held)
			return -ENOMEM;
		held->prefix = record->prefix;
		HASH_ADD(hh, pages->pools, prefix, sizeof(held->prefix), held);
	}
	return err;
}

/* Does the WAN's table have the prefix itself, a page's or the pool's; or a page, or a pool, that covers it? */
static bool is_led(const struct xs_table *table, const struct xs_prefix *prefix)
{
	uint32_t leaf;

	for (unsigned int length = prefix->length + 1; length-- > 0;)
		if (xs_table_get(table, prefix->bytes, length, &leaf))
			return true;
	return false;
}

int xs_fill_lead_pools(struct xs_fill *fill)
{
	const struct held_pool *held;
	int err = 0;

	for (held = fill->pages->pools; !err && held; held = held->hh.next) {
		const struct xs_table *table = xs_fill_page_table(fill, 0, held->prefix.family);

		if (!table || !is_led(table, &held->prefix))
			err = xs_fill_lead(fill, 0, &held->prefix, fill->pages->elsewhere);
	}
	return err;
}

int xs_fill_withdraw_pools(struct xs_fill *fill, const struct xs_image *image)
{
	struct fill_pages *pages = fill->pages;
	struct held_pool *held, *next;
	int err;

	HASH_ITER(hh, pages->pools, held, next) {
		if (image && xs_image_find(image, XS_REC_POOL, &held->prefix))
			continue;
		xs_fill_lead_nowhere(fill, 0, &held->prefix, pages->elsewhere);
		HASH_DEL(pages->pools, held);
		free(held);
	}
	err = xs_fill_lead_pools(fill);
	if (!err && !pages->pools && pages->elsewhere) {
		xs_fill_give_up_entry(pages, pages->elsewhere);
		pages->elsewhere = 0;
	}
	return err;
}
