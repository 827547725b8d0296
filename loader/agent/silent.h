/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * silent.h - users that do not answer. The edge asks for them, but it is the sliver that must say host-unreachable, in its
 * slice: so a user that the edge could not resolve becomes, for a few seconds, an unreachable route in every sliver behind
 * that edge. Then the next packet asks again. A user that is heard of is reachable at once.
 *
 * Always holds: only addresses on the edge's link; at a time at most XS_SILENT_MAX of an edge, and no more than make
 * XS_SILENT_ROUTES_MAX routes in its slivers together: who scans one edge's link takes nothing from another's users. The
 * oldest leave first.
 */
#ifndef XSLICE_AGENT_SILENT_H
#define XSLICE_AGENT_SILENT_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/image/image.h"
#include "loader/node/node.h"

#define XS_SILENT_MAX 256
#define XS_SILENT_ROUTES_MAX 4096
#define XS_SILENT_S 3

struct event_base;

struct xs_silent;
/* Lives as long as the agent. NULL without memory. */
struct xs_silent *xs_silent_new(struct event_base *base);

/* The node and image in force, until the next call; image NULL: none. The first takes away what a former agent left. */
void xs_silent_hold(struct xs_silent *silent, const struct xs_node *node, const struct xs_image *image);

bool xs_silent_holds(const struct xs_silent *silent); /* an image */

/* What an edge (vport id) learned of an address. */
void xs_silent_told(struct xs_silent *silent, uint32_t edge, const struct xs_address *address, bool resolved);

#endif
