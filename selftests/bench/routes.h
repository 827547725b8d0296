/* SPDX-License-Identifier: GPL-2.0-or-later */
/* routes.h - random routes in slice 1 of the candidate, by its next hops in turn; the same in each run. */
#ifndef XSLICE_SELFTESTS_BENCH_ROUTES_H
#define XSLICE_SELFTESTS_BENCH_ROUTES_H

#include "selftests/bench/scene.h"

/* A number that looks random. */
uint64_t routes_random(void);

/* A prefix of that length, anywhere in what is routed (see BENCH_ANY). 0 or negative errno. */
int routes_add_random(struct scene *scene, unsigned int length);

/* IPv6: the i-th of those that BENCH_ROUTES sends to, of /48 to /64. */
int routes_add_numbered(struct scene *scene, uint32_t i);

/* How many there are, the default one included. */
size_t routes_count(const struct scene *scene);

#endif
