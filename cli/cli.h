/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h - the command `xslice`: a table of subcommands, the options they share, how results are printed.
 *
 * Always holds: a subcommand makes its result as JSON; --json prints that, otherwise its printer reads the same JSON,
 * so both say the same. Results go to standard output, faults and progress to standard error. Exit codes are enum
 * xs_exit.
 */
#ifndef XSLICE_CLI_CLI_H
#define XSLICE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "loader/model/domain.h"
#include "loader/store/store.h"
#include "loader/store/where.h"

enum xs_exit {
	XS_EXIT_DONE = 0,
	XS_EXIT_FAILED = 1,
	XS_EXIT_USAGE = 2, /* bad input or usage */
	XS_EXIT_DIFFERENT = 3,
	XS_EXIT_PARTLY = 4,
	XS_EXIT_TIMEOUT = 5,
};

/* What `trace` is told of a packet and of where it comes in: --node, --port, ... */
enum xs_packet_option {
	XS_PACKET_NODE,
	XS_PACKET_PORT,
	XS_PACKET_FROM,
	XS_PACKET_TO,
	XS_PACKET_PROTOCOL,
	XS_PACKET_SOURCE_PORT,
	XS_PACKET_DESTINATION_PORT,
	XS_PACKET_TTL,
	XS_PACKET_DSCP,
	XS_PACKET_LENGTH,
	XS_PACKET_LABEL,
	XS_PACKET_MAC,
	XS_PACKET_DF,
	XS_PACKET_HEX,
	XS_PACKET_PCAP,
	XS_PACKET_COUNT, /* --count */
	XS_PACKET_OPTIONS,
};

struct xs_options {
	const char *store;     /* --store, else $XSLICE_STORE, else XS_STORE_DEFAULT */
	enum xs_format format; /* --format */
	enum xs_implementation implementation; /* --implementation, where it is given */
	bool instead;          /* ... it is */
	int timeout_ms;        /* --timeout, seconds on the command line */
	bool json, help, svg; /* svg: --as svg */
	const char *packet[XS_PACKET_OPTIONS]; /* as written; NULL: not given */
	int argc; /* what is not an option, without the subcommand's name */
	char **argv;
};

enum xs_option_bit {
	XS_OPT_STORE = 1 << 0,
	XS_OPT_FORMAT = 1 << 1, /* and --implementation: of a definition */
	XS_OPT_TIMEOUT = 1 << 2,
	XS_OPT_AS = 1 << 3,
	XS_OPT_PACKET = 1 << 4,
};

struct xs_command {
	const char *name;
	const char *arguments; /* as shown by help: "FILE" */
	const char *summary;   /* one line */
	const char *example;   /* commands that work as they stand, one a line, with what they do */
	unsigned int options;  /* enum xs_option_bit; --json and --help are everywhere */
	int min_arguments, max_arguments;
	int (*run)(const struct xs_options *options); /* returns enum xs_exit */
};

int xs_command_check(const struct xs_options *options);
int xs_command_plan(const struct xs_options *options);
int xs_command_graph(const struct xs_options *options);
int xs_command_params(const struct xs_options *options);
int xs_command_diff(const struct xs_options *options);
int xs_command_apply(const struct xs_options *options);
int xs_command_switch(const struct xs_options *options);
int xs_command_show(const struct xs_options *options);
int xs_command_trace(const struct xs_options *options);
int xs_command_stats(const struct xs_options *options);
int xs_command_clean(const struct xs_options *options);

/* "xslice: SUBJECT: what" to standard error; for errno values say strerror(). The subject is a file, key, node or option. */
void xs_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Opens the options' store; complains and returns negative errno if it cannot. create: makes the directory. */
int xs_open_store(const struct xs_options *options, bool create, struct xs_store **out);

/* locate.c: where an address lives and how packets get there, as the store's images tell. An exit code. */
int xs_locate(const struct xs_options *options, struct xs_store *store, const struct xs_address *address);

/* show_page.c: `show page ADDRESS`: whose a WAN address is. An exit code. */
int xs_show_page(const struct xs_options *options, struct xs_store *store);

/* Prints JSON, sorted and indented, and takes the reference. */
void xs_print_json(json_t *json);
/* A command's result: so under --json, else by `print`. Takes the reference. */
void xs_print_result(const struct xs_options *options, json_t *result, void (*print)(const json_t *result));

/* One line of progress on a terminal, overwritten by the next; nothing in a pipe. NULL ends it. */
void xs_progress(const char *line);

#endif
