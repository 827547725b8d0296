/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_route.c - routes: their next router is a neighbour of the VRF, gateway or MUX that has them, and a prefix has
 * one.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

/* A subnet that the VRF has an address in. */
struct attached {
	struct xs_prefix subnet;
	struct xs_address own, other; /* other: the one other host that a link has; NONE: any */
	const char *kind, *name;
	const struct xs_place *place;
};

struct attachments {
	struct attached *list;
	size_t count;
};

/* False: it has no subnet of the family, or none to speak of. */
static bool attach_gateway(const struct xs_d_gateway *gateway, unsigned int f, struct attached *out)
{
	*out = (struct attached){ .subnet = gateway->subnet[f],
				  .own = gateway->address[f],
				  .kind = "gateway",
				  .name = gateway->name,
				  .place = &gateway->subnet_place[f] };
	return out->subnet.family && (out->own.family || !xs_prefix_nth(&out->subnet, 1, &out->own));
}

static int find_attached(struct xs_check *check, const struct xs_d_vrf *vrf, struct attachments *out)
{
	const struct xs_d_slice *slice = vrf->slice;

	out->count = 0;
	out->list = xs_arena_array(check->scratch, XS_FAMILIES * (slice->link_count + slice->gateway_count),
				   sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	for (size_t i = 0; i < XS_FAMILIES * slice->link_count; i++) {
		const struct xs_d_link *link = &slice->link[i / XS_FAMILIES];
		const struct xs_prefix *subnet = &link->subnet[i % XS_FAMILIES];
		unsigned int end = link->end[0] == vrf ? 0 : 1;
		struct attached attached = { .subnet = *subnet,
					     .kind = "link",
					     .name = link->name,
					     .place = &link->subnet_place[i % XS_FAMILIES] };

		if (link->end[end] != vrf || !subnet->family)
			continue;
		if (!xs_prefix_end(subnet, end, &attached.own) && !xs_prefix_end(subnet, !end, &attached.other))
			out->list[out->count++] = attached;
	}
	for (size_t i = 0; i < XS_FAMILIES * slice->gateway_count; i++) {
		const struct xs_d_gateway *gateway = &slice->gateway[i / XS_FAMILIES];

		if (gateway->vrf == vrf && attach_gateway(gateway, i % XS_FAMILIES, &out->list[out->count]))
			out->count++;
	}
	return 0;
}

/* Whether a router can have the address `via` on what is attached. */
static void check_via(struct xs_check *check, const struct attached *at, const struct xs_address *via,
		      const struct xs_place *place)
{
	char text[XS_PREFIX_TEXT], net[XS_PREFIX_TEXT];
	const char *why = xs_host_fault(&at->subnet, via);

	xs_address_text(via, text);
	if (!why && !xs_address_compare(via, &at->own))
		why = "is its own address there";
	if (why) {
		XS_FAULT(check, place, "via: %s on %s of %s \"%s\" %s", text, xs_prefix_text(&at->subnet, net),
			 at->kind, at->name, why);
		xs_diag_note(check->diag, at->place, "the subnet is here");
	} else if (at->other.family && xs_address_compare(via, &at->other)) {
		XS_FAULT(check, place, "via: %s is nobody: the other end of link \"%s\" has %s", text, at->name,
			 xs_address_text(&at->other, net));
		xs_diag_note(check->diag, at->place, "the subnet is here");
	}
}

/* The next router must be of the prefix's family. False: it is not, which was reported. */
static bool check_family(struct xs_check *check, const struct xs_prefix *prefix, const struct xs_address *via,
			 const struct xs_place *place)
{
	char text[XS_PREFIX_TEXT], to[XS_PREFIX_TEXT];

	if (!prefix->family || prefix->family == via->family)
		return true;
	XS_FAULT(check, place, "via: %s is %s, but %s is %s", xs_address_text(via, text), xs_family_name(via->family),
		 xs_prefix_text(prefix, to), xs_family_name(prefix->family));
	return false;
}

/* ---- a prefix once ---------------------------------------------------------------------------------------------- */

static int compare_routes(const void *left, const void *right)
{
	const struct xs_d_route *a = *(const struct xs_d_route *const *)left,
				*b = *(const struct xs_d_route *const *)right;
	int order = xs_prefix_compare(&a->prefix, &b->prefix);

	return order ? order : xs_place_after(&a->place, &b->place) ? 1 : -1;
}

/* The schema's key sees the text: 10.0.0.5 and 10.0.0.5/32 are two for it. */
static int check_unique(struct xs_check *check, const struct xs_d_route *route, size_t count)
{
	const struct xs_d_route **list = xs_arena_array(check->scratch, count, sizeof(*list));
	char text[XS_PREFIX_TEXT];

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		list[i] = &route[i];
	qsort(list, count, sizeof(*list), compare_routes);
	for (size_t i = 1; i < count; i++) {
		if (!list[i]->prefix.family || xs_prefix_compare(&list[i]->prefix, &list[i - 1]->prefix))
			continue;
		XS_FAULT(check, &list[i]->place, "route: %s is here for the second time",
			 xs_prefix_text(&list[i]->prefix, text));
		xs_diag_note(check->diag, &list[i - 1]->place, "the first is here");
	}
	return 0;
}

static int check_vrf(struct xs_check *check, const struct xs_d_vrf *vrf)
{
	struct attachments attached;
	char text[XS_PREFIX_TEXT];
	int err;

	if (!vrf->route_count)
		return 0;
	err = find_attached(check, vrf, &attached);
	for (size_t i = 0; i < vrf->route_count && !err; i++) {
		const struct xs_d_route *route = &vrf->route[i];
		const struct attached *at = NULL;

		if (!route->via.family || !check_family(check, &route->prefix, &route->via, &route->via_place))
			continue;
		for (size_t j = 0; j < attached.count && !at; j++) {
			if (xs_prefix_contains(&attached.list[j].subnet, &route->via))
				at = &attached.list[j];
		}
		if (at)
			check_via(check, at, &route->via, &route->via_place);
		else if (xs_address_is_link_local(&route->via))
			XS_FAULT(check, &route->via_place,
				 "via: %s is link-local, and does not say on which link of VRF \"%s\": write the "
				 "router's address in the link's subnet",
				 xs_address_text(&route->via, text), vrf->name);
		else
			XS_FAULT(check, &route->via_place, "via: %s is on no link or gateway of VRF \"%s\"",
				 xs_address_text(&route->via, text), vrf->name);
	}
	return err ? err : check_unique(check, vrf->route, vrf->route_count);
}

static void check_behind(struct xs_check *check, const struct xs_d_gateway *gateway)
{
	struct attached at[XS_FAMILIES];
	bool there[XS_FAMILIES];
	char text[XS_PREFIX_TEXT];

	for (unsigned int f = 0; f < XS_FAMILIES; f++)
		there[f] = attach_gateway(gateway, f, &at[f]);
	for (size_t i = 0; i < gateway->behind_count; i++) {
		const struct xs_d_route *behind = &gateway->behind[i];
		unsigned int f = xs_family_index(behind->via.family);

		if (!behind->via.family || !check_family(check, &behind->prefix, &behind->via, &behind->via_place))
			continue;
		/* By one device, so a link-local address leaves no doubt. */
		if (there[f] && !xs_address_is_link_local(&behind->via))
			check_via(check, &at[f], &behind->via, &behind->via_place);
		else if (!there[f] && there[!f])
			XS_FAULT(check, &behind->via_place, "via: %s: gateway \"%s\" has no subnet of %s",
				 xs_address_text(&behind->via, text), gateway->name,
				 xs_family_name(behind->via.family));
	}
}

/* The edge's own address of a family; NONE if it cannot be told. */
static struct xs_address edge_address(const struct xs_d_mux *mux, uint8_t family)
{
	struct xs_address address = mux->address[xs_family_index(family)];

	for (size_t i = 0; i < mux->client_count && !address.family; i++) {
		if (mux->client[i].prefix.family == family && !mux->client[i].via.family)
			xs_prefix_nth(&mux->client[i].prefix, 1, &address);
	}
	return address;
}

static void check_clients(struct xs_check *check, const struct xs_d_mux *mux)
{
	char text[XS_PREFIX_TEXT];

	for (size_t i = 0; i < mux->client_count; i++) {
		const struct xs_d_client *client = &mux->client[i], *home = NULL;
		struct attached at = { .kind = "mux", .name = mux->name };

		if (!client->via.family || !check_family(check, &client->prefix, &client->via, &client->via_place) ||
		    xs_address_is_link_local(&client->via))
			continue;
		for (size_t j = 0; j < mux->client_count && !home; j++) {
			if (!mux->client[j].via.family && mux->client[j].prefix.family &&
			    xs_prefix_contains(&mux->client[j].prefix, &client->via))
				home = &mux->client[j];
		}
		if (!home) {
			XS_FAULT(check, &client->via_place,
				 "via: %s is in no clients' prefix on the link of mux \"%s\"",
				 xs_address_text(&client->via, text), mux->name);
			continue;
		}
		at.own = edge_address(mux, client->via.family);
		at.subnet = home->prefix;
		at.place = &home->place;
		check_via(check, &at, &client->via, &client->via_place);
	}
}

int xs_check_routes(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	int err = 0;

	for (size_t i = 0; i < domain->slice_count && !err; i++) {
		for (size_t j = 0; j < domain->slice[i].vrf_count && !err; j++)
			err = check_vrf(check, &domain->slice[i].vrf[j]);
		for (size_t j = 0; j < domain->slice[i].gateway_count; j++)
			check_behind(check, &domain->slice[i].gateway[j]);
	}
	for (size_t i = 0; i < domain->mux_count; i++)
		check_clients(check, &domain->mux[i]);
	return err;
}
