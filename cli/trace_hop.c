// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace_hop.c - one node of a packet's way: the programs run, and what they counted is put into words, stage by stage.
 *
 * What decided is read from the counters alone: who took the frame in, which condition selected, by what it leaves. The
 * route that led there is the sliver's kernel's, whose mirror the programs read; where the two differ, it is said.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace.h"
#include "maps/mux_policy.h"

#define TEXT 512

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

void xs_trace_stage(const struct xs_trace_step *step, const char *stage, const struct xs_place *place,
		    const char *format, ...)
{
	char text[TEXT];
	va_list list;
	json_t *one;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	one = json_pack("{s:s,s:s}", "stage", stage, "text", text);
	if (place && place->line) {
		json_object_set_new(one, "line", json_integer(place->line));
		json_object_set_new(one, "column", json_integer(place->column));
	}
	if (place && place->path) {
		char *path = xs_path_text(place->path);

		json_object_set_new(one, "path", path ? json_string(path) : json_null());
		free(path);
	}
	json_array_append_new(json_object_get(step->hop, "stage"), one);
}

json_t *xs_trace_end(const char *how, const char *format, ...)
{
	char text[TEXT];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return json_pack("{s:s,s:s}", "how", how, "text", text);
}

/* ---- ingress ----------------------------------------------------------------------------------------------------- */

const struct xs_node_maps *xs_trace_maps(const struct xs_trace_step *step)
{
	return xs_trial_maps(step->node->trial);
}

static const struct xs_rec_vport *vport_of(const struct xs_trace_step *step, uint32_t id)
{
	return id ? xs_image_find(step->node->image, XS_REC_VPORT, &id) : NULL;
}

static const char *describe(const struct xs_trace_step *step, const struct xs_rec_vport *vport, char *text)
{
	static const char *const kind[] = { "", "link", "gateway", "MUX", "edge of port", "uplink", "WAN port" };
	const struct xs_rec_slice *slice = xs_image_find(step->node->image, XS_REC_SLICE, &vport->slice);
	const struct xs_rec_mux *mux = xs_image_mux_of_edge(step->node->image, vport->id);

	if (mux)
		snprintf(text, TEXT, "edge of MUX %s", mux->name);
	else
		snprintf(text, TEXT, "%s %s%s%s", kind[vport->kind], vport->name, slice ? " of slice " : "",
			 slice ? slice->name : "");
	return text;
}

/* Whom port and label lead to, whatever becomes of the frame there. */
static const struct xs_rec_vport *addressed(const struct xs_trace_step *step)
{
	struct xs_port port;
	uint32_t id = 0;

	if (step->view.tagged && !step->port->on)
		xs_node_maps_get(xs_trace_maps(step), XS_MAP_label, step->port->id * XS_VIDS + step->view.vid, &id);
	else if (!xs_node_maps_get(xs_trace_maps(step), XS_MAP_port, step->port->id, &port))
		id = port.untagged;
	return id == XS_LABEL_HOST ? NULL : vport_of(step, id);
}

static void tell_ingress(const struct xs_trace_step *step)
{
	const struct xs_rec_vport *at = addressed(step);
	char text[TEXT];

	if (at)
		xs_trace_stage(step, "ingress", xs_trace_place_vport(step->trace, step->node->image, at), "%s",
			       describe(step, at, text));
}

/* Where the drop's cause is written: what the frame came to, or what says who may come. */
static void tell_drop(const struct xs_trace_step *step)
{
	const enum xs_verdict verdict = step->outcome.verdict;
	const struct xs_rec_vport *at = addressed(step);
	const struct xs_image *image = step->node->image;
	const struct xs_place *place = at ? xs_trace_place_vport(step->trace, image, at)
					  : xs_trace_place_port(step->trace, image->header->node, step->port->name);
	const char *stage = verdict == XS_MALFORMED                              ? "parse"
			    : verdict == XS_NO_SLICE || verdict == XS_WALK_BOUND ? "select"
			    : verdict == XS_FOREIGN_PAGE || verdict == XS_NO_PAGE || verdict == XS_UNMAPPABLE ? "map"
			    : verdict == XS_NO_ROUTE || verdict == XS_BLACKHOLE  ? "route"
			    : verdict == XS_POLICED                              ? "punt"
			    : verdict == XS_EMIT_FAILED                          ? "emit"
										 : "ingress";

	if (verdict == XS_SPOOFED_SOURCE && at)
		place = xs_trace_place_users(step->trace, image, at);
	if (verdict == XS_MALFORMED || verdict == XS_MARTIAN)
		place = NULL; /* wherever it came */
	xs_trace_stage(step, stage, place, "drop %s: %s", xs_verdict_name(verdict), xs_verdict_text(verdict));
}

/* ---- select ------------------------------------------------------------------------------------------------------ */

/* The rule that counted the packet. 0, -ENOENT, or negative errno. */
static int selected(const struct xs_trace_step *step, uint32_t mux_id, const struct xs_rec_condition **out)
{
	const struct xs_image *image = step->node->image;
	const struct xs_rec_condition *condition;
	struct xs_port port;
	size_t positions = 0;
	uint32_t *rule;
	int err;

	err = xs_node_maps_get(xs_trace_maps(step), XS_MAP_port, step->port->id, &port);
	if (err)
		return err;
	for (size_t i = 0; (condition = xs_image_at(image, XS_REC_CONDITION, i)); i++)
		if (condition->mux == mux_id && condition->position >= positions)
			positions = condition->position + 1;
	rule = calloc(positions + 1, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	err = xs_mux_rules(xs_trace_maps(step), port.mux, rule, positions);
	for (size_t i = 0; !err && (condition = xs_image_at(image, XS_REC_CONDITION, i)); i++) {
		uint64_t packets = 0;

		if (condition->mux != mux_id || !rule[condition->position] ||
		    xs_mux_rule_stats_sum(xs_trace_maps(step), rule[condition->position], &packets) || !packets)
			continue;
		*out = condition;
		free(rule);
		return 0;
	}
	free(rule);
	return err ? err : -ENOENT;
}

/* "cell vm5, generation 3", of the one that says so; "" where none is asked. */
static const char *cell_text(const struct xs_trace_step *step, const struct xs_rec_condition *condition, char *text)
{
	const uint32_t id[2] = { condition->vm_cell, condition->group_cell };
	uint64_t best = 0;

	text[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		const struct xs_rec_cell *cell = xs_image_find(step->node->image, XS_REC_CELL, &id[i]);
		uint64_t word;

		if (!id[i] || !cell || xs_cell_get(xs_trace_maps(step), id[i], &word) || word <= best)
			continue;
		best = word;
		snprintf(text, TEXT, ", cell %s, generation %" PRIu64, cell->name,
			 (uint64_t)(word >> XS_CELL_SLICE_BITS));
	}
	return text;
}

static void tell_select(const struct xs_trace_step *step)
{
	const struct xs_rec_mux *mux = xs_image_mux_of_edge(step->node->image, step->in->edge);
	const struct xs_rec_condition *condition = NULL;
	char cell[TEXT];
	int err = -ENOENT;

	if (mux)
		err = selected(step, mux->id, &condition);
	if (err) {
		xs_trace_stage(step, "select", NULL, "slice %s by a condition that cannot be told: %s",
			       step->slice ? step->slice->name : "-", strerror(-err));
		return;
	}
	xs_trace_stage(step, "select", xs_trace_place_condition(step->trace, condition),
		       "slice %s by condition %u of %s%s", step->slice ? step->slice->name : "-", condition->number,
		       condition->filter, cell_text(step, condition, cell));
	json_object_set_new(step->hop, "condition",
			    json_pack("{s:s,s:s,s:i}", "mux", mux->name, "filter", condition->filter, "number",
				      (int)condition->number));
}

/* ---- route and emit ---------------------------------------------------------------------------------------------- */

int xs_trace_ask(const struct xs_trace_step *step, const char *netns, struct xs_ask **ask, struct xs_ask_route *out)
{
	const struct xs_ask_packet packet = { .source = step->view.source,
					      .destination = step->view.destination,
					      .device = step->in->name };
	int err = xs_ask_open(netns, ask);

	if (err)
		return err;
	err = xs_ask_route(*ask, &packet, out);
	if (err) {
		xs_ask_close(*ask);
		*ask = NULL;
	}
	return err;
}

static void tell_forward_route(const struct xs_trace_step *step, const struct xs_ask_route *route)
{
	const struct xs_rec_vport *leaves = step->mux ? step->mux : step->out;
	char prefix[XS_PREFIX_TEXT], via[XS_PREFIX_TEXT] = "", origin[XS_TRACE_ORIGIN], how[XS_TRACE_ORIGIN + 16] = "",
				     other[TEXT] = "";
	const struct xs_place *place = xs_trace_place_route(step, &route->prefix, origin);

	xs_prefix_text(&route->prefix, prefix);
	if (route->via.family)
		xs_address_text(&route->via, via);
	if (origin[0])
		snprintf(how, sizeof(how), ", for %s", origin);
	if (leaves && route->device[0] && strcmp(leaves->name, route->device))
		snprintf(other, sizeof(other), "; the programs still send it by %s", leaves->name);
	xs_trace_stage(step, "route", place, "%s %s%s%sdev %s%s%s", prefix, via[0] ? "via " : "", via,
		       via[0] ? " " : "", route->device[0] ? route->device : "-", how, other);
}

/* What the sliver's routing says of the packet. */
static void tell_route(const struct xs_trace_step *step)
{
	static const char *const text[] = {
		[XS_ASK_NO_ROUTE] = "no route",
		[XS_ASK_LOCAL] = "an address of its own",
		[XS_ASK_UNREACHABLE] = "unreachable, says a route",
		[XS_ASK_BLACKHOLE] = "a blackhole",
		[XS_ASK_OTHER] = "broadcast or multicast",
	};
	char netns[XS_NETNS_NAME], prefix[XS_PREFIX_TEXT], origin[XS_TRACE_ORIGIN];
	struct xs_ask *ask = NULL;
	struct xs_ask_route route;
	int err;

	xs_sliver_netns(step->node->image->header->node, step->slice->name, netns);
	err = xs_trace_ask(step, netns, &ask, &route);
	xs_ask_close(ask);
	if (err) {
		xs_trace_stage(step, "route", NULL, "namespace %s cannot be asked: %s", netns, strerror(-err));
		return;
	}
	if (route.answer == XS_ASK_FORWARD)
		tell_forward_route(step, &route);
	else if (route.prefix.family)
		xs_trace_stage(step, "route", xs_trace_place_route(step, &route.prefix, origin), "%s: %s",
			       xs_prefix_text(&route.prefix, prefix), text[route.answer]);
	else
		xs_trace_stage(step, "route", NULL, "%s", text[route.answer]);
}

static json_t *tell_emit(const struct xs_trace_step *step)
{
	const struct xs_image *image = step->node->image;
	const struct xs_rec_vport *out = step->out;
	const struct xs_rec_port *port = out ? xs_image_find(image, XS_REC_PORT, &out->port) : NULL;
	char label[24] = "untagged", what[TEXT], mac[XS_PREFIX_TEXT];
	struct xs_frame_view view;

	if (!port) {
		xs_trace_stage(step, "emit", NULL, "by vport %u, of which the image in force knows nothing",
			       step->outcome.out);
		return xs_trace_end("unknown", "it leaves by something that is not in force any more, or not yet");
	}
	if (step->mux && step->mux->kind == XS_VPORT_UPLINK)
		xs_trace_map(step);
	xs_frame_look(&step->outcome.frame, &view);
	if (view.tagged)
		snprintf(label, sizeof(label), "VLAN %u", view.vid);
	xs_trace_stage(step, "emit", xs_trace_place_vport(step->trace, image, out), "port %s, %s, %s, to %s",
		       port->name, label, describe(step, out, what), xs_mac_text(&view.destination_mac, mac));
	json_object_set_new(
		step->hop, "out",
		json_pack("{s:s,s:s,s:i}", "port", port->name, "device", out->name, "label", (int)out->vid));
	if (out->kind == XS_VPORT_LINK || out->kind == XS_VPORT_WAN)
		return NULL;
	return xs_trace_end("delivered", "leaves %s by user port %s, to %s", image->header->node, port->name, mac);
}

/* R16: the port at the other end of a MUX with an exit. NULL: the image in force has none. */
static const struct xs_rec_port *other_port(const struct xs_image *image, const struct xs_rec_port *port,
					    const struct xs_rec_mux **mux)
{
	for (size_t i = 0; (*mux = xs_image_at(image, XS_REC_MUX, i)); i++) {
		const struct xs_rec_vport *edge = xs_image_find(image, XS_REC_VPORT, &(*mux)->edge);

		if ((*mux)->exit && ((*mux)->exit == port->id || edge->port == port->id))
			return xs_image_find(image, XS_REC_PORT, (*mux)->exit == port->id ? &edge->port : &(*mux)->exit);
	}
	return NULL;
}

static json_t *tell_pass(const struct xs_trace_step *step)
{
	const struct xs_image *image = step->node->image;
	const struct xs_rec_mux *mux;
	const struct xs_rec_port *out = other_port(image, step->port, &mux);
	const struct xs_rec_vport *edge = out ? xs_image_find(image, XS_REC_VPORT, &mux->edge) : NULL;

	if (!out) {
		xs_trace_stage(step, "pass", NULL, "by a port of which the image in force knows nothing");
		return xs_trace_end("unknown", "it leaves by something that is not in force any more, or not yet");
	}
	xs_trace_stage(step, "pass", xs_trace_place_vport(step->trace, image, edge), "by port %s, as it came: %s MUX %s",
		       out->name, step->port->exit ? "it is beyond the exit of" : "no slice takes it from", mux->name);
	json_object_set_new(step->hop, "out", json_pack("{s:s}", "port", out->name));
	return xs_trace_end("passed", "leaves %s by port %s, as it came", image->header->node, out->name);
}

/* ---- the hop ----------------------------------------------------------------------------------------------------- */

static json_t *tell(struct xs_trace_step *step)
{
	const struct xs_trial_outcome *outcome = &step->outcome;
	const char *node = step->node->image->header->node;

	if (!outcome->ours)
		return xs_trace_end("host", "port %s of %s is not ours yet: the node's own stack gets it",
				    step->port->name, node);
	json_object_set_new(step->hop, "verdict", json_string(xs_verdict_name(outcome->verdict)));
	if (step->slice)
		json_object_set_new(step->hop, "slice", json_string(step->slice->name));
	if (outcome->verdict == XS_HOST) {
		xs_trace_stage(step, "ingress", xs_trace_place_port(step->trace, node, step->port->name), "%s",
			       xs_verdict_text(XS_HOST));
		return xs_trace_end("host", "the own stack of %s gets it", node);
	}
	tell_ingress(step);
	if (outcome->verdict == XS_PASSED)
		return tell_pass(step);
	if (step->in && step->in->kind == XS_VPORT_MUX)
		tell_select(step);
	if (step->in && step->in->kind == XS_VPORT_UPLINK && step->view.ip)
		xs_trace_map_back(step);
	if (step->in && step->slice && step->view.ip && outcome->verdict != XS_NO_ROUTE)
		tell_route(step);
	if (outcome->verdict == XS_FORWARDED)
		return tell_emit(step);
	if (outcome->verdict == XS_PUNTED)
		return xs_trace_punt(step);
	tell_drop(step);
	return xs_trace_end("dropped", "%s drops it: %s (%s)", node, xs_verdict_name(outcome->verdict),
			    xs_verdict_text(outcome->verdict));
}

/* The port that a frame comes in by: a VLAN of users is one of its own, as the live maps say. */
static const struct xs_rec_port *port_by_tag(const struct xs_trace_step *step)
{
	const struct xs_image *image = step->node->image;
	const struct xs_rec_port *physical = step->port->on ? xs_image_find(image, XS_REC_PORT, &step->port->on) : step->port, *vlan;
	uint32_t id = 0;

	if (step->view.tagged)
		xs_node_maps_get(xs_trace_maps(step), XS_MAP_label, physical->id * XS_VIDS + step->view.vid, &id);
	if (!(id & XS_LABEL_PORT) || id == XS_LABEL_HOST)
		return physical;
	id &= ~XS_LABEL_PORT;
	vlan = xs_image_find(image, XS_REC_PORT, &id);
	return vlan ? vlan : physical;
}

int xs_trace_hop(struct xs_trace_step *step, const struct xs_trial_frame *frame, json_t **end, char *error)
{
	struct xs_trial_port at = { .netns = step->node->netns, .xdp = step->port->stack != XS_STACK_LOCAL };
	char text[XS_FRAME_TEXT];
	struct xs_port port;
	int err = xs_node_maps_get(xs_trace_maps(step), XS_MAP_port, step->port->id, &port);

	if (err || !port.ifindex) {
		snprintf(error, XS_TRACE_ERROR, "node %s: port %s is not open: its agent has not got so far",
			 step->node->image->header->node, step->port->name);
		return err ? err : -ENODEV;
	}
	at.ifindex = port.ifindex;
	err = xs_trial_run(step->node->trial, &at, frame, &step->outcome, error);
	if (err)
		return err;
	xs_frame_look(frame, &step->view);
	step->port = port_by_tag(step);
	step->in = vport_of(step, step->outcome.in);
	step->out = vport_of(step, step->outcome.out);
	step->mux = vport_of(step, step->outcome.mux);
	step->slice = xs_image_find(step->node->image, XS_REC_SLICE, &step->outcome.slice);
	step->hop =
		json_pack("{s:s,s:s,s:s,s:s,s:[]}", "node", step->node->image->header->node, "port", step->port->name,
			  "frame", xs_frame_text(&step->view, text), "by", step->outcome.by_tc ? "tc" : "xdp", "stage");
	*end = tell(step);
	return 0;
}
