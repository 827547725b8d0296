// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fill_source.c - the sources that users behind a port may have, one address table per user vport and family, changed in place:
 * what comes is added before the port names the table, what goes is taken out when all that is new is in force.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "loader/node/fill_private.h"

#define ALLOWED 1 /* the leaf; only that there is one counts */

struct fill_source {
	uint32_t vport;
	struct xs_table *table[XS_FAMILIES]; /* NULL: no source of this family was ever declared */
	struct xs_prefix *prefix; /* what the tables hold, sorted */
	size_t count;
	UT_hash_handle hh;
};

static int compare(const void *a, const void *b)
{
	return xs_prefix_compare(a, b);
}

/* The image's sources of a vport, sorted; NULL with count 0 where there is none. */
static int collect(const struct xs_image *image, uint32_t vport, struct xs_prefix **out, size_t *count)
{
	struct xs_prefix *prefix = NULL;
	const struct xs_rec_source *record;
	size_t n = 0;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_SOURCE, i)); i++)
		n += record->vport == vport;
	if (n) {
		prefix = calloc(n, sizeof(*prefix));
		if (!prefix)
			return -ENOMEM;
	}
	n = 0;
	for (size_t i = 0; (record = xs_image_at(image, XS_REC_SOURCE, i)); i++)
		if (record->vport == vport)
			prefix[n++] = record->prefix;
	if (n)
		qsort(prefix, n, sizeof(*prefix), compare);
	*out = prefix;
	*count = n;
	return 0;
}

static void source_free(struct xs_fill *fill, struct fill_source *source)
{
	HASH_DEL(fill->sources, source);
	for (int family = 0; family < XS_FAMILIES; family++)
		xs_table_free(source->table[family]);
	free(source->prefix);
	free(source);
}

static int source_get(struct xs_fill *fill, uint32_t vport, struct fill_source **out)
{
	struct fill_source *source;

	HASH_FIND(hh, fill->sources, &vport, sizeof(vport), source);
	if (!source) {
		source = calloc(1, sizeof(*source));
		if (!source)
			return -ENOMEM;
		source->vport = vport;
		HASH_ADD(hh, fill->sources, vport, sizeof(vport), source);
	}
	*out = source;
	return 0;
}

static int allow(struct xs_fill *fill, struct fill_source *source, const struct xs_prefix *prefix)
{
	struct xs_table **table = &source->table[xs_family_index(prefix->family)];

	if (!*table)
		*table = xs_table_new(fill->pool, xs_family_bits(prefix->family) / 8);
	return *table ? xs_table_set(*table, prefix->bytes, prefix->length, ALLOWED) : -ENOSPC;
}

static bool has(const struct xs_prefix *prefix, size_t count, const struct xs_prefix *wanted)
{
	return count && bsearch(wanted, prefix, count, sizeof(*prefix), compare);
}

static int add(struct xs_fill *fill, struct fill_source *source, const struct xs_prefix *prefix)
{
	struct xs_prefix *more;
	size_t at = source->count;
	int err;

	if (has(source->prefix, source->count, prefix))
		return 0;
	more = realloc(source->prefix, (source->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	source->prefix = more;
	err = allow(fill, source, prefix);
	if (err)
		return err;
	while (at && compare(&more[at - 1], prefix) > 0)
		at--;
	memmove(&more[at + 1], &more[at], (source->count - at) * sizeof(*more));
	more[at] = *prefix;
	source->count++;
	return 0;
}

int xs_fill_sources(struct xs_fill *fill, const struct xs_image *image, uint32_t vport, uint32_t root[XS_FAMILIES])
{
	struct fill_source *source;
	struct xs_prefix *prefix;
	size_t count;
	int err = collect(image, vport, &prefix, &count);

	if (err)
		return err;
	err = source_get(fill, vport, &source);
	for (size_t i = 0; !err && i < count; i++)
		err = add(fill, source, &prefix[i]);
	for (size_t i = 0; !err && i < count; i++) {
		unsigned int family = xs_family_index(prefix[i].family);

		root[family] = xs_table_root(source->table[family]);
	}
	free(prefix);
	return err;
}

/* Takes out what is not among the `count` given; a table without any goes. */
static int trim(struct fill_source *source, const struct xs_prefix *prefix, size_t count)
{
	bool held[XS_FAMILIES] = {false};
	size_t kept = 0;

	for (size_t i = 0; i < source->count; i++) {
		const struct xs_prefix one = source->prefix[i];
		unsigned int family = xs_family_index(one.family);
		int err = 0;

		if (has(prefix, count, &one)) {
			source->prefix[kept++] = one;
			held[family] = true;
			continue;
		}
		err = xs_table_remove(source->table[family], one.bytes, one.length);
		if (err && err != -ENOENT)
			return err;
	}
	source->count = kept;
	for (int family = 0; family < XS_FAMILIES; family++) {
		if (held[family])
			continue;
		xs_table_free(source->table[family]);
		source->table[family] = NULL;
	}
	return 0;
}

int xs_fill_withdraw_sources(struct xs_fill *fill, const struct xs_image *image)
{
	struct fill_source *source, *next;
	struct xs_prefix *prefix;
	size_t count;
	int err = 0;

	HASH_ITER(hh, fill->sources, source, next) {
		if (!image || !xs_image_find(image, XS_REC_VPORT, &source->vport)) {
			source_free(fill, source);
			continue;
		}
		err = collect(image, source->vport, &prefix, &count);
		if (err)
			return err;
		err = trim(source, prefix, count);
		free(prefix);
		if (err)
			return err;
	}
	return 0;
}
