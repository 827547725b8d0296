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
#define IDLE_MS 200

static const char *const store_prefixes[] = {"", "cell"};
#define STORE_PREFIXES (sizeof(store_prefixes) / sizeof(store_prefixes[0]))

#define REPORT_TRIES 3

/* ---- reports ------------------------------------------------------------------------------------------------------- */

void xs_agent_report(struct xs_agent *agent)
{
	int err;

	agent->report.pid = getpid();
	agent->report.holds = agent->signed_node || agent->image || agent->machinery.datapath;
	snprintf(agent->report.netns, sizeof(agent->report.netns), "%s", agent->netns ? agent->netns : "");
	/* The manager waits for it. */
	for (int tries = 0; tries < REPORT_TRIES; tries++) {
		err = xs_report_put(agent->store, agent->name, &agent->report);
		if (!err)
			break;
	}
	agent->unreported = err != 0;
	if (err)
		xs_log("store %s: cannot write report/%s: %s", agent->store_path, agent->name, strerror(-err));
}

/* ---- switches ------------------------------------------------------------------------------------------------------ */

/*
 * The store knows of less than the node has taken from it: it was set back, or is another. What is newer on either side goes to
 * the other.
 */
static int settle(struct xs_agent *agent)
{
	uint64_t generation;
	int err = xs_cells_settle(agent->store, agent->machinery.maps, agent->switching, agent->switching, &generation);

	if (err)
		return err;
	xs_log("switch: the store had gone back from generation %" PRIu64 " to %" PRIu64, agent->report.generation, generation);
	agent->report.generation = generation;
	return 0;
}

static int take_switches(struct xs_agent *agent)
{
	uint64_t generation;
	unsigned int changed;
	int err = xs_cells_pull(agent->store, agent->machinery.maps, agent->switching, &generation, &changed);

	if (err)
		return err;
	xs_log("switch: generation %" PRIu64 ", %u cell%s", generation, changed, changed == 1 ? "" : "s");
	agent->report.generation = generation;
	return 0;
}

/* Puts switches that the store has and the map has not into force. One look at the counter where there is none. */
static void pull(struct xs_agent *agent)
{
	uint64_t stored = 0;
	int err;

	if (!agent->machinery.datapath || !agent->switching)
		return;
	err = xs_store_get_number(agent->store, "generation", &stored);
	if ((err && err != -ENOENT) || stored == agent->report.generation)
		return;
	err = stored < agent->report.generation ? settle(agent) : take_switches(agent);
	if (err) {
		xs_log("store %s: its cells cannot be taken over: %s", agent->store_path, strerror(-err));
		return;
	}
	/* While a revision is looked through the report is not ready; xs_agent_revise() will say it. */
	if (agent->switching == agent->image)
		xs_agent_report(agent);
}

bool xs_agent_hears(struct xs_agent *agent)
{
	struct pollfd readable = {.fd = agent->watch, .events = POLLIN};

	/* Not cleared: the loop must still see it, since it may be a revision, too. */
	if (poll(&readable, 1, 0) <= 0)
		return false;
	pull(agent);
	return true;
}

void xs_agent_breathe(void *context)
{
	xs_agent_hears(context);
}

/* ---- the node and its links ---------------------------------------------------------------------------------------- */

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

		same = record->on || (port && if_nametoindex(record->interface) == port->ifindex);
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
static void reconcile_quietly(struct xs_agent *agent, bool whole)
{
	static const struct timeval pause = {.tv_usec = IDLE_MS * 1000};

	xs_agent_revise(agent, whole);
	xs_links_drain(agent->links);
	if (agent->image)
		xs_node_copy_carrier(agent->node, agent->image);
	/* ... but one that went meanwhile is. */
	if (agent->look.ended || (!agent->report.failed && !ports_are_the_same(agent)))
		look_soon(agent);
	if (!agent->machinery.datapath && !agent->spare)
		evtimer_add(agent->idle, &pause);
}

/* ---- what the loop calls ------------------------------------------------------------------------------------------- */

static int add_event(struct event *event, const struct timeval *interval, int priority)
{
	if (!event)
		return -ENOMEM;
	event_priority_set(event, priority);
	return event_add(event, interval) ? -ENOMEM : 0;
}

static void on_store(evutil_socket_t fd, short what, void *context);

/* In place of the one before. */
static int listen_to_store(struct xs_agent *agent, int watch)
{
	struct event *event = event_new(agent->base, watch, EV_READ | EV_PERSIST, on_store, agent);
	int err = add_event(event, NULL, 0);

	if (err)
		return err;
	if (agent->store_event)
		event_free(agent->store_event);
	agent->store_event = event;
	return 0;
}

/* Which store the agent goes by, said on the machine: anew where the same path leads elsewhere by now. */
static void note_place(struct xs_agent *agent)
{
	char *place = realpath(agent->store_path, NULL);
	int err = 0;

	if (!place || (agent->place && !strcmp(place, agent->place))) {
		free(place);
		return;
	}
	free(agent->place);
	agent->place = place;
	err = xs_agent_lock_sign(agent->lock, place);
	if (!err && agent->signed_node)
		err = xs_owner_put(agent->name, place, agent->netns);
	if (err)
		xs_log("cannot note the node's store: %s", strerror(-err));
}

/* The directory that we watch is no longer what the path leads to: what is written there now is what counts. */
static void follow_store(struct xs_agent *agent)
{
	struct xs_store *store;
	int err, watch;

	if (!xs_store_is_elsewhere(agent->store)) {
		agent->store_missed = false;
		return;
	}
	err = xs_store_open(agent->store_path, 0, &store);
	if (err) {
		if (!agent->store_missed)
			xs_log("store %s: %s; the node keeps what it holds", agent->store_path, strerror(-err));
		agent->store_missed = true;
		return;
	}
	watch = xs_store_watch(store, store_prefixes, STORE_PREFIXES);
	if (watch < 0 || listen_to_store(agent, watch)) {
		xs_log("store %s: cannot watch it: %s", agent->store_path, strerror(watch < 0 ? -watch : ENOMEM));
		xs_store_close(store);
		return;
	}
	xs_log("store %s was replaced: going by the new one", agent->store_path);
	xs_store_close(agent->store);
	agent->store = store;
	agent->watch = watch;
	agent->store_missed = false;
	note_place(agent);
	if (agent->machinery.datapath && agent->switching && settle(agent))
		xs_log("switch: cells of the new store could not be read");
}

static void on_store(evutil_socket_t fd, short what, void *context)
{
	struct xs_agent *agent = context;
	struct xs_revision revision;

	xs_store_watch_clear(agent->store);
	follow_store(agent);
	pull(agent);
	if (xs_revision_get(agent->store, &revision))
		return;
	/* What has changed behind our backs is told by links, or found within half a minute: a change waits for its own part alone. */
	if (xs_agent_is_news(agent, &revision))
		reconcile_quietly(agent, false);
	else if (agent->misread)
		look_soon(agent); /* it may be mended now */
	xs_revision_free(&revision);
}

/*
 * Somebody took away what the machine is told of the node, by which the next agent, and clean, go. It is noted anew; the journal by
 * the look that follows. False: another agent has the node by now.
 */
static bool keep_notes(struct xs_agent *agent)
{
	char error[XS_AGENT_ERROR] = "";
	int lock, err;

	if (xs_agent_lock_stands(agent->name, agent->lock))
		return true;
	lock = xs_agent_lock(agent->name, error);
	if (lock < 0) {
		xs_log("somebody removed " XS_RUN_ROOT "/%s: %s", agent->name, error);
		return lock != -EBUSY;
	}
	xs_log("somebody removed " XS_RUN_ROOT "/%s: noting all anew", agent->name);
	close(agent->lock);
	agent->lock = lock;
	err = agent->place ? xs_agent_lock_sign(lock, agent->place) : 0;
	if (!err && agent->signed_node)
		err = xs_owner_put(agent->name, agent->store_path, agent->netns);
	if (!err && agent->image)
		err = xs_saved_image_put(agent->name, agent->image->header, agent->image->size);
	if (err)
		xs_log("cannot note it: %s", strerror(-err));
	return true;
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
	struct xs_agent *agent = context;

	if (!keep_notes(agent)) {
		event_base_loopbreak(agent->base);
		return;
	}
	follow_store(agent);
	note_place(agent); /* a store that was moved behind a link is the same */
	pull(agent);
	reconcile_quietly(agent, true);
	if (agent->unreported)
		xs_agent_report(agent);
}

static void on_idle(evutil_socket_t fd, short what, void *context)
{
	xs_machinery_spare(context);
}

static void on_soon(evutil_socket_t fd, short what, void *context)
{
	reconcile_quietly(context, true);
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

/* Veths of ours, and ports. Any other is somebody else's, as of a container that ends, for which changes need not wait. */
static bool link_matters(void *context, uint32_t ifindex)
{
	const struct xs_agent *agent = context;

	return xs_node_has_link(agent->node, ifindex);
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

/* Whose node this has been: from now on it is our store's, whatever is on it. */
static void recall_owner(struct xs_agent *agent)
{
	struct xs_owner owner;
	int err;

	if (xs_owner_get(agent->name, &owner) == -ENOENT)
		return;
	if (xs_owner_is_other(agent->name, agent->store_path, &owner))
		xs_log("store %s held this node: taken over for store %s", owner.store, agent->store_path);
	err = xs_owner_put(agent->name, agent->store_path, agent->netns);
	if (err)
		xs_log("cannot note the node's store: %s", strerror(-err));
	agent->signed_node = !err;
}

/* After a restart the report goes on where the former agent's ended; what it counted was for its revision. */
static void recall_report(struct xs_agent *agent)
{
	struct xs_report report;

	if (xs_report_get(agent->store, agent->name, &report))
		return;
	agent->report.revision = report.revision;
	memcpy(agent->report.revision_id, report.revision_id, sizeof(agent->report.revision_id));
}

static int listen_to_all(struct xs_agent *agent, char *error)
{
	static const struct timeval interval = {.tv_sec = RECONCILE_S};
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	const struct xs_links_heard heard = {.fn = on_links, .matters = link_matters, .context = agent};
	int err;

	agent->soon = evtimer_new(agent->base, on_soon, agent);
	agent->idle = evtimer_new(agent->base, on_idle, agent);
	if (!agent->soon || !agent->idle) {
		snprintf(error, XS_AGENT_ERROR, "no memory");
		return -ENOMEM;
	}
	event_priority_set(agent->soon, 1);
	event_priority_set(agent->idle, 1);
	agent->watch = xs_store_watch(agent->store, store_prefixes, STORE_PREFIXES);
	if (agent->watch < 0) {
		snprintf(error, XS_AGENT_ERROR, "%.180s: cannot watch it: %s", agent->store_path, strerror(-agent->watch));
		return agent->watch;
	}
	err = xs_links_new(agent->base, xs_node_netns(agent->node), &heard, &agent->links);
	if (!err)
		err = listen_to_store(agent, agent->watch);
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
		snprintf(error, XS_AGENT_ERROR, "store %.180s: %s%s", agent->store_path, strerror(-err),
			 err == -ENOENT ? " (only its last directory is made)" : "");
		return err;
	}
	note_place(agent);
	agent->silent = xs_silent_new(agent->base);
	agent->advertise = xs_advertise_new(agent->base);
	if (!agent->silent || !agent->advertise) {
		snprintf(error, XS_AGENT_ERROR, "no memory");
		return -ENOMEM;
	}
	err = xs_node_open(agent->name, agent->netns, &agent->node, error);
	if (err)
		return err;
	xs_node_pause_by(agent->node, xs_agent_pauses, agent);
	return listen_to_all(agent, error);
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
	recall_owner(agent);
	xs_log("started, pid %d, store %s", getpid(), agent->store_path);
	reconcile_quietly(agent, true);
	if (event_base_dispatch(agent->base) < 0)
		return 1;
	/* A node that holds nothing keeps no trace of its agent. */
	if (!agent->image && !agent->machinery.datapath && xs_agent_lock_stands(agent->name, agent->lock))
		xs_agent_unlock(agent->name, agent->lock);
	return 0;
}
