/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nexthops.c - see nexthops.h. Epochs count grace periods: an entry that was made to punt in an earlier epoch than the
 * present one has no reader left that took it for anything else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/nexthops.h"
#include "maps/grace.h"
#include "maps/table_walk.h"

enum nexthop_state {
	NEXTHOP_FREE,
	NEXTHOP_USED,
	NEXTHOP_WAITING,
	NEXTHOP_ADOPTED,
};

struct pending {
	uint32_t id; /* 0: was cancelled */
	struct xs_nexthop content;
};

struct xs_nexthops {
	struct xs_nexthop *map;
	uint32_t size, next; /* next: where to look for a free one */
	uint32_t free, waiting;
	uint8_t *state;
	uint32_t *punt_epoch; /* when it was last made to punt; 0: long ago */
	uint32_t *pending_at; /* index + 1 into pending */
	struct pending *pending;
	size_t pending_count, pending_room;
	struct xs_group *group;
	uint32_t groups; /* entries; 0 is none */
	uint8_t *group_state;
	uint32_t epoch;
	uint32_t punt, blackhole, unreachable, resolve; /* the only ones of their kind */
	uint64_t writes;
};

struct xs_nexthops *xs_nexthops_new(struct xs_node_maps *maps)
{
	struct xs_nexthops *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->map = xs_node_maps_nexthop(maps);
	n->size = maps->entries[XS_MAP_nexthop];
	n->state = calloc(n->size + 1, sizeof(*n->state));
	n->punt_epoch = calloc(n->size + 1, sizeof(*n->punt_epoch));
	n->pending_at = calloc(n->size + 1, sizeof(*n->pending_at));
	n->free = n->size ? n->size - 1 : 0; /* 0 is none */
	n->next = 1;
	n->epoch = 1;
	n->group = xs_node_maps_group(maps);
	n->groups = n->group ? maps->entries[XS_MAP_group] : 0;
	n->group_state = calloc(n->groups + 1, sizeof(*n->group_state));
	if (!n->map || !n->group_state || !n->state || !n->punt_epoch || !n->pending_at) {
		xs_nexthops_free(n);
		return NULL;
	}
	return n;
}

void xs_nexthops_free(struct xs_nexthops *n)
{
	if (!n)
		return;
	free(n->state);
	free(n->group_state);
	free(n->punt_epoch);
	free(n->pending_at);
	free(n->pending);
	free(n);
}

uint64_t xs_nexthops_writes(const struct xs_nexthops *n)
{
	return n->writes;
}

static void set_state(struct xs_nexthops *n, uint32_t id, enum nexthop_state state)
{
	n->free -= n->state[id] == NEXTHOP_FREE;
	n->waiting -= n->state[id] == NEXTHOP_WAITING;
	n->free += state == NEXTHOP_FREE;
	n->waiting += state == NEXTHOP_WAITING;
	n->state[id] = state;
}

static void wait_for_readers(struct xs_nexthops *n)
{
	xs_grace();
	n->epoch++;
	for (uint32_t id = 1; id < n->size && n->waiting; id++)
		if (n->state[id] == NEXTHOP_WAITING)
			set_state(n, id, NEXTHOP_FREE);
	for (uint32_t id = 1; id < n->groups; id++)
		if (n->group_state[id] == NEXTHOP_WAITING)
			n->group_state[id] = NEXTHOP_FREE;
}

static uint32_t find_group(const struct xs_nexthops *n, enum nexthop_state state)
{
	for (uint32_t id = 1; id < n->groups; id++)
		if (n->group_state[id] == state)
			return id;
	return 0;
}

uint32_t xs_nexthops_take_group(struct xs_nexthops *n)
{
	uint32_t id = find_group(n, NEXTHOP_FREE);

	if (!id && find_group(n, NEXTHOP_WAITING)) {
		wait_for_readers(n);
		id = find_group(n, NEXTHOP_FREE);
	}
	if (id)
		n->group_state[id] = NEXTHOP_USED;
	return id;
}

void xs_nexthops_give_back_group(struct xs_nexthops *n, uint32_t id)
{
	if (id)
		n->group_state[id] = NEXTHOP_WAITING;
}

void xs_nexthops_set_slot(struct xs_nexthops *n, uint32_t group, uint32_t slot, uint32_t nexthop)
{
	uint32_t *at = &n->group[group].slot[slot];

	if (*at == nexthop)
		return;
	__atomic_store_n(at, nexthop, __ATOMIC_RELEASE);
	n->writes++;
}

uint32_t xs_nexthops_take(struct xs_nexthops *n)
{
	if (!n->free && n->waiting)
		wait_for_readers(n);
	if (!n->free)
		return 0;
	while (n->next >= n->size || n->state[n->next] != NEXTHOP_FREE)
		n->next = n->next + 1 < n->size ? n->next + 1 : 1;
	set_state(n, n->next, NEXTHOP_USED);
	n->punt_epoch[n->next] = 0;
	if (memcmp(&n->map[n->next], &(struct xs_nexthop){.kind = XS_NEXTHOP_PUNT}, sizeof(struct xs_nexthop))) {
		memset(&n->map[n->next], 0, sizeof(struct xs_nexthop));
		n->writes++;
	}
	return n->next;
}

static void cancel(struct xs_nexthops *n, uint32_t id)
{
	if (!n->pending_at[id])
		return;
	n->pending[n->pending_at[id] - 1].id = 0;
	n->pending_at[id] = 0;
}

void xs_nexthops_give_back(struct xs_nexthops *n, uint32_t id)
{
	if (!id)
		return;
	cancel(n, id);
	set_state(n, id, NEXTHOP_WAITING);
}

static void store_kind(struct xs_nexthops *n, uint32_t id, uint8_t kind)
{
	__atomic_store_n(&n->map[id].kind, kind, __ATOMIC_RELEASE);
	n->writes++;
}

/* No reader takes the entry for anything but PUNT. */
static void fill(struct xs_nexthops *n, uint32_t id, const struct xs_nexthop *content)
{
	struct xs_nexthop rest = *content;

	rest.kind = XS_NEXTHOP_PUNT;
	memcpy(&n->map[id], &rest, sizeof(rest));
	store_kind(n, id, content->kind);
}

static void queue(struct xs_nexthops *n, uint32_t id, const struct xs_nexthop *content)
{
	if (!n->pending_at[id]) {
		if (n->pending_count == n->pending_room) {
			size_t room = n->pending_room ? n->pending_room * 2 : 64;
			struct pending *more = realloc(n->pending, room * sizeof(*more));

			if (!more) {
				/* Without memory for the queue: a grace period of its own. */
				wait_for_readers(n);
				fill(n, id, content);
				return;
			}
			n->pending = more;
			n->pending_room = room;
		}
		n->pending_at[id] = ++n->pending_count;
	}
	n->pending[n->pending_at[id] - 1] = (struct pending){id, *content};
}

void xs_nexthops_set(struct xs_nexthops *n, uint32_t id, const struct xs_nexthop *content)
{
	struct xs_nexthop now = n->map[id];

	cancel(n, id);
	if (now.kind != XS_NEXTHOP_PUNT && content->kind != now.kind) {
		store_kind(n, id, XS_NEXTHOP_PUNT);
		n->punt_epoch[id] = n->epoch;
		now.kind = XS_NEXTHOP_PUNT;
	}
	if (content->kind == XS_NEXTHOP_PUNT || !memcmp(&now, content, sizeof(now)))
		return;
	if (now.kind != XS_NEXTHOP_PUNT) {
		store_kind(n, id, XS_NEXTHOP_PUNT);
		n->punt_epoch[id] = n->epoch;
	}
	now.kind = content->kind;
	if (!memcmp(&now, content, sizeof(now)))
		store_kind(n, id, content->kind); /* as it was before it punted */
	else if (n->punt_epoch[id] < n->epoch)
		fill(n, id, content);
	else
		queue(n, id, content);
}

void xs_nexthops_commit(struct xs_nexthops *n)
{
	bool waits = false;

	for (size_t i = 0; i < n->pending_count && !waits; i++)
		waits = n->pending[i].id != 0;
	if (waits)
		wait_for_readers(n);
	for (size_t i = 0; i < n->pending_count; i++) {
		if (!n->pending[i].id)
			continue;
		n->pending_at[n->pending[i].id] = 0;
		fill(n, n->pending[i].id, &n->pending[i].content);
	}
	n->pending_count = 0;
}

uint32_t xs_nexthops_punt(struct xs_nexthops *n)
{
	if (!n->punt)
		n->punt = xs_nexthops_take(n);
	return n->punt;
}

/* The one entry of a kind that needs nothing else; *id: where it is kept. */
static uint32_t the_only(struct xs_nexthops *n, uint8_t kind, uint32_t *id)
{
	const struct xs_nexthop content = {.kind = kind};

	if (!*id) {
		*id = xs_nexthops_take(n);
		if (*id)
			xs_nexthops_set(n, *id, &content);
	}
	return *id;
}

uint32_t xs_nexthops_blackhole(struct xs_nexthops *n)
{
	return the_only(n, XS_NEXTHOP_BLACKHOLE, &n->blackhole);
}

uint32_t xs_nexthops_unreachable(struct xs_nexthops *n)
{
	return the_only(n, XS_NEXTHOP_UNREACHABLE, &n->unreachable);
}

uint32_t xs_nexthops_resolve(struct xs_nexthops *n)
{
	return the_only(n, XS_NEXTHOP_RESOLVE, &n->resolve);
}

/* ---- what a former agent left ------------------------------------------------------------------------------------ */

/* A nexthop of a former agent, and what it leads to. */
static void move_nexthop(struct xs_nexthops *n, uint32_t id, enum nexthop_state from, enum nexthop_state to)
{
	uint32_t group = n->map[id].group;

	if (n->state[id] != from)
		return;
	set_state(n, id, to);
	if (n->map[id].kind != XS_NEXTHOP_GROUP || !group || group >= n->groups || n->group_state[group] != from)
		return;
	n->group_state[group] = to;
	for (uint32_t slot = 0; slot < XS_GROUP_SLOTS; slot++) {
		uint32_t member = n->group[group].slot[slot];

		if (member && member < n->size && n->state[member] == from)
			set_state(n, member, to);
	}
}

struct moving {
	struct xs_nexthops *nexthops;
	enum nexthop_state from, to;
};

static int move_leaf(void *context, uint32_t index)
{
	const struct moving *m = context;

	if (index && index < m->nexthops->size)
		move_nexthop(m->nexthops, index, m->from, m->to);
	return 0;
}

static void move_leaves(struct xs_nexthops *n, const struct xs_node_maps *maps, uint32_t root, enum nexthop_state from,
			enum nexthop_state to)
{
	struct moving moving = {n, from, to};
	struct xs_table_walk walk = {.leaf = move_leaf, .context = &moving, .steps = maps->entries[XS_MAP_block]};

	xs_table_walk(maps, root, &walk);
}

void xs_nexthops_adopt(struct xs_nexthops *n, const struct xs_node_maps *maps, uint32_t root)
{
	move_leaves(n, maps, root, NEXTHOP_FREE, NEXTHOP_ADOPTED);
}

void xs_nexthops_release(struct xs_nexthops *n, const struct xs_node_maps *maps, uint32_t root)
{
	move_leaves(n, maps, root, NEXTHOP_ADOPTED, NEXTHOP_WAITING);
}
