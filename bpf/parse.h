/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parse.h - reads headers into struct xs_packet. The link layer is the front ends' own (XDP finds the tag in the frame, tc
 * beside it); the rest is shared. Decides nothing but whether headers are sound.
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

#define XS_FRAGMENT_MASK 0x3fff /* IPv4: more-fragments bit and offset: any fragment, the first one included */
#define XS_DONT_FRAGMENT 0x4000
#define XS_FRAGMENT6_OFFSET 0xfff8
#define XS_IPV4_HEADER_WORDS 5  /* without options */
#define XS_LENGTH_MAX 0xffff    /* that fits into the header */
#define XS_JUMBO_HEADER 8       /* bytes of a hop-by-hop header with nothing but the jumbo option */
#define XS_JUMBO_OPTION 0xc2
#define XS_EXTENSIONS_MAX 8     /* headers between IPv6's and the transport's; RFC 8200 has its senders use six at most */

static __always_inline bool xs_is_tag(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool xs_is_ip(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_IP) || ethertype == bpf_htons(ETH_P_IPV6);
}

/*
 * A frame larger than a page has its rest in fragments (jumbo frames): only its length counts them. Headers lie in the first part,
 * which is as long as a page has room for, or as long as a driver's split of headers and payload makes it.
 */
static __always_inline int xs_parse_link_xdp(struct xdp_md *ctx, struct xs_packet *packet)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	packet->eth = packet->network = eth;
	packet->end = end;
	packet->length = bpf_xdp_get_buff_len(ctx);
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
static __always_inline int xs_read_link_tc(struct __sk_buff *skb, struct xs_packet *packet)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;

	packet->eth = packet->network = eth;
	packet->end = end;
	packet->length = skb->len;
	packet->ifindex = skb->ifindex;
	packet->by_tc = true;
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

static __always_inline int xs_parse_link_tc(struct __sk_buff *skb, struct xs_packet *packet)
{
	const __u32 want = sizeof(struct ethhdr) + 15 * 4 + sizeof(struct tcphdr); /* an IPv4 header with all options */

	if (skb->data_end - skb->data < want)
		bpf_skb_pull_data(skb, skb->len < want ? skb->len : want);
	return xs_read_link_tc(skb, packet);
}

/* Headers that lead to another one, and that all have their length (in units of their own) in the second byte. */
static __always_inline bool xs_is_extension(__u8 header)
{
	return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_FRAGMENT || header == IPPROTO_AH ||
	       header == IPPROTO_DSTOPTS;
}

struct xs_extension {
	__u8 next, length;
	__be16 fragment;
	__be32 rest;
};

#define XS_TRANSPORT_MAX 0x7fff /* no header that matters begins later, and the verifier must know a bound */

/* The bound is said anew: what is known of a field is not always known of a copy. */
static __always_inline void *xs_header_at(void *network, __u32 offset)
{
	barrier_var(offset);
	return network + (offset & XS_TRANSPORT_MAX);
}

/* What begins at packet->transport. */
static __always_inline void *xs_at_transport(const struct xs_packet *packet)
{
	return xs_header_at(packet->network, packet->transport);
}

/* A walk over extension headers: fields of struct xs_packet. */
struct xs_chain {
	void *network, *end;
	bool fragment;
	__u8 protocol;
	__u16 transport;
};

/* One extension header. 1: the chain ends here, at the transport header or at what cannot be looked into. */
static long xs_extension_step(__u32 i, void *context)
{
	struct xs_chain *chain = context;
	const struct xs_extension *header = xs_header_at(chain->network, chain->transport);
	__u8 kind = chain->protocol;

	if (!xs_is_extension(kind))
		return 1;
	if (chain->transport > XS_TRANSPORT_MAX || (void *)(header + 1) > chain->end) {
		chain->transport = 0;
		return 1;
	}
	chain->protocol = header->next;
	if (kind == IPPROTO_FRAGMENT) {
		chain->fragment = true;
		if (header->fragment & bpf_htons(XS_FRAGMENT6_OFFSET)) {
			chain->transport = 0;
			return 1;
		}
		chain->transport += sizeof(*header);
		return 0;
	}
	chain->transport += (kind == IPPROTO_AH ? (header->length + 2) * 4 : (header->length + 1) * 8);
	return 0;
}

static __always_inline void xs_walk_extensions(struct xs_packet *packet)
{
	struct xs_chain chain = {
		.network = packet->network, .end = packet->end, .transport = packet->transport, .protocol = packet->protocol};

	bpf_loop(XS_EXTENSIONS_MAX, xs_extension_step, &chain, 0);
	packet->transport = xs_is_extension(chain.protocol) ? 0 : chain.transport;
	packet->protocol = chain.protocol;
	packet->fragment = chain.fragment;
}

/* Which transport header, and where. */
static __always_inline void xs_find_transport(struct xs_packet *packet, int family)
{
	const struct ipv6hdr *ip6 = packet->network;
	const struct iphdr *ip = packet->network;

	if (family == XS_FAMILY4) {
		packet->fragment = ip->frag_off & bpf_htons(XS_FRAGMENT_MASK);
		packet->protocol = ip->protocol;
		packet->transport = ip->ihl * 4;
		return;
	}
	packet->fragment = false;
	packet->protocol = ip6->nexthdr;
	packet->transport = sizeof(*ip6);
	if (xs_is_extension(ip6->nexthdr))
		xs_walk_extensions(packet);
}

/* Headers have no number for more than 64 KiB: a GSO packet that says 0 is as long as its frame. */
static __always_inline __u32 xs_large_length(const struct xs_packet *packet)
{
	const __u32 whole = packet->length - sizeof(struct ethhdr);

	return packet->gso_size && whole > XS_LENGTH_MAX ? whole : 0;
}

/* Of a header without options; kernels verify those of packets with them, which are punted. RFC 1624: the sum of all is -0. */
static __always_inline bool xs_checksum_wrong(const struct iphdr *ip)
{
	const xs_bytes4 *word = (const void *)ip;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum != 0xffff;
}

static __always_inline int xs_parse_ipv4(struct xs_packet *packet)
{
	const struct iphdr *ip = packet->network;
	__u32 header;

	if ((void *)(ip + 1) > packet->end)
		return XS_MALFORMED;
	header = ip->ihl * 4;
	packet->total_length = bpf_ntohs(ip->tot_len);
	if (xs_large_length(packet) && !packet->total_length)
		packet->total_length = xs_large_length(packet);
	if (ip->version != 4 || header < sizeof(*ip) || packet->total_length < header)
		return XS_MALFORMED;
	if (header == sizeof(*ip) && xs_checksum_wrong(ip))
		return XS_CHECKSUM;
	packet->source.v4 = ip->saddr;
	packet->destination.v4 = ip->daddr;
	packet->hop_limit = ip->ttl;
	packet->options = ip->ihl != XS_IPV4_HEADER_WORDS;
	return XS_UNDECIDED;
}

/* RFC 2675. The kernel puts it into GSO packets of more than 64 KiB and takes it out of their segments: no wire sees it. */
static __always_inline bool xs_has_jumbo_header(const struct xs_packet *packet)
{
	const struct ipv6hdr *ip6 = packet->network;
	const __u8 *header = (void *)(ip6 + 1);

	return xs_large_length(packet) && ip6->nexthdr == IPPROTO_HOPOPTS && !ip6->payload_len &&
	       (void *)(header + XS_JUMBO_HEADER) <= packet->end && !header[1] && header[2] == XS_JUMBO_OPTION;
}

/* A jumbogram on a wire says its length in an option, and no port carries one: refused, as a packet shorter than what it needs. */
static __always_inline int xs_parse_ipv6(struct xs_packet *packet)
{
	const struct ipv6hdr *ip6 = packet->network;

	if ((void *)(ip6 + 1) > packet->end)
		return XS_MALFORMED;
	packet->options = ip6->nexthdr == IPPROTO_HOPOPTS && !xs_has_jumbo_header(packet);
	if (ip6->version != 6 || (packet->options && !ip6->payload_len))
		return XS_MALFORMED;
	packet->total_length = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	if (xs_large_length(packet) && !ip6->payload_len)
		packet->total_length = xs_large_length(packet);
	__builtin_memcpy(&packet->source, &ip6->saddr, sizeof(packet->source));
	__builtin_memcpy(&packet->destination, &ip6->daddr, sizeof(packet->destination));
	packet->hop_limit = ip6->hop_limit;
	return XS_UNDECIDED;
}

/* Padding behind the IP packet is allowed; an IP packet longer than its frame is not. */
static __always_inline int xs_parse_network(struct xs_packet *packet, int family)
{
	int verdict = family == XS_FAMILY4 ? xs_parse_ipv4(packet) : xs_parse_ipv6(packet);

	if (verdict != XS_UNDECIDED)
		return verdict;
	return packet->total_length > packet->length - sizeof(struct ethhdr) ? XS_MALFORMED : XS_UNDECIDED;
}

/* IPv4's TOS and IPv6's traffic class without their two bits for ECN. */
static __always_inline __u8 xs_dscp(const struct xs_packet *packet, int family)
{
	const __u8 *header = packet->network;

	return family == XS_FAMILY4 ? header[1] >> 2 : (header[0] & 15) << 2 | header[1] >> 6;
}

/* Later fragments carry no ports, so no fragment has any (design: no fragment matches a condition on ports). */
static __always_inline void xs_parse_ports(struct xs_packet *packet, int family)
{
	const __be16 *ports;

	xs_find_transport(packet, family);
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		break;
	default:
		return;
	}
	ports = xs_at_transport(packet);
	if (packet->fragment || !packet->transport || packet->total_length < packet->transport + 2 * sizeof(*ports) ||
	    (void *)(ports + 2) > packet->end)
		return;
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	packet->has_ports = true;
}

#endif
