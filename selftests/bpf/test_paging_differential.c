/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_paging_differential.c - paging against the reference translator (reference.py), which says of each packet what it is in the
 * slice and in the WAN. Inward at the near gateway, by XDP, by tc, and by the slow path; outward at the far one, likewise: what comes
 * out must be the reference's packet but for the TTL, byte for byte, and what went out comes back as it was. XSLICE_PACKETS: how
 * many, 100 000 by default; XSLICE_SEED.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selftests/bpf/paged.h"

#define PACKETS 100000
#define LINK 14

enum expected { FORWARDED, SLOW, UNMAPPABLE, STRANGER }; /* as in reference.py */

struct record {
	uint8_t expected, family, kind;
	struct frame near, wan, far; /* packets behind a link header */
};

struct gateways {
	struct paged *near, *far;
	unsigned long packets, runs, wrong, of_kind[8];
};

static const char *const kinds[] = {"plain", "ends", "options", "extensions", "short", "fragments", "quotes", "strangers"};

static bool read_packet(FILE *from, struct frame *frame, int family)
{
	uint8_t length[2];

	frame->length = 0;
	if (fread(length, 1, 2, from) != 2)
		return false;
	if (!(length[0] | length[1] << 8))
		return true;
	frame->length = LINK + (length[0] | length[1] << 8);
	memset(frame->data, 0, LINK);
	memcpy(frame->data + 12, family == 4 ? "\x08\x00" : "\x86\xdd", 2);
	return fread(frame->data + LINK, 1, frame->length - LINK, from) == frame->length - LINK;
}

static bool read_record(FILE *from, struct record *record)
{
	uint8_t head[8];

	if (fread(head, 1, sizeof(head), from) != sizeof(head))
		return false;
	record->expected = head[4];
	record->family = head[5];
	record->kind = head[6];
	return read_packet(from, &record->near, record->family) && read_packet(from, &record->wan, record->family) &&
	       read_packet(from, &record->far, record->family);
}

/* The same packet some hops on. */
static void change_ttl(struct frame *frame, int by)
{
	uint8_t *ip = frame->data + LINK;

	if (ip[0] >> 4 == 6) {
		ip[7] += by;
		return;
	}
	ip[8] += by;
	ip[10] = ip[11] = 0;
	frame_put_word(frame, LINK + 10, ~frame_sum(ip, (ip[0] & 15) * 4, 0));
}

static void show(const char *what, const struct frame *frame)
{
	char text[3 * 512 + 1];
	size_t at = 0;

	for (size_t i = LINK; i < frame->length && i < 512; i++)
		at += snprintf(text + at, sizeof(text) - at, "%02x%s", frame->data[i], i % 4 == 1 ? " " : "");
	print_error("  %-8s %s\n", what, text);
}

/* One run: it must have ended so, and, if it goes on, with this packet. */
static void judge(struct gateways *gateways, const struct record *record, const char *way, int action, int want, const struct frame *in,
		  const struct frame *out, const struct frame *packet)
{
	gateways->runs++;
	if (action == want &&
	    (!packet || (out->length == packet->length && !memcmp(out->data + LINK, packet->data + LINK, packet->length - LINK))))
		return;
	if (gateways->wrong++ > 5)
		return;
	print_error("%s, IPv%d, %s: action %d, wanted %d\n", kinds[record->kind], record->family, way, action, want);
	show("in", in);
	show("out", out);
	if (packet)
		show("wanted", packet);
}

static void refill(struct fixture *fixture)
{
	const struct xs_policer full = {};

	fixture_put(fixture, XS_MAP_policer, VPORT_U, &full);
	fixture_put(fixture, XS_MAP_policer, VPORT_P, &full);
}

/* By XDP and by tc alone: forwarded as `want`, punted untouched, or dropped. */
static void run_fast(struct gateways *gateways, const struct record *record, struct fixture *fixture, uint32_t port, uint32_t vport,
		     const struct frame *packet, const struct frame *becomes)
{
	const bool goes = record->expected == FORWARDED, stays = record->expected == SLOW || record->expected == STRANGER;
	struct frame in = *packet, out, want = *becomes;

	memcpy(in.data, fixture_mac(vport), 6);
	change_ttl(&want, -1);
	if (!goes) {
		want = in;
		refill(fixture);
	}
	out = in;
	judge(gateways, record, port == PORT_WAN ? "outward by XDP" : "inward by XDP", fixture_run_xdp(fixture, port, &out),
	      goes    ? XDP_REDIRECT
	      : stays ? XDP_PASS
		      : XDP_DROP,
	      &in, &out, goes || stays ? &want : NULL);
	out = in;
	judge(gateways, record, port == PORT_WAN ? "outward by tc" : "inward by tc", fixture_run_tc(fixture, port, &out, 0),
	      goes || stays ? TC_ACT_REDIRECT : TC_ACT_SHOT, &in, &out, goes || stays ? &want : NULL);
}

static void run_slow_inward(struct gateways *gateways, const struct record *record)
{
	struct frame in = record->near, out = in, want = record->wan;

	change_ttl(&want, 1);
	judge(gateways, record, "inward by the uplink", fixture_run_sliver(gateways->near->fixture, VPORT_U, &out),
	      record->expected == UNMAPPABLE ? TC_ACT_SHOT : TC_ACT_UNSPEC, &in, &out,
	      record->expected == UNMAPPABLE ? NULL : &want);
}

static void run_slow_outward(struct gateways *gateways, const struct record *record, struct fixture *fixture)
{
	const uint8_t sliver_mac[6] = {0x02, 0xbb, 0, 0, 0, VPORT_U};
	struct frame in = record->wan, out;

	memcpy(in.data, sliver_mac, 6);
	out = in;
	judge(gateways, record, "outward by the uplink", fixture_run_uplink(fixture, &out, 0),
	      record->expected == UNMAPPABLE ? TC_ACT_SHOT : TC_ACT_UNSPEC, &in, &out,
	      record->expected == UNMAPPABLE ? NULL : &record->far);
}

static void run_all(struct gateways *gateways, const struct record *record)
{
	struct fixture *behind = record->expected == STRANGER ? gateways->near->fixture : gateways->far->fixture;

	gateways->packets++;
	gateways->of_kind[record->kind]++;
	if (record->near.length) {
		run_fast(gateways, record, gateways->near->fixture, PORT_PAGED, VPORT_P, &record->near, &record->wan);
		run_slow_inward(gateways, record);
	}
	run_fast(gateways, record, behind, PORT_WAN, VPORT_W, &record->wan, &record->far);
	run_slow_outward(gateways, record, behind);
}

static void as_the_reference_says(void **state)
{
	const char *packets = getenv("XSLICE_PACKETS"), *seed = getenv("XSLICE_SEED");
	struct gateways gateways = {.near = paged_new(false), .far = paged_new(true)};
	const unsigned long wanted = packets ? strtoul(packets, NULL, 10) : PACKETS;
	struct record record;
	char command[128];
	FILE *from;

	gateways.near->fixture->police = gateways.far->fixture->police = true; /* buckets are filled here, where there is need */
	snprintf(command, sizeof(command), "exec selftests/bpf/reference.py %lu %lu", seed ? strtoul(seed, NULL, 10) : 1, wanted);
	from = popen(command, "r");
	assert_non_null(from);
	while (read_record(from, &record))
		run_all(&gateways, &record);
	assert_int_equal(pclose(from), 0);
	paged_free(gateways.near);
	paged_free(gateways.far);
	print_message("%lu packets, %lu runs, %lu different\n", gateways.packets, gateways.runs, gateways.wrong);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		print_message("  %-10s %lu\n", kinds[i], gateways.of_kind[i]);
		assert_in_range(gateways.of_kind[i], 1, ~0u);
	}
	assert_true(gateways.packets >= wanted);
	assert_int_equal(gateways.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_reference_says),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
