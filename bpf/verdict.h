/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h - the one place where a frame's end is counted, with one reason; a packet that stands for several frames as these.
 * Each received frame passes xs_count_arrival() once and xs_count_verdict() once, on whichever front end ends it, so both sums
 * are equal (struct xs_slice_stats).
 */
#ifndef XSLICE_BPF_VERDICT_H
#define XSLICE_BPF_VERDICT_H

#include "bpf/maps.h"
#include "bpf/packet.h"

static __always_inline void xs_count_arrival(const struct xs_packet *packet, __u32 frames, __u32 bytes)
{
	struct xs_port_stats *stats = bpf_map_lookup_elem(&port_stats, &packet->port_id);

	if (!stats)
		return;
	stats->rx_packets += frames;
	stats->rx_bytes += bytes + (packet->tagged ? 4 * frames : 0);
}

static __always_inline void xs_count_sent(__u32 vport_id, __u32 frames, __u32 bytes)
{
	struct xs_vport_stats *stats = bpf_map_lookup_elem(&vport_stats, &vport_id);

	if (!stats)
		return;
	stats->tx_packets += frames;
	stats->tx_bytes += bytes;
}

/* What came out of a sliver's or edge's kernel. */
static __always_inline void xs_count_originated(__u32 vport_id, __u32 length, bool sent)
{
	struct xs_vport_stats *stats = bpf_map_lookup_elem(&vport_stats, &vport_id);

	if (!stats)
		return;
	if (!sent) {
		stats->originated_dropped++;
		return;
	}
	stats->originated++;
	stats->tx_packets++;
	stats->tx_bytes += length;
}

static __always_inline void xs_count_verdict(const struct xs_packet *packet, enum xs_verdict verdict, __u32 frames, __u32 bytes)
{
	struct xs_slice_stats *ended = bpf_map_lookup_elem(&slice_stats, &packet->slice);
	__u32 index = verdict;

	/* Else clang 16 and 19 compute the counter's address before the index is known to be in its bounds. */
	barrier_var(index);
	if (ended && index < XS_VERDICT_COUNT)
		ended->verdict[index] += frames;
	if (packet->rule)
		*packet->rule += frames;
	if (packet->vport_id) {
		struct xs_vport_stats *taken = bpf_map_lookup_elem(&vport_stats, &packet->vport_id);

		if (taken) {
			taken->rx_packets += frames;
			taken->rx_bytes += bytes;
		}
	}
	if (verdict == XS_FORWARDED) {
		xs_count_sent(packet->nexthop->vport, frames, bytes);
		if (packet->mux_vport)
			xs_count_sent(packet->mux_vport, frames, bytes);
	}
}

#endif
