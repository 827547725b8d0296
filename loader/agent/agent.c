// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * agent.c - the loop: switches at once, revisions when the store says so, everything again every 30 s; and what is reported.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "loader/agent/agent.h"
#include "loader/agent/cells.h"
#include "loader/agent/lock.h"
#include "loader/agent/log.h"
#include "loader/node/netlink.h"
#include "loader/node/netns.h"

#define RECONCILE_S 30
#define SETTLE_MS 50 /* links come and go in bursts */

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- reports ------------------------------------------------------------------------------------------------------- */

static void put_report(struct xs_agent *agent)
{
	int err;

	agent->report.pid = getpid();
	snprintf(agent->report.netns, sizeof(agent->report.netns), "%s", agent->netns ? agent->netns : "");
	err = xs_report_put(agent->store, agent->name, &agent->report);
	if (err)
		xs_log("cannot report: %s", strerror(-err));
}

/* ---- switches ------------------------------------------------------------------------------------------------------ */

/* Puts switches that the store has and the map has not into force. One look at the counter where there is none. */
static void pull(struct xs_agent *agent)
{
	uint64_t stored, generation;
	unsigned int changed;
	int err;

	if (!agent->machinery.datapath || !agent->switching)
		return;
	if (xs_store_get_number(agent->store, "generation", &stored) || stored == agent->report.generation)
		return;
	err = xs_cells_pull(agent->store, agent->machinery.maps, agent->switching, &generation, &changed);
	if (err) {
		xs_log("switch: %s", strerror(-err));
		return;
	}
	agent->report.generation = generation;
	/* During an apply the report is not ready; the apply's own will say it. */
	if (agent->switching == agent->image)
		put_report(agent);
	xs_log("switch: generation %" PRIu64 ", %u cell%s", generation, changed, changed == 1 ? "" : "s");
}

void xs_agent_breathe(void *context)
{
	struct xs_agent *agent = context;
	struct pollfd readable = {.fd = agent->watch, .events = POLLIN};

	/* Not cleared: the loop must still see it, since it may be a revision, too. */
	if (poll(&readable, 1, 0) > 0)
		pull(agent);
}

/* ---- revisions ----------------------------------------------------------------------------------------------------- */

struct target {
	uint64_t revision;
	bool known;             /* the store has a revision at all */
	struct xs_image *image; /* NULL: it says that the node holds nothing */
};

/* What the node should hold. A revision that is replaced while its image is read is read again. */
static int read_target(struct xs_agent *agent, struct target *target, char *error)
{
	uint64_t revision, again;
	const char *why = "";
	char key[128];
	void *bytes;
	size_t size;
	int err;

	*target = (struct target){0};
	err = xs_store_get_number(agent->store, "revision", &revision);
	if (err == -ENOENT)
		return 0;
	while (!err) {
		target->revision = revision;
		target->known = true;
		snprintf(key, sizeof(key), "image/%" PRIu64 "/%s", revision, agent->name);
		err = xs_store_get(agent->store, key, &bytes, &size);
		if (!err) {
			err = xs_image_read(bytes, size, &target->image, &why);
			free(bytes);
			if (err)
				snprintf(error, XS_AGENT_ERROR, "%s is refused: %s", key, why && *why ? why : strerror(-err));
			else if (strncmp(target->image->header->node, agent->name, sizeof(target->image->header->node))) {
				snprintf(error, XS_AGENT_ERROR, "%s is refused: it is another node's", key);
				xs_image_free(target->image);
				target->image = NULL;
				err = -EBADMSG;
			}
			return err;
		}
		if (err != -ENOENT)
			break;
		err = xs_store_get_number(agent->store, "revision", &again);
		if (!err && again == revision)
			return 0;
		revision = again;
	}
	snprintf(error, XS_AGENT_ERROR, "store: cannot read the revision: %s", strerror(-err));
	return err;
}

static bool same_image(const struct xs_image *a, const struct xs_image *b)
{
	return a && b && a->size == b->size && !memcmp(a->header, b->header, a->size);
}

/* Back to what was in force, after a change failed on its way. */
static void go_back(struct xs_agent *agent, const struct xs_image *failed)
{
	char error[XS_AGENT_ERROR] = "";

	if (same_image(agent->image, failed))
		return;
	/* A former agent's node whose image is not known: nobody can say what to go back to, so nothing more is touched. */
	if (!agent->image && agent->machinery.takeup)
		return;
	if (xs_agent_apply(agent, agent->image, error))
		xs_log("going back: %s", error);
}

static void take_image(struct xs_agent *agent, struct xs_image *image)
{
	int err = image ? xs_saved_image_put(agent->name, image->header, image->size) : 0;

	if (err)
		xs_log("cannot keep a copy of the image: %s", strerror(-err));
	xs_silent_hold(agent->silent, agent->node, image);
	xs_image_free(agent->image);
	agent->image = image;
	agent->switching = image;
}

/* Applies and says what it took. target->image is taken over, or freed. */
static int apply_target(struct xs_agent *agent, struct target *target, bool news, char *error)
{
	uint64_t changes = xs_netlink_changes(), writes = xs_machinery_writes(agent), start = now_us();
	int err = xs_agent_apply(agent, target->image, error);

	if (err) {
		agent->switching = NULL;
		go_back(agent, target->image);
		agent->switching = agent->image;
		xs_image_free(target->image);
		return err;
	}
	if (same_image(agent->image, target->image)) {
		if (!xs_silent_holds(agent->silent))
			xs_silent_hold(agent->silent, agent->node, agent->image);
		agent->switching = agent->image;
		xs_image_free(target->image);
	} else {
		take_image(agent, target->image);
	}
	changes = xs_netlink_changes() - changes;
	writes = xs_machinery_writes(agent) - writes;
	if (news) {
		agent->report.netlink_changes = changes;
		agent->report.map_writes = writes;
		agent->report.duration_us = now_us() - start;
	}
	if (news || changes || writes)
		xs_log("revision %" PRIu64 "%s: %" PRIu64 " changes, %" PRIu64 " map writes, %.1f ms", target->revision,
		       agent->image ? "" : " (nothing here)", changes, writes, (now_us() - start) / 1e3);
	return 0;
}

/* Routes that found no room: they are in the sliver's hands until the maps are larger. */
static void look_for_room(struct xs_agent *agent)
{
	char error[XS_AGENT_ERROR] = "";
	uint32_t refused;

	if (!agent->machinery.datapath)
		return;
	refused = xs_mirrors_repair(agent->machinery.mirrors);
	if (!refused)
		return;
	xs_log("%u routes have no room in the datapath", refused);
	if (xs_machinery_grow(agent, error))
		xs_log("they stay with the slivers: %s", error);
}

/* The next image cannot be had: what is in force stays alive and is kept whole. */
static void keep_in_force(struct xs_agent *agent)
{
	char error[XS_AGENT_ERROR] = "";

	if (!agent->image)
		return;
	if (xs_agent_apply(agent, agent->image, error))
		xs_log("keeping what is in force: %s", error);
	agent->switching = agent->image;
}

static void reconcile(struct xs_agent *agent)
{
	char error[XS_AGENT_ERROR] = "";
	struct target target;
	bool news, was_failed = agent->report.failed;
	int err;

	err = read_target(agent, &target, error);
	if (!err && !target.known) {
		/* No revision, or one that got lost: whatever is here stays, and is kept whole. */
		target.revision = agent->report.revision;
		if (agent->image)
			err = xs_image_read(agent->image->header, agent->image->size, &target.image, NULL);
		if (!agent->image && !agent->started)
			xs_log("the store has no revision yet");
		agent->started = true;
		if (!agent->image && !err)
			return;
	}
	news = !agent->started || target.revision != agent->report.revision || was_failed;
	agent->started = true;
	if (!err)
		err = apply_target(agent, &target, news, error);
	else
		keep_in_force(agent);
	if (err && (!was_failed || target.revision != agent->report.revision || strcmp(error, agent->report.error)))
		xs_log("revision %" PRIu64 " failed: %s", target.revision, error);
	if (err)
		news |= !was_failed || strcmp(error, agent->report.error);
	agent->report.revision = target.revision;
	agent->report.failed = err != 0;
	snprintf(agent->report.error, sizeof(agent->report.error), "%s", err ? error : "");
	if (news && target.known)
		put_report(agent);
	look_for_room(agent);
}

/* Is every port the device that the maps say? */
static bool ports_are_the_same(const struct xs_agent *agent)
{
	const struct xs_rec_port *record;
	struct xs_netns_scope scope;
	bool same = true;

	if (!agent->image || xs_netns_enter(xs_node_netns(agent->node), &scope))
		return true;
	for (size_t i = 0; same && (record = xs_image_at(agent->image, XS_REC_PORT, i)); i++) {
		const struct xs_node_port *port = xs_node_port(agent->node, record->id);

		same = port && if_nametoindex(record->interface) == port->ifindex;
	}
	xs_netns_leave(&scope);
	return same;
}

/* Once for a burst of changes. */
static void look_soon(struct xs_agent *agent)
{
	static const struct timeval settle = {.tv_usec = SETTLE_MS * 1000};

	if (!evtimer_pending(agent->soon, NULL))
		evtimer_add(agent->soon, &settle);
}

/* A reconciliation makes links of its own, which are no news. */
static void reconcile_quietly(struct xs_agent *agent)
{
	reconcile(agent);
	xs_links_drain(agent->links);
	if (agent->image)
		xs_node_copy_carrier(agent->node, agent->image);
	/* ... but one that went meanwhile is. */
	if (!agent->report.failed && !ports_are_the_same(agent))
		look_soon(agent);
}

/* ---- what the loop calls ------------------------------------------------------------------------------------------- */

static void on_store(evutil_socket_t fd, short what, void *context)
{
	struct xs_agent *agent = context;
	uint64_t revision;

	xs_store_watch_clear(agent->store);
	pull(agent);
	if (!xs_store_get_number(agent->store, "revision", &revision) && revision != agent->report.revision)
		reconcile_quietly(agent);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
	struct xs_agent *agent = context;

	pull(agent);
	reconcile_quietly(agent);
}

static void on_soon(evutil_socket_t fd, short what, void *context)
{
	reconcile_quietly(context);
}

static void on_signal(evutil_socket_t signal, short what, void *context)
{
	struct xs_agent *agent = context;

	if (signal == SIGHUP) {
		on_tick(-1, 0, agent);
		return;
	}
	xs_log("leaving; the node goes on forwarding");
	event_base_loopbreak(agent->base);
}

static void on_links(void *context, bool gone)
{
	struct xs_agent *agent = context;

	/* Carrier first: routing in the slivers waits for it. */
	if (agent->image)
		xs_node_copy_carrier(agent->node, agent->image);
	if (gone || agent->report.failed || !ports_are_the_same(agent))
		look_soon(agent);
}

/* ---- beginning ----------------------------------------------------------------------------------------------------- */

/* What a former agent left in force, by its own copy. */
static void recall_image(struct xs_agent *agent)
{
	const char *why = NULL;
	void *bytes;
	size_t size;

	if (xs_saved_image_get(agent->name, &bytes, &size))
		return;
	if (xs_image_read(bytes, size, &agent->image, &why))
		xs_log("the copy of the former image is refused: %s", why ? why : "?");
	free(bytes);
}

/* After a restart the report goes on where the former agent's ended; what it counted was for its revision. */
static void recall_report(struct xs_agent *agent)
{
	struct xs_report report;

	if (!xs_report_get(agent->store, agent->name, &report))
		agent->report.revision = report.revision;
}

static int add_event(struct event *event, const struct timeval *interval, int priority)
{
	if (!event)
		return -ENOMEM;
	event_priority_set(event, priority);
	return event_add(event, interval) ? -ENOMEM : 0;
}

static int listen_to_all(struct xs_agent *agent, char *error)
{
	static const char *const prefixes[] = {"", "cell"};
	static const struct timeval interval = {.tv_sec = RECONCILE_S};
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	int err;

	agent->soon = evtimer_new(agent->base, on_soon, agent);
	if (!agent->soon) {
		snprintf(error, XS_AGENT_ERROR, "no memory");
		return -ENOMEM;
	}
	event_priority_set(agent->soon, 1);
	agent->watch = xs_store_watch(agent->store, prefixes, 2);
	if (agent->watch < 0) {
		snprintf(error, XS_AGENT_ERROR, "%.180s: cannot watch it: %s", agent->store_path, strerror(-agent->watch));
		return agent->watch;
	}
	err = xs_links_new(agent->base, xs_node_netns(agent->node), on_links, agent, &agent->links);
	if (!err)
		err = add_event(event_new(agent->base, agent->watch, EV_READ | EV_PERSIST, on_store, agent), NULL, 0);
	if (!err)
		err = add_event(event_new(agent->base, -1, EV_PERSIST, on_tick, agent), &interval, 1);
	for (size_t i = 0; !err && i < sizeof(signals) / sizeof(signals[0]); i++)
		err = add_event(evsignal_new(agent->base, signals[i], on_signal, agent), NULL, 1);
	if (err)
		snprintf(error, XS_AGENT_ERROR, "cannot listen: %s", strerror(-err));
	return err;
}

static int begin(struct xs_agent *agent, char *error)
{
	int err;

	agent->base = event_base_new();
	if (!agent->base || event_base_priority_init(agent->base, 2)) {
		snprintf(error, XS_AGENT_ERROR, "cannot make an event loop");
		return -ENOMEM;
	}
	err = xs_store_open(agent->store_path, 1, &agent->store);
	if (err) {
		snprintf(error, XS_AGENT_ERROR, "%.180s: %s", agent->store_path, strerror(-err));
		return err;
	}
	agent->silent = xs_silent_new(agent->base);
	if (!agent->silent) {
		snprintf(error, XS_AGENT_ERROR, "no memory");
		return -ENOMEM;
	}
	err = xs_node_open(agent->name, agent->netns, &agent->node, error);
	if (!err)
		err = listen_to_all(agent, error);
	return err;
}

int xs_agent_run(struct xs_agent *agent)
{
	char error[XS_AGENT_ERROR] = "";

	agent->lock = xs_agent_lock(agent->name, error);
	if (agent->lock < 0) {
		xs_log("%s", error);
		return 1;
	}
	if (begin(agent, error)) {
		xs_log("%s", error);
		xs_agent_unlock(agent->name, agent->lock);
		return 1;
	}
	recall_image(agent);
	recall_report(agent);
	xs_log("started, pid %d, store %s", getpid(), agent->store_path);
	reconcile_quietly(agent);
	if (event_base_dispatch(agent->base) < 0)
		return 1;
	/* A node that holds nothing keeps no trace of its agent. */
	if (!agent->image && !agent->machinery.datapath)
		xs_agent_unlock(agent->name, agent->lock);
	return 0;
}
