/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * route.h - the slice's FIB leads to a next hop. Whatever needs the kernel's judgement (own addresses, unresolved neighbours,
 * no route, expired TTL, options, too big for the next hop) is punted to the sliver, which answers as a router does.
 */
#ifndef XSLICE_BPF_ROUTE_H
#define XSLICE_BPF_ROUTE_H

#include "bpf/maps.h"
#include "bpf/packet.h"
#include "bpf/page.h"
#include "bpf/parse.h"
#include "bpf/table.h"

static __always_inline const struct xs_nexthop *xs_nexthop_of(__u32 root, const union xs_wire_address *address, int family)
{
	__u32 leaf = xs_table_lookup_sifted(root, address, xs_address_bytes(family)), id = leaf & XS_ENTRY_INDEX;

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

static __always_inline int xs_punt_too_big(struct xs_packet *packet, int family)
{
	return xs_punt(packet, xs_may_be_fragmented(packet, family) ? XS_PUNT_OTHER : XS_PUNT_ERROR);
}

static __always_inline __u32 xs_mix(__u32 x)
{
	x = (x ^ x >> 16) * 0x7feb352d;
	x = (x ^ x >> 15) * 0x846ca68b;
	return x ^ x >> 16;
}

static __always_inline bool xs_has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

#define XS_FLOW_PROTOCOL 0xff
#define XS_FLOW_FRAGMENT (1 << 8)
#define XS_FLOW_IPV6     (1 << 9)

/* A global function, so that the verifier looks at it once and not once for each way that leads here. kind: protocol and XS_FLOW_*. */
__noinline __u32 xs_mix_flow(const union xs_wire_address *source, const union xs_wire_address *destination, __u32 ports, __u32 kind,
			     __u32 hash)
{
	__u8 protocol = kind & XS_FLOW_PROTOCOL;

	if (!source || !destination)
		return 0;
	for (__u32 i = 0; i < 4 && (!i || kind & XS_FLOW_IPV6); i++) {
		hash = xs_mix(hash ^ source->word[i]);
		hash = xs_mix(hash ^ destination->word[i]);
	}
	if (kind & XS_FLOW_FRAGMENT)
		return hash;
	hash ^= protocol;
	if (xs_has_ports(protocol))
		hash ^= xs_mix(ports);
	return xs_mix(hash);
}

/*
 * The same for all packets of a flow; of fragments, of which only the first knows the ports, by the addresses alone. IPv6's
 * extension headers are not walked: what has any is divided by its addresses and the first of them.
 */
static __always_inline __u32 xs_flow_hash(const struct xs_packet *packet, const struct xs_nexthop *several, int family)
{
	const struct ipv6hdr *ip6 = packet->network;
	const struct iphdr *ip = packet->network;
	/* The entry's ifindex is 0. It keeps what is learned here of the packet's bounds from what follows (see test_programs). */
	__u32 header = (family == XS_FAMILY4 ? sizeof(*ip) : sizeof(*ip6)) + (several->ifindex & 1);
	__u32 kind = family == XS_FAMILY4 ? ip->protocol : ip6->nexthdr | XS_FLOW_IPV6, ports = 0;
	const xs_bytes4 *at = packet->network + header;

	if (family == XS_FAMILY4 && ip->frag_off & bpf_htons(XS_FRAGMENT_MASK))
		kind |= XS_FLOW_FRAGMENT;
	if ((void *)(at + 1) <= packet->end)
		ports = *at;
	return xs_mix_flow(&packet->source, &packet->destination, ports, kind, several->vport);
}

static __always_inline const struct xs_nexthop *xs_member_of(const struct xs_packet *packet, const struct xs_nexthop *several, int family)
{
	__u32 id = several->group, hash = xs_flow_hash(packet, several, family);
	const struct xs_group *slots = bpf_map_lookup_elem(&group, &id);

	if (!slots)
		return NULL;
	id = XS_READ_ONCE(slots->slot[hash % XS_GROUP_SLOTS]);
	return bpf_map_lookup_elem(&nexthop, &id);
}

/* No route: the kernel says so, unless a user wants to go where the slice is not. What paging routes has no vport here. */
static __always_inline int xs_route_nowhere(struct xs_packet *packet, int family)
{
	if (packet->users && packet->vport && xs_is_wan_address(&packet->destination, family))
		return XS_WAN_ADDRESS;
	return xs_punt(packet, XS_PUNT_ERROR);
}

/* By a next hop of one of the kinds that end the search. */
static __always_inline int xs_route_by(struct xs_packet *packet, const struct xs_nexthop *to, __u8 kind, int family)
{
	if (kind == XS_NEXTHOP_GROUP) {
		to = xs_member_of(packet, to, family);
		if (!to)
			return XS_PUNTED;
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
	if (packet->total_length > to->mtu && !packet->gso_size)
		return xs_punt_too_big(packet, family);
	packet->nexthop = to;
	return XS_FORWARDED;
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
		return xs_route_nowhere(packet, family);
	kind = XS_READ_ONCE(to->kind);
	if (kind == XS_NEXTHOP_EDGE) {
		packet->mux_vport = to->vport;
		to = xs_nexthop_of(XS_READ_ONCE(to->edge_root), &packet->destination, family);
		if (!to)
			return xs_punt(packet, XS_PUNT_ERROR);
		kind = XS_READ_ONCE(to->kind);
	}
	if (kind == XS_NEXTHOP_UPLINK) {
		packet->mux_vport = to->vport;
		return XS_PAGED;
	}
	return xs_route_by(packet, to, kind, family);
}

#endif
