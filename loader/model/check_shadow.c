/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_shadow.c - conditions that can never match in a MUX, since an earlier one of its walk takes all that they
 * would.
 *
 * An earlier condition takes all only while it is in force: one that bears a migration's cell is in force in one list
 * at a time, so it takes nothing from other lists. Conditions that name a destination and nothing else may be very
 * many: sorted by prefix, those that cover one are a stack. The others are few, and compared one by one.
 *
 * What tests nothing counts as absent: a prefix of all of a family, of which only the family is left; every DSCP; the
 * one port that users of the MUX come in by. Every port of a protocol tests something: fragments have none.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

#define DSCP_LAST 63

/* A condition in a MUX's walk. */
struct step {
	const struct xs_d_condition *condition;
	const struct xs_d_mux_slice *list;
	size_t order;
	uint32_t fields;          /* that test something */
	struct xs_prefix to;      /* its destination; all of its family where it names none; NONE: of both families */
	bool celled;              /* bears a cell */
	bool plain;               /* tests no more than that */
	const struct step *taker; /* who takes all of it; NULL: nobody */
};

/* What was said already: lists are shared by MUXes. */
struct said {
	const struct xs_d_condition *pair[2];
	UT_hash_handle hh;
};

struct shadows {
	struct xs_check *check;
	struct xs_names movers; /* addresses of migrations */
	struct said *said;
};

/* ---- what covers what ------------------------------------------------------------------------------------------- */

static bool range_covers(uint32_t field, const struct step *a, const struct step *b, const struct xs_d_range *outer,
			 const struct xs_d_range *inner)
{
	return !(a->fields & field) ||
	       ((b->fields & field) && outer->first <= inner->first && outer->last >= inner->last);
}

/* Every packet that matches `late` matches `early`. */
static bool covers(const struct step *early, const struct step *late)
{
	const struct xs_d_condition *a = early->condition, *b = late->condition;

	return (!early->to.family || xs_prefix_covers(&early->to, &late->to)) &&
	       (!(early->fields & XS_MATCH_SOURCE) || xs_prefix_covers(&a->source, &b->source)) &&
	       (!(early->fields & XS_MATCH_PROTOCOL) ||
		((late->fields & XS_MATCH_PROTOCOL) && a->protocol == b->protocol)) &&
	       range_covers(XS_MATCH_SOURCE_PORT, early, late, &a->source_port, &b->source_port) &&
	       range_covers(XS_MATCH_DESTINATION_PORT, early, late, &a->destination_port, &b->destination_port) &&
	       range_covers(XS_MATCH_DSCP, early, late, &a->dscp, &b->dscp) &&
	       (!(early->fields & XS_MATCH_INPUT_PORT) ||
		((late->fields & XS_MATCH_INPUT_PORT) && !strcmp(a->input_port, b->input_port)));
}

/* Whenever `b` is in force, `a` is: always, or with the same cell in the same list. */
static bool in_force_with(const struct step *a, const struct step *b)
{
	return !a->celled || (b->celled && a->list == b->list &&
			      !xs_prefix_compare(&a->condition->destination, &b->condition->destination));
}

/* The earliest taker is kept. */
static void take(struct step *late, const struct step *early)
{
	if (early && early->order < late->order && (!late->taker || early->order < late->taker->order))
		late->taker = early;
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

static int compare_steps(const void *left, const void *right)
{
	const struct step *a = left, *b = right;
	int order = xs_prefix_compare(&a->to, &b->to);

	return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

/* Plain ones against all; what is of both families sorts first. */
static void sweep(struct step *step, size_t count)
{
	const struct step *open[128 + 1];     /* always in force, of each length one that covers those behind it */
	const struct step *earliest[128 + 1]; /* of open[0] to open[i] */
	const struct step *any = NULL;
	size_t depth = 0;

	qsort(step, count, sizeof(*step), compare_steps);
	for (size_t i = 0; i < count; i++) {
		const struct xs_prefix *to = &step[i].to;
		bool same;

		take(&step[i], any);
		if (!to->family) {
			any = step[i].plain && !any ? &step[i] : any;
			continue;
		}
		while (depth && !xs_prefix_covers(&open[depth - 1]->to, to))
			depth--;
		if (depth)
			take(&step[i], earliest[depth - 1]);
		for (size_t j = i; step[i].celled && j--;) {
			if (xs_prefix_compare(&step[j].to, to))
				break;
			if (step[j].plain && in_force_with(&step[j], &step[i]))
				take(&step[i], &step[j]);
		}
		same = depth && !xs_prefix_compare(&open[depth - 1]->to, to);
		if (!step[i].plain || step[i].celled || same)
			continue;
		open[depth] = &step[i];
		earliest[depth] = depth && earliest[depth - 1]->order < step[i].order ? earliest[depth - 1] : &step[i];
		depth++;
	}
}

/* The others, each against each. */
static int compare_general(struct shadows *shadows, struct step *step, size_t count)
{
	struct step **general = xs_arena_array(shadows->check->scratch, count, sizeof(*general));
	size_t found = 0;

	if (!general)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (!step[i].plain)
			general[found++] = &step[i];
	}
	for (size_t i = 0; i < found; i++) {
		for (size_t j = 0; j < found; j++) {
			if (general[i]->order < general[j]->order && in_force_with(general[i], general[j]) &&
			    covers(general[i], general[j]))
				take(general[j], general[i]);
		}
	}
	return 0;
}

static int report(struct shadows *shadows, const struct xs_d_mux *mux, const struct step *step, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct said key = { .pair = { step[i].condition, step[i].taker ? step[i].taker->condition : NULL } };
		struct said *said;

		if (!step[i].taker)
			continue;
		HASH_FIND(hh, shadows->said, &key.pair, sizeof(key.pair), said);
		if (said)
			continue;
		said = xs_arena_array(shadows->check->scratch, 1, sizeof(*said));
		if (!said)
			return -ENOMEM;
		*said = key;
		HASH_ADD(hh, shadows->said, pair, sizeof(said->pair), said);
		xs_diag_add(shadows->check->diag, XS_WARNING, &step[i].condition->place,
			    "condition: it never matches in mux \"%s\": an earlier one takes all that it would",
			    mux->name);
		xs_diag_note(shadows->check->diag, &step[i].taker->condition->place, "that one is here");
	}
	return 0;
}

static bool is_celled(const struct shadows *shadows, const struct xs_d_condition *condition)
{
	char text[XS_PREFIX_TEXT];

	return condition->destination.family &&
	       condition->destination.length == xs_family_bits(condition->destination.family) &&
	       xs_names_find(&shadows->movers, xs_prefix_text(&condition->destination, text));
}

/* What it tests of a packet that comes in at the MUX. */
static void look_at(const struct shadows *shadows, const struct xs_d_mux *mux, struct step *step)
{
	const struct xs_d_condition *condition = step->condition;
	uint32_t fields = condition->fields & ~(uint32_t)(XS_MATCH_ANY | XS_MATCH_DESTINATION);

	step->to = condition->destination;
	if (!step->to.family)
		step->to.family = condition->source.family;
	if (!condition->source.length)
		fields &= ~(uint32_t)XS_MATCH_SOURCE;
	if (!condition->dscp.first && condition->dscp.last == DSCP_LAST)
		fields &= ~(uint32_t)XS_MATCH_DSCP;
	if (condition->input_port && !strcmp(condition->input_port, mux->port->name))
		fields &= ~(uint32_t)XS_MATCH_INPUT_PORT;
	step->fields = fields;
	step->plain = !fields;
	step->celled = is_celled(shadows, condition);
}

static int check_mux(struct shadows *shadows, const struct xs_d_mux *mux)
{
	struct step *step;
	size_t room = 0, count = 0;
	int err;

	for (size_t i = 0; i < mux->slice_count; i++)
		room += mux->slice[i].filter->condition_count;
	step = xs_arena_array(shadows->check->scratch, room, sizeof(*step));
	if (!step)
		return -ENOMEM;
	for (size_t i = 0; i < mux->slice_count; i++) {
		const struct xs_d_filter *filter = mux->slice[i].filter;

		for (size_t j = 0; j < filter->condition_count; j++, count++) {
			step[count] = (struct step){ .condition = &filter->condition[j],
						     .list = &mux->slice[i],
						     .order = count };
			look_at(shadows, mux, &step[count]);
		}
	}
	sweep(step, count);
	err = compare_general(shadows, step, count);
	return err ? err : report(shadows, mux, step, count);
}

static int find_movers(struct shadows *shadows)
{
	const struct xs_domain *domain = shadows->check->domain;
	char text[XS_PREFIX_TEXT];
	int err = 0;

	for (size_t i = 0; i < XS_FAMILIES * domain->migration_count && !err; i++) {
		const struct xs_d_migration *migration = &domain->migration[i / XS_FAMILIES];
		struct xs_prefix host = xs_prefix_of_host(&migration->address[i % XS_FAMILIES]);

		if (!host.family)
			continue;
		xs_prefix_text(&host, text);
		err = xs_names_add(&shadows->movers, shadows->check->scratch,
				   xs_arena_copy(shadows->check->scratch, text, strlen(text)), (void *)migration);
		err = err == -ENOMEM ? err : 0;
	}
	return err;
}

int xs_check_shadows(struct xs_check *check)
{
	struct shadows shadows = { .check = check };
	int err;

	/* Warnings about what is at fault anyway help nobody. */
	if (xs_diag_errors(check->diag))
		return 0;
	err = find_movers(&shadows);
	for (size_t i = 0; i < check->domain->mux_count && !err; i++)
		err = check_mux(&shadows, &check->domain->mux[i]);
	HASH_CLEAR(hh, shadows.said);
	xs_names_clear(&shadows.movers);
	return err;
}
