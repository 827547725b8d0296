/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror.c - see mirror.h and mirror_internal.h: one mirror as a whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "loader/node/mirror_internal.h"

int xs_mirror_new(int netns, struct xs_pool *pool, struct xs_nexthops *nexthops, struct xs_mirror **out)
{
	struct xs_mirror *mirror = calloc(1, sizeof(*mirror));
	int err;

	if (!mirror)
		return -ENOMEM;
	mirror->pool = pool;
	mirror->nexthops = nexthops;
	mirror->heads = xs_prefix_map_new(XS_MIRROR_BYTES);
	mirror->refused = xs_prefix_map_new(XS_MIRROR_BYTES);
	mirror->veils = xs_prefix_map_new(XS_MIRROR_BYTES);
	err = -ENOMEM;
	if (!mirror->heads || !mirror->refused || !mirror->veils)
		goto out;
	/* Without an entry that punts nothing could be left to the sliver. */
	err = -ENOSPC;
	if (!xs_nexthops_punt(nexthops))
		goto out;
	mirror->table = xs_table_new(pool, XS_MIRROR_BYTES);
	err = mirror->table ? xs_mirror_open(mirror, netns) : -errno;
	if (err)
		goto out;
	*out = mirror;
	mirror = NULL;
out:
	xs_mirror_free(mirror);
	return err;
}

void xs_mirror_free(struct xs_mirror *mirror)
{
	if (!mirror)
		return;
	xs_mirror_shut(mirror);
	xs_adjacencies_free(mirror);
	for (size_t i = 0; i < mirror->part_count; i++)
		xs_nexthops_give_back(mirror->nexthops, mirror->part[i].edge_nexthop);
	xs_table_free(mirror->table);
	xs_prefix_map_free(mirror->heads);
	xs_prefix_map_free(mirror->refused);
	xs_prefix_map_free(mirror->veils);
	free(mirror->part);
	free(mirror->route);
	free(mirror->shadow);
	free(mirror);
}

uint32_t xs_mirror_root(const struct xs_mirror *mirror)
{
	return xs_table_root(mirror->table);
}

int xs_mirror_fd(const struct xs_mirror *mirror)
{
	return mnl_socket_get_fd(mirror->events);
}

void xs_mirror_counts(const struct xs_mirror *mirror, struct xs_mirror_count *out)
{
	out->routes = mirror->routes;
	out->neighbours = mirror->neighbours;
	out->refused = xs_prefix_map_count(mirror->refused) + mirror->refused_hosts;
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

int xs_leaf_set(struct xs_mirror *mirror, const uint8_t *address, unsigned int length, uint32_t leaf)
{
	uint32_t before;
	bool had = xs_table_get(mirror->table, address, length, &before);
	int err;

	if (had && before == leaf)
		return 0;
	err = xs_table_set(mirror->table, address, length, leaf);
	if (err)
		return err;
	xs_adjacency_referred(mirror, leaf);
	if (had)
		xs_adjacency_unreferred(mirror, before);
	else
		mirror->inserted = true;
	return 0;
}

void xs_leaf_clear(struct xs_mirror *mirror, const uint8_t *address, unsigned int length)
{
	uint32_t before;

	if (!xs_table_get(mirror->table, address, length, &before))
		return;
	xs_table_remove(mirror->table, address, length);
	xs_adjacency_unreferred(mirror, before);
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

	if (mirror->shadow_changed) {
		mirror->shadow_changed = false;
		err = xs_routes_apply_all(mirror);
	}
	if (!err)
		err = xs_adjacencies_apply(mirror);
	if (!err && mirror->inserted && xs_prefix_map_count(mirror->refused))
		err = xs_routes_retry_refused(mirror);
	mirror->inserted = false;
	xs_nexthops_commit(mirror->nexthops);
	xs_adjacencies_ask(mirror);
	return err;
}

static void fill_edge(struct xs_mirror *mirror, const struct xs_mirror_part *part)
{
	const struct xs_nexthop content = {
		.kind = XS_NEXTHOP_EDGE,
		.vport = part->device.vport,
		.edge_root = part->device.edge_root,
		.ifindex = part->device.port_ifindex,
		.port_flags = part->device.port_flags,
		.mtu = part->device.mtu,
	};

	if (part->edge_nexthop)
		xs_nexthops_set(mirror->nexthops, part->edge_nexthop, &content);
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
		if (was && device[i].kind == XS_VPORT_MUX) {
			part[i].edge_nexthop = was->edge_nexthop;
			was->edge_nexthop = 0;
		} else if (device[i].kind == XS_VPORT_MUX) {
			part[i].edge_nexthop = xs_nexthops_take(mirror->nexthops);
		}
		fill_edge(mirror, &part[i]);
	}
	mirror->part = part;
	mirror->part_count = count;
	xs_adjacencies_refill(mirror);
	err = xs_routes_apply_all(mirror);
	if (!err)
		err = finish(mirror);
	else
		xs_nexthops_commit(mirror->nexthops);
	/*
	 * What is left of the former ones, nothing leads to any more, unless memory failed: then entries are lost, not
	 * reused.
	 */
	for (size_t i = 0; i < before_count && !err; i++)
		xs_nexthops_give_back(mirror->nexthops, before[i].edge_nexthop);
	free(before);
	return err;
}

/* ---- synchronisation and events ---------------------------------------------------------------------------------- */

int xs_mirror_sync(struct xs_mirror *mirror)
{
	int err;

	/*
	 * Events from before the dump are not applied over it: where some were lost, the others lead astray. Those that
	 * come from here on wait until it is complete.
	 */
	xs_mirror_discard(mirror);
	mirror->stale = false;
	xs_neighbours_unmark(mirror);
	err = xs_mirror_dump(mirror, RTM_GETNEIGH);
	if (err)
		goto out;
	xs_routes_unmark(mirror);
	err = xs_mirror_dump(mirror, RTM_GETROUTE);
	if (err)
		goto out;
	mirror->refused_hosts = 0;
	xs_neighbours_sweep(mirror);
	err = xs_routes_sweep(mirror);
	if (!err)
		err = xs_routes_apply_all(mirror);
	if (!err)
		err = xs_routes_retry_refused(mirror);
	if (!err)
		mirror->synchronised = true;
out:
	if (err) {
		/* What the dump told so far is kept unapplied; the next one begins anew. */
		mirror->stale = true;
		xs_nexthops_commit(mirror->nexthops);
		return err;
	}
	return finish(mirror);
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
