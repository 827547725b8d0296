/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mux_compile.h - from conditions to rules, prefixes and general conditions, without ids: links name conditions.
 * mux_policy.c gives ids and writes. Pure: no map, no memory but its own.
 */
#ifndef XSLICE_MAPS_MUX_COMPILE_H
#define XSLICE_MAPS_MUX_COMPILE_H

#include "maps/mux_policy.h"

/* Links here are condition indices + 1, 0: end. */
struct xs_compiled {
	size_t count; /* conditions, and rules */
	struct xs_mux_rule *rule;
	size_t prefix_count;
	struct xs_compiled_prefix {
		uint32_t address; /* host order, masked */
		uint32_t length;
		uint32_t first; /* condition index + 1 */
	} *prefix;
	size_t general_count;
	struct xs_mux_general general[XS_MUX_GENERAL_MAX];
};

/* 0, -ENOMEM, or -E2BIG beyond the contract's bounds. */
int xs_compile(const struct xs_condition *condition, size_t count, struct xs_compiled *out);
void xs_compiled_free(struct xs_compiled *compiled);

#endif
