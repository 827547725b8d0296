// SPDX-License-Identifier: GPL-2.0-or-later
/* links.c - a netlink socket in the node's namespace that hears of links. */
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "loader/agent/links.h"
#include "loader/node/netns.h"

struct xs_links {
	struct mnl_socket *socket;
	struct event *readable;
	struct xs_links_heard heard;
	bool gone; /* while what has come is read */
};

static int note(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct xs_links *links = data;

	if (message->nlmsg_type == RTM_DELLINK && mnl_nlmsg_get_payload_len(message) >= sizeof(*info) && !links->gone)
		links->gone = links->heard.matters(links->heard.context, (uint32_t)info->ifi_index);
	return MNL_CB_OK;
}

/* Reads all there is; true if anything was. */
static bool take(struct xs_links *links)
{
	_Alignas(struct nlmsghdr) char buffer[16384];
	bool any = false;

	links->gone = false;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(links->socket, buffer, sizeof(buffer));

		if (n < 0 && errno == EAGAIN)
			return any;
		if (n < 0 && errno == EINTR)
			continue;
		any = true;
		/* ENOBUFS: some are lost, so the worst is assumed. */
		if (n < 0 && errno == ENOBUFS)
			links->gone = true;
		else if (n <= 0 || mnl_cb_run(buffer, n, 0, 0, note, links) < 0)
			return links->gone = true;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct xs_links *links = context;

	if (take(links))
		links->heard.fn(links->heard.context, links->gone);
}

void xs_links_drain(struct xs_links *links)
{
	take(links);
}

int xs_links_new(struct event_base *base, int netns, const struct xs_links_heard *heard, struct xs_links **out)
{
	struct xs_links *links = calloc(1, sizeof(*links));
	struct xs_netns_scope scope;
	int err;

	if (!links)
		return -ENOMEM;
	links->heard = *heard;
	err = xs_netns_enter(netns, &scope);
	if (err)
		goto out;
	links->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!links->socket || mnl_socket_bind(links->socket, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	xs_netns_leave(&scope);
	if (err)
		goto out;
	links->readable = event_new(base, mnl_socket_get_fd(links->socket), EV_READ | EV_PERSIST, on_readable, links);
	if (!links->readable || event_add(links->readable, NULL))
		err = -ENOMEM;
out:
	if (err)
		xs_links_free(links);
	else
		*out = links;
	return err;
}

void xs_links_free(struct xs_links *links)
{
	if (!links)
		return;
	if (links->readable)
		event_free(links->readable);
	if (links->socket)
		mnl_socket_close(links->socket);
	free(links);
}
