/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_image_refuse.c - every way of being wrong is refused, whole: each case changes one thing of a good image and
 * gives it a checksum that matches, so that the check in question must see it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/model/domain.h"
#include "maps/contract.h"
#include "selftests/unit/image_fixture.h"

static void test_refuse_form(void **state)
{
	size_t size, cut;
	uint8_t *bytes = image_good(&size), *copy = malloc(size + 64);
	struct xs_image_header *header = (struct xs_image_header *)copy;
	struct xs_record *record = (struct xs_record *)(copy + sizeof(*header));

	for (cut = 0; cut < size; cut++)
		image_refused(bytes, cut, -EBADMSG, NULL);
	/* Cut, and the header says so: what is then wrong is a record, or one that is missing. */
	for (cut = sizeof(*header); cut < size; cut++) {
		memcpy(copy, bytes, size);
		image_reseal(copy, cut);
		image_refused(copy, cut, -EBADMSG, NULL);
	}
	memcpy(copy, bytes, size);
	header->magic = __builtin_bswap32(header->magic);
	image_refused(copy, size, -EBADMSG, "byte order");
	memcpy(copy, bytes, size);
	header->version++;
	image_refused(copy, size, -EPROTONOSUPPORT, "version");
	memcpy(copy, bytes, size);
	header->size++;
	image_refused(copy, size, -EBADMSG, "truncated");
	memcpy(copy, bytes, size);
	copy[size - 1] ^= 1;
	image_refused(copy, size, -EBADMSG, "checksum");
	memcpy(copy, bytes, size);
	header->record_count++;
	image_refused(copy, size, -EBADMSG, "cut off");
	memcpy(copy, bytes, size);
	header->record_count = UINT32_MAX;
	image_refused(copy, size, -EBADMSG, "more records");
	memcpy(copy, bytes, size);
	header->record_count--;
	image_refused(copy, size, -EBADMSG, "behind the last");
	memcpy(copy, bytes, size);
	memset(copy + size, 0, 64);
	image_reseal(copy, size + 64);
	image_refused(copy, size + 64, -EBADMSG, "behind the last");
	memcpy(copy, bytes, size);
	memset(header->node, 'R', sizeof(header->node));
	image_refused(copy, size, -EBADMSG, "name of the node");
	memcpy(copy, bytes, size);
	record->type = XS_REC_COUNT;
	image_reseal(copy, size);
	image_refused(copy, size, -EBADMSG, "unknown type");
	memcpy(copy, bytes, size);
	record->type = 0;
	image_reseal(copy, size);
	image_refused(copy, size, -EBADMSG, "unknown type");
	memcpy(copy, bytes, size);
	record->size += 8;
	image_reseal(copy, size);
	image_refused(copy, size, -EBADMSG, "wrong size");
	memcpy(copy, bytes, size);
	record->pad = 1;
	image_reseal(copy, size);
	image_refused(copy, size, -EBADMSG, "wrong size");
	free(copy);
	free(bytes);
}

static void test_refuse_order(void **state)
{
	size_t size, length = sizeof(struct xs_rec_port);
	uint8_t *bytes = image_good(&size), *first, *second, swap[sizeof(struct xs_rec_port)];

	first = image_record_at(bytes, size, XS_REC_PORT, 0);
	second = image_record_at(bytes, size, XS_REC_PORT, 1);
	memcpy(swap, first, length);
	memcpy(first, second, length);
	image_reseal(bytes, size);
	image_refused(bytes, size, -EBADMSG, "same key");
	memcpy(second, swap, length);
	image_reseal(bytes, size);
	image_refused(bytes, size, -EBADMSG, "not in order");
	free(bytes);
}

static const struct image_mutation mutations[] = {
	IMAGE_MUTATE(NODE, node, 0, blocks, 0, "node"),
	IMAGE_MUTATE(NODE, node, 0, blocks, XS_ENTRY_INDEX + 1ull, "node"),
	IMAGE_MUTATE(NODE, node, 0, cells, 0, "node"),
	IMAGE_MUTATE(NODE, node, 0, cells, 2, "cell: number"),
	IMAGE_MUTATE(NODE, node, 0, guards, XS_ENTRY_INDEX + 1ull, "node"),

	IMAGE_MUTATE(PORT, port, 0, id, 0, "port: number"),
	IMAGE_MUTATE(PORT, port, 3, id, XS_PORT_ID_MAX + 1, "port: number"),
	IMAGE_MUTATE(PORT, port, 0, user, 2, "port: number"),
	IMAGE_MUTATE(PORT, port, 0, labelled, 2, "port: number"),
	IMAGE_MUTATE(PORT, port, 0, labelled, 0, "by a port"),
	IMAGE_MUTATE(PORT, port, 1, user, 0, "by a port"),
	IMAGE_MUTATE(PORT, port, 0, mtu, 67, "port: number"),
	IMAGE_MUTATE(PORT, port, 0, mode, XS_MODE_GENERIC + 1, "port: number"),
	IMAGE_MUTATE(PORT, port, 0, attach, XS_ATTACH_SHARED + 1, "port: number"),
	IMAGE_MUTATE(PORT, port, 0, stack, XS_STACK_LOCAL + 1, "port: number"),
	IMAGE_BYTE(PORT, port, 0, wan, 0, 2, "port: number"),
	IMAGE_BYTE(PORT, port, 0, exit, 0, 1, "port: number"),
	IMAGE_BYTE(PORT, port, 1, exit, 0, 1, "port: number"),
	IMAGE_BYTE(PORT, port, 3, exit, 0, 2, "port: number"),
	IMAGE_BYTE(PORT, port, 3, exit, 0, 0, "MUX: its exit"),
	IMAGE_BYTE(PORT, port, 0, name, 0, 0, "port: bad name"),
	IMAGE_BYTE(PORT, port, 0, name, 0, '/', "port: bad name"),
	IMAGE_BYTE(PORT, port, 0, name, 15, 'x', "port: bad name"),
	IMAGE_BYTE(PORT, port, 0, interface, 1, '/', "port: bad name"),

	IMAGE_MUTATE(RESERVED, reserved, 0, port, 0, "of a port that is not there"),
	IMAGE_MUTATE(RESERVED, reserved, 1, port, 9, "of a port that is not there"),
	IMAGE_MUTATE(RESERVED, reserved, 0, first, 0, "reserved labels: number"),
	IMAGE_MUTATE(RESERVED, reserved, 1, last, 3999, "reserved labels: number"),
	IMAGE_MUTATE(RESERVED, reserved, 1, last, 4095, "reserved labels: number"),
	IMAGE_MUTATE(RESERVED, reserved, 0, last, 99, NULL),
	IMAGE_MUTATE(RESERVED, reserved, 0, last, 100, "has one of them"), /* the link's label */
	IMAGE_MUTATE(VPORT, vport, 0, vid, 10, NULL),
	IMAGE_MUTATE(VPORT, vport, 0, vid, 9, "has one of them"),
	IMAGE_MUTATE(VPORT, vport, 0, vid, 1, "has one of them"),
	IMAGE_MUTATE(VPORT, vport, 0, vid, 4000, "has one of them"),

	IMAGE_MUTATE(SLICE, slice, 0, id, 0, "slice: number"),
	IMAGE_MUTATE(SLICE, slice, 0, id, XS_SLICE_MAX + 1, "slice: number"),
	IMAGE_MUTATE(SLICE, slice, 0, id, 8, "of a slice that is not there"),
	IMAGE_MUTATE(SLICE, slice, 0, vrf_id, 0, "slice: number"),
	IMAGE_BYTE(SLICE, slice, 0, name, 0, 0, "slice: bad name"),
	IMAGE_BYTE(SLICE, slice, 0, vrf, 15, 'x', "slice: bad name"),

	IMAGE_MUTATE(VPORT, vport, 0, id, 0, "virtual port: number"),
	IMAGE_MUTATE(VPORT, vport, 3, id, XS_VPORT_ID_MAX + 1, "virtual port: number"),
	IMAGE_MUTATE(VPORT, vport, 0, kind, XS_VPORT_NONE, "virtual port: number"),
	IMAGE_MUTATE(VPORT, vport, 0, kind, XS_VPORT_WAN + 1, "virtual port: number"),
	IMAGE_MUTATE(VPORT, vport, 0, slice, 6, "of a slice that is not there"),
	IMAGE_MUTATE(VPORT, vport, 2, slice, 7, "of a slice that is not there"),
	IMAGE_MUTATE(VPORT, vport, 1, slice, 0, "of a slice that is not there"),
	IMAGE_MUTATE(VPORT, vport, 0, port, 9, "by a port"),
	IMAGE_MUTATE(VPORT, vport, 0, port, 2, "by a port"),
	IMAGE_MUTATE(VPORT, vport, 1, port, 1, "by a port"),
	IMAGE_MUTATE(VPORT, vport, 1, port, 2, "two take the same frames"),
	IMAGE_MUTATE(VPORT, vport, 3, port, 3, "its edge"),
	IMAGE_MUTATE(VPORT, vport, 3, edge, 0, "its edge"),
	IMAGE_MUTATE(VPORT, vport, 3, edge, 2, "its edge"),
	IMAGE_MUTATE(VPORT, vport, 0, edge, 3, "an edge where there is none"),
	IMAGE_MUTATE(VPORT, vport, 0, vid, 0, "virtual port: number"),
	IMAGE_MUTATE(VPORT, vport, 0, vid, 4095, "virtual port: number"),
	IMAGE_MUTATE(VPORT, vport, 1, vid, 100, "another VLAN"),
	IMAGE_MUTATE(VPORT, vport, 0, mtu, 0, "virtual port: number"),
	IMAGE_BYTE(VPORT, vport, 0, name, 3, '/', "virtual port: bad name"),
	IMAGE_BYTE(VPORT, vport, 0, mac, 0, 0x03, "bad MAC"),
	IMAGE_BYTE(VPORT, vport, 0, relay, 0, 0x02, "bad MAC"),
	IMAGE_BYTE(VPORT, vport, 2, relay, 0, 0x01, "bad MAC"),
	IMAGE_BYTE(VPORT, vport, 3, relay, 5, 0x09, "its edge"),
	IMAGE_BYTE(VPORT, vport, 0, length, 0, 33, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, length, 1, 129, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, length, 1, 128, NULL),
	IMAGE_BYTE(VPORT, vport, 1, length, 1, 1, "bad address"),
	IMAGE_BYTE(VPORT, vport, 1, address, 0, 0, "no address"),
	IMAGE_BYTE(VPORT, vport, 0, address, 0, 0, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, address, 0, XS_IPV6, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, address, sizeof(struct xs_address), XS_IPV4, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, address, sizeof(struct xs_address), 0, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, peer, sizeof(struct xs_address), XS_IPV4, "bad address"),
	IMAGE_BYTE(VPORT, vport, 1, peer, sizeof(struct xs_address), XS_IPV6, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, address, 0, 5, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, address, 8, 1, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, peer, 0, 0, "bad address"),
	IMAGE_BYTE(VPORT, vport, 1, peer, 0, XS_IPV4, "bad address"),
	IMAGE_BYTE(VPORT, vport, 3, shared, 0, 0, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, shared, 0, XS_IPV4, "bad address"),
	IMAGE_BYTE(VPORT, vport, 0, pad, 0, 1, "virtual port: number"),

	IMAGE_MUTATE(SOURCE, source, 0, vport, 1, "of a gateway or edge"),
	IMAGE_MUTATE(SOURCE, source, 1, vport, 77, "of a gateway or edge"),
	IMAGE_BYTE(SOURCE, source, 0, prefix, 1, 33, "source: bad prefix"),
	IMAGE_BYTE(SOURCE, source, 0, prefix, 0, 0, "source: bad prefix"),
	IMAGE_BYTE(SOURCE, source, 0, prefix, 7, 1, "source: bad prefix"),
	IMAGE_BYTE(SOURCE, source, 0, prefix, 2, 1, "source: bad prefix"),

	IMAGE_MUTATE(ROUTE, route, 2, slice, 8, "of a slice or edge that is not there"),
	IMAGE_MUTATE(ROUTE, route, 0, edge, 2, "of a slice or edge that is not there"),
	IMAGE_MUTATE(ROUTE, route, 2, edge, 3, "of a slice or edge that is not there"),
	IMAGE_MUTATE(ROUTE, route, 1, vport, 77, "by a virtual port"),
	IMAGE_MUTATE(ROUTE, route, 1, vport, 3, "by a virtual port"),
	IMAGE_MUTATE(ROUTE, route, 0, vport, 1, "by a virtual port"),
	IMAGE_BYTE(ROUTE, route, 1, prefix, 7, 1, "route: bad prefix"),
	IMAGE_BYTE(ROUTE, route, 1, via, 0, XS_IPV6, "bad gateway address"),
	IMAGE_BYTE(ROUTE, route, 1, via, 0, 0, "bad gateway address"),
	IMAGE_MUTATE(ROUTE, route, 1, pad, 1, "route: bad prefix"),

	IMAGE_MUTATE(PROXY, proxy, 0, edge, 2, "proxy: of an edge"),
	IMAGE_BYTE(PROXY, proxy, 0, prefix, 7, 1, "proxy: bad prefix"),

	IMAGE_MUTATE(CELL, cell, 0, id, 0, "cell: number"),
	IMAGE_MUTATE(CELL, cell, 1, id, 512, "cell: "),
	IMAGE_MUTATE(CELL, cell, 0, kind, 0, "cell: number"),
	IMAGE_MUTATE(CELL, cell, 0, kind, 3, "cell: number"),
	IMAGE_MUTATE(CELL, cell, 0, group, 1, "of a group that is not there"),
	IMAGE_MUTATE(CELL, cell, 1, group, 2, "of a group that is not there"),
	IMAGE_MUTATE(CELL, cell, 0, slice, 0, "cell: number"),
	IMAGE_MUTATE(CELL, cell, 1, slice, 7, "cell: number"),
	IMAGE_MUTATE(CELL, cell, 0, generation, XS_GENERATION_MAX + 1, "cell: number"),
	IMAGE_BYTE(CELL, cell, 0, name, 63, 'x', "cell: bad name"),

	IMAGE_MUTATE(MUX, mux, 0, id, 0, "MUX: number"),
	IMAGE_MUTATE(MUX, mux, 0, id, 2, "of a MUX that is not there"),
	IMAGE_MUTATE(MUX, mux, 0, id, XS_MUX_ID_MAX + 1, "MUX: number"),
	IMAGE_MUTATE(MUX, mux, 0, edge, 300, "MUX: its edge"),
	IMAGE_BYTE(MUX, mux, 0, name, 0, 0, "MUX: bad name"),
	IMAGE_MUTATE(MUX, mux, 0, exit, 0, NULL),
	IMAGE_MUTATE(MUX, mux, 0, exit, 9, "MUX: its exit"),
	IMAGE_MUTATE(MUX, mux, 0, exit, 1, "MUX: its exit"),
	IMAGE_MUTATE(MUX, mux, 0, pad, 1, "MUX: number"),

	IMAGE_MUTATE(CONDITION, condition, 0, mux, 0, "of a MUX that is not there"),
	IMAGE_MUTATE(CONDITION, condition, 3, position, XS_POSITION_NONE, "condition: number"),
	IMAGE_MUTATE(CONDITION, condition, 0, slice, 8, "that its MUX does not have"),
	IMAGE_MUTATE(CONDITION, condition, 0, vport, 2, "that its MUX does not have"),
	IMAGE_MUTATE(CONDITION, condition, 0, vm_cell, 2, "of a cell"),
	IMAGE_MUTATE(CONDITION, condition, 0, vm_cell, 0, "of a cell"),
	IMAGE_MUTATE(CONDITION, condition, 0, group_cell, 1, "of a cell"),
	IMAGE_MUTATE(CONDITION, condition, 2, vm_cell, 3, "of a cell"),
	IMAGE_MUTATE(CONDITION, condition, 2, vm_cell, 1, "no single address"),
	IMAGE_MUTATE(CONDITION, condition, 0, fields, 0, "condition: number"),
	IMAGE_MUTATE(CONDITION, condition, 0, fields, XS_MATCH_ANY << 1, "condition: number"),
	IMAGE_MUTATE(CONDITION, condition, 2, fields, XS_MATCH_ANY | XS_MATCH_PROTOCOL, "condition: number"),
	IMAGE_MUTATE(CONDITION, condition, 0, fields, XS_MATCH_SOURCE, "condition: bad prefix"),
	IMAGE_BYTE(CONDITION, condition, 1, source, 7, 1, "condition: bad prefix"),
	IMAGE_BYTE(CONDITION, condition, 1, source_port, 0, 1, "condition: number"),
	IMAGE_BYTE(CONDITION, condition, 1, destination_port, 0, 0xff, NULL),
	IMAGE_BYTE(CONDITION, condition, 1, destination_port, 1, 0xff, "condition: number"),
	IMAGE_BYTE(CONDITION, condition, 1, dscp, 2, 64, "condition: number"),
	IMAGE_BYTE(CONDITION, condition, 1, dscp, 0, 47, "condition: number"),
	IMAGE_MUTATE(CONDITION, condition, 1, input_port, 9, "of a port"),
	IMAGE_MUTATE(CONDITION, condition, 0, input_port, 2, "of a port"),
	IMAGE_MUTATE(CONDITION, condition, 0, protocol, 6, "condition: number"),
	IMAGE_MUTATE(CONDITION, condition, 0, number, 0, "condition: number"),
	IMAGE_BYTE(CONDITION, condition, 0, filter, 63, 'x', "condition: bad name"),
	IMAGE_BYTE(CONDITION, condition, 0, pad, 2, 1, "condition: number"),
	IMAGE_MUTATE(CONDITION, condition, 0, pad2, 1, "condition: number"),
};

static void test_refuse_contents(void **state)
{
	size_t size;
	uint8_t *bytes = image_good(&size);

	/* 80 to 255: still a range; a longer prefix. They say that the others are refused for what they change. */
	image_refuse_all(bytes, size, mutations, sizeof(mutations) / sizeof(mutations[0]));
	free(bytes);
}

static void test_refuse_missing_and_double(void **state)
{
	const struct xs_rec_vport same_label = {
		.head = image_head(XS_REC_VPORT),
		.id = 9,
		.kind = XS_VPORT_LINK,
		.slice = 7,
		.port = 1,
		.vid = 100,
		.mtu = 1500,
		.name = "P99",
		.mac = image_mac(9),
		.length = { 24 },
		.address = { image_address("10.9.9.1") },
		.peer = { image_address("10.9.9.2") },
	};
	const struct xs_rec_mux same_edge = { .head = image_head(XS_REC_MUX), .id = 2, .edge = 3, .name = "MD2" };
	struct xs_image_writer *writer = xs_image_writer_new("R3");
	void *bytes = NULL;
	size_t size;

	/* No node record. */
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
	writer = image_good_writer();
	image_add(writer, &same_label);
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
	writer = image_good_writer();
	image_add(writer, &same_edge);
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), -EBADMSG);
	xs_image_writer_free(writer);
}

/* Any bytes at all: refused or read, nothing else. Half of them with a checksum that matches. */
static void test_random_changes(void **state)
{
	size_t size, read = 0;
	uint8_t *bytes = image_good(&size);
	unsigned int seed = 1, round;

	for (round = 0; round < 40000; round++) {
		unsigned int flips = 1 + (unsigned int)rand_r(&seed) % 3;
		uint8_t *copy = malloc(size);
		struct xs_image *image = NULL;

		memcpy(copy, bytes, size);
		while (flips--)
			copy[(size_t)rand_r(&seed) % size] ^= (uint8_t)(1u << rand_r(&seed) % 8);
		if (round % 2)
			image_reseal(copy, size);
		if (!xs_image_read(copy, size, &image, NULL))
			read++;
		xs_image_free(image);
		free(copy);
	}
	/* Some changes give another good image (an MTU, a MAC); most do not. */
	assert_in_range(read, 1, round / 4);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuse_form),     cmocka_unit_test(test_refuse_order),
		cmocka_unit_test(test_refuse_contents), cmocka_unit_test(test_refuse_missing_and_double),
		cmocka_unit_test(test_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
