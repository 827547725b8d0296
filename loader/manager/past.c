// SPDX-License-Identifier: GPL-2.0-or-later
/* past.c - what the store remembers of earlier plans and switches: the input of the next. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/manager/manager.h"

struct generations {
	struct xs_store *store;
	const struct xs_revision *revision;
	uint64_t highest;
	char *error;
};

static int add_report(void *context, const char *node)
{
	struct generations *generations = context;
	struct xs_report report;
	int error = xs_report_get(generations->store, node, &report);

	if (!error && report.generation > generations->highest)
		generations->highest = report.generation;
	/* One that is none tells nothing; nor does one of a node that has nothing to hold, whatever is wrong with it. */
	if (!error || error == -ENOENT || error == -EBADMSG || !xs_revision_has_node(generations->revision, node))
		return 0;
	snprintf(generations->error, XS_ERROR_TEXT, "the store's key 'report/%s': %s", node, strerror(-error));
	return error;
}

/* What is wrong with the revision is said by those who need it. */
static int add_reports(struct generations *generations)
{
	struct xs_revision revision = { 0 };
	int code;

	xs_revision_get(generations->store, &revision);
	generations->revision = &revision;
	code = xs_store_list(generations->store, "report", add_report, generations);
	xs_revision_free(&revision);
	if (code && !generations->error[0])
		snprintf(generations->error, XS_ERROR_TEXT, "the store's reports: %s", strerror(-code));
	return code;
}

int xs_highest_generation(struct xs_store *store, uint64_t *out, char *error)
{
	struct generations generations = { .store = store, .error = error };
	int code = xs_store_get_number(store, XS_KEY_GENERATION, &generations.highest);

	error[0] = '\0';
	if (code == -ENOENT)
		code = 0;
	if (!code && generations.highest > XS_GENERATION_MAX)
		code = -EBADMSG;
	if (code) {
		snprintf(error, XS_ERROR_TEXT, "the store's key '" XS_KEY_GENERATION "'%s%s",
			 code == -EBADMSG ? " is no generation: delete it, and it will be found anew" : ": ",
			 code == -EBADMSG ? "" : strerror(-code));
		return code;
	}
	code = add_reports(&generations);
	if (!code)
		*out = generations.highest;
	return code;
}

struct reading {
	struct xs_store *store;
	struct xs_past *past;
	size_t room;
	char *error;
};

static int add_switched(void *context, uint32_t id)
{
	struct reading *reading = context;
	struct xs_past *past = reading->past;
	struct xs_stored_cell cell;
	int code = xs_stored_cell_get(reading->store, id, &cell);

	if (code) {
		snprintf(reading->error, XS_ERROR_TEXT, "the store's cell/%u: %s", id,
			 code == -EBADMSG ? "it is no switch cell: put it back from a copy, or delete it" : strerror(-code));
		return code == -ENOENT ? 0 : code;
	}
	if (past->switched_count == reading->room) {
		size_t room = reading->room ? 2 * reading->room : 64;
		struct xs_switched *grown = realloc(past->switched, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		past->switched = grown;
		reading->room = room;
	}
	past->switched[past->switched_count++] =
		(struct xs_switched){ .cell = id, .slice = cell.slice, .generation = cell.generation };
	return 0;
}

static int compare_cells(const void *a, const void *b)
{
	const struct xs_switched *left = a, *right = b;

	return left->cell < right->cell ? -1 : left->cell > right->cell;
}

/*
 * Without a ledger everything would be numbered anew, and every VM sent back to where its migration comes from: that may
 * be only where nothing is in force. A revision without nodes is that of a clean which was cut short.
 */
static int begin_without_ledger(struct xs_store *store, char *error)
{
	struct xs_revision revision = { 0 };
	int code = xs_revision_get(store, &revision);
	bool in_force = code != -ENOENT && (code || revision.node_count);

	xs_revision_free(&revision);
	if (!in_force)
		return 0;
	snprintf(error, XS_ERROR_TEXT,
		 "the store's key '" XS_KEY_LEDGER "' is not there, or is no file, and a revision is in force: put it back "
		 "from a copy, or begin anew with xslice clean");
	return -EBADMSG;
}

static int read_ledger(struct xs_store *store, struct xs_past *past, char *error)
{
	const char *why = NULL;
	size_t size;
	void *text;
	int code = xs_store_get(store, XS_KEY_LEDGER, &text, &size);

	if (code == -ENOENT)
		return begin_without_ledger(store, error);
	if (!code) {
		code = xs_ledger_read(text, size, &past->ledger, &why);
		free(text);
	}
	if (code)
		snprintf(error, XS_ERROR_TEXT, "the store's key '" XS_KEY_LEDGER "': %s: put it back from a copy",
			 why ? why : strerror(-code));
	return code;
}

int xs_load_past(struct xs_store *store, struct xs_past *out, char *error)
{
	struct xs_past past = { 0 };
	struct reading reading = { .store = store, .past = &past, .error = error };
	int code = read_ledger(store, &past, error);

	if (!code)
		code = xs_highest_generation(store, &past.generation, error);
	if (!code)
		code = xs_stored_cell_list(store, add_switched, &reading);
	if (code) {
		if (code == -ENOMEM)
			snprintf(error, XS_ERROR_TEXT, "%s", strerror(ENOMEM));
		xs_past_free(&past);
		return code;
	}
	if (past.switched_count)
		qsort(past.switched, past.switched_count, sizeof(*past.switched), compare_cells);
	*out = past;
	return 0;
}
