// SPDX-License-Identifier: GPL-2.0-or-later
/* target.c - see target.h. */
#include "loader/agent/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void xs_target_free(struct xs_target *target)
{
	xs_revision_free(&target->revision);
	xs_image_free(target->image);
	target->image = NULL;
}

static int read_image(struct xs_store *store, const char *node, struct xs_target *target, char *error)
{
	const char *why = NULL;
	char key[XS_IMAGE_KEY];
	void *bytes;
	size_t size;
	int err;

	xs_image_key(&target->revision, node, key);
	err = xs_store_get(store, key, &bytes, &size);
	if (err) {
		snprintf(error, XS_TARGET_ERROR, err == -ENOENT ? "the store has lost %s" : "%s cannot be read: %s", key,
			 strerror(-err));
		return err;
	}
	err = xs_image_read(bytes, size, &target->image, &why);
	free(bytes);
	if (err) {
		snprintf(error, XS_TARGET_ERROR, "%s is refused: %s", key, why ? why : strerror(-err));
	} else if (strncmp(target->image->header->node, node, sizeof(target->image->header->node))) {
		snprintf(error, XS_TARGET_ERROR, "%s is refused: it is another node's", key);
		err = -EBADMSG;
	}
	return err;
}

int xs_target_read(struct xs_store *store, const char *node, struct xs_target *target, char *error)
{
	struct xs_revision again;
	bool replaced;
	int err;

	*target = (struct xs_target){0};
	for (;;) {
		err = xs_revision_get(store, &target->revision);
		if (err == -ENOENT)
			return 0;
		if (err) {
			snprintf(error, XS_TARGET_ERROR, "store: cannot read the revision: %s", strerror(-err));
			return err;
		}
		target->known = true;
		if (!xs_revision_has_node(&target->revision, node))
			return 0;
		err = read_image(store, node, target, error);
		if (!err || xs_revision_get(store, &again))
			return err;
		replaced = strcmp(again.id, target->revision.id) != 0;
		xs_revision_free(&again);
		if (!replaced)
			return err;
		xs_target_free(target);
	}
}

