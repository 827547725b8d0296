/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diag.h - faults of a definition, collected over a whole run and printed sorted by place.
 *
 * A compile does not stop at its first fault. Every message names the offending value; a fault that is a clash carries the
 * other place as a note.
 */
#ifndef XSLICE_BASE_DIAG_H
#define XSLICE_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A data path, for XML: /domain/node[name='R1']. Kept as links, and written only when it is told, since there is one for
 * each element, of which one may have all that stands above in its path. Strings are those of the document.
 */
struct xs_path {
	const struct xs_path *above; /* NULL: none */
	const char *name;
	const char *key, *value; /* of a list's entry that tells it; NULL: it is none, or has none */
};

/* Names and values cut as xs_quoted_length() says, control characters and all. malloc()ed; NULL without memory. */
char *xs_path_text(const struct xs_path *path);

/* How many bytes of a value that an unknown hand wrote a message repeats: 80 at most, and whole characters. */
int xs_quoted_length(const char *text);

/* A place in the definition. line and column count from 1; 0: unknown. Columns count bytes. */
struct xs_place {
	uint32_t line;
	uint32_t column;            /* XML: of the element's start tag */
	const struct xs_path *path; /* for XML; else NULL. Owned by the model */
};

enum xs_severity { XS_ERROR, XS_WARNING };

struct xs_diag; /* a collection of faults about one file */

/* file is copied. NULL only when memory is exhausted. */
struct xs_diag *xs_diag_new(const char *file);
void xs_diag_free(struct xs_diag *diag);

#define XS_DIAG_TOLD_MAX 1000 /* errors, and as many warnings; of further ones only the number is told */

/* Adds a fault at `place` (copied). Never fails: without memory it counts the fault and loses its text. */
void xs_diag_add(struct xs_diag *diag, enum xs_severity severity, const struct xs_place *place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Adds to the newest fault the place that it clashes with, printed as `FILE:LINE:COL: note: ...`. */
void xs_diag_note(struct xs_diag *diag, const struct xs_place *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

size_t xs_diag_errors(const struct xs_diag *diag);
size_t xs_diag_warnings(const struct xs_diag *diag);

/* All faults by place: `FILE:LINE:COL: error: text` (for XML `FILE:LINE:COL: error: PATH: text`). */
void xs_diag_print(const struct xs_diag *diag, FILE *out);

/*
 * The same as a JSON array of {file,line,column,path,severity,message,note:{line,column,path,message}}; how many are not
 * told is an entry without place. Returns a new reference.
 */
struct json_t;
struct json_t *xs_diag_json(const struct xs_diag *diag);

#endif
