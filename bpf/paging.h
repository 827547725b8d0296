/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * paging.h - the stages of paging. A packet gets here from the stages that both mechanisms have: out of a user's port and its slice's
 * table, which says that it leaves by the uplink (inward); or from a port of the WAN (outward), where a page takes the place of label
 * and MUX. After them it has a verdict as any other has.
 *
 * They run in functions of their own, which read the headers once more: so the verifier looks at them once, not for each way that
 * leads here, and what is not paged pays nothing.
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

/* What the stages before have found out of a frame. uplink 0: it comes out of the WAN, and nothing but the port is known. */
struct xs_paged {
	__u32 port_id, slice, vport_id, uplink;
	__u64 *rule;  /* as in struct xs_packet */
	__u32 frames; /* tc: that it stands for */
};

static __always_inline void xs_leave_to_paging(const struct xs_packet *packet, struct xs_paged *paged)
{
	paged->port_id = packet->port_id;
	paged->slice = packet->slice;
	paged->vport_id = packet->vport_id;
	paged->uplink = packet->mux_vport;
	paged->rule = packet->rule;
}

static __always_inline void xs_start_mapping(const struct xs_packet *packet, struct xs_mapping *map, __u32 table, int family)
{
	map->source = packet->source;
	map->destination = packet->destination;
	map->table = table;
	map->family = family;
}

/*
 * By the uplink: both addresses are mapped, and the next hop is the substrate's. What has none that sends is punted: the sliver's
 * kernel sends it by the uplink, and the node's own has to decide.
 */
static __always_inline int xs_route_inward(struct xs_packet *packet, struct xs_mapping *map, int family)
{
	const struct xs_nexthop *to;
	int verdict;
	__u8 kind;

	xs_start_mapping(packet, map, packet->slice, family);
	verdict = xs_map_inward(map);
	if (verdict != XS_UNDECIDED) /* said anew: the verifier does not know what a function returns */
		return verdict == XS_WAN_ADDRESS ? XS_WAN_ADDRESS : XS_NO_PAGE;
	to = map->nexthop ? bpf_map_lookup_elem(&nexthop, &map->nexthop) : NULL;
	if (!to)
		return xs_punt(packet, XS_PUNT_ERROR);
	kind = XS_READ_ONCE(to->kind);
	if (kind == XS_NEXTHOP_EDGE || kind == XS_NEXTHOP_UPLINK || kind == XS_NEXTHOP_BLACKHOLE)
		return XS_PUNTED;
	return xs_route_by(packet, to, kind, family);
}

/*
 * Out of the WAN, into the slice of the page that it is for. Its table does not lead back to where it comes from: that would be a
 * loop, which the kernel may walk slowly. Headers so unsound that nobody can say whom they are for are the host's to judge.
 */
static __always_inline int xs_route_outward(struct xs_packet *packet, struct xs_mapping *map, int family)
{
	int verdict;

	xs_start_mapping(packet, map, 0, family);
	verdict = xs_map_outward(map);
	if (verdict == XS_HOST)
		return XS_HOST;
	packet->slice = map->destination_slice;
	if (verdict != XS_UNDECIDED)
		return XS_FOREIGN_PAGE;
	packet->vport_id = map->destination_vport;
	packet->destination = map->destination;
	verdict = xs_route(packet, family);
	return verdict == XS_PAGED ? xs_punt(packet, XS_PUNT_ERROR) : verdict;
}

static __always_inline int xs_decide_paged_network(struct xs_packet *packet, struct xs_mapping *map, int family)
{
	if (xs_parse_network(packet, family) != XS_UNDECIDED)
		return XS_HOST;
	packet->unicast = true; /* nothing else comes here */
	return packet->mux_vport ? xs_route_inward(packet, map, family) : xs_route_outward(packet, map, family);
}

/* Of a frame whose link layer is parsed, and its port known. Inward its slice, its vport and the uplink (mux_vport) are known, too. */
static __always_inline int xs_decide_paged(struct xs_packet *packet, struct xs_mapping *map)
{
	return packet->ethertype == bpf_htons(ETH_P_IP) ? xs_decide_paged_network(packet, map, XS_FAMILY4) :
							  xs_decide_paged_network(packet, map, XS_FAMILY6);
}

/*
 * The verdict of a packet that is to leave with other addresses, or to go on by the slow path, now that its place is known. Quotes are
 * translated on the slow path alone; from a stranger there is nothing else to take.
 */
static __always_inline int xs_judge_mapped(struct xs_packet *packet, struct xs_mapping *map, int verdict, __u32 place)
{
	map->place = place;
	if (place & XS_PLACE_QUOTE) {
		packet->unresolved = false;
		packet->punt_class = XS_PUNT_QUOTE;
		return XS_PUNTED;
	}
	if (!map->source_slice)
		return XS_FOREIGN_PAGE;
	return place & XS_PLACE_NEVER ? XS_UNMAPPABLE : verdict;
}

/* As xs_may_punt(); but an uplink has no port whose flags say which front end polices: the port that it came in by says it. */
static __always_inline bool xs_may_punt_paged(const struct xs_packet *packet, enum xs_front_end front_end)
{
	const bool tc = XS_READ_ONCE(packet->port->flags) & (XS_PORT_LOCAL_STACK | XS_PORT_MERGED);

	return front_end != (tc ? XS_BY_TC : XS_BY_XDP) || xs_police(packet->vport_id, xs_class_of(packet),
								       packet->unresolved ? packet->slice : 0,
								       &packet->destination, XS_BY_XDP | XS_BY_TC);
}

static __always_inline __u32 xs_network_xdp(const struct xs_packet *packet)
{
	return sizeof(struct ethhdr) + (packet->tagged ? sizeof(struct xs_tag) : 0);
}

#endif
