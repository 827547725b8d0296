/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parameters.c - see parameters.h. */
#include "loader/model/parameters.h"

#include <stdbool.h>
#include <string.h>

#include "loader/model/domain.h"
#include "loader/model/tree.h"

static bool is_called(const struct lyd_node *node, const char *name)
{
	return !strcmp(node->schema->name, name);
}

/* `inside`: what stands in a slice, or next to it. */
static enum xs_component component_of(const struct lyd_node *leaf, const struct lyd_node *top,
				      const struct lyd_node *inside)
{
	if (is_called(top, "node") || is_called(top, "switch"))
		return XS_COMPONENT_SUBSTRATE;
	if (is_called(top, "filter") || is_called(top, "mux") || is_called(top, "migration"))
		return XS_COMPONENT_OTHER;
	if (is_called(inside, "vrf"))
		return XS_COMPONENT_NODE;
	if (is_called(inside, "gateway"))
		return lyd_parent(leaf) == inside && (is_called(leaf, "vrf") || is_called(leaf, "port"))
			       ? XS_COMPONENT_OTHER
			       : XS_COMPONENT_NODE;
	if (is_called(inside, "link"))
		return is_called(leaf, "ends") ? XS_COMPONENT_OTHER : XS_COMPONENT_LINK;
	return XS_COMPONENT_SLICE;
}

/* Must it be there, or something around it that only its module knows? */
static bool is_required(const struct lyd_node *leaf, const struct lys_module *base)
{
	const struct lysc_node *node;

	for (node = leaf->schema; node && node->module != base; node = node->parent) {
		bool required = node->flags & LYS_MAND_TRUE;

		if (node->nodetype == LYS_LIST)
			required = ((const struct lysc_node_list *)node)->min > 0;
		else if (node->nodetype == LYS_LEAFLIST)
			required = ((const struct lysc_node_leaflist *)node)->min > 0;
		else if (node->nodetype == LYS_LEAF)
			required |= (node->flags & LYS_KEY) != 0;
		if (!required)
			return false;
	}
	return true;
}

static void count_leaf(const struct lyd_node *domain, const struct lyd_node *leaf, struct xs_parameters *out)
{
	const struct lyd_node *top = leaf, *inside = leaf;
	const char *module = leaf->schema->module->name;
	enum xs_component component;
	enum xs_implementation mechanism;

	while (lyd_parent(top) != domain) {
		inside = top;
		top = lyd_parent(top);
	}
	component = component_of(leaf, top, inside);
	if (leaf->schema->module == domain->schema->module) {
		out->common[component]++;
		return;
	}
	mechanism = strcmp(module, "xslice-paging") ? XS_SEGMENTATION : XS_PAGING;
	if (is_required(leaf, domain->schema->module))
		out->required[mechanism][component]++;
	else
		out->override[mechanism][component]++;
}

void xs_parameters_count(const struct lyd_node *domain, struct xs_parameters *out)
{
	struct lyd_node *node;

	*out = (struct xs_parameters){ 0 };
	LYD_TREE_DFS_BEGIN((struct lyd_node *)domain, node)
	{
		/* What nobody wrote is a default. */
		if (node->priv && node->schema->nodetype & (LYS_LEAF | LYS_LEAFLIST))
			count_leaf(domain, node, out);
		LYD_TREE_DFS_END((struct lyd_node *)domain, node);
	}
}
