/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.c - see journal.h. One entry a line: KIND KEY-IN-ONE-OR-TWO-WORDS... IFINDEX WAS SET, the key in quotes. */
#include "loader/node/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#define MAGIC     "xslice-journal 1"
#define BOOT_SIZE 37 /* a UUID and NUL */
#define PATH_SIZE 128

static const char *const kind_name[XS_JOURNAL_KINDS] = {
	[XS_JOURNAL_NETNS] = "netns",     [XS_JOURNAL_VETH] = "veth",       [XS_JOURNAL_UP] = "up",
	[XS_JOURNAL_PROMISC] = "promisc", [XS_JOURNAL_FEATURE] = "feature", [XS_JOURNAL_MTU] = "mtu",
	[XS_JOURNAL_ADDRESS] = "address",
};

struct entry {
	char id[XS_JOURNAL_KEY + 4]; /* kind and key: what it is found by */
	struct xs_journal_entry public;
	UT_hash_handle hh;
};

struct xs_journal {
	char directory[PATH_SIZE];
	char boot[BOOT_SIZE];
	uint64_t identity;
	struct entry *entries;
	bool changed;
};

static void id_of(enum xs_journal_kind kind, const char *key, char *id)
{
	snprintf(id, sizeof(((struct entry *)0)->id), "%u %s", (unsigned int)kind, key);
}

static struct entry *find(const struct xs_journal *journal, enum xs_journal_kind kind, const char *key)
{
	char id[sizeof(((struct entry *)0)->id)];
	struct entry *entry;

	id_of(kind, key, id);
	HASH_FIND_STR(journal->entries, id, entry);
	return entry;
}

const struct xs_journal_entry *xs_journal_find(const struct xs_journal *journal, enum xs_journal_kind kind,
					       const char *key)
{
	const struct entry *entry = find(journal, kind, key);

	return entry ? &entry->public : NULL;
}

int xs_journal_note(struct xs_journal *journal, enum xs_journal_kind kind, const char *key, uint32_t ifindex, long was,
		    long set)
{
	struct entry *entry = find(journal, kind, key);

	if (strlen(key) >= XS_JOURNAL_KEY || strpbrk(key, "\"\n"))
		return -EINVAL;
	if (entry && entry->public.ifindex == ifindex) {
		journal->changed |= entry->public.set != set;
		entry->public.set = set;
		return 0;
	}
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		id_of(kind, key, entry->id);
		HASH_ADD_STR(journal->entries, id, entry);
	}
	entry->public = (struct xs_journal_entry){ .kind = kind, .ifindex = ifindex, .was = was, .set = set };
	strcpy(entry->public.key, key);
	journal->changed = true;
	return 0;
}

void xs_journal_forget(struct xs_journal *journal, enum xs_journal_kind kind, const char *key)
{
	struct entry *entry = find(journal, kind, key);

	if (!entry)
		return;
	HASH_DEL(journal->entries, entry);
	free(entry);
	journal->changed = true;
}

static int by_kind_and_key(const void *a, const void *b)
{
	const struct xs_journal_entry *x = *(const struct xs_journal_entry *const *)a;
	const struct xs_journal_entry *y = *(const struct xs_journal_entry *const *)b;

	return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : strcmp(x->key, y->key);
}

int xs_journal_list(const struct xs_journal *journal, const struct xs_journal_entry ***out, size_t *count)
{
	size_t n = HASH_COUNT(journal->entries), i = 0;
	const struct xs_journal_entry **list = calloc(n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (const struct entry *entry = journal->entries; entry; entry = entry->hh.next)
		list[i++] = &entry->public;
	qsort(list, n, sizeof(*list), by_kind_and_key);
	*out = list;
	*count = n;
	return 0;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static void read_boot(char *boot)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, boot, BOOT_SIZE - 1);

	boot[size > 0 ? size : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static int read_line(struct xs_journal *journal, const char *line, bool same_devices)
{
	char kind[16], key[XS_JOURNAL_KEY];
	unsigned int ifindex;
	long was, set;

	if (sscanf(line, "%15s \"%63[^\"]\" %u %ld %ld", kind, key, &ifindex, &was, &set) != 5)
		return -EBADMSG;
	for (int i = 0; i < XS_JOURNAL_KINDS; i++) {
		if (strcmp(kind, kind_name[i]))
			continue;
		if (i != XS_JOURNAL_NETNS && !same_devices)
			return 0;
		return xs_journal_note(journal, (enum xs_journal_kind)i, key, ifindex, was, set);
	}
	return -EBADMSG;
}

static int read_file(struct xs_journal *journal, FILE *file)
{
	char line[256], boot[BOOT_SIZE];
	uint64_t identity;
	int err;

	if (!fgets(line, sizeof(line), file))
		return ferror(file) ? -EIO : 0;
	if (!line[0]) /* zeros, or nothing at all: what a crash of the machine may leave where /run is on a disk */
		return 0;
	if (sscanf(line, MAGIC " boot %36s namespace %" SCNu64, boot, &identity) != 2)
		return -EBADMSG;
	if (strcmp(boot, journal->boot))
		return 0; /* nothing it tells of has outlived the boot */
	while (fgets(line, sizeof(line), file)) {
		err = read_line(journal, line, identity == journal->identity);
		if (err)
			return err;
	}
	return ferror(file) ? -EIO : 0;
}

int xs_journal_open(const char *node, uint64_t identity, struct xs_journal **out)
{
	struct xs_journal *journal = calloc(1, sizeof(*journal));
	char path[PATH_SIZE + 16];
	FILE *file;
	int err = 0;

	if (!journal)
		return -ENOMEM;
	journal->identity = identity;
	read_boot(journal->boot);
	if (snprintf(journal->directory, sizeof(journal->directory), XS_RUN_DIRECTORY "/%s", node) >= (int)PATH_SIZE ||
	    strchr(node, '/')) {
		err = -EINVAL;
		goto out;
	}
	snprintf(path, sizeof(path), "%s/journal", journal->directory);
	file = fopen(path, "re");
	if (file) {
		err = read_file(journal, file);
		fclose(file);
	} else if (errno != ENOENT) {
		err = -errno;
	}
	journal->changed = false;
	if (err)
		goto out;
	*out = journal;
	journal = NULL;
out:
	xs_journal_close(journal);
	return err;
}

void xs_journal_close(struct xs_journal *journal)
{
	struct entry *entry, *next;

	if (!journal)
		return;
	HASH_ITER(hh, journal->entries, entry, next) {
		HASH_DEL(journal->entries, entry);
		free(entry);
	}
	free(journal);
}

static int write_entries(const struct xs_journal *journal, FILE *file)
{
	const struct xs_journal_entry **list;
	size_t count;
	int err = xs_journal_list(journal, &list, &count);

	if (err)
		return err;
	fprintf(file, MAGIC " boot %s namespace %" PRIu64 "\n", journal->boot, journal->identity);
	for (size_t i = 0; i < count; i++)
		fprintf(file, "%s \"%s\" %u %ld %ld\n", kind_name[list[i]->kind], list[i]->key, list[i]->ifindex,
			list[i]->was, list[i]->set);
	free(list);
	return fflush(file) || ferror(file) ? -EIO : 0;
}

/* Another node that goes may take the empty upper one away in between. */
static int make_directory(const char *path)
{
	for (int i = 0; i < 100; i++) {
		if (mkdir(XS_RUN_DIRECTORY, 0700) && errno != EEXIST)
			return -errno;
		if (!mkdir(path, 0700) || errno == EEXIST)
			return 0;
		if (errno != ENOENT)
			return -errno;
	}
	return -ENOENT;
}

int xs_journal_save(struct xs_journal *journal)
{
	char path[PATH_SIZE + 16], aside[PATH_SIZE + 16];
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "%s/journal", journal->directory);
	snprintf(aside, sizeof(aside), "%s/journal.new", journal->directory);
	if (!journal->entries) {
		unlink(aside);
		if (unlink(path) && errno != ENOENT)
			return -errno;
		rmdir(journal->directory); /* unless somebody keeps something there */
		rmdir(XS_RUN_DIRECTORY);
		journal->changed = false;
		return 0;
	}
	/* Somebody may have removed it. */
	if (!journal->changed && !access(path, F_OK))
		return 0;
	err = make_directory(journal->directory);
	if (err)
		return err;
	file = fopen(aside, "we");
	if (!file)
		return -errno;
	err = write_entries(journal, file);
	if (fclose(file) && !err)
		err = -EIO;
	if (!err && rename(aside, path))
		err = -errno;
	if (err)
		unlink(aside);
	else
		journal->changed = false;
	return err;
}
