// SPDX-License-Identifier: GPL-2.0-only
/*
 * trial.bpf.c - a door to tc_port for trials (loader/node/trial.h): BPF_PROG_TEST_RUN cannot give an skb a tag beside the frame,
 * where the kernel has it when tc sees a frame that was received. Attached nowhere.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

/* Of the trial's frame; in network order the first. */
__be16 tag_type;
__u16 tag_tci;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tagged SEC(".maps");

/* Returns what tc_port returns; TC_ACT_PIPE, which that never does, where it could not be come to. */
SEC("tc")
int trial_tag(struct __sk_buff *skb)
{
	if (!bpf_skb_vlan_push(skb, tag_type, tag_tci))
		bpf_tail_call(skb, &tagged, 0);
	return TC_ACT_PIPE;
}

char LICENSE[] SEC("license") = "GPL";
