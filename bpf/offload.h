/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * offload.h - what a stack leaves to the network card: to cut a packet into segments (GSO; GRO makes such packets out of frames), and
 * to finish checksums. Only an skb says so. A frame that XDP sees says nothing, but a checksum that is not finished is the sum of
 * the pseudo-header, which a finished one hardly ever is. XDP leaves such frames to tc, which sends them with all that their skb knows.
 */
#ifndef XSLICE_BPF_OFFLOAD_H
#define XSLICE_BPF_OFFLOAD_H

#include "bpf/maps.h"
#include "bpf/packet.h"
#include "bpf/parse.h"

/*
 * ---- segments: asked of tc's packets only, and in global functions that read the headers anew, so that the verifier looks at them once
 * and not once for each way that leads here. What does not fit into the first part of a frame is not looked into. ----
 */

struct xs_segment {
	__u32 repeated; /* bytes from the network header on that each segment has, of a tunnel's only the outer ones */
	bool cut_evenly; /* TCP and UDP: each but the last has gso_size bytes more */
	bool tcp;
};

static __always_inline void xs_read_segment(struct xs_packet *packet, struct xs_segment *segment, int family)
{
	const struct tcphdr *tcp;

	if ((family == XS_FAMILY4 ? xs_parse_ipv4(packet) : xs_parse_ipv6(packet)) != XS_UNDECIDED)
		return;
	xs_find_transport(packet, family);
	tcp = xs_at_transport(packet);
	segment->tcp = packet->protocol == IPPROTO_TCP;
	segment->cut_evenly = segment->tcp || packet->protocol == IPPROTO_UDP;
	segment->repeated = packet->transport;
	if (segment->tcp)
		segment->repeated += (void *)(tcp + 1) <= packet->end ? tcp->doff * 4 : sizeof(*tcp);
	else if (segment->cut_evenly)
		segment->repeated += sizeof(struct udphdr);
	if (family == XS_FAMILY6 && xs_has_jumbo_header(packet))
		segment->repeated -= XS_JUMBO_HEADER;
}

static __always_inline void xs_parse_segment(struct __sk_buff *skb, struct xs_segment *segment)
{
	struct xs_packet packet = {};

	if (xs_read_link_tc(skb, &packet) != XS_UNDECIDED)
		return;
	if (packet.ethertype == bpf_htons(ETH_P_IP))
		xs_read_segment(&packet, segment, XS_FAMILY4);
	else if (packet.ethertype == bpf_htons(ETH_P_IPV6))
		xs_read_segment(&packet, segment, XS_FAMILY6);
}

/*
 * May the segments leave by this vport, whose packets are of `mtu` bytes at most? What is not TCP may be a tunnel's, whose inner headers
 * each segment has too, or cut where its parts say (SCTP): the kernel knows, and the vport's veth has its MTU (a
 * WAN's has none: its port has it).
 */
__noinline int xs_segments_fit(struct __sk_buff *skb, __u32 vport_id, __u32 mtu)
{
	struct xs_segment segment = {};
	const struct xs_vport *by;
	__u32 ignored = 0;

	xs_parse_segment(skb, &segment);
	if (segment.repeated + (segment.cut_evenly ? skb->gso_size : 0) > mtu)
		return 0;
	if (segment.tcp)
		return 1;
	by = bpf_map_lookup_elem(&vport, &vport_id);
	return !by || bpf_check_mtu(skb, by->veth ? by->veth : by->port_ifindex, &ignored, 0, BPF_MTU_CHK_SEGS) <= 0;
}

/*
 * What a packet counts as: frames in the upper half, their bytes in the lower. Those of the wire; but where XDP has counted it, as the
 * one that it was there.
 */
__noinline __u64 xs_frames(struct __sk_buff *skb, __u32 port_flags)
{
	__u64 frames = skb->gso_segs, length = skb->len, size = skb->gso_size;
	struct xs_segment segment = {};
	__u32 headers;

	if (!size || port_flags & XS_PORT_MERGED)
		return 1ull << 32 | length;
	xs_parse_segment(skb, &segment);
	headers = sizeof(struct ethhdr) + segment.repeated;
	if (!frames)
		frames = length > headers ? (length - headers - 1) / size + 1 : 1;
	return frames << 32 | (length + (frames - 1) * headers);
}

/* ---- what XDP leaves to tc ------------------------------------------------------------------------------------------- */

static __always_inline __u32 xs_fold(__u64 sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return sum;
}

/* Is the checksum that of the pseudo-header alone? SCTP's is 0 until the card fills it in. */
static __always_inline bool xs_is_partial(struct xs_packet *packet, int family)
{
	const int words = family == XS_FAMILY4 ? 1 : 4;
	const struct tcphdr *tcp;
	const struct udphdr *udp;
	__u64 sum;

	xs_find_transport(packet, family);
	if (packet->fragment || !packet->transport)
		return false;
	tcp = xs_at_transport(packet);
	udp = (const void *)tcp;
	sum = bpf_htons(packet->protocol);
	for (int i = 0; i < words; i++)
		sum += (__u64)packet->source.word[i] + packet->destination.word[i];
	switch (packet->protocol) {
	case IPPROTO_TCP:
		if ((void *)(tcp + 1) > packet->end)
			return false;
		return tcp->check == xs_fold(sum + bpf_htons(packet->total_length - packet->transport));
	case IPPROTO_UDP:
		if ((void *)(udp + 1) > packet->end)
			return false;
		return udp->check == xs_fold(sum + udp->len);
	case IPPROTO_SCTP:
		if ((void *)(udp + 1) + sizeof(__be32) > packet->end)
			return false;
		return !*(const xs_bytes4 *)(udp + 1);
	}
	return false;
}

/*
 * Does the frame need what only its skb knows? Reads it anew: a global function, so that the verifier looks at it once and not once
 * for each way that leads here.
 */
__noinline int xs_frame_is_partial(struct xdp_md *ctx)
{
	struct xs_packet packet = {};

	if (xs_parse_link_xdp(ctx, &packet) != XS_UNDECIDED)
		return 0;
	if (packet.ethertype == bpf_htons(ETH_P_IP))
		return xs_parse_ipv4(&packet) == XS_UNDECIDED && xs_is_partial(&packet, XS_FAMILY4);
	return xs_parse_ipv6(&packet) == XS_UNDECIDED && xs_is_partial(&packet, XS_FAMILY6);
}

#endif
