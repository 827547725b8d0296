/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * million_main.c - tag -> route -> tag with a million routes over a default, against a bare redirect. IPv4: 950 000
 * random /24, 50 000 of other lengths from /8 to /32; IPv6: /48 to /64.
 *
 *   transit-1m       destinations over the whole space
 *   transit-1m-hit   IPv6: to one of the routes, each; of IPv6's space a million routes are next to nothing
 *   bare-lookup-1m   the look-up alone, in the very blocks and guards that the candidate walks: what this machine's
 * memory allows
 */
#include <errno.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "selftests/bench/routes.h"
#include "selftests/bench/scene.h"
#include "selftests/bench/bench.skel.h"

#define PACKETS    (1u << 20)
#define MILLION    1000000
#define MILLION_24 950000

static int fill_ipv4(struct scene *scene)
{
	int err = 0;

	while (routes_count(scene) < MILLION_24 && !err)
		err = routes_add_random(scene, 24);
	while (routes_count(scene) < MILLION && !err)
		err = routes_add_random(scene, 8 + routes_random() % 25);
	return err;
}

static int fill_ipv6(struct scene *scene)
{
	int err = 0;

	for (uint32_t i = 0; i < MILLION && !err; i++)
		err = routes_add_numbered(scene, i);
	return err;
}

static int rows(struct scene *scene, const char *transit, const char *lookup, enum bench_range range,
		const struct bench_bpf *bare)
{
	struct side slice = scene_side(scene, PACKETS, 0, range, MILLION);
	struct side floor = scene_beside(&slice, bpf_program__fd(scene->rig.ends->progs.bench_redirect));
	struct side bare_lookup = scene_beside(&slice, bpf_program__fd(bare->progs.bench_lookup));
	int err = scene_row(scene, transit, "floor-redirect", RESULT_PPS, &slice, &floor);

	return err ? err : scene_row(scene, lookup, "floor-redirect", RESULT_PPS, &bare_lookup, &floor);
}

static int run(struct scene *scene)
{
	struct bench_bpf *bare = NULL;
	int err = scene->family == XS_FAMILY4 ? fill_ipv4(scene) : fill_ipv6(scene);

	if (!err)
		err = scene_load_bare(scene, &bare);
	if (!err)
		bare->bss->root = xs_table_root(scene->candidate.fib[1][scene->family]);
	if (err)
		return err;
	printf("# %zu routes in %u blocks and %u guards\n", routes_count(scene), xs_pool_used(scene->candidate.pool),
	       xs_pool_guards_used(scene->candidate.pool));
	err = rows(scene, "transit-1m", "bare-lookup-1m", BENCH_ANY, bare);
	if (!err && scene->family == XS_FAMILY6)
		err = rows(scene, "transit-1m-hit", "bare-lookup-1m-hit", BENCH_ROUTES, bare);
	rig_node_program(&scene->rig, -1);
	bench_bpf__destroy(bare);
	return err;
}

int main(int argc, char **argv)
{
	static const char *const row[] = { "transit-1m", "bare-lookup-1m", "transit-1m-hit", "bare-lookup-1m-hit",
					   NULL };
	static const struct bench bench = {
		.row = row,
		.size = {
			[XS_FAMILY4] = {.blocks = 80000, .guards = 1 << 17, .cells = 2, .pages = 2},
			[XS_FAMILY6] = {.blocks = 1 << 16, .guards = 1 << 20, .cells = 2, .pages = 2},
		},
		.run = run,
	};

	return scene_main(argc, argv, &bench);
}
