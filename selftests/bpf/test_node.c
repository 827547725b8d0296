// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_node.c - a node made from a hand-made image, looked at with iproute2 and ethtool, changed, broken behind its
 * back, and taken away without a trace. Machine state is compared as text before and after.
 *
 *     namespace xst<pid>:   p0 (links, veth) ... q0      p1 (gateway, veth, down, mtu 9000) ... q1      p2 (MUX, veth)
 * ... q2
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "loader/node/netns.h"
#include "loader/node/node.h"
#include "selftests/bpf/node_image.h"

#define TEXT_SIZE (1 << 18)

static char name[16], before[TEXT_SIZE], error[256];
static struct xs_node *node;

/* ---- commands and texts ----------------------------------------------------------------------------------------- */

/* Runs a command in which @ stands for the node's name and % for an @; what it prints, in static memory. */
static const char *output(const char *format)
{
	static char text[TEXT_SIZE];
	char command[4096];
	size_t n = 0, size;
	FILE *pipe;

	for (; *format && n + sizeof(name) < sizeof(command); format++) {
		if (*format == '@')
			n += (size_t)sprintf(command + n, "%s", name);
		else
			command[n++] = *format == '%' ? '@' : *format;
	}
	command[n] = '\0';
	pipe = popen(command, "re");
	assert_non_null(pipe);
	size = fread(text, 1, sizeof(text) - 1, pipe);
	text[size] = '\0';
	pclose(pipe);
	return text;
}

static void expect(const char *command, const char *part)
{
	const char *text = output(command);

	if (!strstr(text, part))
		fail_msg("%s: no \"%s\" in:\n%s", command, part, text);
}

static void expect_not(const char *command, const char *part)
{
	const char *text = output(command);

	if (strstr(text, part))
		fail_msg("%s: there is \"%s\" in:\n%s", command, part, text);
}

static void expect_text(const char *command, const char *whole)
{
	const char *text = output(command);

	if (strcmp(text, whole))
		fail_msg("%s: instead of:\n%sthere is:\n%s", command, whole, text);
}

/* All that a node may change on its machine, but for what it shares with other nodes. */
static const char *state(void)
{
	return output("ip -n @ -d address show; ip -n @ route show table all; ip -n @ neighbour; ip -n @ netns list-id;"
		      "for p in p0 p1 p2; do ip netns exec @ ethtool -k $p; done; ls /run/netns | grep -F @;"
		      "ls -d /run/xslice/@ 2>&1;"
		      "ip netns exec @ sysctl -a -r '^net[.](ipv4|ipv6)[.](conf|neigh|ip_forward)' 2>/dev/null");
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static void make(const struct node_variant *variant)
{
	struct xs_image *image = node_image(name, variant);

	if (xs_node_make(node, image, NULL, NULL, error))
		fail_msg("make: %s", error);
	xs_image_free(image);
}

static void retire(const struct node_variant *variant)
{
	struct xs_image *image = variant ? node_image(name, variant) : NULL;

	if (xs_node_retire(node, image, error))
		fail_msg("retire: %s", error);
	xs_image_free(image);
}

static void make_and_retire_change_nothing(const struct node_variant *variant)
{
	uint64_t changes = xs_netlink_changes();

	make(variant);
	retire(variant);
	assert_int_equal(xs_netlink_changes() - changes, 0);
}

/* As an agent that is started anew. */
static void reopen(void)
{
	xs_node_close(node);
	node = NULL;
	if (xs_node_open(name, name, &node, error))
		fail_msg("open: %s", error);
}

static void expect_as_before(void)
{
	const char *now = state();
	size_t same = 0, line = 0;

	/* The kernel takes namespaces apart behind our backs. */
	for (int i = 0; i < 100 && strcmp(now, before); i++) {
		usleep(50000);
		now = state();
	}
	if (!strcmp(now, before))
		return;
	for (; now[same] && now[same] == before[same]; same++)
		line = now[same] == '\n' ? same + 1 : line;
	fail_msg("not as before:\n%.300s\n---- now:\n%.300s", before + line, now + line);
}

static int set_up(void **context)
{
	static int number;

	snprintf(name, sizeof(name), "xst%d.%d", (int)getpid(), number++ % 100);
	output("ip netns add @; ip netns exec @ sysctl -w net.ipv6.conf.default.disable_ipv6=1;"
	       "for i in 0 1 2; do ip -n @ link add p$i type veth peer name q$i; ip -n @ link set q$i up; done;"
	       "for i in 0 1 2; do ip -n @ link set p$i up; done;" /* the first time gives a device its qdisc for ever
								    */
	       "ip -n @ link set p1 down mtu 9000;"
	       "ip -n @ link set p2 promisc on; ip netns exec @ ethtool -K p2 rxvlan off");
	strcpy(before, state());
	reopen();
	return 0;
}

static int tear_down(void **context)
{
	xs_node_close(node);
	node = NULL;
	if (xs_node_clean(name, name, error))
		fprintf(stderr, "clean: %s\n", error);
	output("ip netns del @ 2>&1");
	return 0;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void sliver_holds_what_the_image_says(void **context)
{
	make(&node_normal);
	expect("ip -n xs.@.P -o address show dev P12", "inet 10.1.2.1/24 scope global P12");
	expect("ip -n xs.@.P -o address show dev GWP", "inet 10.0.0.1/16 scope global GWP");
	expect("ip -n xs.@.P -o address show dev MD", "inet 10.255.0.2/32 scope global MD");
	expect("ip -n xs.@.P -o address show dev lo", "inet 192.0.2.1/32 scope host lo");
	expect_text("ip -n xs.@.P route show proto 158 | sed 's/ *$//' | sort",
		    "10.255.0.1 dev MD scope link\n10.9.0.0/16 via 10.1.2.2 dev P12\n192.0.2.0/24 via 10.255.0.1 dev "
		    "MD onlink\n");
	expect("ip -n xs.@.P neighbour show dev MD", "10.255.0.1 lladdr 06:00:00:00:00:03 PERMANENT");
	expect("ip -n xs.@.P -o link show dev P12", "mtu 1400");
	expect("ip -n xs.@.P -o link show dev P12", "02:00:00:00:00:01");
	expect("ip -n xs.@.P -o link show dev P12", ",UP,LOWER_UP>");
	expect("ip -n xs.@.P -o link show dev lo", ",UP,LOWER_UP>");
	expect("ip -n @ -o link show dev xs1", "mtu 1400");
	expect("ip -n @ -o link show dev xs1", "NOARP");
	expect("ip netns exec xs.@.P ethtool -k P12", "tx-checksumming: off");
	expect("ip netns exec xs.@.P ethtool -k MD", "tx-checksumming: off");
	expect_text("ip netns exec xs.@.P sysctl -n net.ipv4.ip_forward net.ipv4.conf.all.rp_filter "
		    "net.ipv4.conf.P12.rp_filter "
		    "net.ipv4.conf.MD.proxy_arp net.ipv4.neigh.GWP.proxy_delay net.ipv4.conf.GWP.send_redirects "
		    "net.ipv4.conf.all.send_redirects net.ipv4.conf.P12.arp_ignore net.ipv6.conf.P12.disable_ipv6 "
		    "net.ipv4.neigh.P12.retrans_time_ms net.ipv4.neigh.P12.mcast_solicit net.ipv4.neigh.GWP.mcast_solicit",
		    "1\n0\n0\n1\n0\n0\n0\n3\n1\n100\n10\n3\n");
	expect("ip -n xs.@.A -o address show dev MD", "inet 10.255.0.3/32");
	expect("ip -n xs.@.A -o address show dev A12", "inet 10.1.2.1/24");
	/* Names are of use to people. */
	expect("ip netns exec xs.@.P ping -c 1 -W 1 10.1.2.1", " 0% packet loss");
}

static void edge_holds_what_the_image_says(void **context)
{
	make(&node_normal);
	expect("ip -n xs.@%client -o address show dev client | head -1", "inet 192.0.2.1/24 scope global client");
	expect("ip -n xs.@%client -o address show dev client", "inet 10.255.0.1/32 scope global client");
	expect_text("ip -n xs.@%client route show proto 158 | sed 's/ *$//'",
		    "10.0.0.0/16 dev lo scope link\n10.9.0.0/16 dev lo scope link\n198.51.100.0/24 via 192.0.2.254 dev "
		    "client\n");
	expect_text("ip netns exec xs.@%client sysctl -n net.ipv4.ip_forward net.ipv4.conf.client.forwarding "
		    "net.ipv4.conf.client.proxy_arp net.ipv4.neigh.client.proxy_delay net.ipv4.conf.client.arp_ignore",
		    "0\n1\n1\n0\n1\n");
}

static void ports_are_prepared(void **context)
{
	make(&node_normal);
	expect("ip -n @ -d -o link show dev p1", "mtu 1500");
	expect("ip -n @ -d -o link show dev p1", ",UP");
	expect("ip -n @ -d -o link show dev p1", "PROMISC");
	for (int i = 0; i < 3; i++) {
		char command[64];

		snprintf(command, sizeof(command), "ip netns exec @ ethtool -k p%d", i);
		expect(command, "rx-vlan-offload: off");
		expect(command, "tx-vlan-offload: off");
		expect(command, "tx-vlan-stag-hw-insert: off");
		expect(command, "tx-checksumming: off");
	}
	assert_int_equal(xs_node_port(node, 2)->mtu, 1500);
	assert_true(xs_node_port(node, 2)->carrier);
	assert_null(xs_node_port(node, 9));
	assert_non_null(xs_node_vport(node, 5));
	assert_null(xs_node_vport(node, 7));
}

static void second_make_changes_nothing(void **context)
{
	make(&node_normal);
	make_and_retire_change_nothing(&node_normal);
	reopen();
	make_and_retire_change_nothing(&node_normal);
}

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

static void missing_interface_is_refused(void **context)
{
	struct node_variant variant = node_normal;
	struct xs_image *image;

	variant.interface = "eth7";
	image = node_image(name, &variant);
	assert_int_equal(xs_node_make(node, image, NULL, NULL, error), -ENODEV);
	xs_image_free(image);
	assert_non_null(strstr(error, "port r2"));
	assert_non_null(strstr(error, "eth7"));
	assert_non_null(strstr(error, name));
	expect_as_before();
}

static void foreign_names_are_refused(void **context)
{
	struct xs_image *image = node_image(name, &node_normal);
	char command[64];

	output("ip netns add xs.@.A");
	assert_int_equal(xs_node_make(node, image, NULL, NULL, error), -EEXIST);
	assert_non_null(strstr(error, "not of our making"));
	retire(NULL);
	snprintf(command, sizeof(command), "ls /run/netns/xs.@.A 2>&1");
	expect_not(command, "cannot access");
	output("ip netns del xs.@.A; ip -n @ link add xs4 type veth peer name other");
	assert_int_equal(xs_node_make(node, image, NULL, NULL, error), -EEXIST);
	assert_non_null(strstr(error, "xs4"));
	retire(NULL);
	expect("ip -n @ -o link show dev xs4", "xs4@other");
	output("ip -n @ link del xs4");
	xs_image_free(image);
	expect_as_before();
}

static bool all_are_ours(void *context, uint32_t program_id)
{
	*(uint32_t *)context = program_id;
	return true;
}

static void foreign_xdp_is_refused(void **context)
{
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct xs_image *image = node_image(name, &node_normal);
	struct xs_netns_scope scope;
	uint32_t seen = 0;
	int program, err;

	program = bpf_prog_load(BPF_PROG_TYPE_XDP, "somebodys", "GPL", code, 2, NULL);
	assert_true(program >= 0);
	assert_int_equal(xs_netns_enter(xs_node_netns(node), &scope), 0);
	err = bpf_xdp_attach((int)if_nametoindex("p0"), program, 0, NULL);
	xs_netns_leave(&scope);
	assert_int_equal(err, 0);
	strcpy(before, state());

	assert_int_equal(xs_node_make(node, image, NULL, NULL, error), -EBUSY);
	assert_non_null(strstr(error, "(somebodys)"));
	assert_non_null(strstr(error, "port r2"));
	expect_as_before();
	assert_int_equal(xs_node_make(node, image, all_are_ours, &seen, error), 0);
	assert_true(seen > 0);
	xs_image_free(image);
	close(program);
}

static void what_was_broken_is_mended(void **context)
{
	make(&node_normal);
	output("ip -n @ link del xs1; ip -n xs.@.P address del 10.0.0.1/16 dev GWP; ip netns del xs.@.A;"
	       "ip -n xs.@.P route del 10.255.0.1; ip -n xs.@.P neighbour del 10.255.0.1 dev MD;"
	       "ip netns exec xs.@.P sysctl -w net.ipv4.conf.GWP.rp_filter=1 net.ipv4.conf.all.rp_filter=2;"
	       "ip -n xs.@%client link set client mtu 1300; ip -n xs.@%client link set lo down;"
	       "ip netns exec @ ethtool -K p0 rxvlan on; ip -n @ link set p1 promisc off");
	make(&node_normal);
	sliver_holds_what_the_image_says(context);
	edge_holds_what_the_image_says(context);
	ports_are_prepared(context);
	expect("ip -n xs.@%client -o link show dev client", "mtu 1500");
	make_and_retire_change_nothing(&node_normal);
	retire(NULL);
	expect_as_before();
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
	sliver_holds_what_the_image_says(NULL);
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

/* The node's own namespace, with ports of the same names, is another: what a port was before is asked anew. */
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

static void change_is_a_difference(void **context)
{
	struct node_variant variant = node_normal;
	uint64_t changes;

	make(&node_normal);
	variant.route_via = "10.1.2.77";
	changes = xs_netlink_changes();
	make(&variant);
	retire(&variant);
	assert_int_equal(xs_netlink_changes() - changes, 1);
	expect("ip -n xs.@.P route show 10.9.0.0/16", "via 10.1.2.77 dev P12");

	/* Another address in the same subnet: the old is a stranger's now; routes by the subnet live on. */
	variant.link_address = "10.1.2.9";
	make(&variant);
	expect("ip -n xs.@.P -o address show dev P12", "10.1.2.1/24");
	retire(&variant);
	expect_not("ip -n xs.@.P -o address show dev P12", "10.1.2.1/24");
	expect("ip -n xs.@.P -o address show dev P12", "10.1.2.9/24");
	expect("ip -n xs.@.P route show 10.9.0.0/16", "via 10.1.2.77 dev P12");
	make_and_retire_change_nothing(&variant);

	variant.peer = "10.255.0.6";
	variant.mtu = 1300;
	make(&variant);
	retire(&variant);
	expect_not("ip -n xs.@.P neighbour show dev MD", "10.255.0.1 ");
	expect("ip -n xs.@.P neighbour show dev MD", "10.255.0.6 lladdr 06:00:00:00:00:03 PERMANENT");
	expect_not("ip -n xs.@.P route show", "10.255.0.1");
	expect_not("ip -n xs.@%client address show", "10.255.0.1");
	expect("ip -n xs.@.P -o link show dev P12", "mtu 1300");
	make_and_retire_change_nothing(&variant);

	variant.without_a = true;
	make(&variant);
	expect("ip -n xs.@.A -o address show dev A12", "10.1.2.1/24");
	retire(&variant);
	expect_not("ls /run/netns", "xs.@.A");
	expect_not("ip -n @ link show", "xs5");
	assert_null(xs_node_vport(node, 5));
	assert_non_null(xs_node_vport(node, 4));
	make_and_retire_change_nothing(&variant);
	retire(NULL);
	expect_as_before();
}

static void carrier_is_copied_to_links(void **context)
{
	struct xs_image *image = node_image(name, &node_normal);
	uint64_t changes;

	make(&node_normal);
	output("ip -n @ link set q0 down; ip -n @ link set q1 down");
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	assert_false(xs_node_port(node, 1)->carrier);
	expect("ip -n xs.@.P -o link show dev P12", "NO-CARRIER");
	expect("ip -n xs.@.A -o link show dev A12", "NO-CARRIER");
	expect_not("ip -n xs.@.P -o link show dev GWP", "NO-CARRIER");
	changes = xs_netlink_changes();
	make(&node_normal);
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	assert_int_equal(xs_netlink_changes(), changes);
	output("ip -n @ link set q0 up; ip -n @ link set q1 up");
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	expect("ip -n xs.@.P -o link show dev P12", ",UP,LOWER_UP>");
	make_and_retire_change_nothing(&node_normal);
	xs_image_free(image);
}

static void limits_of_neighbour_tables_are_shared(void **context)
{
	struct xs_node *first = node;
	char first_name[16];
	long was, now, one;

	if (!access("/run/xslice/neighbour-limits", F_OK)) {
		puts("another node of this machine is at work");
		skip();
	}
	was = atol(output("cat /proc/sys/net/ipv4/neigh/default/gc_thresh3"));
	make(&node_normal);
	one = atol(output("cat /proc/sys/net/ipv4/neigh/default/gc_thresh3"));
	assert_true(one > was);
	strcpy(first_name, name);

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
	strcpy(name, first_name);
	retire(NULL);
	now = atol(output("cat /proc/sys/net/ipv4/neigh/default/gc_thresh3"));
	assert_int_equal(now, was);
}

/* Killed at any moment of make or retire, what is there is finished, or taken away, by the next. */
static void a_killed_maker_is_succeeded(void **context)
{
	int killed = 0;

	for (unsigned int i = 0; i < 24; i++) {
		struct xs_image *image = node_image(name, &node_normal);
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (!child) {
			xs_node_make(node, image, NULL, NULL, error);
			xs_node_retire(node, NULL, error);
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
	assert_int_equal(xs_node_open(name, name, &node, error), -ENOENT);
	if (xs_node_clean(name, name, error))
		fail_msg("clean: %s", error);
	expect_not("ls /run/netns", "xs.@");
	expect("ls -d /run/xslice/@ 2>&1", "No such file");
}

#define NODE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(sliver_holds_what_the_image_says),
		NODE_TEST(edge_holds_what_the_image_says),
		NODE_TEST(ports_are_prepared),
		NODE_TEST(second_make_changes_nothing),
		NODE_TEST(retire_leaves_no_trace),
		NODE_TEST(what_others_changed_since_is_left_to_them),
		NODE_TEST(missing_interface_is_refused),
		NODE_TEST(foreign_names_are_refused),
		NODE_TEST(foreign_xdp_is_refused),
		NODE_TEST(what_was_broken_is_mended),
		NODE_TEST(node_is_made_anew_after_a_reboot),
		NODE_TEST(journal_of_another_namespace_is_not_believed),
		NODE_TEST(change_is_a_difference),
		NODE_TEST(carrier_is_copied_to_links),
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
