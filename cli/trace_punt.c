// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace_punt.c - what the kernel of a sliver or edge would do with a packet that it is handed. It is asked, not tried:
 * its routes and neighbours are its own words, and what follows is put in the order in which it looks at a packet.
 */
#include <stdio.h>
#include <string.h>

#include "cli/trace.h"
#include "maps/contract.h"

struct punt {
	const struct xs_trace_step *step;
	const char *who; /* for people: "sliver P3 of slice P", "edge of MUX MD" */
	struct xs_ask *ask;
	struct xs_ask_route route;
};

static json_t *answered(const struct punt *punt, const char *what)
{
	return xs_trace_end("answered", "%s answers: %s", punt->who, what);
}

/* Users of a MUX are the edge's neighbours, not the sliver's. */
static json_t *to_users(const struct punt *punt, const struct xs_rec_vport *mux)
{
	const struct xs_image *image = punt->step->node->image;
	const struct xs_rec_vport *edge = xs_image_find(image, XS_REC_VPORT, &mux->edge);
	const struct xs_ask_packet packet = { .destination = punt->step->view.destination };
	char netns[XS_NETNS_NAME], whom[XS_PREFIX_TEXT];
	const struct xs_address *next = &packet.destination;
	struct xs_ask *ask = NULL;
	struct xs_ask_route route;
	bool known = false;

	if (edge && !xs_ask_open(xs_edge_netns(image->header->node, edge->name, netns), &ask) &&
	    !xs_ask_route(ask, &packet, &route)) {
		next = route.via.family ? &route.via : next;
		known = xs_ask_neighbour(ask, route.device, next, NULL);
	}
	xs_ask_close(ask);
	xs_address_text(next, whom);
	return xs_trace_end("kernel",
			    known ? "%s gives it to the edge of MUX %s, which sends it to %s"
				  : "%s gives it to the edge of MUX %s, which asks for %s and sends it once it answers",
			    punt->who, mux->name, whom);
}

/* By an uplink, mapped: then the node's own instance decides. */
static json_t *to_wan(const struct punt *punt)
{
	const struct xs_trace_step *step = punt->step;
	struct xs_ask_packet packet = { 0 };
	const struct xs_address *next = &packet.destination;
	char whom[XS_PREFIX_TEXT];
	struct xs_ask_route route;
	struct xs_ask *ask = NULL;
	bool known;
	int err;

	if (!xs_trace_mapped(step, &step->view.destination, &packet.destination))
		return xs_trace_end("dropped", "%s gives it to its uplink, which drops it: it is in no page", punt->who);
	xs_address_text(&packet.destination, whom);
	err = xs_ask_open_at(step->node->netns, &ask);
	if (!err)
		err = xs_ask_route(ask, &packet, &route);
	if (!err && route.answer == XS_ASK_FORWARD) {
		next = route.via.family ? &route.via : next;
		known = xs_ask_neighbour(ask, route.device, next, NULL);
		xs_ask_close(ask);
		return xs_trace_end("kernel",
				    known ? "%s gives it, to %s now, to the node's own instance, which sends it by %s to %s"
					  : "%s gives it, to %s now, to the node's own instance, which sends it by %s once %s answers",
				    punt->who, whom, route.device, xs_address_text(next, (char[XS_PREFIX_TEXT]){ 0 }));
	}
	xs_ask_close(ask);
	if (err)
		return xs_trace_end("kernel", "%s gives it, to %s now, to the node's own instance, which cannot be asked: %s", punt->who,
				    whom, strerror(-err));
	if (route.answer == XS_ASK_NO_ROUTE || route.answer == XS_ASK_UNREACHABLE)
		return xs_trace_end("answered", "%s gives it to the node's own instance, which answers: unreachable, it has no route to %s",
				    punt->who, whom);
	if (route.answer == XS_ASK_BLACKHOLE)
		return xs_trace_end("dropped", "%s gives it to the node's own instance, which drops it: a blackhole, to %s", punt->who, whom);
	return xs_trace_end("local", "%s gives it to the node's own instance, which takes it in: %s is its own", punt->who, whom);
}

static json_t *forward(const struct punt *punt)
{
	const struct xs_trace_step *step = punt->step;
	const struct xs_ask_route *route = &punt->route;
	const struct xs_address *next = route->via.family ? &route->via : &step->view.destination;
	const struct xs_rec_vport *vport;
	char whom[XS_PREFIX_TEXT], mtu[64];

	if (step->view.ttl <= 1)
		return answered(punt, step->view.destination.family == XS_IPV6 ? "hop limit exceeded" : "TTL exceeded");
	if (route->mtu && step->view.length > route->mtu) {
		snprintf(mtu, sizeof(mtu), "too big, %s has an MTU of %u", route->device, route->mtu);
		if (step->view.df)
			return answered(punt, mtu);
		return xs_trace_end("kernel", "%s cuts it into fragments, as %s has an MTU of %u, and forwards them",
				    punt->who, route->device, route->mtu);
	}
	for (size_t i = 0; (vport = xs_image_at(step->node->image, XS_REC_VPORT, i)); i++) {
		if (vport->slice != step->outcome.slice || strcmp(vport->name, route->device))
			continue;
		if (vport->kind == XS_VPORT_MUX)
			return to_users(punt, vport);
		if (vport->kind == XS_VPORT_UPLINK)
			return to_wan(punt);
	}
	xs_address_text(next, whom);
	if (!xs_ask_neighbour(punt->ask, route->device, next, NULL))
		return xs_trace_end("kernel", "%s asks for %s by %s, and forwards it once it answers", punt->who, whom,
				    route->device);
	return xs_trace_end("kernel", "%s forwards it%s by %s to %s", punt->who,
			    step->view.options ? ", having read its options," : "", route->device, whom);
}

static json_t *judge(const struct punt *punt)
{
	if (punt->route.refused)
		return xs_trace_end("dropped", "%s drops it: this source cannot come from there", punt->who);
	switch (punt->route.answer) {
	case XS_ASK_LOCAL:
		return xs_trace_end("local", "%s takes it in: the address is its own", punt->who);
	case XS_ASK_NO_ROUTE:
		return answered(punt, "network unreachable, there is no route");
	case XS_ASK_UNREACHABLE:
		return answered(punt, "unreachable, as a route says");
	case XS_ASK_BLACKHOLE:
		return xs_trace_end("dropped", "%s drops it without a word", punt->who);
	case XS_ASK_OTHER:
		return xs_trace_end("local", "%s takes it in", punt->who);
	case XS_ASK_FORWARD:
		break;
	}
	return forward(punt);
}

/* Discovery, groups and link-local addresses: the kernel's own affair, whatever its routes say. */
static bool is_link_local(const struct xs_frame_view *view)
{
	const uint8_t *to = view->destination.bytes, *from = view->source.bytes;

	if (!view->unicast)
		return true;
	return view->destination.family == XS_IPV6 &&
	       ((to[0] == 0xfe && (to[1] & 0xc0) == 0x80) || (from[0] == 0xfe && (from[1] & 0xc0) == 0x80));
}

json_t *xs_trace_punt(const struct xs_trace_step *step)
{
	const struct xs_image *image = step->node->image;
	char who[96], netns[XS_NETNS_NAME];
	struct punt punt = { .step = step, .who = who };
	json_t *end;
	int err;

	if (!step->in)
		return xs_trace_end("kernel", "a kernel that the image in force does not know gets it");
	if (step->slice) {
		xs_sliver_netns(image->header->node, step->slice->name, netns);
		snprintf(who, sizeof(who), "sliver %s of slice %s", step->slice->vrf, step->slice->name);
	} else {
		xs_edge_netns(image->header->node, step->in->name, netns);
		snprintf(who, sizeof(who), "the edge of port %s", step->in->name);
	}
	xs_trace_stage(step, "punt", xs_trace_place_vport(step->trace, image, step->in),
		       "to the kernel of %s, namespace %s", who, netns);
	if (!step->view.ip)
		return xs_trace_end("local", "%s takes it in: it answers ARP for what it holds and reaches", who);
	if (is_link_local(&step->view))
		return xs_trace_end("local", "%s takes it in: what is link-local goes no further", who);
	err = xs_trace_ask(step, netns, &punt.ask, &punt.route);
	if (err)
		return xs_trace_end("kernel", "%s gets it, and cannot be asked what it does: %s", who, strerror(-err));
	end = judge(&punt);
	xs_ask_close(punt.ask);
	return end;
}
