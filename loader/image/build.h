/* SPDX-License-Identifier: GPL-2.0-or-later */
/* build.h - the arrow from plan to image: what one node of a plan must hold. Pure. */
#ifndef XSLICE_IMAGE_BUILD_H
#define XSLICE_IMAGE_BUILD_H

#include <stddef.h>

struct xs_image;
struct xs_plan;

/*
 * Image of the plan's node (0-based), made and read back as an agent will read it: a fault of ours is found here. 0 or negative
 * errno. Same plan, same bytes.
 */
int xs_image_build(const struct xs_plan *plan, size_t node, struct xs_image **out);

#endif
