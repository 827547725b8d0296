/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_main.c - what a slice (a VRF, two links, three routes), a condition (one destination) and a route take on a
 * node, in bytes: in the maps, as the kernel accounts them (of the address tables' pool what is in use: the rest is
 * head-room for all), and with the agent's own memory beside them. Two sizes of definition each, and the difference by
 * the difference, so that what is there anyway falls out. Not in it: the kernel's namespaces, devices and routes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "maps/node_maps.h"
#include "selftests/bench/agents.h"
#include "selftests/bench/definitions.h"
#include "selftests/bench/result.h"

static const struct kind {
	const char *name, *in_maps;
	int (*define)(const char *path, unsigned int family, unsigned int count);
	unsigned int few, many;
} kinds[] = {
	{ "memory-slice", "memory-slice-in-maps", definitions_slices, 500, 1000 },
	{ "memory-condition", "memory-condition-in-maps", definitions_conditions, 50000, 100000 },
	{ "memory-route", "memory-route-in-maps", definitions_routes, 50000, 100000 },
};

struct memory {
	double maps, agent; /* bytes */
};

/* The number behind `word` in a file of lines "word: number ..."; -1: there is none. */
static long long number_in(const char *path, const char *word)
{
	size_t length = strlen(word);
	FILE *file = fopen(path, "r");
	long long number = -1;
	char line[256];

	if (!file)
		return -1;
	while (number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, word, length) && sscanf(line + length, ": %lld", &number) != 1)
			number = -1;
	fclose(file);
	return number;
}

/* Bytes of the entries of a mapped map that are not all zero; -1: it cannot be read. */
static long long in_use(int fd, size_t value_size)
{
	static const uint8_t zero[sizeof(struct xs_block)];
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	long long used = 0;
	uint8_t *value;

	if (value_size > sizeof(zero) || bpf_obj_get_info_by_fd(fd, &info, &length))
		return -1;
	value = mmap(NULL, info.max_entries * value_size, PROT_READ, MAP_SHARED, fd, 0);
	if (value == MAP_FAILED)
		return -1;
	for (uint32_t i = 0; i < info.max_entries; i++)
		if (memcmp(value + i * value_size, zero, value_size))
			used += value_size;
	munmap(value, info.max_entries * value_size);
	return used;
}

static int read_maps(const char *node, double *bytes)
{
	char directory[128], path[256];
	int err = xs_pin_dir(node, directory, sizeof(directory));

	*bytes = 0;
	for (int i = 0; i < XS_MAP_COUNT && !err; i++) {
		long long taken;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", directory, xs_map_info(i)->name);
		fd = bpf_obj_get(path);
		if (fd < 0)
			return -errno;
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		taken = i == XS_MAP_block || i == XS_MAP_sieve || i == XS_MAP_guard ? in_use(fd, xs_map_info(i)->value_size)
							       : number_in(path, "memlock");
		close(fd);
		if (taken < 0)
			err = -ENODATA;
		*bytes += taken;
	}
	return err;
}

/* Without what it has mapped of the maps. */
static int read_agent(pid_t pid, double *bytes)
{
	char path[64];
	long long kilobytes;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	kilobytes = number_in(path, "Anonymous");
	*bytes = kilobytes * 1024.0;
	return kilobytes < 0 ? -ENODATA : 0;
}

/* By an agent that has held nothing before. */
static int measure(const struct kind *kind, unsigned int family, unsigned int count, const char *path,
		   struct memory *memory)
{
	double ns;
	int err = kind->define(path, family, count), undone;

	if (err)
		return err;
	agents_start(1);
	agents_rest(1);
	err = agents_apply(path, 1, &ns);
	agents_rest(1);
	if (!err)
		err = read_maps(agents_node[0], &memory->maps);
	if (!err)
		err = read_agent(agents_pid(0), &memory->agent);
	undone = agents_clean();
	agents_stop();
	return err ? err : undone;
}

static int row(const struct kind *kind, unsigned int family, const char *name, const char *path)
{
	struct memory few, many;
	char against[64];
	double maps, agent;
	int err = measure(kind, family, kind->few, path, &few);

	if (!err)
		err = measure(kind, family, kind->many, path, &many);
	if (err)
		return err;
	maps = (many.maps - few.maps) / (kind->many - kind->few);
	agent = (many.agent - few.agent) / (kind->many - kind->few);
	snprintf(against, sizeof(against), "%s%s", family == XS_FAMILY6 ? "v6." : "", kind->in_maps);
	return result_count(name, against, RESULT_BYTES, maps + agent, maps);
}

int main(int argc, char **argv)
{
	const size_t count = sizeof(kinds) / sizeof(*kinds);
	const char *path = NULL;
	int err = 0;

	for (unsigned int i = 0; i < XS_FAMILIES * count && !err; i++) {
		const struct kind *kind = &kinds[i % count];
		unsigned int family = i / count;
		char name[64];

		snprintf(name, sizeof(name), "%s%s", family == XS_FAMILY6 ? "v6." : "", kind->name);
		if (!result_wanted(argc, argv, name))
			continue;
		if (!path)
			err = agents_open("memory.log");
		if (!path)
			path = agents_path("definition.yaml");
		if (!err)
			err = row(kind, family, name, path);
		if (err)
			fprintf(stderr, "bench: %s: %s; see build/bench/memory.log\n", name, strerror(-err));
	}
	if (path)
		agents_close();
	return err ? 1 : 0;
}
