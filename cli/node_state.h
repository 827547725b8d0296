/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node_state.h - whether a node holds what the store says, by what its agent reported and by whether the agent is there. */
#ifndef XSLICE_CLI_NODE_STATE_H
#define XSLICE_CLI_NODE_STATE_H

#include "cli/cli.h"
#include "loader/store/revision.h"

/* The worst that holds of a node; `text` of the sentence about it says all of it. */
enum xs_node_state {
	XS_NODE_IN_FORCE,
	XS_NODE_BEHIND,     /* another revision, or not all switches */
	XS_NODE_AGENT_GONE, /* what it holds goes on; no change reaches it */
	XS_NODE_LOST,       /* what it held is gone, as by a reboot, and nobody brings it back */
	XS_NODE_FAILED,
	XS_NODE_ELSEWHERE,  /* what is on it is another store's */
	XS_NODE_UNREADABLE, /* its report is none */
	XS_NODE_NEVER,      /* no report at all */
};

#define XS_NODE_TEXT 1400

/*
 * The state of `node`, which `store` (of path `place`) tells to hold `revision` and every switch up to `generation` (0: it has no cell). *report as
 * JSON, null where there is none: a new reference. text: XS_NODE_TEXT bytes.
 */
enum xs_node_state xs_node_state_get(struct xs_store *store, const char *place, const char *node, const struct xs_revision *revision,
				     uint64_t generation, char *text, json_t **report);

/* "in-force", "behind", ...: for JSON. */
const char *xs_node_state_name(enum xs_node_state state);

#endif
