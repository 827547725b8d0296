/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fill.h - from a node's image, and from what the node became (ifindexes, MACs), to entries of its maps.
 *
 * Always holds: an entry is written only if it differs; what leads to an entry is written after it, and taken away before it.
 * The order of a change is vports, pages, (FIBs of slices: the agent's mirrors), labels, policies, ports; then, when everything
 * new is in force, withdraw. A call that failed may be repeated, with the same image or with the former one.
 * Ids are given again, and who missed an image meets one in use: what leads to a vport that becomes another's is taken out, and read
 * to the end, before the entry is written. Counters of a vport begin at zero with each whose id it is. Those of ports and slices go on
 * for ever: their sums must agree (contract.h), also after a slice was removed.
 */
#ifndef XSLICE_NODE_FILL_H
#define XSLICE_NODE_FILL_H

#include "loader/image/image.h"
#include "loader/node/datapath.h"
#include "loader/node/node.h"
#include "maps/address_table.h"
#include "maps/mux_policy.h"

/* Sizes of the maps that the image needs, with head-room. NULL: none. */
void xs_fill_size(const struct xs_image *image, struct xs_datapath_size *out);
/* As of an image that may come, of some dozens of virtual ports: it takes some MiB, and who has more to hold loads anew. */
void xs_fill_size_spare(struct xs_datapath_size *out);

struct xs_fill;
/* None of them is owned. The pool and the mux space must have adopted what is in force before the first call that writes. */
struct xs_fill *xs_fill_new(struct xs_node_maps *maps, struct xs_pool *pool, struct xs_mux_space *space);
/* After a withdrawal of everything. (Who leaves the node as it is does not free: blocks and rules are still in force.) */
void xs_fill_free(struct xs_fill *fill);

/* former: what the node was made and retired to; NULL: nobody knows, and only numbers and kinds tell whose an entry was. */
int xs_fill_vports(struct xs_fill *fill, const struct xs_image *image, const struct xs_image *former, const struct xs_node *node,
		   char *error);
/* Pages, and the tables of both their sides. */
int xs_fill_pages(struct xs_fill *fill, const struct xs_image *image, char *error);
int xs_fill_labels(struct xs_fill *fill, const struct xs_image *image, char *error);
/* Builds policies aside where their conditions have changed, and takes over those that a former agent left. */
int xs_fill_muxes(struct xs_fill *fill, const struct xs_image *image, char *error);
/* Sources, then the ports: with these words packets come in and new policies come into force. */
int xs_fill_ports(struct xs_fill *fill, const struct xs_image *image, const struct xs_node *node, char *error);
/*
 * Takes out what is not in the image (NULL: everything), in reverse; slices are the agent's. Until then all that the functions
 * above replaced is kept, so that they can go back to it: to the very same entries, not to equal ones.
 */
int xs_fill_withdraw(struct xs_fill *fill, const struct xs_image *image, char *error);

/*
 * The conditions of a MUX as the walk takes them; malloc()ed, every byte of padding zero, so equality is memcmp().
 * 0 or -ENOMEM.
 */
int xs_fill_conditions(const struct xs_image *image, uint32_t mux, struct xs_condition **out, size_t *count);

/* The flags of a port, as its entry and those of its vports carry them (enum xs_port_flag). */
uint32_t xs_fill_port_flags(const struct xs_rec_port *port);

#endif
