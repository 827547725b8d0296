/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_text.c - the ledger as JSON and back:
 *
 *   {"change": 2, "format": 2, "spaces": {
 *     "cell": {"given": {"vm vm5": {"generation": 1, "number": 2}}},
 *     "page": {"given": {"P 10.0.0.0/16": {"number": 1, "prefix": "100.64.0.0/16"}}},
 *     "slice": {"freed": [{"change": 2, "number": 2, "owner": "A"}], "given": {"P": 1}}}}
 *
 * Who was given nothing but a number is written as it: they are the most by far. Members are sorted by name and tombstones by number, so the same ledger is the same bytes.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/ledger.h"

#define LEDGER_FORMAT 2

/* ---- writing ---- */

static int compare_numbers(const void *a, const void *b)
{
	const struct xs_entry *x = *(const struct xs_entry *const *)a, *y = *(const struct xs_entry *const *)b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* What a page is mapped to. 0, or not. */
static int write_prefix(const struct xs_entry *entry, json_t *item)
{
	char text[XS_PREFIX_TEXT];

	if (!entry->prefix.family)
		return 0;
	return json_object_set_new(item, "prefix", json_string(xs_prefix_text(&entry->prefix, text)));
}

static int write_freed(const struct xs_space *space, json_t *object)
{
	size_t i, count = 0, total = HASH_CNT(by_number, space->by_number);
	const struct xs_entry **sorted = calloc(total + 1, sizeof(*sorted)), *entry;
	json_t *list = json_array();
	int bad = !sorted || !list;

	for (entry = space->by_number; entry && !bad; entry = entry->by_number.next) {
		if (entry->freed)
			sorted[count++] = entry;
	}
	if (count)
		qsort(sorted, count, sizeof(*sorted), compare_numbers);
	for (i = 0; i < count && !bad; i++) {
		json_t *item = json_pack("{s:I, s:I, s:s*}", "number", (json_int_t)sorted[i]->number, "change",
					 (json_int_t)sorted[i]->freed, "owner", sorted[i]->owner);

		bad = write_prefix(sorted[i], item);
		bad |= json_array_append_new(list, item);
	}
	if (!bad && count)
		bad = json_object_set(object, "freed", list);
	json_decref(list);
	free(sorted);
	return bad;
}

/* NULL without memory. */
static json_t *given_item(const struct xs_entry *entry)
{
	json_t *item = json_integer((json_int_t)entry->number);
	int bad;

	if (!entry->generation && !entry->prefix.family)
		return item;
	item = json_pack("{s:o}", "number", item);
	bad = entry->generation && json_object_set_new(item, "generation", json_integer((json_int_t)entry->generation));
	bad |= write_prefix(entry, item);
	if (!bad)
		return item;
	json_decref(item);
	return NULL;
}

static int write_given(const struct xs_space *space, json_t *object)
{
	const struct xs_entry *entry;
	json_t *given = json_object();
	int bad = !given;

	for (entry = space->by_number; entry && !bad; entry = entry->by_number.next) {
		if (!entry->freed)
			bad = json_object_set_new(given, entry->owner, given_item(entry));
	}
	if (!bad && json_object_size(given))
		bad = json_object_set(object, "given", given);
	json_decref(given);
	return bad;
}

char *xs_ledger_write(const struct xs_ledger *ledger, size_t *size)
{
	json_t *root = json_pack("{s:I, s:i}", "change", (json_int_t)ledger->change, "format", LEDGER_FORMAT);
	json_t *spaces = json_object();
	const struct xs_space *space;
	char *text = NULL;
	int bad = !root || !spaces;

	for (space = ledger->space; space && !bad; space = space->hh.next) {
		json_t *object = json_object();

		bad = !object || write_given(space, object) || write_freed(space, object);
		if (!bad && json_object_size(object))
			bad = json_object_set(spaces, space->name, object);
		json_decref(object);
	}
	if (!bad)
		bad = json_object_set(root, "spaces", spaces);
	if (!bad)
		text = json_dumps(root, JSON_SORT_KEYS | JSON_INDENT(1));
	if (text)
		*size = strlen(text);
	json_decref(spaces);
	json_decref(root);
	return text;
}

/* ---- reading ---- */

/* A number that a ledger may hold: 1 and up. */
static int take_number(const json_t *value, uint64_t *out)
{
	if (!json_is_integer(value) || json_integer_value(value) < 1)
		return -EBADMSG;
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

static int get_number(const json_t *object, const char *name, uint64_t *out)
{
	return take_number(json_object_get(object, name), out);
}

static int read_entry(struct xs_space *space, const char *owner, const json_t *item, struct xs_entry **out)
{
	struct xs_prefix mapped = { 0 };
	struct xs_entry *entry;
	const json_t *prefix;
	uint64_t number;

	if (take_number(json_is_object(item) ? json_object_get(item, "number") : item, &number) ||
	    xs_space_number(space, number) || (owner && xs_space_owner(space, owner)))
		return -EBADMSG;
	prefix = json_object_get(item, "prefix");
	if (prefix && (!json_is_string(prefix) || xs_prefix_parse(json_string_value(prefix), &mapped)))
		return -EBADMSG;
	entry = xs_space_add(space, owner, number);
	if (!entry)
		return -ENOMEM;
	entry->prefix = mapped;
	*out = entry;
	return 0;
}

static int read_space(struct xs_space *space, json_t *object, uint64_t change)
{
	json_t *given = json_object_get(object, "given"), *freed = json_object_get(object, "freed"), *item;
	struct xs_entry *entry;
	const char *owner;
	size_t i;
	int err;

	if (!json_is_object(object) || (given && !json_is_object(given)) || (freed && !json_is_array(freed)))
		return -EBADMSG;
	json_object_foreach(given, owner, item)
	{
		err = read_entry(space, owner, item, &entry);
		if (!err && json_object_get(item, "generation"))
			err = get_number(item, "generation", &entry->generation);
		if (err)
			return err;
	}
	json_array_foreach(freed, i, item)
	{
		const json_t *name = json_object_get(item, "owner");

		if (name && !json_is_string(name))
			return -EBADMSG;
		err = read_entry(space, json_string_value(name), item, &entry);
		if (!err)
			err = get_number(item, "change", &entry->freed);
		if (!err && entry->freed > change)
			err = -EBADMSG;
		if (err)
			return err;
	}
	return 0;
}

static int read_root(json_t *root, struct xs_ledger *ledger)
{
	json_t *change = json_object_get(root, "change"), *spaces = json_object_get(root, "spaces"), *object;
	const char *name;
	int err;

	if (json_integer_value(json_object_get(root, "format")) != LEDGER_FORMAT || !json_is_integer(change) ||
	    json_integer_value(change) < 0 || !json_is_object(spaces))
		return -EBADMSG;
	ledger->change = (uint64_t)json_integer_value(change);
	json_object_foreach(spaces, name, object)
	{
		struct xs_space *space = xs_ledger_space(ledger, name);

		err = space ? read_space(space, object, ledger->change) : -ENOMEM;
		if (err)
			return err;
	}
	return 0;
}

int xs_ledger_read(const char *text, size_t size, struct xs_ledger **out, const char **why)
{
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	struct xs_ledger *ledger = xs_ledger_new();
	const char *fault = "not JSON";
	int err = -EBADMSG;

	if (!ledger)
		err = -ENOMEM;
	else if (root) {
		fault = "not a ledger of this format, or one that gives a number twice";
		err = read_root(root, ledger);
	}
	json_decref(root);
	if (err) {
		xs_ledger_free(ledger);
		if (why)
			*why = err == -ENOMEM ? "out of memory" : fault;
		return err;
	}
	*out = ledger;
	return 0;
}
