/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.c - an agent's report as a JSON object. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/store/report.h"

#define REPORT_KEY_MAX 64

/* One list for both ways: field and name in JSON. */
#define REPORT_NUMBERS(X)                                                                                              \
	X(revision)                                                                                                    \
	X(generation)                                                                                                  \
	X(netlink_changes)                                                                                             \
	X(map_writes)                                                                                                  \
	X(duration_us)

static int report_key(const char *node, char key[REPORT_KEY_MAX])
{
	int size = snprintf(key, REPORT_KEY_MAX, "report/%s", node);

	return strchr(node, '/') || size >= REPORT_KEY_MAX ? -EINVAL : 0;
}

/* A count in a member: present, whole, not negative. */
static int get_count(const json_t *object, const char *name, uint64_t *out)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return -EBADMSG;
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

static int report_read(const json_t *object, struct xs_report *report)
{
	const json_t *failed = json_object_get(object, "failed"), *holds = json_object_get(object, "holds");
	const json_t *error = json_object_get(object, "error");
	const json_t *pid = json_object_get(object, "pid"), *netns = json_object_get(object, "netns");
	const json_t *id = json_object_get(object, "revision_id"), *warning = json_object_get(object, "warning");
	int err = 0;

#define READ(field) err = err ? err : get_count(object, #field, &report->field);
	REPORT_NUMBERS(READ)
#undef READ
	if (err || !json_is_boolean(failed) || !json_is_boolean(holds) || !json_is_integer(pid) ||
	    !json_is_string(error) || !json_is_string(netns) || !json_is_string(warning) ||
	    json_string_length(netns) >= sizeof(report->netns) || !json_is_string(id) ||
	    json_string_length(id) >= sizeof(report->revision_id))
		return -EBADMSG;
	report->failed = json_is_true(failed);
	report->holds = json_is_true(holds);
	report->pid = json_integer_value(pid);
	snprintf(report->error, sizeof(report->error), "%s", json_string_value(error));
	snprintf(report->warning, sizeof(report->warning), "%s", json_string_value(warning));
	snprintf(report->netns, sizeof(report->netns), "%s", json_string_value(netns));
	snprintf(report->revision_id, sizeof(report->revision_id), "%s", json_string_value(id));
	return 0;
}

int xs_report_get(struct xs_store *store, const char *node, struct xs_report *out)
{
	struct xs_report report = { 0 };
	char key[REPORT_KEY_MAX];
	void *text = NULL;
	json_t *object = NULL;
	size_t size;
	int err = report_key(node, key);

	if (!err)
		err = xs_store_get(store, key, &text, &size);
	if (err)
		return err;
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	err = object ? report_read(object, &report) : -EBADMSG;
	if (!err)
		*out = report;
	json_decref(object);
	free(text);
	return err;
}

/* What the kernel or a file name gave may be no UTF-8, which JSON cannot hold: then what is not ASCII becomes '?'. */
static json_t *error_text(const char *error)
{
	char copy[sizeof(((struct xs_report *)0)->error)];
	json_t *text;
	char *c;

	snprintf(copy, sizeof(copy), "%s", error);
	text = json_string(copy);
	if (text)
		return text;
	for (c = copy; *c; c++) {
		if (*c & 0x80)
			*c = '?';
	}
	return json_string(copy);
}

int xs_report_put(struct xs_store *store, const char *node, const struct xs_report *report)
{
	char key[REPORT_KEY_MAX];
	json_t *object;
	char *text = NULL;
	int err = report_key(node, key), bad = 0;

	if (err)
		return err;
	object = json_object();
#define WRITE(field) bad |= json_object_set_new(object, #field, json_integer((json_int_t)report->field));
	REPORT_NUMBERS(WRITE)
#undef WRITE
	bad |= json_object_set_new(object, "failed", json_boolean(report->failed));
	bad |= json_object_set_new(object, "holds", json_boolean(report->holds));
	bad |= json_object_set_new(object, "pid", json_integer(report->pid));
	bad |= json_object_set_new(object, "netns", json_string(report->netns));
	bad |= json_object_set_new(object, "revision_id", json_string(report->revision_id));
	bad |= json_object_set_new(object, "error", error_text(report->error));
	bad |= json_object_set_new(object, "warning", error_text(report->warning));
	if (!bad)
		text = json_dumps(object, JSON_SORT_KEYS | JSON_INDENT(1));
	err = text ? xs_store_tell(store, key, text, strlen(text)) : -ENOMEM;
	free(text);
	json_decref(object);
	return err;
}
