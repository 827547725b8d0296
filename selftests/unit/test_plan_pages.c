/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_plan_pages.c - out of which pools pages are given, and that they stay: whoever comes or goes, however many there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "selftests/unit/plan_fixture.h"

/* ---- pages stay ---- */

#define TOP                                                                                                            \
	"implementation: paging\n"                                                                                     \
	"node: [{name: R1, port: [{name: a}, {name: b}, {name: c}, {name: d}]}]\n"

#define SLICE(name, port, rest)                                                                                        \
	"  - {name: " name ", vrf: [{name: v, node: R1}], gateway: [{name: g, vrf: v, port: " port ", " rest "}]}\n"

static const char *mapped(const struct made *made, const char *slice, const char *prefix)
{
	return made_page(made->image[0], slice, prefix);
}

static void test_pages_stay(void **state)
{
	const char *three = TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24") SLICE("B", "b", "subnet: 10.0.0.0/24")
		SLICE("C", "c", "subnet: 10.0.0.0/24");
	const char *without_b =
		TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24") SLICE("C", "c", "subnet: 10.0.0.0/24");
	const char *with_d = TOP "slice:\n" SLICE("D", "d", "subnet: 10.0.0.0/24")
		SLICE("C", "c", "subnet: 10.0.0.0/24") SLICE("A", "a", "subnet: 10.0.0.0/24");
	const char *swapped = TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24")
		SLICE("D", "d", "subnet: 10.0.0.0/24") SLICE("C", "c", "subnet: 10.0.0.0/24");
	struct made *first = made_new(three, NULL, 0), *again = made_new(three, first, 0);
	struct made *gone = made_new(without_b, first, 0), *in_one = made_new(swapped, first, 0);
	struct made *came = made_new(with_d, gone, 0), *back = made_new(three, gone, 0);

	assert_string_equal(mapped(first, "A", "10.0.0.0/24"), "100.64.0.0/24 here in the name of 10.0.0.1");
	assert_string_equal(mapped(first, "B", "10.0.0.0/24"), "100.64.1.0/24 here in the name of 10.0.0.1");
	/* Same input, same bytes. */
	assert_int_equal(first->ledger_size, again->ledger_size);
	assert_memory_equal(first->ledger, again->ledger, first->ledger_size);
	assert_memory_equal(first->bytes[0], again->bytes[0], first->size[0]);
	/* Nobody moves, whoever goes or comes, and in whatever order they stand. */
	assert_string_equal(mapped(gone, "C", "10.0.0.0/24"), "100.64.2.0/24 here in the name of 10.0.0.1");
	assert_string_equal(mapped(came, "C", "10.0.0.0/24"), "100.64.2.0/24 here in the name of 10.0.0.1");
	/* What this very change frees is not given away in it, what the one before did is, or goes back. */
	assert_string_equal(mapped(in_one, "D", "10.0.0.0/24"), "100.64.3.0/24 here in the name of 10.0.0.1");
	assert_string_equal(mapped(came, "D", "10.0.0.0/24"), "100.64.1.0/24 here in the name of 10.0.0.1");
	assert_string_equal(mapped(back, "B", "10.0.0.0/24"), "100.64.1.0/24 here in the name of 10.0.0.1");
	made_free(first);
	made_free(again);
	made_free(gone);
	made_free(in_one);
	made_free(came);
	made_free(back);
}

/* B's block was given to D meanwhile. */
static void test_lost_for_good(void **state)
{
	const char *b = TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24") SLICE("B", "b", "subnet: 10.0.0.0/24");
	const char *none = TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24");
	const char *d = TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24") SLICE("D", "d", "subnet: 10.0.0.0/25");
	const char *both = TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24") SLICE("B", "b", "subnet: 10.0.0.0/24")
		SLICE("D", "d", "subnet: 10.0.0.0/25");
	struct made *first = made_new(b, NULL, 0), *second = made_new(none, first, 0);
	struct made *third = made_new(d, second, 0), *fourth = made_new(both, third, 0);

	assert_string_equal(mapped(third, "D", "10.0.0.0/25"), "100.64.1.0/25 here in the name of 10.0.0.1");
	assert_string_equal(mapped(fourth, "D", "10.0.0.0/25"), "100.64.1.0/25 here in the name of 10.0.0.1");
	assert_string_equal(mapped(fourth, "B", "10.0.0.0/24"), "100.64.2.0/24 here in the name of 10.0.0.1");
	made_free(first);
	made_free(second);
	made_free(third);
	made_free(fourth);
}

/* A written prefix goes before what another was given; that one moves, and its old block is nobody else's meanwhile. */
static void test_written(void **state)
{
	const char *before = TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24");
	const char *after = TOP "slice:\n" SLICE(
		"A", "a", "subnet: 10.0.0.0/24") "  - {name: B, vrf: [{name: v, node: R1}], gateway: [{name: g, vrf: "
						 "v, port: b, subnet: 10.0.0.0/25}],\n"
						 "     page: [{prefix: 10.0.0.0/25, mapped: 100.64.0.0/25}]}\n" SLICE(
							 "C", "c", "subnet: 10.0.0.0/25");
	const char *other_pool = "pool: [172.16.0.0/12]\n" TOP "slice:\n" SLICE("A", "a", "subnet: 10.0.0.0/24");
	struct made *first = made_new(before, NULL, 0), *second = made_new(after, first, 0);
	struct made *third = made_new(other_pool, first, 0);

	assert_non_null(
		strstr(second->faults, "mapped: 100.64.0.0/25 is that of page A 10.0.0.0/24 until this change"));
	assert_string_equal(first->faults, "");
	assert_string_equal(mapped(second, "B", "10.0.0.0/25"), "100.64.0.0/25 here in the name of 10.0.0.1");
	assert_string_equal(mapped(second, "A", "10.0.0.0/24"), "100.64.1.0/24 here in the name of 10.0.0.1");
	assert_string_equal(mapped(second, "C", "10.0.0.0/25"), "100.64.2.0/25 here in the name of 10.0.0.1");
	assert_string_equal(mapped(third, "A", "10.0.0.0/24"), "172.16.0.0/24 here in the name of 10.0.0.1");
	made_free(first);
	made_free(second);
	made_free(third);
}

/* One written page over several subnets: the whole, and what of it is here. */
static void test_large_page(void **state)
{
	const char *text =
		"implementation: paging\n"
		"node: [{name: R1, port: [{name: a}, {name: w, mtu: 9000}]}, {name: R2, port: [{name: a}]}]\n"
		"slice:\n"
		"  - name: P\n"
		"    vrf:\n"
		"      - {name: P1, node: R1, route: [{prefix: 10.7.1.0/24, via: 10.1.0.9}]}\n"
		"      - {name: P2, node: R2}\n"
		"    link: [{name: l, ends: [P1, P2], subnet: 10.1.2.0/31}]\n"
		"    gateway:\n"
		"      - {name: g1, vrf: P1, port: a, subnet: 10.1.0.0/24, behind: [{prefix: 10.9.0.0/16, via: "
		"10.1.0.9}]}\n"
		"      - {name: g2, vrf: P2, port: a, subnet: 10.8.0.0/16}\n"
		"    page: [{prefix: 10.0.0.0/8, mapped: 126.0.0.0/8}]\n";
	struct made *made = made_new(text, NULL, 0);
	const struct xs_image *r1 = made->image[0], *r2 = made->image[1];
	const struct xs_p_vrf *p1 = made_vrf(made, "P", "R1");

	assert_string_equal(made_page(r1, "P", "10.0.0.0/8"), "126.0.0.0/8");
	assert_string_equal(made_page(r1, "P", "10.1.0.0/24"), "126.1.0.0/24 here in the name of 10.1.0.1");
	assert_string_equal(made_page(r1, "P", "10.9.0.0/16"), "126.9.0.0/16 here in the name of 10.1.0.1");
	assert_string_equal(made_page(r1, "P", "10.7.1.0/24"), "126.7.1.0/24 here in the name of 10.1.0.1");
	assert_string_equal(made_page(r1, "P", "10.1.2.0/32"), "126.1.2.0/32 here in the name of 10.1.0.1");
	assert_string_equal(made_page(r1, "P", "10.8.0.0/16"), "none");
	assert_string_equal(made_page(r2, "P", "10.8.0.0/16"), "126.8.0.0/16 here in the name of 10.8.0.1");
	assert_string_equal(made_page(r2, "P", "10.1.2.1/32"), "126.1.2.1/32 here in the name of 10.8.0.1");
	assert_string_equal(made_route(p1, "10.0.0.0/8"), "via link dev wan");
	assert_string_equal(made_route(p1, "10.7.1.0/24"), "via 10.1.0.9 dev g1");
	assert_string_equal(made_route(p1, "10.9.0.0/16"), "via 10.1.0.9 dev g1");
	/* As much as a WAN port takes; without one, what an Ethernet does. */
	assert_int_equal(made_vport(r1, XS_VPORT_UPLINK, "wan")->mtu, 9000);
	assert_int_equal(made_vport(r2, XS_VPORT_UPLINK, "wan")->mtu, 1500);
	made_free(made);
}

/* ---- pools ---- */

/* What users of a node may not have beside its own slices' pages. In a static buffer. */
static const char *pools(const struct xs_image *image)
{
	const struct xs_rec_pool *pool;
	static char text[512];
	char prefix[XS_PREFIX_TEXT];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; (pool = xs_image_at(image, XS_REC_POOL, i)); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s", used ? " " : "",
					 pool->written ? "page " : "", xs_prefix_text(&pool->prefix, prefix));
	return text;
}

/* Every node that has paging knows the pools that pages are out of; a default that none is out of is no pool. */
static void test_pools(void **state)
{
	struct made *made = made_by_paging(""), *dual = made_by_paging("-dual"), *other, *labels;
	const char *without_users =
		"implementation: paging\npool: [172.16.0.0/12, 100.64.0.0/16]\n"
		"node: [{name: R1, port: [{name: a}]}, {name: R2}]\n"
		"slice: [{name: P, vrf: [{name: v, node: R1}, {name: w, node: R2}], link: [{name: l, ends: [v, w], "
		"subnet: 10.1.2.0/24}],\n  gateway: [{name: g, vrf: v, port: a, subnet: 10.0.0.0/24}]}]\n";
	char *text;

	for (size_t i = 0; i < 3; i++)
		assert_string_equal(pools(made->image[i]), "100.64.0.0/10");
	assert_string_equal(pools(dual->image[0]), "100.64.0.0/10 fd78:736c:6963::/48");
	/* Where no user is, nobody is kept from anything. */
	other = made_new(without_users, NULL, 0);
	assert_string_equal(pools(other->image[0]), "100.64.0.0/16 172.16.0.0/12");
	assert_string_equal(pools(other->image[1]), "");
	made_free(other);
	text = figure7_with(NULL, "");
	labels = made_new(text, NULL, 0);
	assert_string_equal(pools(labels->image[2]), "");
	free(text);
	made_free(labels);
	made_free(dual);
	made_free(made);
}

/* What is written outside the pools is kept from users of all nodes, too; where the slice is, its page says it. */
static void test_pools_and_what_is_written(void **state)
{
	const char *text =
		"implementation: paging\npool: [100.64.0.0/16, 172.16.0.0/16]\n"
		"node: [{name: R1, port: [{name: a}]}, {name: R2, port: [{name: a}]}]\n"
		"slice:\n"
		"  - {name: P, vrf: [{name: v, node: R1}], gateway: [{name: g, vrf: v, port: a, subnet: 10.0.0.0/24}],\n"
		"     page: [{prefix: 10.0.0.0/24, mapped: 198.18.0.0/24}]}\n"
		"  - {name: Q, vrf: [{name: v, node: R2}], gateway: [{name: g, vrf: v, port: a, subnet: 10.0.0.0/24, behind: "
		"[{prefix: 10.32.0.0/12, via: 10.0.0.9}]}],\n"
		"     page: [{prefix: 10.0.0.0/24, mapped: 100.64.7.0/24}, {prefix: 10.32.0.0/12, mapped: 172.16.0.0/12}]}\n";
	struct made *made = made_new(text, NULL, 0);

	/* Of the pool 172.16/16 all is in Q's page, and Q's first page is in the other pool. */
	assert_string_equal(pools(made->image[0]), "100.64.0.0/16 page 172.16.0.0/12");
	assert_string_equal(pools(made->image[1]), "100.64.0.0/16 page 198.18.0.0/24");
	made_free(made);
}

/* ---- many ---- */

/* A thousand slices, of all sizes, in two pools: none overlaps another, and nobody moves as every third goes. */
static char *many(unsigned int skip)
{
	size_t room = 1 << 20, used;
	char *text = calloc(1, room);

	used = (size_t)snprintf(
		text, room,
		"implementation: paging\npool: [172.16.0.0/16, 100.64.0.0/12]\nnode:\n  - name: R1\n    port:\n");
	for (unsigned int i = 0; i < 1000; i++)
		used += (size_t)snprintf(text + used, room - used, "      - {name: p%u}\n", i);
	used += (size_t)snprintf(text + used, room - used, "slice:\n");
	for (unsigned int i = 0; i < 1000; i++) {
		if (skip && i % skip == 0)
			continue;
		used += (size_t)snprintf(
			text + used, room - used,
			"  - {name: s%u, vrf: [{name: v, node: R1}], gateway: [{name: g, vrf: v, port: p%u, "
			"subnet: 10.0.0.0/%u}]}\n",
			i, i, 22 + i % 8);
	}
	return text;
}

static int count_pages(void *context, enum xs_change change, const struct xs_record *before,
		       const struct xs_record *after)
{
	size_t *count = context;

	count[change] += (before ? before : after)->type == XS_REC_PAGE;
	return 0;
}

static void test_many(void **state)
{
	size_t gone[XS_CHANGED + 1] = { 0 }, back[XS_CHANGED + 1] = { 0 };
	char *all = many(0), *fewer = many(3);
	struct made *first = made_new(all, NULL, 0), *second = made_new(fewer, first, 0),
		    *third = made_new(all, second, 0);
	const struct xs_image *image = first->image[0];
	const struct xs_rec_page *one;

	assert_int_equal(image->count[XS_REC_PAGE], 1000);
	/* That none overlap the image's check has seen. */
	xs_image_diff(first->image[0], second->image[0], count_pages, gone);
	xs_image_diff(first->image[0], third->image[0], count_pages, back);
	assert_int_equal(gone[XS_REMOVED], 334);
	assert_int_equal(gone[XS_ADDED] + gone[XS_CHANGED], 0);
	assert_int_equal(back[XS_ADDED] + back[XS_CHANGED] + back[XS_REMOVED], 0);
	for (size_t i = 0; (one = xs_image_at(image, XS_REC_PAGE, i)); i++)
		assert_int_equal(one->prefix.length, one->mapped.length);
	made_free(first);
	made_free(second);
	made_free(third);
	free(all);
	free(fewer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_stay), cmocka_unit_test(test_lost_for_good),
		cmocka_unit_test(test_written),    cmocka_unit_test(test_large_page),
		cmocka_unit_test(test_pools),      cmocka_unit_test(test_pools_and_what_is_written),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
