// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * diff.c - `xslice diff`: what an apply would change, before it happens. Compares the images in force with those that
 * the definition would be given on top of the store's ledger; says it in the definition's words, and per node in
 * records.
 *
 * Always holds: nothing is written; "no difference" means that every node's image is the same, byte for byte.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/definition.h"
#include "cli/words.h"
#include "loader/image/build.h"
#include "loader/manager/manager.h"

struct diff {
	const struct xs_plan *plan;
	json_t *before, *after; /* words */
	json_t *node;           /* array of {node, added, removed, changed, record: {type: count}} */
	bool *seen;             /* nodes of the plan that have an image in force */
	char error[XS_ERROR_TEXT];
};

/* ---- images ------------------------------------------------------------------------------------------------------ */

struct pair {
	struct diff *diff;
	const struct xs_image *before, *after;
	unsigned int count[XS_CHANGED + 1];
	json_t *record;
};

static void put_into_words(json_t *words, const struct xs_image *image, const struct xs_record *record)
{
	if (record->type == XS_REC_ROUTE)
		xs_words_route(words, image, (const struct xs_rec_route *)record);
	else if (record->type == XS_REC_PAGE)
		xs_words_page(words, image, (const struct xs_rec_page *)record);
}

static int note_record(void *context, enum xs_change change, const struct xs_record *before,
		       const struct xs_record *after)
{
	const struct xs_record *any = before ? before : after;
	const char *name = xs_record_info(any->type)->name;
	struct pair *pair = context;

	pair->count[change]++;
	json_object_set_new(pair->record, name,
			    json_integer(json_integer_value(json_object_get(pair->record, name)) + 1));
	/* Of routes and pages there may be very many, so only those that differ are put into words. */
	if (before)
		put_into_words(pair->diff->before, pair->before, before);
	if (after)
		put_into_words(pair->diff->after, pair->after, after);
	return 0;
}

/* Either may be NULL: a node that comes, or goes. */
static int compare_node(struct diff *diff, const char *node, const struct xs_image *before,
			const struct xs_image *after)
{
	struct pair pair = { .diff = diff, .before = before, .after = after, .record = json_object() };
	bool conditions;

	xs_image_diff(before, after, note_record, &pair);
	conditions = json_object_get(pair.record, xs_record_info(XS_REC_CONDITION)->name);
	if (before) {
		xs_words_add(diff->before, before);
		if (conditions)
			xs_words_conditions(diff->before, before);
	}
	if (after) {
		xs_words_add(diff->after, after);
		if (conditions)
			xs_words_conditions(diff->after, after);
	}
	if (!pair.count[XS_ADDED] && !pair.count[XS_REMOVED] && !pair.count[XS_CHANGED]) {
		json_decref(pair.record);
		return 0;
	}
	return json_array_append_new(diff->node,
				     json_pack("{s:s,s:i,s:i,s:i,s:o}", "node", node, "added",
					       (int)pair.count[XS_ADDED], "removed", (int)pair.count[XS_REMOVED],
					       "changed", (int)pair.count[XS_CHANGED], "record", pair.record))
		       ? -ENOMEM
		       : 0;
}

static int compare_active(void *context, const char *node, const struct xs_image *before, const char *why)
{
	struct diff *diff = context;
	struct xs_image *after = NULL;
	int error = 0;

	if (!before) {
		snprintf(diff->error, sizeof(diff->error), "node %s: %.400s", node, why);
		return -EBADMSG;
	}
	for (size_t i = 0; i < xs_plan_node_count(diff->plan) && !error && !after; i++) {
		if (strcmp(xs_plan_node_name(diff->plan, i), node))
			continue;
		diff->seen[i] = true;
		error = xs_image_build(diff->plan, i, &after);
	}
	if (!error)
		error = compare_node(diff, node, before, after);
	xs_image_free(after);
	return error;
}

static int compare_new(struct diff *diff)
{
	int error = 0;

	for (size_t i = 0; i < xs_plan_node_count(diff->plan) && !error; i++) {
		struct xs_image *after = NULL;

		if (diff->seen[i])
			continue;
		error = xs_image_build(diff->plan, i, &after);
		if (!error)
			error = compare_node(diff, xs_plan_node_name(diff->plan, i), NULL, after);
		xs_image_free(after);
	}
	return error;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* Names of `list` that `other` has, too, in the order of `list`. */
static json_t *common(const json_t *list, const json_t *other)
{
	json_t *names = json_object(), *result = json_array(), *name;
	size_t i;

	json_array_foreach(other, i, name) json_object_set_new(names, json_string_value(name), json_true());
	json_array_foreach(list, i, name) if (json_object_get(names, json_string_value(name)))
		json_array_append(result, name);
	json_decref(names);
	return result;
}

/* Conditions that come or go are told as such; here only whether those that stay have changed places. */
static bool is_reordered(const json_t *before, const json_t *after)
{
	json_t *was = common(before, after), *is = common(after, before);
	bool same = json_equal(was, is);

	json_decref(was);
	json_decref(is);
	return !same;
}

static json_t *old_and_new(json_t *before, json_t *after)
{
	return json_pack("{s:O?,s:O?}", "old", before, "new", after);
}

/* {attribute: {old, new}} of what differs. Either side may be NULL: the thing is not there. */
static json_t *attributes(const json_t *before, const json_t *after)
{
	json_t *result = json_object(), *was, *is;
	const char *name;

	json_object_foreach((json_t *)before, name, was)
	{
		is = json_object_get(after, name);
		if (!strcmp(name, XS_WORDS_ORDER)) {
			if (is_reordered(was, is))
				json_object_set_new(result, name,
						    json_pack("{s:s,s:s}", "old", "as it was", "new", "another"));
		} else if (!is || !json_equal(was, is)) {
			json_object_set_new(result, name, old_and_new(was, is));
		}
	}
	json_object_foreach((json_t *)after, name, is)
	{
		if (strcmp(name, XS_WORDS_ORDER) && !json_object_get(before, name))
			json_object_set_new(result, name, old_and_new(NULL, is));
	}
	return result;
}

static void note_thing(json_t *changes, const char *change, const char *kind, const char *name, const json_t *before,
		       const json_t *after)
{
	json_array_append_new(changes, json_pack("{s:s,s:s,s:s,s:o}", "change", change, "kind", kind, "name", name,
						 "attribute", attributes(before, after)));
}

static json_t *compare_words(const json_t *before, const json_t *after)
{
	json_t *changes = json_array();

	for (size_t i = 0; xs_word_kinds[i]; i++) {
		const char *kind = xs_word_kinds[i], *name;
		json_t *was = json_object_get(before, kind), *is = json_object_get(after, kind), *one;

		json_object_foreach(was, name, one)
		{
			json_t *other = json_object_get(is, name), *differs;

			if (!other) {
				note_thing(changes, "removed", kind, name, one, NULL);
				continue;
			}
			differs = attributes(one, other);
			if (json_object_size(differs))
				note_thing(changes, "changed", kind, name, one, other);
			json_decref(differs);
		}
		json_object_foreach(is, name, one) if (!json_object_get(was, name))
			note_thing(changes, "added", kind, name, NULL, one);
	}
	return changes;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static void print_values(const json_t *list, const json_t *but, char sign)
{
	json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
	{
		json_t *other;
		size_t k;
		bool there = false;

		json_array_foreach(but, k, other) there = there || json_equal(value, other);
		if (!there)
			printf(" %c%s", sign, json_string_value(value));
	}
}

static void print_attribute(const char *name, const json_t *old, const json_t *new, const char *change)
{
	json_t *value;
	size_t i;

	printf("%s", name);
	if (!strcmp(change, "changed") && (json_is_array(old) || json_is_array(new))) {
		print_values(old, new, '-');
		print_values(new, old, '+');
	} else if (!strcmp(change, "changed")) {
		printf(" %s -> %s", json_is_string(old) ? json_string_value(old) : "none",
		       json_is_string(new) ? json_string_value(new) : "none");
	} else if (json_is_array(new)) {
		json_array_foreach(new, i, value) printf(" %s", json_string_value(value));
	} else {
		printf(" %s", json_string_value(new));
	}
}

static void print_change(const json_t *change)
{
	const char *what = json_string_value(json_object_get(change, "change")), *name, *before = ": ";
	json_t *attribute;

	printf("%c %s %s",
	       *what == 'a'   ? '+'
	       : *what == 'r' ? '-'
			      : '~',
	       json_string_value(json_object_get(change, "kind")), json_string_value(json_object_get(change, "name")));
	if (*what != 'r') {
		json_object_foreach(json_object_get(change, "attribute"), name, attribute)
		{
			fputs(before, stdout);
			print_attribute(name, json_object_get(attribute, "old"), json_object_get(attribute, "new"),
					what);
			before = ", ";
		}
	}
	putchar('\n');
}

static void print_result(const json_t *result)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(result, "change"), i, one) print_change(one);
	json_array_foreach(json_object_get(result, "node"), i, one) printf(
		"%-15s records: %" JSON_INTEGER_FORMAT " added, %" JSON_INTEGER_FORMAT " removed, %" JSON_INTEGER_FORMAT
		" changed\n",
		json_string_value(json_object_get(one, "node")), json_integer_value(json_object_get(one, "added")),
		json_integer_value(json_object_get(one, "removed")),
		json_integer_value(json_object_get(one, "changed")));
	if (!i)
		printf("no difference to revision %" JSON_INTEGER_FORMAT "\n",
		       json_integer_value(json_object_get(result, "revision")));
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static int compare(struct diff *diff, const struct xs_options *options, struct xs_store *store, uint64_t *revision)
{
	struct xs_revision active = { 0 };
	int error = 0;

	diff->seen = calloc(xs_plan_node_count(diff->plan) + 1, sizeof(*diff->seen));
	if (!diff->seen)
		error = -ENOMEM;
	if (!error && store) {
		if (!xs_revision_get(store, &active))
			*revision = active.number;
		xs_revision_free(&active);
		error = xs_active_images(store, compare_active, diff, diff->error);
	}
	if (!error)
		error = compare_new(diff);
	if (error)
		xs_complain("diff: store %s: %s", options->store, diff->error[0] ? diff->error : strerror(-error));
	return error;
}

int xs_command_diff(const struct xs_options *options)
{
	struct diff diff = { .before = json_object(), .after = json_object(), .node = json_array() };
	struct xs_definition definition = { 0 };
	struct xs_store *store = NULL;
	uint64_t revision = 0;
	int code = xs_definition_plan(options, &store, &definition);

	if (code != XS_EXIT_DONE)
		goto out;
	diff.plan = definition.plan;
	if (compare(&diff, options, store, &revision)) {
		code = XS_EXIT_FAILED;
		goto out;
	}
	code = json_array_size(diff.node) ? XS_EXIT_DIFFERENT : XS_EXIT_DONE;
	json_t *result =
		json_pack("{s:I,s:b,s:o,s:O}", "revision", (json_int_t)revision, "different", code == XS_EXIT_DIFFERENT,
			  "change", compare_words(diff.before, diff.after), "node", diff.node);
	xs_print_result(options, result, print_result);
out:
	json_decref(diff.before);
	json_decref(diff.after);
	json_decref(diff.node);
	free(diff.seen);
	xs_definition_free(&definition);
	xs_store_close(store);
	return code;
}
