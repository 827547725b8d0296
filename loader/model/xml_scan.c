/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xml_scan.c - see xml_scan.h. */
#include "loader/model/xml_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "loader/model/document.h"

#define QUOTED_MAX 64 /* of a name in a message */

struct element {
	const char *name;
	int size;
	struct xs_place place;
};

struct scan {
	const char *at, *end;
	struct xs_place place; /* of `at` */
	struct xs_diag *diag;
	struct xs_xml_tags *tags;
	/* The outermost element is the definition, which YAML does not write. */
	struct element open[XS_DOCUMENT_DEPTH + 1];
	size_t depth;
};

static bool starts(const struct scan *scan, const char *what)
{
	size_t size = strlen(what);

	return (size_t)(scan->end - scan->at) >= size && !memcmp(scan->at, what, size);
}

static int refuse(struct scan *scan, const char *what)
{
	xs_diag_add(scan->diag, XS_ERROR, &scan->place, "syntax: %s", what);
	return -EINVAL;
}

static int add_place(struct xs_xml_tags *tags, const struct xs_place *place)
{
	if (tags->count == tags->room) {
		size_t room = tags->room ? 2 * tags->room : 256;
		struct xs_place *grown = realloc(tags->place, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		tags->place = grown;
		tags->room = room;
	}
	tags->place[tags->count++] = *place;
	return 0;
}

/* How much of a name stands at `at`, as far as a message quotes it. */
static int name_size(const char *at, const char *end)
{
	const char *from = at;

	while (at < end && !strchr(" \t\r\n/><", *at))
		at++;
	return (int)(at - from);
}

static int quoted(int size)
{
	return size < QUOTED_MAX ? size : QUOTED_MAX;
}

/* Past `mark`, which ends what begins at scan->at; NULL: a fault, it never comes. */
static const char *past(struct scan *scan, size_t skip, const char *mark, const char *fault)
{
	const char *from = scan->at + skip, *found = memmem(from, (size_t)(scan->end - from), mark, strlen(mark));

	if (found)
		return found + strlen(mark);
	refuse(scan, fault);
	return NULL;
}

/* Past the '>' of the start tag at scan->at; quoted attributes may hold one. *empty: it ends in "/>". */
static const char *past_tag(struct scan *scan, bool *empty)
{
	char quote = '\0';

	for (const char *at = scan->at + 1; at < scan->end; at++) {
		if (quote) {
			quote = *at == quote ? '\0' : quote;
		} else if (*at == '"' || *at == '\'') {
			quote = *at;
		} else if (*at == '>') {
			*empty = at[-1] == '/';
			return at + 1;
		}
	}
	refuse(scan, quote ? "a tag in which a quoted value does not end" : "a tag that does not end in >");
	return NULL;
}

static int start_tag(struct scan *scan, const char **next)
{
	struct element *element = &scan->open[scan->depth];
	bool empty;

	*next = past_tag(scan, &empty);
	if (!*next)
		return -EINVAL;
	if (scan->depth > XS_DOCUMENT_DEPTH) {
		xs_diag_add(scan->diag, XS_ERROR, &scan->place, "nested deeper than %d levels", XS_DOCUMENT_DEPTH);
		return -EINVAL;
	}
	if (!empty) {
		element->name = scan->at + 1;
		element->size = name_size(element->name, scan->end);
		element->place = scan->place;
		scan->depth++;
	}
	return add_place(scan->tags, &scan->place);
}

static int end_tag(struct scan *scan, const char **next)
{
	const char *name = scan->at + 2;
	int size = name_size(name, scan->end);
	const struct element *element;

	*next = past(scan, 2, ">", "a tag that does not end in >");
	if (!*next)
		return -EINVAL;
	if (!scan->depth) {
		xs_diag_add(scan->diag, XS_ERROR, &scan->place, "syntax: </%.*s> ends nothing that has begun",
			    quoted(size), name);
		return -EINVAL;
	}
	element = &scan->open[--scan->depth];
	if (element->size == size && !memcmp(element->name, name, (size_t)size))
		return 0;
	xs_diag_add(scan->diag, XS_ERROR, &scan->place, "syntax: </%.*s> where </%.*s> must come first", quoted(size),
		    name, quoted(element->size), element->name);
	xs_diag_note(scan->diag, &element->place, "<%.*s> begins here", quoted(element->size), element->name);
	return -EINVAL;
}

static int markup(struct scan *scan, const char **next)
{
	*next = NULL;
	if (starts(scan, "<!--"))
		*next = past(scan, 4, "-->", "a comment that does not end in -->");
	else if (starts(scan, "<![CDATA["))
		*next = past(scan, 9, "]]>", "a CDATA section that does not end in ]]>");
	else if (starts(scan, "<?"))
		*next = past(scan, 2, "?>", "a processing instruction that does not end in ?>");
	else if (starts(scan, "</"))
		return end_tag(scan, next);
	else if (!starts(scan, "<!"))
		return start_tag(scan, next);
	else
		xs_diag_add(scan->diag, XS_ERROR, &scan->place, "document types and entities are not allowed");
	return *next ? 0 : -EINVAL;
}

static void advance(struct scan *scan, const char *next)
{
	for (; scan->at < next; scan->at++) {
		scan->place.column++;
		if (*scan->at == '\n') {
			scan->place.line++;
			scan->place.column = 1;
		}
	}
}

int xs_xml_scan(const char *text, size_t size, struct xs_diag *diag, struct xs_xml_tags *tags)
{
	struct scan scan = {
		.at = text, .end = text + size, .place = { .line = 1, .column = 1 }, .diag = diag, .tags = tags
	};
	const struct element *element;
	int err;

	while (scan.at < scan.end) {
		const char *next = memchr(scan.at, '<', (size_t)(scan.end - scan.at));

		advance(&scan, next ? next : scan.end);
		if (!next)
			break;
		err = markup(&scan, &next);
		if (err)
			return err;
		advance(&scan, next);
	}
	if (!scan.depth)
		return 0;
	element = &scan.open[scan.depth - 1];
	xs_diag_add(diag, XS_ERROR, &element->place, "syntax: <%.*s> does not end", quoted(element->size),
		    element->name);
	return -EINVAL;
}
