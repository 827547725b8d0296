/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * general.h - general conditions of a MUX, those that test more than a destination: each property of a packet leads to
 * the set of those that it leaves (struct xs_mux_vector), and the smallest common one is the best.
 */
#ifndef XSLICE_BPF_GENERAL_H
#define XSLICE_BPF_GENERAL_H

#include "bpf/maps.h"
#include "bpf/packet.h"
#include "bpf/table.h"

/* What of a packet conditions test. */
struct xs_match {
	union xs_wire_address source;
	__u32 mux;
	__u32 destination; /* vector: what the destination leaves, and cells */
	__u32 family, protocol, dscp, input_port;
	__u32 has_ports, source_port, destination_port;
};

/* Vector by the value of a property, a number of `bits`. Nothing is tested: 0, which leaves all. Negative: nothing is
 * left. */
static __always_inline long xs_vector_of_number(__u32 root, __u32 value, unsigned int bits)
{
	union xs_wire_address address = { .v4 = bpf_htonl(value << (32 - bits)) };
	__u32 leaf;

	if (!root)
		return 0;
	leaf = xs_table_lookup(root, &address, XS_IPV4_BYTES);
	return leaf == XS_ENTRY_EMPTY ? -1 : (long)(leaf & XS_ENTRY_INDEX);
}

static __always_inline long xs_vector_of_port(__u32 root, __u32 without, const struct xs_match *match, __u32 port)
{
	if (match->has_ports || !root)
		return xs_vector_of_number(root, port, 16);
	return without ? (long)without : -1;
}

static __always_inline long xs_vector_of_source(const struct xs_mux *policy, const struct xs_match *match)
{
	__u32 leaf = XS_ENTRY_EMPTY;

	if (match->family == XS_FAMILY4) {
		if (!policy->root[XS_MUX_SOURCE + XS_FAMILY4])
			return 0;
		leaf = xs_table_lookup(policy->root[XS_MUX_SOURCE + XS_FAMILY4], &match->source, XS_IPV4_BYTES);
	} else {
		if (!policy->root[XS_MUX_SOURCE + XS_FAMILY6])
			return 0;
		leaf = xs_table_lookup(policy->root[XS_MUX_SOURCE + XS_FAMILY6], &match->source, XS_IPV6_BYTES);
	}
	return leaf == XS_ENTRY_EMPTY ? -1 : (long)(leaf & XS_ENTRY_INDEX);
}

static __always_inline const struct xs_mux_vector *xs_vector(long number)
{
	__u32 key = number;

	return number < 0 ? NULL : bpf_map_lookup_elem(&mux_vector, &key);
}

/* Which is the lowest bit that is set; there is one. Spelt out: clang 14 and 16 have no code for the builtin here. */
static __always_inline int xs_lowest_bit(__u64 bits)
{
	__u64 below = (bits & -bits) - 1;

	barrier_var(below); /* else they make the builtin of it */
	below -= below >> 1 & 0x5555555555555555ull;
	below = (below & 0x3333333333333333ull) + (below >> 2 & 0x3333333333333333ull);
	below = (below + (below >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return below * 0x0101010101010101ull >> 56;
}

/*
 * The number of the first general condition that the packet matches and that is in force; -1: there is none. A function
 * of its own, not static: the verifier looks at it once, not for each family.
 */
__noinline int xs_first_general(const struct xs_match *match)
{
	const struct xs_mux_vector *destination, *source, *protocol, *source_port, *destination_port, *dscp,
		*input_port;
	const struct xs_mux *policy;
	__u64 summary, bits;
	__u32 mux_id;

	if (!match)
		return -1;
	mux_id = match->mux;
	policy = bpf_map_lookup_elem(&mux, &mux_id);
	if (!policy)
		return -1;
	destination = xs_vector(match->destination);
	source = xs_vector(xs_vector_of_source(policy, match));
	protocol = xs_vector(xs_vector_of_number(policy->root[XS_MUX_PROTOCOL], match->protocol, 8));
	source_port = xs_vector(xs_vector_of_port(policy->root[XS_MUX_SOURCE_PORT], policy->without_ports[0], match,
						  match->source_port));
	destination_port = xs_vector(xs_vector_of_port(policy->root[XS_MUX_DESTINATION_PORT], policy->without_ports[1],
						       match, match->destination_port));
	dscp = xs_vector(xs_vector_of_number(policy->root[XS_MUX_DSCP], match->dscp, 8));
	input_port = xs_vector(xs_vector_of_number(policy->root[XS_MUX_INPUT_PORT], match->input_port, 16));
	if (!destination || !source || !protocol || !source_port || !destination_port || !dscp || !input_port)
		return -1;
	summary = destination->summary & source->summary & protocol->summary & source_port->summary &
		  destination_port->summary & dscp->summary & input_port->summary;
	if (!summary)
		return -1;
#pragma clang loop unroll(disable)
	for (int i = 0; i < XS_VECTOR_WORDS; i++) {
		if (!(summary >> i & 1))
			continue;
		bits = destination->word[i] & source->word[i] & protocol->word[i] & source_port->word[i] &
		       destination_port->word[i] & dscp->word[i] & input_port->word[i];
		if (bits)
			return i * 64 + xs_lowest_bit(bits);
	}
	return -1;
}

#endif
