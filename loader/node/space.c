/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * space.c - one namespace of a sliver or an edge made equal to its want: the namespace and its veths. Settings are in
 * space_settings.c, addresses and routes in space_inet.c, the short way of a new one in space_fresh.c.
 *
 * Always holds: settings stand before the devices that take them over, and the node's end of a veth is silent (no ARP,
 * no IPv6): what comes out of a namespace is the datapath's alone. Only by an uplink the node's kernel routes, too: its
 * settings are substrate.c's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/node/ahead.h"
#include "loader/node/ethtool.h"
#include "loader/node/netns.h"
#include "loader/node/space.h"
#include "maps/contract.h"

int xs_view_fail(const struct xs_view *view, int err, const char *why, const char *format, ...)
{
	char text[XS_NODE_ERROR];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return xs_node_fail(view->error, err, "node %s, %s: %s%s", view->node->name, view->want->what, text, why);
}

struct xs_space *xs_space_find(const struct xs_node *node, uint64_t key)
{
	struct xs_space *space;

	HASH_FIND(hh, node->spaces, &key, sizeof(key), space);
	return space;
}

void xs_space_close(struct xs_node *node, struct xs_space *space)
{
	HASH_DEL(node->spaces, space);
	xs_sysctl_close(&space->sysctl);
	xs_netlink_close(space->unfurnished);
	close(space->netns);
	free(space);
}

/* ---- the namespace ---------------------------------------------------------------------------------------------- */

/* The namespace of the want, made if it is not there; the thread is in it if it returns a descriptor. */
static int enter_netns(struct xs_view *view, struct xs_netns_scope *scope)
{
	int netns = xs_ahead_take(view->node->ahead, view->want->netns), err;

	view->fresh = netns >= 0;
	if (netns == -ENOENT)
		netns = xs_netns_open(view->want->netns);
	if (netns == -ENOENT) {
		netns = xs_netns_add_and_enter(view->want->netns, scope);
		view->fresh = netns >= 0;
		return netns;
	}
	if (netns < 0)
		return netns;
	err = xs_netns_enter(netns, scope);
	if (err)
		close(netns);
	return err ? err : netns;
}

/* The one that was open is kept if the name still leads to it. Takes the descriptor over. */
static int keep_space(struct xs_view *view, int netns)
{
	struct xs_node *node = view->node;
	struct xs_space *space = xs_space_find(node, view->want->key);
	struct stat status;

	if (fstat(netns, &status)) {
		close(netns);
		return -errno;
	}
	if (space && space->inode == status.st_ino && !strcmp(space->name, view->want->netns)) {
		close(netns);
		view->space = space;
		return 0;
	}
	if (space)
		xs_space_close(node, space);
	space = calloc(1, sizeof(*space));
	if (!space) {
		close(netns);
		return -ENOMEM;
	}
	space->key = view->want->key;
	strcpy(space->name, view->want->netns);
	space->netns = netns;
	space->inode = status.st_ino;
	space->sysctl.ipv4 = space->sysctl.ipv6 = -1;
	HASH_ADD(hh, node->spaces, key, sizeof(space->key), space);
	view->space = space;
	return 0;
}

/* What has to be done from within it. */
static int open_space(struct xs_view *view)
{
	struct xs_netns_scope scope;
	int netns = enter_netns(view, &scope), err;

	if (netns < 0)
		return xs_view_fail(view, netns, "", "make namespace %s", view->want->netns);
	err = keep_space(view, netns);
	if (!err)
		err = xs_netlink_open_here(&view->netlink);
	if (!err && view->space->sysctl.ipv4 < 0)
		err = xs_sysctl_open_here(&view->space->sysctl);
	if (err)
		xs_view_fail(view, err, "", "look into namespace %s", view->want->netns);
	else
		err = xs_view_make_settings(view);
	xs_netns_leave(&scope);
	return err;
}

/* What is there. */
static int look(struct xs_view *view)
{
	int err = xs_netlink_nsid(view->node->netlink, view->space->netns, &view->nsid);

	if (!err)
		err = xs_link_dump(view->netlink, &view->links, &view->link_count);
	return err ? xs_view_fail(view, err, "", "look into namespace %s", view->want->netns) : 0;
}

static void close_view(struct xs_view *view)
{
	xs_netlink_close(view->netlink);
	free(view->links);
}

/* ---- veths ------------------------------------------------------------------------------------------------------ */

static bool is_pair(const struct xs_view *view, const struct xs_link *veth, const struct xs_link *inner)
{
	return view->nsid >= 0 && veth->veth && inner->veth && veth->peer == inner->ifindex &&
	       inner->peer == veth->ifindex && veth->peer_nsid == view->nsid;
}

/* Makes the pair if it is not there as it must be; what stands in its way, on either end, is ours and goes. */
static int make_pair(struct xs_view *view, const struct xs_rec_vport *vport, bool *made)
{
	struct xs_node *node = view->node;
	char name[IFNAMSIZ];
	struct xs_link *veth = xs_link_find(node->links, node->link_count, xs_veth_name(vport->id, name));
	struct xs_link *inner = xs_link_find(view->links, view->link_count, vport->name);
	int err = 0;

	if (veth && inner && is_pair(view, veth, inner))
		return 0;
	if (veth)
		err = xs_link_delete(node->netlink, &veth->ifindex, 1);
	if (!err && inner)
		err = xs_link_delete(view->netlink, &inner->ifindex, 1);
	if (err)
		return xs_view_fail(view, err, xs_netlink_why(node->netlink), "remove the wrong veth %s or %s", name,
				    vport->name);
	err = xs_veth_add(node->netlink, name, view->space->netns, vport->name, vport->mac.bytes, vport->mtu);
	if (err)
		return xs_view_fail(view, err, xs_netlink_why(node->netlink), "make veth %s as %s in namespace %s",
				    name, vport->name, view->want->netns);
	*made = true;
	return 0;
}

static int make_inner(struct xs_view *view, const struct xs_rec_vport *vport, const struct xs_link *inner)
{
	int err = 0;

	for (const char *const *feature = xs_tx_checksum_features; !err && *feature; feature++) {
		err = xs_feature_set(xs_netlink_fd(view->netlink), inner->name, *feature, false);
		err = err > 0 || err == -ENOENT ? 0 : err;
	}
	if (err)
		return xs_view_fail(view, err, "", "turn tx checksumming of %s off", inner->name);
	/* First: a device of less than 1280 bytes has no settings of IPv6. */
	if (inner->mtu != vport->mtu)
		err = xs_link_set_mtu(view->netlink, inner->ifindex, vport->mtu);
	if (!err && memcmp(inner->mac, vport->mac.bytes, sizeof(inner->mac)))
		err = xs_link_set_mac(view->netlink, inner->ifindex, vport->mac.bytes);
	if (err)
		return xs_view_fail(view, err, xs_netlink_why(view->netlink), "set mtu or mac of %s", inner->name);
	err = xs_view_make_device_settings(view, vport, inner);
	if (!err && !(inner->flags & IFF_UP)) {
		err = xs_link_set_flags(view->netlink, inner->ifindex, IFF_UP, IFF_UP);
		if (err)
			xs_view_fail(view, err, xs_netlink_why(view->netlink), "bring %s up", inner->name);
	}
	return err;
}

/* Whether it is up follows the port's carrier, once its program stands: xs_node_copy_carrier(). */
static int make_veth(struct xs_view *view, const struct xs_rec_vport *vport, const struct xs_link *veth)
{
	struct xs_netlink *netlink = view->node->netlink;
	const bool resized = veth->mtu != vport->mtu;
	struct xs_netns_scope scope;
	char path[64];
	int err = 0;

	if (resized)
		err = xs_link_set_mtu(netlink, veth->ifindex, vport->mtu);
	if (!err && !(veth->flags & IFF_NOARP))
		err = xs_link_set_flags(netlink, veth->ifindex, IFF_NOARP, IFF_NOARP);
	if (err)
		return xs_view_fail(view, err, xs_netlink_why(netlink), "set mtu or flags of %s", veth->name);
	/* One of less than 1280 bytes has no IPv6, and the node's defaults say what it has beyond that. */
	if ((!veth->ipv6 && !resized) || vport->kind == XS_VPORT_UPLINK)
		return 0;
	err = xs_netns_enter(view->node->netns, &scope);
	if (err)
		return xs_view_fail(view, err, "", "enter %s", view->node->where);
	snprintf(path, sizeof(path), "conf/%s/disable_ipv6", veth->name);
	err = xs_view_set_sysctl(view, view->node->sysctl.ipv6, path, 1);
	xs_netns_leave(&scope);
	return err;
}

int xs_view_remember(struct xs_view *view, const struct xs_rec_vport *vport, const struct xs_link *veth, uint32_t inner)
{
	struct xs_vport_state *state;

	HASH_FIND(hh, view->node->vports, &vport->id, sizeof(vport->id), state);
	if (!state) {
		state = calloc(1, sizeof(*state));
		if (!state)
			return xs_view_fail(view, -ENOMEM, "", "%s", vport->name);
		state->public.id = vport->id;
		HASH_ADD(hh, view->node->vports, public.id, sizeof(state->public.id), state);
	}
	state->space = view->want->key;
	state->public.looked_at = true;
	state->up = veth && veth->flags & IFF_UP;
	state->public.netns = view->space->netns;
	state->public.space = view->space->inode;
	state->public.veth = veth ? veth->ifindex : 0;
	state->public.inner = inner;
	memcpy(state->public.inner_mac, vport->mac.bytes, sizeof(state->public.inner_mac));
	return 0;
}

static int make_vports(struct xs_view *view)
{
	bool made = false, this_made;
	int err;

	/* All pairs first, as one dump shows the inner ends of all; whatever is new is not in the node's dump. */
	for (size_t i = 0; i < view->want->vport_count; i++) {
		err = make_pair(view, view->want->vport[i], &made);
		if (err)
			return err;
	}
	if (made) {
		free(view->links);
		view->links = NULL;
		err = xs_link_dump(view->netlink, &view->links, &view->link_count);
		if (err)
			return xs_view_fail(view, err, "", "look into namespace %s", view->want->netns);
	}
	for (size_t i = 0; i < view->want->vport_count; i++) {
		const struct xs_rec_vport *vport = view->want->vport[i];
		struct xs_link *inner = xs_link_find(view->links, view->link_count, vport->name);
		struct xs_link veth, *known;
		char name[IFNAMSIZ];

		known = xs_link_find(view->node->links, view->node->link_count, xs_veth_name(vport->id, name));
		this_made = !known || !inner || known->ifindex != inner->peer;
		if (this_made)
			err = xs_link_get(view->node->netlink, name, 0, &veth);
		else
			veth = *known;
		if (!inner && !err)
			err = -ENODEV;
		if (err)
			return xs_view_fail(view, err, "", "look at veth %s, %s in namespace %s", name, vport->name,
					    view->want->netns);
		err = make_inner(view, vport, inner);
		if (!err)
			err = make_veth(view, vport, &veth);
		if (!err)
			err = xs_view_remember(view, vport, &veth, inner->ifindex);
		if (err)
			return err;
	}
	return 0;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static int make_lo(struct xs_view *view)
{
	struct xs_link *lo = xs_link_find(view->links, view->link_count, "lo");
	int err = 0;

	if (lo && !(lo->flags & IFF_UP))
		err = xs_link_set_flags(view->netlink, lo->ifindex, IFF_UP, IFF_UP);
	return err ? xs_view_fail(view, err, "", "bring lo of namespace %s up", view->want->netns) : 0;
}

int xs_space_make(struct xs_node *node, struct xs_want *want, char *error)
{
	struct xs_view view = { .node = node, .want = want, .error = error };
	bool surplus = false;
	int err;

	err = open_space(&view);
	if (!err && view.fresh && !xs_view_make_fresh(&view))
		goto out;
	if (!err)
		err = look(&view);
	if (!err)
		err = make_lo(&view);
	if (!err)
		err = make_vports(&view);
	if (!err)
		err = xs_view_make_addresses(&view, false, &surplus);
	if (!err)
		err = xs_view_make_subnets(&view);
	if (!err)
		err = xs_view_make_routes(&view, false, &surplus);
	if (!err)
		err = xs_view_make_neighbours(&view);
out:
	if (!err)
		view.space->surplus = surplus || xs_view_has_ipv6_beyond(&view);
	close_view(&view);
	return err;
}

int xs_space_trim(struct xs_node *node, struct xs_want *want, char *error)
{
	struct xs_view view = { .node = node, .want = want, .error = error };
	bool surplus = false;
	int err;

	view.space = xs_space_find(node, want->key);
	if (!view.space || !view.space->surplus)
		return 0;
	err = xs_netlink_open(view.space->netns, &view.netlink);
	if (!err)
		err = xs_link_dump(view.netlink, &view.links, &view.link_count);
	if (err)
		xs_view_fail(&view, err, "", "look into namespace %s", want->netns);
	else
		err = xs_view_end_ipv6(&view);
	if (!err)
		err = xs_view_make_routes(&view, true, &surplus);
	if (!err)
		err = xs_view_make_addresses(&view, true, &surplus);
	/* The kernel takes routes along with an address, even where another would serve them as well. */
	if (!err)
		err = xs_view_make_routes(&view, true, &surplus);
	if (!err)
		err = xs_view_remove_neighbours(&view);
	if (!err)
		view.space->surplus = false;
	close_view(&view);
	return err;
}
