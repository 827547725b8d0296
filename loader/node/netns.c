/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netns.c - see netns.h. */
#include "loader/node/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "loader/node/netlink.h"

#define OWN_NETNS "/proc/thread-self/ns/net"
#define PATH_SIZE 128

static int path_of(const char *name, char *path)
{
	int size = snprintf(path, PATH_SIZE, XS_NETNS_DIRECTORY "/%s", name);

	return !*name || strchr(name, '/') || name[0] == '.' ? -EINVAL : size >= PATH_SIZE ? -ENAMETOOLONG : 0;
}

int xs_netns_open(const char *name)
{
	char path[PATH_SIZE];
	struct statfs type;
	int fd, err;

	if (!name) {
		fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	err = path_of(name, path);
	if (err)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* A maker that was killed between creating the file and mounting on it leaves a plain file. */
	if (fstatfs(fd, &type) || type.f_type != NSFS_MAGIC) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

/*
 * The directory is a shared mount, so that names appear and vanish in all mount namespaces alike; as `ip netns add`
 * makes it, under the lock that it takes.
 */
static int prepare_directory(void)
{
	int lock, err = 0;

	if (mkdir(XS_NETNS_DIRECTORY, 0755) && errno != EEXIST)
		return -errno;
	lock = open(XS_NETNS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX))
		err = -errno;
	if (!err && mount("", XS_NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL)) {
		/* EINVAL: it is no mount yet */
		if (errno != EINVAL || mount(XS_NETNS_DIRECTORY, XS_NETNS_DIRECTORY, "none", MS_BIND | MS_REC, NULL) ||
		    mount("", XS_NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL))
			err = -errno;
	}
	close(lock);
	return err;
}

/* The file that is to be the namespace's name, and what of it a killed maker left. */
static int make_name(const char *path)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0), err = 0;
	struct statfs type;

	if (fd < 0)
		return -errno;
	if (!fstatfs(fd, &type) && type.f_type == NSFS_MAGIC)
		err = -EEXIST;
	close(fd);
	return err;
}

int xs_netns_add_and_enter(const char *name, struct xs_netns_scope *scope)
{
	static atomic_bool prepared;
	char path[PATH_SIZE];
	int fd, back, err;

	err = path_of(name, path);
	if (!err && !prepared)
		err = prepare_directory();
	if (err)
		return err;
	prepared = true;
	err = make_name(path);
	if (err)
		return err;
	fd = back = xs_netns_open(NULL);
	if (back < 0)
		goto failed;
	if (unshare(CLONE_NEWNET)) {
		fd = -errno;
		close(back);
		goto failed;
	}
	scope->back = back;
	fd = mount(OWN_NETNS, path, "none", MS_BIND, NULL) ? -errno : xs_netns_open(NULL);
	if (fd < 0) {
		xs_netns_leave(scope);
		umount2(path, MNT_DETACH);
		goto failed;
	}
	xs_netlink_count_change();
	return fd;
failed:
	unlink(path);
	return fd;
}

int xs_netns_add(const char *name)
{
	struct xs_netns_scope scope;
	int fd = xs_netns_add_and_enter(name, &scope);

	if (fd >= 0)
		xs_netns_leave(&scope);
	return fd;
}

int xs_netns_delete(const char *name)
{
	char path[PATH_SIZE];
	int err = path_of(name, path);

	if (err)
		return err;
	/* EINVAL: the name is there but nothing is mounted. */
	while (!umount2(path, MNT_DETACH))
		;
	if (errno != EINVAL && errno != ENOENT)
		return -errno;
	if (unlink(path))
		return errno == ENOENT ? 0 : -errno;
	xs_netlink_count_change();
	return 0;
}

int xs_netns_enter(int netns, struct xs_netns_scope *scope)
{
	int back = xs_netns_open(NULL), err;

	if (back < 0)
		return back;
	if (setns(netns, CLONE_NEWNET)) {
		err = -errno;
		close(back);
		return err;
	}
	scope->back = back;
	return 0;
}

void xs_netns_leave(struct xs_netns_scope *scope)
{
	/* All that would follow would happen in the wrong namespace. */
	if (setns(scope->back, CLONE_NEWNET)) {
		perror("cannot return to the network namespace that was left");
		abort();
	}
	close(scope->back);
	scope->back = -1;
}

int xs_netns_identity(int netns, uint64_t *identity)
{
	struct xs_netns_scope scope = { -1 };
	struct stat status;
	uint64_t cookie;
	int fd, err;

	err = xs_netns_enter(netns, &scope);
	if (err)
		return err;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	err = fd < 0 ? -errno : 0;
	xs_netns_leave(&scope);
	if (err)
		return err;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &(socklen_t){ sizeof(cookie) })) {
		if (fstat(netns, &status))
			err = -errno;
		else
			cookie = status.st_ino;
	}
	close(fd);
	if (!err)
		*identity = cookie;
	return err;
}
