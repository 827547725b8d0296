/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fixture.h - the datapath under BPF_PROG_TEST_RUN: the programs loaded, their maps filled as for one small node, and frames sent
 * through both front ends as the kernel would.
 *
 *     slice 1:  link L1 (port 1, label 101)   link L2 (port 1, label 102)   gateway G (port 2)   MUX M1 (port 3)
 *     slice 2:  link L3 (port 1, label 201)                                                      MUX M2 (port 3)
 *     port 3's edge E holds 192.0.2.1; users are 192.0.2.0/24 behind both user ports; label 999 of port 1 is the host's
 *
 * Routes of slice 1 (slice 2 has a default by L3):
 *     10.0/16 by L2 · 10.1/16 by G (untagged) · 10.2/16 blackhole · 10.3.0.1 the sliver's own · 10.4/16 by L2, MTU 600
 *     10.5/16 by a port with a local stack · 192.0.2/24 users behind the MUX: 192.0.2.7 is a neighbour, others are unresolved
 *     10.9/16 by L2, MTU 9000 · 10.10/16 by G (untagged), MTU 9000
 *     10.7/16 unreachable; in both slices, 10.8/16 an attached subnet without any neighbour yet
 * IPv6 has the same, by the addresses' twins (frame.h).
 */
#ifndef XSLICE_SELFTESTS_BPF_FIXTURE_H
#define XSLICE_SELFTESTS_BPF_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "maps/address_table.h"
#include "maps/mux_policy.h"
#include "maps/node_maps.h"
#include "selftests/bpf/frame.h"

struct front_bpf;

#define FIXTURE_SKIP 77

enum { PORT_LINKS = 1, PORT_GATEWAY, PORT_MUX, PORT_STACK, PORT_EXIT, PORT_WAN, PORT_PAGED, PORT_COUNT }; /* the last two: paged.h */
enum { VPORT_L1 = 1, VPORT_L2, VPORT_L3, VPORT_G, VPORT_E, VPORT_M1, VPORT_M2, VPORT_P, VPORT_U, VPORT_U2, VPORT_W, VPORT_COUNT };
enum { SLICE_1 = 1, SLICE_2, SLICE_P, SLICE_Q, SLICE_COUNT };
enum {
	HOP_L2 = 1,
	HOP_G,
	HOP_BLACKHOLE,
	HOP_OWN,
	HOP_SMALL,
	HOP_STACK,
	HOP_EDGE,
	HOP_USER,
	HOP_UNRESOLVED,
	HOP_L3,
	HOP_EDGE6,
	HOP_UNREACHABLE,
	HOP_JUMBO,
	HOP_JUMBO_UNTAGGED,
};

struct fixture {
	struct front_bpf *skeleton;
	struct xs_node_maps maps;
	struct xs_pool *pool;
	struct xs_table *fib1[XS_FAMILIES], *fib2[XS_FAMILIES], *users[XS_FAMILIES], *sources[XS_FAMILIES];
	struct xs_mux_space *space;
	struct xs_policy *policy; /* in force; NULL: none yet */
	bool police; /* punts are policed; else every frame finds full buckets */
};

/* What became of a frame. */
struct outcome {
	int xdp;         /* action; -1: the port has no XDP */
	int tc;          /* action; -1: it never came to tc */
	int verdict;     /* the one counted */
	uint32_t slice;  /* ... and where */
	struct frame out; /* as it left; a tag that tc left beside the frame is put back in */
};

/* How the pool is made; a test changes it before the fixture is set up. */
struct fixture_pool {
	uint32_t blocks, guards;
	void (*grace)(void *context); /* by default none: the thread that changes tables is the one that sends */
};
extern struct fixture_pool fixture_pool;

/* 0, or FIXTURE_SKIP with the reason printed: the machine or the user cannot load programs. */
int fixture_available(void);

int fixture_setup(void **state);    /* cmocka: a fixture in *state */
int fixture_setup_with_mux(void **state); /* the same, and a MUX that takes only packets for 203.0.113.1 and its twin, into slice 2 */
int fixture_setup_with_exit(void **state); /* the same, and what it does not take goes on by port 5 (R16); label 999 of both is the host's */
int fixture_teardown(void **state);

/* MAC that a vport takes. */
const uint8_t *fixture_mac(uint32_t vport);
/* ... and the destination that next hop `hop` writes. */
uint8_t fixture_hop_mac(uint32_t hop);

void fixture_put_vport(struct fixture *fixture, uint32_t id, struct xs_vport vport); /* with what all have */
void fixture_put_hop(struct fixture *fixture, uint32_t id, struct xs_nexthop hop);
void fixture_set(struct xs_table *const table[XS_FAMILIES], const char *address, unsigned int length, uint32_t leaf); /* and the twin's */
void fixture_make_tables(struct fixture *fixture, struct xs_table *table[XS_FAMILIES]);
void fixture_free_tables(struct xs_table *table[XS_FAMILIES]);
void fixture_put(struct fixture *fixture, enum xs_map_id id, uint32_t key, const void *value);
/* Untagged packets of port 3 are selected by this policy from here on; the one before is freed. */
void fixture_policy(struct fixture *fixture, const struct xs_condition *condition, size_t count);
void fixture_use_mux(struct fixture *fixture, uint32_t mux);
/* Ports 3 and 5 are the two ends of a MUX with an exit; XS_PORT_LOCAL_STACK with XS_PORT_BY_TC, or 0, for each. */
void fixture_exit(struct fixture *fixture, uint32_t users_flags, uint32_t exit_flags);

/* One program on one frame. `frame` is what came out. gso: payload per segment, 0: none. */
int fixture_run_xdp(struct fixture *fixture, uint32_t port, struct frame *frame);
int fixture_run_tc(struct fixture *fixture, uint32_t port, struct frame *frame, uint32_t gso);
int fixture_run_sliver(struct fixture *fixture, uint32_t vport, struct frame *frame);
int fixture_run_uplink(struct fixture *fixture, struct frame *frame, uint32_t gso);

/*
 * A frame received by a port: XDP, then tc if XDP passed it. Fails the test unless exactly one arrival and one verdict are
 * counted, each once.
 */
void fixture_send(struct fixture *fixture, uint32_t port, const struct frame *frame, struct outcome *outcome);

/* What a class of punts may ask for: tokens a second, and at once. */
struct fixture_punt_class {
	const char *name;
	unsigned int rate, burst;
};
extern const struct fixture_punt_class fixture_punt_class[XS_PUNT_CLASS_COUNT];

double fixture_now(void); /* seconds */
/* As many of a class as one virtual port can have been let pass since then, when its bucket was full. */
unsigned int fixture_most_passed(enum xs_punt_class class, double since);

uint64_t fixture_sum_verdicts(struct fixture *fixture);
uint64_t fixture_sum_arrivals(struct fixture *fixture);

#endif
