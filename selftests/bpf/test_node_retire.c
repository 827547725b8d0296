// SPDX-License-Identifier: GPL-2.0-or-later
/* test_node_retire.c - a node taken away without a trace, also by a successor, after a reboot, or without its namespace. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/bpf/node_rig.h"

static void retire_leaves_no_trace(void **context)
{
	make(&node_normal);
	retire(NULL);
	expect_as_before();
	/* Also by somebody who has only the journal. */
	make(&node_normal);
	reopen();
	retire(NULL);
	expect_as_before();
	assert_null(xs_node_vport(node, 1));
}

static void what_others_changed_since_is_left_to_them(void **context)
{
	make(&node_normal);
	output("ip -n @ link set p1 mtu 4000");
	retire(NULL);
	expect("ip -n @ -o link show dev p1", "mtu 4000");
}

static void rebooted(bool journal_stays)
{
	make(&node_normal);
	output("for n in $(ls /run/netns | grep -F xs.@); do ip netns del $n; done;"
	       "for d in $(ip -n @ -o link | grep -o 'xs[0-9]*'); do ip -n @ link del $d; done");
	if (!journal_stays)
		output("rm -rf /run/xslice/@");
	reopen();
	make(&node_normal);
	expect_sliver();
	make_and_retire_change_nothing(&node_normal);
	retire(NULL);
	if (journal_stays) /* without one, nobody knows any more what the ports were */
		expect_as_before();
	else
		expect_not("ls /run/netns", "xs.@");
}

static void node_is_made_anew_after_a_reboot(void **context)
{
	rebooted(true);
	rebooted(false);
}

/* The node's own namespace, with ports of the same names, is another: what a port was node_before is asked anew. */
static void journal_of_another_namespace_is_not_believed(void **context)
{
	make(&node_normal);
	output("ip netns del @; ip netns add @; ip netns exec @ sysctl -w net.ipv6.conf.default.disable_ipv6=1;"
	       "for i in 0 1 2; do ip -n @ link add p$i type veth peer name q$i; ip -n @ link set q$i up;"
	       "ip -n @ link set p$i up; done");
	reopen();
	make(&node_normal);
	retire(NULL);
	expect("ip -n @ -o link show dev p1", "mtu 1500");
	expect("ip -n @ -o link show dev p1", ",UP");
	expect_not("ls /run/netns", "xs.@");
}

/* Where /run is on a disk: what was written last has no bytes yet. */
static void journal_that_a_crash_emptied_says_nothing(void **context)
{
	static const char *const crash[] = { ": >/run/xslice/@/journal", "head -c 512 /dev/zero >/run/xslice/@/journal" };

	for (size_t i = 0; i < sizeof(crash) / sizeof(crash[0]); i++) {
		output("mkdir -p /run/xslice/@");
		output(crash[i]);
		reopen();
		make(&node_normal);
		make_and_retire_change_nothing(&node_normal);
		retire(NULL);
		expect_as_before();
	}
}

/* The limits are the machine's, and they are to be as they were only when the last node goes. */
static void skip_beside_other_nodes(void)
{
	if (atol(output("cat /run/xslice/neighbour-limits 2>/dev/null | grep -c '^node '")) == 0)
		return;
	puts("another node of this machine is at work");
	skip();
}

static void limits_of_neighbour_tables_are_shared(void **context)
{
	struct xs_node *first = node;
	char first_name[16];
	long was, now, one;

	skip_beside_other_nodes();
	was = atol(output("cat /proc/sys/net/ipv4/neigh/default/gc_thresh3"));
	make(&node_normal);
	one = atol(output("cat /proc/sys/net/ipv4/neigh/default/gc_thresh3"));
	assert_true(one > was);
	strcpy(first_name, node_name);
	/* Another version may have more to say. */
	output("sed -i '1i since 4711' /run/xslice/neighbour-limits; echo 'former-limits' "
	       ">>/run/xslice/neighbour-limits");

	/* A second node on the machine adds its own need; the last that goes gives back. */
	node = NULL;
	set_up(context);
	make(&node_normal);
	now = atol(output("cat /proc/sys/net/ipv4/neigh/default/gc_thresh3"));
	assert_true(now > one);
	retire(NULL);
	now = atol(output("cat /proc/sys/net/ipv4/neigh/default/gc_thresh3"));
	assert_true(now >= one);
	tear_down(context);
	node = first;
	strcpy(node_name, first_name);
	retire(NULL);
	now = atol(output("cat /proc/sys/net/ipv4/neigh/default/gc_thresh3"));
	skip_beside_other_nodes(); /* one may have come meanwhile */
	assert_int_equal(now, was);
	assert_int_not_equal(access("/run/xslice/neighbour-limits", F_OK), 0);
}

/* Killed at any moment of make or retire, what is there is finished, or taken away, by the next. */
static void a_killed_maker_is_succeeded(void **context)
{
	int killed = 0;

	for (unsigned int i = 0; i < 24; i++) {
		struct xs_image *image = node_image(node_name, &node_normal);
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (!child) {
			xs_node_make(node, image, NULL, NULL, NULL, node_error);
			xs_node_retire(node, NULL, node_error);
			_exit(0);
		}
		usleep(i * 700);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		killed += WIFSIGNALED(status);
		xs_image_free(image);
		reopen();
		if (i % 2) {
			make(&node_normal);
			retire(&node_normal);
			make_and_retire_change_nothing(&node_normal);
		}
		retire(NULL);
		expect_as_before();
	}
	assert_true(killed > 0);
}

static void clean_works_without_the_namespace(void **context)
{
	make(&node_normal);
	xs_node_close(node);
	node = NULL;
	output("ip netns del @");
	assert_int_equal(xs_node_open(node_name, node_name, &node, node_error), -ENOENT);
	if (xs_node_clean(node_name, node_name, node_error))
		fail_msg("clean: %s", node_error);
	expect_not("ls /run/netns", "xs.@");
	expect("ls -d /run/xslice/@ 2>&1", "No such file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(retire_leaves_no_trace),
		NODE_TEST(what_others_changed_since_is_left_to_them),
		NODE_TEST(node_is_made_anew_after_a_reboot),
		NODE_TEST(journal_of_another_namespace_is_not_believed),
		NODE_TEST(journal_that_a_crash_emptied_says_nothing),
		NODE_TEST(limits_of_neighbour_tables_are_shared),
		NODE_TEST(a_killed_maker_is_succeeded),
		NODE_TEST(clean_works_without_the_namespace),
	};

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
