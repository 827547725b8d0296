/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * edge.c - what the namespace of a MUX port's edge holds: the address, MAC and neighbours that users see, shared by all
 * slices behind the port. It routes nothing: what comes from slivers is sent on by the datapath, and to users it is an
 * ARP proxy, and an IPv6 router.
 */
#include <linux/rtnetlink.h>

#include "loader/node/want.h"

int xs_edge_want_vport(struct xs_want *want, const struct xs_rec_vport *vport)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++)
		if (vport->peer[i].family)
			err = xs_want_add_address(
				want, &(struct xs_want_address){ .vport = vport->id,
								 .address = vport->peer[i],
								 .length = (uint8_t)xs_family_bits(vport->peer[i].family),
								 .scope = RT_SCOPE_UNIVERSE });
	return err;
}

int xs_edge_want_route(struct xs_want *want, const struct xs_rec_route *route)
{
	return xs_want_add_route(
		want, &(struct xs_want_route){ .vport = route->vport, .prefix = route->prefix, .via = route->via });
}

/*
 * The kernel answers as a proxy for what it would route by another device: so the prefix leads to lo. The users' own
 * subnet never does: they resolve each other themselves. IPv6 has no such proxy: the edge advertises itself as a router.
 */
int xs_edge_want_proxy(struct xs_want *want, const struct xs_rec_proxy *proxy, const struct xs_rec_vport *edge)
{
	struct xs_prefix own = xs_prefix_mask(&edge->address[XS_FAMILY4], edge->length[XS_FAMILY4]);

	if (proxy->prefix.family != XS_IPV4 ||
	    (edge->address[XS_FAMILY4].family && !xs_prefix_compare(&own, &proxy->prefix)))
		return 0;
	return xs_want_add_route(want, &(struct xs_want_route){ .vport = XS_WANT_LO, .prefix = proxy->prefix });
}
