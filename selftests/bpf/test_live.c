/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_live.c - changes under a live stream: a thread sends packets through the program while this one changes what the program
 * reads. Blocks of the address table are freed and reused by another table; cells are switched while both lists bear them.
 */
#include <linux/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "maps/grace.h"
#include "selftests/bpf/front.skel.h"
#include "selftests/bpf/fixture.h"

#define STREAM_MS 1500
#define SMALL_POOL 74

struct stream {
	int program;
	struct frame *frame;
	size_t frames;
	atomic_bool stop, failed;
	atomic_ulong sent;
};

/* Frames are only read: the programs' output goes nowhere. */
static void *send_on(void *context)
{
	struct stream *stream = context;

	while (!atomic_load(&stream->stop)) {
		for (size_t i = 0; i < stream->frames; i++) {
			LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = stream->frame[i].data,
				    .data_size_in = stream->frame[i].length, .repeat = 1);

			if (bpf_prog_test_run_opts(stream->program, &opts))
				atomic_store(&stream->failed, true);
			atomic_fetch_add(&stream->sent, 1);
		}
	}
	return NULL;
}

static void start(struct stream *stream, pthread_t *thread, int program)
{
	stream->program = program;
	assert_int_equal(pthread_create(thread, NULL, send_on, stream), 0);
}

static void start_port(struct fixture *fixture, struct stream *stream, pthread_t *thread, uint32_t port)
{
	fixture_put(fixture, XS_MAP_port_of_ifindex, 1, &port);
	start(stream, thread, bpf_program__fd(fixture->skeleton->progs.xdp_port));
}

static void stop(struct stream *stream, pthread_t thread)
{
	atomic_store(&stream->stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(stream->failed);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static void real_grace(void *context)
{
	xs_grace();
}

static void set(struct xs_table *table, uint32_t address, unsigned int length, uint32_t leaf)
{
	const uint8_t wire[4] = {address >> 24, address >> 16, address >> 8, address};

	assert_true(xs_table_set(table, wire, length, leaf) >= 0);
}

static void clear(struct xs_table *table, uint32_t address, unsigned int length)
{
	const uint8_t wire[4] = {address >> 24, address >> 16, address >> 8, address};

	assert_true(xs_table_remove(table, wire, length) >= 0);
}

static uint64_t verdict_of(struct fixture *fixture, uint32_t slice, int verdict)
{
	struct xs_slice_stats stats;

	assert_int_equal(xs_slice_stats_sum(&fixture->maps, slice, &stats), 0);
	return stats.verdict[verdict];
}

/*
 * The stream's slice routes all by L2. Longer prefixes come and go over the destinations, so that blocks are taken away from
 * under the look-ups; a foreign table takes blocks of the same small pool at once and fills them with blackholes.
 */
static unsigned long take_and_give_back(struct fixture *fixture)
{
	unsigned long rounds = 0;

	for (uint64_t end = now_ms() + STREAM_MS; now_ms() < end; rounds++) {
		struct xs_table *foreign = xs_table_new(fixture->pool, 4);

		assert_non_null(foreign);
		set(fixture->fib1[XS_FAMILY4], 0x0a141400, 24, HOP_L2);
		set(fixture->fib1[XS_FAMILY4], 0x0a141401, 32, HOP_L2);
		clear(fixture->fib1[XS_FAMILY4], 0x0a141401, 32);
		clear(fixture->fib1[XS_FAMILY4], 0x0a141400, 24);
		/* Every destination of every slice, and deep enough to take several blocks. */
		set(foreign, 0, 0, HOP_BLACKHOLE);
		set(foreign, 0x0a141401, 32, HOP_BLACKHOLE);
		/* Another number of blocks each time, else every block would always come back to the same place. */
		for (uint32_t i = 0; i < rounds % 5; i++)
			set(foreign, 0x0a141500 + (i << 8) + 1, 32, HOP_BLACKHOLE);
		xs_table_free(foreign);
	}
	return rounds;
}

static void blocks_reused_under_lookups(void **state)
{
	struct fixture *fixture = *state;
	struct frame frames[4];
	struct stream stream = {.frame = frames, .frames = 4};
	pthread_t thread;
	unsigned long rounds;

	for (uint32_t i = 0; i < 4; i++) {
		struct frame_spec spec = {.tci = 101, .source = frame_ip("192.0.2.9"), .destination = 0x0a141401 + i * 64};

		memcpy(spec.destination_mac, fixture_mac(VPORT_L1), 6);
		frame_build(&frames[i], &spec);
	}
	set(fixture->fib1[XS_FAMILY4], 0x0a140000, 16, HOP_L2);
	uint64_t forwarded = verdict_of(fixture, SLICE_1, XS_FORWARDED), dropped = verdict_of(fixture, SLICE_1, XS_BLACKHOLE);

	start_port(fixture, &stream, &thread, PORT_LINKS);
	rounds = take_and_give_back(fixture);
	stop(&stream, thread);
	clear(fixture->fib1[XS_FAMILY4], 0x0a140000, 16);
	print_message("%lu packets, %lu rounds of taking and giving back blocks\n", stream.sent, rounds);
	assert_int_equal(verdict_of(fixture, SLICE_1, XS_BLACKHOLE), dropped);
	assert_int_equal(verdict_of(fixture, SLICE_1, XS_FORWARDED) - forwarded, stream.sent);
	assert_true(rounds > 20 && stream.sent > 10000);
}

/* The same with a reader that is slow between its steps, as one that is interrupted: without the grace period it fails at once. */
static void blocks_reused_under_slow_lookups(void **state)
{
	struct fixture *fixture = *state;
	struct front_bpf__bss *shared = fixture->skeleton->bss;
	struct frame frame = {.length = 64};
	struct stream stream = {.frame = &frame, .frames = 1};
	pthread_t thread;
	unsigned long rounds;

	set(fixture->fib1[XS_FAMILY4], 0x0a140000, 16, HOP_L2);
	shared->slow_slice = SLICE_1;
	shared->slow_leaf = HOP_L2;
	start(&stream, &thread, bpf_program__fd(fixture->skeleton->progs.slow_lookup));
	rounds = take_and_give_back(fixture);
	stop(&stream, thread);
	clear(fixture->fib1[XS_FAMILY4], 0x0a140000, 16);
	print_message("%llu walks, %lu rounds, %llu answers from a foreign table\n", (unsigned long long)shared->slow_walks, rounds,
		      (unsigned long long)shared->slow_foreign);
	assert_int_equal(shared->slow_walks, stream.sent);
	assert_int_equal(shared->slow_foreign, 0);
	assert_true(rounds > 20 && stream.sent > 1000);
}

static struct xs_condition for_vm(uint32_t position, uint32_t slice)
{
	return (struct xs_condition){.position = position, .slice = slice, .vport = slice == SLICE_1 ? VPORT_M1 : VPORT_M2,
				     .destination = {10, 0, 0, 5}, .destination_length = 32, .vm_cell = 1, .group_cell = 2};
}

/*
 * Both slices' lists bear the VM's cell: a walk that read the cell again at the second list could miss in both. Every packet
 * must be in one of the two slices.
 */
static void a_switch_loses_nothing(void **state)
{
	struct fixture *fixture = *state;
	const struct xs_condition rules[] = {for_vm(0, SLICE_1), for_vm(1, SLICE_2)};
	struct frame_spec spec = {.source = frame_ip("192.0.2.9"), .destination = frame_ip("10.0.0.5")};
	struct frame frame;
	struct stream stream = {.frame = &frame, .frames = 1};
	uint64_t generation = 0, before[2], after[2];
	pthread_t thread;

	memcpy(spec.destination_mac, fixture_mac(VPORT_E), 6);
	frame_build(&frame, &spec);
	fixture_policy(fixture, rules, 2);
	xs_cell_set(&fixture->maps, 1, XS_CELL(++generation, SLICE_1));
	xs_cell_set(&fixture->maps, 2, 0);
	uint64_t none = verdict_of(fixture, 0, XS_NO_SLICE);

	before[0] = verdict_of(fixture, SLICE_1, XS_FORWARDED);
	before[1] = verdict_of(fixture, SLICE_2, XS_FORWARDED);
	start_port(fixture, &stream, &thread, PORT_MUX);
	for (uint64_t end = now_ms() + STREAM_MS; now_ms() < end;)
		for (int i = 0; i < 1000; i++, generation++) /* VM and group in turn, slice 1 and 2 in turn */
			xs_cell_set(&fixture->maps, 1 + (generation >> 1) % 2, XS_CELL(generation + 1, 1 + generation % 2));
	stop(&stream, thread);
	after[0] = verdict_of(fixture, SLICE_1, XS_FORWARDED) - before[0];
	after[1] = verdict_of(fixture, SLICE_2, XS_FORWARDED) - before[1];
	print_message("%lu packets, %llu switches: %llu in one slice, %llu in the other\n", stream.sent,
		      (unsigned long long)generation, (unsigned long long)after[0], (unsigned long long)after[1]);
	assert_int_equal(verdict_of(fixture, 0, XS_NO_SLICE), none);
	assert_int_equal(after[0] + after[1], stream.sent);
	assert_true(after[0] && after[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_reused_under_lookups),
		cmocka_unit_test(blocks_reused_under_slow_lookups),
		cmocka_unit_test(a_switch_loses_nothing),
	};
	int skip = fixture_available();

	/* So small that freed blocks are the next to be used. */
	fixture_pool = (struct fixture_pool){.blocks = SMALL_POOL, .guards = SMALL_POOL, .grace = real_grace};

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
