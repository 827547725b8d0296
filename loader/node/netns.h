/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns.h - named network namespaces, as `ip netns` has them: a mount of the namespace at /run/netns/NAME.
 *
 * Always holds: only the network namespace of the calling thread is ever changed (setns(2): its mounts stay, so bpffs
 * is seen), and it is back where it was when a function returns, or after xs_netns_leave().
 */
#ifndef XSLICE_NODE_NETNS_H
#define XSLICE_NODE_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#define XS_NETNS_DIRECTORY "/run/netns"

/* Descriptor of the namespace of that name (NULL: the thread's own), to be closed by the caller; -ENOENT: there is none. */
int xs_netns_open(const char *name);

/*
 * Makes a namespace and names it; returns its descriptor. -EEXIST: the name leads to a namespace. What a killed maker
 * left (a name that leads nowhere) is taken over.
 */
int xs_netns_add(const char *name);

/* Takes the name away; the namespace goes when nothing holds it any more. 0 also if there was none. */
int xs_netns_delete(const char *name);

struct xs_netns_scope {
	int back;
};
int xs_netns_enter(int netns, struct xs_netns_scope *scope);
/* As xs_netns_add(), and the thread is in it if it returns a descriptor: who has something to do there need not come back. */
int xs_netns_add_and_enter(const char *name, struct xs_netns_scope *scope);
void xs_netns_leave(struct xs_netns_scope *scope);

/* Number that no other namespace of this boot bears (where the kernel has no cookies: none that exists now). */
int xs_netns_identity(int netns, uint64_t *identity);

#endif
