// SPDX-License-Identifier: GPL-2.0-or-later
/* fill.c - sizes, labels and ports; and taking out what is no longer there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/model/domain.h"
#include "loader/node/datapath_private.h"
#include "loader/node/fill_private.h"

/* ---- sizes --------------------------------------------------------------------------------------------------------- */

#define NEXTHOPS_MIN 16384

static void size_pool(struct xs_datapath_size *size, uint32_t blocks, uint32_t guards)
{
	size->blocks = blocks;
	/* The plan knows its routes' and conditions' guards; those of neighbours and of a routing daemon's routes go by the blocks. */
	size->guards = guards;
	xs_fill_raise(&size->guards, (uint64_t)blocks * 2);
}

void xs_fill_size_spare(struct xs_datapath_size *out)
{
	*out = (struct xs_datapath_size){
		.ports = 16,
		.vports = 256,
		.slices = 256,
		.nexthops = NEXTHOPS_MIN + 256 * 16,
		.groups = 128,
		.cells = 1024,
		.muxes = 16,
		.pages = 1024,
		.nodes = 1024,
		.vectors = 1024,
		.generals = 1024,
		.mappings = 1024,
	};
	size_pool(out, 4096, 0);
}

void xs_fill_size(const struct xs_image *image, struct xs_datapath_size *out)
{
	const struct xs_rec_node *node;
	const struct xs_rec_port *port;
	const struct xs_rec_vport *vport;
	const struct xs_rec_slice *slice;
	struct xs_datapath_size size = { .nexthops = NEXTHOPS_MIN };

	if (!image)
		goto out;
	node = xs_image_at(image, XS_REC_NODE, 0);
	if (node) {
		size_pool(&size, node->blocks, node->guards);
		size.cells = node->cells;
	}
	for (size_t i = 0; (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		xs_fill_raise(&size.ports, (uint64_t)port->id + 1);
	for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
		xs_fill_raise(&size.vports, (uint64_t)vport->id + 1);
	for (size_t i = 0; (slice = xs_image_at(image, XS_REC_SLICE, i)); i++)
		xs_fill_raise(&size.slices, (uint64_t)slice->id + 1);
	/* A vport has a few neighbours; those of gateways with many users are what the rest is for. */
	xs_fill_raise(&size.nexthops, NEXTHOPS_MIN + (uint64_t)image->count[XS_REC_VPORT] * 16);
	xs_fill_mux_size(image, &size);
	xs_fill_page_size(image, &size);
out:
	*out = size;
}

/* ---- lifetime ------------------------------------------------------------------------------------------------------ */

struct xs_fill *xs_fill_new(struct xs_node_maps *maps, struct xs_pool *pool, struct xs_mux_space *space)
{
	struct xs_fill *fill = calloc(1, sizeof(*fill));

	if (fill) {
		fill->maps = maps;
		fill->pool = pool;
		fill->space = space;
	}
	return fill;
}

void xs_fill_free(struct xs_fill *fill)
{
	if (!fill)
		return;
	xs_fill_withdraw_sources(fill, NULL);
	xs_fill_withdraw_muxes(fill, NULL);
	xs_fill_withdraw_pages(fill, NULL);
	free(fill);
}

/* ---- flags --------------------------------------------------------------------------------------------------------- */

uint32_t xs_fill_port_flags(const struct xs_rec_port *port)
{
	const bool local = port->stack == XS_STACK_LOCAL, generic = port->mode == XS_MODE_GENERIC;

	return (local ? XS_PORT_LOCAL_STACK : 0) | (port->user ? XS_PORT_USER : 0) | (generic ? XS_PORT_GENERIC : 0) |
	       (local || generic ? XS_PORT_BY_TC : 0);
}

/* What XDP may see there besides, which depends on the device. */
static uint32_t device_flags(const struct xs_rec_port *port, const struct xs_node_port *device)
{
	bool merged = port->mode == XS_MODE_GENERIC || device->tap;

	if (port->stack == XS_STACK_LOCAL)
		return 0;
	return (merged || device->veth ? XS_PORT_UNFINISHED : 0) | (merged ? XS_PORT_MERGED : 0);
}

uint32_t xs_fill_flags_with(const struct xs_rec_port *port, const struct xs_node_port *device)
{
	return xs_fill_port_flags(port) | device_flags(port, device);
}

/* ---- labels -------------------------------------------------------------------------------------------------------- */

static int put_label(struct xs_fill *fill, uint32_t port, uint32_t vid, uint32_t leads_to)
{
	return xs_node_maps_put(fill->maps, XS_MAP_label, port * XS_VIDS + vid, &leads_to);
}

int xs_fill_labels(struct xs_fill *fill, const struct xs_image *image, char *error)
{
	const struct xs_rec_vport *record;
	const struct xs_rec_port *port;
	const struct xs_rec_reserved *reserved;
	int err = 0;

	for (size_t i = 0; err >= 0 && (record = xs_image_at(image, XS_REC_VPORT, i)); i++)
		if (record->kind == XS_VPORT_LINK)
			err = put_label(fill, record->port, record->vid, record->id);
	for (size_t i = 0; err >= 0 && (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		if (port->on)
			err = put_label(fill, port->on, port->vid, XS_LABEL_PORT | port->id);
	for (size_t i = 0; err >= 0 && (reserved = xs_image_at(image, XS_REC_RESERVED, i)); i++)
		for (uint32_t vid = reserved->first; err >= 0 && vid <= reserved->last; vid++)
			err = put_label(fill, reserved->port, vid, XS_LABEL_HOST);
	return err < 0 ? xs_explain(error, err, "labels: cannot fill the map: %s", strerror(-err)) : 0;
}

/* ---- ports --------------------------------------------------------------------------------------------------------- */

/* The vport that takes a port's untagged frames; NULL: they are the host's. */
static const struct xs_rec_vport *untagged_vport(const struct xs_image *image, uint32_t port)
{
	const struct xs_rec_vport *record;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_VPORT, i)); i++)
		if (record->port == port &&
		    (record->kind == XS_VPORT_GATEWAY || record->kind == XS_VPORT_EDGE || record->kind == XS_VPORT_WAN))
			return record;
	return NULL;
}

/* R16: the port that what is nobody's goes on by, from the port of a MUX's users to its exit and back; NULL: it has none. */
static const struct xs_rec_port *other_port(const struct xs_image *image, const struct xs_rec_port *port,
					    const struct xs_rec_mux *mux)
{
	const struct xs_rec_vport *edge;

	for (size_t i = 0; port->exit && (mux = xs_image_at(image, XS_REC_MUX, i)); i++)
		if (mux->exit == port->id)
			break;
	if (!mux || !mux->exit)
		return NULL;
	edge = xs_image_find(image, XS_REC_VPORT, &mux->edge);
	return xs_image_find(image, XS_REC_PORT, port->exit ? &edge->port : &mux->exit);
}

/* The device is no longer this port's. It may be another's by now, by a new name or in exchange: then it stays open. */
static int forget_device(struct xs_fill *fill, uint32_t ifindex, uint32_t port)
{
	uint32_t now, zero = 0;
	int err = ifindex ? xs_node_maps_get(fill->maps, XS_MAP_port_of_ifindex, ifindex, &now) : 0;

	if (!err && ifindex && now == port)
		err = xs_node_maps_put(fill->maps, XS_MAP_port_of_ifindex, ifindex, &zero);
	return err < 0 ? err : 0;
}

static int fill_port(struct xs_fill *fill, const struct xs_image *image, const struct xs_node *node,
		     const struct xs_node_port *device, const struct xs_rec_port *record)
{
	const struct xs_rec_vport *untagged = untagged_vport(image, record->id);
	struct xs_port now, entry = {.ifindex = device->ifindex, .flags = xs_fill_flags_with(record, device)};
	const struct xs_rec_mux *mux = NULL;
	const struct xs_rec_port *other;
	int err = xs_node_maps_get(fill->maps, XS_MAP_port, record->id, &now);

	if (!err && untagged) {
		entry.untagged = untagged->id;
		err = xs_fill_sources(fill, image, untagged->id, entry.source_root);
		if (untagged->kind == XS_VPORT_EDGE) {
			mux = xs_image_mux_of_edge(image, untagged->id);
			for (unsigned int i = 0; i < XS_FAMILIES; i++)
				memcpy(entry.edge_address[i].byte, untagged->address[i].bytes,
				       sizeof(entry.edge_address[i].byte));
		}
		if (mux)
			entry.mux = xs_fill_mux_entry(fill, mux->id);
	}
	other = other_port(image, record, mux);
	if (!err && other) {
		const struct xs_node_port *there = xs_node_port(node, other->id);

		if (!there)
			return -ENODEV;
		entry.other_ifindex = there->ifindex;
		entry.other_flags = xs_fill_port_flags(other);
	}
	if (!err && now.ifindex != entry.ifindex)
		err = forget_device(fill, now.ifindex, record->id);
	if (err >= 0)
		err = xs_node_maps_put(fill->maps, XS_MAP_port, record->id, &entry);
	if (err >= 0 && !record->on)
		err = xs_node_maps_put(fill->maps, XS_MAP_port_of_ifindex, entry.ifindex, &record->id);
	return err < 0 ? err : 0;
}

int xs_fill_ports(struct xs_fill *fill, const struct xs_image *image, const struct xs_node *node, char *error)
{
	const struct xs_rec_port *record;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_PORT, i)); i++) {
		const struct xs_node_port *device = xs_node_port(node, record->id);
		int err = device ? fill_port(fill, image, node, device, record) : -ENODEV;

		if (err)
			return xs_explain(error, err, "port %s: cannot fill the maps: %s", record->name, strerror(-err));
	}
	return 0;
}

/* ---- taking out ---------------------------------------------------------------------------------------------------- */

static int withdraw_ports(struct xs_fill *fill, const struct xs_image *image)
{
	int err = 0;

	for (uint32_t id = 1; err >= 0 && id < fill->maps->entries[XS_MAP_port]; id++) {
		struct xs_port now, none = {0};

		if (image && xs_image_find(image, XS_REC_PORT, &id))
			continue;
		err = xs_node_maps_get(fill->maps, XS_MAP_port, id, &now);
		if (!err)
			err = forget_device(fill, now.ifindex, id);
		if (!err)
			err = xs_node_maps_put(fill->maps, XS_MAP_port, id, &none);
	}
	return err < 0 ? err : 0;
}

static int withdraw_labels(struct xs_fill *fill, const struct xs_image *image)
{
	uint32_t *label = calloc(fill->maps->entries[XS_MAP_label], sizeof(*label));
	const struct xs_rec_reserved *reserved;
	const struct xs_rec_vport *record;
	const struct xs_rec_port *port;
	int err = label ? 0 : -ENOMEM;

	for (size_t i = 0; !err && image && (record = xs_image_at(image, XS_REC_VPORT, i)); i++)
		if (record->kind == XS_VPORT_LINK)
			label[record->port * XS_VIDS + record->vid] = record->id;
	for (size_t i = 0; !err && image && (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		if (port->on)
			label[port->on * XS_VIDS + port->vid] = XS_LABEL_PORT | port->id;
	for (size_t i = 0; !err && image && (reserved = xs_image_at(image, XS_REC_RESERVED, i)); i++)
		for (uint32_t vid = reserved->first; vid <= reserved->last; vid++)
			label[reserved->port * XS_VIDS + vid] = XS_LABEL_HOST;
	if (!err)
		err = xs_node_maps_put_many(fill->maps, XS_MAP_label, 0, fill->maps->entries[XS_MAP_label], label);
	free(label);
	return err < 0 ? err : 0;
}

int xs_fill_withdraw(struct xs_fill *fill, const struct xs_image *image, char *error)
{
	int err = withdraw_labels(fill, image);

	if (!err)
		err = withdraw_ports(fill, image);
	if (!err)
		err = xs_fill_withdraw_sources(fill, image);
	if (!err) {
		xs_fill_withdraw_muxes(fill, image);
		err = xs_fill_withdraw_pages(fill, image);
	}
	if (!err)
		err = xs_fill_withdraw_vports(fill, image);
	return err ? xs_explain(error, err, "cannot take former entries out of the maps: %s", strerror(-err)) : 0;
}
