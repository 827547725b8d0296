/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * make.c - the steps of xs_node_make(), in their order: look at what is there, refuse what cannot be, note it in the journal, then ports,
 * namespaces, and what became of them. See node.h, internal.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/node/ahead.h"
#include "loader/node/internal.h"
#include "loader/node/machine.h"
#include "loader/node/netns.h"
#include "loader/node/substrate.h"
#include "maps/contract.h"

/* Neighbours to be expected: per end of a link; and at most per subnet of users, which may be large and hardly used. */
#define LINK_NEIGHBOURS   8 /* its addresses, and the multicast ones that IPv6 keeps as neighbours, too */
#define SUBNET_NEIGHBOURS 4096
#define NODE_NEIGHBOURS   (1u << 20)

/* Takes a name for us, in the journal, unless it is somebody else's already. */
static int claim_namespace(struct xs_node *node, const struct xs_want *want, char *error)
{
	int netns;

	if (xs_journal_find(node->journal, XS_JOURNAL_NETNS, want->netns))
		return 0;
	netns = xs_netns_open(want->netns);
	if (netns >= 0) {
		close(netns);
		return xs_node_fail(error, -EEXIST, "node %s, %s: namespace %s is not of our making", node->name,
				    want->what, want->netns);
	}
	return xs_journal_note(node->journal, XS_JOURNAL_NETNS, want->netns, 0, 0, 1);
}

static int claim_veth(struct xs_node *node, const struct xs_want *want, const struct xs_rec_vport *vport, char *error)
{
	char name[IFNAMSIZ];

	xs_veth_name(vport->id, name);
	if (xs_journal_find(node->journal, XS_JOURNAL_VETH, name))
		return 0;
	if (xs_link_find(node->links, node->link_count, name))
		return xs_node_fail(error, -EEXIST, "node %s, %s: interface %s in %s is not of our making", node->name,
				    want->what, name, node->where);
	return xs_journal_note(node->journal, XS_JOURNAL_VETH, name, 0, 0, 1);
}

static int claim(struct xs_node *node, const struct xs_wants *wants, char *error)
{
	int err = 0;

	for (const struct xs_want *want = wants->by_key; !err && want; want = want->hh.next) {
		if (want->kept)
			continue;
		err = claim_namespace(node, want, error);
		for (size_t i = 0; !err && i < want->vport_count; i++)
			err = claim_veth(node, want, want->vport[i], error);
	}
	return err;
}

/* NULL: out of memory. */
static struct xs_port_state *port_state(struct xs_node *node, uint32_t id)
{
	struct xs_port_state *state;

	HASH_FIND(hh, node->ports, &id, sizeof(id), state);
	if (state)
		return state;
	state = calloc(1, sizeof(*state));
	if (!state)
		return NULL;
	state->public.id = id;
	HASH_ADD(hh, node->ports, public.id, sizeof(state->public.id), state);
	return state;
}

/* A VLAN of users is its port's device. */
static int remember_vlans(struct xs_node *node, const struct xs_image *image, char *error)
{
	const struct xs_rec_port *record;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_PORT, i)); i++) {
		struct xs_port_state *state = record->on ? port_state(node, record->id) : NULL;
		const struct xs_node_port *on = record->on ? xs_node_port(node, record->on) : NULL;

		if (!record->on)
			continue;
		if (!state || !on)
			return xs_node_fail(error, state ? -ENOENT : -ENOMEM, "port %s of node %s: look at interface %s", record->name,
					    node->name, record->interface);
		state->public = *on;
		state->public.id = record->id;
	}
	return 0;
}

static int remember_port(struct xs_node *node, const struct xs_port_work *work, char *error)
{
	const struct xs_rec_port *record = work->record;
	struct xs_port_state *state = NULL;
	struct xs_link link;
	int err;

	err = xs_link_get(node->netlink, NULL, work->ifindex, &link);
	if (!err) {
		state = port_state(node, record->id);
		err = state ? 0 : -ENOMEM;
	}
	if (err)
		return xs_node_fail(error, err, "port %s of node %s: look at interface %s", record->name, node->name,
				    record->interface);
	state->public.ifindex = link.ifindex;
	state->public.mtu = (uint16_t)(link.mtu > UINT16_MAX ? UINT16_MAX : link.mtu);
	state->public.carrier = link.carrier;
	state->public.veth = link.veth;
	state->public.tap = link.tap;
	return 0;
}

uint32_t xs_node_neighbours(const struct xs_image *image)
{
	const struct xs_rec_vport *vport;
	uint64_t total = 0;

	for (size_t i = 0; image && (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		uint8_t length = vport->length[XS_FAMILY4];
		bool many = vport->address[XS_FAMILY6].family || length <= 20;
		uint64_t hosts = many ? SUBNET_NEIGHBOURS : 1ull << (32 - length);

		total += vport->kind == XS_VPORT_GATEWAY || vport->kind == XS_VPORT_EDGE ? hosts : LINK_NEIGHBOURS;
	}
	return (uint32_t)(total < NODE_NEIGHBOURS ? total : NODE_NEIGHBOURS);
}

/* A port by which the node's own instance reaches the WAN: nothing is made for it, it is there. */
static int remember_wan(struct xs_node *node, const struct xs_rec_vport *vport, char *error)
{
	const struct xs_node_port *port = xs_node_port(node, vport->port);
	struct xs_vport_state *state;
	struct xs_link link;
	int err;

	err = port ? xs_link_get(node->netlink, NULL, port->ifindex, &link) : -ENODEV;
	HASH_FIND(hh, node->vports, &vport->id, sizeof(vport->id), state);
	if (!err && !state) {
		state = calloc(1, sizeof(*state));
		err = state ? 0 : -ENOMEM;
		if (state) {
			state->public.id = vport->id;
			HASH_ADD(hh, node->vports, public.id, sizeof(state->public.id), state);
		}
	}
	if (!err)
		err = xs_netns_identity(node->netns, &state->public.space);
	if (err)
		return xs_node_fail(error, err, "node %s: look at WAN port %s", node->name, vport->name);
	state->public.netns = node->netns;
	state->public.looked_at = true;
	state->public.inner = port->ifindex;
	memcpy(state->public.inner_mac, link.mac, sizeof(state->public.inner_mac));
	return 0;
}

static int remember_wans(struct xs_node *node, const struct xs_image *image, char *error)
{
	const struct xs_rec_vport *vport;
	int err = 0;

	for (size_t i = 0; !err && (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
		if (vport->kind == XS_VPORT_WAN)
			err = remember_wan(node, vport, error);
	return err;
}

/* Everything that can be refused is refused here, before anything is changed; then the journal says what is to come. */
static int look(struct xs_node *node, const struct xs_image *image, const struct xs_wants *wants,
		struct xs_port_work *works, xs_admits_fn admits, void *context, char *error)
{
	const struct xs_rec_port *port;
	size_t count = 0;
	int err = 0;

	for (size_t i = 0; !err && (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		if (!port->on)
			err = xs_port_look(node, port, admits, context, &works[count++], error);
	if (!err)
		err = claim(node, wants, error);
	if (!err)
		err = xs_substrate_claim(node, image, error);
	if (err)
		return err;
	for (size_t i = 0; !err && i < count; i++)
		err = xs_port_note(node, &works[i]);
	if (!err)
		err = xs_journal_save(node->journal);
	return err ? xs_node_fail(error, err, "node %s: write journal " XS_RUN_DIRECTORY "/%s/journal", node->name,
				  node->name)
		   : 0;
}

/* Does the namespace hold what it held, as far as we know, and all that is wanted of it? */
static bool is_kept(const struct xs_node *node, const struct xs_want *want, const struct xs_wants *former)
{
	const struct xs_want *was = xs_wants_find(former, want->key);
	bool kept = was && xs_space_find(node, want->key) && xs_want_same(was, want);

	for (size_t i = 0; kept && i < want->vport_count; i++)
		kept = xs_node_vport(node, want->vport[i]->id) && xs_node_vport(node, want->vport[i]->id)->veth;
	return kept;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xs_link *)a)->name, ((const struct xs_link *)b)->name);
}

void xs_node_sort_links(struct xs_node *node)
{
	qsort(node->links, node->link_count, sizeof(*node->links), by_name);
}

int xs_node_look_at(struct xs_node *node, const char *name)
{
	int err = xs_link_get(node->netlink, name, 0, &node->links[node->link_count]);

	node->link_count += !err;
	return err == -ENODEV ? 0 : err;
}

/* The node's links that count: of ports, and of the namespaces that something is to be done for. All cost more with each. */
static int look_at_some_links(struct xs_node *node, const struct xs_image *image, const struct xs_wants *wants)
{
	size_t room = image->count[XS_REC_PORT] + image->count[XS_REC_VPORT] + 1;
	const struct xs_rec_port *port;
	char name[IFNAMSIZ];
	int err = 0;

	node->links = calloc(room, sizeof(*node->links));
	if (!node->links)
		return -ENOMEM;
	for (size_t i = 0; !err && (port = xs_image_at(image, XS_REC_PORT, i)); i++)
		if (!port->on)
			err = xs_node_look_at(node, port->interface);
	for (const struct xs_want *want = wants->by_key; !err && want; want = want->hh.next)
		for (size_t i = 0; !err && !want->kept && i < want->vport_count; i++)
			err = xs_node_look_at(node, xs_veth_name(want->vport[i]->id, name));
	xs_node_sort_links(node);
	return err;
}

static int look_at_links(struct xs_node *node, const struct xs_image *image, struct xs_wants *wants,
			 const struct xs_wants *former)
{
	for (struct xs_want *want = wants->by_key; want; want = want->hh.next)
		want->kept = is_kept(node, want, former);
	return former->by_key ? look_at_some_links(node, image, wants)
			      : xs_link_dump(node->netlink, &node->links, &node->link_count);
}

/* Fewer new namespaces are made as fast without a thread. */
#define AHEAD_LEAST 8

static void go_ahead(struct xs_node *node, const struct xs_wants *wants)
{
	const char **name = calloc(HASH_COUNT(wants->by_key) + 1, sizeof(*name));
	size_t count = 0;

	for (const struct xs_want *want = wants->by_key; name && want; want = want->hh.next)
		if (!want->kept && !xs_space_find(node, want->key))
			name[count++] = want->netns;
	if (count >= AHEAD_LEAST)
		node->ahead = xs_ahead_begin(name, count);
	else
		free(name);
}

static int make_spaces(struct xs_node *node, const struct xs_wants *wants, char *error)
{
	int err = 0;

	for (struct xs_vport_state *state = node->vports; state; state = state->hh.next)
		state->public.fresh = state->public.looked_at = false;
	node->unfurnished = 0;
	go_ahead(node, wants);
	for (struct xs_want *want = wants->by_key; !err && want; want = want->hh.next) {
		if (want->kept)
			continue;
		err = xs_space_make(node, want, error);
		if (!err && node->pause && node->pause(node->pause_context))
			err = -ECANCELED;
	}
	xs_ahead_end(node->ahead);
	node->ahead = NULL;
	return xs_spaces_furnish(node, wants, err, error);
}

void xs_node_pause_by(struct xs_node *node, bool (*fn)(void *context), void *context)
{
	node->pause = fn;
	node->pause_context = context;
}

int xs_node_make(struct xs_node *node, const struct xs_image *image, const struct xs_image *former,
		 xs_admits_fn admits, void *context, char *error)
{
	size_t ports = image->count[XS_REC_PORT];
	struct xs_port_work *works = calloc(ports + 1, sizeof(*works));
	struct xs_wants wants = {}, before = {};
	int err;

	if (node->netns < 0 || strcmp(image->header->node, node->name)) {
		err = xs_node_fail(error, -EINVAL, "node %s: image of node %s", node->name, image->header->node);
		goto out;
	}
	err = works ? xs_wants_make(image, &wants) : -ENOMEM;
	if (!err)
		err = xs_wants_make(former, &before);
	if (!err)
		err = look_at_links(node, image, &wants, &before);
	if (err) {
		xs_node_fail(error, err, "node %s: read image or links", node->name);
		goto out;
	}
	err = look(node, image, &wants, works, admits, context, error);
	if (err)
		goto out;
	err = xs_machine_neighbours(&node->machine, node->name, xs_node_neighbours(image), true);
	if (err) {
		xs_node_fail(error, err, "node %s: raise the limits of the neighbour tables (" XS_MACHINE_FILE ")",
			     node->name);
		goto out;
	}
	for (size_t i = 0; works[i].record; i++) {
		err = xs_port_adjust(node, &works[i], error);
		if (!err)
			err = remember_port(node, &works[i], error);
		if (err)
			goto out;
	}
	err = remember_vlans(node, image, error);
	if (err)
		goto out;
	err = make_spaces(node, &wants, error);
	if (!err)
		err = remember_wans(node, image, error);
out:
	xs_scripts_forget(node);
	free(node->links);
	node->links = NULL;
	node->link_count = 0;
	xs_wants_free(&wants);
	xs_wants_free(&before);
	free(works);
	return err;
}
