/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table_memory.h - what the tests of the address table stand on: memory of their own, and how often a grace period was
 * waited for. */
#ifndef XSLICE_SELFTESTS_TABLE_MEMORY_H
#define XSLICE_SELFTESTS_TABLE_MEMORY_H

#include "maps/address_table.h"
#include "maps/table_walk.h"

/* Memory for tables, all zero; guards 0: none. Fails the test if there is none. */
struct xs_tables new_tables(uint32_t blocks, uint32_t guards);
void free_tables(struct xs_tables tables);

/* For xs_pool_new(): counts in `graces`. */
extern unsigned int graces;
void count_grace(void *context);

#endif
