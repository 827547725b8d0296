// SPDX-License-Identifier: GPL-2.0-or-later
/* unreachable.c - see unreachable.h. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "loader/node/netlink.h"
#include "loader/node/unreachable.h"

static int change(struct xs_netlink *netlink, uint16_t type, uint16_t flags, const struct xs_address *address)
{
	struct rtmsg *info = xs_netlink_begin(netlink, type, flags | NLM_F_ACK, sizeof(*info));

	info->rtm_family = address->family == XS_IPV6 ? AF_INET6 : AF_INET;
	info->rtm_dst_len = (uint8_t)xs_family_bits(address->family);
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = XS_RTPROT_UNREACHABLE;
	info->rtm_type = RTN_UNREACHABLE;
	info->rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
	mnl_attr_put(xs_netlink_message(netlink), RTA_DST, xs_family_bits(address->family) / 8, address->bytes);
	/*
	 * Any other route for the address comes first, and none is in the way of a static one. IPv6's kernel keeps the
	 * largest for itself.
	 */
	mnl_attr_put_u32(xs_netlink_message(netlink), RTA_PRIORITY, UINT32_MAX - 1);
	return xs_netlink_ask(netlink, NULL, NULL);
}

int xs_unreachable_add(struct xs_netlink *netlink, const struct xs_address *address)
{
	int err = change(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, address);

	return err == -EEXIST ? 0 : err;
}

int xs_unreachable_delete(struct xs_netlink *netlink, const struct xs_address *address)
{
	int err = change(netlink, RTM_DELROUTE, 0, address);

	return err == -ESRCH ? 0 : err;
}

struct found {
	struct xs_address *address;
	size_t count;
};

static int find(void *context, const struct nlmsghdr *message)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	uint8_t family = info->rtm_family == AF_INET6 ? XS_IPV6 : XS_IPV4;
	unsigned int bits = xs_family_bits(family);
	const struct nlattr *attribute;
	struct found *found = context;
	struct xs_address *grown;

	/* Kernels without strict checking dump all. */
	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_protocol != XS_RTPROT_UNREACHABLE ||
	    info->rtm_table != RT_TABLE_MAIN || info->rtm_dst_len != bits)
		return 0;
	mnl_attr_for_each(attribute, message, sizeof(*info)) {
		if (mnl_attr_get_type(attribute) != RTA_DST || mnl_attr_get_payload_len(attribute) != bits / 8)
			continue;
		grown = realloc(found->address, (found->count + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		found->address = grown;
		grown[found->count] = (struct xs_address){.family = family};
		memcpy(grown[found->count++].bytes, mnl_attr_get_payload(attribute), bits / 8);
	}
	return 0;
}

static int clear(struct xs_netlink *netlink, uint8_t family)
{
	struct found found = {};
	struct rtmsg *info = xs_netlink_begin(netlink, RTM_GETROUTE, NLM_F_DUMP, sizeof(*info));
	int err;

	info->rtm_family = family;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = XS_RTPROT_UNREACHABLE;
	err = xs_netlink_ask(netlink, find, &found);
	for (size_t i = 0; !err && i < found.count; i++) {
		err = change(netlink, RTM_DELROUTE, 0, &found.address[i]);
		if (err == -ESRCH)
			err = 0;
	}
	free(found.address);
	return err;
}

int xs_unreachable_clear(int netns)
{
	struct xs_netlink *netlink;
	int err = xs_netlink_open(netns, &netlink);

	if (err)
		return err;
	err = clear(netlink, AF_INET);
	if (!err)
		err = clear(netlink, AF_INET6);
	xs_netlink_close(netlink);
	return err;
}
