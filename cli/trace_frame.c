// SPDX-License-Identifier: GPL-2.0-or-later
/* trace_frame.c - frames out of options, and what is read in a frame; see trace_frame.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace_frame.h"

#define IPV4_HEADER              20
#define IPV6_HEADER              40
#define TAG_SIZE                 4
#define DEFAULT_LENGTH           64
#define DEFAULT_SOURCE_PORT      49152
#define DEFAULT_DESTINATION_PORT 9 /* discard */

static const struct {
	const char *name;
	uint8_t number;
	uint8_t header; /* what it needs at least */
	bool ports;
} protocols[] = {
	{ "icmp", IPPROTO_ICMP, 8, false }, { "icmpv6", IPPROTO_ICMPV6, 8, false },
	{ "tcp", IPPROTO_TCP, 20, true },   { "udp", IPPROTO_UDP, 8, true },
	{ "gre", IPPROTO_GRE, 4, false },   { "esp", IPPROTO_ESP, 8, false },
	{ "ah", IPPROTO_AH, 12, false },    { "ospf", 89, 24, false },
	{ "sctp", IPPROTO_SCTP, 12, true },
};
#define PROTOCOL_COUNT (sizeof(protocols) / sizeof(protocols[0]))

static size_t protocol_at(uint8_t number)
{
	size_t i = 0;

	while (i < PROTOCOL_COUNT && protocols[i].number != number)
		i++;
	return i;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

int xs_option_number(const char *option, const char *text, unsigned long least, unsigned long most, unsigned long *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value < least || value > most) {
		xs_complain("--%s: '%s' is not a number from %lu to %lu", option, text, least, most);
		return -EINVAL;
	}
	*out = value;
	return 0;
}

static int read_number(const struct xs_options *options, enum xs_packet_option which, const char *name,
		       unsigned long least, unsigned long most, unsigned long otherwise, unsigned long *out)
{
	*out = otherwise;
	return options->packet[which] ? xs_option_number(name, options->packet[which], least, most, out) : 0;
}

static int read_address(const char *option, const char *text, struct xs_address *out)
{
	if (!text) {
		xs_complain("trace: --from and --to, --hex or --pcap must say which packet (see xslice trace --help)");
		return -EINVAL;
	}
	if (xs_address_parse(text, out)) {
		xs_complain("--%s: '%s' is not an IPv4 or IPv6 address", option, text);
		return -EINVAL;
	}
	return 0;
}

static int read_protocol(const char *text, uint8_t family, uint8_t *out)
{
	unsigned long number;

	for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
		if (!strcmp(protocols[i].name, text)) {
			*out = family == XS_IPV6 && protocols[i].number == IPPROTO_ICMP ? IPPROTO_ICMPV6
											: protocols[i].number;
			return 0;
		}
	}
	if (text[0] >= 'a' && text[0] <= 'z') {
		xs_complain("--protocol: '%s' is none of icmp, tcp, udp, gre, esp, ah, ospf, sctp, nor a number", text);
		return -EINVAL;
	}
	if (xs_option_number("protocol", text, 0, 255, &number))
		return -EINVAL;
	*out = (uint8_t)number;
	return 0;
}

static int read_ports(const struct xs_options *options, struct xs_packet_spec *out)
{
	const char *from = options->packet[XS_PACKET_SOURCE_PORT], *to = options->packet[XS_PACKET_DESTINATION_PORT];
	size_t at = protocol_at(out->protocol);
	unsigned long source, destination;

	if ((from || to) && (at == PROTOCOL_COUNT || !protocols[at].ports)) {
		xs_complain("--%s-port: protocol %u has no ports; tcp, udp and sctp have",
			    from ? "source" : "destination", out->protocol);
		return -EINVAL;
	}
	if (read_number(options, XS_PACKET_SOURCE_PORT, "source-port", 0, 65535, DEFAULT_SOURCE_PORT, &source) ||
	    read_number(options, XS_PACKET_DESTINATION_PORT, "destination-port", 0, 65535, DEFAULT_DESTINATION_PORT,
			&destination))
		return -EINVAL;
	out->source_port = (uint16_t)source;
	out->destination_port = (uint16_t)destination;
	return 0;
}

static size_t header_of(const struct xs_packet_spec *spec)
{
	size_t at = protocol_at(spec->protocol);

	return (spec->to.family == XS_IPV6 ? IPV6_HEADER : IPV4_HEADER) +
	       (at < PROTOCOL_COUNT ? protocols[at].header : 0);
}

int xs_packet_spec_read(const struct xs_options *options, struct xs_packet_spec *out)
{
	const char *const *given = options->packet;
	unsigned long ttl, dscp, length, label;

	memset(out, 0, sizeof(*out));
	if (read_address("from", given[XS_PACKET_FROM], &out->from) ||
	    read_address("to", given[XS_PACKET_TO], &out->to))
		return -EINVAL;
	if (out->from.family != out->to.family) {
		xs_complain("trace: --from %s and --to %s are of different families", given[XS_PACKET_FROM],
			    given[XS_PACKET_TO]);
		return -EINVAL;
	}
	out->protocol = IPPROTO_UDP;
	if (given[XS_PACKET_PROTOCOL] && read_protocol(given[XS_PACKET_PROTOCOL], out->to.family, &out->protocol))
		return -EINVAL;
	if (given[XS_PACKET_MAC] && xs_mac_parse(given[XS_PACKET_MAC], &out->mac)) {
		xs_complain("--mac: '%s' is not a MAC address", given[XS_PACKET_MAC]);
		return -EINVAL;
	}
	if (read_ports(options, out) || read_number(options, XS_PACKET_TTL, "ttl", 0, 255, 64, &ttl) ||
	    read_number(options, XS_PACKET_DSCP, "dscp", 0, 63, 0, &dscp) ||
	    read_number(options, XS_PACKET_LABEL, "label", 1, 4094, 0, &label) ||
	    read_number(options, XS_PACKET_LENGTH, "length", header_of(out), XS_TRIAL_FRAME_MAX - ETH_HLEN - TAG_SIZE,
			header_of(out) > DEFAULT_LENGTH ? header_of(out) : DEFAULT_LENGTH, &length))
		return -EINVAL;
	out->has_mac = given[XS_PACKET_MAC] != NULL;
	out->df = given[XS_PACKET_DF] != NULL;
	out->ttl = (uint8_t)ttl;
	out->dscp = (uint8_t)dscp;
	out->length = (uint16_t)length;
	out->label = (uint16_t)label;
	return 0;
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

static uint8_t *put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* A group's or broadcast's MAC follows from the address. */
static struct xs_mac destination_mac(const struct xs_packet_spec *spec, const struct xs_mac *mac)
{
	const uint8_t *to = spec->to.bytes;

	if (spec->has_mac)
		return spec->mac;
	if (spec->to.family == XS_IPV6 && to[0] == 0xff)
		return (struct xs_mac){ { 0x33, 0x33, to[12], to[13], to[14], to[15] } };
	if (spec->to.family == XS_IPV4 && to[0] >= 224 && to[0] < 240)
		return (struct xs_mac){ { 0x01, 0x00, 0x5e, to[1] & 0x7f, to[2], to[3] } };
	if (spec->to.family == XS_IPV4 && !memcmp(to, "\xff\xff\xff\xff", 4))
		return (struct xs_mac){ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	return *mac;
}

static uint8_t *put_ipv4(uint8_t *at, const struct xs_packet_spec *spec)
{
	uint8_t *header = at;
	uint32_t sum = 0;

	*at++ = 0x45;
	*at++ = (uint8_t)(spec->dscp << 2);
	at = put16(at, spec->length);
	at = put16(at, 0);
	at = put16(at, spec->df ? 0x4000 : 0);
	*at++ = spec->ttl;
	*at++ = spec->protocol;
	at = put16(at, 0);
	memcpy(at, spec->from.bytes, 4);
	memcpy(at + 4, spec->to.bytes, 4);
	for (size_t i = 0; i < IPV4_HEADER; i += 2)
		sum += get16(header + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(header + 10, (uint16_t)~sum);
	return at + 8;
}

static uint8_t *put_ipv6(uint8_t *at, const struct xs_packet_spec *spec)
{
	*at++ = (uint8_t)(0x60 | spec->dscp >> 2);
	*at++ = (uint8_t)(spec->dscp << 6);
	at = put16(at, 0);
	at = put16(at, (uint16_t)(spec->length - IPV6_HEADER));
	*at++ = spec->protocol;
	*at++ = spec->ttl;
	memcpy(at, spec->from.bytes, 16);
	memcpy(at + 16, spec->to.bytes, 16);
	return at + 32;
}

/* What a MUX, or a reader of the trace, may look at; the rest is zero. */
static void put_transport(uint8_t *at, const struct xs_packet_spec *spec, size_t room)
{
	size_t which = protocol_at(spec->protocol);

	if (spec->protocol == IPPROTO_ICMP)
		at[0] = 8; /* echo request */
	if (spec->protocol == IPPROTO_ICMPV6)
		at[0] = 128;
	if (which == PROTOCOL_COUNT || !protocols[which].ports)
		return;
	put16(at, spec->source_port);
	put16(at + 2, spec->destination_port);
	if (spec->protocol == IPPROTO_UDP)
		put16(at + 4, (uint16_t)room);
	if (spec->protocol == IPPROTO_TCP)
		at[12] = 5 << 4; /* its header's length */
}

void xs_packet_build(const struct xs_packet_spec *spec, const struct xs_mac *mac, struct xs_trial_frame *out)
{
	static const struct xs_mac source = { { 0x02, 0x00, 0x00, 0x00, 0x00, 0x01 } };
	struct xs_mac destination = destination_mac(spec, mac);
	bool six = spec->to.family == XS_IPV6;
	uint8_t *at = out->data;

	memset(out, 0, sizeof(*out));
	memcpy(at, destination.bytes, sizeof(destination));
	memcpy(at + ETH_ALEN, source.bytes, sizeof(source));
	at += 2 * ETH_ALEN;
	if (spec->label)
		at = put16(put16(at, ETH_P_8021Q), spec->label);
	at = put16(at, six ? ETH_P_IPV6 : ETH_P_IP);
	out->length = (size_t)(at - out->data) + spec->length;
	at = six ? put_ipv6(at, spec) : put_ipv4(at, spec);
	put_transport(at, spec, (size_t)(out->data + out->length - at));
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void look_at_ip(const uint8_t *at, size_t left, struct xs_frame_view *out)
{
	bool six = out->ethertype == ETH_P_IPV6;
	size_t header = six ? IPV6_HEADER : IPV4_HEADER, which;

	if (left < header || at[0] >> 4 != (six ? 6 : 4))
		return;
	out->ip = true;
	out->source.family = out->destination.family = six ? XS_IPV6 : XS_IPV4;
	memcpy(out->source.bytes, at + (six ? 8 : 12), six ? 16 : 4);
	memcpy(out->destination.bytes, at + (six ? 24 : 16), six ? 16 : 4);
	out->protocol = at[six ? 6 : 9];
	out->ttl = at[six ? 7 : 8];
	out->length = six ? IPV6_HEADER + get16(at + 4) : get16(at + 2);
	out->options = six ? out->protocol == IPPROTO_HOPOPTS : (at[0] & 15) != 5;
	out->df = six || at[6] & 0x40;
	out->fragment = six ? out->protocol == IPPROTO_FRAGMENT : get16(at + 6) & 0x3fff;
	if (!six)
		header = (size_t)(at[0] & 15) * 4;
	which = protocol_at(out->protocol);
	if (out->fragment || which == PROTOCOL_COUNT || !protocols[which].ports || left < header + 4)
		return;
	out->has_ports = true;
	out->source_port = get16(at + header);
	out->destination_port = get16(at + header + 2);
}

void xs_frame_look(const struct xs_trial_frame *frame, struct xs_frame_view *out)
{
	const uint8_t *at = frame->data + 2 * ETH_ALEN, *end = frame->data + frame->length;

	memset(out, 0, sizeof(*out));
	if (frame->length < ETH_HLEN)
		return;
	memcpy(out->destination_mac.bytes, frame->data, ETH_ALEN);
	out->unicast = !xs_mac_is_multicast(&out->destination_mac);
	out->ethertype = get16(at);
	if ((out->ethertype == ETH_P_8021Q || out->ethertype == ETH_P_8021AD) && end - at >= TAG_SIZE + 2) {
		out->tagged = true;
		out->vid = get16(at + 2) & 0xfff;
		at += TAG_SIZE;
		out->ethertype = get16(at);
	}
	if (out->ethertype == ETH_P_IP || out->ethertype == ETH_P_IPV6)
		look_at_ip(at + 2, (size_t)(end - at - 2), out);
}

const char *xs_frame_text(const struct xs_frame_view *view, char *text)
{
	char label[24] = "untagged", from[XS_PREFIX_TEXT], to[XS_PREFIX_TEXT], protocol[16], ports[32] = "";
	size_t which = protocol_at(view->protocol);

	if (view->tagged)
		snprintf(label, sizeof(label), "VLAN %u", view->vid);
	if (!view->ip) {
		snprintf(text, XS_FRAME_TEXT, view->ethertype == ETH_P_ARP ? "%s, ARP" : "%s, ethertype 0x%04x", label,
			 view->ethertype);
		return text;
	}
	snprintf(protocol, sizeof(protocol), "protocol %u", view->protocol);
	if (view->has_ports)
		snprintf(ports, sizeof(ports), " %u -> %u", view->source_port, view->destination_port);
	snprintf(text, XS_FRAME_TEXT, "%s, %s -> %s %s%s%s, TTL %u, %u bytes", label,
		 xs_address_text(&view->source, from), xs_address_text(&view->destination, to),
		 which < PROTOCOL_COUNT ? protocols[which].name : protocol, ports, view->fragment ? " fragment" : "",
		 view->ttl, view->length);
	return text;
}
