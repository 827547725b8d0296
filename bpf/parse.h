/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parse.h - reads headers into struct xs_packet. The link layer is the front ends' own (XDP finds the tag in the frame, tc
 * beside it); the rest is shared. Decides nothing but whether headers are sound. The IP header's checksum is not verified: it is
 * only updated, so a wrong one stays wrong and the next kernel that reads it drops the packet.
 */
#ifndef XSLICE_BPF_PARSE_H
#define XSLICE_BPF_PARSE_H

#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/packet.h"

struct xs_tag {
	__be16 tci;
	__be16 ethertype;
};

#define XS_FRAGMENT_MASK 0x3fff /* more-fragments bit and offset: any fragment, the first one included */
#define XS_IPV4_HEADER_WORDS 5  /* without options */

static __always_inline bool xs_is_tag(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

static __always_inline int xs_parse_link_xdp(const struct xdp_md *ctx, struct xs_packet *packet)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	packet->eth = eth;
	packet->end = end;
	packet->length = end - data;
	packet->ifindex = ctx->ingress_ifindex;
	if ((void *)(eth + 1) > end)
		return XS_MALFORMED;
	packet->ethertype = eth->h_proto;
	packet->network = eth + 1;
	if (xs_is_tag(eth->h_proto)) {
		struct xs_tag *tag = (void *)(eth + 1);

		if ((void *)(tag + 1) > end)
			return XS_MALFORMED;
		packet->tagged = true;
		packet->service_tag = eth->h_proto != bpf_htons(ETH_P_8021Q);
		packet->tci = bpf_ntohs(tag->tci);
		packet->ethertype = tag->ethertype;
		packet->network = tag + 1;
		packet->length -= sizeof(*tag);
	}
	return XS_UNDECIDED;
}

/* The kernel has taken the (outer) tag out of the frame before tc sees it. */
static __always_inline int xs_parse_link_tc(struct __sk_buff *skb, struct xs_packet *packet)
{
	const __u32 want = sizeof(struct ethhdr) + 15 * 4 + sizeof(struct tcphdr); /* an IPv4 header with all options */
	void *data, *end;
	struct ethhdr *eth;

	if (skb->data_end - skb->data < want)
		bpf_skb_pull_data(skb, skb->len < want ? skb->len : want);
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	eth = data;
	packet->eth = eth;
	packet->end = end;
	packet->length = skb->len;
	packet->ifindex = skb->ifindex;
	packet->gso_size = skb->gso_size;
	if ((void *)(eth + 1) > end)
		return XS_MALFORMED;
	packet->ethertype = eth->h_proto;
	packet->network = eth + 1;
	if (skb->vlan_present) {
		packet->tagged = true;
		packet->service_tag = skb->vlan_proto != bpf_htons(ETH_P_8021Q);
		packet->tci = skb->vlan_tci;
	}
	return XS_UNDECIDED;
}

/* Length of the IP packet that each segment of a GSO packet becomes, its transport header included. */
static __always_inline __u32 xs_segment_length(const struct xs_packet *packet, const struct iphdr *ip)
{
	const struct tcphdr *tcp = (const void *)ip + ip->ihl * 4;
	__u32 transport = sizeof(struct udphdr);

	if (ip->protocol == IPPROTO_TCP)
		transport = (const void *)(tcp + 1) <= packet->end ? tcp->doff * 4 : sizeof(*tcp);
	return ip->ihl * 4 + transport + packet->gso_size;
}

/* Padding behind the IP packet is allowed; an IP packet longer than its frame is not. */
static __always_inline int xs_parse_ipv4(struct xs_packet *packet)
{
	struct iphdr *ip = packet->network;
	__u32 header, total;

	if ((void *)(ip + 1) > packet->end)
		return XS_MALFORMED;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || total < header || total > packet->length - sizeof(struct ethhdr))
		return XS_MALFORMED;
	packet->ip = ip;
	packet->source.v4 = ip->saddr;
	packet->destination.v4 = ip->daddr;
	packet->total_length = total;
	packet->segment_length = packet->gso_size ? xs_segment_length(packet, ip) : total;
	packet->options = ip->ihl != XS_IPV4_HEADER_WORDS;
	return XS_UNDECIDED;
}

/* Later fragments carry no ports, so no fragment has any (design: no fragment matches a condition on ports). */
static __always_inline void xs_parse_ports(struct xs_packet *packet)
{
	const struct iphdr *ip = packet->ip;
	__u32 header = ip->ihl * 4;
	const __be16 *ports = (void *)ip + header;

	switch (ip->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		break;
	default:
		return;
	}
	if (ip->frag_off & bpf_htons(XS_FRAGMENT_MASK) || packet->total_length < header + 2 * sizeof(*ports) ||
	    (void *)(ports + 2) > packet->end)
		return;
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	packet->has_ports = true;
}

#endif
