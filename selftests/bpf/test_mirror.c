/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mirror against the kernel: a namespace of this process' own, routes and neighbours made by `ip`, and for each of
 * many addresses the table's answer beside the kernel's (RTM_GETROUTE). The maps are plain memory: no BPF. Root, else
 * exit 77.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/node/mirror.h"

#define DEVICES 4 /* v0..v2: links; v3: a MUX's. v4 is not ours */
#define HOSTS 6   /* 10.<device>.0.1.. : even ones are permanent neighbours, odd ones do not exist */

static uint64_t random_state = 0x2545f4914f6cdd1dull;

static uint32_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

static struct mnl_socket *kernel;
static uint32_t ifindex[DEVICES + 1];

static FILE *ip_batch(void)
{
	FILE *batch = popen("ip -force -batch - 2>/dev/null", "w");

	assert_non_null(batch);
	return batch;
}

static void ip(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void ip(const char *format, ...)
{
	char command[256] = "ip ";
	va_list args;

	va_start(args, format);
	vsnprintf(command + 3, sizeof(command) - 3, format, args);
	va_end(args);
	if (system(command))
		fail_msg("%s", command);
}

static int setup_namespace(void **state)
{
	FILE *batch;

	if (unshare(CLONE_NEWNET))
		return -1;
	batch = ip_batch();
	fprintf(batch, "link set lo up\n");
	for (unsigned int i = 0; i <= DEVICES; i++) {
		fprintf(batch, "link add v%u type veth peer name p%u\nlink set p%u up\nlink set v%u up\n", i, i, i, i);
		fprintf(batch, "addr add 10.%u.0.200/16 dev v%u\n", i, i);
		for (unsigned int host = 0; host < HOSTS; host += 2)
			fprintf(batch, "neigh add 10.%u.0.%u lladdr 02:00:00:00:%02x:%02x dev v%u nud permanent\n", i,
				host + 1, i, host + 1, i);
	}
	assert_int_equal(pclose(batch), 0);
	for (unsigned int i = 0; i <= DEVICES; i++) {
		char name[8];

		snprintf(name, sizeof(name), "v%u", i);
		ifindex[i] = if_nametoindex(name);
		assert_true(ifindex[i]);
	}
	kernel = mnl_socket_open(NETLINK_ROUTE);
	assert_non_null(kernel);
	assert_int_equal(mnl_socket_bind(kernel, 0, MNL_SOCKET_AUTOPID), 0);
	return 0;
}

/* ---- a node in memory -------------------------------------------------------------------------------------------- */

struct node {
	struct xs_node_maps maps;
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct xs_mirror *mirror;
};

static void describe(struct xs_mirror_device device[DEVICES])
{
	memset(device, 0, DEVICES * sizeof(*device));
	for (unsigned int i = 0; i < DEVICES; i++) {
		device[i] = (struct xs_mirror_device){
			.ifindex = ifindex[i],
			.vport = 100 + i,
			.kind = i == 3 ? XS_VPORT_MUX : XS_VPORT_LINK,
			.edge_root = i == 3 ? 4711 : 0,
			.port_ifindex = 50 + i,
			.vid = 10 + i,
			.mtu = 1500,
			.smac = {2, 1, 0, 0, 0, i},
		};
	}
}

static void node_new(struct node *node, uint32_t blocks)
{
	uint32_t entries[XS_MAP_COUNT] = {[XS_MAP_block] = blocks, [XS_MAP_nexthop] = 4096};
	struct xs_mirror_device device[DEVICES];
	int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	memset(node, 0, sizeof(*node));
	describe(device);
	assert_int_equal(xs_node_maps_init_memory(&node->maps, entries, 1), 0);
	node->pool = xs_pool_new(xs_node_maps_block(&node->maps), blocks, NULL, NULL);
	node->nexthops = xs_nexthops_new(&node->maps);
	assert_int_equal(xs_mirror_new(netns, node->pool, node->nexthops, &node->mirror), 0);
	close(netns);
	assert_int_equal(xs_mirror_set_devices(node->mirror, device, DEVICES), 0);
}

static void node_free(struct node *node)
{
	xs_mirror_free(node->mirror);
	assert_int_equal(xs_pool_used(node->pool), 0);
	xs_nexthops_free(node->nexthops);
	xs_pool_free(node->pool);
	xs_node_maps_close(&node->maps);
}

/* Applies all that waits. Returns how often the mirror said that it had overrun (and was read anew). */
static unsigned int catch_up(struct node *node)
{
	struct pollfd ready = {.fd = xs_mirror_fd(node->mirror), .events = POLLIN};
	unsigned int overruns = 0;

	while (poll(&ready, 1, 0) > 0) {
		int err = xs_mirror_events(node->mirror);

		assert_true(!err || err == -ENOBUFS);
		if (err) {
			overruns++;
			assert_int_equal(xs_mirror_sync(node->mirror), 0);
		}
	}
	return overruns;
}

/* ---- the kernel's answer ----------------------------------------------------------------------------------------- */

struct answer {
	uint8_t kind;
	uint32_t vport;
	uint8_t dmac[6];
};

/* Which neighbours there are: those of setup_namespace(), with what the tests change. */
static bool has_neighbour(uint32_t device, uint32_t address, uint8_t mac[6]);

static void ask_kernel(uint32_t address, struct answer *out)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(header, sizeof(*rtm));
	uint32_t gateway = address, oif = 0;
	const struct nlattr *attribute;
	static uint32_t sequence;
	unsigned int device = 0;

	memset(out, 0, sizeof(*out));
	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = ++sequence;
	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = 32;
	mnl_attr_put_u32(header, RTA_DST, address);
	assert_true(mnl_socket_sendto(kernel, header, header->nlmsg_len) > 0);
	assert_true(mnl_socket_recvfrom(kernel, buffer, sizeof(buffer)) > 0);
	assert_int_equal(header->nlmsg_seq, sequence);
	if (header->nlmsg_type == NLMSG_ERROR) {
		if (((struct nlmsgerr *)mnl_nlmsg_get_payload(header))->error == -EINVAL)
			out->kind = XS_NEXTHOP_BLACKHOLE;
		return;
	}
	rtm = mnl_nlmsg_get_payload(header);
	if (rtm->rtm_type != RTN_UNICAST)
		return;
	mnl_attr_for_each(attribute, header, sizeof(*rtm)) {
		if (mnl_attr_get_type(attribute) == RTA_OIF)
			oif = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == RTA_GATEWAY)
			gateway = mnl_attr_get_u32(attribute);
	}
	while (device < DEVICES && ifindex[device] != oif)
		device++;
	if (device == DEVICES)
		return;
	out->vport = 100 + device;
	if (device == 3) {
		out->kind = XS_NEXTHOP_EDGE;
	} else if (has_neighbour(device, gateway, out->dmac)) {
		out->kind = XS_NEXTHOP_FORWARD;
	} else {
		out->vport = 0;
	}
}

static void ask_table(const struct node *node, uint32_t address, struct answer *out)
{
	const struct xs_nexthop *nexthop;
	uint32_t leaf;

	memset(out, 0, sizeof(*out));
	if (!xs_blocks_lookup(xs_node_maps_block(&node->maps), xs_mirror_root(node->mirror), (uint8_t *)&address, 4,
			      &leaf))
		return;
	assert_true(leaf && leaf < node->maps.entries[XS_MAP_nexthop]);
	nexthop = &xs_node_maps_nexthop(&node->maps)[leaf];
	out->kind = nexthop->kind;
	if (nexthop->kind == XS_NEXTHOP_FORWARD) {
		unsigned int device = nexthop->vport - 100;

		memcpy(out->dmac, nexthop->dmac, sizeof(out->dmac));
		assert_int_equal(nexthop->smac[5], device);
		assert_int_equal(ntohs(nexthop->tci), 10 + device);
		assert_int_equal(nexthop->ifindex, 50 + device);
		assert_int_equal(nexthop->mtu, 1500);
	} else if (nexthop->kind == XS_NEXTHOP_EDGE) {
		assert_int_equal(nexthop->edge_root, 4711);
	}
	if (nexthop->kind == XS_NEXTHOP_FORWARD || nexthop->kind == XS_NEXTHOP_EDGE)
		out->vport = nexthop->vport;
}

/* ---- random routes ----------------------------------------------------------------------------------------------- */

#define KEPT 20000

static struct {
	uint32_t address;
	unsigned int length;
	bool there;
} kept[KEPT];

static bool neighbour_off[DEVICES + 1][HOSTS + 1];
static uint8_t neighbour_mac5[DEVICES + 1][HOSTS + 1]; /* 0: the first one given */

static bool has_neighbour(uint32_t device, uint32_t address, uint8_t mac[6])
{
	uint32_t host = ntohl(address), last = host & 0xff;

	if (host >> 8 != (10u << 16 | device << 8) || last > HOSTS || last % 2 == 0 || neighbour_off[device][last])
		return false;
	memcpy(mac, (uint8_t[6]){2, 0, 0, 0, device, last}, 6);
	if (neighbour_mac5[device][last])
		mac[1] = neighbour_mac5[device][last];
	return true;
}

static void write_prefix(FILE *batch, unsigned int slot)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &kept[slot].address, text, sizeof(text));
	fprintf(batch, "%s/%u", text, kept[slot].length);
}

/* Most anywhere; some among the hosts on the links, where on-link routes, neighbours and routes meet. */
static void choose_prefix(unsigned int slot)
{
	uint32_t address = 20u << 24 | (rnd() & 0x0fffffff);

	if (rnd() % 5 == 0)
		address = 10u << 24 | (rnd() % 5) << 16 | (rnd() & 0x107);

	kept[slot].length = rnd() % 4 ? 24 - rnd() % 3 : 9 + rnd() % 24;
	if (address >> 24 == 10 && kept[slot].length < 17)
		kept[slot].length = 17 + rnd() % 16;
	kept[slot].address = htonl(address & ~0u << (32 - kept[slot].length));
}

static void add_route(FILE *batch, unsigned int slot, const char *verb)
{
	unsigned int device = rnd() % (DEVICES + 1), what = rnd() % 20;

	fprintf(batch, "route %s ", verb);
	if (what == 0)
		fprintf(batch, "blackhole ");
	else if (what == 1)
		fprintf(batch, "unreachable ");
	else if (what == 2)
		fprintf(batch, "prohibit ");
	write_prefix(batch, slot);
	if (what == 3)
		fprintf(batch, " dev v%u", device);
	else if (what > 3)
		fprintf(batch, " via 10.%u.0.%u dev v%u onlink", device, 1 + rnd() % HOSTS, device);
	if (rnd() % 4 == 0)
		fprintf(batch, " metric %u", rnd() % 3);
	fprintf(batch, "\n");
	kept[slot].there = true;
}

static void remove_route(FILE *batch, unsigned int slot)
{
	/* Each takes the first of the prefix' routes away. */
	fprintf(batch, "route del ");
	write_prefix(batch, slot);
	fprintf(batch, "\n");
	if (rnd() % 2)
		kept[slot].there = false;
}

static void change_neighbour(FILE *batch)
{
	unsigned int device = rnd() % DEVICES, host = 1 + rnd() % (HOSTS / 2) * 2;

	if (rnd() % 4 == 0 && !neighbour_off[device][host]) {
		fprintf(batch, "neigh del 10.%u.0.%u dev v%u\n", device, host, device);
		neighbour_off[device][host] = true;
		return;
	}
	neighbour_mac5[device][host] = 1 + rnd() % 200;
	neighbour_off[device][host] = false;
	fprintf(batch, "neigh replace 10.%u.0.%u lladdr 02:%02x:00:00:%02x:%02x dev v%u nud permanent\n", device, host,
		neighbour_mac5[device][host], device, host, device);
}

static void restore_neighbours(void)
{
	FILE *batch = ip_batch();

	for (unsigned int i = 0; i <= DEVICES; i++) {
		for (unsigned int host = 1; host <= HOSTS; host += 2) {
			fprintf(batch, "neigh replace 10.%u.0.%u lladdr 02:00:00:00:%02x:%02x dev v%u nud permanent\n",
				i, host, i, host, i);
			neighbour_off[i][host] = false;
			neighbour_mac5[i][host] = 0;
		}
	}
	pclose(batch);
}

static uint32_t near_address(void)
{
	unsigned int slot = rnd() % KEPT, bits = kept[slot].length;

	switch (rnd() % 8) {
	case 0: /* a host on a link, resolved or not */
		return htonl(10u << 24 | rnd() % (DEVICES + 1) << 16 | (rnd() & 0x107));
	case 1:
		return htonl(rnd() % 223 << 24 | (rnd() & 0xffffff));
	default:
		return kept[slot].address | htonl(bits == 32 ? 0 : rnd() >> bits % 32);
	}
}

struct tally {
	unsigned int asked, different, of_kind[4], punted_only;
};

/* lenient: the table may leave to the kernel what it cannot hold. */
static void compare(const struct node *node, unsigned int count, bool lenient, struct tally *tally)
{
	memset(tally, 0, sizeof(*tally));
	for (unsigned int i = 0; i < count; i++) {
		uint32_t address = near_address();
		struct answer expected, got;

		if (!address || ntohl(address) >> 28 >= 14 || ntohl(address) >> 24 == 0 || ntohl(address) >> 24 == 127)
			continue;
		ask_kernel(address, &expected);
		ask_table(node, address, &got);
		tally->asked++;
		tally->of_kind[got.kind]++;
		if (!memcmp(&expected, &got, sizeof(got)))
			continue;
		if (lenient && got.kind == XS_NEXTHOP_PUNT) {
			tally->punted_only++;
			continue;
		}
		if (!tally->different++) {
			uint8_t *a = (uint8_t *)&address;

			print_message("%u.%u.%u.%u: kernel kind %u vport %u %02x..%02x, here kind %u vport %u %02x..%02x\n",
				      a[0], a[1], a[2], a[3], expected.kind, expected.vport, expected.dmac[1],
				      expected.dmac[5], got.kind, got.vport, got.dmac[1], got.dmac[5]);
		}
	}
}

static void expect_equal(const struct node *node, unsigned int count, const char *when)
{
	struct tally tally;

	compare(node, count, false, &tally);
	print_message("%s: %u addresses (%u forwarded, %u punted, %u by the edge, %u dropped): %u different\n", when,
		      tally.asked, tally.of_kind[XS_NEXTHOP_FORWARD], tally.of_kind[XS_NEXTHOP_PUNT],
		      tally.of_kind[XS_NEXTHOP_EDGE], tally.of_kind[XS_NEXTHOP_BLACKHOLE], tally.different);
	assert_int_equal(tally.different, 0);
	assert_true(tally.of_kind[XS_NEXTHOP_FORWARD] > tally.asked / 200);
	assert_true(tally.of_kind[XS_NEXTHOP_PUNT] > tally.asked / 20);
}

static uint64_t writes(const struct node *node)
{
	return xs_pool_writes(node->pool) + xs_nexthops_writes(node->nexthops);
}

static void random_changes(unsigned int count, bool neighbours)
{
	FILE *batch = ip_batch();

	for (unsigned int i = 0; i < count; i++) {
		unsigned int slot = rnd() % KEPT;

		if (neighbours && rnd() % 50 == 0)
			change_neighbour(batch);
		else if (!kept[slot].there)
			choose_prefix(slot), add_route(batch, slot, "add");
		else if (rnd() % 3 == 0)
			add_route(batch, slot, (const char *[]){"replace", "append", "prepend", "add"}[rnd() % 4]);
		else
			remove_route(batch, slot);
	}
	pclose(batch);
}

static void test_against_the_kernel(void **state)
{
	struct xs_mirror_device device[DEVICES];
	struct xs_mirror_count count;
	struct node node, fresh;
	struct tally tally;
	unsigned int overruns;
	uint64_t before;
	FILE *batch = ip_batch();

	for (unsigned int slot = 0; slot < KEPT; slot++) {
		choose_prefix(slot);
		if (slot < 15000)
			add_route(batch, slot, "add");
	}
	pclose(batch);
	node_new(&node, 40000);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	xs_mirror_counts(node.mirror, &count);
	assert_true(count.routes > 10000 && count.neighbours >= DEVICES * HOSTS / 2 && !count.refused);
	print_message("%u routes, %u neighbours\n", count.routes, count.neighbours);
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
		struct answer got;

		ask_table(&node, near_address(), &got);
		assert_true(got.kind == XS_NEXTHOP_PUNT || got.kind == XS_NEXTHOP_BLACKHOLE);
	}
	assert_int_equal(xs_mirror_set_devices(node.mirror, device, DEVICES), 0);
	expect_equal(&node, 5000, "after devices changed");

	/* Down takes routes away without telling each. */
	ip("link set v1 down");
	for (unsigned int host = 1; host <= HOSTS; host++)
		neighbour_off[1][host] = true; /* the kernel drops a device's neighbours with its carrier */
	catch_up(&node);
	expect_equal(&node, 5000, "after a device went down");
	ip("link set v1 up");
	catch_up(&node);
	expect_equal(&node, 5000, "after it came up");
	ip("addr del 10.2.0.200/16 dev v2");
	catch_up(&node);
	expect_equal(&node, 5000, "after an address went");
	ip("addr add 10.2.0.200/16 dev v2");
	ip("route add local 20.5.0.0/16 dev lo");
	catch_up(&node);
	/* Which of them wins depends on whether the kernel has split its tables: the mirror leaves it to the kernel. */
	compare(&node, 20000, true, &tally);
	assert_int_equal(tally.different, 0);
	ip("route del local 20.5.0.0/16 dev lo");

	/* More than the socket holds. */
	for (unsigned int round = 0; round < 3; round++)
		random_changes(40000, true);
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
	node_new(&fresh, 40000);
	assert_int_equal(xs_mirror_sync(fresh.mirror), 0);
	expect_equal(&fresh, 10000, "a new mirror");
	node_free(&fresh);
	node_free(&node);
}

static void test_without_room(void **state)
{
	struct xs_mirror_count count;
	struct tally tally;
	struct node node;
	FILE *batch;

	restore_neighbours();
	node_new(&node, 300);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	xs_mirror_counts(node.mirror, &count);
	assert_true(count.refused > 100);
	compare(&node, 20000, true, &tally);
	print_message("%u refused: %u of %u addresses left to the kernel, %u different\n", count.refused,
		      tally.punted_only, tally.asked, tally.different);
	assert_int_equal(tally.different, 0);
	assert_true(tally.punted_only > 0 && tally.of_kind[XS_NEXTHOP_FORWARD] > 100);
	for (unsigned int round = 0; round < 5; round++) {
		random_changes(1000, true);
		catch_up(&node);
		compare(&node, 5000, true, &tally);
		assert_int_equal(tally.different, 0);
	}
	/* Most routes go: what was refused finds room, and nothing is left to the kernel that need not be. */
	ip("route flush root 16.0.0.0/4");
	batch = ip_batch();
	for (unsigned int slot = 0; slot < KEPT; slot++)
		if (slot % 300 == 0)
			add_route(batch, slot, "replace");
		else
			kept[slot].there = false;
	pclose(batch);
	catch_up(&node);
	assert_int_equal(xs_mirror_sync(node.mirror), 0);
	xs_mirror_counts(node.mirror, &count);
	print_message("%u routes left, %u refused\n", count.routes, count.refused);
	assert_int_equal(count.refused, 0);
	compare(&node, 20000, false, &tally);
	assert_int_equal(tally.different, 0);
	node_free(&node);
}

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
		cmocka_unit_test(test_against_the_kernel),
		cmocka_unit_test(test_without_room),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_gateway_is_kept_alive),
	};

	if (geteuid()) {
		printf("SKIP: makes a network namespace, for which it must be root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup_namespace, NULL);
}
