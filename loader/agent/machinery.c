// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * machinery.c - brings up what fills the maps, on new maps or on those of a former agent, and lets maps grow.
 *
 * Growing is a restart in small: the maps are copied, attached programs exchanged, and the program begins anew and takes up
 * what it finds, as it would after a kill. So there is one way to take up, and it is walked often.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/agent/agent.h"
#include "loader/agent/log.h"
#include "loader/base/thread.h"

#define NEXTHOPS_MAX (1u << 22) /* 128 MiB */

uint64_t xs_machinery_writes(const struct xs_agent *agent)
{
	const struct xs_machinery *machinery = &agent->machinery;

	if (!machinery->datapath)
		return agent->writes_before;
	return agent->writes_before + machinery->maps->writes + xs_pool_writes(machinery->pool) +
	       xs_nexthops_writes(machinery->nexthops);
}

void xs_machinery_free(struct xs_agent *agent)
{
	struct xs_machinery *machinery = &agent->machinery;

	if (!machinery->datapath)
		return;
	agent->writes_before = xs_machinery_writes(agent);
	xs_mirrors_free(machinery->mirrors);
	xs_fill_free(machinery->fill);
	xs_takeup_free(machinery->takeup);
	xs_mux_space_free(machinery->space);
	xs_nexthops_free(machinery->nexthops);
	xs_pool_free(machinery->pool);
	xs_datapath_close(machinery->datapath);
	memset(machinery, 0, sizeof(*machinery));
}

/* Only where nothing has been written yet: what was made aside is dropped without a trace in the maps. */
static void drop(struct xs_machinery *machinery)
{
	xs_takeup_free(machinery->takeup);
	free(machinery->mirrors);
	free(machinery->fill);
	xs_mux_space_free(machinery->space);
	xs_nexthops_free(machinery->nexthops);
	xs_pool_free(machinery->pool);
	xs_datapath_close(machinery->datapath);
}

/* ---- growing ------------------------------------------------------------------------------------------------------- */

static int begin_anew(struct xs_agent *agent, char *error)
{
	execv("/proc/self/exe", agent->argv);
	snprintf(error, XS_AGENT_ERROR, "cannot begin anew: %s", strerror(errno));
	/* The maps that this process writes are read by nobody any more: whoever supervises it starts the next. */
	xs_log("%s", error);
	exit(1);
}

static int grow(struct xs_agent *agent, const struct xs_datapath_size *size, char *error)
{
	struct xs_datapath *larger;
	int err = xs_datapath_open(agent->name, size, NULL, &larger, error);

	if (err)
		return err;
	xs_log("maps grow: %u blocks, %u guards, %u next hops, %u vports", size->blocks, size->guards, size->nexthops,
	       size->vports);
	err = xs_datapath_replace(larger, xs_node_netns(agent->node), error);
	if (err)
		xs_log("%s", error);
	return begin_anew(agent, error);
}

static uint32_t twice(uint32_t n, uint32_t most)
{
	return n > most / 2 ? most : n * 2;
}

/*
 * Tables are built beside those in force, so the pool must hold both for a while: of which kind there may be too few, it gets
 * twice as many. False: of both there are enough.
 */
static bool pool_grows(const struct xs_machinery *machinery, struct xs_datapath_size *size)
{
	const struct xs_pool *pool = machinery->pool;
	bool blocks = xs_pool_used(pool) > xs_pool_size(pool) / 2, guards = xs_pool_guards_used(pool) > xs_pool_guards(pool) / 2;

	size->blocks = blocks ? twice(xs_pool_size(pool), XS_BLOCKS_MAX) : xs_pool_size(pool);
	size->guards = guards ? twice(xs_pool_guards(pool), XS_GUARDS_MAX) : xs_pool_guards(pool);
	return size->blocks > xs_pool_size(pool) || size->guards > xs_pool_guards(pool);
}

int xs_machinery_grow(struct xs_agent *agent, char *error)
{
	const struct xs_node_maps *maps = agent->machinery.maps;
	struct xs_datapath_size size;

	xs_fill_size(agent->image, &size);
	pool_grows(&agent->machinery, &size);
	size.nexthops = twice(maps->entries[XS_MAP_nexthop], NEXTHOPS_MAX);
	size.groups = twice(maps->entries[XS_MAP_group], XS_GROUPS_MAX);
	if (xs_datapath_fits(agent->machinery.datapath, &size)) {
		snprintf(error, XS_AGENT_ERROR, "node %s: the address tables' pool has its largest size, %u blocks; fewer routes, or slices on other nodes", agent->name, XS_BLOCKS_MAX);
		return -ENOSPC;
	}
	return grow(agent, &size, error);
}

/* ---- loading beside other work -------------------------------------------------------------------------------------- */

static void set_spare(struct xs_agent *agent, struct xs_datapath *spare)
{
	xs_datapath_close(agent->spare);
	agent->spare = spare;
}

/* Touches nothing of the agent but its own. */
static void *run_load(void *context)
{
	struct xs_load *load = context;
	char error[XS_AGENT_ERROR] = "";

	/* What is wrong will be said when it is loaded again, by who needs it. */
	if (xs_datapath_spare(&load->size, &load->made, error))
		load->made = NULL;
	return NULL;
}

static void end_load(struct xs_agent *agent)
{
	struct xs_load *load = &agent->load;

	if (!load->runs)
		return;
	pthread_join(load->thread, NULL);
	load->runs = false;
	if (load->made)
		set_spare(agent, load->made);
	load->made = NULL;
}

void xs_machinery_load(struct xs_agent *agent, const struct xs_image *image)
{
	struct xs_load *load = &agent->load;

	if (agent->machinery.datapath || agent->image || load->runs)
		return;
	xs_fill_size(image, &load->size);
	if (agent->spare && xs_datapath_spare_fits(agent->spare, &load->size))
		return;
	load->runs = !xs_thread_begin(&load->thread, run_load, load);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static int bring_up(struct xs_agent *agent, struct xs_machinery *machinery)
{
	machinery->maps = xs_datapath_maps(machinery->datapath);
	machinery->pool = xs_pool_new(xs_node_maps_tables(machinery->maps), NULL, NULL);
	machinery->nexthops = xs_nexthops_new(machinery->maps);
	if (!machinery->pool || !machinery->nexthops)
		return -ENOMEM;
	if (xs_datapath_taken_up(machinery->datapath)) {
		int err = xs_takeup_new(machinery->maps, machinery->pool, machinery->nexthops, &machinery->takeup);

		if (err)
			return err;
	}
	machinery->space = xs_mux_space_new(machinery->maps, machinery->pool);
	if (!machinery->space)
		return -ENOMEM;
	machinery->fill = xs_fill_new(machinery->maps, machinery->pool, machinery->space);
	machinery->mirrors = xs_mirrors_new(agent->base, machinery->maps, machinery->pool, machinery->nexthops,
					     agent->silent);
	return machinery->fill && machinery->mirrors ? 0 : -ENOMEM;
}

int xs_machinery_prepare(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	struct xs_machinery machinery = {0};
	struct xs_datapath_size size;
	int err;

	end_load(agent);
	xs_fill_size(image, &size);
	if (agent->machinery.datapath && !xs_datapath_pinned(agent->machinery.datapath)) {
		xs_log("somebody removed the pins: loading all anew");
		return begin_anew(agent, error);
	}
	if (agent->machinery.datapath)
		return xs_datapath_fits(agent->machinery.datapath, &size) ? 0 : grow(agent, &size, error);
	err = xs_datapath_open(agent->name, &size, agent->spare, &machinery.datapath, error);
	set_spare(agent, NULL);
	if (err)
		return err;
	if (xs_datapath_grown(machinery.datapath)) {
		err = xs_datapath_replace(machinery.datapath, xs_node_netns(agent->node), error);
		if (err)
			goto out;
	}
	err = bring_up(agent, &machinery);
	if (err) {
		snprintf(error, XS_AGENT_ERROR, "cannot take up the maps: %s", strerror(-err));
		goto out;
	}
	if (machinery.takeup && pool_grows(&machinery, &size)) {
		drop(&machinery);
		return grow(agent, &size, error);
	}
	xs_log(machinery.takeup ? "datapath taken up" : "datapath loaded");
	agent->machinery = machinery;
	return 0;
out:
	drop(&machinery);
	return err;
}

void xs_machinery_spare(struct xs_agent *agent)
{
	struct xs_datapath_size size;
	char error[XS_AGENT_ERROR] = "";

	end_load(agent);
	if (agent->machinery.datapath || agent->spare)
		return;
	xs_fill_size_spare(&size);
	/* What is wrong will be said when it matters. */
	xs_datapath_spare(&size, &agent->spare, error);
}
