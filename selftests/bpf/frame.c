/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame.c - see frame.h. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "maps/contract.h"
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

uint32_t frame_sum(const uint8_t *data, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i++)
		sum += i & 1 ? data[i] : data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint8_t hop_limit(const struct frame_spec *spec)
{
	return spec->ttl_zero ? 0 : spec->ttl ? spec->ttl : 64;
}

static uint8_t *put_transport(uint8_t *at, const struct frame_spec *spec, size_t length)
{
	put16(at, spec->source_port);
	put16(at + 2, spec->destination_port);
	put16(at + 4, length);
	put16(at + 6, 0);
	if (spec->protocol == 6)
		at[12] = 5 << 4; /* TCP's header length */
	return at + length;
}

/* With a port's 8-byte header; headers: of the network layer. */
static size_t transport_length(const struct frame_spec *spec, size_t headers)
{
	if (spec->total)
		return spec->total - headers;
	return 8 + (spec->payload ? spec->payload : 18);
}

static uint8_t *put_ipv4(uint8_t *at, const struct frame_spec *spec)
{
	size_t header = 20 + 4 * spec->option_words, payload = transport_length(spec, header);
	uint8_t *ip = at;

	*at++ = 0x40 | header / 4;
	*at++ = spec->tos;
	at = put16(at, header + payload);
	at = put16(at, 0x1234);
	at = put16(at, spec->fragment);
	*at++ = hop_limit(spec);
	*at++ = spec->protocol ? spec->protocol : 17;
	at = put16(at, 0);
	at = put32(at, spec->source);
	at = put32(at, spec->destination);
	for (unsigned int i = 0; i < spec->option_words; i++)
		at = put32(at, 0x01010101); /* no operation */
	put16(ip + 10, ~frame_sum(ip, header, 0));
	return put_transport(at, spec, payload);
}

#define HOP_BY_HOP 0
#define FRAGMENT 44
#define AUTHENTICATION 51

/* An extension header, all zero but for its length; *next: where the kind of what follows is to be written. */
static uint8_t *put_extension(uint8_t *at, uint8_t kind, uint8_t units, uint8_t **next)
{
	**next = kind;
	*next = at;
	at[1] = units;
	return at + (kind == AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8);
}

static uint8_t *put_ipv6(uint8_t *at, const struct frame_spec *spec)
{
	uint8_t *ip = at, *next = ip + 6, *extensions = ip + 40;
	size_t payload;

	put16(ip, 0x6000 | spec->tos << 4);
	ip[7] = hop_limit(spec);
	memcpy(ip + 8, spec->source6, 16);
	memcpy(ip + 24, spec->destination6, 16);
	at = extensions;
	if (spec->option_words)
		at = put_extension(at, HOP_BY_HOP, spec->option_words - 1, &next);
	for (unsigned int i = 0; i < spec->extensions; i++)
		at = put_extension(at, spec->extension[i], spec->extension_units, &next);
	if (spec->fragment) {
		put16(at + 2, spec->fragment << 3 | (spec->fragment & 0x2000 ? 1 : 0));
		at = put_extension(at, FRAGMENT, 0, &next);
	}
	*next = spec->protocol ? spec->protocol : 17;
	payload = transport_length(spec, at - ip);
	put16(ip + 4, at - extensions + payload);
	return put_transport(at, spec, payload);
}

void frame_build(struct frame *frame, const struct frame_spec *spec)
{
	static const uint8_t source_mac[6] = {0x02, 0xee, 0, 0, 0, 1};
	uint8_t *at = frame->data;
	uint16_t ethertype = spec->ethertype ? spec->ethertype : spec->ipv6 ? 0x86dd : 0x0800;

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
		at = put_ipv4(at, spec);
	else if (ethertype == 0x86dd)
		at = put_ipv6(at, spec);
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

bool frame_is_ipv6(const struct frame *frame)
{
	return get16(frame->data + frame_network(frame) - 2) == 0x86dd;
}

bool frame_checksum_right(const struct frame *frame)
{
	const uint8_t *ip = frame->data + frame_network(frame);

	return frame_is_ipv6(frame) || frame_sum(ip, (ip[0] & 15) * 4, 0) == 0xffff;
}

uint8_t frame_ttl(const struct frame *frame)
{
	return frame->data[frame_network(frame) + (frame_is_ipv6(frame) ? 7 : 8)];
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

size_t frame_transport(const struct frame *frame)
{
	return frame_network(frame) + (frame_is_ipv6(frame) ? 40 : 20);
}

size_t frame_checksum_at(const struct frame *frame, uint8_t protocol)
{
	return frame_transport(frame) + (protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_SCTP ? 8 : 6);
}

uint16_t frame_pseudo_sum(const struct frame *frame, uint8_t protocol)
{
	const size_t network = frame_network(frame), addresses = frame_is_ipv6(frame) ? 32 : 8;
	const uint32_t length = frame_is_ipv6(frame) ? frame_word(frame, network + 4) : frame_word(frame, network + 2) - 20;

	return frame_sum(frame->data + frame_transport(frame) - addresses, addresses, protocol + length);
}

uint16_t frame_word(const struct frame *frame, size_t at)
{
	return get16(frame->data + at);
}

void frame_put_word(struct frame *frame, size_t at, uint16_t value)
{
	put16(frame->data + at, value);
}

uint32_t frame_ip(const char *text)
{
	struct in_addr address = {};

	inet_pton(AF_INET, text, &address);
	return ntohl(address.s_addr);
}

void frame_twin(uint32_t address, uint8_t twin[16])
{
	memset(twin, 0, 16);
	put32(twin, 0x20010db8);
	put32(twin + 4, address & 0xffffff00);
	twin[15] = address;
}

unsigned int frame_twin_bits(unsigned int length)
{
	return length == 32 ? 128 : length ? 32 + length : 0;
}

static void put_address(const char *text, int family, uint32_t *address, uint8_t address6[16])
{
	if (family == XS_FAMILY4)
		*address = frame_ip(text);
	else if (!strchr(text, ':'))
		frame_twin(frame_ip(text), address6);
	else
		inet_pton(AF_INET6, text, address6);
}

void frame_addresses(struct frame_spec *spec, int family, const char *source, const char *destination)
{
	spec->ipv6 = family == XS_FAMILY6;
	put_address(source, family, &spec->source, spec->source6);
	put_address(destination, family, &spec->destination, spec->destination6);
}
