/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_vectors.h - sets of general conditions (contract.h, struct xs_mux_vector), and which values of a packet's
 * properties leave which: all tables of a policy but those of destinations.
 */
#ifndef XSLICE_MAPS_MUX_VECTORS_H
#define XSLICE_MAPS_MUX_VECTORS_H

#include "maps/intern.h"
#include "maps/mux_compile.h"

/* A set while it is being made. */
struct xs_bits {
	uint64_t word[XS_VECTOR_WORDS];
};

static inline void xs_bits_add(struct xs_bits *bits, uint32_t i)
{
	bits->word[i / 64] |= 1ull << i % 64;
}

/* The number of this set among the vectors; 0: it is empty. */
int xs_bits_number(struct xs_intern *vectors, const struct xs_bits *bits, uint32_t *number);
/* ... and back. */
struct xs_bits xs_bits_of(const struct xs_intern *vectors, uint32_t number);

/* general: indices of the general conditions, by position. Fills out->table[] and out->without_ports. 0 or -ENOMEM. */
int xs_compile_values(const struct xs_condition *condition, const uint32_t *general, uint32_t count,
		      struct xs_intern *vectors, struct xs_compiled *out);

/* A prefix more. 0 or -ENOMEM. */
int xs_compiled_add(struct xs_compiled *out, unsigned int table, const uint8_t *address, unsigned int length,
		    uint32_t leaf);

#endif
