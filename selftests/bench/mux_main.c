/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_main.c - plain -> MUX -> route -> tag: 100 000 conditions, each with its VM's and a group's cell, destinations uniform over
 * them, all counters on; against a bare redirect, and against the same with one condition. bare-memory-100k is what this machine's
 * memory allows in the same run: a program that only touches an index, a cell and a counter for each of as many VMs.
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
#define VMS 100000
#define GROUP_OF 1000 /* VMs in a group */
#define FIRST_VM 0x0a000000u /* 10.0.0.0 */

struct side {
	struct rig *rig;
	int program;
	struct rig_traffic traffic;
	struct candidate *candidate; /* NULL: the floor */
	uint32_t mux;
};

static int measure(void *context, double *ns)
{
	struct side *side = context;
	int err = rig_node_program(side->rig, side->program);

	if (!err && side->candidate)
		err = candidate_use_mux(side->candidate, side->rig, side->mux);
	if (err)
		return err;
	rig_traffic(side->rig, &side->traffic);
	return rig_run(side->rig, PACKETS, ns);
}

/* List 1: one condition for each of `count` VMs, for slice 1; list 2: any, for slice 2. */
static int build(struct candidate *candidate, struct xs_mux_space *space, uint32_t id, uint32_t count, struct xs_policy **policy)
{
	struct xs_condition *condition = calloc(count + 1, sizeof(*condition));
	int err = -ENOMEM;

	if (!condition)
		return err;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t address = FIRST_VM + i;

		condition[i] = (struct xs_condition){
			.position = i,
			.slice = 1,
			.vport = CANDIDATE_MUX,
			.vm_cell = 1 + i,
			.group_cell = 1 + VMS + i / GROUP_OF,
			.destination = {address >> 24, address >> 16, address >> 8, address},
			.destination_length = 32,
		};
		xs_cell_set(&candidate->maps, 1 + i, XS_CELL(1 + i, 1));
	}
	condition[count] = (struct xs_condition){.position = count, .slice = 2, .vport = CANDIDATE_MUX + 1};
	err = xs_policy_build(space, id, condition, count + 1, policy);
	free(condition);
	return err;
}

static int fill_routes(struct candidate *candidate)
{
	int err = 0;

	for (uint32_t i = 0; i < CANDIDATE_NEXTHOPS && err >= 0; i++)
		err = xs_table_set(candidate->fib[1], (const uint8_t[]){10, 0, i * 32, 0}, 19, candidate_nexthop(1, i));
	return err < 0 ? err : 0;
}

int main(int argc, char **argv)
{
	const struct candidate_size size = {.blocks = 4096, .guards = 4096, .cells = VMS + VMS / GROUP_OF + 2, .pages = VMS / XS_PAGE_RULES + 1024};
	struct xs_policy *many = NULL, *one = NULL;
	struct xs_mux_space *space = NULL;
	struct candidate candidate;
	struct rig rig;
	int err = rig_open(&rig);

	if (err)
		return 1;
	err = candidate_open(&candidate, &rig, &size);
	if (err)
		goto out;
	err = fill_routes(&candidate);
	if (err)
		goto out_candidate;
	space = xs_mux_space_new(&candidate.maps, candidate.pool);
	err = space ? build(&candidate, space, 1, VMS, &many) : -ENOMEM;
	if (!err)
		err = build(&candidate, space, 2, 1, &one);
	if (err) {
		fprintf(stderr, "bench: the policy was not built: %s\n", strerror(-err));
		goto out_candidate;
	}
	struct rig_traffic traffic = {.source = 0xc0000202, .first = FIRST_VM, .count = VMS};

	memcpy(traffic.destination_mac, rig.in_mac, 6);
	struct side at_many = {&rig, candidate.program, traffic, &candidate, xs_policy_mux(many)};
	struct side floor = {&rig, bpf_program__fd(rig.ends->progs.bench_redirect), traffic, NULL, 0};
	struct side memory = floor;
	struct side chain = floor;
	struct side at_one = at_many;

	memory.program = bpf_program__fd(rig.ends->progs.bench_memory);
	chain.program = bpf_program__fd(rig.ends->progs.bench_chain_mux);
	at_one.mux = xs_policy_mux(one);
	at_one.traffic.count = 1;
	if (result_wanted(argc, argv, "mux-ingress"))
		err = result_row("mux-ingress", "floor-redirect", RESULT_PPS, measure, &at_many, measure, &floor);
	if (!err && result_wanted(argc, argv, "bare-memory-100k"))
		err = result_row("bare-memory-100k", "floor-redirect", RESULT_PPS, measure, &memory, measure, &floor);
	if (!err && result_wanted(argc, argv, "mux-100k"))
		err = result_row("mux-100k", "mux-1", RESULT_NS, measure, &at_many, measure, &at_one);
	if (!err && result_wanted(argc, argv, "mux-1"))
		err = result_row("mux-1", "floor-redirect", RESULT_PPS, measure, &at_one, measure, &floor);
	if (!err && result_wanted(argc, argv, "bare-chain-mux"))
		err = result_row("bare-chain-mux", "floor-redirect", RESULT_PPS, measure, &chain, measure, &floor);
	rig_node_program(&rig, -1);
out_candidate:
	if (space) {
		xs_policy_free(one);
		xs_policy_free(many);
		xs_mux_space_free(space);
	}
	candidate_close(&candidate);
out:
	rig_close(&rig);
	return err ? 1 : 0;
}
