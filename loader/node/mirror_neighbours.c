/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_neighbours.c - adjacencies: neighbours of the kernel, the nexthop entry of each, and the host prefix of each
 * under an on-link route.
 *
 * Always holds: an adjacency's entry is FORWARD only while the kernel has the neighbour in a usable state and its
 * device is one of ours, with a carrier; a host prefix stands for a neighbour only where the kernel's route for its
 * address is on-link by the same device. What is told of one neighbour costs no look at the others.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/mirror_internal.h"

static struct xs_adjacency *find(struct xs_mirror *mirror, const struct xs_neighbour_key *key)
{
	struct xs_adjacency *adjacency;

	HASH_FIND(hh, mirror->adjacencies, key, sizeof(*key), adjacency);
	return adjacency;
}

static struct xs_adjacency *find_nexthop(struct xs_mirror *mirror, uint32_t nexthop)
{
	struct xs_adjacency *adjacency;

	HASH_FIND(by_nexthop, mirror->of_nexthop, &nexthop, sizeof(nexthop), adjacency);
	return adjacency;
}

struct xs_adjacency *xs_adjacency_want(struct xs_mirror *mirror, const struct xs_neighbour_key *key)
{
	struct xs_adjacency *adjacency = find(mirror, key);

	if (adjacency)
		return adjacency;
	adjacency = calloc(1, sizeof(*adjacency));
	if (!adjacency)
		return NULL;
	adjacency->key = *key;
	HASH_ADD(hh, mirror->adjacencies, key, sizeof(adjacency->key), adjacency);
	return adjacency;
}

void xs_adjacency_look_at(struct xs_mirror *mirror, struct xs_adjacency *adjacency)
{
	if (adjacency->dirty)
		return;
	adjacency->dirty = true;
	adjacency->next_dirty = mirror->dirty;
	mirror->dirty = adjacency;
}

static void may_ask(struct xs_mirror *mirror, struct xs_adjacency *adjacency)
{
	if (adjacency->may_ask)
		return;
	adjacency->may_ask = true;
	adjacency->next_ask = mirror->ask;
	mirror->ask = adjacency;
}

/*
 * Gives back what nobody needs: the entry where no prefix leads to it, the whole where the kernel does not have it
 * either.
 */
static void drop_unused(struct xs_mirror *mirror, struct xs_adjacency *adjacency)
{
	if (adjacency->prefixes)
		return;
	if (adjacency->nexthop) {
		HASH_DELETE(by_nexthop, mirror->of_nexthop, adjacency);
		xs_nexthops_give_back(mirror->nexthops, adjacency->nexthop);
		adjacency->nexthop = 0;
	}
	adjacency->gateway = false;
	if (!adjacency->usable)
		xs_adjacency_look_at(mirror, adjacency); /* the end of a batch frees it */
	if (adjacency->asked)
		may_ask(mirror, adjacency); /* ... not to keep it alive any more */
}

bool xs_adjacency_serves(struct xs_mirror *mirror, const struct xs_adjacency *adjacency)
{
	const struct xs_mirror_part *part = xs_mirror_part(mirror, adjacency->key.ifindex);

	return adjacency->usable && part && xs_part_has_neighbours(part) && part->carrier != XS_CARRIER_DOWN;
}

static void fill(struct xs_mirror *mirror, const struct xs_adjacency *adjacency)
{
	const struct xs_mirror_part *part = xs_mirror_part(mirror, adjacency->key.ifindex);
	struct xs_nexthop content = {.kind = XS_NEXTHOP_PUNT};

	if (!adjacency->nexthop)
		return;
	if (xs_adjacency_serves(mirror, adjacency)) {
		memcpy(content.dmac, adjacency->mac, sizeof(content.dmac));
		memcpy(content.smac, part->device.smac, sizeof(content.smac));
		content.tci = htons(part->device.vid);
		content.mtu = part->device.mtu;
		content.ifindex = part->device.port_ifindex;
		content.vport = part->device.vport;
		content.port_flags = part->device.port_flags;
		content.kind = XS_NEXTHOP_FORWARD;
	}
	xs_nexthops_set(mirror->nexthops, adjacency->nexthop, &content);
	xs_groups_refill(mirror, adjacency);
}

uint32_t xs_adjacency_nexthop(struct xs_mirror *mirror, struct xs_adjacency *adjacency)
{
	if (!adjacency->nexthop) {
		uint32_t id = xs_nexthops_take(mirror->nexthops);

		if (!id) {
			mirror->refused_hosts++;
			return xs_nexthops_punt(mirror->nexthops);
		}
		adjacency->nexthop = id;
		HASH_ADD(by_nexthop, mirror->of_nexthop, nexthop, sizeof(adjacency->nexthop), adjacency);
		fill(mirror, adjacency);
	}
	return adjacency->nexthop;
}

void xs_adjacency_referred(struct xs_mirror *mirror, uint32_t nexthop)
{
	struct xs_adjacency *adjacency = find_nexthop(mirror, nexthop);

	if (!adjacency)
		return;
	adjacency->prefixes++;
	if (adjacency->gateway && !adjacency->asked)
		may_ask(mirror, adjacency);
}

void xs_adjacency_unreferred(struct xs_mirror *mirror, uint32_t nexthop)
{
	struct xs_adjacency *adjacency = find_nexthop(mirror, nexthop);

	if (!adjacency)
		return;
	adjacency->prefixes--;
	drop_unused(mirror, adjacency);
}

/* ---- what the kernel tells --------------------------------------------------------------------------------------- */

static void set_usable(struct xs_mirror *mirror, struct xs_adjacency *adjacency, bool usable)
{
	mirror->neighbours += usable;
	mirror->neighbours -= adjacency->usable;
	adjacency->usable = usable;
	xs_adjacency_look_at(mirror, adjacency);
}

int xs_neighbour_told(struct xs_mirror *mirror, const struct xs_neighbour_message *message)
{
	struct xs_adjacency *adjacency = find(mirror, &message->key);
	bool changed;

	if (!adjacency) {
		if (!message->usable)
			return 0;
		adjacency = xs_adjacency_want(mirror, &message->key);
		if (!adjacency)
			return -ENOMEM;
	}
	changed = adjacency->usable != message->usable ||
		  (message->usable && memcmp(adjacency->mac, message->mac, sizeof(adjacency->mac)));
	adjacency->mark = message->dumped;
	adjacency->managed = message->managed;
	adjacency->permanent = message->permanent;
	adjacency->idle = message->idle;
	/*
	 * One that somebody has taken out of the kernel's care is asked for again; where there is none, one that idles.
	 */
	if (adjacency->gateway && !message->permanent && (mirror->no_managed ? message->idle : !message->managed)) {
		adjacency->asked = false;
		may_ask(mirror, adjacency);
	}
	if (!changed)
		return 0;
	if (message->usable)
		memcpy(adjacency->mac, message->mac, sizeof(adjacency->mac));
	set_usable(mirror, adjacency, message->usable);
	fill(mirror, adjacency);
	return 0;
}

void xs_neighbours_unmark(struct xs_mirror *mirror)
{
	struct xs_adjacency *adjacency, *next;

	HASH_ITER(hh, mirror->adjacencies, adjacency, next)
		adjacency->mark = false;
}

void xs_neighbours_sweep(struct xs_mirror *mirror)
{
	struct xs_adjacency *adjacency, *next;

	HASH_ITER(hh, mirror->adjacencies, adjacency, next) {
		if (adjacency->mark || !adjacency->usable)
			continue;
		adjacency->managed = adjacency->permanent = false;
		set_usable(mirror, adjacency, false);
		fill(mirror, adjacency);
	}
}

void xs_adjacencies_refill(struct xs_mirror *mirror)
{
	struct xs_adjacency *adjacency, *next;

	HASH_ITER(hh, mirror->adjacencies, adjacency, next) {
		xs_adjacency_look_at(mirror, adjacency);
		fill(mirror, adjacency);
	}
}

/* ---- host prefixes ---------------------------------------------------------------------------------------------- */

static bool is_explicit(const struct xs_fib *fib, const struct xs_prefix *host)
{
	uint32_t head;

	return xs_prefix_map_get(fib->heads, host->bytes, host->length, &head);
}

/* Would the kernel, for this address, ask for this neighbour on this device, because of an on-link route? */
static bool is_on_link(struct xs_mirror *mirror, struct xs_fib *fib, const struct xs_adjacency *adjacency,
		       const struct xs_prefix *host)
{
	const struct xs_mirror_part *part = xs_mirror_part(mirror, adjacency->key.ifindex);
	const struct xs_route *best = NULL;
	unsigned int length = fib->bits;
	uint32_t head;

	if (!adjacency->usable || !part || !xs_part_has_neighbours(part) || is_explicit(fib, host) ||
	    xs_route_shadowed(fib, host))
		return false;
	/* A prefix whose routes are all dead is passed over. */
	while (!best && xs_prefix_map_cover(fib->heads, host->bytes, length, &length, &head))
		best = xs_route_best(mirror, head);
	return best && best->type == RTN_UNICAST && best->way->count == 1 && !best->way->hop[0].to.address.family &&
	       best->way->hop[0].to.ifindex == adjacency->key.ifindex && !best->tos &&
	       !(best->flags & (XS_ROUTE_LOCAL | XS_ROUTE_KERNEL));
}

/* Those under the prefixes whose routes have changed. */
static void look_at_concerned(struct xs_mirror *mirror)
{
	struct xs_adjacency *adjacency, *next;

	if (!mirror->fib[XS_FAMILY4].changed_count && !mirror->fib[XS_FAMILY6].changed_count)
		return;
	HASH_ITER(hh, mirror->adjacencies, adjacency, next) {
		const struct xs_fib *fib = xs_fib_of(mirror, adjacency->key.address.family);
		bool concerned = fib->changed_count > XS_MIRROR_CHANGED_MAX;

		for (size_t i = 0; !concerned && i < fib->changed_count; i++)
			concerned = xs_prefix_contains(&fib->changed[i], &adjacency->key.address);
		if (concerned)
			xs_adjacency_look_at(mirror, adjacency);
	}
	mirror->fib[XS_FAMILY4].changed_count = mirror->fib[XS_FAMILY6].changed_count = 0;
}

static int apply_one(struct xs_mirror *mirror, struct xs_adjacency *adjacency)
{
	const struct xs_prefix host = xs_prefix_of_host(&adjacency->key.address);
	int err;

	if (!is_on_link(mirror, xs_fib_of(mirror, host.family), adjacency, &host))
		return 0;
	/* Without room for it, the on-link route's own leaf punts. */
	err = xs_leaf_set(mirror, &host, xs_adjacency_nexthop(mirror, adjacency));
	adjacency->host_leaf = !err;
	if (err == -ENOSPC)
		mirror->refused_hosts++;
	return err == -ENOSPC ? 0 : err;
}

int xs_adjacencies_apply(struct xs_mirror *mirror)
{
	struct xs_adjacency *adjacency, *next, *list;
	int err = 0;

	look_at_concerned(mirror);
	list = mirror->dirty;
	/* What goes, goes first: two devices may have a neighbour of one address. */
	for (adjacency = list; adjacency; adjacency = adjacency->next_dirty) {
		const struct xs_prefix host = xs_prefix_of_host(&adjacency->key.address);
		struct xs_fib *fib = xs_fib_of(mirror, host.family);

		if (!adjacency->host_leaf || is_on_link(mirror, fib, adjacency, &host))
			continue;
		adjacency->host_leaf = false;
		if (!is_explicit(fib, &host))
			xs_leaf_clear(mirror, &host);
	}
	/* What comes to be looked at meanwhile waits for the next batch. */
	list = mirror->dirty;
	mirror->dirty = NULL;
	for (adjacency = list; adjacency; adjacency = next) {
		next = adjacency->next_dirty;
		if (err) {
			adjacency->dirty = false;
			xs_adjacency_look_at(mirror, adjacency);
			continue;
		}
		err = apply_one(mirror, adjacency);
		drop_unused(mirror, adjacency);
		adjacency->dirty = false;
		if (!adjacency->usable && !adjacency->prefixes && !adjacency->asked && !adjacency->may_ask) {
			HASH_DELETE(hh, mirror->adjacencies, adjacency);
			free(adjacency);
		}
	}
	return err;
}

/* ---- keeping gateways alive -------------------------------------------------------------------------------------- */

static void ask(struct xs_mirror *mirror, struct xs_adjacency *adjacency)
{
	bool wanted = adjacency->gateway && adjacency->prefixes && !adjacency->permanent;

	/* A failure (the device is down, say) is no fault of ours: a punted packet makes the kernel ask by itself. */
	if (wanted && !adjacency->asked) {
		adjacency->asked = true;
		if (!adjacency->managed)
			xs_mirror_ask_neighbour(mirror, adjacency, true);
	} else if (!adjacency->prefixes && adjacency->asked) {
		adjacency->asked = false;
		xs_adjacency_look_at(mirror, adjacency); /* the next batch frees it if it is of no use */
		if (adjacency->managed && !adjacency->permanent)
			xs_mirror_ask_neighbour(mirror, adjacency, false);
	}
}

void xs_adjacencies_ask(struct xs_mirror *mirror)
{
	while (mirror->ask) {
		struct xs_adjacency *adjacency = mirror->ask;

		mirror->ask = adjacency->next_ask;
		adjacency->may_ask = false;
		ask(mirror, adjacency);
		if (!adjacency->usable && !adjacency->prefixes)
			xs_adjacency_look_at(mirror, adjacency);
	}
}

/* ---- hosts ------------------------------------------------------------------------------------------------------- */

static bool is_to_probe(const struct xs_adjacency *adjacency, uint32_t ifindex)
{
	return adjacency->key.ifindex == ifindex && adjacency->idle && adjacency->usable && adjacency->host_leaf &&
	       !adjacency->managed && !adjacency->permanent;
}

void xs_mirror_probe_idle(struct xs_mirror *mirror, uint32_t ifindex, unsigned int most)
{
	struct xs_adjacency *adjacency, *next;
	unsigned int probed = 0;

	HASH_ITER(hh, mirror->adjacencies, adjacency, next) {
		if (!is_to_probe(adjacency, ifindex) || adjacency->probed)
			continue;
		if (probed++ == most)
			return;
		adjacency->probed = true;
		xs_mirror_ask_neighbour(mirror, adjacency, false);
	}
	/* All have had their turn. */
	HASH_ITER(hh, mirror->adjacencies, adjacency, next)
		if (adjacency->key.ifindex == ifindex)
			adjacency->probed = false;
}

void xs_adjacencies_free(struct xs_mirror *mirror)
{
	struct xs_adjacency *adjacency, *next;

	HASH_CLEAR(by_nexthop, mirror->of_nexthop);
	HASH_ITER(hh, mirror->adjacencies, adjacency, next) {
		HASH_DELETE(hh, mirror->adjacencies, adjacency);
		xs_nexthops_give_back(mirror->nexthops, adjacency->nexthop);
		free(adjacency);
	}
}
