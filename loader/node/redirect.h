/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redirect.h - whether a device transmits what XDP redirects to it. A veth does so only while its other end runs NAPI
 * (an XDP program there, or GRO); some drivers never do. What they do not take is lost without a word, after the
 * datapath has counted it as forwarded.
 */
#ifndef XSLICE_NODE_REDIRECT_H
#define XSLICE_NODE_REDIRECT_H

#include <stddef.h>
#include <stdint.h>

/*
 * By what the kernel says of a namespace's (descriptor) devices: taken[i] is 1 or 0, or negative errno for a device of
 * which it does not say it. 0; -EOPNOTSUPP: this kernel (before 6.3) tells it of none; another negative errno.
 */
int xs_redirects_look(int netns, const uint32_t *ifindex, size_t count, int *taken);

#endif
