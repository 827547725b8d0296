/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ledger.c - spaces and entries: made, found, copied, freed. See ledger.h. */
#include "loader/plan/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct xs_ledger *xs_ledger_new(void)
{
	return calloc(1, sizeof(struct xs_ledger));
}

static void space_free(struct xs_space *space)
{
	struct xs_entry *entry, *next;

	HASH_CLEAR(by_owner, space->by_owner);
	HASH_ITER(by_number, space->by_number, entry, next) {
		HASH_DELETE(by_number, space->by_number, entry);
		free(entry->owner);
		free(entry);
	}
	free(space->name);
	free(space);
}

void xs_ledger_free(struct xs_ledger *ledger)
{
	struct xs_space *space, *next;

	if (!ledger)
		return;
	HASH_ITER(hh, ledger->space, space, next) {
		HASH_DEL(ledger->space, space);
		space_free(space);
	}
	free(ledger);
}

struct xs_space *xs_ledger_space(struct xs_ledger *ledger, const char *name)
{
	struct xs_space *space;

	HASH_FIND_STR(ledger->space, name, space);
	if (space)
		return space;
	space = calloc(1, sizeof(*space));
	if (!space)
		return NULL;
	space->name = strdup(name);
	if (space->name)
		HASH_ADD_KEYPTR(hh, ledger->space, space->name, strlen(space->name), space);
	if (!space->name || !space->hh.tbl) {
		space_free(space);
		return NULL;
	}
	return space;
}

struct xs_entry *xs_space_owner(const struct xs_space *space, const char *owner)
{
	struct xs_entry *entry;

	HASH_FIND(by_owner, space->by_owner, owner, strlen(owner), entry);
	return entry;
}

struct xs_entry *xs_space_number(const struct xs_space *space, uint64_t number)
{
	struct xs_entry *entry;

	HASH_FIND(by_number, space->by_number, &number, sizeof(number), entry);
	return entry;
}

struct xs_entry *xs_space_add(struct xs_space *space, const char *owner, uint64_t number)
{
	struct xs_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->number = number;
	entry->owner = owner ? strdup(owner) : NULL;
	if (owner && !entry->owner)
		goto failed;
	HASH_ADD(by_number, space->by_number, number, sizeof(entry->number), entry);
	if (!entry->by_number.tbl)
		goto failed;
	if (!owner)
		return entry;
	HASH_ADD_KEYPTR(by_owner, space->by_owner, entry->owner, strlen(entry->owner), entry);
	if (entry->by_owner.tbl)
		return entry;
	HASH_DELETE(by_number, space->by_number, entry);
failed:
	free(entry->owner);
	free(entry);
	return NULL;
}

void xs_space_disown(struct xs_space *space, struct xs_entry *entry)
{
	if (!entry->owner)
		return;
	HASH_DELETE(by_owner, space->by_owner, entry);
	free(entry->owner);
	entry->owner = NULL;
}

int xs_space_rename(struct xs_space *space, struct xs_entry *entry, const char *owner)
{
	char *copy = strdup(owner);

	if (!copy)
		return -ENOMEM;
	xs_space_disown(space, entry);
	entry->owner = copy;
	HASH_ADD_KEYPTR(by_owner, space->by_owner, entry->owner, strlen(entry->owner), entry);
	if (entry->by_owner.tbl)
		return 0;
	free(entry->owner);
	entry->owner = NULL;
	return -ENOMEM;
}

void xs_space_remove(struct xs_space *space, struct xs_entry *entry)
{
	xs_space_disown(space, entry);
	HASH_DELETE(by_number, space->by_number, entry);
	free(entry);
}

void xs_ledger_finish(struct xs_ledger *ledger)
{
	struct xs_space *space;
	struct xs_entry *entry;

	for (space = ledger->space; space; space = space->hh.next) {
		for (entry = space->by_number; entry; entry = entry->by_number.next) {
			if (entry->claimed || entry->freed)
				continue;
			entry->freed = ledger->change + 1;
			ledger->dirty = true;
		}
	}
	if (ledger->dirty)
		ledger->change++;
}
