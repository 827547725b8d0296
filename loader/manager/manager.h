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
#include "loader/store/cell.h"
#include "loader/store/report.h"
#include "loader/store/revision.h"
#include "loader/store/store.h"

#define XS_ERROR_TEXT 512 /* room for a sentence of error, NUL included */

/* Keys of the store that have no header of their own; see store.h. */
#define XS_KEY_LEDGER     "ledger"
#define XS_KEY_DEFINITION "definition"
#define XS_KEY_GENERATION "generation"
#define XS_KEY_PENDING    "pending"

/* ---- reports ---- */

struct xs_node_wait {
	char node[XS_IMAGE_NAME];
	bool reported;  /* what was waited for has come: `report` is it */
	bool elsewhere; /* the caller knows that it will not: not waited for */
	struct xs_report report;
};

/* Adds a node to the malloc()ed list, once. 0 or -ENOMEM. */
int xs_wait_add(struct xs_node_wait **wait, size_t *count, const char *node);

/* Called when another node has reported, with all of them. */
typedef void (*xs_wait_progress)(void *context, const struct xs_node_wait *wait, size_t count);

/*
 * Waits until every node of `wait` has reported `revision` (NULL: not waited for), or the one that has replaced it
 * meanwhile, and generation or higher (0: not waited for). 0; -ETIMEDOUT with `reported` telling who did; negative
 * errno. A node that failed has reported.
 */
int xs_wait_reports(struct xs_store *store, struct xs_node_wait *wait, size_t count, const struct xs_revision *revision,
		    uint64_t generation, int timeout_ms, xs_wait_progress progress, void *context);

/* ---- images in force ---- */

/* image: NULL where the store has lost it or it is refused; then `why` is a sentence. */
typedef int (*xs_active_image)(void *context, const char *node, const struct xs_image *image, const char *why);

/*
 * Calls fn with each node of the active revision, sorted by name; never, where there is none. Stops at and returns fn's
 * first non-zero value; negative errno with a sentence in error (XS_ERROR_TEXT) where the revision cannot be had.
 */
int xs_active_images(struct xs_store *store, xs_active_image fn, void *context, char *error);

/* ---- apply ---- */

/*
 * What the store remembers; all of it empty where it is new. 0 or negative errno with a sentence in error (XS_ERROR_TEXT): so
 * also where a revision is in force and the ledger is lost.
 */
int xs_load_past(struct xs_store *store, struct xs_past *out, char *error);

/* The highest generation that the store's counter or a node's report knows of: a store may have been set back. As above. */
int xs_highest_generation(struct xs_store *store, uint64_t *out, char *error);

struct xs_apply_result {
	struct xs_revision revision;
	struct xs_node_wait *wait; /* the nodes that have to report */
	size_t count;
};
void xs_apply_result_free(struct xs_apply_result *result);

/*
 * Puts a planned domain into the store as the next revision. The definition's text is kept with it. The
 * caller holds the store's lock since before it loaded the plan's past, and has recovered switches; it waits for
 * result->wait afterwards, without the lock.
 */
int xs_apply(struct xs_store *store, const struct xs_plan *plan, const void *definition, size_t definition_size,
	     struct xs_apply_result *result, char *error);

/* The next revision, in which no node holds anything; whatever the store's state. The caller holds the lock. */
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

/*
 * Is it still the store's? 1; 0: a node held a later one, of which the store knew nothing (it was set back), and has given
 * it to the store; negative errno. Asked after the nodes have reported.
 */
int xs_switch_stands(struct xs_store *store, const struct xs_switch_result *result);

/* Finishes a switch that was cut short. The caller holds the lock; xs_switch() calls it itself. Errors as xs_load_past(). */
int xs_switch_recover(struct xs_store *store, char *error);

/* The word that a cell has in force: the store's where it was switched after the image was made, else the image's. */
int xs_cell_word(struct xs_store *store, const struct xs_rec_cell *record, uint64_t *word);

#endif
