/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * space_settings.c - all sysctls that a namespace and its devices depend on. No default is assumed: a new namespace
 * takes its from the host.
 *
 * Always holds: once a namespace is trimmed, IPv6 is off on every device without an IPv6 address; where it is on, the other settings stood before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "loader/node/inet.h"
#include "loader/node/netns.h"
#include "loader/node/space.h"
#include "maps/contract.h"

static int directory_of(const struct xs_view *view, unsigned int family)
{
	return family == XS_FAMILY6 ? view->space->sysctl.ipv6 : view->space->sysctl.ipv4;
}

/* ---- what a new namespace needs, found out once ------------------------------------------------------------------ */

/* Sysctls that were written in the first new namespace of a kind; the others take the same from their host. */
struct written {
	bool ipv6; /* which directory */
	char path[64];
	long value;
};

struct xs_script {
	bool known; /* all of it was written, and noted */
	size_t count, room;
	struct written *written;
};

void xs_scripts_forget(struct xs_node *node)
{
	for (int role = 0; role < XS_ROLES; role++)
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			if (node->script[role][ipv6])
				free(node->script[role][ipv6]->written);
			free(node->script[role][ipv6]);
			node->script[role][ipv6] = NULL;
		}
}

static struct xs_script **script_of(const struct xs_view *view)
{
	return &view->node->script[view->want->role][view->want->ipv6];
}

static int note_written(struct xs_script *script, bool ipv6, const char *path, long value)
{
	if (script->count == script->room) {
		size_t room = script->room ? 2 * script->room : 64;
		struct written *more = realloc(script->written, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		script->written = more;
		script->room = room;
	}
	script->written[script->count] = (struct written){ .ipv6 = ipv6, .value = value };
	snprintf(script->written[script->count++].path, sizeof(script->written->path), "%s", path);
	return 0;
}

int xs_view_set_sysctl(struct xs_view *view, int directory, const char *path, long value)
{
	int err = directory < 0 ? 0 : xs_sysctl_set(directory, path, value);

	if (err == 1 && view->script)
		err = note_written(view->script, directory == view->space->sysctl.ipv6, path, value);
	if (err < 0 && err != -ENOENT) /* an older kernel has not all of them */
		return xs_view_fail(view, err, "", "set sysctl %s to %ld", path, value);
	return 0;
}

static int follow_script(struct xs_view *view, const struct xs_script *script)
{
	for (size_t i = 0; i < script->count; i++) {
		const struct written *one = &script->written[i];
		int err =
			xs_sysctl_write(directory_of(view, one->ipv6 ? XS_FAMILY6 : XS_FAMILY4), one->path, one->value);

		if (err < 0)
			return xs_view_fail(view, err, "", "set sysctl %s to %ld", one->path, one->value);
	}
	return 0;
}

/* ---- the namespace ----------------------------------------------------------------------------------------------- */

static int make_family_settings(struct xs_view *view, unsigned int family)
{
	enum xs_role role = view->want->role;
	const struct xs_setting *setting;
	char path[96];
	size_t count;
	int err = 0;

	setting = xs_settings(family, &count);
	for (size_t i = 0; !err && i < count; i++) {
		snprintf(path, sizeof(path), "conf/all/%s", setting[i].name);
		err = xs_view_set_sysctl(view, directory_of(view, family), path, setting[i].of[role].all);
		snprintf(path, sizeof(path), "conf/default/%s", setting[i].name);
		if (!err)
			err = xs_view_set_sysctl(view, directory_of(view, family), path, setting[i].of[role].device);
	}
	return err;
}

/*
 * Each device says for itself whether it has IPv6: one that is made has none until its settings stand. `all` is not
 * touched, as that would turn it off or on everywhere.
 */
static int make_ipv6_settings(struct xs_view *view)
{
	int ipv6 = view->space->sysctl.ipv6, err;

	err = view->want->ipv6 ? make_family_settings(view, XS_FAMILY6) : 0;
	/* Of each to one receiver: who traces is answered ten times a second. Too big is never limited. */
	if (!err && view->want->ipv6)
		err = xs_view_set_sysctl(view, ipv6, "icmp/ratelimit", 100);
	if (!err)
		err = xs_view_set_sysctl(view, ipv6, "conf/default/disable_ipv6", 1);
	/* The address that a sliver shares with an edge is there. One that had it keeps it until it is trimmed. */
	if (!err && (view->want->ipv6 || view->fresh))
		err = xs_view_set_sysctl(view, ipv6, "conf/lo/disable_ipv6", !view->want->ipv6);
	return err;
}

static int make_all_settings(struct xs_view *view)
{
	int err = make_family_settings(view, XS_FAMILY4);

	/* The address by which a packet came names the sliver to those who trace. */
	if (!err)
		err = xs_view_set_sysctl(view, view->space->sysctl.ipv4, "icmp_errors_use_inbound_ifaddr", 1);
	if (!err)
		err = xs_view_set_sysctl(view, view->space->sysctl.ipv4, "icmp_ratelimit", 100);
	return err ? err : make_ipv6_settings(view);
}

int xs_view_make_settings(struct xs_view *view)
{
	struct xs_script **script = script_of(view);
	int err;

	if (!view->fresh)
		return make_all_settings(view);
	if (*script && (*script)->known)
		return follow_script(view, *script);
	/* One that was cut short is noted anew. */
	if (!*script)
		*script = calloc(1, sizeof(**script));
	view->script = *script;
	if (view->script)
		view->script->count = 0;
	err = make_all_settings(view);
	if (view->script)
		view->script->known = !err;
	view->script = NULL;
	return err;
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

/*
 * How the kernel resolves neighbours by a device. Behind a link sliver there is one other sliver, which may come up a
 * moment later: it is asked ten times in a second, where the kernel's three times in three would cost the first packets
 * a second.
 */
static const struct xs_neighbour_setting *neighbour_setting(const struct xs_rec_vport *vport)
{
	static const struct xs_neighbour_setting of_link = { 0, 100, 10 }, of_others = { 0, 0, 0 };

	return vport->kind == XS_VPORT_LINK ? &of_link : &of_others;
}

int xs_view_set_uplink(struct xs_view *view, const struct xs_rec_vport *vport)
{
	const struct xs_setting *setting;
	char path[96];
	int err = 0;

	for (unsigned int family = 0; vport->kind == XS_VPORT_UPLINK && family < XS_FAMILIES; family++) {
		size_t count;

		setting = xs_settings(family, &count);
		for (size_t i = 0; !err && i < count; i++) {
			int value = xs_setting_of(&setting[i], view->want->role, vport);

			if (value == setting[i].of[view->want->role].device)
				continue;
			snprintf(path, sizeof(path), "conf/%s/%s", vport->name, setting[i].name);
			err = xs_view_set_sysctl(view, directory_of(view, family), path, value);
		}
	}
	return err;
}

int xs_view_queue_neighbour_settings(struct xs_view *view, const struct xs_rec_vport *vport, uint32_t ifindex)
{
	int err = xs_neighbour_setting_set(view->netlink, ifindex, XS_IPV4, neighbour_setting(vport));

	if (!err && xs_vport_carries(vport, XS_FAMILY6))
		err = xs_neighbour_setting_set(view->netlink, ifindex, XS_IPV6, neighbour_setting(vport));
	return err;
}

static int make_neighbour_settings(struct xs_view *view, const struct xs_rec_vport *vport, const char *device,
				   unsigned int family)
{
	const struct xs_neighbour_setting *setting = neighbour_setting(vport);
	const struct {
		const char *name;
		uint32_t value;
		bool wanted;
	} neighbour[] = {
		{ "proxy_delay", setting->proxy_delay_ms, true }, /* otherwise a proxy answers after up to 0.8 s */
		{ "retrans_time_ms", setting->retrans_time_ms, setting->retrans_time_ms },
		{ "mcast_solicit", setting->mcast_solicit, setting->mcast_solicit },
	};
	char path[96];
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(neighbour) / sizeof(neighbour[0]); i++) {
		if (!neighbour[i].wanted)
			continue;
		snprintf(path, sizeof(path), "neigh/%s/%s", device, neighbour[i].name);
		err = xs_view_set_sysctl(view, directory_of(view, family), path, neighbour[i].value);
	}
	return err;
}

static int make_family_device_settings(struct xs_view *view, const struct xs_rec_vport *vport,
				       const struct xs_link *inner, unsigned int family)
{
	const int32_t *now = family == XS_FAMILY6 ? inner->ipv6_conf : inner->ipv4;
	const struct xs_setting *setting;
	char path[96];
	size_t count;
	int err = 0;

	setting = xs_settings(family, &count);
	for (size_t i = 0; !err && i < count; i++) {
		int value = xs_setting_of(&setting[i], view->want->role, vport);

		if (now[setting[i].index] == value)
			continue;
		snprintf(path, sizeof(path), "conf/%s/%s", inner->name, setting[i].name);
		err = xs_view_set_sysctl(view, directory_of(view, family), path, value);
	}
	return err ? err : make_neighbour_settings(view, vport, inner->name, family);
}

int xs_view_make_device_settings(struct xs_view *view, const struct xs_rec_vport *vport, const struct xs_link *inner)
{
	bool ipv6 = xs_vport_carries(vport, XS_FAMILY6);
	struct xs_netns_scope scope;
	char path[96];
	int err;

	err = xs_netns_enter(view->space->netns, &scope);
	if (err)
		return xs_view_fail(view, err, "", "enter namespace %s", view->want->netns);
	err = make_family_device_settings(view, vport, inner, XS_FAMILY4);
	if (!err && ipv6)
		err = make_family_device_settings(view, vport, inner, XS_FAMILY6);
	snprintf(path, sizeof(path), "conf/%s/disable_ipv6", inner->name);
	if (!err && ipv6 && !inner->ipv6)
		err = xs_view_set_sysctl(view, view->space->sysctl.ipv6, path, 0);
	xs_netns_leave(&scope);
	return err;
}

/* Has the link IPv6, and the want none for it? */
static bool is_beyond(const struct xs_view *view, const struct xs_link *link)
{
	if (!link->ipv6)
		return false;
	for (size_t i = 0; i < view->want->vport_count; i++)
		if (!strcmp(view->want->vport[i]->name, link->name))
			return !xs_vport_carries(view->want->vport[i], XS_FAMILY6);
	return link->ifindex == XS_LO_IFINDEX && !view->want->ipv6;
}

bool xs_view_has_ipv6_beyond(const struct xs_view *view)
{
	for (size_t i = 0; i < view->link_count; i++)
		if (is_beyond(view, &view->links[i]))
			return true;
	return false;
}

int xs_view_end_ipv6(struct xs_view *view)
{
	struct xs_netns_scope scope;
	char path[96];
	int err = xs_netns_enter(view->space->netns, &scope);

	if (err)
		return xs_view_fail(view, err, "", "enter namespace %s", view->want->netns);
	for (size_t i = 0; !err && i < view->link_count; i++) {
		if (!is_beyond(view, &view->links[i]))
			continue;
		snprintf(path, sizeof(path), "conf/%s/disable_ipv6", view->links[i].name);
		err = xs_view_set_sysctl(view, view->space->sysctl.ipv6, path, 1);
	}
	xs_netns_leave(&scope);
	return err;
}
