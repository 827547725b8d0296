// SPDX-License-Identifier: GPL-2.0-or-later
/* check.c - `xslice check` and `xslice plan`: what needs no network and changes nothing. */
#include <errno.h>
#include <stdio.h>

#include "cli/definition.h"

int xs_command_check(const struct xs_options *options)
{
	struct xs_definition definition;
	int error = xs_definition_load(options, NULL, &definition);

	if (!error || error == -EINVAL)
		xs_definition_faults(options, &definition);
	xs_definition_free(&definition);
	return xs_definition_exit(error);
}

/* Two levels deep as lines: a table for people; --json has the rest. */
static void print_value(const char *name, const json_t *value, int depth)
{
	const char *key;
	json_t *member;
	size_t i;
	char *text;

	if (json_is_object(value)) {
		printf("%*s%s\n", depth * 2, "", name);
		json_object_foreach((json_t *)value, key, member) print_value(key, member, depth + 1);
		return;
	}
	if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
		printf("%*s%s\n", depth * 2, "", name);
		json_array_foreach(value, i, member)
		{
			text = json_dumps(member, JSON_COMPACT);
			printf("%*s%s\n", depth * 2 + 2, "", text);
			free(text);
		}
		return;
	}
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	printf("%*s%-12s %s\n", depth * 2, "", name, text);
	free(text);
}

int xs_command_plan(const struct xs_options *options)
{
	struct xs_definition definition = { 0 };
	struct xs_store *store = NULL;
	int code = xs_definition_plan(options, &store, &definition);
	json_t *result, *member;
	const char *key;

	if (code == XS_EXIT_DONE) {
		result = xs_plan_json(definition.plan);
		if (options->json)
			xs_print_json(json_incref(result));
		else
			json_object_foreach(result, key, member) print_value(key, member, 0);
		json_decref(result);
	}
	xs_definition_free(&definition);
	xs_store_close(store);
	return code;
}
