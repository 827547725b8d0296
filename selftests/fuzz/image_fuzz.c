/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image_fuzz.c - any bytes as an image. Magic, version, size and checksum are made right first: what tells an accident is known to
 * work, and what is behind it must bear malice. What is accepted must bear to be looked through.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "loader/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

static void reseal(uint8_t *bytes, size_t size)
{
	struct xs_image_header header;

	if (size < sizeof(header))
		return;
	memcpy(&header, bytes, sizeof(header));
	header.magic = XS_IMAGE_MAGIC;
	header.version = XS_IMAGE_VERSION;
	header.size = size;
	header.checksum = (uint32_t)crc32(0, bytes + sizeof(header), (uInt)(size - sizeof(header)));
	memcpy(bytes, &header, sizeof(header));
}

static int never(void *context, enum xs_change change, const struct xs_record *before, const struct xs_record *after)
{
	return 1;
}

/* Every record is found by its own key, and nothing differs from itself. */
static void look_through(const struct xs_image *image)
{
	for (unsigned int type = XS_REC_NODE; type < XS_REC_COUNT; type++) {
		const struct xs_record *record;

		for (size_t i = 0; (record = xs_image_at(image, type, i)); i++)
			must(xs_image_find(image, type, record + 1) == record);
	}
	must(!xs_image_diff(image, image, never, NULL));
	must(memchr(image->header->node, '\0', sizeof(image->header->node)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xs_image *image = NULL;
	uint8_t *bytes = malloc(size ? size : 1);
	const char *why = NULL;
	int err;

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	reseal(bytes, size);
	err = xs_image_read(bytes, size, &image, &why);
	must(!err == !!image && (!err || why));
	free(bytes);
	if (image)
		look_through(image);
	xs_image_free(image);
	return 0;
}
