/* SPDX-License-Identifier: GPL-2.0-or-later */
/* definition.h - from a file (or "-") to a plan, with its faults printed: what check, plan and apply have in common. */
#ifndef XSLICE_CLI_DEFINITION_H
#define XSLICE_CLI_DEFINITION_H

#include "cli/cli.h"
#include "loader/plan/plan.h"

struct xs_definition {
	void *text; /* as it was given */
	size_t size;
	struct xs_diag *diag;
	struct xs_domain *domain;
	struct xs_plan *plan;
};

/*
 * Reads options->argv[0], checks it and plans it on top of `store` (NULL: of nothing). Faults stay in out->diag. 0 with
 * all of out set; -EINVAL for a wrong definition (diag tells); -ENOENT where the file cannot be read, for whatever reason, or
 * another negative errno, complained about. Free in any case.
 */
int xs_definition_load(const struct xs_options *options, struct xs_store *store, struct xs_definition *out);
/*
 * For what only reads: opens the store where there is one (none is no fault: nothing was given yet), loads the definition and
 * prints its faults or warnings. An exit code; where it is not XS_EXIT_DONE all has been said. Close and free in any case.
 */
int xs_definition_plan(const struct xs_options *options, struct xs_store **store, struct xs_definition *out);
/* What the options or the file's name say of its form. */
enum xs_format xs_definition_format(const struct xs_options *options);
/* The exit code that belongs to what xs_definition_load() returned. */
int xs_definition_exit(int error);
void xs_definition_free(struct xs_definition *definition);

/* Prints the faults: as text to standard error, or as {"faults": [...]} to standard output under --json where `alone`. */
void xs_definition_faults(const struct xs_options *options, const struct xs_definition *definition);

#endif
