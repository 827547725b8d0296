/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * general_main.c - 1 000 general conditions in one MUX against one, each testing destination, source, protocol and both
 * ports: mux-general-1k       as many services, of which the packet asks for the last mux-general-1k-last  all match,
 * and only the last is in force
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "selftests/bench/bench.skel.h"
#include "selftests/bench/candidate.h"
#include "selftests/bench/result.h"

#define PACKETS    (1u << 19)
#define CONDITIONS 1000
#define CELL       1

struct side {
	struct rig *rig;
	struct candidate *candidate;
	struct rig_traffic traffic;
	uint32_t mux;
};

static int measure(void *context, double *ns)
{
	struct side *side = context;
	int err = rig_node_program(side->rig, side->candidate->program);

	if (!err)
		err = candidate_use_mux(side->candidate, side->rig, side->mux);
	if (err)
		return err;
	rig_traffic(side->rig, &side->traffic);
	return rig_run(side->rig, PACKETS, ns);
}

/* What bench_generate sends: 192.0.2.2 to 10.0.0.0, UDP 4000 to 5000. */
static struct xs_condition condition(uint32_t position, uint32_t slice, uint16_t port)
{
	return (struct xs_condition){
		.position = position,
		.slice = slice,
		.vport = CANDIDATE_MUX + slice - 1,
		.vm_cell = CELL,
		.destination = { 10, 0, 0, 0 },
		.destination_length = 32,
		.source = { 192, 0, 2, 0 },
		.source_length = 24,
		.fields = XS_GENERAL_PROTOCOL | XS_GENERAL_SOURCE_PORT | XS_GENERAL_DESTINATION_PORT,
		.protocol = 17,
		.source_port = { 1024, 65535 },
		.destination_port = { port, port },
	};
}

/* Conditions for ports first, first + step, ...; the last is for port 5000, and for slice 1, which the cell names. */
static int build(struct xs_mux_space *space, uint32_t id, uint32_t count, uint16_t step, uint32_t others_slice,
		 struct xs_policy **policy)
{
	struct xs_condition *c = calloc(count, sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return err;
	for (uint32_t i = 0; i < count; i++)
		c[i] = condition(i, i + 1 < count ? others_slice : 1, 5000 - (count - 1 - i) * step);
	err = xs_policy_build(space, id, c, count, policy);
	free(c);
	return err;
}

int main(int argc, char **argv)
{
	const struct candidate_size size = {
		.blocks = 1024, .guards = 1024, .cells = 2, .pages = 1024, .generals = 4096
	};
	struct xs_policy *one = NULL, *services = NULL, *last = NULL;
	struct xs_mux_space *space = NULL;
	struct candidate candidate;
	struct rig rig;
	int err = rig_open(&rig);

	if (err)
		return 1;
	err = candidate_open(&candidate, &rig, &size);
	if (err)
		goto out;
	xs_cell_set(&candidate.maps, CELL, XS_CELL(1, 1));
	space = xs_mux_space_new(&candidate.maps, candidate.pool);
	err = space ? build(space, 1, 1, 0, 1, &one) : -ENOMEM;
	if (!err)
		err = build(space, 2, CONDITIONS, 3, 1, &services);
	if (!err)
		err = build(space, 3, CONDITIONS, 0, 2, &last);
	if (err) {
		fprintf(stderr, "bench: the policy was not built: %s\n", strerror(-err));
		goto out_candidate;
	}
	struct rig_traffic traffic = { .source = 0xc0000202, .first = 0x0a000000, .count = 1 };

	memcpy(traffic.destination_mac, rig.in_mac, 6);
	struct side at_one = { &rig, &candidate, traffic, xs_policy_mux(one) };
	struct side at_services = { &rig, &candidate, traffic, xs_policy_mux(services) };
	struct side at_last = { &rig, &candidate, traffic, xs_policy_mux(last) };

	if (result_wanted(argc, argv, "mux-general-1k"))
		err = result_row("mux-general-1k", "mux-general-1", RESULT_NS, measure, &at_services, measure, &at_one);
	if (!err && result_wanted(argc, argv, "mux-general-1k-last"))
		err = result_row("mux-general-1k-last", "mux-general-1", RESULT_NS, measure, &at_last, measure,
				 &at_one);
	rig_node_program(&rig, -1);
out_candidate:
	if (space) {
		xs_policy_free(one);
		xs_policy_free(services);
		xs_policy_free(last);
		xs_mux_space_free(space);
	}
	candidate_close(&candidate);
out:
	rig_close(&rig);
	return err ? 1 : 0;
}
