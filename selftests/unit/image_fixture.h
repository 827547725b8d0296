/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image_fixture.h - a good image with one of everything, made record by record, and ways to spoil it. */
#ifndef XSLICE_UNIT_IMAGE_FIXTURE_H
#define XSLICE_UNIT_IMAGE_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "loader/image/image.h"

/* Values for records; a text that is none fails the test. */
struct xs_record image_head(unsigned int type);
struct xs_address image_address(const char *text);
struct xs_prefix image_prefix(const char *text);
struct xs_mac image_mac(uint8_t last);

void image_add(struct xs_image_writer *writer, const void *record);
struct xs_image_writer *image_good_writer(void);
void *image_good(size_t *size); /* its bytes, malloc()ed */

/* Size and checksum of the header made to match. */
void image_reseal(uint8_t *bytes, size_t size);

/* The place of the i-th record of a type in an image's bytes. */
uint8_t *image_record_at(uint8_t *bytes, size_t size, unsigned int type, size_t i);

/* Fails unless reading it gives `error` and a sentence that contains `expected` (NULL: any). */
void image_refused(const void *bytes, size_t size, int error, const char *expected);

/* One field of one record gets another value. The order of records stays, but where the case is about keys. */
struct image_mutation {
	unsigned int type;
	size_t record, offset, size;
	uint64_t value;
	const char *why; /* NULL: it is good all the same */
};

#define IMAGE_MUTATE(TYPE, type, i, field, to, text)                                                                   \
	{                                                                                                              \
		XS_REC_##TYPE, i, offsetof(struct xs_rec_##type, field), sizeof(((struct xs_rec_##type *)0)->field),   \
			to, text                                                                                       \
	}
#define IMAGE_BYTE(TYPE, type, i, field, at, to, text)                                                                 \
	{                                                                                                              \
		XS_REC_##TYPE, i, offsetof(struct xs_rec_##type, field) + (at), 1, to, text                            \
	}

/* Each of them alone, with a checksum that matches, must be refused for what it says. */
void image_refuse_all(const uint8_t *bytes, size_t size, const struct image_mutation *mutation, size_t count);

#endif
