// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fill_mux.c - the policies of the node's MUXes: built anew where conditions differ from those that the policy in force was
 * built from, taken over where a former agent left the same, freed when no port names them any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "loader/model/domain.h"
#include "loader/node/datapath_private.h"
#include "loader/node/fill_private.h"

/* A policy and what it was built from. */
struct built {
	struct xs_policy *policy; /* NULL: none */
	struct xs_condition *condition;
	size_t count;
};

struct fill_mux {
	uint32_t id;
	struct built newest;
	struct built replaced; /* in force until its port names the newest; kept until the change is over, as it may be taken back */
	uint32_t left;         /* mux entry that a former agent left, in force likewise; 0: none */
	UT_hash_handle hh;
};

/* ---- the image's words for the walk's ------------------------------------------------------------------------------- */

/* A condition is of the family of the addresses that it tests. */
static void narrow(struct xs_condition *condition, const struct xs_prefix *prefix)
{
	uint8_t family = prefix->family == XS_IPV6 ? XS_FAMILY6 : XS_FAMILY4;

	condition->family = condition->family == XS_FAMILY_EITHER || condition->family == family ? family
												 : XS_FAMILY_NEITHER;
}

static void translate(const struct xs_rec_condition *record, struct xs_condition *out)
{
	static const struct {
		uint32_t match;
		uint16_t general;
	} field[] = {
		{XS_MATCH_PROTOCOL, XS_GENERAL_PROTOCOL},
		{XS_MATCH_SOURCE_PORT, XS_GENERAL_SOURCE_PORT},
		{XS_MATCH_DESTINATION_PORT, XS_GENERAL_DESTINATION_PORT},
		{XS_MATCH_DSCP, XS_GENERAL_DSCP},
		{XS_MATCH_INPUT_PORT, XS_GENERAL_INPUT_PORT},
	};

	out->position = record->position;
	out->slice = record->slice;
	out->vport = record->vport;
	out->vm_cell = record->vm_cell;
	out->group_cell = record->group_cell;
	out->family = XS_FAMILY_EITHER;
	if (record->fields & XS_MATCH_DESTINATION) {
		memcpy(out->destination, record->destination.bytes, sizeof(out->destination));
		out->destination_length = record->destination.length;
		narrow(out, &record->destination);
	}
	if (record->fields & XS_MATCH_SOURCE) {
		memcpy(out->source, record->source.bytes, sizeof(out->source));
		out->source_length = record->source.length;
		narrow(out, &record->source);
	}
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		if (record->fields & field[i].match)
			out->fields |= field[i].general;
	/* What is not tested is zero, so that equal conditions have equal bytes. */
	if (out->fields & XS_GENERAL_PROTOCOL)
		out->protocol = record->protocol;
	if (out->fields & XS_GENERAL_SOURCE_PORT)
		memcpy(out->source_port, record->source_port, sizeof(out->source_port));
	if (out->fields & XS_GENERAL_DESTINATION_PORT)
		memcpy(out->destination_port, record->destination_port, sizeof(out->destination_port));
	if (out->fields & XS_GENERAL_DSCP)
		memcpy(out->dscp, record->dscp, sizeof(out->dscp));
	if (out->fields & XS_GENERAL_INPUT_PORT)
		out->input_port = record->input_port;
}

int xs_fill_conditions(const struct xs_image *image, uint32_t mux, struct xs_condition **out, size_t *count)
{
	const struct xs_rec_condition *record;
	struct xs_condition *condition;
	size_t n = 0;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_CONDITION, i)); i++)
		n += record->mux == mux;
	condition = calloc(n ? n : 1, sizeof(*condition));
	if (!condition)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; (record = xs_image_at(image, XS_REC_CONDITION, i)); i++)
		if (record->mux == mux)
			translate(record, &condition[n++]);
	*out = condition;
	*count = n;
	return 0;
}

void xs_fill_mux_size(const struct xs_image *image, struct xs_datapath_size *size)
{
	const struct xs_rec_node *node = xs_image_at(image, XS_REC_NODE, 0);
	const struct xs_rec_mux *mux;
	uint64_t pages = 0, nodes = 0, vectors = 0, generals = 0;

	for (size_t i = 0; (mux = xs_image_at(image, XS_REC_MUX, i)); i++) {
		struct xs_policy_size policy;
		struct xs_condition *condition;
		size_t count;

		if (xs_fill_conditions(image, mux->id, &condition, &count))
			continue;
		/* What cannot be compiled is said when it is to be built. */
		if (!xs_policy_measure(condition, count, &policy)) {
			pages += policy.pages;
			nodes += policy.nodes;
			vectors += policy.vectors;
			generals += policy.generals;
		}
		free(condition);
	}
	/* Two policies of each MUX at once; where entries must be neighbours, more, to find a run of free ones. */
	xs_fill_raise(&size->pages, 2 * pages + (node ? node->conditions / XS_PAGE_RULES : 0) + 1);
	xs_fill_raise(&size->nodes, 2 * nodes + 1);
	xs_fill_raise(&size->muxes, (uint64_t)image->count[XS_REC_MUX] * 4 + 1);
	xs_fill_raise(&size->vectors, 4 * vectors + 1);
	xs_fill_raise(&size->generals, 4 * generals + 1);
}

/* ---- policies ------------------------------------------------------------------------------------------------------ */

static struct fill_mux *mux_find(const struct xs_fill *fill, uint32_t id)
{
	struct fill_mux *mux;

	HASH_FIND(hh, fill->muxes, &id, sizeof(id), mux);
	return mux;
}

uint32_t xs_fill_mux_entry(const struct xs_fill *fill, uint32_t mux)
{
	const struct fill_mux *found = mux_find(fill, mux);

	return found && found->newest.policy ? xs_policy_mux(found->newest.policy) : 0;
}

static bool same(const struct built *built, const struct xs_condition *condition, size_t count)
{
	return built->policy && built->count == count && !memcmp(built->condition, condition, count * sizeof(*condition));
}

static void drop(struct built *built)
{
	xs_policy_free(built->policy);
	free(built->condition);
	*built = (struct built){0};
}

/* The mux entry that the MUX's port names now: what a former agent left in force. 0: none. */
static uint32_t entry_in_force(const struct xs_fill *fill, const struct xs_image *image, const struct xs_rec_mux *record)
{
	const struct xs_rec_vport *edge = xs_image_find(image, XS_REC_VPORT, &record->edge);
	struct xs_port port;
	struct xs_mux mux;

	if (!edge || xs_node_maps_get(fill->maps, XS_MAP_port, edge->port, &port) || !port.mux ||
	    xs_node_maps_get(fill->maps, XS_MAP_mux, port.mux, &mux) || mux.id != record->id)
		return 0;
	return port.mux;
}

/* Does any port name it? */
static bool is_in_force(const struct xs_fill *fill, const struct built *built)
{
	struct xs_port port;

	for (uint32_t id = 1; built->policy && id < fill->maps->entries[XS_MAP_port]; id++)
		if (!xs_node_maps_get(fill->maps, XS_MAP_port, id, &port) && port.mux == xs_policy_mux(built->policy))
			return true;
	return false;
}

/* A MUX that this agent has not had before: takes over what a former one left for it, if it is the same. */
static int mux_add(struct xs_fill *fill, const struct xs_image *image, const struct xs_rec_mux *record,
		   const struct xs_condition *condition, size_t count, struct fill_mux **out)
{
	struct fill_mux *mux = calloc(1, sizeof(*mux));
	int err;

	if (!mux)
		return -ENOMEM;
	mux->id = record->id;
	mux->left = entry_in_force(fill, image, record);
	if (mux->left) {
		err = xs_policy_adopt(fill->space, mux->left, condition, count, &mux->newest.policy);
		if (err && err != -ESTALE) {
			free(mux);
			return err;
		}
		if (!err)
			mux->left = 0;
	}
	HASH_ADD(hh, fill->muxes, id, sizeof(mux->id), mux);
	*out = mux;
	return 0;
}

static int fill_mux(struct xs_fill *fill, const struct xs_image *image, const struct xs_rec_mux *record)
{
	struct fill_mux *mux = mux_find(fill, record->id);
	struct xs_condition *condition;
	size_t count;
	int err = xs_fill_conditions(image, record->id, &condition, &count);

	if (err)
		return err;
	if (!mux) {
		err = mux_add(fill, image, record, condition, count, &mux);
		if (!err && mux->newest.policy) {
			mux->newest.condition = condition;
			mux->newest.count = count;
			return 0;
		}
	}
	if (!err && same(&mux->replaced, condition, count)) {
		struct built between = mux->newest;

		/* A change is taken back: what it replaced is there still. */
		mux->newest = mux->replaced;
		mux->replaced = between;
	} else if (!err && !same(&mux->newest, condition, count)) {
		struct xs_policy *policy;

		err = xs_policy_build(fill->space, record->id, condition, count, &policy);
		if (!err) {
			/* A second change before the first is over: only one of the two is in force. */
			if (mux->replaced.policy)
				drop(is_in_force(fill, &mux->newest) ? &mux->replaced : &mux->newest);
			if (mux->newest.policy)
				mux->replaced = mux->newest;
			mux->newest = (struct built){policy, condition, count};
			return 0;
		}
	}
	free(condition);
	return err;
}

int xs_fill_muxes(struct xs_fill *fill, const struct xs_image *image, char *error)
{
	const struct xs_rec_mux *record;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_MUX, i)); i++) {
		int err = fill_mux(fill, image, record);

		if (err == -E2BIG)
			return xs_explain(error, err, "MUX %s: more conditions than the datapath walks", record->name);
		if (err)
			return xs_explain(error, err, "MUX %s: cannot build its conditions: %s", record->name, strerror(-err));
	}
	return 0;
}

void xs_fill_withdraw_muxes(struct xs_fill *fill, const struct xs_image *image)
{
	struct fill_mux *mux, *next;

	HASH_ITER(hh, fill->muxes, mux, next) {
		drop(&mux->replaced);
		if (mux->left)
			xs_mux_space_release(fill->space, mux->left);
		mux->left = 0;
		if (image && xs_image_find(image, XS_REC_MUX, &mux->id))
			continue;
		drop(&mux->newest);
		HASH_DEL(fill->muxes, mux);
		free(mux);
	}
}
