/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree_check.c - what needs the whole tree: references, by an index and generically over the compiled schema; and
 * libyang's own judgement.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "loader/model/tree.h"

#define REFERENCES_MAX  64         /* leafrefs of the schema */
#define CROSS_CHECK_MAX (1u << 22) /* references times their targets: about a second */

/*
 * A leafref. Its path is either absolute, or climbs (../) and descends, and has no predicates. `scope` is the node that
 * the way climbs to: leafref and target must lie in the same instance of it.
 */
struct reference {
	const struct lysc_node *from, *target, *scope;
};

/* Values are strings of libyang's dictionary: equal strings are one pointer. */
struct target_key {
	const struct lysc_node *schema;
	const struct lyd_node *scope;
	const char *value;
};

struct target {
	struct target_key key;
	UT_hash_handle hh;
};

struct index {
	struct reference reference[REFERENCES_MAX];
	size_t count;
	struct target *targets;
	struct xs_arena *arena;
};

/* An absolute path begins there, whatever module the leafref is of. */
static const struct lysc_node *root_of(const struct lysc_node *node)
{
	while (node->parent)
		node = node->parent;
	return node;
}

static void descend(struct reference *reference, const char *path)
{
	const struct lysc_node *at = reference->scope;
	char step[64];

	while (*path) {
		size_t size = strcspn(path, "/");
		const char *colon = memchr(path, ':', size);
		const char *name = colon ? colon + 1 : path;

		snprintf(step, sizeof(step), "%.*s", (int)(size - (size_t)(name - path)), name);
		if (!at)
			at = root_of(reference->from);
		else
			at = xs_schema_child(at, step);
		path += size + (path[size] == '/');
		if (!at)
			break;
	}
	reference->target = at;
}

static LY_ERR collect(struct lysc_node *node, void *data, ly_bool *skip)
{
	struct index *index = data;
	struct reference reference = { .from = node, .scope = node };
	const struct lysc_type *type;
	const char *path;

	if (!xs_schema_is_leaf(node))
		return LY_SUCCESS;
	type = node->nodetype == LYS_LEAF ? ((struct lysc_node_leaf *)node)->type
					  : ((struct lysc_node_leaflist *)node)->type;
	if (type->basetype != LY_TYPE_LEAFREF)
		return LY_SUCCESS;
	path = lyxp_get_expr(((const struct lysc_type_leafref *)type)->path);
	if (*path == '/') {
		reference.scope = NULL;
		path++;
	}
	for (; !strncmp(path, "../", 3); path += 3)
		reference.scope = reference.scope->parent;
	descend(&reference, path);
	if (!reference.target || index->count == REFERENCES_MAX)
		return LY_EINT;
	index->reference[index->count++] = reference;
	return LY_SUCCESS;
}

static const struct lyd_node *find_scope(const struct lyd_node *node, const struct lysc_node *scope)
{
	while (node && scope && node->schema != scope)
		node = lyd_parent(node);
	return scope ? node : NULL;
}

static int add_targets(struct index *index, const struct lyd_node *node)
{
	for (size_t i = 0; i < index->count; i++) {
		struct target *target, *there;

		if (index->reference[i].target != node->schema)
			continue;
		target = xs_arena_array(index->arena, 1, sizeof(*target));
		if (!target)
			return -ENOMEM;
		target->key.schema = node->schema;
		target->key.scope = find_scope(node, index->reference[i].scope);
		target->key.value = lyd_get_value(node);
		HASH_FIND(hh, index->targets, &target->key, sizeof(target->key), there);
		if (!there)
			HASH_ADD(hh, index->targets, key, sizeof(target->key), target);
	}
	return 0;
}

/* 0, or -EINVAL with the fault reported. */
static int check_reference(const struct index *index, const struct reference *reference, const struct lyd_node *node,
			   struct xs_diag *diag)
{
	const struct lyd_node *scope = find_scope(node, reference->scope);
	const char *what = reference->target->parent->name;
	struct target_key key;
	struct target *there;

	memset(&key, 0, sizeof(key));
	key.schema = reference->target;
	key.scope = scope;
	key.value = lyd_get_value(node);
	HASH_FIND(hh, index->targets, &key, sizeof(key), there);
	if (there)
		return 0;
	if (scope)
		xs_diag_add(diag, XS_ERROR, xs_tree_place(node), "%s: there is no %s \"%s\" in %s \"%s\"",
			    node->schema->name, what, key.value, scope->schema->name, lyd_get_value(lyd_child(scope)));
	else
		xs_diag_add(diag, XS_ERROR, xs_tree_place(node), "%s: there is no %s \"%s\"", node->schema->name, what,
			    key.value);
	return -EINVAL;
}

int xs_tree_check_references(const struct xs_schema *schema, const struct lyd_node *domain, struct xs_diag *diag)
{
	struct index index = { .arena = xs_arena_new() };
	struct lyd_node *node;
	int err = -ENOMEM;

	if (!index.arena)
		return -ENOMEM;
	if (lysc_tree_dfs_full(schema->domain, collect, &index)) {
		err = -EPROTO;
		goto out;
	}
	LYD_TREE_DFS_BEGIN((struct lyd_node *)domain, node)
	{
		if (node->schema->nodetype == LYS_LEAF && add_targets(&index, node))
			goto out;
		LYD_TREE_DFS_END((struct lyd_node *)domain, node);
	}
	err = 0;
	LYD_TREE_DFS_BEGIN((struct lyd_node *)domain, node)
	{
		for (size_t i = 0; i < index.count; i++) {
			if (index.reference[i].from == node->schema &&
			    check_reference(&index, &index.reference[i], node, diag))
				err = -EINVAL;
		}
		LYD_TREE_DFS_END((struct lyd_node *)domain, node);
	}
out:
	HASH_CLEAR(hh, index.targets);
	xs_arena_free(index.arena);
	return err;
}

/* Whether libyang gets through its references in reasonable time. */
static bool is_small(const struct xs_schema *schema, struct lyd_node *domain)
{
	struct index index = { 0 };
	uint64_t *references, *targets, work = 0;
	struct lyd_node *node;

	if (lysc_tree_dfs_full(schema->domain, collect, &index))
		return false;
	references = calloc(2 * REFERENCES_MAX, sizeof(*references));
	if (!references)
		return false;
	targets = references + REFERENCES_MAX;
	LYD_TREE_DFS_BEGIN(domain, node)
	{
		for (size_t i = 0; i < index.count; i++) {
			references[i] += index.reference[i].from == node->schema;
			targets[i] += index.reference[i].target == node->schema;
		}
		LYD_TREE_DFS_END(domain, node);
	}
	for (size_t i = 0; i < index.count; i++)
		work += references[i] * targets[i];
	free(references);
	return work <= CROSS_CHECK_MAX;
}

int xs_tree_cross_check(const struct xs_schema *schema, struct lyd_node **domain, struct xs_diag *diag)
{
	const char *path;
	LY_ERR why;

	if (is_small(schema, *domain))
		why = lyd_validate_all(domain, NULL, LYD_VALIDATE_PRESENT, NULL);
	else
		why = lyd_new_implicit_tree(*domain, 0, NULL);
	if (why && why != LY_EMEM) {
		path = ly_errpath(schema->context);
		xs_diag_add(diag, XS_ERROR, NULL, "the schema refuses what the checks accepted: %s: %s",
			    path ? path : "?", ly_errmsg(schema->context));
	}
	return why == LY_EMEM ? -ENOMEM : why ? -EINVAL : 0;
}
