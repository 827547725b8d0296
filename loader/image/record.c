/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c - sizes, keys and order of an image's records, names of namespaces, and the difference of two images.
 */
#include <stdio.h>
#include <string.h>

#include "loader/image/image.h"

/* What a key's bytes are, behind its leading 32-bit numbers. */
enum key_tail { TAIL_NONE, TAIL_RANGE, TAIL_PREFIX };

struct record_shape {
	struct xs_record_info info;
	uint8_t numbers;
	uint8_t tail; /* enum key_tail */
};

#define SHAPE(type, text, count, rest)                                                                                 \
	{                                                                                                              \
		.info = { .name = (text),                                                                              \
			  .size = sizeof(type),                                                                        \
			  .key_size = (count)*4 + ((rest) == TAIL_RANGE    ? 4                                         \
						   : (rest) == TAIL_PREFIX ? sizeof(struct xs_prefix)                  \
									   : 0) },                                     \
		.numbers = (count), .tail = (rest),                                                                    \
	}

static const struct record_shape shapes[XS_REC_COUNT] = {
	[XS_REC_NODE] = SHAPE(struct xs_rec_node, "node", 0, TAIL_NONE),
	[XS_REC_PORT] = SHAPE(struct xs_rec_port, "port", 1, TAIL_NONE),
	[XS_REC_RESERVED] = SHAPE(struct xs_rec_reserved, "reserved", 1, TAIL_RANGE),
	[XS_REC_SLICE] = SHAPE(struct xs_rec_slice, "slice", 1, TAIL_NONE),
	[XS_REC_VPORT] = SHAPE(struct xs_rec_vport, "vport", 1, TAIL_NONE),
	[XS_REC_SOURCE] = SHAPE(struct xs_rec_source, "source", 1, TAIL_PREFIX),
	[XS_REC_ROUTE] = SHAPE(struct xs_rec_route, "route", 2, TAIL_PREFIX),
	[XS_REC_PROXY] = SHAPE(struct xs_rec_proxy, "proxy", 1, TAIL_PREFIX),
	[XS_REC_CELL] = SHAPE(struct xs_rec_cell, "cell", 1, TAIL_NONE),
	[XS_REC_MUX] = SHAPE(struct xs_rec_mux, "mux", 1, TAIL_NONE),
	[XS_REC_CONDITION] = SHAPE(struct xs_rec_condition, "condition", 2, TAIL_NONE),
	[XS_REC_PAGE] = SHAPE(struct xs_rec_page, "page", 1, TAIL_PREFIX),
	[XS_REC_ADDRESS] = SHAPE(struct xs_rec_address, "address", 1, TAIL_PREFIX),
	[XS_REC_POOL] = SHAPE(struct xs_rec_pool, "pool", 0, TAIL_PREFIX),
};

static_assert(sizeof(struct xs_rec_node) == 24, "node");
static_assert(sizeof(struct xs_rec_port) == 64, "port");
static_assert(sizeof(struct xs_rec_reserved) == 16, "reserved");
static_assert(sizeof(struct xs_rec_slice) == 48, "slice");
static_assert(sizeof(struct xs_rec_vport) == 184, "vport");
static_assert(sizeof(struct xs_rec_source) == 32, "source");
static_assert(sizeof(struct xs_rec_route) == 64, "route");
static_assert(sizeof(struct xs_rec_proxy) == 32, "proxy");
static_assert(sizeof(struct xs_rec_cell) == 96, "cell");
static_assert(sizeof(struct xs_rec_mux) == 40, "mux");
static_assert(sizeof(struct xs_rec_condition) == 168, "condition");
static_assert(sizeof(struct xs_rec_page) == 88, "page");
static_assert(sizeof(struct xs_rec_address) == 32, "address");
static_assert(sizeof(struct xs_rec_pool) == 32, "pool");

const struct xs_record_info *xs_record_info(unsigned int type)
{
	return type < XS_REC_COUNT && shapes[type].info.size ? &shapes[type].info : NULL;
}

int xs_record_compare(const struct xs_record *a, const struct xs_record *b)
{
	const uint8_t *key_a = (const uint8_t *)(a + 1), *key_b = (const uint8_t *)(b + 1);
	const struct record_shape *shape;
	unsigned int i;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	shape = &shapes[a->type];
	for (i = 0; i < shape->numbers; i++, key_a += 4, key_b += 4) {
		uint32_t x, y;

		memcpy(&x, key_a, 4);
		memcpy(&y, key_b, 4);
		if (x != y)
			return x < y ? -1 : 1;
	}
	if (shape->tail == TAIL_RANGE) {
		uint16_t x[2], y[2];

		memcpy(x, key_a, 4);
		memcpy(y, key_b, 4);
		i = x[0] == y[0];
		return x[i] < y[i] ? -1 : x[i] > y[i];
	}
	if (shape->tail == TAIL_PREFIX)
		return xs_prefix_compare((const struct xs_prefix *)key_a, (const struct xs_prefix *)key_b);
	return 0;
}

const void *xs_image_find(const struct xs_image *image, unsigned int type, const void *key)
{
	uint64_t wanted[(sizeof(struct xs_record) + 64) / 8] = { 0 };
	struct xs_record *head = (struct xs_record *)wanted;
	const struct xs_record_info *info = xs_record_info(type);
	size_t low, high;

	if (!info)
		return NULL;
	head->type = (uint16_t)type;
	memcpy(head + 1, key, info->key_size);
	low = image->first[type];
	high = low + image->count[type];
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = xs_record_compare(image->record[middle], head);

		if (!order)
			return image->record[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct xs_rec_mux *xs_image_mux_of_edge(const struct xs_image *image, uint32_t edge)
{
	const struct xs_rec_mux *mux;

	for (size_t i = 0; (mux = xs_image_at(image, XS_REC_MUX, i)); i++)
		if (mux->edge == edge)
			return mux;
	return NULL;
}

int xs_image_diff(const struct xs_image *before, const struct xs_image *after,
		  int (*fn)(void *context, enum xs_change change, const struct xs_record *before,
			    const struct xs_record *after),
		  void *context)
{
	size_t i = 0, n = before ? before->header->record_count : 0;
	size_t j = 0, m = after ? after->header->record_count : 0;

	while (i < n || j < m) {
		const struct xs_record *a = i < n ? before->record[i] : NULL;
		const struct xs_record *b = j < m ? after->record[j] : NULL;
		int order = !a ? 1 : !b ? -1 : xs_record_compare(a, b);
		int result = 0;

		if (order < 0)
			result = fn(context, XS_REMOVED, a, NULL);
		else if (order > 0)
			result = fn(context, XS_ADDED, NULL, b);
		else if (memcmp(a, b, a->size))
			result = fn(context, XS_CHANGED, a, b);
		if (result)
			return result;
		i += order <= 0;
		j += order >= 0;
	}
	return 0;
}

const char *xs_vport_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[XS_VPORT_NONE] = "none", [XS_VPORT_LINK] = "link",     [XS_VPORT_GATEWAY] = "gateway", [XS_VPORT_MUX] = "mux",
		[XS_VPORT_EDGE] = "edge", [XS_VPORT_UPLINK] = "uplink", [XS_VPORT_WAN] = "wan",
	};

	return names[kind < sizeof(names) / sizeof(names[0]) ? kind : XS_VPORT_NONE];
}

const char *xs_sliver_netns(const char *node, const char *slice, char *buf)
{
	snprintf(buf, XS_NETNS_NAME, "xs.%s.%s", node, slice);
	return buf;
}

const char *xs_edge_netns(const char *node, const char *port, char *buf)
{
	snprintf(buf, XS_NETNS_NAME, "xs.%s@%s", node, port);
	return buf;
}
