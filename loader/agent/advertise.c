// SPDX-License-Identifier: GPL-2.0-or-later
/* advertise.c - see advertise.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <uthash.h>

#include "loader/agent/advertise.h"
#include "loader/agent/log.h"
#include "loader/base/clock.h"
#include "loader/node/router.h"

/* RFC 4861, 6.2.1 and 10; milliseconds. */
#define INTERVAL_MIN    200000
#define INTERVAL_MAX    600000
#define INITIAL_MAX     16000 /* between the first ones */
#define INITIAL_COUNT   3
#define ANSWER_DELAY    500
#define BETWEEN_ADVERTS 3000

struct router {
	uint32_t id;
	struct xs_rec_vport record;
	char interface[XS_IMAGE_NAME]; /* of its port, which may get another: there nobody has heard of it yet */
	uint32_t veth, inner; /* of the device: made anew, it is another */
	int fd;
	struct event *readable, *timer;
	unsigned int sent; /* up to INITIAL_COUNT */
	int64_t last_ms, due_ms;
	bool wanted;
	UT_hash_handle hh;
};

struct xs_advertise {
	struct event_base *base;
	struct router *routers;
};

static int64_t between(int64_t least, int64_t most)
{
	return least + random() % (most - least + 1);
}

static void due_at(struct router *router, int64_t when_ms)
{
	int64_t left = when_ms - xs_now_ms();
	struct timeval wait;

	if (left < 0)
		left = 0;
	wait = (struct timeval){ .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };
	router->due_ms = when_ms;
	evtimer_add(router->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct router *router = context;
	int64_t most = INTERVAL_MAX;

	/* A failure (the device is down, say) is no fault of ours: there will be another time. */
	if (!xs_router_send(router->fd, router->inner, &router->record, XS_ROUTER_LIFETIME_S)) {
		router->last_ms = xs_now_ms();
		if (router->sent < INITIAL_COUNT)
			router->sent++;
	}
	if (router->sent < INITIAL_COUNT)
		most = INITIAL_MAX;
	due_at(router, xs_now_ms() + between(most == INITIAL_MAX ? INITIAL_MAX / 4 : INTERVAL_MIN, most));
}

/* All are answered at once, and not more often than every three seconds: who asks without end is answered no more
 * often. */
static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct router *router = context;
	int64_t when;

	if (!xs_router_solicited(fd))
		return;
	when = xs_now_ms() + between(0, ANSWER_DELAY);
	if (router->last_ms && when < router->last_ms + BETWEEN_ADVERTS)
		when = router->last_ms + BETWEEN_ADVERTS;
	if (when < router->due_ms)
		due_at(router, when);
}

static void router_free(struct router *router)
{
	if (router->readable)
		event_free(router->readable);
	if (router->timer)
		event_free(router->timer);
	if (router->fd >= 0)
		close(router->fd);
	free(router);
}

static struct router *router_new(struct event_base *base, const struct xs_node_vport *made,
				 const struct xs_rec_vport *record, const char *interface)
{
	struct router *router = calloc(1, sizeof(*router));

	if (!router)
		return NULL;
	router->id = record->id;
	router->record = *record;
	snprintf(router->interface, sizeof(router->interface), "%s", interface);
	router->veth = made->veth;
	router->inner = made->inner;
	router->fd = xs_router_open(made->netns, made->inner);
	if (router->fd < 0) {
		xs_log("%s: cannot advertise it as a router: %s", record->name, strerror(-router->fd));
		router_free(router);
		return NULL;
	}
	router->readable = event_new(base, router->fd, EV_READ | EV_PERSIST, on_readable, router);
	router->timer = evtimer_new(base, on_timer, router);
	if (!router->readable || !router->timer || event_add(router->readable, NULL)) {
		router_free(router);
		return NULL;
	}
	due_at(router, xs_now_ms());
	return router;
}

struct xs_advertise *xs_advertise_new(struct event_base *base)
{
	struct xs_advertise *advertise = calloc(1, sizeof(*advertise));

	if (advertise)
		advertise->base = base;
	return advertise;
}

void xs_advertise_free(struct xs_advertise *advertise)
{
	if (!advertise)
		return;
	xs_advertise_hold(advertise, NULL, NULL);
	free(advertise);
}

static bool is_same(const struct router *router, const struct xs_node_vport *made, const struct xs_rec_vport *record,
		    const char *interface)
{
	return router->veth == made->veth && router->inner == made->inner && !strcmp(router->interface, interface) &&
	       !memcmp(&router->record, record, sizeof(*record));
}

void xs_advertise_hold(struct xs_advertise *advertise, const struct xs_node *node, const struct xs_image *image)
{
	const struct xs_rec_vport *record;
	struct router *router, *next;

	HASH_ITER(hh, advertise->routers, router, next)
		router->wanted = false;
	for (size_t i = 0; image && (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		const struct xs_node_vport *made = xs_node_vport(node, record->id);
		const struct xs_rec_port *port = xs_image_find(image, XS_REC_PORT, &record->port);

		if (!made || !port || !xs_router_is(image, record))
			continue;
		HASH_FIND(hh, advertise->routers, &record->id, sizeof(record->id), router);
		if (router && !is_same(router, made, record, port->interface)) {
			HASH_DEL(advertise->routers, router);
			router_free(router);
			router = NULL;
		}
		if (!router) {
			router = router_new(advertise->base, made, record, port->interface);
			if (!router)
				continue;
			HASH_ADD(hh, advertise->routers, id, sizeof(router->id), router);
		}
		router->wanted = true;
	}
	HASH_ITER(hh, advertise->routers, router, next) {
		if (router->wanted)
			continue;
		HASH_DEL(advertise->routers, router);
		router_free(router);
	}
}
