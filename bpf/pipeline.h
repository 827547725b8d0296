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

/*
 * From its slice on, or from the MUX that selects it; or, out of the WAN, from its page on. Headers out of the WAN that are so unsound
 * that nobody can say whom they are for are the host's to judge.
 */
static __always_inline int xs_decide_network(struct xs_packet *packet, bool of_wan, int family)
{
	int verdict;

	verdict = xs_parse_network(packet, family);
	if (of_wan)
		return verdict == XS_UNDECIDED ? XS_PAGED : XS_HOST;
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
	if (verdict != XS_UNDECIDED && verdict != XS_PAGED)
		return verdict;
	return packet->ethertype == bpf_htons(ETH_P_IP) ? xs_decide_network(packet, verdict == XS_PAGED, XS_FAMILY4) :
							  xs_decide_network(packet, verdict == XS_PAGED, XS_FAMILY6);
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
 * What comes in by vport and port is told by the flags of either.
 */
static __always_inline bool xs_is_sent_by_tc(struct xdp_md *ctx, const struct xs_packet *packet, __u32 port_flags)
{
	return packet->nexthop->port_flags & XS_PORT_BY_TC || (port_flags & XS_PORT_UNFINISHED && xs_frame_is_partial(ctx));
}

static __always_inline bool xs_is_passed_by_tc(struct xdp_md *ctx, const struct xs_packet *packet)
{
	return packet->heard || xs_passes_by_tc(packet) ||
	       (XS_READ_ONCE(packet->port->flags) & XS_PORT_UNFINISHED && xs_frame_is_partial(ctx));
}

/* The end of a frame that XDP has, with its verdict. What is only passed up is counted by tc. how: of paging, else NULL. */
static __always_inline int xs_end_xdp(struct xdp_md *ctx, struct xs_packet *packet, int verdict, const struct xs_translation *how,
				      int family)
{
	const bool paged = how;

	if (verdict == XS_PUNTED && !(paged ? xs_may_punt_paged(packet, how->port_flags, XS_BY_XDP) : xs_may_punt(packet, XS_BY_XDP)))
		verdict = XS_POLICED;
	if (verdict == XS_PUNTED || verdict == XS_HOST)
		return XDP_PASS;
	if (verdict == XS_FORWARDED) {
		if (xs_is_sent_by_tc(ctx, packet, paged ? how->port_flags : packet->vport->port_flags))
			return XDP_PASS;
		if ((paged && xs_translate_xdp(ctx, packet, how, family)) || xs_emit_xdp(ctx, packet))
			verdict = XS_EMIT_FAILED;
	}
	if (!paged && verdict == XS_PASSED && xs_is_passed_by_tc(ctx, packet))
		return XDP_PASS;
	xs_count_verdict(packet, verdict, 1, packet->length);
	if (verdict == XS_FORWARDED)
		return bpf_redirect(packet->nexthop->ifindex, 0);
	return !paged && verdict == XS_PASSED ? bpf_redirect(packet->port->other_ifindex, 0) : XDP_DROP;
}

/* Paging's part of xs_xdp_port(): see paging.h. */
static __always_inline int xs_paged_xdp(struct xdp_md *ctx, const struct xs_paged *paged, int family)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct xs_packet packet = {};
	struct xs_translation how = {};
	int verdict;

	if (!paged || !xs_take_over(&packet, paged, data, end, family))
		return XDP_PASS;
	how.port_flags = paged->port_flags;
	verdict = xs_decide_paged(&packet, &how, family);
	if (verdict == XS_FORWARDED || verdict == XS_PUNTED) {
		how.place = xs_place_plain(&packet, family);
		if (!how.place)
			how.place = xs_place_xdp(ctx, packet.network - data, packet.network - data + packet.total_length, family);
		verdict = xs_judge_mapped(&packet, &how, verdict);
	}
	return xs_end_xdp(ctx, &packet, verdict, &how, family);
}

__noinline int xs_paged4_xdp(struct xdp_md *ctx, const struct xs_paged *paged)
{
	return xs_paged_xdp(ctx, paged, XS_FAMILY4);
}

__noinline int xs_paged6_xdp(struct xdp_md *ctx, const struct xs_paged *paged)
{
	return xs_paged_xdp(ctx, paged, XS_FAMILY6);
}

/* XS_PAGED, or the frame's end. A function of its own: what is on its stack is not on paging's. */
static __noinline int xs_unpaged_xdp(struct xdp_md *ctx, struct xs_left *left)
{
	struct xs_packet packet = {};
	int verdict;

	verdict = xs_parse_link_xdp(ctx, &packet);
	if (!xs_ingress_port(&packet))
		return XDP_PASS;
	xs_count_arrival(&packet, 1, packet.length);
	verdict = xs_decide_or_pass(&packet, verdict);
	if (verdict != XS_PAGED)
		return xs_end_xdp(ctx, &packet, verdict, NULL, XS_FAMILY4);
	xs_leave_to_paging(&packet, left);
	return XS_PAGED;
}

static __always_inline int xs_xdp_port(struct xdp_md *ctx)
{
	struct xs_left left = {};
	int action = xs_unpaged_xdp(ctx, &left);

	if (action != XS_PAGED)
		return action;
	action = left.paged.six ? xs_paged6_xdp(ctx, &left.paged) : xs_paged4_xdp(ctx, &left.paged);
	if (action != XDP_PASS && left.rule)
		++*left.rule;
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
				      const struct xs_translation *how, int family)
{
	const bool paged = how;
	__u32 out = 0;

	if (verdict == XS_PUNTED && !(paged ? xs_may_punt_paged(packet, how->port_flags, XS_BY_TC) : xs_may_punt(packet, XS_BY_TC)))
		verdict = XS_POLICED;
	if (verdict == XS_FORWARDED) {
		out = packet->nexthop->ifindex;
		if ((paged && xs_translate_tc(skb, packet, how, family)) || xs_emit_tc(skb, packet))
			verdict = XS_EMIT_FAILED;
	} else if (verdict == XS_PUNTED) {
		const struct xs_vport *to = bpf_map_lookup_elem(&vport, &packet->vport_id);

		out = to ? to->veth : 0;
		if (!out || xs_punt_tc(skb, packet, to))
			verdict = XS_EMIT_FAILED;
	} else if (!paged && verdict == XS_PASSED) {
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
static __always_inline int xs_paged_tc(struct __sk_buff *skb, const struct xs_paged *paged, __u32 place, int family)
{
	struct xs_packet packet = {.by_tc = true, .gso_size = skb->gso_size};
	struct xs_translation how = {.place = place};
	__u64 counted;
	int verdict;

	if (!paged || !xs_take_over(&packet, paged, (void *)(long)skb->data, (void *)(long)skb->data_end, family))
		return TC_ACT_SHOT;
	how.port_flags = paged->port_flags;
	verdict = xs_judge_segments(skb, &packet, xs_decide_paged(&packet, &how, family));
	if (verdict == XS_FORWARDED || verdict == XS_PUNTED)
		verdict = xs_judge_mapped(&packet, &how, verdict);
	counted = xs_frames(skb, how.port_flags);
	return xs_end_tc(skb, &packet, verdict, counted >> 32, counted, &how, family);
}

__noinline int xs_paged4_tc(struct __sk_buff *skb, const struct xs_paged *paged, __u32 place)
{
	return xs_paged_tc(skb, paged, place, XS_FAMILY4);
}

__noinline int xs_paged6_tc(struct __sk_buff *skb, const struct xs_paged *paged, __u32 place)
{
	return xs_paged_tc(skb, paged, place, XS_FAMILY6);
}

static __noinline int xs_unpaged_tc(struct __sk_buff *skb, struct xs_left *left)
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
		return xs_end_tc(skb, &packet, verdict, frames, bytes, NULL, XS_FAMILY4);
	xs_leave_to_paging(&packet, left);
	if (packet.rule)
		*packet.rule += frames;
	return XS_PAGED;
}

static __always_inline int xs_tc_port(struct __sk_buff *skb)
{
	struct xs_left left = {};
	const int action = xs_unpaged_tc(skb, &left);
	__u32 place;

	if (action != XS_PAGED)
		return action;
	/* Here, as the stacks of both do not fit below each other. */
	place = xs_place_skb(skb, left.paged.network, left.paged.network + left.paged.total_length, left.paged.six, false);
	return left.paged.six ? xs_paged6_tc(skb, &left.paged, place) : xs_paged4_tc(skb, &left.paged, place);
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
