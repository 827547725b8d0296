/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - what all nodes of a machine share: the limits of the kernel's neighbour tables (gc_thresh1..3, per family), which are
 * one for all namespaces and stand in the machine's own.
 *
 * Always holds: limits are only raised while any node needs them, and are given back when the last one does not; what
 * they were, and who needs how much, stands in /run/xslice/neighbour-limits (of IPv6, -ipv6), which is written aside and
 * renamed, under a lock.
 */
#ifndef XSLICE_NODE_MACHINE_H
#define XSLICE_NODE_MACHINE_H

#include <stdint.h>

#include "loader/node/sysctl.h"

/*
 * Says that `node` will have about `neighbours` neighbours (0: it is gone). sysctl: those of the caller's own
 * namespace; where that is not the machine's, there are no limits in it and nothing is done.
 */
int xs_machine_neighbours(const struct xs_sysctl *sysctl, const char *node, uint32_t neighbours);

#endif
