// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * locate.c - `xslice show ADDRESS`: who has the address, and how packets get there from each MUX and gateway.
 *
 * The way from a MUX is told for each of its slices; `chosen` is the one that a packet takes of which nothing is known
 * but the destination. Conditions before it that test more are told, too: they take what they match.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/way.h"
#include "cli/words.h"
#include "loader/manager/manager.h"
#include "loader/model/domain.h"
#include "maps/contract.h"

struct locate {
	struct xs_store *store;
	struct xs_images images;
	struct xs_address address;
	unsigned int family;
	json_t *held, *way;
};

/* ---- who has it -------------------------------------------------------------------------------------------------- */

static const char *slice_name(const struct xs_image *image, uint32_t id)
{
	const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &id);

	return slice ? slice->name : NULL;
}

/* Ids of slices are the domain's: a node that has no VRF of it does not know its name. */
static const char *slice_anywhere(const struct locate *locate, uint32_t id)
{
	const char *name = NULL;

	for (size_t i = 0; i < locate->images.count && !name; i++)
		name = slice_name(locate->images.image[i], id);
	return name;
}

static void hold(const struct locate *locate, const struct xs_image *image, const char *as, const char *kind,
		 const char *name, const char *slice, const struct xs_prefix *subnet)
{
	char text[XS_PREFIX_TEXT];

	json_array_append_new(locate->held, json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s?}", "as", as, "kind", kind, "name",
						      name, "node", image->header->node, "slice", slice, "subnet",
						      subnet ? xs_prefix_text(subnet, text) : NULL));
}

static bool is_it(const struct locate *locate, const struct xs_address *address)
{
	return address->family && !xs_address_compare(address, &locate->address);
}

static const struct xs_rec_mux *mux_of(const struct xs_image *image, uint32_t edge)
{
	const struct xs_rec_mux *mux;

	for (size_t i = 0; (mux = xs_image_at(image, XS_REC_MUX, i)); i++)
		if (mux->edge == edge)
			return mux;
	return NULL;
}

static void hold_vport(const struct locate *locate, const struct xs_image *image, const struct xs_rec_vport *vport)
{
	const struct xs_rec_mux *mux = vport->kind == XS_VPORT_EDGE ? mux_of(image, vport->id) : NULL;
	const char *kind = vport->kind == XS_VPORT_LINK ? "link" : vport->kind == XS_VPORT_GATEWAY ? "gateway" : "mux";
	const char *name = mux ? mux->name : vport->name, *slice = slice_name(image, vport->slice);
	const struct xs_address *address = &vport->address[locate->family];
	struct xs_prefix subnet;
	const char *reserved;

	if (is_it(locate, address) || (mux && is_it(locate, &vport->peer[locate->family]))) {
		hold(locate, image, "own", kind, name, slice, NULL);
		return;
	}
	if (!address->family || vport->kind == XS_VPORT_MUX)
		return;
	subnet = xs_prefix_mask(address, vport->length[locate->family]);
	reserved = xs_reserved(&subnet, &locate->address);
	/* A MUX's users are told by its sources. */
	if (reserved)
		hold(locate, image, reserved, kind, name, slice, &subnet);
	else if (vport->kind != XS_VPORT_EDGE && xs_prefix_contains(&subnet, &locate->address))
		hold(locate, image, "subnet", kind, name, slice, &subnet);
}

/* Paging: what a VRF has on links that have no devices: its sliver's own, or the node's, mapped. */
static void hold_address(const struct locate *locate, const struct xs_image *image, const struct xs_rec_address *address)
{
	const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &address->slice);
	struct xs_prefix host = xs_prefix_of_host(&locate->address);

	if (xs_prefix_compare(&address->prefix, &host))
		return;
	if (slice)
		hold(locate, image, "own", "vrf", slice->vrf, slice->name, NULL);
	else
		hold(locate, image, "own", "node", image->header->node, NULL, NULL);
}

/* Users of a MUX, and what lies behind a router of a gateway's subnet. */
static void hold_source(const struct locate *locate, const struct xs_image *image, const struct xs_rec_source *source)
{
	const struct xs_rec_vport *vport = xs_image_find(image, XS_REC_VPORT, &source->vport);
	const struct xs_rec_mux *mux = vport ? mux_of(image, vport->id) : NULL;
	struct xs_prefix subnet;

	if (!vport || !xs_prefix_contains(&source->prefix, &locate->address))
		return;
	subnet = xs_prefix_mask(&vport->address[locate->family], vport->length[locate->family]);
	if (xs_reserved(&subnet, &locate->address) && !xs_prefix_compare(&subnet, &source->prefix))
		return;
	if (mux)
		hold(locate, image, "users", "mux", mux->name, NULL, &source->prefix);
	else if (!vport->address[locate->family].family || xs_prefix_compare(&subnet, &source->prefix))
		hold(locate, image, "behind", "gateway", vport->name, slice_name(image, vport->slice), &source->prefix);
}

/* The VM whose address it is: once, though several conditions and MUXes may name it. */
static int hold_vm(const struct locate *locate, const struct xs_image *image, const struct xs_rec_condition *condition)
{
	const struct xs_rec_cell *cell = xs_image_find(image, XS_REC_CELL, &condition->vm_cell);
	const struct xs_rec_cell *group = xs_image_find(image, XS_REC_CELL, &condition->group_cell);
	struct xs_prefix host = xs_prefix_of_host(&locate->address);
	uint64_t generation;
	uint32_t slice;
	json_t *other;
	size_t i;
	int error;

	if (!cell || xs_prefix_compare(&condition->destination, &host))
		return 0;
	json_array_foreach(locate->held, i, other)
	{
		const char *name = json_string_value(json_object_get(other, "migration"));

		if (name && !strcmp(name, cell->name))
			return 0;
	}
	error = xs_cell_slice(locate->store, image, condition->vm_cell, condition->group_cell, &slice, &generation);
	if (error)
		return error;
	json_array_append_new(locate->held,
			      json_pack("{s:s,s:s,s:s?,s:s?,s:I}", "as", "vm", "migration", cell->name, "group",
					group ? group->name : NULL, "in", slice_anywhere(locate, slice), "generation",
					(json_int_t)generation));
	return 0;
}

static int find_holders(const struct locate *locate)
{
	const struct xs_rec_condition *condition;
	const struct xs_rec_address *address;
	const struct xs_rec_source *source;
	const struct xs_rec_vport *vport;
	int error = 0;

	for (size_t n = 0; n < locate->images.count; n++) {
		const struct xs_image *image = locate->images.image[n];

		for (size_t i = 0; !error && (condition = xs_image_at(image, XS_REC_CONDITION, i)); i++)
			error = hold_vm(locate, image, condition);
	}
	for (size_t n = 0; n < locate->images.count; n++) {
		const struct xs_image *image = locate->images.image[n];

		for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
			hold_vport(locate, image, vport);
		for (size_t i = 0; (source = xs_image_at(image, XS_REC_SOURCE, i)); i++)
			hold_source(locate, image, source);
		for (size_t i = 0; (address = xs_image_at(image, XS_REC_ADDRESS, i)); i++)
			hold_address(locate, image, address);
	}
	return error;
}

/* Is it nothing but a subnet's network or broadcast address, wherever it is known? */
static bool is_reserved(const struct locate *locate)
{
	json_t *one;
	size_t i;

	json_array_foreach(locate->held, i, one)
	{
		const char *as = json_string_value(json_object_get(one, "as"));

		if (strcmp(as, "network") && strcmp(as, "broadcast"))
			return false;
	}
	return json_array_size(locate->held);
}

/* ---- how packets get there --------------------------------------------------------------------------------------- */

/* The condition that decides, given the destination alone; *maybe gets those before it that test more. NULL: none. */
static int choose(const struct locate *locate, const struct xs_image *image, const struct xs_rec_mux *mux,
		  json_t *maybe, const struct xs_rec_condition **chosen)
{
	const struct xs_rec_condition *condition;

	*chosen = NULL;
	for (size_t i = 0; (condition = xs_image_at(image, XS_REC_CONDITION, i)); i++) {
		char text[XS_WORDS_CONDITION];
		uint64_t generation;
		uint32_t slice;
		bool only;
		int error;

		if (condition->mux != mux->id || !xs_condition_concerns(condition, &locate->address, &only))
			continue;
		if (condition->vm_cell) {
			error = xs_cell_slice(locate->store, image, condition->vm_cell, condition->group_cell, &slice,
					      &generation);
			if (error)
				return error;
			if (slice != condition->slice)
				continue;
		}
		if (only) {
			*chosen = condition;
			return 0;
		}
		json_array_append_new(
			maybe, json_pack("{s:s,s:s,s:s?}", "condition", xs_words_condition(image, condition, text),
					 "filter", condition->filter, "slice", slice_name(image, condition->slice)));
	}
	return 0;
}

static void add_way(const struct locate *locate, size_t node, const char *kind, const char *name, uint32_t slice,
		    json_t *by, json_t *maybe)
{
	const struct xs_image *image = locate->images.image[node];
	json_t *way = xs_way(&locate->images, node, slice, &locate->address);

	json_object_set_new(way, "from",
			    json_pack("{s:s,s:s,s:s}", "kind", kind, "name", name, "node", image->header->node));
	json_object_set_new(way, "slice", json_string(slice_name(image, slice)));
	json_object_set_new(way, "by", by);
	json_object_set(way, "unless", maybe);
	json_array_append_new(locate->way, way);
}

/* What no list takes has an end of its own. */
static void add_leftover(const struct locate *locate, const struct xs_image *image, const struct xs_rec_mux *mux,
			 json_t *maybe)
{
	const struct xs_rec_port *port = xs_image_find(image, XS_REC_PORT, &mux->exit);
	char end[128];

	if (port)
		snprintf(end, sizeof(end), "it goes on as it came, by port %s of %s (exit)", port->name,
			 image->header->node);
	else
		snprintf(end, sizeof(end), "it is dropped (no-slice)");
	json_array_append_new(locate->way, json_pack("{s:{s:s,s:s,s:s},s:n,s:n,s:O,s:[],s:s,s:b}", "from", "kind",
						     "mux", "name", mux->name, "node", image->header->node, "slice",
						     "by", "unless", maybe, "hop", "end", end, "arrives", 0));
}

static int ways_from_mux(const struct locate *locate, size_t node, const struct xs_rec_mux *mux)
{
	const struct xs_image *image = locate->images.image[node];
	const struct xs_rec_condition *chosen;
	const struct xs_rec_vport *vport;
	json_t *maybe = json_array(), *none = json_array();
	int error = choose(locate, image, mux, maybe, &chosen);

	for (size_t i = 0; !error && (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		char text[XS_WORDS_CONDITION];
		bool is_chosen = chosen && chosen->slice == vport->slice;

		if (vport->kind != XS_VPORT_MUX || strcmp(vport->name, mux->name))
			continue;
		add_way(locate, node, "mux", mux->name, vport->slice,
			is_chosen ? json_pack("{s:s,s:s}", "condition", xs_words_condition(image, chosen, text),
					      "filter", chosen->filter)
				  : json_null(),
			is_chosen ? maybe : none);
	}
	if (!error && !chosen)
		add_leftover(locate, image, mux, maybe);
	json_decref(maybe);
	json_decref(none);
	return error;
}

/* From a data centre's side; what is on the gateway's own subnet does not come to it. */
static void way_from_gateway(const struct locate *locate, size_t node, const struct xs_rec_vport *vport)
{
	struct xs_prefix subnet = xs_prefix_mask(&vport->address[locate->family], vport->length[locate->family]);
	json_t *none, *way;

	if (!vport->address[locate->family].family || xs_prefix_contains(&subnet, &locate->address))
		return;
	way = xs_way(&locate->images, node, vport->slice, &locate->address);
	if (json_is_true(json_object_get(way, "arrives"))) {
		none = json_array();
		add_way(locate, node, "gateway", vport->name, vport->slice, json_null(), none);
		json_decref(none);
	}
	json_decref(way);
}

/* Is the address itself one of the users of that MUX? */
static bool is_user(const struct locate *locate, const struct xs_image *image, const struct xs_rec_mux *mux)
{
	const struct xs_rec_source *source;

	for (size_t i = 0; (source = xs_image_at(image, XS_REC_SOURCE, i)); i++)
		if (source->vport == mux->edge && xs_prefix_contains(&source->prefix, &locate->address))
			return true;
	return false;
}

static int find_ways(const struct locate *locate)
{
	const struct xs_rec_vport *vport;
	const struct xs_rec_mux *mux;
	int error = 0;

	for (size_t n = 0; n < locate->images.count && !error; n++) {
		const struct xs_image *image = locate->images.image[n];

		for (size_t i = 0; !error && (mux = xs_image_at(image, XS_REC_MUX, i)); i++)
			if (!is_user(locate, image, mux))
				error = ways_from_mux(locate, n, mux);
		for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
			if (vport->kind == XS_VPORT_GATEWAY)
				way_from_gateway(locate, n, vport);
	}
	return error;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static const char *member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void print_holder(const json_t *held)
{
	const char *as = member(held, "as"), *slice = member(held, "slice"), *group = member(held, "group");

	if (!strcmp(as, "vm")) {
		const char *in = member(held, "in");

		printf("  migration %s%s%s: lives in %s%s (generation %" JSON_INTEGER_FORMAT ")\n",
		       member(held, "migration"), group ? ", group " : "", group ? group : "",
		       in ? "slice " : "no slice", in ? in : "",
		       json_integer_value(json_object_get(held, "generation")));
		return;
	}
	printf("  %s %s %s%s%s on %s",
	       !strcmp(as, "own")      ? "the own address of"
	       : !strcmp(as, "users")  ? "a user of"
	       : !strcmp(as, "behind") ? "behind a router of"
	       : !strcmp(as, "network") ? "no host's: the network address of"
	       : !strcmp(as, "broadcast") ? "no host's: the broadcast address of"
				       : "on the subnet of",
	       member(held, "kind"), slice ? slice : "", slice ? "/" : "", member(held, "name"), member(held, "node"));
	if (member(held, "subnet"))
		printf(", %s", member(held, "subnet"));
	putchar('\n');
}

static void print_hop(const json_t *hop)
{
	const char *via = member(hop, "via");
	json_int_t label = json_integer_value(json_object_get(hop, "label"));
	char next[XS_PREFIX_TEXT + 8];

	snprintf(next, sizeof(next), "%s%s", via ? "via " : "on-link", via ? via : "");
	printf("  %-15s %-15s %-18s %-19s by %s %s, port %s", member(hop, "node"), member(hop, "vrf"),
	       member(hop, "route"), next, member(hop, "kind"), member(hop, "device"), member(hop, "port"));
	if (label)
		printf(", vlan %" JSON_INTEGER_FORMAT, label);
	putchar('\n');
}

static void print_way(const json_t *way)
{
	const json_t *from = json_object_get(way, "from"), *by = json_object_get(way, "by");
	json_t *one;
	size_t i;

	printf("from %s %s on %s", member(from, "kind"), member(from, "name"), member(from, "node"));
	if (member(way, "slice"))
		printf(" in slice %s", member(way, "slice"));
	if (!member(way, "slice"))
		printf(": no slice's list takes it now\n");
	else if (json_is_object(by))
		printf(": chosen by %s of %s\n", member(by, "condition"), member(by, "filter"));
	else
		printf("%s\n", strcmp(member(from, "kind"), "mux") ? "" : ": not chosen now");
	json_array_foreach(json_object_get(way, "unless"), i, one)
		printf("  unless slice %s takes it before: %s of %s\n", member(one, "slice"), member(one, "condition"),
		       member(one, "filter"));
	json_array_foreach(json_object_get(way, "hop"), i, one) print_hop(one);
	printf("  -> %s\n", member(way, "end"));
}

static void print_all(const struct locate *locate)
{
	char text[XS_PREFIX_TEXT];
	json_t *one;
	size_t i;

	printf("%s\n", xs_address_text(&locate->address, text));
	json_array_foreach(locate->held, i, one) print_holder(one);
	if (!i)
		printf("  nothing of this domain has it\n");
	json_array_foreach(locate->way, i, one) print_way(one);
}

int xs_locate(const struct xs_options *options, struct xs_store *store, const struct xs_address *address)
{
	struct locate locate = { .store = store,
				 .address = *address,
				 .family = xs_family_index(address->family),
				 .held = json_array(),
				 .way = json_array() };
	char error[XS_ERROR_TEXT], text[XS_PREFIX_TEXT];
	int result = xs_images_load(store, &locate.images, error);
	size_t missing = locate.images.missing;

	if (!result) {
		result = find_holders(&locate);
		/* Nobody has it, so no way leads there. */
		if (!result && !is_reserved(&locate))
			result = find_ways(&locate);
		snprintf(error, sizeof(error), "key cell/: %s",
			 result == -EBADMSG ? "one is no cell" : strerror(-result));
	}
	if (result)
		xs_complain("show: store %s: %s", options->store, error);
	else if (options->json)
		xs_print_json(json_pack("{s:s,s:O,s:O}", "address", xs_address_text(address, text), "held", locate.held,
					"way", locate.way));
	else
		print_all(&locate);
	xs_images_free(&locate.images);
	json_decref(locate.held);
	json_decref(locate.way);
	return result ? XS_EXIT_FAILED : missing ? XS_EXIT_PARTLY : XS_EXIT_DONE;
}
