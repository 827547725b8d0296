// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_advertise.c - gateways as IPv6 routers, to a host whose kernel takes what it is told (accept_ra): default route,
 * address, MTU. The node's end of the gateway's veth is joined to the host by a bridge in place of the datapath.
 *
 *     namespace xst<pid>: xs2 (of GWP) - join (bridge) - p1 ... eth0, namespace xst<pid>h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "loader/agent/advertise.h"
#include "loader/node/router.h"
#include "selftests/bpf/node_rig.h"

#define ROUTER "fe80::ff:fe00:2" /* of GWP's MAC */

static struct event_base *base;
static struct xs_advertise *advertise;
static struct xs_image *image;

static int set_up_host(void **state)
{
	int err = set_up(state);

	make(&node_dual);
	output("ip netns add @h; ip -n @ link set q1 netns @h name eth0;"
	       "ip netns exec @h sysctl -w net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0 "
	       "net.ipv6.conf.eth0.accept_ra=2 net.ipv6.conf.eth0.autoconf=1 net.ipv6.conf.eth0.accept_dad=0 "
	       "net.ipv6.conf.eth0.accept_ra_defrtr=1 net.ipv6.conf.eth0.accept_ra_pinfo=1 "
	       "net.ipv6.conf.eth0.accept_ra_mtu=1 net.ipv6.conf.eth0.router_solicitations=0;"
	       "ip -n @ link add join type bridge mcast_snooping 0; ip -n @ link set xs2 master join; ip -n @ link set "
	       "p1 master join;"
	       "ip -n @ link set join up; ip -n @h link set eth0 up");
	image = node_image(node_name, &node_dual);
	base = event_base_new();
	advertise = xs_advertise_new(base);
	return err;
}

static int tear_down_host(void **state)
{
	xs_advertise_free(advertise);
	event_base_free(base);
	xs_image_free(image);
	output("ip -n @ link del join; ip netns del @h");
	return tear_down(state);
}

static bool shows(const char *command, const char *part)
{
	return strstr(output(command), part);
}

/* Lets the agent's loop run until it shows, or not (part begins with !). */
static bool until(const char *command, const char *part, unsigned int milliseconds)
{
	for (unsigned int i = 0; i < milliseconds; i += 100) {
		const struct timeval wait = { .tv_usec = 100000 };

		if (*part == '!' ? !shows(command, part + 1) : shows(command, part))
			return true;
		event_base_loopexit(base, &wait);
		event_base_dispatch(base);
	}
	return false;
}

#define ROUTES "ip -n @h -6 route show default"

static void a_host_finds_its_router(void **state)
{
	xs_advertise_hold(advertise, node, image);
	assert_true(until(ROUTES, "via " ROUTER " dev eth0 proto ra", 5000));
	expect(ROUTES, "expires 1");
	expect("ip -n @h -6 -o address show dev eth0 scope global", "2001:db8:a:");
	expect("ip -n @h -6 route show dev eth0", "2001:db8:a::/64 proto kernel");
	expect("ip netns exec @h sysctl -n net.ipv6.conf.eth0.mtu", "1500");
	expect("ip -n @h -6 neighbour show " ROUTER, "02:00:00:00:00:02 router");
	/* What is the same stays the same; gone from the image, it is silent, and says so. */
	xs_advertise_hold(advertise, node, image);
	xs_advertise_hold(advertise, node, NULL);
	xs_routers_leave(image, image);
	usleep(100000);
	expect(ROUTES, "via " ROUTER);
	xs_routers_leave(image, NULL);
	assert_true(until(ROUTES, "!via " ROUTER, 5000));
}

static void who_asks_is_answered(void **state)
{
	xs_advertise_hold(advertise, node, image);
	assert_true(until(ROUTES, "via " ROUTER, 5000));
	/* The first three are spread over up to 48 s; after it forgot, the host asks. */
	output("ip -n @h -6 route flush proto ra; ip netns exec @h sysctl -w net.ipv6.conf.eth0.router_solicitations=3 "
	       "net.ipv6.conf.eth0.router_solicitation_delay=0; ip -n @h link set eth0 down; ip -n @h link set eth0 "
	       "up");
	expect_not(ROUTES, "via " ROUTER);
	assert_true(until(ROUTES, "via " ROUTER, 3900)); /* at most 3 s after the one before; alone, not before 4 s */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_host_finds_its_router, set_up_host, tear_down_host),
		cmocka_unit_test_setup_teardown(who_asks_is_answered, set_up_host, tear_down_host),
	};

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
