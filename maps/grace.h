/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grace.h - the grace period after which what the datapath's readers had in hand may be changed or reused. */
#ifndef XSLICE_MAPS_GRACE_H
#define XSLICE_MAPS_GRACE_H

/* Returns when every BPF program that ran when it was called has ended. Takes 8 to 16 ms: let one serve many. */
void xs_grace(void);

#endif
