/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * subnets.h - all that leads to a prefix in a slice: its links, its gateways and what is behind them, and of the MUXes
 * that lead into it the users and the MUX's own addresses. Read by checks and, for pages, by the plan.
 *
 * Always holds: in the definition's order of slices; in a slice links, gateways, MUXes. What is at fault or missing in
 * the definition is left out.
 */
#ifndef XSLICE_MODEL_SUBNETS_H
#define XSLICE_MODEL_SUBNETS_H

#include "loader/model/arena.h"
#include "loader/model/domain.h"

enum xs_subnet_kind { XS_SUBNET_LINK, XS_SUBNET_GATEWAY, XS_SUBNET_BEHIND, XS_SUBNET_USERS, XS_SUBNET_MUX };

struct xs_d_subnet {
	const struct xs_d_slice *slice;
	struct xs_prefix prefix;
	const struct xs_place *place;
	enum xs_subnet_kind kind;
	const char *noun, *name; /* "link", "P12": whose it is, for people */
	/* The one of these that it is of: */
	const struct xs_d_link *link;
	const struct xs_d_gateway *gateway;
	const struct xs_d_mux *mux;
	size_t choice; /* of a MUX: the slice's place in its list. A MUX's subnet is that of each; 0: the first */
};

struct xs_d_subnets {
	struct xs_d_subnet *list;
	size_t count;
};

/* 0 or -ENOMEM. The list is the arena's, what it points to the domain's. */
int xs_subnets_of(const struct xs_domain *domain, struct xs_arena *arena, struct xs_d_subnets *out);

#endif
