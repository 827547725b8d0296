/* SPDX-License-Identifier: (GPL-2.0-only OR GPL-2.0-or-later) */
/*
 * traffic.h - what the bench's generator (bench.bpf.c) and the benches agree on: what is sent, and which the million
 * IPv6 routes are.
 */
#ifndef XSLICE_SELFTESTS_BENCH_TRAFFIC_H
#define XSLICE_SELFTESTS_BENCH_TRAFFIC_H

#include "maps/contract.h"

/* Each destination of a range is equally likely. */
enum bench_range {
	BENCH_COUNT,  /* `count` addresses from `first` on */
	BENCH_ANY,    /* all that may be routed: 1.0.0.0 to 223.255.255.255 without 127/8; 2000::/3 */
	BENCH_ROUTES, /* IPv6: one address of each of the first `count` routes of bench_route() */
	BENCH_PAGES,  /* `hosts` (a power of two) in each of `count` prefixes of bench_page_bits(), from `first`, a prefix, on */
};

struct bench_traffic {
	__u32 family;
	__u32 tag;   /* VLAN id; 0: untagged */
	__u32 range; /* enum bench_range */
	__u32 count, hosts;
	union xs_wire_address source, first;
	__u8 destination_mac[6], source_mac[6];
	__u8 protocol; /* TCP or UDP, with a checksum; 0: UDP without one */
	__u8 pad[3];
};

/* As long a prefix as pages of a definition have. */
static inline __attribute__((always_inline)) __u32 bench_page_bits(__u32 family)
{
	return family == XS_FAMILY4 ? 24 : 64;
}

/* Bytes of a frame: headers with a tag, and 18 of data. */
#define BENCH_DATA          18
#define BENCH_FRAME(family) ((family) == XS_FAMILY4 ? 64 : 84)

/*
 * The upper half of an address of the i-th random route: told by its number alone, so that whoever sends to it has no
 * table of its own in the cache.
 */
static inline __attribute__((always_inline)) __u64 bench_route(__u32 i)
{
	__u64 z = (i + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return 1ull << 61 | (z ^ z >> 31) >> 3;
}

#endif
