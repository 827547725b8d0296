/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diag.c - the collection of faults: kept in order of arrival, sorted by place when printed.
 *
 * Always holds: the counts are true even where memory for a text lacked; neither a text nor a path holds control
 * characters, since they quote values that an unknown hand wrote and end on somebody's terminal, which may obey C1
 * controls (U+0080 to U+009F) as those below 0x20.
 */
#include "loader/base/diag.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct place {
	uint32_t line, column;
	char *path; /* NULL: none */
};

struct fault {
	size_t order;
	enum xs_severity severity;
	struct place place, note_place;
	char *text;
	char *note; /* NULL: none */
};

struct xs_diag {
	char *file;
	struct fault *fault;
	size_t count, room;
	size_t found[2], kept[2]; /* by severity */
	bool newest_lost; /* the newest fault has no entry, so its note has nowhere to go */
};

struct xs_diag *xs_diag_new(const char *file)
{
	struct xs_diag *diag = calloc(1, sizeof(*diag));

	if (!diag)
		return NULL;
	diag->file = strdup(file);
	if (!diag->file) {
		free(diag);
		return NULL;
	}
	return diag;
}

void xs_diag_free(struct xs_diag *diag)
{
	if (!diag)
		return;
	for (size_t i = 0; i < diag->count; i++) {
		free(diag->fault[i].place.path);
		free(diag->fault[i].note_place.path);
		free(diag->fault[i].text);
		free(diag->fault[i].note);
	}
	free(diag->fault);
	free(diag->file);
	free(diag);
}

/* A control character of UTF-8 at `at`, and its bytes; 0: there is none. */
static unsigned int control_at(const char *at, size_t *size)
{
	const unsigned char *byte = (const unsigned char *)at;

	*size = 1;
	if ((*byte < 0x20 && *byte) || *byte == 0x7f)
		return *byte;
	if (*byte != 0xc2 || byte[1] < 0x80 || byte[1] > 0x9f)
		return 0;
	*size = 2;
	return byte[1];
}

/* The text, which was malloc()ed and is freed, with every control character as \xNN. NULL without memory. */
static char *without_controls(char *raw)
{
	size_t controls = 0, size;
	char *text, *to;

	for (const char *from = raw; *from; from += size)
		controls += control_at(from, &size) != 0;
	if (!controls)
		return raw;
	text = malloc(strlen(raw) + 3 * controls + 1);
	to = text;
	for (const char *from = raw; text && *from; from += size) {
		unsigned int control = control_at(from, &size);

		if (control)
			to += sprintf(to, "\\x%02x", control);
		else
			*to++ = *from;
	}
	if (text)
		*to = '\0';
	free(raw);
	return text;
}

static char *format_text(const char *format, va_list args)
{
	char *raw = NULL;

	return vasprintf(&raw, format, args) < 0 ? NULL : without_controls(raw);
}

static int copy_place(struct place *to, const struct xs_place *from)
{
	char *path = NULL;

	memset(to, 0, sizeof(*to));
	if (!from)
		return 0;
	to->line = from->line;
	to->column = from->column;
	if (from->path)
		path = xs_path_text(from->path);
	to->path = path ? without_controls(path) : NULL;
	return from->path && !to->path ? -1 : 0;
}

static bool make_room(struct xs_diag *diag)
{
	size_t room = diag->room ? 2 * diag->room : 16;
	struct fault *fault;

	if (diag->count < diag->room)
		return true;
	fault = realloc(diag->fault, room * sizeof(*fault));
	if (!fault)
		return false;
	diag->fault = fault;
	diag->room = room;
	return true;
}

void xs_diag_add(struct xs_diag *diag, enum xs_severity severity, const struct xs_place *place, const char *format, ...)
{
	struct fault fault = { .severity = severity };
	va_list args;

	diag->found[severity]++;
	diag->newest_lost = true;
	/* Of each severity, so that no number of warnings hides an error. */
	if (diag->kept[severity] == XS_DIAG_TOLD_MAX)
		return;
	va_start(args, format);
	fault.text = format_text(format, args);
	va_end(args);
	if (!fault.text)
		return;
	if (!make_room(diag) || copy_place(&fault.place, place)) {
		free(fault.text);
		return;
	}
	diag->kept[severity]++;
	fault.order = diag->count;
	diag->fault[diag->count++] = fault;
	diag->newest_lost = false;
}

void xs_diag_note(struct xs_diag *diag, const struct xs_place *place, const char *format, ...)
{
	struct place copy;
	struct fault *fault;
	va_list args;
	char *text;

	if (!diag->count || diag->newest_lost)
		return;
	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	if (!text)
		return;
	if (copy_place(&copy, place)) {
		free(text);
		return;
	}
	fault = &diag->fault[diag->count - 1];
	free(fault->note_place.path);
	free(fault->note);
	fault->note_place = copy;
	fault->note = text;
}

size_t xs_diag_errors(const struct xs_diag *diag)
{
	return diag->found[XS_ERROR];
}

size_t xs_diag_warnings(const struct xs_diag *diag)
{
	return diag->found[XS_WARNING];
}

static int compare_faults(const void *left, const void *right)
{
	const struct fault *a = *(const struct fault *const *)left, *b = *(const struct fault *const *)right;

	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	if (a->place.column != b->place.column)
		return a->place.column < b->place.column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Pointers to the faults in the order of their places; NULL without memory (then the order of arrival serves). */
static const struct fault **sorted(const struct xs_diag *diag)
{
	const struct fault **list = malloc((diag->count + 1) * sizeof(*list));

	if (!list)
		return NULL;
	for (size_t i = 0; i < diag->count; i++)
		list[i] = &diag->fault[i];
	qsort(list, diag->count, sizeof(*list), compare_faults);
	return list;
}

static void print_one(FILE *out, const char *file, const struct place *place, const char *kind, const char *text)
{
	fputs(file, out);
	if (place->line)
		fprintf(out, ":%u", place->line);
	if (place->line && place->column)
		fprintf(out, ":%u", place->column);
	fprintf(out, ": %s: ", kind);
	if (place->path)
		fprintf(out, "%s: ", place->path);
	fprintf(out, "%s\n", text);
}

static const char *severity_word(enum xs_severity severity)
{
	return severity == XS_ERROR ? "error" : "warning";
}

/* What is said of faults that are not told; NULL: all are. `text` has room. */
static const char *say_rest(const struct xs_diag *diag, enum xs_severity severity, char *text, size_t size)
{
	size_t rest = diag->found[severity] - diag->kept[severity];

	if (!rest)
		return NULL;
	if (diag->kept[severity] == XS_DIAG_TOLD_MAX)
		snprintf(text, size, "%zu more %s%s found: no more than %u are told", rest, severity_word(severity),
			 rest == 1 ? " was" : "s were", XS_DIAG_TOLD_MAX);
	else
		snprintf(text, size, "memory is exhausted: %zu further %s%s no text", rest, severity_word(severity),
			 rest == 1 ? " has" : "s have");
	return text;
}

static void print_all(const struct xs_diag *diag, FILE *out)
{
	const struct fault **list = sorted(diag);
	char rest[96];

	for (size_t i = 0; i < diag->count; i++) {
		const struct fault *fault = list ? list[i] : &diag->fault[i];

		print_one(out, diag->file, &fault->place, severity_word(fault->severity), fault->text);
		if (fault->note)
			print_one(out, diag->file, &fault->note_place, "note", fault->note);
	}
	for (enum xs_severity severity = XS_ERROR; severity <= XS_WARNING; severity++) {
		if (say_rest(diag, severity, rest, sizeof(rest)))
			fprintf(out, "%s: %s: %s\n", diag->file, severity_word(severity), rest);
	}
	free(list);
}

/* At once: to stderr, which is not buffered, each piece would be a system call. */
void xs_diag_print(const struct xs_diag *diag, FILE *out)
{
	char *text = NULL;
	size_t size = 0;
	FILE *whole = diag->count ? open_memstream(&text, &size) : NULL;

	print_all(diag, whole ? whole : out);
	if (whole && !fclose(whole))
		fwrite(text, 1, size, out);
	free(text);
}

static void set_place(json_t *object, const struct place *place)
{
	json_object_set_new(object, "line", json_integer(place->line));
	json_object_set_new(object, "column", json_integer(place->column));
	json_object_set_new(object, "path", place->path ? json_string(place->path) : json_null());
}

static json_t *fault_json(const struct xs_diag *diag, const struct place *place, enum xs_severity severity, const char *text)
{
	json_t *object = json_object();

	json_object_set_new(object, "file", json_string(diag->file));
	set_place(object, place);
	json_object_set_new(object, "severity", json_string(severity_word(severity)));
	json_object_set_new(object, "message", json_string(text));
	return object;
}

json_t *xs_diag_json(const struct xs_diag *diag)
{
	const struct fault **list = sorted(diag);
	json_t *array = json_array(), *object;
	const struct place nowhere = { 0 };
	char rest[96];

	for (size_t i = 0; array && i < diag->count; i++) {
		const struct fault *fault = list ? list[i] : &diag->fault[i];
		json_t *note = json_null();

		object = fault_json(diag, &fault->place, fault->severity, fault->text);
		if (fault->note) {
			note = json_object();
			set_place(note, &fault->note_place);
			json_object_set_new(note, "message", json_string(fault->note));
		}
		json_object_set_new(object, "note", note);
		json_array_append_new(array, object);
	}
	for (enum xs_severity severity = XS_ERROR; array && severity <= XS_WARNING; severity++) {
		if (!say_rest(diag, severity, rest, sizeof(rest)))
			continue;
		object = fault_json(diag, &nowhere, severity, rest);
		json_object_set_new(object, "note", json_null());
		json_array_append_new(array, object);
	}
	free(list);
	return array;
}
