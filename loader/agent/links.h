/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links.h - tells the agent when links of the node's namespace come, go or change. */
#ifndef XSLICE_AGENT_LINKS_H
#define XSLICE_AGENT_LINKS_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct xs_links;

struct xs_links_heard {
	/* Called once for many changes that come together. gone: a link that matters vanished, or messages were lost. */
	void (*fn)(void *context, bool gone);
	/* Does it matter that a link vanished? Others come and go there, too, and may do so often. */
	bool (*matters)(void *context, uint32_t ifindex);
	void *context;
};

int xs_links_new(struct event_base *base, int netns, const struct xs_links_heard *heard, struct xs_links **out);
/* Forgets what has come: the caller made it itself, or looks at everything now. */
void xs_links_drain(struct xs_links *links);
void xs_links_free(struct xs_links *links);

#endif
