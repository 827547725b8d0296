// SPDX-License-Identifier: GPL-2.0-or-later
/* revision.c - the active revision as a JSON object: {"id": "0123456789abcdef", "node": ["R1"], "revision": 1}. */
#include "loader/store/revision.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define KEY "revision"

static bool is_id(const char *text)
{
	return strlen(text) == XS_REVISION_ID - 1 && strspn(text, "0123456789abcdef") == XS_REVISION_ID - 1;
}

void xs_revision_free(struct xs_revision *revision)
{
	for (size_t i = 0; i < revision->node_count; i++)
		free(revision->node[i]);
	free(revision->node);
	*revision = (struct xs_revision){ 0 };
}

int xs_revision_new(uint64_t number, struct xs_revision *out)
{
	uint64_t id;

	if (number > XS_REVISION_MAX)
		return -EOVERFLOW;
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return -errno;
	*out = (struct xs_revision){ .number = number };
	snprintf(out->id, sizeof(out->id), "%016" PRIx64, id);
	return 0;
}

/* Where the name stands, or would. */
static size_t place_of(const struct xs_revision *revision, const char *node, bool *found)
{
	size_t first = 0, end = revision->node_count;

	*found = false;
	while (first < end && !*found) {
		size_t middle = first + (end - first) / 2;
		int order = strcmp(revision->node[middle], node);

		*found = !order;
		if (order < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return *found ? end : first;
}

bool xs_revision_has_node(const struct xs_revision *revision, const char *node)
{
	bool found;

	place_of(revision, node, &found);
	return found;
}

int xs_revision_add_node(struct xs_revision *revision, const char *node)
{
	bool found;
	size_t at = place_of(revision, node, &found);
	char **grown, *name;

	if (found)
		return 0;
	grown = realloc(revision->node, (revision->node_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	revision->node = grown;
	name = strdup(node);
	if (!name)
		return -ENOMEM;
	memmove(grown + at + 1, grown + at, (revision->node_count - at) * sizeof(*grown));
	grown[at] = name;
	revision->node_count++;
	return 0;
}

static int read_object(const json_t *object, struct xs_revision *revision)
{
	const json_t *number = json_object_get(object, "revision"), *id = json_object_get(object, "id");
	const json_t *nodes = json_object_get(object, "node"), *node;
	size_t i;
	int err = 0;

	if (!json_is_integer(number) || json_integer_value(number) < 1 ||
	    (uint64_t)json_integer_value(number) > XS_REVISION_MAX || !json_is_string(id) ||
	    !is_id(json_string_value(id)) || !json_is_array(nodes))
		return -EBADMSG;
	revision->number = (uint64_t)json_integer_value(number);
	strcpy(revision->id, json_string_value(id));
	json_array_foreach (nodes, i, node) {
		const char *name = json_string_value(node);

		err = name && *name && *name != '.' && !strchr(name, '/') ? xs_revision_add_node(revision, name) : -EBADMSG;
		if (err)
			break;
	}
	return err;
}

int xs_revision_get(struct xs_store *store, struct xs_revision *out)
{
	struct xs_revision revision = { 0 };
	json_t *object;
	void *text;
	size_t size;
	int err = xs_store_get(store, KEY, &text, &size);

	if (err)
		return err;
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	err = object ? read_object(object, &revision) : -EBADMSG;
	json_decref(object);
	if (err)
		xs_revision_free(&revision);
	else
		*out = revision;
	return err;
}

/* malloc()ed; NULL without memory. */
static char *text_of(const struct xs_revision *revision)
{
	json_t *nodes = json_array(), *object;
	char *text = NULL;
	int err = 0;

	for (size_t i = 0; i < revision->node_count && !err; i++)
		err = json_array_append_new(nodes, json_string(revision->node[i]));
	object = json_pack("{s:I,s:s,s:o}", "revision", (json_int_t)revision->number, "id", revision->id, "node", nodes);
	if (object && !err)
		text = json_dumps(object, JSON_SORT_KEYS | JSON_INDENT(1));
	json_decref(object);
	return text;
}

int xs_revision_add(struct xs_store_batch *batch, const struct xs_revision *revision)
{
	char *text = text_of(revision);
	int err = text ? xs_store_batch_add(batch, KEY, text, strlen(text)) : -ENOMEM;

	free(text);
	return err;
}

int xs_revision_put(struct xs_store *store, const struct xs_revision *revision)
{
	struct xs_store_batch *batch = xs_store_batch_new(store);
	int err = batch ? xs_revision_add(batch, revision) : -ENOMEM;

	if (!err)
		err = xs_store_batch_put(batch);
	xs_store_batch_free(batch);
	return err;
}

const char *xs_image_key(const struct xs_revision *revision, const char *node, char *buf)
{
	snprintf(buf, XS_IMAGE_KEY, "image/%" PRIu64 ".%s%s%s", revision->number, revision->id, node ? "/" : "",
		 node ? node : "");
	return buf;
}
