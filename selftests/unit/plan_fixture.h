/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan_fixture.h - definitions in a test's own words, planned and turned into images. Everything fails the test on its
 * own where it does not work, but for made_try().
 */
#ifndef XSLICE_UNIT_PLAN_FIXTURE_H
#define XSLICE_UNIT_PLAN_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "loader/image/image.h"
#include "loader/plan/plan_types.h"

#define MADE_NODES 8

struct made {
	struct xs_diag *diag;
	struct xs_domain *domain;
	struct xs_plan *plan; /* NULL: it was refused */
	int result;           /* of xs_plan_make() */
	char *faults;         /* what xs_diag_print() says */
	char *ledger;
	size_t ledger_size;
	struct xs_image *image[MADE_NODES];
	const void *bytes[MADE_NODES]; /* of the images */
	size_t size[MADE_NODES];
};

/* Text of figure 7 with `extra` put in front of line `before` (NULL: at the end). malloc()ed. */
char *figure7_with(const char *before, const char *extra);

/* Text of a definition by segmentation with the one word changed. malloc()ed. */
char *text_by_paging(const char *path);

/* Reads a definition; then change(domain) may spoil it (NULL: no); then plans it after `earlier` (NULL: nothing was given). */
struct made *made_try(const char *text, const struct made *earlier, uint64_t generation,
		      void (*change)(struct xs_domain *));
/* Plans it after `earlier` and after these switches, sorted by cell. */
struct made *made_switched(const char *text, const struct made *earlier, struct xs_switched *switched, size_t count);
/* As made_try(), and it must work: then all nodes' images are there. */
struct made *made_new(const char *text, const struct made *earlier, uint64_t generation);
/* Figure 7 in one of its forms ("", "-v6", "-dual"), by paging. */
struct made *made_by_paging(const char *form);
void made_free(struct made *made);

/* Fails unless it was refused with a fault that contains `fault`. Frees. */
void made_refused(struct made *made, const char *fault);

/* Differences of all nodes' images; each is printed if `quiet` is 0. */
struct made_changes {
	size_t added, removed, changed;
};
struct made_changes made_diff(const struct made *before, const struct made *after, int quiet);

struct xs_p_slice *made_slice(const struct made *made, const char *name);
struct xs_p_vrf *made_vrf(const struct made *made, const char *slice, const char *node);
/* "via ADDRESS dev DEVICE" (ADDRESS "link" where there is none) of a VRF's route, or "none"; in a static buffer. */
const char *made_route(const struct xs_p_vrf *vrf, const char *prefix);

/* Of an image: NULL, 0 or "none" where it has none. */
const struct xs_rec_vport *made_vport(const struct xs_image *image, uint32_t kind, const char *name);
uint32_t made_slice_id(const struct xs_image *image, const char *name);
/* A page, as "WAN-PREFIX", with " here in the name of ADDRESS" where its hosts are; in a static buffer. */
const char *made_page(const struct xs_image *image, const char *slice, const char *prefix);

#endif
