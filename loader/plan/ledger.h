/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger.h - inside plan/: the ledger's insides, and how numbers are given.
 *
 * A space is a set of numbers that must differ (the labels of one physical link, the slice ids of the domain). In it a
 * number is held by an owner, or was freed by a change and is a tombstone, or was never given. Always holds: a number
 * has at most one entry in its space; an owner has at most one entry, which may be a tombstone (then it gets that
 * number back when it returns), unless it was moved: that tombstone has no owner.
 */
#ifndef XSLICE_PLAN_LEDGER_H
#define XSLICE_PLAN_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "loader/base/address.h"
#include "loader/base/diag.h"
#include "loader/plan/plan.h"

struct xs_entry {
	uint64_t number;
	uint64_t generation; /* a cell's first; else 0 */
	uint64_t freed;      /* change that freed it; 0: held */
	struct xs_prefix prefix; /* of a page: the WAN prefix that it is mapped to; else NONE */
	bool claimed;        /* the plan that is being made holds it */
	char *owner;         /* NULL: a tombstone whose owner has another number */
	UT_hash_handle by_owner, by_number;
};

struct xs_space {
	char *name;
	struct xs_entry *by_owner, *by_number;
	uint64_t cursor; /* no number before it is to be had; 0: not looked for yet */
	UT_hash_handle hh;
};

struct xs_ledger {
	uint64_t change; /* counts the changes that gave or freed anything */
	bool dirty;      /* this plan did */
	struct xs_space *space;
};

/* What was not claimed becomes a tombstone of this change. */
void xs_ledger_finish(struct xs_ledger *ledger);

/* Made where it is not there. NULL without memory. */
struct xs_space *xs_ledger_space(struct xs_ledger *ledger, const char *name);
/* Adds an entry; owner NULL: a tombstone without. NULL without memory. Number and owner must be free. */
struct xs_entry *xs_space_add(struct xs_space *space, const char *owner, uint64_t number);
struct xs_entry *xs_space_owner(const struct xs_space *space, const char *owner);
struct xs_entry *xs_space_number(const struct xs_space *space, uint64_t number);
void xs_space_remove(struct xs_space *space, struct xs_entry *entry);
void xs_space_disown(struct xs_space *space, struct xs_entry *entry);
/* The entry's owner is called otherwise now; nobody else is. 0 or -ENOMEM. */
int xs_space_rename(struct xs_space *space, struct xs_entry *entry, const char *owner);

/* Somebody who wants a number. */
struct xs_want {
	struct xs_space *space;
	const char *owner;
	const struct xs_place *place; /* of the object, for faults */
	const struct xs_place *number_place;
	uint64_t number; /* in: what the definition writes, 0: nothing. out: what it got, 0: none (a fault was added) */
	uint64_t generation; /* in: for a new entry. out: the entry's */
	const void *object;  /* for the rule's refuses() */
};

/* How numbers of a kind are given. */
struct xs_rule {
	const char *noun;            /* "label": for faults */
	uint64_t first, start, last; /* never-used ones from start to last, then from first to start */
	bool dense;  /* old tombstones are as good as never-used ones: numbers index a map, so low ones are better */
	bool strict; /* a number written by the definition that was somebody else's until this change is worth a warning
		      */
	/* NULL: none. True where a number may not be given to want; then *why and *at (may stay NULL) say so. */
	bool (*refuses)(void *context, const struct xs_want *want, uint64_t number, const char **why,
			const struct xs_place **at);
	void *context;
	bool personal; /* refuses() refuses to one what it leaves to another of the same space */
};

/*
 * Serves all wants of a rule, whatever their spaces: first what the definition writes, then what owners had, then new
 * ones, in the order given. Faults go to diag. 0 or -ENOMEM.
 */
int xs_allocate(struct xs_ledger *ledger, const struct xs_rule *rule, struct xs_want *want, size_t count,
		struct xs_diag *diag);

#endif
