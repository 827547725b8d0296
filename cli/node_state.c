// SPDX-License-Identifier: GPL-2.0-or-later
/* node_state.c - see node_state.h. */
#include "cli/node_state.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "loader/agent/lock.h"
#include "loader/base/parts.h"
#include "loader/store/report.h"

const char *xs_node_state_name(enum xs_node_state state)
{
	static const char *const name[] = {
		[XS_NODE_IN_FORCE] = "in-force",     [XS_NODE_BEHIND] = "behind",
		[XS_NODE_AGENT_GONE] = "agent-gone", [XS_NODE_LOST] = "lost",
		[XS_NODE_FAILED] = "failed",         [XS_NODE_ELSEWHERE] = "held-elsewhere",
		[XS_NODE_UNREADABLE] = "report-unreadable",
		[XS_NODE_NEVER] = "never-reported",
	};

	return name[state];
}

static json_t *report_json(const struct xs_report *report)
{
	return json_pack("{s:I,s:s,s:b,s:s,s:s,s:I,s:I,s:I,s:f,s:I}", "revision", (json_int_t)report->revision,
			 "revision_id", report->revision_id, "failed", report->failed, "error", report->error,
			 "warning", report->warning, "generation", (json_int_t)report->generation, "netlink_changes",
			 (json_int_t)report->netlink_changes, "map_writes", (json_int_t)report->map_writes, "ms",
			 (double)report->duration_us / 1000, "pid", (json_int_t)report->pid);
}

/* Has an agent held something here since the machine was started? Its note of that goes with a reboot, as namespaces do. */
static bool holds_something(const char *node)
{
	struct xs_owner owner;

	return xs_owner_get(node, &owner) != -ENOENT;
}

static enum xs_node_state worse(enum xs_node_state a, enum xs_node_state b)
{
	return a > b ? a : b;
}

enum xs_node_state xs_node_state_get(struct xs_store *store, const char *place, const char *node, const struct xs_revision *revision,
				     uint64_t generation, char *text, json_t **report_out)
{
	struct xs_parts sentence = xs_parts_in(text, XS_NODE_TEXT, "; ");
	enum xs_node_state state = XS_NODE_IN_FORCE;
	char other[PATH_MAX];
	struct xs_report report;
	int error = xs_report_get(store, node, &report);
	bool runs = xs_agent_runs(node), lost = !runs && !holds_something(node);

	*report_out = error ? json_null() : report_json(&report);
	if (xs_node_is_elsewhere(node, place, other)) {
		xs_parts_add(&sentence, "held by another store, %s: nothing of what this one says is in force here", other);
		return XS_NODE_ELSEWHERE;
	}
	if (error == -ENOENT) {
		xs_parts_add(&sentence, "never reported (xsliced --node %s is its agent)", node);
		return XS_NODE_NEVER;
	}
	if (error) {
		xs_parts_add(&sentence, "report unreadable (key report/%s of the store: %s)", node,
			     error == -EBADMSG ? "not a report" : strerror(-error));
		return XS_NODE_UNREADABLE;
	}
	if (report.failed) {
		state = XS_NODE_FAILED;
		xs_parts_add(&sentence, "failed: %s", report.error[0] ? report.error : "its agent does not say why");
	}
	if (!xs_report_is_of(&report, revision)) {
		state = worse(state, XS_NODE_BEHIND);
		xs_parts_add(&sentence, "behind (holds revision %" PRIu64 "%s)", report.revision,
			     report.revision < revision->number ? "" : " of an earlier life of the store");
	} else if (report.generation < generation) {
		state = worse(state, XS_NODE_BEHIND);
		xs_parts_add(&sentence, "behind (knows switches up to generation %" PRIu64 " of %" PRIu64 ")", report.generation,
			     generation);
	} else if (!report.failed && !lost) {
		xs_parts_add(&sentence, "in force");
	}
	if (lost) {
		state = worse(state, XS_NODE_LOST);
		xs_parts_add(&sentence,
			     "lost: nothing of it is here, as after a reboot, and its agent (pid %" PRId64
			     ") is gone; xsliced --node %s brings it back",
			     report.pid, node);
	} else if (!runs) {
		state = worse(state, XS_NODE_AGENT_GONE);
		xs_parts_add(&sentence, "agent gone (pid %" PRId64 "): it follows no change until xsliced --node %s is started",
			     report.pid, node);
	}
	if (report.warning[0])
		xs_parts_add(&sentence, "WARNING: %s", report.warning);
	return state;
}
