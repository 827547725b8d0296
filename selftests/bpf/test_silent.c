// SPDX-License-Identifier: GPL-2.0-or-later
/* test_silent.c - users of either family who do not answer become unreachable in the slivers behind their edge, within
 * bounds, for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "loader/agent/silent.h"
#include "selftests/bpf/node_rig.h"

#define EDGE 3

static struct event_base *base;
static struct xs_silent *silent, *former[8]; /* an agent has one for life */
static size_t formers;

static void begin(void)
{
	if (!base)
		base = event_base_new();
	silent = former[formers++] = xs_silent_new(base);
	assert_non_null(silent);
}

static void tell(const char *text, bool resolved)
{
	struct xs_address address;

	assert_int_equal(xs_address_parse(text, &address), 0);
	xs_silent_told(silent, EDGE, &address, resolved);
}

static int count(const char *slice)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "(ip -n xs.@.%s route show proto 159; ip -n xs.@.%s -6 route show proto 159) | wc -l", slice, slice);
	return atoi(output(command));
}

static void run(unsigned int milliseconds)
{
	const struct timeval wait = { .tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000 };

	event_base_loopexit(base, &wait);
	event_base_dispatch(base);
}

static void silent_users_are_unreachable_for_a_while(void **state)
{
	struct xs_image *image = node_image(node_name, &node_dual);
	char text[64];

	make(&node_dual);
	begin();
	xs_silent_hold(silent, node, image);

	tell("192.0.2.7", false);
	tell("2001:db8:c::7", false);
	tell("2001:db8:d::7", false); /* not on the edge's link */
	tell("2001:db8:c::1", false); /* the edge itself */
	tell("fe80::7", false);
	assert_int_equal(count("P"), 2);
	expect("ip -n xs.@.P -6 route get 2001:db8:c::7 2>&1", "No route to host");
	expect("ip -n xs.@.P route get 192.0.2.7 2>&1", "No route to host");
	assert_int_equal(count("A"), 1); /* it has no IPv6 */
	tell("2001:db8:c::7", true);
	assert_int_equal(count("P"), 1);
	make_and_retire_change_nothing(&node_dual);
	run(XS_SILENT_S * 1000 + 300);
	assert_int_equal(count("P"), 0);
	assert_int_equal(count("A"), 0);

	/* One who scans the link. */
	for (unsigned int i = 0; i < XS_SILENT_MAX + 50; i++) {
		snprintf(text, sizeof(text), "2001:db8:c::1:%x", i);
		tell(text, false);
	}
	assert_int_equal(count("P"), XS_SILENT_MAX);
	xs_silent_hold(silent, node, NULL);
	assert_int_equal(count("P"), 0);
	xs_image_free(image);
}

/* Also where the slice has left the MUX meanwhile. */
static void what_a_killed_agent_left_goes(void **state)
{
	const struct node_variant *const next[] = { &node_dual, &node_paged };

	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
		struct xs_image *image = node_image(node_name, next[i]);

		make(&node_dual);
		retire(&node_dual);
		output("ip -n xs.@.P route add unreachable 192.0.2.99/32 proto 159 metric 4294967294; ip -n xs.@.P route add unreachable "
		       "2001:db8:c::99 proto 159 metric 4294967294");
		reopen();
		make(next[i]);
		retire(next[i]);
		assert_int_equal(count("P"), 2);
		begin();
		xs_silent_hold(silent, node, image);
		assert_int_equal(count("P"), 0);
		xs_silent_hold(silent, node, NULL);
		xs_image_free(image);
	}
}

static int set_up_router(void **state)
{
	int err = set_up(state);

	output("ip -n @ link set lo up");
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(silent_users_are_unreachable_for_a_while),
		cmocka_unit_test_setup_teardown(what_a_killed_agent_left_goes, set_up_router, tear_down),
	};

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
