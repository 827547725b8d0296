/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * space_inet.c - addresses, routes and permanent neighbours of one namespace, made equal to its want.
 *
 * Always holds: what is wanted is there before what is not wanted goes; a route is replaced in place. Except for addresses that a
 * wanted route, or the same address of another length or scope, cannot stand beside: they go before it comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/inet.h"
#include "loader/node/space.h"

static uint32_t ifindex_of(const struct xs_view *view, uint32_t vport)
{
	const struct xs_node_vport *state = vport == XS_WANT_LO ? NULL : xs_node_vport(view->node, vport);

	return vport == XS_WANT_LO ? XS_LO_IFINDEX : state ? state->inner : 0;
}

static struct xs_held_address to_held_address(const struct xs_view *view, const struct xs_want_address *address)
{
	return (struct xs_held_address){ .ifindex = ifindex_of(view, address->vport),
					 .address = address->address,
					 .length = address->length,
					 .scope = address->scope };
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

/* What the kernel itself gives to lo. */
static bool is_loopback_net(const struct xs_held_address *address)
{
	static const struct xs_address loopback6 = { .family = XS_IPV6, .bytes = { [15] = 1 } };

	return address->ifindex == XS_LO_IFINDEX &&
	       (address->address.family == XS_IPV4 ? address->address.bytes[0] == 127 :
						     !xs_address_compare(&address->address, &loopback6));
}

/* Without IPv6 on any device there is nothing of it to read. */
static unsigned int families(const struct xs_view *view)
{
	return view->want->ipv6 ? XS_FAMILIES : 1;
}

/*
 * Addresses change places: a sliver has what was its neighbour's, and where its own link was there is another's now. The kernel takes
 * no gateway that is an address of its own, and an address's own subnet is a route before any that we set for it.
 */
static bool is_in_the_way(const struct xs_view *view, const struct xs_held_address *address)
{
	struct xs_prefix subnet = xs_prefix_mask(&address->address, address->length);

	for (size_t i = 0; i < view->want->route_count; i++) {
		const struct xs_want_route *route = &view->want->route[i];

		if (!xs_address_compare(&route->via, &address->address) || !xs_prefix_compare(&route->prefix, &subnet))
			return true;
	}
	return false;
}

/* IPv6's kernel says of each address by itself how far it reaches. */
static bool same_scope(const struct xs_held_address *a, const struct xs_held_address *b)
{
	return a->address.family == XS_IPV6 || a->scope == b->scope;
}

/*
 * The kernel has an address once by a device: IPv6's whatever its length, IPv4's once of a length. One that is to have another length
 * or scope goes first. The route to its subnet goes with it.
 */
static int make_room(struct xs_view *view, const struct xs_held_address *wanted, const struct xs_held_address *held,
		     size_t count, bool *used)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		if (held[i].ifindex != wanted->ifindex || xs_address_compare(&held[i].address, &wanted->address) ||
		    (wanted->address.family == XS_IPV4 && held[i].length != wanted->length))
			continue;
		used[i] = true;
		err = xs_address_delete(view->netlink, &held[i]);
	}
	return err;
}

int xs_view_make_addresses(struct xs_view *view, bool remove, bool *surplus)
{
	struct xs_held_address *held = NULL, wanted, *found;
	char text[XS_PREFIX_TEXT];
	bool *used = NULL;
	size_t count = 0;
	int err;

	err = xs_address_dump(view->netlink, families(view), &held, &count);
	if (!err && !(used = calloc(count + 1, sizeof(*used))))
		err = -ENOMEM;
	if (err) {
		xs_view_fail(view, err, "", "read the addresses of namespace %s", view->want->netns);
		goto out;
	}
	if (count)
		qsort(held, count, sizeof(*held), by_address);
	for (size_t i = 0; i < view->want->address_count; i++) {
		wanted = to_held_address(view, &view->want->address[i]);
		found = count ? bsearch(&wanted, held, count, sizeof(*held), by_address) : NULL;
		if (found && same_scope(found, &wanted)) {
			used[found - held] = true;
			continue;
		}
		err = make_room(view, &wanted, held, count, used);
		if (!err)
			err = xs_address_add(view->netlink, &wanted);
		if (err) {
			xs_view_fail(view, err, xs_netlink_why(view->netlink), "add address %s/%u",
				     xs_address_text(&wanted.address, text), wanted.length);
			goto out;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (used[i] || is_loopback_net(&held[i]))
			continue;
		if (!remove && !is_in_the_way(view, &held[i])) {
			*surplus = true;
			continue;
		}
		err = xs_address_delete(view->netlink, &held[i]);
		if (err && err != -EADDRNOTAVAIL) {
			xs_view_fail(view, err, xs_netlink_why(view->netlink), "remove address %s/%u",
				     xs_address_text(&held[i].address, text), held[i].length);
			goto out;
		}
		err = 0;
	}
out:
	free(used);
	free(held);
	return err;
}

int xs_view_make_subnets(struct xs_view *view)
{
	int err = 0, flushed;

	xs_netlink_gather(view->netlink);
	for (size_t i = 0; !err && i < view->want->address_count; i++) {
		struct xs_held_address wanted = to_held_address(view, &view->want->address[i]);

		if (wanted.length == xs_family_bits(wanted.address.family))
			continue;
		err = xs_route_to_subnet(view->netlink, &wanted);
		xs_netlink_may_fail(view->netlink, -EEXIST);
		err = err == -EEXIST ? 0 : err;
	}
	flushed = xs_netlink_flush(view->netlink);
	err = err ? err : flushed;
	return err ? xs_view_fail(view, err, xs_netlink_why(view->netlink), "set the routes to its own subnets") : 0;
}

static int add_addresses(struct xs_view *view)
{
	int err = 0;

	for (size_t i = 0; !err && i < view->want->address_count; i++) {
		struct xs_held_address wanted = to_held_address(view, &view->want->address[i]);

		err = xs_address_add(view->netlink, &wanted);
	}
	return err;
}

static int by_prefix(const void *a, const void *b)
{
	return xs_prefix_compare(&((const struct xs_held_route *)a)->prefix,
				 &((const struct xs_held_route *)b)->prefix);
}

static bool same_route(const struct xs_held_route *a, const struct xs_held_route *b)
{
	return a->ifindex == b->ifindex && a->onlink == b->onlink && !memcmp(&a->via, &b->via, sizeof(a->via));
}

/* A route by a gateway can only be made after the one that leads to the gateway: those on the link come first. */
static int add_routes(struct xs_view *view, const struct xs_held_route *held, size_t count, bool *used)
{
	char text[XS_PREFIX_TEXT];

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < view->want->route_count; i++) {
			const struct xs_want_route *route = &view->want->route[i];
			struct xs_held_route wanted = { .prefix = route->prefix,
							.ifindex = ifindex_of(view, route->vport),
							.via = route->via,
							.onlink = route->onlink };
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
				return xs_view_fail(view, err, xs_netlink_why(view->netlink), "set route %s",
						    xs_prefix_text(&wanted.prefix, text));
		}
	}
	return 0;
}

int xs_view_make_routes(struct xs_view *view, bool remove, bool *surplus)
{
	struct xs_held_route *held = NULL;
	char text[XS_PREFIX_TEXT];
	bool *used = NULL;
	size_t count = 0;
	int err;

	err = xs_route_dump(view->netlink, families(view), &held, &count);
	if (!err && !(used = calloc(count + 1, sizeof(*used))))
		err = -ENOMEM;
	if (err) {
		xs_view_fail(view, err, "", "read the routes of namespace %s", view->want->netns);
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
			xs_view_fail(view, err, xs_netlink_why(view->netlink), "remove route %s",
				     xs_prefix_text(&held[i].prefix, text));
	}
out:
	free(used);
	free(held);
	return err;
}

static int add_neighbours(struct xs_view *view)
{
	int err = 0;

	for (size_t i = 0; !err && i < view->want->neighbour_count; i++) {
		const struct xs_want_neighbour *wanted = &view->want->neighbour[i];

		err = xs_neighbour_set(view->netlink,
				       &(struct xs_held_neighbour){ .ifindex = ifindex_of(view, wanted->vport),
								    .address = wanted->address,
								    .mac = wanted->mac });
	}
	return err;
}

int xs_view_add_all(struct xs_view *view)
{
	int err = add_addresses(view);

	if (!err)
		err = add_routes(view, NULL, 0, NULL);
	return err ? err : add_neighbours(view);
}

int xs_view_make_neighbours(struct xs_view *view)
{
	for (size_t i = 0; i < view->want->neighbour_count; i++) {
		const struct xs_want_neighbour *wanted = &view->want->neighbour[i];
		struct xs_held_neighbour held = { .ifindex = ifindex_of(view, wanted->vport),
						  .address = wanted->address };
		struct xs_held_neighbour set = held;
		char text[XS_PREFIX_TEXT];
		int err;

		err = xs_neighbour_get(view->netlink, &held);
		if (!err && held.permanent && !memcmp(&held.mac, &wanted->mac, sizeof(held.mac)))
			continue;
		set.mac = wanted->mac;
		err = err && err != -ENOENT ? err : xs_neighbour_set(view->netlink, &set);
		if (err)
			return xs_view_fail(view, err, xs_netlink_why(view->netlink), "set neighbour %s",
					    xs_address_text(&wanted->address, text));
	}
	return 0;
}

int xs_view_remove_neighbours(struct xs_view *view)
{
	struct xs_held_neighbour *held = NULL;
	size_t count = 0;
	int err;

	err = xs_neighbour_dump(view->netlink, families(view), &held, &count);
	for (size_t i = 0; !err && i < count; i++) {
		bool wanted = !held[i].permanent; /* what the kernel learned is its own */

		for (size_t j = 0; !wanted && j < view->want->neighbour_count; j++)
			wanted = ifindex_of(view, view->want->neighbour[j].vport) == held[i].ifindex &&
				 !xs_address_compare(&view->want->neighbour[j].address, &held[i].address);
		if (!wanted)
			err = xs_neighbour_delete(view->netlink, &held[i]);
		if (err == -ENOENT)
			err = 0;
	}
	free(held);
	return err ? xs_view_fail(view, err, "", "remove the neighbours that %s no longer has", view->want->netns) : 0;
}
