/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ingress.h - port and label lead to a vport, and so to a slice; then what may come in there at all. After it a frame is in
 * exactly one slice, or (slice 0) still to be selected by a MUX, or by its page if it comes out of the WAN.
 *
 * Order, and so which reason a frame with several faults gets: label zero, the host's, double tag, unknown label or tag on a
 * user port, destination MAC, ethertype, headers, source, destination.
 */
#ifndef XSLICE_BPF_INGRESS_H
#define XSLICE_BPF_INGRESS_H

#include "bpf/maps.h"
#include "bpf/page.h"
#include "bpf/parse.h"
#include "bpf/pass.h"
#include "bpf/table.h"

/* False: the program is attached to what is no port (yet, or any more); the frame is the host's and not counted. */
static __always_inline bool xs_ingress_port(struct xs_packet *packet)
{
	const __u32 *port_id = bpf_map_lookup_elem(&port_of_ifindex, &packet->ifindex);

	if (!port_id || !*port_id)
		return false;
	packet->port_id = *port_id;
	packet->port = bpf_map_lookup_elem(&port, &packet->port_id);
	return packet->port != NULL;
}

/* 01:80:c2:00:00:0x, which no bridge passes on: LLDP, STP, LACP. Without a tag they concern the wire, not a slice. */
static __always_inline bool xs_is_link_control(const __u8 *mac)
{
	return *(const xs_bytes4 *)mac == bpf_htonl(0x0180c200) && mac[4] == 0 && mac[5] < 0x10;
}

/* Untagged frames that go no further than to the host, or on through an exit. */
static __always_inline bool xs_is_host_untagged(const struct xs_port *port, const __u8 *destination)
{
	return !port->untagged || xs_is_link_control(destination);
}

/*
 * A frame from the WAN whose link header is out of sight, with its IP header in front: is it the host's? A function of its own, not
 * static: the verifier looks at it once.
 */
__noinline int xs_is_host_of_wan(struct __sk_buff *skb, __u32 vport_id, __be16 ethertype)
{
	const struct xs_vport *at = bpf_map_lookup_elem(&vport, &vport_id);
	union xs_wire_address destination = {};
	long err;

	if (!at || at->kind != XS_VPORT_WAN)
		return 0;
	if (!xs_is_ip(ethertype))
		return 1;
	if (ethertype == bpf_htons(ETH_P_IP)) {
		err = bpf_skb_load_bytes(skb, __builtin_offsetof(struct iphdr, daddr), &destination, XS_IPV4_BYTES);
		return err || !xs_is_page_here(&destination, XS_FAMILY4);
	}
	err = bpf_skb_load_bytes(skb, __builtin_offsetof(struct ipv6hdr, daddr), &destination, XS_IPV6_BYTES);
	return err || !xs_is_page_here(&destination, XS_FAMILY6);
}

/*
 * Since Linux 6.9 generic XDP hands on a copy of a frame that has little room before it, and the copy does not know how long its link
 * header is: tc then finds it at the IP header. Puts the link header back. False: it is the host's, and left as it is.
 */
static __always_inline bool xs_restore_link(struct __sk_buff *skb, const struct xs_port *port)
{
	__u16 link[ETH_HLEN / 2], found[ETH_HLEN / 2], differs = 0;

	if (bpf_skb_load_bytes_relative(skb, 0, link, sizeof(link), BPF_HDR_START_MAC) ||
	    bpf_skb_load_bytes(skb, 0, found, sizeof(found)))
		return true;
	for (unsigned int i = 0; i < ETH_HLEN / 2; i++)
		differs |= link[i] ^ found[i];
	if (!differs)
		return true;
	if (!port->other_ifindex && xs_is_host_untagged(port, (const __u8 *)link))
		return false;
	if (xs_is_host_of_wan(skb, port->untagged, link[6]))
		return false;
	if (!bpf_skb_change_head(skb, sizeof(link), 0))
		bpf_skb_store_bytes(skb, 0, link, sizeof(link), 0);
	return true;
}

/* A VLAN of users is a port of its own. */
static __always_inline int xs_ingress_vlan(struct xs_packet *packet, __u32 port_id, __u32 *vport_id)
{
	const struct xs_port *vlan = bpf_map_lookup_elem(&port, &port_id);

	if (xs_is_tag(packet->ethertype))
		return XS_DOUBLE_TAG;
	if (!vlan || !vlan->untagged)
		return XS_UNKNOWN_LABEL;
	packet->port_id = port_id;
	packet->port = vlan;
	packet->users = true;
	*vport_id = vlan->untagged;
	return XS_UNDECIDED;
}

/* The vport that port and label lead to, in *vport_id. A tag of 802.1ad is no label, whatever its id. */
static __always_inline int xs_ingress_label(struct xs_packet *packet, __u32 *vport_id)
{
	__u32 vid = packet->tci & 0xfff, key = packet->port_id * XS_VIDS + vid, found = 0;
	const __u32 *entry;

	if (!packet->tagged) {
		packet->users = true;
		*vport_id = packet->port->untagged;
		return xs_is_host_untagged(packet->port, packet->eth->h_dest) ? XS_HOST : XS_UNDECIDED;
	}
	if (vid < XS_VID_MIN || vid > XS_VID_MAX)
		return XS_LABEL_ZERO;
	entry = bpf_map_lookup_elem(&label, &key);
	if (entry && !packet->service_tag)
		found = *entry;
	if (found & XS_LABEL_PORT)
		return found == XS_LABEL_HOST ? XS_HOST : xs_ingress_vlan(packet, found & ~XS_LABEL_PORT, vport_id);
	if (xs_is_tag(packet->ethertype))
		return XS_DOUBLE_TAG;
	if (!found)
		return packet->port->flags & XS_PORT_USER ? XS_TAG_ON_USER_PORT : XS_UNKNOWN_LABEL;
	*vport_id = found;
	return XS_UNDECIDED;
}

/* In front of an exit users' first hop is beyond it: a slice may take what they send to anybody (R16). */
static __always_inline bool xs_may_select_any_mac(const struct xs_packet *packet)
{
	return !packet->tagged && packet->port->other_ifindex;
}

static __always_inline int xs_ingress(struct xs_packet *packet)
{
	const struct xs_vport *at;
	__u32 vport_id = 0;
	int verdict;

	verdict = xs_ingress_label(packet, &vport_id);
	packet->service_tag = false; /* Nobody asks any more; else the verifier goes on telling two ways apart, to the end. */
	if (verdict != XS_UNDECIDED)
		return verdict;
	at = bpf_map_lookup_elem(&vport, &vport_id);
	if (!at)
		return XS_UNKNOWN_LABEL;
	packet->vport = at;
	packet->slice = at->slice;
	packet->unicast = !(packet->eth->h_dest[0] & 1);
	if (at->kind == XS_VPORT_WAN)
		return xs_is_ip(packet->ethertype) && xs_mac_equal(packet->eth->h_dest, at->mac) ? XS_PAGED : XS_HOST;
	if (packet->unicast && !xs_mac_equal(packet->eth->h_dest, at->mac) && !xs_may_select_any_mac(packet))
		return XS_NOT_FOR_US;
	if (!packet->unicast && xs_may_select_any_mac(packet))
		return xs_group_before_exit(packet, vport_id);
	packet->vport_id = vport_id;
	if (xs_is_ip(packet->ethertype))
		return XS_UNDECIDED;
	return packet->ethertype == bpf_htons(ETH_P_ARP) ? XS_PUNTED : XS_ETHERTYPE;
}

static __always_inline bool xs_is_broadcast(const __u8 *mac)
{
	return *(const xs_bytes4 *)mac == 0xffffffff && *(const xs_bytes2 *)(mac + 4) == 0xffff;
}

/* May users of this port have this source? Links carry what other slivers have let in. */
static __always_inline bool xs_is_spoofed(const struct xs_packet *packet, int family)
{
	return packet->users && xs_table_lookup(packet->port->source_root[family], &packet->source, xs_address_bytes(family)) ==
					XS_ENTRY_EMPTY;
}

static __always_inline int xs_refuse_source(const struct xs_packet *packet, int family)
{
	return xs_is_wan_address(&packet->source, family) ? XS_WAN_ADDRESS : XS_SPOOFED_SOURCE;
}

/*
 * Which IPv4 addresses may be on a wire; sources as users declared them; multicast. Link-local multicast and broadcast are the
 * kernel's of the sliver or edge, other multicast is not offered. Source 0.0.0.0 (DHCP) is taken from users only, and only
 * by their edge.
 */
static __always_inline int xs_admit_ipv4(const struct xs_packet *packet)
{
	__u32 source = bpf_ntohl(packet->source.v4), destination = bpf_ntohl(packet->destination.v4);
	__u32 source_net = source >> 24, destination_net = destination >> 24;

	if (source_net == 0)
		return source == 0 && packet->users ? XS_PUNTED : XS_MARTIAN;
	if (source_net == 127 || source_net >= 224 || destination_net == 127 || destination_net == 0)
		return XS_MARTIAN;
	if (xs_is_spoofed(packet, XS_FAMILY4))
		return xs_refuse_source(packet, XS_FAMILY4);
	if (destination_net >= 240)
		return destination == 0xffffffff ? XS_PUNTED : XS_MARTIAN;
	if (destination_net >= 224)
		return destination >> 8 == 0xe00000 ? XS_PUNTED : XS_MULTICAST;
	if (!packet->unicast)
		return xs_is_broadcast(packet->eth->h_dest) ? XS_PUNTED : XS_MULTICAST;
	return XS_UNDECIDED;
}

static __always_inline bool xs_is_link_local6(const union xs_wire_address *address)
{
	return (address->word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* ::1, and IPv4's addresses in IPv6's form. */
static __always_inline bool xs_is_inner6(const union xs_wire_address *address)
{
	return !(address->word[0] | address->word[1]) &&
	       (address->word[2] == bpf_htonl(0xffff) || (!address->word[2] && address->word[3] == bpf_htonl(1)));
}

/*
 * The same for IPv6. What is link-local, by its source or its destination, is for the kernel of the sliver or edge that it came to
 * and goes no further: neighbour and router discovery, and OSPF. So is what a host sends before it has an address.
 */
static __always_inline int xs_admit_ipv6(const struct xs_packet *packet)
{
	const union xs_wire_address *source = &packet->source, *destination = &packet->destination;
	bool group = destination->byte[0] == 0xff, here = (destination->word[0] & bpf_htonl(0xffff0000)) == bpf_htonl(0xff020000);

	if (source->byte[0] == 0xff || xs_is_inner6(source) || xs_is_inner6(destination) || xs_is_unspecified6(destination))
		return XS_MARTIAN;
	if (xs_is_unspecified6(source))
		return here ? XS_PUNTED : XS_MARTIAN;
	if (!xs_is_link_local6(source) && xs_is_spoofed(packet, XS_FAMILY6))
		return xs_refuse_source(packet, XS_FAMILY6);
	if (here)
		return XS_PUNTED;
	if (group || !packet->unicast)
		return XS_MULTICAST;
	return xs_is_link_local6(source) || xs_is_link_local6(destination) ? XS_PUNTED : XS_UNDECIDED;
}

static __always_inline int xs_admit(const struct xs_packet *packet, int family)
{
	return family == XS_FAMILY4 ? xs_admit_ipv4(packet) : xs_admit_ipv6(packet);
}

#endif
