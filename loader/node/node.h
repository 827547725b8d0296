/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.h - makes a node (a network namespace) hold what its image says, outside the BPF maps: sliver and edge
 * namespaces, veths, addresses, static routes, permanent neighbours, sysctls, prepared ports.
 *
 * Level-triggered: every function reads what is there and changes only what differs, so a second call changes nothing,
 * and one that was cut short is finished by the next. What was made, and what a port or sysctl was before, stands in
 * the node's journal (journal.h); nothing that is not in the journal is ever removed or changed back. Two steps, so
 * that the agent can fill maps and attach in between: make (adds, changes) and retire (removes).
 */
#ifndef XSLICE_NODE_NODE_H
#define XSLICE_NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/image/image.h"

struct xs_netlink;
struct xs_node;

/*
 * Changes made to the kernel's state by this process since it began: links, addresses, routes, neighbours, namespaces,
 * features, sysctls. What was only read, or was already as it should be, does not count.
 */
uint64_t xs_netlink_changes(void);

/*
 * What a vport became. A WAN's has no veth: its device is the port, and its namespace the node's. Descriptors belong to the node and are valid until the vport is retired or the node closed, or
 * the next make finds that somebody removed the namespace or veth and makes it anew: then `veth` is another than
 * before.
 */
struct xs_node_vport {
	uint32_t id;
	int netns;      /* descriptor of its namespace */
	bool looked_at; /* by the last make */
	bool fresh;     /* the last make has made the veth: nothing else was done with its outer end yet */
	uint64_t space; /* inode of the namespace */
	uint32_t veth;  /* ifindex of the node's end, in the node's namespace; of a WAN's: 0 */
	uint32_t inner; /* ifindex of the inner end, in `netns` */
	uint8_t inner_mac[6];
};

struct xs_node_port {
	uint32_t id;
	uint32_t ifindex;
	uint16_t mtu;
	bool carrier;
	bool veth, tap; /* what kind of device it is */
};

/* netns: name under /run/netns, NULL: the process's own. 0 or negative errno with a sentence in `error` (>= 256 bytes).
 */
int xs_node_open(const char *name, const char *netns, struct xs_node **out, char *error);
void xs_node_close(struct xs_node *node);

/*
 * Adds and changes until the node holds all of `image`, with the outer ends of new veths down. former: an image that it has
 * been made and retired to, and what is the same in both is not looked at; NULL: all is. On failure returns
 * negative errno and names the object and the kernel's answer in `error` (>= 256 bytes); what it had added is left for
 * the next call or for retire with the old image. (-ECANCELED: see xs_node_pause_by(); no sentence.) A port that does not exist, or
 * whose XDP program is in the way, is refused before anything is changed: `admits` tells which are not (NULL: none). It is
 * xs_datapath_admits().
 */
typedef bool (*xs_admits_fn)(void *context, uint32_t ifindex, uint32_t program_id, bool shared, char *who);
int xs_node_make(struct xs_node *node, const struct xs_image *image, const struct xs_image *former, xs_admits_fn admits,
		 void *context, char *error);

/*
 * fn is called by make between namespaces, which may be thousands. True: make ends, whatever is left of them; who says so knows
 * that all of them were made before.
 */
void xs_node_pause_by(struct xs_node *node, bool (*fn)(void *context), void *context);

/* Removes what is in the journal and not in `image` (NULL: everything), and gives ports and sysctls back what they had.
 */
int xs_node_retire(struct xs_node *node, const struct xs_image *image, char *error);

/*
 * Retires everything of a node that nobody runs any more, also where its namespace is gone: open, retire(NULL), close.
 * For `xslice clean`.
 */
int xs_node_clean(const char *name, const char *netns, char *error);

/* NULL if there is none (yet). */
const struct xs_node_vport *xs_node_vport(const struct xs_node *node, uint32_t id);
const struct xs_node_port *xs_node_port(const struct xs_node *node, uint32_t id);
/* Is it, in the node's own namespace, a port's device or the end of a veth that was made? */
bool xs_node_has_link(const struct xs_node *node, uint32_t ifindex);
int xs_node_netns(const struct xs_node *node); /* descriptor of the node's own namespace */
struct xs_netlink *xs_node_netlink(const struct xs_node *node); /* a socket there */

/*
 * The kernel forgets whom it knew by a vport's device: the vport leads to another wire, where others are. -ENODEV: there is no such
 * vport. error as above.
 */
int xs_node_forget_neighbours(struct xs_node *node, uint32_t vport, char *error);

/*
 * Tells those on the vport's link, once, that its MAC has `address`. 0 or negative errno; -ENODEV: there is no such vport;
 * -ENETDOWN: nobody is there to hear it.
 */
int xs_node_announce(const struct xs_node *node, uint32_t vport, const struct xs_address *address);

/*
 * Paging: gives the node's own namespace its part, by uplinks that are up: routes to pages, neighbours, mapped addresses.
 * former: as xs_node_make()'s. Retire takes away.
 */
int xs_node_join_substrate(struct xs_node *node, const struct xs_image *image, const struct xs_image *former, char *error);

/*
 * Paging: tells by a sentence each what the node's own namespace, which is the operator's, lacks of a router with the image's pages: it
 * does not forward, lo is down, or an address of its own is where pages are. Changes nothing. 0 or negative errno.
 */
typedef void (*xs_tell_fn)(void *context, const char *sentence);
int xs_node_look_at_substrate(struct xs_node *node, const struct xs_image *image, xs_tell_fn tell, void *context);

/*
 * Brings veths up, and down: those of links follow their port's carrier, all others are up. Call when the programs
 * stand that take what comes out of them, and when a link of the node's namespace has changed. (To hang a qdisc on a
 * device that is up costs a grace period of the kernel.)
 */
int xs_node_copy_carrier(struct xs_node *node, const struct xs_image *image);

#endif
