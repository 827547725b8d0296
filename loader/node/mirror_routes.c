/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_routes.c - the routes of the kernel's local and main tables, as it tells of them.
 *
 * Always holds: the routes of a prefix stand in the order in which the kernel has them: local table before main, larger
 * TOS first, smaller metric first, then as they were added. Where what was told leaves open which of several equal
 * routes it is about, a dump is asked for.
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
			uint32_t room = mirror->route_room ? mirror->route_room * 2 : 16;
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
	xs_way_put(mirror, at(mirror, index)->way);
	*at(mirror, index) = (struct xs_route){ .next = mirror->route_free };
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

uint32_t xs_route_head(const struct xs_fib *fib, const struct xs_prefix *prefix)
{
	uint32_t head;

	return xs_prefix_map_get(fib->heads, prefix->bytes, prefix->length, &head) ? head : 0;
}

static int set_head(struct xs_fib *fib, const struct xs_prefix *prefix, uint32_t head)
{
	if (head)
		return xs_prefix_map_set(fib->heads, prefix->bytes, prefix->length, head);
	xs_prefix_map_remove(fib->heads, prefix->bytes, prefix->length);
	return 0;
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

typedef bool (*xs_route_test)(const struct xs_route *route, const struct xs_route *pattern);

/* Takes records out that `which` picks; `first` only: the first of them. Returns the list's head. */
static uint32_t cut(struct xs_mirror *mirror, uint32_t head, const struct xs_route *pattern, xs_route_test which,
		    bool first)
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

/* The first record that `which` picks; 0: none. */
static uint32_t pick(const struct xs_mirror *mirror, uint32_t head, const struct xs_route *pattern, xs_route_test which)
{
	while (head && !which(at(mirror, head), pattern))
		head = at(mirror, head)->next;
	return head;
}

static bool is_same(const struct xs_route *route, const struct xs_route *pattern)
{
	return !compare(route, pattern) && route->type == pattern->type && xs_way_same(route->way, pattern->way);
}

static bool is_equal(const struct xs_route *route, const struct xs_route *pattern)
{
	return !compare(route, pattern);
}

static bool is_unmarked(const struct xs_route *route, const struct xs_route *pattern)
{
	return !(route->flags & XS_ROUTE_MARK);
}

/* IPv6: one that others may join as a next hop, or that joins others. */
static bool may_join(const struct xs_route *route)
{
	return !(route->flags & XS_ROUTE_ALONE) && route->type == RTN_UNICAST && xs_way_leaves_by_gateways(route->way);
}

static bool is_joinable(const struct xs_route *route, const struct xs_route *pattern)
{
	return !compare(route, pattern) && may_join(route);
}

static bool is_as_joinable(const struct xs_route *route, const struct xs_route *pattern)
{
	return !compare(route, pattern) && may_join(route) == may_join(pattern);
}

static bool has_hop(const struct xs_route *route, const struct xs_route *pattern)
{
	return !compare(route, pattern) && route->way->count > 1 && pattern->way->count == 1 &&
	       xs_way_has(route->way, &pattern->way->hop[0]);
}

/* Takes `index` into the place of `place`. */
static void replace(struct xs_mirror *mirror, uint32_t place, uint32_t index)
{
	struct xs_route was = *at(mirror, place), *now = at(mirror, index);

	*at(mirror, place) = *now;
	at(mirror, place)->next = was.next;
	*now = was;
	record_free(mirror, index);
}

/*
 * The flags say what IPv4's kernel found: EXCL, that there was no equal; REPLACE, which it took the place of; APPEND,
 * that it went behind its equals; none of them, before.
 */
static uint32_t add4(struct xs_mirror *mirror, uint32_t head, uint32_t index, uint16_t flags)
{
	const struct xs_route route = *at(mirror, index);

	if (flags & NLM_F_EXCL)
		head = cut(mirror, head, &route, is_equal, false);
	else
		head = cut(mirror, head, &route, is_same, true);
	if (flags & NLM_F_REPLACE)
		head = cut(mirror, head, &route, is_equal, true);
	return insert(mirror, head, index, flags & NLM_F_APPEND);
}

/*
 * IPv6's kernel: an equal one by gateways joins those that are there, and is told with all of them; any other goes
 * behind its equals. What replaces takes the place of the first of its sort, if there is one.
 */
static uint32_t add6(struct xs_mirror *mirror, uint32_t head, uint32_t index, uint16_t flags)
{
	const struct xs_route route = *at(mirror, index);
	uint32_t place, equal = pick(mirror, head, &route, is_equal);

	if (flags & NLM_F_EXCL) {
		head = cut(mirror, head, &route, is_equal, false);
		return insert(mirror, head, index, true);
	}
	/* Of several equals it would have to be known which came when. */
	if (equal && pick(mirror, at(mirror, equal)->next, &route, is_equal))
		mirror->stale = true;
	place = pick(mirror, head, &route, is_same);
	if (!place && flags & NLM_F_REPLACE)
		place = pick(mirror, head, &route, is_as_joinable);
	if (!place && flags & NLM_F_REPLACE)
		place = equal;
	if (!place && may_join(&route))
		place = pick(mirror, head, &route, is_joinable);
	if (!place)
		return insert(mirror, head, index, true);
	replace(mirror, place, index);
	return head;
}

/* IPv6: a next hop goes out of several. */
static int remove_hop(struct xs_mirror *mirror, uint32_t index, const struct xs_hop *gone)
{
	struct xs_route *route = at(mirror, index);
	struct xs_hop hop[XS_HOPS_MAX];
	struct xs_way *way;
	uint32_t count = 0;
	bool dead = true;

	for (uint32_t i = 0; i < route->way->count; i++) {
		if (!memcmp(&route->way->hop[i].to, &gone->to, sizeof(gone->to)))
			continue;
		dead &= route->way->hop[i].dead;
		hop[count++] = route->way->hop[i];
	}
	way = xs_way_get(mirror, &route->way->source, hop, count);
	if (!way)
		return -ENOMEM;
	xs_way_put(mirror, route->way);
	route->way = way;
	route->flags = dead ? route->flags | XS_ROUTE_DEAD : route->flags & ~XS_ROUTE_DEAD;
	return 0;
}

static int take_out(struct xs_mirror *mirror, struct xs_fib *fib, const struct xs_prefix *prefix,
		    const struct xs_route *route)
{
	uint32_t head = xs_route_head(fib, prefix), place = pick(mirror, head, route, is_same);
	int err = 0;

	if (place)
		head = cut(mirror, head, route, is_same, true);
	else if (prefix->family == XS_IPV6 && (place = pick(mirror, head, route, has_hop)))
		err = remove_hop(mirror, place, &route->way->hop[0]);
	if (err || !place)
		return err;
	/* The first next hop leaves its place to one that may stand behind another route. */
	place = prefix->family == XS_IPV6 ? pick(mirror, head, route, is_equal) : 0;
	if (place && at(mirror, place)->next && pick(mirror, at(mirror, place)->next, route, is_equal))
		mirror->stale = true;
	return set_head(fib, prefix, head);
}

static int put_in(struct xs_mirror *mirror, struct xs_fib *fib, const struct xs_route_message *message)
{
	uint32_t head = xs_route_head(fib, &message->prefix), index;

	if (xs_prefix_map_reserve(fib->heads))
		return -ENOMEM;
	index = record_new(mirror);
	if (!index)
		return -ENOMEM;
	*at(mirror, index) = message->route;
	message->route.way->routes++;
	if (message->dumped) {
		at(mirror, index)->flags |= XS_ROUTE_MARK;
		head = cut(mirror, head, &message->route, is_same, true);
		head = insert(mirror, head, index, true);
	} else if (message->prefix.family == XS_IPV6) {
		head = add6(mirror, head, index, message->flags);
	} else {
		head = add4(mirror, head, index, message->flags);
	}
	return set_head(fib, &message->prefix, head);
}

static void note_change(struct xs_fib *fib, const struct xs_prefix *prefix)
{
	if (fib->changed_count < XS_MIRROR_CHANGED_MAX)
		fib->changed[fib->changed_count] = *prefix;
	if (fib->changed_count <= XS_MIRROR_CHANGED_MAX)
		fib->changed_count++;
}

/* What goes by these prefixes is not looked up: link-local unicast, and multicast. Each device has routes for them. */
static bool is_never_asked_for(const struct xs_prefix *prefix)
{
	return prefix->family == XS_IPV6 &&
	       ((prefix->length >= 8 && prefix->bytes[0] == 0xff) ||
		(prefix->length >= 10 && prefix->bytes[0] == 0xfe && (prefix->bytes[1] & 0xc0) == 0x80));
}

/*
 * Events that happened before a dump are told again after it; so whatever is told must lead to the same end, whether or
 * not it is known already.
 */
int xs_route_told(struct xs_mirror *mirror, struct xs_route_message *message)
{
	struct xs_fib *fib = xs_fib_of(mirror, message->prefix.family);
	struct xs_route *route = &message->route;
	bool dead = message->hops;
	int err;

	if (is_never_asked_for(&message->prefix))
		return 0;
	for (uint32_t i = 0; i < message->hops; i++)
		dead &= message->hop[i].dead;
	if (dead)
		route->flags |= XS_ROUTE_DEAD;
	route->way = xs_way_get(mirror, &message->source, message->hop, message->hops);
	if (!route->way)
		return -ENOMEM;
	err = message->gone ? take_out(mirror, fib, &message->prefix, route) : put_in(mirror, fib, message);
	xs_way_put(mirror, route->way);
	/* A dump is applied when it is complete. */
	if (err || message->dumped)
		return err;
	note_change(fib, &message->prefix);
	return xs_routes_apply(mirror, &message->prefix);
}

/* Several equal ones of which one has a preference: which of them is taken, IPv6's kernel does not tell. */
bool xs_route_is_moot(const struct xs_mirror *mirror, uint32_t head)
{
	const struct xs_route *best = xs_route_best(mirror, head), *route;
	unsigned int count = 0;
	bool preferred = false;

	for (; best && head; head = at(mirror, head)->next) {
		route = at(mirror, head);
		if (route->flags & XS_ROUTE_DEAD || compare(best, route))
			continue;
		preferred |= route->preference != 0;
		count++;
	}
	return count > 1 && preferred;
}

const struct xs_route *xs_route_best(const struct xs_mirror *mirror, uint32_t head)
{
	while (head && at(mirror, head)->flags & XS_ROUTE_DEAD)
		head = at(mirror, head)->next;
	return head ? at(mirror, head) : NULL;
}

void xs_routes_unmark(struct xs_mirror *mirror)
{
	for (uint32_t i = 1; i <= mirror->route_count; i++)
		mirror->route[i].flags &= ~XS_ROUTE_MARK;
}

static int sweep(struct xs_mirror *mirror, struct xs_fib *fib)
{
	size_t count;
	struct xs_prefix *all = xs_fib_prefixes(fib, fib->heads, &count);
	int err = all ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !err; i++) {
		uint32_t head = xs_route_head(fib, &all[i]), kept = cut(mirror, head, NULL, is_unmarked, false);
		const struct xs_route *best = xs_route_best(mirror, kept);

		if (kept != head)
			err = set_head(fib, &all[i], kept);
		/* Shadows are known before leaves are set, so that none is set twice. */
		if (!err)
			err = xs_route_note_shadow(fib, &all[i], best && best->flags & XS_ROUTE_LOCAL);
		if (!err && !kept)
			err = xs_routes_apply(mirror, &all[i]);
	}
	fib->shadow_changed = false;
	free(all);
	return err;
}

int xs_routes_sweep(struct xs_mirror *mirror)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++)
		err = sweep(mirror, &mirror->fib[i]);
	return err;
}

void xs_routes_free(struct xs_mirror *mirror)
{
	struct xs_way *way, *next;

	HASH_ITER(hh, mirror->ways, way, next) {
		HASH_DELETE(hh, mirror->ways, way);
		free(way);
	}
	free(mirror->route);
}
