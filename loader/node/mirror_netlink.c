/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_netlink.c - a mirror's two sockets: one for events, which is never read while a dump is, and one for requests.
 *
 * Why not netlink.h: a dump of a million routes goes on where the table changes meanwhile (every change is told as an
 * event, and events are applied after the dump), and events need a socket of their own, with room for many.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loader/node/mirror_internal.h"
#include "loader/node/netns.h"

#define RECEIVE_BYTES (64u << 10)
#define EVENT_ROOM (32 << 20) /* bytes that the kernel may keep for us */
#define DISCARD_MAX 1000000   /* of what waits before a dump */
#define EVENTS_MAX 16384      /* in a batch: others wait for the thread, too */

static int open_socket(struct mnl_socket **out, int flags)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
	int err = socket ? 0 : -errno;

	if (!err && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	if (err && socket)
		mnl_socket_close(socket);
	else if (!err)
		*out = socket;
	return err;
}

int xs_mirror_open(struct xs_mirror *mirror, int netns)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_IFADDR};
	struct xs_netns_scope scope;
	int err = xs_netns_enter(netns, &scope), room = EVENT_ROOM, group;

	if (err)
		return err;
	err = open_socket(&mirror->events, SOCK_NONBLOCK);
	if (!err)
		err = open_socket(&mirror->requests, 0);
	xs_netns_leave(&scope);
	if (err)
		return err;
	/* Both are luxuries: with less room there are more overruns, which are answered by a dump. */
	if (setsockopt(mnl_socket_get_fd(mirror->events), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(mnl_socket_get_fd(mirror->events), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		group = groups[i];
		if (mnl_socket_setsockopt(mirror->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
			return -errno;
	}
	return 0;
}

void xs_mirror_shut(struct xs_mirror *mirror)
{
	if (mirror->events)
		mnl_socket_close(mirror->events);
	if (mirror->requests)
		mnl_socket_close(mirror->requests);
	mirror->events = mirror->requests = NULL;
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

static void note_attribute(const struct nlattr **table, unsigned int max, const struct nlattr *attribute)
{
	if (mnl_attr_get_type(attribute) <= max)
		table[mnl_attr_get_type(attribute)] = attribute;
}

static uint32_t get_u32(const struct nlattr *attribute)
{
	return attribute && mnl_attr_get_payload_len(attribute) >= 4 ? mnl_attr_get_u32(attribute) : 0;
}

/* Of several next hops the first serves; one that is not alive is left to the kernel with all the others. */
static void read_multipath(const struct nlattr *attribute, struct xs_route *route)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attribute);
	const struct nlattr *attr, *hop_table[RTA_MAX + 1] = {}; /* mnl_attr_for_each_payload() wants this very name */
	const void *nested;

	route->flags |= XS_ROUTE_KERNEL;
	if (mnl_attr_get_payload_len(attribute) < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
	    hop->rtnh_len > mnl_attr_get_payload_len(attribute))
		return;
	nested = hop + 1;
	mnl_attr_for_each_payload(nested, hop->rtnh_len - sizeof(*hop))
		note_attribute(hop_table, RTA_MAX, attr);
	route->ifindex = hop->rtnh_ifindex;
	route->gateway = get_u32(hop_table[RTA_GATEWAY]);
	if (!(hop->rtnh_flags & RTNH_F_DEAD) && !hop_table[RTA_VIA] && !hop_table[RTA_ENCAP])
		route->flags &= ~XS_ROUTE_KERNEL;
}

static bool has_mtu(const struct nlattr *metrics)
{
	const struct nlattr *metric;

	mnl_attr_for_each_nested(metric, metrics)
		if (mnl_attr_get_type(metric) == RTAX_MTU)
			return true;
	return false;
}

static int read_route(struct xs_mirror *mirror, const struct nlmsghdr *header, bool dumped)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(header);
	const struct nlattr *attribute, *table[RTA_MAX + 1] = {};
	struct xs_route_message message = {
		.prefix = {.length = rtm->rtm_dst_len},
		.route = {.type = rtm->rtm_type, .tos = rtm->rtm_tos},
		.flags = header->nlmsg_flags,
		.gone = header->nlmsg_type == RTM_DELROUTE,
		.dumped = dumped,
	};
	uint32_t from;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*rtm) || rtm->rtm_family != AF_INET ||
	    rtm->rtm_flags & RTM_F_CLONED || rtm->rtm_dst_len > XS_MIRROR_BITS)
		return 0;
	mnl_attr_for_each(attribute, header, sizeof(*rtm))
		note_attribute(table, RTA_MAX, attribute);
	from = table[RTA_TABLE] ? get_u32(table[RTA_TABLE]) : rtm->rtm_table;
	if (from != RT_TABLE_MAIN && from != RT_TABLE_LOCAL)
		return 0;
	if (from == RT_TABLE_LOCAL)
		message.route.flags |= XS_ROUTE_LOCAL;
	if (table[RTA_DST] && mnl_attr_get_payload_len(table[RTA_DST]) == XS_MIRROR_BYTES)
		memcpy(message.prefix.address, mnl_attr_get_payload(table[RTA_DST]), XS_MIRROR_BYTES);
	message.route.priority = get_u32(table[RTA_PRIORITY]);
	message.route.ifindex = get_u32(table[RTA_OIF]);
	message.route.gateway = get_u32(table[RTA_GATEWAY]);
	if (rtm->rtm_flags & RTNH_F_DEAD)
		message.route.flags |= XS_ROUTE_DEAD;
	/* A gateway of the other family, an encapsulation, an MTU of its own: beyond a nexthop entry. */
	if (table[RTA_VIA] || table[RTA_ENCAP] || (table[RTA_METRICS] && has_mtu(table[RTA_METRICS])))
		message.route.flags |= XS_ROUTE_KERNEL;
	if (table[RTA_MULTIPATH])
		read_multipath(table[RTA_MULTIPATH], &message.route);
	return xs_route_told(mirror, &message);
}

/* ---- neighbours -------------------------------------------------------------------------------------------------- */

#define USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

static int read_neighbour(struct xs_mirror *mirror, const struct nlmsghdr *header, bool dumped)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(header);
	const struct nlattr *attribute, *table[NDA_MAX + 1] = {};
	struct xs_neighbour_message message = {.dumped = dumped};
	bool gone = header->nlmsg_type == RTM_DELNEIGH;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*ndm) || ndm->ndm_family != AF_INET ||
	    ndm->ndm_flags & NTF_PROXY)
		return 0;
	mnl_attr_for_each(attribute, header, sizeof(*ndm))
		note_attribute(table, NDA_MAX, attribute);
	if (!table[NDA_DST] || mnl_attr_get_payload_len(table[NDA_DST]) != XS_MIRROR_BYTES)
		return 0;
	message.key.ifindex = ndm->ndm_ifindex;
	message.key.address = get_u32(table[NDA_DST]);
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
		mirror->resolution(mirror->resolution_context, message.key.ifindex, message.key.address,
				   gone || message.usable);
	return xs_neighbour_told(mirror, &message);
}

/* A request about one neighbour, acknowledged or answered. fn: reads the answer. 0 or negative errno. */
static int ask(struct xs_mirror *mirror, const struct xs_neighbour_key *key, uint16_t type, uint16_t flags,
	       uint8_t neighbour_flags, uint32_t extended, mnl_cb_t fn, void *context)
{
	char buffer[MNL_NLMSG_HDRLEN + 256] __attribute__((aligned(8))), answer[4096] __attribute__((aligned(8)));
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(header, sizeof(*ndm));
	ssize_t size;
	int err;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = ++mirror->sequence;
	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = key->ifindex;
	ndm->ndm_flags = neighbour_flags;
	mnl_attr_put_u32(header, NDA_DST, key->address);
	if (extended)
		mnl_attr_put_u32(header, NDA_FLAGS_EXT, extended);
	if (mnl_socket_sendto(mirror->requests, header, header->nlmsg_len) < 0)
		return -errno;
	do {
		do
			size = mnl_socket_recvfrom(mirror->requests, answer, sizeof(answer));
		while (size < 0 && errno == EINTR);
		if (size < 0)
			return -errno;
		err = mnl_cb_run(answer, size, mirror->sequence, mnl_socket_get_portid(mirror->requests), fn, context);
		if (err < 0 && errno == ESRCH) /* the rest of an answer that nobody waited for */
			err = 1;
		else if (err < 0)
			return -errno;
	} while (err > 0);
	return 0;
}

static int read_state(const struct nlmsghdr *header, void *context)
{
	*(uint16_t *)context = ((const struct ndmsg *)mnl_nlmsg_get_payload(header))->ndm_state;
	return MNL_CB_STOP;
}

/*
 * The request would turn a permanent neighbour into one that ages. What the kernel has may be newer than what it has
 * told us: so a new one is asked for as such, and one that is there is looked at right before.
 */
int xs_mirror_ask_neighbour(struct xs_mirror *mirror, const struct xs_adjacency *adjacency, bool managed)
{
	uint32_t extended = managed && !mirror->no_managed ? NTF_EXT_MANAGED : 0;
	uint16_t state = 0;
	int err = -EEXIST;

	if (managed)
		err = ask(mirror, &adjacency->key, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, NTF_USE,
			  extended, NULL, NULL);
	if (err == -EEXIST) {
		err = ask(mirror, &adjacency->key, RTM_GETNEIGH, 0, 0, 0, read_state, &state);
		if (err || state & (NUD_PERMANENT | NUD_NOARP))
			return err;
		err = ask(mirror, &adjacency->key, RTM_NEWNEIGH, NLM_F_ACK, NTF_USE, extended, NULL, NULL);
	}
	/* Kernels before 5.16 know no extended flags. */
	if ((err == -EINVAL || err == -EOPNOTSUPP) && extended) {
		mirror->no_managed = true;
		return xs_mirror_ask_neighbour(mirror, adjacency, managed);
	}
	return err;
}

/* ---- dumps and events -------------------------------------------------------------------------------------------- */

static int read_message(struct xs_mirror *mirror, const struct nlmsghdr *header, bool dumped)
{
	const struct ifinfomsg *link;

	switch (header->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return read_route(mirror, header, dumped);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return read_neighbour(mirror, header, dumped);
	case RTM_NEWLINK:
		/* Routes that go with a device or an address, or come back with it, are not all told. */
		link = mnl_nlmsg_get_payload(header);
		if (mnl_nlmsg_get_payload_len(header) >= sizeof(*link) && link->ifi_change & IFF_UP &&
		    (link->ifi_flags & IFF_UP || link->ifi_change != ~0u))
			mirror->stale = true;
		return 0;
	case RTM_DELLINK:
	case RTM_DELADDR:
		mirror->stale = true;
		return 0;
	default:
		return 0;
	}
}

/* 1: the dump is complete, 0: more follows, negative errno. */
static int read_dump(struct xs_mirror *mirror, const char *buffer, ssize_t size)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;
	int left = (int)size, err = 0;

	for (; !err && mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
		if (header->nlmsg_seq != mirror->sequence)
			continue;
		if (header->nlmsg_type == NLMSG_DONE)
			return 1;
		if (header->nlmsg_type == NLMSG_ERROR)
			return mnl_nlmsg_get_payload_len(header) >= sizeof(struct nlmsgerr) ?
				       ((const struct nlmsgerr *)mnl_nlmsg_get_payload(header))->error :
				       -EBADMSG;
		err = read_message(mirror, header, true);
	}
	return err;
}

int xs_mirror_dump(struct xs_mirror *mirror, uint16_t type)
{
	char request[MNL_NLMSG_HDRLEN + 64] __attribute__((aligned(8)));
	struct nlmsghdr *header = mnl_nlmsg_put_header(request);
	char *buffer = malloc(RECEIVE_BYTES);
	int err = 0, failed = 0;

	if (!buffer)
		return -ENOMEM;
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++mirror->sequence;
	if (type == RTM_GETROUTE)
		((struct rtmsg *)mnl_nlmsg_put_extra_header(header, sizeof(struct rtmsg)))->rtm_family = AF_INET;
	else
		((struct ndmsg *)mnl_nlmsg_put_extra_header(header, sizeof(struct ndmsg)))->ndm_family = AF_INET;
	if (mnl_socket_sendto(mirror->requests, header, header->nlmsg_len) < 0)
		err = -errno;
	while (!err) {
		ssize_t size = mnl_socket_recvfrom(mirror->requests, buffer, RECEIVE_BYTES);

		if (size < 0)
			err = errno == EINTR ? 0 : -errno;
		else
			err = read_dump(mirror, buffer, size);
		/* A failure of ours ends nothing: until the dump is read to its end there can be no other. */
		if (err == -ENOMEM) {
			failed = err;
			err = 0;
		}
	}
	free(buffer);
	return failed ? failed : err < 0 ? err : 0;
}

void xs_mirror_discard(struct xs_mirror *mirror)
{
	char byte;

	/* Overruns in between do not matter: a dump follows. */
	for (unsigned int reads = 0; reads < DISCARD_MAX; reads++)
		if (recv(mnl_socket_get_fd(mirror->events), &byte, sizeof(byte), MSG_TRUNC) < 0 && errno == EAGAIN)
			return;
}

int xs_mirror_receive(struct xs_mirror *mirror)
{
	char *buffer = malloc(RECEIVE_BYTES);
	int err = buffer ? 0 : -ENOMEM;

	for (unsigned int reads = 0; !err && reads < EVENTS_MAX; reads++) {
		ssize_t size = mnl_socket_recvfrom(mirror->events, buffer, RECEIVE_BYTES);
		const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;
		int left = (int)size;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0) {
			err = errno == EAGAIN ? 0 : -errno;
			break;
		}
		for (; !err && mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left))
			err = read_message(mirror, header, false);
	}
	free(buffer);
	return err;
}
