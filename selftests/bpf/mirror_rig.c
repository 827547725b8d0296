/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror_rig.c - see mirror_rig.h. */
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

#include "selftests/bpf/mirror_rig.h"

struct kept_prefix kept[KEPT];


static uint64_t random_state = 0x2545f4914f6cdd1dull;

uint32_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

static struct mnl_socket *kernel;
static uint32_t ifindex[DEVICES + 1];

FILE *ip_batch(void)
{
	FILE *batch = popen("ip -force -batch - 2>/dev/null", "w");

	assert_non_null(batch);
	return batch;
}

void ip(const char *format, ...)
{
	char command[256] = "ip ";
	va_list args;

	va_start(args, format);
	vsnprintf(command + 3, sizeof(command) - 3, format, args);
	va_end(args);
	if (system(command))
		fail_msg("%s", command);
}

int setup_namespace(void **state)
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

void describe(struct xs_mirror_device device[DEVICES])
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

void node_new(struct node *node, uint32_t blocks)
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

void node_free(struct node *node)
{
	xs_mirror_free(node->mirror);
	assert_int_equal(xs_pool_used(node->pool), 0);
	xs_nexthops_free(node->nexthops);
	xs_pool_free(node->pool);
	xs_node_maps_close(&node->maps);
}

/* Applies all that waits. Returns how often the mirror said that it had overrun (and was read anew). */
unsigned int catch_up(struct node *node)
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

void ask_table(const struct node *node, uint32_t address, struct answer *out)
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

bool neighbour_off[DEVICES + 1][HOSTS + 1];
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
void choose_prefix(unsigned int slot)
{
	uint32_t address = 20u << 24 | (rnd() & 0x0fffffff);

	if (rnd() % 5 == 0)
		address = 10u << 24 | (rnd() % 5) << 16 | (rnd() & 0x107);

	kept[slot].length = rnd() % 4 ? 24 - rnd() % 3 : 9 + rnd() % 24;
	if (address >> 24 == 10 && kept[slot].length < 17)
		kept[slot].length = 17 + rnd() % 16;
	kept[slot].address = htonl(address & ~0u << (32 - kept[slot].length));
}

void add_route(FILE *batch, unsigned int slot, const char *verb)
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

void restore_neighbours(void)
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

uint32_t near_address(void)
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

/* lenient: the table may leave to the kernel what it cannot hold. */
void compare(const struct node *node, unsigned int count, bool lenient, struct tally *tally)
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

void expect_equal(const struct node *node, unsigned int count, const char *when)
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

uint64_t writes(const struct node *node)
{
	return xs_pool_writes(node->pool) + xs_nexthops_writes(node->nexthops);
}

void random_changes(unsigned int count, bool neighbours)
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
