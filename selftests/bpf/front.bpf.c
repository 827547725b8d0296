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
