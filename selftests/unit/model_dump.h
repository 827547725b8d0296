/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model_dump.h - a typed domain as text, all of it but its places, so that tests can compare whole domains.
 */
#ifndef XSLICE_SELFTESTS_MODEL_DUMP_H
#define XSLICE_SELFTESTS_MODEL_DUMP_H

#include "loader/model/domain.h"

/* malloc()ed; references are written as the names that they lead to. */
char *model_dump(const struct xs_domain *domain);

/* Parses text that must be without fault; fails the test with all faults otherwise. */
struct xs_domain *model_parse(const char *text, enum xs_format format);

/* All faults of a text, as they are printed, malloc()ed; "" if there are none. The file is called "x". */
char *model_faults(const char *text, size_t size, enum xs_format format);

/* A whole file, malloc()ed and NUL-terminated; fails the test if it cannot be read. */
char *model_slurp(const char *path, size_t *size);

#endif
