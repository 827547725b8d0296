/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pass_cases.c - see pass_cases.h. */
#include <arpa/inet.h>
#include <string.h>

#include "selftests/bpf/pass_cases.h"

#define V4 (1 << XS_FAMILY4)
#define V6 (1 << XS_FAMILY6)

/* clang-format off */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define E .destination_mac = {0x02, 0xaa, 0, 0, 0, VPORT_E}
#define GROUP4 .destination_mac = {0x01, 0x00, 0x5e, 0, 0, 0xfb}
#define GROUP6 .destination_mac = {0x33, 0x33, 0, 0, 0, 0xfb}
#define SOLICITED(last) .destination_mac = {0x33, 0x33, 0xff, 0, 0, last}, .protocol = 58, .ttl = 255
#define LLDP .destination_mac = {0x01, 0x80, 0xc2, 0, 0, 0x0e}
#define EDGE_LINK_LOCAL "fe80::aa:ff:fe00:5" /* of E's MAC */

const struct pass_case pass_cases[] = {
	{"taken, by the router's MAC", XS_FORWARDED, 2, {ROUTER}, TAKEN},
	{"taken, by the edge's MAC", XS_FORWARDED, 2, {E}, TAKEN},
	{"taken, a fragment", XS_FORWARDED, 2, {ROUTER, .fragment = 0x2000}, TAKEN},
	{"taken, TTL 1: the sliver answers", XS_PUNTED, 2, {ROUTER, .ttl = 1}, TAKEN},
	{"taken, options", XS_PUNTED, 2, {ROUTER, .option_words = 1}, TAKEN},
	{"taken, too big for the slice's link", XS_PUNTED, 2, {ROUTER, .total = 1501}, TAKEN},

	{"not taken", XS_PASSED, 0, {ROUTER}},
	{"not taken, TTL 1", XS_PASSED, 0, {ROUTER, .ttl = 1}},
	{"not taken, options", XS_PASSED, 0, {ROUTER, .option_words = 2}},
	{"not taken, a later fragment", XS_PASSED, 0, {ROUTER, .fragment = 0x00b9}},
	{"not taken, padding", XS_PASSED, 0, {ROUTER, .padding = 10}},
	{"not taken, as large as the MTU", XS_PASSED, 0, {ROUTER, .total = 1500}},
	{"not taken, jumbo", XS_PASSED, 0, {ROUTER, .total = 9000}},
	{"taken by a spoofed source: it is not a user's", XS_PASSED, 0, {ROUTER}, .source = "198.51.100.1", TAKEN},
	{"a source that may not be on a wire", XS_PASSED, 0, {ROUTER}, .source = "127.0.0.1", TAKEN, .only = V4},
	{"a source that may not be on a wire", XS_PASSED, 0, {ROUTER}, .source = "::1", TAKEN, .only = V6},
	{"a destination that may not be on a wire", XS_PASSED, 0, {ROUTER}, .destination = "240.0.0.1", .only = V4},
	{"the edge's address by the router's MAC", XS_PASSED, 0, {ROUTER}, .destination = "192.0.2.1"},
	{"link-local by the router's MAC", XS_PASSED, 0, {ROUTER}, .source = "fe80::9", TAKEN, .only = V6},
	{"malformed", XS_PASSED, 0, {ROUTER}, TAKEN, .cut = 14 + 40},
	{"malformed, no header", XS_PASSED, 0, {ROUTER}, TAKEN, .cut = 14 + 8},
	{"malformed, version 5", XS_PASSED, 0, {ROUTER}, TAKEN, .patch_at = 14, .patch = 0x55},
	{"nothing but a link header", XS_PASSED, 0, {ROUTER}, .cut = 14},

	{"to the edge's MAC, not taken: nobody else has it", XS_NO_SLICE, 0, {E}},
	{"to the edge itself", XS_PUNTED, 0, {E}, .destination = "192.0.2.1"},
	{"spoofed, to the edge's MAC", XS_SPOOFED_SOURCE, 0, {E}, .source = "198.51.100.1"},
	{"martian, to the edge's MAC", XS_MARTIAN, 0, {E}, .destination = "127.0.0.1", .only = V4},
	{"malformed, to the edge's MAC", XS_MALFORMED, 0, {E}, .cut = 14 + 40},
	{"multicast by the edge's MAC", XS_MULTICAST, 0, {E}, .destination = "239.1.1.1", .only = V4},
	{"MPLS to the edge's MAC", XS_ETHERTYPE, 0, {E, .ethertype = 0x8847}},
	{"link-local, to the edge's MAC", XS_PUNTED, 0, {E, .protocol = 58}, .source = "fe80::9", .destination = EDGE_LINK_LOCAL, .only = V6},

	{"ARP for the edge", XS_PUNTED, 0, {BROADCAST}, .shape = ARP, .asked = "192.0.2.1", .only = V4},
	{"ARP for the edge, by its MAC", XS_PUNTED, 0, {E}, .shape = ARP, .asked = "192.0.2.1", .only = V4},
	{"ARP for another, by the edge's MAC", XS_PUNTED, 0, {E}, .shape = ARP, .asked = "192.0.2.254", .only = V4},
	{"ARP for another", XS_PASSED, 0, {BROADCAST}, .shape = ARP, .asked = "192.0.2.254", .only = V4, .heard = true},
	{"ARP for the edge, by another's MAC", XS_PASSED, 0, {ROUTER}, .shape = ARP, .asked = "192.0.2.1", .only = V4},
	{"ARP, truncated", XS_PASSED, 0, {BROADCAST}, .shape = ARP, .asked = "192.0.2.1", .only = V4, .cut = 14 + 27,
		.heard = true},
	{"solicitation for the edge", XS_PUNTED, 0, {SOLICITED(1)}, .destination = "ff02::1:ff00:1", .shape = SOLICITATION,
		.asked = "192.0.2.1", .only = V6},
	{"solicitation for the edge, before there is an address", XS_PUNTED, 0, {SOLICITED(1)}, .source = "::",
		.destination = "ff02::1:ff00:1", .shape = SOLICITATION, .asked = "192.0.2.1", .only = V6},
	{"solicitation for the edge's link-local address", XS_PUNTED, 0, {SOLICITED(5)}, .destination = "ff02::1:ff00:5",
		.shape = SOLICITATION, .asked = EDGE_LINK_LOCAL, .only = V6},
	{"solicitation for the edge, by its MAC", XS_PUNTED, 0, {E, .protocol = 58, .ttl = 255}, .destination = "192.0.2.1",
		.shape = SOLICITATION, .asked = "192.0.2.1", .only = V6},
	{"solicitation for another of the group", XS_PASSED, 0, {SOLICITED(1)}, .destination = "ff02::1:ff00:1",
		.shape = SOLICITATION, .asked = "198.51.100.1", .only = V6},
	{"solicitation for a link-local address like the edge's", XS_PASSED, 0, {SOLICITED(5)}, .destination = "ff02::1:ff00:5",
		.shape = SOLICITATION, .asked = "fe80::ab:ff:fe00:5", .only = V6},
	{"solicitation, truncated", XS_PASSED, 0, {SOLICITED(1)}, .destination = "ff02::1:ff00:1", .shape = SOLICITATION,
		.asked = "192.0.2.1", .only = V6, .cut = 14 + 63},
	{"advertisement to all", XS_PASSED, 0, {GROUP6, .protocol = 58, .ttl = 255}, .destination = "ff02::1", .shape = SOLICITATION,
		.asked = "192.0.2.1", .only = V6, .patch_at = 14 + 40, .patch = 136, .heard = true},
	{"router solicitation", XS_PASSED, 0, {GROUP6, .protocol = 58, .ttl = 255}, .source = "fe80::9", .destination = "ff02::2",
		.only = V6},

	{"DHCP", XS_PASSED, 0, {BROADCAST}, .source = "0.0.0.0", .destination = "255.255.255.255", .only = V4},
	{"broadcast of what a slice would take", XS_PASSED, 0, {BROADCAST}, TAKEN, .only = V4},
	{"link-local group", XS_PASSED, 0, {GROUP4}, .destination = "224.0.0.251", .only = V4},
	{"link-local group", XS_PASSED, 0, {GROUP6}, .source = "fe80::9", .destination = "ff02::fb", .only = V6},
	{"group", XS_PASSED, 0, {GROUP4}, .destination = "239.1.1.1", .only = V4},
	{"group", XS_PASSED, 0, {GROUP6}, .destination = "ff0e::1", .only = V6},
	{"MPLS", XS_PASSED, 0, {ROUTER, .ethertype = 0x8847}},
	{"802.3 length", XS_PASSED, 0, {BROADCAST, .ethertype = 0x0030}},
	{"LLDP", XS_PASSED, 0, {LLDP, .ethertype = 0x88cc}},

	{"tag", XS_PASSED, 0, {ROUTER, .tci = 7}},
	{"tag, what a slice would take", XS_PASSED, 0, {ROUTER, .tci = 7}, TAKEN},
	{"tag, to the edge's MAC", XS_PASSED, 0, {E, .tci = 7}, .destination = "192.0.2.1"},
	{"tag that is another port's label", XS_PASSED, 0, {ROUTER, .tci = 0xb000 | 101}},
	{"tag 0 with priority", XS_PASSED, 0, {ROUTER, .tci = 0xe000}},
	{"tag 4095", XS_PASSED, 0, {ROUTER, .tci = 4095}},
	{"802.1ad", XS_PASSED, 0, {ROUTER, .tci = 0x3007, .tag_type = 0x88a8}},
	{"802.1ad and 802.1Q", XS_PASSED, 0, {ROUTER, .tci = 7, .tag_type = 0x88a8, .inner_tag_type = 0x8100}},
	{"two tags", XS_PASSED, 0, {ROUTER, .tci = 7, .inner_tag_type = 0x8100}},
	{"ARP with a tag", XS_PASSED, 0, {BROADCAST, .tci = 7}, .shape = ARP, .asked = "192.0.2.1", .only = V4},
	{"link control with a tag", XS_PASSED, 0, {LLDP, .tci = 7, .ethertype = 0x88cc}},
	{"tag, as large as the MTU", XS_PASSED, 0, {ROUTER, .tci = 7, .total = 1500}},
	{"host's tag", XS_HOST, 0, {ROUTER, .tci = 999}},
	{"host's tag before another", XS_HOST, 0, {ROUTER, .tci = 999, .inner_tag_type = 0x8100}},
	{"host's id in 802.1ad", XS_PASSED, 0, {ROUTER, .tci = 999, .tag_type = 0x88a8}},
};
/* clang-format on */

const size_t pass_case_count = sizeof(pass_cases) / sizeof(*pass_cases);

static void address_of(int family, const char *text, uint8_t out[16])
{
	struct frame_spec spec = {};

	frame_addresses(&spec, family, text, text);
	if (family == XS_FAMILY6)
		memcpy(out, spec.destination6, 16);
	else
		memcpy(out, &(uint32_t){ htonl(spec.destination) }, 4);
}

void pass_case_build(struct frame *frame, const struct pass_case *test, int family)
{
	struct frame_spec spec = test->spec;
	size_t at;

	if (test->shape == ARP)
		spec.ethertype = 0x0806;
	if (test->shape == SOLICITATION)
		spec.payload = 16;
	frame_addresses(&spec, family, test->source ? test->source : "192.0.2.9",
			test->destination ? test->destination : "10.0.0.1");
	frame_build(frame, &spec);
	at = frame_network(frame);
	if (test->shape == ARP) {
		const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

		memcpy(frame->data + at, head, sizeof(head));
		address_of(XS_FAMILY4, test->asked, frame->data + at + 24);
	}
	if (test->shape == SOLICITATION) {
		frame->data[at + 40] = 135;
		address_of(XS_FAMILY6, test->asked, frame->data + at + 48);
	}
	if (test->patch_at)
		frame->data[test->patch_at] = test->patch;
	if (test->cut)
		frame->length = test->cut;
}
