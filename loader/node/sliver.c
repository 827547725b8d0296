/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sliver.c - what the namespace of a VRF node sliver holds: an independent router of one slice (R6 to R8), joined to
 * its links and gateways by addresses on their veths, and to the edge of a MUX point to point; by paging, to the node's own
 * routing instance by an uplink.
 */
#include <linux/rtnetlink.h>
#include <string.h>

#include "loader/node/want.h"
#include "maps/contract.h"

/* The way to the edge: its address by the veth, resolved for good to the MAC that it relays by; its users' address on lo. */
static int want_mux(struct xs_want *want, const struct xs_rec_vport *vport, unsigned int family)
{
	const struct xs_address *peer = &vport->peer[family], *shared = &vport->shared[family];
	int err = 0;

	if (peer->family) {
		err = xs_want_add_route(
			want, &(struct xs_want_route){ .vport = vport->id, .prefix = xs_prefix_of_host(peer) });
		if (!err)
			err = xs_want_add_neighbour(want,
						    &(struct xs_want_neighbour){
							    .vport = vport->id, .address = *peer, .mac = vport->relay });
	}
	if (!err && shared->family)
		err = xs_want_add_address(want,
					  &(struct xs_want_address){ .vport = XS_WANT_LO,
								     .address = *shared,
								     .length = (uint8_t)xs_family_bits(shared->family),
								     .scope = RT_SCOPE_HOST });
	return err;
}

/* In whose name the sliver speaks to the WAN: an address that users know and that is in a page. */
static const struct xs_address *own_of(const struct xs_image *image, const struct xs_rec_vport *uplink, uint8_t family)
{
	const struct xs_rec_page *page;

	for (size_t i = 0; (page = xs_image_at(image, XS_REC_PAGE, i)); i++)
		if (page->uplink == uplink->id && page->own.family == family)
			return &page->own;
	return NULL;
}

/*
 * What all that leaves by it is sent to, resolved for good. Its address is a gateway's or an edge's once more: without one the
 * kernel might speak by that of a MUX's own subnet, which nobody knows.
 */
static int want_uplink(struct xs_want *want, const struct xs_image *image, const struct xs_rec_vport *vport,
		       unsigned int family)
{
	const struct xs_address *own = own_of(image, vport, xs_family_at(family));
	int err = 0;

	if (!vport->peer[family].family)
		return 0;
	if (own)
		err = xs_want_add_address(want,
					  &(struct xs_want_address){ .vport = vport->id,
								     .address = *own,
								     .length = (uint8_t)xs_family_bits(own->family),
								     .scope = RT_SCOPE_UNIVERSE });
	return err ? err
		   : xs_want_add_neighbour(want,
					   &(struct xs_want_neighbour){ .vport = vport->id,
									.address = vport->peer[family],
									.mac = vport->relay });
}

int xs_sliver_want_vport(struct xs_want *want, const struct xs_image *image, const struct xs_rec_vport *vport)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++) {
		if (vport->kind == XS_VPORT_MUX)
			err = want_mux(want, vport, i);
		else if (vport->kind == XS_VPORT_UPLINK)
			err = want_uplink(want, image, vport, i);
	}
	return err;
}

int xs_sliver_want_address(struct xs_want *want, const struct xs_rec_address *address)
{
	struct xs_want_address wanted = { .vport = XS_WANT_LO,
					  .length = address->prefix.length,
					  .scope = RT_SCOPE_UNIVERSE };

	wanted.address.family = address->prefix.family;
	memcpy(wanted.address.bytes, address->prefix.bytes, sizeof(wanted.address.bytes));
	return xs_want_add_address(want, &wanted);
}

int xs_sliver_want_route(struct xs_want *want, const struct xs_rec_route *route, const struct xs_rec_vport *vport)
{
	if (vport->kind == XS_VPORT_UPLINK)
		return xs_want_add_route(
			want, &(struct xs_want_route){
				      .vport = route->vport,
				      .prefix = route->prefix,
				      .via = vport->peer[xs_family_index(route->prefix.family)],
				      .onlink = true });
	return xs_want_add_route(want,
				 &(struct xs_want_route){ .vport = route->vport,
							  .prefix = route->prefix,
							  .via = route->via,
							  .onlink = route->via.family && vport->kind == XS_VPORT_MUX });
}
