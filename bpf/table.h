/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h - longest prefix over an address (struct xs_block): the datapath's side. Answers the FIB's, the MUX's and the
 * sources' question alike.
 */
#ifndef XSLICE_BPF_TABLE_H
#define XSLICE_BPF_TABLE_H

#include "bpf/maps.h"
#include "bpf/packet.h"

/*
 * The entry that decides: a leaf, or XS_ENTRY_EMPTY. address_bytes is a constant (4, or 16), so the loop unrolls. An entry
 * that is still a block behind the last byte cannot be, and counts as empty.
 */
static __always_inline __u32 xs_table_lookup(__u32 root, const union xs_wire_address *address, unsigned int address_bytes)
{
	__u32 index = root, entry = XS_ENTRY_EMPTY;

	if (!root)
		return XS_ENTRY_EMPTY;
#pragma unroll
	for (unsigned int i = 0; i < address_bytes; i++) {
		const struct xs_block *at = bpf_map_lookup_elem(&block, &index);

		if (!at)
			return XS_ENTRY_EMPTY;
		entry = XS_READ_ONCE(at->entry[address->byte[i]]);
		if ((entry & XS_ENTRY_KIND) != XS_ENTRY_BLOCK)
			break;
		index = entry & XS_ENTRY_INDEX;
	}
	return entry & XS_ENTRY_LEAF ? entry : XS_ENTRY_EMPTY;
}

#endif
