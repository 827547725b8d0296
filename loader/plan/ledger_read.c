/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_read.c - the text of a ledger (ledger_text.c) to a ledger, in one pass and without a tree: it is read by every command, and
 * half a megabyte at a thousand slices.
 *
 * What xs_ledger_write() writes is understood in any order and with any white space; a member of another name, or one that is given
 * twice, is refused: nobody knows what it was to mean.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/ledger.h"

struct text {
	char *at; /* NUL-terminated */
	size_t size, room;
};

struct scan {
	const char *at, *end;
	struct xs_ledger *ledger;
	struct text space, owner, member; /* the names at hand */
	uint64_t format;
	bool has_change, has_format, has_spaces;
};

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
		scan->at++;
}

/* Is `c` the next but for white space? Then it is taken. */
static bool take(struct scan *scan, char c)
{
	skip_space(scan);
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static int append(struct text *text, const char *bytes, size_t size)
{
	if (text->size + size >= text->room) {
		size_t room = 2 * (text->size + size) + 64;
		char *grown = realloc(text->at, room);

		if (!grown)
			return -ENOMEM;
		text->at = grown;
		text->room = room;
	}
	memcpy(text->at + text->size, bytes, size);
	text->size += size;
	text->at[text->size] = '\0';
	return 0;
}

/* Of a \u escape what xs_ledger_write() uses it for: control characters. */
static int append_escaped(struct scan *scan, struct text *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *which = *scan->at ? strchr(from, *scan->at) : NULL;
	unsigned int value = 0;

	scan->at++;
	if (which)
		return append(out, &to[which - from], 1);
	if (scan->at[-1] != 'u' || scan->end - scan->at < 4)
		return -EBADMSG;
	for (int i = 0; i < 4; i++) {
		char c = *scan->at++;
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return -EBADMSG;
		value = value << 4 | (unsigned int)digit;
	}
	return value && value < 0x80 ? append(out, &(char){ (char)value }, 1) : -EBADMSG;
}

static int read_string(struct scan *scan, struct text *out)
{
	int err = take(scan, '"') ? 0 : -EBADMSG;

	out->size = 0;
	if (!err)
		err = append(out, "", 0);
	while (!err) {
		const char *start = scan->at;

		while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\' && (unsigned char)*scan->at >= ' ')
			scan->at++;
		err = append(out, start, (size_t)(scan->at - start));
		if (err)
			break;
		if (scan->at == scan->end || (unsigned char)*scan->at < ' ')
			return -EBADMSG;
		if (*scan->at++ == '"')
			return 0;
		err = scan->at < scan->end ? append_escaped(scan, out) : -EBADMSG;
	}
	return err;
}

/* A number that a ledger may hold: from `least` up. `given`: whether there was one before. */
static int read_number(struct scan *scan, uint64_t least, bool *given, uint64_t *out)
{
	uint64_t value = 0;
	const char *start;

	if (*given)
		return -EBADMSG;
	*given = true;
	skip_space(scan);
	for (start = scan->at; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++) {
		if (value > (INT64_MAX - 9) / 10)
			return -EBADMSG;
		value = value * 10 + (uint64_t)(*scan->at - '0');
	}
	if (scan->at == start || (*start == '0' && scan->at - start > 1) || value < least)
		return -EBADMSG;
	*out = value;
	return 0;
}

/* The members of an object, by `member`, which finds the name in `name` and reads the value. */
static int read_object(struct scan *scan, struct text *name, int (*member)(struct scan *scan, void *context), void *context)
{
	int err = take(scan, '{') ? 0 : -EBADMSG;

	if (err || take(scan, '}'))
		return err;
	do {
		err = read_string(scan, name);
		if (!err && !take(scan, ':'))
			err = -EBADMSG;
		if (!err)
			err = member(scan, context);
	} while (!err && take(scan, ','));
	return err ? err : take(scan, '}') ? 0 : -EBADMSG;
}

/* ---- what it says ------------------------------------------------------------------------------------------------ */

struct item {
	uint64_t number, generation, change;
	bool has_number, has_generation, has_change, has_owner;
	bool freed; /* it stands in the list of tombstones */
};

struct space {
	struct xs_space *space;
	bool has_given, has_freed;
};

static int read_item_member(struct scan *scan, void *context)
{
	struct item *item = context;
	const char *name = scan->member.at;

	if (!strcmp(name, "number"))
		return read_number(scan, 1, &item->has_number, &item->number);
	if (!strcmp(name, "generation") && !item->freed)
		return read_number(scan, 1, &item->has_generation, &item->generation);
	if (!strcmp(name, "change") && item->freed)
		return read_number(scan, 1, &item->has_change, &item->change);
	if (strcmp(name, "owner") || !item->freed || item->has_owner)
		return -EBADMSG;
	item->has_owner = true;
	return read_string(scan, &scan->owner);
}

static int add_item(struct scan *scan, struct xs_space *space, const struct item *item)
{
	const char *owner = item->freed && !item->has_owner ? NULL : scan->owner.at;
	struct xs_entry *entry;

	if (!item->has_number || item->has_change != item->freed || xs_space_number(space, item->number) ||
	    (owner && xs_space_owner(space, owner)))
		return -EBADMSG;
	entry = xs_space_add(space, owner, item->number);
	if (!entry)
		return -ENOMEM;
	entry->generation = item->generation;
	entry->freed = item->change;
	return 0;
}

static int read_given(struct scan *scan, void *context)
{
	struct space *space = context;
	struct item item = { 0 };
	int err = read_object(scan, &scan->member, read_item_member, &item);

	return err ? err : add_item(scan, space->space, &item);
}

static int read_freed(struct scan *scan, struct space *space)
{
	int err = take(scan, '[') ? 0 : -EBADMSG;

	if (err || take(scan, ']'))
		return err;
	do {
		struct item item = { .freed = true };

		err = read_object(scan, &scan->member, read_item_member, &item);
		if (!err)
			err = add_item(scan, space->space, &item);
	} while (!err && take(scan, ','));
	return err ? err : take(scan, ']') ? 0 : -EBADMSG;
}

static int read_space_member(struct scan *scan, void *context)
{
	struct space *space = context;
	bool given = !strcmp(scan->member.at, "given"), *before = given ? &space->has_given : &space->has_freed;

	if ((!given && strcmp(scan->member.at, "freed")) || *before)
		return -EBADMSG;
	*before = true;
	return given ? read_object(scan, &scan->owner, read_given, space) : read_freed(scan, space);
}

static int read_space(struct scan *scan, void *context)
{
	unsigned int before = HASH_COUNT(scan->ledger->space);
	struct space space = { .space = xs_ledger_space(scan->ledger, scan->space.at) };

	if (!space.space)
		return -ENOMEM;
	if (HASH_COUNT(scan->ledger->space) == before)
		return -EBADMSG;
	return read_object(scan, &scan->member, read_space_member, &space);
}

static int read_root_member(struct scan *scan, void *context)
{
	const char *name = scan->member.at;

	if (!strcmp(name, "change"))
		return read_number(scan, 0, &scan->has_change, &scan->ledger->change);
	if (!strcmp(name, "format"))
		return read_number(scan, 0, &scan->has_format, &scan->format);
	if (strcmp(name, "spaces") || scan->has_spaces)
		return -EBADMSG;
	scan->has_spaces = true;
	return read_object(scan, &scan->space, read_space, NULL);
}

/* Nothing was freed by a change that is yet to come. */
static bool has_future(const struct xs_ledger *ledger)
{
	for (const struct xs_space *space = ledger->space; space; space = space->hh.next)
		for (const struct xs_entry *entry = space->by_number; entry; entry = entry->by_number.next)
			if (entry->freed > ledger->change)
				return true;
	return false;
}

int xs_ledger_read(const char *text, size_t size, struct xs_ledger **out, const char **why)
{
	struct scan scan = { .at = text, .end = text + size, .ledger = xs_ledger_new() };
	int err = scan.ledger ? read_object(&scan, &scan.member, read_root_member, NULL) : -ENOMEM;

	if (!err) {
		skip_space(&scan);
		if (scan.at != scan.end || !scan.has_change || !scan.has_spaces || scan.format != XS_LEDGER_FORMAT ||
		    has_future(scan.ledger))
			err = -EBADMSG;
	}
	free(scan.space.at);
	free(scan.owner.at);
	free(scan.member.at);
	if (err) {
		xs_ledger_free(scan.ledger);
		if (why)
			*why = err == -ENOMEM ? "out of memory" :
						"not JSON, not a ledger of this format, or one that gives a number twice";
		return err;
	}
	*out = scan.ledger;
	return 0;
}
