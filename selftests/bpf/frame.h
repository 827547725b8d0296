/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame.h - builds the frames of the datapath's tests, and reads what came out. Numbers are host order unless they are MACs. */
#ifndef XSLICE_SELFTESTS_BPF_FRAME_H
#define XSLICE_SELFTESTS_BPF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 4096

struct frame {
	uint8_t data[FRAME_MAX];
	size_t length;
};

/* What a frame is to be. Zero means: no tag, IPv4, UDP, TTL 64, 18 bytes of payload, a correct length and checksum. */
struct frame_spec {
	uint8_t destination_mac[6];
	uint16_t tci, tag_type;   /* tag_type 0 with a tci: 0x8100 */
	uint16_t inner_tag_type;  /* a second tag of this type */
	bool tagged;              /* a tag even if its tci is 0 */
	uint16_t ethertype;       /* 0: 0x0800 */
	uint32_t source, destination;
	uint8_t ttl, protocol, tos;
	bool ttl_zero;
	uint16_t fragment;        /* the header's field: flags and offset */
	uint16_t source_port, destination_port;
	unsigned int option_words;
	size_t payload;           /* bytes behind the ports' 8-byte header */
	size_t padding;           /* bytes behind the IP packet */
};

void frame_build(struct frame *frame, const struct frame_spec *spec);
/* Offset of the IP header, 14 or 18. */
size_t frame_network(const struct frame *frame);
bool frame_tagged(const struct frame *frame);
uint16_t frame_tci(const struct frame *frame);
bool frame_checksum_right(const struct frame *frame);
uint8_t frame_ttl(const struct frame *frame);

/* Takes the tag out, as the kernel does before tc: returns mark for front.bpf.c. */
uint32_t frame_take_tag(struct frame *frame);

uint32_t frame_ip(const char *text); /* dotted quad */

#endif
