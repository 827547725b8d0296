/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard.h - guards (struct xs_guard) as address_table.c makes, reads and changes them. Not for others.
 *
 * Always holds, of a guard that an entry leads to: nothing of it changes but by one of the stores below, each of which
 * is one for the readers, too.
 */
#ifndef XSLICE_MAPS_GUARD_H
#define XSLICE_MAPS_GUARD_H

#include "maps/address_table.h"
#include "maps/prefix_map.h"

/* One more than a guard holds: so many there are when it no longer suffices. */
#define XS_GUARDED_MAX (XS_GUARD_PREFIXES + 1)

struct xs_guarded {
	uint8_t address[XS_PREFIX_BYTES_MAX]; /* zero beyond the length */
	unsigned int length;
	uint32_t leaf; /* entry */
};

/* Fills a guard that nothing leads to. At most XS_GUARD_PREFIXES, shortest first, lengths above 0. */
void xs_guard_fill(struct xs_guard *guard, const struct xs_guarded *prefix, unsigned int count, struct xs_cover cover);
/* Its prefixes into out[XS_GUARD_PREFIXES], shortest first; their number. */
unsigned int xs_guard_read(const struct xs_guard *guard, struct xs_guarded *out);

/* The address as one number of 128 bits. */
void xs_guard_words(const uint8_t *address, unsigned int address_bytes, uint64_t *high, uint64_t *low);
/* Which of its prefixes is this one; -1: none. */
int xs_guard_find(const struct xs_guard *guard, const uint8_t *address, unsigned int address_bytes,
		  unsigned int length);
/* The entry that decides over an address: LEAF or EMPTY. On any reader's thread. */
uint32_t xs_guard_decide(const struct xs_guard *guard, const uint8_t *address, unsigned int address_bytes);

/* One store each, in a guard that readers may be reading. */
static inline void xs_guard_set_leaf(struct xs_guard *guard, int i, uint32_t entry)
{
	__atomic_store_n(&guard->leaf[i], entry, __ATOMIC_RELEASE);
}

static inline void xs_guard_set_outside(struct xs_guard *guard, struct xs_cover cover)
{
	guard->covered = cover.shadow;
	__atomic_store_n(&guard->outside, cover.entry, __ATOMIC_RELEASE);
}

static inline void xs_guard_drop(struct xs_guard *guard, int i)
{
	__atomic_store_n(&guard->length[i], 0, __ATOMIC_RELEASE);
}

#endif
