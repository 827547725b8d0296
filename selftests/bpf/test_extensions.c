/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_extensions.c - IPv6's extension headers before a MUX that asks for ports: which chains lead to the ports, and that whatever
 * stands in them, a packet without ports that can be trusted has none.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

#define NETWORK 14 /* users' frames bear no tag */

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, ESP = 50, AUTHENTICATION = 51, NOTHING = 59, OPTIONS = 60 };

struct chain {
	const char *name;
	struct frame_spec spec;
	bool found;
	size_t patch_at; /* > 0: this byte behind IPv6's header becomes patch */
	uint8_t patch;
};

/* clang-format off */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static const struct chain chains[] = {
	{"none", {}, true},
	{"options", {.extensions = 1, .extension = {OPTIONS}}, true},
	{"options of 2048 bytes", {.extensions = 1, .extension = {OPTIONS}, .extension_units = 255}, true},
	{"options, routing, authentication, options", {.extensions = 4, .extension = {OPTIONS, ROUTING, AUTHENTICATION, OPTIONS},
		.extension_units = 3}, true},
	{"as many as are walked", {.extensions = 8, .extension = {OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS}},
		true},
	{"one more", {.extensions = 9, .extension = {OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS, OPTIONS}}},
	{"hop-by-hop", {.option_words = 2}, true},
	{"hop-by-hop where it may not stand", {.extensions = 2, .extension = {OPTIONS, HOP_BY_HOP}}, true},
	{"first fragment", {.fragment = 0x2000}},
	{"later fragment", {.fragment = 0x00b9}},
	{"a fragment that is whole", {.extensions = 1, .extension = {FRAGMENT}}}, /* RFC 6946's atomic one: still no ports */
	{"first fragment behind options", {.extensions = 2, .extension = {OPTIONS, ROUTING}, .fragment = 0x2000}},
	{"encrypted", {.extensions = 1, .extension = {ESP}}},
	{"nothing", {.extensions = 1, .extension = {NOTHING}}},
	{"another protocol", {.protocol = 17}},
	{"another port", {.destination_port = 81}},
	{"too short for ports", {.total = 43}},
	{"too short for ports behind options", {.extensions = 1, .extension = {OPTIONS}, .total = 51}},
	{"a header longer than the packet", {.extensions = 1, .extension = {OPTIONS}}, false, 1, 200},
	{"a header that ends where the packet ends", {.extensions = 1, .extension = {OPTIONS}, .payload = 24}, false, 1, 4},
	{"ports behind the packet, in its padding", {.extensions = 1, .extension = {OPTIONS}, .payload = 24, .padding = 64}, false, 1, 7},
	{"a chain that goes back to IPv6's options for ever", {.extensions = 1, .extension = {OPTIONS}}, false, 0, OPTIONS},
};
/* clang-format on */

static void build(struct frame *frame, const struct chain *chain)
{
	struct frame_spec spec = chain->spec;

	memcpy(spec.destination_mac, fixture_mac(VPORT_E), 6);
	spec.protocol = spec.protocol ? spec.protocol : 6;
	spec.destination_port = spec.destination_port ? spec.destination_port : 80;
	frame_addresses(&spec, XS_FAMILY6, "192.0.2.9", "198.51.100.9");
	frame_build(frame, &spec);
	if (chain->patch)
		frame->data[NETWORK + 40 + chain->patch_at] = chain->patch;
}

/* Slice 2 takes port 80 of TCP, slice 1 takes what is left. */
static int setup(void **state)
{
	const struct xs_condition condition[] = {
		{.slice = SLICE_2, .vport = VPORT_M2, .family = XS_FAMILY_EITHER, .protocol = 6, .destination_port = {80, 80},
		 .fields = XS_GENERAL_PROTOCOL | XS_GENERAL_DESTINATION_PORT},
		{.slice = SLICE_1, .vport = VPORT_M1, .family = XS_FAMILY_EITHER, .position = 1},
	};

	fixture_setup(state);
	fixture_policy(*state, condition, 2);
	return 0;
}

static void ports_behind_chains(void **state)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++) {
		const struct chain *chain = &chains[i];
		uint32_t slice = chain->found ? SLICE_2 : SLICE_1;
		struct xs_slice_stats before, after;
		struct outcome outcome;
		struct frame frame;

		build(&frame, chain);
		fixture_send(*state, PORT_MUX, &frame, &outcome);
		if (outcome.slice != slice) {
			print_error("%s: slice %u instead of %u\n", chain->name, outcome.slice, slice);
			wrong++;
		}
		assert_int_equal(xs_slice_stats_sum(&((struct fixture *)*state)->maps, slice, &before), 0);
		fixture_run_tc(*state, PORT_MUX, &frame, 0);
		assert_int_equal(xs_slice_stats_sum(&((struct fixture *)*state)->maps, slice, &after), 0);
		if (!memcmp(&before, &after, sizeof(before))) {
			print_error("%s: not slice %u by tc\n", chain->name, slice);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* Whatever a byte of the headers says: one verdict, and slice 2 only if the kernel's own reading finds port 80. */
static void any_byte_in_a_chain(void **state)
{
	const struct chain chain = {.spec = {.extensions = 3, .extension = {OPTIONS, ROUTING, AUTHENTICATION}, .extension_units = 1}};

	for (size_t at = 6; at < 40 + 16 + 16 + 12; at = at == 6 ? 40 : at + 1) {
		for (unsigned int value = 0; value < 256; value++) {
			struct outcome outcome;
			struct frame frame;

			build(&frame, &chain);
			frame.data[NETWORK + at] = value;
			fixture_send(*state, PORT_MUX, &frame, &outcome);
			assert_true(outcome.slice == SLICE_1 || outcome.slice == SLICE_2);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_behind_chains),
		cmocka_unit_test(any_byte_in_a_chain),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, setup, fixture_teardown);
}
