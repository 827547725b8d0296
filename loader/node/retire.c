/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * retire.c - removes what the journal says that we made and an image no longer holds, and gives ports back what they
 * had.
 *
 * Always holds: only what is in the journal is touched; a thing that is gone already is no failure; a name leaves the
 * journal after its thing is gone, so a retire that was cut short is finished by the next.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/internal.h"
#include "loader/node/machine.h"
#include "loader/node/netns.h"
#include "loader/node/substrate.h"

#define FEW 64 /* links that are asked for by name: each costs what it costs in a dump of all, which may be thousands */

/* What an image keeps, by the names that the journal knows. */
#define KEEP_NAME (XS_JOURNAL_KEY + 2)

struct keep {
	char name[KEEP_NAME];
	UT_hash_handle hh;
};

/* Kinds of a port all follow its interface, which is the first word of their keys. */
static void keep_name(enum xs_journal_kind kind, const char *key, char *name)
{
	char class = kind == XS_JOURNAL_NETNS ? 'n' : kind == XS_JOURNAL_VETH ? 'v' : kind == XS_JOURNAL_ADDRESS ? 'a' : 'p';

	snprintf(name, KEEP_NAME, "%c %.*s", class, (int)(class == 'p' ? strcspn(key, " ") : strlen(key)), key);
}

static int add_keep(struct keep **keeps, enum xs_journal_kind kind, const char *key)
{
	struct keep *keep = calloc(1, sizeof(*keep)), *known;

	if (!keep)
		return -ENOMEM;
	keep_name(kind, key, keep->name);
	HASH_FIND_STR(*keeps, keep->name, known);
	if (known)
		free(keep);
	else
		HASH_ADD_STR(*keeps, name, keep);
	return 0;
}

static bool is_kept(struct keep *keeps, const struct xs_journal_entry *entry)
{
	char name[KEEP_NAME];
	struct keep *keep;

	keep_name(entry->kind, entry->key, name);
	HASH_FIND_STR(keeps, name, keep);
	return keep;
}

static int keep_image(const struct xs_image *image, const struct xs_wants *wants, struct keep **keeps)
{
	const struct xs_rec_address *address;
	const struct xs_rec_port *port;
	char name[IFNAMSIZ], text[XS_PREFIX_TEXT];
	int err = 0;

	for (const struct xs_want *want = wants->by_key; !err && want; want = want->hh.next) {
		err = add_keep(keeps, XS_JOURNAL_NETNS, want->netns);
		for (size_t i = 0; !err && i < want->vport_count; i++)
			err = add_keep(keeps, XS_JOURNAL_VETH, xs_veth_name(want->vport[i]->id, name));
	}
	for (size_t i = 0; !err && image && (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		if (!port->on)
			err = add_keep(keeps, XS_JOURNAL_MTU, port->interface);
	for (size_t i = 0; !err && image && (address = xs_image_at(image, XS_REC_ADDRESS, i)); i++)
		if (!address->slice)
			err = add_keep(keeps, XS_JOURNAL_ADDRESS, xs_prefix_text(&address->prefix, text));
	return err;
}

static void free_keeps(struct keep *keeps)
{
	struct keep *keep, *next;

	HASH_ITER(hh, keeps, keep, next) {
		HASH_DEL(keeps, keep);
		free(keep);
	}
}

static int delete_veths(struct xs_node *node, const struct xs_journal_entry **entry, size_t count, char *error)
{
	uint32_t *ifindex = calloc(count + 1, sizeof(*ifindex));
	const struct xs_link *link;
	size_t n = 0;
	int err;

	if (!ifindex)
		return xs_node_fail(error, -ENOMEM, "node %s: remove veths", node->name);
	for (size_t i = 0; i < count; i++) {
		link = entry[i]->kind == XS_JOURNAL_VETH ? xs_link_find(node->links, node->link_count, entry[i]->key)
							 : NULL;
		if (link && link->veth)
			ifindex[n++] = link->ifindex;
	}
	err = node->netlink ? xs_link_delete(node->netlink, ifindex, n) : 0;
	free(ifindex);
	return err ? xs_node_fail(error, err, "node %s: remove %zu veths%s", node->name, n,
				  xs_netlink_why(node->netlink))
		   : 0;
}

static int delete_namespace(struct xs_node *node, const char *name, char *error)
{
	struct xs_space *space, *next;
	int err;

	HASH_ITER(hh, node->spaces, space, next)
		if (!strcmp(space->name, name))
			xs_space_close(node, space);
	err = xs_netns_delete(name);
	return err ? xs_node_fail(error, err, "node %s: remove namespace %s", node->name, name) : 0;
}

/* The links that go, where they are few; else all of the namespace. entry: what goes. */
static int look_at_links(struct xs_node *node, const struct xs_journal_entry **entry, size_t count)
{
	int err = 0;

	if (count > FEW)
		return xs_link_dump(node->netlink, &node->links, &node->link_count);
	node->links = calloc(count + 1, sizeof(*node->links));
	if (!node->links)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++) {
		char name[XS_JOURNAL_KEY];

		/* What a port had is known by its interface, the first word. */
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(entry[i]->key, " "), entry[i]->key);
		if (entry[i]->kind != XS_JOURNAL_NETNS && entry[i]->kind != XS_JOURNAL_ADDRESS)
			err = xs_node_look_at(node, name);
	}
	xs_node_sort_links(node);
	return err;
}

/* entry: those that are not kept, sorted by kind. */
static int remove_entries(struct xs_node *node, const struct xs_journal_entry **entry, size_t count, char *error)
{
	int err;

	/* A veth first: by itself it would live on, its other end unseen, as long as anybody holds the namespace. */
	err = delete_veths(node, entry, count, error);
	for (size_t i = 0; !err && i < count; i++) {
		if (entry[i]->kind == XS_JOURNAL_NETNS)
			err = delete_namespace(node, entry[i]->key, error);
		else if (entry[i]->kind == XS_JOURNAL_ADDRESS && node->netlink)
			err = xs_substrate_give_back(node, entry[i], error);
		else if (entry[i]->kind != XS_JOURNAL_VETH && node->netlink)
			err = xs_port_give_back(node, entry[i], error);
		if (!err)
			xs_journal_forget(node->journal, entry[i]->kind, entry[i]->key);
	}
	return err;
}

/* What a port is to have is what it had: there is nothing to give back any more. */
static void forget_originals(struct xs_node *node, const struct xs_journal_entry **entry, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (entry[i]->was == entry[i]->set)
			xs_journal_forget(node->journal, entry[i]->kind, entry[i]->key);
}

static void forget_states(struct xs_node *node, const struct xs_image *image)
{
	struct xs_vport_state *vport, *next_vport;
	struct xs_port_state *port, *next_port;

	HASH_ITER(hh, node->vports, vport, next_vport) {
		if (image && xs_image_find(image, XS_REC_VPORT, &vport->public.id))
			continue;
		HASH_DEL(node->vports, vport);
		free(vport);
	}
	HASH_ITER(hh, node->ports, port, next_port) {
		if (image && xs_image_find(image, XS_REC_PORT, &port->public.id))
			continue;
		HASH_DEL(node->ports, port);
		free(port);
	}
}

int xs_node_retire(struct xs_node *node, const struct xs_image *image, char *error)
{
	const struct xs_journal_entry **entry = NULL;
	struct xs_wants wants = {};
	struct keep *keeps = NULL;
	size_t all = 0, count = 0;
	int err, saved;

	err = xs_wants_make(image, &wants);
	if (!err)
		err = keep_image(image, &wants, &keeps);
	if (!err)
		err = xs_journal_list(node->journal, &entry, &all);
	if (err) {
		xs_node_fail(error, err, "node %s: compare image and journal", node->name);
		goto out;
	}
	/* Those that go come first. */
	for (size_t i = 0; i < all; i++) {
		const struct xs_journal_entry *one = entry[i];

		if (is_kept(keeps, one))
			continue;
		memmove(&entry[count + 1], &entry[count], (i - count) * sizeof(*entry));
		entry[count++] = one;
	}
	if (count && node->netlink)
		err = look_at_links(node, entry, count);
	if (err) {
		xs_node_fail(error, err, "node %s: look into %s", node->name, node->where);
		goto out;
	}
	err = remove_entries(node, entry, count, error);
	if (!err)
		err = xs_substrate_trim(node, image, error);
	for (struct xs_want *want = wants.by_key; !err && want; want = want->hh.next)
		err = xs_space_trim(node, want, error);
	if (!err) {
		err = xs_machine_neighbours(&node->machine, node->name, xs_node_neighbours(image), false);
		if (err)
			xs_node_fail(error, err,
				     "node %s: give the limits of the neighbour tables back (" XS_MACHINE_FILE ")",
				     node->name);
	}
	if (!err)
		forget_originals(node, &entry[count], all - count);
	saved = xs_journal_save(node->journal);
	if (!err && saved)
		err = xs_node_fail(error, saved, "node %s: write journal " XS_RUN_DIRECTORY "/%s/journal", node->name,
				   node->name);
	forget_states(node, image);
out:
	free(node->links);
	node->links = NULL;
	node->link_count = 0;
	free(entry);
	free_keeps(keeps);
	xs_wants_free(&wants);
	return err;
}
