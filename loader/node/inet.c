/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inet.c - see inet.h. */
#include "loader/node/inet.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_RETRIES 8

/* What a dump collects: elements of one size. */
struct list {
	void *element;
	size_t size, count, room;
};

static void *append(struct list *list)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		void *more = realloc(list->element, room * list->size);

		if (!more)
			return NULL;
		list->element = more;
		list->room = room;
	}
	return memset((char *)list->element + list->count++ * list->size, 0, list->size);
}

static uint8_t netlink_family(uint8_t family)
{
	return family == XS_IPV6 ? AF_INET6 : AF_INET;
}

static uint8_t family_of(uint8_t netlink)
{
	return netlink == AF_INET6 ? XS_IPV6 : netlink == AF_INET ? XS_IPV4 : XS_FAMILY_NONE;
}

static int dump_family(struct xs_netlink *netlink, uint8_t family,
		       void (*begin)(struct xs_netlink *netlink, uint8_t family),
		       int (*fn)(void *context, const struct nlmsghdr *message), struct list *list)
{
	size_t count = list->count;
	int err = -EINTR;

	/* Again where the kernel says that the dump was disturbed. */
	for (int i = 0; err == -EINTR && i < DUMP_RETRIES; i++) {
		list->count = count;
		begin(netlink, netlink_family(family));
		err = xs_netlink_ask(netlink, fn, list);
	}
	/* A namespace without any route of a family has no such table yet. */
	return err == -ENOENT ? 0 : err;
}

static int dump(struct xs_netlink *netlink, unsigned int families,
		void (*begin)(struct xs_netlink *netlink, uint8_t family),
		int (*fn)(void *context, const struct nlmsghdr *message), struct list *list)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < families; i++)
		err = dump_family(netlink, xs_family_at(i), begin, fn, list);
	if (err)
		free(list->element);
	return err;
}

static void read_address(const struct nlattr *attribute, uint8_t family, struct xs_address *out)
{
	size_t size = xs_family_bits(family) / 8;

	if (mnl_attr_get_payload_len(attribute) != size)
		return;
	memset(out, 0, sizeof(*out));
	out->family = family;
	memcpy(out->bytes, mnl_attr_get_payload(attribute), size);
}

static void put_address(struct nlmsghdr *message, uint16_t type, uint8_t family, const uint8_t *bytes)
{
	mnl_attr_put(message, type, xs_family_bits(family) / 8, bytes);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static void begin_address_dump(struct xs_netlink *netlink, uint8_t family)
{
	struct ifaddrmsg *info = xs_netlink_begin(netlink, RTM_GETADDR, NLM_F_DUMP, sizeof(*info));

	info->ifa_family = family;
}

static int add_address(void *context, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct xs_held_address *held;

	if (message->nlmsg_type != RTM_NEWADDR || !family_of(info->ifa_family))
		return 0;
	held = append(context);
	if (!held)
		return -ENOMEM;
	held->ifindex = info->ifa_index;
	held->length = info->ifa_prefixlen;
	held->scope = info->ifa_scope;
	/* IPv4's own is LOCAL; of IPv6's, LOCAL is there only beside another end's. */
	mnl_attr_for_each(attribute, message, sizeof(*info)) {
		uint16_t type = mnl_attr_get_type(attribute);

		if (type == IFA_LOCAL || (type == IFA_ADDRESS && info->ifa_family == AF_INET6 && !held->address.family))
			read_address(attribute, family_of(info->ifa_family), &held->address);
	}
	return 0;
}

int xs_address_dump(struct xs_netlink *netlink, unsigned int families, struct xs_held_address **out, size_t *count)
{
	struct list list = { .size = sizeof(**out) };
	int err = dump(netlink, families, begin_address_dump, add_address, &list);

	if (err)
		return err;
	*out = list.element;
	*count = list.count;
	return 0;
}

static int change_address(struct xs_netlink *netlink, uint16_t type, uint16_t flags,
			  const struct xs_held_address *address)
{
	struct ifaddrmsg *info = xs_netlink_begin(netlink, type, flags, sizeof(*info));
	struct nlmsghdr *message = xs_netlink_message(netlink);

	info->ifa_family = netlink_family(address->address.family);
	/* Gateways of several slices have one address and MAC: that it is there already is as it should be. */
	info->ifa_flags = address->address.family == XS_IPV6 ? IFA_F_NODAD : 0;
	info->ifa_index = address->ifindex;
	info->ifa_prefixlen = address->length;
	info->ifa_scope = address->scope;
	put_address(message, IFA_LOCAL, address->address.family, address->address.bytes);
	put_address(message, IFA_ADDRESS, address->address.family, address->address.bytes);
	return xs_netlink_change(netlink);
}

int xs_address_add(struct xs_netlink *netlink, const struct xs_held_address *address)
{
	return change_address(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
}

int xs_address_delete(struct xs_netlink *netlink, const struct xs_held_address *address)
{
	return change_address(netlink, RTM_DELADDR, 0, address);
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static void begin_route_dump(struct xs_netlink *netlink, uint8_t family)
{
	struct rtmsg *info = xs_netlink_begin(netlink, RTM_GETROUTE, NLM_F_DUMP, sizeof(*info));

	info->rtm_family = family;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = XS_RTPROT;
}

static int add_route(void *context, const struct nlmsghdr *message)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	uint8_t family = family_of(info->rtm_family);
	const struct nlattr *attribute;
	struct xs_held_route *held;
	struct xs_address to = {};

	/* Kernels without strict checking dump all. */
	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_protocol != XS_RTPROT ||
	    info->rtm_table != RT_TABLE_MAIN || info->rtm_flags & RTM_F_CLONED || !family)
		return 0;
	held = append(context);
	if (!held)
		return -ENOMEM;
	held->prefix.family = family;
	held->prefix.length = info->rtm_dst_len;
	held->onlink = info->rtm_flags & RTNH_F_ONLINK;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attribute)) {
		case RTA_DST:
			read_address(attribute, family, &to);
			memcpy(held->prefix.bytes, to.bytes, sizeof(held->prefix.bytes));
			break;
		case RTA_OIF:
			held->ifindex = mnl_attr_get_u32(attribute);
			break;
		case RTA_GATEWAY:
			read_address(attribute, family, &held->via);
			break;
		}
	}
	return 0;
}

int xs_route_dump(struct xs_netlink *netlink, unsigned int families, struct xs_held_route **out, size_t *count)
{
	struct list list = { .size = sizeof(**out) };
	int err = dump(netlink, families, begin_route_dump, add_route, &list);

	if (err)
		return err;
	*out = list.element;
	*count = list.count;
	return 0;
}

static struct rtmsg *begin_route(struct xs_netlink *netlink, uint16_t type, uint16_t flags,
				 const struct xs_held_route *route)
{
	struct rtmsg *info = xs_netlink_begin(netlink, type, flags, sizeof(*info));
	struct nlmsghdr *message = xs_netlink_message(netlink);

	info->rtm_family = netlink_family(route->prefix.family);
	info->rtm_dst_len = route->prefix.length;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = XS_RTPROT;
	info->rtm_type = RTN_UNICAST;
	info->rtm_scope = route->via.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	put_address(message, RTA_DST, route->prefix.family, route->prefix.bytes);
	mnl_attr_put_u32(message, RTA_OIF, route->ifindex);
	if (route->via.family)
		put_address(message, RTA_GATEWAY, route->via.family, route->via.bytes);
	return info;
}

int xs_route_set(struct xs_netlink *netlink, const struct xs_held_route *route, bool replace)
{
	struct rtmsg *info =
		begin_route(netlink, RTM_NEWROUTE, replace ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL, route);

	if (route->onlink)
		info->rtm_flags |= RTNH_F_ONLINK;
	return xs_netlink_change(netlink);
}

int xs_route_delete(struct xs_netlink *netlink, const struct xs_held_route *route)
{
	begin_route(netlink, RTM_DELROUTE, 0, route);
	return xs_netlink_change(netlink);
}

#define SUBNET_METRIC6 256 /* the kernel's own, of IPv6 */

int xs_route_to_subnet(struct xs_netlink *netlink, const struct xs_held_address *address)
{
	const bool ipv6 = address->address.family == XS_IPV6;
	const struct xs_held_route route = { .prefix = xs_prefix_mask(&address->address, address->length),
					     .ifindex = address->ifindex };
	/* IPv6's kernel asks of NLM_F_EXCL that no other device has one, either. */
	struct rtmsg *info = begin_route(netlink, RTM_NEWROUTE, NLM_F_CREATE | (ipv6 ? 0 : NLM_F_EXCL), &route);

	info->rtm_protocol = RTPROT_KERNEL;
	if (ipv6)
		mnl_attr_put_u32(xs_netlink_message(netlink), RTA_PRIORITY, SUBNET_METRIC6);
	else
		put_address(xs_netlink_message(netlink), RTA_PREFSRC, XS_IPV4, address->address.bytes);
	return xs_netlink_change(netlink);
}

/* ---- neighbours ------------------------------------------------------------------------------------------------- */

static int read_neighbour(const struct nlmsghdr *message, struct xs_held_neighbour *held)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	held->ifindex = (uint32_t)info->ndm_ifindex;
	held->permanent = info->ndm_state & NUD_PERMANENT;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attribute) == NDA_DST)
			read_address(attribute, family_of(info->ndm_family), &held->address);
		else if (mnl_attr_get_type(attribute) == NDA_LLADDR &&
			 mnl_attr_get_payload_len(attribute) == sizeof(held->mac))
			memcpy(&held->mac, mnl_attr_get_payload(attribute), sizeof(held->mac));
	}
	return 0;
}

static int keep_neighbour(void *context, const struct nlmsghdr *message)
{
	return message->nlmsg_type == RTM_NEWNEIGH ? read_neighbour(message, context) : -EBADMSG;
}

static struct ndmsg *begin_neighbour(struct xs_netlink *netlink, uint16_t type, uint16_t flags,
				     const struct xs_held_neighbour *neighbour)
{
	struct ndmsg *info = xs_netlink_begin(netlink, type, flags, sizeof(*info));

	info->ndm_family = netlink_family(neighbour->address.family);
	info->ndm_ifindex = (int)neighbour->ifindex;
	put_address(xs_netlink_message(netlink), NDA_DST, neighbour->address.family, neighbour->address.bytes);
	return info;
}

int xs_neighbour_get(struct xs_netlink *netlink, struct xs_held_neighbour *neighbour)
{
	struct xs_held_neighbour found = {};
	int err;

	begin_neighbour(netlink, RTM_GETNEIGH, 0, neighbour);
	err = xs_netlink_ask(netlink, keep_neighbour, &found);
	if (!err)
		*neighbour = found;
	return err;
}

int xs_neighbour_set(struct xs_netlink *netlink, const struct xs_held_neighbour *neighbour)
{
	struct ndmsg *info = begin_neighbour(netlink, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, neighbour);

	info->ndm_state = NUD_PERMANENT;
	mnl_attr_put(xs_netlink_message(netlink), NDA_LLADDR, sizeof(neighbour->mac), &neighbour->mac);
	return xs_netlink_change(netlink);
}

int xs_neighbour_delete(struct xs_netlink *netlink, const struct xs_held_neighbour *neighbour)
{
	begin_neighbour(netlink, RTM_DELNEIGH, 0, neighbour);
	return xs_netlink_change(netlink);
}

static void begin_neighbour_dump(struct xs_netlink *netlink, uint8_t family)
{
	struct ndmsg *info = xs_netlink_begin(netlink, RTM_GETNEIGH, NLM_F_DUMP, sizeof(*info));

	info->ndm_family = family;
}

static int add_neighbour(void *context, const struct nlmsghdr *message)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	struct xs_held_neighbour *held;

	if (message->nlmsg_type != RTM_NEWNEIGH || !family_of(info->ndm_family) || info->ndm_state & NUD_NOARP)
		return 0;
	held = append(context);
	return held ? read_neighbour(message, held) : -ENOMEM;
}

int xs_neighbour_dump(struct xs_netlink *netlink, unsigned int families, struct xs_held_neighbour **out, size_t *count)
{
	struct list list = { .size = sizeof(**out) };
	int err = dump(netlink, families, begin_neighbour_dump, add_neighbour, &list);

	if (err)
		return err;
	*out = list.element;
	*count = list.count;
	return 0;
}

int xs_neighbour_setting_set(struct xs_netlink *netlink, uint32_t ifindex, uint8_t family,
			     const struct xs_neighbour_setting *setting)
{
	struct ndtmsg *info = xs_netlink_begin(netlink, RTM_SETNEIGHTBL, 0, sizeof(*info));
	struct nlmsghdr *message = xs_netlink_message(netlink);
	struct nlattr *nest;

	info->ndtm_family = netlink_family(family);
	mnl_attr_put_strz(message, NDTA_NAME, family == XS_IPV6 ? "ndisc_cache" : "arp_cache");
	nest = mnl_attr_nest_start(message, NDTA_PARMS);
	mnl_attr_put_u32(message, NDTPA_IFINDEX, ifindex);
	mnl_attr_put_u64(message, NDTPA_PROXY_DELAY, setting->proxy_delay_ms);
	if (setting->retrans_time_ms)
		mnl_attr_put_u64(message, NDTPA_RETRANS_TIME, setting->retrans_time_ms);
	if (setting->mcast_solicit)
		mnl_attr_put_u32(message, NDTPA_MCAST_PROBES, setting->mcast_solicit);
	mnl_attr_nest_end(message, nest);
	return xs_netlink_change(netlink);
}
