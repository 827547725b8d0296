// SPDX-License-Identifier: GPL-2.0-or-later
/* images.c - the images of the active revision, for whoever asks what is in force. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/manager/manager.h"

static int read_image(struct xs_store *store, const char *key, struct xs_image **image, char *error)
{
	const char *why = NULL;
	size_t size;
	void *bytes;
	int code = xs_store_get(store, key, &bytes, &size);

	if (code == -ENOENT) {
		snprintf(error, XS_ERROR_TEXT, "the store has lost %s: put it back from a copy, or apply again", key);
		return code;
	}
	if (!code) {
		code = xs_image_read(bytes, size, image, &why);
		free(bytes);
	}
	if (code)
		snprintf(error, XS_ERROR_TEXT, "%s: %s", key, why ? why : strerror(-code));
	return code;
}

int xs_active_images(struct xs_store *store, xs_active_image fn, void *context, char *error)
{
	struct xs_revision revision = { 0 };
	char key[XS_IMAGE_KEY];
	int code = xs_revision_get(store, &revision);

	if (code == -ENOENT)
		return 0;
	if (code)
		snprintf(error, XS_ERROR_TEXT, "the store's key 'revision': %s", strerror(-code));
	for (size_t i = 0; i < revision.node_count && !code; i++) {
		const char *node = revision.node[i];
		struct xs_image *image = NULL;
		char why[XS_ERROR_TEXT] = "";

		code = read_image(store, xs_image_key(&revision, node, key), &image, why);
		code = code == -ENOMEM ? code : fn(context, node, image, why);
		xs_image_free(image);
	}
	xs_revision_free(&revision);
	return code;
}
