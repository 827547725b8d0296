// SPDX-License-Identifier: GPL-2.0-or-later
/* words.c - see words.h. */
#include "cli/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loader/base/parts.h"
#include "loader/model/domain.h"
#include "maps/contract.h"

#define NAME_MAX_TEXT 768

const char *const xs_word_kinds[] = { "node",      "port",      "slice", "vrf",  "link", "uplink", "gateway", "mux",
				      "condition", "migration", "group", "pool", "page", "route",  NULL };

/* ---- attributes -------------------------------------------------------------------------------------------------- */

/* The thing `name` of a kind, made where it is not there. Borrowed; NULL only without memory, which jansson's calls take. */
static json_t *thing(json_t *words, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
static json_t *thing(json_t *words, const char *kind, const char *format, ...)
{
	json_t *things = json_object_get(words, kind), *one;
	char name[NAME_MAX_TEXT];
	va_list list;

	if (!things) {
		json_object_set_new(words, kind, json_object());
		things = json_object_get(words, kind);
	}
	va_start(list, format);
	vsnprintf(name, sizeof(name), format, list);
	va_end(list);
	one = json_object_get(things, name);
	if (one)
		return one;
	json_object_set_new(things, name, json_object());
	return json_object_get(things, name);
}

static void set(json_t *one, const char *attribute, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void set(json_t *one, const char *attribute, const char *format, ...)
{
	char text[NAME_MAX_TEXT];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	json_object_set_new(one, attribute, json_string(text));
}

/* Of one of the thing's ends: "P1 address". */
static void set_of(json_t *one, const char *end, const char *attribute, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void set_of(json_t *one, const char *end, const char *attribute, const char *format, ...)
{
	char name[64], text[NAME_MAX_TEXT];
	va_list list;

	snprintf(name, sizeof(name), "%s %s", end, attribute);
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	json_object_set_new(one, name, json_string(text));
}

static void append(json_t *one, const char *attribute, const char *text)
{
	json_t *list = json_object_get(one, attribute);

	if (!list) {
		json_object_set_new(one, attribute, json_array());
		list = json_object_get(one, attribute);
	}
	json_array_append_new(list, json_string(text));
}

const char *xs_words_addresses(const struct xs_address address[XS_FAMILIES], const uint8_t length[XS_FAMILIES],
			       char *text)
{
	char one[XS_PREFIX_TEXT];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int f = 0; f < XS_FAMILIES; f++)
		if (address[f].family)
			used += (size_t)snprintf(text + used, XS_WORDS_TEXT - used, "%s%s/%u", used ? " " : "",
						 xs_address_text(&address[f], one), length[f]);
	return text;
}

static const char *subnets(const struct xs_rec_vport *vport, char *text)
{
	char one[XS_PREFIX_TEXT];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int f = 0; f < XS_FAMILIES; f++) {
		struct xs_prefix prefix = xs_prefix_mask(&vport->address[f], vport->length[f]);

		if (vport->address[f].family)
			used += (size_t)snprintf(text + used, XS_WORDS_TEXT - used, "%s%s", used ? " " : "",
						 xs_prefix_text(&prefix, one));
	}
	return text;
}

/* ---- things ------------------------------------------------------------------------------------------------------ */

static const char *slice_name(const struct xs_image *image, uint32_t id)
{
	const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &id);

	return slice ? slice->name : "-";
}

static const char *vrf_name(const struct xs_image *image, uint32_t slice)
{
	const struct xs_rec_slice *record = xs_image_find(image, XS_REC_SLICE, &slice);

	return record ? record->vrf : "-";
}

static const char *port_name(const struct xs_image *image, uint32_t id)
{
	const struct xs_rec_port *port = xs_image_find(image, XS_REC_PORT, &id);

	return port ? port->name : "-";
}

static const char *mux_of_edge(const struct xs_image *image, uint32_t edge)
{
	const struct xs_rec_mux *mux = xs_image_mux_of_edge(image, edge);

	return mux ? mux->name : "-";
}

static void add_port(json_t *words, const struct xs_image *image, const struct xs_rec_port *port)
{
	json_t *one = thing(words, "port", "%s/%s", image->header->node, port->name);
	const struct xs_rec_reserved *reserved;
	char range[32];

	set(one, "interface", "%s", port->interface);
	set(one, "mtu", "%u", port->mtu);
	set(one, "mode", "%s", port->mode == XS_MODE_GENERIC ? "generic" : "native");
	set(one, "attach", "%s", port->attach == XS_ATTACH_SHARED ? "shared" : "exclusive");
	set(one, "stack", "%s", port->stack == XS_STACK_LOCAL ? "local" : "wire");
	set(one, "used by", "%s",
	    port->exit                     ? "an exit"
	    : port->user && port->labelled ? "users and links"
	    : port->user                   ? "users"
	    : port->wan && port->labelled  ? "links and the node, for the WAN"
	    : port->wan                    ? "the node, for the WAN"
	    : port->labelled               ? "links"
					   : "VLANs of users");
	if (port->on) {
		set(one, "on", "%s", port_name(image, port->on));
		set(one, "vlan", "%u", port->vid);
	}
	for (size_t i = 0; (reserved = xs_image_at(image, XS_REC_RESERVED, i)); i++) {
		if (reserved->port != port->id)
			continue;
		snprintf(range, sizeof(range), reserved->first == reserved->last ? "%u" : "%u-%u", reserved->first,
			 reserved->last);
		append(one, "reserved-label", range);
	}
}

static void add_vport(json_t *words, const struct xs_image *image, const struct xs_rec_vport *vport)
{
	const char *slice = slice_name(image, vport->slice), *node = image->header->node,
		   *port = port_name(image, vport->port);
	char address[XS_WORDS_TEXT], mac[XS_PREFIX_TEXT], subnet[XS_WORDS_TEXT];
	const char *end;
	json_t *one;

	xs_words_addresses(vport->address, vport->length, address);
	xs_mac_text(&vport->mac, mac);
	switch (vport->kind) {
	case XS_VPORT_LINK:
		one = thing(words, "link", "%s/%s", slice, vport->name);
		set(one, "label", "%u", vport->vid);
		set(one, "mtu", "%u", vport->mtu);
		end = vrf_name(image, vport->slice);
		set_of(one, end, "port", "%s/%s", node, port);
		set_of(one, end, "address", "%s", address);
		set_of(one, end, "mac", "%s", mac);
		break;
	case XS_VPORT_GATEWAY:
		one = thing(words, "gateway", "%s/%s", slice, vport->name);
		set(one, "vrf", "%s", vrf_name(image, vport->slice));
		set(one, "port", "%s/%s", node, port);
		set(one, "subnet", "%s", subnets(vport, subnet));
		set(one, "address", "%s", address);
		set(one, "mac", "%s", mac);
		set(one, "mtu", "%u", vport->mtu);
		break;
	case XS_VPORT_EDGE:
		one = thing(words, "mux", "%s", mux_of_edge(image, vport->id));
		set(one, "port", "%s/%s", node, port);
		set(one, "address", "%s", address);
		set(one, "mac", "%s", mac);
		set(one, "mtu", "%u", vport->mtu);
		break;
	case XS_VPORT_MUX:
		one = thing(words, "mux", "%s", vport->name);
		set_of(one, slice, "address", "%s", address);
		break;
	case XS_VPORT_UPLINK:
		one = thing(words, "uplink", "%s/%s", slice, vrf_name(image, vport->slice));
		set(one, "mtu", "%u", vport->mtu);
		set(one, "mac", "%s", mac);
		break;
	}
}

/* Where goes on what no slice takes (R16). */
static void add_exit(json_t *words, const struct xs_image *image, const struct xs_rec_mux *mux)
{
	if (mux->exit)
		set(thing(words, "mux", "%s", mux->name), "exit", "%s/%s", image->header->node,
		    port_name(image, mux->exit));
}

/* The gateway or MUX that a vport is of: what is said of it is said of that. */
static json_t *user_of(json_t *words, const struct xs_image *image, uint32_t id)
{
	const struct xs_rec_vport *vport = xs_image_find(image, XS_REC_VPORT, &id);

	if (!vport)
		return NULL;
	return vport->kind == XS_VPORT_GATEWAY
		       ? thing(words, "gateway", "%s/%s", slice_name(image, vport->slice), vport->name)
		       : thing(words, "mux", "%s", mux_of_edge(image, id));
}

static void add_cell(json_t *words, const struct xs_image *image, const struct xs_rec_cell *cell)
{
	const struct xs_rec_cell *group = xs_image_find(image, XS_REC_CELL, &cell->group);
	json_t *one = thing(words, cell->kind == XS_CELL_GROUP ? "group" : "migration", "%s", cell->name);

	set(one, "cell", "%u", cell->id);
	if (cell->kind == XS_CELL_VM)
		set(one, "from", "%s", slice_name(image, cell->slice));
	if (group)
		set(one, "group", "%s", group->name);
}

static void add_address(json_t *words, const struct xs_image *image, const struct xs_rec_address *address)
{
	char text[XS_PREFIX_TEXT];

	xs_prefix_text(&address->prefix, text);
	if (address->slice)
		append(thing(words, "vrf", "%s/%s", slice_name(image, address->slice), vrf_name(image, address->slice)),
		       "addresses on links", text);
	else
		append(thing(words, "node", "%s", image->header->node), "mapped addresses", text);
}

/* By what a slice is expanded: only paging gives it pages, wherever it has a sliver. */
static void add_implementations(json_t *words, const struct xs_image *image)
{
	const struct xs_rec_slice *slice;
	const struct xs_rec_page *page;
	uint32_t last = 0;

	for (size_t i = 0; (slice = xs_image_at(image, XS_REC_SLICE, i)); i++)
		set(thing(words, "slice", "%s", slice->name), "implementation", "segmentation");
	for (size_t i = 0; (page = xs_image_at(image, XS_REC_PAGE, i)); i++) {
		if (page->slice != last)
			set(thing(words, "slice", "%s", slice_name(image, page->slice)), "implementation", "paging");
		last = page->slice;
	}
}

void xs_words_add(json_t *words, const struct xs_image *image)
{
	const struct xs_rec_node *node = xs_image_at(image, XS_REC_NODE, 0);
	const struct xs_rec_address *own;
	const struct xs_rec_source *source;
	const struct xs_rec_proxy *proxy;
	const struct xs_rec_slice *slice;
	const struct xs_rec_vport *vport;
	const struct xs_rec_cell *cell;
	const struct xs_rec_port *port;
	const struct xs_rec_pool *pool;
	const struct xs_rec_mux *mux;
	char text[XS_PREFIX_TEXT];
	json_t *one;

	one = thing(words, "node", "%s", image->header->node);
	if (node) {
		set(one, "address-blocks", "%u", node->blocks);
		set(one, "room for conditions", "%u", node->conditions);
		set(one, "room for cells", "%u", node->cells);
	}
	for (size_t i = 0; (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		add_port(words, image, port);
	for (size_t i = 0; (slice = xs_image_at(image, XS_REC_SLICE, i)); i++) {
		set(thing(words, "slice", "%s", slice->name), "id", "%u", slice->id);
		one = thing(words, "vrf", "%s/%s", slice->name, slice->vrf);
		set(one, "node", "%s", image->header->node);
		set(one, "id", "%u", slice->vrf_id);
	}
	for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
		add_vport(words, image, vport);
	for (size_t i = 0; (source = xs_image_at(image, XS_REC_SOURCE, i)); i++)
		append(user_of(words, image, source->vport), "users", xs_prefix_text(&source->prefix, text));
	for (size_t i = 0; (proxy = xs_image_at(image, XS_REC_PROXY, i)); i++)
		append(user_of(words, image, proxy->edge), "answers ARP for", xs_prefix_text(&proxy->prefix, text));
	for (size_t i = 0; (cell = xs_image_at(image, XS_REC_CELL, i)); i++)
		add_cell(words, image, cell);
	for (size_t i = 0; (mux = xs_image_at(image, XS_REC_MUX, i)); i++)
		add_exit(words, image, mux);
	for (size_t i = 0; (own = xs_image_at(image, XS_REC_ADDRESS, i)); i++)
		add_address(words, image, own);
	/* A page that is written is told as a page, where its slice is. */
	for (size_t i = 0; (pool = xs_image_at(image, XS_REC_POOL, i)); i++)
		if (!pool->written)
			thing(words, "pool", "%s", xs_prefix_text(&pool->prefix, text));
	add_implementations(words, image);
}

void xs_words_page(json_t *words, const struct xs_image *image, const struct xs_rec_page *page)
{
	char text[XS_PREFIX_TEXT];
	json_t *one = thing(words, "page", "%s of %s", xs_prefix_text(&page->prefix, text), slice_name(image, page->slice));

	set(one, "mapped", "%s", xs_prefix_text(&page->mapped, text));
	if (page->uplink)
		set(one, "hosts on", "%s", image->header->node);
}

void xs_words_route(json_t *words, const struct xs_image *image, const struct xs_rec_route *route)
{
	const struct xs_rec_vport *vport = xs_image_find(image, XS_REC_VPORT, &route->vport);
	const char *node = image->header->node, *device = vport ? vport->name : "-";
	char prefix[XS_PREFIX_TEXT], via[XS_PREFIX_TEXT];
	json_t *one;

	xs_prefix_text(&route->prefix, prefix);
	if (route->slice)
		one = thing(words, "route", "%s of %s/%s on %s", prefix, slice_name(image, route->slice),
			    vrf_name(image, route->slice), node);
	else
		one = thing(words, "route", "%s of mux %s on %s", prefix, mux_of_edge(image, route->edge), node);
	if (route->via.family)
		set(one, "way", "via %s by %s", xs_address_text(&route->via, via), device);
	else
		set(one, "way", "on %s", device);
}

/* ---- conditions -------------------------------------------------------------------------------------------------- */

static void say_range(struct xs_parts *parts, const char *what, const uint16_t range[2])
{
	if (range[0] == range[1])
		xs_parts_add(parts, "%s %u", what, range[0]);
	else
		xs_parts_add(parts, "%s %u-%u", what, range[0], range[1]);
}

const char *xs_words_condition(const struct xs_image *image, const struct xs_rec_condition *condition, char *text)
{
	struct xs_parts parts = xs_parts_in(text, XS_WORDS_CONDITION, " ");
	char prefix[XS_PREFIX_TEXT];

	if (condition->fields & XS_MATCH_ANY)
		xs_parts_add(&parts, "any");
	if (condition->fields & XS_MATCH_DESTINATION)
		xs_parts_add(&parts, "destination %s", xs_prefix_text(&condition->destination, prefix));
	if (condition->fields & XS_MATCH_SOURCE)
		xs_parts_add(&parts, "source %s", xs_prefix_text(&condition->source, prefix));
	if (condition->fields & XS_MATCH_PROTOCOL)
		xs_parts_add(&parts, "protocol %u", condition->protocol);
	if (condition->fields & XS_MATCH_SOURCE_PORT)
		say_range(&parts, "source-port", condition->source_port);
	if (condition->fields & XS_MATCH_DESTINATION_PORT)
		say_range(&parts, "destination-port", condition->destination_port);
	if (condition->fields & XS_MATCH_DSCP)
		say_range(&parts, "dscp", condition->dscp);
	if (condition->fields & XS_MATCH_INPUT_PORT)
		xs_parts_add(&parts, "input-port %s", port_name(image, condition->input_port));
	return text;
}

void xs_words_conditions(json_t *words, const struct xs_image *image)
{
	const struct xs_rec_condition *condition;

	for (size_t i = 0; (condition = xs_image_at(image, XS_REC_CONDITION, i)); i++) {
		const struct xs_rec_mux *mux = xs_image_find(image, XS_REC_MUX, &condition->mux);
		const struct xs_rec_cell *cell = xs_image_find(image, XS_REC_CELL, &condition->vm_cell);
		char text[XS_WORDS_CONDITION], name[NAME_MAX_TEXT];
		json_t *one;

		snprintf(name, sizeof(name), "%s of %s for %s at %s", xs_words_condition(image, condition, text),
			 condition->filter, slice_name(image, condition->slice), mux ? mux->name : "-");
		one = thing(words, "condition", "%s", name);
		/* One that is written twice is one thing that stands at two places. */
		append(thing(words, "mux", "%s", mux ? mux->name : "-"), XS_WORDS_ORDER, name);
		if (cell)
			set(one, "switched by", "%s", cell->name);
	}
}
