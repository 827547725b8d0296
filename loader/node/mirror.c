/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror.c - see mirror.h and mirror_internal.h: one mirror as a whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "loader/node/mirror_internal.h"

static int fib_new(struct xs_pool *pool, unsigned int bytes, struct xs_fib *fib)
{
	fib->bytes = bytes;
	fib->bits = bytes * 8;
	fib->heads = xs_prefix_map_new(bytes);
	fib->refused = xs_prefix_map_new(bytes);
	fib->veils = xs_prefix_map_new(bytes);
	if (!fib->heads || !fib->refused || !fib->veils)
		return -ENOMEM;
	fib->table = xs_table_new(pool, bytes);
	return fib->table ? 0 : -errno;
}

static void fib_free(struct xs_fib *fib)
{
	xs_table_free(fib->table);
	xs_prefix_map_free(fib->heads);
	xs_prefix_map_free(fib->refused);
	xs_prefix_map_free(fib->veils);
	free(fib->shadow);
}

int xs_mirror_new(int netns, struct xs_pool *pool, struct xs_nexthops *nexthops, struct xs_mirror **out)
{
	struct xs_mirror *mirror = calloc(1, sizeof(*mirror));
	int err;

	if (!mirror)
		return -ENOMEM;
	mirror->pool = pool;
	mirror->nexthops = nexthops;
	/* Without an entry that punts nothing could be left to the sliver. */
	err = xs_nexthops_punt(nexthops) ? 0 : -ENOSPC;
	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++)
		err = fib_new(pool, xs_family_bits(xs_family_at(i)) / 8, &mirror->fib[i]);
	if (!err)
		err = xs_mirror_open(mirror, netns);
	if (err) {
		xs_mirror_free(mirror);
		return err;
	}
	*out = mirror;
	return 0;
}

static void give_back_own(struct xs_mirror *mirror, const struct xs_mirror_part *part)
{
	for (unsigned int i = 0; i < XS_FAMILIES; i++)
		xs_nexthops_give_back(mirror->nexthops, part->own_nexthop[i]);
}

void xs_mirror_free(struct xs_mirror *mirror)
{
	if (!mirror)
		return;
	xs_mirror_shut(mirror);
	xs_groups_free(mirror);
	xs_adjacencies_free(mirror);
	xs_routes_free(mirror);
	for (size_t i = 0; i < mirror->part_count; i++)
		give_back_own(mirror, &mirror->part[i]);
	for (unsigned int i = 0; i < XS_FAMILIES; i++)
		fib_free(&mirror->fib[i]);
	free(mirror->part);
	free(mirror);
}

uint32_t xs_mirror_root(const struct xs_mirror *mirror, unsigned int family)
{
	return xs_table_root(mirror->fib[family].table);
}

int xs_mirror_fd(const struct xs_mirror *mirror)
{
	return mnl_socket_get_fd(mirror->events);
}

void xs_mirror_counts(const struct xs_mirror *mirror, struct xs_mirror_count *out)
{
	out->routes = mirror->routes;
	out->neighbours = mirror->neighbours;
	out->refused = mirror->refused_hosts;
	for (unsigned int i = 0; i < XS_FAMILIES; i++)
		out->refused += xs_prefix_map_count(mirror->fib[i].refused);
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

static void leaf_left(struct xs_mirror *mirror, uint32_t leaf)
{
	xs_adjacency_unreferred(mirror, leaf);
	xs_group_unreferred(mirror, leaf);
}

int xs_leaf_set(struct xs_mirror *mirror, const struct xs_prefix *prefix, uint32_t leaf)
{
	struct xs_fib *fib = xs_fib_of(mirror, prefix->family);
	uint32_t before;
	bool had = xs_table_get(fib->table, prefix->bytes, prefix->length, &before);
	int err;

	if (had && before == leaf)
		return 0;
	err = xs_table_set(fib->table, prefix->bytes, prefix->length, leaf);
	if (err)
		return err;
	xs_adjacency_referred(mirror, leaf);
	xs_group_referred(mirror, leaf);
	if (had)
		leaf_left(mirror, before);
	else
		fib->inserted = true;
	return 0;
}

void xs_leaf_clear(struct xs_mirror *mirror, const struct xs_prefix *prefix)
{
	struct xs_fib *fib = xs_fib_of(mirror, prefix->family);
	uint32_t before;

	if (!xs_table_get(fib->table, prefix->bytes, prefix->length, &before))
		return;
	xs_table_remove(fib->table, prefix->bytes, prefix->length);
	leaf_left(mirror, before);
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

struct xs_mirror_part *xs_mirror_part(struct xs_mirror *mirror, uint32_t ifindex)
{
	for (size_t i = 0; i < mirror->part_count; i++)
		if (mirror->part[i].device.ifindex == ifindex)
			return &mirror->part[i];
	return NULL;
}

/* The end of a batch: everything that depends on what has changed is brought up to date. */
static int finish(struct xs_mirror *mirror)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++) {
		if (!mirror->fib[i].shadow_changed)
			continue;
		mirror->fib[i].shadow_changed = false;
		err = xs_routes_apply_all(mirror, &mirror->fib[i]);
	}
	if (!err)
		err = xs_adjacencies_apply(mirror);
	for (unsigned int i = 0; i < XS_FAMILIES; i++) {
		struct xs_fib *fib = &mirror->fib[i];

		if (!err && fib->inserted && xs_prefix_map_count(fib->refused))
			err = xs_routes_retry_refused(mirror, fib);
		fib->inserted = false;
	}
	xs_groups_sweep(mirror);
	xs_nexthops_commit(mirror->nexthops);
	xs_adjacencies_ask(mirror);
	return err;
}

static int apply_all(struct xs_mirror *mirror)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++)
		err = xs_routes_apply_all(mirror, &mirror->fib[i]);
	return err;
}

/* The entry of a device without neighbours, for one family: `was` is what it had. */
static void fill_own(struct xs_mirror *mirror, struct xs_mirror_part *part, struct xs_mirror_part *was,
		     unsigned int family)
{
	const struct xs_nexthop content = {
		.kind = part->device.kind == XS_VPORT_MUX ? XS_NEXTHOP_EDGE : XS_NEXTHOP_UPLINK,
		.vport = part->device.vport,
		.edge_root = part->device.edge_root[family],
		.ifindex = part->device.port_ifindex,
		.port_flags = part->device.port_flags,
		.mtu = part->device.mtu,
	};
	uint32_t *entry = &part->own_nexthop[family];

	if (was) {
		*entry = was->own_nexthop[family];
		was->own_nexthop[family] = 0;
	}
	if (!*entry)
		*entry = xs_nexthops_take(mirror->nexthops);
	if (*entry)
		xs_nexthops_set(mirror->nexthops, *entry, &content);
}

static bool same_devices(const struct xs_mirror *mirror, const struct xs_mirror_device *device, size_t count)
{
	if (mirror->part_count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (memcmp(&mirror->part[i].device, &device[i], sizeof(device[i])))
			return false;
	return true;
}

void xs_mirror_on_resolution(struct xs_mirror *mirror, xs_mirror_resolution fn, void *context)
{
	mirror->resolution = fn;
	mirror->resolution_context = context;
}

int xs_mirror_set_devices(struct xs_mirror *mirror, const struct xs_mirror_device *device, size_t count)
{
	struct xs_mirror_part *part, *before = mirror->part;
	size_t before_count = mirror->part_count;
	int err;

	if (same_devices(mirror, device, count))
		return 0;
	part = calloc(count + 1, sizeof(*part));
	if (!part)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct xs_mirror_part *was = xs_mirror_part(mirror, device[i].ifindex);

		part[i].device = device[i];
		part[i].carrier = was ? was->carrier : XS_CARRIER_UNKNOWN;
		for (unsigned int family = 0; !xs_part_has_neighbours(&part[i]) && family < XS_FAMILIES; family++)
			fill_own(mirror, &part[i], was, family);
	}
	mirror->part = part;
	mirror->part_count = count;
	xs_adjacencies_refill(mirror);
	err = apply_all(mirror);
	if (!err)
		err = finish(mirror);
	else
		xs_nexthops_commit(mirror->nexthops);
	/*
	 * What is left of the former ones, nothing leads to any more, unless memory failed: then entries are lost, not
	 * reused.
	 */
	for (size_t i = 0; i < before_count && !err; i++)
		give_back_own(mirror, &before[i]);
	free(before);
	return err;
}

/* ---- synchronisation and events ---------------------------------------------------------------------------------- */

static int dump(struct xs_mirror *mirror, uint16_t type)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++)
		err = xs_mirror_dump(mirror, type, xs_family_at(i));
	return err;
}

static int sync_all(struct xs_mirror *mirror, bool neighbours)
{
	int err = 0;

	/*
	 * Events from before the dump are not applied over it: where some were lost, the others lead astray. Those that
	 * come from here on wait until it is complete.
	 */
	xs_mirror_discard(mirror);
	mirror->stale = false;
	xs_neighbours_unmark(mirror);
	if (neighbours)
		err = dump(mirror, RTM_GETNEIGH);
	if (err)
		goto out;
	xs_routes_unmark(mirror);
	err = dump(mirror, RTM_GETROUTE);
	if (err)
		goto out;
	mirror->refused_hosts = 0;
	xs_neighbours_sweep(mirror);
	err = xs_routes_sweep(mirror);
	if (!err)
		err = apply_all(mirror);
	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++)
		err = xs_routes_retry_refused(mirror, &mirror->fib[i]);
out:
	if (err) {
		/* What the dump told so far is kept unapplied; the next one begins anew. */
		mirror->stale = true;
		xs_nexthops_commit(mirror->nexthops);
		return err;
	}
	return finish(mirror);
}

void xs_mirror_nobody_is_known(struct xs_mirror *mirror)
{
	mirror->nobody = true;
}

int xs_mirror_sync(struct xs_mirror *mirror)
{
	bool nobody = mirror->nobody;
	int err;

	mirror->nobody = mirror->was_known = false;
	err = sync_all(mirror, !nobody);
	return !err && nobody && mirror->was_known ? sync_all(mirror, true) : err;
}

int xs_mirror_events(struct xs_mirror *mirror)
{
	int err = xs_mirror_receive(mirror), finished;

	if (err == -ENOBUFS)
		mirror->stale = true;
	finished = finish(mirror);
	if (err || finished)
		return err ? err : finished;
	return mirror->stale ? xs_mirror_sync(mirror) : 0;
}
