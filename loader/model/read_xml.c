/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * read_xml.c - XML, by libyang without a schema: every element becomes an opaque node, so that one run finds all
 * faults.
 *
 * libyang tells no lines after parsing. A scan of our own finds the start tags, whose order is that of the nodes; it
 * comes first, since libyang's parser is recursive and must not be given what is too deep. What is not well-formed,
 * libyang says.
 */
#include <errno.h>
#include <libyang/libyang.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "loader/model/document.h"

struct lines {
	uint32_t *line; /* of the n-th start tag */
	size_t count, room;
};

static int add_line(struct lines *lines, uint32_t line)
{
	if (lines->count == lines->room) {
		size_t room = lines->room ? 2 * lines->room : 256;
		uint32_t *grown = realloc(lines->line, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		lines->line = grown;
		lines->room = room;
	}
	lines->line[lines->count++] = line;
	return 0;
}

static const char *find(const char *at, const char *end, const char *what)
{
	const char *found = memmem(at, (size_t)(end - at), what, strlen(what));

	return found ? found + strlen(what) : end;
}

/* Past the '>' of the tag that begins at `at`; quoted attributes may hold one. *empty: it ends in "/>". */
static const char *find_tag_end(const char *at, const char *end, bool *empty)
{
	char quote = '\0';

	for (; at < end; at++) {
		if (quote) {
			quote = *at == quote ? '\0' : quote;
		} else if (*at == '"' || *at == '\'') {
			quote = *at;
		} else if (*at == '>') {
			*empty = at[-1] == '/';
			return at + 1;
		}
	}
	return end;
}

/* Lines of all start tags. 0, -ENOMEM, or -EINVAL with a fault reported. */
static int scan(const char *text, size_t size, struct xs_diag *diag, struct lines *lines)
{
	const char *at = text, *end = text + size, *next;
	struct xs_place place = { .line = 1 };
	size_t depth = 0;
	bool empty;

	for (; at < end; at = next) {
		if (*at != '<') {
			next = at + 1;
		} else if (end - at >= 4 && !memcmp(at, "<!--", 4)) {
			next = find(at + 4, end, "-->");
		} else if (end - at >= 9 && !memcmp(at, "<![CDATA[", 9)) {
			next = find(at + 9, end, "]]>");
		} else if (end - at >= 2 && at[1] == '!') {
			xs_diag_add(diag, XS_ERROR, &place, "document types and entities are not allowed");
			return -EINVAL;
		} else if (end - at >= 2 && at[1] == '?') {
			next = find(at + 2, end, "?>");
		} else if (end - at >= 2 && at[1] == '/') {
			next = find(at + 2, end, ">");
			depth -= depth > 0;
		} else {
			empty = false;
			next = find_tag_end(at + 1, end, &empty);
			/* The outermost element is the definition, which YAML does not write. */
			if (depth > XS_DOCUMENT_DEPTH) {
				xs_diag_add(diag, XS_ERROR, &place, "nested deeper than %d levels", XS_DOCUMENT_DEPTH);
				return -EINVAL;
			}
			if (add_line(lines, place.line))
				return -ENOMEM;
			depth += !empty;
		}
		for (const char *c = at; c < next; c++)
			place.line += *c == '\n';
	}
	return 0;
}

/* ---- from libyang's nodes to ours ------------------------------------------------------------------------------- */

struct converter {
	struct xs_document *document;
	struct xs_diag *diag;
	const struct lines *lines;
	size_t element; /* of the next node, in document order */
	int err;
};

static bool is_blank(const char *text)
{
	return !text[strspn(text, " \t\r\n")];
}

static const char *trimmed(struct xs_arena *arena, const char *text)
{
	size_t skip = strspn(text, " \t\r\n"), size = strlen(text + skip);

	while (size && strchr(" \t\r\n", text[skip + size - 1]))
		size--;
	return xs_arena_copy(arena, text + skip, size);
}

static void refuse(struct converter *converter, struct xs_doc_node *node, const char *text)
{
	xs_diag_add(converter->diag, XS_ERROR, &node->place, "<%s>: %s", node->key, text);
	converter->err = -EINVAL;
	node->kind = XS_DOC_BROKEN;
}

/* Recursion is bounded: scan() saw the depth. */
static struct xs_doc_node *convert(struct converter *converter, const struct lyd_node *from)
{
	const struct lyd_node_opaq *opaque = (const struct lyd_node_opaq *)from;
	struct xs_arena *arena = converter->document->arena;
	struct xs_doc_node *node = xs_arena_array(arena, 1, sizeof(*node)), *child;
	const char *value = opaque->value ? opaque->value : "";

	if (!node)
		goto nomem;
	if (converter->element < converter->lines->count)
		node->place.line = converter->lines->line[converter->element];
	converter->element++;
	node->key = xs_arena_copy(arena, opaque->name.name, strlen(opaque->name.name));
	node->key_place = node->place;
	if (opaque->name.module_ns)
		node->space = xs_arena_copy(arena, opaque->name.module_ns, strlen(opaque->name.module_ns));
	if (!node->key || (opaque->name.module_ns && !node->space))
		goto nomem;
	if (!opaque->child) {
		node->kind = is_blank(value) ? XS_DOC_NOTHING : XS_DOC_SCALAR;
		node->text = trimmed(arena, value);
		if (!node->text)
			goto nomem;
		if (strlen(node->text) > XS_SCALAR_MAX)
			refuse(converter, node, "a value is longer than 4096 bytes");
	} else {
		node->kind = XS_DOC_MAP;
		for (const struct lyd_node *next = opaque->child; next; next = next->next) {
			child = convert(converter, next);
			if (!child)
				return NULL;
			xs_doc_append(node, child);
		}
		if (!is_blank(value))
			refuse(converter, node, "text beside elements");
	}
	if (opaque->attr)
		refuse(converter, node, "attributes are not allowed");
	return node;
nomem:
	converter->err = -ENOMEM;
	return NULL;
}

/* libyang's one fault of syntax: message, and the line out of "Line number N." */
static void report_syntax(const struct ly_ctx *context, struct xs_diag *diag)
{
	const char *message = ly_errmsg(context), *where = ly_errpath(context);
	const char *number = where ? strpbrk(where, "0123456789") : NULL;
	struct xs_place place = { .line = number ? (uint32_t)strtoul(number, NULL, 10) : 0 };

	xs_diag_add(diag, XS_ERROR, &place, "syntax: %s", message ? message : "not readable");
}

/* The definition may stand alone or as the only child of NETCONF's <config> or <data>. */
static const struct lyd_node *find_root(const struct lyd_node *tree, size_t *element)
{
	const struct lyd_node_opaq *opaque = (const struct lyd_node_opaq *)tree;

	if ((!strcmp(opaque->name.name, "config") || !strcmp(opaque->name.name, "data")) && opaque->child &&
	    !opaque->child->next) {
		*element = 1;
		return opaque->child;
	}
	return tree;
}

int xs_read_xml(const char *text, size_t size, struct xs_diag *diag, struct xs_document *document)
{
	struct lines lines = { 0 };
	struct converter converter = { .document = document, .diag = diag, .lines = &lines };
	struct ly_ctx *context = NULL;
	struct lyd_node *tree = NULL;
	int err;

	document->root = NULL;
	document->xml = true;
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		size -= 3;
	}
	err = scan(text, size, diag, &lines);
	if (err || !lines.count)
		goto out;
	err = -ENOMEM;
	if (ly_ctx_new(NULL, LY_CTX_NO_YANGLIBRARY | LY_CTX_DISABLE_SEARCHDIRS, &context))
		goto out;
	/* The text is a string for libyang: callers give one that ends in NUL. */
	switch (lyd_parse_data_mem(context, text, LYD_XML, LYD_PARSE_ONLY | LYD_PARSE_OPAQ, 0, &tree)) {
	case LY_SUCCESS:
		break;
	case LY_EMEM:
		goto out;
	default:
		report_syntax(context, diag);
		err = -EINVAL;
		goto out;
	}
	if (!tree) {
		err = 0;
		goto out;
	}
	if (tree->next) {
		struct xs_place place = { .line = lines.line[0] };

		xs_diag_add(diag, XS_ERROR, &place, "a definition is one element, <domain>; here are several");
		err = -EINVAL;
		goto out;
	}
	document->root = convert(&converter, find_root(tree, &converter.element));
	err = converter.err;
out:
	lyd_free_all(tree);
	ly_ctx_destroy(context);
	free(lines.line);
	return err;
}
