/* SPDX-License-Identifier: GPL-2.0-or-later */
/* intern.c - see intern.h. Chained hashing; the chains are made anew when the records' room doubles. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/intern.h"

static const char *at(const struct xs_intern *set, uint32_t number)
{
	return (const char *)set->record + (size_t)(number - 1) * set->size;
}

static uint64_t hash_of(const struct xs_intern *set, const void *content)
{
	const char *byte = content;
	uint64_t hash = 0;

	for (size_t i = 0; i < set->size;) {
		size_t rest = set->size - i;
		uint64_t word = 0;

		memcpy(&word, byte + i, rest < sizeof(word) ? rest : sizeof(word));
		hash = (hash ^ word) * 0xd6e8feb86659fd93ull;
		hash ^= hash >> 32;
		i += sizeof(word);
	}
	return hash;
}

static int grow(struct xs_intern *set)
{
	size_t room = set->room ? 2 * set->room : 64, heads = 2 * room;
	uint32_t *head = calloc(heads, sizeof(*head)), *following;
	void *record = realloc(set->record, room * set->size);

	if (record)
		set->record = record;
	following = realloc(set->following, room * sizeof(*following));
	if (following)
		set->following = following;
	if (!head || !record || !following) {
		free(head);
		return -ENOMEM;
	}
	for (uint32_t number = 1; number <= set->count; number++) {
		uint32_t *first = &head[hash_of(set, at(set, number)) % heads];

		following[number - 1] = *first;
		*first = number;
	}
	free(set->head);
	set->head = head;
	set->heads = heads;
	set->room = room;
	return 0;
}

int xs_intern(struct xs_intern *set, const void *content, uint32_t *number)
{
	uint32_t *first;

	if (set->count == set->room && grow(set))
		return -ENOMEM;
	first = &set->head[hash_of(set, content) % set->heads];
	for (uint32_t n = *first; n; n = set->following[n - 1]) {
		if (!memcmp(at(set, n), content, set->size)) {
			*number = n;
			return 0;
		}
	}
	memcpy((char *)set->record + set->count * set->size, content, set->size);
	set->following[set->count] = *first;
	*first = *number = ++set->count;
	return 0;
}

void xs_intern_free(struct xs_intern *set)
{
	free(set->record);
	free(set->head);
	free(set->following);
	*set = (struct xs_intern){ .size = set->size };
}
