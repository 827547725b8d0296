// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * graph.c - `xslice graph`: draws a definition with what the plan gives it. The result is a list of boxes and a list of
 * lines; DOT is one way to print it, and graphviz makes SVG of that.
 *
 * Always holds: every object of the definition is there exactly once, under an id of its kind and name ("vrf P/P1").
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/definition.h"
#include "loader/base/parts.h"
#include "loader/plan/plan_types.h"

#define ID_MAX   128
#define TEXT_MAX 1024

struct graph {
	json_t *box, *line;
};

/* ---- what there is to draw --------------------------------------------------------------------------------------- */

/* A label is lines, joined by newlines. */
static struct xs_parts label_in(char text[TEXT_MAX])
{
	return xs_parts_in(text, TEXT_MAX, "\n");
}

static void add_address(struct xs_parts *label, const struct xs_address *address)
{
	char text[XS_PREFIX_TEXT];

	if (address->family)
		xs_parts_add(label, "%s", xs_address_text(address, text));
}

static void add_prefix(struct xs_parts *label, const char *before, const struct xs_prefix *prefix)
{
	char text[XS_PREFIX_TEXT];

	if (prefix->family)
		xs_parts_add(label, "%s%s", before, xs_prefix_text(prefix, text));
}

static const char *id_of(char *id, const char *kind, const char *slice, const char *name)
{
	snprintf(id, ID_MAX, "%s %s%s%s", kind, slice ? slice : "", slice ? "/" : "", name);
	return id;
}

/* slice: SIZE_MAX for what belongs to none, else the slice's place in the definition. */
static void add_box(struct graph *graph, const char *id, const char *kind, const char *node, size_t slice,
		    const char *label)
{
	json_array_append_new(graph->box,
			      json_pack("{s:s,s:s,s:s?,s:o,s:s}", "id", id, "kind", kind, "node", node, "slice",
					slice == SIZE_MAX ? json_null() : json_integer((json_int_t)slice), "label",
					label));
}

static void add_line(struct graph *graph, const char *from, const char *to, const char *kind, size_t slice,
		     const char *label)
{
	json_array_append_new(graph->line,
			      json_pack("{s:s,s:s,s:s,s:o,s:s}", "from", from, "to", to, "kind", kind, "slice",
					slice == SIZE_MAX ? json_null() : json_integer((json_int_t)slice), "label",
					label));
}

static void draw_link(struct graph *graph, const struct xs_p_slice *slice, const struct xs_p_link *link, size_t index)
{
	const struct xs_d_link *def = link->def;
	char from[ID_MAX], to[ID_MAX], text[TEXT_MAX];
	struct xs_parts label = label_in(text);

	xs_parts_add(&label, "%s", def->name);
	if (link->end[0])
		xs_parts_add(&label, "vlan %u", link->end[0]->vid);
	for (int f = 0; f < XS_FAMILIES; f++)
		add_prefix(&label, "", &def->subnet[f]);
	add_line(graph, id_of(from, "vrf", slice->def->name, def->end[0]->name),
		 id_of(to, "vrf", slice->def->name, def->end[1]->name), "link", index, text);
}

static void add_port(struct xs_parts *label, const struct xs_d_port *port)
{
	xs_parts_add(label, "port %s", port->name);
	if (port->on)
		xs_parts_add(label, "vlan %u on %s", port->vlan, port->on->name);
}

static void draw_gateway(struct graph *graph, const struct xs_p_slice *slice, const struct xs_p_gateway *gateway,
			 size_t index)
{
	const struct xs_d_gateway *def = gateway->def;
	char id[ID_MAX], vrf[ID_MAX], text[TEXT_MAX];
	struct xs_parts label = label_in(text);

	xs_parts_add(&label, "%s", def->name);
	add_port(&label, def->port);
	for (int f = 0; f < XS_FAMILIES; f++)
		add_prefix(&label, "", &def->subnet[f]);
	for (size_t i = 0; i < def->behind_count; i++)
		add_prefix(&label, "behind: ", &def->behind[i].prefix);
	add_box(graph, id_of(id, "gateway", slice->def->name, def->name), "gateway", gateway->vport->node->def->name,
		index, text);
	add_line(graph, id_of(vrf, "vrf", slice->def->name, def->vrf->name), id, "gateway", index, "");
}

static void draw_slice(struct graph *graph, const struct xs_p_slice *slice, size_t index)
{
	const struct xs_d_slice *def = slice->def;
	char id[ID_MAX];

	for (size_t i = 0; i < def->vrf_count; i++) {
		char text[TEXT_MAX];
		struct xs_parts label = label_in(text);

		xs_parts_add(&label, "%s", def->vrf[i].name);
		xs_parts_add(&label, "slice %s", def->name);
		add_box(graph, id_of(id, "vrf", def->name, def->vrf[i].name), "vrf", def->vrf[i].node->name, index,
			text);
	}
	for (size_t i = 0; i < def->link_count; i++)
		draw_link(graph, slice, &slice->link[i], index);
	for (size_t i = 0; i < def->gateway_count; i++)
		draw_gateway(graph, slice, &slice->gateway[i], index);
}

static void draw_mux(struct graph *graph, const struct xs_plan *plan, const struct xs_p_mux *mux)
{
	const struct xs_d_mux *def = mux->def;
	char id[ID_MAX], vrf[ID_MAX], text[TEXT_MAX];
	struct xs_parts label = label_in(text);

	xs_parts_add(&label, "%s", def->name);
	add_port(&label, def->port);
	if (def->exit)
		xs_parts_add(&label, "exit %s", def->exit->name);
	for (size_t i = 0; i < def->client_count; i++)
		add_prefix(&label, "clients ", &def->client[i].prefix);
	add_box(graph, id_of(id, "mux", NULL, def->name), "mux", def->node->name, SIZE_MAX, text);
	for (size_t i = 0; i < def->slice_count; i++) {
		const struct xs_d_mux_slice *choice = &def->slice[i];
		char line[TEXT_MAX];
		struct xs_parts filter = label_in(line);

		xs_parts_add(&filter, "%zu. %s", i + 1, choice->filter->name);
		add_line(graph, id, id_of(vrf, "vrf", choice->slice->name, choice->vrf->name), "mux",
			 (size_t)(choice->slice - plan->domain->slice), line);
	}
}

/* A migration leads to the gateway behind which its VM is, in either slice. */
static void lead_to(struct graph *graph, const struct xs_plan *plan, const char *id, const struct xs_d_migration *def,
		    const struct xs_d_slice *slice, const char *when)
{
	char gateway[ID_MAX], text[TEXT_MAX];
	struct xs_parts label = label_in(text);

	xs_parts_add(&label, "%s", when);
	for (size_t i = 0; i < slice->gateway_count; i++) {
		const struct xs_d_gateway *one = &slice->gateway[i];

		if (!xs_prefix_contains(&one->subnet[XS_FAMILY4], &def->address[XS_FAMILY4]) &&
		    !xs_prefix_contains(&one->subnet[XS_FAMILY6], &def->address[XS_FAMILY6]))
			continue;
		add_line(graph, id, id_of(gateway, "gateway", slice->name, slice->gateway[i].name), "migration",
			 (size_t)(slice - plan->domain->slice), text);
	}
}

static void draw_migration(struct graph *graph, const struct xs_plan *plan, const struct xs_d_migration *def)
{
	char id[ID_MAX], text[TEXT_MAX];
	struct xs_parts label = label_in(text);

	xs_parts_add(&label, "%s", def->name);
	for (int f = 0; f < XS_FAMILIES; f++)
		add_address(&label, &def->address[f]);
	if (def->group)
		xs_parts_add(&label, "group %s", def->group);
	add_box(graph, id_of(id, "migration", NULL, def->name), "migration", NULL, SIZE_MAX, text);
	lead_to(graph, plan, id, def, def->from, "from");
	lead_to(graph, plan, id, def, def->to, "to");
}

static json_t *draw(const struct xs_plan *plan)
{
	const struct xs_domain *domain = plan->domain;
	struct graph graph = { .box = json_array(), .line = json_array() };
	json_t *nodes = json_array(), *slices = json_array();

	for (size_t i = 0; i < domain->node_count; i++)
		json_array_append_new(nodes, json_string(domain->node[i].name));
	for (size_t i = 0; i < domain->slice_count; i++) {
		json_array_append_new(slices, json_string(domain->slice[i].name));
		draw_slice(&graph, &plan->slice[i], i);
	}
	for (size_t i = 0; i < domain->mux_count; i++)
		draw_mux(&graph, plan, &plan->mux[i]);
	for (size_t i = 0; i < domain->migration_count; i++)
		draw_migration(&graph, plan, &domain->migration[i]);
	return json_pack("{s:o,s:o,s:o,s:o}", "node", nodes, "slice", slices, "box", graph.box, "line", graph.line);
}

/* ---- as DOT ------------------------------------------------------------------------------------------------------ */

static const char *member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else
			fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	}
	fputc('"', out);
}

/* Neighbouring slices get hues far apart; brightness by use: a box is filled, a line is drawn. */
static void print_colour(FILE *out, const char *attribute, const json_t *slice, double saturation, double value)
{
	unsigned int hue = (unsigned int)((json_integer_value(slice) * 618 + 550) % 1000);

	if (json_is_integer(slice))
		fprintf(out, ", %s=\"0.%03u %.2f %.2f\"", attribute, hue, saturation, value);
}

static void print_box(FILE *out, const json_t *box, const char *indent)
{
	static const char *const shape[][2] = {
		{ "vrf", "box" }, { "gateway", "house" }, { "mux", "invtrapezium" }, { "migration", "ellipse" }
	};
	const char *kind = member(box, "kind");

	fputs(indent, out);
	print_quoted(out, member(box, "id"));
	fputs(" [label=", out);
	print_quoted(out, member(box, "label"));
	for (size_t i = 0; i < sizeof(shape) / sizeof(shape[0]); i++)
		if (!strcmp(shape[i][0], kind))
			fprintf(out, ", shape=%s", shape[i][1]);
	fprintf(out, ", style=%s", strcmp(kind, "vrf") ? "filled" : "\"rounded,filled\"");
	print_colour(out, "fillcolor", json_object_get(box, "slice"), 0.22, 1.0);
	if (!json_is_integer(json_object_get(box, "slice")))
		fputs(", fillcolor=white", out);
	fputs("];\n", out);
}

static void print_line(FILE *out, const json_t *line)
{
	const char *kind = member(line, "kind");

	fputs("  ", out);
	print_quoted(out, member(line, "from"));
	fputs(" -> ", out);
	print_quoted(out, member(line, "to"));
	fputs(" [label=", out);
	print_quoted(out, member(line, "label"));
	if (!strcmp(kind, "migration"))
		fputs(", style=dashed, constraint=false", out);
	else if (strcmp(kind, "mux"))
		fputs(", dir=none", out);
	print_colour(out, "color", json_object_get(line, "slice"), 0.85, 0.65);
	print_colour(out, "fontcolor", json_object_get(line, "slice"), 0.85, 0.45);
	fputs("];\n", out);
}

static void print_dot(FILE *out, const json_t *graph)
{
	json_t *node, *box, *line;
	size_t i, k;

	fputs("digraph xslice {\n"
	      "  graph [fontname=\"sans-serif\", rankdir=LR, nodesep=0.4, ranksep=1.2];\n"
	      "  node [fontname=\"sans-serif\", fontsize=11];\n"
	      "  edge [fontname=\"sans-serif\", fontsize=9];\n",
	      out);
	json_array_foreach(json_object_get(graph, "node"), i, node)
	{
		const char *name = json_string_value(node);
		bool empty = true;

		fprintf(out, "  subgraph \"cluster_%s\" {\n    label=", name);
		print_quoted(out, name);
		fputs(";\n    style=rounded;\n", out);
		json_array_foreach(json_object_get(graph, "box"), k, box)
		{
			if (strcmp(member(box, "node"), name))
				continue;
			print_box(out, box, "    ");
			empty = false;
		}
		/* A cluster without a box is not drawn. */
		if (empty)
			fprintf(out, "    \"node %s\" [label=\"\", shape=point, style=invis];\n", name);
		fputs("  }\n", out);
	}
	json_array_foreach(json_object_get(graph, "box"), k, box) if (!*member(box, "node")) print_box(out, box, "  ");
	json_array_foreach(json_object_get(graph, "line"), k, line) print_line(out, line);
	fputs("}\n", out);
}

/* ---- as SVG, by graphviz ----------------------------------------------------------------------------------------- */

/* Runs `dot`, which reads standard input from `in` and writes to ours. */
static int run_dot(int in)
{
	char *const words[] = { "dot", "-Tsvg", NULL };
	posix_spawn_file_actions_t actions;
	extern char **environ;
	int error, status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	error = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error) {
		xs_complain("graph: dot, of graphviz, makes the SVG, and cannot be run: %s (apt-get install graphviz; "
			    "or --as dot)",
			    strerror(error));
		return XS_EXIT_FAILED;
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
		xs_complain("graph: dot -Tsvg failed");
		return XS_EXIT_FAILED;
	}
	return XS_EXIT_DONE;
}

static int print_svg(const json_t *graph)
{
	FILE *file = tmpfile();
	int code = XS_EXIT_FAILED;

	if (!file) {
		xs_complain("graph: no temporary file can be made");
		return code;
	}
	print_dot(file, graph);
	fflush(stdout);
	if (fflush(file) || fseek(file, 0, SEEK_SET))
		xs_complain("graph: its temporary file cannot be written");
	else
		code = run_dot(fileno(file));
	fclose(file);
	return code;
}

int xs_command_graph(const struct xs_options *options)
{
	struct xs_definition definition = { 0 };
	struct xs_store *store = NULL;
	int code = xs_definition_plan(options, &store, &definition);
	json_t *graph;

	if (code == XS_EXIT_DONE) {
		graph = draw(definition.plan);
		if (options->json) {
			xs_print_json(json_incref(graph));
		} else if (options->svg) {
			code = print_svg(graph);
		} else {
			print_dot(stdout, graph);
		}
		json_decref(graph);
	}
	xs_definition_free(&definition);
	xs_store_close(store);
	return code;
}
