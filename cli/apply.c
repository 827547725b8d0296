// SPDX-License-Identifier: GPL-2.0-or-later
/* apply.c - `xslice apply`: definition to store, then wait for the nodes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/definition.h"
#include "cli/wait.h"
#include "loader/manager/manager.h"

static void print_result(const json_t *result)
{
	size_t i;
	json_t *node;

	printf("revision %" JSON_INTEGER_FORMAT "\n", json_integer_value(json_object_get(result, "revision")));
	json_array_foreach(json_object_get(result, "node"), i, node)
	{
		const char *error = json_string_value(json_object_get(node, "error"));

		printf("%-15s %-9s", json_string_value(json_object_get(node, "node")),
		       json_string_value(json_object_get(node, "state")));
		if (error)
			printf(" %s\n", error);
		else if (!json_object_get(node, "ms"))
			putchar('\n');
		else
			printf(" %8.1f ms, %" JSON_INTEGER_FORMAT " netlink changes, %" JSON_INTEGER_FORMAT
			       " map writes\n",
			       json_number_value(json_object_get(node, "ms")),
			       json_integer_value(json_object_get(node, "netlink_changes")),
			       json_integer_value(json_object_get(node, "map_writes")));
	}
}

int xs_command_apply(const struct xs_options *options)
{
	struct xs_definition definition = { 0 };
	struct xs_apply_result result = { 0 };
	struct xs_store *store = NULL;
	char text[XS_ERROR_TEXT];
	int code = XS_EXIT_FAILED, error;

	if (xs_open_store(options, true, &store))
		return XS_EXIT_FAILED;
	error = xs_lock_store(options, store);
	if (error) {
		code = error == -ETIMEDOUT ? XS_EXIT_TIMEOUT : XS_EXIT_FAILED;
		goto out;
	}
	if (xs_switch_recover(store, text)) {
		xs_complain("store %s: %s", options->store, text);
		goto out;
	}
	error = xs_definition_load(options, store, &definition);
	if (error == -EINVAL)
		xs_definition_faults(options, &definition);
	if (error) {
		code = error == -EINVAL || error == -ENOENT ? XS_EXIT_USAGE : XS_EXIT_FAILED;
		goto out;
	}
	error = xs_apply(store, definition.plan, definition.text, definition.size, &result, text);
	/* Warnings: thousands of lines need not keep the nodes waiting. */
	xs_diag_print(definition.diag, stderr);
	if (error) {
		xs_complain("store %s: %s", options->store, text);
		goto out;
	}
	xs_store_unlock(store);
	code = xs_await_nodes(options, store, result.wait, result.count, &result.revision, 0);
	json_t *json = json_pack("{s:I,s:o}", "revision", (json_int_t)result.revision.number, "node",
				 xs_waits_json(result.wait, result.count, true));
	xs_print_result(options, json, print_result);
out:
	xs_apply_result_free(&result);
	xs_definition_free(&definition);
	xs_store_close(store);
	return code;
}
