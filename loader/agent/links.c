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
	void (*fn)(void *context, bool gone);
	void *context;
};

static int note(const struct nlmsghdr *message, void *data)
{
	bool *gone = data;

	*gone |= message->nlmsg_type == RTM_DELLINK;
	return MNL_CB_OK;
}

/* Reads all there is; true if anything was. */
static bool take(struct xs_links *links, bool *gone)
{
	_Alignas(struct nlmsghdr) char buffer[16384];
	bool any = false;

	*gone = false;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(links->socket, buffer, sizeof(buffer));

		if (n < 0 && errno == EAGAIN)
			return any;
		if (n < 0 && errno == EINTR)
			continue;
		any = true;
		/* ENOBUFS: some are lost, so the worst is assumed. */
		if (n < 0 && errno == ENOBUFS)
			*gone = true;
		else if (n <= 0 || mnl_cb_run(buffer, n, 0, 0, note, gone) < 0)
			return *gone = true;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct xs_links *links = context;
	bool gone;

	if (take(links, &gone))
		links->fn(links->context, gone);
}

void xs_links_drain(struct xs_links *links)
{
	bool gone;

	take(links, &gone);
}

int xs_links_new(struct event_base *base, int netns, void (*fn)(void *context, bool gone), void *context, struct xs_links **out)
{
	struct xs_links *links = calloc(1, sizeof(*links));
	struct xs_netns_scope scope;
	int err;

	if (!links)
		return -ENOMEM;
	links->fn = fn;
	links->context = context;
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
