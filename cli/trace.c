// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace.c - `xslice trace`: packets through the real programs of the nodes that are on this machine, from hop to hop.
 * What comes in is made by trace_frame.c and trace_input.c; one node is tried by trace_hop.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/trace.h"
#include "loader/manager/manager.h"
#include "loader/node/netns.h"

#define HOPS_MAX      64
#define PACKETS_MAX   10000
#define PACKETS_GIVEN 10

/* ---- what there is to trace in ----------------------------------------------------------------------------------- */

/*
 * The text was read before it was applied, perhaps with another word for the mechanism: a fault under each means that it is another
 * version's.
 */
static void read_definition(struct xs_trace *trace)
{
	static const enum xs_implementation words[] = { XS_SEGMENTATION, XS_PAGING };
	struct xs_diag *diag = xs_diag_new("definition");
	void *text = NULL;
	size_t size;
	int error = !diag || xs_store_get(trace->store, XS_KEY_DEFINITION, &text, &size);

	if (!error) {
		error = xs_domain_parse(text, size, XS_FORMAT_GUESS, diag, &trace->domain);
		for (size_t i = 0; error && i < sizeof(words) / sizeof(words[0]); i++)
			error = xs_domain_parse_as(text, size, XS_FORMAT_GUESS, &words[i], diag, &trace->domain);
	}
	if (error && trace->images.count)
		xs_complain("trace: the definition in force cannot be read again: its lines are not named");
	free(text);
	xs_diag_free(diag);
}

static int open_trace(const struct xs_options *options, struct xs_trace *trace)
{
	char error[XS_ERROR_TEXT];

	memset(trace, 0, sizeof(*trace));
	if (xs_open_store(options, false, &trace->store))
		return XS_EXIT_FAILED;
	if (xs_images_load(trace->store, &trace->images, error)) {
		xs_complain("trace: store %s: %s", options->store, error);
		return XS_EXIT_FAILED;
	}
	trace->node = calloc(trace->images.count + 1, sizeof(*trace->node));
	if (!trace->node) {
		xs_complain("trace: no memory");
		return XS_EXIT_FAILED;
	}
	for (size_t i = 0; i < trace->images.count; i++)
		trace->node[i] = (struct xs_trace_node){ .image = trace->images.image[i], .netns = -1 };
	read_definition(trace);
	return XS_EXIT_DONE;
}

static void close_trace(struct xs_trace *trace)
{
	for (size_t i = 0; trace->node && i < trace->images.count; i++) {
		xs_trial_close(trace->node[i].trial);
		if (trace->node[i].netns >= 0)
			close(trace->node[i].netns);
	}
	free(trace->node);
	xs_images_free(&trace->images);
	xs_domain_free(trace->domain);
	xs_store_close(trace->store);
}

static struct xs_trace_node *find_node(const struct xs_trace *trace, const char *name)
{
	for (size_t i = 0; i < trace->images.count; i++)
		if (!strcmp(trace->node[i].image->header->node, name))
			return &trace->node[i];
	return NULL;
}

static const struct xs_rec_port *find_port(const struct xs_image *image, const char *name)
{
	const struct xs_rec_port *port;

	for (size_t i = 0; (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		if (!strcmp(port->name, name))
			return port;
	return NULL;
}

/* Its agent reports in which namespace it is. */
static int open_node(const struct xs_trace *trace, struct xs_trace_node *node, char *error)
{
	const char *name = node->image->header->node;
	struct xs_report report = { 0 };
	int err;

	if (node->trial)
		return 0;
	err = xs_report_get(trace->store, name, &report);
	if (err) {
		snprintf(error, XS_TRACE_ERROR, "node %s: %s", name,
			 err == -ENOENT ? "its agent has never reported" : "its report cannot be read");
		return err;
	}
	if (node->netns < 0)
		node->netns = xs_netns_open(report.netns[0] ? report.netns : NULL);
	if (node->netns < 0) {
		snprintf(error, XS_TRACE_ERROR, "node %s: namespace %s is not on this machine: %s", name, report.netns,
			 strerror(-node->netns));
		return node->netns;
	}
	return xs_trial_open(name, &node->trial, error);
}

/* ---- from hop to hop --------------------------------------------------------------------------------------------- */

/* Where the wire of a link leads: the node and port of its other end. */
static bool other_end(const struct xs_trace *trace, const struct xs_trace_step *step, struct xs_trace_node **node,
		      const struct xs_rec_port **port)
{
	for (size_t i = 0; i < trace->images.count; i++) {
		const struct xs_image *image = trace->images.image[i];
		const struct xs_rec_vport *vport;

		for (size_t k = 0; image != step->node->image && (vport = xs_image_at(image, XS_REC_VPORT, k)); k++) {
			if (vport->kind != XS_VPORT_LINK || vport->slice != step->out->slice ||
			    strcmp(vport->name, step->out->name))
				continue;
			*node = &trace->node[i];
			*port = xs_image_find(image, XS_REC_PORT, &vport->port);
			return *port != NULL;
		}
	}
	return false;
}

/* {hop: [...], end: {how, text}}. how "untraceable": error says why. */
static json_t *trace_packet(const struct xs_trace *trace, struct xs_trace_node *node, const struct xs_rec_port *port,
			    const struct xs_trial_frame *frame)
{
	struct xs_trial_frame at = *frame;
	json_t *hops = json_array(), *end = NULL;

	for (size_t i = 0; !end && i < HOPS_MAX; i++) {
		struct xs_trace_step step = { .trace = trace, .node = node };
		char error[XS_TRACE_ERROR] = "";
		int err = open_node(trace, node, error);

		if (err && i && (err == -ENOENT || err == -ENODEV)) {
			end = xs_trace_end("away", "goes on at node %s, which is not on this machine",
					   node->image->header->node);
			break;
		}
		if (!err && !port)
			err = xs_trace_out_of_wan(node, &at, &port, error);
		if (!err) {
			step.port = port;
			xs_trace_address_wan(node, port, &at);
			err = xs_trace_hop(&step, &at, &end, error);
		}
		if (err) {
			end = xs_trace_end("untraceable", "%s", error);
			break;
		}
		json_array_append_new(hops, step.hop);
		at = step.outcome.frame;
		if (!end && step.out->kind == XS_VPORT_WAN) {
			end = xs_trace_into_wan(trace, &step, hops, &node);
			memset(at.data, 0, XS_MAC_LEN);
			port = NULL; /* that is not known before the node is asked */
		} else if (!end && !other_end(trace, &step, &node, &port)) {
			end = xs_trace_end("away", "link %s has no other end in the images in force", step.out->name);
		}
	}
	if (!end)
		end = xs_trace_end("loop", "it has passed %d nodes: it goes round in a circle", HOPS_MAX);
	return json_pack("{s:o,s:o}", "hop", hops, "end", end);
}

/* ---- what comes in ----------------------------------------------------------------------------------------------- */

/* Users of a MUX with an exit have their first hop beyond it (R16), so they send nothing but what is the edge's own to its MAC. */
static bool is_first_hop(const struct xs_image *image, const struct xs_rec_vport *vport, const struct xs_address *to)
{
	const struct xs_rec_mux *mux = xs_image_mux_of_edge(image, vport->id);

	if (!mux || !mux->exit)
		return true;
	return to->family && !xs_address_compare(to, &vport->address[xs_family_index(to->family)]);
}

/* By its port, or by a VLAN of users on it. */
static bool is_at(const struct xs_image *image, const struct xs_rec_vport *vport, const struct xs_rec_port *port)
{
	const struct xs_rec_port *by = xs_image_find(image, XS_REC_PORT, &vport->port);

	return by && (by->id == port->id || by->on == port->id);
}

/* The MAC that whoever sends there has for it; any where nobody is. */
static struct xs_mac usual_mac(const struct xs_image *image, const struct xs_rec_port *port,
			       const struct xs_packet_spec *spec)
{
	const struct xs_rec_vport *vport;

	for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
		if (is_at(image, vport, port) && vport->vid == spec->label && vport->kind != XS_VPORT_MUX &&
		    is_first_hop(image, vport, &spec->to))
			return vport->mac;
	return (struct xs_mac){ { 0x02, 0x00, 0x00, 0x00, 0x00, 0x02 } };
}

/* Who is behind a VLAN of users sends tagged frames. */
static struct xs_packet_spec with_vlan(const struct xs_packet_spec *spec, const struct xs_rec_port *port)
{
	struct xs_packet_spec with = *spec;

	if (!with.label)
		with.label = port->vid;
	return with;
}

static int make_frames(const struct xs_options *options, const struct xs_packet_spec *spec,
		       const struct xs_image *image, const struct xs_rec_port *port, struct xs_trial_frame **out,
		       size_t *count)
{
	const struct xs_packet_spec built = with_vlan(spec, port);
	struct xs_mac mac = usual_mac(image, port, &built);

	*out = malloc(sizeof(**out));
	*count = 1;
	if (!*out)
		return -ENOMEM;
	if (options->packet[XS_PACKET_HEX])
		return xs_frame_hex(options->packet[XS_PACKET_HEX], *out);
	xs_packet_build(&built, &mac, *out);
	return 0;
}

/* How a packet is described: once, and with the options that belong to it. */
static int check_usage(const struct xs_options *options, struct xs_packet_spec *spec, unsigned long *most)
{
	const char *const *given = options->packet;
	bool hex = given[XS_PACKET_HEX], pcap = given[XS_PACKET_PCAP], built = false;

	for (int i = XS_PACKET_FROM; i < XS_PACKET_HEX; i++)
		built |= given[i] != NULL;
	if (!given[XS_PACKET_NODE] || !given[XS_PACKET_PORT]) {
		xs_complain("trace: --node and --port must say where the packet comes in");
		return -EINVAL;
	}
	if (hex + pcap + built > 1) {
		xs_complain("trace: the packet is described twice: --hex, --pcap and --from ... exclude each other");
		return -EINVAL;
	}
	if (given[XS_PACKET_COUNT] && !pcap) {
		xs_complain("trace: --count belongs to --pcap");
		return -EINVAL;
	}
	*most = PACKETS_GIVEN;
	if (given[XS_PACKET_COUNT] && xs_option_number("count", given[XS_PACKET_COUNT], 1, PACKETS_MAX, most))
		return -EINVAL;
	return hex || pcap ? 0 : xs_packet_spec_read(options, spec);
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static const char *member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void print_hop(const json_t *hop)
{
	json_t *stage;
	size_t i;

	printf("%s%s%s: %s\n", member(hop, "node"), *member(hop, "port") ? " port " : "", member(hop, "port"), member(hop, "frame"));
	json_array_foreach(json_object_get(hop, "stage"), i, stage)
	{
		const json_t *line = json_object_get(stage, "line");

		printf("  %-9s %s", member(stage, "stage"), member(stage, "text"));
		if (line)
			printf(" (line %" JSON_INTEGER_FORMAT ")", json_integer_value(line));
		putchar('\n');
	}
}

static void print_all(const json_t *packets)
{
	json_t *packet, *hop;
	size_t i, k;

	json_array_foreach(packets, i, packet)
	{
		if (json_array_size(packets) > 1)
			printf("%spacket %zu\n", i ? "\n" : "", i + 1);
		json_array_foreach(json_object_get(packet, "hop"), k, hop) print_hop(hop);
		printf("-> %s\n", member(json_object_get(packet, "end"), "text"));
	}
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static int trace_all(const struct xs_options *options, const struct xs_trace *trace, struct xs_trace_node *node,
		     const struct xs_rec_port *port, const struct xs_trial_frame *frame, size_t count)
{
	json_t *packets = json_array();
	int code = XS_EXIT_DONE;

	for (size_t i = 0; i < count; i++) {
		json_t *packet = trace_packet(trace, node, port, &frame[i]);
		const json_t *end = json_object_get(packet, "end");

		json_array_append_new(packets, packet);
		if (!strcmp(member(end, "how"), "untraceable")) {
			xs_complain("trace: %s", member(end, "text"));
			code = XS_EXIT_FAILED;
			break;
		}
	}
	if (options->json)
		xs_print_json(json_pack("{s:O}", "packet", packets));
	else if (code == XS_EXIT_DONE || json_array_size(json_object_get(json_array_get(packets, 0), "hop")))
		print_all(packets);
	json_decref(packets);
	return code;
}

int xs_command_trace(const struct xs_options *options)
{
	const char *name = options->packet[XS_PACKET_NODE], *port_name = options->packet[XS_PACKET_PORT];
	struct xs_trial_frame *frame = NULL;
	const struct xs_rec_port *port = NULL;
	struct xs_packet_spec spec = { 0 };
	struct xs_trace_node *node;
	struct xs_trace trace;
	unsigned long most;
	size_t count = 0;
	int code, err;

	if (check_usage(options, &spec, &most))
		return XS_EXIT_USAGE;
	if (options->packet[XS_PACKET_PCAP] &&
	    (err = xs_frame_pcap(options->packet[XS_PACKET_PCAP], most, &frame, &count)))
		return err == -EINVAL ? XS_EXIT_USAGE : XS_EXIT_FAILED;
	code = open_trace(options, &trace);
	if (code != XS_EXIT_DONE)
		goto out;
	code = XS_EXIT_USAGE;
	node = find_node(&trace, name);
	if (node)
		port = find_port(node->image, port_name);
	if (!node)
		xs_complain("trace: no node is called '%s' (xslice show lists them)", name);
	else if (!port)
		xs_complain("trace: nothing uses a port '%s' of node %s (xslice show %s lists those in use)", port_name,
			    name, name);
	if (!port)
		goto out;
	err = frame ? 0 : make_frames(options, &spec, node->image, port, &frame, &count);
	if (!err)
		code = trace_all(options, &trace, node, port, frame, count);
	else if (err != -EINVAL)
		code = XS_EXIT_FAILED;
out:
	free(frame);
	close_trace(&trace);
	return code;
}
