/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links.h - tells the agent when links of the node's namespace come, go or change. */
#ifndef XSLICE_AGENT_LINKS_H
#define XSLICE_AGENT_LINKS_H

#include <stdbool.h>

struct event_base;
struct xs_links;

/* fn is called once for many changes that come together. gone: a link vanished, or messages were lost. */
int xs_links_new(struct event_base *base, int netns, void (*fn)(void *context, bool gone), void *context, struct xs_links **out);
/* Forgets what has come: the caller made it itself, or looks at everything now. */
void xs_links_drain(struct xs_links *links);
void xs_links_free(struct xs_links *links);

#endif
