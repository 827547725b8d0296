/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_image.c - an image is read back as it was written, and two are told apart. What is refused: test_image_refuse.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "selftests/unit/image_fixture.h"

/* ---- reading back ---- */

static void test_read_back(void **state)
{
	struct xs_image *image = NULL;
	const struct xs_rec_vport *vport;
	const struct xs_rec_condition *condition;
	uint32_t id = 300, none = 4, key[2] = { 1, 256 };
	size_t size, i;
	void *bytes = image_good(&size);
	const char *why = "unchanged";

	assert_int_equal(xs_image_read(bytes, size, &image, &why), 0);
	assert_string_equal(why, "unchanged");
	assert_string_equal(image->header->node, "R3");
	assert_int_equal(image->count[XS_REC_NODE], 1);
	assert_int_equal(image->count[XS_REC_PORT], 4);
	assert_int_equal(image->count[XS_REC_RESERVED], 2);
	assert_int_equal(image->count[XS_REC_VPORT], 4);
	assert_int_equal(image->count[XS_REC_CONDITION], 4);
	for (i = 1; i < image->header->record_count; i++)
		assert_true(xs_record_compare(image->record[i - 1], image->record[i]) < 0);
	vport = xs_image_find(image, XS_REC_VPORT, &id);
	assert_non_null(vport);
	assert_string_equal(vport->name, "MD");
	assert_null(xs_image_find(image, XS_REC_VPORT, &none));
	condition = xs_image_find(image, XS_REC_CONDITION, key);
	assert_non_null(condition);
	assert_int_equal(condition->position, 256);
	condition = xs_image_at(image, XS_REC_CONDITION, 3);
	assert_int_equal(condition->position, 300);
	assert_null(xs_image_at(image, XS_REC_CONDITION, 4));
	assert_null(xs_image_find(image, XS_REC_COUNT, &none));
	xs_image_free(image);
	free(bytes);
}

static void test_same_records_same_bytes(void **state)
{
	struct xs_image_writer *forward = xs_image_writer_new("R3"), *backward = xs_image_writer_new("R3");
	struct xs_image *image = NULL;
	void *bytes, *again = NULL;
	size_t size, again_size, i;

	bytes = image_good(&size);
	assert_int_equal(xs_image_read(bytes, size, &image, NULL), 0);
	for (i = 0; i < image->header->record_count; i++) {
		image_add(forward, image->record[i]);
		image_add(backward, image->record[image->header->record_count - 1 - i]);
	}
	assert_int_equal(xs_image_writer_finish(forward, &again, &again_size), 0);
	assert_int_equal(again_size, size);
	assert_memory_equal(again, bytes, size);
	free(again);
	assert_int_equal(xs_image_writer_finish(backward, &again, &again_size), 0);
	assert_int_equal(again_size, size);
	assert_memory_equal(again, bytes, size);
	free(again);
	xs_image_writer_free(forward);
	xs_image_writer_free(backward);
	xs_image_free(image);
	free(bytes);
}

static void test_writer_refuses(void **state)
{
	const struct xs_rec_proxy second = { .head = image_head(XS_REC_PROXY),
					     .edge = 3,
					     .prefix = image_prefix("10.1.3.0/24") };
	const struct xs_rec_proxy dangling = { .head = image_head(XS_REC_PROXY),
					       .edge = 4,
					       .prefix = image_prefix("10.1.3.0/24") };
	struct xs_rec_proxy wrong_size = second;
	struct xs_image_writer *writer = image_good_writer();
	void *bytes = (void *)1;
	size_t size = 5;

	wrong_size.head.size = 24;
	assert_int_equal(xs_image_writer_add(writer, &second), -EEXIST);
	assert_int_equal(xs_image_writer_add(writer, &wrong_size), -EINVAL);
	assert_int_equal(xs_image_writer_add(writer, &dangling), 0);
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	assert_ptr_equal(bytes, (void *)1);
	assert_int_equal(size, 5);
	xs_image_writer_free(writer);
}

/* ---- differences and names ---- */

struct seen {
	size_t count[XS_CHANGED + 1];
	unsigned int last_type;
	int stop;
};

static int see(void *context, enum xs_change change, const struct xs_record *before, const struct xs_record *after)
{
	struct seen *seen = context;
	unsigned int type = before ? before->type : after->type;

	assert_true(type >= seen->last_type);
	assert_true((before != NULL) == (change != XS_ADDED) && (after != NULL) == (change != XS_REMOVED));
	seen->last_type = type;
	seen->count[change]++;
	return seen->stop;
}

static void test_diff(void **state)
{
	size_t size, total;
	uint8_t *bytes = image_good(&size);
	struct xs_image *one = NULL, *two = NULL;
	struct seen seen = { 0 };
	struct xs_rec_vport *vport;
	struct xs_rec_proxy *proxy;

	assert_int_equal(xs_image_read(bytes, size, &one, NULL), 0);
	vport = (struct xs_rec_vport *)image_record_at(bytes, size, XS_REC_VPORT, 0);
	vport->mtu = 1400;
	proxy = (struct xs_rec_proxy *)image_record_at(bytes, size, XS_REC_PROXY, 0);
	proxy->prefix = image_prefix("10.9.0.0/16");
	image_reseal(bytes, size);
	assert_int_equal(xs_image_read(bytes, size, &two, NULL), 0);
	total = one->header->record_count;

	assert_int_equal(xs_image_diff(one, one, see, &seen), 0);
	assert_int_equal(seen.count[XS_ADDED] + seen.count[XS_REMOVED] + seen.count[XS_CHANGED], 0);
	assert_int_equal(xs_image_diff(one, two, see, &seen), 0);
	assert_int_equal(seen.count[XS_CHANGED], 1);
	assert_int_equal(seen.count[XS_ADDED], 1);
	assert_int_equal(seen.count[XS_REMOVED], 1);
	seen = (struct seen){ 0 };
	assert_int_equal(xs_image_diff(NULL, two, see, &seen), 0);
	assert_int_equal(seen.count[XS_ADDED], total);
	seen = (struct seen){ 0 };
	assert_int_equal(xs_image_diff(one, NULL, see, &seen), 0);
	assert_int_equal(seen.count[XS_REMOVED], total);
	seen = (struct seen){ .stop = 5 };
	assert_int_equal(xs_image_diff(one, two, see, &seen), 5);
	assert_int_equal(seen.count[XS_ADDED] + seen.count[XS_REMOVED] + seen.count[XS_CHANGED], 1);
	xs_image_free(one);
	xs_image_free(two);
	free(bytes);
}

static void test_netns_names(void **state)
{
	char buf[XS_NETNS_NAME];

	assert_string_equal(xs_sliver_netns("R1", "P", buf), "xs.R1.P");
	assert_string_equal(xs_edge_netns("R3", "client", buf), "xs.R3@client");
	assert_string_equal(xs_sliver_netns("123456789012345", "123456789012345", buf),
			    "xs.123456789012345.123456789012345");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back),      cmocka_unit_test(test_same_records_same_bytes),
		cmocka_unit_test(test_writer_refuses), cmocka_unit_test(test_diff),
		cmocka_unit_test(test_netns_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
