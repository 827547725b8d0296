/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.c - document to data tree, node by node, so that one run finds all faults (libyang stops at the first).
 *
 * Where an entry's key is at fault, the entry is not made, but what is in it is checked all the same: `parent` is then
 * NULL.
 *
 * Rules for writing: a scalar in place of a list's entry is its key, and in place of a list of values its only one; a
 * key that is a number may be absent, and is then the entry's place in its list; a name may be written MODULE:NAME, as
 * RFC 7951 has it.
 */
#include "loader/model/tree.h"

#include "loader/model/known.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#define CHILDREN_MAX 32 /* of one schema node; tests compile the schema and would see more */

struct builder {
	const struct xs_schema *schema;
	struct xs_document *document;
	struct xs_known known;
	struct xs_diag *diag;
	int err; /* -EINVAL: a fault was reported; -ENOMEM: stop */
};

struct seen_value {
	const char *value;
	const struct xs_doc_node *from;
	UT_hash_handle hh;
};

/* What the document says about one child of a schema node. */
struct slot {
	const struct lysc_node *schema;
	struct xs_doc_node *first; /* NULL: nothing */
	size_t count;              /* entries of a list or leaf-list */
	struct seen_value *values; /* ... and their keys */
};

static void build_children(struct builder *b, const struct lysc_node *schema, struct lyd_node *parent,
			   struct xs_doc_node *map, const struct lysc_node *key);

static void fail(struct builder *b, int err)
{
	if (b->err != -ENOMEM)
		b->err = err;
}

static void refuse_value(struct builder *b, const struct lysc_node *schema, const struct xs_doc_node *from)
{
	int shown = xs_quoted_length(from->text);
	char why[256];

	xs_schema_explain(schema, from->text, why, sizeof(why));
	xs_diag_add(b->diag, XS_ERROR, &from->place, "%s: \"%.*s%s\" is %s", schema->name, shown, from->text,
		    from->text[shown] ? "..." : "", why);
	fail(b, -EINVAL);
}

/* A value stands here that the type of `schema` may refuse; makes the node if there is a parent to put it into. */
static struct lyd_node *build_term(struct builder *b, const struct lysc_node *schema, struct lyd_node *parent,
				   struct xs_doc_node *from)
{
	struct lyd_node *node = NULL;
	LY_ERR why;

	if (parent)
		why = xs_known_make(&b->known, schema, parent, from->text, &node);
	else
		why = lyd_value_validate(b->schema->context, schema, from->text, strlen(from->text), NULL, NULL, NULL);
	if (node)
		node->priv = from;
	if (why == LY_EMEM)
		fail(b, -ENOMEM);
	else if (why && why != LY_EINCOMPLETE) /* incomplete: a reference, which is checked later */
		refuse_value(b, schema, from);
	return node;
}

static const char *kind_word(enum xs_doc_kind kind)
{
	return kind == XS_DOC_MAP      ? "a map"
	       : kind == XS_DOC_LIST   ? "a list"
	       : kind == XS_DOC_SCALAR ? "a value"
				       : "nothing";
}

static void refuse_kind(struct builder *b, const struct lysc_node *schema, const struct xs_doc_node *from,
			const char *wanted)
{
	xs_diag_add(b->diag, XS_ERROR, &from->place, "%s: %s is wanted here, not %s", schema->name, wanted,
		    kind_word(from->kind));
	fail(b, -EINVAL);
}

static void build_leaf(struct builder *b, const struct lysc_node *schema, struct lyd_node *parent,
		       struct xs_doc_node *from)
{
	if (from->kind == XS_DOC_SCALAR)
		build_term(b, schema, parent, from);
	else if (from->kind != XS_DOC_BROKEN)
		refuse_kind(b, schema, from, "a value");
}

/* Remembers an entry's key. False: there was one, which was reported. */
static bool remember(struct builder *b, struct slot *slot, const char *value, const struct xs_doc_node *from)
{
	struct seen_value *seen;

	HASH_FIND_STR(slot->values, value, seen);
	if (seen) {
		xs_diag_add(b->diag, XS_ERROR, &from->place, "%s: \"%s\" is here for the second time",
			    slot->schema->name, value);
		xs_diag_note(b->diag, &seen->from->place, "the first is here");
		fail(b, -EINVAL);
		return false;
	}
	seen = xs_arena_array(b->document->arena, 1, sizeof(*seen));
	if (!seen) {
		fail(b, -ENOMEM);
		return false;
	}
	seen->value = value;
	seen->from = from;
	HASH_ADD_KEYPTR(hh, slot->values, value, strlen(value), seen);
	return true;
}

static void build_leaflist_entry(struct builder *b, struct slot *slot, struct lyd_node *parent,
				 struct xs_doc_node *from)
{
	struct lyd_node *node;

	slot->count++;
	if (from->kind == XS_DOC_BROKEN)
		return;
	if (from->kind != XS_DOC_SCALAR) {
		refuse_kind(b, slot->schema, from, "a value");
		return;
	}
	node = build_term(b, slot->schema, parent, from);
	if (node && !remember(b, slot, lyd_get_value(node), from))
		xs_known_free(&b->known, from->text, node);
}

static struct xs_doc_node *make_scalar(struct builder *b, const struct xs_doc_node *at, const char *text)
{
	struct xs_doc_node *node = xs_arena_array(b->document->arena, 1, sizeof(*node));

	if (!node || !text) {
		fail(b, -ENOMEM);
		return NULL;
	}
	node->kind = XS_DOC_SCALAR;
	node->place = at->place;
	node->text = text;
	return node;
}

static bool is_number(const struct lysc_node *leaf)
{
	LY_DATA_TYPE type = ((const struct lysc_node_leaf *)leaf)->type->basetype;

	return type >= LY_TYPE_UINT8 && type <= LY_TYPE_UINT64;
}

/* The value of the entry's key. NULL: there is none to use, which was reported. */
static struct xs_doc_node *find_key(struct builder *b, const struct slot *slot, const struct lysc_node *key,
				    struct xs_doc_node *entry)
{
	bool unsure = false;

	if (entry->kind == XS_DOC_SCALAR)
		return entry;
	for (struct xs_doc_node *child = entry->first; child; child = child->next) {
		unsure |= !child->key;
		if (!child->key || xs_schema_child(slot->schema, child->key) != key)
			continue;
		if (child->kind == XS_DOC_SCALAR)
			return child;
		if (child->kind != XS_DOC_BROKEN)
			refuse_kind(b, key, child, "a value");
		return NULL;
	}
	if (is_number(key))
		return make_scalar(b, entry, xs_arena_print(b->document->arena, "%zu", slot->count));
	if (!unsure)
		xs_diag_add(b->diag, XS_ERROR, &entry->place, "%s: \"%s\" is missing", slot->schema->name, key->name);
	fail(b, -EINVAL);
	return NULL;
}

/* Data paths stand for columns where the form has none. `key`, `value`: of an entry; else NULL. */
static void set_path(struct builder *b, struct xs_doc_node *node, const struct xs_path *above, const char *name,
		     const char *key, const char *value)
{
	struct xs_path *path;

	if (!b->document->xml)
		return;
	path = xs_arena_array(b->document->arena, 1, sizeof(*path));
	if (path)
		*path = (struct xs_path){ .above = above, .name = name, .key = key, .value = value };
	else
		fail(b, -ENOMEM);
	node->place.path = path;
	node->key_place.path = path;
}

static void build_entry(struct builder *b, struct slot *slot, struct lyd_node *parent, struct xs_doc_node *entry)
{
	const struct lysc_node *schema = slot->schema, *key = xs_schema_key(schema);
	struct lyd_node *node = NULL;
	struct xs_doc_node *value;
	LY_ERR why = LY_SUCCESS;

	slot->count++;
	if (entry->kind == XS_DOC_BROKEN)
		return;
	if (entry->kind == XS_DOC_LIST || (entry->kind == XS_DOC_NOTHING && !b->document->xml)) {
		refuse_kind(b, schema, entry, "an entry");
		return;
	}
	value = find_key(b, slot, key, entry);
	if (value && value != entry && entry->place.path) {
		set_path(b, entry, entry->place.path->above, entry->place.path->name, key->name, value->text);
		set_path(b, value, entry->place.path, key->name, NULL, NULL);
	}
	if (value && parent)
		why = xs_known_make(&b->known, schema, parent, value->text, &node);
	else if (value)
		why = lyd_value_validate(b->schema->context, key, value->text, strlen(value->text), NULL, NULL, NULL);
	if (why == LY_EMEM)
		fail(b, -ENOMEM);
	else if (why && why != LY_EINCOMPLETE)
		refuse_value(b, key, value);
	if (node) {
		node->priv = entry;
		lyd_child(node)->priv = value;
		if (!remember(b, slot, lyd_get_value(lyd_child(node)), entry)) {
			xs_known_free(&b->known, value->text, node);
			node = NULL;
		}
	}
	build_children(b, schema, node, entry, key);
}

static void build_many(struct builder *b, struct slot *slot, struct lyd_node *parent, struct xs_doc_node *from)
{
	bool list = slot->schema->nodetype == LYS_LIST;

	if (b->document->xml) {
		(list ? build_entry : build_leaflist_entry)(b, slot, parent, from);
		return;
	}
	if (from->kind == XS_DOC_BROKEN) {
		slot->count = SIZE_MAX;
		return;
	}
	if (!list && from->kind == XS_DOC_SCALAR) {
		build_leaflist_entry(b, slot, parent, from);
		return;
	}
	if (from->kind != XS_DOC_LIST && from->kind != XS_DOC_NOTHING) {
		refuse_kind(b, slot->schema, from, "a list");
		slot->count = SIZE_MAX;
		return;
	}
	for (struct xs_doc_node *entry = from->first; entry && b->err != -ENOMEM; entry = entry->next)
		(list ? build_entry : build_leaflist_entry)(b, slot, parent, entry);
}

static void build_container(struct builder *b, const struct lysc_node *schema, struct lyd_node *parent,
			    struct xs_doc_node *from)
{
	struct lyd_node *node = NULL;

	if (from->kind == XS_DOC_BROKEN)
		return;
	if (from->kind != XS_DOC_MAP && from->kind != XS_DOC_NOTHING) {
		refuse_kind(b, schema, from, "a map");
		return;
	}
	if (parent && lyd_new_inner(parent, schema->module, schema->name, 0, &node)) {
		fail(b, -ENOMEM);
		return;
	}
	if (node)
		node->priv = from;
	build_children(b, schema, node, from, NULL);
}

static void refuse_unknown(struct builder *b, const struct lysc_node *schema, const struct xs_doc_node *child)
{
	int shown = xs_quoted_length(child->key);
	char known[512] = "";
	size_t used = 0;

	for (const struct lysc_node *one = lysc_node_child(schema); one && used < sizeof(known); one = one->next)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", one->name);
	xs_diag_add(b->diag, XS_ERROR, &child->key_place, "%s: \"%.*s%s\" is not known here; known are %s",
		    schema->name, shown, child->key, child->key[shown] ? "..." : "", known);
	fail(b, -EINVAL);
}

/* The slot that a key of the document means. NULL: none, which was reported. */
static struct slot *find_slot(struct builder *b, const struct lysc_node *schema, struct slot *slots,
			      struct xs_doc_node *child)
{
	const struct lysc_node *node = xs_schema_child(schema, child->key);

	if (!node) {
		refuse_unknown(b, schema, child);
		return NULL;
	}
	if (b->document->xml && (!child->space || strcmp(child->space, node->module->ns))) {
		xs_diag_add(b->diag, XS_ERROR, &child->place, "%s: its namespace is \"%s\", not \"%s\"", child->key,
			    node->module->ns, child->space ? child->space : "");
		fail(b, -EINVAL);
		return NULL;
	}
	while (slots->schema != node)
		slots++;
	return slots;
}

static void check_presence(struct builder *b, const struct lysc_node *schema, const struct xs_doc_node *map,
			   const struct slot *slot)
{
	const struct lysc_node *node = slot->schema;
	uint32_t least = 0, most = UINT32_MAX;

	if (node->nodetype == LYS_LEAFLIST) {
		least = ((const struct lysc_node_leaflist *)node)->min;
		most = ((const struct lysc_node_leaflist *)node)->max;
	} else if (node->nodetype == LYS_LIST) {
		least = ((const struct lysc_node_list *)node)->min;
		most = ((const struct lysc_node_list *)node)->max;
	}
	if (!slot->first) {
		if (!least && !(node->nodetype == LYS_LEAF && (node->flags & LYS_MAND_TRUE)))
			return;
		xs_diag_add(b->diag, XS_ERROR, &map->place, "%s: \"%s\" is missing", schema->name, node->name);
		fail(b, -EINVAL);
	} else if (xs_schema_is_many(node) && slot->count != SIZE_MAX && (slot->count < least || slot->count > most)) {
		xs_diag_add(b->diag, XS_ERROR, &slot->first->place, "%s: %zu given, %s %u wanted", node->name,
			    slot->count,
			    least == most         ? "exactly"
			    : slot->count < least ? "at least"
						  : "at most",
			    slot->count < least ? least : most);
		fail(b, -EINVAL);
	}
}

/* `key`: of a list's entry, which is made already; else NULL. */
static void build_children(struct builder *b, const struct lysc_node *schema, struct lyd_node *parent,
			   struct xs_doc_node *map, const struct lysc_node *key)
{
	struct slot slots[CHILDREN_MAX + 1] = { 0 }, *slot = slots;
	bool unsure = false; /* a key was at fault: nobody knows what it was to be */

	for (const struct lysc_node *node = lysc_node_child(schema); node && slot < slots + CHILDREN_MAX;
	     node = node->next)
		(slot++)->schema = node;
	for (struct xs_doc_node *child = map->first; child && b->err != -ENOMEM; child = child->next) {
		if (!child->key) {
			unsure = true;
			continue;
		}
		set_path(b, child, map->place.path, child->key, NULL, NULL);
		slot = find_slot(b, schema, slots, child);
		if (!slot)
			continue;
		if (slot->first && !(b->document->xml && xs_schema_is_many(slot->schema))) {
			xs_diag_add(b->diag, XS_ERROR, &child->key_place, "\"%s\" is given twice", child->key);
			xs_diag_note(b->diag, &slot->first->key_place, "the first is here");
			fail(b, -EINVAL);
			continue;
		}
		if (!slot->first)
			slot->first = child;
		if (slot->schema == key)
			continue;
		if (slot->schema->nodetype == LYS_LEAF)
			build_leaf(b, slot->schema, parent, child);
		else if (xs_schema_is_many(slot->schema))
			build_many(b, slot, parent, child);
		else
			build_container(b, slot->schema, parent, child);
	}
	for (slot = slots; slot->schema; slot++) {
		if (slot->schema != key && b->err != -ENOMEM && !unsure)
			check_presence(b, schema, map, slot);
		HASH_CLEAR(hh, slot->values);
	}
}

bool xs_tree_wrote(const struct lyd_node *node, const char *name)
{
	const struct xs_doc_node *from = node->priv, *child = from ? from->first : NULL;
	const struct lysc_node *schema = xs_schema_child(node->schema, name);

	while (child && !(child->key && xs_schema_child(node->schema, child->key) == schema))
		child = child->next;
	return child;
}

/* ---- the root --------------------------------------------------------------------------------------------------- */

/* YAML and JSON may name the container or not; XML has to. NULL: reported. */
static struct xs_doc_node *find_domain(struct builder *b)
{
	struct xs_doc_node *root = b->document->root;
	const struct lysc_node *domain = b->schema->domain;

	if (b->document->xml) {
		if (!root->key || strcmp(root->key, domain->name) || !root->space ||
		    strcmp(root->space, domain->module->ns)) {
			xs_diag_add(b->diag, XS_ERROR, &root->place, "the definition is an element <%s xmlns=\"%s\">",
				    domain->name, domain->module->ns);
			return NULL;
		}
		set_path(b, root, NULL, domain->name, NULL, NULL);
	} else if (root->kind == XS_DOC_MAP && root->first && !root->first->next && root->first->key) {
		const char *key = root->first->key;

		if (!strcmp(key, domain->name) || !strcmp(key, "xslice:domain"))
			root = root->first;
	}
	if (root->kind == XS_DOC_BROKEN)
		return NULL;
	if (root->kind != XS_DOC_MAP) {
		xs_diag_add(b->diag, XS_ERROR, &root->place, "a definition is a map, not %s", kind_word(root->kind));
		return NULL;
	}
	return root;
}

int xs_tree_build(const struct xs_schema *schema, struct xs_document *document, struct xs_diag *diag,
		  struct lyd_node **domain)
{
	struct builder b = {
		.schema = schema, .document = document, .known = { .arena = document->arena }, .diag = diag
	};
	struct xs_doc_node *root = find_domain(&b);
	struct lyd_node *made = NULL;

	if (lyd_new_inner(NULL, schema->domain->module, schema->domain->name, 0, &made))
		return -ENOMEM;
	if (!root) {
		*domain = made;
		return -EINVAL;
	}
	made->priv = root;
	build_children(&b, schema->domain, made, root, NULL);
	xs_known_clear(&b.known);
	if (b.err == -ENOMEM) {
		lyd_free_all(made);
		return -ENOMEM;
	}
	*domain = made;
	return b.err;
}
