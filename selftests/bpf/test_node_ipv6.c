// SPDX-License-Identifier: GPL-2.0-or-later
/* test_node_ipv6.c - what slivers and edges hold of IPv6: where the image gives addresses of it, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/bpf/node_rig.h"

static void expect_dual(void)
{
	expect("ip -n xs.@.P -6 -o address show dev P12", "inet6 2001:db8:12::1/127 scope global");
	expect("ip -n xs.@.P -6 -o address show dev P12", "inet6 fe80::ff:fe00:1/64 scope link");
	expect("ip -n xs.@.P -6 -o address show dev GWP", "inet6 2001:db8:a::1/64 scope global");
	expect("ip -n xs.@.P -6 -o address show dev MD", "inet6 2001:db8:ff::2/128 scope global");
	expect("ip -n xs.@.P -6 -o address show dev lo", "inet6 2001:db8:c::1/128");
	expect_not("ip -n xs.@.P -6 -o address show", "tentative");
	expect_text("ip -n xs.@.P -6 route show proto 158 | sed 's/ *$//; s/ pref medium//' | sort",
		    "2001:db8:9::/48 via 2001:db8:12:: dev P12 metric 1024\n"
		    "2001:db8:c::/64 via 2001:db8:ff::1 dev MD metric 1024 onlink\n"
		    "2001:db8:ff::1 dev MD metric 1024\n");
	expect("ip -n xs.@.P -6 neighbour show dev MD", "2001:db8:ff::1 lladdr 06:00:00:00:00:03 PERMANENT");
	expect_text("ip netns exec xs.@.P sysctl -n net.ipv6.conf.all.forwarding net.ipv6.conf.P12.forwarding "
		    "net.ipv6.conf.P12.accept_ra net.ipv6.conf.P12.accept_dad net.ipv6.conf.GWP.autoconf "
		    "net.ipv6.conf.GWP.accept_redirects net.ipv6.conf.P12.disable_ipv6 net.ipv6.conf.lo.disable_ipv6 "
		    "net.ipv6.conf.P12.keep_addr_on_down net.ipv6.conf.P12.ignore_routes_with_linkdown "
		    "net.ipv6.icmp.ratelimit net.ipv6.neigh.P12.retrans_time_ms net.ipv6.neigh.GWP.mcast_solicit",
		    "1\n1\n0\n0\n0\n0\n0\n0\n1\n1\n100\n100\n3\n");
	expect("ip -n xs.@%client -6 -o address show dev client", "inet6 2001:db8:c::1/64 scope global");
	expect("ip -n xs.@%client -6 -o address show dev client", "inet6 2001:db8:ff::1/128 scope global");
	expect("ip -n xs.@%client -6 -o address show dev client", "inet6 fe80::ff:fe00:3/64 scope link");
	/* No proxy is promised: nothing leads to lo. */
	expect_text("ip -n xs.@%client -6 route show proto 158 | sed 's/ *$//; s/ pref medium//'",
		    "2001:db8:d::/48 via 2001:db8:c::fe dev client metric 1024\n");
	/* A router to its users, who would drop it from their list otherwise; but nothing is forwarded here. */
	expect_text("ip netns exec xs.@%client sysctl -n net.ipv6.conf.all.forwarding net.ipv6.conf.client.forwarding "
		    "net.ipv6.conf.client.accept_ra net.ipv6.conf.client.accept_dad",
		    "0\n1\n0\n0\n");
}

static void expect_none(const char *namespace)
{
	char command[128];

	snprintf(command, sizeof(command), "ip -n %s -6 -o address show; ip -n %s -6 route show table all", namespace,
		 namespace);
	expect_text(command, "");
}

static void both_families_are_held(void **context)
{
	make(&node_dual);
	expect_dual();
	expect_sliver();
	expect("ip netns exec xs.@.P ping -c 1 -W 1 2001:db8:a::1", " 0% packet loss");
	/* Slice A has none of it, and no device of the node's own namespace speaks it. */
	expect_none("xs.@.A");
	expect_text("ip -n @ -6 -o address show | grep xs", "");
	make_and_retire_change_nothing(&node_dual);
	reopen();
	make_and_retire_change_nothing(&node_dual);
	retire(NULL);
	expect_as_before();
}

static void a_family_comes_and_goes(void **context)
{
	make(&node_normal);
	retire(&node_normal);
	expect_none("xs.@.P");
	expect_none("xs.@%client");
	remember_state();
	make(&node_dual);
	retire(&node_dual);
	expect_dual();
	expect_sliver();
	make_and_retire_change_nothing(&node_dual);
	make(&node_normal);
	retire(&node_normal);
	expect_sliver();
	expect_none("xs.@.P");
	expect_none("xs.@%client");
	expect_as_before();
	make_and_retire_change_nothing(&node_normal);
}

/* A routing daemon's routes, and who was learned: a change that fails leads back to them. */
static void what_others_have_of_it_stays_until_it_is_retired(void **context)
{
	make(&node_dual);
	retire(&node_dual);
	output("ip -n xs.@.P -6 route add 2001:db8:77::/48 via 2001:db8:12:: dev P12 proto bird;"
	       "ip -n xs.@.P neighbour add 2001:db8:a::9 lladdr 52:54:00:00:00:09 dev GWP nud reachable");
	make(&node_normal);
	make(&node_dual);
	expect("ip -n xs.@.P -6 route show proto bird", "2001:db8:77::/48 via 2001:db8:12:: dev P12");
	expect("ip -n xs.@.P neighbour show dev GWP", "2001:db8:a::9 lladdr 52:54:00:00:00:09");
	expect_dual();
	make(&node_normal);
	retire(&node_normal);
	expect_none("xs.@.P");
	make_and_retire_change_nothing(&node_normal);
}

/* The kernel has an address of IPv6 once by a device, whatever its length. */
static void a_subnet_becomes_another_of_the_same_address(void **context)
{
	struct node_variant wide = node_dual;

	wide.gateway_length6 = 48;
	make(&node_dual);
	retire(&node_dual);
	make(&wide);
	retire(&wide);
	expect("ip -n xs.@.P -6 -o address show dev GWP", "inet6 2001:db8:a::1/48 scope global");
	expect_not("ip -n xs.@.P -6 -o address show dev GWP", "2001:db8:a::1/64");
	expect("ip -n xs.@.P -6 route show dev GWP", "2001:db8:a::/48");
	make_and_retire_change_nothing(&wide);
	make(&node_dual);
	retire(&node_dual);
	expect_dual();
	expect_not("ip -n xs.@.P -6 -o address show dev GWP", "2001:db8:a::1/48");
	make_and_retire_change_nothing(&node_dual);
}

/* A device of less than 1280 bytes has nothing of IPv6, not even settings; one that grows has what the defaults say. */
static void a_link_grows_to_carry_it(void **context)
{
	struct node_variant narrow = node_normal;

	narrow.mtu = 1000;
	output("ip netns exec @ sysctl -w net.ipv6.conf.default.disable_ipv6=0");
	make(&narrow);
	retire(&narrow);
	make(&node_dual);
	retire(&node_dual);
	expect_dual();
	make_and_retire_change_nothing(&node_dual);
	make(&narrow);
	retire(&narrow);
	expect_none("xs.@.P");
	make(&node_normal);
	retire(&node_normal);
	expect_sliver();
	expect_none("xs.@.P");
	/* Nor has the node's end. */
	expect_text("ip -n @ -6 -o address show | grep ' xs'", "");
	make_and_retire_change_nothing(&node_normal);
}

static void what_was_broken_of_it_is_mended(void **context)
{
	make(&node_dual);
	output("ip -n xs.@.P address del 2001:db8:12::1/127 dev P12; ip -n xs.@.P address flush dev GWP scope link;"
	       "ip -n xs.@.P address add 2001:db8:bad::1/64 dev GWP nodad; ip -n xs.@.P -6 route flush proto 158;"
	       "ip -n xs.@.P neighbour del 2001:db8:ff::1 dev MD;"
	       "ip netns exec xs.@.P sysctl -w net.ipv6.conf.all.forwarding=0 net.ipv6.conf.P12.accept_ra=2 "
	       "net.ipv6.conf.P12.accept_dad=1 net.ipv6.conf.GWP.disable_ipv6=1 net.ipv6.icmp.ratelimit=5000;"
	       "ip netns exec xs.@%client sysctl -w net.ipv6.conf.all.disable_ipv6=0");
	make(&node_dual);
	retire(&node_dual);
	expect_dual();
	expect_not("ip -n xs.@.P -6 -o address show", "2001:db8:bad");
	make_and_retire_change_nothing(&node_dual);
}

/* Addresses and routes are there although the link has never had a carrier, and stay when it goes. */
static void a_carrier_is_not_needed(void **context)
{
	struct xs_image *image = node_image(node_name, &node_dual);

	output("ip -n @ link set q0 down");
	make(&node_dual);
	expect("ip -n xs.@.P -o link show dev P12", "NO-CARRIER");
	expect_not("ip -n xs.@.P -6 -o address show dev P12", "tentative");
	expect("ip -n xs.@.P -6 -o address show dev P12", "fe80::ff:fe00:1/64");
	expect("ip -n xs.@.P -6 route show proto 158", "2001:db8:9::/48");
	output("ip -n @ link set q0 up");
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	expect_dual();
	output("ip -n @ link set q0 down");
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	expect("ip -n xs.@.P -6 -o address show dev P12", "2001:db8:12::1/127");
	make_and_retire_change_nothing(&node_dual);
	xs_image_free(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(both_families_are_held),
		NODE_TEST(a_family_comes_and_goes),
		NODE_TEST(what_others_have_of_it_stays_until_it_is_retired),
		NODE_TEST(a_subnet_becomes_another_of_the_same_address),
		NODE_TEST(a_link_grows_to_carry_it),
		NODE_TEST(what_was_broken_of_it_is_mended),
		NODE_TEST(a_carrier_is_not_needed),
	};

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
