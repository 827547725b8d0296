// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * clean.c - `xslice clean`: agents that run are told to hold nothing, and do so themselves; for nodes whose agent is
 * gone the command does it. Then the store is emptied.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/wait.h"
#include "loader/agent/clean.h"
#include "loader/agent/lock.h"
#include "loader/manager/manager.h"

struct nodes {
	struct xs_store *store;
	char place[PATH_MAX];      /* of the store, as the machine's notes name it */
	struct xs_node_wait *wait; /* those that may hold something */
	size_t count;
	json_t *result;
	size_t failed;
};

static int add_node(void *context, const char *name)
{
	struct nodes *nodes = context;

	return xs_wait_add(&nodes->wait, &nodes->count, name);
}

/* What a store forgot, the machine still knows. */
static int add_local(void *context, const char *name)
{
	struct nodes *nodes = context;
	struct xs_owner owner;

	return xs_owner_get(name, &owner) || strcmp(owner.store, nodes->place) ? 0 : add_node(context, name);
}

/* The directory's path where it is there no more: its parent's, without symbolic links, and its name. */
static int place_of_lost(const char *store, char place[PATH_MAX])
{
	char parent[PATH_MAX], name[PATH_MAX], resolved[PATH_MAX];

	if (snprintf(parent, sizeof(parent), "%s", store) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(name, parent, sizeof(name));
	if (!realpath(dirname(parent), resolved))
		return -errno;
	return snprintf(place, PATH_MAX, "%s/%s", strcmp(resolved, "/") ? resolved : "", basename(name)) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

/* Was the store's directory removed while nodes of this machine hold what it told them? Then it is made anew: their
 * agents follow it. */
static bool is_lost(const struct xs_options *options)
{
	struct nodes nodes = { 0 };
	bool found;

	if (!access(options->store, F_OK) || errno != ENOENT || place_of_lost(options->store, nodes.place))
		return false;
	found = !xs_local_nodes(add_local, &nodes) && nodes.count;
	free(nodes.wait);
	return found;
}

/* Every node that the revision, a report or this machine knows to be this store's. */
static int find_nodes(struct nodes *nodes)
{
	struct xs_revision revision = { 0 };
	int error = xs_revision_get(nodes->store, &revision);

	if (error == -ENOENT || error == -EBADMSG)
		error = 0;
	for (size_t i = 0; i < revision.node_count && !error; i++)
		error = add_node(nodes, revision.node[i]);
	xs_revision_free(&revision);
	if (!error)
		error = xs_store_list(nodes->store, "report", add_node, nodes);
	return error ? error : xs_local_nodes(add_local, nodes);
}

static void note(struct nodes *nodes, const char *node, const char *state, const char *by)
{
	json_array_append_new(nodes->result, json_pack("{s:s,s:s,s:s}", "node", node, "state", state, "by", by));
}

/* For a node whose agent is gone. */
static void clean_here(struct nodes *nodes, const char *name)
{
	struct xs_report report = { 0 };
	struct xs_owner owner = { 0 };
	char error[XS_ERROR_TEXT] = "";
	const char *netns;
	int code = xs_owner_get(name, &owner);

	if (code && xs_report_get(nodes->store, name, &report))
		report.netns[0] = '\0';
	netns = code ? report.netns : owner.netns;
	code = xs_agent_clean(name, netns[0] ? netns : NULL, error);
	if (code && !error[0])
		snprintf(error, sizeof(error), "%s", strerror(-code));
	if (error[0]) {
		xs_complain("clean: node %s: %s", name, error);
		nodes->failed++;
	}
	note(nodes, name, error[0] ? "failed" : "done", "command");
}

/* What is on the node is another store's, which takes it down; nothing there is of this one. */
static void leave(struct nodes *nodes, const char *name, const char *other)
{
	struct xs_owner owner;

	if (access(other, F_OK) && !xs_owner_get(name, &owner)) {
		xs_complain(
			"clean: node %s: held by store %s, which is not there any more: xslice clean --store %s takes "
			"it down",
			name, other, other);
		nodes->failed++;
	}
	json_array_append_new(nodes->result,
			      json_pack("{s:s,s:s,s:s}", "node", name, "state", "held-elsewhere", "store", other));
}

/* Leaves in nodes->wait those whose agents will do it themselves. */
static void sort_nodes(struct nodes *nodes)
{
	size_t alive = 0;

	for (size_t i = 0; i < nodes->count; i++) {
		char other[PATH_MAX];

		if (xs_node_is_elsewhere(nodes->wait[i].node, nodes->place, other))
			leave(nodes, nodes->wait[i].node, other);
		else if (xs_agent_runs(nodes->wait[i].node))
			nodes->wait[alive++] = nodes->wait[i];
		else
			clean_here(nodes, nodes->wait[i].node);
	}
	nodes->count = alive;
}

static void print_result(const json_t *result)
{
	json_t *node;
	size_t i;

	if (!json_array_size(result))
		puts("nothing to take down");
	json_array_foreach(result, i, node)
	{
		const char *by = json_string_value(json_object_get(node, "by"));
		const char *store = json_string_value(json_object_get(node, "store"));

		if (store)
			printf("%-15s held by store %s\n", json_string_value(json_object_get(node, "node")), store);
		else
			printf("%-15s %s%s%s\n", json_string_value(json_object_get(node, "node")),
			       json_string_value(json_object_get(node, "state")), by ? " by its " : "", by ? by : "");
	}
}

#define KEY_TEXT 320

struct emptying {
	struct xs_store *store;
	char prefix[128];
	char *key; /* KEY_TEXT bytes: what was deleted last */
};

static int delete_key(void *context, const char *name)
{
	const struct emptying *emptying = context;

	snprintf(emptying->key, KEY_TEXT, "%s%s%s", emptying->prefix, emptying->prefix[0] ? "/" : "", name);
	return xs_store_delete(emptying->store, emptying->key);
}

/* All keys under a prefix, and the level itself. */
static int delete_level(struct emptying *emptying, const char *prefix)
{
	int error;

	snprintf(emptying->prefix, sizeof(emptying->prefix), "%s", prefix);
	error = xs_store_list(emptying->store, prefix, delete_key, emptying);
	if (error)
		return error;
	snprintf(emptying->key, KEY_TEXT, "%s", prefix);
	return xs_store_delete_level(emptying->store, prefix);
}

static int delete_image_revision(void *context, const char *revision)
{
	struct emptying one = *(const struct emptying *)context;
	char prefix[sizeof(one.prefix)];

	snprintf(prefix, sizeof(prefix), "image/%s", revision);
	return delete_level(&one, prefix);
}

/* key: KEY_TEXT bytes, the one at which it failed. */
static int empty_store(struct xs_store *store, char *key)
{
	static const char *const single[] = { "revision", XS_KEY_LEDGER, XS_KEY_DEFINITION, XS_KEY_GENERATION,
					      XS_KEY_PENDING };
	struct emptying emptying = { .store = store, .key = key };
	int error = 0;

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]) && !error; i++)
		error = delete_key(&emptying, single[i]);
	if (!error)
		error = delete_level(&emptying, "report");
	/* The level of the cells stays: agents watch it. */
	snprintf(emptying.prefix, sizeof(emptying.prefix), "cell");
	if (!error)
		error = xs_store_list(store, "cell", delete_key, &emptying);
	if (!error)
		error = xs_store_list(store, "image", delete_image_revision, &emptying);
	if (!error)
		error = xs_store_delete_level(store, "image");
	return error;
}

/* Tells the agents to hold nothing, and waits until they do. */
static int take_down(const struct xs_options *options, struct nodes *nodes)
{
	struct xs_apply_result empty = { 0 };
	char text[XS_ERROR_TEXT] = "";
	json_t *waits;
	int code;

	if (xs_apply_nothing(nodes->store, &empty, text)) {
		xs_complain("clean: store %s: %s", options->store, text);
		return XS_EXIT_FAILED;
	}
	sort_nodes(nodes);
	code = xs_await_nodes(options, nodes->store, nodes->wait, nodes->count, &empty.revision, 0);
	waits = xs_waits_json(nodes->wait, nodes->count, true);
	json_array_extend(nodes->result, waits);
	json_decref(waits);
	xs_apply_result_free(&empty);
	return nodes->failed ? nodes->count ? XS_EXIT_PARTLY : XS_EXIT_FAILED : code;
}

static int sweep(void *context, const char *node)
{
	xs_agent_sweep(node);
	return 0;
}

int xs_command_clean(const struct xs_options *options)
{
	struct nodes nodes = { .result = json_array() };
	int code = XS_EXIT_FAILED, error;

	if (xs_open_store(options, is_lost(options), &nodes.store))
		goto out;
	if (xs_lock_store(options, nodes.store))
		goto out;
	error = realpath(options->store, nodes.place) ? find_nodes(&nodes) : -errno;
	if (error) {
		xs_complain("clean: store %s: %s", options->store, strerror(-error));
		goto out;
	}
	code = nodes.count ? take_down(options, &nodes) : XS_EXIT_DONE;
	/* What a node could not give up must still be known to the next clean. */
	if (code == XS_EXIT_DONE) {
		char key[KEY_TEXT] = "";

		error = empty_store(nodes.store, key);
		if (error) {
			xs_complain("clean: store %s: key %s: %s", options->store, key, strerror(-error));
			code = XS_EXIT_FAILED;
		}
	}
	xs_local_nodes(sweep, NULL);
	if (options->json)
		xs_print_json(json_pack("{s:O}", "node", nodes.result));
	else if (code == XS_EXIT_DONE || json_array_size(nodes.result))
		print_result(nodes.result);
out:
	json_decref(nodes.result);
	free(nodes.wait);
	xs_store_close(nodes.store);
	return code;
}
