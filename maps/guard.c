/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guard.c - see guard.h. */
#include <endian.h>
#include <string.h>

#include "maps/guard.h"

void xs_guard_words(const uint8_t *address, unsigned int address_bytes, uint64_t *high, uint64_t *low)
{
	uint64_t word[2] = { 0, 0 };

	memcpy(word, address, address_bytes);
	*high = be64toh(word[0]);
	*low = be64toh(word[1]);
}

void xs_guard_fill(struct xs_guard *guard, const struct xs_guarded *prefix, unsigned int count, struct xs_cover cover)
{
	struct xs_guard filled = { .outside = cover.entry, .covered = cover.shadow };

	for (unsigned int i = 0; i < count; i++) {
		const struct xs_guarded *from = &prefix[count - 1 - i];
		uint64_t high, low;

		xs_guard_words(from->address, sizeof(from->address), &high, &low);
		filled.high[i] = high;
		filled.low[i] = low;
		filled.leaf[i] = from->leaf;
		filled.length[i] = from->length;
	}
	*guard = filled;
}

unsigned int xs_guard_read(const struct xs_guard *guard, struct xs_guarded *out)
{
	unsigned int count = 0;

	for (int i = XS_GUARD_PREFIXES - 1; i >= 0; i--) {
		uint64_t word[2] = { htobe64(guard->high[i]), htobe64(guard->low[i]) };

		if (!guard->length[i])
			continue;
		memcpy(out[count].address, word, sizeof(word));
		out[count].length = guard->length[i];
		out[count++].leaf = guard->leaf[i];
	}
	return count;
}

int xs_guard_find(const struct xs_guard *guard, const uint8_t *address, unsigned int address_bytes, unsigned int length)
{
	uint8_t masked[XS_PREFIX_BYTES_MAX] = { 0 };
	uint64_t high, low;

	xs_prefix_bytes_mask(address, address_bytes, length, masked);
	xs_guard_words(masked, sizeof(masked), &high, &low);
	for (int i = 0; i < XS_GUARD_PREFIXES; i++)
		if (guard->length[i] == length && guard->high[i] == high && guard->low[i] == low)
			return i;
	return -1;
}

static bool holds(const struct xs_guard *guard, int i, unsigned int length, uint64_t high, uint64_t low)
{
	if (length <= 64)
		return !((high ^ guard->high[i]) >> (64 - length));
	return high == guard->high[i] && !((low ^ guard->low[i]) >> (128 - length));
}

uint32_t xs_guard_decide(const struct xs_guard *guard, const uint8_t *address, unsigned int address_bytes)
{
	uint64_t high, low;

	xs_guard_words(address, address_bytes, &high, &low);
	for (int i = 0; i < XS_GUARD_PREFIXES; i++) {
		unsigned int length = __atomic_load_n(&guard->length[i], __ATOMIC_ACQUIRE);

		if (length && length <= 128 && holds(guard, i, length, high, low))
			return __atomic_load_n(&guard->leaf[i], __ATOMIC_ACQUIRE);
	}
	return __atomic_load_n(&guard->outside, __ATOMIC_ACQUIRE);
}
