/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - what an agent says of its node, as key report/NODE of the store. Written by the agent, read by the command.
 */
#ifndef XSLICE_STORE_REPORT_H
#define XSLICE_STORE_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "loader/store/revision.h"
#include "loader/store/store.h"

struct xs_report {
	uint64_t revision;        /* the last one it took on; 0: none yet */
	char revision_id[XS_REVISION_ID]; /* ... and its id: a number may come again, in another life of the store */
	int failed;               /* 1: it could not, and the node is as `error` says */
	int holds;                /* 1: something of a domain is on the node, or may be */
	uint64_t generation;      /* every cell of the store up to this generation is in the node's map */
	uint64_t netlink_changes; /* made for that revision: links, addresses, routes, neighbours, sysctls, features */
	uint64_t map_writes;      /* made for that revision */
	uint64_t duration_us;     /* spent on it */
	int64_t pid;              /* of the agent */
	char netns[64];           /* name of the node's namespace under /run/netns; empty: the agent's own */
	char error[512];
	char warning[512]; /* the node is as it should be, and loses packets all the same: why, and what to do */
};

/* Is it about this revision? */
static inline bool xs_report_is_of(const struct xs_report *report, const struct xs_revision *revision)
{
	return report->revision == revision->number && !strcmp(report->revision_id, revision->id);
}

/* 0 or negative errno; -ENOENT: never reported; -EBADMSG: not a report. */
int xs_report_get(struct xs_store *store, const char *node, struct xs_report *out);
int xs_report_put(struct xs_store *store, const char *node, const struct xs_report *report);

#endif
