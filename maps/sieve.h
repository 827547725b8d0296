/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sieve.h - the sieves of a pool's blocks (struct xs_sieve), as pool.c and address_table.c keep them. Not for others.
 *
 * Always holds: where a bit is 0, what covers the whole block is the answer, and the block's entry has it, too. So
 * which of the two a reader asks does not matter while a bit changes, and of each address one word decides at any
 * moment. Therefore an entry is changed before its bits, and a bit is 1 only where the entry has another answer, or may
 * have.
 */
#ifndef XSLICE_MAPS_SIEVE_H
#define XSLICE_MAPS_SIEVE_H

#include "maps/guard.h"
#include "maps/pool.h"

/* A block that nothing leads to: all of it is covered alike. */
void xs_sieve_fill(struct xs_pool *pool, uint32_t block, struct xs_cover cover);
/* Something else covers the whole block. */
void xs_sieve_set_cover(struct xs_pool *pool, uint32_t block, struct xs_cover cover);
/* An entry, its shadow or its guard has changed. */
void xs_sieve_update(struct xs_pool *pool, uint32_t block, unsigned int i);

#endif
