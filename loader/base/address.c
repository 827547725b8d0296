/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address.c - text and arithmetic of addresses. See address.h. Works byte by byte, so that no family needs code of its
 * own.
 */
#include "loader/base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static unsigned int family_bytes(uint8_t family)
{
	return xs_family_bits(family) / 8;
}

static int address_family(uint8_t family)
{
	return family == XS_IPV4 ? AF_INET : family == XS_IPV6 ? AF_INET6 : AF_UNSPEC;
}

/* Clears the bits beyond the first `length` of all 16 bytes. */
static void clear_beyond(uint8_t *bytes, unsigned int length)
{
	unsigned int i = length / 8;

	if (i >= 16)
		return;
	bytes[i] &= (uint8_t)(0xff00 >> (length % 8));
	memset(bytes + i + 1, 0, 15 - i);
}

/* Do the first `length` bits agree? */
static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int length)
{
	unsigned int whole = length / 8, rest = length % 8;

	return !memcmp(a, b, whole) && (!rest || !((a[whole] ^ b[whole]) >> (8 - rest)));
}

int xs_address_parse(const char *text, struct xs_address *out)
{
	struct xs_address address = { .family = strchr(text, ':') ? XS_IPV6 : XS_IPV4 };

	if (inet_pton(address_family(address.family), text, address.bytes) != 1)
		return -EINVAL;
	*out = address;
	return 0;
}

/* A number of bits as people write it: digits, no sign, no leading zero. */
static int length_parse(const char *text, unsigned int max, unsigned int *out)
{
	unsigned int value = 0;
	size_t i, size = strlen(text);

	if (!size || size > 3 || (size > 1 && text[0] == '0'))
		return -EINVAL;
	for (i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (unsigned int)(text[i] - '0');
	}
	if (value > max)
		return -EINVAL;
	*out = value;
	return 0;
}

int xs_prefix_parse(const char *text, struct xs_prefix *out)
{
	const char *slash = strchr(text, '/');
	size_t size = slash ? (size_t)(slash - text) : strlen(text);
	char copy[XS_PREFIX_TEXT];
	struct xs_address address;
	struct xs_prefix prefix;
	unsigned int length;

	if (size >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (xs_address_parse(copy, &address))
		return -EINVAL;
	length = xs_family_bits(address.family);
	if (slash && length_parse(slash + 1, length, &length))
		return -EINVAL;
	prefix = xs_prefix_mask(&address, length);
	if (memcmp(prefix.bytes, address.bytes, sizeof(prefix.bytes)))
		return -ERANGE;
	*out = prefix;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int xs_mac_parse(const char *text, struct xs_mac *out)
{
	struct xs_mac mac;
	unsigned int i;

	if (strlen(text) != 17)
		return -EINVAL;
	for (i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]), low = hex_digit(text[1]);

		if (high < 0 || low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = mac;
	return 0;
}

const char *xs_address_text(const struct xs_address *address, char *buf)
{
	if (!inet_ntop(address_family(address->family), address->bytes, buf, XS_PREFIX_TEXT))
		strcpy(buf, "none");
	return buf;
}

const char *xs_prefix_text(const struct xs_prefix *prefix, char *buf)
{
	size_t used;

	if (!inet_ntop(address_family(prefix->family), prefix->bytes, buf, XS_PREFIX_TEXT))
		return strcpy(buf, "none");
	used = strlen(buf);
	snprintf(buf + used, XS_PREFIX_TEXT - used, "/%u", prefix->length);
	return buf;
}

const char *xs_mac_text(const struct xs_mac *mac, char *buf)
{
	const uint8_t *b = mac->bytes;

	snprintf(buf, XS_PREFIX_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return buf;
}

struct xs_prefix xs_prefix_mask(const struct xs_address *address, unsigned int length)
{
	unsigned int bits = xs_family_bits(address->family);
	struct xs_prefix prefix = { .family = address->family, .length = (uint8_t)(length < bits ? length : bits) };

	memcpy(prefix.bytes, address->bytes, sizeof(prefix.bytes));
	clear_beyond(prefix.bytes, prefix.length);
	return prefix;
}

struct xs_prefix xs_prefix_of_host(const struct xs_address *address)
{
	return xs_prefix_mask(address, xs_family_bits(address->family));
}

bool xs_prefix_contains(const struct xs_prefix *prefix, const struct xs_address *address)
{
	return prefix->family && prefix->family == address->family && bits_equal(prefix->bytes, address->bytes, prefix->length);
}

bool xs_prefix_covers(const struct xs_prefix *outer, const struct xs_prefix *inner)
{
	return outer->family && outer->family == inner->family && outer->length <= inner->length &&
	       bits_equal(outer->bytes, inner->bytes, outer->length);
}

bool xs_prefix_overlaps(const struct xs_prefix *a, const struct xs_prefix *b)
{
	return xs_prefix_covers(a, b) || xs_prefix_covers(b, a);
}

struct xs_prefix xs_prefix_shift(const struct xs_prefix *part, const struct xs_prefix *from, const struct xs_prefix *to)
{
	struct xs_prefix shifted = *part;
	unsigned int i;

	for (i = 0; i < sizeof(shifted.bytes); i++)
		shifted.bytes[i] ^= from->bytes[i] ^ to->bytes[i];
	return shifted;
}

int xs_prefix_nth(const struct xs_prefix *prefix, uint32_t n, struct xs_address *out)
{
	struct xs_address address = { .family = prefix->family };
	unsigned int i = family_bytes(prefix->family);
	uint64_t carry = n;

	memcpy(address.bytes, prefix->bytes, sizeof(address.bytes));
	while (i-- && carry) {
		carry += address.bytes[i];
		address.bytes[i] = (uint8_t)carry;
		carry >>= 8;
	}
	if (carry || !xs_prefix_contains(prefix, &address))
		return -ERANGE;
	*out = address;
	return 0;
}

int xs_prefix_end(const struct xs_prefix *subnet, unsigned int end, struct xs_address *out)
{
	bool two = subnet->length + 1u == xs_family_bits(subnet->family);

	if (!two && xs_prefix_hosts(subnet) < end + 1)
		return -ERANGE;
	return xs_prefix_nth(subnet, end + !two, out);
}

uint32_t xs_prefix_hosts(const struct xs_prefix *prefix)
{
	unsigned int free = xs_family_bits(prefix->family) - prefix->length;
	uint64_t all = free < 33 ? 1ull << free : 1ull << 33, none = prefix->family == XS_IPV4 && free ? 2 : 1;

	return (uint32_t)(all - none < UINT32_MAX ? all - none : UINT32_MAX);
}

int xs_address_compare(const struct xs_address *a, const struct xs_address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int xs_prefix_compare(const struct xs_prefix *a, const struct xs_prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	order = memcmp(a->bytes, b->bytes, sizeof(a->bytes));
	if (order)
		return order;
	return a->length < b->length ? -1 : a->length > b->length;
}
