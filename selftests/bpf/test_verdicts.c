/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_verdicts.c - a frame in, its verdict out: every drop reason, what is the host's, and what is punted to whom. Each case is
 * sent in both families, unless it speaks of one alone.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

struct verdict_case {
	const char *name;
	uint32_t port;
	int verdict;
	uint32_t slice;
	struct frame_spec spec;
	const char *source, *destination; /* default: a user, a host of slice 1 by L2; a dotted quad is also its twin */
	unsigned int only;                /* V4 or V6; 0: both */
	size_t cut;                       /* > 0: the frame ends here */
	size_t patch_at;                  /* > 0: this byte of the frame becomes patch */
	uint8_t patch;
};

#define V4 (1 << XS_FAMILY4)
#define V6 (1 << XS_FAMILY6)

/* clang-format off */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define L1 .destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_L1}
#define G  .destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_G}
#define E  .destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_E}
#define BROADCAST .destination_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
#define OSPF .destination_mac = {0x01, 0x00, 0x5e, 0, 0, 5}
#define OTHER_GROUP .destination_mac = {0x01, 0x00, 0x5e, 1, 1, 1}
#define ALL_NODES .destination_mac = {0x33, 0x33, 0, 0, 0, 1}
#define STRANGER .destination_mac = {0x02, 0x99, 0, 0, 0, 1}
#define LLDP .destination_mac = {0x01, 0x80, 0xc2, 0, 0, 0x0e}

static const struct verdict_case cases[] = {
	{"label known", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101}},
	{"label of another slice, its sliver's MAC", PORT_LINKS, XS_FORWARDED, 2,
		{.destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_L3}, .tci = 201}},
	{"label unknown", PORT_LINKS, XS_UNKNOWN_LABEL, 0, {L1, .tci = 103}},
	{"label of another port", PORT_GATEWAY, XS_TAG_ON_USER_PORT, 0, {G, .tci = 101}},
	{"label on a MUX port", PORT_MUX, XS_TAG_ON_USER_PORT, 0, {E, .tci = 101}},
	{"label zero", PORT_LINKS, XS_LABEL_ZERO, 0, {L1, .tagged = true}},
	{"label 4095", PORT_LINKS, XS_LABEL_ZERO, 0, {L1, .tci = 4095}},
	{"label zero with priority", PORT_LINKS, XS_LABEL_ZERO, 0, {L1, .tci = 0xe000}},
	{"priority bits are no part of a label", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 0xf000 | 101}},
	{"second tag", PORT_LINKS, XS_DOUBLE_TAG, 0, {L1, .tci = 101, .inner_tag_type = 0x8100}},
	{"second tag of 802.1ad", PORT_LINKS, XS_DOUBLE_TAG, 0, {L1, .tci = 101, .inner_tag_type = 0x88a8}},
	{"service tag is no label", PORT_LINKS, XS_UNKNOWN_LABEL, 0, {L1, .tci = 101, .tag_type = 0x88a8}},
	{"service tag before a label", PORT_LINKS, XS_DOUBLE_TAG, 0,
		{L1, .tci = 101, .tag_type = 0x88a8, .inner_tag_type = 0x8100}},
	{"host's label", PORT_LINKS, XS_HOST, 0, {L1, .tci = 999}},
	{"host's label before a second tag", PORT_LINKS, XS_HOST, 0, {L1, .tci = 999, .inner_tag_type = 0x8100}},
	{"untagged where nothing uses it", PORT_LINKS, XS_HOST, 0, {L1}},
	{"LLDP on a user port", PORT_MUX, XS_HOST, 0, {LLDP, .ethertype = 0x88cc}},
	{"link control with a label", PORT_LINKS, XS_ETHERTYPE, 1, {LLDP, .tci = 101, .ethertype = 0x88cc}},

	{"stranger's MAC on a link", PORT_LINKS, XS_NOT_FOR_US, 1, {STRANGER, .tci = 101}},
	{"another sliver's MAC on a link", PORT_LINKS, XS_NOT_FOR_US, 1,
		{.destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_L3}, .tci = 101}},
	{"stranger's MAC at a gateway", PORT_GATEWAY, XS_NOT_FOR_US, 1, {STRANGER}},
	{"stranger's MAC at a MUX", PORT_MUX, XS_NOT_FOR_US, 0, {STRANGER}},
	{"stranger's ARP", PORT_GATEWAY, XS_NOT_FOR_US, 1, {STRANGER, .ethertype = 0x0806}},

	{"ARP on a link", PORT_LINKS, XS_PUNTED, 1, {BROADCAST, .tci = 101, .ethertype = 0x0806}},
	{"ARP at a gateway", PORT_GATEWAY, XS_PUNTED, 1, {BROADCAST, .ethertype = 0x0806}},
	{"ARP at a MUX goes to the edge", PORT_MUX, XS_PUNTED, 0, {BROADCAST, .ethertype = 0x0806}},
	{"MPLS", PORT_LINKS, XS_ETHERTYPE, 1, {L1, .tci = 101, .ethertype = 0x8847}},
	{"MPLS of a user", PORT_MUX, XS_ETHERTYPE, 0, {E, .ethertype = 0x8847}},
	{"802.3 length", PORT_GATEWAY, XS_ETHERTYPE, 1, {BROADCAST, .ethertype = 0x0100}},

	{"no room for a tag", PORT_LINKS, XS_MALFORMED, 0, {L1, .tci = 101}, .cut = 16},
	{"no room for a header", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .cut = 18 + 19, .only = V4},
	{"packet longer than its frame", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .cut = 18 + 40},
	{"padding behind a packet", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101, .padding = 10}},
	{"version 5", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .patch_at = 18, .patch = 0x55, .only = V4},
	{"a wrong checksum", PORT_LINKS, XS_CHECKSUM, 1, {L1, .tci = 101}, .patch_at = 29, .patch = 0xa5, .only = V4},
	{"a changed TTL", PORT_LINKS, XS_CHECKSUM, 1, {L1, .tci = 101}, .patch_at = 26, .patch = 63, .only = V4},
	{"a changed address of a user", PORT_MUX, XS_CHECKSUM, 0, {E}, .patch_at = 33, .patch = 2, .only = V4},
	{"a wrong checksum before options: the kernel looks", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101, .option_words = 1},
		.patch_at = 29, .patch = 0xa5, .only = V4},
	{"header of four words", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .patch_at = 18, .patch = 0x44, .only = V4},
	{"header longer than its packet", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .patch_at = 18, .patch = 0x4f, .only = V4},
	{"malformed before the host's label", PORT_LINKS, XS_HOST, 0, {L1, .tci = 999}, .cut = 18 + 40},

	{"source 0/8", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "0.0.0.9", .only = V4},
	{"source 0.0.0.0 on a link", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "0.0.0.0", .only = V4},
	{"source 0.0.0.0 of a user", PORT_MUX, XS_PUNTED, 0, {BROADCAST}, .source = "0.0.0.0", .destination = "255.255.255.255", .only = V4},
	{"source 0.0.0.0 at a gateway", PORT_GATEWAY, XS_PUNTED, 1, {BROADCAST}, .source = "0.0.0.0",
		.destination = "255.255.255.255", .only = V4},
	{"source 127/8", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "127.0.0.1", .only = V4},
	{"source multicast", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "224.0.0.5", .only = V4},
	{"source broadcast", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "255.255.255.255", .only = V4},
	{"destination 127/8", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .destination = "127.0.0.1", .only = V4},
	{"destination 0/8", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .destination = "0.0.0.0", .only = V4},
	{"destination 240/4", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .destination = "240.0.0.1", .only = V4},
	{"martian before spoofed", PORT_MUX, XS_MARTIAN, 0, {E}, .source = "127.0.0.1", .only = V4},

	{"spoofed at a gateway", PORT_GATEWAY, XS_SPOOFED_SOURCE, 1, {G}, .source = "198.51.100.1"},
	{"spoofed at a MUX", PORT_MUX, XS_SPOOFED_SOURCE, 0, {E}, .source = "198.51.100.1"},
	{"spoofed to the edge itself", PORT_MUX, XS_SPOOFED_SOURCE, 0, {E}, .source = "198.51.100.1", .destination = "192.0.2.1"},
	{"spoofed broadcast", PORT_MUX, XS_SPOOFED_SOURCE, 0, {BROADCAST}, .source = "198.51.100.1",
		.destination = "255.255.255.255", .only = V4},
	{"any source on a link", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101}, .source = "198.51.100.1"},

	{"OSPF's hello", PORT_LINKS, XS_PUNTED, 1, {OSPF, .tci = 101, .ttl = 1, .protocol = 89}, .destination = "224.0.0.5", .only = V4},
	{"other group", PORT_LINKS, XS_MULTICAST, 1, {OTHER_GROUP, .tci = 101}, .destination = "239.1.1.1", .only = V4},
	{"other group by a unicast MAC", PORT_LINKS, XS_MULTICAST, 1, {L1, .tci = 101}, .destination = "239.1.1.1", .only = V4},
	{"unicast address by a group's MAC", PORT_LINKS, XS_MULTICAST, 1, {OTHER_GROUP, .tci = 101}},
	{"unicast address by broadcast MAC", PORT_LINKS, XS_PUNTED, 1, {BROADCAST, .tci = 101}, .only = V4},
	{"group of users", PORT_MUX, XS_MULTICAST, 0, {OTHER_GROUP}, .destination = "239.1.1.1", .only = V4},
	{"link-local group of users", PORT_MUX, XS_PUNTED, 0, {OSPF}, .destination = "224.0.0.5", .only = V4},
	{"broadcast on a link", PORT_LINKS, XS_PUNTED, 1, {BROADCAST, .tci = 101}, .destination = "255.255.255.255", .only = V4},

	{"to the edge's address", PORT_MUX, XS_PUNTED, 0, {E}, .destination = "192.0.2.1"},
	{"no condition takes it", PORT_MUX, XS_NO_SLICE, 0, {E}},
	{"a condition takes it", PORT_MUX, XS_FORWARDED, 2, {E}, .destination = "203.0.113.1"},
	{"a condition takes it, the sliver must look", PORT_MUX, XS_PUNTED, 2, {E, .ttl = 1}, .destination = "203.0.113.1"},

	{"no route: the kernel says so", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .destination = "10.99.0.1"},
	{"blackhole", PORT_LINKS, XS_BLACKHOLE, 1, {L1, .tci = 101}, .destination = "10.2.0.1"},
	{"blackhole before TTL", PORT_LINKS, XS_BLACKHOLE, 1, {L1, .tci = 101, .ttl = 1}, .destination = "10.2.0.1"},
	{"own address", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .destination = "10.3.0.1"},
	{"TTL 1", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101, .ttl = 1}},
	{"TTL 0", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101, .ttl_zero = true}},
	{"TTL 2", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101, .ttl = 2}},
	{"options", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101, .option_words = 1}},
	{"as many options as there can be", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101, .option_words = 10}, .only = V4},
	{"first fragment", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101, .fragment = 0x2000}},
	{"later fragment", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101, .fragment = 0x00b9}},
	{"exactly the MTU", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101, .total = 600}, .destination = "10.4.0.1"},
	{"one byte too big", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101, .total = 601}, .destination = "10.4.0.1"},
	{"padding does not make it too big", PORT_LINKS, XS_FORWARDED, 1,
		{L1, .tci = 101, .total = 600, .padding = 20}, .destination = "10.4.0.1"},
	{"a user's packet too big for the next hop", PORT_GATEWAY, XS_PUNTED, 1, {G, .total = 601}, .destination = "10.4.0.1"},
	{"unresolved user", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .destination = "192.0.2.8"},
	{"unreachable: the kernel says so", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .destination = "10.7.0.1"},
	{"a new neighbour", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .destination = "10.8.0.1"},
	{"a new neighbour, TTL 1", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101, .ttl = 1}, .destination = "10.8.0.1"},
	{"resolved user", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101}, .destination = "192.0.2.7"},
	{"at a gateway", PORT_GATEWAY, XS_FORWARDED, 1, {G}},
	{"to a local stack", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101}, .destination = "10.5.0.1"},
	{"from a local stack", PORT_STACK, XS_FORWARDED, 1, {G}},
	{"from a local stack, spoofed", PORT_STACK, XS_SPOOFED_SOURCE, 1, {G}, .source = "198.51.100.1"},

	{"no room for a header of IPv6", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .cut = 18 + 39, .only = V6},
	{"IPv6 of version 4", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .patch_at = 18, .patch = 0x45, .only = V6},
	{"IPv4 by IPv6's ethertype", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .patch_at = 18, .patch = 0x40, .only = V6},
	{"no payload", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101, .protocol = 59, .total = 40}, .only = V6},
	{"payload length zero before padding", PORT_LINKS, XS_FORWARDED, 1,
		{L1, .tci = 101, .protocol = 59, .total = 40, .padding = 20}, .only = V6},
	{"jumbogram", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101, .option_words = 1, .total = 256 + 40}, .patch_at = 22, .patch = 0,
		.only = V6},
	{"payload longer than its frame", PORT_LINKS, XS_MALFORMED, 1, {L1, .tci = 101}, .patch_at = 22, .patch = 0xff, .only = V6},
	{"many hop-by-hop options", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101, .option_words = 200}, .only = V6},
	{"an empty hop-by-hop header from a user", PORT_MUX, XS_PUNTED, 2, {E, .option_words = 1}, .destination = "203.0.113.1",
		.only = V6},
	{"destination options", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101, .extensions = 1, .extension = {60}}, .only = V6},
	{"routing header", PORT_LINKS, XS_FORWARDED, 1, {L1, .tci = 101, .extensions = 1, .extension = {43}}, .only = V6},
	{"all of RFC 8200's headers", PORT_LINKS, XS_FORWARDED, 1,
		{L1, .tci = 101, .extensions = 4, .extension = {60, 43, 51, 60}, .fragment = 0x2000}, .only = V6},

	{"source ::", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "::", .only = V6},
	{"source :: of a user", PORT_MUX, XS_MARTIAN, 0, {E}, .source = "::", .only = V6},
	{"source ::1", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "::1", .only = V6},
	{"source ::1 to a group", PORT_LINKS, XS_MARTIAN, 1, {ALL_NODES, .tci = 101}, .source = "::1", .destination = "ff02::1",
		.only = V6},
	{"source of IPv4 in IPv6", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "::ffff:192.0.2.9", .only = V6},
	{"source multicast", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .source = "ff02::1", .only = V6},
	{"destination ::", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .destination = "::", .only = V6},
	{"destination ::1", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .destination = "::1", .only = V6},
	{"destination of IPv4 in IPv6", PORT_LINKS, XS_MARTIAN, 1, {L1, .tci = 101}, .destination = "::ffff:10.0.0.1", .only = V6},
	{"martian before spoofed", PORT_MUX, XS_MARTIAN, 0, {E}, .source = "::ffff:127.0.0.1", .only = V6},
	{"::2 is no martian", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .destination = "::2", .only = V6},
	{"64:ff9b::/96 is no martian", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .destination = "64:ff9b::a00:1", .only = V6},

	{"solicitation before there is an address", PORT_MUX, XS_PUNTED, 0,
		{.destination_mac = {0x33, 0x33, 0xff, 0, 0, 9}, .ttl = 255, .protocol = 58}, .source = "::",
		.destination = "ff02::1:ff00:9", .only = V6},
	{"the same on a link", PORT_LINKS, XS_PUNTED, 1,
		{.destination_mac = {0x33, 0x33, 0xff, 0, 0, 9}, .tci = 101, .ttl = 255, .protocol = 58}, .source = "::",
		.destination = "ff02::1:ff00:9", .only = V6},
	{"neighbour solicitation of a user", PORT_MUX, XS_PUNTED, 0,
		{.destination_mac = {0x33, 0x33, 0xff, 0, 0, 1}, .ttl = 255, .protocol = 58}, .destination = "ff02::1:ff00:1", .only = V6},
	{"neighbour solicitation of a spoofed user", PORT_MUX, XS_SPOOFED_SOURCE, 0,
		{.destination_mac = {0x33, 0x33, 0xff, 0, 0, 1}, .ttl = 255, .protocol = 58}, .source = "2001:db8:bad::9",
		.destination = "ff02::1:ff00:1", .only = V6},
	{"router solicitation of a user", PORT_GATEWAY, XS_PUNTED, 1,
		{.destination_mac = {0x33, 0x33, 0, 0, 0, 2}, .ttl = 255, .protocol = 58}, .source = "fe80::9", .destination = "ff02::2",
		.only = V6},
	{"DHCPv6 of a user", PORT_MUX, XS_PUNTED, 0, {.destination_mac = {0x33, 0x33, 0, 1, 0, 2}}, .source = "fe80::9",
		.destination = "ff02::1:2", .only = V6},
	{"neighbour advertisement to a link-local address", PORT_MUX, XS_PUNTED, 0, {E, .ttl = 255, .protocol = 58},
		.source = "fe80::9", .destination = "fe80::1", .only = V6},
	{"link-local source, the edge's address", PORT_MUX, XS_PUNTED, 0, {E, .ttl = 255, .protocol = 58}, .source = "fe80::9",
		.destination = "192.0.2.1", .only = V6},
	{"link-local source is never selected", PORT_MUX, XS_PUNTED, 0, {E}, .source = "fe80::9", .destination = "2001:db8:cb00:7100::1",
		.only = V6},
	{"link-local source is never forwarded", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .source = "febf::9", .only = V6},
	{"link-local destination is never selected", PORT_MUX, XS_PUNTED, 0, {E}, .destination = "fe80::9", .only = V6},
	{"link-local destination on a link", PORT_LINKS, XS_PUNTED, 1, {L1, .tci = 101}, .destination = "fe80::9", .only = V6},
	{"link-local destination of a spoofed user", PORT_MUX, XS_SPOOFED_SOURCE, 0, {E}, .source = "2001:db8:bad::9",
		.destination = "fe80::1", .only = V6},
	{"fec0::/10 is not link-local", PORT_MUX, XS_SPOOFED_SOURCE, 0, {E}, .source = "fec0::9", .only = V6},
	{"OSPFv3's hello", PORT_LINKS, XS_PUNTED, 1,
		{.destination_mac = {0x33, 0x33, 0, 0, 0, 5}, .tci = 101, .ttl = 1, .protocol = 89}, .source = "fe80::1",
		.destination = "ff02::5", .only = V6},
	{"group of the site", PORT_LINKS, XS_MULTICAST, 1, {ALL_NODES, .tci = 101}, .destination = "ff05::1", .only = V6},
	{"group of the site by a unicast MAC", PORT_LINKS, XS_MULTICAST, 1, {L1, .tci = 101}, .destination = "ff05::1", .only = V6},
	{"group of the site from a link-local source", PORT_MUX, XS_MULTICAST, 0, {ALL_NODES}, .source = "fe80::9",
		.destination = "ff05::2", .only = V6},
	{"group of one interface", PORT_LINKS, XS_MULTICAST, 1, {ALL_NODES, .tci = 101}, .destination = "ff01::1", .only = V6},
	{"group of users", PORT_MUX, XS_MULTICAST, 0, {ALL_NODES}, .destination = "ff0e::1", .only = V6},
	{"unicast address by IPv6's group MAC", PORT_LINKS, XS_MULTICAST, 1, {ALL_NODES, .tci = 101}, .only = V6},
	{"unicast address by broadcast MAC", PORT_LINKS, XS_MULTICAST, 1, {BROADCAST, .tci = 101}, .only = V6},
	{"link-local address by a group MAC", PORT_LINKS, XS_MULTICAST, 1, {ALL_NODES, .tci = 101}, .source = "fe80::9",
		.destination = "fe80::1", .only = V6},
};
/* clang-format on */

static bool concerns(const struct verdict_case *test, int family)
{
	return !test->only || test->only & 1u << family;
}

static void build(struct frame *frame, const struct verdict_case *test, int family)
{
	struct frame_spec spec = test->spec;

	frame_addresses(&spec, family, test->source ? test->source : "192.0.2.9",
			test->destination ? test->destination : "10.0.0.1");
	frame_build(frame, &spec);
	if (test->patch_at)
		frame->data[test->patch_at] = test->patch;
	if (test->cut)
		frame->length = test->cut;
}

static void verdicts(struct fixture *fixture, int family)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct verdict_case *test = &cases[i];
		struct outcome outcome;
		struct frame frame;

		if (!concerns(test, family))
			continue;
		build(&frame, test, family);
		fixture_send(fixture, test->port, &frame, &outcome);
		if (outcome.verdict == test->verdict && outcome.slice == test->slice)
			continue;
		print_error("%s: %s in slice %u instead of %s in slice %u\n", test->name, xs_verdict_name(outcome.verdict),
			    outcome.slice, xs_verdict_name(test->verdict), test->slice);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* The same cases through tc alone, as on a port without XDP: the stages are the same code, the parser is not. */
static void verdicts_by_tc_alone(struct fixture *fixture, int family)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct verdict_case *test = &cases[i];
		struct xs_slice_stats before, after;
		struct frame frame;

		if (!concerns(test, family))
			continue;
		build(&frame, test, family);
		if (test->cut && test->cut < (family == XS_FAMILY4 ? 18 + 20 : 18 + 40))
			continue; /* the kernel does not make an skb of it, or not one with its tag beside it */
		assert_int_equal(xs_slice_stats_sum(&fixture->maps, test->slice, &before), 0);
		fixture_run_tc(fixture, test->port, &frame, 0);
		assert_int_equal(xs_slice_stats_sum(&fixture->maps, test->slice, &after), 0);
		if (after.verdict[test->verdict] - before.verdict[test->verdict] == 1)
			continue;
		print_error("%s: not %s in slice %u\n", test->name, xs_verdict_name(test->verdict), test->slice);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* What each verdict means for the kernel. */
static void actions(struct fixture *fixture, int family)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct verdict_case *test = &cases[i];
		bool stack = test->destination && !strcmp(test->destination, "10.5.0.1");
		struct outcome outcome;
		struct frame frame;
		int xdp, tc = -1;

		if (!concerns(test, family))
			continue;
		build(&frame, test, family);
		fixture_send(fixture, test->port, &frame, &outcome);
		xdp = XDP_DROP;
		if (test->verdict == XS_PUNTED || test->verdict == XS_HOST || stack)
			xdp = XDP_PASS;
		else if (test->verdict == XS_FORWARDED)
			xdp = XDP_REDIRECT;
		if (test->port == PORT_STACK)
			xdp = -1;
		if (xdp == XDP_PASS || xdp == -1)
			tc = test->verdict == XS_HOST                                         ? TC_ACT_UNSPEC
			     : test->verdict == XS_PUNTED || test->verdict == XS_FORWARDED ? TC_ACT_REDIRECT
											    : TC_ACT_SHOT;
		if (outcome.xdp == xdp && outcome.tc == tc)
			continue;
		print_error("%s: XDP %d instead of %d, tc %d instead of %d\n", test->name, outcome.xdp, xdp, outcome.tc, tc);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void verdicts4(void **state)
{
	verdicts(*state, XS_FAMILY4);
}

static void verdicts6(void **state)
{
	verdicts(*state, XS_FAMILY6);
}

static void verdicts_by_tc_alone4(void **state)
{
	verdicts_by_tc_alone(*state, XS_FAMILY4);
}

static void verdicts_by_tc_alone6(void **state)
{
	verdicts_by_tc_alone(*state, XS_FAMILY6);
}

static void actions4(void **state)
{
	actions(*state, XS_FAMILY4);
}

static void actions6(void **state)
{
	actions(*state, XS_FAMILY6);
}

/* A table of the other family is of no use. */
static void a_slice_without_table(void **state)
{
	struct fixture *fixture = *state;
	struct frame_spec spec = {L1, .tci = 101};
	struct xs_slice half, was;
	struct outcome outcome;
	struct frame frame;

	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_slice, SLICE_1, &was), 0);
	for (int family = 0; family < XS_FAMILIES; family++) {
		half = was;
		half.fib_root[family] = 0;
		fixture_put(fixture, XS_MAP_slice, SLICE_1, &half);
		for (int sent = 0; sent < XS_FAMILIES; sent++) {
			frame_addresses(&spec, sent, "192.0.2.9", "10.0.0.1");
			frame_build(&frame, &spec);
			fixture_send(fixture, PORT_LINKS, &frame, &outcome);
			assert_int_equal(outcome.verdict, sent == family ? XS_NO_ROUTE : XS_FORWARDED);
		}
	}
	fixture_put(fixture, XS_MAP_slice, SLICE_1, &was);
}

/* Wherever a frame ends too early, it ends in one verdict and never goes on. */
static void truncated_anywhere(void **state)
{
	static const struct frame_spec specs[] = {
		{L1, .tci = 101},
		{G},
		{E, .protocol = 6, .destination_port = 80},
		{L1, .tci = 101, .option_words = 2},
		{L1, .tci = 101, .extensions = 4, .extension = {60, 43, 51, 60}, .fragment = 0x2000},
	};
	static const uint32_t port[] = {PORT_LINKS, PORT_GATEWAY, PORT_MUX, PORT_LINKS, PORT_LINKS};

	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
		for (int family = 0; family < XS_FAMILIES; family++) {
			struct frame_spec spec = specs[i];
			struct outcome outcome;
			struct frame frame;

			frame_addresses(&spec, family, "192.0.2.9", "203.0.113.1");
			frame_build(&frame, &spec);
			for (size_t length = frame.length - 1; length >= 14; length--) {
				frame.length = length;
				fixture_send(*state, port[i], &frame, &outcome);
				assert_int_equal(outcome.verdict, XS_MALFORMED);
			}
		}
	}
}

/* Not a port (yet): nothing is counted, the frame is the host's. */
static void not_a_port(void **state)
{
	struct fixture *fixture = *state;
	struct frame_spec spec = {L1, .tci = 101};
	uint64_t arrivals = fixture_sum_arrivals(fixture), verdicts_before = fixture_sum_verdicts(fixture);
	struct frame frame;

	for (int family = 0; family < XS_FAMILIES; family++) {
		frame_addresses(&spec, family, "192.0.2.9", "10.0.0.1");
		frame_build(&frame, &spec);
		assert_int_equal(fixture_run_xdp(fixture, 0, &frame), XDP_PASS);
		assert_int_equal(fixture_run_tc(fixture, 0, &frame, 0), TC_ACT_UNSPEC);
	}
	assert_int_equal(fixture_sum_arrivals(fixture), arrivals);
	assert_int_equal(fixture_sum_verdicts(fixture), verdicts_before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts4),
		cmocka_unit_test(verdicts6),
		cmocka_unit_test(verdicts_by_tc_alone4),
		cmocka_unit_test(verdicts_by_tc_alone6),
		cmocka_unit_test(actions4),
		cmocka_unit_test(actions6),
		cmocka_unit_test(a_slice_without_table),
		cmocka_unit_test(not_a_port),
		cmocka_unit_test(truncated_anywhere),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup_with_mux, fixture_teardown);
}
