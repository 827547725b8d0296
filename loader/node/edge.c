/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * edge.c - what the namespace of a MUX port's edge holds: the address, MAC and neighbours that users see, shared by all
 * slices behind the port. It routes nothing: what comes from slivers is sent on by the datapath, and to users it is an
 * ARP proxy, and an IPv6 router.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
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

static const struct xs_setting settings6[] = {
	/* It says that it is a router, and forwards nothing: that is what `all` is asked for. */
	{ "forwarding", DEVCONF_FORWARDING, 0, 1 },
	{ "accept_ra", DEVCONF_ACCEPT_RA, 0, 0 },
	{ "autoconf", DEVCONF_AUTOCONF, 0, 0 },
	{ "addr_gen_mode", DEVCONF_ADDR_GEN_MODE, 1, 1 }, /* 1: none */
	{ "use_tempaddr", DEVCONF_USE_TEMPADDR, 0, 0 },
	{ "router_solicitations", DEVCONF_RTR_SOLICITS, 0, 0 },
	{ "accept_redirects", DEVCONF_ACCEPT_REDIRECTS, 0, 0 },
	{ "accept_source_route", DEVCONF_ACCEPT_SOURCE_ROUTE, 0, 0 },
	{ "accept_dad", DEVCONF_ACCEPT_DAD, 0, 0 },
	{ "dad_transmits", DEVCONF_DAD_TRANSMITS, 0, 0 },
	{ "proxy_ndp", DEVCONF_PROXY_NDP, 0, 0 },
	{ "ndisc_notify", DEVCONF_NDISC_NOTIFY, 0, 0 },
	{ "drop_unsolicited_na", DEVCONF_DROP_UNSOLICITED_NA, 0, 0 },
	{ "drop_unicast_in_l2_multicast", DEVCONF_DROP_UNICAST_IN_L2_MULTICAST, 0, 0 },
	{ "seg6_enabled", DEVCONF_SEG6_ENABLED, 0, 0 },
	{ "hop_limit", DEVCONF_HOPLIMIT, 64, 64 },
	{ "keep_addr_on_down", DEVCONF_KEEP_ADDR_ON_DOWN, 1, 1 },
	{ "ignore_routes_with_linkdown", DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, 1, 1 },
};

void xs_edge_settings(struct xs_want *want)
{
	want->setting[XS_FAMILY4] = settings;
	want->setting_count[XS_FAMILY4] = sizeof(settings) / sizeof(settings[0]);
	want->setting[XS_FAMILY6] = settings6;
	want->setting_count[XS_FAMILY6] = sizeof(settings6) / sizeof(settings6[0]);
}

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
