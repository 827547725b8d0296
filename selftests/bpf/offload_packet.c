/* SPDX-License-Identifier: GPL-2.0-or-later */
/* offload_packet.c - see offload_packet.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "maps/contract.h"
#include "selftests/bpf/offload_packet.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

size_t offload_payload_at(const struct frame *frame, uint8_t protocol)
{
	return frame_transport(frame) + (protocol == IPPROTO_TCP ? 20 : 8);
}

void offload_build(struct offload_packet *packet, const struct offload_case *test, int family, const char *source, const char *destination,
		   const uint8_t mac[6])
{
	struct frame *frame = &packet->frame;
	struct frame_spec spec = { .protocol = test->protocol,
				   .total = (family == XS_FAMILY4 ? 20 : 40) + test->payload +
					    (test->protocol == IPPROTO_TCP ? 20 : 8) };
	size_t at, check;

	memset(packet, 0, sizeof(*packet));
	memcpy(spec.destination_mac, mac, 6);
	frame_addresses(&spec, family, source, destination);
	frame_build(frame, &spec);
	at = frame_transport(frame);
	check = frame_checksum_at(frame, test->protocol);
	memset(frame->data + at, 0, frame->length - at);
	frame_put_word(frame, at, 4711);
	frame_put_word(frame, at + 2, 9);
	if (test->protocol == IPPROTO_TCP) {
		frame_put_word(frame, at + 6, 1); /* sequence */
		frame_put_word(frame, at + 12, 0x5010);
		frame_put_word(frame, at + 14, 1000);
	} else {
		frame_put_word(frame, at + 4, frame->length - at);
	}
	for (size_t i = offload_payload_at(frame, test->protocol); i < frame->length; i++)
		frame->data[i] = (uint8_t)(i * 7 + i / 251);
	if (test->partial) {
		frame_put_word(frame, check, frame_pseudo_sum(frame, test->protocol));
		packet->head.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		packet->head.csum_start = at;
		packet->head.csum_offset = check - at;
	} else if (!test->none) {
		frame_put_word(frame, check,
			       ~frame_sum(frame->data + at, frame->length - at, frame_pseudo_sum(frame, test->protocol)));
	}
	if (test->segment) {
		packet->head.gso_size = test->segment;
		packet->head.hdr_len = offload_payload_at(frame, test->protocol);
		packet->head.gso_type = test->protocol == IPPROTO_UDP  ? VIRTIO_NET_HDR_GSO_UDP_L4
					: family == XS_FAMILY4 ? VIRTIO_NET_HDR_GSO_TCPV4
							       : VIRTIO_NET_HDR_GSO_TCPV6;
	}
}

bool offload_is_finished(const struct frame *frame, const struct offload_case *test)
{
	const size_t at = frame_transport(frame);

	if (test->none)
		return !frame_word(frame, frame_checksum_at(frame, test->protocol));
	return frame_sum(frame->data + at, frame->length - at, frame_pseudo_sum(frame, test->protocol)) == 0xffff;
}

int offload_open(uint32_t ifindex)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = htons(ETH_P_ALL),
					.sll_ifindex = (int)ifindex };
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

void offload_send(int fd, const struct offload_packet *packet)
{
	const size_t size = sizeof(packet->head) + packet->frame.length;
	uint8_t bytes[sizeof(packet->head) + FRAME_MAX];

	memcpy(bytes, &packet->head, sizeof(packet->head));
	memcpy(bytes + sizeof(packet->head), packet->frame.data, packet->frame.length);
	if (send(fd, bytes, size, 0) != (ssize_t)size)
		fail_msg("send: %s", strerror(errno));
}

bool offload_receive(int fd, struct offload_packet *packet)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint8_t bytes[sizeof(packet->head) + FRAME_MAX];
	ssize_t size;

	if (poll(&ready, 1, 1000) != 1)
		return false;
	size = recv(fd, bytes, sizeof(bytes), MSG_TRUNC);
	assert_in_range(size, sizeof(packet->head) + ETH_HLEN, sizeof(bytes));
	memcpy(&packet->head, bytes, sizeof(packet->head));
	packet->frame.length = size - sizeof(packet->head);
	memcpy(packet->frame.data, bytes + sizeof(packet->head), packet->frame.length);
	return true;
}
