/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manager.h - the paper's integrated manager: takes a domain's definition, splits it by node, hands every node its part
 * by the store, and waits for the nodes' managers (the agents) to report. Prints nothing; the command does.
 *
 * Always holds: whatever changes the store holds its lock; `revision` is written last, so a reader sees the whole of an
 * apply or nothing of it; a switch is journalled (key `pending`), so one that was cut short is finished by the next
 * writer.
 */
#ifndef XSLICE_MANAGER_MANAGER_H
#define XSLICE_MANAGER_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/base/diag.h"
#include "loader/image/image.h"
#include "loader/model/domain.h"
#include "loader/plan/plan.h"
#include "loader/store/report.h"
#include "loader/store/store.h"

#define XS_ERROR_TEXT 512 /* room for a sentence of error, NUL included */

/* Keys of the store; see store.h. */
#define XS_KEY_REVISION   "revision"
#define XS_KEY_LEDGER     "ledger"
#define XS_KEY_DEFINITION "definition"
#define XS_KEY_GENERATION "generation"
#define XS_KEY_PENDING    "pending"

/* ---- reports ---- */

struct xs_node_wait {
	char node[XS_IMAGE_NAME];
	bool reported; /* what was waited for has come: `report` is it */
	struct xs_report report;
};

/* Called when another node has reported, with all of them. */
typedef void (*xs_wait_progress)(void *context, const struct xs_node_wait *wait, size_t count);

/*
 * Waits until every node of `wait` has reported revision and generation or higher (0: not waited for). 0; -ETIMEDOUT
 * with `reported` telling who did; negative errno. A node that failed has reported.
 */
int xs_wait_reports(struct xs_store *store, struct xs_node_wait *wait, size_t count, uint64_t revision,
		    uint64_t generation, int timeout_ms, xs_wait_progress progress, void *context);

/* ---- images in force ---- */

/* Calls fn with the image of each node of the active revision, sorted by name. Stops at fn's first non-zero value. */
int xs_active_images(struct xs_store *store, int (*fn)(void *context, const char *node, const struct xs_image *image),
		     void *context, char *error);

/* ---- apply ---- */

/* The earlier ledger and generation of a store; NULL and 0 where there is none. *why as xs_ledger_read(). */
int xs_load_ledger(struct xs_store *store, struct xs_ledger **ledger, uint64_t *generation, const char **why);

struct xs_apply_result {
	uint64_t revision;
	struct xs_node_wait *wait; /* the nodes that had to report; malloc()ed */
	size_t count;
};

/*
 * Puts a planned domain into the store as the next revision. The definition's text is kept with it. Holds no lock
 * afterwards: the caller waits for result->wait. The caller holds the store's lock during the call.
 */
int xs_apply(struct xs_store *store, const struct xs_plan *plan, const void *definition, size_t definition_size,
	     struct xs_apply_result *result, char *error);

/* The next revision, in which no node holds anything. */
int xs_apply_nothing(struct xs_store *store, struct xs_apply_result *result, char *error);

/* ---- switch ---- */

struct xs_switch_result {
	uint32_t cell;
	uint32_t slice;
	uint64_t generation;
	bool group;
	size_t vms;                /* how many VMs it concerns */
	struct xs_node_wait *wait; /* nodes that hold the cell; malloc()ed */
	size_t count;
};

/*
 * Gives the cell of a VM's or group's migration a new generation and `slice`, in the store; the agents do the one
 * write. -ENOENT: no such VM, group or slice; -EPERM: a MUX's walk would then choose another slice than the one named
 * (error says which, and by which condition). The caller holds the store's lock.
 */
int xs_switch(struct xs_store *store, const char *name, const char *slice, struct xs_switch_result *result,
	      char *error);

/* Finishes a switch that was cut short. The caller holds the lock; xs_apply() and xs_switch() call it themselves. */
int xs_switch_recover(struct xs_store *store);

/* The word that cell `id` has in the store, where it was ever switched; else `initial`. */
int xs_stored_cell(struct xs_store *store, uint32_t id, uint64_t initial, uint64_t *word);

#endif
