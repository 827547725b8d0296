/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ahead.c - see ahead.h. One makes, one takes; both count, and what was made and not taken lies between the two counts. */
#include "loader/node/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/base/thread.h"
#include "loader/node/netns.h"

/* What lies ready costs memory of the kernel's, and the time to take it away if it was for nothing. */
#define READY_MAX 16

struct xs_ahead {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const char **name;
	int *netns; /* or why it was not made: -errno */
	size_t count, made, taken;
	bool ended;
};

static bool may_make(struct xs_ahead *ahead, size_t *which)
{
	bool goes_on;

	pthread_mutex_lock(&ahead->lock);
	while (!ahead->ended && ahead->made - ahead->taken >= READY_MAX)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	goes_on = !ahead->ended && ahead->made < ahead->count;
	*which = ahead->made;
	pthread_mutex_unlock(&ahead->lock);
	return goes_on;
}

static void *make_all(void *context)
{
	struct xs_ahead *ahead = context;
	size_t which;

	while (may_make(ahead, &which)) {
		int netns = xs_netns_add(ahead->name[which]);

		pthread_mutex_lock(&ahead->lock);
		ahead->netns[which] = netns;
		ahead->made++;
		pthread_cond_broadcast(&ahead->changed);
		pthread_mutex_unlock(&ahead->lock);
	}
	return NULL;
}

static void forget(struct xs_ahead *ahead)
{
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead->name);
	free(ahead->netns);
	free(ahead);
}

struct xs_ahead *xs_ahead_begin(const char **name, size_t count)
{
	struct xs_ahead *ahead = calloc(1, sizeof(*ahead));

	if (!ahead) {
		free(name);
		return NULL;
	}
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	ahead->name = name;
	ahead->netns = calloc(count, sizeof(*ahead->netns));
	ahead->count = count;
	if (ahead->netns && !xs_thread_begin(&ahead->thread, make_all, ahead))
		return ahead;
	forget(ahead);
	return NULL;
}

int xs_ahead_take(struct xs_ahead *ahead, const char *name)
{
	int netns;

	if (!ahead || ahead->taken == ahead->count || strcmp(ahead->name[ahead->taken], name))
		return -ENOENT;
	pthread_mutex_lock(&ahead->lock);
	while (ahead->made == ahead->taken)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	netns = ahead->netns[ahead->taken++];
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	return netns == -EEXIST ? -ENOENT : netns;
}

void xs_ahead_end(struct xs_ahead *ahead)
{
	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->ended = true;
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	pthread_join(ahead->thread, NULL);
	for (size_t i = ahead->taken; i < ahead->made; i++) {
		if (ahead->netns[i] < 0)
			continue;
		xs_netns_delete(ahead->name[i]);
		close(ahead->netns[i]);
	}
	forget(ahead);
}
