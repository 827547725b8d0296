/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c - refuses an image whose numbers, names or references an agent could not rely on. One function per record
 * type; each returns NULL or the sentence that is printed.
 */
#include "loader/image/check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/model/domain.h"
#include "maps/contract.h"

#define MTU_MIN  68 /* RFC 791 */
#define DSCP_MAX 63

const char xs_image_no_memory[] = "out of memory";

/* ---- values ---- */

static bool zero(const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	while (size--) {
		if (*byte++)
			return false;
	}
	return true;
}

/* Not empty, terminated, zero behind its end, and fit to be a part of a path. */
static bool name_ok(const char *name, size_t size)
{
	size_t length = strnlen(name, size);

	return length && length < size && zero(name + length, size - length) && !memchr(name, '/', length) &&
	       strcmp(name, ".") && strcmp(name, "..");
}

/* Text for people: terminated, zero behind its end. */
static bool text_ok(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	return length && length < size && zero(text + length, size - length);
}

static bool id_ok(uint32_t id, uint32_t max)
{
	return id && id <= max;
}

static bool mac_ok(const struct xs_mac *mac)
{
	return !zero(mac, sizeof(*mac)) && !xs_mac_is_multicast(mac);
}

static bool address_ok(const struct xs_address *address)
{
	unsigned int bytes = xs_family_bits(address->family) / 8;

	return bytes && zero(address->pad, sizeof(address->pad)) &&
	       zero(address->bytes + bytes, sizeof(address->bytes) - bytes);
}

static bool address_of(const struct xs_address *address, uint8_t family)
{
	return address->family == family && address_ok(address);
}

static bool no_address(const struct xs_address *address)
{
	return zero(address, sizeof(*address));
}

static bool prefix_ok(const struct xs_prefix *prefix)
{
	struct xs_address base = { .family = prefix->family };
	struct xs_prefix clean;

	memcpy(base.bytes, prefix->bytes, sizeof(base.bytes));
	if (!address_ok(&base) || prefix->length > xs_family_bits(prefix->family))
		return false;
	clean = xs_prefix_mask(&base, prefix->length);
	return !memcmp(&clean, prefix, sizeof(clean));
}

/* ---- references ---- */

static const struct xs_rec_vport *vport_of_kind(const struct xs_image *image, uint32_t id, uint32_t kind)
{
	const struct xs_rec_vport *vport = xs_image_find(image, XS_REC_VPORT, &id);

	return vport && vport->kind == kind ? vport : NULL;
}

static bool cell_of_kind(const struct xs_image *image, uint32_t id, uint32_t kind)
{
	const struct xs_rec_cell *cell = xs_image_find(image, XS_REC_CELL, &id);

	return cell && cell->kind == kind;
}

/* ---- one function per type ---- */

static const char *check_node(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_node *node = (const struct xs_rec_node *)record;

	if (!node->blocks || node->blocks > XS_ENTRY_INDEX || node->guards > XS_ENTRY_INDEX)
		return "node: size of the address tables' pool out of range";
	if (!node->cells || node->cells > 2 * (XS_CELL_ID_MAX + 1))
		return "node: number of cells out of range";
	return NULL;
}

/* A VLAN of users has no more of its own than its id. */
static bool vlan_ok(const struct xs_image *image, const struct xs_rec_port *port)
{
	const struct xs_rec_port *on = xs_image_find(image, XS_REC_PORT, &port->on);

	return on && !on->on && !on->exit && port->vid >= XS_VID_MIN && port->vid <= XS_VID_MAX && !port->labelled && !port->exit && !port->wan &&
	       port->mode == on->mode && port->attach == on->attach && port->stack == on->stack && port->mtu <= on->mtu &&
	       !strncmp(port->interface, on->interface, sizeof(port->interface));
}

static const char *check_port(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_port *port = (const struct xs_rec_port *)record;

	if (!id_ok(port->id, XS_PORT_ID_MAX) || port->user > 1 || port->labelled > 1 || port->exit > 1 || port->wan > 1 ||
	    (port->exit && (port->user || port->labelled)) || (port->wan && (port->user || port->exit)) ||
	    port->mtu < MTU_MIN || port->mode > XS_MODE_GENERIC ||
	    port->attach > XS_ATTACH_SHARED || port->stack > XS_STACK_LOCAL || !zero(port->pad, sizeof(port->pad)))
		return "port: number out of range";
	if (port->on ? !vlan_ok(image, port) : port->vid)
		return "port: a VLAN of users on a port that is not there, or not for that";
	if (!name_ok(port->name, sizeof(port->name)) || !name_ok(port->interface, sizeof(port->interface)))
		return "port: bad name";
	return NULL;
}

static const char *check_reserved(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_reserved *reserved = (const struct xs_rec_reserved *)record;

	if (reserved->first < XS_VID_MIN || reserved->first > reserved->last || reserved->last > XS_VID_MAX)
		return "reserved labels: number out of range";
	return xs_image_find(image, XS_REC_PORT, &reserved->port) ? NULL
								  : "reserved labels: of a port that is not there";
}

static const char *check_slice(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_slice *slice = (const struct xs_rec_slice *)record;

	if (!id_ok(slice->id, XS_SLICE_MAX) || !slice->vrf_id)
		return "slice: number out of range";
	if (!name_ok(slice->name, sizeof(slice->name)) || !name_ok(slice->vrf, sizeof(slice->vrf)))
		return "slice: bad name";
	return NULL;
}

/* What a kind has of addresses, it has of each family that it carries. */
static bool vport_addresses_ok(const struct xs_rec_vport *vport, unsigned int index)
{
	const struct xs_address *address = &vport->address[index], *peer = &vport->peer[index],
				*shared = &vport->shared[index];
	uint8_t family = xs_family_at(index);

	if (!address->family)
		return !vport->length[index] && no_address(address) && no_address(peer) && no_address(shared);
	return address_of(address, family) && vport->length[index] <= xs_family_bits(family) &&
	       (vport->kind == XS_VPORT_GATEWAY ? no_address(peer) : address_of(peer, family)) &&
	       (vport->kind == XS_VPORT_MUX ? address_of(shared, family) : no_address(shared));
}

/* Nothing but the neighbour, whose address is the same everywhere, of the families that the slice carries. */
static bool uplink_addresses_ok(const struct xs_rec_vport *vport)
{
	static const char *const peers[XS_FAMILIES] = { XS_UPLINK_PEER4, XS_UPLINK_PEER6 };
	unsigned int i;

	for (i = 0; i < XS_FAMILIES; i++) {
		struct xs_address peer = { 0 };

		xs_address_parse(peers[i], &peer);
		if (vport->length[i] || !no_address(&vport->address[i]) || !no_address(&vport->shared[i]) ||
		    (!no_address(&vport->peer[i]) && memcmp(&vport->peer[i], &peer, sizeof(peer))))
			return false;
	}
	return true;
}

static bool wan_addresses_ok(const struct xs_rec_vport *vport)
{
	return zero(vport->length, sizeof(vport->length)) && zero(vport->address, sizeof(vport->address)) &&
	       zero(vport->peer, sizeof(vport->peer)) && zero(vport->shared, sizeof(vport->shared));
}

static const char *check_vport_addresses(const struct xs_rec_vport *vport)
{
	unsigned int i;

	if (vport->kind == XS_VPORT_UPLINK || vport->kind == XS_VPORT_WAN)
		return (vport->kind == XS_VPORT_WAN ? wan_addresses_ok(vport) : uplink_addresses_ok(vport))
			       ? NULL
			       : "virtual port: bad address";
	if (!vport->address[XS_FAMILY4].family && !vport->address[XS_FAMILY6].family)
		return "virtual port: no address";
	for (i = 0; i < XS_FAMILIES; i++) {
		if (!vport_addresses_ok(vport, i))
			return "virtual port: bad address";
	}
	return NULL;
}

static const char *check_vport_numbers(const struct xs_rec_vport *vport)
{
	bool link = vport->kind == XS_VPORT_LINK, wan = vport->kind == XS_VPORT_WAN;
	bool relay = vport->kind == XS_VPORT_EDGE || vport->kind == XS_VPORT_MUX || vport->kind == XS_VPORT_UPLINK;

	if (!id_ok(vport->id, XS_VPORT_ID_MAX) || vport->kind < XS_VPORT_LINK || vport->kind > XS_VPORT_WAN ||
	    vport->mtu < MTU_MIN || vport->vid > XS_VID_MAX || (link && vport->vid < XS_VID_MIN) ||
	    !zero(vport->pad, sizeof(vport->pad)))
		return "virtual port: number out of range";
	if (!name_ok(vport->name, sizeof(vport->name)))
		return "virtual port: bad name";
	if ((wan ? !zero(&vport->mac, sizeof(vport->mac)) : !mac_ok(&vport->mac)) ||
	    (relay ? !mac_ok(&vport->relay) : !zero(&vport->relay, sizeof(vport->relay))))
		return "virtual port: bad MAC";
	return check_vport_addresses(vport);
}

/* By which port: an uplink by none, since the node's own routes say it. */
static bool vport_port_ok(const struct xs_image *image, const struct xs_rec_vport *vport)
{
	const struct xs_rec_port *port = xs_image_find(image, XS_REC_PORT, &vport->port);

	switch (vport->kind) {
	case XS_VPORT_UPLINK:
		return !vport->port;
	case XS_VPORT_LINK:
		return port && port->labelled;
	case XS_VPORT_WAN:
		return port && port->wan;
	default:
		return port && port->user;
	}
}

/* Users' frames bear the tag of their port, if that is a VLAN; a MUX's are the edge's to send. */
static bool vport_vlan_ok(const struct xs_image *image, const struct xs_rec_vport *vport)
{
	const struct xs_rec_port *port = xs_image_find(image, XS_REC_PORT, &vport->port);

	if (vport->kind == XS_VPORT_LINK)
		return true;
	return vport->vid == (port && vport->kind != XS_VPORT_MUX ? port->vid : 0);
}

static const char *check_vport(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_vport *vport = (const struct xs_rec_vport *)record, *edge;
	bool substrate = vport->kind == XS_VPORT_EDGE || vport->kind == XS_VPORT_WAN;
	const char *why = check_vport_numbers(vport);

	if (why)
		return why;
	if (substrate ? vport->slice != 0 : !xs_image_find(image, XS_REC_SLICE, &vport->slice))
		return "virtual port: of a slice that is not there";
	if (!vport_port_ok(image, vport))
		return "virtual port: by a port that is not there, or not for that";
	if (!vport_vlan_ok(image, vport))
		return "virtual port: another VLAN than its port's";
	if (vport->kind != XS_VPORT_MUX)
		return vport->edge ? "virtual port: an edge where there is none" : NULL;
	edge = vport_of_kind(image, vport->edge, XS_VPORT_EDGE);
	if (!edge || edge->port != vport->port || memcmp(&edge->relay, &vport->relay, sizeof(edge->relay)))
		return "virtual port: its edge is not there, or another port's";
	return NULL;
}

static const char *check_source(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_source *source = (const struct xs_rec_source *)record;

	if (!prefix_ok(&source->prefix))
		return "source: bad prefix";
	if (!vport_of_kind(image, source->vport, XS_VPORT_GATEWAY) &&
	    !vport_of_kind(image, source->vport, XS_VPORT_EDGE))
		return "source: of a gateway or edge that is not there";
	return NULL;
}

static const char *check_route(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_route *route = (const struct xs_rec_route *)record;
	const struct xs_rec_vport *vport;

	if (!prefix_ok(&route->prefix) || route->pad)
		return "route: bad prefix";
	if (!no_address(&route->via) && (!address_ok(&route->via) || route->via.family != route->prefix.family))
		return "route: bad gateway address";
	if (route->slice ? route->edge || !xs_image_find(image, XS_REC_SLICE, &route->slice)
			 : !vport_of_kind(image, route->edge, XS_VPORT_EDGE))
		return "route: of a slice or edge that is not there";
	vport = xs_image_find(image, XS_REC_VPORT, &route->vport);
	if (!vport || vport->slice != route->slice || (route->edge && vport->id != route->edge))
		return "route: by a virtual port that is not there, or another slice's";
	return NULL;
}

static const char *check_proxy(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_proxy *proxy = (const struct xs_rec_proxy *)record;

	if (!prefix_ok(&proxy->prefix))
		return "proxy: bad prefix";
	return vport_of_kind(image, proxy->edge, XS_VPORT_EDGE) ? NULL : "proxy: of an edge that is not there";
}

static const char *check_cell(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_node *node = xs_image_at(image, XS_REC_NODE, 0);
	const struct xs_rec_cell *cell = (const struct xs_rec_cell *)record;
	bool vm = cell->kind == XS_CELL_VM;

	if (!id_ok(cell->id, XS_CELL_ID_MAX) || cell->id >= node->cells || (!vm && cell->kind != XS_CELL_GROUP) ||
	    (vm ? !id_ok(cell->slice, XS_SLICE_MAX) : cell->slice != 0) || cell->generation > XS_GENERATION_MAX)
		return "cell: number out of range";
	if (!text_ok(cell->name, sizeof(cell->name)))
		return "cell: bad name";
	if (vm ? cell->group && !cell_of_kind(image, cell->group, XS_CELL_GROUP) : cell->group != 0)
		return "cell: of a group that is not there";
	return NULL;
}

static const char *check_mux(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_mux *mux = (const struct xs_rec_mux *)record;
	const struct xs_rec_port *exit = xs_image_find(image, XS_REC_PORT, &mux->exit);

	if (!id_ok(mux->id, XS_MUX_ID_MAX) || mux->pad)
		return "MUX: number out of range";
	if (!name_ok(mux->name, sizeof(mux->name)))
		return "MUX: bad name";
	if (mux->exit && (!exit || !exit->exit))
		return "MUX: its exit is not there, or not for that";
	return vport_of_kind(image, mux->edge, XS_VPORT_EDGE) ? NULL : "MUX: its edge is not there";
}

static bool range_ok(const struct xs_rec_condition *condition, uint32_t field, const uint16_t range[2], uint16_t max)
{
	return condition->fields & field ? range[0] <= range[1] && range[1] <= max : !range[0] && !range[1];
}

static bool condition_prefix_ok(const struct xs_rec_condition *condition, uint32_t field,
				const struct xs_prefix *prefix)
{
	return condition->fields & field ? prefix_ok(prefix) : zero(prefix, sizeof(*prefix));
}

static const char *check_condition(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_condition *condition = (const struct xs_rec_condition *)record;
	const struct xs_rec_mux *mux = xs_image_find(image, XS_REC_MUX, &condition->mux);
	const struct xs_rec_vport *vport = vport_of_kind(image, condition->vport, XS_VPORT_MUX);

	if (!condition->fields || condition->fields >= XS_MATCH_ANY << 1 ||
	    (condition->fields & XS_MATCH_ANY && condition->fields != XS_MATCH_ANY) ||
	    !range_ok(condition, XS_MATCH_SOURCE_PORT, condition->source_port, UINT16_MAX) ||
	    !range_ok(condition, XS_MATCH_DESTINATION_PORT, condition->destination_port, UINT16_MAX) ||
	    !range_ok(condition, XS_MATCH_DSCP, condition->dscp, DSCP_MAX) ||
	    (condition->protocol && !(condition->fields & XS_MATCH_PROTOCOL)) || !condition->number ||
	    condition->position == XS_POSITION_NONE || !zero(condition->pad, sizeof(condition->pad)) || condition->pad2)
		return "condition: number out of range";
	if (!condition_prefix_ok(condition, XS_MATCH_DESTINATION, &condition->destination) ||
	    !condition_prefix_ok(condition, XS_MATCH_SOURCE, &condition->source))
		return "condition: bad prefix";
	if (!text_ok(condition->filter, sizeof(condition->filter)))
		return "condition: bad name";
	if (!mux)
		return "condition: of a MUX that is not there";
	if (!vport || vport->slice != condition->slice || vport->edge != mux->edge)
		return "condition: of a slice that its MUX does not have";
	if ((condition->vm_cell && !cell_of_kind(image, condition->vm_cell, XS_CELL_VM)) ||
	    (condition->group_cell &&
	     (!condition->vm_cell || !cell_of_kind(image, condition->group_cell, XS_CELL_GROUP))))
		return "condition: of a cell that is not there";
	if (condition->vm_cell && (!(condition->fields & XS_MATCH_DESTINATION) ||
				   condition->destination.length != xs_family_bits(condition->destination.family)))
		return "condition: a cell where no single address is named";
	if (condition->fields & XS_MATCH_INPUT_PORT ? !xs_image_find(image, XS_REC_PORT, &condition->input_port)
						    : condition->input_port != 0)
		return "condition: of a port that is not there";
	return NULL;
}

static const char *check_page(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_page *page = (const struct xs_rec_page *)record;
	const struct xs_rec_vport *uplink;

	if (!id_ok(page->id, XS_PAGE_ID_MAX) || !zero(page->pad, sizeof(page->pad)))
		return "page: number out of range";
	if (!prefix_ok(&page->prefix) || !prefix_ok(&page->mapped) || page->prefix.family != page->mapped.family ||
	    page->prefix.length != page->mapped.length)
		return "page: bad prefix";
	if (!xs_image_find(image, XS_REC_SLICE, &page->slice))
		return "page: of a slice that is not there";
	if (!page->uplink)
		return no_address(&page->own) ? NULL : "page: an own address where its hosts are not";
	uplink = vport_of_kind(image, page->uplink, XS_VPORT_UPLINK);
	if (!uplink || uplink->slice != page->slice)
		return "page: by an uplink that is not there, or another slice's";
	return address_of(&page->own, page->prefix.family) ? NULL : "page: bad own address";
}

static const char *check_address(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_address *address = (const struct xs_rec_address *)record;

	if (!prefix_ok(&address->prefix) || address->prefix.length != xs_family_bits(address->prefix.family))
		return "address: not one address";
	return !address->slice || xs_image_find(image, XS_REC_SLICE, &address->slice)
		       ? NULL
		       : "address: of a slice that is not there";
}

static const char *check_pool(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_pool *pool = (const struct xs_rec_pool *)record;

	(void)image;
	if (pool->written > 1)
		return "pool: number out of range";
	return prefix_ok(&pool->prefix) ? NULL : "pool: bad prefix";
}

static const char *(*const checks[XS_REC_COUNT])(const struct xs_image *image, const struct xs_record *record) = {
	[XS_REC_NODE] = check_node,   [XS_REC_PORT] = check_port,           [XS_REC_RESERVED] = check_reserved,
	[XS_REC_SLICE] = check_slice, [XS_REC_VPORT] = check_vport,         [XS_REC_SOURCE] = check_source,
	[XS_REC_ROUTE] = check_route, [XS_REC_PROXY] = check_proxy,         [XS_REC_CELL] = check_cell,
	[XS_REC_MUX] = check_mux,     [XS_REC_CONDITION] = check_condition, [XS_REC_PAGE] = check_page,
	[XS_REC_ADDRESS] = check_address, [XS_REC_POOL] = check_pool,
};

const char *xs_image_check(const struct xs_image *image)
{
	const char *why;
	size_t i;

	if (!name_ok(image->header->node, sizeof(image->header->node)))
		return "header: bad name of the node";
	if (image->count[XS_REC_NODE] != 1)
		return "no node record, or several";
	for (i = 0; i < image->header->record_count; i++) {
		why = checks[image->record[i]->type](image, image->record[i]);
		if (why)
			return why;
	}
	return xs_image_check_whole(image);
}
