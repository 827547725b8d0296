/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rig.h - the bench's rig: three namespaces in a row, generator - node - receiver, joined by veths of one queue with
 * offloads off. What runs on the node is the caller's. The whole way of a packet runs in the generator's thread, so its CPU
 * time per delivered packet is the figure, and a loss is an error.
 *
 * Namespaces have no names and end with the process; nothing of the machine is changed.
 */
#ifndef XSLICE_SELFTESTS_BENCH_RIG_H
#define XSLICE_SELFTESTS_BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "selftests/bench/traffic.h"

struct bench_bpf;

struct rig {
	struct bench_bpf *ends;
	int netns_own, netns_generator, netns_node, netns_receiver;
	uint32_t generator_ifindex, in_ifindex, out_ifindex, receiver_ifindex;
	uint8_t in_mac[6], out_mac[6], receiver_mac[6], generator_mac[6];
	int node_program; /* attached to in_ifindex; -1: none, the kernel forwards */
};

/* 0 or negative errno; says on stderr what failed. */
int rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* The XDP program on the node's port towards the generator, instead of what was there. -1: none. */
int rig_node_program(struct rig *rig, int program);

/* Runs a command inside the node's namespace (by the shell). 0, or -EIO. */
int rig_node_command(struct rig *rig, const char *command);

/*
 * The node's kernel routes to the receiver, by default routes of both families. GRO is on at the generator's side: without an XDP
 * program that is what makes the port take frames from the generator. 0, or -EIO.
 */
int rig_make_router(struct rig *rig);

/* What the generator sends from now on; the frames' source is the generator's MAC, whatever stands there. */
void rig_traffic(struct rig *rig, const struct bench_traffic *traffic);

/* Sends `packets`; *ns: thread CPU time per delivered packet. A measurement with losses is made again; -EIO if none is whole. */
int rig_run(struct rig *rig, uint32_t packets, double *ns);

#endif
