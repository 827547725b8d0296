/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * first_hop.c - what gateways over one subnet share. The first hop of a VM must not change when the VM moves (R24): so
 * what one gateway says about its address holds for all over the same subnet; and what it says about its MAC for all
 * that are joined by subnets, since a gateway with a subnet of each family has one MAC.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

/* A gateway, in the definition's order. */
struct hop {
	struct xs_d_gateway *gateway;
	struct hop *joined;               /* an earlier one that it is joined with; itself: it is the first */
	const struct xs_d_gateway *giver; /* of the first: whose MAC holds for all; NULL: none says one */
};

struct over {
	struct xs_prefix subnet;
	struct hop *hop;
};

static int compare_overs(const void *left, const void *right)
{
	const struct over *a = left, *b = right;
	int order = xs_prefix_compare(&a->subnet, &b->subnet);

	return order ? order : a->hop < b->hop ? -1 : a->hop > b->hop;
}

static struct hop *first_of(struct hop *hop)
{
	while (hop->joined != hop)
		hop = hop->joined;
	return hop;
}

static void join(struct hop *one, struct hop *other)
{
	struct hop *a = first_of(one), *b = first_of(other);

	if (a < b)
		b->joined = a;
	else
		a->joined = b;
}

/* Gateways over one subnet, whose family f is. */
static void share_address(struct xs_check *check, const struct over *over, size_t count, unsigned int f)
{
	const struct xs_d_gateway *giver = NULL;
	char one[XS_PREFIX_TEXT], other[XS_PREFIX_TEXT];

	for (size_t i = 0; i < count; i++) {
		const struct xs_d_gateway *g = over[i].hop->gateway;

		join(over[0].hop, over[i].hop);
		if (!g->address[f].family)
			continue;
		if (!giver)
			giver = g;
		if (!xs_address_compare(&g->address[f], &giver->address[f]))
			continue;
		XS_FAULT(check, &g->address_place[f],
			 "address: %s, but gateway \"%s\" over the same subnet has %s: a VM that moves keeps "
			 "its first hop",
			 xs_address_text(&g->address[f], one), giver->name, xs_address_text(&giver->address[f], other));
		xs_diag_note(check->diag, &giver->address_place[f], "the other is here");
	}
	for (size_t i = 0; giver && i < count; i++) {
		struct xs_d_gateway *g = over[i].hop->gateway;

		if (g->address[f].family)
			continue;
		g->address[f] = giver->address[f];
		g->address_place[f] = giver->address_place[f];
	}
}

static void share_family(struct xs_check *check, struct hop *hop, struct over *over, size_t count, unsigned int f)
{
	size_t found = 0, next;

	for (size_t i = 0; i < count; i++) {
		if (hop[i].gateway->subnet[f].family)
			over[found++] = (struct over){ hop[i].gateway->subnet[f], &hop[i] };
	}
	qsort(over, found, sizeof(*over), compare_overs);
	for (size_t i = 0; i < found; i = next) {
		for (next = i + 1; next < found && !xs_prefix_compare(&over[i].subnet, &over[next].subnet);)
			next++;
		share_address(check, over + i, next - i, f);
	}
}

static void share_macs(struct xs_check *check, struct hop *hop, size_t count)
{
	char one[XS_PREFIX_TEXT], other[XS_PREFIX_TEXT];

	for (size_t i = 0; i < count; i++) {
		struct xs_d_gateway *g = hop[i].gateway;
		struct hop *first = first_of(&hop[i]);

		g->first_hop = first->gateway;
		if (!xs_mac_is_given(&g->mac))
			continue;
		if (!first->giver)
			first->giver = g;
		if (!memcmp(&g->mac, &first->giver->mac, sizeof(g->mac)))
			continue;
		XS_FAULT(check, &g->mac_place,
			 "mac: %s, but gateway \"%s\" over the same subnet has %s: a VM that moves keeps its first hop",
			 xs_mac_text(&g->mac, one), first->giver->name, xs_mac_text(&first->giver->mac, other));
		xs_diag_note(check->diag, &first->giver->mac_place, "the other is here");
	}
	for (size_t i = 0; i < count; i++) {
		const struct xs_d_gateway *giver = first_of(&hop[i])->giver;
		struct xs_d_gateway *g = hop[i].gateway;

		if (!giver || xs_mac_is_given(&g->mac))
			continue;
		g->mac = giver->mac;
		g->mac_place = giver->mac_place;
	}
}

int xs_share_first_hops(struct xs_check *check)
{
	struct xs_domain *domain = check->domain;
	size_t count = 0;
	struct over *over;
	struct hop *hop;

	for (size_t i = 0; i < domain->slice_count; i++)
		count += domain->slice[i].gateway_count;
	hop = xs_arena_array(check->scratch, count, sizeof(*hop));
	over = xs_arena_array(check->scratch, count, sizeof(*over));
	if (!hop || !over)
		return -ENOMEM;
	count = 0;
	for (size_t i = 0; i < domain->slice_count; i++) {
		for (size_t j = 0; j < domain->slice[i].gateway_count; j++, count++)
			hop[count] = (struct hop){ &domain->slice[i].gateway[j], &hop[count], NULL };
	}
	for (unsigned int f = 0; f < XS_FAMILIES; f++)
		share_family(check, hop, over, count, f);
	share_macs(check, hop, count);
	return 0;
}
