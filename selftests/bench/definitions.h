/* SPDX-License-Identifier: GPL-2.0-or-later */
/* definitions.h - definitions for the rig of agents.h, written to a file. 0 or negative errno. */
#ifndef XSLICE_SELFTESTS_BENCH_DEFINITIONS_H
#define XSLICE_SELFTESTS_BENCH_DEFINITIONS_H

#include "maps/contract.h"

/* The example, on this rig's nodes. */
int definitions_figure7(const char *path);

/* `count` slices of a VRF with two links and three routes each on the first node, in one family. */
int definitions_slices(const char *path, unsigned int family, unsigned int count);

/* One slice of two VRFs, the first with `count` routes. */
int definitions_routes(const char *path, unsigned int family, unsigned int count);

/* A MUX on the first node, whose first list names `count` destinations. */
int definitions_conditions(const char *path, unsigned int family, unsigned int count);

#endif
