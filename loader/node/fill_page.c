// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fill_page.c - paging's pages: an entry for each, a table of virtual addresses for each slice, and one of WAN addresses (slice 0's),
 * which has the domain's pools as well (fill_pool.c).
 *
 * Always holds: an entry that packets may be reading is not changed; a page that becomes otherwise gets another entry, and the
 * former one stays, by its WAN prefix too, until it is withdrawn: so what was mapped before a change is unmapped after it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "loader/node/datapath_private.h"
#include "loader/node/fill_page.h"

struct page_key {
	uint32_t slice;
	struct xs_prefix prefix;
};

/* A page as it is, or was, in force. */
struct held_page {
	struct page_key key;
	struct xs_prefix mapped;
	struct page_content content;
	uint32_t entry;
	struct held_page *former; /* of the same key: not withdrawn yet */
	UT_hash_handle hh;
};

struct page_tables {
	uint32_t slice; /* 0: by WAN address */
	struct xs_table *table[XS_FAMILIES];
	UT_hash_handle hh;
};

void xs_fill_page_size(const struct xs_image *image, struct xs_datapath_size *size)
{
	/* Twice, as a changed page has two entries for a while; and that of the pools. */
	xs_fill_raise(&size->mappings, 2 * (uint64_t)image->count[XS_REC_PAGE] + 2);
}

/* ---- entries ------------------------------------------------------------------------------------------------------- */

/* RFC 1624: m' - m over the words as they are loaded from the wire. */
static uint16_t sum_of_change(const struct xs_prefix *from, const struct xs_prefix *to)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < xs_family_bits(from->family) / 8; i += 2) {
		uint16_t was, is;

		memcpy(&was, from->bytes + i, sizeof(was));
		memcpy(&is, to->bytes + i, sizeof(is));
		sum += is + (uint32_t)(uint16_t)~was;
	}
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum ? (uint16_t)sum : 0xffff;
}

static struct page_content content_of(const struct xs_rec_page *record)
{
	struct page_content content = {
		.page = { .slice = record->slice, .uplink = record->uplink, .sum = sum_of_change(&record->prefix, &record->mapped) }
	};
	union xs_wire_address change;

	for (size_t i = 0; i < sizeof(change.byte); i++)
		change.byte[i] = record->prefix.bytes[i] ^ record->mapped.bytes[i];
	memcpy(content.page.change, change.word, sizeof(content.page.change));
	memcpy(content.rest.change, change.word + XS_PAGE_WORDS, sizeof(content.rest.change));
	if (content.rest.change[0] | content.rest.change[1])
		content.page.uplink |= XS_PAGE_LONG;
	memcpy(content.rest.own.byte, record->own.bytes, sizeof(content.rest.own.byte));
	return content;
}

/* All but the page itself first: that is what tells a former agent's entries from free ones. 0 or negative errno. */
static int put_content(struct xs_fill *fill, uint32_t id, const struct page_content *content)
{
	int err = xs_node_maps_put(fill->maps, XS_MAP_page_rest, id, &content->rest);

	if (err >= 0)
		err = xs_node_maps_put(fill->maps, XS_MAP_page, id, &content->page);
	return err < 0 ? err : 0;
}

static void end(struct fill_pages *pages)
{
	free(pages->going);
	free(pages->taken);
	free(pages);
}

static int begin(struct xs_fill *fill)
{
	struct fill_pages *pages = calloc(1, sizeof(*pages));
	const struct xs_page none = {};
	struct xs_page now;
	int err = 0;

	if (!pages)
		return -ENOMEM;
	pages->entries = fill->maps->entries[XS_MAP_page];
	pages->lowest = 1;
	pages->taken = calloc(pages->entries, sizeof(*pages->taken));
	pages->going = calloc(pages->entries, sizeof(*pages->going));
	if (!pages->taken || !pages->going)
		err = -ENOMEM;
	for (uint32_t id = 1; !err && id < pages->entries; id++) {
		err = xs_node_maps_get(fill->maps, XS_MAP_page, id, &now);
		pages->taken[id] = !err && memcmp(&now, &none, sizeof(now));
	}
	if (err) {
		end(pages);
		return err;
	}
	fill->pages = pages;
	return 0;
}

int xs_fill_take_entry(struct xs_fill *fill, const struct page_content *content, uint32_t *out)
{
	struct fill_pages *pages = fill->pages;
	int err;

	while (pages->lowest < pages->entries && pages->taken[pages->lowest])
		pages->lowest++;
	if (pages->lowest >= pages->entries)
		return -ENOSPC;
	err = put_content(fill, pages->lowest, content);
	if (err)
		return err;
	*out = pages->lowest++;
	pages->taken[*out] = true;
	return 0;
}

void xs_fill_give_up_entry(struct fill_pages *pages, uint32_t id)
{
	pages->going[pages->going_count++] = id;
}

/* What was given up is free, after a grace period for all of it together. 0 or negative errno. */
static int free_going(struct xs_fill *fill)
{
	const struct page_content none = {};
	struct fill_pages *pages = fill->pages;

	if (pages->going_count)
		xs_pool_wait(fill->pool);
	while (pages->going_count) {
		uint32_t id = pages->going[pages->going_count - 1];
		int err = put_content(fill, id, &none);

		if (err)
			return err;
		pages->going_count--;
		pages->taken[id] = false;
		if (id < pages->lowest)
			pages->lowest = id;
	}
	return 0;
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

static struct page_tables *tables_of(const struct xs_fill *fill, uint32_t slice)
{
	struct page_tables *tables;

	HASH_FIND(hh, fill->pages->tables, &slice, sizeof(slice), tables);
	return tables;
}

struct xs_table *xs_fill_page_table(const struct xs_fill *fill, uint32_t slice, uint8_t family)
{
	const struct page_tables *tables = tables_of(fill, slice);

	return tables ? tables->table[xs_family_index(family)] : NULL;
}

int xs_fill_lead(struct xs_fill *fill, uint32_t slice, const struct xs_prefix *prefix, uint32_t entry)
{
	struct page_tables *tables = tables_of(fill, slice);
	struct xs_table **table;

	if (!tables) {
		tables = calloc(1, sizeof(*tables));
		if (!tables)
			return -ENOMEM;
		tables->slice = slice;
		HASH_ADD(hh, fill->pages->tables, slice, sizeof(slice), tables);
	}
	table = &tables->table[xs_family_index(prefix->family)];
	if (!*table)
		*table = xs_table_new(fill->pool, xs_family_bits(prefix->family) / 8);
	return *table ? xs_table_set(*table, prefix->bytes, prefix->length, entry) : -ENOSPC;
}

void xs_fill_lead_nowhere(struct xs_fill *fill, uint32_t slice, const struct xs_prefix *prefix, uint32_t entry)
{
	struct xs_table *table = xs_fill_page_table(fill, slice, prefix->family);
	uint32_t leads_to;

	/* Another page may be there by now. */
	if (table && xs_table_get(table, prefix->bytes, prefix->length, &leads_to) && leads_to == entry)
		xs_table_remove(table, prefix->bytes, prefix->length);
}

static int put_roots(struct xs_fill *fill, uint32_t slice, const struct page_tables *tables)
{
	struct xs_slice entry;
	int err = xs_node_maps_get(fill->maps, XS_MAP_slice, slice, &entry);

	if (err)
		return err;
	for (unsigned int family = 0; family < XS_FAMILIES; family++)
		entry.page_root[family] = tables && tables->table[family] ? xs_table_root(tables->table[family]) : 0;
	err = xs_node_maps_put(fill->maps, XS_MAP_slice, slice, &entry);
	return err < 0 ? err : 0;
}

/* ---- make ---------------------------------------------------------------------------------------------------------- */

static struct held_page *find(const struct xs_fill *fill, const struct page_key *key)
{
	struct held_page *held;

	HASH_FIND(hh, fill->pages->held, key, sizeof(*key), held);
	return held;
}

static bool is_as(const struct held_page *held, const struct xs_rec_page *record, const struct page_content *content)
{
	return !xs_prefix_compare(&held->mapped, &record->mapped) && !memcmp(&held->content, content, sizeof(*content));
}

/* The page with this content: the present one, a former one, or a new one; put first among those of its key. */
static int hold(struct xs_fill *fill, const struct xs_rec_page *record, struct held_page **out)
{
	const struct page_key key = { .slice = record->slice, .prefix = record->prefix };
	const struct page_content content = content_of(record);
	struct held_page *present = find(fill, &key), *held = NULL;
	int err;

	if (present && is_as(present, record, &content)) {
		*out = present;
		return 0;
	}
	for (struct held_page **at = present ? &present->former : NULL; at && *at; at = &(*at)->former)
		if (is_as(*at, record, &content)) {
			held = *at;
			*at = held->former;
			break;
		}
	if (!held) {
		held = calloc(1, sizeof(*held));
		if (!held)
			return -ENOMEM;
		held->key = key;
		held->mapped = record->mapped;
		held->content = content;
		err = xs_fill_take_entry(fill, &content, &held->entry);
		if (err) {
			free(held);
			return err;
		}
	}
	held->former = present;
	if (present)
		HASH_DEL(fill->pages->held, present);
	HASH_ADD(hh, fill->pages->held, key, sizeof(held->key), held);
	*out = held;
	return 0;
}

int xs_fill_pages(struct xs_fill *fill, const struct xs_image *image, char *error)
{
	const struct xs_rec_page *record;
	struct page_tables *tables;
	struct held_page *held;
	int err = 0;

	if (!fill->pages && (image->count[XS_REC_PAGE] || image->count[XS_REC_POOL]))
		err = begin(fill);
	/* First what unmaps, then what maps: nobody gets what he would refuse. */
	for (size_t i = 0; !err && (record = xs_image_at(image, XS_REC_PAGE, i)); i++) {
		err = hold(fill, record, &held);
		if (!err)
			err = xs_fill_lead(fill, 0, &held->mapped, held->entry);
	}
	for (size_t i = 0; !err && (record = xs_image_at(image, XS_REC_PAGE, i)); i++) {
		held = find(fill, &(struct page_key){ .slice = record->slice, .prefix = record->prefix });
		err = xs_fill_lead(fill, record->slice, &record->prefix, held->entry);
	}
	if (!err && fill->pages)
		err = xs_fill_hold_pools(fill, image);
	if (!err && fill->pages)
		err = xs_fill_lead_pools(fill);
	for (tables = fill->pages ? fill->pages->tables : NULL; !err && tables; tables = tables->hh.next)
		err = put_roots(fill, tables->slice, tables);
	return err ? xs_explain(error, err, "pages: cannot fill the maps: %s", strerror(-err)) : 0;
}

/* ---- withdraw ------------------------------------------------------------------------------------------------------ */

static void withdraw_one(struct xs_fill *fill, struct held_page *held)
{
	xs_fill_lead_nowhere(fill, held->key.slice, &held->key.prefix, held->entry);
	xs_fill_lead_nowhere(fill, 0, &held->mapped, held->entry);
	xs_fill_give_up_entry(fill->pages, held->entry);
	free(held);
}

static void withdraw_formers(struct xs_fill *fill, struct held_page *held)
{
	while (held->former) {
		struct held_page *former = held->former;

		held->former = former->former;
		withdraw_one(fill, former);
	}
}

static bool is_wanted(const struct xs_image *image, const struct held_page *held)
{
	return image && xs_image_find(image, XS_REC_PAGE, &held->key);
}

/* Tables without any page go, once nothing leads to them. */
static int withdraw_tables(struct xs_fill *fill)
{
	struct page_tables *tables, *next;
	int err = 0;

	HASH_ITER(hh, fill->pages->tables, tables, next) {
		struct xs_table *empty[XS_FAMILIES] = { NULL };

		for (unsigned int family = 0; family < XS_FAMILIES; family++)
			if (tables->table[family] && !xs_table_count(tables->table[family])) {
				empty[family] = tables->table[family];
				tables->table[family] = NULL;
			}
		err = put_roots(fill, tables->slice, tables);
		if (err)
			return err;
		for (unsigned int family = 0; family < XS_FAMILIES; family++)
			xs_table_free(empty[family]);
		if (!tables->table[XS_FAMILY4] && !tables->table[XS_FAMILY6]) {
			HASH_DEL(fill->pages->tables, tables);
			free(tables);
		}
	}
	return 0;
}

/* Entries and roots of a former agent, whose pages were all made anew by now. */
static int withdraw_strangers(struct xs_fill *fill)
{
	bool *ours = calloc(fill->pages->entries, sizeof(*ours));
	struct xs_slice slice;
	int err = ours ? 0 : -ENOMEM;

	for (const struct held_page *held = fill->pages->held; !err && held; held = held->hh.next)
		ours[held->entry] = true;
	if (!err)
		ours[fill->pages->elsewhere] = true;
	for (uint32_t id = 0; !err && id < fill->maps->entries[XS_MAP_slice]; id++) {
		err = xs_node_maps_get(fill->maps, XS_MAP_slice, id, &slice);
		if (!err && (slice.page_root[XS_FAMILY4] || slice.page_root[XS_FAMILY6]) && !tables_of(fill, id))
			err = put_roots(fill, id, NULL);
	}
	for (uint32_t id = 1; !err && id < fill->pages->entries; id++)
		if (fill->pages->taken[id] && !ours[id])
			xs_fill_give_up_entry(fill->pages, id);
	free(ours);
	return err ? err : free_going(fill);
}

int xs_fill_withdraw_pages(struct xs_fill *fill, const struct xs_image *image)
{
	struct held_page *held, *next;
	int err = 0;

	if (!fill->pages && fill->pages_swept)
		return 0;
	if (!fill->pages)
		err = begin(fill);
	if (err)
		return err;
	HASH_ITER(hh, fill->pages->held, held, next) {
		withdraw_formers(fill, held);
		if (is_wanted(image, held))
			continue;
		HASH_DEL(fill->pages->held, held);
		withdraw_one(fill, held);
	}
	err = xs_fill_withdraw_pools(fill, image);
	if (!err)
		err = free_going(fill);
	if (!err && !fill->pages_swept)
		err = withdraw_strangers(fill);
	fill->pages_swept |= !err;
	if (!err)
		err = withdraw_tables(fill);
	if (!err && !fill->pages->held && !fill->pages->pools) {
		end(fill->pages);
		fill->pages = NULL;
	}
	return err;
}
