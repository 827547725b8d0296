/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal.h - what we made on a node, and what its ports were before we changed them: /run/xslice/NODE/journal.
 *
 * Always holds: an entry is in the file before what it tells of is done (xs_journal_save() first), so whoever is killed
 * leaves nothing unknown; an entry without its thing is harmless. The file is whole (written aside, renamed); it need not be on
 * a disk, as nothing that it tells of outlives a crash of the machine. Entries about devices are dropped on reading if they
 * were written in another boot or another namespace of the node, where those devices died.
 */
#ifndef XSLICE_NODE_JOURNAL_H
#define XSLICE_NODE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XS_RUN_DIRECTORY "/run/xslice"

/* Order is that of undoing a port: what comes first here is given back first. */
enum xs_journal_kind {
	XS_JOURNAL_NETNS,   /* key: name under /run/netns. We made it */
	XS_JOURNAL_VETH,    /* key: device in the node's namespace. We made it */
	XS_JOURNAL_ADDRESS, /* key: address in the node's namespace, as a prefix. We gave it to lo */
	XS_JOURNAL_FEATURE, /* key: "INTERFACE FEATURE", values: was, set */
	XS_JOURNAL_MTU,     /* key: interface, values: was, set */
	XS_JOURNAL_PROMISC, /* key: interface; values: was, set */
	XS_JOURNAL_UP,      /* key: interface; values: was, set */
	XS_JOURNAL_KINDS,
};

#define XS_JOURNAL_KEY 64

struct xs_journal_entry {
	enum xs_journal_kind kind;
	char key[XS_JOURNAL_KEY];
	uint32_t ifindex; /* of the device it is about; 0: none. Another device of that name is not meant */
	long was, set;
};

struct xs_journal;

/* identity: of the node's namespace (xs_netns_identity()), 0: it is gone. A missing file is an empty journal. */
int xs_journal_open(const char *node, uint64_t identity, struct xs_journal **out);
void xs_journal_close(struct xs_journal *journal); /* does not save */

const struct xs_journal_entry *xs_journal_find(const struct xs_journal *journal, enum xs_journal_kind kind,
					       const char *key);
/* Adds; of an entry that is there, about the same device, `was` is kept: the first is the original. */
int xs_journal_note(struct xs_journal *journal, enum xs_journal_kind kind, const char *key, uint32_t ifindex, long was,
		    long set);
void xs_journal_forget(struct xs_journal *journal, enum xs_journal_kind kind, const char *key);

/* All entries, sorted by kind and key; malloc()ed array of pointers that are valid until the entry is forgotten. */
int xs_journal_list(const struct xs_journal *journal, const struct xs_journal_entry ***out, size_t *count);

/* Writes the file if anything changed, or it is not there; an empty journal is removed, with its directory. */
int xs_journal_save(struct xs_journal *journal);

#endif
