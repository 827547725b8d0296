/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * internal.h - struct xs_node and what its files say to each other; nobody else includes it.
 *
 * node.c opens, and answers questions; make.c orders the steps of make; port.c prepares ports and gives them back; space.c and
 * space_inet.c make one namespace (of a sliver or an edge) equal to its want; retire.c removes.
 */
#ifndef XSLICE_NODE_INTERNAL_H
#define XSLICE_NODE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "loader/image/image.h"
#include "loader/node/journal.h"
#include "loader/node/link.h"
#include "loader/node/node.h"
#include "loader/node/sysctl.h"
#include "loader/node/want.h"

#define XS_NODE_ERROR 256
#define XS_LO_IFINDEX 1 /* in every namespace */

/* A namespace of ours, kept open. */
struct xs_space {
	uint64_t key; /* xs_want_key() */
	char name[XS_NETNS_NAME];
	int netns;
	uint64_t inode;          /* of the namespace that `netns` leads to: the name may come to mean another */
	struct xs_sysctl sysctl; /* kept, as the kernel passes by all namespaces to find that of one */
	struct xs_netlink *unfurnished; /* during make: by which a new namespace gets what it lacks; NULL: nothing */
	bool surplus; /* the last make saw addresses or routes of an earlier image: retire has something to do */
	UT_hash_handle hh;
};

struct xs_vport_state {
	struct xs_node_vport public;
	uint64_t space;
	bool up; /* node's end, as last seen or set */
	UT_hash_handle hh;
};

struct xs_port_state {
	struct xs_node_port public;
	UT_hash_handle hh;
};

struct xs_script; /* space_settings.c */
struct xs_ahead;  /* ahead.h */

struct xs_node {
	char name[XS_IMAGE_NAME];
	char where[XS_NETNS_NAME + 16]; /* for people: "namespace R1" */
	int netns;                      /* -1: it is gone, and only retire(NULL) can be done */
	struct xs_netlink *netlink;
	struct xs_sysctl sysctl;  /* of the node's namespace */
	struct xs_sysctl machine; /* of the namespace that the process began in */
	struct xs_journal *journal;
	struct xs_space *spaces;
	struct xs_vport_state *vports;
	struct xs_port_state *ports;
	struct xs_link *links; /* of the node's namespace, during make and retire */
	size_t link_count;
	struct xs_script *script[XS_ROLES][2]; /* during make: what a new namespace needs, without and with IPv6 */
	size_t unfurnished;                    /* during make: namespaces */
	struct xs_ahead *ahead;                /* during make: who makes them; NULL: nobody */
	bool (*pause)(void *context);          /* between namespaces; NULL: none */
	void *pause_context;
};

/* Writes the sentence and strerror(-err) and returns err; err 0 stands for a sentence without more, returned as -EINVAL. */
int xs_node_fail(char *error, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Some links instead of all: adds one, if it is there, to node->links, which have room; and sorts them, so that they are found. */
int xs_node_look_at(struct xs_node *node, const char *name);
void xs_node_sort_links(struct xs_node *node);

/* How many neighbours an image lets expect. NULL: none. */
uint32_t xs_node_neighbours(const struct xs_image *image);

/* Device in the node's namespace: node's end of a vport's veth. */
const char *xs_veth_name(uint32_t vport, char name[IFNAMSIZ]);

/* ---- port.c ---- */

#define XS_ADJUSTMENTS_MAX 24

/* One thing that a port has otherwise than we need it. */
struct xs_adjustment {
	enum xs_journal_kind kind;
	char key[XS_JOURNAL_KEY];
	const char *feature;
	long was, set;
};

struct xs_port_work {
	const struct xs_rec_port *record;
	uint32_t ifindex;
	struct xs_adjustment adjustment[XS_ADJUSTMENTS_MAX];
	size_t count;
};

/* Looks at a port: refuses it, or says what is to be adjusted. Changes nothing. */
int xs_port_look(struct xs_node *node, const struct xs_rec_port *record, xs_admits_fn admits, void *context,
		 struct xs_port_work *out, char *error);
int xs_port_note(struct xs_node *node, const struct xs_port_work *work);
int xs_port_adjust(struct xs_node *node, const struct xs_port_work *work, char *error);
/* Gives back what an entry (of a port's kind) tells, if it is still as we set it. */
int xs_port_give_back(struct xs_node *node, const struct xs_journal_entry *entry, char *error);
/* Tx checksums of a veth: a local stack behind one hands out partial ones, which only its peer's stack could complete. */
extern const char *const xs_tx_checksum_features[];

/* ---- space.c ---- */

/* Makes or opens the namespace and adds or changes until it holds what is wanted. */
int xs_space_make(struct xs_node *node, struct xs_want *want, char *error);
/* Gives new namespaces all but their veths, which they have. failed: making one of them did (errno), and none gets anything. */
int xs_spaces_furnish(struct xs_node *node, const struct xs_wants *wants, int failed, char *error);
void xs_scripts_forget(struct xs_node *node);
/* Removes addresses, routes and neighbours that are not wanted. Devices are retire's. */
int xs_space_trim(struct xs_node *node, struct xs_want *want, char *error);
struct xs_space *xs_space_find(const struct xs_node *node, uint64_t key);
void xs_space_close(struct xs_node *node, struct xs_space *space);

#endif
