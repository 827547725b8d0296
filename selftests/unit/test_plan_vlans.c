/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_plan_vlans.c - users' VLANs: what an image says of them, and that no cable's label is one of theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/contract.h"
#include "selftests/unit/plan_fixture.h"

#define SWITCHED \
	"switch: [{name: metro, carries: [30-32]}]\n" \
	"node:\n" \
	"  - {name: R1, port: [{name: eth0, peer: R2/eth0, switch: metro}, {name: u, on: eth0, vlan: 30}]}\n" \
	"  - {name: R2, port: [{name: eth0, peer: R1/eth0}, {name: eth1, peer: R3/eth1, switch: metro}]}\n" \
	"  - {name: R3, port: [{name: eth1, peer: R2/eth1}]}\n" \
	"slice:\n" \
	"  - name: P\n" \
	"    vrf: [{name: v2, node: R2}, {name: v3, node: R3}]\n" \
	"    link: [{name: k, ends: [v2, v3], subnet: 10.2.3.0/24}, {name: l, ends: [v2, v3], subnet: 10.2.4.0/24}]\n"

#define VLANS \
	"node:\n" \
	"  - {name: R1, port: [{name: eth0, peer: R2/eth0}, {name: u, on: eth0, vlan: 2, mtu: 1400}, {name: w, on: eth0, vlan: 3}, {name: n, on: eth0, vlan: 5}]}\n" \
	"  - {name: R2, port: [{name: eth0, peer: R1/eth0}, {name: u, on: eth0, vlan: 4}]}\n" \
	"slice:\n" \
	"  - name: P\n" \
	"    vrf: [{name: v1, node: R1}, {name: v2, node: R2}]\n" \
	"    link: [{name: l, ends: [v1, v2], subnet: 10.1.2.0/24}]\n" \
	"    gateway: [{name: g1, vrf: v1, port: u, subnet: 10.0.1.0/24}, {name: g2, vrf: v2, port: u, subnet: 10.0.2.0/24}]\n" \
	"filter: [{name: all, condition: [{any: true}]}]\n" \
	"mux: [{name: m, node: R1, port: w, clients: [192.0.2.0/24], subnet: 10.255.0.0/29, slice: [{name: P, filter: all}]}]\n"

/* A switch is one network: users' VLANs at any of its ports are no labels of a cable through it. */
static void test_vlans_on_a_switch(void **state)
{
	struct made *made = made_new(SWITCHED, NULL, 0);

	assert_int_equal(made_vport(made->image[1], XS_VPORT_LINK, "k")->vid, 31);
	assert_int_equal(made_vport(made->image[1], XS_VPORT_LINK, "l")->vid, 32);
	made_free(made);
}

/* Ids of users' VLANs are no labels at either end of the cable, whichever came first; the image has what serves. */
static void test_vlans(void **state)
{
	struct made *made = made_new(VLANS, NULL, 0), *before, *after;
	const struct xs_rec_vport *gateway = made_vport(made->image[0], XS_VPORT_GATEWAY, "g1"),
				  *edge = made_vport(made->image[0], XS_VPORT_EDGE, "w"),
				  *mux = made_vport(made->image[0], XS_VPORT_MUX, "m"), *link = made_vport(made->image[0], XS_VPORT_LINK, "l");
	const struct xs_rec_port *port;
	char text[sizeof(VLANS)], *id;

	assert_int_equal(gateway->vid, 2);
	assert_int_equal(gateway->mtu, 1400);
	assert_int_equal(edge->vid, 3);
	assert_int_equal(mux->vid, 0);
	assert_int_equal(link->vid, 6); /* `n` serves nobody, but its id is taken */
	port = xs_image_find(made->image[0], XS_REC_PORT, &gateway->port);
	assert_int_equal(port->vid, 2);
	assert_string_equal(port->interface, "eth0");
	port = xs_image_find(made->image[0], XS_REC_PORT, &port->on);
	assert_string_equal(port->name, "eth0");
	assert_int_equal(port->user, 0);
	assert_int_equal(port->labelled, 1);
	assert_int_equal(made->image[0]->count[XS_REC_PORT], 3);
	/* A VLAN that comes where a label was: the label gives way. */
	strcpy(text, VLANS);
	id = strstr(text, "vlan: 5");
	id[6] = '9';
	before = made_new(text, NULL, 0);
	assert_int_equal(made_vport(before->image[0], XS_VPORT_LINK, "l")->vid, 5);
	after = made_new(VLANS, before, 0);
	assert_true(made_vport(after->image[0], XS_VPORT_LINK, "l")->vid > 5);
	made_free(made);
	made_free(before);
	made_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vlans),
		cmocka_unit_test(test_vlans_on_a_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
