/* SPDX-License-Identifier: GPL-2.0-or-later */
/* paged.c - see paged.h. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "selftests/bpf/paged.h"

struct pair {
	uint32_t slice, vport; /* vport: its uplink, where it lies at the near gateway; 0: at the far one */
	const char *inside, *outside;
	unsigned int length;
};

static const struct pair pairs[] = {
	{SLICE_P, VPORT_U, "10.20.0.0", "100.64.0.0", 16},
	{SLICE_P, 0, "10.21.0.0", "100.65.0.0", 16},
	{SLICE_P, 0, "10.22.7.0", "198.18.9.0", 24},
	{SLICE_Q, VPORT_U2, "10.20.0.0", "100.70.0.0", 16},
	{SLICE_Q, 0, "10.21.0.0", "100.71.0.0", 16},
	{SLICE_P, 0, "10.24.0.77", "198.18.8.99", 32},
};

#define POOL "100.112.0.0"
#define POOL_BITS 12

static void address_of(const char *text, int family, union xs_wire_address *address)
{
	memset(address, 0, sizeof(*address));
	if (family == XS_FAMILY4)
		address->v4 = htonl(frame_ip(text));
	else
		frame_twin(frame_ip(text), address->byte);
}

/* Of 16-bit words as they lie in memory. */
static uint32_t sum_of(const union xs_wire_address *address)
{
	uint32_t sum = 0;
	uint16_t word;

	for (size_t i = 0; i < sizeof(*address); i += 2) {
		memcpy(&word, address->byte + i, 2);
		sum += word;
	}
	return sum % 0xffff;
}

static void put_page(struct paged *paged, uint32_t id, const struct pair *pair, int family)
{
	union xs_wire_address inside, outside;
	struct xs_page page = {.slice = pair->slice};
	struct xs_page_rest rest = {};
	const unsigned int length = family == XS_FAMILY4 ? pair->length : frame_twin_bits(pair->length);
	struct xs_table *own = (pair->slice == SLICE_P ? paged->pages_p : paged->pages_q)[family];

	address_of(pair->inside, family, &inside);
	address_of(pair->outside, family, &outside);
	for (size_t i = 0; i < XS_PAGE_WORDS; i++) {
		page.change[i] = inside.word[i] ^ outside.word[i];
		rest.change[i] = inside.word[XS_PAGE_WORDS + i] ^ outside.word[XS_PAGE_WORDS + i];
	}
	if (rest.change[0] | rest.change[1])
		page.uplink = XS_PAGE_LONG;
	page.sum = (sum_of(&outside) + 0xffff - sum_of(&inside)) % 0xffff;
	if (!page.sum)
		page.sum = 0xffff;
	if ((pair->vport == 0) == paged->far) {
		page.uplink |= pair->slice == SLICE_P ? VPORT_U : VPORT_U2;
		rest.own = inside;
		rest.own.byte[family == XS_FAMILY4 ? 3 : 15] = 1;
	}
	fixture_put(paged->fixture, XS_MAP_page_rest, id, &rest);
	fixture_put(paged->fixture, XS_MAP_page, id, &page);
	assert_true(xs_table_set(own, inside.byte, length, id) >= 0);
	assert_true(xs_table_set(paged->wan[family], outside.byte, length, id) >= 0);
}

static void put_routes(struct paged *paged)
{
	const bool far = paged->far;
	struct fixture *fixture = paged->fixture;
	struct xs_group group = {};
	const char *here = far ? "10.21.0.0" : "10.20.0.0", *there = far ? "10.20.0.0" : "10.21.0.0";

	fixture_put_hop(fixture, HOP_UPLINK, (struct xs_nexthop){.kind = XS_NEXTHOP_UPLINK, .vport = VPORT_U});
	fixture_put_hop(fixture, HOP_UPLINK2, (struct xs_nexthop){.kind = XS_NEXTHOP_UPLINK, .vport = VPORT_U2});
	fixture_put_hop(fixture, HOP_P, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .vport = VPORT_P, .mtu = 9000});
	fixture_put_hop(fixture, HOP_P_SMALL, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .vport = VPORT_P, .mtu = 600});
	fixture_put_hop(fixture, HOP_W, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .vport = VPORT_W, .mtu = 9000});
	fixture_put_hop(fixture, HOP_W_SMALL, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .vport = VPORT_W, .mtu = 600});
	fixture_put_hop(fixture, HOP_W_GROUP, (struct xs_nexthop){.kind = XS_NEXTHOP_GROUP, .group = 1});
	for (size_t i = 0; i < XS_GROUP_SLOTS; i++)
		group.slot[i] = HOP_W;
	xs_node_maps_group(&fixture->maps)[1] = group;
	fixture_set(paged->fib, here, 16, HOP_P);
	fixture_set(paged->fib, there, 16, HOP_UPLINK);
	fixture_set(paged->fib, "10.22.7.0", 24, far ? HOP_P : HOP_UPLINK);
	fixture_set(paged->fib, "10.24.0.77", 32, far ? HOP_P : HOP_UPLINK);
	fixture_set(paged->fib, "10.23.0.0", 16, HOP_UPLINK);
	fixture_set(paged->fib, far ? "10.21.0.1" : "10.20.0.1", 32, HOP_OWN);
	fixture_set(paged->fib, far ? "10.21.4.0" : "10.20.4.0", 24, HOP_P_SMALL);
	fixture_set(paged->fib, far ? "10.21.8.0" : "10.20.8.0", 24, HOP_UNRESOLVED);
	fixture_set(paged->fib, far ? "10.21.6.0" : "10.20.6.0", 24, HOP_UPLINK); /* back to where it comes from */
	fixture_set(paged->substrate, "100.64.0.0", 14, HOP_W);
	fixture_set(paged->substrate, "198.18.0.0", 16, HOP_W);
	fixture_set(paged->substrate, far ? "100.64.4.0" : "100.65.4.0", 24, HOP_W_SMALL);
	fixture_set(paged->substrate, far ? "100.64.7.0" : "100.65.7.0", 24, HOP_UNREACHABLE);
	fixture_set(paged->substrate, far ? "100.64.8.0" : "100.65.8.0", 24, HOP_UNRESOLVED);
	fixture_set(paged->substrate, far ? "100.64.9.0" : "100.65.9.0", 24, HOP_BLACKHOLE);
	fixture_set(paged->substrate, far ? "100.64.10.0" : "100.65.10.0", 24, HOP_W_GROUP);
	fixture_set(paged->sources, here, 16, 1);
	fixture_set(paged->sources, "10.22.7.0", 24, 1);
	fixture_set(paged->sources, "10.24.0.77", 32, 1);
}

static void put_slice(struct paged *paged, uint32_t id, struct xs_table *const fib[XS_FAMILIES],
		      struct xs_table *const pages[XS_FAMILIES])
{
	struct xs_slice slice = {};

	for (int family = 0; family < XS_FAMILIES; family++) {
		slice.fib_root[family] = xs_table_root(fib[family]);
		slice.page_root[family] = xs_table_root(pages[family]);
	}
	fixture_put(paged->fixture, XS_MAP_slice, id, &slice);
}

static void put_ports(struct paged *paged)
{
	struct fixture *fixture = paged->fixture;
	struct xs_port wan = {.ifindex = 72, .untagged = VPORT_W};
	struct xs_port users = {.ifindex = 72, .flags = XS_PORT_USER, .untagged = VPORT_P};

	for (int family = 0; family < XS_FAMILIES; family++)
		users.source_root[family] = xs_table_root(paged->sources[family]);
	fixture_put(fixture, XS_MAP_port, PORT_WAN, &wan);
	fixture_put(fixture, XS_MAP_port, PORT_PAGED, &users);
	fixture_put_vport(fixture, VPORT_P, (struct xs_vport){.kind = XS_VPORT_GATEWAY, .slice = SLICE_P, .port = PORT_PAGED});
	fixture_put_vport(fixture, VPORT_U, (struct xs_vport){.kind = XS_VPORT_UPLINK, .slice = SLICE_P});
	fixture_put_vport(fixture, VPORT_U2, (struct xs_vport){.kind = XS_VPORT_UPLINK, .slice = SLICE_Q});
	fixture_put_vport(fixture, VPORT_W, (struct xs_vport){.kind = XS_VPORT_WAN, .port = PORT_WAN});
}

struct paged *paged_new(bool far)
{
	struct paged *paged = calloc(1, sizeof(*paged));
	uint32_t id = 1;
	void *fixture = NULL;

	assert_non_null(paged);
	fixture_setup_with_mux(&fixture);
	paged->fixture = fixture;
	paged->far = far;
	fixture_make_tables(fixture, paged->fib);
	fixture_make_tables(fixture, paged->substrate);
	fixture_make_tables(fixture, paged->pages_p);
	fixture_make_tables(fixture, paged->pages_q);
	fixture_make_tables(fixture, paged->wan);
	fixture_make_tables(fixture, paged->sources);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		for (int family = 0; family < XS_FAMILIES; family++)
			put_page(paged, id++, &pairs[i], family);
	fixture_put(fixture, XS_MAP_page, id, &(struct xs_page){.sum = 0xffff});
	fixture_set(paged->wan, POOL, POOL_BITS, id);
	put_routes(paged);
	put_slice(paged, 0, paged->substrate, paged->wan);
	put_slice(paged, SLICE_P, paged->fib, paged->pages_p);
	put_slice(paged, SLICE_Q, paged->fib, paged->pages_q);
	put_ports(paged);
	return paged;
}

void paged_free(struct paged *paged)
{
	void *fixture = paged->fixture;

	fixture_free_tables(paged->fib);
	fixture_free_tables(paged->substrate);
	fixture_free_tables(paged->pages_p);
	fixture_free_tables(paged->pages_q);
	fixture_free_tables(paged->wan);
	fixture_free_tables(paged->sources);
	fixture_teardown(&fixture);
	free(paged);
}

int paged_setup(void **state)
{
	*state = paged_new(false);
	return 0;
}

int paged_teardown(void **state)
{
	paged_free(*state);
	return 0;
}
