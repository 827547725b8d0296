/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_plan_paging.c - the expansion by paging: what a node holds, which pages there are, where they lie. That they stay, and of which pools they
 * are: test_plan_pages.c. What is refused: test_model_faults.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/contract.h"
#include "selftests/unit/plan_fixture.h"

static bool has_address(const struct xs_image *image, uint32_t slice, const char *prefix)
{
	struct {
		uint32_t slice;
		struct xs_prefix prefix;
	} key = { .slice = slice };

	assert_int_equal(xs_prefix_parse(prefix, &key.prefix), 0);
	return xs_image_find(image, XS_REC_ADDRESS, &key);
}

/* ---- figure 7 ---- */

static void test_slivers(void **state)
{
	struct made *made = made_by_paging("");
	const struct xs_image *r1 = made->image[0], *r2 = made->image[1], *r3 = made->image[2];
	const struct xs_rec_vport *uplink = made_vport(r1, XS_VPORT_UPLINK, "wan"),
				  *wan = made_vport(r1, XS_VPORT_WAN, "r2");
	const struct xs_rec_port *port;
	char text[XS_PREFIX_TEXT];

	/* A sliver where users are, and nowhere else. */
	assert_int_equal(r1->count[XS_REC_SLICE], 1);
	assert_true(made_slice_id(r1, "P") && made_slice_id(r2, "A"));
	assert_int_equal(r2->count[XS_REC_SLICE], 1);
	assert_int_equal(r3->count[XS_REC_SLICE], 2);
	assert_non_null(made_vport(r1, XS_VPORT_GATEWAY, "GWP"));
	assert_null(made_vport(r1, XS_VPORT_LINK, "P12"));
	/* Its uplink. */
	assert_non_null(uplink);
	assert_int_equal(uplink->slice, made_slice_id(r1, "P"));
	assert_int_equal(uplink->port, 0);
	assert_int_equal(uplink->mtu, 1500);
	assert_string_equal(xs_address_text(&uplink->peer[XS_FAMILY4], text), XS_UPLINK_PEER4);
	assert_int_equal(uplink->peer[XS_FAMILY6].family, XS_FAMILY_NONE);
	assert_memory_not_equal(&uplink->mac, &uplink->relay, sizeof(uplink->mac));
	/* The ports that no users are at. */
	assert_non_null(wan);
	assert_non_null(made_vport(r1, XS_VPORT_WAN, "r3"));
	assert_null(made_vport(r1, XS_VPORT_WAN, "pdc"));
	port = xs_image_find(r1, XS_REC_PORT, &wan->port);
	assert_true(port->wan && !port->labelled && !port->user);
	/* No label is given. */
	for (size_t i = 0; i < 3; i++) {
		const struct xs_rec_vport *any;

		for (size_t j = 0; (any = xs_image_at(made->image[i], XS_REC_VPORT, j)); j++)
			assert_int_equal(any->vid, 0);
	}
	assert_null(strstr(made->ledger, "\"label"));
	made_free(made);
}

static void test_pages(void **state)
{
	struct made *made = made_by_paging("");
	const struct xs_image *r1 = made->image[0], *r2 = made->image[1], *r3 = made->image[2];

	/* The largest first, slice by slice, without a hole. */
	assert_string_equal(made_page(r1, "P", "10.0.0.0/16"), "100.64.0.0/16 here in the name of 10.0.0.1");
	assert_string_equal(made_page(r2, "A", "10.0.0.0/16"), "100.65.0.0/16 here in the name of 10.0.0.1");
	assert_string_equal(made_page(r3, "P", "10.0.0.0/16"), "100.64.0.0/16");
	assert_string_equal(made_page(r3, "A", "10.0.0.0/16"), "100.65.0.0/16");
	assert_string_equal(made_page(r1, "P", "10.1.2.0/24"), "100.66.0.0/24");
	/* The clients of a MUX: a page in each of its slices, in the name of the edge. */
	assert_string_equal(made_page(r1, "P", "192.0.2.0/24"), "100.66.3.0/24");
	assert_string_equal(made_page(r3, "P", "192.0.2.0/24"), "100.66.3.0/24 here in the name of 192.0.2.1");
	assert_string_equal(made_page(r3, "A", "192.0.2.0/24"), "100.66.7.0/24 here in the name of 192.0.2.1");
	/* Of a MUX's own addresses the slice's own is here. */
	assert_string_equal(made_page(r3, "P", "10.255.0.0/29"), "100.66.8.0/29");
	assert_string_equal(made_page(r3, "P", "10.255.0.2/32"), "100.66.8.2/32 here in the name of 192.0.2.1");
	assert_string_equal(made_page(r3, "P", "10.255.0.1/32"), "none");
	/* Nodes know the slices that users are of there, and no other. */
	assert_string_equal(made_page(r1, "A", "10.0.0.0/16"), "none");
	made_free(made);
}

static void test_links(void **state)
{
	struct made *made = made_by_paging("");
	const struct xs_image *r1 = made->image[0], *r2 = made->image[1], *r3 = made->image[2];

	/* With a sliver: its own, and a part of the link's page. */
	assert_true(has_address(r1, made_slice_id(r1, "P"), "10.1.2.1"));
	assert_string_equal(made_page(r1, "P", "10.1.2.1/32"), "100.66.0.1/32 here in the name of 10.0.0.1");
	assert_true(has_address(r3, made_slice_id(r3, "P"), "10.1.3.2"));
	assert_string_equal(made_page(r3, "P", "10.1.3.2/32"), "100.66.1.2/32 here in the name of 192.0.2.1");
	/* Without: the node's, mapped. */
	assert_true(has_address(r2, 0, "100.66.0.2"));
	assert_true(has_address(r1, 0, "100.66.4.1"));
	assert_int_equal(r3->count[XS_REC_ADDRESS], 4);
	assert_int_equal(r1->count[XS_REC_ADDRESS], 4);
	made_free(made);
}

static void test_routes(void **state)
{
	struct made *made = made_by_paging("");
	const struct xs_p_vrf *p1 = made_vrf(made, "P", "R1"), *p3 = made_vrf(made, "P", "R3");

	assert_string_equal(made_route(p1, "192.0.2.0/24"), "via link dev wan");
	assert_string_equal(made_route(p1, "10.1.2.0/24"), "via link dev wan");
	assert_string_equal(made_route(p1, "10.0.0.0/16"), "none");
	assert_string_equal(made_route(p3, "10.0.0.0/16"), "via link dev wan");
	assert_string_equal(made_route(p3, "192.0.2.0/24"), "via 10.255.0.1 dev MD");
	assert_string_equal(made_route(p3, "10.255.0.0/29"), "none");
	assert_int_equal(made_vrf(made, "P", "R2")->routes.count, 0);
	made_free(made);
}

static void test_both_families(void **state)
{
	struct made *made = made_by_paging("-dual");
	const struct xs_image *r1 = made->image[0], *r3 = made->image[2];
	const struct xs_rec_vport *uplink = made_vport(r1, XS_VPORT_UPLINK, "wan");
	char text[XS_PREFIX_TEXT];

	assert_string_equal(xs_address_text(&uplink->peer[XS_FAMILY6], text), XS_UPLINK_PEER6);
	assert_string_equal(made_page(r1, "P", "10.0.0.0/16"), "100.64.0.0/16 here in the name of 10.0.0.1");
	assert_string_equal(made_page(r1, "P", "2001:db8:0:100::/64"),
			    "fd78:736c:6963:1::/64 here in the name of 2001:db8:0:100::1");
	assert_string_equal(made_page(r3, "P", "2001:db8:0:100::/64"), "fd78:736c:6963:1::/64");
	assert_true(has_address(r3, made_slice_id(r3, "P"), "2001:db8:1:3::2"));
	made_free(made);
	made = made_by_paging("-v6");
	assert_int_equal(made_vport(made->image[0], XS_VPORT_UPLINK, "wan")->peer[XS_FAMILY4].family, XS_FAMILY_NONE);
	made_free(made);
}

/* ---- together with segmentation ---- */

static void test_mixed(void **state)
{
	char *text = figure7_with("    routing: {protocol: static}\n    vrf:\n      - {name: A1",
				  "    implementation: paging\n");
	struct made *made = made_new(text, NULL, 0);
	const struct xs_image *r1 = made->image[0], *r3 = made->image[2];
	const struct xs_rec_vport *wan = made_vport(r3, XS_VPORT_WAN, "r1"), *link = made_vport(r3, XS_VPORT_LINK, "P13");
	const struct xs_rec_port *port;

	/* On one cable. */
	assert_non_null(wan);
	assert_non_null(link);
	assert_int_equal(wan->port, link->port);
	port = xs_image_find(r3, XS_REC_PORT, &wan->port);
	assert_true(port->wan && port->labelled);
	assert_true(link->vid);
	assert_null(made_vport(r3, XS_VPORT_LINK, "A13"));
	assert_string_equal(made_page(r3, "A", "10.0.0.0/16"), "100.64.0.0/16");
	assert_string_equal(made_page(r3, "P", "10.0.0.0/16"), "none");
	/* R1 has A's addresses, and of the WAN needs nothing of ours. */
	assert_null(made_vport(r1, XS_VPORT_WAN, "r3"));
	assert_true(has_address(r1, 0, "100.65.0.1"));
	free(text);
	made_free(made);
}

/* From one mechanism to the other and back, all that is common keeps its numbers. */
static void test_there_and_back(void **state)
{
	char *labels = figure7_with(NULL, ""), *pages = text_by_paging("docs/examples/figure7.yaml");
	struct made *first = made_new(labels, NULL, 0), *second = made_new(pages, first, 0);
	struct made *third = made_new(labels, second, 0), *fourth = made_new(pages, third, 0);

	assert_memory_equal(&made_vport(first->image[0], XS_VPORT_GATEWAY, "GWP")->mac,
			    &made_vport(second->image[0], XS_VPORT_GATEWAY, "GWP")->mac, sizeof(struct xs_mac));
	assert_int_equal(made_slice_id(first->image[2], "A"), made_slice_id(second->image[2], "A"));
	assert_int_equal(made_vport(first->image[2], XS_VPORT_EDGE, "client")->id,
			 made_vport(second->image[2], XS_VPORT_EDGE, "client")->id);
	assert_int_equal(made_diff(first, third, 0).changed, 0);
	assert_int_equal(made_diff(first, third, 0).added, 0);
	assert_int_equal(made_diff(second, fourth, 0).changed, 0);
	assert_int_equal(made_diff(second, fourth, 0).added, 0);
	made_free(first);
	made_free(second);
	made_free(third);
	made_free(fourth);
	free(labels);
	free(pages);
}

#define FOUR_SUBNETS(word)                                                                          \
	"node:\n  - {name: R1, port: [{name: p1}, {name: p2}, {name: p3}, {name: p4}, {name: wan}]}\n" \
	"slice:\n  - name: S\n    implementation: " word "\n    vrf: [{name: V, node: R1}]\n    gateway:\n" \
	"      - {name: g1, vrf: V, port: p1, subnet: 10.1.0.0/16}\n"                                  \
	"      - {name: g2, vrf: V, port: p2, subnet: 10.2.0.0/16}\n"                                  \
	"      - {name: g3, vrf: V, port: p3, subnet: 10.3.0.0/16}\n"                                  \
	"      - {name: g4, vrf: V, port: p4, subnet: 10.4.0.0/16}\n"

/* A slice that becomes one by paging asks for no larger maps, which would be made anew under everybody's packets. */
static void test_same_size(void **state)
{
	struct made *labelled = made_new(FOUR_SUBNETS("segmentation"), NULL, 0);
	struct made *paged = made_new(FOUR_SUBNETS("paging"), NULL, 0);
	const struct xs_rec_node *was = xs_image_at(labelled->image[0], XS_REC_NODE, 0);
	const struct xs_rec_node *is = xs_image_at(paged->image[0], XS_REC_NODE, 0);

	assert_int_equal(is->blocks, was->blocks);
	assert_int_equal(is->guards, was->guards);
	made_free(paged);
	made_free(labelled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slivers),        cmocka_unit_test(test_pages),         cmocka_unit_test(test_links),
		cmocka_unit_test(test_routes),         cmocka_unit_test(test_both_families), cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_same_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
