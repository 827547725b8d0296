/* SPDX-License-Identifier: GPL-2.0-or-later */
/* known.c - see known.h. What is known of a schema node hangs on it, as `priv`. */
#include "loader/model/known.h"

#include <string.h>
#include <uthash.h>

struct entry {
	const char *text;
	struct lyd_node *node;
	UT_hash_handle hh;
};

struct xs_known_of {
	struct lysc_node *schema;
	struct entry *entries; /* by text */
	struct xs_known_of *next;
};

/* NULL: no memory. */
static struct xs_known_of *known_of(struct xs_known *known, const struct lysc_node *schema)
{
	struct xs_known_of *of = schema->priv;

	if (of)
		return of;
	of = xs_arena_array(known->arena, 1, sizeof(*of));
	if (!of)
		return NULL;
	of->schema = (struct lysc_node *)schema;
	of->schema->priv = of;
	of->next = known->of;
	known->of = of;
	return of;
}

LY_ERR xs_known_make(struct xs_known *known, const struct lysc_node *schema, struct lyd_node *parent, const char *text,
		     struct lyd_node **out)
{
	struct xs_known_of *of = known_of(known, schema);
	struct entry *entry;
	LY_ERR why;

	if (!of)
		return LY_EMEM;
	HASH_FIND_STR(of->entries, text, entry);
	if (entry)
		return lyd_dup_single(entry->node, (struct lyd_node_inner *)parent, 0, out);
	why = schema->nodetype == LYS_LIST ? lyd_new_list(parent, schema->module, schema->name, 0, out, text)
					   : lyd_new_term(parent, schema->module, schema->name, text, 0, out);
	if (!*out)
		return why;
	entry = xs_arena_array(known->arena, 1, sizeof(*entry));
	if (!entry)
		return LY_EMEM;
	entry->text = text;
	entry->node = *out;
	HASH_ADD_KEYPTR(hh, of->entries, text, strlen(text), entry);
	return why;
}

void xs_known_free(struct xs_known *known, const char *text, struct lyd_node *node)
{
	struct xs_known_of *of = node->schema->priv;
	struct entry *entry;

	HASH_FIND_STR(of->entries, text, entry);
	if (entry && entry->node == node)
		HASH_DEL(of->entries, entry);
	lyd_free_tree(node);
}

void xs_known_clear(struct xs_known *known)
{
	for (struct xs_known_of *of = known->of; of; of = of->next) {
		HASH_CLEAR(hh, of->entries);
		of->schema->priv = NULL;
	}
	known->of = NULL;
}
