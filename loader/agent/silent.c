// SPDX-License-Identifier: GPL-2.0-or-later
/* silent.c - see silent.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "loader/agent/silent.h"
#include "loader/node/unreachable.h"
#include "maps/contract.h"

struct user {
	uint32_t edge;
	struct xs_address address;
	int64_t until_ms;
};

struct xs_silent {
	struct event *timer;
	const struct xs_node *node;
	const struct xs_image *image;
	struct user user[XS_SILENT_MAX]; /* oldest first: all stay equally long */
	size_t count;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In every sliver behind the edge. A sliver that is on its way out may refuse; it takes its routes with it. */
static void change(const struct xs_silent *silent, uint32_t edge, const struct xs_address *address,
		   int (*fn)(int netns, const struct xs_address *address))
{
	const struct xs_rec_vport *record;

	for (size_t i = 0; silent->image && (record = xs_image_at(silent->image, XS_REC_VPORT, i)); i++) {
		const struct xs_node_vport *made = xs_node_vport(silent->node, record->id);

		if (record->kind == XS_VPORT_MUX && record->edge == edge && made)
			fn(made->netns, address);
	}
}

static void forget(struct xs_silent *silent, size_t at)
{
	change(silent, silent->user[at].edge, &silent->user[at].address, xs_unreachable_delete);
	silent->count--;
	memmove(&silent->user[at], &silent->user[at + 1], (silent->count - at) * sizeof(silent->user[0]));
}

static void wake_for_oldest(struct xs_silent *silent)
{
	int64_t left;
	struct timeval wait;

	if (!silent->count)
		return;
	left = silent->user[0].until_ms - now_ms();
	if (left < 1)
		left = 1;
	wait = (struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
	evtimer_add(silent->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct xs_silent *silent = context;

	while (silent->count && silent->user[0].until_ms <= now_ms())
		forget(silent, 0);
	wake_for_oldest(silent);
}

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

	while (silent->count)
		forget(silent, 0);
	silent->node = node;
	silent->image = image;
	for (size_t i = 0; image && (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		const struct xs_node_vport *made = xs_node_vport(node, record->id);

		if (record->kind == XS_VPORT_MUX && made)
			xs_unreachable_clear(made->netns);
	}
}

bool xs_silent_holds(const struct xs_silent *silent)
{
	return silent->image != NULL;
}

static size_t find(const struct xs_silent *silent, uint32_t edge, const struct xs_address *address)
{
	size_t i = 0;

	while (i < silent->count &&
	       (silent->user[i].edge != edge || xs_address_compare(&silent->user[i].address, address)))
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

void xs_silent_told(struct xs_silent *silent, uint32_t edge, const struct xs_address *address, bool resolved)
{
	struct user user = {.edge = edge, .address = *address, .until_ms = now_ms() + XS_SILENT_S * 1000};
	size_t at;

	at = find(silent, edge, &user.address);
	if (resolved) {
		if (at < silent->count)
			forget(silent, at);
		return;
	}
	if (at < silent->count || !on_link(silent, edge, &user.address))
		return;
	if (silent->count == XS_SILENT_MAX)
		forget(silent, 0);
	change(silent, edge, &user.address, xs_unreachable_add);
	silent->user[silent->count++] = user;
	if (silent->count == 1)
		wake_for_oldest(silent);
}
