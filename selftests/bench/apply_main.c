// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * apply_main.c - what an apply costs, from the start of `xslice apply` until the nodes' agents have reported: against a bare
 * netlink program that makes as many namespaces and veths and nothing else. Real programs on real namespaces; what they say goes
 * to build/bench/apply.log.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/node/link.h"
#include "loader/node/netns.h"
#include "selftests/bench/agents.h"
#include "selftests/bench/definitions.h"
#include "selftests/bench/result.h"

#define SLICES    1000
#define BARE_NODE "xbare"

/* A definition, whose agents run, and how much a bare program makes in its place. */
struct job {
	const char *definition;
	unsigned int agents; /* of the first so many nodes */
	unsigned int namespaces, veths;
};

/* ---- the bare program ---------------------------------------------------------------------------------------------- */

static int bare_make(struct xs_netlink *netlink, unsigned int namespaces, unsigned int veths)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	unsigned int made = 0;
	int err = 0;

	for (unsigned int i = 0; i < namespaces && !err; i++) {
		char name[32];
		int netns;

		snprintf(name, sizeof(name), "xbare%u", i);
		netns = xs_netns_add(name);
		if (netns < 0)
			return netns;
		for (; made < (i + 1) * veths / namespaces && !err; made++) {
			char outer[16], inner[16];

			snprintf(outer, sizeof(outer), "xbare%u", made);
			snprintf(inner, sizeof(inner), "in%u", made);
			err = xs_veth_add(netlink, outer, netns, inner, mac, 1500);
		}
		close(netns);
	}
	return err;
}

static int bare_remove(struct xs_netlink *netlink, unsigned int namespaces)
{
	struct xs_link *links = NULL;
	uint32_t *gone = NULL;
	size_t count = 0, found = 0;
	int err = xs_link_dump(netlink, &links, &count);

	if (!err) {
		gone = calloc(count + 1, sizeof(*gone));
		for (size_t i = 0; gone && i < count; i++)
			if (!strncmp(links[i].name, "xbare", 5))
				gone[found++] = links[i].ifindex;
		err = gone ? xs_link_delete(netlink, gone, found) : -ENOMEM;
	}
	for (unsigned int i = 0; i < namespaces; i++) {
		char name[32];

		snprintf(name, sizeof(name), "xbare%u", i);
		xs_netns_delete(name);
	}
	free(links);
	free(gone);
	return err;
}

/* ---- measurements -------------------------------------------------------------------------------------------------- */

/* In a namespace of its own: no agent hears of it. */
static int measure_bare(void *context, double *ns)
{
	const struct job *job = context;
	struct xs_netlink *netlink = NULL;
	int netns = xs_netns_add(BARE_NODE), err = netns < 0 ? netns : xs_netlink_open(netns, &netlink), undone = 0;
	double begin;

	if (!err) {
		begin = agents_now_ns();
		err = bare_make(netlink, job->namespaces, job->veths);
		*ns = agents_now_ns() - begin;
		undone = bare_remove(netlink, job->namespaces);
	}
	xs_netlink_close(netlink);
	if (netns >= 0) {
		close(netns);
		xs_netns_delete(BARE_NODE);
	}
	return err ? err : undone;
}

static int measure_apply(void *context, double *ns)
{
	const struct job *job = context;
	int err;

	agents_start(job->agents);
	agents_rest(job->agents);
	err = agents_apply(job->definition, job->agents, ns);
	return err ? err : agents_clean();
}

/* One slice of the many comes or goes; both are in force in turn. */
struct change {
	struct job job;
	const char *other;
	bool turn;
};

static int measure_change(void *context, double *ns)
{
	struct change *change = context;

	change->turn = !change->turn;
	return agents_apply(change->turn ? change->other : change->job.definition, change->job.agents, ns);
}

static int bench_change(const char *many, const char *fewer)
{
	struct change change = {.job = {many, 1, 1, 2}, .other = fewer};
	double ns;
	int err;

	agents_start(1);
	err = agents_apply(many, 1, &ns);
	if (!err)
		err = result_row("change-1-of-1000", "bare-1-slice", RESULT_MS, measure_change, &change, measure_bare,
				 &change.job);
	return err;
}

int main(int argc, char **argv)
{
	struct job small = {NULL, AGENTS_NODES, 7, 15}, large = {NULL, 1, SLICES, 2 * SLICES};
	const char *fewer;
	int err;

	if (!result_wanted(argc, argv, "apply-figure7") && !result_wanted(argc, argv, "apply-1000-slices") &&
	    !result_wanted(argc, argv, "change-1-of-1000"))
		return 0;
	err = agents_open("apply.log");
	small.definition = agents_path("figure7.yaml");
	large.definition = agents_path("many.yaml");
	fewer = agents_path("fewer.yaml");
	if (!err)
		err = definitions_figure7(small.definition);
	if (!err)
		err = definitions_slices(large.definition, XS_FAMILY4, SLICES);
	if (!err)
		err = definitions_slices(fewer, XS_FAMILY4, SLICES - 1);
	if (!err && result_wanted(argc, argv, "apply-figure7"))
		err = result_row("apply-figure7", "bare-figure7", RESULT_MS, measure_apply, &small, measure_bare, &small);
	agents_stop();
	if (!err && result_wanted(argc, argv, "apply-1000-slices"))
		err = result_row("apply-1000-slices", "bare-1000-slices", RESULT_MS, measure_apply, &large, measure_bare, &large);
	if (!err && result_wanted(argc, argv, "change-1-of-1000"))
		err = bench_change(large.definition, fewer);
	if (err)
		fprintf(stderr, "bench: apply: %s; see build/bench/apply.log\n", strerror(-err));
	agents_close();
	return err ? 1 : 0;
}
