/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl.c - see sysctl.h. */
#include "loader/node/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "loader/node/netlink.h"
#include "loader/node/netns.h"

#define NAMESPACES_PER_PROC 32

/* A proc file system that nobody else sees, mounted nowhere (Linux 5.8). */
static int make_proc(void)
{
	int context = fsopen("proc", FSOPEN_CLOEXEC), proc = -1;

	if (context >= 0 && !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		proc = fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (context >= 0)
		close(context);
	return proc >= 0 ? proc : open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/*
 * The kernel looks for the directory of a namespace among those of all namespaces that were looked up in the same proc
 * file system, one after the other: with a thousand that costs more than all else. So each few have one of their own,
 * which lives as long as they do.
 */
static int open_proc(void)
{
	static int proc = -1;
	static unsigned int left;

	if (!left) {
		if (proc >= 0)
			close(proc);
		proc = make_proc();
		left = proc < 0 ? 0 : NAMESPACES_PER_PROC;
	}
	left -= left > 0;
	return proc;
}

int xs_sysctl_open_here(struct xs_sysctl *out)
{
	struct xs_sysctl opened = { -1, -1 };
	int proc = open_proc();

	opened.ipv4 = proc < 0 ? -1 : openat(proc, "sys/net/ipv4", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened.ipv4 < 0)
		return -errno;
	opened.ipv6 = openat(proc, "sys/net/ipv6", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*out = opened;
	return 0;
}

int xs_sysctl_open(int netns, struct xs_sysctl *out)
{
	struct xs_netns_scope scope;
	int err;

	err = xs_netns_enter(netns, &scope);
	if (err)
		return err;
	err = xs_sysctl_open_here(out);
	xs_netns_leave(&scope);
	return err;
}

void xs_sysctl_close(struct xs_sysctl *sysctl)
{
	if (sysctl->ipv4 >= 0)
		close(sysctl->ipv4);
	if (sysctl->ipv6 >= 0)
		close(sysctl->ipv6);
	sysctl->ipv4 = sysctl->ipv6 = -1;
}

static int read_value(int fd, long *value)
{
	char text[32], *end;
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
	long number;

	if (size < 0)
		return -errno;
	text[size] = '\0';
	number = strtol(text, &end, 10);
	if (end == text)
		return -EBADMSG;
	*value = number;
	return 0;
}

int xs_sysctl_get(int directory, const char *path, long *value)
{
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = read_value(fd, value);
	close(fd);
	return err;
}

static int write_value(int fd, long value)
{
	char text[32];
	int size = snprintf(text, sizeof(text), "%ld\n", value);

	if (pwrite(fd, text, (size_t)size, 0) != size)
		return -errno;
	xs_netlink_count_change();
	return 1;
}

int xs_sysctl_set(int directory, const char *path, long value)
{
	int fd = openat(directory, path, O_RDWR | O_CLOEXEC), err;
	long now;

	if (fd < 0)
		return -errno;
	err = read_value(fd, &now);
	if (!err && now != value)
		err = write_value(fd, value);
	close(fd);
	return err;
}

int xs_sysctl_write(int directory, const char *path, long value)
{
	int fd = openat(directory, path, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = write_value(fd, value);
	close(fd);
	return err;
}
