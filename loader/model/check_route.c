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

static int find_attached(struct xs_check *check, const struct xs_d_vrf *vrf, struct attachments *out)
{
	const struct xs_d_slice *slice = vrf->slice;

	out->count = 0;
	out->list = xs_arena_array(check->scratch, slice->link_count + slice->gateway_count, sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	for (size_t i = 0; i < slice->link_count; i++) {
		const struct xs_d_link *link = &slice->link[i];
		int end = link->end[0] == vrf ? 0 : 1;
		struct attached attached = {
			.subnet = link->subnet, .kind = "link", .name = link->name, .place = &link->subnet_place
		};

		if (link->end[end] != vrf || !link->subnet.family)
			continue;
		if (!xs_prefix_nth(&link->subnet, end ? 2 : 1, &attached.own) &&
		    !xs_prefix_nth(&link->subnet, end ? 1 : 2, &attached.other))
			out->list[out->count++] = attached;
	}
	for (size_t i = 0; i < slice->gateway_count; i++) {
		const struct xs_d_gateway *gateway = &slice->gateway[i];
		struct attached attached = { .subnet = gateway->subnet,
					     .own = gateway->address,
					     .kind = "gateway",
					     .name = gateway->name,
					     .place = &gateway->subnet_place };

		if (gateway->vrf != vrf || !gateway->subnet.family)
			continue;
		if (attached.own.family || !xs_prefix_nth(&gateway->subnet, 1, &attached.own))
			out->list[out->count++] = attached;
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

		if (!route->via.family)
			continue;
		for (size_t j = 0; j < attached.count && !at; j++) {
			if (xs_prefix_contains(&attached.list[j].subnet, &route->via))
				at = &attached.list[j];
		}
		if (at)
			check_via(check, at, &route->via, &route->via_place);
		else
			XS_FAULT(check, &route->via_place, "via: %s is on no link or gateway of VRF \"%s\"",
				 xs_address_text(&route->via, text), vrf->name);
	}
	return err ? err : check_unique(check, vrf->route, vrf->route_count);
}

static void check_behind(struct xs_check *check, const struct xs_d_gateway *gateway)
{
	struct attached at = { .subnet = gateway->subnet,
			       .own = gateway->address,
			       .kind = "gateway",
			       .name = gateway->name,
			       .place = &gateway->subnet_place };

	if (!gateway->subnet.family || (!at.own.family && xs_prefix_nth(&gateway->subnet, 1, &at.own)))
		return;
	for (size_t i = 0; i < gateway->behind_count; i++) {
		if (gateway->behind[i].via.family)
			check_via(check, &at, &gateway->behind[i].via, &gateway->behind[i].via_place);
	}
}

/* The edge's own address; NONE if it cannot be told. */
static struct xs_address edge_address(const struct xs_d_mux *mux)
{
	struct xs_address address = mux->address;

	for (size_t i = 0; i < mux->client_count && !address.family; i++) {
		if (mux->client[i].prefix.family && !mux->client[i].via.family)
			xs_prefix_nth(&mux->client[i].prefix, 1, &address);
	}
	return address;
}

static void check_clients(struct xs_check *check, const struct xs_d_mux *mux)
{
	struct xs_address own = edge_address(mux);
	char text[XS_PREFIX_TEXT];

	for (size_t i = 0; i < mux->client_count; i++) {
		const struct xs_d_client *client = &mux->client[i], *home = NULL;
		struct attached at = { .own = own, .kind = "mux", .name = mux->name };

		if (!client->via.family)
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
