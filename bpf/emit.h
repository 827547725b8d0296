/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emit.h - the only stage that changes a frame: TTL or hop limit, MACs, tag; each front end in its own way. The priority bits (PCP, DEI) of an
 * incoming tag stay when another tag takes its place.
 */
#ifndef XSLICE_BPF_EMIT_H
#define XSLICE_BPF_EMIT_H

#include "bpf/packet.h"
#include "bpf/parse.h"

#define XS_TCI_PRIORITY 0xf000

/* The header's checksum is a ones' complement sum: a smaller TTL makes it larger by the same amount, with carry. */
static __always_inline void xs_decrease_ttl(struct iphdr *ip)
{
	__u32 check = ip->check + bpf_htons(0x0100);

	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

/* IPv6's header has no checksum, and those of transports do not cover the hop limit. */
static __always_inline void xs_decrease_hop_limit(const struct xs_packet *packet)
{
	if (packet->ethertype == bpf_htons(ETH_P_IP))
		xs_decrease_ttl(packet->network);
	else
		((struct ipv6hdr *)packet->network)->hop_limit--;
}

static __always_inline void xs_write_macs(void *eth, const struct xs_nexthop *to)
{
	const xs_bytes4 *from = (const void *)to->dmac; /* dmac and smac lie side by side, as on the wire */
	xs_bytes4 *at = eth;

	at[0] = from[0];
	at[1] = from[1];
	at[2] = from[2];
}

static __always_inline __be16 xs_outgoing_tci(const struct xs_packet *packet, const struct xs_nexthop *to)
{
	return to->tci | bpf_htons(packet->tci & XS_TCI_PRIORITY);
}

/* 0, or -1: the frame could not be changed. The frame's pointers are void afterwards. */
static __always_inline int xs_emit_xdp(struct xdp_md *ctx, const struct xs_packet *packet)
{
	const struct xs_nexthop *to = packet->nexthop;
	void *eth = packet->eth;
	struct xs_tag *tag;

	xs_decrease_hop_limit(packet);
	if (eth + sizeof(struct ethhdr) + sizeof(*tag) > packet->end)
		return -1;
	if (packet->tagged) {
		if (to->tci) {
			tag = eth + sizeof(struct ethhdr);
			tag->tci = xs_outgoing_tci(packet, to);
			xs_write_macs(eth, to);
			return 0;
		}
		/* The ethertype behind the tag is where the shorter header wants it. */
		xs_write_macs(eth + sizeof(*tag), to);
		return bpf_xdp_adjust_head(ctx, sizeof(*tag)) ? -1 : 0;
	}
	if (!to->tci) {
		xs_write_macs(eth, to);
		return 0;
	}
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*tag)))
		return -1;
	eth = (void *)(long)ctx->data;
	tag = eth + sizeof(struct ethhdr);
	if ((void *)(tag + 1) > (void *)(long)ctx->data_end)
		return -1;
	xs_write_macs(eth, to);
	((struct ethhdr *)eth)->h_proto = bpf_htons(ETH_P_8021Q);
	tag->tci = to->tci;
	tag->ethertype = packet->ethertype;
	return 0;
}

/*
 * The jumbo header of an IPv6 packet of more than 64 KiB. The kernel takes it out when it cuts the packet, but overlooks it behind a
 * tag, and it would be in every segment. Where no tag comes before it, it stays: a stack that gets the packet whole asks for it.
 */
static __always_inline int xs_drop_jumbo_header(struct __sk_buff *skb, const struct xs_packet *packet)
{
	struct ipv6hdr *ip6 = packet->network;
	const __u8 *next = (void *)(ip6 + 1);

	if (packet->ethertype != bpf_htons(ETH_P_IPV6) || !packet->gso_size || ip6->nexthdr != IPPROTO_HOPOPTS)
		return 0;
	if ((void *)(next + 1) > packet->end)
		return -1;
	ip6->nexthdr = *next;
	return bpf_skb_adjust_room(skb, -XS_JUMBO_HEADER, BPF_ADJ_ROOM_NET, BPF_F_ADJ_ROOM_FIXED_GSO) ? -1 : 0;
}

/* The same on an skb, whose tag is beside the frame: what a GSO packet's segments get, each. */
static __always_inline int xs_emit_tc(struct __sk_buff *skb, const struct xs_packet *packet)
{
	const struct xs_nexthop *to = packet->nexthop;

	xs_decrease_hop_limit(packet);
	/* Where the card has summed up all of it (CHECKSUM_COMPLETE), the sum is one less. IPv4's header sums up to the same as before. */
	if (packet->ethertype != bpf_htons(ETH_P_IP))
		bpf_csum_update(skb, (__u16)~bpf_htons(1));
	xs_write_macs(packet->eth, to);
	if (to->tci && xs_drop_jumbo_header(skb, packet))
		return -1;
	if (packet->tagged && bpf_skb_vlan_pop(skb))
		return -1;
	if (to->tci && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), bpf_ntohs(xs_outgoing_tci(packet, to))))
		return -1;
	return 0;
}

/*
 * Hands the frame to the sliver or edge of the vport it came in by: untagged, and to the MAC of that veth's inner end (behind
 * a MUX users know only the edge's). Broadcast and multicast keep their destination.
 */
static __always_inline int xs_punt_tc(struct __sk_buff *skb, const struct xs_packet *packet, const struct xs_vport *to)
{
	if (packet->unicast)
		xs_mac_copy(packet->eth->h_dest, to->sliver_mac);
	if (packet->tagged && bpf_skb_vlan_pop(skb))
		return -1;
	return 0;
}

#endif
