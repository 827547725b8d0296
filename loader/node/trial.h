/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trial.h - a frame through a node's real programs without being sent or counted: a second load of the same object,
 * which shares the node's pinned maps that programs only read and has copies of those they count in. Who asks learns
 * from the copies what became of the frame.
 *
 * Always holds: nothing that is attached, pinned or read by a packet is changed. A trial is refused where what is
 * attached to the port is not the same code over the same maps, since it would then tell of another program than the
 * one that packets meet.
 */
#ifndef XSLICE_NODE_TRIAL_H
#define XSLICE_NODE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maps/node_maps.h"

#define XS_TRIAL_FRAME_MIN 14
#define XS_TRIAL_FRAME_MAX 3520 /* what BPF_PROG_TEST_RUN takes in a page, with room for its head and tail */

struct xs_trial_frame {
	uint8_t data[XS_TRIAL_FRAME_MAX + 64]; /* tag included, as on the wire */
	size_t length;
};

struct xs_trial;
/* -ENOENT: nothing of the node is loaded on this machine. error: >= 256 bytes. */
int xs_trial_open(const char *node, struct xs_trial **out, char *error);
void xs_trial_close(struct xs_trial *trial);

/* The maps as the programs of the trial see them: the node's own, but for the counters, which tell of the last run. */
const struct xs_node_maps *xs_trial_maps(const struct xs_trial *trial);

/* Where a frame comes in. */
struct xs_trial_port {
	int netns; /* descriptor of the node's namespace */
	uint32_t ifindex;
	bool xdp; /* it has XDP before tc */
};

struct xs_trial_outcome {
	bool ours; /* false: the programs do not know the port, so all it carries is the host's; the rest is 0 */
	enum xs_verdict verdict;
	bool by_tc; /* XDP passed it up, or the port has none */
	uint32_t slice;
	uint32_t in;                 /* vport that took it in; 0: it did not get so far */
	uint32_t out;                /* forwarded: vport that it leaves by (of users behind a MUX: the edge's; by paging: the WAN's) */
	uint32_t mux;                /* ... and the MUX's or uplink, by which it leaves its slice; else 0 */
	struct xs_trial_frame frame; /* as it leaves, tag included; where it is punted: as the kernel gets it */
};

/* 0; -ENOPKG where other programs are attached; negative errno. error as above. */
int xs_trial_run(struct xs_trial *trial, const struct xs_trial_port *port, const struct xs_trial_frame *frame,
		 struct xs_trial_outcome *out, char *error);

#endif
