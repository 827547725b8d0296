/* SPDX-License-Identifier: GPL-2.0-or-later */
/* leaf.c - see leaf.h. */
#include "loader/model/leaf.h"

#include <stdlib.h>
#include <string.h>

const struct lyd_node *xs_leaf_find(const struct lyd_node *parent, const char *name)
{
	const struct lyd_node *child;

	LY_LIST_FOR(lyd_child(parent), child)
	{
		if (!strcmp(child->schema->name, name))
			return child;
	}
	return NULL;
}

struct xs_place xs_leaf_place(struct xs_values *values, const struct lyd_node *parent, const char *name)
{
	const struct lyd_node *child = xs_leaf_find(parent, name);

	return xs_value_place(child ? child : parent);
}

const char *xs_leaf_text(struct xs_values *values, const struct lyd_node *parent, const char *name, struct xs_place *place)
{
	const struct lyd_node *child = xs_leaf_find(parent, name);
	const char *text = child ? lyd_get_value(child) : NULL, *copy;

	if (place)
		*place = xs_leaf_place(values, parent, name);
	if (!text)
		return NULL;
	copy = xs_arena_copy(values->arena, text, strlen(text));
	if (!copy)
		values->err = -ENOMEM;
	return copy;
}

uint32_t xs_leaf_number(struct xs_values *values, const struct lyd_node *parent, const char *name, struct xs_place *place)
{
	const struct lyd_node *child = xs_leaf_find(parent, name);

	*place = xs_leaf_place(values, parent, name);
	return child ? (uint32_t)strtoul(lyd_get_value(child), NULL, 10) : 0;
}

bool xs_leaf_says(const struct lyd_node *parent, const char *name, const char *value)
{
	const struct lyd_node *child = xs_leaf_find(parent, name);

	return child && !strcmp(lyd_get_value(child), value);
}

/* May a value of the family that `had` has be taken? A second one is reported. */
static bool is_first(struct xs_values *values, const struct lyd_node *value, uint8_t had, const struct xs_place *place,
		     const struct xs_place *first)
{
	if (!had)
		return true;
	xs_diag_add(values->diag, XS_ERROR, place, "%s: \"%s\" is the second of %s; one of each family can be given",
		    value->schema->name, lyd_get_value(value), xs_family_name(had));
	xs_diag_note(values->diag, first, "the first is here");
	xs_values_fail(values, -EINVAL);
	return false;
}

/* hosts: addresses, each as the prefix that is its host's. */
static void read_families(struct xs_values *values, const struct lyd_node *parent, const char *name, bool hosts,
			  struct xs_prefix out[XS_FAMILIES], struct xs_place out_place[XS_FAMILIES])
{
	const struct lyd_node *child;

	out_place[XS_FAMILY4] = out_place[XS_FAMILY6] = xs_leaf_place(values, parent, name);
	LY_LIST_FOR(lyd_child(parent), child)
	{
		struct xs_address address;
		struct xs_prefix prefix;
		struct xs_place place;
		unsigned int i;

		if (strcmp(child->schema->name, name))
			continue;
		if (hosts) {
			address = xs_value_address(values, child, parent, &place);
			prefix = xs_prefix_of_host(&address);
		} else {
			prefix = xs_value_prefix(values, child, parent, &place);
		}
		i = xs_family_index(prefix.family);
		if (!prefix.family || !is_first(values, child, out[i].family, &place, &out_place[i]))
			continue;
		out[i] = prefix;
		out_place[i] = place;
	}
}

void xs_leaf_prefixes(struct xs_values *values, const struct lyd_node *parent, const char *name,
		      struct xs_prefix out[XS_FAMILIES], struct xs_place out_place[XS_FAMILIES])
{
	read_families(values, parent, name, false, out, out_place);
}

void xs_leaf_addresses(struct xs_values *values, const struct lyd_node *parent, const char *name,
		       struct xs_address out[XS_FAMILIES], struct xs_place out_place[XS_FAMILIES])
{
	struct xs_prefix host[XS_FAMILIES] = {};

	read_families(values, parent, name, true, host, out_place);
	for (unsigned int i = 0; i < XS_FAMILIES; i++)
		if (host[i].family)
			xs_prefix_nth(&host[i], 0, &out[i]);
}

struct xs_prefix xs_leaf_prefix(struct xs_values *values, const struct lyd_node *parent, const char *name,
				struct xs_place *place)
{
	return xs_value_prefix(values, xs_leaf_find(parent, name), parent, place);
}

struct xs_address xs_leaf_address(struct xs_values *values, const struct lyd_node *parent, const char *name,
				  struct xs_place *place)
{
	return xs_value_address(values, xs_leaf_find(parent, name), parent, place);
}

struct xs_mac xs_leaf_mac(struct xs_values *values, const struct lyd_node *parent, const char *name, struct xs_place *place)
{
	return xs_value_mac(values, xs_leaf_find(parent, name), parent, place);
}
