/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ask.c - see ask.h. */
#include "loader/node/ask.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/node/link.h"
#include "loader/node/netlink.h"
#include "loader/node/netns.h"

struct xs_ask {
	struct xs_netlink *netlink;
};

int xs_ask_open_at(int netns, struct xs_ask **out)
{
	struct xs_ask *ask = calloc(1, sizeof(*ask));
	int err = ask ? xs_netlink_open(netns, &ask->netlink) : -ENOMEM;

	if (err)
		free(ask);
	else
		*out = ask;
	return err;
}

int xs_ask_open(const char *netns, struct xs_ask **out)
{
	int fd = xs_netns_open(netns), err = fd;

	if (fd >= 0) {
		err = xs_ask_open_at(fd, out);
		close(fd);
	}
	return err;
}

void xs_ask_close(struct xs_ask *ask)
{
	if (!ask)
		return;
	xs_netlink_close(ask->netlink);
	free(ask);
}

static size_t bytes_of(const struct xs_address *address)
{
	return xs_family_bits(address->family) / 8;
}

static uint8_t af_of(const struct xs_address *address)
{
	return address->family == XS_IPV6 ? AF_INET6 : AF_INET;
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

struct answer {
	struct xs_ask_route *route;
	uint32_t ifindex;
};

static enum xs_ask_answer meaning(uint8_t type)
{
	switch (type) {
	case RTN_LOCAL:
	case RTN_ANYCAST:
		return XS_ASK_LOCAL;
	case RTN_UNICAST:
		return XS_ASK_FORWARD;
	case RTN_BLACKHOLE:
		return XS_ASK_BLACKHOLE;
	case RTN_UNREACHABLE:
	case RTN_PROHIBIT:
		return XS_ASK_UNREACHABLE;
	default:
		return XS_ASK_OTHER;
	}
}

static void take_address(const void *bytes, size_t size, uint8_t family, struct xs_address *out)
{
	if (size != 4 && size != 16)
		return;
	memset(out, 0, sizeof(*out));
	out->family = family;
	memcpy(out->bytes, bytes, size);
}

static int read_route(void *context, const struct nlmsghdr *message)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	const uint8_t family = info->rtm_family == AF_INET6 ? XS_IPV6 : XS_IPV4;
	const struct nlattr *attribute;
	struct answer *answer = context;
	struct xs_address prefix = { .family = family };

	if (message->nlmsg_type != RTM_NEWROUTE)
		return -EBADMSG;
	answer->route->answer = meaning(info->rtm_type);
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		const void *payload = mnl_attr_get_payload(attribute);
		size_t size = mnl_attr_get_payload_len(attribute);

		switch (mnl_attr_get_type(attribute)) {
		case RTA_DST:
			take_address(payload, size, family, &prefix);
			break;
		case RTA_GATEWAY:
			take_address(payload, size, family, &answer->route->via);
			break;
		case RTA_VIA: /* a gateway of the other family */
			if (size == 2 + 4 || size == 2 + 16)
				take_address((const char *)payload + 2, size - 2, size == 6 ? XS_IPV4 : XS_IPV6,
					     &answer->route->via);
			break;
		case RTA_OIF:
			answer->ifindex = mnl_attr_get_u32(attribute);
			break;
		}
	}
	answer->route->prefix = xs_prefix_mask(&prefix, info->rtm_dst_len);
	return 0;
}

/* What the kernel answers by an errno. */
static int read_refusal(int err, struct xs_ask_route *out)
{
	switch (err) {
	case -ENETUNREACH:
		out->answer = XS_ASK_NO_ROUTE;
		return 0;
	case -EHOSTUNREACH:
	case -EACCES:
		out->answer = XS_ASK_UNREACHABLE;
		return 0;
	case -EINVAL:
		out->answer = XS_ASK_BLACKHOLE;
		return 0;
	default:
		return err;
	}
}

/* flags: RTM_F_FIB_MATCH asks for the route as it stands in the table, else it is that of this one packet. */
static int ask_route(struct xs_ask *ask, const struct xs_ask_packet *packet, uint32_t input, uint32_t flags,
		     struct answer *answer)
{
	struct rtmsg *info = xs_netlink_begin(ask->netlink, RTM_GETROUTE, 0, sizeof(*info));
	struct nlmsghdr *message = xs_netlink_message(ask->netlink);

	info->rtm_family = af_of(&packet->destination);
	info->rtm_dst_len = (unsigned char)xs_family_bits(packet->destination.family);
	info->rtm_flags = flags;
	mnl_attr_put(message, RTA_DST, bytes_of(&packet->destination), packet->destination.bytes);
	if (packet->source.family == packet->destination.family) {
		info->rtm_src_len = info->rtm_dst_len;
		mnl_attr_put(message, RTA_SRC, bytes_of(&packet->source), packet->source.bytes);
	}
	if (input)
		mnl_attr_put_u32(message, RTA_IIF, input);
	return xs_netlink_ask(ask->netlink, read_route, answer);
}

int xs_ask_route(struct xs_ask *ask, const struct xs_ask_packet *packet, struct xs_ask_route *out)
{
	const struct xs_ask_packet anybody = { .destination = packet->destination };
	struct xs_ask_route route = {}, one = {};
	struct answer table = { .route = &route }, chosen = { .route = &one };
	struct xs_link link = {};
	int err;

	if (packet->device) {
		err = xs_link_get(ask->netlink, packet->device, 0, &link);
		if (err)
			return err;
	}
	err = ask_route(ask, packet, link.ifindex, RTM_F_FIB_MATCH, &table);
	/* So it answers for blackholes, and for sources that cannot come from there, its own addresses above all. */
	if (err == -EINVAL && link.ifindex) {
		err = ask_route(ask, &anybody, 0, RTM_F_FIB_MATCH, &table);
		route.refused = !err;
	}
	if (err) {
		err = read_refusal(err, &route);
		if (!err)
			*out = route;
		return err;
	}
	/* Of several next hops the table names all, and this packet takes one. */
	if (route.answer == XS_ASK_FORWARD && !table.ifindex && !ask_route(ask, packet, link.ifindex, 0, &chosen)) {
		route.via = one.via;
		table.ifindex = chosen.ifindex;
	}
	if (table.ifindex && !xs_link_get(ask->netlink, NULL, table.ifindex, &link)) {
		memcpy(route.device, link.name, sizeof(route.device));
		route.mtu = link.mtu;
	}
	*out = route;
	return 0;
}

/* ---- neighbours -------------------------------------------------------------------------------------------------- */

struct neighbour {
	uint16_t state;
	struct xs_mac mac;
};

static int read_neighbour(void *context, const struct nlmsghdr *message)
{
	const struct ndmsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct neighbour *neighbour = context;

	if (message->nlmsg_type != RTM_NEWNEIGH)
		return -EBADMSG;
	neighbour->state = info->ndm_state;
	mnl_attr_for_each(attribute, message,
			  sizeof(*info)) if (mnl_attr_get_type(attribute) == NDA_LLADDR &&
					     mnl_attr_get_payload_len(attribute) == sizeof(neighbour->mac))
		memcpy(&neighbour->mac, mnl_attr_get_payload(attribute), sizeof(neighbour->mac));
	return 0;
}

bool xs_ask_neighbour(struct xs_ask *ask, const char *device, const struct xs_address *address, struct xs_mac *mac)
{
	struct neighbour found = {};
	struct xs_link link;
	struct ndmsg *info;

	if (xs_link_get(ask->netlink, device, 0, &link))
		return false;
	info = xs_netlink_begin(ask->netlink, RTM_GETNEIGH, 0, sizeof(*info));
	info->ndm_family = af_of(address);
	info->ndm_ifindex = (int)link.ifindex;
	mnl_attr_put(xs_netlink_message(ask->netlink), NDA_DST, bytes_of(address), address->bytes);
	if (xs_netlink_ask(ask->netlink, read_neighbour, &found) ||
	    !(found.state & (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)))
		return false;
	if (mac)
		*mac = found.mac;
	return true;
}
