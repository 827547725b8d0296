/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flip_main.c - what a switch costs: the write of one cell against a bare update of an array map, and the time from before the
 * write until the receiver sees the first packet with the other slice's label, against a bare program that reads one word. The
 * generator sends on one core all the while, in batches, and the writer waits on another.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "selftests/bench/bench.skel.h"
#include "selftests/bench/candidate.h"
#include "selftests/bench/result.h"

#define WRITES 200000
#define PACKETS (1u << 20) /* during which the flips are made */
#define FLIPS_MAX 4000
#define FLIPS_MIN 100
#define GAP_NS 100000 /* between flips, so that each finds a stream in its stride */
#define VM 0x0a000005u
#define TAG(slice) (200 + (slice)) /* candidate.h: label of the slice's link to the receiver */

enum { CELL_VM = 1 };

struct side {
	struct rig *rig;
	struct candidate *candidate; /* NULL: the bare program */
	int program, word;           /* what runs on the node; map of the bare program's word */
	struct rig_traffic traffic;
	uint64_t generation;
	/* between writer and generator */
	volatile bool stop;
	double latency[FLIPS_MAX];
	int flips;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* From here on packets are to bear TAG(slice). */
static int flip(struct side *side, uint32_t slice)
{
	if (side->candidate) {
		int err = xs_cell_set(&side->candidate->maps, CELL_VM, XS_CELL(++side->generation, slice));

		return err < 0 ? err : 0;
	}
	uint64_t word = TAG(slice);
	uint32_t key = 0;

	return bpf_map_update_elem(side->word, &key, &word, BPF_ANY) ? -errno : 0;
}

static int measure_write(void *context, double *ns)
{
	struct side *side = context;
	uint64_t start = now_ns();
	int err = 0;

	/* With a fence each: a store counts when others can see it, not when the core has queued it. */
	for (uint32_t i = 0; i < WRITES && !err; i++) {
		err = flip(side, 1 + i % 2);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	*ns = (double)(now_ns() - start) / WRITES;
	return err;
}

static void *flip_on(void *context)
{
	struct side *side = context;
	struct bench_bpf__bss *shared = side->rig->ends->bss;
	volatile __u64 *seen = &shared->seen_ns;
	uint32_t slice = 1;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (!side->stop && side->flips < FLIPS_MAX) {
		uint64_t start;

		slice = 3 - slice;
		shared->watch_tci = TAG(slice);
		__atomic_store_n(&shared->seen_ns, 0, __ATOMIC_SEQ_CST);
		start = now_ns();
		if (flip(side, slice))
			break;
		while (!side->stop && !*seen)
			;
		if (*seen)
			side->latency[side->flips++] = *seen - start;
		while (!side->stop && now_ns() - start < GAP_NS)
			;
	}
	shared->watch_tci = 0;
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int measure_first_packet(void *context, double *ns)
{
	struct side *side = context;
	pthread_t writer;
	double cost;
	int err = rig_node_program(side->rig, side->program);

	if (err)
		return err;
	rig_traffic(side->rig, &side->traffic);
	side->flips = 0;
	side->stop = false;
	err = flip(side, 1);
	if (!err)
		err = rig_run(side->rig, 4096, &cost); /* what was under way has arrived */
	if (err)
		return err;
	err = -pthread_create(&writer, NULL, flip_on, side);
	if (err)
		return err;
	err = rig_run(side->rig, PACKETS, &cost);
	side->stop = true;
	pthread_join(writer, NULL);
	if (!err && side->flips < FLIPS_MIN)
		err = -ETIME;
	if (err)
		return err;
	qsort(side->latency, side->flips, sizeof(*side->latency), ascending);
	*ns = side->latency[side->flips / 2];
	return 0;
}

static int build(struct candidate *candidate, struct xs_mux_space *space, struct xs_policy **policy)
{
	struct xs_condition condition[CANDIDATE_SLICES];

	for (uint32_t i = 0; i < CANDIDATE_SLICES; i++)
		condition[i] = (struct xs_condition){.position = i, .slice = 1 + i, .vport = CANDIDATE_MUX + i, .vm_cell = CELL_VM,
						     .destination = {10, 0, 0, 5}, .destination_length = 32};
	return xs_policy_build(space, 1, condition, CANDIDATE_SLICES, policy);
}

int main(int argc, char **argv)
{
	const struct candidate_size size = {.blocks = 64, .guards = 64, .cells = 4, .pages = 8};
	static struct side cell, bare;
	struct xs_policy *policy = NULL;
	struct xs_mux_space *space = NULL;
	struct candidate candidate;
	struct rig rig;
	int err = rig_open(&rig);

	if (err)
		return 1;
	err = candidate_open(&candidate, &rig, &size);
	if (err)
		goto out;
	space = xs_mux_space_new(&candidate.maps, candidate.pool);
	err = space ? build(&candidate, space, &policy) : -ENOMEM;
	if (!err)
		err = candidate_use_mux(&candidate, &rig, xs_policy_mux(policy));
	if (err) {
		fprintf(stderr, "bench: the policy was not built: %s\n", strerror(-err));
		goto out_candidate;
	}
	cell.rig = bare.rig = &rig;
	cell.candidate = &candidate;
	cell.program = candidate.program;
	bare.program = bpf_program__fd(rig.ends->progs.bench_word);
	bare.word = bpf_map__fd(rig.ends->maps.word);
	cell.traffic = (struct rig_traffic){.source = 0xc0000202, .first = VM, .count = 1};
	memcpy(cell.traffic.destination_mac, rig.in_mac, 6);
	bare.traffic = cell.traffic;
	if (result_wanted(argc, argv, "flip"))
		err = result_row("flip", "bare-update", RESULT_NS, measure_write, &cell, measure_write, &bare);
	if (!err && result_wanted(argc, argv, "flip-first-packet"))
		err = result_row("flip-first-packet", "bare-update-first-packet", RESULT_NS, measure_first_packet, &cell,
				 measure_first_packet, &bare);
	rig_node_program(&rig, -1);
out_candidate:
	if (space) {
		xs_policy_free(policy);
		xs_mux_space_free(space);
	}
	candidate_close(&candidate);
out:
	rig_close(&rig);
	return err ? 1 : 0;
}
