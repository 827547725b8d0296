/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * place.h - paging: where in a packet the checksum is that covers its addresses, as far as there is one; and what packets say inside
 * that mapping must not overlook: a quote, or addresses that would be left as they are. Reads headers anew, by the front end's
 * own loads, so it does not matter where a frame's first part ends.
 */
#ifndef XSLICE_BPF_PLACE_H
#define XSLICE_BPF_PLACE_H

#include "bpf/packet.h"
#include "bpf/parse.h"

/* A place: the checksum's offset from the network header on, 0 if there is none, and these. */
#define XS_PLACE_OFFSET 0xffffu
#define XS_PLACE_UDP    (1u << 16) /* a checksum of 0 says that there is none, and stays; a sum of 0 is written as 0xffff */
#define XS_PLACE_QUOTE  (1u << 17) /* an ICMP error, which holds a packet; the offset is that of the ICMP header */
#define XS_PLACE_NEVER  (1u << 18) /* it cannot be mapped: the checksum is cut off, or there are addresses inside */

#define XS_MORE_FRAGMENTS    0x2000
#define XS_FRAGMENT_OFFSET   0x1fff
#define XS_MORE_FRAGMENTS6   0x0001
#define XS_HOME_ADDRESS      201 /* destination option: the sender's other address (RFC 6275) */
#define XS_PLACE_STEPS       64  /* extension headers and destination options that are looked at, together */
#define XS_ICMP_HEADER       8
#define XS_ICMP_UNREACHABLE  3
#define XS_ICMP_QUENCH       4
#define XS_ICMP_REDIRECT     5
#define XS_ICMP_EXCEEDED     11
#define XS_ICMP_PARAMETER    12
#define XS_ICMP6_ERROR_MAX   4 /* unreachable, too big, exceeded, parameter: 1 to 4 */
#define XS_CHECKSUM_AT_TCP   16
#define XS_CHECKSUM_AT_UDP   6 /* UDP-Lite's and DCCP's likewise */
#define XS_CHECKSUM_AT_ICMP6 2

/* The walk along headers, in offsets of the frame. */
struct xs_place_walk {
	__u32 at;      /* header or option that is next */
	__u32 options; /* where the options end that are being walked; 0: it is at a header */
	__u32 end;     /* of the packet, or of what is quoted of it */
	__u8 protocol; /* of the header that is next */
	bool done;     /* it is the transport's, or one that is not looked into */
	bool later;    /* a fragment without it */
	bool fragment;
	bool cut;      /* the packet ends before it is found */
	bool never;    /* there are addresses inside, or more headers than anybody sends */
};

static __always_inline int xs_place_done(struct xs_place_walk *walk)
{
	walk->done = true;
	return 1;
}

static __always_inline int xs_place_never(struct xs_place_walk *walk)
{
	walk->never = true;
	return xs_place_done(walk);
}

static __always_inline int xs_place_cut(struct xs_place_walk *walk)
{
	walk->cut = true;
	return xs_place_done(walk);
}

/* skb: a constant, which says what `context` is. False: the packet, or what is quoted of it, does not reach so far. */
static __always_inline bool xs_place_load(void *context, const bool skb, const struct xs_place_walk *walk, void *to, __u32 bytes)
{
	if (walk->at + bytes > walk->end)
		return false;
	return !(skb ? bpf_skb_load_bytes(context, walk->at, to, bytes) : bpf_xdp_load_bytes(context, walk->at, to, bytes));
}

/* One option of a destination options header: kind, length and content, or the one byte Pad1. */
static __always_inline int xs_place_option(void *context, const bool skb, struct xs_place_walk *walk)
{
	__u8 option[2] = {};

	if (walk->at >= walk->options) {
		walk->at = walk->options;
		walk->options = 0;
		return 0;
	}
	if (!xs_place_load(context, skb, walk, option, 1))
		return xs_place_cut(walk);
	if (!option[0]) {
		walk->at++;
		return 0;
	}
	if (option[0] == XS_HOME_ADDRESS)
		return xs_place_never(walk);
	if (!xs_place_load(context, skb, walk, option, sizeof(option)))
		return xs_place_cut(walk);
	walk->at += sizeof(option) + option[1];
	return 0;
}

/* One extension header. AH ends the walk: what it signs is broken anyhow, and is not repaired behind its back. */
static __always_inline int xs_place_header(void *context, const bool skb, struct xs_place_walk *walk)
{
	struct xs_extension header = {};
	__u8 kind = walk->protocol;
	const __u8 *byte = (const void *)&header;
	__u32 length;

	if (!xs_is_extension(kind) || kind == IPPROTO_AH)
		return xs_place_done(walk);
	if (!xs_place_load(context, skb, walk, &header, sizeof(header)))
		return xs_place_cut(walk);
	walk->protocol = header.next;
	if (kind == IPPROTO_FRAGMENT) {
		walk->fragment = header.fragment & bpf_htons(XS_FRAGMENT6_OFFSET | XS_MORE_FRAGMENTS6);
		walk->later = header.fragment & bpf_htons(XS_FRAGMENT6_OFFSET);
		walk->at += sizeof(header);
		return walk->later ? xs_place_done(walk) : 0;
	}
	if (kind == IPPROTO_ROUTING && byte[3]) /* segments left: addresses that are still to come */
		return xs_place_never(walk);
	length = (header.length + 1) * 8;
	if (kind == IPPROTO_DSTOPTS) {
		walk->options = walk->at + length;
		walk->at += 2;
		return 0;
	}
	walk->at += length;
	return 0;
}

/*
 * One step of the walk; 1: it has ended. Functions of their own, not static, which the verifier looks at once and not for each number of
 * steps that there may be.
 */
__noinline int xs_place_step_xdp(struct xdp_md *ctx, struct xs_place_walk *walk)
{
	if (!walk)
		return 1;
	return walk->options ? xs_place_option(ctx, false, walk) : xs_place_header(ctx, false, walk);
}

__noinline int xs_place_step_skb(struct __sk_buff *skb, struct xs_place_walk *walk)
{
	if (!walk)
		return 1;
	return walk->options ? xs_place_option(skb, true, walk) : xs_place_header(skb, true, walk);
}

struct xs_place_loop {
	void *context;
	struct xs_place_walk *walk;
};

/* What the compiler knows of a result, the verifier does not: it is said anew. */
static __always_inline long xs_place_ended(int ended)
{
	barrier_var(ended);
	return ended & 1;
}

static long xs_place_loop_xdp(__u32 i, void *context)
{
	const struct xs_place_loop *loop = context;

	return xs_place_ended(xs_place_step_xdp(loop->context, loop->walk));
}

static long xs_place_loop_skb(__u32 i, void *context)
{
	const struct xs_place_loop *loop = context;

	return xs_place_ended(xs_place_step_skb(loop->context, loop->walk));
}

/* Finds the transport header of the packet at walk->at. */
static __always_inline void xs_place_transport(void *context, const bool skb, struct xs_place_walk *walk, __u32 family)
{
	struct xs_place_loop loop = {.context = context, .walk = walk};
	struct iphdr ip = {}; /* as much is enough of IPv6's */
	const struct ipv6hdr *ip6 = (const void *)&ip;

	walk->cut = !xs_place_load(context, skb, walk, &ip, sizeof(ip));
	if (family == XS_FAMILY4) {
		walk->protocol = ip.protocol;
		walk->fragment = ip.frag_off & bpf_htons(XS_FRAGMENT_OFFSET | XS_MORE_FRAGMENTS);
		walk->later = ip.frag_off & bpf_htons(XS_FRAGMENT_OFFSET);
		walk->at += ip.ihl * 4;
		return;
	}
	walk->protocol = ip6->nexthdr;
	walk->at += sizeof(*ip6);
	if (walk->cut || !xs_is_extension(walk->protocol))
		return;
	bpf_loop(XS_PLACE_STEPS, skb ? xs_place_loop_skb : xs_place_loop_xdp, &loop, 0);
	walk->never |= !walk->done;
}

static __always_inline bool xs_is_icmp_error(__u8 type, __u32 family)
{
	if (family == XS_FAMILY6)
		return type && type <= XS_ICMP6_ERROR_MAX;
	return type == XS_ICMP_UNREACHABLE || type == XS_ICMP_QUENCH || type == XS_ICMP_EXCEEDED || type == XS_ICMP_PARAMETER;
}

/* Of IPv4's ICMP and of ICMPv6. Redirects name a router, which is a stranger wherever they arrive. */
static __always_inline __u32 xs_place_icmp(void *context, const bool skb, const struct xs_place_walk *walk, __u32 family)
{
	__u8 type = 0;

	if (!xs_place_load(context, skb, walk, &type, 1))
		return family == XS_FAMILY4 ? 0 : XS_PLACE_NEVER;
	if (family == XS_FAMILY4 && type == XS_ICMP_REDIRECT)
		return XS_PLACE_NEVER;
	if (!xs_is_icmp_error(type, family))
		return 0;
	return walk->fragment ? XS_PLACE_NEVER : XS_PLACE_QUOTE; /* errors are small; a quote in two parts is none */
}

/* Offset of the checksum in the transport header; 0: it has none that covers addresses. */
static __always_inline __u32 xs_checksum_at(__u8 protocol, __u32 family)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return XS_CHECKSUM_AT_TCP;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		return XS_CHECKSUM_AT_UDP;
	case IPPROTO_ICMPV6:
		return family == XS_FAMILY6 ? XS_CHECKSUM_AT_ICMP6 : 0;
	}
	return 0;
}

/*
 * Of the packet in `context` at offset `network`, which ends at offset `end`. quoted: of one that an ICMP error holds, which may be cut
 * off: then what is cut off needs no change.
 */
static __always_inline __u32 xs_place(void *context, const bool skb, __u32 network, __u32 end, __u32 family, bool quoted)
{
	struct xs_place_walk walk = {.at = network, .end = end};
	__u32 checksum, special = 0;
	bool icmp;

	xs_place_transport(context, skb, &walk, family);
	walk.cut |= walk.at > walk.end;
	if (walk.never || (walk.cut && !quoted))
		return XS_PLACE_NEVER;
	if (walk.later || walk.cut)
		return 0;
	icmp = walk.protocol == (family == XS_FAMILY4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (icmp && !quoted)
		special = xs_place_icmp(context, skb, &walk, family);
	if (special == XS_PLACE_NEVER)
		return special;
	if (special == XS_PLACE_QUOTE)
		return XS_PLACE_QUOTE | (walk.at - network);
	checksum = xs_checksum_at(walk.protocol, family);
	if (!checksum)
		return 0;
	if (walk.at + checksum + 2 > walk.end || walk.at + checksum - network > XS_PLACE_OFFSET)
		return quoted ? 0 : XS_PLACE_NEVER;
	if (walk.protocol == IPPROTO_UDP || walk.protocol == IPPROTO_UDPLITE)
		special = XS_PLACE_UDP;
	return special | (walk.at + checksum - network);
}

/* Most packets are TCP and UDP behind a plain header. 0: it is not so simple. */
static __always_inline __u32 xs_place_plain(const struct xs_packet *packet, int family)
{
	const __u32 header = family == XS_FAMILY4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	const struct ipv6hdr *ip6 = packet->network;
	const struct iphdr *ip = packet->network;
	const __u8 protocol = family == XS_FAMILY4 ? ip->protocol : ip6->nexthdr;

	if (family == XS_FAMILY4 && (packet->options || ip->frag_off & bpf_htons(XS_FRAGMENT_MASK)))
		return 0;
	if (protocol == IPPROTO_TCP && packet->total_length >= header + XS_CHECKSUM_AT_TCP + 2)
		return header + XS_CHECKSUM_AT_TCP;
	if (protocol == IPPROTO_UDP && packet->total_length >= header + XS_CHECKSUM_AT_UDP + 2)
		return (header + XS_CHECKSUM_AT_UDP) | XS_PLACE_UDP;
	return 0;
}

/* Functions of their own, not static: the verifier looks at them once. */
__noinline int xs_place_xdp(struct xdp_md *ctx, __u32 network, __u32 end, __u32 family)
{
	return xs_place(ctx, false, network, end, family, false);
}

__noinline int xs_place_skb(struct __sk_buff *skb, __u32 network, __u32 end, __u32 family, bool quoted)
{
	return xs_place(skb, true, network, end, family, quoted);
}

#endif
