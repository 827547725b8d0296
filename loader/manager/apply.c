// SPDX-License-Identifier: GPL-2.0-or-later
/* apply.c - a planned domain becomes the store's next revision. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/image/build.h"
#include "loader/manager/manager.h"
#include "maps/contract.h"

#define KEY_SIZE 128

static int fail(char *error, int code, const char *what)
{
	snprintf(error, XS_ERROR_TEXT, "%s: %s", what, strerror(-code));
	return code;
}

static void image_key(char *key, uint64_t revision, const char *node)
{
	snprintf(key, KEY_SIZE, "image/%" PRIu64 "/%s", revision, node);
}

int xs_load_ledger(struct xs_store *store, struct xs_ledger **ledger, uint64_t *generation, const char **why)
{
	struct xs_ledger *read = NULL;
	uint64_t number = 0;
	size_t size;
	void *text;
	int error;

	*why = "the generation cannot be read";
	error = xs_store_get_number(store, XS_KEY_GENERATION, &number);
	if (error && error != -ENOENT)
		return error;
	*why = "it cannot be read";
	error = xs_store_get(store, XS_KEY_LEDGER, &text, &size);
	if (!error) {
		error = xs_ledger_read(text, size, &read, why);
		free(text);
	} else if (error == -ENOENT) {
		error = 0;
	}
	if (error)
		return error;
	*ledger = read;
	*generation = number;
	return 0;
}

/* ---- who has to report: every node of the new revision and every node of the old ---- */

static int add_node(void *context, const char *name)
{
	struct xs_apply_result *result = context;
	struct xs_node_wait *grown;

	for (size_t i = 0; i < result->count; i++)
		if (!strcmp(result->wait[i].node, name))
			return 0;
	grown = realloc(result->wait, (result->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	result->wait = grown;
	memset(&grown[result->count], 0, sizeof(*grown));
	snprintf(grown[result->count].node, sizeof(grown->node), "%s", name);
	result->count++;
	return 0;
}

static int list_nodes(struct xs_store *store, uint64_t revision, int (*fn)(void *, const char *), void *context)
{
	char prefix[KEY_SIZE];
	int error;

	snprintf(prefix, sizeof(prefix), "image/%" PRIu64, revision);
	error = xs_store_list(store, prefix, fn, context);
	return error == -ENOENT ? 0 : error;
}

int xs_active_images(struct xs_store *store, int (*fn)(void *context, const char *node, const struct xs_image *image),
		     void *context, char *error)
{
	struct xs_apply_result nodes = { 0 };
	uint64_t revision;
	int result;

	result = xs_store_get_number(store, XS_KEY_REVISION, &revision);
	if (result == -ENOENT)
		revision = 0;
	else if (result)
		return fail(error, result, "revision");
	result = list_nodes(store, revision, add_node, &nodes);
	if (result)
		fail(error, result, "images");
	for (size_t i = 0; i < nodes.count && !result; i++) {
		struct xs_image *image;
		const char *why = "";
		char key[KEY_SIZE];
		size_t size;
		void *bytes;

		image_key(key, revision, nodes.wait[i].node);
		result = xs_store_get(store, key, &bytes, &size);
		if (result) {
			fail(error, result, key);
			break;
		}
		result = xs_image_read(bytes, size, &image, &why);
		free(bytes);
		if (result) {
			snprintf(error, XS_ERROR_TEXT, "%s: %s", key, why);
			break;
		}
		result = fn(context, nodes.wait[i].node, image);
		xs_image_free(image);
	}
	free(nodes.wait);
	return result;
}

/* ---- what an older revision left ---- */

struct sweep {
	struct xs_store *store;
	uint64_t keep; /* revisions below this are taken away */
};

static int delete_image(void *context, const char *node)
{
	const struct sweep *sweep = context;
	char key[KEY_SIZE];

	image_key(key, sweep->keep, node);
	return xs_store_delete(sweep->store, key);
}

static int delete_revision(void *context, const char *name)
{
	const struct sweep *sweep = context;
	struct sweep one = { .store = sweep->store, .keep = strtoull(name, NULL, 10) };

	if (one.keep >= sweep->keep)
		return 0;
	return list_nodes(sweep->store, one.keep, delete_image, &one);
}

/* Images before the last two revisions: the one before stays for agents that are reading it. */
static int delete_old_images(struct xs_store *store, uint64_t revision)
{
	struct sweep sweep = { .store = store, .keep = revision ? revision - 1 : 0 };
	int error = xs_store_list(store, "image", delete_revision, &sweep);

	return error == -ENOENT ? 0 : error;
}

/* ---- cells: those that no image has any more lose their stored switch ---- */

struct cell_set {
	struct xs_store *store;
	unsigned char *used; /* a bit per cell id */
	size_t size;         /* bytes */
};

static int note_cells(struct cell_set *set, const struct xs_image *image)
{
	const struct xs_rec_cell *cell;

	for (size_t i = 0; (cell = xs_image_at(image, XS_REC_CELL, i)); i++) {
		if (cell->id / 8 >= set->size) {
			size_t size = (cell->id / 8 + 1) * 2;
			unsigned char *grown = realloc(set->used, size);

			if (!grown)
				return -ENOMEM;
			memset(grown + set->size, 0, size - set->size);
			set->used = grown;
			set->size = size;
		}
		set->used[cell->id / 8] |= 1 << cell->id % 8;
	}
	return 0;
}

static int delete_unused_cell(void *context, const char *name)
{
	const struct cell_set *set = context;
	unsigned long id = strtoul(name, NULL, 10);
	char key[KEY_SIZE];

	if (id / 8 < set->size && set->used[id / 8] & 1 << id % 8)
		return 0;
	snprintf(key, sizeof(key), "cell/%s", name);
	return xs_store_delete(set->store, key);
}

/* ---- apply ---- */

static int put_image(struct xs_store *store, const struct xs_plan *plan, size_t node, uint64_t revision,
		     struct cell_set *cells)
{
	struct xs_image *image = NULL;
	char key[KEY_SIZE];
	void *bytes;
	size_t size;
	int error;

	error = xs_image_build(plan, node, &bytes, &size);
	if (error)
		return error;
	/* Read back what agents will read: a fault of ours is found here, before any node sees it. */
	error = xs_image_read(bytes, size, &image, NULL);
	if (!error)
		error = note_cells(cells, image);
	image_key(key, revision, xs_plan_node_name(plan, node));
	if (!error)
		error = xs_store_put(store, key, bytes, size);
	xs_image_free(image);
	free(bytes);
	return error;
}

static int next_revision(struct xs_store *store, struct xs_apply_result *result, uint64_t *revision, char *error)
{
	int code = xs_store_get_number(store, XS_KEY_REVISION, revision);

	if (code == -ENOENT)
		*revision = code = 0;
	if (!code)
		code = list_nodes(store, *revision, add_node, result);
	if (code)
		return fail(error, code, "revision");
	++*revision;
	return 0;
}

static int put_ledger(struct xs_store *store, const struct xs_plan *plan)
{
	size_t size;
	char *text = xs_ledger_write(xs_plan_ledger(plan), &size);
	int error = text ? xs_store_put(store, XS_KEY_LEDGER, text, size) : -ENOMEM;

	free(text);
	return error;
}

/* New cells take generations of their own, so the domain's counter follows them. */
static int raise_generation(struct xs_store *store, uint64_t generation)
{
	uint64_t now = 0;
	int error = xs_store_get_number(store, XS_KEY_GENERATION, &now);

	if (error && error != -ENOENT)
		return error;
	return generation > now ? xs_store_put_number(store, XS_KEY_GENERATION, generation) : 0;
}

int xs_apply(struct xs_store *store, const struct xs_plan *plan, const void *definition, size_t definition_size,
	     struct xs_apply_result *result, char *error)
{
	struct xs_apply_result made = { 0 };
	struct cell_set cells = { .store = store };
	uint64_t revision = 0;
	int code;

	code = xs_switch_recover(store);
	if (code) {
		fail(error, code, "an unfinished switch");
		goto out;
	}
	code = next_revision(store, &made, &revision, error);
	if (code)
		goto out;
	for (size_t i = 0; i < xs_plan_node_count(plan); i++) {
		code = add_node(&made, xs_plan_node_name(plan, i));
		if (!code)
			code = put_image(store, plan, i, revision, &cells);
		if (code) {
			snprintf(error, XS_ERROR_TEXT, "image of node %s: %s", xs_plan_node_name(plan, i),
				 strerror(-code));
			goto out;
		}
	}
	code = put_ledger(store, plan);
	if (!code)
		code = raise_generation(store, xs_plan_generation(plan));
	if (!code)
		code = xs_store_put(store, XS_KEY_DEFINITION, definition, definition_size);
	if (!code)
		code = xs_store_put_number(store, XS_KEY_REVISION, revision);
	if (!code)
		code = xs_store_list(store, "cell", delete_unused_cell, &cells);
	if (code == -ENOENT)
		code = 0;
	if (!code)
		code = delete_old_images(store, revision);
	if (code) {
		fail(error, code, "store");
		goto out;
	}
	made.revision = revision;
	*result = made;
	made.wait = NULL;
out:
	free(made.wait);
	free(cells.used);
	return code;
}

int xs_apply_nothing(struct xs_store *store, struct xs_apply_result *result, char *error)
{
	struct xs_apply_result made = { 0 };
	uint64_t revision = 0;
	int code = next_revision(store, &made, &revision, error);

	if (!code) {
		code = xs_store_put_number(store, XS_KEY_REVISION, revision);
		if (code)
			fail(error, code, "revision");
	}
	if (code) {
		free(made.wait);
		return code;
	}
	made.revision = revision;
	*result = made;
	return 0;
}
