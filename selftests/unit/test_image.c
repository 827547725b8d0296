/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_image.c - an image is read back as it was written, and every way of being wrong is refused, whole: each case
 * below changes one thing of a good image and gives it a checksum that matches, so that the check in question must see
 * it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "loader/image/image.h"
#include "loader/model/domain.h"
#include "maps/contract.h"

/* ---- a good image: one of everything ---- */

static struct xs_record head(unsigned int type)
{
	return (struct xs_record){ .type = (uint16_t)type, .size = xs_record_info(type)->size };
}

static struct xs_address address(const char *text)
{
	struct xs_address out = { 0 };

	assert_int_equal(xs_address_parse(text, &out), 0);
	return out;
}

static struct xs_prefix prefix(const char *text)
{
	struct xs_prefix out = { 0 };

	assert_int_equal(xs_prefix_parse(text, &out), 0);
	return out;
}

static struct xs_mac mac(uint8_t last)
{
	return (struct xs_mac){ { 0x02, 0x78, 0x73, 0, 0, last } };
}

static void add(struct xs_image_writer *writer, const void *record)
{
	assert_int_equal(xs_image_writer_add(writer, record), 0);
}

static void add_vports(struct xs_image_writer *writer)
{
	const struct xs_rec_vport link = {
		.head = head(XS_REC_VPORT),
		.id = 1,
		.kind = XS_VPORT_LINK,
		.slice = 7,
		.port = 1,
		.vid = 100,
		.mtu = 1500,
		.name = "P13",
		.mac = mac(1),
		.length = 24,
		.address = address("10.1.3.2"),
		.peer = address("10.1.3.1"),
	};
	const struct xs_rec_vport gateway = {
		.head = head(XS_REC_VPORT),
		.id = 2,
		.kind = XS_VPORT_GATEWAY,
		.slice = 7,
		.port = 3,
		.mtu = 1500,
		.name = "GW",
		.mac = mac(2),
		.length = 16,
		.address = address("10.0.0.1"),
	};
	const struct xs_rec_vport edge = {
		.head = head(XS_REC_VPORT),
		.id = 3,
		.kind = XS_VPORT_EDGE,
		.port = 2,
		.mtu = 1500,
		.name = "client",
		.mac = mac(3),
		.relay = mac(4),
		.length = 24,
		.address = address("192.0.2.1"),
		.peer = address("10.255.0.1"),
	};
	const struct xs_rec_vport mux = {
		.head = head(XS_REC_VPORT),
		.id = 300,
		.kind = XS_VPORT_MUX,
		.slice = 7,
		.port = 2,
		.edge = 3,
		.mtu = 1500,
		.name = "MD",
		.mac = mac(5),
		.relay = mac(4),
		.length = 32,
		.address = address("10.255.0.2"),
		.peer = address("10.255.0.1"),
		.shared = address("192.0.2.1"),
	};

	add(writer, &mux);
	add(writer, &edge);
	add(writer, &gateway);
	add(writer, &link);
}

static void add_ports(struct xs_image_writer *writer)
{
	const struct xs_rec_port wan = {
		.head = head(XS_REC_PORT),
		.id = 1,
		.name = "r1",
		.interface = "eth0",
		.mtu = 1500,
		.labelled = 1,
	};
	const struct xs_rec_port client = {
		.head = head(XS_REC_PORT),
		.id = 2,
		.user = 1,
		.name = "client",
		.interface = "client",
		.mtu = 1500,
	};
	const struct xs_rec_port dc = {
		.head = head(XS_REC_PORT),
		.id = 3,
		.user = 1,
		.name = "dc",
		.interface = "dc",
		.mtu = 1500,
	};
	const struct xs_rec_reserved low = { .head = head(XS_REC_RESERVED), .port = 1, .first = 1, .last = 9 };
	const struct xs_rec_reserved high = { .head = head(XS_REC_RESERVED), .port = 1, .first = 4000, .last = 4094 };

	add(writer, &high);
	add(writer, &low);
	add(writer, &dc);
	add(writer, &client);
	add(writer, &wan);
}

static void add_conditions(struct xs_image_writer *writer)
{
	const struct xs_rec_cell vm = {
		.head = head(XS_REC_CELL),
		.id = 1,
		.kind = XS_CELL_VM,
		.group = 2,
		.slice = 7,
		.generation = 1,
		.name = "vm5",
	};
	const struct xs_rec_cell group = { .head = head(XS_REC_CELL), .id = 2, .kind = XS_CELL_GROUP, .name = "rack1" };
	const struct xs_rec_mux mux = { .head = head(XS_REC_MUX), .id = 1, .edge = 3, .name = "MD" };
	const struct xs_rec_condition first = {
		.head = head(XS_REC_CONDITION),
		.mux = 1,
		.position = 0,
		.slice = 7,
		.vport = 300,
		.vm_cell = 1,
		.group_cell = 2,
		.fields = XS_MATCH_DESTINATION,
		.destination = prefix("10.0.0.5"),
		.number = 1,
		.filter = "moved-later",
	};
	const struct xs_rec_condition general = {
		.head = head(XS_REC_CONDITION),
		.mux = 1,
		.position = 1,
		.slice = 7,
		.vport = 300,
		.fields = XS_MATCH_SOURCE | XS_MATCH_PROTOCOL | XS_MATCH_DESTINATION_PORT | XS_MATCH_DSCP |
			  XS_MATCH_INPUT_PORT,
		.source = prefix("192.0.2.0/24"),
		.destination_port = { 80, 443 },
		.dscp = { 46, 46 },
		.input_port = 2,
		.protocol = 6,
		.number = 1,
		.filter = "general",
	};
	struct xs_rec_condition last = {
		.head = head(XS_REC_CONDITION),
		.mux = 1,
		.position = 300,
		.slice = 7,
		.vport = 300,
		.fields = XS_MATCH_ANY,
		.number = 2,
		.filter = "general",
	};

	add(writer, &last);
	/* 256 and 300 tell an order by numbers from one by bytes. */
	last.position = 256;
	add(writer, &last);
	add(writer, &general);
	add(writer, &first);
	add(writer, &mux);
	add(writer, &group);
	add(writer, &vm);
}

static void add_prefixes(struct xs_image_writer *writer)
{
	const struct xs_rec_source source = { .head = head(XS_REC_SOURCE),
					      .vport = 3,
					      .prefix = prefix("192.0.2.0/24") };
	const struct xs_rec_source behind = { .head = head(XS_REC_SOURCE),
					      .vport = 2,
					      .prefix = prefix("10.0.0.0/16") };
	const struct xs_rec_route route = {
		.head = head(XS_REC_ROUTE),
		.slice = 7,
		.prefix = prefix("10.1.2.0/24"),
		.vport = 1,
		.via = address("10.1.3.1"),
	};
	const struct xs_rec_route users = {
		.head = head(XS_REC_ROUTE),
		.slice = 7,
		.prefix = prefix("192.0.2.0/24"),
		.vport = 300,
		.via = address("10.255.0.1"),
	};
	const struct xs_rec_route edge = {
		.head = head(XS_REC_ROUTE),
		.edge = 3,
		.prefix = prefix("198.51.100.0/24"),
		.vport = 3,
		.via = address("192.0.2.9"),
	};
	const struct xs_rec_proxy proxy = { .head = head(XS_REC_PROXY), .edge = 3, .prefix = prefix("10.1.3.0/24") };

	add(writer, &proxy);
	add(writer, &users);
	add(writer, &edge);
	add(writer, &route);
	add(writer, &source);
	add(writer, &behind);
}

static struct xs_image_writer *good_writer(void)
{
	const struct xs_rec_node node = { .head = head(XS_REC_NODE), .blocks = 4096, .conditions = 512, .cells = 512 };
	const struct xs_rec_slice slice = {
		.head = head(XS_REC_SLICE), .id = 7, .vrf_id = 1, .name = "P", .vrf = "P3"
	};
	struct xs_image_writer *writer = xs_image_writer_new("R3");

	assert_non_null(writer);
	add_conditions(writer);
	add_prefixes(writer);
	add_vports(writer);
	add(writer, &slice);
	add_ports(writer);
	add(writer, &node);
	return writer;
}

static void *good_image(size_t *size)
{
	struct xs_image_writer *writer = good_writer();
	void *bytes = NULL;

	assert_int_equal(xs_image_writer_finish(writer, &bytes, size), 0);
	xs_image_writer_free(writer);
	return bytes;
}

/* ---- reading back ---- */

static void test_read_back(void **state)
{
	struct xs_image *image = NULL;
	const struct xs_rec_vport *vport;
	const struct xs_rec_condition *condition;
	uint32_t id = 300, none = 4, key[2] = { 1, 256 };
	size_t size, i;
	void *bytes = good_image(&size);
	const char *why = "unchanged";

	assert_int_equal(xs_image_read(bytes, size, &image, &why), 0);
	assert_string_equal(why, "unchanged");
	assert_string_equal(image->header->node, "R3");
	assert_int_equal(image->count[XS_REC_NODE], 1);
	assert_int_equal(image->count[XS_REC_PORT], 3);
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

	bytes = good_image(&size);
	assert_int_equal(xs_image_read(bytes, size, &image, NULL), 0);
	for (i = 0; i < image->header->record_count; i++) {
		add(forward, image->record[i]);
		add(backward, image->record[image->header->record_count - 1 - i]);
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
	const struct xs_rec_proxy second = { .head = head(XS_REC_PROXY), .edge = 3, .prefix = prefix("10.1.3.0/24") };
	const struct xs_rec_proxy dangling = { .head = head(XS_REC_PROXY), .edge = 4, .prefix = prefix("10.1.3.0/24") };
	struct xs_rec_proxy wrong_size = second;
	struct xs_image_writer *writer = good_writer();
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

/* ---- refusing ---- */

static void reseal(uint8_t *bytes, size_t size)
{
	struct xs_image_header *header = (struct xs_image_header *)bytes;

	header->size = size;
	header->checksum = (uint32_t)crc32(0, bytes + sizeof(*header), (uInt)(size - sizeof(*header)));
}

/* Bytes are handed in at their exact size, so that a sanitizer sees a read behind their end. */
static void assert_refused(const void *bytes, size_t size, int error, const char *expected)
{
	struct xs_image *image = (struct xs_image *)1;
	uint8_t *exact = malloc(size ? size : 1);
	const char *why = NULL;

	memcpy(exact, bytes, size);
	assert_int_equal(xs_image_read(exact, size, &image, &why), error);
	assert_ptr_equal(image, (struct xs_image *)1);
	assert_non_null(why);
	if (expected && !strstr(why, expected))
		fail_msg("refused for \"%s\", not for \"%s\"", why, expected);
	free(exact);
}

static void test_refuse_form(void **state)
{
	size_t size, cut;
	uint8_t *bytes = good_image(&size), *copy = malloc(size + 64);
	struct xs_image_header *header = (struct xs_image_header *)copy;
	struct xs_record *record = (struct xs_record *)(copy + sizeof(*header));

	for (cut = 0; cut < size; cut++)
		assert_refused(bytes, cut, -EBADMSG, NULL);
	/* Cut, and the header says so: what is then wrong is a record, or one that is missing. */
	for (cut = sizeof(*header); cut < size; cut++) {
		memcpy(copy, bytes, size);
		reseal(copy, cut);
		assert_refused(copy, cut, -EBADMSG, NULL);
	}
	memcpy(copy, bytes, size);
	header->magic = __builtin_bswap32(header->magic);
	assert_refused(copy, size, -EBADMSG, "byte order");
	memcpy(copy, bytes, size);
	header->version++;
	assert_refused(copy, size, -EPROTONOSUPPORT, "version");
	memcpy(copy, bytes, size);
	header->size++;
	assert_refused(copy, size, -EBADMSG, "truncated");
	memcpy(copy, bytes, size);
	copy[size - 1] ^= 1;
	assert_refused(copy, size, -EBADMSG, "checksum");
	memcpy(copy, bytes, size);
	header->record_count++;
	assert_refused(copy, size, -EBADMSG, "cut off");
	memcpy(copy, bytes, size);
	header->record_count = UINT32_MAX;
	assert_refused(copy, size, -EBADMSG, "more records");
	memcpy(copy, bytes, size);
	header->record_count--;
	assert_refused(copy, size, -EBADMSG, "behind the last");
	memcpy(copy, bytes, size);
	memset(copy + size, 0, 64);
	reseal(copy, size + 64);
	assert_refused(copy, size + 64, -EBADMSG, "behind the last");
	memcpy(copy, bytes, size);
	memset(header->node, 'R', sizeof(header->node));
	assert_refused(copy, size, -EBADMSG, "name of the node");
	memcpy(copy, bytes, size);
	record->type = XS_REC_COUNT;
	reseal(copy, size);
	assert_refused(copy, size, -EBADMSG, "unknown type");
	memcpy(copy, bytes, size);
	record->type = 0;
	reseal(copy, size);
	assert_refused(copy, size, -EBADMSG, "unknown type");
	memcpy(copy, bytes, size);
	record->size += 8;
	reseal(copy, size);
	assert_refused(copy, size, -EBADMSG, "wrong size");
	memcpy(copy, bytes, size);
	record->pad = 1;
	reseal(copy, size);
	assert_refused(copy, size, -EBADMSG, "wrong size");
	free(copy);
	free(bytes);
}

/* The place of the i-th record of a type in an image's bytes. */
static uint8_t *record_at(uint8_t *bytes, size_t size, unsigned int type, size_t i)
{
	uint8_t *at = bytes + sizeof(struct xs_image_header);

	while (at < bytes + size) {
		const struct xs_record *record = (const struct xs_record *)at;

		if (record->type == type && !i--)
			return at;
		at += record->size;
	}
	fail_msg("no such record in the good image");
	return NULL;
}

static void test_refuse_order(void **state)
{
	size_t size, length = sizeof(struct xs_rec_port);
	uint8_t *bytes = good_image(&size), *first, *second, swap[sizeof(struct xs_rec_port)];

	first = record_at(bytes, size, XS_REC_PORT, 0);
	second = record_at(bytes, size, XS_REC_PORT, 1);
	memcpy(swap, first, length);
	memcpy(first, second, length);
	reseal(bytes, size);
	assert_refused(bytes, size, -EBADMSG, "same key");
	memcpy(second, swap, length);
	reseal(bytes, size);
	assert_refused(bytes, size, -EBADMSG, "not in order");
	free(bytes);
}

/* One field of one record gets another value. The order of records stays, but where the case is about keys. */
struct mutation {
	unsigned int type;
	size_t record, offset, size;
	uint64_t value;
	const char *why;
};

#define MUTATE(TYPE, type, i, field, to, text)                                                                         \
	{                                                                                                              \
		XS_REC_##TYPE, i, offsetof(struct xs_rec_##type, field), sizeof(((struct xs_rec_##type *)0)->field),   \
			to, text                                                                                       \
	}
#define BYTE(TYPE, type, i, field, at, to, text)                                                                       \
	{                                                                                                              \
		XS_REC_##TYPE, i, offsetof(struct xs_rec_##type, field) + (at), 1, to, text                            \
	}

static const struct mutation mutations[] = {
	MUTATE(NODE, node, 0, blocks, 0, "node"),
	MUTATE(NODE, node, 0, blocks, XS_ENTRY_INDEX + 1ull, "node"),
	MUTATE(NODE, node, 0, cells, 0, "node"),
	MUTATE(NODE, node, 0, cells, 2, "cell: number"),
	MUTATE(NODE, node, 0, pad, 1, "node"),

	MUTATE(PORT, port, 0, id, 0, "port: number"),
	MUTATE(PORT, port, 2, id, XS_PORT_ID_MAX + 1, "port: number"),
	MUTATE(PORT, port, 0, user, 2, "port: number"),
	MUTATE(PORT, port, 0, labelled, 2, "port: number"),
	MUTATE(PORT, port, 0, labelled, 0, "by a port"),
	MUTATE(PORT, port, 1, user, 0, "by a port"),
	MUTATE(PORT, port, 0, mtu, 67, "port: number"),
	MUTATE(PORT, port, 0, mode, XS_MODE_GENERIC + 1, "port: number"),
	MUTATE(PORT, port, 0, attach, XS_ATTACH_SHARED + 1, "port: number"),
	MUTATE(PORT, port, 0, stack, XS_STACK_LOCAL + 1, "port: number"),
	BYTE(PORT, port, 0, pad, 1, 1, "port: number"),
	BYTE(PORT, port, 0, name, 0, 0, "port: bad name"),
	BYTE(PORT, port, 0, name, 0, '/', "port: bad name"),
	BYTE(PORT, port, 0, name, 15, 'x', "port: bad name"),
	BYTE(PORT, port, 0, interface, 1, '/', "port: bad name"),

	MUTATE(RESERVED, reserved, 0, port, 0, "of a port that is not there"),
	MUTATE(RESERVED, reserved, 1, port, 9, "of a port that is not there"),
	MUTATE(RESERVED, reserved, 0, first, 0, "reserved labels: number"),
	MUTATE(RESERVED, reserved, 1, last, 3999, "reserved labels: number"),
	MUTATE(RESERVED, reserved, 1, last, 4095, "reserved labels: number"),

	MUTATE(SLICE, slice, 0, id, 0, "slice: number"),
	MUTATE(SLICE, slice, 0, id, XS_SLICE_MAX + 1, "slice: number"),
	MUTATE(SLICE, slice, 0, id, 8, "of a slice that is not there"),
	MUTATE(SLICE, slice, 0, vrf_id, 0, "slice: number"),
	BYTE(SLICE, slice, 0, name, 0, 0, "slice: bad name"),
	BYTE(SLICE, slice, 0, vrf, 15, 'x', "slice: bad name"),

	MUTATE(VPORT, vport, 0, id, 0, "virtual port: number"),
	MUTATE(VPORT, vport, 3, id, XS_VPORT_ID_MAX + 1, "virtual port: number"),
	MUTATE(VPORT, vport, 0, kind, XS_VPORT_NONE, "virtual port: number"),
	MUTATE(VPORT, vport, 0, kind, XS_VPORT_EDGE + 1, "virtual port: number"),
	MUTATE(VPORT, vport, 0, slice, 6, "of a slice that is not there"),
	MUTATE(VPORT, vport, 2, slice, 7, "of a slice that is not there"),
	MUTATE(VPORT, vport, 1, slice, 0, "of a slice that is not there"),
	MUTATE(VPORT, vport, 0, port, 9, "by a port"),
	MUTATE(VPORT, vport, 0, port, 2, "by a port"),
	MUTATE(VPORT, vport, 1, port, 1, "by a port"),
	MUTATE(VPORT, vport, 1, port, 2, "two take the same frames"),
	MUTATE(VPORT, vport, 3, port, 3, "its edge"),
	MUTATE(VPORT, vport, 3, edge, 0, "its edge"),
	MUTATE(VPORT, vport, 3, edge, 2, "its edge"),
	MUTATE(VPORT, vport, 0, edge, 3, "an edge where there is none"),
	MUTATE(VPORT, vport, 0, vid, 0, "virtual port: number"),
	MUTATE(VPORT, vport, 0, vid, 4095, "virtual port: number"),
	MUTATE(VPORT, vport, 1, vid, 100, "virtual port: number"),
	MUTATE(VPORT, vport, 0, mtu, 0, "virtual port: number"),
	BYTE(VPORT, vport, 0, name, 3, '/', "virtual port: bad name"),
	BYTE(VPORT, vport, 0, mac, 0, 0x03, "bad MAC"),
	BYTE(VPORT, vport, 0, relay, 0, 0x02, "bad MAC"),
	BYTE(VPORT, vport, 2, relay, 0, 0x01, "bad MAC"),
	BYTE(VPORT, vport, 3, relay, 5, 0x09, "its edge"),
	MUTATE(VPORT, vport, 0, length, 33, "bad address"),
	BYTE(VPORT, vport, 0, address, 0, 0, "bad address"),
	BYTE(VPORT, vport, 0, address, 0, 5, "bad address"),
	BYTE(VPORT, vport, 0, address, 8, 1, "bad address"),
	BYTE(VPORT, vport, 0, peer, 0, 0, "bad address"),
	BYTE(VPORT, vport, 1, peer, 0, XS_IPV4, "bad address"),
	BYTE(VPORT, vport, 3, shared, 0, 0, "bad address"),
	BYTE(VPORT, vport, 0, shared, 0, XS_IPV4, "bad address"),
	BYTE(VPORT, vport, 0, pad2, 0, 1, "virtual port: number"),

	MUTATE(SOURCE, source, 0, vport, 1, "of a gateway or edge"),
	MUTATE(SOURCE, source, 1, vport, 77, "of a gateway or edge"),
	BYTE(SOURCE, source, 0, prefix, 1, 33, "source: bad prefix"),
	BYTE(SOURCE, source, 0, prefix, 0, 0, "source: bad prefix"),
	BYTE(SOURCE, source, 0, prefix, 7, 1, "source: bad prefix"),
	BYTE(SOURCE, source, 0, prefix, 2, 1, "source: bad prefix"),

	MUTATE(ROUTE, route, 2, slice, 8, "of a slice or edge that is not there"),
	MUTATE(ROUTE, route, 0, edge, 2, "of a slice or edge that is not there"),
	MUTATE(ROUTE, route, 2, edge, 3, "of a slice or edge that is not there"),
	MUTATE(ROUTE, route, 1, vport, 77, "by a virtual port"),
	MUTATE(ROUTE, route, 1, vport, 3, "by a virtual port"),
	MUTATE(ROUTE, route, 0, vport, 1, "by a virtual port"),
	BYTE(ROUTE, route, 1, prefix, 7, 1, "route: bad prefix"),
	BYTE(ROUTE, route, 1, via, 0, XS_IPV6, "bad gateway address"),
	BYTE(ROUTE, route, 1, via, 0, 0, "bad gateway address"),
	MUTATE(ROUTE, route, 1, pad, 1, "route: bad prefix"),

	MUTATE(PROXY, proxy, 0, edge, 2, "proxy: of an edge"),
	BYTE(PROXY, proxy, 0, prefix, 7, 1, "proxy: bad prefix"),

	MUTATE(CELL, cell, 0, id, 0, "cell: number"),
	MUTATE(CELL, cell, 1, id, 512, "cell: "),
	MUTATE(CELL, cell, 0, kind, 0, "cell: number"),
	MUTATE(CELL, cell, 0, kind, 3, "cell: number"),
	MUTATE(CELL, cell, 0, group, 1, "of a group that is not there"),
	MUTATE(CELL, cell, 1, group, 2, "of a group that is not there"),
	MUTATE(CELL, cell, 0, slice, 0, "cell: number"),
	MUTATE(CELL, cell, 1, slice, 7, "cell: number"),
	MUTATE(CELL, cell, 0, generation, XS_GENERATION_MAX + 1, "cell: number"),
	BYTE(CELL, cell, 0, name, 63, 'x', "cell: bad name"),

	MUTATE(MUX, mux, 0, id, 0, "MUX: number"),
	MUTATE(MUX, mux, 0, id, 2, "of a MUX that is not there"),
	MUTATE(MUX, mux, 0, id, XS_MUX_ID_MAX + 1, "MUX: number"),
	MUTATE(MUX, mux, 0, edge, 300, "MUX: its edge"),
	BYTE(MUX, mux, 0, name, 0, 0, "MUX: bad name"),

	MUTATE(CONDITION, condition, 0, mux, 0, "of a MUX that is not there"),
	MUTATE(CONDITION, condition, 3, position, XS_POSITION_NONE, "condition: number"),
	MUTATE(CONDITION, condition, 0, slice, 8, "that its MUX does not have"),
	MUTATE(CONDITION, condition, 0, vport, 2, "that its MUX does not have"),
	MUTATE(CONDITION, condition, 0, vm_cell, 2, "of a cell"),
	MUTATE(CONDITION, condition, 0, vm_cell, 0, "of a cell"),
	MUTATE(CONDITION, condition, 0, group_cell, 1, "of a cell"),
	MUTATE(CONDITION, condition, 2, vm_cell, 3, "of a cell"),
	MUTATE(CONDITION, condition, 0, fields, 0, "condition: number"),
	MUTATE(CONDITION, condition, 0, fields, XS_MATCH_ANY << 1, "condition: number"),
	MUTATE(CONDITION, condition, 2, fields, XS_MATCH_ANY | XS_MATCH_PROTOCOL, "condition: number"),
	MUTATE(CONDITION, condition, 0, fields, XS_MATCH_SOURCE, "condition: bad prefix"),
	BYTE(CONDITION, condition, 1, source, 7, 1, "condition: bad prefix"),
	BYTE(CONDITION, condition, 1, source_port, 0, 1, "condition: number"),
	BYTE(CONDITION, condition, 1, destination_port, 0, 0xff, NULL),
	BYTE(CONDITION, condition, 1, destination_port, 1, 0xff, "condition: number"),
	BYTE(CONDITION, condition, 1, dscp, 2, 64, "condition: number"),
	BYTE(CONDITION, condition, 1, dscp, 0, 47, "condition: number"),
	MUTATE(CONDITION, condition, 1, input_port, 9, "of a port"),
	MUTATE(CONDITION, condition, 0, input_port, 2, "of a port"),
	MUTATE(CONDITION, condition, 0, protocol, 6, "condition: number"),
	MUTATE(CONDITION, condition, 0, number, 0, "condition: number"),
	BYTE(CONDITION, condition, 0, filter, 63, 'x', "condition: bad name"),
	BYTE(CONDITION, condition, 0, pad, 2, 1, "condition: number"),
	MUTATE(CONDITION, condition, 0, pad2, 1, "condition: number"),
};

static void test_refuse_contents(void **state)
{
	size_t size, i;
	uint8_t *bytes = good_image(&size), *copy = malloc(size);

	for (i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
		const struct mutation *mutation = &mutations[i];

		memcpy(copy, bytes, size);
		memcpy(record_at(copy, size, mutation->type, mutation->record) + mutation->offset, &mutation->value,
		       mutation->size);
		assert_memory_not_equal(copy, bytes, size);
		reseal(copy, size);
		/* 80 to 255: still a range. The one case that says that the others are refused for what they change. */
		if (!mutation->why) {
			struct xs_image *image = NULL;

			assert_int_equal(xs_image_read(copy, size, &image, NULL), 0);
			xs_image_free(image);
			continue;
		}
		assert_refused(copy, size, -EBADMSG, mutation->why);
	}
	free(copy);
	free(bytes);
}

static void test_refuse_missing_and_double(void **state)
{
	const struct xs_rec_vport same_label = {
		.head = head(XS_REC_VPORT),
		.id = 9,
		.kind = XS_VPORT_LINK,
		.slice = 7,
		.port = 1,
		.vid = 100,
		.mtu = 1500,
		.name = "P99",
		.mac = mac(9),
		.length = 24,
		.address = address("10.9.9.1"),
		.peer = address("10.9.9.2"),
	};
	const struct xs_rec_mux same_edge = { .head = head(XS_REC_MUX), .id = 2, .edge = 3, .name = "MD2" };
	struct xs_image_writer *writer = xs_image_writer_new("R3");
	void *bytes = NULL;
	size_t size;

	/* No node record. */
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
	writer = good_writer();
	add(writer, &same_label);
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
	writer = good_writer();
	add(writer, &same_edge);
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
}

/* Any bytes at all: refused or read, nothing else. Half of them with a checksum that matches. */
static void test_random_changes(void **state)
{
	size_t size, read = 0;
	uint8_t *bytes = good_image(&size);
	unsigned int seed = 1, round;

	for (round = 0; round < 40000; round++) {
		unsigned int flips = 1 + (unsigned int)rand_r(&seed) % 3;
		uint8_t *copy = malloc(size);
		struct xs_image *image = NULL;

		memcpy(copy, bytes, size);
		while (flips--)
			copy[(size_t)rand_r(&seed) % size] ^= (uint8_t)(1u << rand_r(&seed) % 8);
		if (round % 2)
			reseal(copy, size);
		if (!xs_image_read(copy, size, &image, NULL))
			read++;
		xs_image_free(image);
		free(copy);
	}
	/* Some changes give another good image (an MTU, a MAC); most do not. */
	assert_in_range(read, 1, round / 4);
	free(bytes);
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
	uint8_t *bytes = good_image(&size);
	struct xs_image *one = NULL, *two = NULL;
	struct seen seen = { 0 };
	struct xs_rec_vport *vport;
	struct xs_rec_proxy *proxy;

	assert_int_equal(xs_image_read(bytes, size, &one, NULL), 0);
	vport = (struct xs_rec_vport *)record_at(bytes, size, XS_REC_VPORT, 0);
	vport->mtu = 1400;
	proxy = (struct xs_rec_proxy *)record_at(bytes, size, XS_REC_PROXY, 0);
	proxy->prefix = prefix("10.9.0.0/16");
	reseal(bytes, size);
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
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_same_records_same_bytes),
		cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_refuse_form),
		cmocka_unit_test(test_refuse_order),
		cmocka_unit_test(test_refuse_contents),
		cmocka_unit_test(test_refuse_missing_and_double),
		cmocka_unit_test(test_random_changes),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_netns_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
