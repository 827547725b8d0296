/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * transit_main.c - tag -> route -> tag against a bare redirect and against the kernel's forwarding: with a few routes, and with
 * a million (950 000 random /24, 50 000 of other lengths from /8 to /32, over a default; destinations over the whole space).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "selftests/bench/bench.skel.h"
#include "selftests/bench/candidate.h"
#include "selftests/bench/result.h"

#define PACKETS (1u << 20)
#define MILLION_24 950000
#define MILLION_OTHER 50000

struct side {
	struct rig *rig;
	int program;
	struct rig_traffic traffic;
};

static int measure(void *context, double *ns)
{
	struct side *side = context;
	int err = rig_node_program(side->rig, side->program);

	if (err)
		return err;
	rig_traffic(side->rig, &side->traffic);
	return rig_run(side->rig, PACKETS, ns);
}

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

static int random_route(struct candidate *candidate, unsigned int length)
{
	uint32_t address = next_random();
	uint8_t bytes[4] = {1 + (address >> 24) % 223, address >> 16, address >> 8, address};

	return xs_table_set(candidate->fib[1], bytes, length, candidate_nexthop(1, next_random()));
}

static int fill_few(struct candidate *candidate)
{
	int err = 0;

	for (int i = 0; i < 16 && err >= 0; i++)
		err = random_route(candidate, 8 + i);
	return err < 0 ? err : 0;
}

static int fill_million(struct candidate *candidate)
{
	int err = 0;

	while (xs_table_count(candidate->fib[1]) < MILLION_24 && err >= 0)
		err = random_route(candidate, 24);
	while (xs_table_count(candidate->fib[1]) < MILLION_24 + MILLION_OTHER && err >= 0)
		err = random_route(candidate, 8 + next_random() % 25);
	return err < 0 ? err : 0;
}

/*
 * The bare look-up in the very blocks that the candidate walks: what this machine's memory allows, in the same run. *bare: its
 * skeleton, for the caller to destroy.
 */
static int load_bare(const struct rig *rig, const struct candidate *candidate, struct bench_bpf **bare)
{
	struct bench_bpf *made = bench_bpf__open();
	int err;

	if (!made)
		return -errno;
	err = bpf_map__reuse_fd(made->maps.block, candidate->maps.fd[XS_MAP_block]);
	if (!err)
		err = bench_bpf__load(made);
	if (err) {
		bench_bpf__destroy(made);
		return err;
	}
	made->bss->out_ifindex = rig->out_ifindex;
	made->bss->root = xs_table_root(candidate->fib[1]);
	*bare = made;
	return 0;
}

/* One candidate, filled, against the floor and, for the small one, the kernel. */
static int measure_table(struct rig *rig, const char *name, bool million, bool kernel)
{
	const struct candidate_size size = {.blocks = million ? 80000 : 1024, .guards = million ? 1 << 17 : 1024, .cells = 2, .pages = 2};
	struct rig_traffic traffic = {.tag = 101, .source = 0xc6336402};
	struct candidate candidate;
	struct side slice, floor, chain, lookup, linux_router;
	struct bench_bpf *bare = NULL;
	int err = candidate_open(&candidate, rig, &size);

	if (err)
		return err;
	err = million ? fill_million(&candidate) : fill_few(&candidate);
	if (err)
		goto out;
	if (million)
		printf("# %zu routes in %u blocks and %u guards\n", xs_table_count(candidate.fib[1]), xs_pool_used(candidate.pool),
		       xs_pool_guards_used(candidate.pool));
	memcpy(traffic.destination_mac, rig->in_mac, 6);
	slice = (struct side){rig, candidate.program, traffic};
	floor = (struct side){rig, bpf_program__fd(rig->ends->progs.bench_redirect), traffic};
	chain = (struct side){rig, bpf_program__fd(rig->ends->progs.bench_chain_transit), traffic};
	if (!kernel) {
		err = result_row(name, "floor-redirect", RESULT_PPS, measure, &slice, measure, &floor);
		if (!err && !million)
			err = result_row("bare-chain-transit", "floor-redirect", RESULT_PPS, measure, &chain, measure, &floor);
		if (!err && million)
			err = load_bare(rig, &candidate, &bare);
		if (!err && million) {
			lookup = (struct side){rig, bpf_program__fd(bare->progs.bench_lookup), traffic};
			err = result_row("bare-lookup-1m", "floor-redirect", RESULT_PPS, measure, &lookup, measure, &floor);
		}
	} else {
		traffic.tag = 0;
		linux_router = (struct side){rig, -1, traffic};
		err = result_row(name, "kernel-forward", RESULT_PPS, measure, &slice, measure, &linux_router);
	}
	rig_node_program(rig, -1);
out:
	bench_bpf__destroy(bare);
	candidate_close(&candidate);
	return err;
}

/* GRO on: without an XDP program that is what makes the port take frames from the generator. */
static int prepare_kernel(struct rig *rig)
{
	char command[512];
	const uint8_t *m = rig->receiver_mac;

	snprintf(command, sizeof(command),
		 "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.in.rp_filter=0 && "
		 "ip address add 10.99.0.1/24 dev in && ip address add 10.99.1.1/24 dev out && "
		 "ip neigh replace 10.99.1.2 lladdr %02x:%02x:%02x:%02x:%02x:%02x dev out && "
		 "ip route add default via 10.99.1.2 && ethtool -K in gro on",
		 m[0], m[1], m[2], m[3], m[4], m[5]);
	return rig_node_command(rig, command);
}

int main(int argc, char **argv)
{
	struct rig rig;
	int err = rig_open(&rig);

	if (err)
		return 1;
	if (result_wanted(argc, argv, "transit"))
		err = measure_table(&rig, "transit", false, false);
	if (!err && result_wanted(argc, argv, "transit-1m"))
		err = measure_table(&rig, "transit-1m", true, false);
	if (!err && (result_wanted(argc, argv, "transit") || result_wanted(argc, argv, "kernel-forward"))) {
		err = prepare_kernel(&rig);
		if (!err)
			err = measure_table(&rig, "transit", false, true);
	}
	rig_close(&rig);
	return err ? 1 : 0;
}
