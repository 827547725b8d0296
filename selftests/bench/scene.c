/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scene.c - see scene.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "selftests/bench/scene.h"
#include "selftests/bench/bench.skel.h"

void scene_vm(unsigned int family, uint32_t i, uint8_t address[16])
{
	static const uint8_t first[XS_FAMILIES][16] = { { 10 }, { 0x20, 0x01, 0x0d, 0xb8 } };
	unsigned int end = scene_bits(family) / 8;

	memcpy(address, first[family], 16);
	for (unsigned int byte = 1; byte < 4; byte++)
		address[end - byte] = i >> 8 * (byte - 1);
}

void scene_source(unsigned int family, uint8_t address[16])
{
	inet_pton(family == XS_FAMILY4 ? AF_INET : AF_INET6, family == XS_FAMILY4 ? "192.0.2.2" : "2001:db8:0:200::2",
		  address);
}

struct side scene_side(struct scene *scene, uint32_t packets, uint32_t mux, enum bench_range range, uint32_t count)
{
	struct side side = {
		.scene = scene,
		.program = scene->candidate.program,
		.mux = mux,
		.packets = packets,
		.traffic = { .family = scene->family, .tag = mux ? 0 : 101, .range = range, .count = count },
	};

	memcpy(side.traffic.destination_mac, scene->rig.in_mac, 6);
	scene_source(scene->family, side.traffic.source.byte);
	scene_vm(scene->family, 0, side.traffic.first.byte);
	return side;
}

struct side scene_beside(const struct side *side, int program)
{
	struct side other = *side;

	other.program = program;
	other.mux = 0;
	return other;
}

int scene_measure(void *context, double *ns)
{
	struct side *side = context;
	struct rig *rig = &side->scene->rig;
	int err = rig_node_program(rig, side->program);

	if (!err && side->mux)
		err = candidate_use_mux(&side->scene->candidate, rig, side->mux);
	if (err)
		return err;
	rig_traffic(rig, &side->traffic);
	return rig_run(rig, side->packets, ns);
}

int scene_load_bare(const struct scene *scene, struct bench_bpf **bare)
{
	struct bench_bpf *made = bench_bpf__open();
	int err;

	if (!made)
		return -errno;
	err = bpf_map__reuse_fd(made->maps.block, scene->candidate.maps.fd[XS_MAP_block]);
	if (!err)
		err = bpf_map__reuse_fd(made->maps.sieve, scene->candidate.maps.fd[XS_MAP_sieve]);
	if (!err)
		err = bpf_map__reuse_fd(made->maps.guard, scene->candidate.maps.fd[XS_MAP_guard]);
	if (!err)
		err = bpf_map__reuse_fd(made->maps.page, scene->candidate.maps.fd[XS_MAP_page]);
	if (!err)
		err = bench_bpf__load(made);
	if (err) {
		bench_bpf__destroy(made);
		return err;
	}
	made->bss->traffic.family = scene->family;
	made->bss->out_ifindex = scene->rig.out_ifindex;
	*bare = made;
	return 0;
}

const char *scene_name(const struct scene *scene, const char *name)
{
	static char text[4][64];
	static unsigned int next;
	char *at = text[next++ % 4];

	snprintf(at, sizeof(text[0]), "%s%s", scene->family == XS_FAMILY6 ? "v6." : "", name);
	return at;
}

bool scene_wants(const struct scene *scene, const char *name)
{
	return !scene->wanted || strstr(scene_name(scene, name), scene->wanted);
}

int scene_row(struct scene *scene, const char *name, const char *against, enum result_unit unit, struct side *candidate,
	      struct side *base)
{
	if (!scene_wants(scene, name))
		return 0;
	return result_row(scene_name(scene, name), against, unit, scene_measure, candidate, scene_measure, base);
}

int scene_policy(struct scene *scene, uint32_t id, const struct xs_condition *condition, size_t count,
		 struct xs_policy **policy)
{
	int err = xs_policy_build(scene->space, id, condition, count, policy);

	if (err)
		fprintf(stderr, "bench: the policy of %zu conditions was not built: %s\n", count, strerror(-err));
	return err;
}

static int run_family(struct scene *scene, const struct bench *bench)
{
	int err = rig_open(&scene->rig);

	if (err)
		return err;
	err = candidate_open(&scene->candidate, &scene->rig, &bench->size[scene->family]);
	if (err)
		goto out;
	scene->space = xs_mux_space_new(&scene->candidate.maps, scene->candidate.pool);
	err = scene->space ? bench->run(scene) : -ENOMEM;
	rig_node_program(&scene->rig, -1);
	if (scene->space)
		xs_mux_space_free(scene->space);
	candidate_close(&scene->candidate);
out:
	rig_close(&scene->rig);
	return err;
}

int scene_main(int argc, char **argv, const struct bench *bench)
{
	int err = 0;

	for (unsigned int f = 0; f < XS_FAMILIES && !err; f++) {
		struct scene scene = { .family = f, .wanted = argc > 1 && *argv[1] ? argv[1] : NULL };
		bool wanted = false;

		for (const char *const *row = bench->row; *row && !wanted; row++)
			wanted = scene_wants(&scene, *row);
		if (wanted)
			err = run_family(&scene, bench);
	}
	return err ? 1 : 0;
}
