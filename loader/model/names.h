/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.h - from names to the objects of a domain, for the stages that make and check it.
 *
 * Always holds: a name is in a map once; the first that is added stays. Maps and names are the arena's.
 */
#ifndef XSLICE_MODEL_NAMES_H
#define XSLICE_MODEL_NAMES_H

#include <uthash.h>

#include "loader/model/arena.h"

struct xs_name {
	const char *name;
	void *object;
	UT_hash_handle hh;
};

struct xs_names {
	struct xs_name *head;
};

/* All maps of a domain. Ports are called "NODE/PORT", VRFs "SLICE/VRF". */
struct xs_index {
	struct xs_names node, port, slice, vrf, filter, through; /* through: switches */
};

/* 0; -EEXIST: there is one, which stays; -ENOMEM. name is not copied. */
int xs_names_add(struct xs_names *names, struct xs_arena *arena, const char *name, void *object);
void *xs_names_find(const struct xs_names *names, const char *name);
void *xs_names_find_in(const struct xs_names *names, const char *owner, const char *name); /* "OWNER/NAME" */
void xs_names_clear(struct xs_names *names);
void xs_index_clear(struct xs_index *index);

#endif
