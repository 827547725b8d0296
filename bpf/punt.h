/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * punt.h - what may be handed to the kernels of slivers and edges: policed per virtual port and class (XS_PUNT_CLASSES), and
 * where the kernel would look for a new neighbour, per slice by the number of addresses. Asked once per frame, by the front end
 * that sees it first, before the frame costs the kernel anything (see xs_polices()).
 */
#ifndef XSLICE_BPF_PUNT_H
#define XSLICE_BPF_PUNT_H

#include "bpf/maps.h"
#include "bpf/packet.h"
#include "bpf/parse.h"

#define XS_SECOND 1000000000ull
#define XS_BUCKET_TRIES 3 /* other CPUs may take from the same bucket at the same moment */

/* A bucket is the time at which it will be full again. */
static __always_inline bool xs_take_token(__u64 *full_at, __u64 now, __u64 interval, __u64 burst)
{
#pragma unroll
	for (int i = 0; i < XS_BUCKET_TRIES; i++) {
		__u64 was = XS_READ_ONCE(*full_at), from = was > now ? was : now;

		if (from - now > (burst - 1) * interval)
			return false;
		if (__sync_val_compare_and_swap(full_at, was, from + interval) == was)
			return true;
	}
	return false;
}

static __always_inline bool xs_is_routing_port(__u32 port)
{
	return port == 179 || port == 520 || port == 521 ||     /* BGP, RIP, RIPng */
	       port == 3784 || port == 3785 || port == 4784 || /* BFD */
	       port == 6696;                                    /* Babel */
}

/*
 * Of a packet that is nothing special to the stages: is it what routers tell each other, or neighbour discovery? first: four bytes of the
 * transport header, 0 where they are not there. A global function, so that the verifier looks at it once and not once for each way that leads here.
 */
__noinline __u32 xs_class_of_transport(__u32 protocol, __u32 first)
{
	__u32 source = first >> 16, destination = first & 0xffff, type = first >> 24;

	switch (protocol) {
	case 46:  /* RSVP */
	case 88:  /* EIGRP */
	case 89:  /* OSPF */
	case 103: /* PIM */
	case 112: /* VRRP */
		return XS_PUNT_ROUTING;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return xs_is_routing_port(source) || xs_is_routing_port(destination) ? XS_PUNT_ROUTING : XS_PUNT_OTHER;
	case IPPROTO_ICMPV6: /* solicitations, advertisements, redirects */
		return type >= 133 && type <= 137 ? XS_PUNT_NEIGHBOUR : XS_PUNT_OTHER;
	}
	return XS_PUNT_OTHER;
}

static __always_inline __u32 xs_class_of(const struct xs_packet *packet)
{
	const struct ipv6hdr *ip6 = packet->network;
	const struct iphdr *ip = packet->network;
	__u32 protocol, header;
	const xs_bytes4 *first;

	if (packet->ethertype == bpf_htons(ETH_P_ARP))
		return XS_PUNT_NEIGHBOUR;
	if (packet->punt_class != XS_PUNT_OTHER)
		return packet->punt_class;
	if (packet->ethertype == bpf_htons(ETH_P_IPV6)) {
		if ((void *)(ip6 + 1) > packet->end)
			return XS_PUNT_OTHER;
		protocol = ip6->nexthdr;
		header = sizeof(*ip6);
	} else {
		if ((void *)(ip + 1) > packet->end || ip->frag_off & bpf_htons(XS_FRAGMENT_MASK))
			return XS_PUNT_OTHER;
		protocol = ip->protocol;
		header = sizeof(*ip);
	}
	first = packet->network + header;
	return xs_class_of_transport(protocol, (void *)(first + 1) <= packet->end ? bpf_ntohl(*first) : 0);
}

/* With a number that nobody can guess, so that nobody can choose addresses that look alike. IPv4's other bytes are zero. */
static __always_inline __u64 xs_address_hash(const union xs_wire_address *address, __u64 seed)
{
	__u64 high = (__u64)address->word[0] << 32 | address->word[1], low = (__u64)address->word[2] << 32 | address->word[3];
	__u64 hash = (high ^ seed) * 0x9e3779b97f4a7c15ull;

	hash = (hash ^ hash >> 32 ^ low ^ seed) * 0xd6e8feb86659fd93ull;
	return hash ^ hash >> 32;
}

/* A new neighbour to look for costs the kernel an entry that all namespaces share; one that was asked for lately has it. */
static __always_inline bool xs_may_resolve(__u32 slice_id, const union xs_wire_address *address, __u64 now)
{
	struct xs_unresolved *asked = bpf_map_lookup_elem(&unresolved, &slice_id);
	__u32 mark, *recent;
	__u64 hash;

	if (!asked)
		return false;
	if (!asked->seed)
		asked->seed = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;
	hash = xs_address_hash(address, asked->seed);
	mark = hash >> 32 | 1;
	recent = &asked->recent[hash % (XS_UNRESOLVED_MARKS / XS_UNRESOLVED_SET) * XS_UNRESOLVED_SET];
	if (recent[0] == mark || recent[1] == mark || recent[2] == mark || recent[3] == mark)
		return true;
	if (!xs_take_token(&asked->full_at, now, XS_SECOND / XS_UNRESOLVED_RATE, XS_UNRESOLVED_BURST))
		return false;
	recent[3] = recent[2];
	recent[2] = recent[1];
	recent[1] = recent[0];
	recent[0] = mark;
	return true;
}

enum xs_front_end {
	XS_BY_XDP = 1 << 0,
	XS_BY_TC = 1 << 1,
};

/*
 * One front end polices: the one that sees the frame first; but where XDP sees merged frames it cannot know whether they are too
 * big, and comes so late that tc does it at the same price.
 */
static __always_inline bool xs_polices(__u32 vport_id, __u32 front_end)
{
	const struct xs_vport *by = bpf_map_lookup_elem(&vport, &vport_id);
	bool tc = by && by->port_flags & (XS_PORT_LOCAL_STACK | XS_PORT_MERGED);

	return front_end & (tc ? XS_BY_TC : XS_BY_XDP);
}

/*
 * May this be punted? neighbour: the address that the kernel has to look for, in the slice. A global function, so that the
 * verifier looks at it once and not once for each way that leads here.
 */
__noinline int xs_police(__u32 vport_id, __u32 class, __u32 slice_id, const union xs_wire_address *neighbour, __u32 front_end)
{
	struct xs_policer *of = bpf_map_lookup_elem(&policer, &vport_id);
	__u64 now = bpf_ktime_get_ns(), interval = 0, burst = 0;

	if (!of || !neighbour)
		return 0;
	if (!xs_polices(vport_id, front_end))
		return 1;
	if (slice_id && !xs_may_resolve(slice_id, neighbour, now))
		return 0;
	switch (class) {
#define XS_PUNT_CASE(id, name, per_second, at_once, text) \
	case XS_PUNT_##id:                                \
		interval = XS_SECOND / (per_second);      \
		burst = at_once;                          \
		break;
		XS_PUNT_CLASSES(XS_PUNT_CASE)
#undef XS_PUNT_CASE
	}
	barrier_var(class); /* else Linux 6.1 has forgotten the bound by here */
	return class < XS_PUNT_CLASS_COUNT && xs_take_token(&of->full_at[class], now, interval, burst);
}

static __always_inline bool xs_may_punt(const struct xs_packet *packet, enum xs_front_end front_end)
{
	return xs_police(packet->vport_id, xs_class_of(packet), packet->unresolved ? packet->slice : 0, &packet->destination, front_end);
}

#endif
