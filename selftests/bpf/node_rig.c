// SPDX-License-Identifier: GPL-2.0-or-later
/* node_rig.c - see node_rig.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/bpf/node_rig.h"

#define TEXT_SIZE (1 << 18)

char node_name[16], node_error[256];
struct xs_node *node;
static char before[TEXT_SIZE];

/* ---- commands and texts ----------------------------------------------------------------------------------------- */

const char *output(const char *format)
{
	static char text[TEXT_SIZE];
	char command[4096];
	size_t n = 0, size;
	FILE *pipe;

	for (; *format && n + sizeof(node_name) < sizeof(command); format++) {
		if (*format == '@')
			n += (size_t)sprintf(command + n, "%s", node_name);
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

void expect(const char *command, const char *part)
{
	const char *text = output(command);

	if (!strstr(text, part))
		fail_msg("%s: no \"%s\" in:\n%s", command, part, text);
}

void expect_not(const char *command, const char *part)
{
	const char *text = output(command);

	if (strstr(text, part))
		fail_msg("%s: there is \"%s\" in:\n%s", command, part, text);
}

void expect_text(const char *command, const char *whole)
{
	const char *text = output(command);

	if (strcmp(text, whole))
		fail_msg("%s: instead of:\n%sthere is:\n%s", command, whole, text);
}

/* Settings of IPv6 of a device that has none, or of a namespace whose lo has none, mean nothing: they stay as they were set. */
#define WITHOUT_IDLE                                                                                                   \
	"awk -F '[. ]' '{ line[NR] = $0; device[NR] = $4; idle[NR] = $2 == \"ipv6\" && $5 != \"disable_ipv6\" }"           \
	"$2 == \"ipv6\" && $5 == \"disable_ipv6\" { off[$4] = $NF }"                                                   \
	"END { off[\"all\"] = off[\"default\"] = off[\"lo\"];"                                                           \
	"for (i = 1; i <= NR; i++) if (!idle[i] || !off[device[i]]) print line[i] }'"

/* All that a node may change on its machine, but for what it shares with other nodes; and what it makes. */
static const char *state(void)
{
	return output("for n in $(ls /run/netns | grep -F @); do echo \"namespace $n\"; ip -n $n -d address show;"
		      "ip -n $n route show table all; ip -n $n -6 route show table all; ip -n $n neighbour; ip -n $n netns list-id;"
		      "ip netns exec $n sysctl -a -r '^net[.](ipv4|ipv6)[.](conf|neigh|ip_forward)' 2>/dev/null | " WITHOUT_IDLE "; done;"
		      "for p in p0 p1 p2; do ip netns exec @ ethtool -k $p; done; ls -d /run/xslice/@ 2>&1");
}

void remember_state(void)
{
	strcpy(before, state());
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

void make(const struct node_variant *variant)
{
	struct xs_image *image = node_image(node_name, variant);

	if (xs_node_make(node, image, NULL, NULL, NULL, node_error))
		fail_msg("make: %s", node_error);
	assert_int_equal(xs_node_copy_carrier(node, image), 0);
	if (xs_node_join_substrate(node, image, NULL, node_error))
		fail_msg("substrate: %s", node_error);
	xs_image_free(image);
}

void retire(const struct node_variant *variant)
{
	struct xs_image *image = variant ? node_image(node_name, variant) : NULL;

	if (xs_node_retire(node, image, node_error))
		fail_msg("retire: %s", node_error);
	xs_image_free(image);
}

void make_and_retire_change_nothing(const struct node_variant *variant)
{
	uint64_t changes = xs_netlink_changes();

	make(variant);
	retire(variant);
	assert_int_equal(xs_netlink_changes() - changes, 0);
}

void reopen(void)
{
	xs_node_close(node);
	node = NULL;
	if (xs_node_open(node_name, node_name, &node, node_error))
		fail_msg("open: %s", node_error);
}

void expect_as_before(void)
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

int set_up(void **context)
{
	static int number;

	snprintf(node_name, sizeof(node_name), "xst%d.%d", (int)getpid(), number++ % 100);
	output("ip netns add @; ip netns exec @ sysctl -w net.ipv6.conf.default.disable_ipv6=1;"
	       "for i in 0 1 2; do ip -n @ link add p$i type veth peer name q$i; ip -n @ link set q$i up; done;"
	       "for i in 0 1 2; do ip -n @ link set p$i up; done;" /* the first time gives a device its qdisc for ever
								    */
	       "ip -n @ link set p1 down mtu 9000;"
	       "ip -n @ link set p2 promisc on; ip netns exec @ ethtool -K p2 rxvlan off");
	remember_state();
	reopen();
	return 0;
}

int tear_down(void **context)
{
	xs_node_close(node);
	node = NULL;
	if (xs_node_clean(node_name, node_name, node_error))
		fprintf(stderr, "clean: %s\n", node_error);
	output("ip netns del @ 2>&1");
	return 0;
}

/* ---- what the image says ----------------------------------------------------------------------------------------- */

void expect_sliver(void)
{
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
		    "net.ipv4.conf.all.send_redirects net.ipv4.conf.P12.arp_ignore net.ipv4.neigh.P12.retrans_time_ms "
		    "net.ipv4.neigh.P12.mcast_solicit net.ipv4.neigh.GWP.mcast_solicit",
		    "1\n0\n0\n1\n0\n0\n0\n3\n100\n10\n3\n");
	expect("ip -n xs.@.A -o address show dev MD", "inet 10.255.0.3/32");
	expect("ip -n xs.@.A -o address show dev A12", "inet 10.1.2.1/24");
	/* Names are of use to people. */
	expect("ip netns exec xs.@.P ping -c 1 -W 1 10.1.2.1", " 0% packet loss");
}

void expect_edge(void)
{
	expect("ip -n xs.@%client -o address show dev client | head -1", "inet 192.0.2.1/24 scope global client");
	expect("ip -n xs.@%client -o address show dev client", "inet 10.255.0.1/32 scope global client");
	expect_text("ip -n xs.@%client route show proto 158 | sed 's/ *$//'",
		    "10.0.0.0/16 dev lo scope link\n10.9.0.0/16 dev lo scope link\n198.51.100.0/24 via 192.0.2.254 dev "
		    "client\n");
	expect_text("ip netns exec xs.@%client sysctl -n net.ipv4.ip_forward net.ipv4.conf.client.forwarding "
		    "net.ipv4.conf.client.proxy_arp net.ipv4.neigh.client.proxy_delay net.ipv4.conf.client.arp_ignore",
		    "0\n1\n1\n0\n1\n");
}

void expect_ports(void)
{
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
