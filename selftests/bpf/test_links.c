// SPDX-License-Identifier: GPL-2.0-or-later
/* test_links.c - what an agent hears of the links of its namespace: all changes, but of those that vanish only those
 * that matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "loader/agent/links.h"
#include "loader/node/link.h"
#include "loader/node/netns.h"

struct rig {
	char name[32];
	int netns;
	struct xs_netlink *netlink;
	struct event_base *base;
	struct xs_links *links;
	uint32_t ours;
	unsigned int heard, gone; /* how often fn was called, and with `gone` */
};

static void hear(void *context, bool gone)
{
	struct rig *rig = context;

	rig->heard++;
	rig->gone += gone;
}

static bool matters(void *context, uint32_t ifindex)
{
	const struct rig *rig = context;

	return ifindex == rig->ours;
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const struct xs_links_heard heard = { .fn = hear, .matters = matters, .context = rig };

	assert_non_null(rig);
	snprintf(rig->name, sizeof(rig->name), "xst%d", getpid());
	rig->netns = xs_netns_add(rig->name);
	assert_true(rig->netns >= 0);
	assert_int_equal(xs_netlink_open(rig->netns, &rig->netlink), 0);
	rig->base = event_base_new();
	assert_non_null(rig->base);
	assert_int_equal(xs_links_new(rig->base, rig->netns, &heard, &rig->links), 0);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	xs_links_free(rig->links);
	event_base_free(rig->base);
	xs_netlink_close(rig->netlink);
	close(rig->netns);
	xs_netns_delete(rig->name);
	free(rig);
	return 0;
}

static uint32_t add(struct rig *rig, const char *name, const char *inner)
{
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct xs_link link;

	assert_int_equal(xs_veth_add(rig->netlink, name, rig->netns, inner, mac, 1500), 0);
	assert_int_equal(xs_link_get(rig->netlink, name, 0, &link), 0);
	return link.ifindex;
}

static void delete (struct rig *rig, uint32_t ifindex)
{
	assert_int_equal(xs_link_delete(rig->netlink, &ifindex, 1), 0);
}

static void listen_once(struct rig *rig)
{
	rig->heard = rig->gone = 0;
	assert_true(event_base_loop(rig->base, EVLOOP_NONBLOCK) >= 0);
}

static void test_what_is_heard(void **state)
{
	struct rig *rig = *state;
	uint32_t theirs = add(rig, "theirs", "peer");

	rig->ours = add(rig, "ours", "inner");
	listen_once(rig);
	assert_int_equal(rig->heard, 1);
	assert_int_equal(rig->gone, 0);
	/* A container that ends is nobody's business here. */
	delete (rig, theirs);
	listen_once(rig);
	assert_int_equal(rig->heard, 1);
	assert_int_equal(rig->gone, 0);
	theirs = add(rig, "theirs", "peer");
	delete (rig, rig->ours);
	delete (rig, theirs);
	listen_once(rig);
	assert_int_equal(rig->heard, 1);
	assert_int_equal(rig->gone, 1);
	/* Not what the agent made itself. */
	rig->ours = add(rig, "ours", "inner");
	delete (rig, rig->ours);
	xs_links_drain(rig->links);
	listen_once(rig);
	assert_int_equal(rig->heard, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_heard, set_up, tear_down),
	};

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
