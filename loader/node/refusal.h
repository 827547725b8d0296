/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusal.h - why a device, or the kernel, takes no program of ours, in words that say what to do. Where a device is asked,
 * the thread is in its namespace.
 */
#ifndef XSLICE_NODE_REFUSAL_H
#define XSLICE_NODE_REFUSAL_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* Writes the sentence (>= 256 bytes) and returns err, with which the XDP program was refused. */
int xs_explain_refusal(uint32_t ifindex, int program, bool generic, int err, char *error);

/*
 * The same of the datapath, which the kernel refused to load. complaint: libbpf's; release: uname's, of which is told if it is
 * older than any that xslice is tried on.
 */
int xs_explain_kernel(int err, const char *complaint, const char *release, char *error);

/* Says whose program is in the way, and returns -EBUSY. */
int xs_device_busy(const char *where, uint32_t ifindex, uint32_t id, char *error);

/* "eth0", or "#7" where the index has no name (any more). */
const char *xs_device_name(uint32_t ifindex, char buf[IF_NAMESIZE]);

#endif
