/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h - what the files of `xslice trace` share: trace.c (the command, and from hop to hop), trace_hop.c (one node),
 * trace_punt.c (what a kernel would do with what it is handed), trace_wan.c (what is between nodes by paging), trace_place.c
 * (lines of the definition).
 */
#ifndef XSLICE_CLI_TRACE_H
#define XSLICE_CLI_TRACE_H

#include "cli/cli.h"
#include "cli/trace_frame.h"
#include "cli/way.h"
#include "loader/image/image.h"
#include "loader/model/domain.h"
#include "loader/node/ask.h"
#include "loader/node/trial.h"

#define XS_TRACE_ERROR 512

struct xs_trace_node {
	const struct xs_image *image;
	struct xs_trial *trial; /* NULL: not opened yet */
	int netns;
};

struct xs_trace {
	struct xs_store *store;
	struct xs_images images;
	struct xs_trace_node *node; /* parallel to the images */
	struct xs_domain *domain;   /* the definition in force, for its lines; NULL: it cannot be had */
};

/* ---- trace_hop.c ---- */

struct xs_trace_step {
	const struct xs_trace *trace;
	const struct xs_trace_node *node;
	const struct xs_rec_port *port;
	struct xs_frame_view view; /* of the frame that came in; out of the WAN with its addresses in the slice */
	struct xs_trial_outcome outcome;
	const struct xs_rec_vport *in, *out, *mux; /* the outcome's; NULL: none */
	const struct xs_rec_slice *slice;
	json_t *hop; /* {node, port, frame, stage: [...], verdict, slice, by} */
};

/*
 * One node: *hop (a new reference) says what decided there. *end: how the packet's way ends here, as JSON; NULL where
 * it goes on with step->outcome.frame by step->out, a link or a port of the WAN. Negative errno with a sentence where it cannot be tried.
 */
int xs_trace_hop(struct xs_trace_step *step, const struct xs_trial_frame *frame, json_t **end, char *error);

/* Adds a stage: what decided, and where that is written (NULL: nowhere). */
void xs_trace_stage(const struct xs_trace_step *step, const char *stage, const struct xs_place *place,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* {how, text} */
json_t *xs_trace_end(const char *how, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The live maps' and the trial's, of the step's node. */
const struct xs_node_maps *xs_trace_maps(const struct xs_trace_step *step);
/* The namespace's kernel is asked about the step's packet, as one that comes in by the step's vport. 0 or negative errno. */
int xs_trace_ask(const struct xs_trace_step *step, const char *netns, struct xs_ask **ask, struct xs_ask_route *out);

/* ---- trace_punt.c ---- */

/* What the kernel that is handed the packet would do with it. A new reference. */
json_t *xs_trace_punt(const struct xs_trace_step *step);

/* ---- trace_wan.c ---- */

/* An address of the step's slice, as the WAN knows it. False: it is in no page. */
bool xs_trace_mapped(const struct xs_trace_step *step, const struct xs_address *address, struct xs_address *out);
/* Adds a stage that says what both addresses become. The second is of what came in by an uplink, and changes step->view. */
void xs_trace_map(const struct xs_trace_step *step);
void xs_trace_map_back(struct xs_trace_step *step);

/* Adds the WAN's hop, behind a step that leaves by one of its ports: *node is where it goes on, or how it ends is returned. */
json_t *xs_trace_into_wan(const struct xs_trace *trace, const struct xs_trace_step *step, json_t *hops, struct xs_trace_node **node);
/* The port by which the packet comes in there. 0, or negative errno with a sentence. */
int xs_trace_out_of_wan(const struct xs_trace_node *node, const struct xs_trial_frame *frame, const struct xs_rec_port **port, char *error);
/* A frame to the MAC 0 at a port of the WAN gets the device's own, which images do not know. */
void xs_trace_address_wan(const struct xs_trace_node *node, const struct xs_rec_port *port, struct xs_trial_frame *frame);

/* ---- trace_place.c: where it is written; NULL: nowhere, or the definition cannot be had ---- */

const struct xs_place *xs_trace_place_port(const struct xs_trace *trace, const char *node, const char *port);
const struct xs_place *xs_trace_place_vport(const struct xs_trace *trace, const struct xs_image *image,
					    const struct xs_rec_vport *vport);
const struct xs_place *xs_trace_place_condition(const struct xs_trace *trace, const struct xs_rec_condition *condition);
/* The users that may be behind a gateway or edge. */
const struct xs_place *xs_trace_place_users(const struct xs_trace *trace, const struct xs_image *image,
					    const struct xs_rec_vport *vport);
/* origin: NULL where the route stands as it was written, else what it was made for ("gateway GWP"); XS_TRACE_ORIGIN bytes. */
#define XS_TRACE_ORIGIN 64
const struct xs_place *xs_trace_place_route(const struct xs_trace_step *step, const struct xs_prefix *prefix,
					    char *origin);

#endif
