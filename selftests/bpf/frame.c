/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame.c - see frame.h. */
#include <arpa/inet.h>
#include <string.h>

#include "selftests/bpf/frame.h"

static uint8_t *put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
	return at + 2;
}

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value);
}

/* Over a whole header: 0 if its checksum is right. */
static uint16_t header_sum(const uint8_t *header, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i += 2)
		sum += get16(header + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static uint8_t *put_ip(uint8_t *at, const struct frame_spec *spec)
{
	size_t header = 20 + 4 * spec->option_words, payload = 8 + (spec->payload ? spec->payload : 18);
	uint8_t *ip = at;

	*at++ = 0x40 | header / 4;
	*at++ = spec->tos;
	at = put16(at, header + payload);
	at = put16(at, 0x1234);
	at = put16(at, spec->fragment);
	*at++ = spec->ttl_zero ? 0 : spec->ttl ? spec->ttl : 64;
	*at++ = spec->protocol ? spec->protocol : 17;
	at = put16(at, 0);
	at = put32(at, spec->source);
	at = put32(at, spec->destination);
	for (unsigned int i = 0; i < spec->option_words; i++)
		at = put32(at, 0x01010101); /* no operation */
	put16(ip + 10, header_sum(ip, header));
	put16(at, spec->source_port);
	put16(at + 2, spec->destination_port);
	put16(at + 4, payload);
	put16(at + 6, 0);
	if (spec->protocol == 6)
		at[12] = 5 << 4; /* TCP's header length */
	return at + payload;
}

void frame_build(struct frame *frame, const struct frame_spec *spec)
{
	static const uint8_t source_mac[6] = {0x02, 0xee, 0, 0, 0, 1};
	uint8_t *at = frame->data;
	uint16_t ethertype = spec->ethertype ? spec->ethertype : 0x0800;

	memset(frame, 0, sizeof(*frame));
	memcpy(at, spec->destination_mac, 6);
	memcpy(at + 6, source_mac, 6);
	at += 12;
	if (spec->tagged || spec->tci) {
		at = put16(at, spec->tag_type ? spec->tag_type : 0x8100);
		at = put16(at, spec->tci);
	}
	if (spec->inner_tag_type) {
		at = put16(at, spec->inner_tag_type);
		at = put16(at, 7);
	}
	at = put16(at, ethertype);
	if (ethertype == 0x0800)
		at = put_ip(at, spec);
	else
		at += 46;
	frame->length = at - frame->data + spec->padding;
}

bool frame_tagged(const struct frame *frame)
{
	uint16_t type = get16(frame->data + 12);

	return type == 0x8100 || type == 0x88a8;
}

size_t frame_network(const struct frame *frame)
{
	return frame_tagged(frame) ? 18 : 14;
}

uint16_t frame_tci(const struct frame *frame)
{
	return frame_tagged(frame) ? get16(frame->data + 14) : 0;
}

bool frame_checksum_right(const struct frame *frame)
{
	const uint8_t *ip = frame->data + frame_network(frame);

	return header_sum(ip, (ip[0] & 15) * 4) == 0;
}

uint8_t frame_ttl(const struct frame *frame)
{
	return frame->data[frame_network(frame) + 8];
}

uint32_t frame_take_tag(struct frame *frame)
{
	uint32_t mark;

	if (!frame_tagged(frame))
		return 0;
	mark = 1u << 16 | (get16(frame->data + 12) == 0x88a8 ? 1u << 17 : 0) | frame_tci(frame);
	memmove(frame->data + 12, frame->data + 16, frame->length - 16);
	frame->length -= 4;
	return mark;
}

uint32_t frame_ip(const char *text)
{
	struct in_addr address = {};

	inet_pton(AF_INET, text, &address);
	return ntohl(address.s_addr);
}
