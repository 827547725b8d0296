/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_support.c - what the schema offers because definitions are to stay as they are when it comes, and what no
 * expansion does yet. A line per value; it goes when the thing works.
 */
#include <string.h>

#include "loader/model/check.h"
#include "loader/model/tree.h"

static const struct {
	const char *parent, *name, *value; /* parent, value NULL: any */
	const char *text;
} unsupported[] = {
	{ "routing", "protocol", "ospf", "OSPF does not work yet; write static: where VRFs write no routes they are derived" },
};

int xs_check_supported(const struct lyd_node *tree, struct xs_diag *diag)
{
	struct lyd_node *node;

	LYD_TREE_DFS_BEGIN((struct lyd_node *)tree, node)
	{
		for (size_t i = 0; node->priv && i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
			if (node->schema->nodetype != LYS_LEAF || strcmp(node->schema->name, unsupported[i].name))
				continue;
			if (unsupported[i].parent && strcmp(lyd_parent(node)->schema->name, unsupported[i].parent))
				continue;
			if (unsupported[i].value && strcmp(lyd_get_value(node), unsupported[i].value))
				continue;
			xs_diag_add(diag, XS_ERROR, xs_tree_place(node), "%s: \"%s\": %s", node->schema->name,
				    lyd_get_value(node), unsupported[i].text);
		}
		LYD_TREE_DFS_END((struct lyd_node *)tree, node);
	}
	return 0;
}
