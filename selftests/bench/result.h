/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result.h - rows of build/bench/result.json: a candidate and what it is measured against, in turn, round by round.
 */
#ifndef XSLICE_SELFTESTS_BENCH_RESULT_H
#define XSLICE_SELFTESTS_BENCH_RESULT_H

#include <stdbool.h>

#define RESULT_ROUNDS 7

/* One side of a row: makes one measurement, nanoseconds. 0 or negative errno. */
typedef int (*result_measure)(void *context, double *ns);

enum result_unit {
	RESULT_PPS, /* rates: ratio = candidate's / base's */
	RESULT_NS,  /* costs: ratio = candidate's / base's */
	RESULT_MS,
	RESULT_BYTES, /* costs that are no time */
};

/* Is a row of this name asked for? Programs get an optional part of names as their argument. */
bool result_wanted(int argc, char **argv, const char *name);

/*
 * Warms both up, measures RESULT_ROUNDS rounds, appends the row to the file that ends up in result.json (environment
 * XSLICE_BENCH_ROWS; none: not written) and prints it.
 */
int result_row(const char *name, const char *against, enum result_unit unit, result_measure candidate, void *candidate_context,
	       result_measure base, void *base_context);

/* For qsort(3), of doubles. */
int result_ascending(const void *a, const void *b);

/* A row of what is counted, not measured: one round. */
int result_count(const char *name, const char *against, enum result_unit unit, double candidate, double base);

#endif
