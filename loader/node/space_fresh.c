/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * space_fresh.c - a namespace that was made just now. Nothing is there that would have to be looked at, and each thing
 * can be named before it is made: so all of it is asked for in two messages. Where any of that fails the way is that of
 * all others (space.c), which finds what is missing and says what cannot be had.
 *
 * Always holds: veths are made from their inner ends, both down; when all namespaces are made, the outer ones are
 * looked up by one visit to the node's, and then the inner ones come up and get what is theirs. Not earlier: the kernel
 * follows the carrier of a new device behind our backs, and one that it finds up and without costs a grace period, in
 * which nobody else can make a device.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "loader/node/ethtool.h"
#include "loader/node/netns.h"
#include "loader/node/space.h"

#define FIRST_IFINDEX (XS_LO_IFINDEX + 1)

/* Ends of our names in the node's namespace, whose other ends went with an earlier namespace. */
static int remove_leftovers(struct xs_view *view)
{
	struct xs_node *node = view->node;
	int err = 0;

	for (size_t i = 0; !err && i < view->want->vport_count; i++) {
		char name[IFNAMSIZ];
		const struct xs_link *left =
			xs_link_find(node->links, node->link_count, xs_veth_name(view->want->vport[i]->id, name));

		if (left)
			err = xs_link_delete(node->netlink, &left->ifindex, 1);
	}
	return err;
}

static int add_veths(struct xs_view *view)
{
	int err = 0;

	xs_netlink_gather(view->netlink);
	for (size_t i = 0; !err && i < view->want->vport_count; i++) {
		const struct xs_rec_vport *vport = view->want->vport[i];
		char name[IFNAMSIZ];

		err = xs_veth_add_inside(view->netlink, vport->name, FIRST_IFINDEX + i, vport->mac.bytes, vport->mtu,
					 view->node->netns, xs_veth_name(vport->id, name));
	}
	if (!err)
		err = xs_netlink_flush(view->netlink);
	else
		xs_netlink_flush(view->netlink);
	for (size_t i = 0; !err && i < view->want->vport_count; i++) {
		err = xs_features_off(xs_netlink_fd(view->netlink), view->want->vport[i]->name,
				      xs_tx_checksum_features);
		if (!err)
			err = xs_view_remember(view, view->want->vport[i], NULL, FIRST_IFINDEX + i);
	}
	return err;
}

/* What its devices have otherwise than `default` says. */
static int set_devices(struct xs_view *view)
{
	struct xs_netns_scope scope;
	char path[64];
	bool differs = view->want->ipv6;
	int err;

	for (size_t i = 0; i < view->want->vport_count; i++)
		differs |= view->want->vport[i]->kind == XS_VPORT_UPLINK;
	if (!differs)
		return 0;
	err = xs_netns_enter(view->space->netns, &scope);
	if (err)
		return err;
	for (size_t i = 0; !err && i < view->want->vport_count; i++) {
		const struct xs_rec_vport *vport = view->want->vport[i];

		snprintf(path, sizeof(path), "conf/%s/disable_ipv6", vport->name);
		if (xs_vport_carries(vport, XS_FAMILY6))
			err = xs_view_set_sysctl(view, view->space->sysctl.ipv6, path, 0);
		if (!err)
			err = xs_view_set_uplink(view, vport);
	}
	xs_netns_leave(&scope);
	return err;
}

static int add_rest(struct xs_view *view)
{
	int err, flushed;

	xs_netlink_gather(view->netlink);
	err = xs_link_set_flags(view->netlink, XS_LO_IFINDEX, IFF_UP, IFF_UP);
	for (size_t i = 0; !err && i < view->want->vport_count; i++)
		err = xs_view_queue_neighbour_settings(view, view->want->vport[i], FIRST_IFINDEX + i);
	for (size_t i = 0; !err && i < view->want->vport_count; i++)
		err = xs_link_set_flags(view->netlink, FIRST_IFINDEX + i, IFF_UP, IFF_UP);
	if (!err)
		err = xs_view_add_all(view);
	flushed = xs_netlink_flush(view->netlink);
	return err ? err : flushed;
}

int xs_view_make_fresh(struct xs_view *view)
{
	int err = remove_leftovers(view);

	if (!err)
		err = add_veths(view);
	if (!err)
		err = set_devices(view);
	if (err)
		return err;
	view->space->unfurnished = view->netlink;
	view->netlink = NULL;
	view->node->unfurnished++;
	return 0;
}

/* The outer end of a vport that was made from inside. By name, as a look at all would cost more with each namespace. */
static int meet_veth(struct xs_view *view, const struct xs_rec_vport *vport)
{
	struct xs_vport_state *state;
	struct ifreq request = {};
	char path[64];

	HASH_FIND(hh, view->node->vports, &vport->id, sizeof(vport->id), state);
	if (!state || state->public.veth)
		return 0;
	xs_veth_name(vport->id, request.ifr_name);
	if (ioctl(xs_netlink_fd(view->node->netlink), SIOCGIFINDEX, &request))
		return xs_view_fail(view, -errno, "", "look at veth %s in %s", request.ifr_name, view->node->where);
	state->public.veth = (uint32_t)request.ifr_ifindex;
	state->public.fresh = true;
	state->up = false;
	if (vport->kind == XS_VPORT_UPLINK)
		return 0;
	snprintf(path, sizeof(path), "conf/%s/disable_ipv6", request.ifr_name);
	return xs_view_set_sysctl(view, view->node->sysctl.ipv6, path, 1);
}

static int meet_veths(struct xs_node *node, const struct xs_wants *wants, char *error)
{
	struct xs_netns_scope scope;
	int err;

	err = xs_netns_enter(node->netns, &scope);
	if (err)
		return xs_node_fail(error, err, "node %s: look into %s", node->name, node->where);
	for (struct xs_want *want = wants->by_key; !err && want; want = want->hh.next) {
		struct xs_view view = { .node = node, .want = want, .error = error };

		view.space = xs_space_find(node, want->key);
		for (size_t i = 0; !err && view.space && view.space->unfurnished && i < want->vport_count; i++)
			err = meet_veth(&view, want->vport[i]);
	}
	xs_netns_leave(&scope);
	return err;
}

static int furnish(struct xs_node *node, struct xs_want *want, char *error)
{
	struct xs_view view = { .node = node, .want = want, .error = error };
	int err;

	view.space = xs_space_find(node, want->key);
	if (!view.space || !view.space->unfurnished)
		return 0;
	view.netlink = view.space->unfurnished;
	view.space->unfurnished = NULL;
	err = add_rest(&view);
	xs_netlink_close(view.netlink);
	return err ? xs_space_make(node, want, error) : 0;
}

int xs_spaces_furnish(struct xs_node *node, const struct xs_wants *wants, int failed, char *error)
{
	int err = failed;

	if (!node->unfurnished)
		return err;
	node->unfurnished = 0;
	if (!err)
		err = meet_veths(node, wants, error);
	for (struct xs_want *want = wants->by_key; !err && want; want = want->hh.next)
		err = furnish(node, want, error);
	for (struct xs_space *space = node->spaces; err && space; space = space->hh.next) {
		xs_netlink_close(space->unfurnished);
		space->unfurnished = NULL;
	}
	return err;
}
