/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror_rig.c - see mirror_rig.h: the namespace, the node in memory, the kernel's answer and the table's. */
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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "selftests/bpf/mirror_rig.h"

static struct mnl_socket *kernel;
uint32_t device_index[DEVICES + 1];
bool neighbour_off[XS_FAMILIES][DEVICES + 1][HOSTS + 1];
uint8_t neighbour_mac1[XS_FAMILIES][DEVICES + 1][HOSTS + 1];

/* ---- commands ---------------------------------------------------------------------------------------------------- */

FILE *ip_batch(void)
{
	FILE *batch = popen("ip -force -batch - 2>/dev/null", "w");

	assert_non_null(batch);
	return batch;
}

void shell(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

void ip(const char *format, ...)
{
	char command[256] = "ip ";
	va_list args;

	va_start(args, format);
	vsnprintf(command + 3, sizeof(command) - 3, format, args);
	va_end(args);
	shell(command);
}

struct xs_address parse(const char *text)
{
	struct xs_address out;

	assert_int_equal(xs_address_parse(text, &out), 0);
	return out;
}

struct xs_address link_address(unsigned int family, unsigned int device, unsigned int host)
{
	if (family == XS_FAMILY4)
		return (struct xs_address){ .family = XS_IPV4, .bytes = { 10, (uint8_t)device, 0, (uint8_t)host } };
	return (struct xs_address){
		.family = XS_IPV6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, (uint8_t)device, [15] = (uint8_t)host }
	};
}

const char *link_text(unsigned int family, unsigned int device, unsigned int host)
{
	static char text[4][XS_PREFIX_TEXT];
	static unsigned int next;
	const struct xs_address address = link_address(family, device, host);

	return xs_address_text(&address, text[next++ % 4]);
}

/* IPv6's routers are found by other addresses of theirs, too: the kernel refuses one that a route leads elsewhere. */
static struct xs_address other_address(unsigned int device, unsigned int host, unsigned int which)
{
	if (which == 1)
		return (struct xs_address){ .family = XS_IPV6, .bytes = { 0xfe, 0x80, [15] = (uint8_t)host } };
	return (struct xs_address){
		.family = XS_IPV6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, (uint8_t)device, [15] = (uint8_t)host }
	};
}

const char *gateway_text(unsigned int family, unsigned int device, unsigned int host, unsigned int which)
{
	static char text[XS_PREFIX_TEXT];
	struct xs_address address = link_address(family, device, host);

	if (family == XS_FAMILY6 && which)
		address = other_address(device, host, which);
	return xs_address_text(&address, text);
}

void write_neighbour(FILE *batch, unsigned int family, unsigned int device, unsigned int host)
{
	for (unsigned int which = 0; which < (family == XS_FAMILY4 ? 1 : GATEWAY_FORMS); which++) {
		const char *address = gateway_text(family, device, host, which);

		if (neighbour_off[family][device][host])
			fprintf(batch, "neigh del %s dev v%u\n", address, device);
		else
			fprintf(batch, "neigh replace %s lladdr 02:%02x:00:%02x:%02x:%02x dev v%u nud permanent\n",
				address, neighbour_mac1[family][device][host], family, device, host, device);
	}
}

void make_device(unsigned int i)
{
	FILE *batch = ip_batch();
	char name[8];

	fprintf(batch, "link add v%u type veth peer name p%u\nlink set p%u up\nlink set v%u up\n", i, i, i, i);
	fprintf(batch, "addr add %s/16 dev v%u\n", link_text(XS_FAMILY4, i, 200), i);
	fprintf(batch, "addr add %s/64 dev v%u nodad\n", link_text(XS_FAMILY6, i, 200), i);
	fprintf(batch, "addr add %s/64 dev v%u nodad\n", gateway_text(XS_FAMILY6, i, 200, 2), i);
	for (unsigned int host = 1; host <= HOSTS; host += 2)
		for (unsigned int family = 0; family < XS_FAMILIES; family++)
			write_neighbour(batch, family, i, host);
	assert_int_equal(pclose(batch), 0);
	snprintf(name, sizeof(name), "v%u", i);
	device_index[i] = if_nametoindex(name);
	assert_true(device_index[i]);
}

int setup_namespace(void **state)
{
	if (unshare(CLONE_NEWNET))
		return -1;
	shell("cd /proc/sys/net/ipv6/conf && for i in all default; do echo 0 >$i/disable_ipv6; echo 1 >$i/forwarding;"
	      "echo 0 >$i/accept_dad; echo 1 >$i/ignore_routes_with_linkdown; echo 1 >$i/keep_addr_on_down; done;"
	      "cd /proc/sys/net/ipv4/conf && for i in all default; do echo 1 >$i/ignore_routes_with_linkdown; done");
	ip("link set lo up");
	for (unsigned int i = 0; i <= DEVICES; i++)
		make_device(i);
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
			.ifindex = device_index[i],
			.vport = 100 + i,
			.kind = i == 3 ? XS_VPORT_MUX : XS_VPORT_LINK,
			.edge_root = { i == 3 ? EDGE_ROOT : 0, i == 3 ? EDGE_ROOT + 1 : 0 },
			.port_ifindex = 50 + i,
			.vid = 10 + i,
			.mtu = 1500,
			.smac = { 2, 1, 0, 0, 0, i },
		};
	}
}

void node_new(struct node *node, uint32_t blocks)
{
	uint32_t entries[XS_MAP_COUNT] = { [XS_MAP_block] = blocks, [XS_MAP_sieve] = blocks, [XS_MAP_guard] = blocks,
					  [XS_MAP_nexthop] = 32768, [XS_MAP_group] = 16384 };
	struct xs_mirror_device device[DEVICES];
	int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	memset(node, 0, sizeof(*node));
	describe(device);
	assert_int_equal(xs_node_maps_init_memory(&node->maps, entries, 1), 0);
	node->pool = xs_pool_new(xs_node_maps_tables(&node->maps), NULL, NULL);
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

static unsigned int catch_up_one(struct node *node)
{
	int err = xs_mirror_events(node->mirror);

	assert_true(!err || err == -ENOBUFS);
	if (err)
		assert_int_equal(xs_mirror_sync(node->mirror), 0);
	return err != 0;
}

unsigned int catch_up(struct node *node)
{
	struct pollfd ready = { .fd = xs_mirror_fd(node->mirror), .events = POLLIN };
	unsigned int overruns = 0;

	while (poll(&ready, 1, 0) > 0)
		overruns += catch_up_one(node);
	return overruns;
}

void catch_up_for(struct node *node, unsigned int milliseconds)
{
	struct pollfd ready = { .fd = xs_mirror_fd(node->mirror), .events = POLLIN };

	for (unsigned int i = 0; i < milliseconds; i += 20)
		if (poll(&ready, 1, 20) > 0)
			catch_up_one(node);
}

uint64_t writes(const struct node *node)
{
	return xs_pool_writes(node->pool) + xs_nexthops_writes(node->nexthops);
}

/* ---- the kernel's answer ----------------------------------------------------------------------------------------- */

static bool has_neighbour(uint32_t device, const struct xs_address *address, uint8_t mac[6])
{
	unsigned int family = xs_family_index(address->family), host = address->bytes[family == XS_FAMILY4 ? 3 : 15];
	bool known = false;

	for (unsigned int which = 0; !known && which < GATEWAY_FORMS; which++) {
		const struct xs_address form = parse(gateway_text(family, device, host, which));

		known = !xs_address_compare(&form, address);
	}
	if (host > HOSTS || host % 2 == 0 || !known || neighbour_off[family][device][host])
		return false;
	memcpy(mac, (uint8_t[6]){ 2, neighbour_mac1[family][device][host], 0, family, device, host }, 6);
	return true;
}

static void answer_of_hop(const struct xs_address *to, unsigned int family, uint32_t ifindex, struct answer *out)
{
	unsigned int device = 0;

	memset(out, 0, sizeof(*out));
	while (device < DEVICES && device_index[device] != ifindex)
		device++;
	if (device == DEVICES)
		return;
	if (device == 3)
		out->kind = XS_NEXTHOP_EDGE;
	else if (has_neighbour(device, to, out->dmac))
		out->kind = XS_NEXTHOP_FORWARD;
	if (out->kind)
		out->vport = 100 + device;
}

static struct xs_address gateway_of(const struct nlattr *attribute, const struct xs_address *address)
{
	struct xs_address to = *address;

	if (attribute)
		memcpy(to.bytes, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
	return to;
}

static bool is_link(int ifindex)
{
	for (unsigned int i = 0; i < 3; i++)
		if (device_index[i] == (uint32_t)ifindex)
			return true;
	return false;
}

/* Keeps answer[count] unless it stands before. The new count. */
static unsigned int add_once(const struct answer *answer, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (!memcmp(&answer[i], &answer[count], sizeof(answer[0])))
			return count;
	return count + 1;
}

/* among: is the hop to `one` by `oif` one of them? */
static unsigned int read_several(const struct nlattr *several, const struct xs_address *address, unsigned int family,
				 const struct xs_address *one, uint32_t oif, bool *among,
				 struct answer answer[ANSWERS_MAX])
{
	const struct rtnexthop *hop = mnl_attr_get_payload(several);
	int left = mnl_attr_get_payload_len(several);
	struct answer only = {};
	unsigned int alive = 0;
	bool ours = true;
	unsigned int count = 0;

	for (; RTNH_OK(hop, left); left -= NLA_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		const struct nlattr *attr, *gateway = NULL;
		const void *nested = hop + 1;
		struct xs_address to;

		if (hop->rtnh_flags & RTNH_F_DEAD || count == ANSWERS_MAX)
			continue;
		mnl_attr_for_each_payload(nested, hop->rtnh_len - sizeof(*hop)) if (mnl_attr_get_type(attr) ==
										    RTA_GATEWAY) gateway = attr;
		to = gateway_of(gateway, address);
		*among |= !xs_address_compare(&to, one) && (uint32_t)hop->rtnh_ifindex == oif;
		answer_of_hop(&to, family, (uint32_t)hop->rtnh_ifindex, &answer[count]);
		ours &= is_link(hop->rtnh_ifindex);
		alive++;
		only = answer[count];
		/* One that is not resolved leaves the others to serve. */
		if (answer[count].kind == XS_NEXTHOP_FORWARD)
			count = add_once(answer, count);
	}
	if (alive == 1) {
		answer[0] = only;
		return 1;
	}
	if (!count || !ours) {
		memset(&answer[0], 0, sizeof(answer[0]));
		return 1;
	}
	return count;
}

/* What one question brings. */
struct reply {
	char buffer[8192] __attribute__((aligned(8)));
	uint8_t kind, type; /* kind: PUNT unless it is a blackhole; type: RTN_* */
	uint32_t oif;
	const struct nlattr *gateway, *several;
};

static void ask(const struct xs_address *address, uint32_t flags, struct reply *reply)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(reply->buffer);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(header, sizeof(*rtm));
	const struct nlattr *attribute;
	static uint32_t sequence;

	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = ++sequence;
	rtm->rtm_family = address->family == XS_IPV4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = (uint8_t)xs_family_bits(address->family);
	rtm->rtm_flags = flags;
	mnl_attr_put(header, RTA_DST, rtm->rtm_dst_len / 8, address->bytes);
	assert_true(mnl_socket_sendto(kernel, header, header->nlmsg_len) > 0);
	assert_true(mnl_socket_recvfrom(kernel, reply->buffer, sizeof(reply->buffer)) > 0);
	assert_int_equal(header->nlmsg_seq, sequence);
	reply->type = RTN_UNREACHABLE;
	reply->kind = XS_NEXTHOP_PUNT;
	reply->oif = 0;
	reply->gateway = reply->several = NULL;
	if (header->nlmsg_type == NLMSG_ERROR) {
		if (((struct nlmsgerr *)mnl_nlmsg_get_payload(header))->error == -EINVAL)
			reply->kind = XS_NEXTHOP_BLACKHOLE;
		return;
	}
	rtm = mnl_nlmsg_get_payload(header);
	reply->type = rtm->rtm_type;
	if (rtm->rtm_type == RTN_BLACKHOLE)
		reply->kind = XS_NEXTHOP_BLACKHOLE;
	mnl_attr_for_each(attribute, header, sizeof(*rtm))
	{
		if (mnl_attr_get_type(attribute) == RTA_OIF)
			reply->oif = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == RTA_GATEWAY)
			reply->gateway = attribute;
		else if (mnl_attr_get_type(attribute) == RTA_MULTIPATH)
			reply->several = attribute;
	}
}

/*
 * The kernel is asked where it would send this one packet, and which route that is by. For IPv6 it finds the latter without a
 * look at preferences: where it names another route, the one next hop is all that is known.
 */
unsigned int ask_kernel(const struct xs_address *address, struct answer answer[ANSWERS_MAX], bool *whole)
{
	unsigned int family = xs_family_index(address->family), count;
	static struct reply one, all;
	struct xs_address to;
	bool among = false;

	*whole = true;
	ask(address, 0, &one);
	memset(&answer[0], 0, sizeof(answer[0]));
	answer[0].kind = one.kind;
	if (one.type != RTN_UNICAST)
		return 1;
	to = gateway_of(one.gateway, address);
	ask(address, RTM_F_FIB_MATCH, &all);
	if (all.several) {
		count = read_several(all.several, address, family, &to, one.oif, &among, answer);
		if (among)
			return count;
	}
	*whole = !all.several && all.type == RTN_UNICAST && all.oif == one.oif;
	answer_of_hop(&to, family, one.oif, &answer[0]);
	return 1;
}

/* ---- the table's ------------------------------------------------------------------------------------------------- */

/* NULL: the table has no entry. */
static const struct xs_nexthop *nexthop_for(const struct node *node, const struct xs_address *address)
{
	uint32_t root = xs_mirror_root(node->mirror, xs_family_index(address->family)), leaf;

	if (!xs_tables_lookup(xs_node_maps_tables(&node->maps), root, address->bytes, xs_family_bits(address->family) / 8,
			      &leaf))
		return NULL;
	assert_true(leaf && leaf < node->maps.entries[XS_MAP_nexthop]);
	return &xs_node_maps_nexthop(&node->maps)[leaf];
}

static void answer_of(const struct xs_nexthop *nexthop, unsigned int family, struct answer *out)
{
	memset(out, 0, sizeof(*out));
	if (!nexthop)
		return;
	/* Whatever else the kernel is asked for, its answer decides. */
	out->kind = nexthop->kind == XS_NEXTHOP_RESOLVE || nexthop->kind == XS_NEXTHOP_UNREACHABLE ? XS_NEXTHOP_PUNT :
													 nexthop->kind;
	if (nexthop->kind == XS_NEXTHOP_FORWARD) {
		unsigned int device = nexthop->vport - 100;

		memcpy(out->dmac, nexthop->dmac, sizeof(out->dmac));
		assert_int_equal(nexthop->smac[5], device);
		assert_int_equal(ntohs(nexthop->tci), 10 + device);
		assert_int_equal(nexthop->ifindex, 50 + device);
		assert_int_equal(nexthop->mtu, 1500);
	} else if (nexthop->kind == XS_NEXTHOP_EDGE) {
		assert_int_equal(nexthop->edge_root, EDGE_ROOT + family);
	}
	if (nexthop->kind == XS_NEXTHOP_FORWARD || nexthop->kind == XS_NEXTHOP_EDGE)
		out->vport = nexthop->vport;
}

unsigned int ask_table(const struct node *node, const struct xs_address *address, struct answer answer[ANSWERS_MAX])
{
	const struct xs_nexthop *nexthop = nexthop_for(node, address);
	unsigned int family = xs_family_index(address->family), count = 0;

	if (!nexthop || nexthop->kind != XS_NEXTHOP_GROUP) {
		answer_of(nexthop, family, &answer[0]);
		return 1;
	}
	assert_true(nexthop->group && nexthop->group < node->maps.entries[XS_MAP_group]);
	for (unsigned int slot = 0; slot < XS_GROUP_SLOTS; slot++) {
		uint32_t id = xs_node_maps_group(&node->maps)[nexthop->group].slot[slot];

		assert_true(id && id < node->maps.entries[XS_MAP_nexthop]);
		answer_of(&xs_node_maps_nexthop(&node->maps)[id], family, &answer[count]);
		count = add_once(answer, count);
		assert_true(count < ANSWERS_MAX);
	}
	return count;
}

void ask_first(const struct node *node, const struct xs_address *address, struct answer *out)
{
	struct answer answer[ANSWERS_MAX];

	ask_table(node, address, answer);
	*out = answer[0];
}

const struct xs_group *group_for(const struct node *node, const char *address)
{
	const struct xs_address of = parse(address);
	const struct xs_nexthop *nexthop = nexthop_for(node, &of);

	return nexthop && nexthop->kind == XS_NEXTHOP_GROUP ? &xs_node_maps_group(&node->maps)[nexthop->group] : NULL;
}

uint8_t kind_of(const struct node *node, const char *address)
{
	const struct xs_address of = parse(address);
	const struct xs_nexthop *nexthop = nexthop_for(node, &of);

	return nexthop ? nexthop->kind : XS_NEXTHOP_PUNT;
}
