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

#include "selftests/bench/scene.h"
#include "selftests/bench/bench.skel.h"

#define WRITES 200000
#define PACKETS (1u << 20) /* during which the flips are made */
#define FLIPS_MAX 4000
#define FLIPS_MIN 100
#define GAP_NS 100000 /* between flips, so that each finds a stream in its stride */
#define TAG(slice) (200 + (slice)) /* candidate.h: label of the slice's link to the receiver */

enum { CELL_VM = 1 };

/* The candidate, or a bare program in its place. */
struct flipper {
	struct side side;
	int word; /* map of the bare program's word; -1: it is the candidate */
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
static int flip(struct flipper *flipper, uint32_t slice)
{
	if (flipper->word < 0) {
		int err = xs_cell_set(&flipper->side.scene->candidate.maps, CELL_VM, XS_CELL(++flipper->generation, slice));

		return err < 0 ? err : 0;
	}
	uint64_t word = TAG(slice);
	uint32_t key = 0;

	return bpf_map_update_elem(flipper->word, &key, &word, BPF_ANY) ? -errno : 0;
}

static int measure_write(void *context, double *ns)
{
	struct flipper *flipper = context;
	uint64_t start = now_ns();
	int err = 0;

	/* With a fence each: a store counts when others can see it, not when the core has queued it. */
	for (uint32_t i = 0; i < WRITES && !err; i++) {
		err = flip(flipper, 1 + i % 2);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	*ns = (double)(now_ns() - start) / WRITES;
	return err;
}

static void *flip_on(void *context)
{
	struct flipper *flipper = context;
	struct bench_bpf__bss *shared = flipper->side.scene->rig.ends->bss;
	volatile __u64 *seen = &shared->seen_ns;
	uint32_t slice = 1;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (!flipper->stop && flipper->flips < FLIPS_MAX) {
		uint64_t start;

		slice = 3 - slice;
		shared->watch_tci = TAG(slice);
		__atomic_store_n(&shared->seen_ns, 0, __ATOMIC_SEQ_CST);
		start = now_ns();
		if (flip(flipper, slice))
			break;
		while (!flipper->stop && !*seen)
			;
		if (*seen)
			flipper->latency[flipper->flips++] = *seen - start;
		while (!flipper->stop && now_ns() - start < GAP_NS)
			;
	}
	shared->watch_tci = 0;
	return NULL;
}

static int measure_first_packet(void *context, double *ns)
{
	struct flipper *flipper = context;
	struct side start = flipper->side;
	pthread_t writer;
	double cost;
	int err;

	flipper->flips = 0;
	flipper->stop = false;
	err = flip(flipper, 1);
	start.packets = 4096;
	if (!err)
		err = scene_measure(&start, &cost); /* what was under way has arrived */
	if (err)
		return err;
	err = -pthread_create(&writer, NULL, flip_on, flipper);
	if (err)
		return err;
	err = scene_measure(&flipper->side, &cost);
	flipper->stop = true;
	pthread_join(writer, NULL);
	if (!err && flipper->flips < FLIPS_MIN)
		err = -ETIME;
	if (err)
		return err;
	qsort(flipper->latency, flipper->flips, sizeof(*flipper->latency), result_ascending);
	*ns = flipper->latency[flipper->flips / 2];
	return 0;
}

static int build(struct scene *scene, struct xs_policy **policy)
{
	struct xs_condition condition[CANDIDATE_SLICES];

	for (uint32_t i = 0; i < CANDIDATE_SLICES; i++) {
		condition[i] = (struct xs_condition){.position = i, .slice = 1 + i, .vport = CANDIDATE_MUX + i, .vm_cell = CELL_VM,
						     .family = scene->family, .destination_length = scene_bits(scene->family)};
		scene_vm(scene->family, 0, condition[i].destination);
	}
	return scene_policy(scene, 1, condition, CANDIDATE_SLICES, policy);
}

static int run(struct scene *scene)
{
	static struct flipper cell, bare;
	struct xs_policy *policy = NULL;
	int err = build(scene, &policy);

	if (err)
		return err;
	cell = (struct flipper){.side = scene_side(scene, PACKETS, xs_policy_mux(policy), BENCH_COUNT, 1), .word = -1};
	bare = (struct flipper){.side = scene_beside(&cell.side, bpf_program__fd(scene->rig.ends->progs.bench_word)),
				.word = bpf_map__fd(scene->rig.ends->maps.word)};
	if (scene_wants(scene, "flip"))
		err = result_row(scene_name(scene, "flip"), "bare-update", RESULT_NS, measure_write, &cell, measure_write, &bare);
	if (!err && scene_wants(scene, "flip-first-packet"))
		err = result_row(scene_name(scene, "flip-first-packet"), "bare-update-first-packet", RESULT_NS,
				 measure_first_packet, &cell, measure_first_packet, &bare);
	xs_policy_free(policy);
	return err;
}

int main(int argc, char **argv)
{
	static const char *const row[] = {"flip", "flip-first-packet", NULL};
	static const struct candidate_size size = {.blocks = 64, .guards = 64, .cells = 4, .pages = 8};
	static const struct bench bench = {row, {size, size}, run};

	return scene_main(argc, argv, &bench);
}
