// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * datapath_grow.c - copies a map's entries into a larger map of the same layout. The former one goes on being read, and its
 * counters counted, by the programs that are attached, until they are replaced.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/node/datapath_private.h"

static int copy_mapped(int from, int to, const struct bpf_map_info *info)
{
	/* Array elements are rounded up to 8 bytes, in the mapping too. */
	size_t size = (size_t)info->max_entries * ((info->value_size + 7u) & ~7u);
	void *source, *target;
	int err = 0;

	source = mmap(NULL, size, PROT_READ, MAP_SHARED, from, 0);
	if (source == MAP_FAILED)
		return -errno;
	target = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
	if (target == MAP_FAILED)
		err = -errno;
	else
		memcpy(target, source, size);
	munmap(source, size);
	if (target != MAP_FAILED)
		munmap(target, size);
	return err;
}

static bool per_cpu(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_zero(const void *bytes, size_t size)
{
	const unsigned char *byte = bytes;

	return !size || (!byte[0] && !memcmp(byte, byte + 1, size - 1));
}

/* A new map is zero, so only what is not is written. */
static int copy_elements(int from, int to, const struct bpf_map_info *info, size_t value_size)
{
	void *value = malloc(value_size);
	int err = value ? 0 : -ENOMEM;

	for (uint32_t key = 0; !err && key < info->max_entries; key++) {
		if (bpf_map_lookup_elem(from, &key, value) ||
		    (!is_zero(value, value_size) && bpf_map_update_elem(to, &key, value, BPF_ANY)))
			err = -errno;
	}
	free(value);
	return err;
}

/* -EINVAL or -ENOTSUPP from the first batch: the kernel cannot. */
static int copy_batches(int from, int to, const struct bpf_map_info *info, size_t value_size)
{
	const uint32_t step = 4096;
	uint32_t *keys = malloc(step * sizeof(*keys)), position = 0;
	void *values = malloc(step * value_size);
	bool first = true;
	int err = keys && values ? 0 : -ENOMEM;

	while (!err) {
		uint32_t count = step;
		int end = bpf_map_lookup_batch(from, first ? NULL : &position, &position, keys, values, &count, NULL) ? errno : 0;

		if (end && end != ENOENT)
			err = -end;
		else if (count && !is_zero(values, count * value_size) && bpf_map_update_batch(to, keys, values, &count, NULL))
			err = -errno;
		if (end)
			break;
		first = false;
	}
	free(keys);
	free(values);
	return err;
}

int xs_map_copy(int from, int to)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);
	size_t value_size;
	int cpus, err;

	if (bpf_obj_get_info_by_fd(from, &info, &length))
		return -errno;
	if (info.map_flags & BPF_F_MMAPABLE)
		return copy_mapped(from, to, &info);
	cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		return cpus;
	value_size = per_cpu(&info) ? ((info.value_size + 7u) & ~7u) * (size_t)cpus : info.value_size;
	err = copy_batches(from, to, &info, value_size);
	return err ? copy_elements(from, to, &info, value_size) : 0;
}
