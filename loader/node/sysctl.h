/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl.h - settings under /proc/sys/net/ipv4 and ipv6 of one namespace.
 *
 * Always holds: what was opened in a namespace reads and writes that namespace's values, wherever the thread is later;
 * but be there (xs_netns_enter()) if many are to be read: from elsewhere the kernel does not find again what it has
 * looked up before, keeps a copy for each time, and becomes slow. A value is written only if it differs, and a write is
 * counted (xs_netlink_changes()).
 */
#ifndef XSLICE_NODE_SYSCTL_H
#define XSLICE_NODE_SYSCTL_H

struct xs_sysctl {
	int ipv4, ipv6; /* directories; ipv6: -1 where the kernel has none */
};

int xs_sysctl_open(int netns, struct xs_sysctl *out);
int xs_sysctl_open_here(struct xs_sysctl *out); /* of the namespace that the thread is in */
void xs_sysctl_close(struct xs_sysctl *sysctl); /* safe on one that is all -1 */

/* directory: ->ipv4 or ->ipv6; path below it. 0 or negative errno (-ENOENT: this kernel lacks it). */
int xs_sysctl_get(int directory, const char *path, long *value);
/* 0: was so, 1: written, negative errno. */
int xs_sysctl_set(int directory, const char *path, long value);
/* For what is known to be otherwise: writes without looking. 1, or negative errno. */
int xs_sysctl_write(int directory, const char *path, long value);

#endif
