/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_fill_page.c - a node's pages and pools in the maps, as images follow each other: who is found by a WAN address,
 * before what is former is withdrawn and after it.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/node/fill_private.h"
#include "maps/grace.h"
#include "maps/pool.h"
#include "selftests/bpf/fixture.h"

#define ELSEWHERE (-1) /* in no page of ours, and no user's */
#define NOBODY    0

struct scene {
	struct fixture *fixture;
	struct xs_fill *fill;
};

/* A slice's page: its WAN prefix is this, and its own the same from 10.0.0.0 on. */
struct page_spec {
	uint32_t slice;
	const char *mapped;
};

static struct xs_prefix prefix(const char *text)
{
	struct xs_prefix out = {};

	assert_int_equal(xs_prefix_parse(text, &out), 0);
	return out;
}

static struct xs_record head(unsigned int type)
{
	return (struct xs_record){ .type = (uint16_t)type, .size = xs_record_info(type)->size };
}

static void add_pages(struct xs_image_writer *writer, const struct page_spec *page, size_t count)
{
	for (size_t i = 0; i < count && page[i].slice; i++) {
		struct xs_rec_slice slice = {
			.head = head(XS_REC_SLICE), .id = page[i].slice, .vrf_id = page[i].slice, .vrf = "v"
		};
		struct xs_rec_page record = { .head = head(XS_REC_PAGE),
					      .slice = page[i].slice,
					      .id = i + 1,
					      .prefix = prefix(page[i].mapped),
					      .mapped = prefix(page[i].mapped) };

		slice.name[0] = 'a' + page[i].slice;
		assert_true(xs_image_writer_add(writer, &slice) == 0 || (i && page[i - 1].slice == page[i].slice));
		record.prefix.bytes[0] = record.prefix.family == XS_IPV4 ? 10 : 0xfc;
		assert_int_equal(xs_image_writer_add(writer, &record), 0);
	}
}

/* Both lists end by NULL. */
static struct xs_image *image_of(const struct page_spec page[4], const char *const pool[4])
{
	const struct xs_rec_node node = { .head = head(XS_REC_NODE), .blocks = 1024, .cells = 16 };
	struct xs_image_writer *writer = xs_image_writer_new("R1");
	struct xs_image *image = NULL;
	void *bytes;
	size_t size;

	assert_int_equal(xs_image_writer_add(writer, &node), 0);
	add_pages(writer, page, 4);
	for (size_t i = 0; i < 4 && pool[i]; i++) {
		const struct xs_rec_pool record = { .head = head(XS_REC_POOL), .prefix = prefix(pool[i]) };

		assert_int_equal(xs_image_writer_add(writer, &record), 0);
	}
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), 0);
	xs_image_writer_free(writer);
	assert_int_equal(xs_image_read(bytes, size, &image, NULL), 0);
	free(bytes);
	return image;
}

static void make(struct scene *scene, const struct page_spec page[4], const char *const pool[4])
{
	struct xs_image *image = image_of(page, pool);
	char error[512] = "";

	assert_int_equal(xs_fill_pages(scene->fill, image, error), 0);
	xs_image_free(image);
}

static void withdraw(struct scene *scene, const struct page_spec page[4], const char *const pool[4])
{
	struct xs_image *image = image_of(page, pool);

	assert_int_equal(xs_fill_withdraw_pages(scene->fill, image), 0);
	xs_image_free(image);
}

/* The slice whose page the address is in, as the datapath finds it; or ELSEWHERE, or NOBODY. */
static int found(struct scene *scene, const char *text)
{
	const struct xs_prefix host = prefix(text);
	struct xs_slice wan;
	struct xs_page page;
	uint32_t leaf;

	assert_int_equal(xs_node_maps_get(&scene->fixture->maps, XS_MAP_slice, 0, &wan), 0);
	if (!xs_tables_lookup(xs_node_maps_tables(&scene->fixture->maps), wan.page_root[xs_family_index(host.family)],
			      host.bytes, xs_family_bits(host.family) / 8, &leaf))
		return NOBODY;
	assert_int_equal(xs_node_maps_get(&scene->fixture->maps, XS_MAP_page, leaf, &page), 0);
	return page.slice ? page.slice : ELSEWHERE;
}

static unsigned int entries(struct scene *scene)
{
	const struct xs_page none = {};
	unsigned int count = 0;
	struct xs_page page;

	for (uint32_t id = 1; id < scene->fixture->maps.entries[XS_MAP_page]; id++) {
		assert_int_equal(xs_node_maps_get(&scene->fixture->maps, XS_MAP_page, id, &page), 0);
		count += memcmp(&page, &none, sizeof(page)) != 0;
	}
	return count;
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	void *fixture = NULL;

	assert_non_null(scene);
	fixture_setup(&fixture);
	scene->fixture = fixture;
	scene->fill = xs_fill_new(&scene->fixture->maps, scene->fixture->pool, scene->fixture->space);
	assert_non_null(scene->fill);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;
	void *fixture = scene->fixture;

	xs_fill_free(scene->fill);
	fixture_teardown(&fixture);
	free(scene);
	return 0;
}

/* A pool has what no page has; and goes, and comes back, as images say. */
static void pools_shut_what_no_page_has(void **state)
{
	struct scene *scene = *state;
	const struct page_spec one[4] = { { 1, "100.64.0.0/16" }, { 1, "fd00:64::/64" } };
	const char *const both[4] = { "100.64.0.0/10", "fd00:64::/32", "198.18.0.0/24" }, *const none[4] = {};

	for (int round = 0; round < 2; round++) {
		make(scene, one, both);
		withdraw(scene, one, both);
		assert_int_equal(found(scene, "100.64.0.1"), 1);
		assert_int_equal(found(scene, "100.65.0.1"), ELSEWHERE);
		assert_int_equal(found(scene, "fd00:64::1"), 1);
		assert_int_equal(found(scene, "fd00:64:1::1"), ELSEWHERE);
		assert_int_equal(found(scene, "198.18.0.1"), ELSEWHERE);
		assert_int_equal(found(scene, "198.18.1.1"), NOBODY);
		assert_int_equal(entries(scene), 3);
		make(scene, one, none);
		withdraw(scene, one, none);
		assert_int_equal(found(scene, "100.64.0.1"), 1);
		assert_int_equal(found(scene, "100.65.0.1"), NOBODY);
		assert_int_equal(found(scene, "198.18.0.1"), NOBODY);
		assert_int_equal(entries(scene), 2);
	}
}

/* A page with a pool's own prefix, or over it, is found until it is withdrawn; then the pool is. */
static void pools_hide_no_page(void **state)
{
	struct scene *scene = *state;
	const char *const pool[4] = { "100.64.0.0/16" }, *const none[4] = {};
	const struct page_spec same[4] = { { 1, "100.64.0.0/16" } }, over[4] = { { 2, "100.0.0.0/8" } },
			       nothing[4] = {};

	make(scene, same, pool);
	assert_int_equal(found(scene, "100.64.0.1"), 1);
	make(scene, nothing, pool);
	assert_int_equal(found(scene, "100.64.0.1"), 1);
	withdraw(scene, nothing, pool);
	assert_int_equal(found(scene, "100.64.0.1"), ELSEWHERE);
	make(scene, same, pool);
	withdraw(scene, same, pool);
	assert_int_equal(found(scene, "100.64.0.1"), 1);
	make(scene, over, none);
	withdraw(scene, over, none);
	assert_int_equal(found(scene, "100.64.0.1"), 2);
	make(scene, nothing, pool);
	assert_int_equal(found(scene, "100.64.0.1"), 2);
	/* It did not come to that: what was, is. */
	make(scene, over, none);
	withdraw(scene, over, none);
	assert_int_equal(found(scene, "100.64.0.1"), 2);
	make(scene, nothing, pool);
	withdraw(scene, nothing, pool);
	assert_int_equal(found(scene, "100.64.0.1"), ELSEWHERE);
	assert_int_equal(found(scene, "100.65.0.1"), NOBODY);
	make(scene, nothing, none);
	withdraw(scene, nothing, none);
	assert_int_equal(found(scene, "100.64.0.1"), NOBODY);
	assert_int_equal(entries(scene), 0);
}

/* A former agent's are kept until ours are there, and then go. */
static void pools_of_a_former_agent(void **state)
{
	struct scene *scene = *state, next = { .fixture = scene->fixture };
	const struct page_spec one[4] = { { 1, "100.64.0.0/16" } };
	const char *const pool[4] = { "100.64.0.0/10" };

	make(scene, one, pool);
	next.fill = xs_fill_new(&scene->fixture->maps, scene->fixture->pool, scene->fixture->space);
	assert_non_null(next.fill);
	make(&next, one, pool);
	assert_int_equal(entries(&next), 4);
	withdraw(&next, one, pool);
	assert_int_equal(entries(&next), 2);
	assert_int_equal(found(&next, "100.65.0.1"), ELSEWHERE);
	xs_fill_free(next.fill);
}

static unsigned int read_meanwhile;

static void read_on(void *context)
{
	struct scene *scene = context;

	assert_int_equal(found(scene, "100.64.0.1"), NOBODY);
	read_meanwhile = entries(scene);
	xs_grace();
}

/* Whoever found a page's entry before it was withdrawn may read it for a grace period. */
static void what_goes_is_read_to_the_end(void **state)
{
	struct scene *scene = *state;
	const struct page_spec one[4] = { { 1, "100.64.0.0/16" } }, nothing[4] = {};
	const char *const none[4] = {};

	make(scene, one, none);
	withdraw(scene, one, none);
	assert_int_equal(entries(scene), 1);
	read_meanwhile = 0;
	scene->fixture->pool->grace = read_on;
	scene->fixture->pool->context = scene;
	withdraw(scene, nothing, none);
	scene->fixture->pool->grace = NULL;
	assert_int_equal(read_meanwhile, 1);
	assert_int_equal(entries(scene), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pools_shut_what_no_page_has, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pools_hide_no_page, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pools_of_a_former_agent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_goes_is_read_to_the_end, set_up, tear_down),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
