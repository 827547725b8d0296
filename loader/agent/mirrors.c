// SPDX-License-Identifier: GPL-2.0-or-later
/* mirrors.c - which mirrors a node has, with which devices, and when they are read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <uthash.h>

#include "loader/agent/log.h"
#include "loader/agent/mirrors.h"
#include "loader/agent/silent.h"
#include "loader/node/fill.h"
#include "loader/node/netns.h"

#define ERROR_SIZE 256
#define PROBES_MAX 512 /* by one device at a time: as many answers come back as punts */
#define BREATHE_EACH 64 /* namespaces that stay as they are */

/* Whose namespace it is: a slice's, an edge's (by its vport), or, both 0, the node's own: paging's substrate. */
struct key {
	uint32_t slice, edge;
};

struct mirrored {
	struct key key;
	uint64_t netns; /* inode: no other's as long as the mirror's sockets are there */
	struct xs_mirror *mirror;
	struct xs_mirror_device *device;
	uint64_t *forwarded; /* by each device, when it was last looked at */
	size_t count;
	struct event *readable;
	struct xs_silent *silent;
	struct mirrored *next_retired;
	bool stale; /* a synchronisation failed: the copy may lack something */
	UT_hash_handle hh;
};

struct xs_mirrors {
	struct event_base *base;
	struct xs_node_maps *maps;
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct xs_silent *silent;
	struct mirrored *all;
	struct mirrored *retired;
};

struct xs_mirrors *xs_mirrors_new(struct event_base *base, struct xs_node_maps *maps, struct xs_pool *pool,
				  struct xs_nexthops *nexthops, struct xs_silent *silent)
{
	struct xs_mirrors *mirrors = calloc(1, sizeof(*mirrors));

	if (mirrors)
		*mirrors = (struct xs_mirrors){
			.base = base, .maps = maps, .pool = pool, .nexthops = nexthops, .silent = silent};
	return mirrors;
}

/* Out of the table and the loop; freed when nothing leads to its root any more. */
static void retire(struct xs_mirrors *mirrors, struct mirrored *one)
{
	HASH_DEL(mirrors->all, one);
	event_free(one->readable);
	one->readable = NULL;
	one->next_retired = mirrors->retired;
	mirrors->retired = one;
}

static void free_retired(struct xs_mirrors *mirrors)
{
	while (mirrors->retired) {
		struct mirrored *one = mirrors->retired;

		mirrors->retired = one->next_retired;
		xs_mirror_free(one->mirror);
		free(one->device);
		free(one->forwarded);
		free(one);
	}
}

void xs_mirrors_free(struct xs_mirrors *mirrors)
{
	struct mirrored *one, *next;

	if (!mirrors)
		return;
	/* The last retired is the first freed: slivers lead to edges. */
	HASH_ITER(hh, mirrors->all, one, next)
		if (one->key.edge)
			retire(mirrors, one);
	HASH_ITER(hh, mirrors->all, one, next)
		retire(mirrors, one);
	free_retired(mirrors);
	free(mirrors);
}

static struct mirrored *find(const struct xs_mirrors *mirrors, const struct key *key)
{
	struct mirrored *one;

	HASH_FIND(hh, mirrors->all, key, sizeof(*key), one);
	return one;
}

/* For the log, before a number: only one of both is not 0. */
static const char *what_is(const struct key *key)
{
	return key->slice ? "slice" : key->edge ? "edge" : "substrate";
}

/* ---- events -------------------------------------------------------------------------------------------------------- */

static void synchronise(struct mirrored *one)
{
	int err = xs_mirror_sync(one->mirror);

	one->stale = err != 0;
	if (err)
		xs_log("%s %u: cannot read its routes: %s", what_is(&one->key), one->key.slice | one->key.edge, strerror(-err));
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct mirrored *one = context;
	int err = xs_mirror_events(one->mirror);

	if (err == -ENOBUFS)
		xs_log("%s %u: netlink overran, reading all anew", what_is(&one->key), one->key.slice | one->key.edge);
	if (err)
		synchronise(one);
}

void xs_mirrors_drain(struct xs_mirrors *mirrors)
{
	struct mirrored *one, *next;

	HASH_ITER(hh, mirrors->all, one, next)
		on_readable(xs_mirror_fd(one->mirror), EV_READ, one);
}

static void on_resolution(void *context, uint32_t ifindex, const struct xs_address *address, bool resolved)
{
	const struct mirrored *edge = context;

	xs_silent_told(edge->silent, edge->key.edge, address, resolved);
}

uint32_t xs_mirrors_repair(struct xs_mirrors *mirrors)
{
	struct mirrored *one, *next;
	struct xs_mirror_count count;
	uint32_t refused = 0;

	HASH_ITER(hh, mirrors->all, one, next) {
		xs_mirror_counts(one->mirror, &count);
		if (one->stale || count.refused) {
			synchronise(one);
			xs_mirror_counts(one->mirror, &count);
		}
		refused += count.refused;
	}
	return refused;
}

void xs_mirrors_probe(struct xs_mirrors *mirrors)
{
	struct mirrored *one, *next;

	HASH_ITER(hh, mirrors->all, one, next) {
		for (size_t i = 0; i < one->count; i++) {
			struct xs_vport_stats sum;
			uint64_t forwarded;

			if (xs_vport_stats_sum(mirrors->maps, one->device[i].vport, &sum))
				continue;
			forwarded = sum.tx_packets - sum.originated;
			if (forwarded == one->forwarded[i])
				continue;
			one->forwarded[i] = forwarded;
			xs_mirror_probe_idle(one->mirror, one->device[i].ifindex, PROBES_MAX);
		}
	}
}

/* ---- devices ------------------------------------------------------------------------------------------------------- */

static struct key key_of(const struct xs_rec_vport *record)
{
	return (struct key){.slice = record->slice, .edge = record->kind == XS_VPORT_EDGE ? record->id : 0};
}

static bool belongs(const struct xs_rec_vport *record, const struct key *key)
{
	const struct key of = key_of(record);

	return !memcmp(&of, key, sizeof(of));
}

static int describe(const struct xs_mirrors *mirrors, const struct xs_image *image, const struct xs_node *node,
		    const struct xs_rec_vport *record, struct xs_mirror_device *out)
{
	const struct xs_rec_port *port = xs_image_find(image, XS_REC_PORT, &record->port);
	const struct xs_rec_vport *edge = record->edge ? xs_image_find(image, XS_REC_VPORT, &record->edge) : NULL;
	const struct xs_node_vport *made = xs_node_vport(node, record->id);
	const struct xs_node_port *device = xs_node_port(node, record->port);
	const struct mirrored *edge_mirror = NULL;

	if (record->edge) {
		edge_mirror = find(mirrors, &(struct key){.edge = record->edge});
		if (!edge || !edge_mirror)
			return -ENOENT;
	}
	if (!made || (record->port && (!port || !device)))
		return -ENOENT;
	out->ifindex = made->inner;
	out->vport = record->id;
	out->kind = record->kind;
	for (unsigned int family = 0; edge_mirror && family < XS_FAMILIES; family++)
		out->edge_root[family] = xs_mirror_root(edge_mirror->mirror, family);
	out->port_ifindex = device ? device->ifindex : 0;
	out->port_flags = port ? xs_fill_port_flags(port) : 0;
	out->vid = record->vid;
	out->mtu = record->mtu;
	if (record->kind == XS_VPORT_WAN)
		memcpy(out->smac, made->inner_mac, sizeof(out->smac));
	else
		memcpy(out->smac, edge ? edge->mac.bytes : record->mac.bytes, sizeof(out->smac));
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct key *left = a, *right = b;

	if (left->slice != right->slice)
		return left->slice < right->slice ? -1 : 1;
	return left->edge < right->edge ? -1 : left->edge > right->edge;
}

static int by_namespace(const void *a, const void *b)
{
	const struct xs_rec_vport *const *left = a, *const *right = b;
	const struct key a_key = key_of(*left), b_key = key_of(*right);
	int order = by_key(&a_key, &b_key);

	return order ? order : (*left)->id < (*right)->id ? -1 : (*left)->id > (*right)->id;
}

/* Vports of the image (NULL: none) in the order of their namespaces: each namespace's devices lie together. NULL: no memory. */
static const struct xs_rec_vport **sort_vports(const struct xs_image *image, size_t *count)
{
	const struct xs_rec_vport **record;

	*count = image ? image->count[XS_REC_VPORT] : 0;
	record = calloc(*count + 1, sizeof(*record));
	for (size_t i = 0; record && i < *count; i++)
		record[i] = xs_image_at(image, XS_REC_VPORT, i);
	if (record)
		qsort(record, *count, sizeof(*record), by_namespace);
	return record;
}

/* ---- make ---------------------------------------------------------------------------------------------------------- */

/* mirror NULL: the slice has no tables. */
static int put_roots(struct xs_mirrors *mirrors, uint32_t slice, const struct xs_mirror *mirror)
{
	struct xs_slice entry;
	int err = xs_node_maps_get(mirrors->maps, XS_MAP_slice, slice, &entry);

	if (err)
		return err;
	for (unsigned int family = 0; family < XS_FAMILIES; family++)
		entry.fib_root[family] = mirror ? xs_mirror_root(mirror, family) : 0;
	err = xs_node_maps_put(mirrors->maps, XS_MAP_slice, slice, &entry);

	return err < 0 ? err : 0;
}

/* A new namespace in which nobody comes in but by links: who knows it is another sliver. */
static bool nobody_is_known(const struct xs_node_vport *first, const struct xs_mirror_device *device, size_t count)
{
	bool nobody = first->fresh;

	for (size_t i = 0; i < count; i++)
		nobody = nobody && device[i].kind == XS_VPORT_LINK;
	return nobody;
}

static int mirrored_new(struct xs_mirrors *mirrors, const struct key *key, const struct xs_node_vport *first,
			struct xs_mirror_device *device, size_t count, struct mirrored **out)
{
	struct mirrored *one = calloc(1, sizeof(*one));
	int err;

	if (!one)
		return -ENOMEM;
	one->key = *key;
	one->netns = first->space;
	one->silent = mirrors->silent;
	err = xs_mirror_new(first->netns, mirrors->pool, mirrors->nexthops, &one->mirror);
	if (err)
		goto out;
	if (key->edge)
		xs_mirror_on_resolution(one->mirror, on_resolution, one);
	if (nobody_is_known(first, device, count))
		xs_mirror_nobody_is_known(one->mirror);
	err = xs_mirror_set_devices(one->mirror, device, count);
	if (!err)
		err = xs_mirror_sync(one->mirror);
	if (err)
		goto out;
	one->readable = event_new(mirrors->base, xs_mirror_fd(one->mirror), EV_READ | EV_PERSIST, on_readable, one);
	if (!one->readable || event_add(one->readable, NULL)) {
		err = -ENOMEM;
		goto out;
	}
	*out = one;
	return 0;
out:
	if (one->readable)
		event_free(one->readable);
	xs_mirror_free(one->mirror);
	free(one);
	return err;
}

static bool same_devices(const struct mirrored *one, const struct xs_mirror_device *device, size_t count)
{
	return one->count == count && !memcmp(one->device, device, count * sizeof(*device));
}

/* Takes `device` over on success. *anew: it is another than it was, or has other devices. */
static int make_one(struct xs_mirrors *mirrors, const struct key *key, const struct xs_node_vport *first,
		    struct xs_mirror_device *device, size_t count, bool *anew)
{
	struct mirrored *one = find(mirrors, key), *made;
	uint64_t *forwarded;
	int err;

	*anew = !one || one->netns != first->space || !same_devices(one, device, count);
	if (!*anew) {
		free(device);
		return 0;
	}
	forwarded = calloc(count, sizeof(*forwarded));
	if (!forwarded)
		return -ENOMEM;
	if (one && one->netns == first->space) {
		err = xs_mirror_set_devices(one->mirror, device, count);
		if (err) {
			/* Somewhere between: whatever is asked for next, it is not what is there. */
			one->count = 0;
			one->stale = true;
			free(forwarded);
			return err;
		}
	} else {
		err = mirrored_new(mirrors, key, first, device, count, &made);
		if (err) {
			free(forwarded);
			return err;
		}
		/* A namespace that was made anew: what the former sockets see is nobody's any more. */
		if (one)
			retire(mirrors, one);
		one = made;
		HASH_ADD(hh, mirrors->all, key, sizeof(one->key), one);
	}
	free(one->device);
	free(one->forwarded);
	one->device = device;
	one->forwarded = forwarded;
	one->count = count;
	return 0;
}

static int make_namespace(struct xs_mirrors *mirrors, const struct xs_image *image, const struct xs_node *node,
			  const struct xs_rec_vport *const *record, size_t count, bool *anew)
{
	const struct key key = key_of(record[0]);
	struct xs_mirror_device *device = calloc(count, sizeof(*device));
	int err = device ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < count; i++)
		err = describe(mirrors, image, node, record[i], &device[i]);
	if (!err)
		err = make_one(mirrors, &key, xs_node_vport(node, record[0]->id), device, count, anew);
	if (err) {
		free(device);
		return err;
	}
	return key.edge ? 0 : put_roots(mirrors, key.slice, find(mirrors, &key)->mirror);
}

int xs_mirrors_make(struct xs_mirrors *mirrors, const struct xs_image *image, const struct xs_node *node,
		    void (*breathe)(void *context), void *context, char *error)
{
	size_t total, end, passed = 0;
	bool anew = false;
	/* Slice 0 sorts first: slivers' next hops need the roots of edges. */
	const struct xs_rec_vport **record = sort_vports(image, &total);
	int err = record ? 0 : -ENOMEM;

	for (size_t first = 0; !err && first < total; first = end) {
		const struct key key = key_of(record[first]);

		end = first + 1;
		while (end < total && belongs(record[end], &key))
			end++;
		err = make_namespace(mirrors, image, node, &record[first], end - first, &anew);
		if (err)
			snprintf(error, ERROR_SIZE, "namespace of %s: cannot copy its routes: %s", record[first]->name,
				 strerror(-err));
		/* Those that stay as they are take a microsecond each. */
		if (anew || !(++passed % BREATHE_EACH))
			breathe(context);
	}
	if (!err)
		free_retired(mirrors);
	free(record);
	return err;
}

/* ---- withdraw ------------------------------------------------------------------------------------------------------ */

static int zero_roots(struct xs_mirrors *mirrors, const struct xs_image *image)
{
	int err = 0;

	for (uint32_t id = 0; !err && id < mirrors->maps->entries[XS_MAP_slice]; id++)
		if (!image || !find(mirrors, &(struct key){.slice = id}) || (id && !xs_image_find(image, XS_REC_SLICE, &id)))
			err = put_roots(mirrors, id, NULL);
	return err;
}

static int compare_namespace(const void *key, const void *record)
{
	const struct key of = key_of(*(const struct xs_rec_vport *const *)record);

	return by_key(key, &of);
}

/*
 * Retires edges' mirrors, or slivers', in whose namespaces the sorted vports have no device. (A slice whose last vport went has a
 * record still, but no namespace with devices: it needs no mirror.)
 */
static void retire_unwanted(struct xs_mirrors *mirrors, const struct xs_rec_vport **record, size_t count, bool edges)
{
	struct mirrored *one, *next;

	HASH_ITER(hh, mirrors->all, one, next)
		if (!one->key.edge == !edges && !bsearch(&one->key, record, count, sizeof(*record), compare_namespace))
			retire(mirrors, one);
}

int xs_mirrors_withdraw(struct xs_mirrors *mirrors, const struct xs_image *image, char *error)
{
	size_t count;
	const struct xs_rec_vport **record = sort_vports(image, &count);
	int err = record ? 0 : -ENOMEM;

	if (!err) {
		retire_unwanted(mirrors, record, count, false);
		err = zero_roots(mirrors, image);
	}
	if (!err) {
		retire_unwanted(mirrors, record, count, true);
		free_retired(mirrors);
	}
	free(record);
	if (err)
		snprintf(error, ERROR_SIZE, "cannot take slices out of the map: %s", strerror(-err));
	return err;
}
