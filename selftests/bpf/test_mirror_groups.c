/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mirror_groups.c - several next hops: slots by weight, and which of them change hands when a member goes, comes, or is
 * replaced, in both families. Root, else exit 77.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/bpf/mirror_rig.h"

static const char *const destination[XS_FAMILIES] = { "20.70.0.5", "2a00:70::5" };
static const char *const prefix[XS_FAMILIES] = { "20.70.0.0/24", "2a00:70::/32" };

/* By whom each slot sends: the last two bytes of its MAC, device and host. */
struct slots {
	uint16_t member[XS_GROUP_SLOTS];
};

static uint16_t member(unsigned int device, unsigned int host)
{
	return (uint16_t)(device << 8 | host);
}

static struct slots slots_of(const struct node *node, unsigned int family)
{
	const struct xs_group *group = group_for(node, destination[family]);
	struct slots slots;

	assert_non_null(group);
	for (unsigned int i = 0; i < XS_GROUP_SLOTS; i++) {
		const struct xs_nexthop *to = &xs_node_maps_nexthop(&node->maps)[group->slot[i]];

		assert_int_equal(to->kind, XS_NEXTHOP_FORWARD);
		slots.member[i] = member(to->dmac[4], to->dmac[5]);
	}
	return slots;
}

static unsigned int count(const struct slots *slots, uint16_t of)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < XS_GROUP_SLOTS; i++)
		found += slots->member[i] == of;
	return found;
}

/* Slots that changed hands though their member stays. */
static unsigned int moved(const struct slots *before, const struct slots *now, uint16_t gone)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < XS_GROUP_SLOTS; i++)
		found += before->member[i] != gone && before->member[i] != now->member[i];
	return found;
}

static void route_by(const char *verb, unsigned int family, const char *hops)
{
	ip("route %s %s %s", verb, prefix[family], hops);
}

static const char *const three[XS_FAMILIES] = {
	"nexthop via 10.0.0.1 dev v0 onlink weight 1 nexthop via 10.1.0.1 dev v1 onlink weight 1 "
	"nexthop via 10.2.0.1 dev v2 onlink weight 2",
	"nexthop via fe80::1 dev v0 weight 1 nexthop via fe80::1 dev v1 weight 1 nexthop via fe80::1 dev v2 weight 2",
};

static const char *const two[XS_FAMILIES] = {
	"nexthop via 10.0.0.1 dev v0 onlink weight 1 nexthop via 10.2.0.1 dev v2 onlink weight 2",
	"nexthop via fe80::1 dev v0 weight 1 nexthop via fe80::1 dev v2 weight 2",
};

static void node_with_three(struct node *node)
{
	for (unsigned int family = 0; family < XS_FAMILIES; family++)
		route_by("replace", family, three[family]);
	node_new(node, 4000);
	assert_int_equal(xs_mirror_sync(node->mirror), 0);
}

static void weights_are_numbers_of_slots(void **state)
{
	struct node node;

	node_with_three(&node);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		struct slots slots = slots_of(&node, family);

		assert_int_equal(count(&slots, member(0, 1)), 64);
		assert_int_equal(count(&slots, member(1, 1)), 64);
		assert_int_equal(count(&slots, member(2, 1)), 128);
	}
	/* Other prefixes by the same next hops share the group; it goes with the last. */
	ip("route replace 20.71.0.0/24 %s", three[XS_FAMILY4]);
	catch_up(&node);
	assert_ptr_equal(group_for(&node, "20.71.0.5"), group_for(&node, destination[XS_FAMILY4]));
	ip("route del 20.70.0.0/24");
	ip("route del 20.71.0.0/24");
	catch_up(&node);
	assert_null(group_for(&node, "20.71.0.5"));
	node_free(&node);
}

/* Whom nobody can reach leaves its slots to the others, and takes back as many as it is due. */
static void a_neighbour_goes_and_comes(void **state)
{
	struct slots before[XS_FAMILIES], now;
	struct node node;

	node_with_three(&node);
	for (unsigned int family = 0; family < XS_FAMILIES; family++)
		before[family] = slots_of(&node, family);
	ip("neigh del 10.1.0.1 dev v1");
	ip("neigh del fe80::1 dev v1");
	catch_up(&node);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		now = slots_of(&node, family);
		assert_int_equal(count(&now, member(1, 1)), 0);
		assert_int_equal(moved(&before[family], &now, member(1, 1)), 0);
		assert_in_range(count(&now, member(0, 1)), 85, 86);
	}
	restore_neighbours();
	catch_up(&node);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		struct slots back = slots_of(&node, family);

		assert_int_equal(count(&back, member(1, 1)), 64);
		assert_int_equal(count(&back, member(2, 1)), 128);
		assert_int_equal(moved(&now, &back, 0), 64); /* no more than it gets */
	}
	/* Nobody can be reached: the kernel says so. */
	for (unsigned int device = 0; device < 3; device++) {
		ip("neigh del 10.%u.0.1 dev v%u", device, device);
		ip("neigh del fe80::1 dev v%u", device);
	}
	catch_up(&node);
	for (unsigned int family = 0; family < XS_FAMILIES; family++)
		assert_int_equal(kind_of(&node, destination[family]), XS_NEXTHOP_PUNT);
	restore_neighbours();
	catch_up(&node);
	now = slots_of(&node, XS_FAMILY6);
	assert_int_equal(count(&now, member(2, 1)), 128);
	node_free(&node);
}

/* The routing daemon takes a next hop out, or the link loses its carrier: flows of the others keep their way. */
static void a_way_changes(void **state)
{
	struct slots before[XS_FAMILIES], now;
	struct node node;

	node_with_three(&node);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		before[family] = slots_of(&node, family);
		route_by("replace", family, two[family]);
	}
	catch_up(&node);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		now = slots_of(&node, family);
		assert_int_equal(count(&now, member(1, 1)), 0);
		assert_int_equal(moved(&before[family], &now, member(1, 1)), 0);
		route_by("replace", family, three[family]);
	}
	catch_up(&node);
	ip("link set p1 down");
	for (unsigned int family = 0; family < XS_FAMILIES; family++)
		before[family] = slots_of(&node, family);
	catch_up_for(&node, 200);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		now = slots_of(&node, family);
		assert_int_equal(count(&now, member(1, 1)), 0);
		assert_int_equal(moved(&before[family], &now, member(1, 1)), 0);
	}
	ip("link set p1 up");
	restore_neighbours();
	catch_up_for(&node, 200);
	now = slots_of(&node, XS_FAMILY4);
	assert_int_equal(count(&now, member(1, 1)), 64);
	/* One is left: no group. */
	ip("link set p1 down");
	ip("link set p2 down");
	catch_up_for(&node, 200);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		assert_null(group_for(&node, destination[family]));
		assert_int_equal(kind_of(&node, destination[family]), XS_NEXTHOP_FORWARD);
	}
	ip("link set p1 up");
	ip("link set p2 up");
	restore_neighbours();
	node_free(&node);
}

/* IPv6's daemon adds and takes out next hops one by one. */
static void next_hops_join_one_by_one(void **state)
{
	struct node node;
	struct slots now;

	ip("route replace 2a00:70::/32 via fe80::1 dev v0 metric 77");
	node_new(&node, 4000);
	ip("-6 route flush 2a00:70::/32");
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	ip("route add 2a00:70::/32 via fe80::1 dev v0 metric 77");
	ip("route append 2a00:70::/32 via fe80::1 dev v1 metric 77");
	catch_up(&node);
	now = slots_of(&node, XS_FAMILY6);
	assert_int_equal(count(&now, member(1, 1)), 128);
	ip("route del 2a00:70::/32 via fe80::1 dev v0 metric 77");
	catch_up(&node);
	assert_null(group_for(&node, destination[XS_FAMILY6]));
	assert_int_equal(kind_of(&node, destination[XS_FAMILY6]), XS_NEXTHOP_FORWARD);
	ip("-6 route flush 2a00:70::/32");
	node_free(&node);
}

/* What a former agent's groups lead to is not handed out before they are let go. */
static void groups_are_taken_up(void **state)
{
	struct slots before[XS_FAMILIES];
	struct xs_mirror_device device[DEVICES];
	struct node node, next;
	int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	node_with_three(&node);
	next = (struct node){ .maps = node.maps };
	next.pool = xs_pool_new(xs_node_maps_tables(&node.maps), NULL, NULL);
	next.nexthops = xs_nexthops_new(&node.maps);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		before[family] = slots_of(&node, family);
		xs_pool_adopt(next.pool, xs_mirror_root(node.mirror, family));
		xs_nexthops_adopt(next.nexthops, &node.maps, xs_mirror_root(node.mirror, family));
	}
	assert_int_equal(xs_mirror_new(netns, next.pool, next.nexthops, &next.mirror), 0);
	describe(device);
	assert_int_equal(xs_mirror_set_devices(next.mirror, device, DEVICES), 0);
	assert_int_equal(xs_mirror_sync(next.mirror), 0);
	for (unsigned int family = 0; family < XS_FAMILIES; family++) {
		const struct slots old = slots_of(&node, family), new = slots_of(&next, family);

		assert_memory_equal(&old, &before[family], sizeof(old));
		assert_memory_equal(&new, &before[family], sizeof(new));
		assert_ptr_not_equal(group_for(&node, destination[family]), group_for(&next, destination[family]));
		xs_nexthops_release(next.nexthops, &node.maps, xs_mirror_root(node.mirror, family));
		xs_pool_release(next.pool, xs_mirror_root(node.mirror, family));
	}
	xs_mirror_free(next.mirror);
	assert_int_equal(xs_pool_used(next.pool), 0);
	xs_nexthops_free(next.nexthops);
	xs_pool_free(next.pool);
	node_free(&node);
	close(netns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_numbers_of_slots), cmocka_unit_test(a_neighbour_goes_and_comes),
		cmocka_unit_test(a_way_changes),		cmocka_unit_test(next_hops_join_one_by_one),
		cmocka_unit_test(groups_are_taken_up),
	};

	if (geteuid()) {
		printf("SKIP: makes a network namespace, for which it must be root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup_namespace, NULL);
}
