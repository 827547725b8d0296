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
	__u32 source_slice, destination_slice; /* of their pages; 0: in none. Or XS_SLICE_ELSEWHERE */
	__u32 source_vport, destination_vport; /* uplinks on this node; 0: elsewhere */
	__u32 sum;     /* what sums over both addresses grow by: ones' complement, 16 bits, and the one of its zeros that is not 0 */
	__u32 place;   /* of the checksum that covers addresses (place.h) */
};

/* The same on the fast path, of a frame whose family is known: what is to become of it. */
struct xs_translation {
	const struct xs_page *from, *to; /* pages of its addresses; NULL: none */
	union xs_wire_address source, destination; /* as they will be */
	__u32 sum;   /* as above */
	__u32 place; /* as above */
	__u32 port_flags; /* of the port that it came in by */
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
	return family == XS_FAMILY4 ? xs_table_walk4(root, address->v4, 0) : xs_table_walk6(root, address, 0);
}

/* The page of an address, and in *id its number; NULL: it is in none. */
static __always_inline const struct xs_page *xs_page_of(__u32 root, const union xs_wire_address *address, __u32 family, __u32 *id)
{
	__u32 leaf = xs_table_of_family(root, address, family);

	*id = leaf & XS_ENTRY_INDEX;
	return leaf == XS_ENTRY_EMPTY ? NULL : bpf_map_lookup_elem(&page, id);
}

/* As in struct xs_mapping, where 0 is a stranger's. */
#define XS_SLICE_ELSEWHERE (XS_SLICE_MAX + 1)
static __always_inline __u32 xs_page_slice(const struct xs_page *at)
{
	return at->slice ? at->slice : XS_SLICE_ELSEWHERE;
}

/* The uplink by which its hosts are reached on this node; 0: they are elsewhere. */
static __always_inline __u32 xs_page_uplink(const struct xs_page *at)
{
	return at->uplink & ~XS_PAGE_LONG;
}

static __always_inline __u32 xs_page_root(__u32 slice_id, __u32 family)
{
	const struct xs_slice *of = bpf_map_lookup_elem(&slice, &slice_id);

	return of ? XS_READ_ONCE(of->page_root[family & 1]) : 0;
}

/* The half of an address that few pages change. A function of its own, not static: the verifier looks at it once. */
__noinline int xs_change_rest(union xs_wire_address *address, __u32 id)
{
	const struct xs_page_rest *rest = bpf_map_lookup_elem(&page_rest, &id);

	if (!address || !rest)
		return -1;
	address->word[2] ^= rest->change[0];
	address->word[3] ^= rest->change[1];
	return 0;
}

static __always_inline void xs_change_address(union xs_wire_address *address, const struct xs_page *by, __u32 id, __u32 family)
{
	address->word[0] ^= by->change[0];
	if (family == XS_FAMILY4)
		return;
	address->word[1] ^= by->change[1];
	if (by->uplink & XS_PAGE_LONG)
		xs_change_rest(address, id);
}

/* What a sum over an address grows by. outward: it is less by what inward it was more. */
static __always_inline __u32 xs_page_sum(const struct xs_page *by, bool outward)
{
	return by->sum ^ (outward ? 0xffff : 0);
}

static __always_inline __u32 xs_fold_page_sums(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return sum ? sum : 0xffff; /* which of the two zeros it is says whether something is mapped */
}

/* Maps what can be mapped, and says what was. A function of its own, not static: the verifier looks at it once. */
__noinline int xs_map_addresses(struct xs_mapping *map)
{
	const struct xs_page *from, *to;
	__u32 root, from_id, to_id, sum = 0;

	if (!map)
		return 0;
	root = xs_page_root(map->table, map->family);
	to = xs_page_of(root, &map->destination, map->family, &to_id);
	from = xs_page_of(root, &map->source, map->family, &from_id);
	if (to) {
		map->destination_slice = xs_page_slice(to);
		map->destination_vport = xs_page_uplink(to);
		sum += xs_page_sum(to, !map->table);
		xs_change_address(&map->destination, to, to_id, map->family);
	}
	if (from) {
		map->source_slice = xs_page_slice(from);
		map->source_vport = xs_page_uplink(from);
		sum += xs_page_sum(from, !map->table);
		xs_change_address(&map->source, from, from_id, map->family);
	}
	map->sum = xs_fold_page_sums(sum);
	return 0;
}

/* Is it in a page of any slice, as the WAN knows it? Asked of what would be refused otherwise, too. */
__noinline int xs_is_wan_address(const union xs_wire_address *address, __u32 family)
{
	__u32 id;

	return address && xs_page_of(xs_page_root(0, family), address, family, &id);
}

/* Is it in a page whose hosts are behind this node? */
static __always_inline bool xs_is_page_here(const union xs_wire_address *address, __u32 family)
{
	__u32 id;
	const struct xs_page *at = xs_page_of(xs_page_root(0, family), address, family, &id);

	return at && xs_page_uplink(at);
}

#endif
