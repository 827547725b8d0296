// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * clean.c - `xslice clean`: agents that run are told to hold nothing, and do so themselves; for nodes whose agent is
 * gone the command does it. Then the store is emptied.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/wait.h"
#include "loader/agent/clean.h"
#include "loader/agent/lock.h"
#include "loader/manager/manager.h"

struct nodes {
	struct xs_store *store;
	struct xs_node_wait *alive;
	size_t alive_count;
	json_t *result;
	size_t failed;
};

static int sort_node(void *context, const char *name)
{
	struct nodes *nodes = context;
	struct xs_node_wait *grown;
	struct xs_report report;
	char error[XS_ERROR_TEXT] = "";
	int code;

	code = xs_report_get(nodes->store, name, &report);
	if (code)
		return code == -EBADMSG ? 0 : code;
	if (xs_agent_runs(name)) {
		grown = realloc(nodes->alive, (nodes->alive_count + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		nodes->alive = grown;
		memset(&grown[nodes->alive_count], 0, sizeof(*grown));
		snprintf(grown[nodes->alive_count++].node, sizeof(grown->node), "%s", name);
		return 0;
	}
	code = xs_agent_clean(name, report.netns[0] ? report.netns : NULL, error);
	if (code) {
		xs_complain("node %s: %s", name, error[0] ? error : strerror(-code));
		nodes->failed++;
	}
	json_array_append_new(nodes->result, json_pack("{s:s,s:s,s:s}", "node", name, "state", code ? "failed" : "done",
						       "by", "command"));
	return 0;
}

struct emptying {
	struct xs_store *store;
	char prefix[128];
};

static int delete_key(void *context, const char *name)
{
	const struct emptying *emptying = context;
	char key[256];

	snprintf(key, sizeof(key), "%s/%s", emptying->prefix, name);
	return xs_store_delete(emptying->store, key);
}

static int delete_image_revision(void *context, const char *revision)
{
	const struct emptying *emptying = context;
	struct emptying one = { .store = emptying->store };
	int error;

	snprintf(one.prefix, sizeof(one.prefix), "image/%s", revision);
	error = xs_store_list(one.store, one.prefix, delete_key, &one);
	return error == -ENOENT ? 0 : error;
}

static int empty_store(struct xs_store *store)
{
	static const char *const single[] = { XS_KEY_REVISION, XS_KEY_LEDGER, XS_KEY_DEFINITION, XS_KEY_GENERATION,
					      XS_KEY_PENDING };
	static const char *const lists[] = { "cell", "report" };
	struct emptying emptying = { .store = store };
	int error = 0;

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]) && !error; i++)
		error = xs_store_delete(store, single[i]);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && !error; i++) {
		snprintf(emptying.prefix, sizeof(emptying.prefix), "%s", lists[i]);
		error = xs_store_list(store, lists[i], delete_key, &emptying);
		if (error == -ENOENT)
			error = 0;
	}
	if (!error)
		error = xs_store_list(store, "image", delete_image_revision, &emptying);
	return error == -ENOENT ? 0 : error;
}

int xs_command_clean(const struct xs_options *options)
{
	struct xs_apply_result empty = { 0 };
	struct nodes nodes = { .result = json_array() };
	char text[XS_ERROR_TEXT];
	int code = XS_EXIT_FAILED, error;

	if (xs_open_store(options, false, &nodes.store))
		goto out;
	if (xs_lock_store(options, nodes.store))
		goto out;
	if (xs_apply_nothing(nodes.store, &empty, text)) {
		xs_complain("clean: %s", text);
		goto out;
	}
	error = xs_store_list(nodes.store, "report", sort_node, &nodes);
	if (error && error != -ENOENT) {
		xs_complain("clean: %s", strerror(-error));
		goto out;
	}
	code = xs_await_nodes(options, nodes.store, nodes.alive, nodes.alive_count, empty.revision, 0);
	json_t *waits = xs_waits_json(nodes.alive, nodes.alive_count);
	json_array_extend(nodes.result, waits);
	json_decref(waits);
	if (nodes.failed)
		code = nodes.alive_count ? XS_EXIT_PARTLY : XS_EXIT_FAILED;
	/* What a node could not give up must still be known to the next clean. */
	if (code == XS_EXIT_DONE) {
		error = empty_store(nodes.store);
		if (error) {
			xs_complain("clean: store: %s", strerror(-error));
			code = XS_EXIT_FAILED;
		}
	}
	if (options->json)
		xs_print_json(json_pack("{s:O}", "node", nodes.result));
out:
	json_decref(nodes.result);
	free(nodes.alive);
	free(empty.wait);
	xs_store_close(nodes.store);
	return code;
}
