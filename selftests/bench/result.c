/* SPDX-License-Identifier: GPL-2.0-or-later */
/* result.c - see result.h. One row is one line of JSON; scripts/bench makes the array of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selftests/bench/result.h"

struct spread {
	double min, median, max;
};

int result_ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static struct spread spread_of(const double *value)
{
	double sorted[RESULT_ROUNDS];

	memcpy(sorted, value, sizeof(sorted));
	qsort(sorted, RESULT_ROUNDS, sizeof(*sorted), result_ascending);
	return (struct spread){sorted[0], sorted[RESULT_ROUNDS / 2], sorted[RESULT_ROUNDS - 1]};
}

bool result_wanted(int argc, char **argv, const char *name)
{
	return argc < 2 || !*argv[1] || strstr(name, argv[1]);
}

static const char *const unit_name[] = {[RESULT_PPS] = "pps", [RESULT_NS] = "ns", [RESULT_MS] = "ms", [RESULT_BYTES] = "bytes"};

static int write_row(const char *name, const char *against, enum result_unit unit, int rounds, struct spread ratio,
		     struct spread value, struct spread base)
{
	const char *path = getenv("XSLICE_BENCH_ROWS");
	FILE *file;

	if (!path)
		return 0;
	file = fopen(path, "a");
	if (!file)
		return -errno;
	fprintf(file,
		"{\"name\":\"%s\",\"against\":\"%s\",\"unit\":\"%s\",\"rounds\":%d,"
		"\"ratio\":{\"min\":%.4f,\"median\":%.4f,\"max\":%.4f},"
		"\"value\":{\"min\":%.3f,\"median\":%.3f,\"max\":%.3f},"
		"\"base\":{\"min\":%.3f,\"median\":%.3f,\"max\":%.3f}}\n",
		name, against, unit_name[unit], rounds, ratio.min, ratio.median, ratio.max, value.min,
		value.median, value.max, base.min, base.median, base.max);
	return fclose(file) ? -errno : 0;
}

static double in_unit(enum result_unit unit, double ns)
{
	return unit == RESULT_PPS ? 1e9 / ns : unit == RESULT_MS ? ns / 1e6 : ns;
}

int result_row(const char *name, const char *against, enum result_unit unit, result_measure candidate, void *candidate_context,
	       result_measure base, void *base_context)
{
	double value[RESULT_ROUNDS], floor[RESULT_ROUNDS], ratio[RESULT_ROUNDS], ns;
	struct spread r, v, b;
	int err = 0;

	/* Round -1 warms up. */
	for (int round = -1; round < RESULT_ROUNDS; round++) {
		int at = round < 0 ? 0 : round;

		err = base(base_context, &ns);
		if (err)
			goto out;
		floor[at] = in_unit(unit, ns);
		err = candidate(candidate_context, &ns);
		if (err)
			goto out;
		value[at] = in_unit(unit, ns);
		ratio[at] = value[at] / floor[at];
	}
	r = spread_of(ratio);
	v = spread_of(value);
	b = spread_of(floor);
	printf("%-24s against %-28s %6.3f (%.3f to %.3f)", name, against, r.median, r.min, r.max);
	if (unit == RESULT_PPS)
		printf("   %.0f ns and %.0f ns a packet\n", 1e9 / v.median, 1e9 / b.median);
	else
		printf(unit == RESULT_MS ? "   %.1f %s and %.1f %s\n" : "   %.0f %s and %.0f %s\n", v.median, unit_name[unit],
		       b.median, unit_name[unit]);
	fflush(stdout);
	err = write_row(name, against, unit, RESULT_ROUNDS, r, v, b);
out:
	if (err)
		fprintf(stderr, "bench: %s: %s\n", name, strerror(-err));
	return err;
}

int result_count(const char *name, const char *against, enum result_unit unit, double candidate, double base)
{
	double of = base ? candidate / base : 0;
	struct spread ratio = {of, of, of}, value = {candidate, candidate, candidate}, floor = {base, base, base};
	int err = write_row(name, against, unit, 1, ratio, value, floor);

	printf("%-24s against %-28s %6.3f   %.0f %s and %.0f %s\n", name, against, of, candidate, unit_name[unit], base,
	       unit_name[unit]);
	fflush(stdout);
	if (err)
		fprintf(stderr, "bench: %s: %s\n", name, strerror(-err));
	return err;
}
