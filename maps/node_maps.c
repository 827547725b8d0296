/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node_maps.c - opens, checks, reads and writes the maps of one node.
 *
 * Always holds: a map was checked (type, key, value, flags) before anything is read from it; nothing equal is written.
 * A node's maps may also lie in plain memory (xs_node_maps_init_memory()): then what is written needs no kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "maps/node_maps.h"

#define BATCH_BYTES (256u << 10) /* of values read or written by one call */

static const struct xs_map_info map_info[XS_MAP_COUNT] = {
#define MAP_INFO(name, type, mapped, per_cpu) [XS_MAP_##name] = {#name, sizeof(type), mapped, per_cpu},
	XS_MAPS(MAP_INFO)
#undef MAP_INFO
};

const struct xs_map_info *xs_map_info(enum xs_map_id id)
{
	return (unsigned int)id < XS_MAP_COUNT ? &map_info[id] : NULL;
}

/* The kernel's stride between CPUs, and between entries of a mapped array. */
static size_t stride(enum xs_map_id id)
{
	return (map_info[id].value_size + 7) & ~(size_t)7;
}

/* Bytes of one entry as system calls carry it. */
static size_t entry_size(const struct xs_node_maps *maps, enum xs_map_id id)
{
	return map_info[id].per_cpu ? stride(id) * maps->cpus : map_info[id].value_size;
}

static size_t mapping_size(const struct xs_node_maps *maps, enum xs_map_id id)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (stride(id) * maps->entries[id] + page - 1) & ~(page - 1);
}

int xs_pin_dir(const char *node, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s/%s/v%d", XS_PIN_ROOT, node, XS_CONTRACT_VERSION);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static void maps_empty(struct xs_node_maps *maps)
{
	memset(maps, 0, sizeof(*maps));
	for (int i = 0; i < XS_MAP_COUNT; i++)
		maps->fd[i] = -1;
}

/* maps->fd[id] is open; takes its size after a check of its layout. */
static int check_map(struct xs_node_maps *maps, enum xs_map_id id)
{
	struct bpf_map_info info = {};
	__u32 length = sizeof(info);

	if (bpf_obj_get_info_by_fd(maps->fd[id], &info, &length))
		return -errno;
	if (info.type != (map_info[id].per_cpu ? BPF_MAP_TYPE_PERCPU_ARRAY : BPF_MAP_TYPE_ARRAY) ||
	    info.key_size != 4 || info.value_size != map_info[id].value_size || !info.max_entries)
		return -EPROTO;
	if (map_info[id].mapped && !(info.map_flags & BPF_F_MMAPABLE))
		return -EPROTO;
	maps->entries[id] = info.max_entries;
	return 0;
}

static int map_all(struct xs_node_maps *maps)
{
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		if (!map_info[i].mapped)
			continue;
		void *at = mmap(NULL, mapping_size(maps, i), PROT_READ | PROT_WRITE, MAP_SHARED, maps->fd[i], 0);

		if (at == MAP_FAILED)
			return -errno;
		maps->mapped[i] = at;
	}
	return 0;
}

/* Checks all fds of `maps`, maps what is mapped. */
static int take(struct xs_node_maps *maps, bool writable)
{
	int err = libbpf_num_possible_cpus();

	if (err < 0)
		return err;
	maps->cpus = err;
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		err = check_map(maps, i);
		if (err)
			return err;
	}
	return writable ? map_all(maps) : 0;
}

/* Common end of both ways to open. err: whether one of the fds could not be had. */
static int finish(struct xs_node_maps *maps, struct xs_node_maps *made, int err, bool writable)
{
	if (!err)
		err = take(made, writable);
	if (err)
		xs_node_maps_close(made);
	else
		*maps = *made;
	return err;
}

int xs_node_maps_init(struct xs_node_maps *maps, const int fd[XS_MAP_COUNT], bool writable)
{
	struct xs_node_maps made;
	int err = 0;

	maps_empty(&made);
	for (int i = 0; i < XS_MAP_COUNT && !err; i++) {
		made.fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 3);
		err = made.fd[i] < 0 ? -errno : 0;
	}
	return finish(maps, &made, err, writable);
}

int xs_node_maps_open(struct xs_node_maps *maps, const char *node, bool writable)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = writable ? 0 : BPF_F_RDONLY);
	struct xs_node_maps made;
	char dir[256], path[320];
	int err = xs_pin_dir(node, dir, sizeof(dir));

	maps_empty(&made);
	for (int i = 0; i < XS_MAP_COUNT && !err; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, map_info[i].name);
		made.fd[i] = bpf_obj_get_opts(path, &opts);
		err = made.fd[i] < 0 ? -errno : 0;
	}
	return finish(maps, &made, err, writable);
}

int xs_node_maps_init_memory(struct xs_node_maps *maps, const uint32_t entries[XS_MAP_COUNT], int cpus)
{
	struct xs_node_maps made;

	maps_empty(&made);
	made.cpus = cpus;
	made.in_memory = true;
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		made.entries[i] = entries[i];
		made.mapped[i] = calloc(entries[i] ? entries[i] : 1, stride(i) * (map_info[i].per_cpu ? cpus : 1));
		if (!made.mapped[i]) {
			xs_node_maps_close(&made);
			return -ENOMEM;
		}
	}
	*maps = made;
	return 0;
}

void xs_node_maps_close(struct xs_node_maps *maps)
{
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		if (maps->in_memory)
			free(maps->mapped[i]);
		else if (maps->mapped[i])
			munmap(maps->mapped[i], mapping_size(maps, i));
		if (maps->fd[i] >= 0)
			close(maps->fd[i]);
	}
	maps_empty(maps);
}

static char *entry_at(const struct xs_node_maps *maps, enum xs_map_id id, uint32_t key)
{
	return (char *)maps->mapped[id] + (size_t)key * stride(id) * (map_info[id].per_cpu ? maps->cpus : 1);
}

/* Reads `count` whole entries (all CPUs) from `first` on, which the caller has checked to lie in the map. */
static int read_entries(const struct xs_node_maps *maps, enum xs_map_id id, uint32_t first, uint32_t count, void *out)
{
	size_t size = entry_size(maps, id);
	char *to = out;

	if (maps->mapped[id]) {
		for (uint32_t i = 0; i < count; i++)
			memcpy(to + i * size, entry_at(maps, id, first + i), size);
		return 0;
	}
	if (count > 1) {
		uint32_t before = first - 1, next, got = count;
		uint32_t *keys = malloc(count * sizeof(*keys));

		if (!keys)
			return -ENOMEM;
		int err = bpf_map_lookup_batch(maps->fd[id], first ? &before : NULL, &next, keys, out, &got, NULL);

		free(keys);
		if ((!err || errno == ENOENT) && got == count)
			return 0;
	}
	/* One by one: a single entry, or a kernel without batches for this type of map. */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t key = first + i;

		if (bpf_map_lookup_elem(maps->fd[id], &key, to + i * size))
			return -errno;
	}
	return 0;
}

/* Packets may be reading it: no word is seen half. Entries are whole words of four bytes. */
static void store(void *entry, const char *from, size_t size)
{
	uint32_t *to = entry, word;

	for (size_t i = 0; i < size / sizeof(word); i++) {
		memcpy(&word, from + i * sizeof(word), sizeof(word));
		__atomic_store_n(&to[i], word, __ATOMIC_RELEASE);
	}
}

static int write_entries(struct xs_node_maps *maps, enum xs_map_id id, uint32_t first, uint32_t count, const void *in)
{
	size_t size = entry_size(maps, id);
	const char *from = in;

	if (maps->mapped[id]) {
		for (uint32_t i = 0; i < count; i++)
			store(entry_at(maps, id, first + i), from + i * size, size);
		maps->writes += count;
		return 0;
	}
	if (count > 1) {
		uint32_t *keys = malloc(count * sizeof(*keys)), done = count;

		if (!keys)
			return -ENOMEM;
		for (uint32_t i = 0; i < count; i++)
			keys[i] = first + i;
		int err = bpf_map_update_batch(maps->fd[id], keys, from, &done, NULL);

		free(keys);
		if (!err) {
			maps->writes += count;
			return 0;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t key = first + i;

		if (bpf_map_update_elem(maps->fd[id], &key, from + i * size, BPF_ANY))
			return -errno;
		maps->writes++;
	}
	return 0;
}

int xs_node_maps_get(const struct xs_node_maps *maps, enum xs_map_id id, uint32_t key, void *value)
{
	void *buf;
	int err;

	if (key >= maps->entries[id])
		return -ERANGE;
	if (!map_info[id].per_cpu)
		return read_entries(maps, id, key, 1, value);
	buf = malloc(entry_size(maps, id));
	if (!buf)
		return -ENOMEM;
	err = read_entries(maps, id, key, 1, buf);
	if (!err)
		memcpy(value, buf, map_info[id].value_size);
	free(buf);
	return err;
}

int xs_node_maps_put(struct xs_node_maps *maps, enum xs_map_id id, uint32_t key, const void *value)
{
	return xs_node_maps_put_many(maps, id, key, 1, value);
}

/* Lays `count` values out as entries: once, or once per CPU. */
static void spread(const struct xs_node_maps *maps, enum xs_map_id id, const char *values, uint32_t count, char *out)
{
	size_t value = map_info[id].value_size, size = entry_size(maps, id);

	memset(out, 0, size * count);
	for (uint32_t i = 0; i < count; i++)
		for (int cpu = 0; cpu < (map_info[id].per_cpu ? maps->cpus : 1); cpu++)
			memcpy(out + i * size + cpu * stride(id), values + i * value, value);
}

int xs_node_maps_put_many(struct xs_node_maps *maps, enum xs_map_id id, uint32_t first, uint32_t count,
			  const void *values)
{
	size_t size = entry_size(maps, id);
	uint32_t step = BATCH_BYTES / size ? BATCH_BYTES / size : 1;
	char *now = NULL, *want = NULL;
	int err = 0, written = 0;

	if (first > maps->entries[id] || count > maps->entries[id] - first)
		return -ERANGE;
	if (step > count)
		step = count;
	now = malloc(size * step + 1);
	want = malloc(size * step + 1);
	if (!now || !want) {
		err = -ENOMEM;
		goto out;
	}
	for (uint32_t done = 0; done < count; done += step) {
		if (step > count - done)
			step = count - done;
		spread(maps, id, (const char *)values + (size_t)done * map_info[id].value_size, step, want);
		err = read_entries(maps, id, first + done, step, now);
		/* Runs of neighbours that differ go together. */
		for (uint32_t i = 0, end; i < step && !err; i = end) {
			for (end = i; end < step && memcmp(now + end * size, want + end * size, size); end++)
				;
			if (end > i) {
				err = write_entries(maps, id, first + done + i, end - i, want + i * size);
				written += end - i;
			} else {
				end = i + 1;
			}
		}
		if (err)
			goto out;
	}
out:
	free(now);
	free(want);
	return err ? err : written;
}

int xs_cell_get(const struct xs_node_maps *maps, uint32_t id, uint64_t *word)
{
	if (id >= maps->entries[XS_MAP_cell])
		return -ERANGE;
	if (!maps->mapped[XS_MAP_cell])
		return xs_node_maps_get(maps, XS_MAP_cell, id, word);
	*word = __atomic_load_n((uint64_t *)maps->mapped[XS_MAP_cell] + id, __ATOMIC_RELAXED);
	return 0;
}

int xs_cell_set(struct xs_node_maps *maps, uint32_t id, uint64_t word)
{
	uint64_t *cell = maps->mapped[XS_MAP_cell];

	if (id >= maps->entries[XS_MAP_cell])
		return -ERANGE;
	if (!cell)
		return -EROFS;
	if (__atomic_load_n(cell + id, __ATOMIC_RELAXED) == word)
		return 0;
	__atomic_store_n(cell + id, word, __ATOMIC_RELEASE);
	maps->writes++;
	return 1;
}

/* Sums the `words` 64-bit counters that stand at byte `offset` of an entry. */
static int sum(const struct xs_node_maps *maps, enum xs_map_id id, uint32_t key, size_t offset, size_t words,
	       uint64_t *out)
{
	char *buf;
	int err;

	if (key >= maps->entries[id])
		return -ERANGE;
	buf = malloc(entry_size(maps, id));
	if (!buf)
		return -ENOMEM;
	err = read_entries(maps, id, key, 1, buf);
	if (!err) {
		memset(out, 0, words * sizeof(*out));
		for (int cpu = 0; cpu < maps->cpus; cpu++) {
			for (size_t w = 0; w < words; w++) {
				uint64_t value;

				memcpy(&value, buf + cpu * stride(id) + offset + w * sizeof(value), sizeof(value));
				out[w] += value;
			}
		}
	}
	free(buf);
	return err;
}

int xs_port_stats_sum(const struct xs_node_maps *maps, uint32_t id, struct xs_port_stats *out)
{
	return sum(maps, XS_MAP_port_stats, id, 0, sizeof(*out) / sizeof(uint64_t), (uint64_t *)out);
}

int xs_vport_stats_sum(const struct xs_node_maps *maps, uint32_t id, struct xs_vport_stats *out)
{
	return sum(maps, XS_MAP_vport_stats, id, 0, sizeof(*out) / sizeof(uint64_t), (uint64_t *)out);
}

int xs_slice_stats_sum(const struct xs_node_maps *maps, uint32_t id, struct xs_slice_stats *out)
{
	return sum(maps, XS_MAP_slice_stats, id, 0, sizeof(*out) / sizeof(uint64_t), (uint64_t *)out);
}

int xs_mux_rule_stats_sum(const struct xs_node_maps *maps, uint32_t rule, uint64_t *packets)
{
	*packets = 0;
	return rule ? sum(maps, XS_MAP_mux_stats, rule >> XS_RULE_BITS,
			  offsetof(struct xs_mux_stats, packets[rule & XS_RULE_SLOT]), 1, packets)
		    : 0;
}

int xs_stats_clear(struct xs_node_maps *maps, enum xs_map_id id, uint32_t key)
{
	char *buf, *before;
	int err;

	if (!map_info[id].per_cpu)
		return -EINVAL;
	if (key >= maps->entries[id])
		return -ERANGE;
	buf = malloc(entry_size(maps, id) * 2);
	if (!buf)
		return -ENOMEM;
	before = buf + entry_size(maps, id);
	err = read_entries(maps, id, key, 1, buf);
	if (err)
		goto out;
	memcpy(before, buf, entry_size(maps, id));
	for (int cpu = 0; cpu < maps->cpus; cpu++)
		memset(buf + cpu * stride(id), 0, map_info[id].value_size);
	if (memcmp(buf, before, entry_size(maps, id)))
		err = write_entries(maps, id, key, 1, buf);
out:
	free(buf);
	return err;
}

static const char *const verdict_name[XS_VERDICT_COUNT] = {
#define VERDICT_NAME(id, name, text) [XS_##id] = name,
	XS_VERDICTS(VERDICT_NAME)
#undef VERDICT_NAME
};

static const char *const verdict_text[XS_VERDICT_COUNT] = {
#define VERDICT_TEXT(id, name, text) [XS_##id] = text,
	XS_VERDICTS(VERDICT_TEXT)
#undef VERDICT_TEXT
};

const char *xs_verdict_name(enum xs_verdict verdict)
{
	return (unsigned int)verdict < XS_VERDICT_COUNT ? verdict_name[verdict] : "?";
}

const char *xs_verdict_text(enum xs_verdict verdict)
{
	return (unsigned int)verdict < XS_VERDICT_COUNT ? verdict_text[verdict] : "?";
}
