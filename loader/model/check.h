/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.h - what the schema cannot say, by subject. Run in this order over a domain that may have holes where faults
 * were reported before: a check passes over what is not there, so that one fault is said once.
 */
#ifndef XSLICE_MODEL_CHECK_H
#define XSLICE_MODEL_CHECK_H

#include <errno.h>
#include <libyang/libyang.h>

#include "loader/model/arena.h"
#include "loader/model/domain.h"
#include "loader/model/names.h"

struct xs_d_subnets;

struct xs_check {
	struct xs_domain *domain;
	const struct xs_index *index;
	struct xs_diag *diag;
	struct xs_arena *scratch; /* freed after all checks */
};

/* Each 0 or -ENOMEM; faults are counted by diag. */
int xs_check_supported(const struct lyd_node *tree,
		       struct xs_diag *diag);  /* what the schema offers and nothing does yet */
int xs_resolve(struct xs_check *check);        /* ports, peers, cables; xs_resolve_vlans(), xs_share_first_hops() */
void xs_resolve_vlans(struct xs_check *check); /* ports on other ports */
void xs_join_vlans(struct xs_check *check);    /* ... and on switches, once these are resolved */
int xs_share_first_hops(struct xs_check *check);
int xs_check_topology(struct xs_check *check); /* who uses which port, what is where, names inside namespaces */
int xs_check_identity(struct xs_check *check); /* ids and MACs */
int xs_check_labels(struct xs_check *check);
int xs_check_subnets(struct xs_check *check); /* sizes, gateways' and edges' addresses; and xs_check_overlaps() */
int xs_check_overlaps(struct xs_check *check);
int xs_check_routes(struct xs_check *check);  /* routers must be neighbours */
int xs_check_filters(struct xs_check *check); /* conditions, and the bounds of a MUX */
int xs_check_migrations(struct xs_check *check);
int xs_check_shadows(struct xs_check *check); /* conditions that never match */
/* Paging: all of a slice lies in its pages; and the two after it. */
int xs_check_pages(struct xs_check *check);
int xs_check_pools(struct xs_check *check, const struct xs_d_subnets *subnets);
int xs_check_wan(struct xs_check *check, const struct xs_d_subnets *subnets); /* its ports are large enough for IPv6 */

#define XS_IPV6_MTU_MIN 1280 /* RFC 8200 */

#define XS_FAULT(check, place, ...) xs_diag_add((check)->diag, XS_ERROR, place, __VA_ARGS__)

/* Is `a` written after `b`? */
static inline bool xs_place_after(const struct xs_place *a, const struct xs_place *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

static inline bool xs_mac_is_given(const struct xs_mac *mac)
{
	for (size_t i = 0; i < sizeof(mac->bytes); i++) {
		if (mac->bytes[i])
			return true;
	}
	return false;
}

/*
 * Touches what no host can have, or not beyond its link: 0/8, 127/8, link-local, multicast and what is reserved above it;
 * ::, ::1, IPv4 in IPv6's clothes, link-local and multicast. `inside`: lies in there as a whole.
 */
bool xs_is_martian(const struct xs_prefix *prefix, bool inside);

/* NULL if a host may have `address` in `subnet`; else what is wrong: "is the network's own address". */
const char *xs_host_fault(const struct xs_prefix *subnet, const struct xs_address *address);

#endif
