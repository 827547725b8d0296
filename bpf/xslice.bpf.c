// SPDX-License-Identifier: GPL-2.0-only
/*
 * xslice.bpf.c - the programs: front ends of one pipeline.
 *
 *     parse -> ingress -> select (MUX) -> route (slice FIB) -> emit
 *     paging:  ingress -> unmap (page) -> route                       \ route by an uplink -> map -> route (substrate) -> translate -> emit
 *                    \-> punt: to the sliver's or edge's kernel     \-> drop, with one reason; or on through an exit, as it came
 *
 *   xdp_port    XDP on a physical port. Forwards and drops; passes everything else up to tc_port, unchanged and not yet counted
 *               but as arrived.
 *   tc_port     clsact ingress on the same port. Runs the same stages on what came up: punts, leaves the host's to the host, and
 *               forwards what only tc may transmit. On a port with a local stack behind it there is no XDP, so it counts
 *               arrivals, too.
 *   tc_sliver   clsact ingress on the node's end of a sliver's or edge's veth: what a kernel there sends is only emitted.
 *               By an uplink it is mapped, and left to the node's own kernel.
 *   tc_uplink   clsact ingress on the inner end of an uplink's veth: what comes out of the WAN is mapped for the sliver's kernel.
 *   tc_edge     clsact ingress on the inner end of an edge's veth: gives slivers' packets for users to the edge's neighbours.
 */
#include "bpf/pipeline.h"

SEC("xdp.frags")
int xdp_port(struct xdp_md *ctx)
{
	return xs_xdp_port(ctx);
}

SEC("tc")
int tc_port(struct __sk_buff *skb)
{
	return xs_tc_port(skb);
}

SEC("tc")
int tc_sliver(struct __sk_buff *skb)
{
	return xs_tc_sliver(skb);
}

SEC("tc")
int tc_uplink(struct __sk_buff *skb)
{
	return xs_tc_uplink(skb);
}

SEC("tc")
int tc_edge(struct __sk_buff *skb)
{
	return xs_tc_edge(skb);
}

char LICENSE[] SEC("license") = "GPL";
