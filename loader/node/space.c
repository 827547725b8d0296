/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * space.c - one namespace of a sliver or an edge made equal to its want: settings, veths, addresses, routes, neighbours.
 *
 * Always holds: settings stand before the devices that take them over, and the node's end of a veth is silent (no ARP, no
 * IPv6): what comes out of a namespace is the datapath's alone.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/node/ethtool.h"
#include "loader/node/inet.h"
#include "loader/node/internal.h"
#include "loader/node/netns.h"
#include "maps/contract.h"

/* What is open and read of a namespace while it is made. */
struct view {
	struct xs_node *node;
	struct xs_want *want;
	struct xs_space *space;
	struct xs_netlink *netlink;
	struct xs_sysctl sysctl;
	struct xs_link *links;
	size_t link_count;
	int32_t nsid;
	char *error;
};

/* why: of the socket that failed (xs_netlink_why()), or "". */
static int __attribute__((format(printf, 4, 5))) fail(const struct view *view, int err, const char *why, const char *format, ...)
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
	close(space->netns);
	free(space);
}

/* ---- the namespace --------------------------------------------------------------------------------------------------- */

/* Opens the namespace of the want, made if it is not there. The one that was open is kept if the name still leads to it. */
static int open_space(struct view *view)
{
	struct xs_node *node = view->node;
	struct xs_space *space = xs_space_find(node, view->want->key);
	struct stat status;
	int netns, err;

	netns = xs_netns_open(view->want->netns);
	if (netns == -ENOENT)
		netns = xs_netns_add(view->want->netns);
	if (netns < 0)
		return fail(view, netns, "", "make namespace %s", view->want->netns);
	if (fstat(netns, &status)) {
		fail(view, err = -errno, "", "look at namespace %s", view->want->netns);
		close(netns);
		return err;
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
		return fail(view, -ENOMEM, "", "%s", view->want->netns);
	}
	space->key = view->want->key;
	strcpy(space->name, view->want->netns);
	space->netns = netns;
	space->inode = status.st_ino;
	HASH_ADD(hh, node->spaces, key, sizeof(space->key), space);
	view->space = space;
	return 0;
}

static int open_view(struct view *view)
{
	int err;

	err = xs_netlink_open(view->space->netns, &view->netlink);
	if (!err)
		err = xs_sysctl_open(view->space->netns, &view->sysctl);
	if (!err)
		err = xs_netlink_nsid(view->node->netlink, view->space->netns, &view->nsid);
	if (!err)
		err = xs_link_dump(view->netlink, &view->links, &view->link_count);
	return err ? fail(view, err, "", "look into namespace %s", view->want->netns) : 0;
}

static void close_view(struct view *view)
{
	xs_netlink_close(view->netlink);
	xs_sysctl_close(&view->sysctl);
	free(view->links);
}

/* ---- settings -------------------------------------------------------------------------------------------------------- */

static int set_sysctl(struct view *view, int directory, const char *path, long value)
{
	int err = directory < 0 ? 0 : xs_sysctl_set(directory, path, value);

	if (err < 0 && err != -ENOENT) /* an older kernel has not all of them */
		return fail(view, err, "", "set sysctl %s to %ld", path, value);
	return 0;
}

static int make_settings(struct view *view)
{
	char path[96];
	int err = 0;

	for (size_t i = 0; !err && i < view->want->setting_count; i++) {
		const struct xs_setting *setting = &view->want->setting[i];

		snprintf(path, sizeof(path), "conf/all/%s", setting->name);
		err = set_sysctl(view, view->sysctl.ipv4, path, setting->all);
		snprintf(path, sizeof(path), "conf/default/%s", setting->name);
		if (!err)
			err = set_sysctl(view, view->sysctl.ipv4, path, setting->device);
	}
	/* The address by which a packet came names the sliver to those who trace. */
	if (!err)
		err = set_sysctl(view, view->sysctl.ipv4, "icmp_errors_use_inbound_ifaddr", 1);
	if (!err)
		err = set_sysctl(view, view->sysctl.ipv6, "conf/all/disable_ipv6", 1);
	if (!err)
		err = set_sysctl(view, view->sysctl.ipv6, "conf/default/disable_ipv6", 1);
	return err;
}

static int make_device_settings(struct view *view, const struct xs_link *inner)
{
	char path[96];
	int err = 0;

	for (size_t i = 0; !err && i < view->want->setting_count; i++) {
		const struct xs_setting *setting = &view->want->setting[i];

		if (inner->ipv4[setting->index] == setting->device)
			continue;
		snprintf(path, sizeof(path), "conf/%s/%s", inner->name, setting->name);
		err = set_sysctl(view, view->sysctl.ipv4, path, setting->device);
	}
	/* Otherwise a proxy answers after up to 0.8 s. */
	snprintf(path, sizeof(path), "neigh/%s/proxy_delay", inner->name);
	if (!err)
		err = set_sysctl(view, view->sysctl.ipv4, path, 0);
	snprintf(path, sizeof(path), "conf/%s/disable_ipv6", inner->name);
	if (!err && inner->ipv6)
		err = set_sysctl(view, view->sysctl.ipv6, path, 1);
	return err;
}

/* ---- veths ----------------------------------------------------------------------------------------------------------- */

static bool is_pair(const struct view *view, const struct xs_link *veth, const struct xs_link *inner)
{
	return view->nsid >= 0 && veth->veth && inner->veth && veth->peer == inner->ifindex && inner->peer == veth->ifindex &&
	       veth->peer_nsid == view->nsid;
}

/* Makes the pair if it is not there as it must be; what stands in its way, on either end, is ours and goes. */
static int make_pair(struct view *view, const struct xs_rec_vport *vport, bool *made)
{
	struct xs_node *node = view->node;
	char name[IFNAMSIZ];
	struct xs_link *veth = xs_link_find(node->links, node->link_count, xs_veth_name(vport->id, name));
	struct xs_link *inner = xs_link_find(view->links, view->link_count, vport->name);
	int err = 0;

	if (veth && inner && is_pair(view, veth, inner))
		return 0;
	if (veth)
		err = xs_link_delete(node->netlink, node->links, node->link_count, &veth->ifindex, 1);
	if (!err && inner)
		err = xs_link_delete(view->netlink, view->links, view->link_count, &inner->ifindex, 1);
	if (err)
		return fail(view, err, xs_netlink_why(node->netlink), "remove the wrong veth %s or %s", name, vport->name);
	err = xs_veth_add(node->netlink, name, view->space->netns, vport->name, vport->mac.bytes, vport->mtu);
	if (err)
		return fail(view, err, xs_netlink_why(node->netlink), "make veth %s as %s in namespace %s", name, vport->name, view->want->netns);
	*made = true;
	return 0;
}

static int make_inner(struct view *view, const struct xs_rec_vport *vport, const struct xs_link *inner)
{
	int err = 0;

	for (const char *const *feature = xs_tx_checksum_features; !err && *feature; feature++) {
		err = xs_feature_set(xs_netlink_fd(view->netlink), inner->name, *feature, false);
		err = err > 0 || err == -ENOENT ? 0 : err;
	}
	if (err)
		return fail(view, err, "", "turn tx checksumming of %s off", inner->name);
	err = make_device_settings(view, inner);
	if (err)
		return err;
	if (memcmp(inner->mac, vport->mac.bytes, sizeof(inner->mac)))
		err = xs_link_set_mac(view->netlink, inner->ifindex, vport->mac.bytes);
	if (!err && inner->mtu != vport->mtu)
		err = xs_link_set_mtu(view->netlink, inner->ifindex, vport->mtu);
	if (!err && !(inner->flags & IFF_UP))
		err = xs_link_set_flags(view->netlink, inner->ifindex, IFF_UP, IFF_UP);
	return err ? fail(view, err, xs_netlink_why(view->netlink), "set mac, mtu or up of %s", inner->name) : 0;
}

static int make_veth(struct view *view, const struct xs_rec_vport *vport, const struct xs_link *veth)
{
	const struct xs_node_port *port = xs_node_port(view->node, vport->port);
	bool up = vport->kind != XS_VPORT_LINK || (port && port->carrier);
	struct xs_netlink *netlink = view->node->netlink;
	uint32_t flags = IFF_NOARP | (up ? IFF_UP : 0);
	char path[64];
	int err = 0;

	snprintf(path, sizeof(path), "conf/%s/disable_ipv6", veth->name);
	if (veth->ipv6) {
		err = set_sysctl(view, view->node->sysctl.ipv6, path, 1);
		if (err)
			return err;
	}
	if (veth->mtu != vport->mtu)
		err = xs_link_set_mtu(netlink, veth->ifindex, vport->mtu);
	if (!err && (veth->flags & (IFF_UP | IFF_NOARP)) != flags)
		err = xs_link_set_flags(netlink, veth->ifindex, flags, IFF_UP | IFF_NOARP);
	return err ? fail(view, err, xs_netlink_why(netlink), "set mtu or flags of %s", veth->name) : 0;
}

static int remember_vport(struct view *view, const struct xs_rec_vport *vport, const struct xs_link *veth,
			  const struct xs_link *inner)
{
	const struct xs_node_port *port = xs_node_port(view->node, vport->port);
	struct xs_vport_state *state;

	HASH_FIND(hh, view->node->vports, &vport->id, sizeof(vport->id), state);
	if (!state) {
		state = calloc(1, sizeof(*state));
		if (!state)
			return fail(view, -ENOMEM, "", "%s", vport->name);
		state->public.id = vport->id;
		HASH_ADD(hh, view->node->vports, public.id, sizeof(state->public.id), state);
	}
	state->space = view->want->key;
	state->up = vport->kind != XS_VPORT_LINK || (port && port->carrier);
	state->public.netns = view->space->netns;
	state->public.veth = veth->ifindex;
	state->public.inner = inner->ifindex;
	memcpy(state->public.inner_mac, vport->mac.bytes, sizeof(state->public.inner_mac));
	return 0;
}

static int make_vports(struct view *view)
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
			return fail(view, err, "", "look into namespace %s", view->want->netns);
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
			return fail(view, err, "", "look at veth %s, %s in namespace %s", name, vport->name, view->want->netns);
		err = make_inner(view, vport, inner);
		if (!err)
			err = make_veth(view, vport, &veth);
		if (!err)
			err = remember_vport(view, vport, &veth, inner);
		if (err)
			return err;
	}
	return 0;
}

/* ---- addresses, routes, neighbours ----------------------------------------------------------------------------------- */

static uint32_t ifindex_of(const struct view *view, uint32_t vport)
{
	const struct xs_node_vport *state = vport == XS_WANT_LO ? NULL : xs_node_vport(view->node, vport);

	return vport == XS_WANT_LO ? XS_LO_IFINDEX : state ? state->inner : 0;
}

static struct xs_held_address to_held_address(const struct view *view, const struct xs_want_address *address)
{
	return (struct xs_held_address){.ifindex = ifindex_of(view, address->vport),
					.address = address->address,
					.length = address->length,
					.scope = address->scope};
}

static int by_address(const void *a, const void *b)
{
	const struct xs_held_address *x = a, *y = b;
	int order = xs_address_compare(&x->address, &y->address);

	if (order)
		return order;
	if (x->ifindex != y->ifindex)
		return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
	return (x->length > y->length) - (x->length < y->length);
}

static bool is_loopback_net(const struct xs_held_address *address)
{
	return address->ifindex == XS_LO_IFINDEX && address->address.bytes[0] == 127;
}

/* Adds what is wanted and missing. remove: takes away what is there and not wanted, else only says so in *surplus. */
static int make_addresses(struct view *view, bool remove, bool *surplus)
{
	struct xs_held_address *held = NULL, wanted, *found;
	char text[XS_PREFIX_TEXT];
	bool *used = NULL;
	size_t count = 0;
	int err;

	err = xs_address_dump(view->netlink, &held, &count);
	if (!err && !(used = calloc(count + 1, sizeof(*used))))
		err = -ENOMEM;
	if (err) {
		fail(view, err, "", "read the addresses of namespace %s", view->want->netns);
		goto out;
	}
	if (count)
		qsort(held, count, sizeof(*held), by_address);
	for (size_t i = 0; i < view->want->address_count; i++) {
		wanted = to_held_address(view, &view->want->address[i]);
		found = count ? bsearch(&wanted, held, count, sizeof(*held), by_address) : NULL;
		if (found) {
			used[found - held] = true;
			continue;
		}
		err = xs_address_add(view->netlink, &wanted);
		if (err) {
			fail(view, err, xs_netlink_why(view->netlink), "add address %s/%u", xs_address_text(&wanted.address, text), wanted.length);
			goto out;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (used[i] || is_loopback_net(&held[i]))
			continue;
		*surplus = true;
		if (!remove)
			continue;
		err = xs_address_delete(view->netlink, &held[i]);
		if (err && err != -EADDRNOTAVAIL) {
			fail(view, err, xs_netlink_why(view->netlink), "remove address %s/%u", xs_address_text(&held[i].address, text), held[i].length);
			goto out;
		}
		err = 0;
	}
out:
	free(used);
	free(held);
	return err;
}

static int by_prefix(const void *a, const void *b)
{
	return xs_prefix_compare(&((const struct xs_held_route *)a)->prefix, &((const struct xs_held_route *)b)->prefix);
}

static bool same_route(const struct xs_held_route *a, const struct xs_held_route *b)
{
	return a->ifindex == b->ifindex && a->onlink == b->onlink && !memcmp(&a->via, &b->via, sizeof(a->via));
}

/* A route by a gateway can only be made after the one that leads to the gateway: those on the link come first. */
static int add_routes(struct view *view, const struct xs_held_route *held, size_t count, bool *used)
{
	char text[XS_PREFIX_TEXT];

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < view->want->route_count; i++) {
			const struct xs_want_route *route = &view->want->route[i];
			struct xs_held_route wanted = {.prefix = route->prefix,
						       .ifindex = ifindex_of(view, route->vport),
						       .via = route->via,
						       .onlink = route->onlink};
			const struct xs_held_route *found;
			int err;

			if ((pass == 1) != (route->via.family != XS_FAMILY_NONE))
				continue;
			found = count ? bsearch(&wanted, held, count, sizeof(*held), by_prefix) : NULL;
			if (found)
				used[found - held] = true;
			if (found && same_route(found, &wanted))
				continue;
			err = xs_route_set(view->netlink, &wanted, found);
			if (err)
				return fail(view, err, xs_netlink_why(view->netlink), "set route %s", xs_prefix_text(&wanted.prefix, text));
		}
	}
	return 0;
}

static int make_routes(struct view *view, bool remove, bool *surplus)
{
	struct xs_held_route *held = NULL;
	char text[XS_PREFIX_TEXT];
	bool *used = NULL;
	size_t count = 0;
	int err;

	err = xs_route_dump(view->netlink, &held, &count);
	if (!err && !(used = calloc(count + 1, sizeof(*used))))
		err = -ENOMEM;
	if (err) {
		fail(view, err, "", "read the routes of namespace %s", view->want->netns);
		goto out;
	}
	if (count)
		qsort(held, count, sizeof(*held), by_prefix);
	err = add_routes(view, held, count, used);
	for (size_t i = 0; !err && i < count; i++) {
		if (used[i])
			continue;
		*surplus = true;
		if (!remove)
			continue;
		err = xs_route_delete(view->netlink, &held[i]);
		if (err == -ESRCH)
			err = 0;
		if (err)
			fail(view, err, xs_netlink_why(view->netlink), "remove route %s", xs_prefix_text(&held[i].prefix, text));
	}
out:
	free(used);
	free(held);
	return err;
}

static int make_neighbours(struct view *view)
{
	for (size_t i = 0; i < view->want->neighbour_count; i++) {
		const struct xs_want_neighbour *wanted = &view->want->neighbour[i];
		struct xs_held_neighbour held = {.ifindex = ifindex_of(view, wanted->vport), .address = wanted->address};
		struct xs_held_neighbour set = held;
		char text[XS_PREFIX_TEXT];
		int err;

		err = xs_neighbour_get(view->netlink, &held);
		if (!err && held.permanent && !memcmp(&held.mac, &wanted->mac, sizeof(held.mac)))
			continue;
		set.mac = wanted->mac;
		err = err && err != -ENOENT ? err : xs_neighbour_set(view->netlink, &set);
		if (err)
			return fail(view, err, xs_netlink_why(view->netlink), "set neighbour %s", xs_address_text(&wanted->address, text));
	}
	return 0;
}

static int remove_neighbours(struct view *view)
{
	struct xs_held_neighbour *held = NULL;
	size_t count = 0;
	int err;

	err = xs_neighbour_dump(view->netlink, &held, &count);
	for (size_t i = 0; !err && i < count; i++) {
		bool wanted = false;

		for (size_t j = 0; !wanted && j < view->want->neighbour_count; j++)
			wanted = ifindex_of(view, view->want->neighbour[j].vport) == held[i].ifindex &&
				 !xs_address_compare(&view->want->neighbour[j].address, &held[i].address);
		if (!wanted)
			err = xs_neighbour_delete(view->netlink, &held[i]);
		if (err == -ENOENT)
			err = 0;
	}
	free(held);
	return err ? fail(view, err, "", "remove the neighbours that %s no longer has", view->want->netns) : 0;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------- */

static int make_lo(struct view *view)
{
	struct xs_link *lo = xs_link_find(view->links, view->link_count, "lo");
	int err = 0;

	if (lo && !(lo->flags & IFF_UP))
		err = xs_link_set_flags(view->netlink, lo->ifindex, IFF_UP, IFF_UP);
	return err ? fail(view, err, "", "bring lo of namespace %s up", view->want->netns) : 0;
}

int xs_space_make(struct xs_node *node, struct xs_want *want, char *error)
{
	struct view view = {.node = node, .want = want, .sysctl = {-1, -1}, .error = error};
	bool surplus = false;
	int err;

	err = open_space(&view);
	if (!err)
		err = open_view(&view);
	if (!err)
		err = make_settings(&view);
	if (!err)
		err = make_lo(&view);
	if (!err)
		err = make_vports(&view);
	if (!err)
		err = make_addresses(&view, false, &surplus);
	if (!err)
		err = make_routes(&view, false, &surplus);
	if (!err)
		err = make_neighbours(&view);
	if (!err)
		view.space->surplus = surplus;
	close_view(&view);
	return err;
}

int xs_space_trim(struct xs_node *node, struct xs_want *want, char *error)
{
	struct view view = {.node = node, .want = want, .sysctl = {-1, -1}, .error = error};
	bool surplus = false;
	int err;

	view.space = xs_space_find(node, want->key);
	if (!view.space || !view.space->surplus)
		return 0;
	err = open_view(&view);
	if (!err)
		err = make_routes(&view, true, &surplus);
	if (!err)
		err = make_addresses(&view, true, &surplus);
	/* The kernel takes routes along with an address, even where another would serve them as well. */
	if (!err)
		err = make_routes(&view, true, &surplus);
	if (!err)
		err = remove_neighbours(&view);
	if (!err)
		view.space->surplus = false;
	close_view(&view);
	return err;
}
