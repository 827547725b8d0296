/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * candidate.h - the datapath as the bench measures it: the very object, its maps filled by the project's own writers (maps/),
 * without an agent. Port 1 faces the generator, port 2 the receiver; two slices, 1 and 2, each with a link to either side,
 * and a MUX on port 1.
 */
#ifndef XSLICE_SELFTESTS_BENCH_CANDIDATE_H
#define XSLICE_SELFTESTS_BENCH_CANDIDATE_H

#include <stdint.h>

#include "maps/address_table.h"
#include "maps/mux_policy.h"
#include "maps/node_maps.h"
#include "selftests/bench/rig.h"

struct xslice_bpf;

#define CANDIDATE_SLICES 2
#define CANDIDATE_NEXTHOPS 8 /* per slice: ids slice * 8 .. slice * 8 + 7, all FORWARD */

enum {
	CANDIDATE_IN_PORT = 1,
	CANDIDATE_OUT_PORT,
	CANDIDATE_EDGE = 1, /* vport */
	CANDIDATE_IN_LINK,  /* + slice - 1: labels 100 + slice */
	CANDIDATE_OUT_LINK = CANDIDATE_IN_LINK + CANDIDATE_SLICES, /* labels 200 + slice */
	CANDIDATE_MUX = CANDIDATE_OUT_LINK + CANDIDATE_SLICES,
};

struct candidate_size {
	uint32_t blocks, guards, cells, pages, generals; /* generals: as many nodes and vectors, too */
	uint32_t paged; /* paging's pages; 0: few */
};

struct candidate {
	struct xslice_bpf *skeleton;
	struct xs_node_maps maps;
	struct xs_pool *pool;
	struct xs_table *fib[CANDIDATE_SLICES + 1][XS_FAMILIES]; /* by slice id; of slot 0: sources */
	int program; /* xdp_port */
};

/* FIBs of either family hold a default route (length 0) by the slice's first next hop. 0 or negative errno, said on stderr. */
int candidate_open(struct candidate *candidate, const struct rig *rig, const struct candidate_size *size);
void candidate_close(struct candidate *candidate);

static inline uint32_t candidate_nexthop(uint32_t slice, uint32_t i)
{
	return slice * CANDIDATE_NEXTHOPS + i % CANDIDATE_NEXTHOPS;
}

/* Untagged frames of port 1 are selected by mux entry `mux`, any source is allowed. */
int candidate_use_mux(struct candidate *candidate, const struct rig *rig, uint32_t mux);

#endif
