/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirrors.h - the mirrors of a node: one per sliver that has ports, one per edge, their descriptors in the agent's loop.
 *
 * Always holds: a mirror whose devices and namespace did not change is left alone, so an apply reads only what it touched;
 * a slice's root is written when its table is complete, and set to 0 before its table goes.
 */
#ifndef XSLICE_AGENT_MIRRORS_H
#define XSLICE_AGENT_MIRRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/image/image.h"
#include "loader/node/mirror.h"
#include "loader/node/node.h"

struct event_base;
struct xs_silent;

struct xs_mirrors;
/* silent is told of the users that the edges resolved, or could not. None of the arguments is owned. */
struct xs_mirrors *xs_mirrors_new(struct event_base *base, struct xs_node_maps *maps, struct xs_pool *pool,
				  struct xs_nexthops *nexthops, struct xs_silent *silent);
void xs_mirrors_free(struct xs_mirrors *mirrors); /* nothing may lead to any root any more */

/*
 * Makes and changes mirrors until those of all edges and slivers of the image are there, and puts the slices' roots. breathe
 * is called between two, for what must not wait. error: >= 256 bytes.
 */
int xs_mirrors_make(struct xs_mirrors *mirrors, const struct xs_image *image, const struct xs_node *node,
		    void (*breathe)(void *context), void *context, char *error);
/* Takes out what is not in the image: roots of all slices that the map has and the image has not, then their mirrors. */
int xs_mirrors_withdraw(struct xs_mirrors *mirrors, const struct xs_image *image, char *error);

/* Takes in what the kernels have told so far: for changes that must be in force before the node reports. */
void xs_mirrors_drain(struct xs_mirrors *mirrors);

/* Reads again the mirrors that lack something, after an error or because there was no room. Returns how many routes lack room. */
uint32_t xs_mirrors_repair(struct xs_mirrors *mirrors);

/* Where packets were forwarded to hosts since the last time, has the kernel look for those that it has not heard of since. */
void xs_mirrors_probe(struct xs_mirrors *mirrors);

#endif
