// SPDX-License-Identifier: GPL-2.0-or-later
/* test_node_paging.c - what paging makes of a node: a sliver with an uplink, and the node's own namespace as the substrate. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "selftests/bpf/node_rig.h"

static void expect_uplink(void)
{
	expect_text("ip -n xs.@.P route show proto 158 | sed 's/ *$//'", "192.0.2.0/24 via 169.254.88.1 dev wan onlink\n");
	expect("ip -n xs.@.P -6 route show proto 158", "2001:db8:c::/64 via fe80::1 dev wan");
	expect("ip -n xs.@.P neighbour show dev wan", "169.254.88.1 lladdr 06:00:00:00:00:03 PERMANENT");
	expect("ip -n xs.@.P neighbour show dev wan", "fe80::1 lladdr 06:00:00:00:00:03");
	expect("ip -n xs.@.P -o address show dev lo", "inet 10.1.3.1/32 scope global lo");
	expect("ip -n xs.@.P -o link show dev wan", "02:00:00:00:00:07");
	expect_text("ip netns exec xs.@.P sysctl -n net.ipv4.conf.wan.accept_local net.ipv4.conf.GWP.accept_local", "1\n0\n");
	expect("ip -n xs.@.P -o address show dev wan", "inet 10.0.0.1/32");
	expect("ip -n xs.@.P -o address show dev wan", "inet6 2001:db8:a::1/128");
}

static void expect_substrate(void)
{
	expect_text("ip -n @ route show proto 158 | sed 's/ *$//'",
		    "100.64.0.0/16 via 169.254.88.2 dev xs7 onlink\n100.80.3.1 via 169.254.88.2 dev xs7 onlink\n"
		    "100.90.0.1 dev lo scope link\n");
	expect("ip -n @ -6 route show proto 158", "fd00:64:a::/64 via fe80::2 dev xs7");
	expect("ip -n @ -6 route show proto 158", "fd00:90::1 dev lo");
	expect_not("ip -n @ -6 route show proto 158", "fd00:64:c::");
	expect("ip -n @ neighbour show dev xs7", "169.254.88.2 lladdr 02:00:00:00:00:07 PERMANENT");
	expect("ip -n @ neighbour show dev xs7", "fe80::2 lladdr 02:00:00:00:00:07");
	expect("ip -n @ -o address show dev lo", "inet 100.90.0.1/32");
	expect("ip -n @ -o address show dev lo", "inet6 fd00:90::1/128");
	expect_text("ip netns exec @ sysctl -n net.ipv4.conf.xs7.forwarding net.ipv4.conf.xs7.rp_filter net.ipv6.conf.xs7.forwarding",
		    "1\n0\n1\n");
	assert_int_equal(xs_node_vport(node, 8)->veth, 0);
	assert_int_equal(xs_node_vport(node, 8)->inner, xs_node_port(node, 1)->ifindex);
}

static void sliver_and_substrate_hold_what_the_image_says(void **context)
{
	make(&node_paged);
	expect_uplink();
	expect_substrate();
	make_and_retire_change_nothing(&node_paged);
	reopen();
	make_and_retire_change_nothing(&node_paged);
	retire(NULL);
	expect_as_before();
}

static void page_that_moves_is_reached_by_both_until_it_is_retired(void **context)
{
	struct node_variant variant = node_paged;

	make(&node_paged);
	retire(&node_paged);
	variant.mapped = "100.99.0.0/16";
	make(&variant);
	expect("ip -n @ route show proto 158", "100.64.0.0/16 via");
	expect("ip -n @ route show proto 158", "100.99.0.0/16 via");
	retire(&variant);
	expect_not("ip -n @ route show proto 158", "100.64.0.0/16 via");
	make_and_retire_change_nothing(&variant);
	retire(NULL);
	expect_as_before();
}

static void a_family_that_goes_leaves_nothing(void **context)
{
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		struct node_variant other_alone = node_paged;

		other_alone.without[family] = true;
		make(&other_alone);
		retire(&other_alone);
		remember_state();
		make(&node_paged);
		retire(&node_paged);
		expect_substrate();
		make(&other_alone);
		retire(&other_alone);
		expect_as_before();
		make_and_retire_change_nothing(&other_alone);
	}
}

/* A device of less than 1280 bytes has nothing of IPv6 that could be turned off. */
static void a_narrow_uplink_of_ipv4(void **context)
{
	struct node_variant narrow = node_paged;

	narrow.without[XS_FAMILY6] = true;
	narrow.mtu = 1200;
	make(&narrow);
	retire(&narrow);
	expect("ip -n @ -o link show dev xs7", "mtu 1200");
	make_and_retire_change_nothing(&narrow);
	make(&node_paged);
	retire(&node_paged);
	expect_uplink();
	expect_substrate();
	retire(NULL);
	expect_as_before();
}

static void what_was_broken_is_mended(void **context)
{
	make(&node_paged);
	output("ip -n @ route del 100.64.0.0/16; ip -n @ address del 100.90.0.1/32 dev lo; ip -n @ neighbour del 169.254.88.2 dev xs7;"
	       "ip netns exec @ sysctl -w net.ipv4.conf.xs7.forwarding=0; ip -n xs.@.P route del 192.0.2.0/24");
	make(&node_paged);
	expect_uplink();
	expect_substrate();
	output("ip -n @ link del xs7");
	make(&node_paged);
	expect_uplink();
	expect_substrate();
	make_and_retire_change_nothing(&node_paged);
}

/* A killed agent's successor knows by the journal what is ours. */
static void other_addresses_and_routes_stay(void **context)
{
	output("ip -n @ address add 100.91.0.1/32 dev lo; ip -n @ route add 100.92.0.0/16 dev lo proto static");
	remember_state();
	make(&node_paged);
	reopen();
	make(&node_paged);
	retire(NULL);
	expect_as_before();
}

static void address_of_somebody_else_is_refused(void **context)
{
	struct xs_image *image = node_image(node_name, &node_paged);

	output("ip -n @ address add 100.90.0.1/32 dev lo");
	remember_state();
	assert_int_not_equal(xs_node_make(node, image, NULL, NULL, NULL, node_error), 0);
	assert_string_equal(strstr(node_error, "address"), strstr(node_error, "address 100.90.0.1/32 in namespace"));
	xs_image_free(image);
	retire(NULL);
	expect_as_before();
}

/* A sliver shares an address with an edge for itself alone; of one by paging the WAN's hosts are to know it. */
static void a_shared_address_becomes_its_own(void **context)
{
	struct node_variant shares = node_normal;

	shares.shared = "10.1.3.1";
	make(&shares);
	retire(&shares);
	expect("ip -n xs.@.P -o address show dev lo", "inet 10.1.3.1/32 scope host lo");
	make(&node_paged);
	retire(&node_paged);
	expect_uplink();
	make_and_retire_change_nothing(&node_paged);
	make(&shares);
	retire(&shares);
	expect("ip -n xs.@.P -o address show dev lo", "inet 10.1.3.1/32 scope host lo");
}

static void change_between_both_expansions(void **context)
{
	make(&node_dual);
	retire(&node_dual);
	make(&node_paged);
	retire(&node_paged);
	expect_substrate();
	make_and_retire_change_nothing(&node_paged);
	make(&node_dual);
	retire(&node_dual);
	expect_text("ip -n @ route show proto 158", "");
	expect_not("ip -n @ -o address show dev lo", "100.90.0.1");
	make_and_retire_change_nothing(&node_dual);
	retire(NULL);
	expect_as_before();
}

/* ---- what is the operator's ---- */

static char told[4096];

static void note(void *context, const char *sentence)
{
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, "%s\n", sentence);
}

static const char *look(void)
{
	struct xs_image *image = node_image(node_name, &node_paged);

	told[0] = '\0';
	assert_int_equal(xs_node_look_at_substrate(node, image, note, NULL), 0);
	xs_image_free(image);
	return told;
}

static void a_node_that_does_not_forward_is_told(void **context)
{
	make(&node_paged);
	output("ip netns exec @ sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
	assert_string_equal(look(), "");
	output("ip netns exec @ sysctl -w net.ipv4.conf.p0.forwarding=0");
	assert_string_equal(look(), "the node does not forward what comes in by port r2: sysctl net.ipv4.conf.p0.forwarding is 0\n");
	output("ip netns exec @ sysctl -w net.ipv4.ip_forward=0");
	assert_string_equal(look(), "the node does not forward IPv4, which a node with pages has to: sysctl net.ipv4.ip_forward is 0\n");
	output("ip netns exec @ sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=0");
	assert_string_equal(look(), "the node does not forward IPv6, which a node with pages has to: sysctl net.ipv6.conf.all.forwarding is 0\n");
	output("ip netns exec @ sysctl -w net.ipv6.conf.all.forwarding=1; ip -n @ link set lo down");
	assert_string_equal(look(), "device lo is down, which holds the node's own addresses: ip link set lo up\n");
	/* It was told, and nothing was set. */
	expect("ip -n @ link show lo", "state DOWN");
}

static void an_address_where_pages_are_is_told(void **context)
{
	make(&node_paged);
	output("ip netns exec @ sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
	       "ip -n @ address add 203.0.113.1/24 dev p0; ip -n @ address add fd00:65::1/128 dev lo");
	assert_string_equal(look(), "");
	output("ip -n @ address add 100.64.7.1/24 dev p0");
	assert_string_equal(look(), "address 100.64.7.1 of device p0 lies in 100.64.0.0/16, which is kept for pages: give the device another, or "
				    "the domain another `pool`\n");
	output("ip -n @ address del 100.64.7.1/24 dev p0; ip -n @ address add fd00:64:c::7/128 dev lo; ip -n @ address add 100.99.0.1/32 dev lo");
	look();
	assert_non_null(strstr(told, "address fd00:64:c::7 of device lo lies in fd00:64:c::/64"));
	assert_non_null(strstr(told, "address 100.99.0.1 of device lo lies in 100.96.0.0/11"));
}

static void a_loopback_that_is_down_is_refused(void **context)
{
	struct xs_image *image = node_image(node_name, &node_paged);

	output("ip -n @ link set lo down");
	remember_state();
	assert_int_equal(xs_node_make(node, image, NULL, NULL, NULL, node_error), -ENETDOWN);
	assert_non_null(strstr(node_error, "device lo in namespace"));
	xs_image_free(image);
	retire(NULL);
	expect_as_before();
}

#define ROUTER_TEST(function) cmocka_unit_test_setup_teardown(function, set_up_router, tear_down)

/* A router has its loopback up. */
static int set_up_router(void **context)
{
	int err = set_up(context);

	output("ip -n @ link set lo up");
	remember_state();
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROUTER_TEST(sliver_and_substrate_hold_what_the_image_says),
		ROUTER_TEST(page_that_moves_is_reached_by_both_until_it_is_retired),
		ROUTER_TEST(a_family_that_goes_leaves_nothing),
		ROUTER_TEST(a_narrow_uplink_of_ipv4),
		ROUTER_TEST(what_was_broken_is_mended),
		ROUTER_TEST(other_addresses_and_routes_stay),
		ROUTER_TEST(address_of_somebody_else_is_refused),
		ROUTER_TEST(a_shared_address_becomes_its_own),
		ROUTER_TEST(change_between_both_expansions),
		ROUTER_TEST(a_node_that_does_not_forward_is_told),
		ROUTER_TEST(an_address_where_pages_are_is_told),
		ROUTER_TEST(a_loopback_that_is_down_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
