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
/*
 * One for all mirrors, which are one thread's, and no reading is done within another. Allocated for each reading, it would leave a hole
 * of its size wherever what is read is remembered.
 */
static char received[RECEIVE_BYTES] __attribute__((aligned(8)));
#define EVENT_ROOM (32 << 20) /* bytes that the kernel may keep for us */
#define DISCARD_MAX 1000000   /* of what waits before a dump */
#define EVENTS_MAX 16384      /* in a batch: others wait for the thread, too */

static int open_socket(struct mnl_socket **out, int flags, unsigned int groups)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
	int err = socket ? 0 : -errno;

	if (!err && mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	if (err && socket)
		mnl_socket_close(socket);
	else if (!err)
		*out = socket;
	return err;
}

int xs_mirror_open(struct xs_mirror *mirror, int netns)
{
	const unsigned int groups =
		RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR;
	struct xs_netns_scope scope;
	int err = xs_netns_enter(netns, &scope), room = EVENT_ROOM;

	if (err)
		return err;
	err = open_socket(&mirror->events, SOCK_NONBLOCK, groups);
	if (!err)
		err = open_socket(&mirror->requests, 0, 0);
	xs_netns_leave(&scope);
	if (err)
		return err;
	/* Both are luxuries: with less room there are more overruns, which are answered by a dump. */
	if (setsockopt(mnl_socket_get_fd(mirror->events), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(mnl_socket_get_fd(mirror->events), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
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

/* ---- requests ------------------------------------------------------------------------------------------------------ */

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
	ndm->ndm_family = xs_mirror_netlink_family(key->address.family);
	ndm->ndm_ifindex = key->ifindex;
	ndm->ndm_flags = neighbour_flags;
	mnl_attr_put(header, NDA_DST, xs_family_bits(key->address.family) / 8, key->address.bytes);
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
		mirror->was_known = true;
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
		err = xs_mirror_read_message(mirror, header, true);
	}
	return err;
}

int xs_mirror_dump(struct xs_mirror *mirror, uint16_t type, uint8_t family)
{
	char request[MNL_NLMSG_HDRLEN + 64] __attribute__((aligned(8)));
	struct nlmsghdr *header = mnl_nlmsg_put_header(request);
	int err = 0, failed = 0;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++mirror->sequence;
	if (type == RTM_GETROUTE)
		((struct rtmsg *)mnl_nlmsg_put_extra_header(header, sizeof(struct rtmsg)))->rtm_family =
			xs_mirror_netlink_family(family);
	else
		((struct ndmsg *)mnl_nlmsg_put_extra_header(header, sizeof(struct ndmsg)))->ndm_family =
			xs_mirror_netlink_family(family);
	if (mnl_socket_sendto(mirror->requests, header, header->nlmsg_len) < 0)
		err = -errno;
	while (!err) {
		ssize_t size = mnl_socket_recvfrom(mirror->requests, received, RECEIVE_BYTES);

		if (size < 0)
			err = errno == EINTR ? 0 : -errno;
		else
			err = read_dump(mirror, received, size);
		/* A failure of ours ends nothing: until the dump is read to its end there can be no other. */
		if (err == -ENOMEM) {
			failed = err;
			err = 0;
		}
	}
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
	int err = 0;

	for (unsigned int reads = 0; !err && reads < EVENTS_MAX; reads++) {
		ssize_t size = mnl_socket_recvfrom(mirror->events, received, RECEIVE_BYTES);
		const struct nlmsghdr *header = (const struct nlmsghdr *)received;
		int left = (int)size;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0) {
			err = errno == EAGAIN ? 0 : -errno;
			break;
		}
		for (; !err && mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left))
			err = xs_mirror_read_message(mirror, header, false);
	}
	return err;
}
