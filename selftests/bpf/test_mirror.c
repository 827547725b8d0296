/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mirror.c - a mirror against the kernel, with room for all and without. Root, else exit 77. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/bpf/mirror_rig.h"

#define BLOCKS 400000

static void fill_namespace(void)
{
	FILE *batch = ip_batch();

	for (unsigned int slot = 0; slot < KEPT; slot++) {
		for (unsigned int family = 0; family < XS_FAMILIES; family++) {
			choose_prefix(family, slot);
			if (slot < 15000)
				add_route(batch, family, slot, "add");
		}
	}
	pclose(batch);
}

static void forget_neighbours(unsigned int family, unsigned int device)
{
	/* The kernel drops a device's neighbours when it goes down, and IPv4's with its last address. */
	for (unsigned int host = 1; host <= HOSTS; host++)
		neighbour_off[family][device][host] = true;
}

/* Down takes routes away without telling each. */
static void devices_go_and_come(struct node *node)
{
	ip("link set v1 down");
	forget_neighbours(XS_FAMILY4, 1);
	forget_neighbours(XS_FAMILY6, 1);
	catch_up(node);
	expect_equal(node, 5000, "after a device went down");
	ip("link set v1 up");
	catch_up(node);
	expect_equal(node, 5000, "after it came up");
	ip("addr del 10.2.0.200/16 dev v2");
	forget_neighbours(XS_FAMILY4, 2);
	ip("addr del 2001:db8:0:2::c8/64 dev v2");
	catch_up(node);
	expect_equal(node, 5000, "after addresses went");
	ip("addr add 10.2.0.200/16 dev v2");
	ip("addr add 2001:db8:0:2::c8/64 dev v2 nodad");
	catch_up(node);
}

static void test_against_the_kernel(void **state)
{
	struct xs_mirror_device device[DEVICES];
	struct xs_mirror_count count;
	struct node node, fresh;
	unsigned int overruns;
	uint64_t before;

	fill_namespace();
	node_new(&node, BLOCKS);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	xs_mirror_counts(node.mirror, &count);
	assert_true(count.routes > 20000 && count.neighbours >= XS_FAMILIES * DEVICES * HOSTS / 2 && !count.refused);
	print_message("%u routes, %u neighbours, %u blocks\n", count.routes, count.neighbours, xs_pool_used(node.pool));
	expect_equal(&node, 20000, "after the first dump");

	before = writes(&node);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	assert_int_equal(writes(&node), before);

	for (unsigned int round = 0; round < 20; round++) {
		random_changes(500, true);
		assert_int_equal(catch_up(&node), 0);
		expect_equal(&node, 3000, "after events");
	}
	before = writes(&node);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	assert_int_equal(writes(&node), before);

	/* A device that changes takes its routes along, and is a stranger, and comes back. */
	describe(device);
	assert_int_equal(xs_mirror_set_devices(node.mirror, device, 0), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		struct xs_address address = near_address(i % XS_FAMILIES);
		struct answer got;

		ask_first(&node, &address, &got);
		assert_true(got.kind == XS_NEXTHOP_PUNT || got.kind == XS_NEXTHOP_BLACKHOLE);
	}
	assert_int_equal(xs_mirror_set_devices(node.mirror, device, DEVICES), 0);
	expect_equal(&node, 5000, "after devices changed");

	devices_go_and_come(&node);
	/* Which of them wins depends on whether the kernel has split its tables: the mirror leaves it to the kernel. */
	ip("route add local 20.5.0.0/16 dev lo");
	ip("route add local 2a00:0:5::/48 dev lo");
	catch_up(&node);
	expect_none_different(&node, 20000, true);
	ip("route del local 20.5.0.0/16 dev lo");
	ip("route del local 2a00:0:5::/48 dev lo");

	/* More than the socket holds. */
	for (unsigned int round = 0; round < 3; round++)
		random_changes(30000, true);
	overruns = catch_up(&node);
	print_message("%u overruns\n", overruns);
	assert_true(overruns > 0);
	expect_equal(&node, 20000, "after an overrun");

	/* A dump while events wait, which it knows already. */
	random_changes(5000, true);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	expect_equal(&node, 5000, "after a dump while events waited");
	catch_up(&node);
	expect_equal(&node, 5000, "and after what was told since");

	/* And a mirror made now says the same. */
	node_new(&fresh, BLOCKS);
	assert_int_equal(xs_mirror_sync(fresh.mirror), 0);
	expect_equal(&fresh, 10000, "a new mirror");
	node_free(&fresh);
	node_free(&node);
}

/* A dump brings IPv4 first, so of too few blocks some of `family` have room and others not. */
static void expect_room_for_some(struct node *node, uint32_t blocks, unsigned int family)
{
	struct xs_mirror_count count;
	struct tally tally;

	node_new(node, blocks);
	assert_int_equal(xs_mirror_sync(node->mirror), 0);
	xs_mirror_counts(node->mirror, &count);
	assert_true(count.refused > 100);
	expect_none_different(node, 10000, true);
	compare(node, family, 20000, true, &tally);
	print_message("%u refused, IPv%u: %u of %u addresses left to the kernel, %u forwarded, %u different\n",
		      count.refused, xs_family_at(family), tally.punted_only, tally.asked,
		      tally.of_kind[XS_NEXTHOP_FORWARD], tally.different);
	assert_int_equal(tally.different, 0);
	assert_true(tally.punted_only > 0 && tally.of_kind[XS_NEXTHOP_FORWARD] > 100);
}

static void test_without_room(void **state)
{
	struct xs_mirror_count count;
	struct node node;
	FILE *batch;

	restore_neighbours();
	expect_room_for_some(&node, 3000, XS_FAMILY6);
	node_free(&node);
	expect_room_for_some(&node, 800, XS_FAMILY4);
	for (unsigned int round = 0; round < 5; round++) {
		random_changes(1000, true);
		catch_up(&node);
		expect_none_different(&node, 5000, true);
	}
	/* Most routes go: what was refused finds room, and nothing is left to the kernel that need not be. */
	ip("route flush root 16.0.0.0/4");
	ip("-6 route flush root 2a00::/8");
	batch = ip_batch();
	for (unsigned int slot = 0; slot < KEPT; slot++) {
		for (unsigned int family = 0; family < XS_FAMILIES; family++) {
			if (slot % 300 == 0)
				add_route(batch, family, slot, "replace");
			else
				kept[family][slot].there = false;
		}
	}
	pclose(batch);
	catch_up(&node);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	xs_mirror_counts(node.mirror, &count);
	print_message("%u routes left, %u refused\n", count.routes, count.refused);
	assert_int_equal(count.refused, 0);
	expect_none_different(&node, 20000, false);
	node_free(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_kernel),
		cmocka_unit_test(test_without_room),
	};

	if (geteuid()) {
		printf("SKIP: makes a network namespace, for which it must be root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup_namespace, NULL);
}
