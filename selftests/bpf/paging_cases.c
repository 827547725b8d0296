/* SPDX-License-Identifier: GPL-2.0-or-later */
/* paging_cases.c - see paging_cases.h. */
#include <string.h>

#include "selftests/bpf/paging_cases.h"

#define V4 (1 << XS_FAMILY4)
#define V6 (1 << XS_FAMILY6)

/* clang-format off */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define P .destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_P}
#define W .destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_W}
#define STRANGER .destination_mac = {0x02, 0x99, 0, 0, 0, 1}
#define BROADCAST .destination_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

const struct paging_case paging_cases[] = {
	{"inward", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.21.0.9", {P}},
	{"inward, TCP", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.22.7.9", {P, .protocol = 6}},
	{"inward, TTL 2", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .ttl = 2}},
	{"inward, TTL 1", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .ttl = 1}, VPORT_P},
	{"inward, options", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .option_words = 2}, VPORT_P},
	{"inward, as big as may be", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.21.4.9", {P, .total = 600}},
	{"inward, too big for the WAN", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.21.4.9", {P, .total = 601}, VPORT_P},
	{"inward, the WAN says unreachable", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.21.7.9", {P}, VPORT_P},
	{"inward, the WAN's router is unresolved", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.21.8.9", {P}, VPORT_P},
	{"inward, the WAN has a blackhole", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.21.9.9", {P}, VPORT_P},
	{"inward, by one of several", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.21.10.9", {P}},
	{"inward, a destination in no page", PORT_PAGED, XS_NO_PAGE, SLICE_P, "10.20.0.9", "10.23.0.9", {P}},
	{"inward, a source in no page", PORT_PAGED, XS_SPOOFED_SOURCE, SLICE_P, "10.24.0.9", "10.21.0.9", {P}},
	{"inward, an error", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.21.0.9", {P}, VPORT_P, .icmp = 3},
	{"inward, an error that expires", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .ttl = 1}, VPORT_P, .icmp = 11},
	{"inward, a redirect", PORT_PAGED, XS_UNMAPPABLE, SLICE_P, "10.20.0.9", "10.21.0.9", {P}, .only = V4, .icmp = 5},
	{"inward, an error in two parts", PORT_PAGED, XS_UNMAPPABLE, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .fragment = 0x2000},
		.icmp = 3},
	{"inward, segments left", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.21.0.9",
		{P, .extensions = 1, .extension = {43}}, .only = V6},
	{"inward, AH", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .extensions = 1, .extension = {51}}, .only = V6},
	{"inward, a first fragment", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .fragment = 0x2000}},
	{"inward, one too short for TCP's checksum", PORT_PAGED, XS_UNMAPPABLE, SLICE_P, "10.20.0.9", "10.21.0.9",
		{P, .fragment = 0x2000, .protocol = 6, .payload = 8}},
	{"inward, TCP's checksum is cut off", PORT_PAGED, XS_UNMAPPABLE, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .protocol = 6, .payload = 8}},
	{"inward, a later fragment", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.21.0.9", {P, .fragment = 0x0001, .protocol = 6, .payload = 8}},
	{"to a neighbour at the same port", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.20.0.10", {P}},
	{"to the gateway", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "10.20.0.1", {P}, VPORT_P},

	{"a user to a WAN address", PORT_PAGED, XS_WAN_ADDRESS, SLICE_P, "10.20.0.9", "100.65.0.9", {P}},
	{"a user to his own WAN address", PORT_PAGED, XS_WAN_ADDRESS, SLICE_P, "10.20.0.9", "100.64.0.9", {P}},
	{"a user to a WAN address of another slice", PORT_PAGED, XS_WAN_ADDRESS, SLICE_P, "10.20.0.9", "100.70.0.9", {P}},
	{"a user from a WAN address", PORT_PAGED, XS_WAN_ADDRESS, SLICE_P, "100.64.0.9", "10.21.0.9", {P}},
	{"a user from a WAN address of another slice", PORT_PAGED, XS_WAN_ADDRESS, SLICE_P, "100.71.0.9", "10.21.0.9", {P}},
	{"a user from one to one", PORT_PAGED, XS_WAN_ADDRESS, SLICE_P, "100.64.0.9", "100.65.0.9", {P}},
	{"a user to what is no page's", PORT_PAGED, XS_PUNTED, SLICE_P, "10.20.0.9", "100.99.0.9", {P}, VPORT_P},
	{"a user to a WAN address of a slice that is not here", PORT_PAGED, XS_WAN_ADDRESS, SLICE_P, "10.20.0.9", "100.112.0.9", {P}},
	{"a user from a WAN address of a slice that is not here", PORT_PAGED, XS_WAN_ADDRESS, SLICE_P, "100.127.0.9", "10.21.0.9", {P}},
	{"a user of another port to a WAN address of a slice that is not here", PORT_GATEWAY, XS_WAN_ADDRESS, SLICE_1, "192.0.2.9",
		"100.112.0.9", {.destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_G}}},
	{"a user of another port to a WAN address", PORT_GATEWAY, XS_WAN_ADDRESS, SLICE_1, "192.0.2.9", "100.65.0.9",
		{.destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_G}}},
	{"a link to a WAN address", PORT_LINKS, XS_PUNTED, SLICE_1, "192.0.2.9", "100.65.0.9",
		{.destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_L1}, .tci = 101}, VPORT_L1},

	{"outward", PORT_WAN, XS_FORWARDED, SLICE_P, "100.65.0.9", "100.64.0.9", {W}},
	{"inward, to one host", PORT_PAGED, XS_FORWARDED, SLICE_P, "10.20.0.9", "10.24.0.77", {P, .protocol = 6}},
	{"outward, from one host", PORT_WAN, XS_FORWARDED, SLICE_P, "198.18.8.99", "100.64.0.9", {W, .protocol = 6}},
	{"outward, from the small page", PORT_WAN, XS_FORWARDED, SLICE_P, "198.18.9.9", "100.64.0.9", {W, .protocol = 6}},
	{"outward, TTL 1", PORT_WAN, XS_PUNTED, SLICE_P, "100.65.0.9", "100.64.0.9", {W, .ttl = 1}, VPORT_U},
	{"outward, options", PORT_WAN, XS_PUNTED, SLICE_P, "100.65.0.9", "100.64.0.9", {W, .option_words = 2}, VPORT_U},
	{"outward, to the gateway itself", PORT_WAN, XS_PUNTED, SLICE_P, "100.65.0.9", "100.64.0.1", {W}, VPORT_U},
	{"outward, too big for the user's link", PORT_WAN, XS_PUNTED, SLICE_P, "100.65.0.9", "100.64.4.9", {W, .total = 601}, VPORT_U},
	{"outward, as big as may be", PORT_WAN, XS_FORWARDED, SLICE_P, "100.65.0.9", "100.64.4.9", {W, .total = 600}},
	{"outward, an unresolved user", PORT_WAN, XS_PUNTED, SLICE_P, "100.65.0.9", "100.64.8.9", {W}, VPORT_U},
	{"outward, back to where it comes from", PORT_WAN, XS_PUNTED, SLICE_P, "100.65.0.9", "100.64.6.9", {W}, VPORT_U},
	{"outward, an error", PORT_WAN, XS_PUNTED, SLICE_P, "100.65.0.9", "100.64.0.9", {W}, VPORT_U, .icmp = 3},
	{"outward, a stranger's error", PORT_WAN, XS_PUNTED, SLICE_P, "203.0.113.9", "100.64.0.9", {W}, VPORT_U, .icmp = 11},
	{"outward, a stranger's redirect", PORT_WAN, XS_FOREIGN_PAGE, SLICE_P, "203.0.113.9", "100.64.0.9", {W}, .only = V4, .icmp = 5},
	{"outward, a redirect", PORT_WAN, XS_UNMAPPABLE, SLICE_P, "100.65.0.9", "100.64.0.9", {W}, .only = V4, .icmp = 5},
	{"outward, a stranger's echo", PORT_WAN, XS_FOREIGN_PAGE, SLICE_P, "203.0.113.9", "100.64.0.9", {W}, .only = V4, .icmp = 8},
	{"outward, a stranger", PORT_WAN, XS_FOREIGN_PAGE, SLICE_P, "203.0.113.9", "100.64.0.9", {W}},
	{"outward, from another slice", PORT_WAN, XS_FOREIGN_PAGE, SLICE_P, "100.71.0.9", "100.64.0.9", {W}},
	{"outward, from another slice, an error", PORT_WAN, XS_FOREIGN_PAGE, SLICE_P, "100.71.0.9", "100.64.0.9", {W}, .icmp = 3},
	{"outward, from a slice that is not here", PORT_WAN, XS_FOREIGN_PAGE, SLICE_P, "100.112.0.9", "100.64.0.9", {W}},
	{"outward, from a slice that is not here, an error", PORT_WAN, XS_FOREIGN_PAGE, SLICE_P, "100.112.0.9", "100.64.0.9", {W}, .icmp = 3},
	{"outward, into the other slice", PORT_WAN, XS_FOREIGN_PAGE, SLICE_Q, "100.65.0.9", "100.70.0.9", {W}},
	{"outward, TCP's checksum is cut off", PORT_WAN, XS_UNMAPPABLE, SLICE_P, "100.65.0.9", "100.64.0.9", {W, .protocol = 6, .payload = 8}},

	{"a page that lies elsewhere", PORT_WAN, XS_HOST, 0, "100.64.0.9", "100.65.0.9", {W}},
	{"a page of a slice that is not here", PORT_WAN, XS_HOST, 0, "100.64.0.9", "100.112.0.9", {W}},
	{"from one such to another", PORT_WAN, XS_HOST, 0, "100.113.0.9", "100.112.0.9", {W}},
	{"no page", PORT_WAN, XS_HOST, 0, "203.0.113.9", "203.0.113.1", {W}},
	{"no page, TTL 1", PORT_WAN, XS_HOST, 0, "203.0.113.9", "203.0.113.1", {W, .ttl = 1}},
	{"somebody else's MAC", PORT_WAN, XS_HOST, 0, "100.65.0.9", "100.64.0.9", {STRANGER}},
	{"broadcast", PORT_WAN, XS_HOST, 0, "100.65.0.9", "100.64.0.9", {BROADCAST}},
	{"ARP", PORT_WAN, XS_HOST, 0, "100.65.0.9", "100.64.0.9", {BROADCAST, .ethertype = 0x0806}},
	{"ARP to the port", PORT_WAN, XS_HOST, 0, "100.65.0.9", "100.64.0.9", {W, .ethertype = 0x0806}},
	{"MPLS", PORT_WAN, XS_HOST, 0, "100.65.0.9", "100.64.0.9", {W, .ethertype = 0x8847}},
	{"a tag", PORT_WAN, XS_UNKNOWN_LABEL, 0, "100.65.0.9", "100.64.0.9", {W, .tci = 7}},
	{"link-local", PORT_WAN, XS_HOST, 0, "fe80::9", "fe80::1", {W, .protocol = 89, .ttl = 1}, .only = V6},
	{"OSPF", PORT_WAN, XS_HOST, 0, "203.0.113.9", "224.0.0.5", {.destination_mac = {0x01, 0, 0x5e, 0, 0, 5}, .protocol = 89, .ttl = 1}, .only = V4},
};
/* clang-format on */

const size_t paging_case_count = sizeof(paging_cases) / sizeof(*paging_cases);

const struct paging_case *paging_case_of(const char *name)
{
	for (size_t i = 0; i < paging_case_count; i++)
		if (!strcmp(paging_cases[i].name, name))
			return &paging_cases[i];
	fail();
	return NULL;
}

/* An ICMP message of this type in place of the transport. */
void paging_case_build(struct frame *frame, const struct paging_case *test, int family)
{
	struct frame_spec spec = test->spec;

	if (test->icmp) {
		spec.protocol = family == XS_FAMILY4 ? 1 : 58;
		spec.payload = 60;
		spec.source_port = (family == XS_FAMILY4 ? test->icmp : 1) << 8;
	}
	frame_addresses(&spec, family, test->source, test->destination);
	frame_build(frame, &spec);
}

bool paging_case_concerns(const struct paging_case *test, int family)
{
	return !test->only || test->only & 1u << family;
}
