/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node.c - opens and closes a node, answers what vports and ports became. See node.h, internal.h. */
#include "loader/node/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loader/node/internal.h"
#include "loader/node/netns.h"
#include "maps/contract.h"

int xs_node_fail(char *error, int err, const char *format, ...)
{
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(error, XS_NODE_ERROR, format, arguments);
	va_end(arguments);
	if (size >= 0 && size < XS_NODE_ERROR)
		snprintf(error + size, (size_t)(XS_NODE_ERROR - size), ": %s", strerror(-err));
	return err;
}

const char *xs_veth_name(uint32_t vport, char name[IFNAMSIZ])
{
	snprintf(name, IFNAMSIZ, "xs%u", vport);
	return name;
}

/* Every namespace is held open, and who mirrors it holds sockets there. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit); /* if refused, what lacks descriptors says so */
}

static int open_node(const char *name, const char *netns, bool may_be_gone, struct xs_node **out, char *error)
{
	struct xs_node *node = calloc(1, sizeof(*node));
	uint64_t identity = 0;
	int err = 0, own = -1;

	if (!node)
		return xs_node_fail(error, -ENOMEM, "node %s", name);
	node->netns = node->sysctl.ipv4 = node->sysctl.ipv6 = node->machine.ipv4 = node->machine.ipv6 = -1;
	if (strlen(name) >= sizeof(node->name) || !*name) {
		err = xs_node_fail(error, -EINVAL, "node name \"%s\"", name);
		goto out;
	}
	strcpy(node->name, name);
	snprintf(node->where, sizeof(node->where), netns ? "namespace %.40s" : "the machine's own namespace", netns);

	own = xs_netns_open(NULL);
	err = own < 0 ? own : xs_sysctl_open(own, &node->machine);
	if (err) {
		xs_node_fail(error, err, "node %s: own namespace", name);
		goto out;
	}
	node->netns = xs_netns_open(netns);
	if (node->netns < 0 && !(node->netns == -ENOENT && may_be_gone)) {
		err = xs_node_fail(error, node->netns, "node %s: open %s", name, node->where);
		goto out;
	}
	if (node->netns >= 0) {
		err = xs_netlink_open(node->netns, &node->netlink);
		if (!err)
			err = xs_sysctl_open(node->netns, &node->sysctl);
		if (!err)
			err = xs_netns_identity(node->netns, &identity);
		if (err) {
			xs_node_fail(error, err, "node %s: look into %s", name, node->where);
			goto out;
		}
	}
	err = xs_journal_open(name, identity, &node->journal);
	if (err) {
		xs_node_fail(error, err, "node %s: read journal " XS_RUN_DIRECTORY "/%s/journal", name, name);
		goto out;
	}
	raise_file_limit();
	*out = node;
	node = NULL;
out:
	if (own >= 0)
		close(own);
	xs_node_close(node);
	return err;
}

int xs_node_open(const char *name, const char *netns, struct xs_node **out, char *error)
{
	return open_node(name, netns, false, out, error);
}

void xs_node_close(struct xs_node *node)
{
	struct xs_vport_state *vport, *next_vport;
	struct xs_space *space, *next_space;
	struct xs_port_state *port, *next_port;

	if (!node)
		return;
	HASH_ITER(hh, node->vports, vport, next_vport) {
		HASH_DEL(node->vports, vport);
		free(vport);
	}
	HASH_ITER(hh, node->ports, port, next_port) {
		HASH_DEL(node->ports, port);
		free(port);
	}
	HASH_ITER(hh, node->spaces, space, next_space)
		xs_space_close(node, space);
	xs_netlink_close(node->netlink);
	xs_sysctl_close(&node->sysctl);
	xs_sysctl_close(&node->machine);
	xs_journal_close(node->journal);
	free(node->links);
	if (node->netns >= 0)
		close(node->netns);
	free(node);
}

int xs_node_clean(const char *name, const char *netns, char *error)
{
	struct xs_node *node;
	int err = open_node(name, netns, true, &node, error);

	if (err)
		return err;
	err = xs_node_retire(node, NULL, error);
	xs_node_close(node);
	return err;
}

/* ---- what became of it ------------------------------------------------------------------------------------------ */

const struct xs_node_vport *xs_node_vport(const struct xs_node *node, uint32_t id)
{
	const struct xs_vport_state *state;

	HASH_FIND(hh, node->vports, &id, sizeof(id), state);
	return state ? &state->public : NULL;
}

const struct xs_node_port *xs_node_port(const struct xs_node *node, uint32_t id)
{
	const struct xs_port_state *state;

	HASH_FIND(hh, node->ports, &id, sizeof(id), state);
	return state ? &state->public : NULL;
}

bool xs_node_has_link(const struct xs_node *node, uint32_t ifindex)
{
	const struct xs_vport_state *vport = node->vports;
	const struct xs_port_state *port = node->ports;

	while (port && port->public.ifindex != ifindex)
		port = port->hh.next;
	while (!port && vport && vport->public.veth != ifindex)
		vport = vport->hh.next;
	return port || vport;
}

int xs_node_netns(const struct xs_node *node)
{
	return node->netns;
}

struct xs_netlink *xs_node_netlink(const struct xs_node *node)
{
	return node->netlink;
}

static int raise_veths(struct xs_node *node, const struct xs_image *image)
{
	const struct xs_rec_vport *vport;
	struct xs_vport_state *state;
	struct xs_port_state *port;
	int err = 0, flushed;

	xs_netlink_gather(node->netlink);
	for (size_t i = 0; !err && (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		bool up;

		HASH_FIND(hh, node->vports, &vport->id, sizeof(vport->id), state);
		HASH_FIND(hh, node->ports, &vport->port, sizeof(vport->port), port);
		if (!state || !state->public.veth || (vport->port && !port))
			continue;
		up = vport->kind != XS_VPORT_LINK || port->public.carrier;
		if (state->up == up)
			continue;
		err = xs_link_set_flags(node->netlink, state->public.veth, up ? IFF_UP : 0, IFF_UP);
		xs_netlink_may_fail(node->netlink, -ENODEV);
		state->up = up;
		err = err == -ENODEV ? 0 : err;
	}
	flushed = xs_netlink_flush(node->netlink);
	return err ? err : flushed;
}

int xs_node_copy_carrier(struct xs_node *node, const struct xs_image *image)
{
	struct xs_port_state *port;
	struct xs_link link;
	int err;

	for (port = node->ports; port; port = port->hh.next) {
		err = xs_link_get(node->netlink, NULL, port->public.ifindex, &link);
		if (err && err != -ENODEV)
			return err;
		port->public.carrier = !err && link.carrier;
	}
	return raise_veths(node, image);
}
