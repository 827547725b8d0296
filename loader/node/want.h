/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * want.h - an image seen by namespaces: what each of them must hold. Pure; sliver.c and edge.c say what a vport means.
 *
 * Always holds: records are pointed to, not copied, so a want lives no longer than its image. Where a device is named,
 * it is by its vport's id, as it may not be made yet; XS_WANT_LO is the namespace's loopback.
 */
#ifndef XSLICE_NODE_WANT_H
#define XSLICE_NODE_WANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "loader/image/image.h"

#define XS_WANT_LO 0u /* never a vport's id */

struct xs_want_address {
	uint32_t vport;
	struct xs_address address;
	uint8_t length, scope; /* scope: RT_SCOPE_* */
};

struct xs_want_route {
	uint32_t vport;
	struct xs_prefix prefix;
	struct xs_address via; /* NONE: on the link */
	bool onlink;
};

struct xs_want_neighbour {
	uint32_t vport;
	struct xs_address address;
	struct xs_mac mac;
};

/* What a namespace is for. */
enum xs_role { XS_ROLE_SLIVER, XS_ROLE_EDGE, XS_ROLES };

/* A sysctl of the devices of a namespace: net.{ipv4,ipv6}.conf.{all,default,DEVICE}.NAME. */
struct xs_setting {
	const char *name;
	uint8_t index; /* IPV4_DEVCONF_*, or DEVCONF_* of IPv6 */
	struct {
		int all, device; /* `default` is as the devices */
	} of[XS_ROLES];
};

/* What a vport's device has: what all devices of the role have, but for an uplink. */
int xs_setting_of(const struct xs_setting *setting, enum xs_role role, const struct xs_rec_vport *vport);

const struct xs_setting *xs_settings(unsigned int family, size_t *count);

struct xs_want {
	uint64_t key; /* xs_want_key() */
	char netns[XS_NETNS_NAME];
	char what[48]; /* for people: "sliver P", "edge client" */
	enum xs_role role;
	bool kept; /* make.c: nothing is to be done for it */
	bool ipv6; /* one of its vports has an IPv6 address. Where none has, the namespace has no IPv6 at all, once it is trimmed */
	const struct xs_rec_vport **vport;
	struct xs_want_address *address; /* first come, first made: the first of a device is its primary */
	struct xs_want_route *route;     /* sorted by prefix, which is unique */
	struct xs_want_neighbour *neighbour;
	size_t vport_count, address_count, route_count, neighbour_count;
	size_t vport_room, address_room, route_room, neighbour_room;
	UT_hash_handle hh;
};

static inline uint64_t xs_want_key(uint32_t slice, uint32_t edge)
{
	return (uint64_t)slice << 32 | (slice ? 0 : edge);
}

struct xs_wants {
	struct xs_want *by_key; /* uthash */
};

/* 0 or -ENOMEM. NULL image: nothing is wanted. */
int xs_wants_make(const struct xs_image *image, struct xs_wants *out);
void xs_wants_free(struct xs_wants *wants);
/* Of two images: does the namespace hold the same? */
bool xs_want_same(const struct xs_want *a, const struct xs_want *b);
struct xs_want *xs_wants_find(const struct xs_wants *wants, uint64_t key);

int xs_want_add_address(struct xs_want *want, const struct xs_want_address *address);
int xs_want_add_route(struct xs_want *want, const struct xs_want_route *route);
int xs_want_add_neighbour(struct xs_want *want, const struct xs_want_neighbour *neighbour);

/* The address that IPv6's kernel derives from a MAC (RFC 4291, appendix A), by which routers name each other. */
struct xs_address xs_want_link_local(const struct xs_mac *mac);

/* sliver.c, edge.c: what a vport, and the records of such a namespace, mean. 0 or -ENOMEM. */
int xs_sliver_want_vport(struct xs_want *want, const struct xs_image *image, const struct xs_rec_vport *vport);
int xs_sliver_want_route(struct xs_want *want, const struct xs_rec_route *route, const struct xs_rec_vport *vport);
int xs_sliver_want_address(struct xs_want *want, const struct xs_rec_address *address);
int xs_edge_want_vport(struct xs_want *want, const struct xs_rec_vport *vport);
int xs_edge_want_route(struct xs_want *want, const struct xs_rec_route *route);
int xs_edge_want_proxy(struct xs_want *want, const struct xs_rec_proxy *proxy, const struct xs_rec_vport *edge);

#endif
