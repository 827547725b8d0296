/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quote.h - paging: the packet inside an ICMP error. It is one that went the other way, so the same table maps its addresses: inward
 * the slice's, outward the WAN's. It may be cut off anywhere behind its addresses. The error's own checksum covers all of it.
 */
#ifndef XSLICE_BPF_QUOTE_H
#define XSLICE_BPF_QUOTE_H

#include "bpf/page.h"
#include "bpf/place.h"
#include "bpf/translate.h"

/* What crosses an uplink. */
struct xs_crossing {
	struct xs_mapping map;
	__u32 end;      /* of the packet in the frame */
	__u32 slice;    /* that all its addresses must be of */
	__u32 stranger; /* of an error born in the WAN: the uplink that it comes by; else 0 */
	union xs_wire_address was; /* its destination, before it was mapped */
};

/*
 * The addresses of the packet at offset `at`, and where it ends by what its header says. -1: they are not all there. A function of its own:
 * the stacks of those who call it have no room for a header.
 */
static __noinline int xs_read_addresses(struct __sk_buff *skb, __u32 at, struct xs_mapping *map, __u32 *end)
{
	struct ipv6hdr ip6 = {}; /* or IPv4's */
	const struct iphdr *ip = (const void *)&ip6;

	if (map->family == XS_FAMILY4) {
		if (bpf_skb_load_bytes(skb, at, &ip6, sizeof(*ip)) || ip->version != 4 || ip->ihl < XS_IPV4_HEADER_WORDS)
			return -1;
		map->source.v4 = ip->saddr;
		map->destination.v4 = ip->daddr;
		*end = at + bpf_ntohs(ip->tot_len);
		return 0;
	}
	if (bpf_skb_load_bytes(skb, at, &ip6, sizeof(ip6)) || ip6.version != 6)
		return -1;
	__builtin_memcpy(&map->source, &ip6.saddr, sizeof(map->source));
	__builtin_memcpy(&map->destination, &ip6.daddr, sizeof(map->destination));
	*end = at + sizeof(ip6) + bpf_ntohs(ip6.payload_len);
	return 0;
}

/*
 * May this have been quoted? What a router of the WAN quotes must be a packet that this gateway could have sent: from the one whom
 * the error is for (asked before), who is here, to one of his slice who is not.
 */
static __always_inline bool xs_may_be_quoted(const struct xs_crossing *error, const struct xs_mapping *quoted)
{
	if (quoted->source_slice != error->slice || quoted->destination_slice != error->slice)
		return false;
	return !error->stranger || (quoted->source_vport == error->stranger && !quoted->destination_vport);
}

/* Writes a checksum of the quote anew. *sum: grows by what the quote's sum does. */
static __always_inline int xs_change_quoted_checksum(struct __sk_buff *skb, __u32 at, __u32 by, bool udp, __u64 *sum)
{
	__u16 was = 0, is;

	if (bpf_skb_load_bytes(skb, at, &was, sizeof(was)))
		return -1;
	is = xs_changed_checksum(was, by, udp);
	*sum += is + (__u16)~was;
	return bpf_skb_store_bytes(skb, at, &is, sizeof(is), 0) ? -1 : 0;
}

static __always_inline int xs_write_quoted_addresses(struct __sk_buff *skb, __u32 at, const struct xs_mapping *map)
{
	if (map->family == XS_FAMILY6)
		return bpf_skb_store_bytes(skb, at + __builtin_offsetof(struct ipv6hdr, saddr), &map->source, 2 * XS_IPV6_BYTES, 0);
	if (bpf_skb_store_bytes(skb, at + __builtin_offsetof(struct iphdr, saddr), &map->source, XS_IPV4_BYTES, 0))
		return -1;
	return bpf_skb_store_bytes(skb, at + __builtin_offsetof(struct iphdr, daddr), &map->destination, XS_IPV4_BYTES, 0);
}

/*
 * Maps the quote of the error whose ICMP header is at offset `icmp`, and changes the error's checksum by what changed in it; not by the
 * error's own addresses. 0, or -1: it must go no further. All sums of an skb stay: what the quote grows by, the checksum over it
 * falls by.
 */
__noinline int xs_translate_quote(struct __sk_buff *skb, const struct xs_crossing *error, __u32 icmp)
{
	const __u32 at = icmp + XS_ICMP_HEADER;
	struct xs_mapping map = {};
	__u32 end = 0, place;
	__u64 sum;

	if (!error)
		return -1;
	map.family = error->map.family;
	map.table = error->map.table;
	if (xs_read_addresses(skb, at, &map, &end))
		return -1;
	if (error->stranger && !xs_address_equal(&map.source, &error->was, XS_FAMILY6))
		return -1;
	xs_map_addresses(&map);
	if (!xs_may_be_quoted(error, &map))
		return -1;
	place = xs_place_skb(skb, at, end < error->end ? end : error->end, map.family, true);
	if (place & XS_PLACE_NEVER)
		return -1;
	sum = map.sum;
	if (xs_write_quoted_addresses(skb, at, &map))
		return -1;
	if (map.family == XS_FAMILY4 &&
	    xs_change_quoted_checksum(skb, at + __builtin_offsetof(struct iphdr, check), map.sum, false, &sum))
		return -1;
	if (place & XS_PLACE_OFFSET &&
	    xs_change_quoted_checksum(skb, at + (place & XS_PLACE_OFFSET), map.sum, place & XS_PLACE_UDP, &sum))
		return -1;
	return bpf_l4_csum_replace(skb, icmp + 2, 0, xs_fold_sum(sum), 0) ? -1 : 0;
}

#endif
