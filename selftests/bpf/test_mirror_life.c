/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mirror_life.c - a mirror after its predecessor, and gateways that it keeps alive. Root, else exit 77. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/bpf/mirror_rig.h"

/* What the former agent left stays until its successor lets it go. */
static void test_restart(void **state)
{
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct node node, next;
	struct tally tally;
	uint32_t root, address = htonl(20u << 24 | 99 << 16 | 5), leaf;
	struct xs_mirror_device device[DEVICES];
	struct answer got;
	int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	restore_neighbours();
	ip("route replace 20.99.0.0/24 via 10.0.0.1 dev v0 onlink");
	node_new(&node, 4000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	root = xs_mirror_root(node.mirror);
	ask_table(&node, address, &got);
	assert_int_equal(got.kind, XS_NEXTHOP_FORWARD);

	pool = xs_pool_new(xs_node_maps_block(&node.maps), node.maps.entries[XS_MAP_block], NULL, NULL);
	nexthops = xs_nexthops_new(&node.maps);
	xs_pool_adopt(pool, root);
	xs_nexthops_adopt(nexthops, &node.maps, root);
	next = (struct node){.maps = node.maps, .pool = pool, .nexthops = nexthops};
	assert_int_equal(xs_mirror_new(netns, pool, nexthops, &next.mirror), 0);
	describe(device);
	assert_int_equal(xs_mirror_set_devices(next.mirror, device, DEVICES), 0);
	assert_int_equal(xs_mirror_sync(next.mirror), 0);
	assert_int_not_equal(xs_mirror_root(next.mirror), root);
	/* Both answer alike, by entries of their own. */
	ask_table(&next, address, &got);
	assert_int_equal(got.kind, XS_NEXTHOP_FORWARD);
	ask_table(&node, address, &got);
	assert_int_equal(got.kind, XS_NEXTHOP_FORWARD);
	assert_true(xs_blocks_lookup(xs_node_maps_block(&node.maps), root, (uint8_t *)&address, 4, &leaf));
	xs_nexthops_release(nexthops, &node.maps, root);
	xs_pool_release(pool, root);
	compare(&next, 5000, false, &tally);
	assert_int_equal(tally.different, 0);
	xs_mirror_free(next.mirror);
	assert_int_equal(xs_pool_used(pool), 0);
	xs_nexthops_free(nexthops);
	xs_pool_free(pool);
	node_free(&node);
	close(netns);
}

/* A gateway that answers is found and kept alive by the kernel, because the mirror asks it to. */
static void test_gateway_is_kept_alive(void **state)
{
	struct node node;
	struct answer got = {};
	uint32_t address = htonl(20u << 24 | 77 << 16 | 5);
	char line[256] = "";
	FILE *shown;

	/* Its other end in a namespace of its own, so that somebody answers ARP. */
	if (system("ip netns del xs-test-mirror 2>/dev/null") == -1) /* of a run that was cut short */
		fail();
	ip("netns add xs-test-mirror");
	ip("link set p0 netns xs-test-mirror");
	ip("-n xs-test-mirror addr add 10.0.0.77/16 dev p0");
	ip("-n xs-test-mirror link set p0 up");
	ip("route replace 20.77.0.0/24 via 10.0.0.77 dev v0 onlink");
	node_new(&node, 4000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	for (unsigned int i = 0; i < 300 && got.kind != XS_NEXTHOP_FORWARD; i++) {
		struct pollfd ready = {.fd = xs_mirror_fd(node.mirror), .events = POLLIN};

		poll(&ready, 1, 20);
		catch_up(&node);
		ask_table(&node, address, &got);
	}
	shown = popen("ip neigh show 10.0.0.77 dev v0", "r");
	assert_non_null(fgets(line, sizeof(line), shown));
	pclose(shown);
	node_free(&node);
	ip("netns del xs-test-mirror");
	print_message("%s", line);
	assert_int_equal(got.kind, XS_NEXTHOP_FORWARD);
	assert_non_null(strstr(line, "managed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_gateway_is_kept_alive),
	};

	if (geteuid()) {
		printf("SKIP: makes a network namespace, for which it must be root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup_namespace, NULL);
}
