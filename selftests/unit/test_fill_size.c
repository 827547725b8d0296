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
#include "maps/pool.h"
#include "selftests/unit/model_dump.h"
#include "selftests/unit/plan_fixture.h"
#include "selftests/unit/table_memory.h"

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

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

#define SLICES 300

static char *many_slices(void)
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "node:\n  - {name: N1, port: [{name: b, peer: N2/a}]}\n  - {name: N2, port: [{name: a, peer: "
		     "N1/b}]}\nslice:\n");
	for (int i = 0; i < SLICES; i++)
		fprintf(out,
			"  - name: s%d\n"
			"    vrf:\n"
			"      - {name: v1, node: N1, route: [{prefix: 10.10.0.0/16, via: 10.1.2.2}, {prefix: "
			"0.0.0.0/0, via: 10.1.3.2},\n"
			"         {prefix: \"2001:db8:10::/64\", via: \"2001:db8:1:2::2\"}, {prefix: \"::/0\", via: "
			"\"2001:db8:1:3::2\"}]}\n"
			"      - {name: v2, node: N2}\n"
			"    link:\n"
			"      - {name: a%d, ends: [v1, v2], subnet: [10.1.2.0/24, \"2001:db8:1:2::/64\"]}\n"
			"      - {name: b%d, ends: [v1, v2], subnet: [10.1.3.0/24, \"2001:db8:1:3::/64\"]}\n",
			i, i, i);
	fclose(out);
	return text;
}

static void put(struct xs_table *table[XS_FAMILIES], const struct xs_prefix *prefix)
{
	assert_int_equal(xs_table_set(table[xs_family_index(prefix->family)], prefix->bytes, prefix->length, 1), 0);
}

/* What the kernel has of a virtual port: subnet, own address, all's, the other end's. */
static void put_port(struct xs_table *table[XS_FAMILIES], const struct xs_rec_vport *vport, unsigned int family)
{
	struct xs_prefix subnet = xs_prefix_mask(&vport->address[family], vport->length[family]);
	struct xs_prefix host = xs_prefix_of_host(&vport->address[family]);
	unsigned int last = xs_family_bits(vport->address[family].family) / 8 - 1;

	put(table, &subnet);
	put(table, &host);
	host.bytes[last] ^= 3;
	put(table, &host);
	host.bytes[last] = family == XS_FAMILY4 ? 255 : 0;
	put(table, &host);
}

/* Tables of all slices take no more than half the blocks that the plan sets aside, and not much less. */
static void test_blocks_are_enough(void **state)
{
	char *text = many_slices();
	struct made *made = made_new(text, NULL, 0);
	const struct xs_image *image = made->image[0];
	struct xs_datapath_size size;
	struct xs_tables tables;
	struct xs_table *table[SLICES + 1][XS_FAMILIES];
	const struct xs_rec_vport *vport;
	const struct xs_rec_route *route;
	struct xs_pool *pool;

	xs_fill_size(image, &size);
	tables = new_tables(size.blocks, size.guards);
	pool = xs_pool_new(tables, NULL, NULL);
	assert_non_null(pool);
	for (int i = 1; i <= SLICES; i++)
		for (unsigned int f = 0; f < XS_FAMILIES; f++)
			table[i][f] = xs_table_new(pool, xs_family_bits(xs_family_at(f)) / 8);
	for (size_t i = 0; (route = xs_image_at(image, XS_REC_ROUTE, i)); i++)
		put(table[route->slice], &route->prefix);
	for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
		for (unsigned int f = 0; f < XS_FAMILIES; f++)
			put_port(table[vport->slice], vport, f);
	print_message("%u of %u blocks, %u of %u guards\n", xs_pool_used(pool), tables.blocks,
		      xs_pool_guards_used(pool), tables.guards);
	assert_true(xs_pool_used(pool) <= tables.blocks / 2);
	assert_true(xs_pool_used(pool) > tables.blocks / 8);
	assert_true(xs_pool_guards_used(pool) <= tables.guards / 2);
	for (int i = 1; i <= SLICES; i++)
		for (unsigned int f = 0; f < XS_FAMILIES; f++)
			xs_table_free(table[i][f]);
	xs_pool_free(pool);
	free_tables(tables);
	made_free(made);
	free(text);
}

/* ---- guards ---------------------------------------------------------------------------------------------------- */

#define FAR_ROUTES 20000

/* /48 to /64, far from each other. */
static struct xs_prefix far_route(uint32_t i)
{
	struct xs_address address = { .family = xs_family_at(XS_FAMILY6), .bytes = { 0x20, 0x01 } };
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z ^= z >> 27;
	for (unsigned int byte = 2; byte < 8; byte++)
		address.bytes[byte] = z >> 8 * (byte - 2);
	return xs_prefix_mask(&address, 48 + i % 17);
}

static char *many_routes(void)
{
	char text[XS_PREFIX_TEXT], *definition;
	size_t size;
	FILE *out = open_memstream(&definition, &size);

	fprintf(out, "node:\n  - {name: N1, port: [{name: b, peer: N2/a}]}\n  - {name: N2, port: [{name: a, peer: "
		     "N1/b}]}\nslice:\n  - name: s\n    link: [{name: l, ends: [v1, v2], subnet: \"2001:db8::/64\"}]\n"
		     "    vrf:\n      - {name: v2, node: N2}\n      - name: v1\n        node: N1\n        route:\n");
	for (uint32_t i = 0; i < FAR_ROUTES; i++) {
		struct xs_prefix prefix = far_route(i);

		fprintf(out, "          - {prefix: \"%s\", via: \"2001:db8::2\"}\n", xs_prefix_text(&prefix, text));
	}
	fclose(out);
	return definition;
}

/* No route takes blocks because guards lack, and the maps are not made much larger than what is taken. */
static void test_guards_are_enough(void **state)
{
	char *text = many_routes();
	struct made *made = made_new(text, NULL, 0);
	struct xs_table *table[XS_FAMILIES] = { NULL };
	struct xs_datapath_size size;
	struct xs_tables tables;
	struct xs_pool *pool;
	size_t bytes;

	xs_fill_size(made->image[0], &size);
	tables = new_tables(size.blocks, size.guards);
	pool = xs_pool_new(tables, NULL, NULL);
	assert_non_null(pool);
	table[XS_FAMILY6] = xs_table_new(pool, 16);
	for (uint32_t i = 0; i < FAR_ROUTES; i++) {
		struct xs_prefix prefix = far_route(i);

		put(table, &prefix);
	}
	bytes = xs_pool_used(pool) * sizeof(struct xs_block) + xs_pool_guards_used(pool) * sizeof(struct xs_guard);
	print_message("%u routes: %u of %u blocks, %u of %u guards, %zu bytes each\n", FAR_ROUTES, xs_pool_used(pool),
		      size.blocks, xs_pool_guards_used(pool), size.guards, bytes / FAR_ROUTES);
	assert_true(bytes / FAR_ROUTES < 100);
	assert_true(xs_pool_guards_used(pool) <= size.guards / 2);
	assert_true(xs_pool_guards_used(pool) > size.guards / 8);
	xs_table_free(table[XS_FAMILY6]);
	xs_pool_free(pool);
	free_tables(tables);
	made_free(made);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_spare_serves_figure7),
		cmocka_unit_test(test_blocks_are_enough),
		cmocka_unit_test(test_guards_are_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
