/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_fill_size.c - sizes of the maps: the datapath that an agent without anything loads before it is needed must
 * serve for an image of usual size, or a first apply waits for the verifier all the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "loader/node/fill.h"
#include "selftests/unit/model_dump.h"
#include "selftests/unit/plan_fixture.h"

static void assert_spare_serves(const char *path)
{
	struct xs_datapath_size wanted, spare;
	const uint32_t *each = (const uint32_t *)&wanted, *has = (const uint32_t *)&spare;
	size_t size;
	char *text = model_slurp(path, &size);
	struct made *made = made_new(text, NULL, 0);

	xs_fill_size_spare(&spare);
	for (size_t node = 0; node < 3; node++) {
		xs_fill_size(made->image[node], &wanted);
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*each); i++)
			if (each[i] > has[i])
				fail_msg("%s, node %zu: size %zu is %u, and the spare's %u", path, node, i, each[i],
					 has[i]);
	}
	made_free(made);
	free(text);
}

static void test_the_spare_serves_figure7(void **state)
{
	assert_spare_serves("docs/examples/figure7.yaml");
	assert_spare_serves("docs/examples/figure7-v6.yaml");
	assert_spare_serves("docs/examples/figure7-dual.yaml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_spare_serves_figure7),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
