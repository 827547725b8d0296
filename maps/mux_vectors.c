/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_vectors.c - see mux_vectors.h.
 *
 * A property that no general condition tests has no table: it leaves all. One that is tested has a leaf for each value,
 * or none where no condition is left. Ranges are cut at every border, and the pieces into prefixes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps/mux_vectors.h"
#include "maps/prefix_map.h"

struct values {
	const struct xs_condition *condition;
	const uint32_t *general;
	uint32_t count;
	struct xs_intern *vectors;
	struct xs_compiled *out;
};

int xs_bits_number(struct xs_intern *vectors, const struct xs_bits *bits, uint32_t *number)
{
	struct xs_mux_vector vector = { .summary = 0 };

	memcpy(vector.word, bits->word, sizeof(vector.word));
	for (unsigned int w = 0; w < XS_VECTOR_WORDS; w++)
		vector.summary |= (uint64_t) !!vector.word[w] << w;
	*number = 0;
	return vector.summary ? xs_intern(vectors, &vector, number) : 0;
}

struct xs_bits xs_bits_of(const struct xs_intern *vectors, uint32_t number)
{
	const struct xs_mux_vector *vector = vectors->record;
	struct xs_bits bits = { { 0 } };

	if (number)
		memcpy(bits.word, vector[number - 1].word, sizeof(bits.word));
	return bits;
}

int xs_compiled_add(struct xs_compiled *out, unsigned int table, const uint8_t *address, unsigned int length,
		    uint32_t leaf)
{
	struct xs_compiled_table *to = &out->table[table];
	struct xs_compiled_prefix *prefix;

	if (to->count == to->room) {
		size_t room = to->room ? 2 * to->room : 64;

		prefix = realloc(to->prefix, room * sizeof(*prefix));
		if (!prefix)
			return -ENOMEM;
		to->prefix = prefix;
		to->room = room;
	}
	prefix = &to->prefix[to->count++];
	memset(prefix, 0, sizeof(*prefix));
	memcpy(prefix->address, address, xs_table_bytes(table));
	prefix->length = length;
	prefix->leaf = leaf;
	return 0;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* A property that is a number. */
struct number {
	unsigned int table, bits;
	uint16_t field;
};

/* What a condition that tests it asks for: first to last. False: a value that no packet has. */
static bool range_of(const struct xs_condition *c, const struct number *number, uint32_t range[2])
{
	switch (number->table) {
	case XS_MUX_PROTOCOL:
		range[0] = range[1] = c->protocol;
		break;
	case XS_MUX_SOURCE_PORT:
		range[0] = c->source_port[0];
		range[1] = c->source_port[1];
		break;
	case XS_MUX_DESTINATION_PORT:
		range[0] = c->destination_port[0];
		range[1] = c->destination_port[1];
		break;
	case XS_MUX_DSCP:
		range[0] = c->dscp[0];
		range[1] = c->dscp[1];
		break;
	default:
		range[0] = range[1] = c->input_port;
	}
	return range[0] <= range[1] && !(range[1] >> number->bits);
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Values [first, end) as few prefixes. */
static int add_piece(struct values *v, const struct number *number, uint32_t first, uint32_t end, uint32_t vector)
{
	int err = 0;

	while (first < end && !err) {
		unsigned int up = 0;
		uint32_t value = first << (32 - number->bits);
		const uint8_t address[4] = { value >> 24, value >> 16, value >> 8, value };

		while (up < number->bits && !(first >> up & 1) && first + (2u << up) <= end)
			up++;
		err = xs_compiled_add(v->out, number->table, address, number->bits - up, vector);
		first += 1u << up;
	}
	return err;
}

/* The conditions that a value leaves. */
static struct xs_bits left_by(const struct values *v, const struct number *number, uint32_t value)
{
	struct xs_bits bits = { { 0 } };

	for (uint32_t i = 0; i < v->count; i++) {
		const struct xs_condition *c = &v->condition[v->general[i]];
		uint32_t range[2];

		if (!(c->fields & number->field) ||
		    (range_of(c, number, range) && value >= range[0] && value <= range[1]))
			xs_bits_add(&bits, i);
	}
	return bits;
}

/* border: 0 and wherever a range begins or has ended, ascending, `end` at last. */
static int add_pieces(struct values *v, const struct number *number, const uint32_t *border, uint32_t count)
{
	uint32_t first = 0, before = 0;
	int err = 0;

	for (uint32_t i = 0; i < count && !err; i++) {
		uint32_t vector = 0;

		if (i + 1 < count) {
			const struct xs_bits bits = left_by(v, number, border[i]);

			if (border[i] == border[i + 1])
				continue;
			err = xs_bits_number(v->vectors, &bits, &vector);
		}
		if (err || (i + 1 < count && vector == before))
			continue;
		if (before)
			err = add_piece(v, number, first, border[i], before);
		first = border[i];
		before = vector;
	}
	return err;
}

static int add_number(struct values *v, const struct number *number)
{
	uint32_t *border = malloc((2 * v->count + 2) * sizeof(*border)), count = 0, tested = 0;
	int err = border ? 0 : -ENOMEM;

	if (err)
		return err;
	border[count++] = 0;
	for (uint32_t i = 0; i < v->count; i++) {
		const struct xs_condition *c = &v->condition[v->general[i]];
		uint32_t range[2];

		if (!(c->fields & number->field))
			continue;
		tested++;
		if (!range_of(c, number, range))
			continue;
		border[count++] = range[0];
		border[count++] = range[1] + 1;
	}
	border[count++] = 1u << number->bits;
	if (count)
		qsort(border, count, sizeof(*border), ascending);
	if (tested)
		err = add_pieces(v, number, border, count);
	free(border);
	return err;
}

/* What is left of a packet without ports: whoever does not test one. */
static int without(struct values *v, uint16_t field, uint32_t *vector)
{
	struct xs_bits bits = { { 0 } };

	for (uint32_t i = 0; i < v->count; i++)
		if (!(v->condition[v->general[i]].fields & field))
			xs_bits_add(&bits, i);
	return xs_bits_number(v->vectors, &bits, vector);
}

/* ---- sources ----------------------------------------------------------------------------------------------------- */

/* Conditions of the other family are left in: their destinations take them out. */
static struct xs_bits left_by_source(const struct values *v, unsigned int family, const uint8_t *address,
				     unsigned int length)
{
	struct xs_bits bits = { { 0 } };

	for (uint32_t i = 0; i < v->count; i++) {
		const struct xs_condition *c = &v->condition[v->general[i]];

		if (!c->source_length || (c->family == family && c->source_length <= length &&
					  xs_bits_equal(c->source, address, c->source_length)))
			xs_bits_add(&bits, i);
	}
	return bits;
}

static int add_source(struct values *v, unsigned int family, const uint8_t *address, unsigned int length)
{
	struct xs_bits bits = left_by_source(v, family, address, length);
	uint8_t masked[16] = { 0 };
	uint32_t vector;
	int err = xs_bits_number(v->vectors, &bits, &vector);

	if (err)
		return err;
	xs_prefix_bytes_mask(address, XS_FAMILY_BITS(family) / 8, length, masked);
	return vector ? xs_compiled_add(v->out, XS_MUX_SOURCE + family, masked, length, vector) : 0;
}

static bool seen_before(const struct values *v, unsigned int family, uint32_t i)
{
	const struct xs_condition *this = &v->condition[v->general[i]];

	for (uint32_t k = 0; k < i; k++) {
		const struct xs_condition *c = &v->condition[v->general[k]];

		if (c->family == family && c->source_length == this->source_length &&
		    xs_bits_equal(c->source, this->source, c->source_length))
			return true;
	}
	return false;
}

static int add_sources(struct values *v, unsigned int family)
{
	static const uint8_t any[16];
	bool tested = false;
	int err = 0;

	for (uint32_t i = 0; i < v->count && !err; i++) {
		const struct xs_condition *c = &v->condition[v->general[i]];

		if (c->family != family || !c->source_length)
			continue;
		tested = true;
		if (!seen_before(v, family, i))
			err = add_source(v, family, c->source, c->source_length);
	}
	return tested && !err ? add_source(v, family, any, 0) : err;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

int xs_compile_values(const struct xs_condition *condition, const uint32_t *general, uint32_t count,
		      struct xs_intern *vectors, struct xs_compiled *out)
{
	static const struct number numbers[] = {
		{ XS_MUX_PROTOCOL, 8, XS_GENERAL_PROTOCOL },
		{ XS_MUX_SOURCE_PORT, 16, XS_GENERAL_SOURCE_PORT },
		{ XS_MUX_DESTINATION_PORT, 16, XS_GENERAL_DESTINATION_PORT },
		{ XS_MUX_DSCP, 8, XS_GENERAL_DSCP },
		{ XS_MUX_INPUT_PORT, 16, XS_GENERAL_INPUT_PORT },
	};
	struct values v = { condition, general, count, vectors, out };
	int err = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !err; i++)
		err = add_number(&v, &numbers[i]);
	for (unsigned int family = 0; family < XS_FAMILIES && !err; family++)
		err = add_sources(&v, family);
	if (!err)
		err = without(&v, XS_GENERAL_SOURCE_PORT, &out->without_ports[0]);
	if (!err)
		err = without(&v, XS_GENERAL_DESTINATION_PORT, &out->without_ports[1]);
	return err;
}
