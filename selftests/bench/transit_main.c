/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * transit_main.c - tag -> route -> tag, with a few routes, against a bare redirect and against the kernel's forwarding; destinations
 * over the whole space.
 */
#include <stdio.h>

#include <bpf/libbpf.h>

#include "selftests/bench/routes.h"
#include "selftests/bench/scene.h"
#include "selftests/bench/bench.skel.h"

#define PACKETS (1u << 20)
#define FEW 16

static int fill_few(struct scene *scene)
{
	int err = 0;

	for (int i = 0; i < FEW && !err; i++)
		err = routes_add_random(scene, scene->family == XS_FAMILY4 ? 8 + i : 16 + 3 * i);
	return err;
}

static int run(struct scene *scene)
{
	struct side slice = scene_side(scene, PACKETS, 0, BENCH_ANY, 0);
	struct side floor = scene_beside(&slice, bpf_program__fd(scene->rig.ends->progs.bench_redirect));
	struct side chain = scene_beside(&slice, bpf_program__fd(scene->rig.ends->progs.bench_chain_transit));
	struct side linux_router = scene_beside(&slice, -1);
	int err = fill_few(scene);

	if (!err)
		err = scene_row(scene, "transit", "floor-redirect", RESULT_PPS, &slice, &floor);
	if (!err)
		err = scene_row(scene, "bare-chain-transit", "floor-redirect", RESULT_PPS, &chain, &floor);
	if (!err)
		err = rig_make_router(&scene->rig);
	linux_router.traffic.tag = 0;
	if (!err)
		err = scene_row(scene, "transit", "kernel-forward", RESULT_PPS, &slice, &linux_router);
	return err;
}

int main(int argc, char **argv)
{
	static const char *const row[] = {"transit", "bare-chain-transit", NULL};
	static const struct candidate_size size = {.blocks = 1024, .guards = 1024, .cells = 2, .pages = 2};
	static const struct bench bench = {row, {size, size}, run};

	return scene_main(argc, argv, &bench);
}
