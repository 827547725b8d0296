/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * edge.c - what the namespace of a MUX port's edge holds: the address, MAC and neighbours that users see, shared by all
 * slices behind the port. It routes nothing: what comes from slivers is sent on by the datapath, and to users it is an
 * ARP proxy.
 */
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include "loader/node/want.h"

static const struct xs_setting settings[] = {
	/* Proxy ARP asks for forwarding on the device, and for no more. */
	{ "forwarding", IPV4_DEVCONF_FORWARDING, 0, 1 },
	{ "rp_filter", IPV4_DEVCONF_RP_FILTER, 0, 0 },
	{ "accept_local", IPV4_DEVCONF_ACCEPT_LOCAL, 0, 0 },
	{ "route_localnet", IPV4_DEVCONF_ROUTE_LOCALNET, 0, 0 },
	{ "send_redirects", IPV4_DEVCONF_SEND_REDIRECTS, 0, 0 },
	{ "accept_redirects", IPV4_DEVCONF_ACCEPT_REDIRECTS, 0, 0 },
	{ "accept_source_route", IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE, 0, 0 },
	{ "proxy_arp", IPV4_DEVCONF_PROXY_ARP, 0, 1 },
	{ "proxy_arp_pvlan", IPV4_DEVCONF_PROXY_ARP_PVLAN, 0, 0 },
	{ "arp_ignore", IPV4_DEVCONF_ARP_IGNORE, 1, 1 },
	/* Packets that it resolves for bear sources of users' and of slices' networks. */
	{ "arp_announce", IPV4_DEVCONF_ARP_ANNOUNCE, 2, 2 },
	{ "arp_filter", IPV4_DEVCONF_ARPFILTER, 0, 0 },
	{ "arp_accept", IPV4_DEVCONF_ARP_ACCEPT, 0, 0 },
	{ "drop_gratuitous_arp", IPV4_DEVCONF_DROP_GRATUITOUS_ARP, 0, 0 },
	{ "drop_unicast_in_l2_multicast", IPV4_DEVCONF_DROP_UNICAST_IN_L2_MULTICAST, 0, 0 },
	{ "bc_forwarding", IPV4_DEVCONF_BC_FORWARDING, 0, 0 },
	{ "promote_secondaries", IPV4_DEVCONF_PROMOTE_SECONDARIES, 1, 1 },
	{ "ignore_routes_with_linkdown", IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, 1, 1 },
};

void xs_edge_settings(struct xs_want *want)
{
	want->setting = settings;
	want->setting_count = sizeof(settings) / sizeof(settings[0]);
}

int xs_edge_want_vport(struct xs_want *want, const struct xs_rec_vport *vport)
{
	int err = 0;

	if (vport->address[XS_FAMILY4].family)
		err = xs_want_add_address(want, &(struct xs_want_address){ .vport = vport->id,
									   .address = vport->address[XS_FAMILY4],
									   .length = vport->length[XS_FAMILY4],
									   .scope = RT_SCOPE_UNIVERSE });
	if (!err && vport->peer[XS_FAMILY4].family)
		err = xs_want_add_address(want, &(struct xs_want_address){ .vport = vport->id,
									   .address = vport->peer[XS_FAMILY4],
									   .length = 32,
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
 * subnet never does: they resolve each other themselves.
 */
int xs_edge_want_proxy(struct xs_want *want, const struct xs_rec_proxy *proxy, const struct xs_rec_vport *edge)
{
	unsigned int family = xs_family_index(proxy->prefix.family);
	struct xs_prefix own = xs_prefix_mask(&edge->address[family], edge->length[family]);

	if (edge->address[family].family && !xs_prefix_compare(&own, &proxy->prefix))
		return 0;
	return xs_want_add_route(want, &(struct xs_want_route){ .vport = XS_WANT_LO, .prefix = proxy->prefix });
}
