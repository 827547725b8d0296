/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wait.h - the store's lock and the nodes' reports, with progress on a terminal and exit codes: for apply, switch, clean. */
#ifndef XSLICE_CLI_WAIT_H
#define XSLICE_CLI_WAIT_H

#include "cli/cli.h"
#include "loader/manager/manager.h"

/* Takes the lock within the options' timeout, or complains and returns negative errno (-ETIMEDOUT: held by another). */
int xs_lock_store(const struct xs_options *options, struct xs_store *store);

/*
 * Waits as xs_wait_reports() does, but not for nodes that another store's agents care for; complains about these at once, about
 * nodes that failed or did not report then, and returns enum xs_exit.
 */
int xs_await_nodes(const struct xs_options *options, struct xs_store *store, struct xs_node_wait *wait, size_t count,
		   const struct xs_revision *revision, uint64_t generation);

/* The reports as an array of {node, state: done|failed|waiting|held-elsewhere, error}; with_cost: and {ms, netlink_changes, map_writes}, which are those of the
 * node's last apply. New reference. */
json_t *xs_waits_json(const struct xs_node_wait *wait, size_t count, bool with_cost);

#endif
