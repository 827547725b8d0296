/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame.h - builds the frames of the datapath's tests, and reads what came out. Numbers are host order unless they are MACs. */
#ifndef XSLICE_SELFTESTS_BPF_FRAME_H
#define XSLICE_SELFTESTS_BPF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 10240 /* jumbo frames are larger than a page */

struct frame {
	uint8_t data[FRAME_MAX];
	size_t length;
};

#define FRAME_EXTENSIONS 12

/*
 * What a frame is to be. Zero means: no tag, IPv4, UDP, TTL 64, 18 bytes of payload, a correct length and checksum. In IPv6 the
 * options are a hop-by-hop header, and a fragment has a fragment header; both of the same meaning as IPv4's fields.
 */
struct frame_spec {
	uint8_t destination_mac[6];
	uint16_t tci, tag_type;   /* tag_type 0 with a tci: 0x8100 */
	uint16_t inner_tag_type;  /* a second tag of this type */
	bool tagged;              /* a tag even if its tci is 0 */
	uint16_t ethertype;       /* 0: by the family */
	uint32_t source, destination;
	bool ipv6;
	uint8_t source6[16], destination6[16];
	uint8_t ttl, protocol, tos;
	bool ttl_zero;
	uint16_t fragment;        /* the header's field: flags and offset */
	uint16_t source_port, destination_port;
	unsigned int option_words;
	unsigned int extensions;  /* IPv6: so many headers of these kinds, after the hop-by-hop and before the fragment header */
	uint8_t extension[FRAME_EXTENSIONS];
	uint8_t extension_units;  /* their length field: 8-byte units after the first (AH: 4-byte units, less 2) */
	size_t payload;           /* bytes behind the ports' 8-byte header */
	size_t total;             /* instead: the whole IP packet's length */
	size_t padding;           /* bytes behind the IP packet */
};

void frame_build(struct frame *frame, const struct frame_spec *spec);
/*
 * Addresses from text. A dotted quad where the family is IPv6 (XS_FAMILY6) stands for its twin, so that one text of a test gives
 * both families: a.b.c.d is 2001:db8:aabb:cc00::dd, and a prefix of 0, 8, 16, 24 or 32 bits has one of frame_twin_bits().
 */
void frame_addresses(struct frame_spec *spec, int family, const char *source, const char *destination);
void frame_twin(uint32_t address, uint8_t twin[16]);
unsigned int frame_twin_bits(unsigned int length);

/* Offset of the IP header, 14 or 18. */
size_t frame_network(const struct frame *frame);
bool frame_tagged(const struct frame *frame);
uint16_t frame_tci(const struct frame *frame);
bool frame_is_ipv6(const struct frame *frame);
/* True for IPv6: its header has none. */
bool frame_checksum_right(const struct frame *frame);
/* Or the hop limit. */
uint8_t frame_ttl(const struct frame *frame);

/* Takes the tag out, as the kernel does before tc: returns mark for front.bpf.c. */
uint32_t frame_take_tag(struct frame *frame);

uint32_t frame_ip(const char *text); /* dotted quad */

/* ---- checksums ---- */

/* In 16 bits, as they are added up on the wire; sum: of what was before. */
uint32_t frame_sum(const uint8_t *data, size_t size, uint32_t sum);

/* Of packets without options and extension headers: where the transport header is, where its checksum, and its pseudo-header's sum. */
size_t frame_transport(const struct frame *frame);
size_t frame_checksum_at(const struct frame *frame, uint8_t protocol);
uint16_t frame_pseudo_sum(const struct frame *frame, uint8_t protocol);

uint16_t frame_word(const struct frame *frame, size_t at);
void frame_put_word(struct frame *frame, size_t at, uint16_t value);

#endif
