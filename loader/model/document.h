/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * document.h - a definition as its text has it, whatever the form: maps, lists and scalars, each with its place. Made
 * by read_yaml.c or read_xml.c, read by tree.c; no schema is known here.
 *
 * Always holds: at most XS_DOCUMENT_DEPTH levels, scalars of at most XS_SCALAR_MAX bytes, valid UTF-8 without control
 * characters other than tab, newline and carriage return. A node whose fault was reported is there as XS_DOC_BROKEN, so
 * that nobody reports its absence.
 */
#ifndef XSLICE_MODEL_DOCUMENT_H
#define XSLICE_MODEL_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/base/diag.h"
#include "loader/model/arena.h"

#define XS_DOCUMENT_MAX   (64u << 20) /* bytes */
#define XS_DOCUMENT_DEPTH 32
#define XS_SCALAR_MAX     4096 /* bytes */

enum xs_doc_kind { XS_DOC_SCALAR, XS_DOC_MAP, XS_DOC_LIST, XS_DOC_NOTHING, XS_DOC_BROKEN };

struct xs_doc_node {
	enum xs_doc_kind kind;
	struct xs_place place;
	const char *key; /* in a map: its key; NULL: a key whose fault was reported, the node is to be passed over */
	struct xs_place key_place;
	const char *space;                /* XML: namespace of the key; else NULL */
	const char *text;                 /* scalar: its value */
	struct xs_doc_node *first, *last; /* map, list: its children */
	struct xs_doc_node *next;
};

struct xs_document {
	struct xs_arena *arena; /* the caller's */
	struct xs_doc_node *root;
	bool xml; /* lists are written as repeated elements of a map */
};

static inline void xs_doc_append(struct xs_doc_node *parent, struct xs_doc_node *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

/*
 * 0; -EINVAL: faults were reported (what was read up to a fault of syntax is of no use; after others, document is
 * whole); -ENOMEM. The text passed xs_text_check().
 */
int xs_read_yaml(const char *text, size_t size, bool json, struct xs_diag *diag, struct xs_document *document);
int xs_read_xml(const char *text, size_t size, struct xs_diag *diag, struct xs_document *document);

/* Size, UTF-8, control characters: 0, or -EINVAL with faults reported (at most one per line and 20 in all). */
int xs_text_check(const char *text, size_t size, struct xs_diag *diag);

/* Turns ascending (line, characters) into bytes. */
struct xs_text_cursor {
	const char *at, *end;
	size_t line, character, byte; /* of `at`; from 0 */
};
size_t xs_text_column(struct xs_text_cursor *cursor, size_t line, size_t character);

#endif
