/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.c - see machine.h. A family's file: "was A B C", "set A B C", "former A B C", then "node NAME NEIGHBOURS" a line. Former
 * is what we had set before: who was killed between file and limits has left that.
 */
#include "loader/node/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/base/address.h"
#include "loader/node/journal.h"
#include "loader/node/sysctl.h"

#define FILE_NAME    64
#define NODE_NAME    64
#define LIMITS       3

/* Longer than a node's name may be. */
static const char *const file_of[XS_FAMILIES] = {
	XS_MACHINE_FILE,
	XS_MACHINE_FILE "-ipv6",
};

static const char *const limit_path[LIMITS] = {
	"neigh/default/gc_thresh1",
	"neigh/default/gc_thresh2",
	"neigh/default/gc_thresh3",
};

struct need {
	char node[NODE_NAME];
	uint32_t neighbours;
};

/* One family's table. */
struct machine {
	const char *file;
	int directory; /* of the sysctls */
	bool known; /* was and set were read */
	long was[LIMITS], set[LIMITS];
	long former[LIMITS]; /* what we had set before */
	struct need *need;
	size_t count;
};

static int set_need(struct machine *machine, const char *node, uint32_t neighbours)
{
	struct need *more;

	for (size_t i = 0; i < machine->count; i++) {
		if (strcmp(machine->need[i].node, node))
			continue;
		if (neighbours)
			machine->need[i].neighbours = neighbours;
		else
			machine->need[i] = machine->need[--machine->count];
		return 0;
	}
	if (!neighbours)
		return 0;
	if (strlen(node) >= NODE_NAME)
		return -ENAMETOOLONG;
	more = realloc(machine->need, (machine->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	machine->need = more;
	strcpy(more[machine->count].node, node);
	more[machine->count++].neighbours = neighbours;
	return 0;
}

static int read_machine(struct machine *machine)
{
	char line[128], node[NODE_NAME];
	FILE *file = fopen(machine->file, "re");
	bool was = false, set = false;
	uint32_t neighbours;
	int err = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!err && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "was %ld %ld %ld", &machine->was[0], &machine->was[1], &machine->was[2]) == LIMITS)
			was = true;
		else if (sscanf(line, "set %ld %ld %ld", &machine->set[0], &machine->set[1], &machine->set[2]) ==
			 LIMITS)
			set = true;
		else if (sscanf(line, "former %ld %ld %ld", &machine->former[0], &machine->former[1],
				&machine->former[2]) == LIMITS)
			continue;
		else if (sscanf(line, "node %63s %" SCNu32, node, &neighbours) == 2)
			err = set_need(machine, node, neighbours);
		/* Other lines are another version's, and nothing that was ours depends on them. */
	}
	machine->known = was && set;
	fclose(file);
	return err;
}

static int write_machine(const struct machine *machine)
{
	char aside[FILE_NAME];
	FILE *file;
	int err = 0;

	snprintf(aside, sizeof(aside), "%s.new", machine->file);
	file = fopen(aside, "we");
	if (!file)
		return -errno;
	fprintf(file, "was %ld %ld %ld\nset %ld %ld %ld\nformer %ld %ld %ld\n", machine->was[0], machine->was[1],
		machine->was[2], machine->set[0], machine->set[1], machine->set[2], machine->former[0], machine->former[1],
		machine->former[2]);
	for (size_t i = 0; i < machine->count; i++)
		fprintf(file, "node %s %" PRIu32 "\n", machine->need[i].node, machine->need[i].neighbours);
	if (fflush(file) || ferror(file))
		err = -EIO;
	if (fclose(file) && !err)
		err = -EIO;
	if (!err && rename(aside, machine->file))
		err = -errno;
	return err;
}

static bool is_ours(const struct machine *machine, int limit, long now)
{
	return now == machine->set[limit] || now == machine->former[limit];
}

/*
 * Sets the limits to what all nodes need together; true in *changed if the file must follow. What somebody else raised further
 * stays.
 */
static int plan_limits(struct machine *machine, bool *changed)
{
	long total = 0, wanted, now;
	int err;

	for (size_t i = 0; i < machine->count; i++)
		total += machine->need[i].neighbours;
	for (int i = 0; i < LIMITS; i++) {
		err = xs_sysctl_get(machine->directory, limit_path[i], &now);
		if (err)
			return err;
		if (!machine->known)
			machine->was[i] = machine->set[i] = machine->former[i] = now;
		/* Nothing is collected below the first; above the second, what is older than 5 s; the third is the end. */
		wanted = machine->was[i] + (i < LIMITS - 1 ? total : 2 * total);
		if (wanted > INT32_MAX)
			wanted = INT32_MAX;
		if ((wanted > now || is_ours(machine, i, now)) && machine->set[i] != wanted) {
			machine->former[i] = machine->set[i];
			machine->set[i] = wanted;
			*changed = true;
		}
	}
	*changed |= !machine->known;
	machine->known = true;
	return 0;
}

static int apply_limits(const struct machine *machine)
{
	long now;
	int err;

	for (int i = 0; i < LIMITS; i++) {
		err = xs_sysctl_get(machine->directory, limit_path[i], &now);
		if (!err && (now < machine->set[i] || (now != machine->set[i] && is_ours(machine, i, now))))
			err = xs_sysctl_set(machine->directory, limit_path[i], machine->set[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Only what is still as we set it is ours to give back. */
static int give_back(const struct machine *machine)
{
	long now;
	int err;

	for (int i = 0; i < LIMITS; i++) {
		err = xs_sysctl_get(machine->directory, limit_path[i], &now);
		if (!err && is_ours(machine, i, now))
			err = xs_sysctl_set(machine->directory, limit_path[i], machine->was[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

/* The lock is on the directory; which may be removed between open and lock, then it is another. */
static int lock_directory(bool create)
{
	struct stat mine, there;
	int fd, err;

	for (;;) {
		if (create && mkdir(XS_RUN_DIRECTORY, 0700) && errno != EEXIST)
			return -errno;
		fd = open(XS_RUN_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && create)
			continue;
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX) || fstat(fd, &mine)) {
			err = -errno;
			close(fd);
			return err;
		}
		if (!stat(XS_RUN_DIRECTORY, &there) && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
			return fd;
		close(fd);
	}
}

/* A node without a journal holds nothing any more: somebody took all that was in /run, or the node, away. */
static void drop_lost_nodes(struct machine *machine, const char *self)
{
	char path[sizeof(XS_RUN_DIRECTORY) + NODE_NAME + 16];

	for (size_t i = 0; i < machine->count;) {
		snprintf(path, sizeof(path), XS_RUN_DIRECTORY "/%s/journal", machine->need[i].node);
		if (strcmp(machine->need[i].node, self) && access(path, F_OK) && errno == ENOENT)
			machine->need[i] = machine->need[--machine->count];
		else
			i++;
	}
}

static int change_need(const char *node, uint32_t neighbours, bool at_least, struct machine *machine)
{
	bool changed = false;
	uint32_t before = 0;
	int err;

	err = read_machine(machine);
	drop_lost_nodes(machine, node);
	for (size_t i = 0; i < machine->count; i++)
		if (!strcmp(machine->need[i].node, node))
			before = machine->need[i].neighbours;
	if (at_least && neighbours < before)
		neighbours = before;
	if (!err)
		err = set_need(machine, node, neighbours);
	if (err)
		return err;
	if (!machine->count) {
		err = machine->known ? give_back(machine) : 0;
		if (!err && unlink(machine->file) && errno != ENOENT)
			err = -errno;
		return err;
	}
	err = plan_limits(machine, &changed);
	/* The file first: it knows the original before there is anything to give back. */
	if (!err && (changed || before != neighbours))
		err = write_machine(machine);
	return err ? err : apply_limits(machine);
}

int xs_machine_neighbours(const struct xs_sysctl *sysctl, const char *node, uint32_t neighbours, bool at_least)
{
	int lock, err = 0;
	long now;

	if (xs_sysctl_get(sysctl->ipv4, limit_path[0], &now) == -ENOENT)
		return 0;
	lock = lock_directory(neighbours > 0);
	if (lock < 0)
		return lock == -ENOENT ? 0 : lock;
	for (unsigned int i = 0; !err && i < XS_FAMILIES; i++) {
		struct machine machine = {.file = file_of[i],
					  .directory = i == XS_FAMILY6 ? sysctl->ipv6 : sysctl->ipv4};

		if (machine.directory >= 0)
			err = change_need(node, neighbours, at_least, &machine);
		free(machine.need);
	}
	rmdir(XS_RUN_DIRECTORY); /* if nothing is in it any more */
	close(lock);
	return err;
}
