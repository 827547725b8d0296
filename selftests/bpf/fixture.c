/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fixture.c - see fixture.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "selftests/bpf/front.skel.h"
#include "selftests/bpf/fixture.h"

#define LOOPBACK 1 /* ifindex: what BPF_PROG_TEST_RUN says a frame came in by */
#define BLOCKS 4096
#define PAGES 2048
#define CELLS 1024
#define GENERALS (4 * XS_MUX_GENERAL_MAX)
#define MUXES 16
#define USERS_VETH 71 /* ifindexes that only appear in entries */
#define OUT_IFINDEX 72

static void no_grace(void *context)
{
}

struct fixture_pool fixture_pool = {.blocks = BLOCKS, .guards = BLOCKS, .grace = no_grace};

int fixture_available(void)
{
	int map;

	if (geteuid()) {
		printf("loading BPF programs needs root\n");
		return FIXTURE_SKIP;
	}
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xs_probe", 4, 4, 1, NULL);
	if (map < 0) {
		printf("no BPF maps can be made here: %s\n", strerror(errno));
		return FIXTURE_SKIP;
	}
	close(map);
	return 0;
}

const uint8_t *fixture_mac(uint32_t vport)
{
	static uint8_t mac[VPORT_COUNT][6];

	memcpy(mac[vport], (const uint8_t[]){0x02, 0xaa, 0, 0, 0, vport}, 6);
	return mac[vport];
}

uint8_t fixture_hop_mac(uint32_t hop)
{
	return 0xc0 + hop;
}

void fixture_put(struct fixture *fixture, enum xs_map_id id, uint32_t key, const void *value)
{
	assert_true(xs_node_maps_put(&fixture->maps, id, key, value) >= 0);
}

void fixture_put_vport(struct fixture *fixture, uint32_t id, struct xs_vport vport)
{
	vport.port_ifindex = OUT_IFINDEX;
	vport.veth = USERS_VETH;
	vport.mtu = 1500;
	memcpy(vport.mac, fixture_mac(vport.kind == XS_VPORT_MUX ? VPORT_E : id), 6);
	memcpy(vport.sliver_mac, (const uint8_t[]){0x02, 0xbb, 0, 0, 0, id}, 6);
	memcpy(vport.relay_mac, (const uint8_t[]){0x06, 0xaa, 0, 0, 0, id}, 6);
	fixture_put(fixture, XS_MAP_vport, id, &vport);
	if (vport.vid)
		fixture_put(fixture, XS_MAP_label, vport.port * XS_VIDS + vport.vid, &id);
}

void fixture_put_hop(struct fixture *fixture, uint32_t id, struct xs_nexthop hop)
{
	memcpy(hop.dmac, (const uint8_t[]){0x02, 0xcc, 0, 0, 0, fixture_hop_mac(id)}, 6);
	memcpy(hop.smac, (const uint8_t[]){0x02, 0xdd, 0, 0, 0, id}, 6);
	hop.ifindex = OUT_IFINDEX;
	if (!hop.mtu)
		hop.mtu = 1500;
	xs_node_maps_nexthop(&fixture->maps)[id] = hop;
}

void fixture_set(struct xs_table *const table[XS_FAMILIES], const char *address, unsigned int length, uint32_t leaf)
{
	uint32_t wire = htonl(frame_ip(address));
	uint8_t twin[16];

	frame_twin(ntohl(wire), twin);
	assert_true(xs_table_set(table[XS_FAMILY4], (const uint8_t *)&wire, length, leaf) >= 0);
	assert_true(xs_table_set(table[XS_FAMILY6], twin, frame_twin_bits(length), leaf) >= 0);
}

void fixture_make_tables(struct fixture *fixture, struct xs_table *table[XS_FAMILIES])
{
	table[XS_FAMILY4] = xs_table_new(fixture->pool, 4);
	table[XS_FAMILY6] = xs_table_new(fixture->pool, 16);
	assert_non_null(table[XS_FAMILY4]);
	assert_non_null(table[XS_FAMILY6]);
}

void fixture_free_tables(struct xs_table *table[XS_FAMILIES])
{
	for (int family = 0; family < XS_FAMILIES; family++)
		xs_table_free(table[family]);
}

static void fill_ports(struct fixture *fixture)
{
	struct xs_port links = {.ifindex = OUT_IFINDEX};
	struct xs_port gateway = {.ifindex = OUT_IFINDEX, .flags = XS_PORT_USER, .untagged = VPORT_G};
	struct xs_port mux = {.ifindex = OUT_IFINDEX, .flags = XS_PORT_USER, .untagged = VPORT_E};
	struct xs_port stack = {.ifindex = OUT_IFINDEX, .flags = XS_PORT_USER | XS_PORT_LOCAL_STACK, .untagged = VPORT_G};
	uint32_t host = XS_LABEL_HOST;

	for (int family = 0; family < XS_FAMILIES; family++)
		gateway.source_root[family] = mux.source_root[family] = stack.source_root[family] =
			xs_table_root(fixture->sources[family]);
	mux.edge_address[XS_FAMILY4].v4 = htonl(frame_ip("192.0.2.1"));
	frame_twin(frame_ip("192.0.2.1"), mux.edge_address[XS_FAMILY6].byte);
	fixture_put(fixture, XS_MAP_port, PORT_LINKS, &links);
	fixture_put(fixture, XS_MAP_port, PORT_GATEWAY, &gateway);
	fixture_put(fixture, XS_MAP_port, PORT_MUX, &mux);
	fixture_put(fixture, XS_MAP_port, PORT_STACK, &stack);
	fixture_put(fixture, XS_MAP_label, PORT_LINKS * XS_VIDS + 999, &host);
}

static void fill_vports(struct fixture *fixture)
{
	fixture_put_vport(fixture, VPORT_L1, (struct xs_vport){.kind = XS_VPORT_LINK, .slice = 1, .port = PORT_LINKS, .vid = 101});
	fixture_put_vport(fixture, VPORT_L2, (struct xs_vport){.kind = XS_VPORT_LINK, .slice = 1, .port = PORT_LINKS, .vid = 102});
	fixture_put_vport(fixture, VPORT_L3, (struct xs_vport){.kind = XS_VPORT_LINK, .slice = 2, .port = PORT_LINKS, .vid = 201});
	fixture_put_vport(fixture, VPORT_G, (struct xs_vport){.kind = XS_VPORT_GATEWAY, .slice = 1, .port = PORT_GATEWAY});
	fixture_put_vport(fixture, VPORT_E, (struct xs_vport){.kind = XS_VPORT_EDGE, .port = PORT_MUX});
	fixture_put_vport(fixture, VPORT_M1, (struct xs_vport){.kind = XS_VPORT_MUX, .slice = 1, .port = PORT_MUX, .edge = VPORT_E});
	fixture_put_vport(fixture, VPORT_M2, (struct xs_vport){.kind = XS_VPORT_MUX, .slice = 2, .port = PORT_MUX, .edge = VPORT_E});
}

static void fill_routes(struct fixture *fixture)
{
	struct xs_slice slice = {};
	uint8_t users6[16];

	fixture_put_hop(fixture, HOP_L2, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .tci = htons(102), .vport = VPORT_L2});
	fixture_put_hop(fixture, HOP_G, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .vport = VPORT_G});
	fixture_put_hop(fixture, HOP_BLACKHOLE, (struct xs_nexthop){.kind = XS_NEXTHOP_BLACKHOLE});
	fixture_put_hop(fixture, HOP_OWN, (struct xs_nexthop){.kind = XS_NEXTHOP_PUNT});
	fixture_put_hop(fixture, HOP_SMALL,
		(struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .tci = htons(102), .vport = VPORT_L2, .mtu = 600});
	fixture_put_hop(fixture, HOP_STACK,
		(struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .vport = VPORT_G, .port_flags = XS_PORT_BY_TC});
	fixture_put_hop(fixture, HOP_EDGE, (struct xs_nexthop){
		.kind = XS_NEXTHOP_EDGE, .vport = VPORT_M1, .edge_root = xs_table_root(fixture->users[XS_FAMILY4])});
	fixture_put_hop(fixture, HOP_EDGE6, (struct xs_nexthop){
		.kind = XS_NEXTHOP_EDGE, .vport = VPORT_M1, .edge_root = xs_table_root(fixture->users[XS_FAMILY6])});
	fixture_put_hop(fixture, HOP_USER, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .vport = VPORT_E});
	fixture_put_hop(fixture, HOP_UNRESOLVED, (struct xs_nexthop){.kind = XS_NEXTHOP_RESOLVE});
	fixture_put_hop(fixture, HOP_JUMBO,
		(struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .tci = htons(102), .vport = VPORT_L2, .mtu = 9000});
	fixture_put_hop(fixture, HOP_JUMBO_UNTAGGED, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .vport = VPORT_G, .mtu = 9000});
	fixture_put_hop(fixture, HOP_UNREACHABLE, (struct xs_nexthop){.kind = XS_NEXTHOP_UNREACHABLE});
	fixture_put_hop(fixture, HOP_L3, (struct xs_nexthop){.kind = XS_NEXTHOP_FORWARD, .tci = htons(201), .vport = VPORT_L3});
	fixture_set(fixture->fib1, "10.0.0.0", 16, HOP_L2);
	fixture_set(fixture->fib1, "10.1.0.0", 16, HOP_G);
	fixture_set(fixture->fib1, "10.2.0.0", 16, HOP_BLACKHOLE);
	fixture_set(fixture->fib1, "10.3.0.1", 32, HOP_OWN);
	fixture_set(fixture->fib1, "10.4.0.0", 16, HOP_SMALL);
	fixture_set(fixture->fib1, "10.5.0.0", 16, HOP_STACK);
	fixture_set(fixture->fib1, "10.7.0.0", 16, HOP_UNREACHABLE);
	fixture_set(fixture->fib1, "10.9.0.0", 16, HOP_JUMBO);
	fixture_set(fixture->fib1, "10.10.0.0", 16, HOP_JUMBO_UNTAGGED);
	fixture_set(fixture->fib1, "10.8.0.0", 16, HOP_UNRESOLVED);
	fixture_set(fixture->fib2, "10.8.0.0", 16, HOP_UNRESOLVED);
	fixture_set(fixture->fib1, "192.0.2.0", 24, HOP_EDGE);
	frame_twin(frame_ip("192.0.2.0"), users6);
	assert_true(xs_table_set(fixture->fib1[XS_FAMILY6], users6, frame_twin_bits(24), HOP_EDGE6) >= 0);
	fixture_set(fixture->fib2, "0.0.0.0", 0, HOP_L3);
	fixture_set(fixture->users, "192.0.2.7", 32, HOP_USER);
	fixture_set(fixture->users, "192.0.2.0", 24, HOP_UNRESOLVED);
	fixture_set(fixture->sources, "192.0.2.0", 24, 1);
	for (int family = 0; family < XS_FAMILIES; family++)
		slice.fib_root[family] = xs_table_root(fixture->fib1[family]);
	fixture_put(fixture, XS_MAP_slice, SLICE_1, &slice);
	for (int family = 0; family < XS_FAMILIES; family++)
		slice.fib_root[family] = xs_table_root(fixture->fib2[family]);
	fixture_put(fixture, XS_MAP_slice, SLICE_2, &slice);
}

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int fd[XS_MAP_COUNT];

	assert_non_null(fixture);
	fixture->skeleton = front_bpf__open();
	assert_non_null(fixture->skeleton);
	bpf_map__set_max_entries(fixture->skeleton->maps.block, fixture_pool.blocks);
	bpf_map__set_max_entries(fixture->skeleton->maps.sieve, fixture_pool.blocks);
	bpf_map__set_max_entries(fixture->skeleton->maps.guard, fixture_pool.guards);
	bpf_map__set_max_entries(fixture->skeleton->maps.mux_page, PAGES);
	bpf_map__set_max_entries(fixture->skeleton->maps.mux_origin, PAGES);
	bpf_map__set_max_entries(fixture->skeleton->maps.mux_stats, PAGES);
	bpf_map__set_max_entries(fixture->skeleton->maps.mux_general, GENERALS);
	bpf_map__set_max_entries(fixture->skeleton->maps.mux_vector, GENERALS);
	bpf_map__set_max_entries(fixture->skeleton->maps.mux_node, GENERALS);
	bpf_map__set_max_entries(fixture->skeleton->maps.mux, MUXES);
	bpf_map__set_max_entries(fixture->skeleton->maps.cell, CELLS);
	assert_int_equal(front_bpf__load(fixture->skeleton), 0);
	for (int i = 0; i < XS_MAP_COUNT; i++)
		fd[i] = bpf_object__find_map_fd_by_name(fixture->skeleton->obj, xs_map_info(i)->name);
	assert_int_equal(xs_node_maps_init(&fixture->maps, fd, true), 0);
	fixture->pool = xs_pool_new(xs_node_maps_tables(&fixture->maps), fixture_pool.grace, NULL);
	assert_non_null(fixture->pool);
	fixture_make_tables(fixture, fixture->fib1);
	fixture_make_tables(fixture, fixture->fib2);
	fixture_make_tables(fixture, fixture->users);
	fixture_make_tables(fixture, fixture->sources);
	fixture->space = xs_mux_space_new(&fixture->maps, fixture->pool);
	assert_non_null(fixture->space);
	fill_routes(fixture);
	fill_ports(fixture);
	fill_vports(fixture);
	*state = fixture;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	xs_policy_free(fixture->policy);
	xs_mux_space_free(fixture->space);
	fixture_free_tables(fixture->fib1);
	fixture_free_tables(fixture->fib2);
	fixture_free_tables(fixture->users);
	fixture_free_tables(fixture->sources);
	xs_pool_free(fixture->pool);
	xs_node_maps_close(&fixture->maps);
	front_bpf__destroy(fixture->skeleton);
	free(fixture);
	return 0;
}

void fixture_use_mux(struct fixture *fixture, uint32_t mux)
{
	struct xs_port port;

	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_port, PORT_MUX, &port), 0);
	port.mux = mux;
	fixture_put(fixture, XS_MAP_port, PORT_MUX, &port);
}

void fixture_policy(struct fixture *fixture, const struct xs_condition *condition, size_t count)
{
	struct xs_policy *before = fixture->policy;

	assert_int_equal(xs_policy_build(fixture->space, 1, condition, count, &fixture->policy), 0);
	fixture_use_mux(fixture, xs_policy_mux(fixture->policy));
	xs_policy_free(before);
}

const struct fixture_punt_class fixture_punt_class[XS_PUNT_CLASS_COUNT] = {
#define CLASS(id, name, rate, burst, text) {name, rate, burst},
	XS_PUNT_CLASSES(CLASS)
#undef CLASS
};

double fixture_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

unsigned int fixture_most_passed(enum xs_punt_class class, double since)
{
	const struct fixture_punt_class *of = &fixture_punt_class[class];

	return of->burst + (unsigned int)((fixture_now() - since + 0.01) * of->rate) + 1;
}

static void refill(struct fixture *fixture)
{
	const struct xs_policer full = {};
	const struct xs_unresolved none = {};

	if (fixture->police)
		return;
	for (uint32_t vport = VPORT_L1; vport < VPORT_COUNT; vport++)
		fixture_put(fixture, XS_MAP_policer, vport, &full);
	for (uint32_t slice = SLICE_1; slice < SLICE_COUNT; slice++)
		fixture_put(fixture, XS_MAP_unresolved, slice, &none);
}

static int run(int program, struct frame *frame, struct __sk_buff *skb)
{
	struct frame in = *frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in.data, .data_size_in = in.length, .data_out = frame->data,
		    .data_size_out = sizeof(frame->data), .repeat = 1, .ctx_in = skb, .ctx_out = skb,
		    .ctx_size_in = skb ? sizeof(*skb) : 0, .ctx_size_out = skb ? sizeof(*skb) : 0);

	assert_int_equal(bpf_prog_test_run_opts(program, &opts), 0);
	frame->length = opts.data_size_out;
	return opts.retval;
}

int fixture_run_xdp(struct fixture *fixture, uint32_t port, struct frame *frame)
{
	refill(fixture);
	fixture_put(fixture, XS_MAP_port_of_ifindex, LOOPBACK, &port);
	return run(bpf_program__fd(fixture->skeleton->progs.xdp_port), frame, NULL);
}

/* The tag goes beside the frame, and what tc left beside it is put back in. */
static int run_tc(int program, struct frame *frame, uint32_t gso)
{
	struct __sk_buff skb = {.mark = frame_take_tag(frame), .gso_size = gso, .gso_segs = gso ? 2 : 0};
	int action = run(program, frame, &skb);

	if (skb.mark >> 16 && frame->length + 4 <= sizeof(frame->data)) {
		memmove(frame->data + 16, frame->data + 12, frame->length - 12);
		frame->data[12] = skb.mark >> 17 ? 0x88 : 0x81;
		frame->data[13] = skb.mark >> 17 ? 0xa8 : 0;
		frame->data[14] = skb.mark >> 8;
		frame->data[15] = skb.mark;
		frame->length += 4;
	}
	return action;
}

int fixture_run_tc(struct fixture *fixture, uint32_t port, struct frame *frame, uint32_t gso)
{
	refill(fixture);
	fixture_put(fixture, XS_MAP_port_of_ifindex, LOOPBACK, &port);
	return run_tc(bpf_program__fd(fixture->skeleton->progs.front_port), frame, gso);
}

int fixture_run_sliver(struct fixture *fixture, uint32_t vport, struct frame *frame)
{
	fixture_put(fixture, XS_MAP_vport_of_ifindex, LOOPBACK, &vport);
	return run_tc(bpf_program__fd(fixture->skeleton->progs.front_sliver), frame, 0);
}

int fixture_run_uplink(struct fixture *fixture, struct frame *frame, uint32_t gso)
{
	return run_tc(bpf_program__fd(fixture->skeleton->progs.tc_uplink), frame, gso);
}

uint64_t fixture_sum_arrivals(struct fixture *fixture)
{
	struct xs_port_stats stats;
	uint64_t sum = 0;

	for (uint32_t port = 1; port < PORT_COUNT; port++) {
		assert_int_equal(xs_port_stats_sum(&fixture->maps, port, &stats), 0);
		sum += stats.rx_packets;
	}
	return sum;
}

static void read_verdicts(struct fixture *fixture, struct xs_slice_stats verdicts[SLICE_COUNT])
{
	for (uint32_t slice = 0; slice < SLICE_COUNT; slice++)
		assert_int_equal(xs_slice_stats_sum(&fixture->maps, slice, &verdicts[slice]), 0);
}

uint64_t fixture_sum_verdicts(struct fixture *fixture)
{
	struct xs_slice_stats verdicts[SLICE_COUNT];
	uint64_t sum = 0;

	read_verdicts(fixture, verdicts);
	for (uint32_t slice = 0; slice < SLICE_COUNT; slice++)
		for (int i = 0; i < XS_VERDICT_COUNT; i++)
			sum += verdicts[slice].verdict[i];
	return sum;
}

void fixture_send(struct fixture *fixture, uint32_t port, const struct frame *frame, struct outcome *outcome)
{
	struct xs_slice_stats before[SLICE_COUNT], after[SLICE_COUNT];
	uint64_t arrivals = fixture_sum_arrivals(fixture), counted = 0;

	read_verdicts(fixture, before);
	outcome->out = *frame;
	outcome->xdp = outcome->tc = outcome->verdict = -1;
	if (port != PORT_STACK)
		outcome->xdp = fixture_run_xdp(fixture, port, &outcome->out);
	if (outcome->xdp == XDP_PASS) {
		assert_int_equal(outcome->out.length, frame->length);
		assert_memory_equal(outcome->out.data, frame->data, frame->length);
	}
	if (outcome->xdp == XDP_PASS || port == PORT_STACK)
		outcome->tc = fixture_run_tc(fixture, port, &outcome->out, 0);
	read_verdicts(fixture, after);
	for (uint32_t slice = 0; slice < SLICE_COUNT; slice++) {
		for (int i = 0; i < XS_VERDICT_COUNT; i++) {
			uint64_t more = after[slice].verdict[i] - before[slice].verdict[i];

			counted += more;
			if (more) {
				outcome->verdict = i;
				outcome->slice = slice;
			}
		}
	}
	assert_int_equal(counted, 1);
	assert_int_equal(fixture_sum_arrivals(fixture) - arrivals, 1);
}

int fixture_setup_with_mux(void **state)
{
	struct xs_condition condition[XS_FAMILIES] = {
		{.slice = SLICE_2, .vport = VPORT_M2, .destination = {203, 0, 113, 1}, .destination_length = 32},
		{.slice = SLICE_2, .vport = VPORT_M2, .destination_length = 128, .family = XS_FAMILY6, .position = 1},
	};

	frame_twin(frame_ip("203.0.113.1"), condition[XS_FAMILY6].destination);
	fixture_setup(state);
	fixture_policy(*state, condition, XS_FAMILIES);
	return 0;
}

void fixture_exit(struct fixture *fixture, uint32_t users_flags, uint32_t exit_flags)
{
	const uint32_t host = XS_LABEL_HOST;
	struct xs_port users, beyond = {.ifindex = OUT_IFINDEX, .flags = exit_flags, .other_ifindex = OUT_IFINDEX,
					.other_flags = XS_PORT_USER | users_flags};

	assert_int_equal(xs_node_maps_get(&fixture->maps, XS_MAP_port, PORT_MUX, &users), 0);
	users.flags = XS_PORT_USER | users_flags;
	users.other_ifindex = OUT_IFINDEX;
	users.other_flags = exit_flags;
	fixture_put(fixture, XS_MAP_port, PORT_MUX, &users);
	fixture_put(fixture, XS_MAP_port, PORT_EXIT, &beyond);
	fixture_put(fixture, XS_MAP_label, PORT_MUX * XS_VIDS + 999, &host);
	fixture_put(fixture, XS_MAP_label, PORT_EXIT * XS_VIDS + 999, &host);
}

int fixture_setup_with_exit(void **state)
{
	fixture_setup_with_mux(state);
	fixture_exit(*state, 0, 0);
	return 0;
}
