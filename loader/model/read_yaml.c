/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * read_yaml.c - YAML and JSON, by libyaml's events. What YAML has beyond maps, lists and scalars is refused: anchors
 * and aliases (a short text may mean a gigabyte), tags (types are the schema's), several documents, keys that are no
 * scalars.
 */
#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "loader/model/document.h"

struct reader {
	yaml_parser_t parser;
	struct xs_text_cursor cursor;
	struct xs_diag *diag;
	struct xs_document *document;
	bool json, foreign_reported;
	int err;                                     /* -ENOMEM: stop; -EINVAL: something was reported */
	struct xs_doc_node *open[XS_DOCUMENT_DEPTH]; /* the maps and lists around what comes next */
	size_t depth;
	bool key_known; /* the innermost is a map, and its next key was read */
	const char *key;
	struct xs_place key_place;
};

static struct xs_place place_of(struct reader *reader, yaml_mark_t mark)
{
	return (struct xs_place){
		.line = (uint32_t)mark.line + 1,
		.column = (uint32_t)xs_text_column(&reader->cursor, mark.line, mark.column) + 1,
	};
}

static void fault(struct reader *reader, const struct xs_place *place, const char *text)
{
	xs_diag_add(reader->diag, XS_ERROR, place, "%s", text);
	reader->err = -EINVAL;
}

static void report_syntax(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	struct xs_place place = place_of(reader, parser->problem_mark);

	if (parser->error == YAML_MEMORY_ERROR) {
		reader->err = -ENOMEM;
		return;
	}
	reader->err = -EINVAL;
	if (reader->cursor.at < reader->cursor.end && *reader->cursor.at == '\t') {
		xs_diag_add(reader->diag, XS_ERROR, &place, "syntax: a tab: indent with spaces");
		return;
	}
	xs_diag_add(reader->diag, XS_ERROR, &place, "syntax: %s%s%s",
		    parser->problem ? parser->problem : "not readable", parser->context ? " " : "",
		    parser->context ? parser->context : "");
}

static bool is_null(const char *text)
{
	return !*text || !strcmp(text, "~") || !strcmp(text, "null") || !strcmp(text, "Null") || !strcmp(text, "NULL");
}

static bool is_json_literal(const char *text)
{
	size_t digits = strspn(text, "0123456789+-.eE");

	return !strcmp(text, "true") || !strcmp(text, "false") || !strcmp(text, "null") || (digits && !text[digits]);
}

/* Tags, anchors, and in JSON what only YAML has. */
static bool refuse_decoration(struct reader *reader, const yaml_event_t *event, const struct xs_place *place)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	bool foreign = false;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		foreign = event->data.scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE &&
			  (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
			   !is_json_literal((const char *)event->data.scalar.value));
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		foreign = event->data.mapping_start.style != YAML_FLOW_MAPPING_STYLE;
		break;
	default:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		foreign = event->data.sequence_start.style != YAML_FLOW_SEQUENCE_STYLE;
	}
	if (anchor)
		fault(reader, place, "anchors are not allowed");
	else if (tag)
		fault(reader, place, "tags are not allowed");
	else if (reader->json && foreign && !reader->foreign_reported)
		fault(reader, place,
		      "this is not JSON, whose words have quotes and whose lists and maps have brackets");
	reader->foreign_reported |= foreign;
	return anchor || tag || (reader->json && foreign);
}

static struct xs_doc_node *add_node(struct reader *reader, enum xs_doc_kind kind, const struct xs_place *place)
{
	struct xs_doc_node *parent = reader->depth ? reader->open[reader->depth - 1] : NULL;
	struct xs_doc_node *node = xs_arena_array(reader->document->arena, 1, sizeof(*node));

	if (!node) {
		reader->err = -ENOMEM;
		return NULL;
	}
	node->kind = kind;
	node->place = *place;
	if (!parent) {
		reader->document->root = node;
	} else {
		if (parent->kind == XS_DOC_MAP) {
			node->key = reader->key;
			node->key_place = reader->key_place;
			reader->key_known = false;
		}
		xs_doc_append(parent, node);
	}
	return node;
}

static bool wants_key(const struct reader *reader)
{
	return reader->depth && reader->open[reader->depth - 1]->kind == XS_DOC_MAP && !reader->key_known;
}

static int take_scalar(struct reader *reader, const yaml_event_t *event)
{
	struct xs_place place = place_of(reader, event->start_mark);
	const char *text = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	bool broken = refuse_decoration(reader, event, &place);
	struct xs_doc_node *node;

	if (!broken && memchr(text, '\0', size)) { /* "\0" in quotes */
		fault(reader, &place, "a NUL in a value");
		broken = true;
	} else if (!broken && size > XS_SCALAR_MAX) {
		xs_diag_add(reader->diag, XS_ERROR, &place, "a value of %zu bytes: more than %d", size, XS_SCALAR_MAX);
		reader->err = -EINVAL;
		broken = true;
	}
	if (wants_key(reader)) {
		reader->key = broken ? NULL : xs_arena_copy(reader->document->arena, text, size);
		reader->key_place = place;
		reader->key_known = true;
		if (!broken && !reader->key)
			reader->err = -ENOMEM;
		return reader->err == -ENOMEM ? -ENOMEM : 0;
	}
	node = add_node(reader,
			broken                   ? XS_DOC_BROKEN
			: plain && is_null(text) ? XS_DOC_NOTHING
						 : XS_DOC_SCALAR,
			&place);
	if (node && !broken) {
		node->text = xs_arena_copy(reader->document->arena, text, size);
		if (!node->text)
			reader->err = -ENOMEM;
	}
	return reader->err == -ENOMEM ? -ENOMEM : 0;
}

static int open_collection(struct reader *reader, const yaml_event_t *event)
{
	struct xs_place place = place_of(reader, event->start_mark);
	struct xs_doc_node *node;

	if (reader->depth == XS_DOCUMENT_DEPTH) {
		xs_diag_add(reader->diag, XS_ERROR, &place, "nested deeper than %d levels", XS_DOCUMENT_DEPTH);
		return reader->err = -EINVAL;
	}
	if (wants_key(reader)) {
		fault(reader, &place, "a key must be a word");
		return -EINVAL;
	}
	refuse_decoration(reader, event, &place);
	node = add_node(reader, event->type == YAML_MAPPING_START_EVENT ? XS_DOC_MAP : XS_DOC_LIST, &place);
	if (!node)
		return -ENOMEM;
	reader->open[reader->depth++] = node;
	return 0;
}

static int take_alias(struct reader *reader, const yaml_event_t *event)
{
	struct xs_place place = place_of(reader, event->start_mark);

	fault(reader, &place, "aliases are not allowed");
	if (wants_key(reader)) {
		reader->key = NULL;
		reader->key_place = place;
		reader->key_known = true;
		return 0;
	}
	return add_node(reader, XS_DOC_BROKEN, &place) ? 0 : -ENOMEM;
}

/* 0: go on; 1: the end; negative: stop. */
static int take_event(struct reader *reader, const yaml_event_t *event)
{
	struct xs_place place;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (!reader->document->root)
			return 0;
		place = place_of(reader, event->start_mark);
		fault(reader, &place, "a second document: a definition is one");
		return -EINVAL;
	case YAML_SCALAR_EVENT:
		return take_scalar(reader, event);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return open_collection(reader, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reader->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return take_alias(reader, event);
	case YAML_STREAM_END_EVENT:
		return 1;
	default:
		return 0;
	}
}

int xs_read_yaml(const char *text, size_t size, bool json, struct xs_diag *diag, struct xs_document *document)
{
	struct reader reader = { .diag = diag, .document = document, .json = json };
	yaml_event_t event;
	int done = 0;

	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		size -= 3;
	}
	reader.cursor.at = text;
	reader.cursor.end = text + size;
	document->root = NULL;
	if (!yaml_parser_initialize(&reader.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
	while (!done) {
		if (!yaml_parser_parse(&reader.parser, &event)) {
			report_syntax(&reader);
			document->root = NULL;
			break;
		}
		done = take_event(&reader, &event);
		yaml_event_delete(&event);
	}
	if (done < 0)
		document->root = NULL;
	yaml_parser_delete(&reader.parser);
	return reader.err;
}
