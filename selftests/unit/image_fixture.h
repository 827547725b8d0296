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

#endif
