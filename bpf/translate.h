/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * translate.h - paging: changes frames. Two new addresses, and what covers them: IPv4's header checksum, and the transport's at its
 * place (place.h). Checksums are not computed anew but changed by the difference (RFC 1624, equation 3), so a wrong one stays
 * wrong, and what a frame has not in it (the rest of a fragmented packet) is not needed. On skbs by the kernel's own helpers, which
 * know what a card has still to do (partial checksums, segments) and what it has done already.
 */
#ifndef XSLICE_BPF_TRANSLATE_H
#define XSLICE_BPF_TRANSLATE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include "bpf/packet.h"
#include "bpf/page.h"
#include "bpf/parse.h"
#include "bpf/place.h"

/* ---- XDP ------------------------------------------------------------------------------------------------------------- */

/* RFC 1624: a checksum whose data grow by `sum`. The result is never 0xffff, unless it stands for UDP's 0. */
static __always_inline __u16 xs_changed_checksum(__u16 check, __u32 sum, bool udp)
{
	__u32 changed = (__u16)~check + sum;

	changed = (__u16)~((changed & 0xffff) + (changed >> 16));
	if (!udp)
		return changed;
	return !check ? 0 : !changed ? 0xffff : changed;
}

/* A checksum beyond the first part of a frame. 0, or -1. A function of its own, as in page.h. */
__noinline int xs_change_far_checksum(struct xdp_md *ctx, __u32 at, __u32 sum, bool udp)
{
	__u16 check = 0;

	if (bpf_xdp_load_bytes(ctx, at, &check, sizeof(check)))
		return -1;
	check = xs_changed_checksum(check, sum, udp);
	return bpf_xdp_store_bytes(ctx, at, &check, sizeof(check)) ? -1 : 0;
}

/* 0, or -1: the frame could not be changed. Its pointers stay. */
static __always_inline int xs_translate_xdp(struct xdp_md *ctx, const struct xs_packet *packet, const struct xs_translation *how,
					    int family)
{
	const __u32 offset = how->place & XS_PLACE_OFFSET;
	const bool udp = how->place & XS_PLACE_UDP;
	struct ipv6hdr *ip6 = packet->network;
	struct iphdr *ip = packet->network;
	xs_bytes2 *check;

	if (family == XS_FAMILY4) {
		ip->saddr = how->source.v4;
		ip->daddr = how->destination.v4;
		ip->check = xs_changed_checksum(ip->check, how->sum, false);
	} else {
		__builtin_memcpy(&ip6->saddr, &how->source, sizeof(how->source));
		__builtin_memcpy(&ip6->daddr, &how->destination, sizeof(how->destination));
	}
	if (!offset)
		return 0;
	check = xs_header_at(packet->network, offset);
	if (offset > XS_TRANSPORT_MAX || (void *)(check + 1) > packet->end)
		return xs_change_far_checksum(ctx, packet->network - (void *)packet->eth + offset, how->sum, udp);
	*check = xs_changed_checksum(*check, how->sum, udp);
	return 0;
}

/* ---- skbs ------------------------------------------------------------------------------------------------------------ */

/*
 * The packet behind the link header. IPv6's addresses are in no checksum of its header, so whoever has summed up the whole packet
 * (CHECKSUM_COMPLETE) must be told of them as of any bytes; IPv4's header sums up to the same as before. What l4_csum_replace
 * says of a pseudo-header then holds for both. header_sum: what else changes in IPv4's header. 0, or -1: it must go no further.
 */
__noinline int xs_rewrite_skb(struct __sk_buff *skb, const struct xs_mapping *map, __u32 header_sum)
{
	const __u32 network = sizeof(struct ethhdr);
	__u32 offset;
	long err;

	if (!map)
		return -1;
	if (map->family == XS_FAMILY4) {
		err = bpf_skb_store_bytes(skb, network + __builtin_offsetof(struct iphdr, saddr), &map->source, XS_IPV4_BYTES, 0);
		err |= bpf_skb_store_bytes(skb, network + __builtin_offsetof(struct iphdr, daddr), &map->destination, XS_IPV4_BYTES, 0);
		err |= bpf_l3_csum_replace(skb, network + __builtin_offsetof(struct iphdr, check), 0,
					   xs_fold_sum((__u64)map->sum + header_sum), 0);
	} else {
		/* Source and destination lie side by side, as on the wire. */
		err = bpf_skb_store_bytes(skb, network + __builtin_offsetof(struct ipv6hdr, saddr), &map->source,
					  2 * XS_IPV6_BYTES, BPF_F_RECOMPUTE_CSUM);
	}
	offset = map->place & XS_PLACE_OFFSET;
	if (offset)
		err |= bpf_l4_csum_replace(skb, network + offset, 0, map->sum,
					   BPF_F_PSEUDO_HDR | (map->place & XS_PLACE_UDP ? BPF_F_MARK_MANGLED_0 : 0));
	return err ? -1 : 0;
}

/*
 * Before a frame is emitted by tc; its pointers are read anew, and as much of them is checked as emission relies on. 0, or -1: it could
 * not be changed.
 */
static __always_inline int xs_translate_tc(struct __sk_buff *skb, struct xs_packet *packet, const struct xs_translation *how,
					   int family)
{
	struct xs_mapping map = {
		.source = how->source, .destination = how->destination, .family = family, .sum = how->sum, .place = how->place};

	if (xs_rewrite_skb(skb, &map, 0) || xs_read_link_tc(skb, packet) != XS_UNDECIDED)
		return -1;
	return packet->network + (family == XS_FAMILY4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) > packet->end ? -1 : 0;
}

#endif
