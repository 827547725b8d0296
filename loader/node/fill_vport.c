// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fill_vport.c - entries of vports, and whose the frames of their veths are.
 *
 * Always holds: neither label, port nor veth leads to an entry while it becomes another's; a veth's word is taken out only by whom it
 * names.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/datapath_private.h"
#include "loader/node/fill_private.h"

static int vport_entry(const struct xs_image *image, const struct xs_node *node, const struct xs_rec_vport *record,
		       struct xs_vport *out)
{
	const struct xs_rec_port *port = xs_image_find(image, XS_REC_PORT, &record->port);
	const struct xs_rec_vport *edge = record->edge ? xs_image_find(image, XS_REC_VPORT, &record->edge) : NULL;
	const struct xs_node_vport *made = xs_node_vport(node, record->id);
	const struct xs_node_port *device = xs_node_port(node, record->port);

	if (!made || (record->port && (!port || !device)) || (record->edge && !edge))
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	out->kind = record->kind;
	out->slice = record->slice;
	out->port = record->port;
	out->port_ifindex = device ? device->ifindex : 0;
	out->port_flags = port ? xs_fill_flags_with(port, device) : 0;
	/* What another node sends by a veth is finished: see xs_port_prepare(). */
	if (record->kind == XS_VPORT_LINK && !(out->port_flags & XS_PORT_MERGED))
		out->port_flags &= ~(uint32_t)XS_PORT_UNFINISHED;
	out->veth = made->veth;
	out->edge = record->edge;
	out->vid = record->vid;
	out->mtu = record->mtu;
	if (record->kind == XS_VPORT_WAN) {
		memcpy(out->mac, made->inner_mac, XS_MAC_LEN);
		return 0;
	}
	memcpy(out->mac, edge ? edge->mac.bytes : record->mac.bytes, XS_MAC_LEN);
	memcpy(out->sliver_mac, made->inner_mac, XS_MAC_LEN);
	if (record->kind == XS_VPORT_EDGE)
		memcpy(out->relay_mac, record->relay.bytes, XS_MAC_LEN);
	return 0;
}

/* The veth of an entry that is about to go or to get another one no longer means this vport. It may mean another by now. */
static int forget_veth(struct xs_fill *fill, uint32_t id, uint32_t veth)
{
	uint32_t now, zero = 0;
	int err = veth ? xs_node_maps_get(fill->maps, XS_MAP_vport_of_ifindex, veth, &now) : 0;

	if (!err && veth && now == id)
		err = xs_node_maps_put(fill->maps, XS_MAP_vport_of_ifindex, veth, &zero);
	return err < 0 ? err : 0;
}

/* ---- what becomes another's -------------------------------------------------------------------------------------- */

/*
 * Ids are given again. If an image was missed between, one that is in use becomes another's, of another kind or slice. Of no slice
 * are edges and the WAN's, whose port says which it is; what is a slice's may move to another port and stays what it was. A slice's
 * number may be given again, too: only the former image's names tell.
 */
static bool is_anothers(const struct xs_vport *now, const struct xs_vport *entry, const struct xs_image *image,
			const struct xs_image *former)
{
	const struct xs_rec_slice *slice, *was;

	if (now->kind == XS_VPORT_NONE)
		return false;
	if (now->kind != entry->kind || now->slice != entry->slice || (!entry->slice && now->port != entry->port))
		return true;
	slice = xs_image_find(image, XS_REC_SLICE, &entry->slice);
	was = former ? xs_image_find(former, XS_REC_SLICE, &entry->slice) : NULL;
	return slice && was && strcmp(slice->name, was->name);
}

/* Another link or gateway of the same slice: nothing of a slice gets into another one, but they are not counted together. */
static bool is_counted_anew(const struct xs_rec_vport *record, const struct xs_image *former)
{
	const struct xs_rec_vport *was = former ? xs_image_find(former, XS_REC_VPORT, &record->id) : NULL;

	return was && was->slice && strcmp(was->name, record->name);
}

static int close_labels(struct xs_fill *fill, const bool *anothers)
{
	const uint32_t zero = 0;
	int err = 0;

	for (uint32_t at = 0; err >= 0 && at < fill->maps->entries[XS_MAP_label]; at++) {
		uint32_t leads_to;

		err = xs_node_maps_get(fill->maps, XS_MAP_label, at, &leads_to);
		if (!err && leads_to < fill->maps->entries[XS_MAP_vport] && anothers[leads_to])
			err = xs_node_maps_put(fill->maps, XS_MAP_label, at, &zero);
	}
	return err < 0 ? err : 0;
}

/* VLANs of users are among the ports. */
static int close_ports(struct xs_fill *fill, const bool *anothers)
{
	int err = 0;

	for (uint32_t id = 1; err >= 0 && id < fill->maps->entries[XS_MAP_port]; id++) {
		struct xs_port port;

		err = xs_node_maps_get(fill->maps, XS_MAP_port, id, &port);
		if (err || port.untagged >= fill->maps->entries[XS_MAP_vport] || !anothers[port.untagged])
			continue;
		port.untagged = 0;
		err = xs_node_maps_put(fill->maps, XS_MAP_port, id, &port);
	}
	return err < 0 ? err : 0;
}

/* What leads to a vport that becomes another's is taken out before; who was led there already is gone when this returns. */
static int close_anothers(struct xs_fill *fill, const bool *anothers)
{
	int err = close_labels(fill, anothers);

	if (!err)
		err = close_ports(fill, anothers);
	for (uint32_t id = 1; !err && id < fill->maps->entries[XS_MAP_vport]; id++) {
		struct xs_vport now;

		err = anothers[id] ? xs_node_maps_get(fill->maps, XS_MAP_vport, id, &now) : 0;
		if (!err && anothers[id])
			err = forget_veth(fill, id, now.veth);
	}
	if (!err)
		xs_pool_wait(fill->pool);
	return err;
}

static int explain_vport(char *error, int err, const struct xs_rec_vport *record)
{
	return xs_explain(error, err, "vport %s: cannot fill the maps: %s", record->name, strerror(-err));
}

/* Finds those that become another's, and closes them; where there are none, nothing is done. */
static int find_anothers(struct xs_fill *fill, const struct xs_image *image, const struct xs_image *former,
			 const struct xs_node *node, bool *anothers, char *error)
{
	const struct xs_rec_vport *record;
	bool any = false;
	int err = 0;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		struct xs_vport entry, now;

		err = vport_entry(image, node, record, &entry);
		if (!err)
			err = xs_node_maps_get(fill->maps, XS_MAP_vport, record->id, &now);
		if (err)
			return explain_vport(error, err, record);
		anothers[record->id] = is_anothers(&now, &entry, image, former);
		any |= anothers[record->id];
	}
	if (any)
		err = close_anothers(fill, anothers);
	return err ? xs_explain(error, err, "vports: cannot take out what led to former ones: %s", strerror(-err)) : 0;
}

/* ---- make -------------------------------------------------------------------------------------------------------- */

static int fill_vport(struct xs_fill *fill, uint32_t id, const struct xs_vport *entry, bool anew)
{
	struct xs_vport now;
	int err = xs_node_maps_get(fill->maps, XS_MAP_vport, id, &now);

	if (!err && (anew || now.kind == XS_VPORT_NONE))
		err = xs_stats_clear(fill->maps, XS_MAP_vport_stats, id);
	if (!err && now.veth != entry->veth)
		err = forget_veth(fill, id, now.veth);
	if (!err)
		err = xs_node_maps_put(fill->maps, XS_MAP_vport, id, entry);
	if (err >= 0 && entry->veth)
		err = xs_node_maps_put(fill->maps, XS_MAP_vport_of_ifindex, entry->veth, &id);
	return err < 0 ? err : 0;
}

int xs_fill_vports(struct xs_fill *fill, const struct xs_image *image, const struct xs_image *former, const struct xs_node *node,
		   char *error)
{
	bool *anothers = calloc(fill->maps->entries[XS_MAP_vport], sizeof(*anothers));
	const struct xs_rec_vport *record;
	int err;

	if (!anothers)
		return xs_explain(error, -ENOMEM, "vports: %s", strerror(ENOMEM));
	err = find_anothers(fill, image, former, node, anothers, error);
	for (size_t i = 0; !err && (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		struct xs_vport entry;

		err = vport_entry(image, node, record, &entry);
		if (!err)
			err = fill_vport(fill, record->id, &entry, anothers[record->id] || is_counted_anew(record, former));
		if (err)
			explain_vport(error, err, record);
	}
	free(anothers);
	return err;
}

/* ---- withdraw ---------------------------------------------------------------------------------------------------- */

int xs_fill_withdraw_vports(struct xs_fill *fill, const struct xs_image *image)
{
	int err = 0;

	for (uint32_t id = 1; err >= 0 && id < fill->maps->entries[XS_MAP_vport]; id++) {
		struct xs_vport now, none = {0};

		if (image && xs_image_find(image, XS_REC_VPORT, &id))
			continue;
		err = xs_node_maps_get(fill->maps, XS_MAP_vport, id, &now);
		if (!err)
			err = forget_veth(fill, id, now.veth);
		if (!err)
			err = xs_node_maps_put(fill->maps, XS_MAP_vport, id, &none);
	}
	return err < 0 ? err : 0;
}
