// SPDX-License-Identifier: GPL-2.0-only
/*
 * dispatcher.bpf.c - a dispatcher by libxdp's protocol (version 2 of its protocol.org), given to libxdp in place of its own.
 *
 * Kernels of 2025 and later (and Debian's 6.12) refuse to put a program that changes packets, as a pushed tag does, in the place of a
 * function that does not. libxdp's dispatcher has such functions up to 1.5.4. Here each slot could change a packet, and changes none.
 * Slots and their order, names and the configuration are the protocol's: other tools read them.
 */
#include <linux/bpf.h>

#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <xdp/prog_dispatcher.h>

/* Written by libxdp before it loads this. */
static volatile const struct xdp_dispatcher_config conf = {};

/* What stands in a slot until a program takes its place. The value is volatile lest callers be built to know it. */
#define SLOT(number)                                                                                                             \
	__attribute__((noinline)) int prog##number(struct xdp_md *ctx)                                                               \
	{                                                                                                                            \
		volatile int verdict = XDP_DISPATCHER_RETVAL;                                                                        \
                                                                                                                                     \
		if (!ctx)                                                                                                            \
			return XDP_ABORTED;                                                                                          \
		bpf_xdp_adjust_tail(ctx, 0);                                                                                         \
		return verdict;                                                                                                      \
	}

SLOT(0)
SLOT(1)
SLOT(2)
SLOT(3)
SLOT(4)
SLOT(5)
SLOT(6)
SLOT(7)
SLOT(8)
SLOT(9)

/* libxdp tries here whether the kernel lets a function be replaced. */
__attribute__((noinline)) int compat_test(struct xdp_md *ctx)
{
	volatile int verdict = XDP_DISPATCHER_RETVAL;

	return ctx ? verdict : XDP_ABORTED;
}

/* Does the chain go on behind a slot with this verdict? */
static __always_inline bool goes_on(int slot, int verdict)
{
	return 1u << verdict & conf.chain_call_actions[slot];
}

#define RUN(slot)                                                                                                                \
	if (conf.num_progs_enabled <= slot)                                                                                      \
		return XDP_PASS;                                                                                                     \
	verdict = prog##slot(ctx);                                                                                               \
	if (!goes_on(slot, verdict))                                                                                             \
		return verdict;

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	int verdict;

	RUN(0)
	RUN(1)
	RUN(2)
	RUN(3)
	RUN(4)
	RUN(5)
	RUN(6)
	RUN(7)
	RUN(8)
	RUN(9)
	if (conf.num_progs_enabled > MAX_DISPATCHER_ACTIONS)
		compat_test(ctx);
	return XDP_PASS;
}

/* libxdp tries with this one what the kernel can: frames of several pages, replacing a function. */
SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
