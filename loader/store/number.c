/* SPDX-License-Identifier: GPL-2.0-or-later */
/* number.c - decimal numbers as values, over any store. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/store/store.h"

#define NUMBER_TEXT 24

int xs_store_get_number(struct xs_store *store, const char *key, uint64_t *value)
{
	void *text = NULL;
	char *end;
	size_t size;
	uint64_t number;
	int err = xs_store_get(store, key, &text, &size);

	if (err)
		return err;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*(char *)text < '0' || *(char *)text > '9' || errno || strcmp(end, "\n") || end + 1 != (char *)text + size)
		err = -EBADMSG;
	else
		*value = number;
	free(text);
	return err;
}

static int text_of(char text[NUMBER_TEXT], uint64_t value)
{
	return snprintf(text, NUMBER_TEXT, "%" PRIu64 "\n", value);
}

int xs_store_put_number(struct xs_store *store, const char *key, uint64_t value)
{
	char text[NUMBER_TEXT];
	int size = text_of(text, value);

	return xs_store_put(store, key, text, (size_t)size);
}

int xs_store_batch_add_number(struct xs_store_batch *batch, const char *key, uint64_t value)
{
	char text[NUMBER_TEXT];
	int size = text_of(text, value);

	return xs_store_batch_add(batch, key, text, (size_t)size);
}
