// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - the table of subcommands and the dispatch. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "loader/base/program.h"

static const struct xs_command command_table[] = {
	{ "check", "FILE", "read a definition and report every fault in it",
	  "  xslice check net.yaml             every fault as FILE:LINE:COL: error: ...\n"
	  "  xslice check --json net.yaml      the same for a program\n"
	  "  xslice check --format json -      read JSON from standard input\n",
	  XS_OPT_FORMAT, 1, 1, xs_command_check },
	{ "plan", "FILE", "show what apply would allocate: labels, pages, addresses, MACs, routes",
	  "  xslice plan net.yaml              with what the store already gave\n"
	  "  xslice plan --json net.yaml | jq .slice\n",
	  XS_OPT_FORMAT | XS_OPT_STORE, 1, 1, xs_command_plan },
	{ "graph", "FILE", "draw a definition: nodes, slices, links, gateways, MUXes, migrations",
	  "  xslice graph net.yaml             the drawing as DOT, which graphviz reads\n"
	  "  xslice graph --as svg net.yaml > net.svg\n",
	  XS_OPT_FORMAT | XS_OPT_STORE | XS_OPT_AS, 1, 1, xs_command_graph },
	{ "params", "FILE", "how many parameters a definition has, and how many only one mechanism needs",
	  "  xslice params net.yaml            the paper's table 1; docs/parameters.md says what is counted\n"
	  "  xslice params --json net.yaml | jq .total\n",
	  XS_OPT_FORMAT, 1, 1, xs_command_params },
	{ "diff", "FILE", "what apply would change, before it happens; exit 3 if it would change anything",
	  "  xslice diff net.yaml              + added, - removed, ~ changed; then records per node\n"
	  "  xslice diff --json net.yaml | jq .change\n",
	  XS_OPT_FORMAT | XS_OPT_STORE, 1, 1, xs_command_diff },
	{ "apply", "FILE", "make the network equal to a definition and wait until every node has reported",
	  "  xslice apply net.yaml             exits 0 when every node holds it\n"
	  "  xslice apply --timeout 60 net.yaml\n",
	  XS_OPT_FORMAT | XS_OPT_STORE | XS_OPT_TIMEOUT, 1, 1, xs_command_apply },
	{ "switch", "VM|GROUP SLICE", "send a VM's traffic, or a group's, through another slice: one write",
	  "  xslice switch vm5 A               migration vm5 now lives in slice A\n"
	  "  xslice switch rack1 A             all VMs of group rack1\n"
	  "  xslice switch vm5 P               and back\n",
	  XS_OPT_STORE | XS_OPT_TIMEOUT, 2, 2, xs_command_switch },
	{ "show", "[[page] WHAT]", "what is in force: nodes, slices, MUXes, where each VM lives",
	  "  xslice show                       the domain\n"
	  "  xslice show R3                    one node, with its labels, addresses and routes\n"
	  "  xslice show 10.0.0.5              where an address lives, and how packets get there\n"
	  "  xslice show page 100.64.0.5       paging: whose a mapped address is; exit 1 if nobody's\n",
	  XS_OPT_STORE, 0, 2, xs_command_show },
	{ "trace", "", "a packet through the real programs, hop by hop, without sending or counting it",
	  "  xslice trace --node R3 --port client --from 192.0.2.10 --to 10.0.0.5\n"
	  "  xslice trace --node R1 --port pdc --from 10.0.0.5 --to 192.0.2.10 --protocol tcp --source-port 80\n"
	  "  xslice trace --node R3 --port client --pcap users.pcap --count 3 --json | jq '.packet[].end'\n",
	  XS_OPT_STORE | XS_OPT_PACKET, 0, 0, xs_command_trace },
	{ "stats", "[NODE]", "counters of nodes, slices, links and MUX rules; drops by reason",
	  "  xslice stats                      every node of this machine\n"
	  "  xslice stats --json R3 | jq .node\n",
	  XS_OPT_STORE, 0, 1, xs_command_stats },
	{ "clean", "", "take everything down and leave the machine as it was found",
	  "  xslice clean                      the nodes of this machine, then the store\n",
	  XS_OPT_STORE | XS_OPT_TIMEOUT, 0, 0, xs_command_clean },
};
#define COMMAND_COUNT (sizeof(command_table) / sizeof(command_table[0]))

#define PACKET_OPTION 256 /* above every letter */

static const char packet_help[] =
	"  --node NODE --port PORT   where the packet comes in\n"
	"  --from ADDRESS --to ADDRESS   IPv4 or IPv6; then, each where wanted:\n"
	"    --protocol NAME|N  udp, tcp, icmp, ... (default udp)\n"
	"    --source-port N --destination-port N (default 49152 and 9)\n"
	"    --ttl N --dscp N --length BYTES (of the IP packet) --df\n"
	"    --label VID        tagged, as on a link between nodes\n"
	"    --mac MAC          destination; else the one that users, or the link, have for it\n"
	"  --hex HEX|FILE    or: the whole frame in hex digits\n"
	"  --pcap FILE       or: the first frames of a capture (classic format); --count N of them (default 10)\n";

static const struct option long_options[] = {
	{ "store", required_argument, NULL, 's' },
	{ "format", required_argument, NULL, 'f' },
	{ "implementation", required_argument, NULL, 'i' },
	{ "timeout", required_argument, NULL, 't' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "as", required_argument, NULL, 'a' },
	{ "node", required_argument, NULL, PACKET_OPTION + XS_PACKET_NODE },
	{ "port", required_argument, NULL, PACKET_OPTION + XS_PACKET_PORT },
	{ "from", required_argument, NULL, PACKET_OPTION + XS_PACKET_FROM },
	{ "to", required_argument, NULL, PACKET_OPTION + XS_PACKET_TO },
	{ "protocol", required_argument, NULL, PACKET_OPTION + XS_PACKET_PROTOCOL },
	{ "source-port", required_argument, NULL, PACKET_OPTION + XS_PACKET_SOURCE_PORT },
	{ "destination-port", required_argument, NULL, PACKET_OPTION + XS_PACKET_DESTINATION_PORT },
	{ "ttl", required_argument, NULL, PACKET_OPTION + XS_PACKET_TTL },
	{ "dscp", required_argument, NULL, PACKET_OPTION + XS_PACKET_DSCP },
	{ "length", required_argument, NULL, PACKET_OPTION + XS_PACKET_LENGTH },
	{ "label", required_argument, NULL, PACKET_OPTION + XS_PACKET_LABEL },
	{ "mac", required_argument, NULL, PACKET_OPTION + XS_PACKET_MAC },
	{ "df", no_argument, NULL, PACKET_OPTION + XS_PACKET_DF },
	{ "hex", required_argument, NULL, PACKET_OPTION + XS_PACKET_HEX },
	{ "pcap", required_argument, NULL, PACKET_OPTION + XS_PACKET_PCAP },
	{ "count", required_argument, NULL, PACKET_OPTION + XS_PACKET_COUNT },
	{ NULL, 0, NULL, 0 },
};

static void print_overview(FILE *out)
{
	fprintf(out, "xslice - virtual networks (slices) on Linux routers\n\nusage: xslice COMMAND [OPTION]... "
		     "[ARGUMENT]...\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-7s %-15s %s\n", command_table[i].name, command_table[i].arguments,
			command_table[i].summary);
	fprintf(out, "\n`xslice COMMAND --help` shows options and examples. Exit codes: 0 done, 1 failed, 2 bad input "
		     "or usage,\n"
		     "3 there is a difference, 4 partly done, 5 timed out. `xslice --version` tells the version.\n");
}

static void print_help(const struct xs_command *command, FILE *out)
{
	fprintf(out, "xslice %s - %s\n\nusage: xslice %s [OPTION]... %s\n\noptions:\n", command->name, command->summary,
		command->name, command->arguments);
	if (command->options & XS_OPT_STORE)
		fprintf(out, "  --store DIR       the domain's store; else $XSLICE_STORE, else " XS_STORE_DEFAULT "\n");
	if (command->options & XS_OPT_FORMAT)
		fprintf(out, "  --format FORMAT   yaml, json or xml; else by the file's name\n"
			     "  --implementation segmentation|paging   instead of what the domain says (slices may say otherwise)\n");
	if (command->options & XS_OPT_AS)
		fprintf(out, "  --as FORMAT       dot (the default), or svg, which graphviz makes\n");
	if (command->options & XS_OPT_PACKET)
		fputs(packet_help, out);
	if (command->options & XS_OPT_TIMEOUT)
		fprintf(out, "  --timeout SEC     how long to wait for the nodes' reports (default 30)\n");
	fprintf(out, "  --json            print the result as JSON\n  --help            this text\n\nexamples:\n%s",
		command->example);
}

static const struct xs_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(command_table[i].name, name))
			return &command_table[i];
	return NULL;
}

static int parse_format(const char *text, enum xs_format *format)
{
	static const struct {
		const char *name;
		enum xs_format format;
	} names[] = { { "yaml", XS_FORMAT_YAML }, { "json", XS_FORMAT_JSON }, { "xml", XS_FORMAT_XML } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i].name, text)) {
			*format = names[i].format;
			return 0;
		}
	}
	xs_complain("--format: '%s' is none of yaml, json, xml", text);
	return -EINVAL;
}

static int parse_implementation(const char *text, struct xs_options *options)
{
	options->instead = true;
	options->implementation = !strcmp(text, "paging") ? XS_PAGING : XS_SEGMENTATION;
	if (options->implementation == XS_PAGING || !strcmp(text, "segmentation"))
		return 0;
	xs_complain("--implementation: '%s' is neither segmentation nor paging", text);
	return -EINVAL;
}

static int parse_as(const char *text, bool *svg)
{
	*svg = !strcmp(text, "svg");
	if (*svg || !strcmp(text, "dot"))
		return 0;
	xs_complain("--as: '%s' is neither dot nor svg", text);
	return -EINVAL;
}

static int parse_timeout(const char *text, int *timeout_ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds > 0 && seconds <= 86400)) {
		xs_complain("--timeout: '%s' is not a number of seconds above 0 and at most 86400", text);
		return -EINVAL;
	}
	*timeout_ms = (int)(seconds * 1000 + 0.5);
	return 0;
}

/* Options that only some commands have. */
static bool refuses_option(const struct xs_command *command, int letter)
{
	const unsigned int wants = letter == 's'   ? XS_OPT_STORE
				   : letter == 'a' ? XS_OPT_AS
				   : letter == 'f' ? XS_OPT_FORMAT
				   : letter == 'i' ? XS_OPT_FORMAT
				   : letter == 't' ? XS_OPT_TIMEOUT
				   : letter >= PACKET_OPTION ? XS_OPT_PACKET
						   : 0;

	return wants & ~command->options;
}

/* argv[0] is the subcommand's name. */
static int parse_options(const struct xs_command *command, int argc, char **argv, struct xs_options *options)
{
	int letter, which = 0;

	*options = (struct xs_options){ .store = xs_store_where(), .timeout_ms = 30000 };
	opterr = 0;
	while ((letter = getopt_long(argc, argv, "h", long_options, &which)) != -1) {
		if (refuses_option(command, letter)) {
			xs_complain("%s: it has no option --%s (see xslice %s --help)", command->name,
				    long_options[which].name, command->name);
			return -EINVAL;
		}
		switch (letter) {
		case 's':
			options->store = optarg;
			break;
		case 'f':
			if (parse_format(optarg, &options->format))
				return -EINVAL;
			break;
		case 'i':
			if (parse_implementation(optarg, options))
				return -EINVAL;
			break;
		case 'a':
			if (parse_as(optarg, &options->svg))
				return -EINVAL;
			break;
		case 't':
			if (parse_timeout(optarg, &options->timeout_ms))
				return -EINVAL;
			break;
		case 'j':
			options->json = true;
			break;
		case 'h':
			options->help = true;
			break;
		default:
			if (letter >= PACKET_OPTION) {
				options->packet[letter - PACKET_OPTION] = optarg ? optarg : "";
				break;
			}
			xs_complain("%s: unknown option or missing value: '%s' (see xslice %s --help)", command->name,
				    argv[optind - 1], command->name);
			return -EINVAL;
		}
	}
	options->argc = argc - optind;
	options->argv = argv + optind;
	if (!options->help && (options->argc < command->min_arguments || options->argc > command->max_arguments)) {
		xs_complain("%s: usage: xslice %s [OPTION]... %s", command->name, command->name, command->arguments);
		return -EINVAL;
	}
	return 0;
}

static int run(int argc, char **argv)
{
	const struct xs_command *command;
	struct xs_options options;

	if (argc < 2) {
		print_overview(stderr);
		return XS_EXIT_USAGE;
	}
	/* `help apply` is `apply --help`. */
	command = argc == 3 && !strcmp(argv[1], "help") ? find_command(argv[2]) : NULL;
	if (command) {
		print_help(command, stdout);
		return XS_EXIT_DONE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || (argc == 2 && !strcmp(argv[1], "help"))) {
		print_overview(stdout);
		return XS_EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("xslice " XS_VERSION);
		return XS_EXIT_DONE;
	}
	command = find_command(argv[1]);
	if (!command) {
		xs_complain("'%s' is no command%s (see xslice --help)", argv[argc == 3 && !strcmp(argv[1], "help") ? 2 : 1],
			    argv[1][0] == '-' ? ": options come behind it" : "");
		return XS_EXIT_USAGE;
	}
	if (parse_options(command, argc - 1, argv + 1, &options))
		return XS_EXIT_USAGE;
	if (options.help) {
		print_help(command, stdout);
		return XS_EXIT_DONE;
	}
	return command->run(&options);
}

int main(int argc, char **argv)
{
	xs_begin_output();
	return xs_end_output("xslice", run(argc, argv));
}
