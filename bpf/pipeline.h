/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pipeline.h - the stages in their order, and the front ends around them: the bodies of the programs (xslice.bpf.c). Each
 * frame that a port received leaves here by one return, counted once.
 */
#ifndef XSLICE_BPF_PIPELINE_H
#define XSLICE_BPF_PIPELINE_H

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "bpf/emit.h"
#include "bpf/ingress.h"
#include "bpf/maps.h"
#include "bpf/offload.h"
#include "bpf/packet.h"
#include "bpf/paging.h"
#include "bpf/parse.h"
#include "bpf/pass.h"
#include "bpf/punt.h"
#include "bpf/route.h"
#include "bpf/select.h"
#include "bpf/translate.h"
#include "bpf/uplink.h"
#include "bpf/verdict.h"

/* From its slice on, or from the MUX that selects it. */
static __always_inline int xs_decide_network(struct xs_packet *packet, int family)
{
	int verdict;

	verdict = xs_parse_network(packet, family);
	if (verdict != XS_UNDECIDED)
		return verdict;
	verdict = xs_admit(packet, family);
	if (verdict != XS_UNDECIDED)
		return verdict;
	verdict = xs_select(packet, family);
	if (verdict != XS_UNDECIDED)
		return verdict;
	return xs_route(packet, family);
}

/* From the port on: the frame's verdict. Nothing is changed or counted. */
static __always_inline int xs_decide(struct xs_packet *packet)
{
	int verdict;

	verdict = xs_ingress(packet);
	if (verdict != XS_UNDECIDED)
		return verdict;
	return packet->ethertype == bpf_htons(ETH_P_IP) ? xs_decide_network(packet, XS_FAMILY4) :
							  xs_decide_network(packet, XS_FAMILY6);
}

/* The same of a frame whose link layer was parsed with this verdict; of a MUX with an exit, whatever there is left to pass on. */
static __always_inline int xs_decide_or_pass(struct xs_packet *packet, int verdict)
{
	if (verdict == XS_UNDECIDED)
		verdict = xs_decide(packet);
	if (verdict == XS_FORWARDED || verdict == XS_PAGED)
		return verdict;
	return xs_pass_on(packet, xs_forget_which(packet, verdict));
}

/*
 * Does a frame for another port leave by tc, which may transmit what XDP may not, or whose skb knows of it what XDP does not?
 * What comes in by vport and port is told by the flags of either; paging has not looked the vport up.
 */
static __always_inline bool xs_leaves_by_tc(struct xdp_md *ctx, const struct xs_packet *packet, int verdict, const bool paged)
{
	if (verdict == XS_FORWARDED)
		return packet->nexthop->port_flags & XS_PORT_BY_TC ||
		       ((paged ? XS_READ_ONCE(packet->port->flags) : packet->vport->port_flags) & XS_PORT_UNFINISHED &&
			xs_frame_is_partial(ctx));
	return packet->heard || xs_passes_by_tc(packet) ||
	       (XS_READ_ONCE(packet->port->flags) & XS_PORT_UNFINISHED && xs_frame_is_partial(ctx));
}

/* The end of a frame that XDP has, with its verdict. What is only passed up is counted by tc. */
static __always_inline int xs_end_xdp(struct xdp_md *ctx, struct xs_packet *packet, int verdict, const struct xs_mapping *map, const bool paged)
{
	if (verdict == XS_PUNTED && !(paged ? xs_may_punt_paged(packet, XS_BY_XDP) : xs_may_punt(packet, XS_BY_XDP)))
		verdict = XS_POLICED;
	if (verdict == XS_PUNTED || verdict == XS_HOST)
		return XDP_PASS;
	if (verdict == XS_FORWARDED) {
		if (xs_leaves_by_tc(ctx, packet, XS_FORWARDED, paged))
			return XDP_PASS;
		if ((paged && xs_rewrite_xdp(ctx, map, xs_network_xdp(packet))) || xs_emit_xdp(ctx, packet))
			verdict = XS_EMIT_FAILED;
	}
	if (verdict == XS_PASSED && xs_leaves_by_tc(ctx, packet, XS_PASSED, paged))
		return XDP_PASS;
	xs_count_verdict(packet, verdict, 1, packet->length);
	if (verdict == XS_FORWARDED)
		return bpf_redirect(packet->nexthop->ifindex, 0);
	return verdict == XS_PASSED ? bpf_redirect(packet->port->other_ifindex, 0) : XDP_DROP;
}

/* Paging's part of xs_xdp_port(): see paging.h. */
__noinline int xs_paged_xdp(struct xdp_md *ctx, __u32 port_id, __u32 slice_id, __u32 vport_id, __u32 uplink)
{
	struct xs_mapping map = {};
	struct xs_packet packet = {.port_id = port_id, .slice = slice_id, .vport_id = vport_id, .mux_vport = uplink};
	__u32 network;
	int verdict;

	verdict = xs_parse_link_xdp(ctx, &packet);
	network = xs_network_xdp(&packet);
	packet.port = bpf_map_lookup_elem(&port, &port_id);
	if (!packet.port || verdict != XS_UNDECIDED)
		return XDP_PASS;
	verdict = xs_decide_paged(&packet, &map);
	if (verdict == XS_FORWARDED || verdict == XS_PUNTED)
		verdict = xs_judge_mapped(&packet, &map, verdict, xs_place_xdp(ctx, network, network + packet.total_length, map.family));
	return xs_end_xdp(ctx, &packet, verdict, &map, true);
}

/* XS_PAGED, or the frame's end. A function of its own: what is on its stack is not on paging's. */
static __noinline int xs_unpaged_xdp(struct xdp_md *ctx, struct xs_paged *paged)
{
	struct xs_packet packet = {};
	int verdict;

	verdict = xs_parse_link_xdp(ctx, &packet);
	if (!xs_ingress_port(&packet))
		return XDP_PASS;
	xs_count_arrival(&packet, 1, packet.length);
	verdict = xs_decide_or_pass(&packet, verdict);
	if (verdict != XS_PAGED)
		return xs_end_xdp(ctx, &packet, verdict, NULL, false);
	xs_leave_to_paging(&packet, paged);
	return XS_PAGED;
}

static __always_inline int xs_xdp_port(struct xdp_md *ctx)
{
	struct xs_paged paged = {};
	int action = xs_unpaged_xdp(ctx, &paged);

	if (action != XS_PAGED)
		return action;
	action = xs_paged_xdp(ctx, paged.port_id, paged.slice, paged.vport_id, paged.uplink);
	if (action != XDP_PASS && paged.rule)
		++*paged.rule;
	return action;
}

/* tc knows of segments what XDP does not: they have to fit, the whole packet has not. */
static __always_inline int xs_judge_segments(struct __sk_buff *skb, struct xs_packet *packet, int verdict)
{
	if (verdict != XS_FORWARDED || !packet->gso_size || xs_segments_fit(skb, packet->nexthop->vport, packet->nexthop->mtu))
		return verdict;
	return packet->ethertype == bpf_htons(ETH_P_IP) ? xs_punt_too_big(packet, XS_FAMILY4) : xs_punt_too_big(packet, XS_FAMILY6);
}

/* The end of a frame by tc, which is where punts are carried out. */
static __always_inline int xs_end_tc(struct __sk_buff *skb, struct xs_packet *packet, int verdict, __u32 frames, __u32 bytes,
				      const struct xs_mapping *map, const bool paged)
{
	__u32 out = 0;

	if (verdict == XS_PUNTED && !(paged ? xs_may_punt_paged(packet, XS_BY_TC) : xs_may_punt(packet, XS_BY_TC)))
		verdict = XS_POLICED;
	if (verdict == XS_FORWARDED) {
		out = packet->nexthop->ifindex;
		if ((paged && xs_translate_tc(skb, packet, map)) || xs_emit_tc(skb, packet))
			verdict = XS_EMIT_FAILED;
	} else if (verdict == XS_PUNTED) {
		const struct xs_vport *to = bpf_map_lookup_elem(&vport, &packet->vport_id);

		out = to ? to->veth : 0;
		if (!out || xs_punt_tc(skb, packet, to))
			verdict = XS_EMIT_FAILED;
	} else if (verdict == XS_PASSED) {
		out = packet->port->other_ifindex;
		if (packet->heard && packet->vport) /* always; but the verifier forgets it */
			bpf_clone_redirect(skb, packet->vport->veth, 0);
	}
	xs_count_verdict(packet, verdict, frames, bytes);
	if (verdict == XS_HOST)
		return TC_ACT_UNSPEC;
	return verdict == XS_FORWARDED || verdict == XS_PUNTED || verdict == XS_PASSED ? bpf_redirect(out, 0) : TC_ACT_SHOT;
}

/* Paging's part of xs_tc_port(): see paging.h. */
__noinline int xs_paged_tc(struct __sk_buff *skb, __u32 port_id, __u32 slice_id, __u32 vport_id, __u32 uplink)
{
	const __u32 network = sizeof(struct ethhdr);
	struct xs_mapping map = {};
	struct xs_packet packet = {.port_id = port_id, .slice = slice_id, .vport_id = vport_id, .mux_vport = uplink};
	__u64 counted;
	int verdict;

	verdict = xs_parse_link_tc(skb, &packet);
	packet.port = bpf_map_lookup_elem(&port, &port_id);
	if (!packet.port || verdict != XS_UNDECIDED)
		return TC_ACT_SHOT;
	verdict = xs_judge_segments(skb, &packet, xs_decide_paged(&packet, &map));
	if (verdict == XS_FORWARDED || verdict == XS_PUNTED)
		verdict = xs_judge_mapped(&packet, &map, verdict,
					  xs_place_skb(skb, network, network + packet.total_length, map.family, false));
	counted = xs_frames(skb, XS_READ_ONCE(packet.port->flags));
	return xs_end_tc(skb, &packet, verdict, counted >> 32, counted, &map, true);
}

static __noinline int xs_unpaged_tc(struct __sk_buff *skb, struct xs_paged *paged)
{
	struct xs_packet packet = { .ifindex = skb->ifindex };
	__u32 frames, bytes;
	__u64 counted;
	int verdict;

	if (!xs_ingress_port(&packet))
		return TC_ACT_UNSPEC;
	if (packet.port->flags & XS_PORT_MERGED && !xs_restore_link(skb, packet.port)) {
		xs_count_verdict(&packet, XS_HOST, 1, skb->len);
		return TC_ACT_UNSPEC;
	}
	verdict = xs_parse_link_tc(skb, &packet);
	counted = xs_frames(skb, XS_READ_ONCE(packet.port->flags));
	frames = counted >> 32;
	bytes = counted;
	if (xs_sees_first(&packet)) /* here, where the port is still the physical one: see xs_ingress_vlan() */
		xs_count_arrival(&packet, frames, bytes);
	verdict = xs_judge_segments(skb, &packet, xs_decide_or_pass(&packet, verdict));
	if (verdict != XS_PAGED)
		return xs_end_tc(skb, &packet, verdict, frames, bytes, NULL, false);
	xs_leave_to_paging(&packet, paged);
	paged->frames = frames;
	return XS_PAGED;
}

static __always_inline int xs_tc_port(struct __sk_buff *skb)
{
	struct xs_paged paged = {};
	const int action = xs_unpaged_tc(skb, &paged);

	if (action != XS_PAGED)
		return action;
	if (paged.rule)
		*paged.rule += paged.frames;
	return xs_paged_tc(skb, paged.port_id, paged.slice, paged.vport_id, paged.uplink);
}

/* Where what a sliver or edge sends goes to; 0: it may not be sent. Tags of its own would become second ones. */
static __always_inline __u32 xs_sliver_way(const struct __sk_buff *skb, const struct xs_packet *packet, const struct xs_vport *from)
{
	const struct xs_vport *edge;

	if (packet->tagged || xs_is_tag(packet->ethertype))
		return 0;
	if (from->kind != XS_VPORT_MUX)
		return from->port_ifindex;
	/* Users' edge is shared by slices: nothing but packets to be relayed may reach it from one. */
	edge = bpf_map_lookup_elem(&vport, &from->edge);
	if (!edge || !xs_is_ip(packet->ethertype) || !xs_mac_equal(packet->eth->h_dest, edge->relay_mac))
		return 0;
	return edge->veth;
}

/* What a sliver sends by its uplink is not sent on but left to the node's own kernel, which routes it. */
static __always_inline int xs_tc_sliver_uplink(struct __sk_buff *skb, __u32 id, __u32 slice_id)
{
	const __u32 length = skb->len;
	const int err = xs_uplink_inward(skb, slice_id);

	xs_count_originated(id, length, !err);
	return err ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/* A function of its own: what is on its stack is not on the uplink's. */
static __noinline int xs_tc_sliver_port(struct __sk_buff *skb, __u32 id)
{
	struct xs_packet packet = {};
	const struct xs_vport *from;
	__u32 out;

	if (xs_parse_link_tc(skb, &packet) != XS_UNDECIDED)
		return TC_ACT_SHOT;
	from = bpf_map_lookup_elem(&vport, &id);
	out = from ? xs_sliver_way(skb, &packet, from) : 0;
	if (out && from->vid && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), from->vid))
		out = 0;
	xs_count_originated(id, packet.length, out != 0);
	return out ? bpf_redirect(out, 0) : TC_ACT_SHOT;
}

static __always_inline int xs_tc_sliver(struct __sk_buff *skb)
{
	const __u32 ifindex = skb->ifindex, *vport_id = bpf_map_lookup_elem(&vport_of_ifindex, &ifindex);
	const struct xs_vport *from;
	__u32 id;

	if (!vport_id || !*vport_id)
		return TC_ACT_SHOT;
	id = *vport_id;
	from = bpf_map_lookup_elem(&vport, &id);
	return from && from->kind == XS_VPORT_UPLINK ? xs_tc_sliver_uplink(skb, id, from->slice) : xs_tc_sliver_port(skb, id);
}

/*
 * The relay MAC is not the device's, so the kernel has marked such frames as somebody else's. Their TTL stays: towards users the
 * edge does not route, it only knows its neighbours.
 */
static __always_inline int xs_tc_edge(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_OTHERHOST || !xs_is_ip(skb->protocol))
		return TC_ACT_UNSPEC;
	return bpf_redirect_neigh(skb->ifindex, NULL, 0, 0);
}

#endif
