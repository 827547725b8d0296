// SPDX-License-Identifier: GPL-2.0-or-later
/* wait.c - see wait.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/wait.h"
#include "loader/agent/lock.h"

int xs_lock_store(const struct xs_options *options, struct xs_store *store)
{
	int error;

	xs_progress("waiting for the store's lock");
	error = xs_store_lock(store, options->timeout_ms);
	xs_progress(NULL);
	if (error == -ETIMEDOUT)
		xs_complain("store %s: another xslice holds its lock, and has for %g s (--timeout SEC waits longer)",
			    options->store, options->timeout_ms / 1000.0);
	else if (error)
		xs_complain("store %s: lock: %s", options->store, strerror(-error));
	return error;
}

static void show_progress(void *context, const struct xs_node_wait *wait, size_t count)
{
	char line[160];
	size_t done = 0, used;

	for (size_t i = 0; i < count; i++)
		done += wait[i].reported;
	used = (size_t)snprintf(line, sizeof(line), "%zu of %zu nodes have reported; waiting for", done, count);
	for (size_t i = 0; i < count && used < sizeof(line) - 20; i++)
		if (!wait[i].reported && !wait[i].elsewhere)
			used += (size_t)snprintf(line + used, sizeof(line) - used, " %s", wait[i].node);
	xs_progress(line);
}

/* A node that another store's agent cares for is not waited for; how many they are. Each is told of. */
static size_t set_aside(const struct xs_options *options, struct xs_node_wait *wait, size_t count)
{
	char other[PATH_MAX];
	size_t elsewhere = 0;

	for (size_t i = 0; i < count; i++) {
		if (!xs_node_is_elsewhere(wait[i].node, options->store, other))
			continue;
		wait[i].elsewhere = xs_agent_runs(wait[i].node);
		elsewhere += wait[i].elsewhere;
		xs_complain("node %s: held by store %s%s", wait[i].node, other,
			    wait[i].elsewhere ? ", which its agent follows" : "; no agent runs there");
	}
	return elsewhere;
}

/* Why a node is silent, as far as the store tells. */
static void complain_silent(struct xs_store *store, const struct xs_node_wait *wait)
{
	struct xs_report report;
	int error = xs_report_get(store, wait->node, &report);

	if (error == -ENOENT)
		xs_complain("node %s: no agent has ever reported (xsliced --node %s)", wait->node, wait->node);
	else if (error)
		xs_complain("node %s: key report/%s of the store cannot be read: %s; its agent writes it anew at the "
			    "next change",
			    wait->node, wait->node, error == -EBADMSG ? "not a report" : strerror(-error));
	else if (!xs_agent_runs(wait->node))
		xs_complain(
			"node %s: its agent (pid %lld) is gone; it will follow when it is started (xsliced --node %s)",
			wait->node, (long long)report.pid, wait->node);
	else
		xs_complain("node %s: has not reported in time; its log (journalctl -u xsliced@%s) says what it does",
			    wait->node, wait->node);
}

int xs_await_nodes(const struct xs_options *options, struct xs_store *store, struct xs_node_wait *wait, size_t count,
		   const struct xs_revision *revision, uint64_t generation)
{
	size_t failed = set_aside(options, wait, count), silent = 0;
	int error;

	show_progress(NULL, wait, count);
	error = xs_wait_reports(store, wait, count, revision, generation, options->timeout_ms, show_progress, NULL);
	xs_progress(NULL);
	if (error && error != -ETIMEDOUT) {
		xs_complain("store %s: reports: %s", options->store, strerror(-error));
		return XS_EXIT_FAILED;
	}
	for (size_t i = 0; i < count; i++) {
		if (wait[i].elsewhere)
			continue;
		if (!wait[i].reported) {
			silent++;
			complain_silent(store, &wait[i]);
		} else if (wait[i].report.failed) {
			failed++;
			xs_complain("node %s: %s", wait[i].node, wait[i].report.error);
		} else if (wait[i].report.warning[0]) {
			xs_complain("node %s: WARNING: %s", wait[i].node, wait[i].report.warning);
		}
	}
	if (silent)
		return XS_EXIT_TIMEOUT;
	if (failed)
		return failed == count ? XS_EXIT_FAILED : XS_EXIT_PARTLY;
	return XS_EXIT_DONE;
}

json_t *xs_waits_json(const struct xs_node_wait *wait, size_t count, bool with_cost)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct xs_report *report = &wait[i].report;
		const char *state = wait[i].elsewhere   ? "held-elsewhere"
				    : !wait[i].reported ? "waiting"
				    : report->failed    ? "failed"
							: "done";
		json_t *node = json_pack("{s:s,s:s}", "node", wait[i].node, "state", state);

		if (wait[i].reported && report->failed)
			json_object_set_new(node, "error", json_string(report->error));
		if (wait[i].reported && with_cost) {
			json_object_set_new(node, "ms", json_real((double)report->duration_us / 1000));
			json_object_set_new(node, "netlink_changes", json_integer((json_int_t)report->netlink_changes));
			json_object_set_new(node, "map_writes", json_integer((json_int_t)report->map_writes));
		}
		json_array_append_new(array, node);
	}
	return array;
}
