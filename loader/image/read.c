/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * read.c - takes an image in or refuses it whole: form here, contents in check.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "loader/image/check.h"
#include "loader/image/image.h"

static const char *read_header(const struct xs_image_header *header, size_t size)
{
	const uint8_t *body = (const uint8_t *)(header + 1);

	if (header->size != size)
		return "truncated, or longer than it says";
	if (header->checksum != crc32(0, body, (uInt)(size - sizeof(*header))))
		return "checksum does not match";
	/* The smallest record bounds what may be allocated for a count that lies. */
	if (header->record_count > (size - sizeof(*header)) / (sizeof(struct xs_record) + 8))
		return "more records than there is room for";
	return NULL;
}

/* Finds the records. Every one lies wholly in the image, is of its type's size and comes after the one before. */
static const char *read_records(struct xs_image *image, const uint8_t *bytes)
{
	size_t i, at = sizeof(*image->header);

	for (i = 0; i < image->header->record_count; i++) {
		const struct xs_record *record = (const struct xs_record *)(bytes + at);
		const struct xs_record_info *info;
		int order;

		if (image->size - at < sizeof(*record))
			return "a record is cut off";
		info = xs_record_info(record->type);
		if (!info)
			return "a record of an unknown type";
		if (record->size != info->size || record->pad)
			return "a record of the wrong size";
		if (image->size - at < info->size)
			return "a record is cut off";
		order = i ? xs_record_compare(image->record[i - 1], record) : -1;
		if (order >= 0)
			return order ? "records are not in order" : "two records have the same key";
		if (!image->count[record->type]++)
			image->first[record->type] = i;
		image->record[i] = record;
		at += info->size;
	}
	return at == image->size ? NULL : "bytes behind the last record";
}

static int refuse(const char **why, const char *text, int error)
{
	if (why)
		*why = text;
	return error;
}

int xs_image_read(const void *bytes, size_t size, struct xs_image **out, const char **why)
{
	struct xs_image_header header;
	struct xs_image *image = NULL;
	const char *fault;

	if (size < sizeof(header) || size > XS_IMAGE_SIZE_MAX)
		return refuse(why, "too short or too long for an image", -EBADMSG);
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != XS_IMAGE_MAGIC)
		return refuse(why, "not an image of this byte order", -EBADMSG);
	if (header.version != XS_IMAGE_VERSION)
		return refuse(why, "an image of another version", -EPROTONOSUPPORT);
	image = calloc(1, sizeof(*image));
	if (!image)
		goto no_memory;
	image->memory = malloc(size);
	if (!image->memory)
		goto no_memory;
	memcpy(image->memory, bytes, size);
	image->header = image->memory;
	image->size = size;
	fault = read_header(image->header, size);
	if (fault)
		goto bad;
	image->record = calloc(header.record_count + 1, sizeof(*image->record));
	if (!image->record)
		goto no_memory;
	fault = read_records(image, image->memory);
	if (!fault)
		fault = xs_image_check(image);
	if (fault == xs_image_no_memory)
		goto no_memory;
	if (fault)
		goto bad;
	*out = image;
	return 0;
bad:
	xs_image_free(image);
	return refuse(why, fault, -EBADMSG);
no_memory:
	xs_image_free(image);
	return refuse(why, xs_image_no_memory, -ENOMEM);
}

void xs_image_free(struct xs_image *image)
{
	if (!image)
		return;
	free(image->record);
	free(image->memory);
	free(image);
}
