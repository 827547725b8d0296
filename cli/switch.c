// SPDX-License-Identifier: GPL-2.0-or-later
/* switch.c - `xslice switch`: a VM's or group's traffic goes through another slice. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/wait.h"
#include "loader/manager/manager.h"

int xs_command_switch(const struct xs_options *options)
{
	const char *name = options->argv[0], *slice = options->argv[1];
	struct xs_switch_result result = { 0 };
	struct xs_store *store = NULL;
	char text[XS_ERROR_TEXT];
	int code = XS_EXIT_FAILED, error;

	if (xs_open_store(options, false, &store))
		return XS_EXIT_FAILED;
	error = xs_lock_store(options, store);
	if (error) {
		code = error == -ETIMEDOUT ? XS_EXIT_TIMEOUT : XS_EXIT_FAILED;
		goto out;
	}
	error = xs_switch(store, name, slice, &result, text);
	xs_store_unlock(store);
	if (error) {
		xs_complain("switch %s %s: %s", name, slice, text);
		code = error == -ENOENT ? XS_EXIT_USAGE : XS_EXIT_FAILED;
		goto out;
	}
	code = xs_await_nodes(options, store, result.wait, result.count, 0, result.generation);
	if (options->json)
		xs_print_json(json_pack("{s:s,s:b,s:s,s:I,s:I,s:o}", "name", name, "group", result.group, "slice",
					slice, "generation", (json_int_t)result.generation, "vms",
					(json_int_t)result.vms, "node", xs_waits_json(result.wait, result.count)));
	else
		printf("%s %s (%zu VM%s) -> slice %s, generation %" PRIu64 ", on %zu node%s\n",
		       result.group ? "group" : "migration", name, result.vms, result.vms == 1 ? "" : "s", slice,
		       result.generation, result.count, result.count == 1 ? "" : "s");
out:
	free(result.wait);
	xs_store_close(store);
	return code;
}
