/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_main.c - plain -> MUX -> route -> tag: 100 000 conditions, each with its VM's and a group's cell, destinations uniform over
 * them, all counters on; against a bare redirect, and against the same with one condition. bare-memory-100k is what this machine's
 * memory allows in the same run: a program that only touches an index, a cell and a counter for each of as many VMs.
 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "selftests/bench/scene.h"
#include "selftests/bench/bench.skel.h"

#define PACKETS (1u << 20)
#define VMS 100000
#define GROUP_OF 1000 /* VMs in a group */

/* List 1: one condition for each of `count` VMs, for slice 1; list 2: any, for slice 2. */
static int build(struct scene *scene, uint32_t id, uint32_t count, struct xs_policy **policy)
{
	struct xs_condition *condition = calloc(count + 1, sizeof(*condition));
	int err = -ENOMEM;

	if (!condition)
		return err;
	for (uint32_t i = 0; i < count; i++) {
		condition[i] = (struct xs_condition){
			.position = i,
			.slice = 1,
			.vport = CANDIDATE_MUX,
			.vm_cell = 1 + i,
			.group_cell = 1 + VMS + i / GROUP_OF,
			.family = scene->family,
			.destination_length = scene_bits(scene->family),
		};
		scene_vm(scene->family, i, condition[i].destination);
		xs_cell_set(&scene->candidate.maps, 1 + i, XS_CELL(1 + i, 1));
	}
	condition[count] = (struct xs_condition){
		.position = count, .slice = 2, .vport = CANDIDATE_MUX + 1, .family = XS_FAMILY_EITHER};
	err = scene_policy(scene, id, condition, count + 1, policy);
	free(condition);
	return err;
}

/* As many next hops as there are, each for a part of the VMs. */
static int fill_routes(struct scene *scene)
{
	uint8_t part[16];
	int err = 0;

	for (uint32_t i = 0; i < CANDIDATE_NEXTHOPS && err >= 0; i++) {
		scene_vm(scene->family, i << 13, part);
		err = xs_table_set(scene->candidate.fib[1][scene->family], part, scene_bits(scene->family) - 13, candidate_nexthop(1, i));
	}
	return err < 0 ? err : 0;
}

static int run(struct scene *scene)
{
	struct xs_policy *many = NULL, *one = NULL;
	int err = fill_routes(scene);

	if (!err)
		err = build(scene, 1, VMS, &many);
	if (!err)
		err = build(scene, 2, 1, &one);
	if (!err) {
		struct side at_many = scene_side(scene, PACKETS, xs_policy_mux(many), BENCH_COUNT, VMS);
		struct side at_one = scene_side(scene, PACKETS, xs_policy_mux(one), BENCH_COUNT, 1);
		struct side floor = scene_beside(&at_many, bpf_program__fd(scene->rig.ends->progs.bench_redirect));
		struct side chain = scene_beside(&at_many, bpf_program__fd(scene->rig.ends->progs.bench_chain_mux));
		struct side memory = scene_beside(&at_many, bpf_program__fd(scene->rig.ends->progs.bench_memory));

		err = scene_row(scene, "mux-ingress", "floor-redirect", RESULT_PPS, &at_many, &floor);
		if (!err)
			err = scene_row(scene, "bare-memory-100k", "floor-redirect", RESULT_PPS, &memory, &floor);
		if (!err)
			err = scene_row(scene, "mux-100k", scene_name(scene, "mux-1"), RESULT_NS, &at_many, &at_one);
		if (!err)
			err = scene_row(scene, "mux-1", "floor-redirect", RESULT_PPS, &at_one, &floor);
		if (!err)
			err = scene_row(scene, "bare-chain-mux", "floor-redirect", RESULT_PPS, &chain, &floor);
	}
	xs_policy_free(one);
	xs_policy_free(many);
	return err;
}

int main(int argc, char **argv)
{
	static const char *const row[] = {"mux-ingress", "bare-memory-100k", "mux-100k", "mux-1", "bare-chain-mux", NULL};
	static const struct candidate_size size = {
		.blocks = 4096, .guards = 4096, .cells = VMS + VMS / GROUP_OF + 2, .pages = VMS / XS_PAGE_RULES + 1024};
	static const struct bench bench = {row, {size, size}, run};

	return scene_main(argc, argv, &bench);
}
