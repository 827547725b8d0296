/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program.h - what the programs xslice and xsliced have in common: their version, and that output which was lost is a
 * failure. */
#ifndef XSLICE_BASE_PROGRAM_H
#define XSLICE_BASE_PROGRAM_H

#define XS_VERSION "0.1"

/*
 * Called first: a standard descriptor that is closed is taken, so that no file which is opened later gets its number,
 * and with it what is printed.
 */
void xs_begin_output(void);

/*
 * Called last, before a program that printed results exits with `code`. Returns it, or 1 with a message in the name of
 * `program` where standard output could not take all of it (a full device, a reader that went away, none at all): who reads half a
 * result must not believe that it is whole.
 */
int xs_end_output(const char *program, int code);

#endif
