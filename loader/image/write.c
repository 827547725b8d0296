/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * write.c - makes an image's bytes out of records that come in any order.
 */
#define HASH_NONFATAL_OOM 1
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <zlib.h>

#include "loader/image/image.h"

struct held {
	UT_hash_handle hh; /* by head and key: equal heads of one type make the key's bytes alone tell */
	struct xs_record record;
};

struct xs_image_writer {
	char node[XS_IMAGE_NAME];
	struct held *held;
	size_t size; /* of the records */
};

struct xs_image_writer *xs_image_writer_new(const char *node)
{
	struct xs_image_writer *writer = calloc(1, sizeof(*writer));

	if (writer)
		strncpy(writer->node, node, sizeof(writer->node) - 1);
	return writer;
}

void xs_image_writer_free(struct xs_image_writer *writer)
{
	struct held *held, *next;

	if (!writer)
		return;
	HASH_ITER(hh, writer->held, held, next) {
		HASH_DEL(writer->held, held);
		free(held);
	}
	free(writer);
}

int xs_image_writer_add(struct xs_image_writer *writer, const void *record)
{
	const struct xs_record *head = record;
	const struct xs_record_info *info = xs_record_info(head->type);
	struct held *held;
	unsigned int key_size;

	if (!info || head->size != info->size)
		return -EINVAL;
	key_size = (unsigned int)(sizeof(*head) + info->key_size);
	HASH_FIND(hh, writer->held, record, key_size, held);
	if (held)
		return -EEXIST;
	held = calloc(1, offsetof(struct held, record) + info->size);
	if (!held)
		return -ENOMEM;
	memcpy(&held->record, record, info->size);
	HASH_ADD_KEYPTR(hh, writer->held, &held->record, key_size, held);
	if (!held->hh.tbl) {
		free(held);
		return -ENOMEM;
	}
	writer->size += info->size;
	return 0;
}

static int compare_pointed(const void *a, const void *b)
{
	return xs_record_compare(*(const struct xs_record *const *)a, *(const struct xs_record *const *)b);
}

int xs_image_writer_read(struct xs_image_writer *writer, struct xs_image **out)
{
	size_t i = 0, count = HASH_COUNT(writer->held), total = sizeof(struct xs_image_header) + writer->size;
	const struct xs_record **sorted = calloc(count + 1, sizeof(*sorted));
	uint8_t *result = malloc(total), *at;
	struct xs_image_header *header = (struct xs_image_header *)result;
	struct held *held;
	int err = -ENOMEM;

	if (!sorted || !result)
		goto out;
	err = -E2BIG;
	if (total > XS_IMAGE_SIZE_MAX)
		goto out;
	for (held = writer->held; held; held = held->hh.next)
		sorted[i++] = &held->record;
	qsort(sorted, count, sizeof(*sorted), compare_pointed);
	at = result + sizeof(*header);
	for (i = 0; i < count; at += sorted[i++]->size)
		memcpy(at, sorted[i], sorted[i]->size);
	*header = (struct xs_image_header){
		.magic = XS_IMAGE_MAGIC,
		.version = XS_IMAGE_VERSION,
		.size = total,
		.record_count = (uint32_t)count,
		.checksum = (uint32_t)crc32(0, result + sizeof(*header), (uInt)writer->size),
	};
	memcpy(header->node, writer->node, sizeof(header->node));
	err = xs_image_read(result, total, out, NULL);
out:
	free(result);
	free(sorted);
	return err;
}

int xs_image_writer_finish(struct xs_image_writer *writer, void **bytes, size_t *size)
{
	struct xs_image *image;
	int err = xs_image_writer_read(writer, &image);

	if (err)
		return err;
	*size = image->size;
	*bytes = image->memory;
	image->memory = NULL;
	xs_image_free(image);
	return 0;
}
