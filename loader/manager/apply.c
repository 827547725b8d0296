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

static int fail(char *error, int code, const char *what)
{
	snprintf(error, XS_ERROR_TEXT, "%s: %s", what, strerror(-code));
	return code;
}

/* ---- who has to report: every node of the new revision and every node of the old ---- */

struct holders {
	struct xs_store *store;
	struct xs_apply_result *result;
};

static int add_wait(void *context, const char *name)
{
	struct xs_apply_result *result = context;

	return xs_wait_add(&result->wait, &result->count, name);
}

/* One that holds nothing, or of which nothing is known, keeps nobody waiting: who has to hold something is waited for anyway. */
static int add_holder(void *context, const char *name)
{
	struct holders *holders = context;
	struct xs_report report;

	return xs_report_get(holders->store, name, &report) || !report.holds ? 0 : add_wait(holders->result, name);
}

void xs_apply_result_free(struct xs_apply_result *result)
{
	xs_revision_free(&result->revision);
	free(result->wait);
	*result = (struct xs_apply_result){ 0 };
}

/* ---- what an older revision left ---- */

struct sweep {
	struct xs_store *store;
	const struct xs_revision *keep[2];
};

static int delete_revision(void *context, const char *name)
{
	const struct sweep *sweep = context;
	char key[XS_IMAGE_KEY], kept[XS_IMAGE_KEY];

	snprintf(key, sizeof(key), "image/%.100s", name);
	for (size_t i = 0; i < 2; i++)
		if (!strcmp(xs_image_key(sweep->keep[i], NULL, kept), key))
			return 0;
	return xs_store_forget_level(sweep->store, key);
}

/* Images of all revisions but the last two: the one before stays for agents that are reading it. */
static int delete_old_images(struct xs_store *store, const struct xs_revision *former, const struct xs_revision *now)
{
	struct sweep sweep = { .store = store, .keep = { former, now } };

	return xs_store_list(store, "image", delete_revision, &sweep);
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

static int delete_unused_cell(void *context, uint32_t id)
{
	const struct cell_set *set = context;

	if (id / 8 < set->size && set->used[id / 8] & 1 << id % 8)
		return 0;
	return xs_stored_cell_delete(set->store, id);
}

/* ---- apply ---- */

static int add_image(struct xs_store_batch *batch, const struct xs_plan *plan, size_t node,
		     const struct xs_revision *revision, struct cell_set *cells)
{
	struct xs_image *image = NULL;
	char key[XS_IMAGE_KEY];
	int error = xs_image_build(plan, node, &image);

	if (!error)
		error = note_cells(cells, image);
	if (!error)
		error = xs_store_batch_add(batch, xs_image_key(revision, xs_plan_node_name(plan, node), key), image->header,
					   image->size);
	xs_image_free(image);
	return error;
}

/* The revision that is in force (none: empty), the next one, and the nodes that hold something of the former. */
static int next_revision(struct xs_store *store, struct xs_revision *former, struct xs_apply_result *next, char *error)
{
	struct holders holders = { .store = store, .result = next };
	int code = xs_revision_get(store, former);

	/* A store that lost its revision still knows by the reports which nodes hold something. */
	if (code == -ENOENT)
		code = xs_store_list(store, "report", add_holder, &holders);
	for (size_t i = 0; i < former->node_count && !code; i++)
		code = add_wait(next, former->node[i]);
	if (!code)
		code = xs_revision_new(former->number + 1, &next->revision);
	if (code == -EBADMSG)
		snprintf(error, XS_ERROR_TEXT,
			 "the store's key 'revision' cannot be read: put it back from a copy, or begin anew with xslice clean");
	else if (code)
		fail(error, code, "the next revision");
	return code;
}

static int add_ledger(struct xs_store_batch *batch, const struct xs_plan *plan)
{
	size_t size;
	char *text = xs_ledger_write(xs_plan_ledger(plan), &size);
	int error = text ? xs_store_batch_add(batch, XS_KEY_LEDGER, text, size) : -ENOMEM;

	free(text);
	return error;
}

/* New cells take generations of their own, so the domain's counter follows them. */
static int raise_generation(struct xs_store *store, struct xs_store_batch *batch, uint64_t generation)
{
	uint64_t now = 0;
	int error = xs_store_get_number(store, XS_KEY_GENERATION, &now);

	if (error && error != -ENOENT)
		return error;
	return generation > now ? xs_store_batch_add_number(batch, XS_KEY_GENERATION, generation) : 0;
}

/* Images, in the order of the nodes. */
static int add_images(struct xs_store_batch *batch, const struct xs_plan *plan, struct xs_apply_result *made,
		      struct cell_set *cells, char *error)
{
	for (size_t i = 0; i < xs_plan_node_count(plan); i++) {
		const char *node = xs_plan_node_name(plan, i);
		int code = add_wait(made, node);

		if (!code)
			code = xs_revision_add_node(&made->revision, node);
		if (!code)
			code = add_image(batch, plan, i, &made->revision, cells);
		if (code) {
			snprintf(error, XS_ERROR_TEXT, "image of node %s: %s", node, strerror(-code));
			return code;
		}
	}
	return 0;
}

int xs_apply(struct xs_store *store, const struct xs_plan *plan, const void *definition, size_t definition_size,
	     struct xs_apply_result *result, char *error)
{
	struct xs_store_batch *batch = xs_store_batch_new(store);
	struct xs_apply_result made = { 0 };
	struct cell_set cells = { .store = store };
	struct xs_revision former = { 0 };
	int code = batch ? next_revision(store, &former, &made, error) : fail(error, -ENOMEM, "it cannot be written");

	if (!code)
		code = add_images(batch, plan, &made, &cells, error);
	if (code)
		goto out;
	code = add_ledger(batch, plan);
	if (!code)
		code = raise_generation(store, batch, xs_plan_generation(plan));
	if (!code)
		code = xs_store_batch_add(batch, XS_KEY_DEFINITION, definition, definition_size);
	if (!code)
		code = xs_revision_add(batch, &made.revision);
	if (!code)
		code = xs_store_batch_put(batch);
	if (!code)
		code = xs_stored_cell_list(store, delete_unused_cell, &cells);
	if (!code)
		code = delete_old_images(store, &former, &made.revision);
	if (code) {
		fail(error, code, "it cannot be written");
		goto out;
	}
	*result = made;
	made = (struct xs_apply_result){ 0 };
out:
	xs_store_batch_free(batch);
	xs_apply_result_free(&made);
	xs_revision_free(&former);
	free(cells.used);
	return code;
}

int xs_apply_nothing(struct xs_store *store, struct xs_apply_result *result, char *error)
{
	struct xs_apply_result made = { 0 };
	struct xs_revision former = { 0 };
	int code = next_revision(store, &former, &made, error);

	/* Whatever stands there is given up anyway. */
	if (code == -EBADMSG || code == -EOVERFLOW) {
		error[0] = '\0';
		code = xs_store_list(store, "report", add_wait, &made);
		if (!code)
			code = xs_revision_new(1, &made.revision);
	}
	if (!code)
		code = xs_revision_put(store, &made.revision);
	xs_revision_free(&former);
	if (code) {
		if (!error[0])
			fail(error, code, "revision");
		xs_apply_result_free(&made);
		return code;
	}
	*result = made;
	return 0;
}
