/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sliver.c - what the namespace of a VRF node sliver holds: an independent router of one slice (R6 to R8), joined to
 * its links and gateways by addresses on their veths, and to the edge of a MUX point to point.
 */
#include <linux/rtnetlink.h>

#include "loader/node/want.h"
#include "maps/contract.h"

/* The way to the edge: its address by the veth, resolved for good to the MAC that it relays by; its users' address on
 * lo. */
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

int xs_sliver_want_vport(struct xs_want *want, const struct xs_rec_vport *vport)
{
	int err = 0;

	for (unsigned int i = 0; !err && vport->kind == XS_VPORT_MUX && i < XS_FAMILIES; i++)
		err = want_mux(want, vport, i);
	return err;
}

int xs_sliver_want_route(struct xs_want *want, const struct xs_rec_route *route, const struct xs_rec_vport *vport)
{
	return xs_want_add_route(want,
				 &(struct xs_want_route){ .vport = route->vport,
							  .prefix = route->prefix,
							  .via = route->via,
							  .onlink = route->via.family && vport->kind == XS_VPORT_MUX });
}
