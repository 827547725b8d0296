/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_plan_ipv6.c - what a plan resolves for IPv6, alone and beside IPv4: addresses, routes along links that carry the
 * family, cells of two addresses, images; and that a family that comes or goes renumbers nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "selftests/unit/model_dump.h"
#include "selftests/unit/plan_fixture.h"

static void assert_address(const struct xs_address *address, const char *expected)
{
	char text[XS_PREFIX_TEXT];

	assert_string_equal(xs_address_text(address, text), expected);
}

static struct made *made_file(const char *path, const struct made *earlier)
{
	size_t size;
	char *text = model_slurp(path, &size);
	struct made *made = made_new(text, earlier, 0);

	free(text);
	return made;
}

/* What both examples must have of IPv6. */
static void assert_figure7(const struct made *made)
{
	const struct xs_p_slice *p = made_slice(made, "P"), *a = made_slice(made, "A");
	const struct xs_p_vrf *p1 = made_vrf(made, "P", "R1"), *p3 = made_vrf(made, "P", "R3");
	const struct xs_p_mux *mux = &made->plan->mux[0];
	const struct xs_rec_condition *condition;
	const struct xs_image *r3 = made->image[2];
	size_t i, sixes = 0;

	assert_address(&p->link[0].end[0]->address[XS_FAMILY6], "2001:db8:1:2::1");
	assert_address(&p->link[0].end[1]->address[XS_FAMILY6], "2001:db8:1:2::2");
	assert_address(&p->link[0].end[1]->peer[XS_FAMILY6], "2001:db8:1:2::1");
	assert_int_equal(p->link[0].end[0]->length[XS_FAMILY6], 64);
	assert_address(&p->gateway[0].vport->address[XS_FAMILY6], "2001:db8:0:100::1");
	assert_address(&a->gateway[0].vport->address[XS_FAMILY6], "2001:db8:0:100::1");
	assert_memory_equal(&p->gateway[0].vport->mac, &a->gateway[0].vport->mac, sizeof(struct xs_mac));
	assert_address(&mux->edge->address[XS_FAMILY6], "2001:db8:0:200::1");
	assert_address(&mux->edge->peer[XS_FAMILY6], "2001:db8:0:ff::1");
	assert_address(&mux->slice[1]->address[XS_FAMILY6], "2001:db8:0:ff::3");
	assert_address(&mux->slice[1]->peer[XS_FAMILY6], "2001:db8:0:ff::1");
	assert_address(&mux->slice[1]->shared[XS_FAMILY6], "2001:db8:0:200::1");
	assert_int_equal(mux->slice[1]->length[XS_FAMILY6], 128);
	assert_string_equal(made_route(p3, "2001:db8:0:100::/64"), "via 2001:db8:1:3::1 dev P13");
	assert_string_equal(made_route(p3, "2001:db8:0:200::/64"), "via 2001:db8:0:ff::1 dev MD");
	assert_string_equal(made_route(p1, "2001:db8:0:200::/64"), "via 2001:db8:1:3::2 dev P13");
	assert_string_equal(made_route(p1, "2001:db8:0:ff::2/128"), "via 2001:db8:1:3::2 dev P13");
	/* R8's proxy is IPv4's. */
	for (i = 0; i < r3->count[XS_REC_PROXY]; i++)
		assert_int_equal(((const struct xs_rec_proxy *)xs_image_at(r3, XS_REC_PROXY, i))->prefix.family,
				 XS_IPV4);
	for (i = 0; (condition = xs_image_at(r3, XS_REC_CONDITION, i)); i++) {
		const struct xs_rec_cell *cell = xs_image_find(r3, XS_REC_CELL, &condition->vm_cell);

		if (condition->destination.family != XS_IPV6)
			continue;
		sixes++;
		assert_string_equal(cell->name, condition->destination.bytes[15] == 5 ? "vm5" : "vm6");
	}
	assert_int_equal(sixes, 2);
}

static void test_figure7_dual(void **state)
{
	struct made *made = made_file("docs/examples/figure7-dual.yaml", NULL);
	const struct xs_rec_condition *four = xs_image_at(made->image[2], XS_REC_CONDITION, 0),
				      *six = xs_image_at(made->image[2], XS_REC_CONDITION, 1);

	assert_figure7(made);
	assert_address(&made->plan->mux[0].slice[1]->address[XS_FAMILY4], "10.255.0.3");
	assert_string_equal(made_route(made_vrf(made, "P", "R3"), "10.0.0.0/16"), "via 10.1.3.1 dev P13");
	/* Both addresses of a VM bear its one cell, so one write switches both. */
	assert_int_equal(made->image[2]->count[XS_REC_CELL], 3);
	assert_int_equal(four->vm_cell, six->vm_cell);
	assert_int_equal(four->group_cell, six->group_cell);
	assert_int_equal(made->image[2]->count[XS_REC_SOURCE], 2);
	assert_int_equal(made->image[0]->count[XS_REC_SOURCE], 2);
	made_free(made);
}

static void test_figure7_in_ipv6_alone(void **state)
{
	struct made *made = made_file("docs/examples/figure7-v6.yaml", NULL);
	const struct xs_rec_vport *vport;

	assert_figure7(made);
	for (size_t n = 0; n < 3; n++) {
		for (size_t i = 0; (vport = xs_image_at(made->image[n], XS_REC_VPORT, i)); i++)
			assert_int_equal(vport->address[XS_FAMILY4].family, XS_FAMILY_NONE);
	}
	assert_int_equal(made->image[2]->count[XS_REC_PROXY], 0);
	made_free(made);
}

/* No number and no MAC moves as a family comes and goes. */
static void assert_same_numbers(const struct made *a, const struct made *b)
{
	for (size_t n = 0; n < 3; n++) {
		const struct xs_rec_vport *vport, *other;
		const struct xs_rec_cell *cell, *twin;

		assert_int_equal(a->image[n]->count[XS_REC_VPORT], b->image[n]->count[XS_REC_VPORT]);
		for (size_t i = 0; (vport = xs_image_at(a->image[n], XS_REC_VPORT, i)); i++) {
			other = xs_image_find(b->image[n], XS_REC_VPORT, &vport->id);
			assert_non_null(other);
			assert_memory_equal(vport, other, offsetof(struct xs_rec_vport, length));
		}
		for (size_t i = 0; (cell = xs_image_at(a->image[n], XS_REC_CELL, i)); i++) {
			twin = xs_image_find(b->image[n], XS_REC_CELL, &cell->id);
			assert_non_null(twin);
			assert_memory_equal(cell, twin, sizeof(*cell));
		}
	}
}

static void test_a_family_comes_and_goes(void **state)
{
	struct made *four = made_file("docs/examples/figure7.yaml", NULL);
	struct made *dual = made_file("docs/examples/figure7-dual.yaml", four);
	struct made *again = made_file("docs/examples/figure7.yaml", dual);
	struct made *six = made_file("docs/examples/figure7-v6.yaml", dual);
	struct made *last = made_file("docs/examples/figure7-dual.yaml", six);
	struct made_changes changes = made_diff(four, again, 0);

	assert_same_numbers(four, dual);
	assert_same_numbers(dual, six);
	assert_same_numbers(six, last);
	assert_int_equal(changes.added + changes.removed + changes.changed, 0);
	changes = made_diff(dual, last, 0);
	assert_int_equal(changes.added + changes.removed + changes.changed, 0);
	assert_int_equal(four->ledger_size, again->ledger_size);
	assert_memory_equal(four->ledger, again->ledger, four->ledger_size);
	made_free(four);
	made_free(dual);
	made_free(again);
	made_free(six);
	made_free(last);
}

static const char two_hops[] = "node: [{name: N1, port: [a, b]}]\n"
			       "slice:\n"
			       "  - name: S\n"
			       "    vrf: [{name: v, node: N1}]\n"
			       "    gateway:\n"
			       "      - {name: g, vrf: v, port: a, subnet: %s}\n"
			       "      - {name: h, vrf: v, port: b, subnet: %s}\n";

static struct made *made_hops(const char *one, const char *other, const struct made *earlier)
{
	char text[sizeof(two_hops) + 128];

	snprintf(text, sizeof(text), two_hops, one, other);
	return made_new(text, earlier, 0);
}

static const struct xs_mac *hop_mac(const struct made *made, unsigned int gateway)
{
	return &made->plan->slice[0].gateway[gateway].vport->mac;
}

/* A first hop that is parted in two: one keeps the MAC, the other gets one that nobody had; joined again, one goes. */
static void test_a_first_hop_is_parted(void **state)
{
	struct made *joined = made_hops("[10.0.0.0/24, \"2001:db8:a::/64\"]", "10.0.9.0/24", NULL);
	struct made *parted = made_hops("10.0.0.0/24", "\"2001:db8:a::/64\"", joined);
	struct made *again = made_hops("[10.0.0.0/24, \"2001:db8:a::/64\"]", "10.0.8.0/24", parted);

	assert_memory_equal(hop_mac(parted, 0), hop_mac(joined, 0), sizeof(struct xs_mac));
	assert_memory_not_equal(hop_mac(parted, 1), hop_mac(joined, 0), sizeof(struct xs_mac));
	assert_memory_not_equal(hop_mac(parted, 1), hop_mac(joined, 1), sizeof(struct xs_mac));
	assert_memory_equal(hop_mac(again, 0), hop_mac(joined, 0), sizeof(struct xs_mac));
	assert_memory_not_equal(hop_mac(again, 1), hop_mac(parted, 1), sizeof(struct xs_mac));
	made_free(joined);
	made_free(parted);
	made_free(again);
}

/*
 * A triangle of which one side carries only IPv4 and one only IPv6, each by its own way of two addresses (R14). N2
 * writes routes of IPv4 alone.
 */
#define TRIANGLE                                                                                                       \
	"node:\n"                                                                                                      \
	"  - {name: N1, port: [{name: b, peer: N2/a}, {name: c, peer: N3/a}, {name: dc}, {name: dc2}]}\n"              \
	"  - {name: N2, port: [{name: a, peer: N1/b}, {name: c, peer: N3/b}]}\n"                                       \
	"  - {name: N3, port: [{name: a, peer: N1/c}, {name: b, peer: N2/c}, {name: users}]}\n"                        \
	"slice:\n"                                                                                                     \
	"  - name: S\n"                                                                                                \
	"    vrf:\n"                                                                                                   \
	"      - {name: v1, node: N1}\n"                                                                               \
	"      - {name: v2, node: N2, route: [{prefix: 0.0.0.0/0, via: 10.0.1.0}]}\n"                                  \
	"      - {name: v3, node: N3}\n"                                                                               \
	"    link:\n"                                                                                                  \
	"      - {name: l12, ends: [v1, v2], subnet: [10.0.1.0/31, \"2001:db8:1::/127\"]}\n"                           \
	"      - {name: l23, ends: [v2, v3], subnet: \"2001:db8:1::2/127\"}\n"                                         \
	"      - {name: l13, ends: [v1, v3], subnet: 10.0.3.0/31}\n"                                                   \
	"    gateway:\n"                                                                                               \
	"      - {name: g, vrf: v1, port: dc, subnet: [172.16.0.0/24, \"2001:db8:a::/64\"],\n"                         \
	"         behind: [{prefix: \"2001:db8:b::/48\", via: \"fe80::9\"}]}\n"                                        \
	"      - {name: h, vrf: v1, port: dc2, subnet: 172.16.1.0/24}\n"                                               \
	"filter:\n"                                                                                                    \
	"  - {name: all, condition: [{any: true}]}\n"                                                                  \
	"mux:\n"                                                                                                       \
	"  - name: M\n"                                                                                                \
	"    node: N3\n"                                                                                               \
	"    port: users\n"                                                                                            \
	"    clients: [192.0.2.0/24, \"2001:db8:c::/64\", {prefix: \"2001:db8:d::/64\", via: \"fe80::77\"}]\n"         \
	"    address: \"2001:db8:c::99\"\n"                                                                            \
	"    subnet: [10.255.0.0/30, \"2001:db8:ff::/126\"]\n"                                                         \
	"    slice: [{name: S, filter: all}]\n"

static void test_ways_of_each_family(void **state)
{
	struct made *made = made_new(TRIANGLE, NULL, 0);
	const struct xs_p_vrf *v1 = made_vrf(made, "S", "N1"), *v2 = made_vrf(made, "S", "N2"),
			      *v3 = made_vrf(made, "S", "N3");
	const struct xs_p_mux *mux = &made->plan->mux[0];
	const struct xs_p_route *route;

	assert_string_equal(made_route(v3, "172.16.0.0/24"), "via 10.0.3.0 dev l13");
	assert_string_equal(made_route(v3, "2001:db8:a::/64"), "via 2001:db8:1::2 dev l23");
	assert_string_equal(made_route(v1, "192.0.2.0/24"), "via 10.0.3.1 dev l13");
	assert_string_equal(made_route(v1, "2001:db8:c::/64"), "via 2001:db8:1::1 dev l12");
	assert_string_equal(made_route(v2, "2001:db8:c::/64"), "via 2001:db8:1::3 dev l23");
	/* v2 writes what it has of IPv4, and nothing of IPv6. */
	assert_string_equal(made_route(v2, "0.0.0.0/0"), "via 10.0.1.0 dev l12");
	assert_string_equal(made_route(v2, "192.0.2.0/24"), "none");
	/* A link-local router, where one device leaves no doubt; from afar by global addresses. */
	assert_string_equal(made_route(v1, "2001:db8:b::/48"), "via fe80::9 dev g");
	assert_string_equal(made_route(v2, "2001:db8:b::/48"), "via 2001:db8:1:: dev l12");
	assert_address(&mux->edge->address[XS_FAMILY6], "2001:db8:c::99");
	assert_address(&mux->edge->address[XS_FAMILY4], "192.0.2.1");
	assert_int_equal(mux->routes.count, 1);
	route = mux->routes.item[0];
	assert_address(&route->via, "fe80::77");
	assert_string_equal(made_route(v3, "2001:db8:d::/64"), "via 2001:db8:ff::1 dev M");
	/* A gateway of one family beside one of both: each with a MAC of its own, and nothing of the other family. */
	assert_memory_not_equal(&made_slice(made, "S")->gateway[0].vport->mac,
				&made_slice(made, "S")->gateway[1].vport->mac, sizeof(struct xs_mac));
	assert_int_equal(made_slice(made, "S")->gateway[1].vport->address[XS_FAMILY6].family, XS_FAMILY_NONE);
	made_free(made);
}

/* Gateways of slices that meet in a subnet of either family have one MAC, even by way of a third. */
static void test_first_hop_by_either_family(void **state)
{
	static const char text[] =
		"node: [{name: N1, port: [a, b, c]}]\n"
		"slice:\n"
		"  - name: F\n"
		"    vrf: [{name: v, node: N1}]\n"
		"    gateway: [{name: g, vrf: v, port: a, subnet: 10.0.0.0/16}]\n"
		"  - name: S\n"
		"    vrf: [{name: v, node: N1}]\n"
		"    gateway: [{name: g, vrf: v, port: b, subnet: \"2001:db8::/64\", mac: 02:00:00:00:00:77}]\n"
		"  - name: D\n"
		"    vrf: [{name: v, node: N1}]\n"
		"    gateway: [{name: g, vrf: v, port: c, subnet: [10.0.0.0/16, \"2001:db8::/64\"], address: 10.0.9.9}]\n";
	struct made *made = made_new(text, NULL, 0);
	char mac[XS_PREFIX_TEXT];

	for (size_t i = 0; i < 3; i++)
		assert_string_equal(xs_mac_text(&made->plan->slice[i].gateway[0].vport->mac, mac), "02:00:00:00:00:77");
	assert_address(&made->plan->slice[0].gateway[0].vport->address[XS_FAMILY4], "10.0.9.9");
	assert_address(&made->plan->slice[1].gateway[0].vport->address[XS_FAMILY6], "2001:db8::1");
	made_free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figure7_dual),
		cmocka_unit_test(test_figure7_in_ipv6_alone),
		cmocka_unit_test(test_a_family_comes_and_goes),
		cmocka_unit_test(test_a_first_hop_is_parted),
		cmocka_unit_test(test_ways_of_each_family),
		cmocka_unit_test(test_first_hop_by_either_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
