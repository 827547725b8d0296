/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - what all nodes of a machine share: the limits of the kernel's neighbour tables (gc_thresh1..3), which are
 * one for all namespaces and stand in the machine's own.
 *
 * Always holds: limits are only raised while any node needs them, and are given back when the last one does not; what
 * they were, and who needs how much, stands in /run/xslice/neighbour-limits, which is written aside and renamed, under
 * a lock.
 */
#ifndef XSLICE_NODE_MACHINE_H
#define XSLICE_NODE_MACHINE_H

#include <stdint.h>

/*
 * Says that `node` will have about `neighbours` neighbours (0: it is gone). ipv4: directory of the sysctls of the
 * caller's own namespace (sysctl.h); where that is not the machine's, there are no limits in it and nothing is done.
 */
int xs_machine_neighbours(int ipv4, const char *node, uint32_t neighbours);

#endif
