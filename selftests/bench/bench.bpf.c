// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench.bpf.c - both ends of the bench's rig, and what the datapath is measured against.
 *
 *   bench_generate   run under BPF_PROG_TEST_RUN with live frames: writes one packet, of UDP or TCP, sends it by the device it "came" by
 *   bench_pass       on the generator's end of its veth: frames from the node arrive only where a program is
 *   bench_sink       the receiver: counts and drops; notes the time of the first frame that bears `watch_tci`
 *   bench_redirect   the floor: a bare XDP redirect
 *   bench_lookup     the floor of a table: the datapath's look-up in the candidate's own blocks and guards, then a redirect
 *   bench_page       the floor of a page: the same look-up, in the table of pages, and the page's entry, then a redirect
 *   bench_memory     the floor of a MUX: for one of as many VMs an index, its cell, a counter per CPU; then a pushed tag
 *   bench_word       the floor of a switch: one array entry decides which tag is pushed
 *   bench_chain_transit, bench_chain_mux
 *                    the floor of the stages: as many look-ups in arrays as a transit or a packet of a MUX with one condition
 *                    needs, each by what the one before gave, as many counters per CPU, the same change of the frame, and no
 *                    question asked
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The datapath's maps: of these, bench_lookup and bench_page ask the candidate's, which take their place before they are loaded. */
#include "bpf/table.h"
#include "maps/contract.h"
#include "selftests/bench/traffic.h"

struct tagged_header {
	__u8 destination[6], source[6];
	__be16 tag_type, tci, type;
} __attribute__((packed));

struct bench_traffic traffic; /* what is sent; the rig writes it between runs */

__u32 out_ifindex;   /* bench_redirect, bench_lookup, bench_memory, bench_word */
__u32 root;          /* bench_lookup, bench_page */
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

/* ---- the generator ------------------------------------------------------------------------------------------------- */

static __u64 state = 88172645463325252ull; /* of a xorshift generator: one thread generates at a time */

static __always_inline __u64 next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static __always_inline __u32 random_below(__u32 count)
{
	return (__u32)((__u64)(__u32)(next_random() >> 16) * count >> 32);
}

/* Each equally likely but for the neighbours of the gap. */
static __always_inline __u32 any_unicast(void)
{
	__u32 address = 0x01000000u + random_below(0xdf000000u);

	return address >> 24 == 127 ? address ^ 0x40000000 : address;
}

/* Which of a range's prefixes, and which host of it: two parts of one random number. */
static __always_inline __u32 any_page(__u32 *host)
{
	const __u64 random = next_random();

	*host = random & (traffic.hosts - 1);
	return (__u32)((__u64)(__u32)(random >> 16) * traffic.count >> 32);
}

/* The sum is not the right one: nobody on the way looks. */
#define SOME_CHECKSUM bpf_htons(0x1234)

static __always_inline void write_transport(void *transport)
{
	struct udphdr *udp = transport;
	struct tcphdr *tcp = transport;

	udp->source = bpf_htons(4000);
	udp->dest = bpf_htons(5000);
	if (traffic.protocol == IPPROTO_TCP) {
		tcp->seq = tcp->ack_seq = 0;
		tcp->doff = sizeof(*tcp) / 4;
		tcp->ack = 1;
		tcp->check = SOME_CHECKSUM;
		return;
	}
	udp->len = bpf_htons(sizeof(*udp) + BENCH_DATA);
	udp->check = traffic.protocol ? SOME_CHECKSUM : 0;
}

static __always_inline __u8 sent_protocol(void)
{
	return traffic.protocol ? traffic.protocol : IPPROTO_UDP;
}

static __always_inline __u32 ipv4_destination(void)
{
	const __u32 first = bpf_ntohl(traffic.first.v4);
	__u32 page, host;

	if (traffic.range == BENCH_ANY)
		return any_unicast();
	if (traffic.range != BENCH_PAGES)
		return first + random_below(traffic.count);
	page = any_page(&host);
	return first + (page << (32 - bench_page_bits(XS_FAMILY4))) + host;
}

static __always_inline void write_ipv4(struct iphdr *ip)
{
	__u32 source = bpf_ntohl(traffic.source.v4), destination = ipv4_destination();
	const __u16 length = sizeof(*ip) + sizeof(struct udphdr) + BENCH_DATA;
	__u32 sum = 0x4500 + length + 0x4000 + sent_protocol();

	*(__u32 *)ip = bpf_htonl(0x45000000 | length);
	*((__u32 *)ip + 1) = 0;
	ip->ttl = 64;
	ip->protocol = sent_protocol();
	ip->saddr = bpf_htonl(source);
	ip->daddr = bpf_htonl(destination);
	sum += (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = bpf_htons(~sum);
	write_transport(ip + 1);
}

static __always_inline void write_ipv6(struct ipv6hdr *ip)
{
	__u32 *word = (void *)&ip->daddr, page, host;
	__u64 high;

	*(__u32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(sizeof(struct udphdr) + BENCH_DATA);
	ip->nexthdr = sent_protocol();
	ip->hop_limit = 64;
	__builtin_memcpy(&ip->saddr, &traffic.source, 16);
	if (traffic.range == BENCH_COUNT) {
		__builtin_memcpy(word, &traffic.first, 12);
		word[3] = bpf_htonl(bpf_ntohl(traffic.first.word[3]) + random_below(traffic.count));
	} else if (traffic.range == BENCH_PAGES) {
		page = any_page(&host);
		word[0] = traffic.first.word[0];
		word[1] = bpf_htonl(bpf_ntohl(traffic.first.word[1]) + page);
		word[2] = 0;
		word[3] = bpf_htonl(host);
	} else {
		high = traffic.range == BENCH_ANY ? 1ull << 61 | next_random() >> 3 : bench_route(random_below(traffic.count));
		word[0] = bpf_htonl(high >> 32);
		word[1] = bpf_htonl(high);
		word[2] = 0;
		word[3] = bpf_htonl(1);
	}
	write_transport(ip + 1);
}

SEC("xdp")
int bench_generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *network;
	struct tagged_header *tagged = data;
	struct ethhdr *eth = data;
	bool six = traffic.family == XS_FAMILY6;
	__be16 type = six ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

	if (data + BENCH_FRAME(XS_FAMILY4) > end)
		return XDP_ABORTED;
	__builtin_memcpy(eth->h_dest, traffic.destination_mac, 6);
	__builtin_memcpy(eth->h_source, traffic.source_mac, 6);
	if (traffic.tag) {
		tagged->tag_type = bpf_htons(ETH_P_8021Q);
		tagged->tci = bpf_htons(traffic.tag);
		tagged->type = type;
		network = tagged + 1;
	} else {
		eth->h_proto = type;
		network = eth + 1;
	}
	if (!six)
		write_ipv4(network);
	else if (data + BENCH_FRAME(XS_FAMILY6) <= end)
		write_ipv6(network);
	else
		return XDP_ABORTED;
	return XDP_TX;
}

SEC("xdp")
int bench_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* ---- packets ------------------------------------------------------------------------------------------------------- */

/* Where the network header of a packet of the family stands, whole and of the protocol that is sent; NULL: it is none. */
static __always_inline const void *network_of(const struct xdp_md *ctx, int family)
{
	const struct tagged_header *tagged = (void *)(long)ctx->data;
	const void *end = (void *)(long)ctx->data_end, *network = tagged + 1;
	const __be16 type = family == XS_FAMILY6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

	if (network > end)
		return NULL;
	if (tagged->tag_type != bpf_htons(ETH_P_8021Q) ? tagged->tag_type != type : tagged->type != type)
		return NULL;
	if (tagged->tag_type == type)
		network -= 4;
	if (family == XS_FAMILY6)
		return network + sizeof(struct ipv6hdr) <= end && ((struct ipv6hdr *)network)->nexthdr == sent_protocol() ? network : NULL;
	return network + sizeof(struct iphdr) <= end && ((struct iphdr *)network)->protocol == sent_protocol() ? network : NULL;
}

/* The packet's destination; false: it is none of the generator's. */
static __always_inline bool destination_of(const struct xdp_md *ctx, union xs_wire_address *to, int family)
{
	const void *network = network_of(ctx, family);

	if (!network)
		return false;
	if (family == XS_FAMILY6)
		__builtin_memcpy(to, &((const struct ipv6hdr *)network)->daddr, sizeof(*to));
	else
		to->v4 = ((const struct iphdr *)network)->daddr;
	return true;
}

/* Only the generator's are counted: what a kernel says of its own accord (ARP, neighbour discovery) is not the measured path's. */
SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	const struct tagged_header *tagged = (void *)(long)ctx->data;
	__u32 key = 0;
	__u64 *counter = bpf_map_lookup_elem(&received, &key);

	if ((void *)(tagged + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	if (watch_tci && tagged->tag_type == bpf_htons(ETH_P_8021Q) && tagged->tci == bpf_htons(watch_tci) && !seen_ns)
		seen_ns = bpf_ktime_get_ns();
	if (counter && (traffic.family == XS_FAMILY6 ? network_of(ctx, XS_FAMILY6) : network_of(ctx, XS_FAMILY4)))
		++*counter;
	return XDP_DROP;
}

/* ---- floors -------------------------------------------------------------------------------------------------------- */

SEC("xdp")
int bench_redirect(struct xdp_md *ctx)
{
	return bpf_redirect(out_ifindex, 0);
}

static __always_inline int look_up(const struct xdp_md *ctx, int family)
{
	union xs_wire_address to = {};

	if (!destination_of(ctx, &to, family) || xs_table_lookup_sifted(root, &to, xs_address_bytes(family)) == XS_ENTRY_EMPTY)
		return XDP_DROP;
	return bpf_redirect(out_ifindex, 0);
}

SEC("xdp")
int bench_lookup(struct xdp_md *ctx)
{
	return traffic.family == XS_FAMILY6 ? look_up(ctx, XS_FAMILY6) : look_up(ctx, XS_FAMILY4);
}

static __always_inline int look_up_page(const struct xdp_md *ctx, int family)
{
	union xs_wire_address to = {};
	const struct xs_page *at;
	__u32 id;

	if (!destination_of(ctx, &to, family))
		return XDP_DROP;
	id = xs_table_lookup(root, &to, xs_address_bytes(family)) & XS_ENTRY_INDEX;
	at = bpf_map_lookup_elem(&page, &id);
	return at && at->sum ? bpf_redirect(out_ifindex, 0) : XDP_DROP;
}

SEC("xdp")
int bench_page(struct xdp_md *ctx)
{
	return traffic.family == XS_FAMILY6 ? look_up_page(ctx, XS_FAMILY6) : look_up_page(ctx, XS_FAMILY4);
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

/* Of the address' last word, by which the generator's destinations differ: how far from the first it is. */
static __always_inline bool vm_of(const struct xdp_md *ctx, __u32 *at, int family)
{
	const int last = family == XS_FAMILY6 ? 3 : 0;
	union xs_wire_address to = {};

	if (!destination_of(ctx, &to, family))
		return false;
	*at = bpf_ntohl(to.word[last]) - bpf_ntohl(traffic.first.word[last]);
	return true;
}

SEC("xdp")
int bench_memory(struct xdp_md *ctx)
{
	const __u64 *index, *value;
	struct vm_count *counter;
	__u32 at = 0, key;

	if (!(traffic.family == XS_FAMILY6 ? vm_of(ctx, &at, XS_FAMILY6) : vm_of(ctx, &at, XS_FAMILY4)))
		return XDP_ABORTED;
	index = bpf_map_lookup_elem(&vm_index, &at);
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

/* The frame has a tag. */
static __always_inline int write_frame(struct xdp_md *ctx, __u16 tci, int family)
{
	struct tagged_header *tagged = (void *)(long)ctx->data;
	struct ipv6hdr *ip6 = (void *)(tagged + 1);
	struct iphdr *ip = (void *)(tagged + 1);

	if ((void *)tagged + sizeof(*tagged) + (family == XS_FAMILY6 ? sizeof(*ip6) : sizeof(*ip)) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (family == XS_FAMILY6) {
		ip6->hop_limit--;
	} else {
		ip->ttl--;
		ip->check += bpf_htons(0x0100);
	}
	__builtin_memcpy(tagged->destination, traffic.destination_mac, 6);
	__builtin_memcpy(tagged->source, traffic.source_mac, 6);
	tagged->tci = bpf_htons(tci);
	return bpf_redirect(out_ifindex, 0);
}

static __always_inline int write_either(struct xdp_md *ctx, __u16 tci)
{
	return traffic.family == XS_FAMILY6 ? write_frame(ctx, tci, XS_FAMILY6) : write_frame(ctx, tci, XS_FAMILY4);
}

SEC("xdp")
int bench_chain_transit(struct xdp_md *ctx)
{
	long at = walk_chain(ctx, 7, 4);

	return at < 0 ? XDP_ABORTED : write_either(ctx, 201 + (at & 1));
}

SEC("xdp")
int bench_chain_mux(struct xdp_md *ctx)
{
	long at = walk_chain(ctx, 14, 5);

	return at < 0 || push_tag(ctx, 201) ? XDP_ABORTED : write_either(ctx, 201 + (at & 1));
}

char LICENSE[] SEC("license") = "GPL";
