/* SPDX-License-Identifier: GPL-2.0-or-later */
/* subnets.c - see subnets.h. */
#include "loader/model/subnets.h"

#include <errno.h>
#include <stdlib.h>

static void add(struct xs_d_subnets *out, const struct xs_d_subnet *subnet)
{
	if (subnet->slice && subnet->prefix.family)
		out->list[out->count++] = *subnet;
}

/* Its own subnet, of either family. */
static void add_own(struct xs_d_subnets *out, struct xs_d_subnet subnet, const struct xs_prefix *prefix, const struct xs_place *place)
{
	for (int f = 0; f < XS_FAMILIES; f++) {
		subnet.prefix = prefix[f];
		subnet.place = &place[f];
		add(out, &subnet);
	}
}

static void add_slice(struct xs_d_subnets *out, const struct xs_d_slice *slice)
{
	struct xs_d_subnet subnet = { .slice = slice };

	for (size_t i = 0; i < slice->link_count; i++) {
		subnet.link = &slice->link[i];
		subnet.kind = XS_SUBNET_LINK;
		subnet.noun = "link";
		subnet.name = subnet.link->name;
		add_own(out, subnet, subnet.link->subnet, subnet.link->subnet_place);
	}
	subnet.link = NULL;
	for (size_t i = 0; i < slice->gateway_count; i++) {
		const struct xs_d_gateway *gateway = &slice->gateway[i];

		subnet.gateway = gateway;
		subnet.kind = XS_SUBNET_GATEWAY;
		subnet.noun = "gateway";
		subnet.name = gateway->name;
		add_own(out, subnet, gateway->subnet, gateway->subnet_place);
		subnet.kind = XS_SUBNET_BEHIND;
		for (size_t j = 0; j < gateway->behind_count; j++) {
			subnet.prefix = gateway->behind[j].prefix;
			subnet.place = &gateway->behind[j].place;
			add(out, &subnet);
		}
	}
}

static void add_mux(struct xs_d_subnets *out, const struct xs_d_mux *mux)
{
	struct xs_d_subnet subnet = { .noun = "mux", .name = mux->name, .mux = mux };

	for (size_t i = 0; i < mux->slice_count; i++) {
		subnet.slice = mux->slice[i].slice;
		subnet.choice = i;
		subnet.kind = XS_SUBNET_MUX;
		add_own(out, subnet, mux->subnet, mux->subnet_place);
		subnet.kind = XS_SUBNET_USERS;
		for (size_t j = 0; j < mux->client_count; j++) {
			subnet.prefix = mux->client[j].prefix;
			subnet.place = &mux->client[j].place;
			add(out, &subnet);
		}
	}
}

static size_t room_for(const struct xs_domain *domain)
{
	size_t room = 0;

	for (size_t i = 0; i < domain->slice_count; i++) {
		room += XS_FAMILIES * (domain->slice[i].link_count + domain->slice[i].gateway_count);
		for (size_t j = 0; j < domain->slice[i].gateway_count; j++)
			room += domain->slice[i].gateway[j].behind_count;
	}
	for (size_t i = 0; i < domain->mux_count; i++)
		room += domain->mux[i].slice_count * (domain->mux[i].client_count + XS_FAMILIES);
	return room;
}

/* By slice, in the order in which they were added. */
static int by_slice(struct xs_d_subnets *subnets, const struct xs_domain *domain, struct xs_arena *arena)
{
	size_t *first = xs_arena_array(arena, domain->slice_count + 1, sizeof(*first));
	struct xs_d_subnet *sorted = xs_arena_array(arena, subnets->count, sizeof(*sorted));

	if (!first || !sorted)
		return -ENOMEM;
	for (size_t i = 0; i < subnets->count; i++)
		first[subnets->list[i].slice - domain->slice + 1]++;
	for (size_t i = 0; i < domain->slice_count; i++)
		first[i + 1] += first[i];
	for (size_t i = 0; i < subnets->count; i++)
		sorted[first[subnets->list[i].slice - domain->slice]++] = subnets->list[i];
	subnets->list = sorted;
	return 0;
}

int xs_subnets_of(const struct xs_domain *domain, struct xs_arena *arena, struct xs_d_subnets *out)
{
	*out = (struct xs_d_subnets){ .list = xs_arena_array(arena, room_for(domain), sizeof(*out->list)) };
	if (!out->list)
		return -ENOMEM;
	for (size_t i = 0; i < domain->slice_count; i++)
		add_slice(out, &domain->slice[i]);
	for (size_t i = 0; i < domain->mux_count; i++)
		add_mux(out, &domain->mux[i]);
	return by_slice(out, domain, arena);
}
