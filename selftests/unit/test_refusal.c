/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_refusal.c - what is said where a kernel does not take the datapath: of one that is too old, that it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "loader/node/internal.h"
#include "loader/node/refusal.h"

static const char complaint[] = "prog 'xdp_port': BPF program load failed: Invalid argument";
static char error[XS_NODE_ERROR];

static void expect_said(const char *release, const char *kernel)
{
	char expected[XS_NODE_ERROR];

	assert_int_equal(xs_explain_kernel(-EINVAL, complaint, release, error), -EINVAL);
	snprintf(expected, sizeof(expected), "the kernel%s refuses the datapath: Invalid argument (%s)", kernel, complaint);
	assert_string_equal(error, expected);
}

static void an_old_kernel_is_told_its_age(void **state)
{
	expect_said("5.10.0-46-amd64", " 5.10.0-46-amd64, older than the 6.1 that xslice needs,");
	expect_said("5.19", " 5.19, older than the 6.1 that xslice needs,");
	expect_said("6.0.12", " 6.0.12, older than the 6.1 that xslice needs,");
}

static void others_are_not(void **state)
{
	expect_said("6.1.0-30-amd64", "");
	expect_said("6.18.5", "");
	expect_said("10.0.0", "");
	expect_said("", "");
}

static void a_long_release_fits(void **state)
{
	expect_said("4.19.0-123456789.123456789.123456789.123456789", " 4.19.0-123456789.123456789.123456789.123, older than the 6.1 that xslice needs,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_old_kernel_is_told_its_age),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(a_long_release_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
