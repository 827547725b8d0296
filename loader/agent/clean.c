// SPDX-License-Identifier: GPL-2.0-or-later
/* clean.c - datapath, namespaces, ports and records of a node, in the reverse of the order in which they were made. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/agent/clean.h"
#include "loader/agent/lock.h"
#include "loader/node/datapath.h"
#include "loader/node/netns.h"
#include "loader/node/node.h"
#include "loader/node/router.h"

#define ERROR_SIZE 256

/* Is there anything to take away? */
static bool is_bare(const char *node)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", XS_PIN_ROOT, node);
	if (!access(path, F_OK))
		return false;
	snprintf(path, sizeof(path), "%s/%s/journal", XS_RUN_ROOT, node);
	return access(path, F_OK) != 0;
}

/* Users of its gateways learn that there is no router any more, while they can still be reached. */
static void leave_users(const char *node)
{
	struct xs_image *image;
	void *bytes;
	size_t size;

	if (xs_saved_image_get(node, &bytes, &size))
		return;
	if (!xs_image_read(bytes, size, &image, NULL)) {
		xs_routers_leave(image, NULL);
		xs_image_free(image);
	}
	free(bytes);
}

int xs_agent_clean(const char *node, const char *netns, char *error)
{
	int lock, namespace, err;

	lock = xs_agent_lock(node, error);
	if (lock == -EBUSY && is_bare(node))
		return 0;
	if (lock < 0)
		return lock;
	namespace = xs_netns_open(netns);
	if (namespace < 0 && namespace != -ENOENT) {
		err = namespace;
		snprintf(error, ERROR_SIZE, "namespace %s: %s", netns ? netns : "of this process", strerror(-err));
		goto out;
	}
	leave_users(node);
	err = xs_datapath_clean(node, namespace, error);
	if (!err)
		err = xs_node_clean(node, netns, error);
	if (!err) {
		err = xs_saved_image_put(node, NULL, 0);
		if (err)
			snprintf(error, ERROR_SIZE, "saved image of node %s: %s", node, strerror(-err));
	}
	if (!err)
		err = xs_owner_put(node, NULL, NULL);
out:
	if (namespace >= 0)
		close(namespace);
	xs_agent_unlock(node, lock);
	return err;
}
