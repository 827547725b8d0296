/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * read_xml.c - XML, by libyang without a schema: every element becomes an opaque node, so that one run finds all
 * faults.
 *
 * libyang tells no places after parsing. A scan of our own (xml_scan.c) finds the start tags, whose order is that of
 * the nodes; it comes first, since libyang's parser is recursive and must not be given what is too deep. What else is
 * not well-formed, libyang says.
 */
#include <errno.h>
#include <libyang/libyang.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "loader/model/document.h"
#include "loader/model/xml_scan.h"

#define QUOTED_MAX 40 /* bytes of the text that libyang's messages may quote */

/* ---- from libyang's nodes to ours ------------------------------------------------------------------------------- */

struct converter {
	struct xs_document *document;
	struct xs_diag *diag;
	const struct xs_xml_tags *tags;
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
	if (converter->element < converter->tags->count)
		node->place = converter->tags->place[converter->element];
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

/* Start of a line, counted from 1; the text's end where it has fewer. */
static const char *line_start(const char *text, unsigned long line)
{
	for (; line > 1 && text; line--) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text;
}

/* How much of what a message quotes is worth showing: of one line, and whole characters. */
static int shown(const char *quoted, size_t size)
{
	const char *newline = memchr(quoted, '\n', size);

	size = newline ? (size_t)(newline - quoted) : size;
	if (size > QUOTED_MAX) {
		size = QUOTED_MAX;
		while (size && (quoted[size] & 0xc0) == 0x80)
			size--;
	}
	return (int)size;
}

/*
 * libyang's one fault of syntax. The line comes out of "Line number N."; the column is where that line has what the
 * message quotes, which is often all the rest of the text: so it is cut.
 */
static void report_syntax(const struct ly_ctx *context, const char *text, struct xs_diag *diag)
{
	const char *message = ly_errmsg(context), *where = ly_errpath(context);
	const char *number = where ? strpbrk(where, "0123456789") : NULL;
	const char *quoted = message ? strchr(message, '"') : NULL, *behind = quoted ? strrchr(message, '"') : NULL;
	struct xs_place place = { .line = number ? (uint32_t)strtoul(number, NULL, 10) : 0 };
	const char *line = place.line ? line_start(text, place.line) : NULL, *found;
	const char *remedy =
		message && strstr(message, "namespace") ? " (the definition is <domain xmlns=\"urn:xslice\">)" : "";
	size_t size;
	int cut;

	if (!quoted || behind == quoted) {
		xs_diag_add(diag, XS_ERROR, &place, "syntax: %s%s", message ? message : "not readable", remedy);
		return;
	}
	quoted++;
	size = (size_t)(behind - quoted);
	cut = shown(quoted, size);
	found = line && cut ? memmem(line, strcspn(line, "\n"), quoted, (size_t)cut) : NULL;
	place.column = found ? (uint32_t)(found - line) + 1 : 0;
	xs_diag_add(diag, XS_ERROR, &place, "syntax: %.*s%.*s%s%s%s", (int)(quoted - message), message, cut, quoted,
		    (size_t)cut < size ? "..." : "", behind, remedy);
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
	struct xs_xml_tags tags = { 0 };
	struct converter converter = { .document = document, .diag = diag, .tags = &tags };
	struct ly_ctx *context = NULL;
	struct lyd_node *tree = NULL;
	int err;

	document->root = NULL;
	document->xml = true;
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		size -= 3;
	}
	err = xs_xml_scan(text, size, diag, &tags);
	if (err || !tags.count)
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
		report_syntax(context, text, diag);
		err = -EINVAL;
		goto out;
	}
	if (!tree) {
		err = 0;
		goto out;
	}
	if (tree->next) {
		xs_diag_add(diag, XS_ERROR, &tags.place[0], "a definition is one element, <domain>; here are several");
		err = -EINVAL;
		goto out;
	}
	document->root = convert(&converter, find_root(tree, &converter.element));
	err = converter.err;
out:
	lyd_free_all(tree);
	ly_ctx_destroy(context);
	free(tags.place);
	return err;
}
