/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * page.h - paging: which pages the two addresses of a packet lie in (struct xs_page), and what they become. A packet is mapped as
 * a whole or not at all: inward (from a slice to the WAN) by its slice's table, outward by the WAN's, which is slice 0's. No frame
 * is changed here: translate.h does that.
 */
#ifndef XSLICE_BPF_PAGE_H
#define XSLICE_BPF_PAGE_H

#include "bpf/maps.h"
#include "bpf/packet.h"
#include "bpf/table.h"

struct xs_mapping {
	union xs_wire_address source, destination; /* mapped in place, each if it lies in a page */
	__u32 table;  /* slice whose table answers; 0: the WAN's */
	__u32 family;
	__u32 source_slice, destination_slice; /* of their pages; 0: in none */
	__u32 source_vport, destination_vport; /* uplinks on this node; 0: elsewhere */
	__u32 sum;     /* what sums over both addresses grow by: ones' complement, 16 bits, and the one of its zeros that is not 0 */
	__u32 nexthop; /* inward: the substrate's, by the new destination; 0: none */
	__u32 place;   /* of the checksum that covers addresses (place.h) */
};

/* A ones' complement sum in 16 bits; not 0 unless all of it is. */
static __always_inline __u32 xs_fold_sum(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* As xs_table_lookup(), where the family is no constant. */
static __always_inline __u32 xs_table_of_family(__u32 root, const union xs_wire_address *address, __u32 family)
{
	return family == XS_FAMILY4 ? xs_table_walk4(root, address->v4) : xs_table_walk6(root, address);
}

static __always_inline const struct xs_page *xs_page_of(__u32 root, const union xs_wire_address *address, __u32 family)
{
	__u32 leaf = xs_table_of_family(root, address, family), id = leaf & XS_ENTRY_INDEX;

	return leaf == XS_ENTRY_EMPTY ? NULL : bpf_map_lookup_elem(&page, &id);
}

static __always_inline __u32 xs_page_root(__u32 slice_id, __u32 family)
{
	const struct xs_slice *of = bpf_map_lookup_elem(&slice, &slice_id);

	return of ? XS_READ_ONCE(of->page_root[family & 1]) : 0;
}

static __always_inline void xs_change_address(union xs_wire_address *address, const struct xs_page *by)
{
	for (unsigned int i = 0; i < 4; i++)
		address->word[i] ^= by->change.word[i];
}

/* Maps what can be mapped, and says what was. A function of its own, not static: the verifier looks at it once. */
__noinline int xs_map_addresses(struct xs_mapping *map)
{
	const struct xs_page *from, *to;
	__u32 root, turn, sum = 0;

	if (!map)
		return 0;
	root = xs_page_root(map->table, map->family);
	turn = map->table ? 0 : 0xffff; /* outward it is less by what inward it was more */
	to = xs_page_of(root, &map->destination, map->family);
	from = xs_page_of(root, &map->source, map->family);
	if (to) {
		map->destination_slice = to->slice;
		map->destination_vport = to->vport;
		sum += to->sum ^ turn;
		xs_change_address(&map->destination, to);
	}
	if (from) {
		map->source_slice = from->slice;
		map->source_vport = from->vport;
		sum += from->sum ^ turn;
		xs_change_address(&map->source, from);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	map->sum = sum ? sum : 0xffff; /* which of the two zeros it is says whether something is mapped */
	return 0;
}

/* Is it in a page of any slice, as the WAN knows it? Asked of what would be refused otherwise, too. */
__noinline int xs_is_wan_address(const union xs_wire_address *address, __u32 family)
{
	return address && xs_page_of(xs_page_root(0, family), address, family);
}

/* Is it in a page whose hosts are behind this node? */
static __always_inline bool xs_is_page_here(const union xs_wire_address *address, __u32 family)
{
	const struct xs_page *at = xs_page_of(xs_page_root(0, family), address, family);

	return at && at->vport;
}

/*
 * Inward: both addresses by the slice's table, then the next hop in the substrate's. XS_UNDECIDED, or why not. A function of its own, as
 * above.
 */
__noinline int xs_map_inward(struct xs_mapping *map)
{
	__u32 substrate = 0, leaf;
	const struct xs_slice *in = bpf_map_lookup_elem(&slice, &substrate);

	if (!map || !in || !map->table)
		return XS_NO_PAGE;
	xs_map_addresses(map);
	if (!map->source_slice || !map->destination_slice)
		return !map->destination_slice && xs_is_wan_address(&map->destination, map->family) ? XS_WAN_ADDRESS : XS_NO_PAGE;
	leaf = xs_table_of_family(XS_READ_ONCE(in->fib_root[map->family & 1]), &map->destination, map->family);
	map->nexthop = leaf & XS_ENTRY_INDEX;
	return XS_UNDECIDED;
}

/*
 * Outward: what is for hosts behind this node gets into the slice of their page. From a source in no page (a stranger) only an ICMP
 * error may come, of a router of the WAN: what is in the packet tells later.
 */
__noinline int xs_map_outward(struct xs_mapping *map)
{
	if (!map)
		return XS_HOST;
	xs_map_addresses(map);
	if (!map->destination_vport)
		return XS_HOST;
	return map->source_slice && map->source_slice != map->destination_slice ? XS_FOREIGN_PAGE : XS_UNDECIDED;
}

#endif
