// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace_wan.c - paging: what a packet's addresses are on the other side of an uplink, and its way through the WAN. The images
 * say whose an address there is; the WAN's routers are not ours to try, so the way goes on where the page of its
 * destination is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/trace.h"
#include "maps/contract.h"

#define WAN_NODE "WAN" /* the hop's name */

/* ---- pages ------------------------------------------------------------------------------------------------------- */

/* Of those of the slice in one image the longest that holds the address, by its own prefix or by the WAN's. NULL: none. */
static const struct xs_rec_page *page_of(const struct xs_image *image, uint32_t slice, const struct xs_address *address,
					 bool mapped)
{
	const struct xs_rec_page *page, *best = NULL;

	for (size_t i = 0; (page = xs_image_at(image, XS_REC_PAGE, i)); i++)
		if (page->slice == slice && xs_prefix_contains(mapped ? &page->mapped : &page->prefix, address) &&
		    (!best || best->prefix.length < page->prefix.length))
			best = page;
	return best;
}

static struct xs_address shift(const struct xs_address *address, const struct xs_prefix *from,
			       const struct xs_prefix *to)
{
	struct xs_prefix host = xs_prefix_of_host(address);
	struct xs_address out = { .family = address->family };

	host = xs_prefix_shift(&host, from, to);
	memcpy(out.bytes, host.bytes, sizeof(out.bytes));
	return out;
}

bool xs_trace_mapped(const struct xs_trace_step *step, const struct xs_address *address, struct xs_address *out)
{
	const struct xs_rec_page *page = page_of(step->node->image, step->outcome.slice, address, false);

	if (page)
		*out = shift(address, &page->prefix, &page->mapped);
	return page != NULL;
}

/* ---- across an uplink -------------------------------------------------------------------------------------------- */

static void tell(const struct xs_trace_step *step, const struct xs_frame_view *from, const struct xs_frame_view *to,
		 const char *where)
{
	char text[4][XS_PREFIX_TEXT];

	xs_trace_stage(step, "map", NULL, "%s -> %s is %s -> %s in %s", xs_address_text(&from->source, text[0]),
		       xs_address_text(&from->destination, text[1]), xs_address_text(&to->source, text[2]),
		       xs_address_text(&to->destination, text[3]), where);
}

void xs_trace_map(const struct xs_trace_step *step)
{
	struct xs_frame_view mapped;

	xs_frame_look(&step->outcome.frame, &mapped);
	if (mapped.ip)
		tell(step, &step->view, &mapped, "the WAN");
}

void xs_trace_map_back(struct xs_trace_step *step)
{
	const struct xs_frame_view mapped = step->view;
	struct xs_address *const both[] = { &step->view.source, &step->view.destination };
	char where[XS_IMAGE_NAME + 8] = "a slice";

	for (size_t i = 0; i < 2; i++) {
		const struct xs_rec_page *page = page_of(step->node->image, step->in->slice, both[i], true);

		if (page) /* an error of the WAN's own routers comes from no page */
			*both[i] = shift(both[i], &page->mapped, &page->prefix);
	}
	if (step->slice)
		snprintf(where, sizeof(where), "slice %s", step->slice->name);
	tell(step, &mapped, &step->view, where);
}

/* ---- through the WAN --------------------------------------------------------------------------------------------- */

/* The node where the page of a WAN address lies; NULL: none. */
static struct xs_trace_node *owner_of(const struct xs_trace *trace, uint32_t slice, const struct xs_address *address,
				      const struct xs_rec_page **page)
{
	struct xs_trace_node *found = NULL;

	*page = NULL;
	for (size_t i = 0; i < trace->images.count; i++) {
		const struct xs_rec_page *here = page_of(trace->images.image[i], slice, address, true);

		if (!here || !here->uplink || (*page && (*page)->mapped.length >= here->mapped.length))
			continue;
		*page = here;
		found = &trace->node[i];
	}
	return found;
}

/* A VRF without a sliver has its links' addresses in the node's own instance. NULL: no node has this one so. */
static const struct xs_image *holder_of(const struct xs_trace *trace, const struct xs_address *address)
{
	struct {
		uint32_t slice;
		struct xs_prefix prefix;
	} key = { .prefix = xs_prefix_of_host(address) };

	for (size_t i = 0; i < trace->images.count; i++)
		if (xs_image_find(trace->images.image[i], XS_REC_ADDRESS, &key))
			return trace->images.image[i];
	return NULL;
}

json_t *xs_trace_into_wan(const struct xs_trace *trace, const struct xs_trace_step *step, json_t *hops,
			  struct xs_trace_node **node)
{
	struct xs_trace_step wan = { .trace = trace };
	const struct xs_rec_page *page;
	const struct xs_image *holder;
	char text[XS_FRAME_TEXT], to[XS_PREFIX_TEXT];
	struct xs_frame_view view;

	xs_frame_look(&step->outcome.frame, &view);
	wan.hop = json_pack("{s:s,s:s,s:s,s:[]}", "node", WAN_NODE, "port", "", "frame", xs_frame_text(&view, text),
			    "stage");
	json_array_append_new(hops, wan.hop);
	holder = holder_of(trace, &view.destination);
	if (holder) {
		xs_trace_stage(&wan, "wan", NULL, "%s is an address of %s", xs_address_text(&view.destination, to),
			       holder->header->node);
		return xs_trace_end("local", "node %s itself takes it in: it holds the address, mapped",
				    holder->header->node);
	}
	*node = owner_of(trace, step->outcome.slice, &view.destination, &page);
	if (!*node) {
		xs_trace_stage(&wan, "wan", NULL, "no node of the images in force has %s",
			       xs_address_text(&view.destination, to));
		return xs_trace_end("away", "goes into the WAN, where no node has its page");
	}
	xs_trace_stage(&wan, "wan", NULL,
		       "%s is on %s; the routers on the way, and what they take of the TTL, are not known here",
		       xs_prefix_text(&page->mapped, to), (*node)->image->header->node);
	return NULL;
}

/* The node's own way to where the packet comes from; by which it comes, too, as a rule. NULL: it has none by a port of ours. */
static const struct xs_rec_port *port_towards(const struct xs_trace_node *node, const struct xs_address *address)
{
	const struct xs_ask_packet packet = { .destination = *address };
	const struct xs_rec_port *port = NULL;
	struct xs_ask_route route;
	struct xs_ask *ask = NULL;

	if (!xs_ask_open_at(node->netns, &ask) && !xs_ask_route(ask, &packet, &route))
		for (size_t i = 0; (port = xs_image_at(node->image, XS_REC_PORT, i)); i++)
			if (port->wan && !strcmp(port->interface, route.device))
				break;
	xs_ask_close(ask);
	return port;
}

static const struct xs_rec_port *any_port(const struct xs_image *image)
{
	const struct xs_rec_port *port;

	for (size_t i = 0; (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		if (port->wan)
			return port;
	return NULL;
}

int xs_trace_out_of_wan(const struct xs_trace_node *node, const struct xs_trial_frame *frame,
			const struct xs_rec_port **port, char *error)
{
	struct xs_frame_view view;

	xs_frame_look(frame, &view);
	*port = port_towards(node, &view.source);
	if (!*port)
		*port = any_port(node->image);
	if (*port)
		return 0;
	snprintf(error, XS_TRACE_ERROR, "node %s: it has no port of the WAN", node->image->header->node);
	return -ENXIO;
}

void xs_trace_address_wan(const struct xs_trace_node *node, const struct xs_rec_port *port,
			  struct xs_trial_frame *frame)
{
	static const uint8_t none[XS_MAC_LEN];
	struct xs_vport vport;
	struct xs_port entry;

	if (!port->wan || memcmp(frame->data, none, sizeof(none)))
		return;
	if (!xs_node_maps_get(xs_trial_maps(node->trial), XS_MAP_port, port->id, &entry) &&
	    !xs_node_maps_get(xs_trial_maps(node->trial), XS_MAP_vport, entry.untagged, &vport))
		memcpy(frame->data, vport.mac, sizeof(vport.mac));
}
