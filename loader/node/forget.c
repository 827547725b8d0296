// SPDX-License-Identifier: GPL-2.0-or-later
/* forget.c - what a vport's kernel learned behind one port does not hold behind another. */
#include <errno.h>
#include <stdlib.h>

#include "loader/node/inet.h"
#include "loader/node/internal.h"
#include "loader/node/netlink.h"

int xs_node_forget_neighbours(struct xs_node *node, uint32_t vport, char *error)
{
	const struct xs_node_vport *made = xs_node_vport(node, vport);
	struct xs_held_neighbour *held = NULL;
	struct xs_netlink *netlink = NULL;
	size_t count = 0;
	int err = made ? 0 : -ENODEV;

	if (!err)
		err = xs_netlink_open(made->netns, &netlink);
	if (!err)
		err = xs_neighbour_dump(netlink, XS_FAMILIES, &held, &count);
	for (size_t i = 0; !err && i < count; i++) {
		if (held[i].ifindex != made->inner || held[i].permanent)
			continue;
		err = xs_neighbour_delete(netlink, &held[i]);
		if (err == -ENOENT) /* the kernel was faster */
			err = 0;
	}
	free(held);
	xs_netlink_close(netlink);
	return err ? xs_node_fail(error, err, "forget the neighbours of vport %u", vport) : 0;
}
