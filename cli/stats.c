// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stats.c - `xslice stats`: the counters of the nodes of this machine, read from their pinned maps, so it works while no agent
 * runs. Names come from the images in force.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "loader/manager/manager.h"
#include "maps/mux_policy.h"
#include "maps/node_maps.h"

struct stats {
	const char *only; /* NULL: all nodes */
	json_t *node;
	bool found;
	bool partly; /* the image of a node could not be had */
};

/* Verdicts that happened, by metric name; adds to `sum`. */
static json_t *verdicts(const struct xs_slice_stats *stats, struct xs_slice_stats *sum)
{
	json_t *object = json_object();

	for (int v = 0; v < XS_VERDICT_COUNT; v++) {
		if (stats->verdict[v])
			json_object_set_new(object, xs_verdict_name((enum xs_verdict)v),
					    json_integer((json_int_t)stats->verdict[v]));
		if (sum)
			sum->verdict[v] += stats->verdict[v];
	}
	return object;
}

static json_t *slice_stats(const struct xs_node_maps *maps, const struct xs_image *image, struct xs_slice_stats *sum)
{
	const struct xs_rec_slice *slice;
	struct xs_slice_stats stats;
	json_t *array = json_array();

	if (!xs_slice_stats_sum(maps, 0, &stats))
		json_array_append_new(array, json_pack("{s:n,s:o}", "name", "verdict", verdicts(&stats, sum)));
	for (size_t i = 0; (slice = xs_image_at(image, XS_REC_SLICE, i)); i++)
		if (!xs_slice_stats_sum(maps, slice->id, &stats))
			json_array_append_new(array, json_pack("{s:s,s:o}", "name", slice->name, "verdict",
							       verdicts(&stats, sum)));
	return array;
}

static json_t *port_stats(const struct xs_node_maps *maps, const struct xs_image *image, uint64_t *received)
{
	const struct xs_rec_port *port;
	struct xs_port_stats stats;
	json_t *array = json_array();

	for (size_t i = 0; (port = xs_image_at(image, XS_REC_PORT, i)); i++) {
		/* What comes by a VLAN of users is counted where it arrives, and by its gateway or edge. */
		if (port->on || xs_port_stats_sum(maps, port->id, &stats))
			continue;
		*received += stats.rx_packets;
		json_array_append_new(array, json_pack("{s:s,s:I,s:I}", "name", port->name, "rx_packets",
						       (json_int_t)stats.rx_packets, "rx_bytes", (json_int_t)stats.rx_bytes));
	}
	return array;
}

static json_t *link_stats(const struct xs_node_maps *maps, const struct xs_image *image)
{
	const struct xs_rec_vport *vport;
	struct xs_vport_stats stats;
	json_t *array = json_array();

	for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &vport->slice);

		if (xs_vport_stats_sum(maps, vport->id, &stats))
			continue;
		json_array_append_new(
			array, json_pack("{s:s,s:s,s:s?,s:I,s:I,s:I,s:I,s:I,s:I}", "name", vport->name, "kind", xs_vport_kind_name(vport->kind),
					 "slice", slice ? slice->name : NULL, "rx_packets", (json_int_t)stats.rx_packets,
					 "rx_bytes", (json_int_t)stats.rx_bytes, "tx_packets", (json_int_t)stats.tx_packets,
					 "tx_bytes", (json_int_t)stats.tx_bytes, "originated", (json_int_t)stats.originated,
					 "originated_dropped", (json_int_t)stats.originated_dropped));
	}
	return array;
}

/* The policy in force of a MUX: what the port of its edge names. */
static uint32_t policy_of(const struct xs_node_maps *maps, const struct xs_image *image, const struct xs_rec_mux *mux)
{
	const struct xs_rec_vport *edge = xs_image_find(image, XS_REC_VPORT, &mux->edge);
	struct xs_port port;

	if (!edge || xs_node_maps_get(maps, XS_MAP_port, edge->port, &port))
		return 0;
	return port.mux;
}

/* Where the conditions of a MUX count, by position; malloc()ed, NULL if that is not known. */
static uint32_t *rules_of(const struct xs_node_maps *maps, const struct xs_image *image, const struct xs_rec_mux *mux,
			  size_t *positions)
{
	const struct xs_rec_condition *condition;
	uint32_t policy = policy_of(maps, image, mux), *rule;

	*positions = 0;
	for (size_t i = 0; (condition = xs_image_at(image, XS_REC_CONDITION, i)); i++)
		if (condition->mux == mux->id && condition->position >= *positions)
			*positions = (size_t)condition->position + 1;
	rule = calloc(*positions + 1, sizeof(*rule));
	if (rule && (!policy || !*positions || xs_mux_rules(maps, policy, rule, *positions))) {
		free(rule);
		rule = NULL;
	}
	return rule;
}

/* A condition that another one always comes before counts nothing. */
static json_t *mux_stats(const struct xs_node_maps *maps, const struct xs_image *image)
{
	const struct xs_rec_condition *condition;
	const struct xs_rec_mux *mux;
	json_t *array = json_array();

	for (size_t i = 0; (mux = xs_image_at(image, XS_REC_MUX, i)); i++) {
		json_t *rules = json_array();
		size_t positions;
		uint32_t *rule = rules_of(maps, image, mux, &positions);

		for (size_t k = 0; rule && (condition = xs_image_at(image, XS_REC_CONDITION, k)); k++) {
			const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &condition->slice);
			uint64_t packets;

			if (condition->mux != mux->id || xs_mux_rule_stats_sum(maps, rule[condition->position], &packets))
				continue;
			json_array_append_new(rules, json_pack("{s:s,s:i,s:s,s:I}", "filter", condition->filter, "condition",
							       (int)condition->number, "slice", slice ? slice->name : "",
							       "packets", (json_int_t)packets));
		}
		free(rule);
		json_array_append_new(array, json_pack("{s:s,s:o}", "name", mux->name, "rule", rules));
	}
	return array;
}

static int node_stats(void *context, const char *node, const struct xs_image *image, const char *why)
{
	struct stats *stats = context;
	struct xs_slice_stats sum = {0};
	struct xs_node_maps maps;
	uint64_t received = 0;
	json_t *object, *port, *slice;
	int error;

	if (stats->only && strcmp(stats->only, node))
		return 0;
	stats->found = true;
	if (!image) {
		xs_complain("stats: node %s: %s", node, why);
		stats->partly = true;
		return 0;
	}
	error = xs_node_maps_open(&maps, node, false);
	if (error) {
		json_array_append_new(stats->node, json_pack("{s:s,s:s}", "node", node, "error",
							     error == -ENOENT ? "nothing is loaded on this machine" :
									       strerror(-error)));
		if (error != -ENOENT) {
			xs_complain("stats: node %s: its maps in " XS_PIN_ROOT ": %s%s", node, strerror(-error),
				    error == -EACCES || error == -EPERM ? " (they are root's)" : "");
			stats->partly = true;
		}
		return 0;
	}
	port = port_stats(&maps, image, &received);
	slice = slice_stats(&maps, image, &sum);
	object = json_pack("{s:s,s:I,s:o,s:o,s:o,s:o,s:o}", "node", node, "received", (json_int_t)received, "verdict",
			   verdicts(&sum, NULL), "port", port, "slice", slice, "link", link_stats(&maps, image), "mux",
			   mux_stats(&maps, image));
	xs_node_maps_close(&maps);
	json_array_append_new(stats->node, object);
	return 0;
}

static void print_verdicts(const char *name, const json_t *verdict)
{
	const char *key;
	json_t *value;

	printf("  %-24s", name);
	json_object_foreach ((json_t *)verdict, key, value)
		printf(" %s %" JSON_INTEGER_FORMAT, key, json_integer_value(value));
	putchar('\n');
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void print_node(const json_t *node)
{
	json_t *member, *rule;
	char name[80];
	size_t i, k;

	printf("%s\n", string(node, "node"));
	if (json_object_get(node, "error")) {
		printf("  %s\n", string(node, "error"));
		return;
	}
	printf("  %-24s %" JSON_INTEGER_FORMAT " packets\n", "received", number(node, "received"));
	print_verdicts("of these", json_object_get(node, "verdict"));
	json_array_foreach (json_object_get(node, "slice"), i, member) {
		snprintf(name, sizeof(name), "slice %s", string(member, "name"));
		if (json_object_size(json_object_get(member, "verdict")))
			print_verdicts(name, json_object_get(member, "verdict"));
	}
	json_array_foreach (json_object_get(node, "link"), i, member) {
		snprintf(name, sizeof(name), "%s %s of %s", string(member, "kind"), string(member, "name"),
			 string(member, "slice"));
		printf("  %-24s in %" JSON_INTEGER_FORMAT ", out %" JSON_INTEGER_FORMAT " (%" JSON_INTEGER_FORMAT
		       " from its kernel)\n",
		       name, number(member, "rx_packets"), number(member, "tx_packets"), number(member, "originated"));
	}
	json_array_foreach (json_object_get(node, "mux"), i, member) {
		json_array_foreach (json_object_get(member, "rule"), k, rule) {
			if (!number(rule, "packets"))
				continue;
			snprintf(name, sizeof(name), "mux %s -> %s", string(member, "name"), string(rule, "slice"));
			printf("  %-24s %" JSON_INTEGER_FORMAT " packets by condition %" JSON_INTEGER_FORMAT " of %s\n", name,
			       number(rule, "packets"), number(rule, "condition"), string(rule, "filter"));
		}
	}
}

int xs_command_stats(const struct xs_options *options)
{
	struct stats stats = {.only = options->argc ? options->argv[0] : NULL};
	struct xs_store *store = NULL;
	char error[XS_ERROR_TEXT];
	int code = XS_EXIT_FAILED;
	json_t *node;
	size_t i;

	if (xs_open_store(options, false, &store))
		return XS_EXIT_FAILED;
	stats.node = json_array();
	if (xs_active_images(store, node_stats, &stats, error)) {
		xs_complain("stats: store %s: %s", options->store, error);
	} else if (stats.only && !stats.found) {
		xs_complain("stats: no node is called '%s' (xslice show lists them)", stats.only);
		code = XS_EXIT_USAGE;
	} else if (options->json) {
		xs_print_json(json_pack("{s:O}", "node", stats.node));
		code = stats.partly ? XS_EXIT_PARTLY : XS_EXIT_DONE;
	} else {
		json_array_foreach (stats.node, i, node)
			print_node(node);
		code = stats.partly ? XS_EXIT_PARTLY : XS_EXIT_DONE;
	}
	json_decref(stats.node);
	xs_store_close(store);
	return code;
}
