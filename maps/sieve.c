/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sieve.c - see sieve.h. */
#include <string.h>

#include "maps/sieve.h"

static unsigned int words_of(const struct xs_form *form)
{
	return XS_BLOCK_ENTRIES / XS_SIEVE_WORD_BITS << form->fine;
}

/* One store for the readers. */
static void store(struct xs_pool *pool, __u64 *at, uint64_t word)
{
	if (*at == word)
		return;
	__atomic_store_n(at, word, __ATOMIC_RELEASE);
	pool->writes++;
}

void xs_sieve_fill(struct xs_pool *pool, uint32_t block, struct xs_cover cover)
{
	struct xs_sieve *sieve = &pool->tables.sieve[block];

	memset(sieve, 0, sizeof(*sieve));
	pool->form[block].covered = cover.shadow;
	for (unsigned int w = 0; w < words_of(&pool->form[block]); w++)
		sieve->word[w] = XS_SIEVE_WORD(cover.entry, 0);
}

void xs_sieve_set_cover(struct xs_pool *pool, uint32_t block, struct xs_cover cover)
{
	struct xs_sieve *sieve = &pool->tables.sieve[block];

	pool->form[block].covered = cover.shadow;
	for (unsigned int w = 0; w < words_of(&pool->form[block]); w++)
		store(pool, &sieve->word[w], XS_SIEVE_WORD(cover.entry, (uint32_t)sieve->word[w]));
}

/* Of the bits of an entry those that a prefix under it concerns, by what is in the byte after the entry's. */
static uint32_t bits_of_prefix(const struct xs_form *form, const struct xs_guarded *prefix)
{
	unsigned int next = form->level + 1, known = prefix->length - 8 * next, span;

	if (!form->fine)
		return 1;
	span = known < form->fine ? 1u << (form->fine - known) : 1;
	return ((1u << span) - 1) << (prefix->address[next] >> (8 - form->fine));
}

static uint32_t bits_of_entry(const struct xs_pool *pool, uint32_t block, unsigned int i)
{
	const struct xs_form *form = &pool->form[block];
	uint32_t entry = pool->tables.block[block].entry[i], all = (1u << (1u << form->fine)) - 1, bits = 0;
	struct xs_guarded held[XS_GUARD_PREFIXES];
	const struct xs_guard *guard;
	unsigned int count;

	switch (entry & XS_ENTRY_KIND) {
	case XS_ENTRY_BLOCK:
		return all;
	case XS_ENTRY_GUARD:
		guard = &pool->tables.guard[entry & XS_ENTRY_INDEX];
		if (guard->covered != form->covered)
			return all;
		count = xs_guard_read(guard, held);
		for (unsigned int h = 0; h < count; h++)
			bits |= bits_of_prefix(form, &held[h]);
		return bits;
	default:
		return pool->shadow[block][i] == form->covered ? 0 : all;
	}
}

void xs_sieve_update(struct xs_pool *pool, uint32_t block, unsigned int i)
{
	const struct xs_form *form = &pool->form[block];
	unsigned int first = i << form->fine, shift = first % XS_SIEVE_WORD_BITS;
	__u64 *at = &pool->tables.sieve[block].word[first / XS_SIEVE_WORD_BITS];
	uint64_t all = (1ull << (1u << form->fine)) - 1;

	store(pool, at, (*at & ~(all << shift)) | (uint64_t)bits_of_entry(pool, block, i) << shift);
}
