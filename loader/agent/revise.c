// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * revise.c - from what the store says to what the node holds: takes on a revision, goes back where that fails before all of it is
 * in force, keeps what is in force where there is none to be had, and reports.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/agent/agent.h"
#include "loader/agent/lock.h"
#include "loader/agent/log.h"
#include "loader/agent/target.h"
#include "loader/base/clock.h"
#include "loader/node/netlink.h"

#define GO_BACK_TRIES 2 /* more, after the first */
#define ENDED_MAX     8 /* looks in a row that end for news: the next goes on to its end */

static bool same_image(const struct xs_image *a, const struct xs_image *b)
{
	return a && b && a->size == b->size && !memcmp(a->header, b->header, a->size);
}

/* Says on the machine whose node this is: before the first thing is made here, and until the last is gone. */
static void sign_node(struct xs_agent *agent, bool holds)
{
	int err;

	if (agent->signed_node == holds)
		return;
	err = xs_owner_put(agent->name, holds ? agent->store_path : NULL, agent->netns);
	if (err)
		xs_log("cannot note the node's store: %s", strerror(-err));
	agent->signed_node = holds && !err;
}

/* Whatever was done before is not known to be whole. */
static int make_and_retire(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	int err;

	agent->whole = true;
	err = image ? xs_agent_make(agent, image, error) : 0;

	return err ? err : xs_agent_retire(agent, image, error);
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
	for (int tries = 0; make_and_retire(agent, agent->image, error); tries++) {
		xs_log("going back: %s", error);
		if (tries == GO_BACK_TRIES)
			return;
	}
	if (!agent->image)
		sign_node(agent, false);
}

/* All of the image is in force: whoever starts on this node from here on begins with it. */
static int keep_copy(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	int err = same_image(agent->image, image) ? 0 : xs_saved_image_put(agent->name, image->header, image->size);

	if (err)
		snprintf(error, XS_AGENT_ERROR, "cannot keep a copy of the image: %s", strerror(-err));
	return err;
}

/* again: it is asked for what is in force. */
static void begin_look(struct xs_agent *agent, bool again)
{
	struct xs_look *look = &agent->look;

	look->may_end = again && agent->complete && look->in_a_row < ENDED_MAX;
	look->changes = xs_netlink_changes();
	look->writes = xs_machinery_writes(agent);
}

bool xs_agent_pauses(void *context)
{
	struct xs_agent *agent = context;
	struct xs_look *look = &agent->look;
	struct xs_revision revision;

	if (!xs_agent_hears(agent) || !look->may_end || xs_netlink_changes() != look->changes ||
	    xs_machinery_writes(agent) != look->writes || xs_revision_get(agent->store, &revision))
		return false;
	look->ended = xs_agent_is_news(agent, &revision);
	xs_revision_free(&revision);
	return look->ended;
}

static void take_image(struct xs_agent *agent, struct xs_image *image)
{
	xs_silent_hold(agent->silent, agent->node, image);
	xs_image_free(agent->image);
	agent->image = image;
	agent->switching = image;
}

/* Applies and says what it took. target->image is taken over, where it is new. */
static int apply_target(struct xs_agent *agent, struct xs_target *target, bool news, char *error)
{
	uint64_t changes = xs_netlink_changes(), writes = xs_machinery_writes(agent);
	const int64_t start = xs_now_us();
	char why[XS_AGENT_ERROR] = "";
	int err;

	/* Who asks for the same once more asks to look at all of it. */
	agent->whole |= !agent->complete || !agent->image || same_image(agent->image, target->image);
	begin_look(agent, !news && same_image(agent->image, target->image));
	agent->complete = false;
	if (target->image) {
		sign_node(agent, true);
		err = xs_agent_make(agent, target->image, error);
		agent->look.may_end = false;
		if (err && agent->look.ended) {
			agent->look.in_a_row++;
			agent->complete = true;
			agent->switching = agent->image;
			return err;
		}
		if (!err)
			err = keep_copy(agent, target->image, error);
		if (err) {
			agent->switching = NULL;
			go_back(agent, target->image);
			agent->switching = agent->image;
			return err;
		}
	}
	err = xs_agent_retire(agent, target->image, why);
	if (err)
		snprintf(error, XS_AGENT_ERROR, "in force, but what it replaces is not all gone: %.190s", why);
	if (same_image(agent->image, target->image)) {
		if (!xs_silent_holds(agent->silent))
			xs_silent_hold(agent->silent, agent->node, agent->image);
		agent->switching = agent->image;
	} else if (!err || target->image) {
		take_image(agent, target->image);
		target->image = NULL;
	}
	if (!agent->image)
		sign_node(agent, false);
	agent->complete = !err;
	if (agent->whole)
		agent->look.in_a_row = 0;
	changes = xs_netlink_changes() - changes;
	writes = xs_machinery_writes(agent) - writes;
	if (news) {
		agent->report.netlink_changes = changes;
		agent->report.map_writes = writes;
		agent->report.duration_us = (uint64_t)(xs_now_us() - start);
	}
	if (news || changes || writes)
		xs_log("revision %" PRIu64 "%s: %" PRIu64 " changes, %" PRIu64 " map writes, %.1f ms", target->revision.number,
		       agent->image ? "" : " (nothing here)", changes, writes, (double)(xs_now_us() - start) / 1e3);
	return err;
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
	if (make_and_retire(agent, agent->image, error))
		xs_log("keeping what is in force: %s", error);
	agent->switching = agent->image;
}

/* The same store as before, in another place or emptied: does it say another thing than what was last taken on? */
bool xs_agent_is_news(const struct xs_agent *agent, const struct xs_revision *revision)
{
	return !xs_report_is_of(&agent->report, revision);
}

/* No revision, or one that got lost: whatever is here stays, and is kept whole. */
static int stay(struct xs_agent *agent, struct xs_target *target)
{
	if (!agent->image && !agent->started)
		xs_log("the store has no revision yet");
	agent->started = true;
	return agent->image ? xs_image_read(agent->image->header, agent->image->size, &target->image, NULL) : 0;
}

void xs_agent_revise(struct xs_agent *agent, bool whole)
{
	const uint64_t generation = agent->report.generation;
	char error[XS_AGENT_ERROR] = "";
	struct xs_target target;
	bool news, other, was_failed = agent->report.failed;
	int err;

	err = xs_target_read(agent->store, agent->name, &target, error);
	if (!target.known) {
		err = err ? err : stay(agent, &target);
		if (!agent->image && !err)
			return;
		target.revision.number = agent->report.revision;
		memcpy(target.revision.id, agent->report.revision_id, sizeof(target.revision.id));
	}
	agent->whole = whole;
	agent->look.ended = false;
	other = xs_agent_is_news(agent, &target.revision);
	news = !agent->started || other || was_failed;
	agent->started = true;
	if (!err)
		err = apply_target(agent, &target, news, error);
	else
		keep_in_force(agent);
	if (err && agent->look.ended) {
		xs_target_free(&target);
		return;
	}
	if (err && (!was_failed || other || strcmp(error, agent->report.error)))
		xs_log("revision %" PRIu64 " failed: %s", target.revision.number, error);
	if (err)
		news |= !was_failed || strcmp(error, agent->report.error);
	agent->report.revision = target.revision.number;
	memcpy(agent->report.revision_id, target.revision.id, sizeof(agent->report.revision_id));
	agent->report.failed = err != 0;
	agent->misread = err == -EBADMSG;
	snprintf(agent->report.error, sizeof(agent->report.error), "%s", err ? error : "");
	if (!err && xs_agent_advise(agent))
		news = true;
	/* Who made a switch that came meanwhile waits for a report of it: see pull(). */
	news |= agent->report.generation != generation;
	if (news && (target.known || err))
		xs_agent_report(agent);
	xs_target_free(&target);
	look_for_room(agent);
	if (agent->machinery.mirrors)
		xs_mirrors_probe(agent->machinery.mirrors);
}
