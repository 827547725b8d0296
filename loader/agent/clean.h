/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clean.h - takes everything of ours off a node that no agent cares for. */
#ifndef XSLICE_AGENT_CLEAN_H
#define XSLICE_AGENT_CLEAN_H

/*
 * netns: name of the node's namespace, NULL: the process's own. error: >= 256 bytes. -EBUSY: an agent runs and the node holds
 * something still (give the agent an image-less revision, and it lets go by itself); 0 also if there was nothing.
 */
int xs_agent_clean(const char *node, const char *netns, char *error);

#endif
