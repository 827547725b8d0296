/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paged.h - the fixture with paging: one of the two gateways of a small WAN. At the near one the first page of each slice lies, at
 * the far one the others. reference.py knows the same pages.
 *
 *     users ── port 7 ── slice P (vport P, uplink U) ── WAN (port 6, vport W)      slice Q has an uplink U2, and no port
 *
 *     slice P:  10.20.0.0/16 = 100.64.0.0/16 (near)   10.21.0.0/16 = 100.65.0.0/16   10.22.7.0/24 = 198.18.9.0/24
 *               10.24.0.77/32 = 198.18.8.99/32, whose twins differ in both halves
 *     slice Q:  10.20.0.0/16 = 100.70.0.0/16 (near)   10.21.0.0/16 = 100.71.0.0/16
 *     of slices that have no part here: 100.112.0.0/12
 *
 * Slice P routes its other pages, and 10.23/16, which is no page, by the uplink; of its own page by port 7 10.20/16 (10.20.4/24 with an MTU of
 * 600), 10.20.8/24 is unresolved, and 10.20.0.1 its own. The WAN is behind port 6: 100.65.4/24 with an MTU of 600, 100.65.7/24 is
 * unreachable, 100.65.8/24 unresolved, 100.65.9/24 a blackhole, 100.65.10/24 a group. At the far gateway likewise, with 64 and 65 and
 * 20 and 21 exchanged. IPv6 has the same, by the twins.
 */
#ifndef XSLICE_SELFTESTS_BPF_PAGED_H
#define XSLICE_SELFTESTS_BPF_PAGED_H

#include "selftests/bpf/fixture.h"

enum { HOP_UPLINK = 40, HOP_UPLINK2, HOP_P, HOP_P_SMALL, HOP_W, HOP_W_SMALL, HOP_W_GROUP };

struct paged {
	struct fixture *fixture;
	bool far;
	struct xs_table *fib[XS_FAMILIES], *substrate[XS_FAMILIES], *pages_p[XS_FAMILIES], *pages_q[XS_FAMILIES], *wan[XS_FAMILIES],
		*sources[XS_FAMILIES];
};

struct paged *paged_new(bool far);
void paged_free(struct paged *paged);

/* cmocka: the near one in *state. */
int paged_setup(void **state);
int paged_teardown(void **state);

#endif
