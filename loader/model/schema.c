/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schema.c - compiles the embedded modules, and says in words what a type wants: libyang's own messages quote regular
 * expressions.
 */
#include "loader/model/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char base_module[] =
#include "xslice.yang.h"
	;
/* What only one expansion can be told: a module each. */
static const char segmentation_module[] =
#include "xslice-segmentation.yang.h"
	;
static const char paging_module[] =
#include "xslice-paging.yang.h"
	;
static const char *const augmenting[] = { segmentation_module, paging_module };

int xs_schema_open(struct xs_schema *schema)
{
	struct xs_schema made = { 0 };
	struct lys_module *module;
	int err = -EPROTO;
	LY_ERR why;

	why = ly_ctx_new(NULL, LY_CTX_NO_YANGLIBRARY | LY_CTX_DISABLE_SEARCHDIRS, &made.context);
	if (why)
		goto out;
	why = lys_parse_mem(made.context, base_module, LYS_IN_YANG, &module);
	if (why)
		goto out;
	made.domain = lys_find_child(NULL, module, "domain", 0, LYS_CONTAINER, 0);
	for (size_t i = 0; i < sizeof(augmenting) / sizeof(augmenting[0]) && !why; i++)
		why = lys_parse_mem(made.context, augmenting[i], LYS_IN_YANG, NULL);
	if (why || !made.domain)
		goto out;
	/* An augmentation compiles the augmented module anew. */
	made.domain = lys_find_child(NULL, module, "domain", 0, LYS_CONTAINER, 0);
	*schema = made;
	err = 0;
out:
	if (err) {
		ly_ctx_destroy(made.context);
		if (why == LY_EMEM)
			err = -ENOMEM;
	}
	return err;
}

void xs_schema_close(struct xs_schema *schema)
{
	ly_ctx_destroy(schema->context);
	schema->context = NULL;
}

const struct lysc_node *xs_schema_child(const struct lysc_node *parent, const char *name)
{
	const char *colon = strchr(name, ':');
	size_t module = colon ? (size_t)(colon - name) : 0;
	const char *local = colon ? colon + 1 : name;

	for (const struct lysc_node *child = lysc_node_child(parent); child; child = child->next) {
		if (strcmp(child->name, local))
			continue;
		if (!colon || (strlen(child->module->name) == module && !memcmp(child->module->name, name, module)))
			return child;
	}
	return NULL;
}

const struct lysc_node *xs_schema_key(const struct lysc_node *list)
{
	/* libyang puts keys before all other children. */
	return lysc_node_child(list);
}

/* ---- what a type wants ------------------------------------------------------------------------------------------ */

struct words {
	char *buf;
	size_t size, used;
};

static void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct words *words, const char *format, ...)
{
	va_list args;
	int wrote;

	if (words->used >= words->size)
		return;
	va_start(args, format);
	wrote = vsnprintf(words->buf + words->used, words->size - words->used, format, args);
	va_end(args);
	words->used += wrote < 0 ? 0 : (size_t)wrote;
}

static void explain_number(const struct lysc_type *type, struct words *words)
{
	static const uint64_t most[] = { [LY_TYPE_UINT8] = UINT8_MAX,
					 [LY_TYPE_UINT16] = UINT16_MAX,
					 [LY_TYPE_UINT32] = UINT32_MAX,
					 [LY_TYPE_UINT64] = UINT64_MAX };
	const struct lysc_range *range = ((const struct lysc_type_num *)type)->range;
	uint64_t first = 0, last = type->basetype <= LY_TYPE_UINT64 ? most[type->basetype] : UINT64_MAX;

	if (range) {
		first = range->parts[0].min_u64;
		last = range->parts[LY_ARRAY_COUNT(range->parts) - 1].max_u64;
	}
	say(words, "a number from %llu to %llu", (unsigned long long)first, (unsigned long long)last);
}

static void explain_enumeration(const struct lysc_type *type, struct words *words)
{
	const struct lysc_type_bitenum_item *item = ((const struct lysc_type_enum *)type)->enums;

	say(words, "one of ");
	for (LY_ARRAY_COUNT_TYPE i = 0; i < LY_ARRAY_COUNT(item); i++)
		say(words, "%s%s", i ? ", " : "", item[i].name);
}

/* Completes "VALUE is not". */
static void explain_type(const struct lysc_type *type, struct words *words)
{
	const struct lysc_type_union *choice = (const struct lysc_type_union *)type;

	switch (type->basetype) {
	case LY_TYPE_UINT8:
	case LY_TYPE_UINT16:
	case LY_TYPE_UINT32:
	case LY_TYPE_UINT64:
		explain_number(type, words);
		break;
	case LY_TYPE_ENUM:
		explain_enumeration(type, words);
		break;
	case LY_TYPE_BOOL:
		say(words, "one of true, false");
		break;
	case LY_TYPE_UNION:
		for (LY_ARRAY_COUNT_TYPE i = 0; i < LY_ARRAY_COUNT(choice->types); i++) {
			if (i)
				say(words, ", nor ");
			explain_type(choice->types[i], words);
		}
		break;
	default:
		say(words, "what belongs here");
	}
}

/* Of a pattern, libyang just said the error-message; of a length it says nothing that is better than this. */
static void explain_string(const struct ly_ctx *context, const struct lysc_type_str *type, const char *value,
			   struct words *words)
{
	const struct lysc_range_part *part = type->length ? type->length->parts : NULL;
	const char *message = ly_errmsg(context);

	if (!*value) {
		say(words, "empty");
	} else if (part && strlen(value) > part[LY_ARRAY_COUNT(part) - 1].max_u64) {
		say(words, "longer than %llu characters", (unsigned long long)part[LY_ARRAY_COUNT(part) - 1].max_u64);
	} else if (part && strlen(value) < part[0].min_u64) {
		say(words, "shorter than %llu characters", (unsigned long long)part[0].min_u64);
	} else {
		say(words, "not %s", message ? message : "what belongs here");
	}
}

void xs_schema_explain(const struct lysc_node *node, const char *value, char *buf, size_t size)
{
	const struct lysc_type *type = node->nodetype == LYS_LEAF ? ((const struct lysc_node_leaf *)node)->type
								  : ((const struct lysc_node_leaflist *)node)->type;
	struct words words = { .buf = buf, .size = size };

	if (type->basetype == LY_TYPE_LEAFREF)
		type = ((const struct lysc_type_leafref *)type)->realtype;
	buf[0] = '\0';
	if (type->basetype == LY_TYPE_STRING) {
		explain_string(node->module->ctx, (const struct lysc_type_str *)type, value, &words);
		return;
	}
	say(&words, "not ");
	explain_type(type, &words);
}
