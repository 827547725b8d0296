// SPDX-License-Identifier: GPL-2.0-or-later
/* show.c - `xslice show`: what is in force, as the store's images and the nodes' reports tell. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/node_state.h"
#include "loader/manager/manager.h"
#include "maps/contract.h"

struct show {
	const char *only, *place;
	struct xs_store *store;
	json_t *node;
	json_t *cell;       /* object by name: a cell stands on every node with a MUX, and is shown once */
	json_t *slice_name; /* object: id -> name, over all nodes */
	json_t *held;       /* object: nodes of the active revision */
	struct xs_revision revision;
	char error[XS_ERROR_TEXT];
	bool found;
	bool partly; /* the image of a node could not be had */
};

static const char *address_json(const struct xs_address *address, char *text)
{
	return address->family ? xs_address_text(address, text) : NULL;
}

/* A list: one of each family that there is; with the length of its prefix where `length` is not NULL. */
static json_t *addresses_json(const struct xs_address address[XS_FAMILIES], const uint8_t *length)
{
	char text[XS_PREFIX_TEXT], whole[XS_PREFIX_TEXT + 8];
	json_t *array = json_array();

	for (int f = 0; f < XS_FAMILIES; f++) {
		if (!address[f].family)
			continue;
		xs_address_text(&address[f], text);
		snprintf(whole, sizeof(whole), length ? "%s/%u" : "%s", text, length ? length[f] : 0);
		json_array_append_new(array, json_string(whole));
	}
	return array;
}

static json_t *vports(const struct xs_image *image)
{
	const struct xs_rec_vport *vport;
	json_t *array = json_array();

	for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &vport->slice);
		const struct xs_rec_port *port = xs_image_find(image, XS_REC_PORT, &vport->port);
		char mac[XS_PREFIX_TEXT], netns[XS_NETNS_NAME];
		const char *node = image->header->node;

		if (slice)
			xs_sliver_netns(node, slice->name, netns);
		else
			xs_edge_netns(node, port ? port->name : "", netns);
		json_array_append_new(
			array, json_pack("{s:s,s:s,s:s?,s:s?,s:s?,s:i,s:i,s:o,s:o,s:s}", "name", vport->name, "kind",
					 xs_vport_kind_name(vport->kind), "slice", slice ? slice->name : NULL,
					 "namespace", xs_vport_has_veth(vport) ? netns : NULL,
					 "port", port ? port->name : NULL, "label", vport->vid, "mtu", vport->mtu,
					 "address", addresses_json(vport->address, vport->length), "peer",
					 addresses_json(vport->peer, NULL), "mac", xs_mac_text(&vport->mac, mac)));
	}
	return array;
}

static json_t *routes(const struct xs_image *image)
{
	const struct xs_rec_route *route;
	json_t *array = json_array();

	for (size_t i = 0; (route = xs_image_at(image, XS_REC_ROUTE, i)); i++) {
		const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &route->slice);
		const struct xs_rec_vport *vport = xs_image_find(image, XS_REC_VPORT, &route->vport);
		char prefix[XS_PREFIX_TEXT], via[XS_PREFIX_TEXT];

		json_array_append_new(array,
				      json_pack("{s:s?,s:s,s:s?,s:s?}", "slice", slice ? slice->name : NULL, "prefix",
						xs_prefix_text(&route->prefix, prefix), "via",
						address_json(&route->via, via), "device", vport ? vport->name : NULL));
	}
	return array;
}

/* *generation: of the latest switch of a cell of this node. */
static int note_cells(struct show *show, const struct xs_image *image, uint64_t *generation)
{
	const struct xs_rec_cell *cell;
	const struct xs_rec_slice *slice;
	char id[16];

	for (size_t i = 0; (slice = xs_image_at(image, XS_REC_SLICE, i)); i++) {
		snprintf(id, sizeof(id), "%u", slice->id);
		json_object_set_new(show->slice_name, id, json_string(slice->name));
	}
	for (size_t i = 0; (cell = xs_image_at(image, XS_REC_CELL, i)); i++) {
		const struct xs_rec_cell *group = xs_image_find(image, XS_REC_CELL, &cell->group);
		uint64_t word;
		int error = xs_cell_word(show->store, cell, &word);

		if (error) {
			snprintf(show->error, sizeof(show->error), "key cell/%u, of %s: %s", cell->id, cell->name,
				 error == -EBADMSG ? "not a cell" : strerror(-error));
			return error;
		}
		if (word >> XS_CELL_SLICE_BITS > *generation)
			*generation = word >> XS_CELL_SLICE_BITS;
		json_object_set_new(
			show->cell, cell->name,
			json_pack("{s:s,s:s?,s:I,s:I}", "kind", cell->kind == XS_CELL_GROUP ? "group" : "vm", "group",
				  group ? group->name : NULL, "generation", (json_int_t)(word >> XS_CELL_SLICE_BITS),
				  "slice_id", (json_int_t)(word & XS_CELL_SLICE_MASK)));
	}
	return 0;
}

/* Where each VM lives: the later of its own and its group's switch. Ids become names. */
static void resolve_cells(const struct show *show)
{
	const char *name;
	json_t *cell;

	json_object_foreach(show->cell, name, cell)
	{
		const char *group_name = json_string_value(json_object_get(cell, "group"));
		const json_t *group = group_name ? json_object_get(show->cell, group_name) : NULL;
		const json_t *winner = cell;
		const json_t *slice;
		char id[16];

		if (group && json_integer_value(json_object_get(group, "generation")) >
				     json_integer_value(json_object_get(cell, "generation")))
			winner = group;
		snprintf(id, sizeof(id), "%u", (unsigned int)json_integer_value(json_object_get(winner, "slice_id")));
		slice = json_object_get(show->slice_name, id);
		json_object_set_new(cell, "in", slice ? json_string(json_string_value(slice)) : json_null());
	}
	json_object_foreach(show->cell, name, cell) json_object_del(cell, "slice_id");
}

/* One node of the answer. image NULL: it is to hold nothing, and may not know that yet. */
static json_t *node_json(struct show *show, const char *node, const struct xs_image *image, uint64_t generation)
{
	char text[XS_NODE_TEXT];
	json_t *report;
	enum xs_node_state state = xs_node_state_get(show->store, show->place, node, &show->revision, generation, text, &report);

	return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:i}", "node", node, "state", xs_node_state_name(state), "text",
			 text, "report", report, "vport", image ? vports(image) : json_array(), "route",
			 image ? routes(image) : json_array(), "conditions",
			 image ? (int)image->count[XS_REC_CONDITION] : 0);
}

static int show_node(void *context, const char *node, const struct xs_image *image, const char *why)
{
	struct show *show = context;
	uint64_t generation = 0;
	int error = image ? note_cells(show, image, &generation) : 0;

	json_object_set_new(show->held, node, json_true());
	if (!image) {
		xs_complain("show: node %s: %s", node, why);
		show->partly = true;
	}
	if (error || (show->only && strcmp(show->only, node)))
		return error;
	show->found = true;
	json_array_append_new(show->node, node_json(show, node, image, generation));
	return 0;
}

/* A node that the definition has no more is shown until its agent has given up what it held. */
static int show_reported(void *context, const char *node)
{
	struct show *show = context;
	struct xs_report report;

	if (json_object_get(show->held, node) || (show->only && strcmp(show->only, node)) ||
	    (!xs_report_get(show->store, node, &report) && !report.failed &&
	     (!report.holds || xs_report_is_of(&report, &show->revision))))
		return 0;
	show->found = true;
	json_array_append_new(show->node, node_json(show, node, NULL, 0));
	return 0;
}

static void print_node(const json_t *node, bool detailed)
{
	json_t *member;
	size_t i;

	printf("%-15s %s\n", json_string_value(json_object_get(node, "node")),
	       json_string_value(json_object_get(node, "text")));
	json_array_foreach(json_object_get(node, "vport"), i, member)
	{
		const char *slice = json_string_value(json_object_get(member, "slice"));
		const char *port = json_string_value(json_object_get(member, "port"));
		json_int_t label = json_integer_value(json_object_get(member, "label"));
		json_t *address;
		size_t j;

		printf("  %-8s %-15s slice %-15s port %-10s ", json_string_value(json_object_get(member, "kind")),
		       json_string_value(json_object_get(member, "name")), slice ? slice : "-",
		       port ? port : "-");
		if (label)
			printf("vlan %-5" JSON_INTEGER_FORMAT, label);
		else
			printf("untagged  ");
		json_array_foreach(json_object_get(member, "address"), j, address)
			printf(" %s", json_string_value(address));
		putchar('\n');
	}
	if (!detailed)
		return;
	json_array_foreach(json_object_get(node, "route"), i, member)
	{
		const char *slice = json_string_value(json_object_get(member, "slice"));
		const char *via = json_string_value(json_object_get(member, "via"));

		printf("  route    slice %-15s %-18s %s%s dev %s\n", slice ? slice : "-",
		       json_string_value(json_object_get(member, "prefix")), via ? "via " : "on-link", via ? via : "",
		       json_string_value(json_object_get(member, "device")));
	}
}

static void print_cells(const json_t *cells)
{
	const char *name;
	json_t *cell;

	json_object_foreach((json_t *)cells, name, cell)
	{
		const char *group = json_string_value(json_object_get(cell, "group"));
		const char *slice = json_string_value(json_object_get(cell, "in"));

		printf("%-5s %-20s in %s%s%s\n", json_string_value(json_object_get(cell, "kind")), name,
		       slice ? slice : "no slice of its own", group ? ", group " : "", group ? group : "");
	}
}

int xs_command_show(const struct xs_options *options)
{
	struct show show = { .only = options->argc ? options->argv[0] : NULL, .place = options->store };
	struct xs_address address;
	int code = XS_EXIT_FAILED, result;
	json_t *node;
	size_t i;

	if (xs_open_store(options, false, &show.store))
		return XS_EXIT_FAILED;
	if (options->argc == 2) {
		code = xs_show_page(options, show.store);
		goto out;
	}
	if (show.only && !xs_address_parse(show.only, &address)) {
		code = xs_locate(options, show.store, &address);
		goto out;
	}
	show.node = json_array();
	show.cell = json_object();
	show.slice_name = json_object();
	show.held = json_object();
	result = xs_revision_get(show.store, &show.revision);
	if (result && result != -ENOENT) {
		xs_complain("show: store %s: key revision: %s", options->store, strerror(-result));
		goto out;
	}
	result = xs_active_images(show.store, show_node, &show, show.error);
	if (!result) {
		result = xs_store_list(show.store, "report", show_reported, &show);
		result = result == -ENOENT ? 0 : result;
	}
	if (result) {
		xs_complain("show: store %s: %s", options->store, show.error[0] ? show.error : strerror(-result));
		goto out;
	}
	if (show.only && !show.found) {
		xs_complain("show: '%s' is no address, and no node is called so (xslice show lists them)", show.only);
		code = XS_EXIT_USAGE;
		goto out;
	}
	resolve_cells(&show);
	code = show.partly ? XS_EXIT_PARTLY : XS_EXIT_DONE;
	if (options->json) {
		xs_print_json(json_pack("{s:I,s:O,s:O}", "revision", (json_int_t)show.revision.number, "node", show.node,
					"cell", show.cell));
	} else {
		printf("revision %llu\n", (unsigned long long)show.revision.number);
		json_array_foreach(show.node, i, node) print_node(node, show.only != NULL);
		if (!show.only)
			print_cells(show.cell);
	}
out:
	xs_revision_free(&show.revision);
	json_decref(show.node);
	json_decref(show.cell);
	json_decref(show.slice_name);
	json_decref(show.held);
	xs_store_close(show.store);
	return code;
}
