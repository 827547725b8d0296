/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_plan.c - what a plan resolves: addresses, MACs, routes, one node's image, and what it refuses. Cells: test_plan_cells.c, users' VLANs:
 * test_plan_vlans.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "selftests/unit/plan_fixture.h"

static void assert_address(const struct xs_address *address, const char *expected)
{
	char text[XS_PREFIX_TEXT];

	assert_string_equal(xs_address_text(address, text), expected);
}

static void assert_same_mac(const struct xs_mac *a, const struct xs_mac *b, int same)
{
	assert_int_equal(!memcmp(a, b, sizeof(*a)), same);
}

static const struct xs_p_vport *device(const struct xs_p_vrf *vrf, const char *name)
{
	for (size_t i = 0; i < vrf->vports.count; i++) {
		const struct xs_p_vport *vport = vrf->vports.item[i];

		if (!strcmp(vport->name, name))
			return vport;
	}
	fail_msg("no device %s", name);
	return NULL;
}

/* ---- figure 7 ---- */

static struct made *figure7(void)
{
	char *text = figure7_with(NULL, "");
	struct made *made = made_new(text, NULL, 0);

	free(text);
	return made;
}

static void test_figure7_addresses(void **state)
{
	struct made *made = figure7();
	const struct xs_p_mux *mux = &made->plan->mux[0];
	struct xs_p_slice *p = made_slice(made, "P"), *a = made_slice(made, "A");
	struct xs_mac relay = mux->edge->mac;

	/* R13: end i gets base + i. */
	assert_address(&p->link[0].end[0]->address[XS_FAMILY4], "10.1.2.1");
	assert_address(&p->link[0].end[0]->peer[XS_FAMILY4], "10.1.2.2");
	assert_address(&p->link[0].end[1]->address[XS_FAMILY4], "10.1.2.2");
	assert_int_equal(p->link[0].end[1]->length[XS_FAMILY4], 24);
	/* R7: one MAC per VRF, on all its links; none shared between slices. */
	assert_same_mac(&device(&p->vrf[0], "P12")->mac, &device(&p->vrf[0], "P13")->mac, 1);
	assert_same_mac(&p->link[0].end[0]->mac, &p->link[0].end[1]->mac, 0);
	assert_same_mac(&p->vrf[0].mac, &a->vrf[0].mac, 0);
	assert_int_equal(p->vrf[0].mac.bytes[0] & 3, 2);
	/* The first hop of a VM is the same in both data centres. */
	assert_address(&p->gateway[0].vport->address[XS_FAMILY4], "10.0.0.1");
	assert_address(&a->gateway[0].vport->address[XS_FAMILY4], "10.0.0.1");
	assert_same_mac(&p->gateway[0].vport->mac, &a->gateway[0].vport->mac, 1);
	assert_same_mac(&p->gateway[0].vport->mac, &p->vrf[0].mac, 0);
	/* R17: the MUX's own addresses. */
	assert_address(&mux->edge->address[XS_FAMILY4], "192.0.2.1");
	assert_int_equal(mux->edge->length[XS_FAMILY4], 24);
	assert_address(&mux->edge->peer[XS_FAMILY4], "10.255.0.1");
	assert_address(&mux->slice[0]->address[XS_FAMILY4], "10.255.0.2");
	assert_address(&mux->slice[1]->address[XS_FAMILY4], "10.255.0.3");
	assert_address(&mux->slice[1]->peer[XS_FAMILY4], "10.255.0.1");
	assert_address(&mux->slice[1]->shared[XS_FAMILY4], "192.0.2.1");
	assert_int_equal(mux->slice[1]->length[XS_FAMILY4], 32);
	relay.bytes[0] ^= 4;
	assert_same_mac(&mux->edge->relay, &relay, 1);
	assert_same_mac(&mux->slice[0]->relay, &relay, 1);
	/* R30: own labels on one cable, the same at both ends. */
	assert_int_equal(p->link[0].end[0]->vid, p->link[0].end[1]->vid);
	assert_int_not_equal(p->link[0].end[0]->vid, a->link[0].end[0]->vid);
	assert_int_equal(p->link[1].end[0]->mtu, 1400);
	assert_int_equal(p->link[1].end[1]->mtu, 1400);
	assert_int_equal(a->link[1].end[0]->mtu, 1500);
	made_free(made);
}

static void test_figure7_routes(void **state)
{
	struct made *made = figure7();
	const struct xs_p_mux *mux = &made->plan->mux[0];
	const struct xs_p_vrf *p1 = made_vrf(made, "P", "R1"), *p2 = made_vrf(made, "P", "R2"),
			      *p3 = made_vrf(made, "P", "R3");
	const struct xs_p_vrf *a3 = made_vrf(made, "A", "R3"), *a1 = made_vrf(made, "A", "R1");
	static const char *const proxies[] = { "10.0.0.0/16", "10.1.2.0/24", "10.1.3.0/24", "10.2.3.0/24" };
	char text[XS_PREFIX_TEXT];

	assert_string_equal(made_route(p3, "10.0.0.0/16"), "via 10.1.3.1 dev P13");
	assert_string_equal(made_route(a3, "10.0.0.0/16"), "via 10.2.3.1 dev A23");
	assert_string_equal(made_route(p2, "10.0.0.0/16"), "via 10.1.2.1 dev P12");
	assert_string_equal(made_route(a1, "10.0.0.0/16"), "via 10.1.2.2 dev A12");
	assert_string_equal(made_route(p1, "10.0.0.0/16"), "none");
	assert_string_equal(made_route(p1, "192.0.2.0/24"), "via 10.1.3.2 dev P13");
	assert_string_equal(made_route(p3, "192.0.2.0/24"), "via 10.255.0.1 dev MD");
	assert_string_equal(made_route(p1, "10.2.3.0/24"), "via 10.1.2.2 dev P12");
	assert_string_equal(made_route(p1, "10.1.2.0/24"), "none");
	assert_string_equal(made_route(p1, "10.255.0.2/32"), "via 10.1.3.2 dev P13");
	assert_string_equal(made_route(p1, "10.255.0.3/32"), "none");
	assert_int_equal(mux->routes.count, 0);
	assert_int_equal(mux->proxies.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(xs_prefix_text(mux->proxies.item[i], text), proxies[i]);
	made_free(made);
}

static void test_figure7_images(void **state)
{
	struct made *made = figure7();
	const struct xs_image *r1 = made->image[0], *r3 = made->image[2];
	const struct xs_rec_condition *first, *second, *last;
	const struct xs_rec_source *source;
	const struct xs_rec_cell *cell;
	char text[XS_PREFIX_TEXT];

	assert_string_equal(r3->header->node, "R3");
	assert_int_equal(r1->count[XS_REC_PORT], 3);
	assert_int_equal(r1->count[XS_REC_SLICE], 2);
	assert_int_equal(r1->count[XS_REC_VPORT], 5);
	assert_int_equal(r1->count[XS_REC_CELL], 0);
	assert_int_equal(r1->count[XS_REC_SOURCE], 1);
	assert_int_equal(r3->count[XS_REC_VPORT], 4 + 2 + 1);
	assert_int_equal(r3->count[XS_REC_MUX], 1);
	assert_int_equal(r3->count[XS_REC_CONDITION], 3);
	source = xs_image_at(r3, XS_REC_SOURCE, 0);
	assert_string_equal(xs_prefix_text(&source->prefix, text), "192.0.2.0/24");

	first = xs_image_at(r3, XS_REC_CONDITION, 0);
	second = xs_image_at(r3, XS_REC_CONDITION, 1);
	last = xs_image_at(r3, XS_REC_CONDITION, 2);
	assert_int_equal(first->slice, made_slice(made, "P")->id);
	assert_int_equal(last->slice, made_slice(made, "A")->id);
	assert_int_equal(last->fields, XS_MATCH_ANY);
	assert_int_equal(last->vm_cell, 0);
	assert_int_equal(second->number, 2);
	assert_string_equal(second->filter, "moved-later");
	/* vm5 is in group rack1, vm6 in none. */
	cell = xs_image_find(r3, XS_REC_CELL, &first->vm_cell);
	assert_string_equal(cell->name, "vm5");
	assert_int_equal(cell->slice, made_slice(made, "P")->id);
	assert_int_equal(cell->generation, 1);
	assert_int_equal(cell->group, first->group_cell);
	cell = xs_image_find(r3, XS_REC_CELL, &first->group_cell);
	assert_int_equal(cell->kind, XS_CELL_GROUP);
	assert_string_equal(cell->name, "rack1");
	assert_int_equal(cell->slice, 0);
	assert_int_equal(cell->generation, 0);
	assert_int_not_equal(second->vm_cell, 0);
	assert_int_equal(second->group_cell, 0);
	assert_int_equal(xs_plan_generation(made->plan), 1);
	made_free(made);
}

static void test_json(void **state)
{
	struct made *made = figure7();
	json_t *json = xs_plan_json(made->plan), *node, *device_json;
	char *text = json_dumps(json, 0), *sorted = json_dumps(json, JSON_SORT_KEYS);

	assert_string_equal(text, sorted);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "slices"), "P")), 1);
	node = json_object_get(json_object_get(json, "nodes"), "R1");
	device_json = json_object_get(
		json_object_get(json_object_get(json_object_get(node, "slivers"), "P"), "devices"), "P12");
	assert_string_equal(json_string_value(json_array_get(json_object_get(device_json, "address"), 0)),
			    "10.1.2.1/24");
	assert_int_equal(json_integer_value(json_object_get(device_json, "label")),
			 json_integer_value(json_object_get(
				 json_object_get(json_object_get(json, "labels"), "R1/r2 R2/r1"), "P/P12")));
	free(text);
	free(sorted);
	json_decref(json);
	made_free(made);
}

/* ---- routes of other shapes ---- */

/* A ring of four; behind a gateway at N1 a router; users at N3 on the link and behind a router. */
#define RING                                                                                                           \
	"node:\n"                                                                                                      \
	"  - {name: N1, port: [{name: a, peer: N2/a}, {name: d, peer: N4/d}, {name: dc}]}\n"                           \
	"  - {name: N2, port: [{name: a, peer: N1/a}, {name: b, peer: N3/b}]}\n"                                       \
	"  - {name: N3, port: [{name: b, peer: N2/b}, {name: c, peer: N4/c}, {name: client}, {name: other}]}\n"        \
	"  - {name: N4, port: [{name: c, peer: N3/c}, {name: d, peer: N1/d, mtu: 1300}]}\n"                            \
	"slice:\n"                                                                                                     \
	"  - name: S\n"                                                                                                \
	"    vrf:\n"                                                                                                   \
	"      - {name: v1, node: N1}\n"                                                                               \
	"      - {name: v2, node: N2}\n"                                                                               \
	"      - {name: v3, node: N3, id: 33, mac: \"02:aa:00:00:00:03\"}\n"                                           \
	"      - {name: v4, node: N4, route: [{prefix: 0.0.0.0/0, via: 10.0.4.1}]}\n"                                  \
	"    link:\n"                                                                                                  \
	"      - {name: l1, ends: [v1, v2], subnet: 10.0.1.0/30}\n"                                                    \
	"      - {name: l2, ends: [v2, v3], subnet: 10.0.2.0/30}\n"                                                    \
	"      - {name: l3, ends: [v3, v4], subnet: 10.0.3.0/31}\n"                                                    \
	"      - {name: l4, ends: [v1, v4], subnet: 10.0.4.0/30}\n"                                                    \
	"    gateway:\n"                                                                                               \
	"      - {name: g, vrf: v1, port: dc, subnet: 172.16.0.0/24, address: 172.16.0.254, mac: "                     \
	"\"02:bb:00:00:00:01\",\n"                                                                                     \
	"         behind: [{prefix: 172.17.0.0/16, via: 172.16.0.9}]}\n"                                               \
	"filter:\n"                                                                                                    \
	"  - {name: all, condition: [{any: true}]}\n"                                                                  \
	"mux:\n"                                                                                                       \
	"  - name: M\n"                                                                                                \
	"    node: N3\n"                                                                                               \
	"    port: client\n"                                                                                           \
	"    clients: [{prefix: 198.51.100.0/24, via: 192.0.2.9}, 192.0.2.0/24, 203.0.113.0/25]\n"                     \
	"    subnet: 10.255.0.0/30\n"                                                                                  \
	"    mac: \"02:cc:00:00:00:01\"\n"                                                                             \
	"    slice: [{name: S, filter: all}]\n"

static void test_ring(void **state)
{
	struct made *made = made_new(RING, NULL, 0);
	const struct xs_p_vrf *v1 = made_vrf(made, "S", "N1"), *v2 = made_vrf(made, "S", "N2"),
			      *v3 = made_vrf(made, "S", "N3");
	const struct xs_p_vrf *v4 = made_vrf(made, "S", "N4");
	const struct xs_p_mux *mux = &made->plan->mux[0];
	const struct xs_p_route *route;
	char text[XS_PREFIX_TEXT];
	size_t i;

	/* Equal paths: by the earlier link. */
	assert_string_equal(made_route(v1, "192.0.2.0/24"), "via 10.0.1.2 dev l1");
	assert_string_equal(made_route(v3, "172.16.0.0/24"), "via 10.0.2.1 dev l2");
	assert_string_equal(made_route(v2, "10.0.3.0/31"), "via 10.0.2.2 dev l2");
	/* R14: a subnet of two addresses has no base to leave out. */
	assert_address(&device(v3, "l3")->address[XS_FAMILY4], "10.0.3.0");
	assert_address(&device(v4, "l3")->address[XS_FAMILY4], "10.0.3.1");
	assert_string_equal(made_route(v2, "10.0.4.0/30"), "via 10.0.1.1 dev l1");
	/* Behind a router of the gateway's subnet, and from afar. */
	assert_string_equal(made_route(v1, "172.17.0.0/16"), "via 172.16.0.9 dev g");
	assert_string_equal(made_route(v2, "172.17.0.0/16"), "via 10.0.1.1 dev l1");
	/* v4 writes a route, so nothing is derived for it. */
	assert_int_equal(v4->routes.count, 1);
	assert_string_equal(made_route(v4, "0.0.0.0/0"), "via 10.0.4.1 dev l4");
	/* All users by way of the edge; the edge knows those that are not on its own subnet. */
	assert_string_equal(made_route(v3, "198.51.100.0/24"), "via 10.255.0.1 dev M");
	assert_string_equal(made_route(v3, "203.0.113.0/25"), "via 10.255.0.1 dev M");
	assert_address(&mux->edge->address[XS_FAMILY4], "192.0.2.1");
	assert_int_equal(mux->routes.count, 2);
	route = mux->routes.item[0];
	assert_string_equal(xs_prefix_text(&route->prefix, text), "198.51.100.0/24");
	assert_address(&route->via, "192.0.2.9");
	route = mux->routes.item[1];
	assert_string_equal(xs_prefix_text(&route->prefix, text), "203.0.113.0/25");
	assert_int_equal(route->via.family, XS_FAMILY_NONE);
	/* Sorted, one per prefix. */
	for (i = 1; i < v3->routes.count; i++)
		assert_true(xs_prefix_compare(&((struct xs_p_route *)v3->routes.item[i - 1])->prefix,
					      &((struct xs_p_route *)v3->routes.item[i])->prefix) < 0);
	/* What is written is taken. */
	assert_int_equal(v3->id, 33);
	assert_string_equal(xs_mac_text(&v3->mac, text), "02:aa:00:00:00:03");
	assert_string_equal(xs_mac_text(&device(v1, "g")->mac, text), "02:bb:00:00:00:01");
	assert_address(&device(v1, "g")->address[XS_FAMILY4], "172.16.0.254");
	assert_string_equal(xs_mac_text(&mux->edge->mac, text), "02:cc:00:00:00:01");
	assert_string_equal(xs_mac_text(&mux->edge->relay, text), "06:cc:00:00:00:01");
	/* A port of 1300 at one end. */
	assert_int_equal(device(v1, "l4")->mtu, 1300);
	assert_int_equal(device(v4, "l4")->mtu, 1300);
	/* A port that nothing uses is not in the image. */
	assert_int_equal(made->image[2]->count[XS_REC_PORT], 3);
	assert_int_equal(made->image[0]->count[XS_REC_SOURCE], 2);
	assert_int_equal(made->image[2]->count[XS_REC_SOURCE], 3);
	made_free(made);
}

/* R16, given to the ring where it has no line for it. */
static void give_exit(struct xs_domain *domain)
{
	domain->mux[0].exit = &domain->node[2].port[3];
}

static void test_exit(void **state)
{
	struct made *with = made_try(RING, NULL, 0, give_exit), *without = made_new(RING, NULL, 0);
	const struct xs_rec_mux *mux;
	const struct xs_rec_port *port;

	assert_int_equal(with->result, 0);
	mux = xs_image_at(with->image[2], XS_REC_MUX, 0);
	port = xs_image_find(with->image[2], XS_REC_PORT, &mux->exit);
	assert_non_null(port);
	assert_string_equal(port->name, "other");
	assert_int_equal(port->exit, 1);
	assert_int_equal(port->user, 0);
	/* Users' ARP passes, so nobody answers for the slices. */
	assert_int_equal(with->image[2]->count[XS_REC_PROXY], 0);
	assert_true(without->image[2]->count[XS_REC_PROXY] > 0);
	mux = xs_image_at(without->image[2], XS_REC_MUX, 0);
	assert_int_equal(mux->exit, 0);
	assert_int_equal(without->image[2]->count[XS_REC_PORT] + 1, with->image[2]->count[XS_REC_PORT]);
	made_free(with);
	made_free(without);
}

static void spoil_via(struct xs_domain *domain)
{
	assert_int_equal(xs_address_parse("10.9.9.9", &domain->slice[0].vrf[3].route[0].via), 0);
}

static void spoil_link_subnet(struct xs_domain *domain)
{
	domain->slice[0].link[1].subnet[XS_FAMILY4].length = 32;
}

static void spoil_mux_subnet(struct xs_domain *domain)
{
	domain->mux[0].subnet[XS_FAMILY4].length = 31;
}

static void spoil_mtu(struct xs_domain *domain)
{
	domain->slice[0].link[3].mtu = 1400;
}

static void spoil_clients(struct xs_domain *domain)
{
	domain->mux[0].client_count = 1;
}

static void spoil_name(struct xs_domain *domain)
{
	domain->slice[0].link[0].name = "g";
}

static void spoil_relay(struct xs_domain *domain)
{
	assert_int_equal(xs_mac_parse("06:cc:00:00:00:01", &domain->slice[0].vrf[2].mac), 0);
}

static void spoil_twin(struct xs_domain *domain)
{
	domain->slice[0].vrf[1].mac = domain->slice[0].vrf[2].mac;
}

static void test_faults(void **state)
{
	made_refused(made_try(RING, NULL, 0, spoil_via), "10.9.9.9 is on no link or gateway of VRF v4");
	made_refused(made_try(RING, NULL, 0, spoil_link_subnet), "subnet 10.0.2.0/32 of l2 is too small");
	made_refused(made_try(RING, NULL, 0, spoil_mux_subnet), "subnet 10.255.0.0/31 of M is too small: 2 addresses");
	made_refused(made_try(RING, NULL, 0, spoil_mtu), "MTU 1400 of link l4 is above its ports' (1300)");
	made_refused(made_try(RING, NULL, 0, spoil_clients), "MUX M has no clients of IPv4 on its link");
	made_refused(made_try(RING, NULL, 0, spoil_name), "VRF v1 has two devices named g");
	made_refused(made_try(RING, NULL, 0, spoil_relay),
		     "MAC 06:cc:00:00:00:01 of relay of edge N3/client is that of vrf S/v3");
	made_refused(made_try(RING, NULL, 0, spoil_twin), "MAC 02:aa:00:00:00:03 of vrf S/v3 is that of vrf S/v2");
}

/* ---- MACs ---- */

static void vm_has_our_first_mac(struct xs_domain *domain)
{
	assert_int_equal(xs_mac_parse("02:78:73:00:00:01", &domain->migration[0].mac), 0);
}

static void test_macs_keep_clear(void **state)
{
	char *text = figure7_with(NULL, "");
	struct made *before = made_new(text, NULL, 0), *fresh = made_try(text, NULL, 0, vm_has_our_first_mac);
	struct made *after = made_try(text, before, 1, vm_has_our_first_mac);
	char mac[XS_PREFIX_TEXT];

	assert_string_equal(xs_mac_text(&made_vrf(before, "P", "R1")->mac, mac), "02:78:73:00:00:01");
	assert_int_equal(fresh->result, 0);
	assert_string_equal(xs_mac_text(&made_vrf(fresh, "P", "R1")->mac, mac), "02:78:73:00:00:02");
	/* What was given before gives way, and only that. */
	assert_int_equal(after->result, 0);
	assert_same_mac(&made_vrf(after, "P", "R1")->mac, &made_vrf(before, "P", "R1")->mac, 0);
	assert_same_mac(&made_vrf(after, "P", "R2")->mac, &made_vrf(before, "P", "R2")->mac, 1);
	made_free(before);
	made_free(fresh);
	made_free(after);
	free(text);
}

/* What the model refuses, too. */
static void gateways_differ(struct xs_domain *domain)
{
	assert_int_equal(xs_mac_parse("02:dd:00:00:00:02", &domain->slice[0].gateway[0].mac), 0);
}

static void test_first_hop(void **state)
{
	char *text =
		figure7_with("subnet: 10.0.0.0/16}\n\n# The paper's", "address: 10.0.255.1, mac: 02:dd:00:00:00:01, ");
	char mac[XS_PREFIX_TEXT];
	struct made *made = made_try(text, NULL, 0, NULL);

	assert_int_equal(made->result, 0);
	assert_string_equal(xs_mac_text(&made_slice(made, "P")->gateway[0].vport->mac, mac), "02:dd:00:00:00:01");
	assert_address(&made_slice(made, "P")->gateway[0].vport->address[XS_FAMILY4], "10.0.255.1");
	made_free(made);
	made_refused(made_try(text, NULL, 0, gateways_differ),
		     "the first hop of migration vm5 would change: gateways GWP and GWA differ");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figure7_addresses),
		cmocka_unit_test(test_figure7_routes),
		cmocka_unit_test(test_figure7_images),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_macs_keep_clear),
		cmocka_unit_test(test_first_hop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
