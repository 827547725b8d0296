/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * general_main.c - 1 000 general conditions in one MUX against one, each testing destination, source, protocol and both ports:
 *
 *   mux-general-1k        as many services, of which the packet asks for the last
 *   mux-general-1k-last   all match, and only the last is in force
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "selftests/bench/scene.h"

#define PACKETS (1u << 19)
#define CONDITIONS 1000
#define CELL 1

/* What bench_generate sends to the first VM: UDP 4000 to 5000. */
static struct xs_condition condition(unsigned int family, uint32_t position, uint32_t slice, uint16_t port)
{
	struct xs_condition condition = {
		.position = position,
		.slice = slice,
		.vport = CANDIDATE_MUX + slice - 1,
		.vm_cell = CELL,
		.family = family,
		.destination_length = scene_bits(family),
		.source_length = scene_source_bits(family),
		.fields = XS_GENERAL_PROTOCOL | XS_GENERAL_SOURCE_PORT | XS_GENERAL_DESTINATION_PORT,
		.protocol = 17,
		.source_port = {1024, 65535},
		.destination_port = {port, port},
	};

	scene_vm(family, 0, condition.destination);
	scene_source(family, condition.source);
	memset(condition.source + condition.source_length / 8, 0, sizeof(condition.source) - condition.source_length / 8);
	return condition;
}

/* Conditions for ports first, first + step, ...; the last is for port 5000, and for slice 1, which the cell names. */
static int build(struct scene *scene, uint32_t id, uint32_t count, uint16_t step, uint32_t others_slice, struct xs_policy **policy)
{
	struct xs_condition *c = calloc(count, sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return err;
	for (uint32_t i = 0; i < count; i++)
		c[i] = condition(scene->family, i, i + 1 < count ? others_slice : 1, 5000 - (count - 1 - i) * step);
	err = scene_policy(scene, id, c, count, policy);
	free(c);
	return err;
}

static int run(struct scene *scene)
{
	struct xs_policy *one = NULL, *services = NULL, *last = NULL;
	int err;

	xs_cell_set(&scene->candidate.maps, CELL, XS_CELL(1, 1));
	err = build(scene, 1, 1, 0, 1, &one);
	if (!err)
		err = build(scene, 2, CONDITIONS, 3, 1, &services);
	if (!err)
		err = build(scene, 3, CONDITIONS, 0, 2, &last);
	if (!err) {
		struct side at_one = scene_side(scene, PACKETS, xs_policy_mux(one), BENCH_COUNT, 1);
		struct side at_services = scene_side(scene, PACKETS, xs_policy_mux(services), BENCH_COUNT, 1);
		struct side at_last = scene_side(scene, PACKETS, xs_policy_mux(last), BENCH_COUNT, 1);
		const char *against = scene_name(scene, "mux-general-1");

		err = scene_row(scene, "mux-general-1k", against, RESULT_NS, &at_services, &at_one);
		if (!err)
			err = scene_row(scene, "mux-general-1k-last", against, RESULT_NS, &at_last, &at_one);
	}
	xs_policy_free(one);
	xs_policy_free(services);
	xs_policy_free(last);
	return err;
}

int main(int argc, char **argv)
{
	static const char *const row[] = {"mux-general-1k", "mux-general-1k-last", NULL};
	static const struct candidate_size size = {.blocks = 1024, .guards = 1024, .cells = 2, .pages = 1024, .generals = 4096};
	static const struct bench bench = {row, {size, size}, run};

	return scene_main(argc, argv, &bench);
}
