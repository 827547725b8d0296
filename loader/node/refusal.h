/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refusal.h - why a device takes no XDP program, in words that say what to do. */
#ifndef XSLICE_NODE_REFUSAL_H
#define XSLICE_NODE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/* Writes the sentence (>= 256 bytes) and returns err, with which the program was refused. The thread is in the device's namespace. */
int xs_explain_refusal(uint32_t ifindex, int program, bool generic, int err, char *error);

#endif
