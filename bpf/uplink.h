/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uplink.h - paging's slow path: both ends of the veth between a sliver and the node's own routing instance. What a sliver's kernel
 * sends by it is mapped to the WAN's addresses at the node's end (tc_sliver); what the node puts in there is mapped back at the
 * inner end (tc_uplink), by a program that lies in the sliver's namespace, where no ifindex is known: the frame's destination
 * address says which uplink it is.
 */
#ifndef XSLICE_BPF_UPLINK_H
#define XSLICE_BPF_UPLINK_H

#include <linux/bpf.h>
#include <linux/if_packet.h>

#include "bpf/page.h"
#include "bpf/quote.h"
#include "bpf/translate.h"
#include "bpf/verdict.h"

#define XS_NETWORK sizeof(struct ethhdr) /* tags are beside an skb's frame, and here there are none */
#define XS_TTL_MAX 255

/* -1: it is no packet that could be mapped. */
static __always_inline int xs_read_crossing(struct __sk_buff *skb, struct xs_crossing *it)
{
	__be16 ethertype = 0;

	if (skb->vlan_present || bpf_skb_load_bytes(skb, __builtin_offsetof(struct ethhdr, h_proto), &ethertype, sizeof(ethertype)) ||
	    !xs_is_ip(ethertype))
		return -1;
	it->map.family = ethertype == bpf_htons(ETH_P_IP) ? XS_FAMILY4 : XS_FAMILY6;
	if (xs_read_addresses(skb, XS_NETWORK, &it->map, &it->end))
		return -1;
	if (skb->gso_size) /* its length may be more than its header can say */
		it->end = skb->len;
	it->was = it->map.destination;
	return it->end > skb->len ? -1 : 0;
}

/* What both ways have in common, once the addresses are mapped. hop: TTL or hop limit grows by one. */
static __always_inline int xs_cross(struct __sk_buff *skb, struct xs_crossing *it, bool hop)
{
	const __u32 place = it->map.place;

	if (place & XS_PLACE_NEVER)
		return -1;
	if (place & XS_PLACE_QUOTE) {
		if (xs_translate_quote(skb, it, XS_NETWORK + (place & XS_PLACE_OFFSET)))
			return -1;
		it->map.place = it->map.family == XS_FAMILY6 ? (place & XS_PLACE_OFFSET) + XS_CHECKSUM_AT_ICMP6 : 0;
	}
	return xs_rewrite_skb(skb, &it->map, hop ? bpf_htons(0x0100) : 0);
}

static __always_inline void xs_find_place(struct __sk_buff *skb, struct xs_crossing *it)
{
	it->map.place = xs_place_skb(skb, XS_NETWORK, it->end, it->map.family, false);
}

/* TTL or hop limit, as it is to be after a hop is given back; 0: it stays. */
static __always_inline __u8 xs_ttl_given_back(struct __sk_buff *skb, __u32 family, __u32 *at)
{
	__u8 ttl = XS_TTL_MAX;

	*at = XS_NETWORK + (family == XS_FAMILY4 ? __builtin_offsetof(struct iphdr, ttl) : __builtin_offsetof(struct ipv6hdr, hop_limit));
	bpf_skb_load_bytes(skb, *at, &ttl, sizeof(ttl));
	return ttl == XS_TTL_MAX ? 0 : ttl + 1;
}

/*
 * From a sliver's kernel to the node's own: mapped, and with the hop that the sliver has taken, since the node's own kernel takes one too.
 * The frame's destination is nobody's MAC. 0, or -1: it is not sent.
 */
__noinline int xs_uplink_inward(struct __sk_buff *skb, __u32 slice_id)
{
	struct xs_crossing it = {.slice = slice_id};
	__u32 ttl_at;
	__u8 ttl;

	if (xs_read_crossing(skb, &it))
		return -1;
	it.map.table = slice_id;
	xs_map_addresses(&it.map);
	if (!slice_id || it.map.source_slice != slice_id || it.map.destination_slice != slice_id)
		return -1;
	xs_find_place(skb, &it);
	ttl = xs_ttl_given_back(skb, it.map.family, &ttl_at);
	if (xs_cross(skb, &it, ttl))
		return -1;
	if (ttl && bpf_skb_store_bytes(skb, ttl_at, &ttl, sizeof(ttl), it.map.family == XS_FAMILY6 ? BPF_F_RECOMPUTE_CSUM : 0))
		return -1;
	return bpf_skb_change_type(skb, PACKET_HOST) ? -1 : 0;
}

/* An error born in the WAN leaves in the name of the gateway's own address (R36: users see no address of the WAN). */
static __always_inline bool xs_name_stranger(struct xs_crossing *it)
{
	const struct xs_page_rest *to;
	__u64 sum = it->map.sum;
	__u32 own = 0, id = 0;

	xs_page_of(xs_page_root(0, it->map.family), &it->was, it->map.family, &id);
	to = bpf_map_lookup_elem(&page_rest, &id);
	if (!to)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		own |= to->own.word[i];
		sum += (__u64)to->own.word[i] + (__u32)~it->map.source.word[i];
		it->map.source.word[i] = to->own.word[i];
	}
	it->map.sum = xs_fold_sum(sum);
	return own;
}

static __always_inline int xs_uplink_outward(struct __sk_buff *skb, struct xs_crossing *it)
{
	if (!it->slice || (it->map.source_slice && it->map.source_slice != it->slice))
		return -1;
	xs_find_place(skb, it);
	if (!it->map.source_slice) {
		if (!(it->map.place & XS_PLACE_QUOTE) || !xs_name_stranger(it))
			return -1;
		it->stranger = it->map.destination_vport;
	}
	return xs_cross(skb, it, false);
}

/* The inner end of an uplink. What has come so far was counted where it was punted; only what is lost here is counted here. */
static __always_inline int xs_tc_uplink(struct __sk_buff *skb)
{
	struct xs_crossing it = {};
	const struct xs_vport *uplink;
	__u8 mac[XS_MAC_LEN] = {};
	__u32 length = skb->len;

	if (xs_read_crossing(skb, &it) || bpf_skb_load_bytes(skb, 0, mac, sizeof(mac)))
		return TC_ACT_SHOT;
	xs_map_addresses(&it.map);
	uplink = bpf_map_lookup_elem(&vport, &it.map.destination_vport);
	if (!it.map.destination_vport || !uplink || !xs_mac_equal(mac, uplink->sliver_mac))
		return TC_ACT_SHOT;
	it.slice = it.map.destination_slice;
	if (!xs_uplink_outward(skb, &it))
		return TC_ACT_UNSPEC;
	xs_count_originated(it.map.destination_vport, length, false);
	return TC_ACT_SHOT;
}

#endif
