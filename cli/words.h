/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * words.h - what images hold, in the definition's words: {kind: {name: {attribute: text, or list of texts}}}. Two
 * domains are compared by these: both were resolved, so what a default or an allocation changes is seen, and how it was
 * written is not.
 *
 * Always holds: a thing that several nodes hold (a slice, a link with its two ends) is one thing, made of all their
 * images.
 */
#ifndef XSLICE_CLI_WORDS_H
#define XSLICE_CLI_WORDS_H

#include <jansson.h>

#include "loader/image/image.h"

/* The kinds in the order in which people look for them, NULL behind the last. */
extern const char *const xs_word_kinds[];

/* Adds all of a node's image but its routes, pages and conditions, of which there may be a great many. */
void xs_words_add(json_t *words, const struct xs_image *image);
/* Adds one route, or page. */
void xs_words_route(json_t *words, const struct xs_image *image, const struct xs_rec_route *route);
void xs_words_page(json_t *words, const struct xs_image *image, const struct xs_rec_page *page);
/* Adds all conditions, and to each MUX the list XS_WORDS_ORDER: their names in the order of its walk. */
#define XS_WORDS_ORDER "order of conditions"
void xs_words_conditions(json_t *words, const struct xs_image *image);

/* "10.1.3.1/24 2001:db8::1/64", of what there is; text: XS_WORDS_TEXT bytes. */
#define XS_WORDS_TEXT (2 * XS_PREFIX_TEXT)
const char *xs_words_addresses(const struct xs_address address[XS_FAMILIES], const uint8_t length[XS_FAMILIES],
			       char *text);
/* "destination 10.0.0.5/32 protocol 6"; text: XS_WORDS_CONDITION bytes. */
#define XS_WORDS_CONDITION 512
const char *xs_words_condition(const struct xs_image *image, const struct xs_rec_condition *condition, char *text);

#endif
