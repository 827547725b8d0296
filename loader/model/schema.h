/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schema.h - the compiled YANG modules, which are embedded in the program.
 *
 * Always holds: every list has exactly one key. The caller has told libyang to keep its messages and print none
 * (ly_log_options()).
 */
#ifndef XSLICE_MODEL_SCHEMA_H
#define XSLICE_MODEL_SCHEMA_H

#include <libyang/libyang.h>
#include <stdbool.h>
#include <stddef.h>

struct xs_schema {
	struct ly_ctx *context;
	const struct lysc_node *domain; /* container that holds everything */
};

/* 0, -ENOMEM, or -EPROTO where the embedded modules do not compile (a fault of the program; tests see it). */
int xs_schema_open(struct xs_schema *schema);
void xs_schema_close(struct xs_schema *schema);

/* The child called `name`, perhaps written MODULE:NAME. NULL: there is none. */
const struct lysc_node *xs_schema_child(const struct lysc_node *parent, const char *name);

/* The key of a list. */
const struct lysc_node *xs_schema_key(const struct lysc_node *list);

static inline bool xs_schema_is_leaf(const struct lysc_node *node)
{
	return node->nodetype & (LYS_LEAF | LYS_LEAFLIST);
}

static inline bool xs_schema_is_many(const struct lysc_node *node)
{
	return node->nodetype & (LYS_LIST | LYS_LEAFLIST);
}

/*
 * Completes the sentence "VALUE is ..." for a value that libyang just refused for leaf or leaf-list `node`: "not one of
 * native, generic". Into buf.
 */
void xs_schema_explain(const struct lysc_node *node, const char *value, char *buf, size_t size);

#endif
