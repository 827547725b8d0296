/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * setting.c - all that the kernel of a sliver or an edge does for it depends on; nothing is left to defaults, which a
 * namespace takes from its host.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "loader/node/want.h"
#include "maps/contract.h"

static const char accept_local[] = "accept_local";

/* Columns: of a sliver, of an edge; `all`, and each device. */
static const struct xs_setting settings[] = {
	/* Proxy ARP asks for forwarding on an edge's device, and for no more: an edge routes nothing. */
	{ "forwarding", IPV4_DEVCONF_FORWARDING, { { 1, 1 }, { 0, 1 } } },
	/* Ways in and out of a slice may differ. */
	{ "rp_filter", IPV4_DEVCONF_RP_FILTER, { { 0, 0 }, { 0, 0 } } },
	{ accept_local, IPV4_DEVCONF_ACCEPT_LOCAL, { { 0, 0 }, { 0, 0 } } },
	{ "route_localnet", IPV4_DEVCONF_ROUTE_LOCALNET, { { 0, 0 }, { 0, 0 } } },
	/* The datapath cannot follow a redirect, and a router takes none. */
	{ "send_redirects", IPV4_DEVCONF_SEND_REDIRECTS, { { 0, 0 }, { 0, 0 } } },
	{ "accept_redirects", IPV4_DEVCONF_ACCEPT_REDIRECTS, { { 0, 0 }, { 0, 0 } } },
	{ "accept_source_route", IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE, { { 0, 0 }, { 0, 0 } } },
	/* R8: for what the routing table holds. */
	{ "proxy_arp", IPV4_DEVCONF_PROXY_ARP, { { 0, 1 }, { 0, 1 } } },
	{ "proxy_arp_pvlan", IPV4_DEVCONF_PROXY_ARP_PVLAN, { { 0, 0 }, { 0, 0 } } },
	/* 3: for its own addresses on whatever device, but not those of host scope: the one that it shares with an
	   edge. */
	{ "arp_ignore", IPV4_DEVCONF_ARP_IGNORE, { { 3, 3 }, { 1, 1 } } },
	{ "arp_announce", IPV4_DEVCONF_ARP_ANNOUNCE, { { 2, 2 }, { 2, 2 } } },
	{ "arp_filter", IPV4_DEVCONF_ARPFILTER, { { 0, 0 }, { 0, 0 } } },
	{ "arp_accept", IPV4_DEVCONF_ARP_ACCEPT, { { 0, 0 }, { 0, 0 } } },
	/* A VM that has moved announces itself so. */
	{ "drop_gratuitous_arp", IPV4_DEVCONF_DROP_GRATUITOUS_ARP, { { 0, 0 }, { 0, 0 } } },
	{ "drop_unicast_in_l2_multicast", IPV4_DEVCONF_DROP_UNICAST_IN_L2_MULTICAST, { { 0, 0 }, { 0, 0 } } },
	{ "bc_forwarding", IPV4_DEVCONF_BC_FORWARDING, { { 0, 0 }, { 0, 0 } } },
	/* An address that changes within its subnet must not take its neighbours along. */
	{ "promote_secondaries", IPV4_DEVCONF_PROMOTE_SECONDARIES, { { 1, 1 }, { 1, 1 } } },
	/* The carrier of a link is its port's: without it another route serves. */
	{ "ignore_routes_with_linkdown", IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, { { 1, 1 }, { 1, 1 } } },
};

/* IPv6's kernel of today asks `all` for forwarding only; the others are of the device. */
static const struct xs_setting settings6[] = {
	/* An edge says that it is a router, and forwards nothing: that is what `all` is asked for. */
	{ "forwarding", DEVCONF_FORWARDING, { { 1, 1 }, { 0, 1 } } },
	/* All addresses and routes are the plan's, or a routing daemon's. */
	{ "accept_ra", DEVCONF_ACCEPT_RA, { { 0, 0 }, { 0, 0 } } },
	{ "autoconf", DEVCONF_AUTOCONF, { { 0, 0 }, { 0, 0 } } },
	{ "addr_gen_mode", DEVCONF_ADDR_GEN_MODE, { { 1, 1 }, { 1, 1 } } }, /* 1: none */
	{ "use_tempaddr", DEVCONF_USE_TEMPADDR, { { 0, 0 }, { 0, 0 } } },
	{ "router_solicitations", DEVCONF_RTR_SOLICITS, { { 0, 0 }, { 0, 0 } } },
	{ "accept_redirects", DEVCONF_ACCEPT_REDIRECTS, { { 0, 0 }, { 0, 0 } } },
	{ "accept_source_route", DEVCONF_ACCEPT_SOURCE_ROUTE, { { 0, 0 }, { 0, 0 } } },
	/* Gateways of several slices have one address and MAC. */
	{ "accept_dad", DEVCONF_ACCEPT_DAD, { { 0, 0 }, { 0, 0 } } },
	{ "dad_transmits", DEVCONF_DAD_TRANSMITS, { { 0, 0 }, { 0, 0 } } },
	{ "proxy_ndp", DEVCONF_PROXY_NDP, { { 0, 0 }, { 0, 0 } } },
	{ "ndisc_notify", DEVCONF_NDISC_NOTIFY, { { 0, 0 }, { 0, 0 } } },
	{ "drop_unsolicited_na", DEVCONF_DROP_UNSOLICITED_NA, { { 0, 0 }, { 0, 0 } } },
	{ "drop_unicast_in_l2_multicast", DEVCONF_DROP_UNICAST_IN_L2_MULTICAST, { { 0, 0 }, { 0, 0 } } },
	{ "seg6_enabled", DEVCONF_SEG6_ENABLED, { { 0, 0 }, { 0, 0 } } },
	{ "hop_limit", DEVCONF_HOPLIMIT, { { 64, 64 }, { 64, 64 } } },
	{ "keep_addr_on_down", DEVCONF_KEEP_ADDR_ON_DOWN, { { 1, 1 }, { 1, 1 } } },
	{ "ignore_routes_with_linkdown", DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, { { 1, 1 }, { 1, 1 } } },
};

const struct xs_setting *xs_settings(unsigned int family, size_t *count)
{
	*count = family == XS_FAMILY6 ? sizeof(settings6) / sizeof(settings6[0])
				      : sizeof(settings) / sizeof(settings[0]);
	return family == XS_FAMILY6 ? settings6 : settings;
}

int xs_setting_of(const struct xs_setting *setting, enum xs_role role, const struct xs_rec_vport *vport)
{
	/* By an uplink come errors of the WAN's routers, in the sliver's own name. */
	return vport->kind == XS_VPORT_UPLINK && setting->name == accept_local ? 1 : setting->of[role].device;
}
