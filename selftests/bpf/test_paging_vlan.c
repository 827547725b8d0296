/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_paging_vlan.c - paging for users on a VLAN of the WAN's port: whatever they send comes to the same end as without a tag, and nobody
 * behind a tag is of the WAN.
 */
#include <arpa/inet.h>
#include <string.h>

#include "selftests/bpf/paging_cases.h"

enum { PORT_VLAN = PORT_EXIT, VLAN = 30, VLAN_OF_OTHERS };

/* The same users by a tag; and one of another slice's, where nobody is. */
static void put_vlans(struct paged *paged)
{
	const uint32_t leads_to = XS_LABEL_PORT | PORT_VLAN, to_others = XS_LABEL_PORT | PORT_GATEWAY;
	struct xs_port entry;

	assert_int_equal(xs_node_maps_get(&paged->fixture->maps, XS_MAP_port, PORT_PAGED, &entry), 0);
	fixture_put(paged->fixture, XS_MAP_port, PORT_VLAN, &entry);
	fixture_put(paged->fixture, XS_MAP_label, PORT_WAN * XS_VIDS + VLAN, &leads_to);
	fixture_put(paged->fixture, XS_MAP_label, PORT_WAN * XS_VIDS + VLAN_OF_OTHERS, &to_others);
}

/* Whatever users send without a tag comes to the same end with one, by XDP and by tc, and leaves as the same bytes. */
static void users_of_a_vlan(void **state)
{
	struct paged *paged = *state;
	unsigned int forwarded = 0;

	put_vlans(paged);
	for (size_t k = 0; k < paging_case_count * XS_FAMILIES; k++) {
		struct paging_case test = paging_cases[k / XS_FAMILIES];
		const int family = k % XS_FAMILIES;
		struct frame plain, tagged;
		struct outcome want, got;

		if (test.port != PORT_PAGED || !paging_case_concerns(&test, family))
			continue;
		paging_case_build(&plain, &test, family);
		test.spec.tci = VLAN;
		paging_case_build(&tagged, &test, family);
		fixture_send(paged->fixture, PORT_PAGED, &plain, &want);
		fixture_send(paged->fixture, PORT_WAN, &tagged, &got);
		assert_int_equal(got.xdp, want.xdp);
		assert_int_equal(got.verdict, want.verdict);
		assert_int_equal(got.slice, want.slice);
		assert_int_equal(fixture_run_tc(paged->fixture, PORT_PAGED, &plain, 0), fixture_run_tc(paged->fixture, PORT_WAN, &tagged, 0));
		if (want.verdict != XS_FORWARDED && want.verdict != XS_PUNTED)
			continue;
		forwarded += want.verdict == XS_FORWARDED;
		assert_int_equal(got.out.length, want.out.length);
		assert_memory_equal(got.out.data, want.out.data, want.out.length);
		assert_int_equal(tagged.length, plain.length);
		assert_memory_equal(tagged.data, plain.data, plain.length);
	}
	assert_true(forwarded > 10);
}

/* What comes out of the WAN gets the users' tag, and is else the same. */
static void to_users_of_a_vlan(void **state)
{
	struct paged *paged = *state;
	struct xs_nexthop *hop = &xs_node_maps_nexthop(&paged->fixture->maps)[HOP_P];

	for (int k = 0; k < 2 * XS_FAMILIES; k++) {
		const struct paging_case *test = paging_case_of(k & 1 ? "outward" : "outward, from the small page");
		struct outcome want, got;
		struct frame frame;

		paging_case_build(&frame, test, k / 2);
		fixture_send(paged->fixture, PORT_WAN, &frame, &want);
		hop->tci = htons(VLAN);
		fixture_send(paged->fixture, PORT_WAN, &frame, &got);
		hop->tci = 0;
		assert_int_equal(got.verdict, XS_FORWARDED);
		assert_int_equal(frame_take_tag(&got.out) & 0xffff, VLAN);
		assert_int_equal(got.out.length, want.out.length);
		assert_memory_equal(got.out.data, want.out.data, want.out.length);
	}
}

/* Behind a tag nobody is of the WAN, nor of another VLAN's slice. */
static void a_vlan_is_not_the_wan(void **state)
{
	struct paged *paged = *state;

	put_vlans(paged);
	for (int k = 0; k < 2 * XS_FAMILIES; k++) {
		struct paging_case test = *paging_case_of("outward");
		struct outcome outcome;
		struct frame frame;

		test.spec.tci = k & 1 ? VLAN : VLAN_OF_OTHERS;
		memcpy(test.spec.destination_mac, fixture_mac(k & 1 ? VPORT_P : VPORT_G), 6);
		paging_case_build(&frame, &test, k / 2);
		fixture_send(paged->fixture, PORT_WAN, &frame, &outcome);
		assert_int_equal(outcome.verdict, XS_WAN_ADDRESS);
		test = *paging_case_of("inward");
		test.spec.tci = VLAN_OF_OTHERS;
		memcpy(test.spec.destination_mac, fixture_mac(k & 1 ? VPORT_P : VPORT_G), 6);
		paging_case_build(&frame, &test, k / 2);
		fixture_send(paged->fixture, PORT_WAN, &frame, &outcome);
		assert_int_equal(outcome.verdict, k & 1 ? XS_NOT_FOR_US : XS_SPOOFED_SOURCE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_of_a_vlan),
		cmocka_unit_test(to_users_of_a_vlan),
		cmocka_unit_test(a_vlan_is_not_the_wan),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, paged_setup, paged_teardown);
}
