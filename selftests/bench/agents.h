/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agents.h - the real programs on a rig of their own: three nodes, namespaces in a triangle with a port for users each,
 * one agent for each node, a store, definitions to apply. One rig in a process.
 */
#ifndef XSLICE_SELFTESTS_BENCH_AGENTS_H
#define XSLICE_SELFTESTS_BENCH_AGENTS_H

#include <sys/types.h>

#define AGENTS_NODES 3

extern const char *const agents_node[AGENTS_NODES];

/* log: where the programs' words go, below build/bench/. 0 or negative errno. */
int agents_open(const char *log);
void agents_close(void);

/* Of the first so many nodes, those that do not run yet. */
void agents_start(unsigned int count);
void agents_stop(void);
pid_t agents_pid(unsigned int node);

/* Agents that hold nothing load their programs while nobody waits: until none has done anything for a while. */
void agents_rest(unsigned int count);

/* `xslice apply` until the agents of the first `count` nodes have reported; nodes without agents are not waited for. */
int agents_apply(const char *definition, unsigned int count, double *ns);
int agents_clean(void);

/* A path of the rig's own folder; good until it is closed. "" without memory. */
const char *agents_path(const char *name);

double agents_now_ns(void);

#endif
