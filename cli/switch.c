// SPDX-License-Identifier: GPL-2.0-or-later
/* switch.c - `xslice switch`: a VM's or group's traffic goes through another slice. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/wait.h"
#include "loader/manager/manager.h"

#define TRIES_MAX 3

/* One switch, and the nodes' reports of it. result->generation is 0 where none was made. */
static int attempt(const struct xs_options *options, struct xs_store *store, struct xs_switch_result *result)
{
	const char *name = options->argv[0], *slice = options->argv[1];
	char text[XS_ERROR_TEXT];
	int error;

	*result = (struct xs_switch_result){ 0 };
	error = xs_lock_store(options, store);
	if (error)
		return error == -ETIMEDOUT ? XS_EXIT_TIMEOUT : XS_EXIT_FAILED;
	error = xs_switch(store, name, slice, result, text);
	xs_store_unlock(store);
	if (error) {
		xs_complain("switch %s %s: store %s: %s", name, slice, options->store, text);
		return error == -ENOENT ? XS_EXIT_USAGE : XS_EXIT_FAILED;
	}
	return xs_await_nodes(options, store, result->wait, result->count, NULL, result->generation);
}

int xs_command_switch(const struct xs_options *options)
{
	const char *name = options->argv[0], *slice = options->argv[1];
	struct xs_switch_result result = { 0 };
	struct xs_store *store = NULL;
	int code;

	if (xs_open_store(options, false, &store))
		return XS_EXIT_FAILED;
	for (int tries = 1;; tries++) {
		code = attempt(options, store, &result);
		if (code != XS_EXIT_DONE || xs_switch_stands(store, &result) == 1)
			break;
		/* The store had been set back; with what the nodes gave it, the next generation is later than all. */
		if (tries == TRIES_MAX) {
			xs_complain("switch %s %s: a node holds a later switch than the store's, again and again", name, slice);
			code = XS_EXIT_FAILED;
			break;
		}
		free(result.wait);
		result.wait = NULL;
	}
	if (!result.generation)
		goto out;
	if (options->json)
		xs_print_json(json_pack("{s:s,s:b,s:s,s:I,s:I,s:o}", "name", name, "group", result.group, "slice",
					slice, "generation", (json_int_t)result.generation, "vms",
					(json_int_t)result.vms, "node", xs_waits_json(result.wait, result.count, false)));
	else
		printf("%s %s (%zu VM%s) -> slice %s, generation %" PRIu64 ", on %zu node%s\n",
		       result.group ? "group" : "migration", name, result.vms, result.vms == 1 ? "" : "s", slice,
		       result.generation, result.count, result.count == 1 ? "" : "s");
out:
	free(result.wait);
	xs_store_close(store);
	return code;
}
