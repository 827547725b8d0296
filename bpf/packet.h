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
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps/contract.h"

/* A stage returns a verdict, or this: the next stage decides. */
#define XS_UNDECIDED (-1)

#define XS_IPV4_BYTES 4

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
	__u32 gso_size;    /* payload of each segment that it stands for; 0: it is one packet */
	__be16 ethertype;  /* of what the frame carries behind its (first) tag */

	/* ingress */
	__u32 port_id;
	const struct xs_port *port;
	bool unicast;      /* by its destination MAC */
	__u32 vport_id;    /* vport it came in by; 0 until it is taken in */
	const struct xs_vport *vport;
	__u32 slice;       /* 0: none (yet), or an edge */

	/* parse, network layer */
	struct iphdr *ip;
	union xs_wire_address source, destination;
	__u16 total_length; /* of the IP packet, bytes */
	__u16 segment_length; /* ... or of a GSO packet's largest segment: what the wire sees */
	bool options;

	/* parse, transport; only where a MUX asks */
	bool has_ports;    /* no fragment, and its protocol has ports */
	__u16 source_port, destination_port;

	/* select */
	struct xs_mux_rule *rule; /* that chose the slice; NULL: there was nothing to choose */

	/* route */
	const struct xs_nexthop *nexthop;
	__u32 mux_vport;   /* to users: the MUX vport it leaves its slice by, besides the nexthop's; else 0 */
};

/* One load, once: the word may be changing under us. */
#define XS_READ_ONCE(x) (*(const volatile typeof(x) *)&(x))

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
