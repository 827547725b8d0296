/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefix_map.c - see prefix_map.h. Slots stand in one array: value, length + 1 (0: free), address. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/prefix_map.h"

struct slot {
	uint32_t value;
	uint32_t used; /* length + 1; 0: free */
	uint8_t address[];
};

struct xs_prefix_map {
	unsigned int bytes;
	size_t stride, count, mask; /* mask: slots - 1 */
	char *slots; /* NULL: none yet; many a map stays empty */
	uint32_t of_length[]; /* prefixes of each length: cover() skips what is not there */
};

#define FIRST_SLOTS 8

static struct slot *slot_at(const struct xs_prefix_map *map, size_t i)
{
	return (struct slot *)(map->slots + i * map->stride);
}

void xs_prefix_bytes_mask(const uint8_t *address, unsigned int address_bytes, unsigned int length, uint8_t *out)
{
	unsigned int whole = length / 8;

	memmove(out, address, whole);
	memset(out + whole, 0, address_bytes - whole);
	if (length % 8)
		out[whole] = address[whole] & (uint8_t)(0xff00u >> (length % 8));
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

static size_t hash(const struct xs_prefix_map *map, const uint8_t *masked, unsigned int length)
{
	uint64_t h = length;

	for (unsigned int i = 0; i < map->bytes; i += 4) {
		uint32_t word;

		memcpy(&word, masked + i, 4);
		h = mix(h << 32 ^ h >> 32 ^ word);
	}
	return h & map->mask;
}

/* The slot that holds the prefix, or the free one where it belongs. There are slots. */
static struct slot *find(const struct xs_prefix_map *map, const uint8_t *masked, unsigned int length)
{
	for (size_t i = hash(map, masked, length);; i = (i + 1) & map->mask) {
		struct slot *slot = slot_at(map, i);

		if (!slot->used || (slot->used == length + 1 && !memcmp(slot->address, masked, map->bytes)))
			return slot;
	}
}

struct xs_prefix_map *xs_prefix_map_new(unsigned int address_bytes)
{
	struct xs_prefix_map *map = calloc(1, sizeof(*map) + (address_bytes * 8 + 1) * sizeof(map->of_length[0]));

	if (!map)
		return NULL;
	map->bytes = address_bytes;
	map->stride = sizeof(struct slot) + address_bytes;
	return map;
}

void xs_prefix_map_free(struct xs_prefix_map *map)
{
	if (!map)
		return;
	free(map->slots);
	free(map);
}

size_t xs_prefix_map_count(const struct xs_prefix_map *map)
{
	return map->count;
}

static size_t slots_of(const struct xs_prefix_map *map)
{
	return map->slots ? map->mask + 1 : 0;
}

size_t xs_prefix_map_memory(const struct xs_prefix_map *map)
{
	return sizeof(*map) + (map->bytes * 8 + 1) * sizeof(map->of_length[0]) + slots_of(map) * map->stride;
}

int xs_prefix_map_reserve(struct xs_prefix_map *map)
{
	size_t before = slots_of(map), room = before ? before * 2 : FIRST_SLOTS;
	char *old = map->slots, *more;

	if ((map->count + 1) * 4 <= before * 3)
		return 0;
	more = calloc(room, map->stride);
	if (!more)
		return -ENOMEM;
	map->slots = more;
	map->mask = room - 1;
	for (size_t i = 0; i < before; i++) {
		struct slot *slot = (struct slot *)(old + i * map->stride);

		if (slot->used)
			memcpy(find(map, slot->address, slot->used - 1), slot, map->stride);
	}
	free(old);
	return 0;
}

int xs_prefix_map_set(struct xs_prefix_map *map, const uint8_t *address, unsigned int length, uint32_t value)
{
	uint8_t masked[XS_PREFIX_BYTES_MAX];
	struct slot *slot;

	xs_prefix_bytes_mask(address, map->bytes, length, masked);
	slot = map->slots ? find(map, masked, length) : NULL;
	if (!slot || !slot->used) {
		if (xs_prefix_map_reserve(map))
			return -ENOMEM;
		slot = find(map, masked, length);
		memcpy(slot->address, masked, map->bytes);
		slot->used = length + 1;
		map->count++;
		map->of_length[length]++;
	}
	slot->value = value;
	return 0;
}

bool xs_prefix_map_get(const struct xs_prefix_map *map, const uint8_t *address, unsigned int length, uint32_t *value)
{
	uint8_t masked[XS_PREFIX_BYTES_MAX];
	const struct slot *slot;

	if (!map->count)
		return false;
	xs_prefix_bytes_mask(address, map->bytes, length, masked);
	slot = find(map, masked, length);
	if (!slot->used)
		return false;
	*value = slot->value;
	return true;
}

bool xs_prefix_map_remove(struct xs_prefix_map *map, const uint8_t *address, unsigned int length)
{
	uint8_t masked[XS_PREFIX_BYTES_MAX];
	struct slot *slot;
	size_t hole;

	if (!map->count)
		return false;
	xs_prefix_bytes_mask(address, map->bytes, length, masked);
	slot = find(map, masked, length);
	if (!slot->used)
		return false;
	hole = ((char *)slot - map->slots) / map->stride;
	/* What stands behind moves up, unless that would put it before its own place. */
	for (size_t i = (hole + 1) & map->mask;; i = (i + 1) & map->mask) {
		struct slot *next = slot_at(map, i);

		if (!next->used)
			break;
		size_t home = hash(map, next->address, next->used - 1);

		if (((i - home) & map->mask) >= ((i - hole) & map->mask)) {
			memcpy(slot_at(map, hole), next, map->stride);
			hole = i;
		}
	}
	slot_at(map, hole)->used = 0;
	map->count--;
	map->of_length[length]--;
	return true;
}

bool xs_prefix_map_cover(const struct xs_prefix_map *map, const uint8_t *address, unsigned int below,
			 unsigned int *length, uint32_t *value)
{
	while (below-- > 0) {
		if (map->of_length[below] && xs_prefix_map_get(map, address, below, value)) {
			*length = below;
			return true;
		}
	}
	return false;
}

bool xs_prefix_map_each(const struct xs_prefix_map *map, size_t *at, uint8_t *address, unsigned int *length,
			uint32_t *value)
{
	for (; *at < slots_of(map); ++*at) {
		const struct slot *slot = slot_at(map, *at);

		if (!slot->used)
			continue;
		memcpy(address, slot->address, map->bytes);
		*length = slot->used - 1;
		*value = slot->value;
		++*at;
		return true;
	}
	return false;
}
