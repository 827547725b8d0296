/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_rig.h - a mirror against the kernel: a namespace of this process' own, routes and neighbours made by `ip`, and
 * for each of many addresses the table's answer beside the kernel's (RTM_GETROUTE). The maps are plain memory: no BPF.
 */
#ifndef XSLICE_SELFTESTS_MIRROR_RIG_H
#define XSLICE_SELFTESTS_MIRROR_RIG_H

#include <stdio.h>

#include "loader/node/mirror.h"

#define DEVICES 4 /* v0..v2: links; v3: a MUX's. v4 is not ours */
#define HOSTS 6   /* 10.<device>.0.1.. : even ones are permanent neighbours, odd ones do not exist */
#define KEPT 20000

int setup_namespace(void **state);
uint32_t rnd(void);
FILE *ip_batch(void);
void ip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A node in memory. */
struct node {
	struct xs_node_maps maps;
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct xs_mirror *mirror;
};

void describe(struct xs_mirror_device device[DEVICES]);
void node_new(struct node *node, uint32_t blocks);
void node_free(struct node *node);
/* Applies all that waits. Returns how often the mirror said that it had overrun (and was read anew). */
unsigned int catch_up(struct node *node);
uint64_t writes(const struct node *node);

struct answer {
	uint8_t kind;
	uint32_t vport;
	uint8_t dmac[6];
};

void ask_table(const struct node *node, uint32_t address, struct answer *out);

/* Random routes: the prefixes that they are for. */
struct kept_prefix {
	uint32_t address;
	unsigned int length;
	bool there;
};
extern struct kept_prefix kept[KEPT];
extern bool neighbour_off[DEVICES + 1][HOSTS + 1];
void choose_prefix(unsigned int slot);
void add_route(FILE *batch, unsigned int slot, const char *verb);
void random_changes(unsigned int count, bool neighbours);
void restore_neighbours(void);
uint32_t near_address(void);

struct tally {
	unsigned int asked, different, of_kind[4], punted_only;
};

/* lenient: the table may leave to the kernel what it cannot hold. */
void compare(const struct node *node, unsigned int count, bool lenient, struct tally *tally);
void expect_equal(const struct node *node, unsigned int count, const char *when);

#endif
