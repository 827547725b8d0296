// SPDX-License-Identifier: GPL-2.0-or-later
/* test_node.c - a node made from a hand-made image, looked at with iproute2 and ethtool, changed, broken behind its back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/bpf/node_rig.h"

static void sliver_holds_what_the_image_says(void **context)
{
	make(&node_normal);
	expect_sliver();
}

static void edge_holds_what_the_image_says(void **context)
{
	make(&node_normal);
	expect_edge();
}

static void ports_are_prepared(void **context)
{
	make(&node_normal);
	expect_ports();
}

static bool has_link(const char *namespace, const char *name)
{
	char command[96];

	snprintf(command, sizeof(command), "ip netns exec %s cat /sys/class/net/%s/ifindex", namespace, name);
	return xs_node_has_link(node, (uint32_t)atol(output(command)));
}

static void its_links_are_known(void **context)
{
	make(&node_normal);
	assert_true(has_link("@", "p0") && has_link("@", "p1") && has_link("@", "xs1"));
	assert_false(has_link("@", "q0") || has_link("@", "lo"));
	retire(NULL);
	assert_false(has_link("@", "p0"));
}

static void second_make_changes_nothing(void **context)
{
	make(&node_normal);
	make_and_retire_change_nothing(&node_normal);
	reopen();
	make_and_retire_change_nothing(&node_normal);
}

static void what_was_broken_is_mended(void **context)
{
	make(&node_normal);
	output("ip -n @ link del xs1; ip -n xs.@.P address del 10.0.0.1/16 dev GWP; ip netns del xs.@.A;"
	       "ip -n xs.@.P route del 10.255.0.1; ip -n xs.@.P neighbour del 10.255.0.1 dev MD;"
	       "ip netns exec xs.@.P sysctl -w net.ipv4.conf.GWP.rp_filter=1 net.ipv4.conf.all.rp_filter=2;"
	       "ip -n xs.@%client link set client mtu 1300; ip -n xs.@%client link set lo down;"
	       "ip netns exec @ ethtool -K p0 rxvlan on; ip -n @ link set p1 promisc off");
	make(&node_normal);
	expect_sliver();
	expect_edge();
	expect_ports();
	expect("ip -n xs.@%client -o link show dev client", "mtu 1500");
	make_and_retire_change_nothing(&node_normal);
	retire(NULL);
	expect_as_before();
}

static void change_is_a_difference(void **context)
{
	struct node_variant variant = node_normal;
	uint64_t changes;

	make(&node_normal);
	variant.route_via = "10.1.2.77";
	changes = xs_netlink_changes();
	make(&variant);
	retire(&variant);
	assert_int_equal(xs_netlink_changes() - changes, 1);
	expect("ip -n xs.@.P route show 10.9.0.0/16", "via 10.1.2.77 dev P12");

	/* Another address in the same subnet: the old is a stranger's now; routes by the subnet live on. */
	variant.link_address = "10.1.2.9";
	make(&variant);
	expect("ip -n xs.@.P -o address show dev P12", "10.1.2.1/24");
	retire(&variant);
	expect_not("ip -n xs.@.P -o address show dev P12", "10.1.2.1/24");
	expect("ip -n xs.@.P -o address show dev P12", "10.1.2.9/24");
	expect("ip -n xs.@.P route show 10.9.0.0/16", "via 10.1.2.77 dev P12");
	make_and_retire_change_nothing(&variant);

	variant.peer = "10.255.0.6";
	variant.mtu = 1300;
	make(&variant);
	retire(&variant);
	expect_not("ip -n xs.@.P neighbour show dev MD", "10.255.0.1 ");
	expect("ip -n xs.@.P neighbour show dev MD", "10.255.0.6 lladdr 06:00:00:00:00:03 PERMANENT");
	expect_not("ip -n xs.@.P route show", "10.255.0.1");
	expect_not("ip -n xs.@%client address show", "10.255.0.1");
	expect("ip -n xs.@.P -o link show dev P12", "mtu 1300");
	make_and_retire_change_nothing(&variant);

	variant.without_a = true;
	make(&variant);
	expect("ip -n xs.@.A -o address show dev A12", "10.1.2.1/24");
	retire(&variant);
	expect_not("ls /run/netns", "xs.@.A");
	expect_not("ip -n @ link show", "xs5");
	assert_null(xs_node_vport(node, 5));
	assert_non_null(xs_node_vport(node, 4));
	make_and_retire_change_nothing(&variant);
	retire(NULL);
	expect_as_before();
}

/* There and back, whole and cut short, as a change that fails is. */
static void change_to_and_fro(const struct node_variant *from, const struct node_variant *to)
{
	make(from);
	retire(from);
	make(to);
	retire(to);
	make_and_retire_change_nothing(to);
	make(from);
	make(to);
	make(from);
	retire(from);
	make_and_retire_change_nothing(from);
	make(to);
	retire(to);
}

static void ends_of_a_link_change_places(void **context)
{
	struct node_variant turned = node_dual;

	turned.turned = true;
	turned.link_address = node_dual.route_via;
	turned.route_via = node_dual.link_address;
	change_to_and_fro(&node_dual, &turned);
	expect("ip -n xs.@.P -o address show dev P12", "10.1.2.2/24");
	expect_not("ip -n xs.@.P -o address show dev P12", "10.1.2.1/24");
	expect("ip -n xs.@.P route show 10.9.0.0/16", "via 10.1.2.1 dev P12");
	expect("ip -n xs.@.P -6 -o address show dev P12", "2001:db8:12::/127");
	expect_not("ip -n xs.@.P -6 -o address show dev P12", "2001:db8:12::1/127");
	expect("ip -n xs.@.P -6 route show 2001:db8:9::/48", "via 2001:db8:12::1 dev P12");
	retire(NULL);
	expect_as_before();
}

/* A route leads where the link was, and the link is where the route led. */
static void subnets_change_places(void **context)
{
	struct node_variant exchanged = node_normal;

	exchanged.exchanged = true;
	exchanged.link_address = "10.9.0.1";
	exchanged.route_via = "10.9.0.2";
	change_to_and_fro(&node_normal, &exchanged);
	expect("ip -n xs.@.P -o address show dev P12", "10.9.0.1/16");
	expect_not("ip -n xs.@.P -o address show dev P12", "10.1.2.1");
	expect_text("ip -n xs.@.P route show 10.1.2.0/24 | sed 's/ *$//'", "10.1.2.0/24 via 10.9.0.2 dev P12 proto 158\n");
	expect("ip -n xs.@.P route show 10.9.0.0/16", "proto kernel");
	retire(NULL);
	expect_as_before();
}

/* What both images say alike is not looked at, until all is. */
static void a_change_looks_at_its_own_part(void **context)
{
	struct node_variant variant = node_normal;
	struct xs_image *former = node_image(node_name, &node_normal), *next;
	uint64_t changes;

	make(&node_normal);
	variant.route_via = "10.1.2.77";
	next = node_image(node_name, &variant);
	output("ip -n xs.@.A address del 10.1.2.1/24 dev A12");
	changes = xs_netlink_changes();
	assert_int_equal(xs_node_make(node, next, former, NULL, NULL, node_error), 0);
	assert_int_equal(xs_netlink_changes() - changes, 1);
	assert_true(xs_node_vport(node, 1)->looked_at);
	assert_false(xs_node_vport(node, 5)->looked_at);
	expect("ip -n xs.@.P route show 10.9.0.0/16", "via 10.1.2.77 dev P12");
	expect_not("ip -n xs.@.A -o address show dev A12", "10.1.2.1/24");
	/* A namespace that is new is made, whatever was said before. */
	variant.without_a = true;
	make(&variant);
	retire(&variant);
	xs_image_free(former);
	former = node_image(node_name, &variant);
	variant.without_a = false;
	xs_image_free(next);
	next = node_image(node_name, &variant);
	assert_int_equal(xs_node_make(node, next, former, NULL, NULL, node_error), 0);
	assert_true(xs_node_vport(node, 5)->fresh);
	assert_false(xs_node_vport(node, 1)->looked_at);
	expect("ip -n xs.@.A -o address show dev A12", "10.1.2.1/24");
	make(&variant);
	make_and_retire_change_nothing(&variant);
	xs_image_free(former);
	xs_image_free(next);
}

static void carrier_is_copied_to_links(void **context)
{
	struct xs_image *image = node_image(node_name, &node_normal);
	uint64_t changes;

	make(&node_normal);
	output("ip -n @ link set q0 down; ip -n @ link set q1 down");
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	assert_false(xs_node_port(node, 1)->carrier);
	expect("ip -n xs.@.P -o link show dev P12", "NO-CARRIER");
	expect("ip -n xs.@.A -o link show dev A12", "NO-CARRIER");
	expect_not("ip -n xs.@.P -o link show dev GWP", "NO-CARRIER");
	changes = xs_netlink_changes();
	make(&node_normal);
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	assert_int_equal(xs_netlink_changes(), changes);
	output("ip -n @ link set q0 up; ip -n @ link set q1 up");
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	expect("ip -n xs.@.P -o link show dev P12", ",UP,LOWER_UP>");
	make_and_retire_change_nothing(&node_normal);
	xs_image_free(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(sliver_holds_what_the_image_says),
		NODE_TEST(edge_holds_what_the_image_says),
		NODE_TEST(ports_are_prepared),
		NODE_TEST(its_links_are_known),
		NODE_TEST(second_make_changes_nothing),
		NODE_TEST(what_was_broken_is_mended),
		NODE_TEST(change_is_a_difference),
		NODE_TEST(ends_of_a_link_change_places),
		NODE_TEST(subnets_change_places),
		NODE_TEST(a_change_looks_at_its_own_part),
		NODE_TEST(carrier_is_copied_to_links),
	};

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
