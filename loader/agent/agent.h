/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agent.h - the agent of one node: what it holds, and its parts. agent.c is the loop and what it says, revise.c takes on
 * revisions, reconcile.c makes the node equal to an image, machinery.c is what stands between the maps and an image.
 *
 * Always holds: one thread (but for xs_machinery_load()), one agent per node (lock.h). `image` is what the node holds; it changes when all of the next one is in
 * force: then its copy is on disk, and from there on a change goes forward only. Leaving by whatever way leaves the node forwarding.
 */
#ifndef XSLICE_AGENT_AGENT_H
#define XSLICE_AGENT_AGENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "loader/agent/advertise.h"
#include "loader/agent/links.h"
#include "loader/agent/mirrors.h"
#include "loader/agent/silent.h"
#include "loader/agent/takeup.h"
#include "loader/image/image.h"
#include "loader/node/datapath.h"
#include "loader/node/fill.h"
#include "loader/node/node.h"
#include "loader/store/report.h"
#include "loader/store/store.h"

#define XS_AGENT_ERROR 256 /* size of every `error` */

struct event;
struct event_base;

/* What stands between maps and image while the node holds something. All or nothing: datapath is NULL where there is none. */
struct xs_machinery {
	struct xs_datapath *datapath;
	struct xs_node_maps *maps;
	struct xs_pool *pool;
	struct xs_nexthops *nexthops;
	struct xs_mux_space *space;
	struct xs_fill *fill;
	struct xs_mirrors *mirrors;
	struct xs_takeup *takeup; /* what a former agent left in force; NULL: nothing, or released */
};

/* A datapath that a thread of its own loads. */
struct xs_load {
	bool runs; /* the thread is to be waited for; until then the rest is its */
	pthread_t thread;
	struct xs_datapath_size size;
	struct xs_datapath *made; /* NULL: it could not */
};

/* A pass that looks at everything though nothing is known to be wrong. */
struct xs_look {
	bool may_end, ended;      /* before its end, as there is news; it did */
	uint64_t changes, writes; /* when it began */
	unsigned int in_a_row;    /* how many have ended so */
};

struct xs_agent {
	const char *name;      /* the node's */
	const char *netns;     /* NULL: the process's own */
	const char *store_path;
	char *const *argv;     /* to begin anew with */
	int lock;
	struct event_base *base;
	struct xs_store *store;
	int watch; /* the store's descriptor */
	struct event *store_event;
	bool store_missed; /* it is gone, and that was said */
	bool misread;      /* the last look failed by what the store says */
	bool signed_node;  /* the machine says whose node this is (xs_owner_put()) */
	char *place;       /* of the store, without symbolic links, as the machine's notes have it; NULL: not noted yet */
	struct xs_node *node;
	struct xs_links *links;
	struct xs_silent *silent; /* users that do not answer */
	struct xs_advertise *advertise; /* gateways and edges, as IPv6 routers */
	struct event *soon; /* a reconciliation that is due when links have settled */
	struct event *idle; /* time to load a spare datapath */
	struct xs_datapath *spare; /* for the next image, while the node holds nothing; NULL: none */
	struct xs_load load;
	struct xs_machinery machinery;
	uint64_t writes_before; /* by machinery that was taken down */
	struct xs_image *image; /* in force, or left in force by a former agent; NULL: the node holds nothing */
	const struct xs_image *switching; /* whose cells are in the map: the one in force or the one on its way */
	bool whole; /* the pass at hand looks at everything, whether or not another image says another thing of it */
	struct xs_look look;
	bool complete; /* the last pass, of which `image` is left, has done all that it had to do */
	bool started;           /* the first reconciliation is behind it */
	struct xs_report report;
	bool unreported; /* the store did not take it */
};

/* ---- machinery.c ---- */

/*
 * Opens the datapath for an image and takes up what a former agent left. Where the maps are too small now they grow: then it
 * does not return, but begins the program anew, which takes up the larger ones.
 */
int xs_machinery_prepare(struct xs_agent *agent, const struct xs_image *image, char *error);
/*
 * Begins to load the datapath for an image beside what follows, where the node holds nothing and what it has to spare is too small;
 * xs_machinery_prepare() waits for it. Verifying programs and making namespaces are most of a first apply, and neither needs the other.
 */
void xs_machinery_load(struct xs_agent *agent, const struct xs_image *image);
/* Doubles the pool and the next hops, because routes lacked room. Does not return on success. */
int xs_machinery_grow(struct xs_agent *agent, char *error);
/* Loads a datapath for an image that may come, where the node holds nothing: nobody waits now. */
void xs_machinery_spare(struct xs_agent *agent);
/* Nothing is attached any more: frees all of it. */
void xs_machinery_free(struct xs_agent *agent);
/* Words and entries written to maps by this process. */
uint64_t xs_machinery_writes(const struct xs_agent *agent);

/* ---- reconcile.c ---- */

/*
 * Makes all that is new in `image` and puts it into force. 0, or negative errno with the sentence in error; then to make and
 * retire to the former image leads back. `image` stays the caller's.
 */
int xs_agent_make(struct xs_agent *agent, const struct xs_image *image, char *error);
/* Takes away all that is not in `image` (NULL: everything). What fails is tried again here, and may be by the next call. */
int xs_agent_retire(struct xs_agent *agent, const struct xs_image *image, char *error);

/* ---- revise.c ---- */

/*
 * Makes the node equal to what the store says, once, and reports where that is news. whole: looks at everything; else only at what
 * differs between the image in force and the next one, if the last pass was a good one.
 */
void xs_agent_revise(struct xs_agent *agent, bool whole);
/*
 * Between two of many namespaces, context: the agent: switches that have come are taken over. True: this pass ends here, as there is a
 * revision to take on, and all that was looked at so far is as it should be.
 */
bool xs_agent_pauses(void *context);
/* Is it another revision than the one that was last taken on? */
bool xs_agent_is_news(const struct xs_agent *agent, const struct xs_revision *revision);

/* ---- advice.c ---- */

/* Looks for what loses packets though the node is as its image says. True: the report's warning is another now. */
bool xs_agent_advise(struct xs_agent *agent);

/* ---- agent.c ---- */

void xs_agent_report(struct xs_agent *agent);

/* Takes switches over that have come meanwhile. True: something has come, and may be more than that. */
bool xs_agent_hears(struct xs_agent *agent);
/* The same, for steps that take long. context: the agent. */
void xs_agent_breathe(void *context);

/* Runs until SIGTERM or SIGINT. The process's exit code. */
int xs_agent_run(struct xs_agent *agent);

#endif
