/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agents.c - see agents.h. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loader/store/report.h"
#include "selftests/bench/agents.h"

#define WAIT_S  120
#define REST_US 400000
#define PATHS   16

const char *const agents_node[AGENTS_NODES] = { "xbench1", "xbench2", "xbench3" };

static char folder[] = "/tmp/xslice-bench-XXXXXX";
static char log_path[64], kept[PATHS][64];
static unsigned int paths;
static const char *store_path;
static struct xs_store *store;
static pid_t agent[AGENTS_NODES];

double agents_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

pid_t agents_pid(unsigned int node)
{
	return agent[node];
}

const char *agents_path(const char *name)
{
	if (paths == PATHS)
		return "";
	snprintf(kept[paths], sizeof(kept[0]), "%s/%s", folder, name);
	return kept[paths++];
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

static pid_t start(char *const *words)
{
	pid_t child = fork();
	int log;

	if (child)
		return child;
	log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execvp(words[0], words);
	_exit(127);
}

/* Exit code of a program, or -1. */
static int run(const char *word, ...)
{
	char *words[16];
	int count = 0, status;
	va_list list;
	pid_t child;

	va_start(list, word);
	for (; word && count < 15; word = va_arg(list, const char *))
		words[count++] = (char *)word;
	va_end(list);
	words[count] = NULL;
	child = start(words);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

void agents_start(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		char *words[] = { "build/xsliced",    "--node",  (char *)agents_node[i], "--store",
				  (char *)store_path, "--netns", (char *)agents_node[i], NULL };

		if (!agent[i])
			agent[i] = start(words);
	}
}

void agents_stop(void)
{
	for (unsigned int i = 0; i < AGENTS_NODES; i++) {
		if (!agent[i])
			continue;
		kill(agent[i], SIGTERM);
		waitpid(agent[i], NULL, 0);
		agent[i] = 0;
	}
}

/* Clock ticks that a process has spent. */
static unsigned long spent(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		user = system = 0;
	fclose(file);
	return user + system;
}

void agents_rest(unsigned int count)
{
	unsigned long before, now = 0;
	double end = agents_now_ns() + WAIT_S * 1e9;

	do {
		before = now;
		usleep(REST_US);
		now = 0;
		for (unsigned int i = 0; i < count; i++)
			now += spent(agent[i]);
	} while (now != before && agents_now_ns() < end);
}

/* An apply that was refused: there is nothing to wait for. */
static bool is_refused(pid_t child)
{
	siginfo_t info = {};

	return !waitid(P_PID, child, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == child &&
	       (info.si_code != CLD_EXITED || info.si_status == 2);
}

/* Waits until the first `count` nodes hold the active revision, which is another than `former`. */
static int wait_reports(unsigned int count, const char *former, pid_t child)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	double end = agents_now_ns() + WAIT_S * 1e9;

	for (;;) {
		struct xs_revision active;
		struct xs_report report;
		unsigned int done = 0;

		if (!xs_revision_get(store, &active)) {
			if (strcmp(active.id, former))
				while (done < count && !xs_report_get(store, agents_node[done], &report) &&
				       xs_report_is_of(&report, &active))
					done++;
			xs_revision_free(&active);
			if (done && report.failed)
				return -EPROTO;
		}
		if (done == count)
			return 0;
		if (is_refused(child))
			return -EINVAL;
		if (agents_now_ns() > end)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

int agents_apply(const char *definition, unsigned int count, double *ns)
{
	struct xs_revision active;
	char former[XS_REVISION_ID] = "";
	double begin;
	char *words[] = { "build/xslice",
			  "apply",
			  (char *)definition,
			  "--store",
			  (char *)store_path,
			  "--timeout",
			  count == AGENTS_NODES ? "60" : "0.001",
			  NULL };
	pid_t child;
	int err;

	if (!xs_revision_get(store, &active)) {
		strcpy(former, active.id);
		xs_revision_free(&active);
	}
	begin = agents_now_ns();
	child = start(words);
	err = wait_reports(count, former, child);
	*ns = agents_now_ns() - begin;
	waitpid(child, NULL, 0);
	return err;
}

int agents_clean(void)
{
	return run("build/xslice", "clean", "--store", store_path, "--timeout", "120", NULL) ? -EPROTO : 0;
}

/* ---- the rig ----------------------------------------------------------------------------------------------------- */

static int raise_rig(void)
{
	static const char *const wire[][4] = { { "0", "r2", "1", "r1" },
					       { "0", "r3", "2", "r1" },
					       { "1", "r3", "2", "r2" } };
	static const char *const user[][2] = { { "0", "pdc" }, { "1", "adc" }, { "2", "client" } };
	int err = 0;

	for (unsigned int i = 0; i < AGENTS_NODES && !err; i++)
		err = run("ip", "netns", "add", agents_node[i], NULL);
	for (size_t i = 0; i < 3 && !err; i++)
		err = run("ip", "-n", agents_node[atoi(wire[i][0])], "link", "add", wire[i][1], "up", "type", "veth",
			  "peer", "name", wire[i][3], "netns", agents_node[atoi(wire[i][2])], NULL) ||
		      run("ip", "-n", agents_node[atoi(wire[i][2])], "link", "set", wire[i][3], "up", NULL);
	for (size_t i = 0; i < 3 && !err; i++)
		err = run("ip", "-n", agents_node[atoi(user[i][0])], "link", "add", user[i][1], "up", "type", "veth",
			  "peer", "name", "host", NULL) ||
		      run("ip", "-n", agents_node[atoi(user[i][0])], "link", "set", "host", "up", NULL);
	return err ? -EPROTO : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

/*
 * One rig at a time on a machine, as alone() of selftests/rig/lib/netns.py has it: who started us may hold the lock for us.
 * Agents are not to hold it.
 */
static int be_alone(void)
{
	const char *held = getenv("XSLICE_RIG_HELD");
	int fd = held ? atoi(held) : open("/run/lock/xslice-rig", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (held)
		return fcntl(fd, F_SETFD, FD_CLOEXEC) ? -errno : 0;
	return fd < 0 || flock(fd, LOCK_EX) ? -errno : 0;
}

int agents_open(const char *log)
{
	int err = be_alone();

	if (err)
		return err;

	snprintf(log_path, sizeof(log_path), "build/bench/%s", log);
	mkdir("build/bench", 0755);
	unlink(log_path);
	if (!mkdtemp(folder))
		return -errno;
	store_path = agents_path("store");
	err = xs_store_open(store_path, 1, &store);
	return err ? err : raise_rig();
}

void agents_close(void)
{
	if (store)
		agents_clean();
	agents_stop();
	for (unsigned int i = 0; i < AGENTS_NODES; i++)
		run("ip", "netns", "delete", agents_node[i], NULL);
	xs_store_close(store);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
