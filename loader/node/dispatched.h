/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dispatched.h - who shares a device's XDP by libxdp's dispatcher, read from libxdp's pins (its protocol.org). Nothing
 * is changed here; joining and leaving is share.c's.
 */
#ifndef XSLICE_NODE_DISPATCHED_H
#define XSLICE_NODE_DISPATCHED_H

#include <stdbool.h>
#include <stdint.h>

#define XS_DISPATCHER     "xdp_dispatcher" /* name of the program that libxdp attaches */
#define XS_DISPATCHED_MAX 10

struct xs_dispatched {
	uint32_t count;
	struct {
		uint32_t id;
		char name[16];
	} program[XS_DISPATCHED_MAX]; /* in the order in which they run */
};

/* Whether program `id` on the device is a dispatcher with its pins; what stands behind it. */
bool xs_dispatched_read(uint32_t ifindex, uint32_t id, struct xs_dispatched *out);

#endif
