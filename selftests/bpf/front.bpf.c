// SPDX-License-Identifier: GPL-2.0-only
/*
 * front.bpf.c - the datapath's own code, with doors for tests: BPF_PROG_TEST_RUN cannot give an skb a tag beside the frame, nor
 * show the one it leaves with. skb->mark carries the tag in (bit 16: there is one, bit 17: it is 802.1ad's) and out.
 */
#include "bpf/xslice.bpf.c"

#define TAG_PRESENT (1u << 16)
#define TAG_SERVICE (1u << 17)

static __always_inline void give_tag(struct __sk_buff *skb)
{
	if (skb->mark & TAG_PRESENT)
		bpf_skb_vlan_push(skb, bpf_htons(skb->mark & TAG_SERVICE ? ETH_P_8021AD : ETH_P_8021Q), skb->mark & 0xffff);
}

static __always_inline void show_tag(struct __sk_buff *skb)
{
	skb->mark = skb->vlan_present ? TAG_PRESENT | skb->vlan_tci : 0;
	if (skb->vlan_present && skb->vlan_proto == bpf_htons(ETH_P_8021AD))
		skb->mark |= TAG_SERVICE;
}

SEC("tc")
int front_port(struct __sk_buff *skb)
{
	int action;

	give_tag(skb);
	action = xs_tc_port(skb);
	show_tag(skb);
	return action;
}

SEC("tc")
int front_sliver(struct __sk_buff *skb)
{
	int action;

	give_tag(skb);
	action = xs_tc_sliver(skb);
	show_tag(skb);
	return action;
}

__u32 show_at; /* device by which front_show sends */

/* Behind another program: shows what that one leaves to the kernel. */
SEC("tc")
int front_show(struct __sk_buff *skb)
{
	return bpf_redirect(show_at, 0);
}

static long pause_step(__u32 i, void *context)
{
	return 0;
}

__u32 slow_slice;       /* whose table is walked */
__u64 slow_walks, slow_foreign; /* walks; those that ended at another leaf than slow_leaf */
__u32 slow_leaf;

/*
 * The look-up of bpf/table.h as it is when interrupts come between its steps: long enough for user space to take a block away
 * and use it for something else, unless it waits for the program to end.
 */
SEC("xdp")
int slow_lookup(struct xdp_md *ctx)
{
	const union xs_wire_address address = {.v4 = bpf_htonl(0x0a141401)};
	const struct xs_slice *in = bpf_map_lookup_elem(&slice, &slow_slice);
	__u32 index = in ? in->fib_root[XS_FAMILY4] : 0, entry = 0;

#pragma unroll
	for (int i = 0; i < XS_IPV4_BYTES; i++) {
		bpf_loop(2000, pause_step, NULL, 0);
		if (xs_table_sift(index, address.byte[i], &entry) || xs_table_step(&index, address.byte[i], &entry))
			break;
	}
	if ((entry & XS_ENTRY_KIND) == XS_ENTRY_GUARD) {
		bpf_loop(2000, pause_step, NULL, 0);
		entry = xs_guard_lookup(index, (__u64)bpf_ntohl(address.v4) << 32, 0);
	}
	__sync_fetch_and_add(&slow_walks, 1);
	if (entry != (XS_ENTRY_LEAF | slow_leaf))
		__sync_fetch_and_add(&slow_foreign, 1);
	return XDP_DROP;
}
