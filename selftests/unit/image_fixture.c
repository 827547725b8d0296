/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image_fixture.c - see image_fixture.h. */
#include "selftests/unit/image_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "loader/model/domain.h"
#include "maps/contract.h"

struct xs_record image_head(unsigned int type)
{
	return (struct xs_record){ .type = (uint16_t)type, .size = xs_record_info(type)->size };
}

struct xs_address image_address(const char *text)
{
	struct xs_address out = { 0 };

	assert_int_equal(xs_address_parse(text, &out), 0);
	return out;
}

struct xs_prefix image_prefix(const char *text)
{
	struct xs_prefix out = { 0 };

	assert_int_equal(xs_prefix_parse(text, &out), 0);
	return out;
}

struct xs_mac image_mac(uint8_t last)
{
	return (struct xs_mac){ { 0x02, 0x78, 0x73, 0, 0, last } };
}

void image_add(struct xs_image_writer *writer, const void *record)
{
	assert_int_equal(xs_image_writer_add(writer, record), 0);
}

static void add_vports(struct xs_image_writer *writer)
{
	const struct xs_rec_vport link = {
		.head = image_head(XS_REC_VPORT),
		.id = 1,
		.kind = XS_VPORT_LINK,
		.slice = 7,
		.port = 1,
		.vid = 100,
		.mtu = 1500,
		.name = "P13",
		.mac = image_mac(1),
		.length = { 24, 64 },
		.address = { image_address("10.1.3.2"), image_address("2001:db8:1:3::2") },
		.peer = { image_address("10.1.3.1"), image_address("2001:db8:1:3::1") },
	};
	const struct xs_rec_vport gateway = {
		.head = image_head(XS_REC_VPORT),
		.id = 2,
		.kind = XS_VPORT_GATEWAY,
		.slice = 7,
		.port = 3,
		.mtu = 1500,
		.name = "GW",
		.mac = image_mac(2),
		.length = { 16 },
		.address = { image_address("10.0.0.1") },
	};
	const struct xs_rec_vport edge = {
		.head = image_head(XS_REC_VPORT),
		.id = 3,
		.kind = XS_VPORT_EDGE,
		.port = 2,
		.mtu = 1500,
		.name = "client",
		.mac = image_mac(3),
		.relay = image_mac(4),
		.length = { 24 },
		.address = { image_address("192.0.2.1") },
		.peer = { image_address("10.255.0.1") },
	};
	const struct xs_rec_vport mux = {
		.head = image_head(XS_REC_VPORT),
		.id = 300,
		.kind = XS_VPORT_MUX,
		.slice = 7,
		.port = 2,
		.edge = 3,
		.mtu = 1500,
		.name = "MD",
		.mac = image_mac(5),
		.relay = image_mac(4),
		.length = { 32 },
		.address = { image_address("10.255.0.2") },
		.peer = { image_address("10.255.0.1") },
		.shared = { image_address("192.0.2.1") },
	};

	image_add(writer, &mux);
	image_add(writer, &edge);
	image_add(writer, &gateway);
	image_add(writer, &link);
}

static void add_ports(struct xs_image_writer *writer)
{
	const struct xs_rec_port wan = {
		.head = image_head(XS_REC_PORT),
		.id = 1,
		.name = "r1",
		.interface = "eth0",
		.mtu = 1500,
		.labelled = 1,
	};
	const struct xs_rec_port client = {
		.head = image_head(XS_REC_PORT),
		.id = 2,
		.user = 1,
		.name = "client",
		.interface = "client",
		.mtu = 1500,
	};
	const struct xs_rec_port dc = {
		.head = image_head(XS_REC_PORT),
		.id = 3,
		.user = 1,
		.name = "dc",
		.interface = "dc",
		.mtu = 1500,
	};
	const struct xs_rec_port beyond = {
		.head = image_head(XS_REC_PORT),
		.id = 4,
		.exit = 1,
		.name = "beyond",
		.interface = "beyond",
		.mtu = 1500,
	};
	const struct xs_rec_reserved low = { .head = image_head(XS_REC_RESERVED), .port = 1, .first = 1, .last = 9 };
	const struct xs_rec_reserved high = {
		.head = image_head(XS_REC_RESERVED), .port = 1, .first = 4000, .last = 4094
	};

	image_add(writer, &high);
	image_add(writer, &low);
	image_add(writer, &dc);
	image_add(writer, &client);
	image_add(writer, &wan);
	image_add(writer, &beyond);
}

static void add_conditions(struct xs_image_writer *writer)
{
	const struct xs_rec_cell vm = {
		.head = image_head(XS_REC_CELL),
		.id = 1,
		.kind = XS_CELL_VM,
		.group = 2,
		.slice = 7,
		.generation = 1,
		.name = "vm5",
	};
	const struct xs_rec_cell group = {
		.head = image_head(XS_REC_CELL), .id = 2, .kind = XS_CELL_GROUP, .name = "rack1"
	};
	const struct xs_rec_mux mux = { .head = image_head(XS_REC_MUX), .id = 1, .edge = 3, .exit = 4, .name = "MD" };
	const struct xs_rec_condition first = {
		.head = image_head(XS_REC_CONDITION),
		.mux = 1,
		.position = 0,
		.slice = 7,
		.vport = 300,
		.vm_cell = 1,
		.group_cell = 2,
		.fields = XS_MATCH_DESTINATION,
		.destination = image_prefix("10.0.0.5"),
		.number = 1,
		.filter = "moved-later",
	};
	const struct xs_rec_condition general = {
		.head = image_head(XS_REC_CONDITION),
		.mux = 1,
		.position = 1,
		.slice = 7,
		.vport = 300,
		.fields = XS_MATCH_SOURCE | XS_MATCH_PROTOCOL | XS_MATCH_DESTINATION_PORT | XS_MATCH_DSCP |
			  XS_MATCH_INPUT_PORT,
		.source = image_prefix("192.0.2.0/24"),
		.destination_port = { 80, 443 },
		.dscp = { 46, 46 },
		.input_port = 2,
		.protocol = 6,
		.number = 1,
		.filter = "general",
	};
	struct xs_rec_condition last = {
		.head = image_head(XS_REC_CONDITION),
		.mux = 1,
		.position = 300,
		.slice = 7,
		.vport = 300,
		.fields = XS_MATCH_ANY,
		.number = 2,
		.filter = "general",
	};

	image_add(writer, &last);
	/* 256 and 300 tell an order by numbers from one by bytes. */
	last.position = 256;
	image_add(writer, &last);
	image_add(writer, &general);
	image_add(writer, &first);
	image_add(writer, &mux);
	image_add(writer, &group);
	image_add(writer, &vm);
}

static void add_prefixes(struct xs_image_writer *writer)
{
	const struct xs_rec_source source = { .head = image_head(XS_REC_SOURCE),
					      .vport = 3,
					      .prefix = image_prefix("192.0.2.0/24") };
	const struct xs_rec_source behind = { .head = image_head(XS_REC_SOURCE),
					      .vport = 2,
					      .prefix = image_prefix("10.0.0.0/16") };
	const struct xs_rec_route route = {
		.head = image_head(XS_REC_ROUTE),
		.slice = 7,
		.prefix = image_prefix("10.1.2.0/24"),
		.vport = 1,
		.via = image_address("10.1.3.1"),
	};
	const struct xs_rec_route users = {
		.head = image_head(XS_REC_ROUTE),
		.slice = 7,
		.prefix = image_prefix("192.0.2.0/24"),
		.vport = 300,
		.via = image_address("10.255.0.1"),
	};
	const struct xs_rec_route edge = {
		.head = image_head(XS_REC_ROUTE),
		.edge = 3,
		.prefix = image_prefix("198.51.100.0/24"),
		.vport = 3,
		.via = image_address("192.0.2.9"),
	};
	const struct xs_rec_proxy proxy = { .head = image_head(XS_REC_PROXY),
					    .edge = 3,
					    .prefix = image_prefix("10.1.3.0/24") };

	image_add(writer, &proxy);
	image_add(writer, &users);
	image_add(writer, &edge);
	image_add(writer, &route);
	image_add(writer, &source);
	image_add(writer, &behind);
}

struct xs_image_writer *image_good_writer(void)
{
	const struct xs_rec_node node = {
		.head = image_head(XS_REC_NODE), .blocks = 4096, .guards = 8192, .conditions = 512, .cells = 512
	};
	const struct xs_rec_slice slice = {
		.head = image_head(XS_REC_SLICE), .id = 7, .vrf_id = 1, .name = "P", .vrf = "P3"
	};
	struct xs_image_writer *writer = xs_image_writer_new("R3");

	assert_non_null(writer);
	add_conditions(writer);
	add_prefixes(writer);
	add_vports(writer);
	image_add(writer, &slice);
	add_ports(writer);
	image_add(writer, &node);
	return writer;
}

void *image_good(size_t *size)
{
	struct xs_image_writer *writer = image_good_writer();
	void *bytes = NULL;

	assert_int_equal(xs_image_writer_finish(writer, &bytes, size), 0);
	xs_image_writer_free(writer);
	return bytes;
}

void image_reseal(uint8_t *bytes, size_t size)
{
	struct xs_image_header *header = (struct xs_image_header *)bytes;

	header->size = size;
	header->checksum = (uint32_t)crc32(0, bytes + sizeof(*header), (uInt)(size - sizeof(*header)));
}

uint8_t *image_record_at(uint8_t *bytes, size_t size, unsigned int type, size_t i)
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

/* Bytes are handed in at their exact size, so that a sanitizer sees a read behind their end. */
void image_refused(const void *bytes, size_t size, int error, const char *expected)
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

void image_refuse_all(const uint8_t *bytes, size_t size, const struct image_mutation *mutation, size_t count)
{
	uint8_t *copy = malloc(size);

	for (; count--; mutation++) {
		struct xs_image *image = NULL;

		memcpy(copy, bytes, size);
		memcpy(image_record_at(copy, size, mutation->type, mutation->record) + mutation->offset,
		       &mutation->value, mutation->size);
		assert_memory_not_equal(copy, bytes, size);
		image_reseal(copy, size);
		if (mutation->why) {
			image_refused(copy, size, -EBADMSG, mutation->why);
			continue;
		}
		assert_int_equal(xs_image_read(copy, size, &image, NULL), 0);
		xs_image_free(image);
	}
	free(copy);
}
