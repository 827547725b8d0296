// SPDX-License-Identifier: GPL-2.0-or-later
/* way.c - see way.h. */
#include "cli/way.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/manager/manager.h"
#include "loader/model/domain.h"
#include "maps/contract.h"

#define HOPS_MAX 64
#define END_MAX  256

/* ---- images ------------------------------------------------------------------------------------------------------ */

static int keep(void *context, const char *node, const struct xs_image *image, const char *why)
{
	struct xs_images *images = context;
	struct xs_image **grown;
	int error;

	if (!image) {
		xs_complain("show: node %s: %s", node, why);
		images->missing++;
		return 0;
	}
	grown = realloc(images->image, (images->count + 1) * sizeof(struct xs_image *));
	if (!grown)
		return -ENOMEM;
	images->image = grown;
	error = xs_image_read(image->header, image->size, &grown[images->count], NULL);
	images->count += !error;
	return error;
}

int xs_images_load(struct xs_store *store, struct xs_images *out, char *error)
{
	int result;

	error[0] = '\0';
	memset(out, 0, sizeof(*out));
	result = xs_active_images(store, keep, out, error);
	if (result && !error[0])
		snprintf(error, XS_ERROR_TEXT, "%s", strerror(-result));
	return result;
}

void xs_images_free(struct xs_images *images)
{
	for (size_t i = 0; i < images->count; i++)
		xs_image_free(images->image[i]);
	free(images->image);
	memset(images, 0, sizeof(*images));
}

/* ---- selection --------------------------------------------------------------------------------------------------- */

int xs_cell_slice(struct xs_store *store, const struct xs_image *image, uint32_t vm_cell, uint32_t group_cell,
		  uint32_t *slice, uint64_t *generation)
{
	const uint32_t id[2] = { vm_cell, group_cell };
	uint64_t best = 0;

	for (size_t i = 0; i < 2; i++) {
		const struct xs_rec_cell *cell = xs_image_find(image, XS_REC_CELL, &id[i]);
		uint64_t word;
		int error;

		if (!cell)
			continue;
		error = xs_cell_word(store, cell, &word);
		if (error)
			return error;
		/* A group that was never switched names no slice. */
		if (word & XS_CELL_SLICE_MASK && word > best)
			best = word;
	}
	*slice = best & XS_CELL_SLICE_MASK;
	*generation = best >> XS_CELL_SLICE_BITS;
	return 0;
}

bool xs_condition_concerns(const struct xs_rec_condition *condition, const struct xs_address *to, bool *only)
{
	*only = !(condition->fields & ~(uint32_t)(XS_MATCH_DESTINATION | XS_MATCH_ANY));
	return !(condition->fields & XS_MATCH_DESTINATION) || xs_prefix_contains(&condition->destination, to);
}

const char *xs_reserved(const struct xs_prefix *subnet, const struct xs_address *address)
{
	bool network = true, broadcast = true;

	if (subnet->family != XS_IPV4 || subnet->length > 30 || !xs_prefix_contains(subnet, address))
		return NULL;
	for (unsigned int i = subnet->length; i < xs_family_bits(XS_IPV4); i++) {
		bool bit = address->bytes[i / 8] >> (7 - i % 8) & 1;

		network &= !bit;
		broadcast &= bit;
	}
	return network ? "network" : broadcast ? "broadcast" : NULL;
}

/* ---- the way ----------------------------------------------------------------------------------------------------- */

struct hop {
	const struct xs_image *image;
	const struct xs_rec_slice *sliver;
	unsigned int family;
	/* What the longest prefix leads to. */
	const struct xs_rec_vport *vport; /* NULL: nothing */
	const struct xs_rec_route *route; /* NULL: it is on-link by that vport */
	struct xs_prefix prefix;
};

static bool is_at(const struct xs_address *mine, const struct xs_address *to)
{
	return mine->family && !xs_address_compare(mine, to);
}

/* The sliver's own device that holds the address; NULL: none. */
static const struct xs_rec_vport *own(const struct hop *hop, const struct xs_address *to)
{
	const struct xs_rec_vport *vport;

	for (size_t i = 0; (vport = xs_image_at(hop->image, XS_REC_VPORT, i)); i++)
		if (vport->slice == hop->sliver->id &&
		    (is_at(&vport->address[hop->family], to) || is_at(&vport->shared[hop->family], to)))
			return vport;
	return NULL;
}

/* Paging: an address on a link that has no device there. */
static bool on_lo(const struct hop *hop, const struct xs_address *to)
{
	struct {
		uint32_t slice;
		struct xs_prefix prefix;
	} key = { .slice = hop->sliver->id, .prefix = xs_prefix_of_host(to) };

	return xs_image_find(hop->image, XS_REC_ADDRESS, &key);
}

static void take(struct hop *hop, const struct xs_prefix *prefix, const struct xs_rec_vport *vport,
		 const struct xs_rec_route *route)
{
	if (!vport || (hop->vport && hop->prefix.length >= prefix->length))
		return;
	hop->vport = vport;
	hop->route = route;
	hop->prefix = *prefix;
}

static void look_up(struct hop *hop, const struct xs_address *to)
{
	const struct xs_rec_vport *vport;
	const struct xs_rec_route *route;

	for (size_t i = 0; (vport = xs_image_at(hop->image, XS_REC_VPORT, i)); i++) {
		const struct xs_address *address = &vport->address[hop->family];
		struct xs_prefix prefix;

		if (vport->slice != hop->sliver->id || !address->family)
			continue;
		if (vport->kind == XS_VPORT_MUX) {
			/* Point to point: its other end is the edge. */
			prefix = xs_prefix_of_host(to);
			if (is_at(&vport->peer[hop->family], to))
				take(hop, &prefix, vport, NULL);
			continue;
		}
		prefix = xs_prefix_mask(address, vport->length[hop->family]);
		if (xs_prefix_contains(&prefix, to))
			take(hop, &prefix, vport, NULL);
	}
	for (size_t i = 0; (route = xs_image_at(hop->image, XS_REC_ROUTE, i)); i++)
		if (route->slice == hop->sliver->id && xs_prefix_contains(&route->prefix, to))
			take(hop, &route->prefix, xs_image_find(hop->image, XS_REC_VPORT, &route->vport), route);
}

static json_t *hop_json(const struct hop *hop)
{
	const struct xs_rec_port *port = xs_image_find(hop->image, XS_REC_PORT, &hop->vport->port);
	char prefix[XS_PREFIX_TEXT], via[XS_PREFIX_TEXT];
	const struct xs_address *next = hop->route && hop->route->via.family ? &hop->route->via : NULL;

	return json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s,s:s,s:s,s:i}", "node", hop->image->header->node, "slice",
			 hop->sliver->name, "vrf", hop->sliver->vrf, "route", xs_prefix_text(&hop->prefix, prefix),
			 "via", next ? xs_address_text(next, via) : NULL, "kind", xs_vport_kind_name(hop->vport->kind), "device",
			 hop->vport->name, "port", port ? port->name : "-", "label", (int)hop->vport->vid);
}

/* The node where the link's other end is; images->count: nowhere. */
static size_t other_end(const struct xs_images *images, const struct hop *hop)
{
	for (size_t i = 0; i < images->count; i++) {
		const struct xs_rec_vport *vport;

		if (images->image[i] == hop->image)
			continue;
		for (size_t k = 0; (vport = xs_image_at(images->image[i], XS_REC_VPORT, k)); k++)
			if (vport->kind == XS_VPORT_LINK && vport->slice == hop->vport->slice &&
			    !strcmp(vport->name, hop->vport->name))
				return i;
	}
	return images->count;
}

/*
 * By paging the WAN leads to wherever the hosts of the page are: to the node that says so of the longest prefix. Where a link's
 * end has no sliver, to one whose own instance holds the address, mapped. images->count: nowhere.
 */
static size_t beyond_uplink(const struct xs_images *images, const struct hop *hop, const struct xs_address *to, bool *own_instance)
{
	struct xs_prefix host = xs_prefix_of_host(to);
	const struct xs_rec_page *page, *best = NULL;
	size_t found = images->count;

	*own_instance = false;
	for (size_t i = 0; i < images->count; i++) {
		for (size_t k = 0; (page = xs_image_at(images->image[i], XS_REC_PAGE, k)); k++) {
			if (page->slice != hop->sliver->id || !xs_prefix_contains(&page->prefix, to) ||
			    (best && (best->prefix.length > page->prefix.length ||
				      (best->prefix.length == page->prefix.length && !page->uplink))))
				continue;
			best = page;
			found = page->uplink ? i : images->count;
		}
	}
	if (!best || found < images->count)
		return found;
	host = xs_prefix_shift(&host, &best->prefix, &best->mapped);
	for (size_t i = 0; i < images->count; i++) {
		const struct xs_rec_address *address;

		for (size_t k = 0; (address = xs_image_at(images->image[i], XS_REC_ADDRESS, k)); k++) {
			*own_instance = !address->slice && !xs_prefix_compare(&address->prefix, &host);
			if (*own_instance)
				return i;
		}
	}
	return found;
}

static bool step_beyond(const struct xs_images *images, const struct hop *hop, size_t *at, const struct xs_address *to, char *end,
			bool *arrives)
{
	bool own_instance;
	size_t next = beyond_uplink(images, hop, to, &own_instance);

	if (next == images->count) {
		snprintf(end, END_MAX, "the WAN, where no node of the slice has it");
		return false;
	}
	if (own_instance) {
		*arrives = true;
		snprintf(end, END_MAX, "node %s itself holds it, mapped", images->image[next]->header->node);
		return false;
	}
	if (images->image[next] == hop->image) {
		snprintf(end, END_MAX, "the WAN, which leads back");
		return false;
	}
	*at = next;
	return true;
}

/* Users behind a MUX: on its port, or behind a router there, by the edge's own routes. */
static void end_at_edge(const struct hop *hop, const struct xs_address *to, char *end)
{
	const struct xs_rec_vport *edge = xs_image_find(hop->image, XS_REC_VPORT, &hop->vport->edge);
	const struct xs_rec_route *route;
	char via[XS_PREFIX_TEXT] = "";

	for (size_t i = 0; edge && (route = xs_image_at(hop->image, XS_REC_ROUTE, i)); i++)
		if (!route->slice && route->edge == edge->id && route->via.family &&
		    xs_prefix_contains(&route->prefix, to))
			xs_address_text(&route->via, via);
	if (!hop->route) {
		snprintf(end, END_MAX, "the edge of MUX %s on %s itself holds it", hop->vport->name,
			 hop->image->header->node);
		return;
	}
	snprintf(end, END_MAX, "users of MUX %s on port %s of %s%s%s", hop->vport->name, edge ? edge->name : "-",
		 hop->image->header->node, via[0] ? ", behind " : "", via);
}

static void end_at_gateway(const struct hop *hop, char *end)
{
	const struct xs_rec_port *port = xs_image_find(hop->image, XS_REC_PORT, &hop->vport->port);
	char via[XS_PREFIX_TEXT] = "";

	if (hop->route && hop->route->via.family)
		xs_address_text(&hop->route->via, via);
	snprintf(end, END_MAX, "gateway %s, port %s of %s%s%s", hop->vport->name, port ? port->name : "-",
		 hop->image->header->node, via[0] ? ", behind " : "", via);
}

/* One sliver. True: the way goes on, at *at; otherwise `end` says how it ends. */
static bool step(const struct xs_images *images, size_t *at, uint32_t slice, const struct xs_address *to, json_t *hops,
		 char *end, bool *arrives)
{
	struct hop hop = { .image = images->image[*at], .family = xs_family_index(to->family) };
	const char *node = hop.image->header->node;
	const struct xs_rec_vport *mine;
	const char *reserved;

	hop.sliver = xs_image_find(hop.image, XS_REC_SLICE, &slice);
	if (!hop.sliver) {
		snprintf(end, END_MAX, "the slice has no VRF on %s", node);
		return false;
	}
	mine = own(&hop, to);
	if (!mine && on_lo(&hop, to)) {
		*arrives = true;
		snprintf(end, END_MAX, "VRF %s on %s itself holds it", hop.sliver->vrf, node);
		return false;
	}
	if (mine) {
		*arrives = true;
		snprintf(end, END_MAX, "VRF %s on %s itself holds it, on %s", hop.sliver->vrf, node, mine->name);
		return false;
	}
	look_up(&hop, to);
	if (!hop.vport) {
		snprintf(end, END_MAX, "VRF %s on %s has no route to it", hop.sliver->vrf, node);
		return false;
	}
	reserved = hop.route || hop.vport->kind == XS_VPORT_MUX ? NULL : xs_reserved(&hop.prefix, to);
	if (reserved) {
		snprintf(end, END_MAX, "VRF %s on %s: the %s address of the subnet of %s, which no host has", hop.sliver->vrf,
			 node, reserved, hop.vport->name);
		return false;
	}
	json_array_append_new(hops, hop_json(&hop));
	if (hop.vport->kind == XS_VPORT_UPLINK)
		return step_beyond(images, &hop, at, to, end, arrives);
	if (hop.vport->kind == XS_VPORT_LINK && (hop.route || is_at(&hop.vport->peer[hop.family], to))) {
		*at = other_end(images, &hop);
		if (*at < images->count)
			return true;
		snprintf(end, END_MAX, "link %s has no other end", hop.vport->name);
	} else if (hop.vport->kind == XS_VPORT_LINK) {
		snprintf(end, END_MAX, "link %s, where neither end has it", hop.vport->name);
	} else {
		*arrives = true;
		if (hop.vport->kind == XS_VPORT_MUX)
			end_at_edge(&hop, to, end);
		else
			end_at_gateway(&hop, end);
	}
	return false;
}

json_t *xs_way(const struct xs_images *images, size_t from, uint32_t slice, const struct xs_address *to)
{
	json_t *hops = json_array();
	char end[END_MAX] = "it goes round in a circle";
	bool arrives = false;

	for (size_t i = 0; i < HOPS_MAX && step(images, &from, slice, to, hops, end, &arrives); i++)
		continue;
	return json_pack("{s:o,s:s,s:b}", "hop", hops, "end", end, "arrives", arrives);
}
