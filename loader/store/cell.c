// SPDX-License-Identifier: GPL-2.0-or-later
/* cell.c - see cell.h. */
#include "loader/store/cell.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 32

static const char *key_of(uint32_t id, char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "cell/%" PRIu32, id);
	return key;
}

int xs_stored_cell_get(struct xs_store *store, uint32_t id, struct xs_stored_cell *out)
{
	struct xs_stored_cell cell;
	char key[KEY_SIZE];
	int used = -1, err;
	void *text;
	size_t size;

	err = xs_store_get(store, key_of(id, key), &text, &size);
	if (err)
		return err;
	if (sscanf(text, "%" SCNu64 " %" SCNu32 "\n%n", &cell.generation, &cell.slice, &used) != 2 || (size_t)used != size ||
	    cell.slice > XS_SLICE_MAX || cell.generation > XS_GENERATION_MAX)
		err = -EBADMSG;
	else
		*out = cell;
	free(text);
	return err;
}

int xs_stored_cell_put(struct xs_store *store, uint32_t id, const struct xs_stored_cell *cell)
{
	char key[KEY_SIZE], text[48];
	int size = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu32 "\n", cell->generation, cell->slice);

	return xs_store_put(store, key_of(id, key), text, (size_t)size);
}

int xs_stored_cell_delete(struct xs_store *store, uint32_t id)
{
	char key[KEY_SIZE];

	return xs_store_delete(store, key_of(id, key));
}

struct listing {
	int (*fn)(void *context, uint32_t id);
	void *context;
};

static int take_name(void *context, const char *name)
{
	const struct listing *listing = context;
	char *end;
	unsigned long id = strtoul(name, &end, 10);

	/* What else lies there is nobody's cell. */
	return *name < '0' || *name > '9' || *end || id > UINT32_MAX ? 0 : listing->fn(listing->context, (uint32_t)id);
}

int xs_stored_cell_list(struct xs_store *store, int (*fn)(void *context, uint32_t id), void *context)
{
	struct listing listing = { .fn = fn, .context = context };

	return xs_store_list(store, "cell", take_name, &listing);
}
