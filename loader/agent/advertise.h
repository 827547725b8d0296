/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * advertise.h - gateways and edges with an IPv6 address tell their users that they are routers (RFC 4861, 6.2): thrice
 * when they are new, then every 200 to 600 s, and to whoever asks. R8's proxy is IPv4's alone: this is what IPv6 has
 * instead.
 *
 * Always holds: one socket per router, kept as long as the device and what is advertised are the same; an agent that
 * ends leaves its users with a router for half an hour, which the next takes on.
 */
#ifndef XSLICE_AGENT_ADVERTISE_H
#define XSLICE_AGENT_ADVERTISE_H

#include "loader/image/image.h"
#include "loader/node/node.h"

struct event_base;

struct xs_advertise;
/* Lives as long as the agent. NULL without memory. */
struct xs_advertise *xs_advertise_new(struct event_base *base);
void xs_advertise_free(struct xs_advertise *advertise);

/*
 * The routers are those of the image, which the node holds; NULL: none. The image is not kept. One that cannot be is
 * left out, told in the log, and tried again by the next call.
 */
void xs_advertise_hold(struct xs_advertise *advertise, const struct xs_node *node, const struct xs_image *image);

#endif
