/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_rig.h - a mirror against the kernel, both families at once: a namespace of this process' own, routes and
 * neighbours made by `ip`, and for each of many addresses the table's answer beside the kernel's (RTM_GETROUTE). The
 * maps are plain memory: no BPF.
 *
 *   mirror_rig.c     the namespace, the node in memory, the two answers
 *   mirror_random.c  random routes, neighbours and addresses; comparison
 */
#ifndef XSLICE_SELFTESTS_MIRROR_RIG_H
#define XSLICE_SELFTESTS_MIRROR_RIG_H

#include <stdio.h>

#include "loader/node/mirror.h"

#define DEVICES   4    /* v0..v2: links; v3: a MUX's. v4 is not ours */
#define HOSTS     6    /* link_address(): odd ones are permanent neighbours, even ones do not exist */
#define EDGE_ROOT 4711 /* of v3's edge, plus the family */

int setup_namespace(void **state);
void make_device(unsigned int device); /* again, after it went */
FILE *ip_batch(void);
void ip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void shell(const char *command);

/* A host on a link: 10.DEVICE.0.HOST or 2001:db8:0:DEVICE::HOST. */
struct xs_address link_address(unsigned int family, unsigned int device, unsigned int host);
const char *link_text(unsigned int family, unsigned int device, unsigned int host); /* good until the next but three */
/* One of the addresses of the same host, for a route by it; good until the next. */
#define GATEWAY_FORMS 3 /* 1: link-local */
const char *gateway_text(unsigned int family, unsigned int device, unsigned int host, unsigned int which);
struct xs_address parse(const char *text);
extern uint32_t device_index[DEVICES + 1];

/* Which neighbours there are: those of setup_namespace(), with what the tests change. */
extern bool neighbour_off[XS_FAMILIES][DEVICES + 1][HOSTS + 1];
extern uint8_t neighbour_mac1[XS_FAMILIES][DEVICES + 1][HOSTS + 1]; /* second byte of its MAC */
/* Makes it so, by ip. */
void write_neighbour(FILE *batch, unsigned int family, unsigned int device, unsigned int host);

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
void catch_up_for(struct node *node, unsigned int milliseconds);
uint64_t writes(const struct node *node);

struct answer {
	uint8_t kind;
	uint32_t vport;
	uint8_t dmac[6];
};

#define ANSWERS_MAX 8

/*
 * What the datapath may do with a packet to the address: of several next hops each that is alive and resolved, where all of
 * them are links of ours; else the kernel must divide.
 */
unsigned int ask_kernel(const struct xs_address *address, struct answer answer[ANSWERS_MAX], bool *whole);
/* What it does: of a group, what all its slots lead to. Each answer once. */
unsigned int ask_table(const struct node *node, const struct xs_address *address, struct answer answer[ANSWERS_MAX]);
void ask_first(const struct node *node, const struct xs_address *address, struct answer *out);
/* The group that a packet to the address is divided by; NULL: none. */
const struct xs_group *group_for(const struct node *node, const char *address);
uint8_t kind_of(const struct node *node, const char *address);

/* ---- mirror_random.c ---- */

#define KEPT 20000

uint32_t rnd(void);

/* The prefixes that random routes are for. */
struct kept_prefix {
	struct xs_prefix prefix;
	bool there;
};
extern struct kept_prefix kept[XS_FAMILIES][KEPT];
void choose_prefix(unsigned int family, unsigned int slot);
void add_route(FILE *batch, unsigned int family, unsigned int slot, const char *verb);
void random_changes(unsigned int count, bool neighbours); /* of each family */
void restore_neighbours(void);
struct xs_address near_address(unsigned int family);

struct tally {
	unsigned int asked, different, of_kind[4], divided, punted_only;
};
/* lenient: the table may leave to the kernel what it cannot hold. */
void compare(const struct node *node, unsigned int family, unsigned int count, bool lenient, struct tally *tally);
void expect_none_different(const struct node *node, unsigned int count, bool lenient);
void expect_equal(const struct node *node, unsigned int count, const char *when);

#endif
