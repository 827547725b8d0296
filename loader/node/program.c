// SPDX-License-Identifier: GPL-2.0-or-later
/* program.c - loaded programs by what they are: their ids, names, and whether two of them are the same. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/node/datapath_private.h"

#define MAPS_MAX 64

struct program {
	struct bpf_prog_info info;
	uint32_t map[MAPS_MAX];
};

static int describe(int fd, struct program *program)
{
	uint32_t length = sizeof(program->info);

	memset(program, 0, sizeof(*program));
	program->info.nr_map_ids = MAPS_MAX;
	program->info.map_ids = (uintptr_t)program->map;
	if (bpf_obj_get_info_by_fd(fd, &program->info, &length))
		return -errno;
	return program->info.nr_map_ids > MAPS_MAX ? -E2BIG : 0;
}

int xs_program_id(int fd, uint32_t *id)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	*id = info.id;
	return 0;
}

int xs_program_name(uint32_t id, char name[16])
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id), err = 0;

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		err = -errno;
	else
		memcpy(name, info.name, 16);
	close(fd);
	return err;
}

bool xs_program_is_ours_by_name(uint32_t id)
{
	char name[16];

	if (xs_program_name(id, name))
		return false;
	for (int hook = 0; hook < XS_HOOK_COUNT; hook++)
		if (!strncmp(name, xs_hook_program[hook], sizeof(name)))
			return true;
	return false;
}

/* Constants stand in a frozen map of one element, which every load makes anew: compared by content. */
static bool same_constants(uint32_t a, uint32_t b)
{
	struct bpf_map_info info[2] = {0};
	unsigned char value[2][4096];
	const uint32_t id[2] = {a, b};
	uint32_t zero = 0;

	for (int i = 0; i < 2; i++) {
		uint32_t length = sizeof(info[i]);
		int fd = bpf_map_get_fd_by_id(id[i]);
		bool bad;

		if (fd < 0)
			return false;
		bad = bpf_obj_get_info_by_fd(fd, &info[i], &length) || info[i].max_entries != 1 ||
		      info[i].value_size > sizeof(value[i]) || bpf_map_lookup_elem(fd, &zero, value[i]);
		close(fd);
		if (bad)
			return false;
	}
	return info[0].value_size == info[1].value_size && !strncmp(info[0].name, info[1].name, sizeof(info[0].name)) &&
	       !memcmp(value[0], value[1], info[0].value_size);
}

/* The kernel lists a program's maps in the order in which its code first names them, so equal code gives equal order. */
static bool compare(int a, int b, bool type, const uint32_t *own, size_t own_count)
{
	struct program one, other;

	if (describe(a, &one) || describe(b, &other) || (type && one.info.type != other.info.type) ||
	    memcmp(one.info.tag, other.info.tag, sizeof(one.info.tag)) || one.info.nr_map_ids != other.info.nr_map_ids)
		return false;
	for (uint32_t i = 0; i < one.info.nr_map_ids; i++) {
		bool is_own = false;

		for (size_t k = 0; k < own_count; k++)
			is_own |= other.map[i] == own[k];
		if (!is_own && one.map[i] != other.map[i] && !same_constants(one.map[i], other.map[i]))
			return false;
	}
	return true;
}

bool xs_program_twin(int a, int b, const uint32_t *own, size_t own_count)
{
	return compare(a, b, true, own, own_count);
}

bool xs_program_same(int a, int b)
{
	return compare(a, b, true, NULL, 0);
}

bool xs_program_alike(int a, int b)
{
	return compare(a, b, false, NULL, 0);
}
