/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_subnet.c - subnets: large enough (R13, R17), of unicast addresses, apart from each other inside a slice; and
 * the addresses that gateways and edges have in them.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

/* What leads to a prefix in a slice. */
struct span {
	const struct xs_d_slice *slice;
	struct xs_prefix prefix;
	const struct xs_place *place;
	const char *kind, *name;    /* "link", "P12" */
	const struct xs_d_mux *mux; /* it is the MUX's: said of the MUX's first slice, and not of all */
	bool first;
};

static int compare_spans(const void *left, const void *right)
{
	const struct span *a = left, *b = right;
	int order;

	if (a->slice != b->slice)
		return (uintptr_t)a->slice < (uintptr_t)b->slice ? -1 : 1;
	order = xs_prefix_compare(&a->prefix, &b->prefix);
	if (order)
		return order;
	return xs_place_after(a->place, b->place) ? 1 : xs_place_after(b->place, a->place) ? -1 : 0;
}

const char *xs_host_fault(const struct xs_prefix *subnet, const struct xs_address *address)
{
	struct xs_address base = { .family = subnet->family }, last;

	if (!xs_prefix_contains(subnet, address))
		return "is outside of it";
	if (subnet->length > 30)
		return NULL;
	memcpy(base.bytes, subnet->bytes, sizeof(base.bytes));
	if (!xs_address_compare(address, &base))
		return "is the network's own address";
	last = base;
	for (unsigned int bit = subnet->length; bit < 32; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
	return xs_address_compare(address, &last) ? NULL : "is its broadcast address";
}

/* Touches 0/8, 127/8, multicast or what is reserved above it. `inside`: lies in there as a whole. */
static bool is_martian(const struct xs_prefix *prefix, bool inside)
{
	static const struct xs_prefix martian[] = {
		{ .family = XS_IPV4, .length = 8, .bytes = { 0 } },
		{ .family = XS_IPV4, .length = 8, .bytes = { 127 } },
		{ .family = XS_IPV4, .length = 3, .bytes = { 224 } },
	};

	for (size_t i = 0; i < sizeof(martian) / sizeof(martian[0]); i++) {
		if (inside ? xs_prefix_covers(&martian[i], prefix) : xs_prefix_overlaps(&martian[i], prefix))
			return true;
	}
	return false;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

static void check_unicast(struct xs_check *check, const struct xs_prefix *prefix, const struct xs_place *place,
			  const char *leaf, bool inside)
{
	char text[XS_PREFIX_TEXT];

	if (prefix->family && is_martian(prefix, inside))
		XS_FAULT(check, place, "%s: %s holds addresses that no host can have", leaf,
			 xs_prefix_text(prefix, text));
}

static void check_size(struct xs_check *check, const struct xs_prefix *subnet, const struct xs_place *place,
		       const char *kind)
{
	char text[XS_PREFIX_TEXT];

	if (!subnet->family)
		return;
	if (subnet->length == 31)
		XS_FAULT(check, place, "subnet: %s is too small: a %s needs a /30 or larger (/31 does not work yet)",
			 xs_prefix_text(subnet, text), kind);
	else if (subnet->length > 30)
		XS_FAULT(check, place, "subnet: %s is too small: a %s needs a /30 or larger",
			 xs_prefix_text(subnet, text), kind);
	check_unicast(check, subnet, place, "subnet", false);
}

/* One address for the edge and one per slice, without the first and the last. */
static void check_mux_size(struct xs_check *check, const struct xs_d_mux *mux)
{
	uint64_t hosts = mux->subnet.length < 31 ? (1ull << (32 - mux->subnet.length)) - 2 : 0;
	char text[XS_PREFIX_TEXT];

	if (!mux->subnet.family)
		return;
	if (hosts < mux->slice_count + 1)
		XS_FAULT(check, &mux->subnet_place,
			 "subnet: %s is too small: %llu addresses, where the edge and %zu slices need %zu",
			 xs_prefix_text(&mux->subnet, text), (unsigned long long)hosts, mux->slice_count,
			 mux->slice_count + 1);
	check_unicast(check, &mux->subnet, &mux->subnet_place, "subnet", false);
}

/* ---- addresses of gateways and edges ---------------------------------------------------------------------------- */

static void check_gateway(struct xs_check *check, const struct xs_d_gateway *gateway)
{
	char text[XS_PREFIX_TEXT], net[XS_PREFIX_TEXT];
	const char *why;

	check_size(check, &gateway->subnet, &gateway->subnet_place, "gateway");
	if (!gateway->subnet.family || !gateway->address.family)
		return;
	why = xs_host_fault(&gateway->subnet, &gateway->address);
	if (!why)
		return;
	XS_FAULT(check, &gateway->address_place, "address: %s of gateway \"%s\" in %s %s",
		 xs_address_text(&gateway->address, text), gateway->name, xs_prefix_text(&gateway->subnet, net), why);
	xs_diag_note(check->diag, &gateway->subnet_place, "the subnet is here");
}

/* The edge's address on the users' link. */
static void check_edge(struct xs_check *check, const struct xs_d_mux *mux)
{
	const struct xs_d_client *first = NULL, *home = NULL;
	struct xs_address address = mux->address;
	char text[XS_PREFIX_TEXT];
	const char *why = NULL;
	bool faulty = false;

	for (size_t i = 0; i < mux->client_count; i++) {
		const struct xs_d_client *client = &mux->client[i];

		faulty |= !client->prefix.family;
		if (client->prefix.family && !client->via.family && !first)
			first = client;
	}
	if (faulty || !mux->client_count)
		return;
	if (!first) {
		XS_FAULT(check, &mux->place,
			 "mux \"%s\": all its clients are behind routers; those on the link are missing", mux->name);
		return;
	}
	if (!address.family && xs_prefix_nth(&first->prefix, 1, &address)) {
		XS_FAULT(check, &first->place, "clients: %s has no room for the MUX's own address: write its address",
			 xs_prefix_text(&first->prefix, text));
		return;
	}
	for (size_t i = 0; i < mux->client_count && !home; i++) {
		if (!mux->client[i].via.family && xs_prefix_contains(&mux->client[i].prefix, &address))
			home = &mux->client[i];
	}
	if (home)
		why = xs_host_fault(&home->prefix, &address);
	else
		why = "is in none of its clients' prefixes on the link";
	if (!why)
		return;
	XS_FAULT(check, mux->address.family ? &mux->address_place : &first->place, "address: %s of mux \"%s\" %s",
		 xs_address_text(&address, text), mux->name, why);
	if (home)
		xs_diag_note(check->diag, &home->place, "the clients' prefix is here");
}

/* ---- overlaps --------------------------------------------------------------------------------------------------- */

struct spans {
	struct span *list;
	size_t count;
};

static void add_span(struct spans *spans, const struct span *span)
{
	if (span->prefix.family)
		spans->list[spans->count++] = *span;
}

static void add_slice(struct spans *spans, const struct xs_d_slice *slice)
{
	for (size_t i = 0; i < slice->link_count; i++) {
		const struct xs_d_link *link = &slice->link[i];

		add_span(spans,
			 &(struct span){ slice, link->subnet, &link->subnet_place, "link", link->name, NULL, true });
	}
	for (size_t i = 0; i < slice->gateway_count; i++) {
		const struct xs_d_gateway *gateway = &slice->gateway[i];

		add_span(spans, &(struct span){ slice, gateway->subnet, &gateway->subnet_place, "gateway",
						gateway->name, NULL, true });
		for (size_t j = 0; j < gateway->behind_count; j++)
			add_span(spans, &(struct span){ slice, gateway->behind[j].prefix, &gateway->behind[j].place,
							"gateway", gateway->name, NULL, true });
	}
}

static void add_mux(struct spans *spans, const struct xs_d_mux *mux)
{
	for (size_t i = 0; i < mux->slice_count; i++) {
		const struct xs_d_slice *slice = mux->slice[i].slice;

		if (!slice)
			continue;
		add_span(spans,
			 &(struct span){ slice, mux->subnet, &mux->subnet_place, "mux", mux->name, mux, i == 0 });
		for (size_t j = 0; j < mux->client_count; j++)
			add_span(spans, &(struct span){ slice, mux->client[j].prefix, &mux->client[j].place, "mux",
							mux->name, mux, i == 0 });
	}
}

static void report_overlap(struct xs_check *check, const struct span *a, const struct span *b)
{
	const struct span *late = xs_place_after(a->place, b->place) ? a : b, *early = late == a ? b : a;
	char one[XS_PREFIX_TEXT], other[XS_PREFIX_TEXT];

	if (a->mux && a->mux == b->mux && !a->first)
		return;
	XS_FAULT(check, late->place, "%s of %s \"%s\" overlaps %s of %s \"%s\" in slice \"%s\"",
		 xs_prefix_text(&late->prefix, one), late->kind, late->name, xs_prefix_text(&early->prefix, other),
		 early->kind, early->name, a->slice->name);
	xs_diag_note(check->diag, early->place, "%s is here", other);
}

/*
 * Sorted, a prefix comes right after all that cover it. Everything (0.0.0.0/0, behind a router) covers no other: it
 * means the rest. But it is there once.
 */
static int sweep(struct xs_check *check, struct spans *spans)
{
	const struct span *open[33];
	size_t depth = 0;

	qsort(spans->list, spans->count, sizeof(*spans->list), compare_spans);
	for (size_t i = 0; i < spans->count; i++) {
		const struct span *span = &spans->list[i];

		while (depth && (open[depth - 1]->slice != span->slice ||
				 !xs_prefix_covers(&open[depth - 1]->prefix, &span->prefix) ||
				 (!open[depth - 1]->prefix.length && span->prefix.length)))
			depth--;
		if (depth) {
			report_overlap(check, open[depth - 1], span);
			if (!xs_prefix_compare(&open[depth - 1]->prefix, &span->prefix))
				continue;
		}
		open[depth++] = span;
	}
	return 0;
}

static int check_overlaps(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	struct spans spans = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < domain->slice_count; i++) {
		room += domain->slice[i].link_count + domain->slice[i].gateway_count;
		for (size_t j = 0; j < domain->slice[i].gateway_count; j++)
			room += domain->slice[i].gateway[j].behind_count;
	}
	for (size_t i = 0; i < domain->mux_count; i++)
		room += domain->mux[i].slice_count * (domain->mux[i].client_count + 1);
	spans.list = xs_arena_array(check->scratch, room, sizeof(*spans.list));
	if (!spans.list)
		return -ENOMEM;
	for (size_t i = 0; i < domain->slice_count; i++)
		add_slice(&spans, &domain->slice[i]);
	for (size_t i = 0; i < domain->mux_count; i++)
		add_mux(&spans, &domain->mux[i]);
	return sweep(check, &spans);
}

int xs_check_subnets(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;

	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; j < slice->link_count; j++)
			check_size(check, &slice->link[j].subnet, &slice->link[j].subnet_place, "link");
		for (size_t j = 0; j < slice->gateway_count; j++) {
			check_gateway(check, &slice->gateway[j]);
			for (size_t k = 0; k < slice->gateway[j].behind_count; k++)
				check_unicast(check, &slice->gateway[j].behind[k].prefix,
					      &slice->gateway[j].behind[k].place, "behind", true);
		}
	}
	for (size_t i = 0; i < domain->mux_count; i++) {
		const struct xs_d_mux *mux = &domain->mux[i];

		check_mux_size(check, mux);
		check_edge(check, mux);
		for (size_t j = 0; j < mux->client_count; j++)
			check_unicast(check, &mux->client[j].prefix, &mux->client[j].place, "clients",
				      mux->client[j].via.family);
	}
	return check_overlaps(check);
}
