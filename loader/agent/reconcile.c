// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reconcile.c - makes the node equal to an image: make before break. What is new is made and filled, then opened; what is old
 * is closed, then taken away. Every step compares before it changes, so a second run changes nothing.
 *
 * Always holds: making takes nothing away (but addresses that a new route or address cannot stand beside, and what leads to, and counts of, a
 * virtual port whose id has become another's), so that after a failure the former image, made and retired to, finds all that it had: the same entries, devices
 * and neighbours. Retiring cannot be taken back; what fails in it is done again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/agent/agent.h"
#include "loader/agent/cells.h"
#include "loader/agent/lock.h"
#include "loader/agent/log.h"
#include "loader/model/domain.h"
#include "loader/node/router.h"

#define RETIRE_TRIES 3

static int explain(char *error, int err, const char *what)
{
	snprintf(error, XS_AGENT_ERROR, "%s: %s", what, strerror(-err));
	return err;
}

/* ---- programs ------------------------------------------------------------------------------------------------------ */

/* All that are new at once, before they come up. One that refuses is asked again, by itself, for its reason. */
static size_t attach_new_slivers(struct xs_agent *agent, const struct xs_image *image)
{
	uint32_t *fresh = calloc(image->count[XS_REC_VPORT] + 1, sizeof(*fresh));
	const struct xs_rec_vport *record;
	size_t count = 0;

	for (size_t i = 0; fresh && (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		const struct xs_node_vport *made = xs_node_vport(agent->node, record->id);

		if (made && made->fresh)
			fresh[count++] = made->veth;
	}
	if (count && xs_datapath_attach_new(agent->machinery.datapath, XS_HOOK_TC_SLIVER, xs_node_netlink(agent->node),
					    fresh, count))
		count = 0;
	free(fresh);
	return count;
}

static int attach_slivers(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	bool new_are_done = attach_new_slivers(agent, image) > 0;
	struct xs_datapath *datapath = agent->machinery.datapath;
	struct xs_netlink *netlink = xs_node_netlink(agent->node);
	const struct xs_rec_vport *record;
	int result = 0;

	for (size_t i = 0; result >= 0 && (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		const struct xs_node_vport *made = xs_node_vport(agent->node, record->id);

		if (!made)
			return explain(error, -ENOENT, record->name);
		if (!made->looked_at || !xs_vport_has_veth(record))
			continue;
		if (!(made->fresh && new_are_done) &&
		    !xs_datapath_is_attached(datapath, XS_HOOK_TC_SLIVER, netlink, made->veth))
			result = xs_datapath_attach(datapath, XS_HOOK_TC_SLIVER, xs_node_netns(agent->node), made->veth, 0,
						    error);
		if (result >= 0 && record->kind == XS_VPORT_EDGE)
			result = xs_datapath_attach(datapath, XS_HOOK_TC_EDGE, made->netns, made->inner, 0, error);
		if (result >= 0 && record->kind == XS_VPORT_UPLINK)
			result = xs_datapath_attach(datapath, XS_HOOK_TC_UPLINK, made->netns, made->inner, 0, error);
	}
	if (result >= 0) {
		result = xs_node_copy_carrier(agent->node, image);
		if (result < 0)
			explain(error, result, "cannot bring veths up");
	}
	return result < 0 ? result : 0;
}

/* A port with a local stack behind it has tc only: there XDP could not keep what its packets carry. */
static bool has_xdp(const struct xs_rec_port *record)
{
	return record->stack != XS_STACK_LOCAL;
}

static unsigned int how_of(const struct xs_rec_port *record)
{
	return (record->mode == XS_MODE_GENERIC ? XS_HOW_GENERIC : 0) | (record->attach == XS_ATTACH_SHARED ? XS_HOW_SHARED : 0);
}

/* tc first: what XDP passes up must be met by it. */
static int attach_ports(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	struct xs_datapath *datapath = agent->machinery.datapath;
	const struct xs_rec_port *record;
	int netns = xs_node_netns(agent->node), result = 0;
	char why[XS_AGENT_ERROR];

	for (int hook = XS_HOOK_TC_PORT; hook >= XS_HOOK_XDP_PORT; hook--)
		for (size_t i = 0; result >= 0 && (record = xs_image_at(image, XS_REC_PORT, i)); i++) {
			const struct xs_node_port *port = xs_node_port(agent->node, record->id);

			if (!port)
				return explain(error, -ENODEV, record->name);
			if (record->on)
				continue;
			if (hook == XS_HOOK_TC_PORT || has_xdp(record))
				result = xs_datapath_attach(datapath, hook, netns, port->ifindex, how_of(record), why);
			if (result < 0)
				snprintf(error, XS_AGENT_ERROR, "port %s: %.200s", record->name, why);
		}
	return result < 0 ? result : 0;
}

static int detach_others(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	size_t total = image->count[XS_REC_PORT], tc = 0, xdp = 0;
	uint32_t *keep = calloc(2 * total + 1, sizeof(*keep));
	const struct xs_rec_port *record;
	int err = keep ? 0 : -ENOMEM;

	for (size_t i = 0; !err && (record = xs_image_at(image, XS_REC_PORT, i)); i++) {
		const struct xs_node_port *port = xs_node_port(agent->node, record->id);

		if (!port)
			continue;
		keep[tc++] = port->ifindex;
		if (has_xdp(record))
			keep[total + xdp++] = port->ifindex;
	}
	if (!err)
		err = xs_datapath_keep(agent->machinery.datapath, XS_HOOK_XDP_PORT, xs_node_netns(agent->node), keep + total, xdp);
	if (!err)
		err = xs_datapath_keep(agent->machinery.datapath, XS_HOOK_TC_PORT, xs_node_netns(agent->node), keep, tc);
	free(keep);
	return err ? explain(error, err, "cannot leave a former port") : 0;
}

/*
 * Do two records of a vport lead to the same wire? The port's id does not tell: a port may get another device, and a device another
 * port. Nor does a link's label: at its other end is who was there.
 */
static bool same_wire(const struct xs_image *before, const struct xs_rec_vport *former, const struct xs_image *after,
		      const struct xs_rec_vport *record)
{
	const struct xs_rec_port *was = xs_image_find(before, XS_REC_PORT, &former->port);
	const struct xs_rec_port *is = xs_image_find(after, XS_REC_PORT, &record->port);

	if (!was || !is)
		return was == is;
	return !strcmp(was->interface, is->interface) && (former->vid == record->vid || record->kind == XS_VPORT_LINK);
}

/*
 * A vport that has moved to another wire meets others there, maybe with the addresses that it knows. (Whom the node's own instance knows
 * by a WAN's device is not ours to forget.)
 */
static int forget_former_neighbours(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	const struct xs_rec_vport *record, *former;
	bool forgotten = false;
	int err = 0;

	for (size_t i = 0; !err && agent->image && (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		former = xs_image_find(agent->image, XS_REC_VPORT, &record->id);
		if (!former || record->kind == XS_VPORT_WAN || same_wire(agent->image, former, image, record))
			continue;
		err = xs_node_forget_neighbours(agent->node, record->id, error);
		forgotten = true;
	}
	if (forgotten)
		xs_mirrors_drain(agent->machinery.mirrors);
	return err;
}

/*
 * Who knew another MAC for the address learns it now. Nothing depends on it: who asks is answered, and on links the kernels at
 * both ends look after each other, but that may take IPv6's the better part of a minute.
 */
static void announce_new(const struct xs_agent *agent, const struct xs_image *image)
{
	const struct xs_rec_vport *record, *former;

	for (size_t i = 0; (record = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		former = agent->image ? xs_image_find(agent->image, XS_REC_VPORT, &record->id) : NULL;
		if (record->kind == XS_VPORT_MUX || (record->kind == XS_VPORT_LINK && !former))
			continue;
		for (int family = 0; family < XS_FAMILIES; family++) {
			const struct xs_address *address = &record->address[family];

			if (!address->family ||
			    (former && same_wire(agent->image, former, image, record) &&
			     !memcmp(&former->mac, &record->mac, sizeof(record->mac)) &&
			     !xs_address_compare(&former->address[family], address)))
				continue;
			xs_node_announce(agent->node, record->id, address);
		}
	}
}

/* ---- the two halves ------------------------------------------------------------------------------------------------ */

/* Where a slice by paging has neither gateway nor MUX, its VRF is addresses of the node's own instance, and nothing else. */
static bool has_datapath(const struct xs_image *image)
{
	return image && image->count[XS_REC_PORT];
}

static const struct xs_image *known_image(const struct xs_agent *agent)
{
	return agent->whole ? NULL : agent->image;
}

static int make_without_datapath(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	int err = xs_node_make(agent->node, image, known_image(agent), NULL, NULL, error);

	return err ? err : xs_node_join_substrate(agent->node, image, known_image(agent), error);
}

struct making {
	struct xs_agent *agent;
	const struct xs_image *image;
};

/* Whose a program on a port is can be told when ours are loaded. If they cannot be, that is said when they are needed. */
static bool admits(void *context, uint32_t ifindex, uint32_t program_id, bool shared, char *who)
{
	const struct making *making = context;
	struct xs_agent *agent = making->agent;
	char error[XS_AGENT_ERROR];

	if (!agent->machinery.datapath && xs_machinery_prepare(agent, making->image, error))
		return true;
	return xs_datapath_admits(agent->machinery.datapath, ifindex, program_id, shared, who);
}

int xs_agent_make(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	struct xs_machinery *machinery = &agent->machinery;
	struct making making = {agent, image};
	uint64_t generation;
	int err = 0;

	if (!has_datapath(image))
		return make_without_datapath(agent, image, error);
	xs_machinery_load(agent, image);
	if (!agent->load.runs)
		err = xs_machinery_prepare(agent, image, error);
	if (!err)
		err = xs_node_make(agent->node, image, known_image(agent), admits, &making, error);
	if (!err && !machinery->datapath)
		err = xs_machinery_prepare(agent, image, error);
	if (err)
		return err;
	err = xs_cells_settle(agent->store, machinery->maps, image, agent->image, &generation);
	if (err)
		return explain(error, err, err == -EBADMSG ? "the store's key 'generation'" : "switch cells");
	agent->report.generation = generation;
	agent->switching = image;
	xs_agent_breathe(agent);
	err = xs_fill_vports(machinery->fill, image, agent->image, agent->node, error);
	if (!err)
		err = xs_fill_pages(machinery->fill, image, error);
	if (!err)
		err = attach_slivers(agent, image, error);
	if (!err)
		err = xs_node_join_substrate(agent->node, image, known_image(agent), error);
	if (!err)
		err = xs_mirrors_make(machinery->mirrors, image, agent->node, xs_agent_breathe, agent, error);
	if (!err)
		err = xs_fill_labels(machinery->fill, image, error);
	if (!err)
		err = xs_fill_muxes(machinery->fill, image, error);
	/*
	 * A program whose port has no entry yet leaves all to the host and counts nothing; so a port opens by one word, for XDP and tc
	 * at once, and no frame is counted by one of them alone.
	 */
	if (!err)
		err = attach_ports(agent, image, error);
	if (!err)
		err = xs_fill_ports(machinery->fill, image, agent->node, error);
	return err;
}

static int retire(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	struct xs_machinery *machinery = &agent->machinery;
	int err = forget_former_neighbours(agent, image, error);

	xs_routers_leave(agent->image, image);
	if (!err)
		err = xs_fill_withdraw(machinery->fill, image, error);
	if (!err)
		err = xs_mirrors_withdraw(machinery->mirrors, image, error);
	if (!err) {
		err = xs_cells_withdraw(machinery->maps, image);
		if (err)
			explain(error, err, "switch cells");
	}
	if (!err)
		err = detach_others(agent, image, error);
	if (!err)
		err = xs_node_retire(agent->node, image, error);
	if (!err && machinery->takeup) {
		xs_takeup_release(machinery->takeup, machinery->space);
		xs_takeup_free(machinery->takeup);
		machinery->takeup = NULL;
	}
	return err;
}

/* image: without ports; NULL: the node holds nothing. */
static int retire_datapath(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	int err;

	xs_advertise_hold(agent->advertise, NULL, NULL);
	xs_routers_leave(agent->image, image);
	err = xs_datapath_clean(agent->name, xs_node_netns(agent->node), error);
	if (err)
		return err;
	agent->switching = NULL;
	xs_machinery_free(agent);
	/* A node without cells is never behind. */
	if (xs_store_get_number(agent->store, "generation", &agent->report.generation))
		agent->report.generation = 0;
	err = xs_node_retire(agent->node, image, error);
	if (!err && !image) {
		err = xs_saved_image_put(agent->name, NULL, 0);
		if (err)
			explain(error, err, "saved image");
	}
	return err;
}

int xs_agent_retire(struct xs_agent *agent, const struct xs_image *image, char *error)
{
	int err;

	for (int tries = 0; tries < RETIRE_TRIES; tries++) {
		err = has_datapath(image) ? retire(agent, image, error) : retire_datapath(agent, image, error);
		if (!err)
			break;
		xs_log("taking away what is old: %s", error);
	}
	if (image) {
		announce_new(agent, image);
		xs_advertise_hold(agent->advertise, agent->node, image);
	}
	return err;
}
