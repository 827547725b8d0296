/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlink.h - an rtnetlink socket of one namespace (libmnl). What is asked by it: link.h, inet.h.
 *
 * Always holds: a socket belongs to the namespace it was opened in, wherever the thread is later; a change is
 * acknowledged by the kernel before its function returns (before xs_netlink_flush() does, where changes are gathered),
 * and is counted if it succeeded. A dump that the kernel calls inconsistent (NLM_F_DUMP_INTR) is reported as -EINTR to
 * be read again.
 */
#ifndef XSLICE_NODE_NETLINK_H
#define XSLICE_NODE_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Adds one to xs_netlink_changes() (node.h): for sysctl.c, ethtool.c, netns.c. */
void xs_netlink_count_change(void);

struct xs_netlink;
/* netns: descriptor, used only during the call. 0 or negative errno. */
int xs_netlink_open(int netns, struct xs_netlink **out);
int xs_netlink_open_here(struct xs_netlink **out); /* in the namespace that the thread is in */
void xs_netlink_close(struct xs_netlink *netlink);
int xs_netlink_fd(const struct xs_netlink *netlink); /* also good for ioctls on devices of its namespace */

/* The kernel's own words about the last failure, as ": text"; "" if it gave none. Valid until the next request. */
const char *xs_netlink_why(const struct xs_netlink *netlink);

/*
 * Starts a request in the socket's buffer: a header of `type` with `flags` besides NLM_F_REQUEST, and returns `extra`
 * zeroed bytes behind it. Attributes are appended to the message with mnl_attr_put*(); the buffer holds
 * XS_NETLINK_REQUEST bytes.
 */
#define XS_NETLINK_REQUEST 4096
void *xs_netlink_begin(struct xs_netlink *netlink, uint16_t type, uint16_t flags, size_t extra);
struct nlmsghdr *xs_netlink_message(struct xs_netlink *netlink);

/*
 * Sends what was begun and calls fn (NULL: none) for every message of the answer. 0, what fn returned below 0, or the
 * kernel's errno, negative.
 */
int xs_netlink_ask(struct xs_netlink *netlink, int (*fn)(void *context, const struct nlmsghdr *message), void *context);

/* Sends what was begun as a change, waits for the acknowledgement, and counts it. While changes are gathered: keeps it. */
int xs_netlink_change(struct xs_netlink *netlink);

/*
 * From here on changes are kept, and sent many at a time, in order; the kernel goes on behind one that fails. flush
 * sends what is left and ends this. It returns the first failure, as does a change that finds no room and so sends
 * those before it. Which one it was is not told: who must say so makes them once more, one by one. Nothing may be asked
 * in between.
 */
void xs_netlink_gather(struct xs_netlink *netlink);
int xs_netlink_flush(struct xs_netlink *netlink);
/* The change that was made last may fail with this (-ENODEV, say). */
void xs_netlink_may_fail(struct xs_netlink *netlink, int err);

/* The number by which the socket's namespace knows another (descriptor); -1: it has none yet. 0 or negative errno. */
int xs_netlink_nsid(struct xs_netlink *netlink, int netns, int32_t *nsid);

#endif
