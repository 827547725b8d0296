/* SPDX-License-Identifier: GPL-2.0-or-later */
/* build.c - one node of a plan as records. Nothing is decided here. */
#include "loader/image/build.h"

#include <errno.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/plan/plan_types.h"

/* Names were checked against these sizes by the model. */
static void copy_name(char *to, size_t size, const char *from)
{
	strncpy(to, from, size - 1);
}

static struct xs_record head(unsigned int type)
{
	return (struct xs_record){ .type = (uint16_t)type, .size = xs_record_info(type)->size };
}

static int add_node(struct xs_image_writer *writer, const struct xs_p_node *node)
{
	const struct xs_rec_node record = {
		.head = head(XS_REC_NODE),
		.blocks = node->blocks,
		.guards = node->guards,
		.conditions = node->conditions,
		.cells = node->cell_entries,
	};

	return xs_image_writer_add(writer, &record);
}

static int add_port(struct xs_image_writer *writer, const struct xs_p_port *port)
{
	const struct xs_d_port *def = port->def;
	struct xs_rec_port record = {
		.head = head(XS_REC_PORT),
		.id = port->id,
		.user = port->user,
		.mtu = def->mtu,
		.mode = (uint8_t)def->mode,
		.attach = (uint8_t)def->attach,
		.stack = (uint8_t)def->stack,
		.labelled = port->labelled,
		.exit = port->exit,
		.wan = port->wan,
		.on = port->on ? port->on->id : 0,
		.vid = def->on ? def->vlan : 0,
	};
	size_t i;
	int err;

	copy_name(record.name, sizeof(record.name), def->name);
	copy_name(record.interface, sizeof(record.interface), def->interface);
	err = xs_image_writer_add(writer, &record);
	for (i = 0; i < def->reserved_count && !err; i++) {
		const struct xs_rec_reserved reserved = {
			.head = head(XS_REC_RESERVED),
			.port = port->id,
			.first = def->reserved[i].first,
			.last = def->reserved[i].last,
		};

		err = xs_image_writer_add(writer, &reserved);
		/* Written twice is reserved once. */
		if (err == -EEXIST)
			err = 0;
	}
	return err;
}

static int add_vport(struct xs_image_writer *writer, const struct xs_p_vport *vport)
{
	struct xs_rec_vport record = {
		.head = head(XS_REC_VPORT),
		.id = vport->id,
		.kind = vport->kind,
		.slice = vport->vrf ? vport->vrf->slice->id : 0,
		.port = vport->port ? vport->port->id : 0,
		.edge = vport->edge ? vport->edge->id : 0,
		.vid = vport->vid,
		.mtu = vport->mtu,
		.mac = vport->mac,
		.relay = vport->relay,
	};
	unsigned int f;

	for (f = 0; f < XS_FAMILIES; f++) {
		record.length[f] = vport->length[f];
		record.address[f] = vport->address[f];
		record.peer[f] = vport->peer[f];
		record.shared[f] = vport->shared[f];
	}
	copy_name(record.name, sizeof(record.name), vport->name);
	return xs_image_writer_add(writer, &record);
}

static int add_source(struct xs_image_writer *writer, const struct xs_p_vport *vport, const struct xs_prefix *prefix)
{
	const struct xs_rec_source record = { .head = head(XS_REC_SOURCE), .vport = vport->id, .prefix = *prefix };
	int err = xs_image_writer_add(writer, &record);

	return err == -EEXIST ? 0 : err;
}

static int add_routes(struct xs_image_writer *writer, uint32_t slice, uint32_t edge, const struct xs_p_list *routes)
{
	size_t i;
	int err = 0;

	for (i = 0; i < routes->count && !err; i++) {
		const struct xs_p_route *route = routes->item[i];
		const struct xs_rec_route record = {
			.head = head(XS_REC_ROUTE),
			.slice = slice,
			.edge = edge,
			.prefix = route->prefix,
			.vport = route->vport->id,
			.via = route->via,
		};

		err = xs_image_writer_add(writer, &record);
	}
	return err;
}

static int add_vrf(struct xs_image_writer *writer, const struct xs_p_vrf *vrf)
{
	struct xs_rec_slice record = { .head = head(XS_REC_SLICE), .id = vrf->slice->id, .vrf_id = vrf->id };
	int err;

	copy_name(record.name, sizeof(record.name), vrf->slice->def->name);
	copy_name(record.vrf, sizeof(record.vrf), vrf->def->name);
	err = xs_image_writer_add(writer, &record);
	return err ? err : add_routes(writer, vrf->slice->id, 0, &vrf->routes);
}

/* A VRF without a sliver has addresses of the node's own. */
static int add_pages(struct xs_image_writer *writer, const struct xs_p_vrf *vrf)
{
	size_t i;
	int err = 0;

	for (i = 0; i < vrf->parts.count && !err; i++) {
		const struct xs_p_part *part = vrf->parts.item[i];
		const struct xs_rec_page record = {
			.head = head(XS_REC_PAGE),
			.slice = vrf->slice->id,
			.prefix = part->prefix,
			.id = part->id,
			.uplink = part->uplink ? part->uplink->id : 0,
			.mapped = part->mapped,
			.own = part->own,
		};

		err = xs_image_writer_add(writer, &record);
	}
	for (i = 0; i < vrf->addresses.count && !err; i++) {
		const struct xs_rec_address record = { .head = head(XS_REC_ADDRESS),
						       .slice = vrf->sliver ? vrf->slice->id : 0,
						       .prefix = *(const struct xs_prefix *)vrf->addresses.item[i] };

		err = xs_image_writer_add(writer, &record);
	}
	return err;
}

static int add_pools(struct xs_image_writer *writer, const struct xs_p_node *node)
{
	int err = 0;

	for (size_t i = 0; i < node->pools.count && !err; i++) {
		const struct xs_p_pool *pool = node->pools.item[i];
		const struct xs_rec_pool record = {
			.head = head(XS_REC_POOL), .prefix = pool->prefix, .written = pool->written
		};

		err = xs_image_writer_add(writer, &record);
	}
	return err;
}

static int add_gateways(struct xs_image_writer *writer, const struct xs_p_vrf *vrf)
{
	const struct xs_p_slice *slice = vrf->slice;
	unsigned int f;
	size_t i, j;
	int err = 0;

	for (i = 0; i < slice->def->gateway_count && !err; i++) {
		const struct xs_p_gateway *gateway = &slice->gateway[i];

		if (gateway->vport->vrf != vrf)
			continue;
		for (f = 0; f < XS_FAMILIES && !err; f++) {
			if (gateway->def->subnet[f].family)
				err = add_source(writer, gateway->vport, &gateway->def->subnet[f]);
		}
		for (j = 0; j < gateway->def->behind_count && !err; j++)
			err = add_source(writer, gateway->vport, &gateway->def->behind[j].prefix);
	}
	return err;
}

static int add_cell(struct xs_image_writer *writer, const struct xs_p_cell *cell)
{
	struct xs_rec_cell record = {
		.head = head(XS_REC_CELL),
		.id = cell->id,
		.kind = cell->def ? XS_CELL_VM : XS_CELL_GROUP,
		.group = cell->group ? cell->group->id : 0,
		.slice = cell->slice ? cell->slice->id : 0,
		.generation = cell->generation,
	};

	copy_name(record.name, sizeof(record.name), cell->name);
	return xs_image_writer_add(writer, &record);
}

/* What the definition does not write stays zero in a record. */
static void copy_range(uint32_t written, const struct xs_d_range *range, uint16_t to[2])
{
	if (!written)
		return;
	to[0] = range->first;
	to[1] = range->last;
}

static int add_condition(struct xs_image_writer *writer, const struct xs_p_mux *mux, uint32_t position)
{
	const struct xs_p_condition *condition = &mux->condition[position];
	const struct xs_d_condition *def = condition->def;
	const struct xs_p_cell *cell = condition->cell;
	struct xs_rec_condition record = {
		.head = head(XS_REC_CONDITION),
		.mux = mux->id,
		.position = position,
		.slice = condition->vport->vrf->slice->id,
		.vport = condition->vport->id,
		.vm_cell = cell ? cell->id : 0,
		.group_cell = cell && cell->group ? cell->group->id : 0,
		.fields = def->fields,
		.number = condition->number,
		.input_port = condition->input_port ? condition->input_port->id : 0,
	};

	/* Whatever else it tests, it matches all. */
	if (def->fields & XS_MATCH_ANY)
		record.fields = XS_MATCH_ANY;
	if (record.fields & XS_MATCH_DESTINATION)
		record.destination = def->destination;
	if (record.fields & XS_MATCH_SOURCE)
		record.source = def->source;
	if (record.fields & XS_MATCH_PROTOCOL)
		record.protocol = def->protocol;
	copy_range(record.fields & XS_MATCH_SOURCE_PORT, &def->source_port, record.source_port);
	copy_range(record.fields & XS_MATCH_DESTINATION_PORT, &def->destination_port, record.destination_port);
	copy_range(record.fields & XS_MATCH_DSCP, &def->dscp, record.dscp);
	copy_name(record.filter, sizeof(record.filter), condition->filter->name);
	return xs_image_writer_add(writer, &record);
}

static int add_mux(struct xs_image_writer *writer, const struct xs_p_mux *mux)
{
	struct xs_rec_mux record = {
		.head = head(XS_REC_MUX), .id = mux->id, .edge = mux->edge->id, .exit = mux->exit ? mux->exit->id : 0
	};
	size_t i;
	int err;

	copy_name(record.name, sizeof(record.name), mux->def->name);
	err = xs_image_writer_add(writer, &record);
	if (!err)
		err = add_routes(writer, 0, mux->edge->id, &mux->routes);
	for (i = 0; i < mux->def->client_count && !err; i++)
		err = add_source(writer, mux->edge, &mux->def->client[i].prefix);
	for (i = 0; i < mux->proxies.count && !err; i++) {
		const struct xs_rec_proxy proxy = {
			.head = head(XS_REC_PROXY),
			.edge = mux->edge->id,
			.prefix = *(const struct xs_prefix *)mux->proxies.item[i],
		};

		err = xs_image_writer_add(writer, &proxy);
	}
	for (i = 0; i < mux->condition_count && !err; i++)
		err = add_condition(writer, mux, (uint32_t)i);
	return err;
}

int xs_image_build(const struct xs_plan *plan, size_t node, struct xs_image **out)
{
	const struct xs_p_node *from = &plan->node[node];
	struct xs_image_writer *writer = xs_image_writer_new(from->def->name);
	size_t i;
	int err = writer ? add_node(writer, from) : -ENOMEM;

	for (i = 0; i < from->def->port_count && !err; i++) {
		if (from->port[i].used)
			err = add_port(writer, &from->port[i]);
	}
	for (i = 0; i < from->vrfs.count && !err; i++) {
		const struct xs_p_vrf *vrf = from->vrfs.item[i];

		err = vrf->sliver ? add_vrf(writer, vrf) : 0;
		if (!err)
			err = add_gateways(writer, vrf);
		if (!err)
			err = add_pages(writer, vrf);
	}
	if (!err)
		err = add_pools(writer, from);
	for (i = 0; i < from->vports.count && !err; i++)
		err = add_vport(writer, from->vports.item[i]);
	for (i = 0; i < from->cells.count && !err; i++)
		err = add_cell(writer, from->cells.item[i]);
	for (i = 0; i < from->muxes.count && !err; i++)
		err = add_mux(writer, from->muxes.item[i]);
	if (!err)
		err = xs_image_writer_read(writer, out);
	xs_image_writer_free(writer);
	return err;
}
