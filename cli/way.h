/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * way.h - the images of a domain side by side: which slice a MUX chooses, and the way of a packet from sliver to
 * sliver, as the images have it. What the kernels learnt since (a link that is down, a neighbour that does not answer)
 * is not in them.
 */
#ifndef XSLICE_CLI_WAY_H
#define XSLICE_CLI_WAY_H

#include "cli/cli.h"
#include "loader/image/image.h"

struct xs_images {
	struct xs_image **image; /* by node's name */
	size_t count, missing; /* missing: nodes whose image the store has not */
};

/* All images of the active revision; one that is missing is complained about. 0, or negative errno with error (XS_ERROR_TEXT) set. Free in any case. */
int xs_images_load(struct xs_store *store, struct xs_images *out, char *error);
void xs_images_free(struct xs_images *images);

/*
 * Which slice's list the cells of a condition's VM and group put it into, by what the store says: *slice 0 where
 * neither names one. *generation: of that word. 0 or negative errno.
 */
int xs_cell_slice(struct xs_store *store, const struct xs_image *image, uint32_t vm_cell, uint32_t group_cell,
		  uint32_t *slice, uint64_t *generation);

/* Does the condition take packets to `to`, were it not for what else it tests? *only: it tests nothing else. */
bool xs_condition_concerns(const struct xs_rec_condition *condition, const struct xs_address *to, bool *only);

/* "network" or "broadcast", where IPv4 keeps the address of that subnet from every host; NULL: it does not. */
const char *xs_reserved(const struct xs_prefix *subnet, const struct xs_address *address);

/*
 * The way to `to` from the sliver of `slice` on images->image[from], as {hop: [{node, vrf, route, via, kind, device,
 * port, label}], end, arrives}: a new reference. arrives: it ends where packets to that address belong.
 */
json_t *xs_way(const struct xs_images *images, size_t from, uint32_t slice, const struct xs_address *to);

#endif
