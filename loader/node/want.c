/* SPDX-License-Identifier: GPL-2.0-or-later */
/* want.c - see want.h. */
#include "loader/node/want.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maps/contract.h"

/* Room for one more element of an array; the new array, or NULL with the old one untouched. */
static void *room_for_one(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 4;

	if (count < *room)
		return array;
	array = realloc(array, more * size);
	if (array)
		*room = more;
	return array;
}

int xs_want_add_address(struct xs_want *want, const struct xs_want_address *address)
{
	struct xs_want_address *array;

	/* Two MUXes of a sliver may share one address. */
	for (size_t i = 0; address->vport == XS_WANT_LO && i < want->address_count; i++)
		if (want->address[i].vport == XS_WANT_LO &&
		    !xs_address_compare(&want->address[i].address, &address->address))
			return 0;
	array = room_for_one(want->address, want->address_count, &want->address_room, sizeof(*array));
	if (!array)
		return -ENOMEM;
	want->address = array;
	array[want->address_count++] = *address;
	return 0;
}

int xs_want_add_route(struct xs_want *want, const struct xs_want_route *route)
{
	struct xs_want_route *array;

	array = room_for_one(want->route, want->route_count, &want->route_room, sizeof(*array));
	if (!array)
		return -ENOMEM;
	want->route = array;
	array[want->route_count++] = *route;
	return 0;
}

int xs_want_add_neighbour(struct xs_want *want, const struct xs_want_neighbour *neighbour)
{
	struct xs_want_neighbour *array;

	array = room_for_one(want->neighbour, want->neighbour_count, &want->neighbour_room, sizeof(*array));
	if (!array)
		return -ENOMEM;
	want->neighbour = array;
	array[want->neighbour_count++] = *neighbour;
	return 0;
}

struct xs_address xs_want_link_local(const struct xs_mac *mac)
{
	const uint8_t *m = mac->bytes;

	return (struct xs_address){ .family = XS_IPV6,
				    .bytes = { 0xfe, 0x80, [8] = m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] } };
}

/*
 * Its addresses, each family's once. The link-local one is what the kernel would make, but it is there whether or not the
 * link has a carrier, and it goes with the MAC that it is of.
 */
static int want_addresses(struct xs_want *want, const struct xs_rec_vport *vport)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++)
		if (vport->address[i].family)
			err = xs_want_add_address(want, &(struct xs_want_address){ .vport = vport->id,
										   .address = vport->address[i],
										   .length = vport->length[i],
										   .scope = RT_SCOPE_UNIVERSE });
	want->ipv6 |= xs_vport_carries(vport, XS_FAMILY6);
	if (err || !vport->address[XS_FAMILY6].family)
		return err;
	return xs_want_add_address(want, &(struct xs_want_address){ .vport = vport->id,
								    .address = xs_want_link_local(&vport->mac),
								    .length = 64,
								    .scope = RT_SCOPE_LINK });
}

static int add_vport(struct xs_want *want, const struct xs_image *image, const struct xs_rec_vport *vport)
{
	const struct xs_rec_vport **array;
	int err;

	array = room_for_one(want->vport, want->vport_count, &want->vport_room, sizeof(*array));
	if (!array)
		return -ENOMEM;
	want->vport = array;
	array[want->vport_count++] = vport;
	err = want_addresses(want, vport);
	if (err)
		return err;
	return vport->slice ? xs_sliver_want_vport(want, image, vport) : xs_edge_want_vport(want, vport);
}

struct xs_want *xs_wants_find(const struct xs_wants *wants, uint64_t key)
{
	struct xs_want *want;

	HASH_FIND(hh, wants->by_key, &key, sizeof(key), want);
	return want;
}

static struct xs_want *add_want(struct xs_wants *wants, uint64_t key)
{
	struct xs_want *want = calloc(1, sizeof(*want));

	if (!want)
		return NULL;
	want->key = key;
	HASH_ADD(hh, wants->by_key, key, sizeof(want->key), want);
	return want;
}

static int add_slivers(const struct xs_image *image, struct xs_wants *wants)
{
	const struct xs_rec_slice *slice;
	struct xs_want *want;

	for (size_t i = 0; (slice = xs_image_at(image, XS_REC_SLICE, i)); i++) {
		want = add_want(wants, xs_want_key(slice->id, 0));
		if (!want)
			return -ENOMEM;
		xs_sliver_netns(image->header->node, slice->name, want->netns);
		snprintf(want->what, sizeof(want->what), "sliver %s of slice %s", slice->vrf, slice->name);
	}
	return 0;
}

static int add_vports(const struct xs_image *image, struct xs_wants *wants)
{
	const struct xs_rec_vport *vport;
	struct xs_want *want;
	int err = 0;

	for (size_t i = 0; !err && (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		if (!xs_vport_has_veth(vport))
			continue;
		if (!vport->slice) {
			want = add_want(wants, xs_want_key(0, vport->id));
			if (!want)
				return -ENOMEM;
			xs_edge_netns(image->header->node, vport->name, want->netns);
			snprintf(want->what, sizeof(want->what), "edge %s", vport->name);
			want->role = XS_ROLE_EDGE;
		} else {
			want = xs_wants_find(wants, xs_want_key(vport->slice, 0));
		}
		err = want ? add_vport(want, image, vport) : -EBADMSG;
	}
	return err;
}

static int add_routes(const struct xs_image *image, struct xs_wants *wants)
{
	const struct xs_rec_vport *vport;
	const struct xs_rec_route *route;
	const struct xs_rec_proxy *proxy;
	struct xs_want *want;
	int err = 0;

	for (size_t i = 0; !err && (route = xs_image_at(image, XS_REC_ROUTE, i)); i++) {
		want = xs_wants_find(wants, xs_want_key(route->slice, route->edge));
		vport = xs_image_find(image, XS_REC_VPORT, &route->vport);
		if (!want || !vport)
			return -EBADMSG;
		err = route->slice ? xs_sliver_want_route(want, route, vport) : xs_edge_want_route(want, route);
	}
	for (size_t i = 0; !err && (proxy = xs_image_at(image, XS_REC_PROXY, i)); i++) {
		want = xs_wants_find(wants, xs_want_key(0, proxy->edge));
		vport = xs_image_find(image, XS_REC_VPORT, &proxy->edge);
		err = want && vport ? xs_edge_want_proxy(want, proxy, vport) : -EBADMSG;
	}
	return err;
}

static int add_addresses(const struct xs_image *image, struct xs_wants *wants)
{
	const struct xs_rec_address *address;
	struct xs_want *want;
	int err = 0;

	/* Those of slice 0 are the node's own: substrate.c. */
	for (size_t i = 0; !err && (address = xs_image_at(image, XS_REC_ADDRESS, i)); i++) {
		if (!address->slice)
			continue;
		want = xs_wants_find(wants, xs_want_key(address->slice, 0));
		err = want ? xs_sliver_want_address(want, address) : -EBADMSG;
	}
	return err;
}

/* Where two say something of one prefix, the one that leads out wins over a proxy's. */
static int by_prefix_lo_last(const void *a, const void *b)
{
	const struct xs_want_route *x = a, *y = b;
	int order = xs_prefix_compare(&x->prefix, &y->prefix);

	return order ? order : (x->vport == XS_WANT_LO) - (y->vport == XS_WANT_LO);
}

static void sort_routes(struct xs_want *want)
{
	size_t kept = 0;

	if (!want->route_count)
		return;
	qsort(want->route, want->route_count, sizeof(*want->route), by_prefix_lo_last);
	for (size_t i = 1; i < want->route_count; i++)
		if (xs_prefix_compare(&want->route[i].prefix, &want->route[kept].prefix))
			want->route[++kept] = want->route[i];
	want->route_count = kept + 1;
}

int xs_wants_make(const struct xs_image *image, struct xs_wants *out)
{
	struct xs_wants wants = {};
	int err = 0;

	if (image) {
		err = add_slivers(image, &wants);
		if (!err)
			err = add_vports(image, &wants);
		if (!err)
			err = add_addresses(image, &wants);
		if (!err)
			err = add_routes(image, &wants);
	}
	if (err) {
		xs_wants_free(&wants);
		return err;
	}
	for (struct xs_want *want = wants.by_key; want; want = want->hh.next)
		sort_routes(want);
	*out = wants;
	return 0;
}

void xs_wants_free(struct xs_wants *wants)
{
	struct xs_want *want, *next;

	HASH_ITER(hh, wants->by_key, want, next) {
		HASH_DEL(wants->by_key, want);
		free(want->vport);
		free(want->address);
		free(want->route);
		free(want->neighbour);
		free(want);
	}
}

static bool same_address(const struct xs_want_address *a, const struct xs_want_address *b)
{
	return a->vport == b->vport && a->length == b->length && a->scope == b->scope &&
	       !xs_address_compare(&a->address, &b->address);
}

static bool same_route(const struct xs_want_route *a, const struct xs_want_route *b)
{
	return a->vport == b->vport && a->onlink == b->onlink && !xs_prefix_compare(&a->prefix, &b->prefix) &&
	       !xs_address_compare(&a->via, &b->via);
}

static bool same_neighbour(const struct xs_want_neighbour *a, const struct xs_want_neighbour *b)
{
	return a->vport == b->vport && !xs_address_compare(&a->address, &b->address) &&
	       !memcmp(&a->mac, &b->mac, sizeof(a->mac));
}

bool xs_want_same(const struct xs_want *a, const struct xs_want *b)
{
	bool same = a->key == b->key && !strcmp(a->netns, b->netns) && a->role == b->role && a->ipv6 == b->ipv6 &&
		    a->vport_count == b->vport_count && a->address_count == b->address_count &&
		    a->route_count == b->route_count && a->neighbour_count == b->neighbour_count;

	for (size_t i = 0; same && i < a->vport_count; i++)
		same = !memcmp(a->vport[i], b->vport[i], sizeof(*a->vport[i]));
	for (size_t i = 0; same && i < a->address_count; i++)
		same = same_address(&a->address[i], &b->address[i]);
	for (size_t i = 0; same && i < a->route_count; i++)
		same = same_route(&a->route[i], &b->route[i]);
	for (size_t i = 0; same && i < a->neighbour_count; i++)
		same = same_neighbour(&a->neighbour[i], &b->neighbour[i]);
	return same;
}
