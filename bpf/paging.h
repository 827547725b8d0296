/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * paging.h - the stages of paging. A packet gets here from the stages that both mechanisms have: out of a user's port and its slice's
 * table, which says that it leaves by the uplink (inward); or from a port of the WAN (outward), where a page takes the place of label
 * and MUX. After them it has a verdict as any other has.
 *
 * They run in functions of their own, one for each family, which get what the stages before have found out (struct xs_paged): so the
 * verifier looks at them once, not for each way that leads here, and what is not paged pays nothing.
 */
#ifndef XSLICE_BPF_PAGING_H
#define XSLICE_BPF_PAGING_H

#include "bpf/maps.h"
#include "bpf/packet.h"
#include "bpf/page.h"
#include "bpf/parse.h"
#include "bpf/place.h"
#include "bpf/punt.h"
#include "bpf/route.h"
#include "bpf/translate.h"

#define XS_NETWORK_MAX 31 /* offset of the IP header: behind a link header and a tag, or less */

/*
 * What the stages before have found out of a frame. No pointers: it is memory that global functions get. Small: it lies on the stack below
 * those stages, whose own has no room for more.
 */
struct xs_paged {
	__u32 vport_id;
	__u32 uplink; /* 0: it comes out of the WAN, and nothing but the port is known */
	__u32 length, total_length; /* as in struct xs_packet */
	__u16 slice, tci;
	__u8 port_flags;
	__u8 network; /* where the IP header begins in the frame */
	bool six : 1, tagged : 1, options : 1; /* six: IPv6 */
	__u8 pad;
};

struct xs_left {
	struct xs_paged paged;
	__u64 *rule; /* as in struct xs_packet */
};

static __always_inline void xs_leave_to_paging(const struct xs_packet *packet, struct xs_left *left)
{
	struct xs_paged *paged = &left->paged;

	paged->vport_id = packet->vport_id;
	paged->uplink = packet->mux_vport;
	paged->length = packet->length;
	paged->total_length = packet->total_length;
	paged->slice = packet->slice;
	paged->tci = packet->tci;
	paged->port_flags = XS_READ_ONCE(packet->port->flags);
	paged->network = packet->network - (void *)packet->eth;
	paged->six = packet->ethertype == bpf_htons(ETH_P_IPV6);
	paged->tagged = packet->tagged;
	paged->options = packet->options;
	left->rule = packet->rule;
}

/* The same back again, as far as paging's stages need it. False: this is not the frame. */
static __always_inline bool xs_take_over(struct xs_packet *packet, const struct xs_paged *paged, void *data, void *end, int family)
{
	struct ipv6hdr *ip6 = data + (paged->network & XS_NETWORK_MAX);
	struct iphdr *ip = (void *)ip6;

	if (data + sizeof(struct ethhdr) > end || (family == XS_FAMILY4 ? (void *)(ip + 1) : (void *)(ip6 + 1)) > end)
		return false;
	packet->eth = data;
	packet->network = ip6;
	packet->end = end;
	packet->ethertype = family == XS_FAMILY4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	if (family == XS_FAMILY4) {
		packet->source.v4 = ip->saddr;
		packet->destination.v4 = ip->daddr;
		packet->hop_limit = ip->ttl;
	} else {
		__builtin_memcpy(&packet->source, &ip6->saddr, sizeof(packet->source));
		__builtin_memcpy(&packet->destination, &ip6->daddr, sizeof(packet->destination));
		packet->hop_limit = ip6->hop_limit;
	}
	packet->slice = paged->slice;
	packet->vport_id = paged->vport_id;
	packet->mux_vport = paged->uplink;
	packet->length = paged->length;
	packet->total_length = paged->total_length;
	packet->tci = paged->tci;
	packet->options = paged->options;
	packet->tagged = paged->tagged;
	packet->unicast = true; /* nothing else comes here */
	return true;
}

/* The pages of both addresses, by the table of a slice; by the WAN's, where that is 0. */
static __always_inline void xs_find_pages(const struct xs_packet *packet, __u32 table, struct xs_translation *how, int family)
{
	const __u32 root = xs_page_root(table, family);
	__u32 from_id, to_id, sum = 0;

	how->to = xs_page_of(root, &packet->destination, family, &to_id);
	how->from = xs_page_of(root, &packet->source, family, &from_id);
	if (how->to) {
		sum += xs_page_sum(how->to, !table);
		how->destination = packet->destination;
		xs_change_address(&how->destination, how->to, to_id, family);
	}
	if (how->from) {
		sum += xs_page_sum(how->from, !table);
		how->source = packet->source;
		xs_change_address(&how->source, how->from, from_id, family);
	}
	how->sum = xs_fold_page_sums(sum);
}

/*
 * By the uplink: both addresses are mapped, and the next hop is the substrate's. What has none that sends is punted: the sliver's
 * kernel sends it by the uplink, and the node's own has to decide.
 */
static __always_inline int xs_route_inward(struct xs_packet *packet, struct xs_translation *how, int family)
{
	const __u32 id = 0;
	const struct xs_slice *substrate = bpf_map_lookup_elem(&slice, &id);
	const struct xs_nexthop *to;
	__u8 kind;

	if (!substrate || !packet->slice)
		return XS_NO_PAGE;
	xs_find_pages(packet, packet->slice, how, family);
	if (!how->to)
		return xs_is_wan_address(&packet->destination, family) ? XS_WAN_ADDRESS : XS_NO_PAGE;
	if (!how->from)
		return XS_NO_PAGE;
	to = xs_nexthop_of(XS_READ_ONCE(substrate->fib_root[family]), &how->destination, family);
	if (!to)
		return xs_punt(packet, XS_PUNT_ERROR);
	kind = XS_READ_ONCE(to->kind);
	if (kind == XS_NEXTHOP_EDGE || kind == XS_NEXTHOP_UPLINK || kind == XS_NEXTHOP_BLACKHOLE)
		return XS_PUNTED;
	return xs_route_by(packet, to, kind, family);
}

/*
 * Out of the WAN, into the slice of the page that it is for, if its hosts are behind this node. From a source in no page (a stranger)
 * only an ICMP error may come, of a router of the WAN: what is in the packet tells later. The slice's table does not lead back to
 * where it comes from: that would be a loop, which the kernel may walk slowly.
 */
static __always_inline int xs_route_outward(struct xs_packet *packet, struct xs_translation *how, int family)
{
	int verdict;

	xs_find_pages(packet, 0, how, family);
	if (!how->to || !xs_page_uplink(how->to))
		return XS_HOST;
	packet->slice = how->to->slice;
	if (how->from && how->from->slice != packet->slice)
		return XS_FOREIGN_PAGE;
	packet->vport_id = xs_page_uplink(how->to);
	packet->destination = how->destination;
	verdict = xs_route(packet, family);
	return verdict == XS_PAGED ? xs_punt(packet, XS_PUNT_ERROR) : verdict;
}

/* Of a frame whose headers are parsed, and its port known. Inward its slice, its vport and the uplink (mux_vport) are known, too. */
static __always_inline int xs_decide_paged(struct xs_packet *packet, struct xs_translation *how, int family)
{
	return packet->mux_vport ? xs_route_inward(packet, how, family) : xs_route_outward(packet, how, family);
}

/*
 * The verdict of a packet that is to leave with other addresses, or to go on by the slow path, now that its place is known. Quotes are
 * translated on the slow path alone; from a stranger there is nothing else to take.
 */
static __always_inline int xs_judge_mapped(struct xs_packet *packet, const struct xs_translation *how, int verdict)
{
	if (how->place & XS_PLACE_QUOTE) {
		packet->unresolved = false;
		packet->punt_class = XS_PUNT_QUOTE;
		return XS_PUNTED;
	}
	if (!how->from)
		return XS_FOREIGN_PAGE;
	return how->place & XS_PLACE_NEVER ? XS_UNMAPPABLE : verdict;
}

/* As xs_may_punt(); but an uplink has no port whose flags say which front end polices: the port that it came in by says it. */
static __always_inline bool xs_may_punt_paged(const struct xs_packet *packet, __u32 port_flags, enum xs_front_end front_end)
{
	const bool tc = port_flags & (XS_PORT_LOCAL_STACK | XS_PORT_MERGED);

	return front_end != (tc ? XS_BY_TC : XS_BY_XDP) || xs_police(packet->vport_id, xs_class_of(packet),
								       packet->unresolved ? packet->slice : 0,
								       &packet->destination, XS_BY_XDP | XS_BY_TC);
}

#endif
