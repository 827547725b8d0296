/* SPDX-License-Identifier: GPL-2.0-or-later */
/* random.h - xorshift64, for tests and benches: from the same state, which is not 0, the same numbers everywhere. */
#ifndef XSLICE_SELFTESTS_RANDOM_H
#define XSLICE_SELFTESTS_RANDOM_H

#include <stdint.h>

/* The lowest bits are the least random, and stay in the state. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

#endif
