/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * route.h - the slice's FIB leads to a next hop. Whatever needs the kernel's judgement (own addresses, unresolved neighbours,
 * no route, expired TTL, options, too big for the next hop) is punted to the sliver, which answers as a router does.
 */
#ifndef XSLICE_BPF_ROUTE_H
#define XSLICE_BPF_ROUTE_H

#include "bpf/maps.h"
#include "bpf/packet.h"
#include "bpf/parse.h"
#include "bpf/table.h"

static __always_inline const struct xs_nexthop *xs_nexthop_of(__u32 root, const union xs_wire_address *address, int family)
{
	__u32 leaf = xs_table_lookup(root, address, xs_address_bytes(family)), id = leaf & XS_ENTRY_INDEX;

	return leaf == XS_ENTRY_EMPTY ? NULL : bpf_map_lookup_elem(&nexthop, &id);
}

static __always_inline int xs_punt(struct xs_packet *packet, enum xs_punt_class class)
{
	packet->punt_class = class;
	return XS_PUNTED;
}

/* On the way: only IPv4 without DF. */
static __always_inline bool xs_may_be_fragmented(const struct xs_packet *packet, int family)
{
	const struct iphdr *ip = packet->network;

	return family == XS_FAMILY4 && !(ip->frag_off & bpf_htons(XS_DONT_FRAGMENT));
}

static __always_inline int xs_route(struct xs_packet *packet, int family)
{
	const struct xs_slice *in = bpf_map_lookup_elem(&slice, &packet->slice);
	const struct xs_nexthop *to;
	__u32 root;
	__u8 kind;

	root = in ? XS_READ_ONCE(in->fib_root[family]) : 0;
	if (!root)
		return XS_NO_ROUTE;
	to = xs_nexthop_of(root, &packet->destination, family);
	if (!to)
		return xs_punt(packet, XS_PUNT_ERROR);
	kind = XS_READ_ONCE(to->kind);
	if (kind == XS_NEXTHOP_EDGE) {
		packet->mux_vport = to->vport;
		to = xs_nexthop_of(XS_READ_ONCE(to->edge_root), &packet->destination, family);
		if (!to)
			return xs_punt(packet, XS_PUNT_ERROR);
		kind = XS_READ_ONCE(to->kind);
	}
	if (kind == XS_NEXTHOP_BLACKHOLE)
		return XS_BLACKHOLE;
	if (kind == XS_NEXTHOP_PUNT)
		return XS_PUNTED;
	if (kind == XS_NEXTHOP_UNREACHABLE || packet->hop_limit <= 1)
		return xs_punt(packet, XS_PUNT_ERROR);
	packet->unresolved = kind == XS_NEXTHOP_RESOLVE;
	if (packet->unresolved || packet->options)
		return XS_PUNTED;
	if (xs_wire_length(packet, family) > to->mtu)
		return xs_punt(packet, xs_may_be_fragmented(packet, family) ? XS_PUNT_OTHER : XS_PUNT_ERROR);
	packet->nexthop = to;
	return XS_FORWARDED;
}

#endif
