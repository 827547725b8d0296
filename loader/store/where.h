/* SPDX-License-Identifier: GPL-2.0-or-later */
/* where.h - which store a program means that was given none: the same one for the command and for the agents. */
#ifndef XSLICE_STORE_WHERE_H
#define XSLICE_STORE_WHERE_H

#include <stdlib.h>

#define XS_STORE_DEFAULT "/var/lib/xslice"

/* $XSLICE_STORE, else XS_STORE_DEFAULT. */
static inline const char *xs_store_where(void)
{
	const char *environment = getenv("XSLICE_STORE");

	return environment && *environment ? environment : XS_STORE_DEFAULT;
}

#endif
