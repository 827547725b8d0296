/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intern.h - a set of records of one size, each kept once and numbered from 1 on in the order in which they came.
 *
 * Equal is what has equal bytes: padding must be zero. Owner: one thread.
 */
#ifndef XSLICE_MAPS_INTERN_H
#define XSLICE_MAPS_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct xs_intern {
	size_t size; /* of a record; set before the first is given */
	uint32_t count;
	void *record;               /* number n stands at n - 1 */
	uint32_t *head, *following; /* chains by hash, of numbers */
	size_t room, heads;
};

/* The number of the record with this content; it is added if there is none. 0 or -ENOMEM. */
int xs_intern(struct xs_intern *set, const void *content, uint32_t *number);
void xs_intern_free(struct xs_intern *set);

#endif
