/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mirror_life.c - a mirror after its predecessor; gateways that it finds and keeps alive; carriers, MACs and
 * routes that come and go. Root, else exit 77.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/node/mirror_internal.h"
#include "selftests/bpf/mirror_rig.h"

static struct answer answer_for(const struct node *node, const char *address)
{
	const struct xs_address of = parse(address);
	struct answer got;

	ask_first(node, &of, &got);
	return got;
}

/* What the former agent left stays until its successor lets it go. */
static void test_restart(void **state)
{
	static const char *const destination[XS_FAMILIES] = { "20.99.0.5", "2a00:99::5" };
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct node node, next;
	uint32_t root[XS_FAMILIES], leaf;
	struct xs_mirror_device device[DEVICES];
	int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	ip("route replace 20.99.0.0/24 via 10.0.0.1 dev v0 onlink");
	ip("route replace 2a00:99::/32 via fe80::1 dev v0");
	node_new(&node, 4000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);

	pool = xs_pool_new(xs_node_maps_tables(&node.maps), NULL, NULL);
	nexthops = xs_nexthops_new(&node.maps);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		root[family] = xs_mirror_root(node.mirror, family);
		assert_int_equal(kind_of(&node, destination[family]), XS_NEXTHOP_FORWARD);
		xs_pool_adopt(pool, root[family]);
		xs_nexthops_adopt(nexthops, &node.maps, root[family]);
	}
	next = (struct node){ .maps = node.maps, .pool = pool, .nexthops = nexthops };
	assert_int_equal(xs_mirror_new(netns, pool, nexthops, &next.mirror), 0);
	describe(device);
	assert_int_equal(xs_mirror_set_devices(next.mirror, device, DEVICES), 0);
	assert_int_equal(xs_mirror_sync(next.mirror), 0);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		const struct xs_address address = parse(destination[family]);

		assert_int_not_equal(xs_mirror_root(next.mirror, family), root[family]);
		/* Both answer alike, by entries of their own. */
		assert_int_equal(kind_of(&next, destination[family]), XS_NEXTHOP_FORWARD);
		assert_int_equal(kind_of(&node, destination[family]), XS_NEXTHOP_FORWARD);
		assert_true(xs_tables_lookup(xs_node_maps_tables(&node.maps), root[family], address.bytes,
					     xs_family_bits(address.family) / 8, &leaf));
		xs_nexthops_release(nexthops, &node.maps, root[family]);
		xs_pool_release(pool, root[family]);
	}
	expect_none_different(&next, 2000, false);
	xs_mirror_free(next.mirror);
	assert_int_equal(xs_pool_used(pool), 0);
	xs_nexthops_free(nexthops);
	xs_pool_free(pool);
	node_free(&node);
	close(netns);
}

static bool neighbour_shows(const char *address, const char *what)
{
	char command[96], line[256] = "";
	FILE *shown;

	snprintf(command, sizeof(command), "ip neigh show %s dev v0", address);
	shown = popen(command, "r");
	if (!fgets(line, sizeof(line), shown))
		line[0] = '\0';
	pclose(shown);
	print_message("%s", line);
	return strstr(line, what);
}

/* The other end of v0 in a namespace of its own, so that somebody answers. */
static int meet_router(void **state)
{
	shell("ip netns del xs-test-mirror 2>/dev/null; true"); /* of a run that was cut short */
	ip("netns add xs-test-mirror");
	shell("ip netns exec xs-test-mirror sh -c 'cd /proc/sys/net/ipv6/conf/; echo 0 >default/disable_ipv6;"
	      "echo 0 >all/disable_ipv6; echo 0 >default/accept_dad; echo 0 >all/accept_dad'");
	ip("link set p0 netns xs-test-mirror");
	ip("-n xs-test-mirror addr add 10.0.0.77/16 dev p0");
	ip("-n xs-test-mirror addr add fe80::77/64 dev p0 nodad");
	ip("-n xs-test-mirror addr add 2001:db8::77/64 dev p0 nodad");
	ip("-n xs-test-mirror link set p0 up");
	ip("route replace 20.77.0.0/24 via 10.0.0.77 dev v0 onlink");
	ip("route replace 2a00:77::/32 via fe80::77 dev v0");
	ip("route replace 2a00:78::/32 via 2001:db8::77 dev v0");
	return 0;
}

static int leave_router(void **state)
{
	ip("netns del xs-test-mirror"); /* v0 goes with its other end */
	make_device(0);
	return 0;
}

static void wait_for(struct node *node, const char *address, uint8_t kind)
{
	for (unsigned int i = 0; i < 300 && kind_of(node, address) != kind; i++)
		catch_up_for(node, 20);
	assert_int_equal(kind_of(node, address), kind);
}

static void expect_gateways(struct node *node)
{
	assert_int_equal(xs_mirror_sync(node->mirror), 0);
	wait_for(node, "20.77.0.5", XS_NEXTHOP_FORWARD);
	wait_for(node, "2a00:77::5", XS_NEXTHOP_FORWARD);
	wait_for(node, "2a00:78::5", XS_NEXTHOP_FORWARD);
}

/* A gateway that answers is found and kept alive by the kernel, because the mirror asks it to. */
static void test_gateways_are_kept_alive(void **state)
{
	struct node node;

	node_new(&node, 4000);
	expect_gateways(&node);
	assert_true(neighbour_shows("10.0.0.77", "managed"));
	assert_true(neighbour_shows("fe80::77", "managed"));
	assert_true(neighbour_shows("2001:db8::77", "managed"));
	/* Nothing leads there any more: the kernel may forget it. */
	ip("route del 2a00:77::/32");
	catch_up_for(&node, 100);
	assert_false(neighbour_shows("fe80::77", "managed"));
	node_free(&node);
}

/* Kernels before 5.16: a gateway is asked for, and asked again whenever it idles. */
static void test_gateways_where_none_is_managed(void **state)
{
	struct node node;

	node_new(&node, 4000);
	node.mirror->no_managed = true;
	expect_gateways(&node);
	assert_false(neighbour_shows("10.0.0.77", "managed"));
	assert_false(neighbour_shows("fe80::77", "managed"));
	ip("neigh change 10.0.0.77 dev v0 nud stale");
	ip("neigh change fe80::77 dev v0 nud stale");
	/* DELAY lasts 5 s before the first probe; what counts is that somebody uses it. */
	catch_up_for(&node, 200);
	assert_false(neighbour_shows("10.0.0.77", "STALE"));
	assert_false(neighbour_shows("fe80::77", "STALE"));
	node_free(&node);
}

/* Its MAC changes: the next packets carry the new one. */
static void test_a_neighbour_changes_its_mac(void **state)
{
	static const char *const destination[] = { "20.99.0.5", "2a00:99::5" };
	struct node node;

	node_new(&node, 4000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	ip("neigh replace 10.0.0.1 lladdr 02:aa:00:00:00:01 dev v0 nud reachable");
	ip("neigh replace fe80::1 lladdr 02:aa:00:00:00:01 dev v0 nud reachable");
	catch_up(&node);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(answer_for(&node, destination[i]).kind, XS_NEXTHOP_FORWARD);
		assert_int_equal(answer_for(&node, destination[i]).dmac[1], 0xaa);
	}
	restore_neighbours();
	catch_up(&node);
	assert_int_equal(answer_for(&node, destination[0]).dmac[1], 0);
	node_free(&node);
}

/* No carrier: what leads there takes another way, or none, and comes back with it. */
static void test_a_carrier_goes_and_comes(void **state)
{
	static const char *const destination[] = { "20.60.0.5", "2a00:60::5" };
	struct node node;

	ip("route replace 20.60.0.0/24 via 10.1.0.1 dev v1 onlink");
	ip("route replace 20.60.0.0/24 via 10.2.0.1 dev v2 onlink metric 9");
	ip("route replace 2a00:60::/32 via fe80::1 dev v1 metric 5");
	ip("route replace 2a00:60::/32 via fe80::1 dev v2 metric 9");
	ip("route replace 20.61.0.0/24 via 10.1.0.1 dev v1 onlink");
	ip("route replace 2a00:61::/32 via fe80::1 dev v1");
	node_new(&node, 4000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(answer_for(&node, destination[i]).vport, 101);
	ip("link set p1 down");
	catch_up_for(&node, 200);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(answer_for(&node, destination[i]).vport, 102);
	assert_int_equal(kind_of(&node, "20.61.0.5"), XS_NEXTHOP_PUNT);
	assert_int_equal(kind_of(&node, "2a00:61::5"), XS_NEXTHOP_PUNT);
	ip("link set p1 up");
	restore_neighbours();
	catch_up_for(&node, 200);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(answer_for(&node, destination[i]).vport, 101);
	assert_int_equal(kind_of(&node, "20.61.0.5"), XS_NEXTHOP_FORWARD);
	assert_int_equal(kind_of(&node, "2a00:61::5"), XS_NEXTHOP_FORWARD);
	node_free(&node);
}

static void test_routes_that_lead_nowhere(void **state)
{
	struct node node;

	ip("route replace default via 10.0.0.1 dev v0");
	ip("route replace default via fe80::1 dev v0");
	ip("route replace blackhole 20.50.0.0/24");
	ip("route replace unreachable 20.51.0.0/24");
	ip("route replace prohibit 20.52.0.0/24");
	ip("route replace blackhole 2a00:50::/32");
	ip("route replace unreachable 2a00:51::/32");
	ip("route replace prohibit 2a00:52::/32");
	node_new(&node, 4000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	assert_int_equal(kind_of(&node, "20.49.0.1"), XS_NEXTHOP_FORWARD);
	assert_int_equal(kind_of(&node, "20.50.0.1"), XS_NEXTHOP_BLACKHOLE);
	assert_int_equal(kind_of(&node, "20.51.0.1"), XS_NEXTHOP_UNREACHABLE);
	assert_int_equal(kind_of(&node, "20.52.0.1"), XS_NEXTHOP_UNREACHABLE);
	assert_int_equal(kind_of(&node, "2a00:49::1"), XS_NEXTHOP_FORWARD);
	assert_int_equal(kind_of(&node, "2a00:50::1"), XS_NEXTHOP_BLACKHOLE);
	assert_int_equal(kind_of(&node, "2a00:51::1"), XS_NEXTHOP_UNREACHABLE);
	assert_int_equal(kind_of(&node, "2a00:52::1"), XS_NEXTHOP_UNREACHABLE);
	/* A host that nobody has asked for on a subnet that is attached. */
	for (unsigned int family = 0; family < XS_FAMILIES; family++)
		assert_int_equal(kind_of(&node, link_text(family, 0, 77)), XS_NEXTHOP_RESOLVE);
	ip("route del blackhole 20.50.0.0/24");
	ip("route del blackhole 2a00:50::/32");
	catch_up(&node);
	assert_int_equal(kind_of(&node, "20.50.0.1"), XS_NEXTHOP_FORWARD);
	assert_int_equal(kind_of(&node, "2a00:50::1"), XS_NEXTHOP_FORWARD);
	ip("route del default");
	ip("-6 route del default");
	node_free(&node);
}

/* Preferences are looked at among equals, and IPv6's kernel tells those of a whole set of next hops by one of them. */
static void test_preferences_are_the_kernels(void **state)
{
	struct node node;

	ip("route add 2a00:40::/32 via fe80::1 dev v0 pref high");
	ip("route add 2a00:41::/32 via fe80::1 dev v0 pref low");
	ip("route append 2a00:41::/32 dev v1");
	node_new(&node, 4000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	assert_int_equal(kind_of(&node, "2a00:40::1"), XS_NEXTHOP_FORWARD);
	assert_int_equal(kind_of(&node, "2a00:41::1"), XS_NEXTHOP_PUNT);
	ip("route del 2a00:41::/32 dev v1");
	catch_up(&node);
	assert_int_equal(kind_of(&node, "2a00:41::1"), XS_NEXTHOP_FORWARD);
	node_free(&node);
}

/* What is told again and again, and says nothing new, writes nothing; what does, writes its own entry, and waits once. */
static void test_churn_costs_little(void **state)
{
	struct node node;
	uint64_t before;
	FILE *batch;

	node_new(&node, 4000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	before = writes(&node);
	batch = ip_batch();
	for (unsigned int i = 0; i < 2000; i++) {
		fprintf(batch, "neigh replace 10.1.0.1 lladdr 02:00:00:00:01:01 dev v1 nud %s\n",
			i % 2 ? "stale" : "reachable");
		fprintf(batch, "neigh replace 2001:db8:0:1::1 lladdr 02:00:00:01:01:01 dev v1 nud %s\n",
			i % 2 ? "stale" : "reachable");
	}
	pclose(batch);
	catch_up(&node);
	assert_int_equal(writes(&node), before);
	batch = ip_batch();
	for (unsigned int i = 0; i < 2000; i++)
		fprintf(batch, "neigh replace 2001:db8:0:1::1 lladdr 02:00:00:01:01:%02x dev v1\n", i % 2 + 1);
	pclose(batch);
	catch_up(&node);
	assert_true(writes(&node) - before <= 4000);
	restore_neighbours();
	node_free(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_a_neighbour_changes_its_mac),
		cmocka_unit_test(test_a_carrier_goes_and_comes),
		cmocka_unit_test(test_routes_that_lead_nowhere),
		cmocka_unit_test(test_preferences_are_the_kernels),
		cmocka_unit_test(test_churn_costs_little),
		cmocka_unit_test_setup_teardown(test_gateways_are_kept_alive, meet_router, leave_router),
		cmocka_unit_test_setup_teardown(test_gateways_where_none_is_managed, meet_router, leave_router),
	};

	if (geteuid()) {
		printf("SKIP: makes a network namespace, for which it must be root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup_namespace, NULL);
}
