/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_leaves.c - the leaf that each prefix has because of its routes.
 *
 * Always holds: a prefix for which the pool has no room is covered by one that punts (a veil): never is a longer
 * prefix' traffic sent by a shorter one's route.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/mirror_internal.h"

/*
 * Is there a shorter prefix in the local table? IPv6's kernel asks that table first, and so does IPv4's that was given
 * a rule: the shorter prefix wins. One that was not has both tables in one, and the longer prefix wins. It does not
 * tell: its judgement is asked for.
 */
bool xs_route_shadowed(const struct xs_fib *fib, const struct xs_prefix *prefix)
{
	for (size_t i = 0; i < fib->shadow_count; i++)
		if (fib->shadow[i].length < prefix->length && xs_prefix_covers(&fib->shadow[i], prefix))
			return true;
	return false;
}

/* Keeps the list of the local table's prefixes that are shorter than a host's. */
int xs_route_note_shadow(struct xs_fib *fib, const struct xs_prefix *prefix, bool casts)
{
	struct xs_prefix *more;
	size_t i = 0;

	if (prefix->length == fib->bits)
		return 0;
	while (i < fib->shadow_count && memcmp(&fib->shadow[i], prefix, sizeof(*prefix)))
		i++;
	if (casts == (i < fib->shadow_count))
		return 0;
	fib->shadow_changed = true;
	if (!casts) {
		fib->shadow[i] = fib->shadow[--fib->shadow_count];
		return 0;
	}
	more = realloc(fib->shadow, (fib->shadow_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	fib->shadow = more;
	fib->shadow[fib->shadow_count++] = *prefix;
	return 0;
}

/* ---- which leaf -------------------------------------------------------------------------------------------------- */

/* The first next hop that is alive, and how many are. NULL: none. */
static const struct xs_hop *first_alive(const struct xs_way *way, uint32_t *alive)
{
	const struct xs_hop *first = NULL;

	*alive = 0;
	for (uint32_t i = 0; i < way->count; i++) {
		if (way->hop[i].dead)
			continue;
		if (!first)
			first = &way->hop[i];
		++*alive;
	}
	return first;
}

/* Can flows be divided here? Only among gateways behind devices of ours: what else there is, only the kernel knows. */
static bool is_group(struct xs_mirror *mirror, const struct xs_way *way)
{
	for (uint32_t i = 0; i < way->count; i++) {
		const struct xs_mirror_part *part = xs_mirror_part(mirror, way->hop[i].to.ifindex);

		if (!way->hop[i].dead &&
		    (!part || !xs_part_has_neighbours(part) || !way->hop[i].to.address.family))
			return false;
	}
	return true;
}

/* Several that are alive. Without room for a group the kernel divides. */
static int leaf_of_several(struct xs_mirror *mirror, struct xs_way *way, uint32_t *leaf)
{
	int err = is_group(mirror, way) ? xs_group_want(mirror, way, leaf) : 0;

	if (err == -ENOSPC)
		mirror->refused_hosts++;
	return err == -ENOSPC ? 0 : err;
}

/* What a packet that goes by this next hop needs; 0: only the kernel knows. 0 or -ENOMEM. */
static int leaf_of_hop(struct xs_mirror *mirror, const struct xs_hop *hop, const struct xs_prefix *prefix,
		       uint32_t *leaf)
{
	struct xs_mirror_part *part = xs_mirror_part(mirror, hop->to.ifindex);
	struct xs_neighbour_key key = hop->to;
	struct xs_adjacency *adjacency;

	*leaf = 0;
	if (!part)
		return 0;
	if (!xs_part_has_neighbours(part)) {
		*leaf = part->own_nexthop[xs_family_index(prefix->family)];
		return 0;
	}
	if (!hop->to.address.family) {
		/* On-link: hosts have leaves of their own, as far as they are resolved. */
		if (prefix->length < xs_family_bits(prefix->family)) {
			*leaf = xs_nexthops_resolve(mirror->nexthops);
			return 0;
		}
		key.address.family = prefix->family;
		memcpy(key.address.bytes, prefix->bytes, sizeof(key.address.bytes));
	}
	adjacency = xs_adjacency_want(mirror, &key);
	if (!adjacency)
		return -ENOMEM;
	adjacency->gateway |= hop->to.address.family != 0;
	*leaf = xs_adjacency_nexthop(mirror, adjacency);
	if (!adjacency->prefixes) /* if no prefix comes to lead to it after all, it goes */
		xs_adjacency_look_at(mirror, adjacency);
	return 0;
}

/* What a packet to the prefix needs. 0 or -ENOMEM. */
static int leaf_of(struct xs_mirror *mirror, struct xs_fib *fib, const struct xs_route *best,
		   const struct xs_prefix *prefix, uint32_t *leaf)
{
	uint32_t veil, alive, found = 0;
	const struct xs_hop *hop = first_alive(best->way, &alive);
	int err = 0;

	*leaf = xs_nexthops_punt(mirror->nexthops);
	if (best->flags & (XS_ROUTE_LOCAL | XS_ROUTE_KERNEL) || best->tos || xs_route_shadowed(fib, prefix) ||
	    xs_route_is_moot(mirror, xs_route_head(fib, prefix)) ||
	    xs_prefix_map_get(fib->veils, prefix->bytes, prefix->length, &veil))
		return 0;
	if (best->type == RTN_BLACKHOLE)
		found = xs_nexthops_blackhole(mirror->nexthops);
	else if (best->type == RTN_UNREACHABLE || best->type == RTN_PROHIBIT)
		found = xs_nexthops_unreachable(mirror->nexthops);
	else if (best->type == RTN_UNICAST && alive > 1)
		err = leaf_of_several(mirror, best->way, &found);
	else if (best->type == RTN_UNICAST && hop)
		err = leaf_of_hop(mirror, hop, prefix, &found);
	if (found)
		*leaf = found;
	return err;
}

/*
 * Covers a prefix that finds no room: the longest one above it that has its place, because it is there or because it
 * ends on a whole byte of the way down that exists, punts. The prefix of length 0 always has its place.
 */
static int veil(struct xs_mirror *mirror, struct xs_fib *fib, const struct xs_prefix *refused)
{
	struct xs_address address = { .family = refused->family };
	uint32_t punt = xs_nexthops_punt(mirror->nexthops), held;
	struct xs_prefix prefix = *refused;
	int err = -ENOSPC;

	memcpy(address.bytes, refused->bytes, sizeof(address.bytes));
	while (err == -ENOSPC && prefix.length) {
		prefix = xs_prefix_mask(&address, prefix.length - 1);
		if (prefix.length % 8 && !xs_table_get(fib->table, prefix.bytes, prefix.length, &held))
			continue;
		err = xs_leaf_set(mirror, &prefix, punt);
		if (!err)
			err = xs_prefix_map_set(fib->veils, prefix.bytes, prefix.length, 0);
	}
	return err;
}

int xs_routes_apply(struct xs_mirror *mirror, const struct xs_prefix *prefix)
{
	struct xs_fib *fib = xs_fib_of(mirror, prefix->family);
	const struct xs_route *best = xs_route_best(mirror, xs_route_head(fib, prefix));
	uint32_t leaf, known;
	int err;

	err = xs_route_note_shadow(fib, prefix, best && best->flags & XS_ROUTE_LOCAL);
	if (err)
		return err;
	if (!best) {
		xs_prefix_map_remove(fib->refused, prefix->bytes, prefix->length);
		if (xs_prefix_map_get(fib->veils, prefix->bytes, prefix->length, &known))
			return xs_leaf_set(mirror, prefix, xs_nexthops_punt(mirror->nexthops));
		xs_leaf_clear(mirror, prefix);
		return 0;
	}
	err = leaf_of(mirror, fib, best, prefix, &leaf);
	if (err)
		return err;
	err = xs_leaf_set(mirror, prefix, leaf);
	if (!err) {
		xs_prefix_map_remove(fib->refused, prefix->bytes, prefix->length);
		return 0;
	}
	if (err != -ENOSPC)
		return err;
	err = xs_prefix_map_set(fib->refused, prefix->bytes, prefix->length, 0);
	return err ? err : veil(mirror, fib, prefix);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static struct xs_prefix empty_prefix(const struct xs_fib *fib)
{
	return (struct xs_prefix){ .family = fib->bytes == 4 ? XS_IPV4 : XS_IPV6 };
}

struct xs_prefix *xs_fib_prefixes(const struct xs_fib *fib, const struct xs_prefix_map *map, size_t *count)
{
	struct xs_prefix *all = malloc((xs_prefix_map_count(map) + 1) * sizeof(*all));
	unsigned int length;
	uint32_t value;
	size_t slot = 0;

	*count = 0;
	if (!all)
		return NULL;
	all[0] = empty_prefix(fib);
	while (xs_prefix_map_each(map, &slot, all[*count].bytes, &length, &value)) {
		all[(*count)++].length = length;
		all[*count] = empty_prefix(fib);
	}
	return all;
}

int xs_routes_apply_all(struct xs_mirror *mirror, struct xs_fib *fib)
{
	struct xs_prefix prefix = empty_prefix(fib);
	unsigned int length;
	uint32_t head;
	size_t slot = 0;
	int err = 0;

	while (!err && xs_prefix_map_each(fib->heads, &slot, prefix.bytes, &length, &head)) {
		prefix.length = length;
		err = xs_routes_apply(mirror, &prefix);
	}
	fib->changed_count = XS_MIRROR_CHANGED_MAX + 1;
	return err;
}

int xs_routes_retry_refused(struct xs_mirror *mirror, struct xs_fib *fib)
{
	struct xs_prefix *all;
	size_t count;
	int err = 0;

	if (!xs_prefix_map_count(fib->veils))
		return 0;
	all = xs_fib_prefixes(fib, fib->refused, &count);
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++)
		err = xs_routes_apply(mirror, &all[i]);
	free(all);
	if (err || xs_prefix_map_count(fib->refused))
		return err;
	all = xs_fib_prefixes(fib, fib->veils, &count);
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++) {
		xs_prefix_map_remove(fib->veils, all[i].bytes, all[i].length);
		err = xs_routes_apply(mirror, &all[i]);
	}
	free(all);
	return err;
}
