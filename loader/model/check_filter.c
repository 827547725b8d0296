/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_filter.c - conditions, each for itself; and what a MUX makes of all its lists: the datapath's walk is bounded
 * (maps/contract.h), so what exceeds the bounds is refused here.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"
#include "loader/model/typed.h"
#include "maps/contract.h"

#define PORT_FIELDS (XS_MATCH_SOURCE_PORT | XS_MATCH_DESTINATION_PORT)

static void check_condition(struct xs_check *check, const struct xs_d_condition *condition)
{
	uint8_t to = condition->destination.family, from = condition->source.family;
	char text[XS_PREFIX_TEXT], other[XS_PREFIX_TEXT];

	if (condition->fields & XS_MATCH_FAULTY)
		return;
	if (to && from && to != from) {
		XS_FAULT(check, &condition->place, "condition: no packet goes from %s, which is %s, to %s, which is %s",
			 xs_prefix_text(&condition->source, text), xs_family_name(from),
			 xs_prefix_text(&condition->destination, other), xs_family_name(to));
	} else if (!condition->fields) {
		XS_FAULT(check, &condition->place,
			 "condition: names nothing to match; for every packet write any: true");
	} else if ((condition->fields & XS_MATCH_ANY) && condition->fields != XS_MATCH_ANY) {
		XS_FAULT(check, &condition->place,
			 "condition: any stands beside other fields; it matches every packet alone");
	} else if ((condition->fields & PORT_FIELDS) && !(condition->fields & XS_MATCH_PROTOCOL)) {
		XS_FAULT(check, &condition->place, "condition: ports need a protocol: tcp, udp or sctp");
	} else if ((condition->fields & PORT_FIELDS) && condition->protocol != IPPROTO_TCP &&
		   condition->protocol != IPPROTO_UDP && condition->protocol != IPPROTO_SCTP) {
		XS_FAULT(check, &condition->place, "condition: protocol %u has no ports; tcp, udp and sctp have",
			 condition->protocol);
	} else if ((condition->protocol == IPPROTO_ICMP && (to == XS_IPV6 || from == XS_IPV6)) ||
		   (condition->protocol == IPPROTO_ICMPV6 && (to == XS_IPV4 || from == XS_IPV4))) {
		xs_diag_add(check->diag, XS_WARNING, &condition->place,
			    "condition: %s is not %s's protocol, so this never matches",
			    condition->protocol == IPPROTO_ICMP ? "icmp" : "icmpv6", xs_family_name(to ? to : from));
	}
}

/* ---- one MUX ---------------------------------------------------------------------------------------------------- */

struct walk {
	struct xs_prefix prefix;
	const struct xs_place *place;
	size_t order;
};

static int compare_walks(const void *left, const void *right)
{
	const struct walk *a = left, *b = right;
	int order = xs_prefix_compare(&a->prefix, &b->prefix);

	return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

/* Found by the address table. A source of /0 tests nothing. */
static bool is_destination_only(const struct xs_d_condition *condition)
{
	uint32_t others = condition->fields & ~(uint32_t)(XS_MATCH_DESTINATION | XS_MATCH_ANY | XS_MATCH_SOURCE);

	return !others && (!(condition->fields & XS_MATCH_SOURCE) || !condition->source.length);
}

/* What the condition is over: its destination; where it has none, all of its source's family, or of both. */
static void add_walks(struct walk *list, size_t *count, const struct xs_d_condition *condition)
{
	for (unsigned int f = 0; f < XS_FAMILIES; f++) {
		struct walk *walk = &list[*count];
		uint8_t family = condition->destination.family;

		if (!family)
			family = condition->source.family;
		if (family && family != xs_family_at(f))
			continue;
		*walk = (struct walk){ { .family = xs_family_at(f) }, &condition->place, *count };
		if (condition->destination.family)
			walk->prefix = condition->destination;
		(*count)++;
	}
}

/* Sorted, the conditions of a prefix are a run, and right before it come those that cover it. */
static void check_depth(struct xs_check *check, const struct xs_d_mux *mux, struct walk *list, size_t count)
{
	struct {
		const struct xs_prefix *prefix;
		size_t total;
	} open[128 + 1];                    /* a prefix of each length */
	const struct xs_place *said = NULL; /* what is over all of both families is said once */
	size_t depth = 0, next;
	char text[XS_PREFIX_TEXT];

	qsort(list, count, sizeof(*list), compare_walks);
	for (size_t i = 0; i < count; i = next) {
		size_t before, total;

		for (next = i + 1; next < count && !xs_prefix_compare(&list[i].prefix, &list[next].prefix);)
			next++;
		while (depth && !xs_prefix_covers(open[depth - 1].prefix, &list[i].prefix))
			depth--;
		before = depth ? open[depth - 1].total : 0;
		total = before + next - i;
		if (before <= XS_MUX_WALK_MAX && total > XS_MUX_WALK_MAX) {
			const struct walk *first = &list[i + XS_MUX_WALK_MAX - before];

			if (first->place != said) {
				XS_FAULT(check, first->place,
					 "condition: the %uth over %s in mux \"%s\": at most %u that test only a "
					 "destination",
					 XS_MUX_WALK_MAX + 1, xs_prefix_text(&first->prefix, text), mux->name,
					 XS_MUX_WALK_MAX);
				xs_diag_note(check->diag, &mux->place, "mux \"%s\" is here", mux->name);
			}
			said = first->prefix.length ? said : first->place;
		}
		open[depth].prefix = &list[i].prefix;
		open[depth++].total = total;
	}
}

static void check_input_port(struct xs_check *check, const struct xs_d_mux *mux, const struct xs_d_condition *condition)
{
	const struct xs_d_port *port;

	if (!condition->input_port || !mux->node || !mux->port)
		return;
	port = xs_names_find_in(&check->index->port, mux->node->name, condition->input_port);
	if (!port) {
		XS_FAULT(check, &condition->input_port_place,
			 "input-port: node \"%s\" of mux \"%s\" has no port \"%s\"", mux->node->name, mux->name,
			 condition->input_port);
		xs_diag_note(check->diag, &mux->place, "mux \"%s\" is here", mux->name);
	} else if (port != mux->port) {
		xs_diag_add(check->diag, XS_WARNING, &condition->input_port_place,
			    "input-port: users of mux \"%s\" come in by \"%s\" only, so this never matches", mux->name,
			    mux->port->name);
	}
}

static int check_mux(struct xs_check *check, const struct xs_d_mux *mux)
{
	size_t room = 0, walks = 0, general = 0;
	struct walk *list;

	for (size_t i = 0; i < mux->slice_count; i++)
		room += mux->slice[i].filter ? mux->slice[i].filter->condition_count : 0;
	list = xs_arena_array(check->scratch, XS_FAMILIES * room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < mux->slice_count; i++) {
		const struct xs_d_filter *filter = mux->slice[i].filter;

		for (size_t j = 0; filter && j < filter->condition_count; j++) {
			const struct xs_d_condition *condition = &filter->condition[j];

			check_input_port(check, mux, condition);
			if (condition->fields & XS_MATCH_FAULTY)
				continue;
			if (is_destination_only(condition)) {
				add_walks(list, &walks, condition);
			} else if (++general == XS_MUX_GENERAL_MAX + 1) {
				XS_FAULT(check, &condition->place,
					 "condition: the %uth in mux \"%s\" that tests more than a destination: at "
					 "most %u",
					 XS_MUX_GENERAL_MAX + 1, mux->name, XS_MUX_GENERAL_MAX);
				xs_diag_note(check->diag, &mux->place, "mux \"%s\" is here", mux->name);
			}
		}
	}
	check_depth(check, mux, list, walks);
	return 0;
}

int xs_check_filters(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	int err = 0;

	for (size_t i = 0; i < domain->filter_count; i++) {
		for (size_t j = 0; j < domain->filter[i].condition_count; j++)
			check_condition(check, &domain->filter[i].condition[j]);
	}
	for (size_t i = 0; i < domain->mux_count && !err; i++)
		err = check_mux(check, &domain->mux[i]);
	return err;
}
