/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.c - see link.h. */
#include "loader/node/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * Deletion borrows a group, by a number that is drawn from here upwards each time: to see which ones are free would be to look at all
 * links, and whoever uses groups numbers them below (systemd-networkd knows no others).
 */
#define GROUP_FIRST  0x80000000u
#define DUMP_RETRIES 8

static void read_xdp(const struct nlattr *nest, struct xs_link *link)
{
	const struct nlattr *attribute;
	size_t n = 0;

	mnl_attr_for_each_nested(attribute, nest)
	{
		uint32_t id = 0;

		switch (mnl_attr_get_type(attribute)) {
		case IFLA_XDP_ATTACHED:
			link->xdp_generic = mnl_attr_get_u8(attribute) == XDP_ATTACHED_SKB;
			break;
		case IFLA_XDP_PROG_ID:
		case IFLA_XDP_DRV_PROG_ID:
		case IFLA_XDP_SKB_PROG_ID:
		case IFLA_XDP_HW_PROG_ID:
			id = mnl_attr_get_u32(attribute);
		}
		for (size_t i = 0; i < n; i++)
			if (link->xdp[i] == id)
				id = 0;
		if (id && n < XS_LINK_XDP_MAX)
			link->xdp[n++] = id;
	}
}

/* IFLA_AF_SPEC { AF_INET { IFLA_INET_CONF u32[] }, AF_INET6 { IFLA_INET6_CONF s32[] } } */
static void read_settings(const struct nlattr *nest, struct xs_link *link)
{
	const struct nlattr *family, *attribute;

	mnl_attr_for_each_nested(family, nest)
	{
		mnl_attr_for_each_nested(attribute, family)
		{
			const int32_t *value = mnl_attr_get_payload(attribute);
			size_t count = mnl_attr_get_payload_len(attribute) / sizeof(*value);

			if (mnl_attr_get_type(family) == AF_INET && mnl_attr_get_type(attribute) == IFLA_INET_CONF) {
				for (size_t i = 0; i < count && i < IPV4_DEVCONF_MAX; i++)
					link->ipv4[i + 1] = value[i];
			} else if (mnl_attr_get_type(family) == AF_INET6 &&
				   mnl_attr_get_type(attribute) == IFLA_INET6_CONF) {
				link->ipv6 = count > DEVCONF_DISABLE_IPV6 && !value[DEVCONF_DISABLE_IPV6];
				for (size_t i = 0; i < count && i < XS_IPV6_CONF_MAX; i++)
					link->ipv6_conf[i] = value[i];
			}
		}
	}
}

static int read_link(const struct nlmsghdr *message, struct xs_link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute, *nested;

	if (message->nlmsg_type != RTM_NEWLINK)
		return -EBADMSG;
	memset(link, 0, sizeof(*link));
	for (size_t i = 0; i <= IPV4_DEVCONF_MAX; i++)
		link->ipv4[i] = -1;
	for (size_t i = 0; i < XS_IPV6_CONF_MAX; i++)
		link->ipv6_conf[i] = -1;
	link->ifindex = (uint32_t)info->ifi_index;
	link->flags = info->ifi_flags;
	link->peer_nsid = -1;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			strncpy(link->name, mnl_attr_get_str(attribute), sizeof(link->name) - 1);
			break;
		case IFLA_MTU:
			link->mtu = mnl_attr_get_u32(attribute);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attribute) == sizeof(link->mac))
				memcpy(link->mac, mnl_attr_get_payload(attribute), sizeof(link->mac));
			break;
		case IFLA_CARRIER:
			link->carrier = mnl_attr_get_u8(attribute);
			break;
		case IFLA_LINK:
			link->peer = mnl_attr_get_u32(attribute);
			break;
		case IFLA_LINK_NETNSID:
			link->peer_nsid = (int32_t)mnl_attr_get_u32(attribute);
			break;
		case IFLA_LINKINFO:
			mnl_attr_for_each_nested(nested, attribute) if (mnl_attr_get_type(nested) == IFLA_INFO_KIND)
			{
				link->veth = !strcmp(mnl_attr_get_str(nested), "veth");
				link->tap = !strcmp(mnl_attr_get_str(nested), "tun");
			}
			break;
		case IFLA_XDP:
			read_xdp(attribute, link);
			break;
		case IFLA_AF_SPEC:
			read_settings(attribute, link);
			break;
		}
	}
	return 0;
}

struct link_list {
	struct xs_link *link;
	size_t count, room;
};

static int add_link(void *context, const struct nlmsghdr *message)
{
	struct link_list *list = context;
	int err;

	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		struct xs_link *more = realloc(list->link, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->link = more;
		list->room = room;
	}
	err = read_link(message, &list->link[list->count]);
	list->count += !err;
	return err;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xs_link *)a)->name, ((const struct xs_link *)b)->name);
}

/* Statistics are most of a dump, and nobody here reads them. */
static struct ifinfomsg *begin_get(struct xs_netlink *netlink, uint16_t flags)
{
	struct ifinfomsg *info = xs_netlink_begin(netlink, RTM_GETLINK, flags, sizeof(*info));

	mnl_attr_put_u32(xs_netlink_message(netlink), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return info;
}

int xs_link_dump(struct xs_netlink *netlink, struct xs_link **out, size_t *count)
{
	struct link_list list = {};
	int err;

	for (int i = 0; i < DUMP_RETRIES; i++) {
		list.count = 0;
		begin_get(netlink, NLM_F_DUMP);
		err = xs_netlink_ask(netlink, add_link, &list);
		if (err != -EINTR)
			break;
	}
	if (err) {
		free(list.link);
		return err;
	}
	qsort(list.link, list.count, sizeof(*list.link), by_name);
	*out = list.link;
	*count = list.count;
	return 0;
}

struct xs_link *xs_link_find(struct xs_link *links, size_t count, const char *name)
{
	struct xs_link key;

	if (strlen(name) >= sizeof(key.name))
		return NULL;
	strcpy(key.name, name);
	return bsearch(&key, links, count, sizeof(*links), by_name);
}

static int keep_link(void *context, const struct nlmsghdr *message)
{
	return read_link(message, context);
}

int xs_link_get(struct xs_netlink *netlink, const char *name, uint32_t ifindex, struct xs_link *out)
{
	struct ifinfomsg *info = begin_get(netlink, 0);
	struct xs_link found;
	int err;

	if (name)
		mnl_attr_put_strz(xs_netlink_message(netlink), IFLA_IFNAME, name);
	else
		info->ifi_index = (int)ifindex;
	err = xs_netlink_ask(netlink, keep_link, &found);
	if (!err)
		*out = found;
	return err;
}

static struct ifinfomsg *begin_set(struct xs_netlink *netlink, uint32_t ifindex)
{
	struct ifinfomsg *info = xs_netlink_begin(netlink, RTM_NEWLINK, 0, sizeof(*info));

	info->ifi_index = (int)ifindex;
	return info;
}

int xs_link_set_flags(struct xs_netlink *netlink, uint32_t ifindex, uint32_t flags, uint32_t mask)
{
	struct ifinfomsg *info = begin_set(netlink, ifindex);

	info->ifi_flags = flags & mask;
	info->ifi_change = mask;
	return xs_netlink_change(netlink);
}

int xs_link_set_mtu(struct xs_netlink *netlink, uint32_t ifindex, uint32_t mtu)
{
	begin_set(netlink, ifindex);
	mnl_attr_put_u32(xs_netlink_message(netlink), IFLA_MTU, mtu);
	return xs_netlink_change(netlink);
}

int xs_link_set_mac(struct xs_netlink *netlink, uint32_t ifindex, const uint8_t mac[6])
{
	begin_set(netlink, ifindex);
	mnl_attr_put(xs_netlink_message(netlink), IFLA_ADDRESS, 6, mac);
	return xs_netlink_change(netlink);
}

static void put_end(struct nlmsghdr *message, const char *name, uint32_t mtu)
{
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	mnl_attr_put_u32(message, IFLA_MTU, mtu);
	mnl_attr_put_u32(message, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(message, IFLA_NUM_RX_QUEUES, 1);
}

/* Starts a veth of that name; what is put next is about its peer, in another namespace. */
struct veth_nests {
	struct nlattr *link, *data, *peer;
};

static struct ifinfomsg *begin_veth(struct xs_netlink *netlink, const char *name, uint32_t mtu)
{
	struct ifinfomsg *info = xs_netlink_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));

	put_end(xs_netlink_message(netlink), name, mtu);
	return info;
}

static struct ifinfomsg *begin_peer(struct nlmsghdr *message, struct veth_nests *nests, const char *name, uint32_t mtu,
				    int netns)
{
	struct ifinfomsg *info;

	nests->link = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	nests->data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	nests->peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
	/* Down: a veth cannot be up before it has its peer. */
	info = mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	put_end(message, name, mtu);
	mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)netns);
	return info;
}

static int add_veth(struct xs_netlink *netlink, const struct veth_nests *nests)
{
	struct nlmsghdr *message = xs_netlink_message(netlink);

	mnl_attr_nest_end(message, nests->peer);
	mnl_attr_nest_end(message, nests->data);
	mnl_attr_nest_end(message, nests->link);
	return xs_netlink_change(netlink);
}

static void silence(struct ifinfomsg *info)
{
	info->ifi_flags = IFF_NOARP;
	info->ifi_change = IFF_NOARP | IFF_UP;
}

int xs_veth_add(struct xs_netlink *netlink, const char *name, int inner_netns, const char *inner,
		const uint8_t inner_mac[6], uint32_t mtu)
{
	struct nlmsghdr *message = xs_netlink_message(netlink);
	struct veth_nests nests;

	silence(begin_veth(netlink, name, mtu));
	begin_peer(message, &nests, inner, mtu, inner_netns);
	mnl_attr_put(message, IFLA_ADDRESS, 6, inner_mac);
	return add_veth(netlink, &nests);
}

int xs_veth_add_inside(struct xs_netlink *netlink, const char *name, uint32_t ifindex, const uint8_t mac[6],
		       uint32_t mtu, int outer_netns, const char *outer)
{
	struct nlmsghdr *message = xs_netlink_message(netlink);
	struct ifinfomsg *info = begin_veth(netlink, name, mtu);
	struct veth_nests nests;

	info->ifi_index = (int)ifindex;
	mnl_attr_put(message, IFLA_ADDRESS, 6, mac);
	silence(begin_peer(message, &nests, outer, mtu, outer_netns));
	return add_veth(netlink, &nests);
}

static int delete_one(struct xs_netlink *netlink, uint32_t ifindex)
{
	struct ifinfomsg *info = xs_netlink_begin(netlink, RTM_DELLINK, 0, sizeof(*info));

	info->ifi_index = (int)ifindex;
	return xs_netlink_change(netlink);
}

static int delete_group(struct xs_netlink *netlink, const uint32_t *ifindex, size_t count)
{
	uint32_t group;
	size_t marked = 0;
	int err;

	if (getrandom(&group, sizeof(group), 0) != sizeof(group))
		return -errno;
	group |= GROUP_FIRST;
	for (size_t i = 0; i < count; i++) {
		begin_set(netlink, ifindex[i]);
		mnl_attr_put_u32(xs_netlink_message(netlink), IFLA_GROUP, group);
		err = xs_netlink_change(netlink);
		if (err && err != -ENODEV)
			return err;
		marked += !err;
	}
	if (!marked)
		return 0;
	xs_netlink_begin(netlink, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(xs_netlink_message(netlink), IFLA_GROUP, group);
	return xs_netlink_change(netlink);
}

int xs_link_delete(struct xs_netlink *netlink, const uint32_t *ifindex, size_t count)
{
	int err = !count ? 0 : count == 1 ? delete_one(netlink, *ifindex) : delete_group(netlink, ifindex, count);

	return err == -ENODEV ? 0 : err; /* all of them went in between, with a namespace that is being taken apart */
}
