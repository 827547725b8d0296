/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address.h - addresses, prefixes and MACs as every stage of the loader holds them, both families alike.
 *
 * Always holds: bytes are in wire order; bytes beyond the family's length, and host bits of a prefix that was made by
 * xs_prefix_parse() or xs_prefix_mask(), are zero - so equality is memcmp().
 */
#ifndef XSLICE_BASE_ADDRESS_H
#define XSLICE_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum xs_family { XS_FAMILY_NONE = 0, XS_IPV4 = 4, XS_IPV6 = 6 };

/*
 * What there is once per family stands in an array that these index. maps/contract.h says the same for what the
 * datapath sees; where both are included, the preprocessor refuses any difference.
 */
#define XS_FAMILY4  0
#define XS_FAMILY6  1
#define XS_FAMILIES 2

struct xs_address {
	uint8_t family; /* enum xs_family; NONE: not given */
	uint8_t pad[3];
	uint8_t bytes[16];
};

struct xs_prefix {
	uint8_t family;
	uint8_t length; /* bits */
	uint8_t pad[2];
	uint8_t bytes[16];
};

struct xs_mac {
	uint8_t bytes[6];
};

#define XS_PREFIX_TEXT 64 /* room for the text form of any of these, NUL included */

static inline unsigned int xs_family_index(uint8_t family)
{
	return family == XS_IPV6 ? XS_FAMILY6 : XS_FAMILY4;
}

static inline uint8_t xs_family_at(unsigned int index)
{
	return index == XS_FAMILY6 ? XS_IPV6 : XS_IPV4;
}

static inline const char *xs_family_name(uint8_t family)
{
	return family == XS_IPV6 ? "IPv6" : "IPv4";
}

static inline unsigned int xs_family_bits(uint8_t family)
{
	return family == XS_IPV4 ? 32 : family == XS_IPV6 ? 128 : 0;
}

/* Text to value: 0, or -EINVAL with *out unchanged. A prefix without "/n" is a host's. Host bits set: -ERANGE. */
int xs_address_parse(const char *text, struct xs_address *out);
int xs_prefix_parse(const char *text, struct xs_prefix *out);
int xs_mac_parse(const char *text, struct xs_mac *out);

/* Value to text, into buf of XS_PREFIX_TEXT bytes; returns buf. */
const char *xs_address_text(const struct xs_address *address, char *buf);
const char *xs_prefix_text(const struct xs_prefix *prefix, char *buf);
const char *xs_mac_text(const struct xs_mac *mac, char *buf);

/* The prefix with its bits beyond `length` cleared. */
struct xs_prefix xs_prefix_mask(const struct xs_address *address, unsigned int length);
struct xs_prefix xs_prefix_of_host(const struct xs_address *address);
/* Of what is not given (family NONE), nothing contains or covers anything. */
bool xs_prefix_contains(const struct xs_prefix *prefix, const struct xs_address *address);
bool xs_prefix_covers(const struct xs_prefix *outer, const struct xs_prefix *inner);
bool xs_prefix_overlaps(const struct xs_prefix *a, const struct xs_prefix *b);

/* `part` lies in `from`: the same part of `to`, which has from's length. */
struct xs_prefix xs_prefix_shift(const struct xs_prefix *part, const struct xs_prefix *from, const struct xs_prefix *to);

/* Base address + n. -ERANGE if that leaves the prefix. */
int xs_prefix_nth(const struct xs_prefix *prefix, uint32_t n, struct xs_address *out);

/*
 * What end 0 or 1 of a point-to-point link has of its subnet: base + 1 and + 2 (R13); of a subnet of two addresses
 * (R14: /31, RFC 3021; /127, RFC 6164) base + 0 and + 1. -ERANGE where there is no room.
 */
int xs_prefix_end(const struct xs_prefix *subnet, unsigned int end, struct xs_address *out);

/*
 * How many addresses from base + 1 on hosts may have: not IPv4's broadcast address. The base itself is none: IPv4's
 * network, IPv6's anycast address of all routers. At most UINT32_MAX.
 */
uint32_t xs_prefix_hosts(const struct xs_prefix *prefix);

static inline bool xs_address_is_link_local(const struct xs_address *address)
{
	return address->family == XS_IPV6 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/* Order: family, then bytes, then length; as memcmp(). */
int xs_address_compare(const struct xs_address *a, const struct xs_address *b);
int xs_prefix_compare(const struct xs_prefix *a, const struct xs_prefix *b);

static inline bool xs_mac_is_multicast(const struct xs_mac *mac)
{
	return mac->bytes[0] & 1;
}

#endif
