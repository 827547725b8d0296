/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check.h - inside image/: what every image must hold beyond its form. */
#ifndef XSLICE_IMAGE_CHECK_H
#define XSLICE_IMAGE_CHECK_H

struct xs_image;

/*
 * image: well-formed (sizes, types, order). NULL if its contents may be relied upon, else a sentence (static text) that
 * says why not; "out of memory" alone is xs_image_no_memory.
 */
const char *xs_image_check(const struct xs_image *image);
extern const char xs_image_no_memory[];

/* check_whole.c, the last of it: what concerns several records. */
const char *xs_image_check_whole(const struct xs_image *image);

#endif
