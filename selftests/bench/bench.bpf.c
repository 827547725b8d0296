// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench.bpf.c - both ends of the bench's rig, and what the datapath is measured against.
 *
 *   bench_generate   run under BPF_PROG_TEST_RUN with live frames: writes one UDP packet, sends it by the device it "came" by
 *   bench_pass       on the generator's end of its veth: frames from the node arrive only where a program is
 *   bench_sink       the receiver: counts and drops; notes the time of the first frame that bears `watch_tci`
 *   bench_redirect   the floor: a bare XDP redirect
 *   bench_lookup     the floor of a table: the bare look-up in the candidate's own blocks, then a redirect
 *   bench_memory     the floor of a MUX: for one of as many VMs an index, its cell, a counter per CPU; then a pushed tag
 *   bench_word       the floor of a switch: one array entry decides which tag is pushed
 *   bench_chain_transit, bench_chain_mux
 *                    the floor of the stages: as many look-ups in arrays as a transit or a packet of a MUX with one condition
 *                    needs, each by what the one before gave, as many counters per CPU, the same change of the frame, and no
 *                    question asked
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps/contract.h"

struct tagged_header {
	__u8 destination[6], source[6];
	__be16 tag_type, tci, type;
} __attribute__((packed));

/* What is sent; the rig writes it between runs. */
__u8 destination_mac[6], source_mac[6];
__u32 tag;           /* VLAN id; 0: untagged */
__u32 source;        /* IPv4 addresses, host order */
__u32 first, count;  /* destinations: uniform over [first, first + count); count 0: over the whole unicast space */

__u32 out_ifindex;   /* bench_redirect, bench_word */
__u32 watch_tci;     /* bench_sink: the tag to wait for; 0: none */
__u64 seen_ns;       /* when it came first; 0: not yet. The rig clears it */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} received SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} word SEC(".maps");

/* bench_lookup: the candidate's map takes this one's place before it is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct xs_block);
	__uint(max_entries, 1);
} block SEC(".maps");
__u32 root;

/* bench_memory: what the smallest program that does a MUX's work would have to touch. Sized by the rig. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 131072);
} vm_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 131072);
} vm_cell SEC(".maps");

struct vm_count {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct vm_count);
	__uint(max_entries, 131072);
} vm_count SEC(".maps");

static __u64 state = 88172645463325252ull; /* of a xorshift generator: one thread generates at a time */

static __always_inline __u32 next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

/* 1.0.0.0 to 223.255.255.255 without 127/8, each equally likely but for the neighbours of the gap. */
static __always_inline __u32 any_unicast(void)
{
	__u32 address = 0x01000000u + (__u32)(((__u64)next_random() * 0xdf000000ull) >> 32);

	return address >> 24 == 127 ? address ^ 0x40000000 : address;
}

static __always_inline void write_packet(struct iphdr *ip)
{
	struct udphdr *udp = (void *)(ip + 1);
	__u32 destination = count ? first + (__u32)(((__u64)next_random() * count) >> 32) : any_unicast();
	const __u16 length = sizeof(*ip) + sizeof(*udp) + 18;
	__u32 sum = 0x4500 + length + 0x4011;

	*(__u32 *)ip = bpf_htonl(0x45000000 | length);
	*((__u32 *)ip + 1) = 0;
	ip->ttl = 64;
	ip->protocol = 17;
	ip->saddr = bpf_htonl(source);
	ip->daddr = bpf_htonl(destination);
	sum += (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = bpf_htons(~sum);
	udp->source = bpf_htons(4000);
	udp->dest = bpf_htons(5000);
	udp->len = bpf_htons(sizeof(*udp) + 18);
	udp->check = 0;
}

SEC("xdp")
int bench_generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct tagged_header *tagged = data;
	struct ethhdr *eth = data;

	if (data + sizeof(*tagged) + sizeof(struct iphdr) + sizeof(struct udphdr) > end)
		return XDP_ABORTED;
	__builtin_memcpy(eth->h_dest, destination_mac, 6);
	__builtin_memcpy(eth->h_source, source_mac, 6);
	if (tag) {
		tagged->tag_type = bpf_htons(ETH_P_8021Q);
		tagged->tci = bpf_htons(tag);
		tagged->type = bpf_htons(ETH_P_IP);
		write_packet((void *)(tagged + 1));
	} else {
		eth->h_proto = bpf_htons(ETH_P_IP);
		write_packet((void *)(eth + 1));
	}
	return XDP_TX;
}

SEC("xdp")
int bench_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct tagged_header *tagged = data;
	__u32 key = 0;
	__u64 *counter = bpf_map_lookup_elem(&received, &key);

	if (data + sizeof(*tagged) > end)
		return XDP_DROP;
	/* Only the generator's: what a kernel says of its own accord (ARP, neighbour discovery) is not the measured path's. */
	if (counter && (tagged->tag_type == bpf_htons(ETH_P_IP) ||
			(tagged->tag_type == bpf_htons(ETH_P_8021Q) && tagged->type == bpf_htons(ETH_P_IP))))
		++*counter;
	if (watch_tci && tagged->tag_type == bpf_htons(ETH_P_8021Q) && tagged->tci == bpf_htons(watch_tci) && !seen_ns)
		seen_ns = bpf_ktime_get_ns();
	return XDP_DROP;
}

SEC("xdp")
int bench_redirect(struct xdp_md *ctx)
{
	return bpf_redirect(out_ifindex, 0);
}

/* The destination of a packet, tagged or not; 0 if it is too short. */
static __always_inline __u32 destination_of(const struct xdp_md *ctx)
{
	const struct ethhdr *eth = (void *)(long)ctx->data;
	const struct iphdr *ip = (void *)(eth + 1);

	if ((void *)ip + 4 + sizeof(*ip) > (void *)(long)ctx->data_end)
		return 0;
	return eth->h_proto == bpf_htons(ETH_P_8021Q) ? *(const __u32 *)((void *)&ip->daddr + 4) : ip->daddr;
}

SEC("xdp")
int bench_lookup(struct xdp_md *ctx)
{
	__u32 destination = destination_of(ctx), index = root, entry = 0;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		const struct xs_block *at = bpf_map_lookup_elem(&block, &index);

		if (!at)
			return XDP_ABORTED;
		entry = at->entry[destination >> (8 * i) & 0xff];
		if ((entry & XS_ENTRY_KIND) != XS_ENTRY_BLOCK)
			break;
		index = entry & XS_ENTRY_INDEX;
	}
	return entry & XS_ENTRY_LEAF ? bpf_redirect(out_ifindex, 0) : XDP_DROP;
}

static __always_inline int push_tag(struct xdp_md *ctx, __u16 tci)
{
	struct tagged_header *tagged;

	if (bpf_xdp_adjust_head(ctx, -4))
		return -1;
	tagged = (void *)(long)ctx->data;
	if ((void *)(tagged + 1) > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memmove(tagged, (void *)tagged + 4, 12);
	tagged->tag_type = bpf_htons(ETH_P_8021Q);
	tagged->tci = bpf_htons(tci);
	return 0;
}

SEC("xdp")
int bench_memory(struct xdp_md *ctx)
{
	__u32 at = bpf_ntohl(destination_of(ctx)) - first;
	const __u64 *index = bpf_map_lookup_elem(&vm_index, &at), *value;
	struct vm_count *counter;
	__u32 key;

	if (!index)
		return XDP_ABORTED;
	/* The maps hold zeroes: the next index depends on what was read, and is the same number. */
	key = at ^ (__u32)*index;
	value = bpf_map_lookup_elem(&vm_cell, &key);
	counter = bpf_map_lookup_elem(&vm_count, &key);
	if (!value || !counter)
		return XDP_ABORTED;
	counter->packets++;
	counter->bytes += ctx->data_end - ctx->data;
	if (push_tag(ctx, 201 + (__u16)*value))
		return XDP_ABORTED;
	return bpf_redirect(out_ifindex, 0);
}

SEC("xdp")
int bench_word(struct xdp_md *ctx)
{
	__u32 key = 0;
	const __u64 *value = bpf_map_lookup_elem(&word, &key);

	if (!value || push_tag(ctx, *(const volatile __u64 *)value))
		return XDP_ABORTED;
	return bpf_redirect(out_ifindex, 0);
}

/* Each entry leads to another one, and nothing is known of where before it is read. Filled by the rig. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 64);
} chain SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct vm_count);
	__uint(max_entries, 64);
} chain_count SEC(".maps");

/* `lookups` and `counters` are constants. The last entry read; negative: there is none. */
static __always_inline long walk_chain(const struct xdp_md *ctx, unsigned int lookups, unsigned int counters)
{
	__u32 at = ctx->ingress_ifindex & 63, length = ctx->data_end - ctx->data;

#pragma unroll
	for (unsigned int i = 0; i < lookups; i++) {
		const __u32 *next = bpf_map_lookup_elem(&chain, &at);

		if (!next)
			return -1;
		at = *(const volatile __u32 *)next;
		if (i + counters >= lookups) {
			struct vm_count *counter = bpf_map_lookup_elem(&chain_count, &at);

			if (!counter)
				return -1;
			counter->packets++;
			counter->bytes += length;
		}
	}
	return at;
}

static __always_inline int write_frame(struct xdp_md *ctx, __u16 tci)
{
	struct tagged_header *tagged = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(tagged + 1);

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	ip->ttl--;
	ip->check += bpf_htons(0x0100);
	__builtin_memcpy(tagged->destination, destination_mac, 6);
	__builtin_memcpy(tagged->source, source_mac, 6);
	tagged->tci = bpf_htons(tci);
	return bpf_redirect(out_ifindex, 0);
}

SEC("xdp")
int bench_chain_transit(struct xdp_md *ctx)
{
	long at = walk_chain(ctx, 7, 4);

	return at < 0 ? XDP_ABORTED : write_frame(ctx, 201 + (at & 1));
}

SEC("xdp")
int bench_chain_mux(struct xdp_md *ctx)
{
	long at = walk_chain(ctx, 14, 5);

	return at < 0 || push_tag(ctx, 201) ? XDP_ABORTED : write_frame(ctx, 201 + (at & 1));
}

char LICENSE[] SEC("license") = "GPL";
