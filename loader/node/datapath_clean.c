// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * datapath_clean.c - walks a node's pins, of whatever version: tells which programs its links run, takes over what
 * another version attached, and takes all of it away.
 *
 * Always holds: only what stands under the node's own pin directory is detached or removed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/node/attach.h"
#include "loader/node/netns.h"
#include "loader/node/share.h"

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

bool xs_links_run(const char *directory, uint32_t program_id)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		struct bpf_link_info info = {0};
		uint32_t length = sizeof(info);
		char path[PATH_MAX];
		int fd;

		if (!starts_with(entry->d_name, XS_PIN_XDP) || !xs_pin_path(path, "%s/%s", directory, entry->d_name))
			continue;
		fd = bpf_obj_get(path);
		if (fd < 0)
			continue;
		found = !bpf_obj_get_info_by_fd(fd, &info, &length) && info.prog_id == program_id;
		close(fd);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Of another version's pins: what is attached becomes ours, under its name; the rest, maps that we cannot read, goes. */
static int inherit_version(const char *directory, const char *own)
{
	struct dirent **entry;
	int count = scandir(directory, &entry, NULL, alphasort), err = 0;

	if (count < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		const char *name = entry[i]->d_name;
		char from[PATH_MAX], to[PATH_MAX];

		if (!err && !is_dot(name) && xs_pin_path(from, "%s/%s", directory, name) && xs_pin_path(to, "%s/%s", own, name)) {
			if (starts_with(name, XS_PIN_XDP) || starts_with(name, XS_PIN_SHARED) || starts_with(name, XS_PIN_TC) || starts_with(name, XS_PIN_QDISC))
				err = rename(from, to) ? -errno : 0;
			else
				err = unlink(from) ? -errno : 0;
		}
		free(entry[i]);
	}
	free(entry);
	return err ? err : rmdir(directory) ? -errno : 0;
}

int xs_pins_inherit(const char *node, const char *own)
{
	struct dirent **entry;
	char parent[PATH_MAX], path[PATH_MAX];
	int count, err = 0;

	if (!xs_pin_path(parent, "%s/%s", XS_PIN_ROOT, node))
		return -ENAMETOOLONG;
	count = scandir(parent, &entry, NULL, alphasort);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		if (!err && !is_dot(entry[i]->d_name) && xs_pin_path(path, "%s/%s", parent, entry[i]->d_name) && strcmp(path, own))
			err = inherit_version(path, own);
		free(entry[i]);
	}
	free(entry);
	return err;
}

/* One entry of a version's directory: what it stands for is undone (netlink NULL: it is gone), and it is removed. */
static int undo(const char *directory, const char *name, struct xs_netlink *netlink)
{
	char path[PATH_MAX];

	if (!xs_pin_path(path, "%s/%s", directory, name))
		return -ENAMETOOLONG;
	if (starts_with(name, XS_PIN_XDP)) {
		int fd = bpf_obj_get(path);

		/* -ENOLINK and such: its device is gone. The pin goes in any case. */
		if (fd >= 0) {
			bpf_link_detach(fd);
			close(fd);
		}
	} else if (starts_with(name, XS_PIN_SHARED)) {
		uint32_t ifindex = strtoul(name + strlen(XS_PIN_SHARED), NULL, 10);
		char ignored[XS_ERROR_SIZE];
		int err = netlink ? xs_share_leave(netlink, ifindex, ignored) : 0;

		return err ? err : xs_record_strike(directory, XS_PIN_SHARED, ifindex);
	} else if (starts_with(name, XS_PIN_TC)) {
		uint32_t ifindex = strtoul(name + strlen(XS_PIN_TC), NULL, 10);
		bool ours = xs_record_is_there(directory, XS_PIN_QDISC, ifindex);
		int err = netlink ? xs_tc_take_off(netlink, ifindex, ours) : 0;

		return err ? err : xs_record_strike(directory, XS_PIN_TC, ifindex);
	} else if (starts_with(name, XS_PIN_QDISC)) {
		return rmdir(path) && errno != ENOENT ? -errno : 0;
	}
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* Calls undo for the entries that `wanted` starts ("" all), from a list, since what is removed while it is read may hide others. */
static int undo_all(const char *directory, const char *wanted, struct xs_netlink *netlink)
{
	struct dirent **entry;
	int count = scandir(directory, &entry, NULL, alphasort), err = 0;

	if (count < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		if (!is_dot(entry[i]->d_name) && starts_with(entry[i]->d_name, wanted)) {
			int failed = undo(directory, entry[i]->d_name, netlink);

			err = err ? err : failed;
		}
		free(entry[i]);
	}
	free(entry);
	return err;
}

/* XDP first: a packet that XDP passes up meets tc, one that tc has no program for would meet the node's own stack. */
static int clean_version(const char *directory, struct xs_netlink *netlink)
{
	int err = undo_all(directory, XS_PIN_XDP, netlink);

	if (!err)
		err = undo_all(directory, XS_PIN_SHARED, netlink);
	if (!err)
		err = undo_all(directory, XS_PIN_TC, netlink);
	if (!err)
		err = undo_all(directory, "", netlink);
	if (!err && rmdir(directory) && errno != ENOENT)
		err = -errno;
	return err;
}

static int clean_node(const char *parent, struct xs_netlink *netlink)
{
	struct dirent **entry;
	int count = scandir(parent, &entry, NULL, alphasort), err = 0;

	if (count < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		if (!err && !is_dot(entry[i]->d_name) && xs_pin_path(path, "%s/%s", parent, entry[i]->d_name))
			err = clean_version(path, netlink);
		free(entry[i]);
	}
	free(entry);
	if (!err && rmdir(parent) && errno != ENOENT)
		err = -errno;
	return err;
}

int xs_datapath_clean(const char *node, int netns, char *error)
{
	struct xs_netlink *netlink = NULL;
	struct xs_netns_scope scope;
	char parent[PATH_MAX];
	int err;

	if (!node[0] || strchr(node, '/') || is_dot(node) || !xs_pin_path(parent, "%s/%s", XS_PIN_ROOT, node))
		return xs_explain(error, -EINVAL, "%s is no node's name", node);
	if (netns >= 0) {
		err = xs_netns_enter(netns, &scope);
		if (err)
			return xs_explain(error, err, "cannot enter the namespace of node %s: %s", node, strerror(-err));
	}
	err = netns >= 0 ? xs_netlink_open_here(&netlink) : 0;
	if (!err)
		err = clean_node(parent, netlink);
	xs_netlink_close(netlink);
	if (netns >= 0)
		xs_netns_leave(&scope);
	/* The last node's clean takes the common directory along; another node's keep it. */
	rmdir(XS_PIN_ROOT);
	return err ? xs_explain(error, err, "%s: cannot take everything away: %s", parent, strerror(-err)) : 0;
}
