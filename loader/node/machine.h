/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - what all nodes of a machine share: the limits of the kernel's neighbour tables (gc_thresh1..3, per family), which are
 * one for all namespaces and stand in the machine's own.
 *
 * Always holds: limits are what they were and what the nodes need together, or higher where somebody else has set them; they are
 * given back when the last node needs none. What they were, and who needs how much, stands in /run/xslice/neighbour-limits (of
 * IPv6, -ipv6), which is written aside and renamed, under a lock; it need not be on a disk, as the limits outlive no boot.
 */
#ifndef XSLICE_NODE_MACHINE_H
#define XSLICE_NODE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/node/sysctl.h"

#define XS_MACHINE_FILE "/run/xslice/neighbour-limits" /* for people; IPv6's has a name of its own */

/*
 * Says that `node` will have about `neighbours` neighbours (0: it is gone), or, at_least: these too, beside those that it still
 * has. sysctl: those of the caller's own namespace; where that is not the machine's, there are no limits in it and nothing is done.
 */
int xs_machine_neighbours(const struct xs_sysctl *sysctl, const char *node, uint32_t neighbours, bool at_least);

#endif
