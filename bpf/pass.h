/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pass.h - R16: a MUX with an exit lies in the wire between its two ports. What comes in by one leaves by the other,
 * byte for byte, but for what a slice takes, what is the edge's own (by its MAC, or because somebody asks for its
 * address), and tags that the port reserves for the host. Asked only where the stages have no use for a frame: what is
 * forwarded pays nothing.
 */
#ifndef XSLICE_BPF_PASS_H
#define XSLICE_BPF_PASS_H

#include "bpf/packet.h"
#include "bpf/punt.h"

struct xs_arp {
	__be16 hardware, protocol;
	__u8 hardware_length, protocol_length;
	__be16 operation;
	__u8 sender_mac[XS_MAC_LEN];
	__be32 sender;
	__u8 target_mac[XS_MAC_LEN];
	__be32 target;
} __attribute__((packed));

struct xs_solicitation {
	struct ipv6hdr ip;
	__u8 type, code;
	__be16 checksum;
	__be32 reserved;
	union xs_wire_address target;
};

#define XS_NEIGHBOUR_SOLICITATION  135
#define XS_NEIGHBOUR_ADVERTISEMENT 136

/* The link-local address that is derived from a MAC (RFC 4291, appendix A): edges have it. */
static __always_inline bool xs_is_link_local_of(const union xs_wire_address *address, const __u8 *mac)
{
	const __u8 *byte = address->byte;

	return address->word[0] == bpf_htonl(0xfe800000) && !address->word[1] && byte[8] == (mac[0] ^ 2) &&
	       byte[9] == mac[1] && byte[10] == mac[2] && byte[11] == 0xff && byte[12] == 0xfe && byte[13] == mac[3] &&
	       byte[14] == mac[4] && byte[15] == mac[5];
}

/* ARP or ND for an address of the edge, to all or to a group. */
static __always_inline bool xs_asks_for_edge(const struct xs_packet *packet)
{
	const union xs_wire_address *own = packet->port->edge_address;
	const struct xs_solicitation *solicitation = packet->network;
	const struct xs_arp *arp = packet->network;

	if (packet->ethertype == bpf_htons(ETH_P_ARP))
		return (void *)(arp + 1) <= packet->end && own[XS_FAMILY4].v4 && arp->target == own[XS_FAMILY4].v4;
	if (packet->ethertype != bpf_htons(ETH_P_IPV6) || (void *)(solicitation + 1) > packet->end ||
	    solicitation->ip.nexthdr != IPPROTO_ICMPV6 || solicitation->type != XS_NEIGHBOUR_SOLICITATION ||
	    xs_is_unspecified6(&own[XS_FAMILY6]))
		return false;
	return xs_address_equal(&solicitation->target, &own[XS_FAMILY6], XS_FAMILY6) ||
	       xs_is_link_local_of(&solicitation->target, packet->vport->mac);
}

/*
 * May it say that a user has another MAC now? ARP to all, advertisements to a group. On a common link the edge would
 * hear it, and users do not say it again; so it gets a copy.
 */
static __always_inline bool xs_is_news(const struct xs_packet *packet)
{
	const struct xs_solicitation *advertisement = packet->network;

	if (packet->ethertype == bpf_htons(ETH_P_ARP))
		return true;
	return packet->ethertype == bpf_htons(ETH_P_IPV6) && (void *)(advertisement + 1) <= packet->end &&
	       advertisement->ip.nexthdr == IPPROTO_ICMPV6 && advertisement->type == XS_NEIGHBOUR_ADVERTISEMENT;
}

/* Is there no XDP before tc on this port? */
static __always_inline bool xs_sees_first(const struct xs_packet *packet)
{
	return XS_READ_ONCE(packet->port->flags) & XS_PORT_LOCAL_STACK;
}

/*
 * Only tc may transmit there, or what may be several frames. Generic XDP sends as the kernel does, whatever the other port's
 * driver has; and after it tc cannot find the link header again of every frame that passes (xs_restore_link()), but of IP's.
 */
static __always_inline bool xs_passes_by_tc(const struct xs_packet *packet)
{
	__u32 to = XS_READ_ONCE(packet->port->other_flags), from = XS_READ_ONCE(packet->port->flags);

	if (from & XS_PORT_MERGED && (packet->tagged || xs_is_ip(packet->ethertype)))
		return true;
	return to & XS_PORT_LOCAL_STACK || (to & XS_PORT_BY_TC && !(from & XS_PORT_GENERIC));
}

/*
 * Copies are policed, once: by XDP, which passes up what is to be copied; by tc, where it sees the frame first, or
 * gets it for another reason.
 */
static __always_inline bool xs_may_copy(const struct xs_packet *packet)
{
	bool left_to_tc = xs_passes_by_tc(packet);

	if (!packet->by_tc && left_to_tc)
		return false;
	if (packet->by_tc && !left_to_tc && !xs_sees_first(packet))
		return true;
	return xs_police(packet->port->untagged, XS_PUNT_HEARD, 0, &packet->destination, XS_BY_XDP | XS_BY_TC);
}

/* To all or to a group: no slice takes it, and for the edge it is where it asks for it. */
static __always_inline int xs_group_before_exit(struct xs_packet *packet, __u32 vport_id)
{
	if (xs_asks_for_edge(packet)) {
		packet->vport_id = vport_id;
		return XS_PUNTED;
	}
	packet->heard = xs_is_news(packet) && xs_may_copy(packet);
	return XS_PASSED;
}

/*
 * The verdict of a frame that is not forwarded. A frame that is in a slice keeps the one that it has there; so does
 * what is sent to the edge's MAC. What could not even be read passes, too.
 */
static __always_inline int xs_pass_on(struct xs_packet *packet, int verdict)
{
	if (!packet->port->other_ifindex || packet->slice || (packet->tagged && verdict == XS_HOST))
		return verdict;
	if (packet->vport && (!packet->unicast || xs_mac_equal(packet->eth->h_dest, packet->vport->mac)))
		return verdict;
	packet->vport_id = 0; /* not taken in */
	return XS_PASSED;
}

#endif
