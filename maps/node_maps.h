/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node_maps.h - the maps of one node, by name and type. The agent opens them to write, the command to read (counters go
 * on without an agent).
 *
 * Always holds: writers compare before they write, so equal content costs no write; every write is counted. What is
 * read from a pin is checked: a map of another type or size is refused with -EPROTO.
 */
#ifndef XSLICE_MAPS_NODE_MAPS_H
#define XSLICE_MAPS_NODE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maps/address_table.h"
#include "maps/contract.h"

/*
 * Every map of the datapath: id, key bytes, value type, mapped into memory or not, per CPU or not. Programs write those
 * that are per CPU, policer and unresolved, and no others: a trial (loader/node/trial.c) shares the rest with packets.
 */
#define XS_MAPS(X)                                              \
	X(port_of_ifindex, __u32, true, false)                  \
	X(vport_of_ifindex, __u32, true, false)                 \
	X(port, struct xs_port, true, false)                    \
	X(label, __u32, true, false)                            \
	X(vport, struct xs_vport, true, false)                  \
	X(slice, struct xs_slice, true, false)                  \
	X(page, struct xs_page, true, false)                    \
	X(page_rest, struct xs_page_rest, true, false)          \
	X(nexthop, struct xs_nexthop, true, false)              \
	X(group, struct xs_group, true, false)                  \
	X(block, struct xs_block, true, false)                  \
	X(sieve, struct xs_sieve, true, false)                  \
	X(guard, struct xs_guard, true, false)                  \
	X(cell, __u64, true, false)                             \
	X(mux, struct xs_mux, false, false)                     \
	X(mux_page, struct xs_mux_page, false, false)           \
	X(mux_node, struct xs_mux_node, false, false)           \
	X(mux_origin, struct xs_mux_origin, false, false)       \
	X(mux_stats, struct xs_mux_stats, false, true)          \
	X(mux_vector, struct xs_mux_vector, false, false)       \
	X(mux_general, struct xs_mux_general, false, false)     \
	X(policer, struct xs_policer, false, false)             \
	X(unresolved, struct xs_unresolved, false, false)       \
	X(port_stats, struct xs_port_stats, false, true)        \
	X(vport_stats, struct xs_vport_stats, false, true)      \
	X(slice_stats, struct xs_slice_stats, false, true)

enum xs_map_id {
#define XS_MAP_ENUM(name, type, mapped, per_cpu) XS_MAP_##name,
	XS_MAPS(XS_MAP_ENUM)
#undef XS_MAP_ENUM
	XS_MAP_COUNT,
};

struct xs_map_info {
	const char *name; /* also the BPF map's name and its pin's */
	size_t value_size;
	bool mapped, per_cpu;
};
const struct xs_map_info *xs_map_info(enum xs_map_id id);

struct xs_node_maps {
	int fd[XS_MAP_COUNT];
	uint32_t entries[XS_MAP_COUNT];
	void *mapped[XS_MAP_COUNT]; /* NULL unless mapped for writing */
	int cpus;
	bool in_memory; /* no BPF maps at all: every map lies at mapped[] (xs_node_maps_init_memory()) */
	uint64_t writes; /* by this process; the address tables count their own */
};

/* "XS_PIN_ROOT/<node>/v<version>" into buf of `size`; -ENAMETOOLONG. */
int xs_pin_dir(const char *node, char *buf, size_t size);

/*
 * Takes fds (dup()ed) of a loaded object, or opens a node's pins. writable: mapped maps are mapped. 0 or negative
 * errno.
 */
int xs_node_maps_init(struct xs_node_maps *maps, const int fd[XS_MAP_COUNT], bool writable);
int xs_node_maps_open(struct xs_node_maps *maps, const char *node, bool writable);
/* Maps in this process' memory, zeroed, for what needs no kernel: tests, and trying a policy before it is applied. */
int xs_node_maps_init_memory(struct xs_node_maps *maps, const uint32_t entries[XS_MAP_COUNT], int cpus);
void xs_node_maps_close(struct xs_node_maps *maps);

/* Reads entry `key` (per-CPU maps: the first CPU's copy) into value of the map's value_size. */
int xs_node_maps_get(const struct xs_node_maps *maps, enum xs_map_id id, uint32_t key, void *value);
/*
 * Writes if different: 1 written, 0 equal, negative errno. Per-CPU maps: all copies alike. Mapped maps: by stores of words, each of
 * which is seen after what was written before; else by system calls, one or batches.
 */
int xs_node_maps_put(struct xs_node_maps *maps, enum xs_map_id id, uint32_t key, const void *value);
/* The same for count entries from first on. Returns how many differed and were written. */
int xs_node_maps_put_many(struct xs_node_maps *maps, enum xs_map_id id, uint32_t first, uint32_t count,
			  const void *values);

static inline struct xs_nexthop *xs_node_maps_nexthop(const struct xs_node_maps *maps)
{
	return (struct xs_nexthop *)maps->mapped[XS_MAP_nexthop];
}

static inline struct xs_group *xs_node_maps_group(const struct xs_node_maps *maps)
{
	return (struct xs_group *)maps->mapped[XS_MAP_group];
}

static inline struct xs_block *xs_node_maps_block(const struct xs_node_maps *maps)
{
	return (struct xs_block *)maps->mapped[XS_MAP_block];
}

/* Blocks and guards, as the address tables take them. Mapped for writing. */
static inline struct xs_tables xs_node_maps_tables(const struct xs_node_maps *maps)
{
	return (struct xs_tables){
		.block = (struct xs_block *)maps->mapped[XS_MAP_block],
		.sieve = (struct xs_sieve *)maps->mapped[XS_MAP_sieve],
		.guard = (struct xs_guard *)maps->mapped[XS_MAP_guard],
		.blocks = maps->entries[XS_MAP_block],
		.guards = maps->entries[XS_MAP_guard],
	};
}

/*
 * Cells: one aligned word each. set is one store: 1 if it changed, 0 if it was so; -ERANGE for an id outside the map,
 * -EROFS if the maps were not opened for writing.
 */
int xs_cell_get(const struct xs_node_maps *maps, uint32_t id, uint64_t *word);
int xs_cell_set(struct xs_node_maps *maps, uint32_t id, uint64_t word);

/* Sums over CPUs. */
int xs_port_stats_sum(const struct xs_node_maps *maps, uint32_t id, struct xs_port_stats *out);
int xs_vport_stats_sum(const struct xs_node_maps *maps, uint32_t id, struct xs_vport_stats *out);
int xs_slice_stats_sum(const struct xs_node_maps *maps, uint32_t id, struct xs_slice_stats *out);
/* A rule that is never chosen, 0, has none. */
int xs_mux_rule_stats_sum(const struct xs_node_maps *maps, uint32_t rule, uint64_t *packets);
/* Sets an entry's counters to zero on all CPUs: an id is about to be given to somebody else. */
int xs_stats_clear(struct xs_node_maps *maps, enum xs_map_id id, uint32_t key);

const char *xs_verdict_name(enum xs_verdict verdict);
const char *xs_verdict_text(enum xs_verdict verdict);

#endif
