/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node_image.h - a hand-made image for test_node.c: slice P with a link P12 (port p0), a gateway GWP (p1) and the MUX
 * MD (p2); slice A with a link A12 (p0) and the MUX; the edge "client" of the MUX.
 */
#ifndef XSLICE_SELFTESTS_NODE_IMAGE_H
#define XSLICE_SELFTESTS_NODE_IMAGE_H

#include <stdbool.h>

#include "loader/image/image.h"

struct node_variant {
	const char *interface; /* of port p0 */
	const char *link_address, *route_via, *peer;
	unsigned int mtu; /* of the link; paging: of the uplink, 0 is 1500 */
	bool without_a;   /* slice A and its vports are not in it */
	bool turned;      /* of P12, what was the other end's IPv6 address is its own, and back */
	const char *shared; /* what P holds on lo as its MUX's edge does; NULL: 192.0.2.1 */
	bool exchanged;   /* P12 is where its IPv4 route led, and the route leads where it was */
	bool ipv6;        /* slice P and the edge have IPv6, too; slice A has none */
	uint8_t gateway_length6; /* of GWP's subnet, not by paging; 0: 64 */
	bool paging;      /* slice P by paging instead of all else: GWP, and p0 leads to the WAN; of both families */
	const char *mapped; /* paging: where GWP's IPv4 subnet is in the WAN */
	bool without[XS_FAMILIES]; /* paging: the family is not in it */
};

extern const struct node_variant node_normal, node_dual, node_paged; /* dual: the normal one with `ipv6` */

/* Fails the test if it cannot be made. Freed by the caller. */
struct xs_image *node_image(const char *name, const struct node_variant *variant);

#endif
