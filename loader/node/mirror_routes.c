/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_routes.c - the routes of the kernel's local and main tables, and the leaf that each prefix has because of
 * them.
 *
 * Always holds: the routes of a prefix stand in the order in which the kernel tries them: local table before main,
 * larger TOS first, smaller metric first, then as they were added. A prefix for which the pool has no room is covered
 * by one that punts (a veil): never is a longer prefix' traffic sent by a shorter one's route.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/mirror_internal.h"

static struct xs_route *at(const struct xs_mirror *mirror, uint32_t index)
{
	return &mirror->route[index];
}

/* Index of a new record; 0 without memory. */
static uint32_t record_new(struct xs_mirror *mirror)
{
	uint32_t index = mirror->route_free;

	if (index) {
		mirror->route_free = at(mirror, index)->next;
	} else {
		if (mirror->route_count + 1 >= mirror->route_room) {
			uint32_t room = mirror->route_room ? mirror->route_room * 2 : 64;
			struct xs_route *more = realloc(mirror->route, room * sizeof(*more));

			if (!more)
				return 0;
			mirror->route = more;
			mirror->route_room = room;
		}
		index = ++mirror->route_count;
	}
	mirror->routes++;
	return index;
}

static void record_free(struct xs_mirror *mirror, uint32_t index)
{
	at(mirror, index)->next = mirror->route_free;
	mirror->route_free = index;
	mirror->routes--;
}

/* Below 0: a is tried before b. 0: the kernel tells them apart by when they were added. */
static int compare(const struct xs_route *a, const struct xs_route *b)
{
	if ((a->flags ^ b->flags) & XS_ROUTE_LOCAL)
		return a->flags & XS_ROUTE_LOCAL ? -1 : 1;
	if (a->tos != b->tos)
		return a->tos > b->tos ? -1 : 1;
	return a->priority < b->priority ? -1 : a->priority > b->priority;
}

static bool same(const struct xs_route *a, const struct xs_route *b)
{
	return !compare(a, b) && a->type == b->type && a->gateway == b->gateway && a->ifindex == b->ifindex;
}

static uint32_t head_of(const struct xs_mirror *mirror, const struct xs_prefix4 *prefix)
{
	uint32_t head;

	return xs_prefix_map_get(mirror->heads, prefix->address, prefix->length, &head) ? head : 0;
}

/* Puts `index` into the list before or behind its equals. Returns the list's head. */
static uint32_t insert(struct xs_mirror *mirror, uint32_t head, uint32_t index, bool behind)
{
	uint32_t before = 0;

	for (uint32_t i = head; i; before = i, i = at(mirror, i)->next) {
		int order = compare(at(mirror, i), at(mirror, index));

		if (order > 0 || (!order && !behind))
			break;
	}
	at(mirror, index)->next = before ? at(mirror, before)->next : head;
	if (!before)
		return index;
	at(mirror, before)->next = index;
	return head;
}

/* Takes records out that `which` picks; `first` only: the first of them. Returns the list's head. */
static uint32_t cut(struct xs_mirror *mirror, uint32_t head, const struct xs_route *pattern,
		    bool (*which)(const struct xs_route *route, const struct xs_route *pattern), bool first)
{
	uint32_t before = 0, next;

	for (uint32_t i = head; i; i = next) {
		next = at(mirror, i)->next;
		if (!which(at(mirror, i), pattern)) {
			before = i;
			continue;
		}
		if (before)
			at(mirror, before)->next = next;
		else
			head = next;
		record_free(mirror, i);
		if (first)
			break;
	}
	return head;
}

static bool is_same(const struct xs_route *route, const struct xs_route *pattern)
{
	return same(route, pattern);
}

static bool is_equal(const struct xs_route *route, const struct xs_route *pattern)
{
	return !compare(route, pattern);
}

static bool is_unmarked(const struct xs_route *route, const struct xs_route *pattern)
{
	return !(route->flags & XS_ROUTE_MARK);
}

static void note_change(struct xs_mirror *mirror, const struct xs_prefix4 *prefix)
{
	if (mirror->changed_count < XS_MIRROR_CHANGED_MAX)
		mirror->changed[mirror->changed_count] = *prefix;
	if (mirror->changed_count <= XS_MIRROR_CHANGED_MAX)
		mirror->changed_count++;
}

static int set_head(struct xs_mirror *mirror, const struct xs_prefix4 *prefix, uint32_t head)
{
	if (head)
		return xs_prefix_map_set(mirror->heads, prefix->address, prefix->length, head);
	xs_prefix_map_remove(mirror->heads, prefix->address, prefix->length);
	return 0;
}

/*
 * Events that happened before a dump are told again after it; so whatever is told must lead to the same end, whether or
 * not it is known already. The flags say what the kernel found: EXCL, that there was no equal; REPLACE, which it took
 * the place of; APPEND, that it went behind its equals; none of them, before.
 */
int xs_route_told(struct xs_mirror *mirror, const struct xs_route_message *message)
{
	uint32_t head = head_of(mirror, &message->prefix), index;
	const struct xs_route *route = &message->route;
	int err;

	if (message->gone) {
		if (!head)
			return 0;
		head = cut(mirror, head, route, is_same, true);
		set_head(mirror, &message->prefix, head);
		note_change(mirror, &message->prefix);
		return xs_routes_apply(mirror, message->prefix.address, message->prefix.length);
	}
	index = record_new(mirror);
	if (!index || xs_prefix_map_reserve(mirror->heads)) {
		if (index)
			record_free(mirror, index);
		return -ENOMEM;
	}
	*at(mirror, index) = *route;
	if (message->dumped)
		at(mirror, index)->flags |= XS_ROUTE_MARK;
	if (!message->dumped && message->flags & NLM_F_EXCL)
		head = cut(mirror, head, route, is_equal, false);
	else
		head = cut(mirror, head, route, is_same, true);
	if (!message->dumped && message->flags & NLM_F_REPLACE)
		head = cut(mirror, head, route, is_equal, true);
	head = insert(mirror, head, index, message->dumped || message->flags & NLM_F_APPEND);
	err = set_head(mirror, &message->prefix, head);
	/* A dump is applied when it is complete. */
	if (err || message->dumped)
		return err;
	note_change(mirror, &message->prefix);
	return xs_routes_apply(mirror, message->prefix.address, message->prefix.length);
}

/* ---- which leaf -------------------------------------------------------------------------------------------------- */

const struct xs_route *xs_route_best(const struct xs_mirror *mirror, uint32_t head)
{
	while (head && at(mirror, head)->flags & XS_ROUTE_DEAD)
		head = at(mirror, head)->next;
	return head ? at(mirror, head) : NULL;
}

static bool covers(const struct xs_prefix4 *prefix, const uint8_t *address)
{
	uint8_t masked[XS_MIRROR_BYTES];

	xs_prefix_bytes_mask(address, XS_MIRROR_BYTES, prefix->length, masked);
	return !memcmp(masked, prefix->address, XS_MIRROR_BYTES);
}

/*
 * Is there a shorter prefix in the local table? A kernel that was given a rule asks that table first, so the shorter
 * prefix wins; one that was not has both tables in one, and the longer prefix wins. It does not tell: its judgement is
 * asked for.
 */
bool xs_route_shadowed(const struct xs_mirror *mirror, const uint8_t *address, unsigned int length)
{
	for (size_t i = 0; i < mirror->shadow_count; i++)
		if (mirror->shadow[i].length < length && covers(&mirror->shadow[i], address))
			return true;
	return false;
}

/* Keeps the list of the local table's prefixes that are shorter than a host's. */
static int note_shadow(struct xs_mirror *mirror, const struct xs_prefix4 *prefix, bool casts)
{
	struct xs_prefix4 *more;
	size_t i = 0;

	if (prefix->length == XS_MIRROR_BITS)
		return 0;
	while (i < mirror->shadow_count && memcmp(&mirror->shadow[i], prefix, sizeof(*prefix)))
		i++;
	if (casts == (i < mirror->shadow_count))
		return 0;
	mirror->shadow_changed = true;
	if (!casts) {
		mirror->shadow[i] = mirror->shadow[--mirror->shadow_count];
		return 0;
	}
	more = realloc(mirror->shadow, (mirror->shadow_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	mirror->shadow = more;
	mirror->shadow[mirror->shadow_count++] = *prefix;
	return 0;
}

/* What a packet to the prefix needs. 0 or -ENOMEM. */
static int leaf_of(struct xs_mirror *mirror, const struct xs_route *best, const struct xs_prefix4 *prefix,
		   uint32_t *leaf)
{
	struct xs_mirror_part *part = xs_mirror_part(mirror, best->ifindex);
	struct xs_adjacency *adjacency;
	uint32_t address, veil;

	*leaf = xs_nexthops_punt(mirror->nexthops);
	if (best->flags & (XS_ROUTE_LOCAL | XS_ROUTE_KERNEL) || best->tos ||
	    xs_route_shadowed(mirror, prefix->address, prefix->length) ||
	    xs_prefix_map_get(mirror->veils, prefix->address, prefix->length, &veil))
		return 0;
	if (best->type == RTN_BLACKHOLE) {
		uint32_t drop = xs_nexthops_blackhole(mirror->nexthops);

		if (drop)
			*leaf = drop;
		return 0;
	}
	if (best->type != RTN_UNICAST || !part)
		return 0;
	if (part->device.kind == XS_VPORT_MUX) {
		if (part->edge_nexthop)
			*leaf = part->edge_nexthop;
		return 0;
	}
	/* On-link: hosts have leaves of their own, as far as they are resolved. */
	if (!best->gateway && prefix->length < XS_MIRROR_BITS)
		return 0;
	memcpy(&address, prefix->address, sizeof(address));
	if (best->gateway)
		address = best->gateway;
	adjacency = xs_adjacency_want(mirror, best->ifindex, address);
	if (!adjacency)
		return -ENOMEM;
	adjacency->gateway |= best->gateway != 0;
	*leaf = xs_adjacency_nexthop(mirror, adjacency);
	adjacency->dirty |= !adjacency->prefixes; /* if no prefix comes to lead to it after all, it goes */
	return 0;
}

/*
 * Covers a prefix that finds no room: the shortest way down that exists, ending on a whole byte, punts. It needs no
 * block. The prefix of length 0 always has its place.
 */
static int veil(struct xs_mirror *mirror, const uint8_t *address, unsigned int length)
{
	uint32_t punt = xs_nexthops_punt(mirror->nexthops);
	int err = -ENOSPC;

	while (err == -ENOSPC && length) {
		length = (length - 1) / 8 * 8;
		err = xs_leaf_set(mirror, address, length, punt);
		if (!err)
			err = xs_prefix_map_set(mirror->veils, address, length, 0);
	}
	return err;
}

int xs_routes_apply(struct xs_mirror *mirror, const uint8_t *address, unsigned int length)
{
	struct xs_prefix4 prefix = {.length = length};
	const struct xs_route *best;
	uint32_t leaf, known;
	int err;

	memcpy(prefix.address, address, XS_MIRROR_BYTES);
	best = xs_route_best(mirror, head_of(mirror, &prefix));
	err = note_shadow(mirror, &prefix, best && best->flags & XS_ROUTE_LOCAL);
	if (err)
		return err;
	if (!best) {
		xs_prefix_map_remove(mirror->refused, address, length);
		if (xs_prefix_map_get(mirror->veils, address, length, &known))
			return xs_leaf_set(mirror, address, length, xs_nexthops_punt(mirror->nexthops));
		xs_leaf_clear(mirror, address, length);
		return 0;
	}
	err = leaf_of(mirror, best, &prefix, &leaf);
	if (err)
		return err;
	err = xs_leaf_set(mirror, address, length, leaf);
	if (!err) {
		xs_prefix_map_remove(mirror->refused, address, length);
		return 0;
	}
	if (err != -ENOSPC)
		return err;
	err = xs_prefix_map_set(mirror->refused, address, length, 0);
	return err ? err : veil(mirror, address, length);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

void xs_routes_unmark(struct xs_mirror *mirror)
{
	for (uint32_t i = 1; i <= mirror->route_count; i++)
		mirror->route[i].flags &= ~XS_ROUTE_MARK;
}

/* The prefixes of a map, to go through while it changes. NULL without memory. */
static struct xs_prefix4 *prefixes_of(const struct xs_prefix_map *map, size_t *count)
{
	struct xs_prefix4 *all = malloc((xs_prefix_map_count(map) + 1) * sizeof(*all));
	unsigned int length;
	uint32_t value;
	size_t slot = 0;

	*count = 0;
	if (!all)
		return NULL;
	while (xs_prefix_map_each(map, &slot, all[*count].address, &length, &value))
		all[(*count)++].length = length;
	return all;
}

int xs_routes_sweep(struct xs_mirror *mirror)
{
	size_t count;
	struct xs_prefix4 *all = prefixes_of(mirror->heads, &count);
	int err = all ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !err; i++) {
		uint32_t head = head_of(mirror, &all[i]), kept = cut(mirror, head, NULL, is_unmarked, false);
		const struct xs_route *best = xs_route_best(mirror, kept);

		if (kept != head)
			err = set_head(mirror, &all[i], kept);
		/* Shadows are known before leaves are set, so that none is set twice. */
		if (!err)
			err = note_shadow(mirror, &all[i], best && best->flags & XS_ROUTE_LOCAL);
		if (!err && !kept)
			err = xs_routes_apply(mirror, all[i].address, all[i].length);
	}
	mirror->shadow_changed = false;
	free(all);
	return err;
}

int xs_routes_apply_all(struct xs_mirror *mirror)
{
	uint8_t address[XS_MIRROR_BYTES];
	unsigned int length;
	uint32_t head;
	size_t slot = 0;
	int err = 0;

	while (!err && xs_prefix_map_each(mirror->heads, &slot, address, &length, &head))
		err = xs_routes_apply(mirror, address, length);
	mirror->changed_count = XS_MIRROR_CHANGED_MAX + 1;
	return err;
}

int xs_routes_retry_refused(struct xs_mirror *mirror)
{
	struct xs_prefix4 *all;
	size_t count;
	int err = 0;

	if (!xs_prefix_map_count(mirror->veils))
		return 0;
	all = prefixes_of(mirror->refused, &count);
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++)
		err = xs_routes_apply(mirror, all[i].address, all[i].length);
	free(all);
	if (err || xs_prefix_map_count(mirror->refused))
		return err;
	all = prefixes_of(mirror->veils, &count);
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++) {
		xs_prefix_map_remove(mirror->veils, all[i].address, all[i].length);
		err = xs_routes_apply(mirror, all[i].address, all[i].length);
	}
	free(all);
	return err;
}
