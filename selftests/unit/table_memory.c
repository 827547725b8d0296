/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table_memory.c - see table_memory.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "selftests/unit/table_memory.h"

unsigned int graces;

void count_grace(void *context)
{
	graces++;
}

struct xs_tables new_tables(uint32_t blocks, uint32_t guards)
{
	struct xs_tables tables = { .blocks = blocks, .guards = guards };

	tables.block = calloc(blocks, sizeof(*tables.block));
	tables.sieve = calloc(blocks, sizeof(*tables.sieve));
	tables.guard = calloc(guards + 1, sizeof(*tables.guard));
	assert_true(tables.block && tables.sieve && tables.guard);
	return tables;
}

void free_tables(struct xs_tables tables)
{
	free(tables.block);
	free(tables.sieve);
	free(tables.guard);
}
