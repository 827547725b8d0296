/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h - longest prefix over an address (struct xs_block): the datapath's side. Answers the FIB's, the MUX's and the
 * sources' question alike.
 */
#ifndef XSLICE_BPF_TABLE_H
#define XSLICE_BPF_TABLE_H

#include "bpf/maps.h"
#include "bpf/packet.h"

/* What a guard says of an address (as one number of 128 bits; IPv4: the uppermost 32): a leaf, or XS_ENTRY_EMPTY. */
static __always_inline __u32 xs_guard_lookup(__u32 index, __u64 high, __u64 low)
{
	const struct xs_guard *at = bpf_map_lookup_elem(&guard, &index);

	if (!at)
		return XS_ENTRY_EMPTY;
#pragma unroll
	for (unsigned int i = 0; i < XS_GUARD_PREFIXES; i++) {
		__u8 length = XS_READ_ONCE(at->length[i]); /* 1..128; 0: no prefix */
		__u64 outside = high ^ at->high[i];

		if (!length)
			continue;
		if (length <= 64)
			outside >>= (64 - length) & 63;
		else
			outside |= (low ^ at->low[i]) >> ((128 - length) & 63);
		if (!outside)
			return XS_READ_ONCE(at->leaf[i]);
	}
	return XS_READ_ONCE(at->outside);
}

/* What the sieve of block `index` says; false: it has to ask the block. bit: by the address, see struct xs_sieve. */
static __always_inline bool xs_table_sift(__u32 index, __u32 bit, __u32 *entry)
{
	const struct xs_sieve *held = bpf_map_lookup_elem(&sieve, &index);
	__u64 word = held ? XS_READ_ONCE(held->word[bit / XS_SIEVE_WORD_BITS % XS_SIEVE_WORDS]) : 0;

	*entry = word >> XS_SIEVE_WORD_BITS;
	return !(word >> bit % XS_SIEVE_WORD_BITS & 1);
}

/* One step: the entry of block *index that the byte selects. True if it is no block, or there is none: the walk ends. */
static __always_inline bool xs_table_step(__u32 *index, __u8 byte, __u32 *entry)
{
	const struct xs_block *at = bpf_map_lookup_elem(&block, index);

	*entry = at ? XS_READ_ONCE(at->entry[byte]) : XS_ENTRY_EMPTY;
	*index = *entry & XS_ENTRY_INDEX;
	return (*entry & XS_ENTRY_KIND) != XS_ENTRY_BLOCK;
}

static __always_inline __u32 xs_leaf_of(__u32 entry)
{
	return (entry & XS_ENTRY_KIND) == XS_ENTRY_LEAF ? entry : XS_ENTRY_EMPTY;
}

/*
 * The walks: functions of their own, not static: the verifier looks at them once, not wherever a table is asked. sifted: how many
 * levels ask their sieves first. An entry that is still a block behind the last byte cannot be, and counts as empty, and so does a root that is none.
 */
__noinline __u32 xs_table_walk4(__u32 root, __be32 address, __u32 sifted)
{
	__u32 index = root, entry = XS_ENTRY_EMPTY, bytes = bpf_ntohl(address);

	if (!root)
		return XS_ENTRY_EMPTY;
#pragma unroll
	for (unsigned int i = 0; i < XS_IPV4_BYTES; i++)
		if ((i < sifted && xs_table_sift(index, bytes >> (24 - 8 * i) & 0xff, &entry)) ||
		    xs_table_step(&index, bytes >> (24 - 8 * i), &entry))
			break;
	if ((entry & XS_ENTRY_KIND) == XS_ENTRY_GUARD)
		entry = xs_guard_lookup(index, (__u64)bytes << 32, 0);
	return xs_leaf_of(entry);
}

static __always_inline __u32 xs_sieve_bit6(const union xs_wire_address *address, unsigned int level)
{
	const unsigned int fine = XS_SIEVE_NEXT(XS_IPV6_BYTES);

	return (__u32)address->byte[level] << fine | address->byte[level + 1] >> (8 - fine);
}

__noinline __u32 xs_table_walk6(__u32 root, const union xs_wire_address *address, __u32 sifted)
{
	__u32 index = root, entry = XS_ENTRY_EMPTY;

	if (!root || !address)
		return XS_ENTRY_EMPTY;
#pragma clang loop unroll(disable)
	for (unsigned int i = 0; i < XS_IPV6_BYTES; i++)
		if ((i < sifted && i < XS_SIEVE_LEVELS && xs_table_sift(index, xs_sieve_bit6(address, i), &entry)) ||
		    xs_table_step(&index, address->byte[i], &entry))
			break;
	if ((entry & XS_ENTRY_KIND) == XS_ENTRY_GUARD)
		entry = xs_guard_lookup(index, (__u64)bpf_ntohl(address->word[0]) << 32 | bpf_ntohl(address->word[1]),
					(__u64)bpf_ntohl(address->word[2]) << 32 | bpf_ntohl(address->word[3]));
	return xs_leaf_of(entry);
}

/* The entry that decides: a leaf, or XS_ENTRY_EMPTY. address_bytes is a constant (4, or 16). */
static __always_inline __u32 xs_table_lookup(__u32 root, const union xs_wire_address *address, unsigned int address_bytes)
{
	return address_bytes == XS_IPV4_BYTES ? xs_table_walk4(root, address->v4, 0) : xs_table_walk6(root, address, 0);
}

/* The same, where much goes by what covers the table (a default route) and not by one of its prefixes: sieves are asked first. */
static __always_inline __u32 xs_table_lookup_sifted(__u32 root, const union xs_wire_address *address, unsigned int address_bytes)
{
	return address_bytes == XS_IPV4_BYTES ? xs_table_walk4(root, address->v4, XS_SIEVE_LEVELS) :
						xs_table_walk6(root, address, XS_SIEVE_LEVELS);
}

#endif
