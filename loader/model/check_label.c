/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_label.c - labels that the definition gives, whether a cable or a switch in between has enough of them (R30),
 * and whether it carries them (R40). Only segmentation needs it.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

#define LABEL_MIN 1
#define LABEL_MAX 4094

struct use {
	const void *medium; /* on which labels differ: the switch, or the cable's end that lies lower in memory */
	const struct xs_d_link *link;
	uint16_t label;
	size_t order;
};

static int compare_uses(const void *left, const void *right)
{
	const struct use *a = left, *b = right;

	if (a->medium != b->medium)
		return (uintptr_t)a->medium < (uintptr_t)b->medium ? -1 : 1;
	if (a->label != b->label)
		return a->label < b->label ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static const struct xs_d_range *range_with(const struct xs_d_range *range, size_t count, uint16_t label)
{
	for (size_t i = 0; i < count; i++) {
		if (label >= range[i].first && label <= range[i].last)
			return &range[i];
	}
	return NULL;
}

static const struct xs_d_range *reserving(const struct xs_d_port *port, uint16_t label)
{
	return range_with(port->reserved, port->reserved_count, label);
}

static void check_reserved(struct xs_check *check, const struct xs_d_link *link)
{
	for (int i = 0; i < 2; i++) {
		const struct xs_d_range *range = reserving(link->port[i], link->label);

		if (!range)
			continue;
		XS_FAULT(check, &link->label_place, "label: %u is reserved by port \"%s/%s\"", link->label,
			 link->port[i]->node->name, link->port[i]->name);
		xs_diag_note(check->diag, &range->place, "it is reserved here");
		return;
	}
	for (int i = 0; i < 2; i++) {
		const struct xs_d_port *vlan = xs_d_vlan_of(link->port[i], link->label);

		if (!vlan)
			continue;
		XS_FAULT(check, &link->label_place, "label: %u is the users' VLAN \"%s\" on port \"%s/%s\"", link->label, vlan->name,
			 vlan->node->name, vlan->on->name);
		xs_diag_note(check->diag, &vlan->vlan_place, "that VLAN is here");
		return;
	}
}

static bool passes(const struct xs_d_switch *through, uint16_t label)
{
	return !through || range_with(through->carries, through->carries_count, label);
}

static void check_carried(struct xs_check *check, const struct xs_d_link *link)
{
	const struct xs_d_switch *through = link->port[0]->through;

	if (passes(through, link->label))
		return;
	XS_FAULT(check, &link->label_place, "label: %u is not carried by switch \"%s\", which link \"%s\" runs through",
		 link->label, through->name, link->name);
	xs_diag_note(check->diag, through->carries_count ? &through->carries[0].place : &through->place,
		     "what it carries is here");
}

/* Labels that neither end reserves or has users on, and the switch in between carries. */
static size_t capacity_of(const struct xs_d_port *port)
{
	size_t free = 0;

	for (uint16_t label = LABEL_MIN; label <= LABEL_MAX; label++)
		free += !reserving(port, label) && !reserving(port->peer, label) && passes(port->through, label) &&
			!xs_d_vlan_of(port, label) && !xs_d_vlan_of(port->peer, label);
	return free;
}

/* Of a switch, less its users' VLANs, whatever its ports reserve: the plan sees to the rest. */
static size_t capacity_of_switch(const struct xs_d_port *port)
{
	size_t free = 0;

	for (uint16_t label = LABEL_MIN; label <= LABEL_MAX; label++)
		free += passes(port->through, label) && !xs_d_vlan_of(port, label);
	return free;
}

static void report_full(struct xs_check *check, const struct xs_d_link *last, size_t capacity, size_t count)
{
	const struct xs_d_switch *through = last->port[0]->through;

	if (through) {
		XS_FAULT(check, &last->place, "link \"%s\": switch \"%s\" has %zu labels for %zu links", last->name,
			 through->name, capacity, count);
		xs_diag_note(check->diag, &through->place, "the switch is here");
		return;
	}
	XS_FAULT(check, &last->place, "link \"%s\": the cable from \"%s/%s\" to \"%s/%s\" has %zu labels for %zu links",
		 last->name, last->port[0]->node->name, last->port[0]->name, last->port[1]->node->name,
		 last->port[1]->name, capacity, count);
	xs_diag_note(check->diag, &last->port[0]->place, "port \"%s/%s\" is here", last->port[0]->node->name,
		     last->port[0]->name);
}

/* All uses of one cable, or of one switch. */
static void check_medium(struct xs_check *check, const struct use *use, size_t count)
{
	const struct xs_d_switch *through = use->link->port[0]->through;
	size_t capacity = through ? capacity_of_switch(use->link->port[0]) : capacity_of(use->link->port[0]);
	const struct xs_d_link *last = use->link;

	for (size_t i = 0; i < count; i++) {
		if (xs_place_after(&use[i].link->place, &last->place))
			last = use[i].link;
		if (!use[i].label)
			continue;
		check_reserved(check, use[i].link);
		check_carried(check, use[i].link);
		if (i && use[i - 1].label == use[i].label) {
			XS_FAULT(check, &use[i].link->label_place,
				 "label: %u is already that of link \"%s\" on the same %s", use[i].label,
				 use[i - 1].link->name, through ? "switch" : "cable");
			xs_diag_note(check->diag, &use[i - 1].link->label_place, "it is given here");
		}
	}
	if (count > capacity)
		report_full(check, last, capacity, count);
}

int xs_check_labels(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	size_t count = 0, next;
	struct use *list;

	for (size_t i = 0; i < domain->slice_count; i++)
		count += domain->slice[i].link_count;
	list = xs_arena_array(check->scratch, count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	count = 0;
	for (size_t i = 0; i < domain->slice_count; i++) {
		for (size_t j = 0; j < domain->slice[i].link_count; j++) {
			const struct xs_d_link *link = &domain->slice[i].link[j];
			bool lower = (uintptr_t)link->port[0] < (uintptr_t)link->port[1];

			if (!link->port[0] || !link->port[1] || domain->slice[i].implementation != XS_SEGMENTATION)
				continue;
			list[count] = (struct use){ link->port[!lower], link, link->label, count };
			if (link->port[0]->through)
				list[count].medium = link->port[0]->through;
			count++;
		}
	}
	qsort(list, count, sizeof(*list), compare_uses);
	for (size_t i = 0; i < count; i = next) {
		for (next = i + 1; next < count && list[next].medium == list[i].medium;)
			next++;
		check_medium(check, list + i, next - i);
	}
	return 0;
}
