/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_message.c - what a message of the kernel says of a route, a neighbour or a device. What a nexthop entry cannot
 * say is marked as the kernel's.
 */
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "loader/node/mirror_internal.h"

static void note_attribute(const struct nlattr **table, unsigned int max, const struct nlattr *attribute)
{
	if (mnl_attr_get_type(attribute) <= max)
		table[mnl_attr_get_type(attribute)] = attribute;
}

static uint32_t get_u32(const struct nlattr *attribute)
{
	return attribute && mnl_attr_get_payload_len(attribute) >= 4 ? mnl_attr_get_u32(attribute) : 0;
}

static uint8_t family_of(uint8_t netlink_family)
{
	return netlink_family == AF_INET ? XS_IPV4 : netlink_family == AF_INET6 ? XS_IPV6 : XS_FAMILY_NONE;
}

/* NONE unless it is one of that family. */
static struct xs_address get_address(const void *bytes, size_t size, uint8_t family)
{
	struct xs_address address = {};

	if (!family || size != xs_family_bits(family) / 8)
		return address;
	address.family = family;
	memcpy(address.bytes, bytes, size);
	return address;
}

static struct xs_address get_address_attribute(const struct nlattr *attribute, uint8_t family)
{
	return get_address(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), family);
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

/* What the attributes of a route, or of one of its next hops, say of where to send. False: more than a hop can say. */
static bool read_hop(const struct nlattr **table, uint8_t family, struct xs_hop *hop)
{
	const struct rtvia *via;

	if (table[RTA_ENCAP])
		return false;
	if (table[RTA_GATEWAY])
		hop->to.address = get_address_attribute(table[RTA_GATEWAY], family);
	if (!table[RTA_VIA])
		return !table[RTA_GATEWAY] || hop->to.address.family;
	if (mnl_attr_get_payload_len(table[RTA_VIA]) < sizeof(*via))
		return false;
	via = mnl_attr_get_payload(table[RTA_VIA]);
	hop->to.address = get_address(via->rtvia_addr, mnl_attr_get_payload_len(table[RTA_VIA]) - sizeof(*via),
				      family_of((uint8_t)via->rtvia_family));
	return hop->to.address.family;
}

static bool read_multipath(const struct nlattr *attribute, struct xs_route_message *message)
{
	const struct nlattr *attr, *hop_table[RTA_MAX + 1]; /* mnl_attr_for_each_payload() wants this very name */
	const struct rtnexthop *from = mnl_attr_get_payload(attribute);
	size_t left = mnl_attr_get_payload_len(attribute), size;
	struct xs_hop *hop;
	const void *nested;

	while (left >= sizeof(*from) && from->rtnh_len >= sizeof(*from) && from->rtnh_len <= left) {
		if (message->hops == XS_HOPS_MAX)
			return false;
		hop = &message->hop[message->hops++];
		memset(hop_table, 0, sizeof(hop_table));
		nested = from + 1;
		mnl_attr_for_each_payload(nested, from->rtnh_len - sizeof(*from))
			note_attribute(hop_table, RTA_MAX, attr);
		hop->to.ifindex = (uint32_t)from->rtnh_ifindex;
		hop->weight = (uint16_t)(from->rtnh_hops + 1);
		hop->dead = (from->rtnh_flags & RTNH_F_DEAD) != 0;
		if (!read_hop(hop_table, message->prefix.family, hop))
			return false;
		size = NLA_ALIGN(from->rtnh_len);
		left = size < left ? left - size : 0;
		from = (const struct rtnexthop *)((const char *)from + size);
	}
	return message->hops;
}

static bool has_mtu(const struct nlattr *metrics)
{
	const struct nlattr *metric;

	mnl_attr_for_each_nested(metric, metrics) if (mnl_attr_get_type(metric) == RTAX_MTU) return true;
	return false;
}

static uint8_t preference_of(const struct nlattr *attribute)
{
	return attribute && mnl_attr_get_payload_len(attribute) ? mnl_attr_get_u8(attribute) : 0;
}

static void read_target(const struct rtmsg *rtm, const struct nlattr **table, struct xs_route_message *message)
{
	struct xs_hop *hop = &message->hop[0];
	bool whole = true;

	if (table[RTA_MULTIPATH]) {
		whole = read_multipath(table[RTA_MULTIPATH], message);
	} else if (table[RTA_OIF] || table[RTA_GATEWAY] || table[RTA_VIA]) {
		message->hops = 1;
		hop->to.ifindex = get_u32(table[RTA_OIF]);
		hop->weight = 1;
		hop->dead = (rtm->rtm_flags & RTNH_F_DEAD) != 0;
		whole = read_hop(table, message->prefix.family, hop);
	}
	/* An MTU of its own is beyond a nexthop entry, too. */
	if (!whole || (table[RTA_METRICS] && has_mtu(table[RTA_METRICS])))
		message->route.flags |= XS_ROUTE_KERNEL;
}

static int read_route(struct xs_mirror *mirror, const struct nlmsghdr *header, bool dumped)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(header);
	const struct nlattr *attribute, *table[RTA_MAX + 1] = {};
	struct xs_route_message message = {
		.flags = header->nlmsg_flags,
		.gone = header->nlmsg_type == RTM_DELROUTE,
		.dumped = dumped,
	};
	struct xs_address address;
	uint8_t family;
	uint32_t from;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*rtm))
		return 0;
	family = family_of(rtm->rtm_family);
	if (!family || rtm->rtm_flags & RTM_F_CLONED || rtm->rtm_dst_len > xs_family_bits(family))
		return 0;
	mnl_attr_for_each(attribute, header, sizeof(*rtm)) note_attribute(table, RTA_MAX, attribute);
	from = table[RTA_TABLE] ? get_u32(table[RTA_TABLE]) : rtm->rtm_table;
	if (from != RT_TABLE_MAIN && from != RT_TABLE_LOCAL)
		return 0;
	message.prefix.family = family;
	message.prefix.length = rtm->rtm_dst_len;
	if (table[RTA_DST]) {
		address = get_address_attribute(table[RTA_DST], family);
		memcpy(message.prefix.bytes, address.bytes, sizeof(message.prefix.bytes));
	}
	if (table[RTA_SRC]) {
		address = get_address_attribute(table[RTA_SRC], family);
		message.source = xs_prefix_mask(&address, rtm->rtm_src_len);
	}
	message.route.type = rtm->rtm_type;
	message.route.tos = family == XS_IPV6 ? rtm->rtm_src_len : rtm->rtm_tos;
	message.route.priority = get_u32(table[RTA_PRIORITY]);
	message.route.preference = preference_of(table[RTA_PREF]);
	if (from == RT_TABLE_LOCAL)
		message.route.flags |= XS_ROUTE_LOCAL;
	if (table[RTA_NH_ID] || rtm->rtm_protocol == RTPROT_RA)
		message.route.flags |= XS_ROUTE_ALONE;
	read_target(rtm, table, &message);
	return xs_route_told(mirror, &message);
}

/* ---- neighbours -------------------------------------------------------------------------------------------------- */

#define USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

static bool is_multicast(const struct xs_address *address)
{
	return address->family == XS_IPV6 ? address->bytes[0] == 0xff : address->bytes[0] >= 224;
}

static int read_neighbour(struct xs_mirror *mirror, const struct nlmsghdr *header, bool dumped)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(header);
	const struct nlattr *attribute, *table[NDA_MAX + 1] = {};
	struct xs_neighbour_message message = { .dumped = dumped };
	bool gone = header->nlmsg_type == RTM_DELNEIGH;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*ndm) || ndm->ndm_flags & NTF_PROXY)
		return 0;
	mnl_attr_for_each(attribute, header, sizeof(*ndm)) note_attribute(table, NDA_MAX, attribute);
	if (!table[NDA_DST])
		return 0;
	message.key.address = get_address_attribute(table[NDA_DST], family_of(ndm->ndm_family));
	if (!message.key.address.family || is_multicast(&message.key.address))
		return 0;
	message.key.ifindex = (uint32_t)ndm->ndm_ifindex;
	message.permanent = ndm->ndm_state & NUD_PERMANENT;
	message.idle = ndm->ndm_state & NUD_STALE;
	message.managed = get_u32(table[NDA_FLAGS_EXT]) & NTF_EXT_MANAGED;
	if (!gone && ndm->ndm_state & USABLE && table[NDA_LLADDR] &&
	    mnl_attr_get_payload_len(table[NDA_LLADDR]) == sizeof(message.mac)) {
		memcpy(message.mac, mnl_attr_get_payload(table[NDA_LLADDR]), sizeof(message.mac));
		message.usable = true;
	}
	if (gone)
		message.managed = message.permanent = false;
	/* A neighbour that is removed by hand is called failed right before: that it is gone takes it back. */
	if (mirror->resolution && !dumped && (gone || message.usable || ndm->ndm_state & NUD_FAILED))
		mirror->resolution(mirror->resolution_context, message.key.ifindex, &message.key.address,
				   gone || message.usable);
	return xs_neighbour_told(mirror, &message);
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

/*
 * Routes that go with a device or its carrier, or come back with it, are not all told: a dump is due. Until then
 * nothing is sent by a device without one.
 */
static void read_link(struct xs_mirror *mirror, const struct nlmsghdr *header)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);
	enum xs_carrier carrier;
	struct xs_mirror_part *part;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*link))
		return;
	if (link->ifi_change & IFF_UP && (link->ifi_flags & IFF_UP || link->ifi_change != ~0u))
		mirror->stale = true;
	part = xs_mirror_part(mirror, (uint32_t)link->ifi_index);
	if (!part)
		return;
	carrier = link->ifi_flags & IFF_UP && link->ifi_flags & IFF_LOWER_UP ? XS_CARRIER_UP : XS_CARRIER_DOWN;
	if (part->carrier == carrier)
		return;
	part->carrier = carrier;
	mirror->stale = true;
	xs_adjacencies_refill(mirror);
}

/* IPv4's dead next hops by a device come alive, untold, with its first address. */
static void read_new_address(struct xs_mirror *mirror, const struct nlmsghdr *header)
{
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(header);

	if (mnl_nlmsg_get_payload_len(header) >= sizeof(*address) && xs_ways_have_dead(mirror, address->ifa_index))
		mirror->stale = true;
}

int xs_mirror_read_message(struct xs_mirror *mirror, const struct nlmsghdr *header, bool dumped)
{
	switch (header->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return read_route(mirror, header, dumped);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return read_neighbour(mirror, header, dumped);
	case RTM_NEWLINK:
		read_link(mirror, header);
		return 0;
	case RTM_NEWADDR:
		read_new_address(mirror, header);
		return 0;
	case RTM_DELLINK:
	case RTM_DELADDR:
		mirror->stale = true;
		return 0;
	default:
		return 0;
	}
}
