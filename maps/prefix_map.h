/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prefix_map.h - prefix → number, exact match, for sets of a million prefixes: 16 bytes a prefix (IPv4, at the usual
 * fill) where a uthash entry takes 80. Open addressing, linear probing, deletion by shifting back.
 *
 * Owner: one thread. Bits beyond a prefix' length are ignored.
 */
#ifndef XSLICE_MAPS_PREFIX_MAP_H
#define XSLICE_MAPS_PREFIX_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XS_PREFIX_BYTES_MAX 16

struct xs_prefix_map;

/* address_bytes: 4 or 16. NULL without memory. */
struct xs_prefix_map *xs_prefix_map_new(unsigned int address_bytes);
void xs_prefix_map_free(struct xs_prefix_map *map);
size_t xs_prefix_map_count(const struct xs_prefix_map *map);
size_t xs_prefix_map_memory(const struct xs_prefix_map *map); /* bytes that it takes */

/* Makes sure that the next xs_prefix_map_set() needs no memory. 0 or -ENOMEM. */
int xs_prefix_map_reserve(struct xs_prefix_map *map);
/* Adds or changes. 0 or -ENOMEM (then nothing is changed). */
int xs_prefix_map_set(struct xs_prefix_map *map, const uint8_t *address, unsigned int length, uint32_t value);
bool xs_prefix_map_get(const struct xs_prefix_map *map, const uint8_t *address, unsigned int length, uint32_t *value);
bool xs_prefix_map_remove(struct xs_prefix_map *map, const uint8_t *address, unsigned int length);

/* The longest prefix that covers address and is shorter than `below` (33: any of IPv4). *length is its length. */
bool xs_prefix_map_cover(const struct xs_prefix_map *map, const uint8_t *address, unsigned int below,
			 unsigned int *length, uint32_t *value);

/* All of them, in no order: start with *at = 0; false at the end. The map must not change in between, values may. */
bool xs_prefix_map_each(const struct xs_prefix_map *map, size_t *at, uint8_t *address, unsigned int *length,
			uint32_t *value);

/* Clears the bits of address (address_bytes) beyond length, into out. */
void xs_prefix_bytes_mask(const uint8_t *address, unsigned int address_bytes, unsigned int length, uint8_t *out);

#endif
