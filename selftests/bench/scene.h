/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scene.h - what the benches of the datapath have in common: once for each family the rig, the candidate in it, room
 * for MUX policies; and rows, whose names begin with "v6." in IPv6.
 */
#ifndef XSLICE_SELFTESTS_BENCH_SCENE_H
#define XSLICE_SELFTESTS_BENCH_SCENE_H

#include "selftests/bench/candidate.h"
#include "selftests/bench/result.h"
#include "selftests/bench/rig.h"

struct scene {
	unsigned int family;
	const char *wanted; /* part of the names of the rows to measure; NULL: all */
	struct rig rig;
	struct candidate candidate;
	struct xs_mux_space *space;
};

/* A bench: a program of its own. */
struct bench {
	const char *const *row; /* the names of what it measures, up to NULL; none of them wanted: nothing is raised */
	struct candidate_size size[XS_FAMILIES];
	int (*run)(struct scene *scene);
};

/* The body of main(): each family in which something is wanted. The exit code. */
int scene_main(int argc, char **argv, const struct bench *bench);

/* One side of a row that sends packets. */
struct side {
	struct scene *scene;
	int program;  /* on the node; -1: none, its kernel forwards */
	uint32_t mux; /* of the candidate, which selects; 0: none */
	uint32_t packets;
	struct bench_traffic traffic;
};

/*
 * The candidate, and what it is asked to carry: untagged frames to `count` VMs if mux says who selects, else tagged
 * ones of slice 1 to the range.
 */
struct side scene_side(struct scene *scene, uint32_t packets, uint32_t mux, enum bench_range range, uint32_t count);
/* The same traffic through another program. */
struct side scene_beside(const struct side *side, int program);

/* result_measure of a side. */
int scene_measure(void *side, double *ns);

/* The floors that ask the candidate's own tables and pages. *bare: for the caller to destroy. */
int scene_load_bare(const struct scene *scene, struct bench_bpf **bare);

bool scene_wants(const struct scene *scene, const char *name);
/* The name of a row, or of what a row is against, in this family; good until the next but three. */
const char *scene_name(const struct scene *scene, const char *name);
/* A row of two sides, if it is wanted. against: as it stands, since a floor is one for both families. */
int scene_row(struct scene *scene, const char *name, const char *against, enum result_unit unit, struct side *candidate,
	      struct side *base);

/* Address of the i-th VM, in wire order, and how many bits it has. */
void scene_vm(unsigned int family, uint32_t i, uint8_t address[16]);
static inline uint8_t scene_bits(unsigned int family)
{
	return family == XS_FAMILY4 ? 32 : 128;
}

/* Who sends: of every packet the source, and a /24 or /64 that holds it. */
void scene_source(unsigned int family, uint8_t address[16]);
static inline uint8_t scene_source_bits(unsigned int family)
{
	return family == XS_FAMILY4 ? 24 : 64;
}

/* xs_policy_build(), which says so on stderr where it fails. */
int scene_policy(struct scene *scene, uint32_t id, const struct xs_condition *condition, size_t count,
		 struct xs_policy **policy);

#endif
