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

/* Sends what is in the buffer, again where the kernel says that the dump was disturbed. */
static int dump(struct xs_netlink *netlink, void (*begin)(struct xs_netlink *netlink),
		int (*fn)(void *context, const struct nlmsghdr *message), struct list *list)
{
	int err;

	for (int i = 0; i < DUMP_RETRIES; i++) {
		list->count = 0;
		begin(netlink);
		err = xs_netlink_ask(netlink, fn, list);
		if (err != -EINTR)
			break;
	}
	if (err)
		free(list->element);
	return err;
}

static void read_ipv4(const struct nlattr *attribute, struct xs_address *out)
{
	if (mnl_attr_get_payload_len(attribute) != 4)
		return;
	memset(out, 0, sizeof(*out));
	out->family = XS_IPV4;
	memcpy(out->bytes, mnl_attr_get_payload(attribute), 4);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static void begin_address_dump(struct xs_netlink *netlink)
{
	struct ifaddrmsg *info = xs_netlink_begin(netlink, RTM_GETADDR, NLM_F_DUMP, sizeof(*info));

	info->ifa_family = AF_INET;
}

static int add_address(void *context, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct xs_held_address *held;

	if (message->nlmsg_type != RTM_NEWADDR || info->ifa_family != AF_INET)
		return 0;
	held = append(context);
	if (!held)
		return -ENOMEM;
	held->ifindex = info->ifa_index;
	held->length = info->ifa_prefixlen;
	held->scope = info->ifa_scope;
	mnl_attr_for_each(attribute, message, sizeof(*info)) if (mnl_attr_get_type(attribute) == IFA_LOCAL)
		read_ipv4(attribute, &held->address);
	return 0;
}

int xs_address_dump(struct xs_netlink *netlink, struct xs_held_address **out, size_t *count)
{
	struct list list = { .size = sizeof(**out) };
	int err = dump(netlink, begin_address_dump, add_address, &list);

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

	info->ifa_family = AF_INET;
	info->ifa_index = address->ifindex;
	info->ifa_prefixlen = address->length;
	info->ifa_scope = address->scope;
	mnl_attr_put(message, IFA_LOCAL, 4, address->address.bytes);
	mnl_attr_put(message, IFA_ADDRESS, 4, address->address.bytes);
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

static void begin_route_dump(struct xs_netlink *netlink)
{
	struct rtmsg *info = xs_netlink_begin(netlink, RTM_GETROUTE, NLM_F_DUMP, sizeof(*info));

	info->rtm_family = AF_INET;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = XS_RTPROT;
}

static int add_route(void *context, const struct nlmsghdr *message)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct xs_held_route *held;

	/* Kernels without strict checking dump all. */
	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_protocol != XS_RTPROT ||
	    info->rtm_table != RT_TABLE_MAIN || info->rtm_flags & RTM_F_CLONED)
		return 0;
	held = append(context);
	if (!held)
		return -ENOMEM;
	held->prefix.family = XS_IPV4;
	held->prefix.length = info->rtm_dst_len;
	held->onlink = info->rtm_flags & RTNH_F_ONLINK;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attribute)) {
		case RTA_DST:
			memcpy(held->prefix.bytes, mnl_attr_get_payload(attribute), 4);
			break;
		case RTA_OIF:
			held->ifindex = mnl_attr_get_u32(attribute);
			break;
		case RTA_GATEWAY:
			read_ipv4(attribute, &held->via);
			break;
		}
	}
	return 0;
}

int xs_route_dump(struct xs_netlink *netlink, struct xs_held_route **out, size_t *count)
{
	struct list list = { .size = sizeof(**out) };
	int err = dump(netlink, begin_route_dump, add_route, &list);

	if (err == -ENOENT) /* a namespace without any route has no such table yet; what was collected is freed */
		list = (struct list){};
	else if (err)
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

	info->rtm_family = AF_INET;
	info->rtm_dst_len = route->prefix.length;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = XS_RTPROT;
	info->rtm_type = RTN_UNICAST;
	info->rtm_scope = route->via.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	mnl_attr_put(message, RTA_DST, 4, route->prefix.bytes);
	mnl_attr_put_u32(message, RTA_OIF, route->ifindex);
	if (route->via.family)
		mnl_attr_put(message, RTA_GATEWAY, 4, route->via.bytes);
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
			read_ipv4(attribute, &held->address);
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

	info->ndm_family = AF_INET;
	info->ndm_ifindex = (int)neighbour->ifindex;
	mnl_attr_put(xs_netlink_message(netlink), NDA_DST, 4, neighbour->address.bytes);
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

static void begin_neighbour_dump(struct xs_netlink *netlink)
{
	struct ndmsg *info = xs_netlink_begin(netlink, RTM_GETNEIGH, NLM_F_DUMP, sizeof(*info));

	info->ndm_family = AF_INET;
}

static int add_neighbour(void *context, const struct nlmsghdr *message)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	struct xs_held_neighbour *held;

	if (message->nlmsg_type != RTM_NEWNEIGH || info->ndm_family != AF_INET)
		return 0;
	held = append(context);
	return held ? read_neighbour(message, held) : -ENOMEM;
}

int xs_neighbour_dump(struct xs_netlink *netlink, struct xs_held_neighbour **out, size_t *count)
{
	struct list list = { .size = sizeof(**out) };
	int err = dump(netlink, begin_neighbour_dump, add_neighbour, &list);

	if (err)
		return err;
	*out = list.element;
	*count = list.count;
	return 0;
}
