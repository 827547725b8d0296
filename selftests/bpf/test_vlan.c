/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_vlan.c - a VLAN of users on a port that carries slices' labels: a port of its own, at both front ends, in both
 * families. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "selftests/bpf/fixture.h"

enum { USERS = 6, CHOOSERS = 7, VPORT_USERS = 10, VPORT_CHOOSERS };
enum { VLAN_USERS = 30, VLAN_CHOOSERS = 31, VLAN_NOBODY = 32, PRIORITY = 0xb000 };

static void put_vlan(struct fixture *fixture, uint32_t port, uint32_t like, uint32_t vport, uint32_t vid)
{
	const uint32_t leads_to = XS_LABEL_PORT | port;
	struct xs_port entry;
	struct xs_vport by;

	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_port, like, &entry), 0);
	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_vport, entry.untagged, &by), 0);
	by.port = port;
	by.vid = (uint16_t)vid;
	entry.untagged = vport;
	fixture_put(fixture, XS_MAP_vport, vport, &by);
	fixture_put(fixture, XS_MAP_port, port, &entry);
	fixture_put(fixture, XS_MAP_label, PORT_LINKS * XS_VIDS + vid, &leads_to);
}

static int setup(void **state)
{
	fixture_setup_with_mux(state);
	put_vlan(*state, USERS, PORT_GATEWAY, VPORT_USERS, VLAN_USERS);
	put_vlan(*state, CHOOSERS, PORT_MUX, VPORT_CHOOSERS, VLAN_CHOOSERS);
	return 0;
}

static void send_tagged(struct fixture *fixture, int family, uint32_t mac_of, uint32_t tci, const char *source,
			const char *destination, struct outcome *outcome)
{
	struct frame_spec spec = { .protocol = 17, .payload = 100, .tci = tci };
	struct frame frame;

	frame_addresses(&spec, family, source, destination);
	memcpy(spec.destination_mac, fixture_mac(mac_of), 6);
	frame_build(&frame, &spec);
	fixture_send(fixture, PORT_LINKS, &frame, outcome);
}

static void users_come_in(void **state)
{
	for (int family = 0; family < XS_FAMILIES; family++) {
		struct xs_vport_stats before, after;
		struct outcome outcome;

		assert_int_equal(xs_vport_stats_sum(&((struct fixture *)*state)->maps, VPORT_USERS, &before), 0);
		send_tagged(*state, family, VPORT_G, PRIORITY | VLAN_USERS, "192.0.2.9", "10.0.0.1", &outcome);
		assert_int_equal(xs_vport_stats_sum(&((struct fixture *)*state)->maps, VPORT_USERS, &after), 0);
		assert_int_equal(outcome.xdp, XDP_REDIRECT);
		assert_int_equal(outcome.verdict, XS_FORWARDED);
		assert_int_equal(outcome.slice, SLICE_1);
		assert_int_equal(frame_tci(&outcome.out), PRIORITY | 102);
		assert_int_equal(after.rx_packets - before.rx_packets, 1);
	}
}

/* By tc, as where a local stack is behind the next hop's port. */
static void users_come_in_by_tc(void **state)
{
	struct outcome outcome;

	for (int family = 0; family < XS_FAMILIES; family++) {
		send_tagged(*state, family, VPORT_G, VLAN_USERS, "192.0.2.9", "10.5.0.1", &outcome);
		assert_int_equal(outcome.xdp, XDP_PASS);
		assert_int_equal(outcome.tc, TC_ACT_REDIRECT);
		assert_int_equal(outcome.verdict, XS_FORWARDED);
		assert_int_equal(frame_tci(&outcome.out), 0);
	}
}

static void a_mux_selects(void **state)
{
	struct outcome outcome;

	for (int family = 0; family < XS_FAMILIES; family++) {
		send_tagged(*state, family, VPORT_E, VLAN_CHOOSERS, "192.0.2.9", "203.0.113.1", &outcome);
		assert_int_equal(outcome.verdict, XS_FORWARDED);
		assert_int_equal(outcome.slice, SLICE_2);
		assert_int_equal(frame_tci(&outcome.out), 201);
	}
}

/* What is dropped on users' ports is dropped here; VLANs are apart, and no label is to be had by one. */
static void nobody_else_comes_in(void **state)
{
	static const struct {
		uint32_t tci, mac_of;
		const char *source;
		enum xs_verdict verdict;
	} cases[] = {
		{ VLAN_USERS, VPORT_G, "198.51.100.1", XS_SPOOFED_SOURCE },
		{ VLAN_NOBODY, VPORT_G, "192.0.2.9", XS_UNKNOWN_LABEL },
		{ VLAN_USERS, VPORT_E, "192.0.2.9", XS_NOT_FOR_US },
		{ VLAN_CHOOSERS, VPORT_G, "192.0.2.9", XS_NOT_FOR_US },
		{ VLAN_USERS, VPORT_L1, "192.0.2.9", XS_NOT_FOR_US },
	};
	struct outcome outcome;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * XS_FAMILIES; i++) {
		const size_t at = i / XS_FAMILIES;

		send_tagged(*state, i % XS_FAMILIES, cases[at].mac_of, cases[at].tci, cases[at].source, "10.0.0.1",
			    &outcome);
		assert_int_equal(outcome.verdict, cases[at].verdict);
	}
}

/* What the gateway's kernel gets is untagged. */
static void punted_without_tag(void **state)
{
	struct outcome outcome;

	for (int family = 0; family < XS_FAMILIES; family++) {
		send_tagged(*state, family, VPORT_G, PRIORITY | VLAN_USERS, "192.0.2.9", "10.3.0.1", &outcome);
		assert_int_equal(outcome.verdict, XS_PUNTED);
		assert_int_equal(outcome.tc, TC_ACT_REDIRECT);
		assert_int_equal(frame_tci(&outcome.out), 0);
	}
}

/* No port is behind it yet, or any more. */
static void closed(void **state)
{
	struct fixture *fixture = *state;
	const struct xs_port none = {};
	struct outcome outcome;
	struct xs_port entry;

	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_port, USERS, &entry), 0);
	fixture_put(fixture, XS_MAP_port, USERS, &none);
	send_tagged(fixture, XS_FAMILY4, VPORT_G, VLAN_USERS, "192.0.2.9", "10.0.0.1", &outcome);
	assert_int_equal(outcome.verdict, XS_UNKNOWN_LABEL);
	fixture_put(fixture, XS_MAP_port, USERS, &entry);
}

static void a_second_tag(void **state)
{
	struct frame_spec spec = { .protocol = 17, .payload = 100, .tci = VLAN_USERS };
	struct frame frame, twice;
	struct outcome outcome;

	frame_addresses(&spec, XS_FAMILY4, "192.0.2.9", "10.0.0.1");
	memcpy(spec.destination_mac, fixture_mac(VPORT_G), 6);
	frame_build(&frame, &spec);
	twice = frame;
	memmove(twice.data + 16, frame.data + 12, frame.length - 12);
	twice.length += 4;
	fixture_send(*state, PORT_LINKS, &twice, &outcome);
	assert_int_equal(outcome.verdict, XS_DOUBLE_TAG);
}

/* What a gateway's kernel sends itself bears the users' tag. */
static void originated_with_tag(void **state)
{
	struct frame_spec spec = { .protocol = 17, .payload = 100 };
	struct frame frame;

	frame_addresses(&spec, XS_FAMILY4, "10.0.0.1", "192.0.2.9");
	frame_build(&frame, &spec);
	assert_int_equal(fixture_run_sliver(*state, VPORT_USERS, &frame), TC_ACT_REDIRECT);
	assert_int_equal(frame_tci(&frame), VLAN_USERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_come_in),      cmocka_unit_test(users_come_in_by_tc),
		cmocka_unit_test(a_mux_selects),      cmocka_unit_test(nobody_else_comes_in),
		cmocka_unit_test(punted_without_tag), cmocka_unit_test(closed),
		cmocka_unit_test(a_second_tag),       cmocka_unit_test(originated_with_tag),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, setup, fixture_teardown);
}
