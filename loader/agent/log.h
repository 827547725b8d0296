/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.h - what the agent says: one line per event, on stderr, beginning with the node's name. */
#ifndef XSLICE_AGENT_LOG_H
#define XSLICE_AGENT_LOG_H

void xs_log_begin(const char *node); /* kept, not copied */
void xs_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
