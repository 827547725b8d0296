// SPDX-License-Identifier: GPL-2.0-or-later
/* silent.c - see silent.h. */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <uthash.h>

#include "loader/agent/silent.h"
#include "loader/base/clock.h"
#include "loader/node/netlink.h"
#include "loader/node/unreachable.h"
#include "maps/contract.h"

struct user {
	struct xs_address address;
	int64_t until_ms;
};

/* A sliver behind an edge. Its socket is open while it holds routes of ours. */
struct sliver {
	uint32_t vport;
	bool has[XS_FAMILIES];
	struct xs_netlink *netlink;
};

struct edge {
	uint32_t id;
	struct sliver *sliver;
	size_t slivers;
	struct user user[XS_SILENT_MAX]; /* oldest first: all stay equally long */
	size_t count, most;
	UT_hash_handle hh;
};

struct xs_silent {
	struct event *timer;
	const struct xs_node *node;
	const struct xs_image *image;
	struct edge *edges; /* that have had a silent user */
	bool cleared;       /* of what a former agent left */
};

/* ---- edges ------------------------------------------------------------------------------------------------------- */

static void close_slivers(struct edge *edge)
{
	for (size_t i = 0; i < edge->slivers; i++) {
		xs_netlink_close(edge->sliver[i].netlink);
		edge->sliver[i].netlink = NULL;
	}
}

static void edge_free(struct edge *edge)
{
	close_slivers(edge);
	free(edge->sliver);
	free(edge);
}

static struct edge *edge_new(const struct xs_silent *silent, uint32_t id)
{
	struct edge *edge = calloc(1, sizeof(*edge));
	const struct xs_rec_vport *record;

	if (!edge)
		return NULL;
	edge->id = id;
	edge->sliver = calloc(silent->image->count[XS_REC_VPORT] + 1, sizeof(*edge->sliver));
	if (!edge->sliver) {
		free(edge);
		return NULL;
	}
	for (size_t i = 0; (record = xs_image_at(silent->image, XS_REC_VPORT, i)); i++) {
		struct sliver *sliver = &edge->sliver[edge->slivers];

		if (record->kind != XS_VPORT_MUX || record->edge != id)
			continue;
		sliver->vport = record->id;
		for (unsigned int f = 0; f < XS_FAMILIES; f++)
			sliver->has[f] = record->address[f].family;
		edge->slivers++;
	}
	edge->most = XS_SILENT_ROUTES_MAX / (edge->slivers ? edge->slivers : 1);
	if (edge->most > XS_SILENT_MAX)
		edge->most = XS_SILENT_MAX;
	if (!edge->most)
		edge->most = 1;
	return edge;
}

/* In every sliver behind the edge. A sliver that is on its way out may refuse; it takes its routes with it. */
static void change(const struct xs_silent *silent, struct edge *edge, const struct xs_address *address,
		   int (*fn)(struct xs_netlink *netlink, const struct xs_address *address))
{
	for (size_t i = 0; i < edge->slivers; i++) {
		struct sliver *sliver = &edge->sliver[i];
		const struct xs_node_vport *made = xs_node_vport(silent->node, sliver->vport);

		if (!sliver->has[xs_family_index(address->family)])
			continue;
		if (sliver->netlink || (made && !xs_netlink_open(made->netns, &sliver->netlink)))
			fn(sliver->netlink, address);
	}
}

static void forget(const struct xs_silent *silent, struct edge *edge, size_t at)
{
	change(silent, edge, &edge->user[at].address, xs_unreachable_delete);
	edge->count--;
	memmove(&edge->user[at], &edge->user[at + 1], (edge->count - at) * sizeof(edge->user[0]));
	if (!edge->count)
		close_slivers(edge);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static void wake_for_oldest(struct xs_silent *silent)
{
	int64_t left, oldest = INT64_MAX;
	struct timeval wait;

	for (struct edge *edge = silent->edges; edge; edge = edge->hh.next)
		if (edge->count && edge->user[0].until_ms < oldest)
			oldest = edge->user[0].until_ms;
	if (oldest == INT64_MAX)
		return;
	left = oldest - xs_now_ms();
	if (left < 1)
		left = 1;
	wait = (struct timeval){ .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
	evtimer_add(silent->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct xs_silent *silent = context;
	int64_t now = xs_now_ms();

	for (struct edge *edge = silent->edges; edge; edge = edge->hh.next)
		while (edge->count && edge->user[0].until_ms <= now)
			forget(silent, edge, 0);
	wake_for_oldest(silent);
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

struct xs_silent *xs_silent_new(struct event_base *base)
{
	struct xs_silent *silent = calloc(1, sizeof(*silent));

	if (!silent)
		return NULL;
	silent->timer = evtimer_new(base, on_timer, silent);
	if (!silent->timer) {
		free(silent);
		return NULL;
	}
	return silent;
}

void xs_silent_hold(struct xs_silent *silent, const struct xs_node *node, const struct xs_image *image)
{
	const struct xs_rec_vport *record;
	struct edge *edge, *next;
	int cleared = -1;

	HASH_ITER(hh, silent->edges, edge, next) {
		while (edge->count)
			forget(silent, edge, edge->count - 1);
		HASH_DEL(silent->edges, edge);
		edge_free(edge);
	}
	silent->node = node;
	silent->image = image;
	/* Of a killed agent, also in a sliver that has left the MUX meanwhile. Of a sliver's vports one after the other are most. */
	for (size_t i = 0; !silent->cleared && image && (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		const struct xs_node_vport *made = record->slice ? xs_node_vport(node, record->id) : NULL;

		if (made && !made->fresh && made->netns != cleared)
			xs_unreachable_clear(cleared = made->netns);
	}
	silent->cleared |= image != NULL;
}

bool xs_silent_holds(const struct xs_silent *silent)
{
	return silent->image != NULL;
}

static size_t find(const struct edge *edge, const struct xs_address *address)
{
	size_t i = 0;

	while (i < edge->count && xs_address_compare(&edge->user[i].address, address))
		i++;
	return i;
}

static bool on_link(const struct xs_silent *silent, uint32_t edge, const struct xs_address *address)
{
	const struct xs_rec_vport *record = silent->image ? xs_image_find(silent->image, XS_REC_VPORT, &edge) : NULL;
	unsigned int family = xs_family_index(address->family);
	struct xs_prefix link;

	if (!record || !record->address[family].family)
		return false;
	link = xs_prefix_mask(&record->address[family], record->length[family]);
	return xs_prefix_contains(&link, address) && xs_address_compare(&record->address[family], address);
}

void xs_silent_told(struct xs_silent *silent, uint32_t id, const struct xs_address *address, bool resolved)
{
	struct edge *edge;
	size_t at;

	HASH_FIND(hh, silent->edges, &id, sizeof(id), edge);
	at = edge ? find(edge, address) : 0;
	if (resolved) {
		if (edge && at < edge->count)
			forget(silent, edge, at);
		return;
	}
	if ((edge && at < edge->count) || !on_link(silent, id, address))
		return;
	if (!edge) {
		edge = edge_new(silent, id);
		if (!edge)
			return;
		HASH_ADD(hh, silent->edges, id, sizeof(edge->id), edge);
	}
	if (edge->count == edge->most)
		forget(silent, edge, 0);
	change(silent, edge, address, xs_unreachable_add);
	edge->user[edge->count++] = (struct user){ .address = *address, .until_ms = xs_now_ms() + XS_SILENT_S * 1000 };
	if (edge->count == 1)
		wake_for_oldest(silent);
}
