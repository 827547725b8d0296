/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan_json.c - a plan for people and scripts:
 *
 *   cells    NAME → id, kind, generation, group, address, from, to       (by kind: "vm NAME", "group NAME")
 *   labels   physical link → SLICE/LINK → label
 *   nodes    NAME → ports, wan, slivers (with their virtual ports and routes), addresses (of its own instance), edges, muxes, sizes
 *   pages    SLICE → prefix → WAN prefix
 *   slices   NAME → id
 */
#include <jansson.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/plan/steps.h"

static const char *const origin_names[] = {
	[XS_ROUTE_WRITTEN] = "written",
	[XS_ROUTE_ATTACHED] = "attached",
	[XS_ROUTE_DERIVED] = "derived",
};

/* jansson's functions take NULL and then fail; what fails is left out, and the top is NULL (see xs_plan_json()). */
struct printer {
	const struct xs_plan *plan;
	bool failed;
};

static void set(struct printer *printer, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		printer->failed = true;
}

static void append(struct printer *printer, json_t *list, json_t *value)
{
	if (json_array_append_new(list, value))
		printer->failed = true;
}

static json_t *address(const struct xs_address *value)
{
	char text[XS_PREFIX_TEXT];

	return json_string(xs_address_text(value, text));
}

static json_t *prefix(const struct xs_prefix *value)
{
	char text[XS_PREFIX_TEXT];

	return json_string(xs_prefix_text(value, text));
}

static json_t *mac(const struct xs_mac *value)
{
	char text[XS_PREFIX_TEXT];

	return json_string(xs_mac_text(value, text));
}

/* The member `key`, an object, made where it is not there. Borrowed. */
static json_t *below(struct printer *printer, json_t *object, const char *key)
{
	json_t *member = json_object_get(object, key);

	if (member)
		return member;
	set(printer, object, key, json_object());
	return json_object_get(object, key);
}

/* Adds to the list `key` of an object. */
static void add_to(struct printer *printer, json_t *object, const char *key, json_t *value)
{
	if (!json_object_get(object, key))
		set(printer, object, key, json_array());
	append(printer, json_object_get(object, key), value);
}

/* As the definition has it: one of each family at most. NULL: none. */
static json_t *addresses(struct printer *printer, const struct xs_address value[XS_FAMILIES])
{
	json_t *list = NULL;
	unsigned int f;

	for (f = 0; f < XS_FAMILIES; f++) {
		if (!value[f].family)
			continue;
		list = list ? list : json_array();
		append(printer, list, address(&value[f]));
	}
	return list;
}

static void set_addresses(struct printer *printer, json_t *object, const char *key,
			  const struct xs_address value[XS_FAMILIES])
{
	json_t *list = addresses(printer, value);

	if (list)
		set(printer, object, key, list);
}

static json_t *own_addresses(struct printer *printer, const struct xs_p_vport *vport)
{
	char text[XS_PREFIX_TEXT], with_length[XS_PREFIX_TEXT + 8];
	json_t *list = json_array();
	unsigned int f;

	for (f = 0; f < XS_FAMILIES; f++) {
		if (!vport->address[f].family)
			continue;
		snprintf(with_length, sizeof(with_length), "%s/%u", xs_address_text(&vport->address[f], text),
			 vport->length[f]);
		append(printer, list, json_string(with_length));
	}
	return list;
}

static json_t *vport_json(struct printer *printer, const struct xs_p_vport *vport)
{
	json_t *object = json_object();

	set(printer, object, "id", json_integer(vport->id));
	set(printer, object, "kind", json_string(xs_vport_kind_name(vport->kind)));
	if (vport->port)
		set(printer, object, "port", json_string(vport->port->def->name));
	set(printer, object, "mtu", json_integer(vport->mtu));
	set(printer, object, "mac", mac(&vport->mac));
	set(printer, object, "address", own_addresses(printer, vport));
	if (vport->vid)
		set(printer, object, vport->kind == XS_VPORT_LINK ? "label" : "vlan", json_integer(vport->vid));
	set_addresses(printer, object, "peer", vport->peer);
	set_addresses(printer, object, "shared", vport->shared);
	if (xs_mac_given(&vport->relay))
		set(printer, object, "relay", mac(&vport->relay));
	return object;
}

static json_t *routes_json(struct printer *printer, const struct xs_p_list *routes)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < routes->count; i++) {
		const struct xs_p_route *route = xs_list_at(routes, i);
		json_t *object = json_object();

		set(printer, object, "prefix", prefix(&route->prefix));
		set(printer, object, "device", json_string(route->vport->name));
		set(printer, object, "origin", json_string(origin_names[route->origin]));
		if (route->via.family)
			set(printer, object, "via", address(&route->via));
		append(printer, list, object);
	}
	return list;
}

static json_t *vrf_json(struct printer *printer, const struct xs_p_vrf *vrf)
{
	json_t *object = json_object(), *devices = json_object();
	char netns[XS_NETNS_NAME];
	size_t i;

	set(printer, object, "vrf", json_string(vrf->def->name));
	set(printer, object, "vrf-id", json_integer(vrf->id));
	set(printer, object, "mac", mac(&vrf->mac));
	set(printer, object, "netns", json_string(xs_sliver_netns(vrf->node->def->name, vrf->slice->def->name, netns)));
	for (i = 0; i < vrf->vports.count; i++) {
		const struct xs_p_vport *vport = xs_list_at(&vrf->vports, i);

		set(printer, devices, vport->name, vport_json(printer, vport));
	}
	set(printer, object, "devices", devices);
	set(printer, object, "routes", routes_json(printer, &vrf->routes));
	for (i = 0; i < vrf->addresses.count; i++)
		add_to(printer, object, "addresses", prefix(xs_list_at(&vrf->addresses, i)));
	return object;
}

static json_t *edge_json(struct printer *printer, const struct xs_p_mux *mux)
{
	json_t *object = vport_json(printer, mux->edge), *list = json_array();
	char netns[XS_NETNS_NAME];
	size_t i;

	for (i = 0; i < mux->proxies.count; i++)
		append(printer, list, prefix(xs_list_at(&mux->proxies, i)));
	set(printer, object, "proxies", list);
	set(printer, object, "routes", routes_json(printer, &mux->routes));
	set(printer, object, "netns", json_string(xs_edge_netns(mux->node->def->name, mux->def->port->name, netns)));
	return object;
}

static json_t *mux_json(struct printer *printer, const struct xs_p_mux *mux)
{
	json_t *object = json_object(), *slices = json_object();
	size_t i;

	for (i = 0; i < mux->def->slice_count; i++)
		set_addresses(printer, slices, mux->def->slice[i].slice->name, mux->slice[i]->address);
	set(printer, object, "id", json_integer(mux->id));
	set(printer, object, "port", json_string(mux->def->port->name));
	if (mux->exit)
		set(printer, object, "exit", json_string(mux->exit->def->name));
	set(printer, object, "conditions", json_integer((json_int_t)mux->condition_count));
	set(printer, object, "slices", slices);
	return object;
}

static json_t *node_json(struct printer *printer, const struct xs_p_node *node)
{
	json_t *object = json_object(), *ports = json_object(), *slivers = json_object();
	size_t i, j;

	for (i = 0; i < node->def->port_count; i++) {
		if (node->port[i].used)
			set(printer, ports, node->port[i].def->name, json_integer(node->port[i].id));
		if (node->port[i].wan)
			add_to(printer, object, "wan", json_string(node->port[i].def->name));
	}
	for (i = 0; i < node->vrfs.count; i++) {
		const struct xs_p_vrf *vrf = xs_list_at(&node->vrfs, i);

		if (vrf->sliver)
			set(printer, slivers, vrf->slice->def->name, vrf_json(printer, vrf));
		for (j = 0; !vrf->sliver && j < vrf->addresses.count; j++)
			add_to(printer, object, "addresses", prefix(xs_list_at(&vrf->addresses, j)));
	}
	for (i = 0; i < node->muxes.count; i++) {
		const struct xs_p_mux *mux = xs_list_at(&node->muxes, i);

		set(printer, below(printer, object, "edges"), mux->def->port->name, edge_json(printer, mux));
		set(printer, below(printer, object, "muxes"), mux->def->name, mux_json(printer, mux));
	}
	set(printer, object, "ports", ports);
	set(printer, object, "slivers", slivers);
	set(printer, object, "blocks", json_integer(node->blocks));
	set(printer, object, "guards", json_integer(node->guards));
	set(printer, object, "conditions", json_integer(node->conditions));
	set(printer, object, "cells", json_integer(node->cell_entries));
	return object;
}

static void print_cell(struct printer *printer, json_t *cells, const struct xs_p_cell *cell)
{
	json_t *object = json_object();
	char key[XS_LONG_NAME_MAX + 8];

	snprintf(key, sizeof(key), "%s %s", cell->def ? "vm" : "group", cell->name);
	set(printer, object, "id", json_integer(cell->id));
	set(printer, object, "generation", json_integer((json_int_t)cell->generation));
	if (cell->group)
		set(printer, object, "group", json_string(cell->group->name));
	if (cell->def) {
		set_addresses(printer, object, "address", cell->def->address);
		set(printer, object, "from", json_string(cell->def->from->name));
		set(printer, object, "to", json_string(cell->def->to->name));
	}
	set(printer, cells, key, object);
}

static void print_slice(struct printer *printer, json_t *slices, json_t *labels, json_t *pages,
			const struct xs_p_slice *slice)
{
	char key[2 * XS_NAME_MAX + 2], text[XS_PREFIX_TEXT];
	size_t i;

	set(printer, slices, slice->def->name, json_integer(slice->id));
	for (i = 0; i < slice->def->link_count; i++) {
		const struct xs_p_link *link = &slice->link[i];

		if (!link->end[0])
			continue;
		snprintf(key, sizeof(key), "%s/%s", slice->def->name, link->def->name);
		set(printer, below(printer, labels, link->cable), key, json_integer(link->end[0]->vid));
	}
	for (i = 0; i < slice->page_count; i++)
		set(printer, below(printer, pages, slice->def->name), xs_prefix_text(&slice->page[i].prefix, text),
		    prefix(&slice->page[i].mapped));
}

/* Objects of jansson come out sorted when dumped with JSON_SORT_KEYS; in memory they keep the order in which they were
 * set. */
static json_t *sorted(const json_t *object)
{
	char *text = object ? json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	json_t *copy = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return copy;
}

json_t *xs_plan_json(const struct xs_plan *plan)
{
	struct printer printer = { .plan = plan };
	json_t *root = json_object(), *nodes, *slices, *labels, *pages, *cells, *result = NULL;
	size_t i;

	nodes = below(&printer, root, "nodes");
	slices = below(&printer, root, "slices");
	labels = below(&printer, root, "labels");
	pages = below(&printer, root, "pages");
	cells = below(&printer, root, "cells");
	for (i = 0; i < plan->domain->node_count; i++)
		set(&printer, nodes, plan->node[i].def->name, node_json(&printer, &plan->node[i]));
	for (i = 0; i < plan->domain->slice_count; i++)
		print_slice(&printer, slices, labels, pages, &plan->slice[i]);
	for (i = 0; i < plan->domain->migration_count; i++)
		print_cell(&printer, cells, &plan->cell[i]);
	for (i = 0; i < plan->groups.count; i++)
		print_cell(&printer, cells, xs_list_at(&plan->groups, i));
	if (!printer.failed)
		result = sorted(root);
	json_decref(root);
	return result;
}
