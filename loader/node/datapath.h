/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath.h - the BPF object of a node: loaded, pinned, attached, replaced in place, taken away.
 *
 * Always holds: maps are filled before a program that reads them is attached; XDP is attached by a pinned link of our own,
 * so it outlives the agent; tc by clsact filters of our own handle and priority. What stands at the pins is taken up if it is
 * of this layout and this code, and programs are replaced in place (no gap) if the code is another.
 */
#ifndef XSLICE_NODE_DATAPATH_H
#define XSLICE_NODE_DATAPATH_H

#include <stdbool.h>
#include <stdint.h>

#include "maps/node_maps.h"

struct xs_datapath;

struct xs_datapath_size {
	uint32_t ports, vports, slices, nexthops, blocks, cells, muxes, rules, generals; /* entries; rounded up as needed */
};

enum xs_hook {
	XS_HOOK_XDP_PORT,  /* native or generic XDP on a physical port */
	XS_HOOK_TC_PORT,   /* clsact ingress on a physical port */
	XS_HOOK_TC_SLIVER, /* clsact ingress on the node's end of a sliver's or edge's veth */
	XS_HOOK_TC_EDGE,   /* clsact ingress on the inner end of an edge's veth, in the edge's namespace */
};

/* Loads or takes up the node's object. Pinned maps that are too small for `size` are refused: -ENOSPC. */
int xs_datapath_open(const char *node, const struct xs_datapath_size *size, struct xs_datapath **out, char *error);
void xs_datapath_close(struct xs_datapath *datapath); /* leaves everything attached */
struct xs_node_maps *xs_datapath_maps(struct xs_datapath *datapath);
bool xs_datapath_taken_up(const struct xs_datapath *datapath); /* the maps were there: they hold a former agent's content */

/* Attaches if it is not (0: was so, 1: attached or replaced). netns: descriptor of the device's namespace. */
int xs_datapath_attach(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex, bool generic, char *error);
int xs_datapath_detach(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex);

/* Is it one of this node's programs, loaded by us? For xs_node_make(). context: the datapath. */
bool xs_datapath_owns(void *context, uint32_t program_id);

/* Detaches and unpins all of a node. */
int xs_datapath_clean(const char *node, char *error);

#endif
