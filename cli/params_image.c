// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * params_image.c - how many parameters an image contains: each field of a record that holds something counts as one, an
 * address of each family by itself. Sizes of maps, ports and what reserves labels are the network's below.
 */
#include "cli/params.h"

#include <string.h>

#include "maps/contract.h"

struct field {
	uint16_t offset, size;
};

#define FIELDS_MAX 24
#define F(type, field)                                                                                                 \
	{                                                                                                              \
		offsetof(struct xs_rec_##type, field), sizeof(((struct xs_rec_##type *)0)->field)                      \
	}
#define BOTH(type, field) F(type, field[XS_FAMILY4]), F(type, field[XS_FAMILY6])

static const struct field fields[XS_REC_COUNT][FIELDS_MAX] = {
	[XS_REC_NODE] = { F(node, blocks), F(node, conditions), F(node, cells) },
	[XS_REC_PORT] = { F(port, id), F(port, user), F(port, name), F(port, interface), F(port, mtu), F(port, mode),
			  F(port, attach), F(port, stack), F(port, labelled), F(port, exit), F(port, wan),
			  F(port, on), F(port, vid) },
	[XS_REC_RESERVED] = { F(reserved, port), F(reserved, first), F(reserved, last) },
	[XS_REC_SLICE] = { F(slice, id), F(slice, name) }, /* its VRF: below */
	[XS_REC_VPORT] = { F(vport, id), F(vport, kind), F(vport, slice), F(vport, port), F(vport, edge), F(vport, vid),
			   F(vport, mtu), F(vport, name), F(vport, mac), F(vport, relay), BOTH(vport, length),
			   BOTH(vport, address), BOTH(vport, peer), BOTH(vport, shared) },
	[XS_REC_SOURCE] = { F(source, vport), F(source, prefix) },
	[XS_REC_ROUTE] = { F(route, slice), F(route, edge), F(route, prefix), F(route, vport), F(route, via) },
	[XS_REC_PROXY] = { F(proxy, edge), F(proxy, prefix) },
	[XS_REC_CELL] = { F(cell, id), F(cell, kind), F(cell, group), F(cell, slice), F(cell, generation),
			  F(cell, name) },
	[XS_REC_MUX] = { F(mux, id), F(mux, edge), F(mux, exit), F(mux, name) },
	[XS_REC_CONDITION] = { F(condition, mux), F(condition, position), F(condition, slice), F(condition, vport),
			       F(condition, vm_cell), F(condition, group_cell), F(condition, fields),
			       F(condition, destination), F(condition, source), F(condition, source_port),
			       F(condition, destination_port), F(condition, dscp), F(condition, input_port),
			       F(condition, protocol), F(condition, number), F(condition, filter) },
	[XS_REC_PAGE] = { F(page, slice), F(page, prefix), F(page, id), F(page, uplink), F(page, mapped),
			  F(page, own) },
	[XS_REC_ADDRESS] = { F(address, slice), F(address, prefix) },
	[XS_REC_POOL] = { F(pool, prefix) },
};

static bool holds(const struct xs_record *record, const struct field *field)
{
	const uint8_t *byte = (const uint8_t *)record + field->offset;

	for (unsigned int i = 0; i < field->size; i++)
		if (byte[i])
			return true;
	return false;
}

static enum xs_component of_vport(uint32_t kind)
{
	switch (kind) {
	case XS_VPORT_LINK:
	case XS_VPORT_UPLINK:
		return XS_COMPONENT_LINK;
	case XS_VPORT_GATEWAY:
		return XS_COMPONENT_NODE;
	case XS_VPORT_WAN:
		return XS_COMPONENT_SUBSTRATE;
	default:
		return XS_COMPONENT_OTHER;
	}
}

static enum xs_component component_of(const struct xs_image *image, const struct xs_record *record)
{
	const struct xs_rec_vport *vport;

	switch (record->type) {
	case XS_REC_NODE:
	case XS_REC_PORT:
	case XS_REC_RESERVED:
		return XS_COMPONENT_SUBSTRATE;
	case XS_REC_SLICE:
	case XS_REC_PAGE:
	case XS_REC_POOL:
		return XS_COMPONENT_SLICE;
	case XS_REC_VPORT:
		return of_vport(((const struct xs_rec_vport *)record)->kind);
	case XS_REC_SOURCE:
		vport = xs_image_find(image, XS_REC_VPORT, &((const struct xs_rec_source *)record)->vport);
		return vport && vport->kind == XS_VPORT_GATEWAY ? XS_COMPONENT_NODE : XS_COMPONENT_OTHER;
	case XS_REC_ROUTE:
		return ((const struct xs_rec_route *)record)->slice ? XS_COMPONENT_NODE : XS_COMPONENT_OTHER;
	case XS_REC_ADDRESS:
		return XS_COMPONENT_LINK;
	default:
		return XS_COMPONENT_OTHER;
	}
}

void xs_params_image(const struct xs_image *image, unsigned int count[XS_COMPONENTS])
{
	for (uint32_t i = 0; i < image->header->record_count; i++) {
		const struct xs_record *record = image->record[i];
		enum xs_component component = component_of(image, record);

		for (size_t f = 0; f < FIELDS_MAX && fields[record->type][f].size; f++)
			count[component] += holds(record, &fields[record->type][f]);
		/* One record has the slice and its VRF. */
		if (record->type == XS_REC_SLICE)
			count[XS_COMPONENT_NODE] += 2;
	}
}
