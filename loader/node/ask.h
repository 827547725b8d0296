/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.h - what the kernel of a namespace would do with a packet, in its own words: its route, and whether it knows the
 * neighbour that this leads to. Both families. Nothing is changed, resolved or sent.
 */
#ifndef XSLICE_NODE_ASK_H
#define XSLICE_NODE_ASK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "loader/base/address.h"

struct xs_ask;
/* netns: name under /run/netns. 0 or negative errno. */
int xs_ask_open(const char *netns, struct xs_ask **out);
int xs_ask_open_at(int netns, struct xs_ask **out); /* by a descriptor, which stays the caller's */
void xs_ask_close(struct xs_ask *ask);

struct xs_ask_packet {
	struct xs_address source, destination;
	const char *device; /* it comes in by; NULL: it is the kernel's own */
};

enum xs_ask_answer {
	XS_ASK_NO_ROUTE,
	XS_ASK_LOCAL, /* the kernel takes it in */
	XS_ASK_FORWARD,
	XS_ASK_UNREACHABLE, /* a route says so, or prohibits it */
	XS_ASK_BLACKHOLE,
	XS_ASK_OTHER, /* broadcast, multicast */
};

struct xs_ask_route {
	enum xs_ask_answer answer;
	struct xs_prefix prefix; /* the route's; family NONE: the kernel does not say */
	struct xs_address via;   /* NONE: on the link, or one of several */
	char device[IF_NAMESIZE];
	uint32_t mtu; /* of the device */
	bool refused; /* no packet with this source may come in by that device: the kernel drops it. The rest is as if
			 it could */
};
/* 0 or negative errno: -ENODEV where the packet's device is not there. */
int xs_ask_route(struct xs_ask *ask, const struct xs_ask_packet *packet, struct xs_ask_route *out);

/* Does the kernel know who has `address` behind the device, so that it need not ask? mac: NULL allowed. */
bool xs_ask_neighbour(struct xs_ask *ask, const char *device, const struct xs_address *address, struct xs_mac *mac);

#endif
