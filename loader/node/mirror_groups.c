/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror_groups.c - several next hops: a group's slots, which a flow's hash chooses from, divided among its members by
 * their weights.
 *
 * Always holds: a slot leads to a member that the kernel would send to, as long as there is any; when a member goes, only
 * its slots change hands, and when one comes only as many as it gets. A new set of next hops takes the slots over from one
 * that shares members with it. A group that no prefix leads to goes at the end of the batch.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/mirror_internal.h"

#define NOBODY XS_HOPS_MAX

struct member {
	struct xs_neighbour_key to;
	struct xs_adjacency *adjacency;
	uint32_t weight;
};

struct xs_mirror_group {
	struct xs_way *way; /* whose group it is; NULL: no route's any more */
	uint32_t id, nexthop;
	uint32_t prefixes; /* that lead to nexthop */
	uint32_t count;
	UT_hash_handle hh;
	uint8_t at[XS_GROUP_SLOTS]; /* member of each slot, or NOBODY */
	struct member member[];
};

static struct xs_mirror_group *find(const struct xs_mirror *mirror, uint32_t nexthop)
{
	struct xs_mirror_group *group;

	HASH_FIND(hh, mirror->groups, &nexthop, sizeof(nexthop), group);
	return group;
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

/* How many slots each member that serves should have; false: none serves. Largest remainders get what is left over. */
static bool divide(struct xs_mirror *mirror, const struct xs_mirror_group *group, uint32_t *target)
{
	uint32_t total = 0, given = 0, rest[XS_HOPS_MAX];

	for (uint32_t i = 0; i < group->count; i++)
		if (xs_adjacency_serves(mirror, group->member[i].adjacency))
			total += group->member[i].weight;
	for (uint32_t i = 0; i < group->count; i++) {
		bool serves = xs_adjacency_serves(mirror, group->member[i].adjacency);
		uint32_t share = serves ? group->member[i].weight * XS_GROUP_SLOTS : 0;

		target[i] = total ? share / total : 0;
		rest[i] = total ? share % total : 0;
		given += target[i];
	}
	while (total && given < XS_GROUP_SLOTS) {
		uint32_t most = 0;

		for (uint32_t i = 1; i < group->count; i++)
			if (rest[i] > rest[most])
				most = i;
		target[most]++;
		rest[most] = 0;
		given++;
	}
	return total;
}

static void assign(struct xs_mirror *mirror, struct xs_mirror_group *group)
{
	struct xs_nexthop content = {.kind = XS_NEXTHOP_PUNT};
	uint32_t target[XS_HOPS_MAX], next = 0;

	if (divide(mirror, group, target)) {
		for (uint32_t slot = 0; slot < XS_GROUP_SLOTS; slot++) {
			if (group->at[slot] != NOBODY && target[group->at[slot]])
				target[group->at[slot]]--;
			else
				group->at[slot] = NOBODY;
		}
		for (uint32_t slot = 0; slot < XS_GROUP_SLOTS; slot++) {
			if (group->at[slot] == NOBODY) {
				/* In turn, so that one who goes leaves its slots to all. */
				while (!target[next % group->count])
					next++;
				group->at[slot] = next++ % group->count;
				target[group->at[slot]]--;
			}
			xs_nexthops_set_slot(mirror->nexthops, group->id, slot,
					     group->member[group->at[slot]].adjacency->nexthop);
		}
		content.kind = XS_NEXTHOP_GROUP;
		content.group = (uint16_t)group->id;
		memcpy(&content.vport, &group->member[0].to.address.bytes[12], sizeof(content.vport));
	}
	xs_nexthops_set(mirror->nexthops, group->nexthop, &content);
}

void xs_groups_refill(struct xs_mirror *mirror, const struct xs_adjacency *adjacency)
{
	struct xs_mirror_group *group, *next;

	HASH_ITER(hh, mirror->groups, group, next) {
		bool has = false;

		for (uint32_t i = 0; i < group->count; i++)
			has |= group->member[i].adjacency == adjacency;
		if (has)
			assign(mirror, group);
	}
}

/* ---- which group ------------------------------------------------------------------------------------------------- */

static uint32_t index_of(const struct xs_mirror_group *group, const struct xs_neighbour_key *to)
{
	uint32_t i = 0;

	while (i < group->count && memcmp(&group->member[i].to, to, sizeof(*to)))
		i++;
	return i < group->count ? i : NOBODY;
}

/* Slots as in the group that has most members in common: a flow's way does not depend on who else serves. */
static void inherit(struct xs_mirror *mirror, struct xs_mirror_group *group)
{
	struct xs_mirror_group *other, *next, *nearest = NULL;
	uint32_t most = 0;

	memset(group->at, NOBODY, sizeof(group->at));
	HASH_ITER(hh, mirror->groups, other, next) {
		uint32_t shared = 0;

		for (uint32_t i = 0; i < group->count; i++)
			shared += index_of(other, &group->member[i].to) != NOBODY;
		if (shared > most) {
			most = shared;
			nearest = other;
		}
	}
	for (uint32_t slot = 0; nearest && slot < XS_GROUP_SLOTS; slot++)
		if (nearest->at[slot] != NOBODY)
			group->at[slot] = (uint8_t)index_of(group, &nearest->member[nearest->at[slot]].to);
}

static void group_free(struct xs_mirror *mirror, struct xs_mirror_group *group)
{
	if (group->way)
		group->way->group = NULL;
	xs_nexthops_give_back(mirror->nexthops, group->nexthop);
	xs_nexthops_give_back_group(mirror->nexthops, group->id);
	for (uint32_t i = 0; i < group->count; i++)
		xs_adjacency_unreferred(mirror, group->member[i].adjacency->nexthop);
	free(group);
}

/* The members: the next hops that are alive. 0, or -ENOMEM, -ENOSPC. */
static int add_members(struct xs_mirror *mirror, struct xs_mirror_group *group)
{
	const struct xs_way *way = group->way;

	for (uint32_t i = 0; i < way->count; i++) {
		struct member *member = &group->member[group->count];

		if (way->hop[i].dead)
			continue;
		member->to = way->hop[i].to;
		member->weight = way->hop[i].weight;
		member->adjacency = xs_adjacency_want(mirror, &member->to);
		if (!member->adjacency)
			return -ENOMEM;
		member->adjacency->gateway = true;
		if (xs_adjacency_nexthop(mirror, member->adjacency) == xs_nexthops_punt(mirror->nexthops)) {
			xs_adjacency_look_at(mirror, member->adjacency);
			return -ENOSPC;
		}
		xs_adjacency_referred(mirror, member->adjacency->nexthop);
		group->count++;
	}
	return 0;
}

int xs_group_want(struct xs_mirror *mirror, struct xs_way *way, uint32_t *leaf)
{
	struct xs_mirror_group *group = way->group;
	int err;

	if (group) {
		*leaf = group->nexthop;
		return 0;
	}
	group = calloc(1, sizeof(*group) + way->count * sizeof(group->member[0]));
	if (!group)
		return -ENOMEM;
	group->way = way;
	group->id = xs_nexthops_take_group(mirror->nexthops);
	group->nexthop = group->id ? xs_nexthops_take(mirror->nexthops) : 0;
	err = group->nexthop ? add_members(mirror, group) : -ENOSPC;
	if (err) {
		group_free(mirror, group);
		return err;
	}
	way->group = group;
	inherit(mirror, group);
	HASH_ADD(hh, mirror->groups, nexthop, sizeof(group->nexthop), group);
	mirror->group_idle = true;
	assign(mirror, group);
	*leaf = group->nexthop;
	return 0;
}

void xs_group_referred(struct xs_mirror *mirror, uint32_t nexthop)
{
	struct xs_mirror_group *group = find(mirror, nexthop);

	if (group)
		group->prefixes++;
}

void xs_group_unreferred(struct xs_mirror *mirror, uint32_t nexthop)
{
	struct xs_mirror_group *group = find(mirror, nexthop);

	if (group && !--group->prefixes)
		mirror->group_idle = true;
}

void xs_group_orphan(struct xs_mirror_group *group)
{
	group->way = NULL;
}

void xs_groups_sweep(struct xs_mirror *mirror)
{
	struct xs_mirror_group *group, *next;

	if (!mirror->group_idle)
		return;
	mirror->group_idle = false;
	HASH_ITER(hh, mirror->groups, group, next) {
		if (group->prefixes)
			continue;
		HASH_DELETE(hh, mirror->groups, group);
		group_free(mirror, group);
	}
}

void xs_groups_free(struct xs_mirror *mirror)
{
	struct xs_mirror_group *group, *next;

	HASH_ITER(hh, mirror->groups, group, next) {
		HASH_DELETE(hh, mirror->groups, group);
		group_free(mirror, group);
	}
}
