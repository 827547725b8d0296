/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * allocate.c - gives numbers so that nobody is renumbered because a neighbour came or went, and that nothing is given
 * away in the very change that frees it. Deterministic: the same wants over the same ledger get the same numbers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "loader/plan/ledger.h"

static bool refused(const struct xs_rule *rule, const struct xs_want *want, uint64_t number, const char **why,
		    const struct xs_place **at)
{
	return rule->refuses && rule->refuses(rule->context, want, number, why, at);
}

static void claim(struct xs_ledger *ledger, struct xs_want *want, struct xs_entry *entry, bool fresh)
{
	if (fresh) {
		entry->freed = 0;
		entry->generation = want->generation;
		ledger->dirty = true;
	}
	entry->claimed = true;
	want->number = entry->number;
	want->generation = entry->generation;
}

/* The owner's number becomes a tombstone without owner, of this change unless it was one before. */
static void leave(struct xs_ledger *ledger, struct xs_space *space, struct xs_entry *entry)
{
	if (!entry->freed)
		entry->freed = ledger->change + 1;
	xs_space_disown(space, entry);
	ledger->dirty = true;
}

static int add(struct xs_ledger *ledger, struct xs_want *want, uint64_t number)
{
	struct xs_entry *entry = xs_space_number(want->space, number), *own = xs_space_owner(want->space, want->owner);

	if (entry)
		xs_space_remove(want->space, entry);
	if (own && own != entry)
		leave(ledger, want->space, own);
	entry = xs_space_add(want->space, want->owner, number);
	if (!entry)
		return -ENOMEM;
	claim(ledger, want, entry, true);
	return 0;
}

/* What the definition writes goes first and is honoured against what others were given by us. */
static int take_written(struct xs_ledger *ledger, const struct xs_rule *rule, struct xs_want *want,
			struct xs_diag *diag)
{
	struct xs_entry *entry = xs_space_number(want->space, want->number);
	const struct xs_place *at = NULL;
	uint64_t number = want->number;
	const char *why = NULL;

	want->number = 0;
	if (number < rule->first || number > rule->last) {
		xs_diag_add(diag, XS_ERROR, want->number_place, "%s %" PRIu64 " is not in %" PRIu64 " to %" PRIu64,
			    rule->noun, number, rule->first, rule->last);
		return 0;
	}
	if (refused(rule, want, number, &why, &at)) {
		xs_diag_add(diag, XS_ERROR, want->number_place, "%s %" PRIu64 " %s", rule->noun, number, why);
		if (at)
			xs_diag_note(diag, at, "here");
		return 0;
	}
	if (entry && entry->claimed) {
		xs_diag_add(diag, XS_ERROR, want->number_place, "%s %" PRIu64 " of %s is given to %s as well",
			    rule->noun, number, want->owner, entry->owner);
		return 0;
	}
	if (entry && entry == xs_space_owner(want->space, want->owner)) {
		claim(ledger, want, entry, entry->freed != 0);
		return 0;
	}
	if (rule->strict && entry && !entry->freed)
		xs_diag_add(diag, XS_WARNING, want->number_place,
			    "%s %" PRIu64 " is %s's until this change: packets on their way may end up in %s",
			    rule->noun, number, entry->owner, want->owner);
	return add(ledger, want, number);
}

static void take_kept(struct xs_ledger *ledger, const struct xs_rule *rule, struct xs_want *want)
{
	struct xs_entry *entry = xs_space_owner(want->space, want->owner);
	const struct xs_place *at;
	const char *why;

	if (!entry)
		return;
	if (entry->number < rule->first || entry->number > rule->last || refused(rule, want, entry->number, &why, &at))
		leave(ledger, want->space, entry);
	else
		claim(ledger, want, entry, entry->freed != 0);
}

/* May it be given now? Held, or freed by this very change: no. */
static bool to_be_had(const struct xs_ledger *ledger, const struct xs_rule *rule, const struct xs_want *want,
		      uint64_t number, bool tombstones)
{
	const struct xs_entry *entry = xs_space_number(want->space, number);
	const struct xs_place *at;
	const char *why;

	if (entry && (!tombstones || !entry->freed || entry->freed > ledger->change))
		return false;
	return !refused(rule, want, number, &why, &at);
}

static uint64_t oldest_tombstone(const struct xs_ledger *ledger, const struct xs_rule *rule, const struct xs_want *want)
{
	const struct xs_entry *entry, *best = NULL;

	for (entry = want->space->by_number; entry; entry = entry->by_number.next) {
		if (entry->number < rule->first || entry->number > rule->last || !entry->freed ||
		    (best &&
		     (best->freed < entry->freed || (best->freed == entry->freed && best->number < entry->number))))
			continue;
		if (to_be_had(ledger, rule, want, entry->number, true))
			best = entry;
	}
	return best ? best->number : 0;
}

static uint64_t next_number(const struct xs_rule *rule, uint64_t number)
{
	if (number == rule->last && rule->first < rule->start)
		return rule->first;
	if (number == rule->last || number + 1 == rule->start)
		return 0;
	return number + 1;
}

static int take_new(struct xs_ledger *ledger, const struct xs_rule *rule, struct xs_want *want, struct xs_diag *diag)
{
	struct xs_space *space = want->space;
	uint64_t number = space->cursor ? space->cursor : rule->start, others = 0;
	unsigned int held, given = HASH_CNT(by_number, space->by_number);
	const struct xs_place *at;
	const char *why;

	while (number && !to_be_had(ledger, rule, want, number, rule->dense)) {
		/* What is refused to this one may be had by another. */
		if (rule->personal && !others && refused(rule, want, number, &why, &at))
			others = number;
		number = next_number(rule, number);
	}
	if (number)
		space->cursor = others ? others : number;
	else
		number = oldest_tombstone(ledger, rule, want);
	if (number)
		return add(ledger, want, number);
	held = 0;
	for (struct xs_entry *entry = space->by_number; entry; entry = entry->by_number.next)
		held += entry->claimed;
	xs_diag_add(diag, XS_ERROR, want->place,
		    "no %s is left for %s (%s): %" PRIu64 " to %" PRIu64 ", %u in use, %u freed by this change",
		    rule->noun, want->owner, space->name, rule->first, rule->last, held, given - held);
	return 0;
}

int xs_allocate(struct xs_ledger *ledger, const struct xs_rule *rule, struct xs_want *want, size_t count,
		struct xs_diag *diag)
{
	bool *served = calloc(count + 1, sizeof(*served));
	size_t i;
	int err = served ? 0 : -ENOMEM;

	for (i = 0; i < count && !err; i++) {
		served[i] = want[i].number != 0;
		if (served[i])
			err = take_written(ledger, rule, &want[i], diag);
	}
	for (i = 0; i < count && !err; i++) {
		if (served[i])
			continue;
		take_kept(ledger, rule, &want[i]);
		served[i] = want[i].number != 0;
	}
	for (i = 0; i < count && !err; i++) {
		if (!served[i])
			err = take_new(ledger, rule, &want[i], diag);
	}
	free(served);
	return err;
}
