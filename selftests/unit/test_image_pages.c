/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_image_pages.c - what an image has of paging: read as it was written, and every way of being wrong refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/contract.h"
#include "selftests/unit/image_fixture.h"

static void add_page(struct xs_image_writer *writer, uint32_t id, uint32_t uplink, const char *prefix,
		     const char *mapped)
{
	struct xs_rec_page page = {
		.head = image_head(XS_REC_PAGE),
		.slice = 7,
		.prefix = image_prefix(prefix),
		.id = id,
		.uplink = uplink,
		.mapped = image_prefix(mapped),
	};

	if (uplink)
		page.own = image_address(page.prefix.family == XS_IPV6 ? "2001:db8::1" : "10.0.0.1");
	image_add(writer, &page);
}

/* Behind the good image's four virtual ports: 400 the uplink, 401 the WAN's by port 5. */
static struct xs_image_writer *paged_writer(void)
{
	const struct xs_rec_vport uplink = {
		.head = image_head(XS_REC_VPORT),
		.id = 400,
		.kind = XS_VPORT_UPLINK,
		.slice = 7,
		.mtu = 1500,
		.name = "wan",
		.mac = image_mac(6),
		.relay = image_mac(7),
		.peer = { image_address(XS_UPLINK_PEER4), image_address(XS_UPLINK_PEER6) },
	};
	const struct xs_rec_vport wan = {
		.head = image_head(XS_REC_VPORT),
		.id = 401,
		.kind = XS_VPORT_WAN,
		.port = 5,
		.mtu = 1500,
		.name = "wide",
	};
	const struct xs_rec_port port = {
		.head = image_head(XS_REC_PORT),
		.id = 5,
		.wan = 1,
		.name = "wide",
		.interface = "wide",
		.mtu = 1500,
	};
	const struct xs_rec_address own = { .head = image_head(XS_REC_ADDRESS),
					    .slice = 7,
					    .prefix = image_prefix("10.1.3.2") };
	const struct xs_rec_address node = { .head = image_head(XS_REC_ADDRESS), .prefix = image_prefix("100.70.0.1") };
	const struct xs_rec_pool pool = { .head = image_head(XS_REC_POOL), .prefix = image_prefix("100.64.0.0/10") };
	const struct xs_rec_pool far = { .head = image_head(XS_REC_POOL), .prefix = image_prefix("198.18.9.0/24") };
	struct xs_image_writer *writer = image_good_writer();

	image_add(writer, &pool);
	image_add(writer, &far);
	image_add(writer, &uplink);
	image_add(writer, &wan);
	image_add(writer, &port);
	image_add(writer, &own);
	image_add(writer, &node);
	add_page(writer, 1, 400, "10.0.0.0/16", "100.64.0.0/16");
	add_page(writer, 2, 0, "10.1.3.0/24", "100.65.0.0/24");
	add_page(writer, 3, 400, "10.1.3.2", "100.65.0.2");
	add_page(writer, 4, 400, "2001:db8::/64", "fd00::/64");
	return writer;
}

static uint8_t *paged(size_t *size)
{
	struct xs_image_writer *writer = paged_writer();
	void *bytes = NULL;

	assert_int_equal(xs_image_writer_finish(writer, &bytes, size), 0);
	xs_image_writer_free(writer);
	return bytes;
}

static const struct image_mutation mutations[] = {
	IMAGE_MUTATE(PORT, port, 4, wan, 0, "by a port"),
	IMAGE_MUTATE(PORT, port, 4, user, 1, "port: number"),
	IMAGE_BYTE(PORT, port, 4, exit, 0, 1, "port: number"),
	IMAGE_MUTATE(PORT, port, 0, wan, 1, "without a virtual port"),
	IMAGE_MUTATE(PORT, port, 4, labelled, 1, NULL),

	IMAGE_MUTATE(VPORT, vport, 4, slice, 0, "of a slice that is not there"),
	IMAGE_MUTATE(VPORT, vport, 4, port, 5, "by a port"),
	IMAGE_MUTATE(VPORT, vport, 4, edge, 3, "an edge where there is none"),
	IMAGE_MUTATE(VPORT, vport, 4, vid, 5, "another VLAN"),
	IMAGE_BYTE(VPORT, vport, 4, relay, 0, 1, "bad MAC"),
	IMAGE_BYTE(VPORT, vport, 4, length, 0, 1, "bad address"),
	IMAGE_BYTE(VPORT, vport, 4, peer, 4, 1, "bad address"),
	IMAGE_BYTE(VPORT, vport, 4, address, 0, XS_IPV4, "bad address"),
	IMAGE_BYTE(VPORT, vport, 4, shared, 0, XS_IPV4, "bad address"),
	IMAGE_MUTATE(VPORT, vport, 5, slice, 7, "of a slice that is not there"),
	IMAGE_MUTATE(VPORT, vport, 5, port, 1, "by a port"),
	IMAGE_BYTE(VPORT, vport, 5, mac, 0, 2, "bad MAC"),
	IMAGE_BYTE(VPORT, vport, 5, relay, 0, 2, "bad MAC"),
	IMAGE_BYTE(VPORT, vport, 5, peer, 0, XS_IPV4, "bad address"),

	IMAGE_MUTATE(PAGE, page, 0, id, 0, "page: number"),
	IMAGE_MUTATE(PAGE, page, 0, id, XS_PAGE_ID_MAX + 1, "page: number"),
	IMAGE_MUTATE(PAGE, page, 0, id, 2, "page: two have the same id"),
	IMAGE_BYTE(PAGE, page, 0, pad, 0, 1, "page: number"),
	IMAGE_MUTATE(PAGE, page, 3, slice, 8, "page: of a slice that is not there"),
	IMAGE_MUTATE(PAGE, page, 0, uplink, 401, "page: by an uplink"),
	IMAGE_MUTATE(PAGE, page, 0, uplink, 0, "page: an own address"),
	IMAGE_MUTATE(PAGE, page, 1, uplink, 400, "page: bad own address"),
	IMAGE_BYTE(PAGE, page, 0, own, 0, XS_IPV6, "page: bad own address"),
	IMAGE_BYTE(PAGE, page, 0, prefix, 1, 17, "page: bad prefix"),
	IMAGE_BYTE(PAGE, page, 0, mapped, 1, 17, "page: bad prefix"),
	IMAGE_BYTE(PAGE, page, 0, mapped, 6, 1, "page: bad prefix"),
	IMAGE_BYTE(PAGE, page, 0, mapped, 0, XS_IPV6, "page: bad prefix"),
	/* In the WAN over another; a part elsewhere than its page's, or another address of it. */
	IMAGE_BYTE(PAGE, page, 0, mapped, 5, 65, "page: two overlap"),
	IMAGE_BYTE(PAGE, page, 1, mapped, 5, 64, "page: two overlap"),
	IMAGE_BYTE(PAGE, page, 2, mapped, 5, 66, "page: two overlap"),
	IMAGE_BYTE(PAGE, page, 2, mapped, 7, 3, "page: two overlap"),
	IMAGE_BYTE(PAGE, page, 0, mapped, 5, 66, NULL),

	IMAGE_MUTATE(ADDRESS, address, 1, slice, 8, "address: of a slice"),
	IMAGE_BYTE(ADDRESS, address, 0, prefix, 1, 31, "address: not one address"),
	IMAGE_BYTE(ADDRESS, address, 0, prefix, 0, XS_IPV6, "address: not one address"),

	IMAGE_BYTE(POOL, pool, 1, prefix, 0, 5, "pool: bad prefix"),
	IMAGE_BYTE(POOL, pool, 0, prefix, 1, 9, "pool: bad prefix"),
	IMAGE_BYTE(POOL, pool, 1, prefix, 1, 33, "pool: bad prefix"),
	IMAGE_MUTATE(POOL, pool, 0, written, 1, NULL),
	IMAGE_MUTATE(POOL, pool, 0, written, 2, "pool: number"),
};

static void test_refuse(void **state)
{
	size_t size;
	uint8_t *bytes = paged(&size);

	image_refuse_all(bytes, size, mutations, sizeof(mutations) / sizeof(mutations[0]));
	free(bytes);
}

static void test_double(void **state)
{
	const struct xs_rec_vport second = {
		.head = image_head(XS_REC_VPORT),
		.id = 402,
		.kind = XS_VPORT_UPLINK,
		.slice = 7,
		.mtu = 1500,
		.name = "wan2",
		.mac = image_mac(8),
		.relay = image_mac(9),
	};
	struct xs_image_writer *writer = paged_writer();
	void *bytes = NULL;
	size_t size;

	image_add(writer, &second);
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
	/* The same WAN prefix for two. */
	writer = paged_writer();
	add_page(writer, 9, 0, "10.2.0.0/16", "100.64.0.0/16");
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
	/* A part of a slice's page, mapped by a page of its own. */
	writer = paged_writer();
	add_page(writer, 9, 0, "10.0.7.0/24", "100.99.0.0/24");
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
}

static void test_read(void **state)
{
	struct {
		uint32_t slice;
		struct xs_prefix prefix;
	} key = { .slice = 7, .prefix = image_prefix("10.1.3.2") };
	struct xs_image *image = NULL;
	const struct xs_rec_page *page;
	char text[XS_PREFIX_TEXT];
	size_t size;
	uint8_t *bytes = paged(&size);

	assert_int_equal(xs_image_read(bytes, size, &image, NULL), 0);
	page = xs_image_find(image, XS_REC_PAGE, &key);
	assert_non_null(page);
	assert_string_equal(xs_prefix_text(&page->mapped, text), "100.65.0.2/32");
	assert_int_equal(page->uplink, 400);
	assert_non_null(xs_image_find(image, XS_REC_ADDRESS, &key));
	xs_image_free(image);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_double),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
