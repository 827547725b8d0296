/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offload_packet.h - packets as a host's stack hands them to its device: with what the card is to do in a header of their own. In and out of
 * devices by packet sockets.
 */
#ifndef XSLICE_SELFTESTS_BPF_OFFLOAD_PACKET_H
#define XSLICE_SELFTESTS_BPF_OFFLOAD_PACKET_H

#include <linux/virtio_net.h>

#include "selftests/bpf/frame.h"

struct offload_packet {
	struct virtio_net_hdr head;
	struct frame frame;
};

struct offload_case {
	const char *name;
	uint8_t protocol; /* TCP or UDP */
	size_t payload;
	uint16_t segment;   /* 0: no GSO */
	bool partial, none; /* none: UDP's checksum 0 */
};

/* One of the case, without a tag. */
void offload_build(struct offload_packet *packet, const struct offload_case *test, int family, const char *source, const char *destination,
		   const uint8_t mac[6]);
size_t offload_payload_at(const struct frame *frame, uint8_t protocol);
/* Has it a checksum that is right; or none, where the case has none? */
bool offload_is_finished(const struct frame *frame, const struct offload_case *test);

/* A socket at the device: what is sent by it leaves by the device, what comes in by the device is received. */
int offload_open(uint32_t ifindex);
void offload_send(int fd, const struct offload_packet *packet);
/* The next packet. False: none comes. */
bool offload_receive(int fd, struct offload_packet *packet);

#endif
