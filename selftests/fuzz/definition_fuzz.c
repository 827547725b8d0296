/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * definition_fuzz.c - any bytes as a definition, and all the way on: whatever check lets through must be planned or refused with a
 * fault, and every image of a plan must be one that an agent takes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "loader/base/diag.h"
#include "loader/image/build.h"
#include "loader/image/image.h"
#include "loader/model/domain.h"
#include "loader/plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What always holds; libFuzzer keeps the input that makes it untrue. */
static void must(int holds)
{
	if (!holds)
		abort();
}

static void build_images(const struct xs_plan *plan)
{
	for (size_t i = 0; i < xs_plan_node_count(plan); i++) {
		struct xs_image *image;

		must(!xs_image_build(plan, i, &image));
		xs_image_free(image);
	}
}

/* instead: by which mechanism, whatever the text says; NULL: what it says. */
static void try_as(const uint8_t *data, size_t size, const enum xs_implementation *instead)
{
	struct xs_past nothing = { 0 };
	struct xs_diag *diag = xs_diag_new("fuzz");
	struct xs_domain *domain = NULL;
	struct xs_plan *plan = NULL;
	int err;

	if (!diag)
		return;
	err = xs_domain_parse_as((const char *)data, size, XS_FORMAT_GUESS, instead, diag, &domain);
	must(!err || err == -EINVAL || err == -ENOMEM);
	must(!err == !!domain && (err != -EINVAL || xs_diag_errors(diag)) && (err || !xs_diag_errors(diag)));
	if (domain) {
		err = xs_plan_make(domain, &nothing, diag, &plan);
		must(!err == !!plan && (err != -EINVAL || xs_diag_errors(diag)));
	}
	if (plan)
		build_images(plan);
	xs_plan_free(plan);
	xs_domain_free(domain);
	xs_diag_free(diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const enum xs_implementation paging = XS_PAGING;

	try_as(data, size, NULL);
	try_as(data, size, &paging);
	return 0;
}
