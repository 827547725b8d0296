/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packet.h - what the stages know of one frame. Each stage reads what the stages before it filled in, and fills in its own part:
 * parse, ingress, select, route. Only emission changes the frame.
 */
#ifndef XSLICE_BPF_PACKET_H
#define XSLICE_BPF_PACKET_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps/contract.h"

/* A stage returns a verdict, or one of these: the next stage decides, or those of paging do (paging.h). */
#define XS_UNDECIDED (-1)
#define XS_PAGED (-2)

#define XS_IPV4_BYTES 4
#define XS_IPV6_BYTES 16

/* Stages take the family as a constant, so that one text gives both and neither asks which it is. */
static __always_inline unsigned int xs_address_bytes(int family)
{
	return family == XS_FAMILY4 ? XS_IPV4_BYTES : XS_IPV6_BYTES;
}

static __always_inline bool xs_address_equal(const union xs_wire_address *a, const union xs_wire_address *b, int family)
{
	if (family == XS_FAMILY4)
		return a->v4 == b->v4;
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) | (a->word[3] ^ b->word[3]));
}

static __always_inline bool xs_is_unspecified6(const union xs_wire_address *address)
{
	return !(address->word[0] | address->word[1] | address->word[2] | address->word[3]);
}

struct xs_packet {
	/* parse, link layer. Pointers are valid until the frame is changed. */
	struct ethhdr *eth;
	void *network;     /* what follows the link header (and its tag, if that is in the frame) */
	void *end;
	__u32 length;      /* frame bytes, tag not counted */
	__u32 ifindex;     /* it came in by */
	__u16 tci;         /* of its tag, host order; 0 without one */
	bool tagged;
	bool service_tag;  /* the tag is 802.1ad's: never a label */
	bool by_tc;        /* a constant: which front end is at work */
	__u32 gso_size;    /* payload of each segment that it stands for; 0: it is one packet */
	__be16 ethertype;  /* of what the frame carries behind its (first) tag */

	/* ingress */
	__u32 port_id;
	const struct xs_port *port;
	bool unicast;      /* by its destination MAC */
	__u32 vport_id;    /* vport it came in by; 0 until it is taken in */
	const struct xs_vport *vport;
	__u32 slice;       /* 0: none (yet), or an edge */
	bool users;        /* it comes from users: untagged, or by a VLAN of theirs, which then is its port */
	bool heard;        /* it passes, and the edge gets a copy */

	/* parse, network layer */
	union xs_wire_address source, destination;
	__u32 total_length; /* of the IP packet, bytes */
	__u8 hop_limit;    /* IPv4: TTL */
	bool options;      /* IPv4's, or IPv6's hop-by-hop: every router on the way must look at them */

	/* parse, transport; only where a MUX asks, and of GSO packets or partial checksums */
	bool fragment;     /* the first one included */
	bool has_ports;    /* no fragment, and its protocol has ports */
	__u8 protocol;     /* of the transport header; of a header that is not looked into, where that comes before it */
	__u16 transport;   /* where it begins, from `network` on; 0: it is not here */
	__u16 source_port, destination_port;

	/* select */
	__u64 *rule; /* counter of the condition that chose the slice; NULL: there was nothing to choose */

	/* route */
	const struct xs_nexthop *nexthop;
	__u8 forgotten;    /* see xs_forget_which() */
	__u8 punt_class;   /* enum xs_punt_class, of what is punted; OTHER where the packet's own headers say which */
	bool unresolved;   /* of what is punted: the kernel has to look for a new neighbour */
	__u32 mux_vport;   /* to users, the MUX vport; to the WAN, the uplink: it leaves its slice by that, besides the nexthop's; else 0 */
};

/* One load, once: the word may be changing under us. */
#define XS_READ_ONCE(x) (*(const volatile typeof(x) *)&(x))

/*
 * A verdict other than XS_FORWARDED, of which the verifier knows no more than that: else it follows each one apart to the end of the
 * program. What frames are forwarded pay nothing.
 */
static __always_inline int xs_forget_which(struct xs_packet *packet, int verdict)
{
	*(volatile __u8 *)&packet->forgotten = verdict - 1;
	return *(volatile __u8 *)&packet->forgotten + 1;
}

/* Wide accesses to bytes that have no type of that width. */
typedef __u32 __attribute__((may_alias)) xs_bytes4;
typedef __u16 __attribute__((may_alias)) xs_bytes2;

static __always_inline bool xs_mac_equal(const __u8 *a, const __u8 *b)
{
	return *(const xs_bytes4 *)a == *(const xs_bytes4 *)b && *(const xs_bytes2 *)(a + 4) == *(const xs_bytes2 *)(b + 4);
}

static __always_inline void xs_mac_copy(__u8 *to, const __u8 *from)
{
	*(xs_bytes4 *)to = *(const xs_bytes4 *)from;
	*(xs_bytes2 *)(to + 4) = *(const xs_bytes2 *)(from + 4);
}

#endif
