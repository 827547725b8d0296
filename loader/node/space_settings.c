/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * space_settings.c - all sysctls that a namespace and its devices depend on. No default is assumed: a new namespace
 * takes its from the host.
 *
 * Always holds: IPv6 is off on every device without an IPv6 address; where it is on, the other settings stood before.
 */
#include <errno.h>
#include <stdio.h>

#include "loader/node/netns.h"
#include "loader/node/space.h"
#include "maps/contract.h"

int xs_view_set_sysctl(struct xs_view *view, int directory, const char *path, long value)
{
	int err = directory < 0 ? 0 : xs_sysctl_set(directory, path, value);

	if (err < 0 && err != -ENOENT) /* an older kernel has not all of them */
		return xs_view_fail(view, err, "", "set sysctl %s to %ld", path, value);
	return 0;
}

static int directory_of(const struct xs_view *view, unsigned int family)
{
	return family == XS_FAMILY6 ? view->space->sysctl.ipv6 : view->space->sysctl.ipv4;
}

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
	/* The address that a sliver shares with an edge is there. */
	if (!err)
		err = xs_view_set_sysctl(view, ipv6, "conf/lo/disable_ipv6", !view->want->ipv6);
	return err;
}

int xs_view_make_settings(struct xs_view *view)
{
	struct xs_netns_scope scope;
	int err;

	err = xs_netns_enter(view->space->netns, &scope);
	if (err)
		return xs_view_fail(view, err, "", "enter namespace %s", view->want->netns);
	err = make_family_settings(view, XS_FAMILY4);
	/* The address by which a packet came names the sliver to those who trace. */
	if (!err)
		err = xs_view_set_sysctl(view, view->space->sysctl.ipv4, "icmp_errors_use_inbound_ifaddr", 1);
	if (!err)
		err = xs_view_set_sysctl(view, view->space->sysctl.ipv4, "icmp_ratelimit", 100);
	if (!err)
		err = make_ipv6_settings(view);
	xs_netns_leave(&scope);
	return err;
}

/*
 * How the kernel resolves neighbours by a device. Behind a link sliver there is one other sliver, which may come up a
 * moment later: it is asked ten times in a second, where the kernel's three times in three would cost the first packets
 * a second.
 */
static int make_neighbour_settings(struct xs_view *view, const struct xs_rec_vport *vport, const char *device,
				   unsigned int family)
{
	static const struct {
		const char *name;
		int value;
		bool link_only;
	} neighbour[] = {
		{ "proxy_delay", 0, false }, /* otherwise a proxy answers after up to 0.8 s */
		{ "retrans_time_ms", 100, true },
		{ "mcast_solicit", 10, true },
	};
	char path[96];
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(neighbour) / sizeof(neighbour[0]); i++) {
		if (neighbour[i].link_only && vport->kind != XS_VPORT_LINK)
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
		int value = setting[i].of[view->want->role].device;

		if (now[setting[i].index] == value)
			continue;
		snprintf(path, sizeof(path), "conf/%s/%s", inner->name, setting[i].name);
		err = xs_view_set_sysctl(view, directory_of(view, family), path, value);
	}
	return err ? err : make_neighbour_settings(view, vport, inner->name, family);
}

int xs_view_make_device_settings(struct xs_view *view, const struct xs_rec_vport *vport, const struct xs_link *inner)
{
	bool ipv6 = vport->address[XS_FAMILY6].family;
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
	if (!err && inner->ipv6 != ipv6)
		err = xs_view_set_sysctl(view, view->space->sysctl.ipv6, path, !ipv6);
	xs_netns_leave(&scope);
	return err;
}
