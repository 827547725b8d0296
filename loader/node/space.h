/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * space.h - what the parts of making a namespace share: space.c (the namespace and its veths), space_fresh.c (a new
 * one), space_settings.c and space_inet.c (addresses, routes, neighbours). Included by these only.
 */
#ifndef XSLICE_NODE_SPACE_H
#define XSLICE_NODE_SPACE_H

#include "loader/node/internal.h"

/* What is open and read of a namespace while it is made. */
struct xs_view {
	struct xs_node *node;
	struct xs_want *want;
	struct xs_space *space;
	struct xs_netlink *netlink;
	struct xs_link *links;
	size_t link_count;
	int32_t nsid;
	bool fresh; /* the namespace was made just now: nothing is in it but lo, and its defaults are those of the host
		     */
	struct xs_script *script; /* where what is written is noted; NULL: nowhere */
	char *error;
};

/* Writes the error's sentence and returns err. why: of the socket that failed (xs_netlink_why()), or "". */
int xs_view_fail(const struct xs_view *view, int err, const char *why, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* These two while the thread is in the namespace. */
int xs_view_set_sysctl(struct xs_view *view, int directory, const char *path, long value);
int xs_view_make_settings(struct xs_view *view);
/* inner: the device, as it was before. */
int xs_view_make_device_settings(struct xs_view *view, const struct xs_rec_vport *vport, const struct xs_link *inner);

/*
 * IPv6 by devices (of view->links) that are to have none of it, any more: with it go the addresses, routes and neighbours that it
 * has there, a routing daemon's and learned ones too, so it ends when the former image is retired and nothing can lead back. (By a device
 * that gets less than 1280 bytes the kernel ends it at once.)
 */
bool xs_view_has_ipv6_beyond(const struct xs_view *view);
int xs_view_end_ipv6(struct xs_view *view);

/* For a device of a new namespace, in which all else is as `default` says; the first while the thread is there. */
int xs_view_set_uplink(struct xs_view *view, const struct xs_rec_vport *vport);
int xs_view_queue_neighbour_settings(struct xs_view *view, const struct xs_rec_vport *vport, uint32_t ifindex);
/* space.c. veth NULL: it is there, and was not looked at yet. */
int xs_view_remember(struct xs_view *view, const struct xs_rec_vport *vport, const struct xs_link *veth,
		     uint32_t inner);
/* The veths of a new namespace, which is to be furnished. On failure no sentence is written: what is there is to be
 * looked at. */
int xs_view_make_fresh(struct xs_view *view);
/* All addresses, routes and neighbours of a new namespace, without looking. */
int xs_view_add_all(struct xs_view *view);

/*
 * Add what is wanted and missing, once the veths are made. remove: takes away what is there and not wanted; without it
 * *surplus becomes true if there is any. Addresses come before routes: those that wanted routes cannot stand beside go at once.
 */
int xs_view_make_addresses(struct xs_view *view, bool remove, bool *surplus);
/* The routes that the kernel makes with an address, where somebody took one: no other step would miss it. */
int xs_view_make_subnets(struct xs_view *view);
int xs_view_make_routes(struct xs_view *view, bool remove, bool *surplus);
int xs_view_make_neighbours(struct xs_view *view);
int xs_view_remove_neighbours(struct xs_view *view);

#endif
