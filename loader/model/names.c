/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.c - maps of names, by uthash.
 */
#include "loader/model/names.h"

#include <errno.h>
#include <stdio.h>

int xs_names_add(struct xs_names *names, struct xs_arena *arena, const char *name, void *object)
{
	struct xs_name *entry;

	if (!name || xs_names_find(names, name))
		return name ? -EEXIST : -ENOMEM;
	entry = xs_arena_array(arena, 1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->name = name;
	entry->object = object;
	HASH_ADD_KEYPTR(hh, names->head, name, strlen(name), entry);
	return 0;
}

void *xs_names_find(const struct xs_names *names, const char *name)
{
	struct xs_name *entry;

	HASH_FIND_STR(names->head, name, entry);
	return entry ? entry->object : NULL;
}

void *xs_names_find_in(const struct xs_names *names, const char *owner, const char *name)
{
	char key[160];

	/* Names are shorter by far; what is cut off here is no name of the map. */
	snprintf(key, sizeof(key), "%s/%s", owner, name);
	return xs_names_find(names, key);
}

void xs_names_clear(struct xs_names *names)
{
	HASH_CLEAR(hh, names->head);
}

void xs_index_clear(struct xs_index *index)
{
	xs_names_clear(&index->node);
	xs_names_clear(&index->port);
	xs_names_clear(&index->slice);
	xs_names_clear(&index->vrf);
	xs_names_clear(&index->filter);
	xs_names_clear(&index->through);
}
