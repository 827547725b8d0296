/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cell.h - switched cells in the store: key cell/ID, value "GENERATION SLICE\n" (maps/contract.h says what a cell means). A
 * cell that was never switched has no key.
 */
#ifndef XSLICE_STORE_CELL_H
#define XSLICE_STORE_CELL_H

#include <stdint.h>

#include "loader/store/store.h"
#include "maps/contract.h"

struct xs_stored_cell {
	uint64_t generation; /* at most XS_GENERATION_MAX */
	uint32_t slice;      /* at most XS_SLICE_MAX */
};

/* 0; -ENOENT: never switched; -EBADMSG: the value is no cell; another negative errno. */
int xs_stored_cell_get(struct xs_store *store, uint32_t id, struct xs_stored_cell *out);
int xs_stored_cell_put(struct xs_store *store, uint32_t id, const struct xs_stored_cell *cell);
int xs_stored_cell_delete(struct xs_store *store, uint32_t id);

/* Calls fn with the id of each switched cell, in no order that means anything. Stops at and returns fn's first non-zero. */
int xs_stored_cell_list(struct xs_store *store, int (*fn)(void *context, uint32_t id), void *context);

#endif
