// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * apply_main.c - what an apply costs, from the start of `xslice apply` until the nodes' agents have reported: against a bare
 * netlink program that makes as many namespaces and veths and nothing else. Real programs on real namespaces; what they say goes
 * to build/bench/apply.log.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loader/node/link.h"
#include "loader/node/netns.h"
#include "loader/store/report.h"
#include "selftests/bench/result.h"

#define NODES 3
#define SLICES 1000
#define WAIT_S 120
#define REST_US 400000
#define LOG "build/bench/apply.log"

static const char *const node_name[NODES] = {"xbench1", "xbench2", "xbench3"};

/* A definition, whose agents run, and how much a bare program makes in its place. */
struct scene {
	const char *definition;
	unsigned int agents; /* of the first so many nodes */
	unsigned int namespaces, veths;
};

static char folder[] = "/tmp/xslice-bench-XXXXXX";
static char store_path[64];
static struct xs_store *store;
static pid_t agent[NODES];

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* ---- programs ------------------------------------------------------------------------------------------------------ */

static pid_t start(char *const *words)
{
	pid_t child = fork();
	int log;

	if (child)
		return child;
	log = open(LOG, O_WRONLY | O_CREAT | O_APPEND, 0644);
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

static void start_agents(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		char *words[] = {"build/xsliced", "--node", (char *)node_name[i], "--store", store_path, "--netns",
				 (char *)node_name[i], NULL};

		if (!agent[i])
			agent[i] = start(words);
	}
}

static void stop_agents(void)
{
	for (unsigned int i = 0; i < NODES; i++) {
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

/* Agents that hold nothing load their programs while nobody waits: until none has done anything for a while. */
static void wait_rest(unsigned int count)
{
	unsigned long before, now = 0;
	double end = now_ns() + WAIT_S * 1e9;

	do {
		before = now;
		usleep(REST_US);
		now = 0;
		for (unsigned int i = 0; i < count; i++)
			now += spent(agent[i]);
	} while (now != before && now_ns() < end);
}

/* Waits until the first `count` nodes hold the active revision, which is another than `former`. */
static int wait_reports(unsigned int count, const char *former)
{
	const struct timespec pause = {.tv_nsec = 500000};
	double end = now_ns() + WAIT_S * 1e9;

	for (;;) {
		struct xs_revision active;
		struct xs_report report;
		unsigned int done = 0;

		if (!xs_revision_get(store, &active)) {
			if (strcmp(active.id, former))
				while (done < count && !xs_report_get(store, node_name[done], &report) &&
				       xs_report_is_of(&report, &active))
					done++;
			xs_revision_free(&active);
			if (done && report.failed)
				return -EPROTO;
		}
		if (done == count)
			return 0;
		if (now_ns() > end)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

/* `xslice apply` until the agents have reported; nodes without agents are not waited for. */
static int apply(const struct scene *scene, const char *definition, double *ns)
{
	struct xs_revision active;
	char former[XS_REVISION_ID] = "";
	double begin;
	char *words[] = {"build/xslice", "apply", (char *)definition, "--store", store_path, "--timeout",
			 scene->agents == NODES ? "60" : "0.001", NULL};
	pid_t child;
	int err;

	if (!xs_revision_get(store, &active)) {
		strcpy(former, active.id);
		xs_revision_free(&active);
	}
	begin = now_ns();
	child = start(words);
	err = wait_reports(scene->agents, former);
	*ns = now_ns() - begin;
	waitpid(child, NULL, 0);
	return err;
}

static int clean(void)
{
	return run("build/xslice", "clean", "--store", store_path, "--timeout", "120", NULL) ? -EPROTO : 0;
}

/* ---- the bare program ---------------------------------------------------------------------------------------------- */

static int bare_make(struct xs_netlink *netlink, unsigned int namespaces, unsigned int veths)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	unsigned int made = 0;
	int err = 0;

	for (unsigned int i = 0; i < namespaces && !err; i++) {
		char name[32];
		int netns;

		snprintf(name, sizeof(name), "xbare%u", i);
		netns = xs_netns_add(name);
		if (netns < 0)
			return netns;
		for (; made < (i + 1) * veths / namespaces && !err; made++) {
			char outer[16], inner[16];

			snprintf(outer, sizeof(outer), "xbare%u", made);
			snprintf(inner, sizeof(inner), "in%u", made);
			err = xs_veth_add(netlink, outer, netns, inner, mac, 1500);
		}
		close(netns);
	}
	return err;
}

static int bare_remove(struct xs_netlink *netlink, unsigned int namespaces)
{
	struct xs_link *links = NULL;
	uint32_t *gone = NULL;
	size_t count = 0, found = 0;
	int err = xs_link_dump(netlink, &links, &count);

	if (!err) {
		gone = calloc(count + 1, sizeof(*gone));
		for (size_t i = 0; gone && i < count; i++)
			if (!strncmp(links[i].name, "xbare", 5))
				gone[found++] = links[i].ifindex;
		err = gone ? xs_link_delete(netlink, links, count, gone, found) : -ENOMEM;
	}
	for (unsigned int i = 0; i < namespaces; i++) {
		char name[32];

		snprintf(name, sizeof(name), "xbare%u", i);
		xs_netns_delete(name);
	}
	free(links);
	free(gone);
	return err;
}

/* ---- measurements -------------------------------------------------------------------------------------------------- */

static int measure_bare(void *context, double *ns)
{
	const struct scene *scene = context;
	struct xs_netlink *netlink;
	int netns = xs_netns_open(node_name[0]), err = netns < 0 ? netns : xs_netlink_open(netns, &netlink), undone;
	double begin;

	if (err)
		return err;
	begin = now_ns();
	err = bare_make(netlink, scene->namespaces, scene->veths);
	*ns = now_ns() - begin;
	undone = bare_remove(netlink, scene->namespaces);
	xs_netlink_close(netlink);
	close(netns);
	return err ? err : undone;
}

static int measure_apply(void *context, double *ns)
{
	const struct scene *scene = context;
	int err;

	start_agents(scene->agents);
	wait_rest(scene->agents);
	err = apply(scene, scene->definition, ns);
	return err ? err : clean();
}

/* One slice of the many comes or goes; both are in force in turn. */
struct change {
	struct scene scene;
	const char *other;
	bool turn;
};

static int measure_change(void *context, double *ns)
{
	struct change *change = context;

	change->turn = !change->turn;
	return apply(&change->scene, change->turn ? change->other : change->scene.definition, ns);
}

/* ---- definitions --------------------------------------------------------------------------------------------------- */

static void write_slice(FILE *file, unsigned int i)
{
	fprintf(file,
		"  - name: s%u\n"
		"    vrf:\n"
		"      - name: v1\n"
		"        node: %s\n"
		"        route:\n"
		"          - {prefix: 10.10.0.0/16, via: 10.1.2.2}\n"
		"          - {prefix: 10.20.0.0/16, via: 10.1.3.2}\n"
		"          - {prefix: 0.0.0.0/0, via: 10.1.2.2}\n"
		"      - {name: v2, node: %s}\n"
		"      - {name: v3, node: %s}\n"
		"    link:\n"
		"      - {name: a%u, ends: [v1, v2], subnet: 10.1.2.0/24}\n"
		"      - {name: b%u, ends: [v1, v3], subnet: 10.1.3.0/24}\n",
		i, node_name[0], node_name[1], node_name[2], i, i);
}

/* `count` slices of a VRF with two links and three routes each on the first node. */
static int write_many(const char *path, unsigned int count)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return -errno;
	fprintf(file, "node:\n");
	fprintf(file, "  - {name: %s, port: [{name: r2, peer: %s/r1}, {name: r3, peer: %s/r1}]}\n", node_name[0], node_name[1],
		node_name[2]);
	for (unsigned int i = 1; i < NODES; i++)
		fprintf(file, "  - {name: %s, port: [{name: r1, peer: %s/r%u}]}\n", node_name[i], node_name[0], i + 1);
	fprintf(file, "slice:\n");
	for (unsigned int i = 0; i < count; i++)
		write_slice(file, i);
	return fclose(file) ? -errno : 0;
}

static int write_figure7(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "sed -E 's/\\bR([123])\\b/xbench\\1/g' docs/examples/figure7.yaml > %s", path);
	return system(command) ? -EIO : 0;
}

/* ---- the rig ------------------------------------------------------------------------------------------------------- */

static int raise_rig(void)
{
	static const char *const wire[][4] = {
		{"0", "r2", "1", "r1"}, {"0", "r3", "2", "r1"}, {"1", "r3", "2", "r2"}};
	static const char *const user[][2] = {{"0", "pdc"}, {"1", "adc"}, {"2", "client"}};
	int err = 0;

	for (unsigned int i = 0; i < NODES && !err; i++)
		err = run("ip", "netns", "add", node_name[i], NULL);
	for (size_t i = 0; i < 3 && !err; i++)
		err = run("ip", "-n", node_name[atoi(wire[i][0])], "link", "add", wire[i][1], "up", "type", "veth", "peer", "name",
			  wire[i][3], "netns", node_name[atoi(wire[i][2])], NULL) ||
		      run("ip", "-n", node_name[atoi(wire[i][2])], "link", "set", wire[i][3], "up", NULL);
	for (size_t i = 0; i < 3 && !err; i++)
		err = run("ip", "-n", node_name[atoi(user[i][0])], "link", "add", user[i][1], "up", "type", "veth", "peer", "name",
			  "host", NULL) ||
		      run("ip", "-n", node_name[atoi(user[i][0])], "link", "set", "host", "up", NULL);
	return err ? -EPROTO : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void lower_rig(void)
{
	if (store)
		clean();
	stop_agents();
	for (unsigned int i = 0; i < NODES; i++)
		run("ip", "netns", "delete", node_name[i], NULL);
	xs_store_close(store);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int bench_change(const char *many, const char *fewer)
{
	struct change change = {.scene = {many, 1, 1, 2}, .other = fewer};
	double ns;
	int err;

	start_agents(1);
	err = apply(&change.scene, many, &ns);
	if (!err)
		err = result_row("change-1-of-1000", "bare-1-slice", RESULT_MS, measure_change, &change, measure_bare,
				 &change.scene);
	return err;
}

int main(int argc, char **argv)
{
	char figure7[64], many[64], fewer[64];
	struct scene small = {figure7, NODES, 7, 15}, large = {many, 1, SLICES, 2 * SLICES};
	int err = 0;

	if (!result_wanted(argc, argv, "apply-figure7") && !result_wanted(argc, argv, "apply-1000-slices") &&
	    !result_wanted(argc, argv, "change-1-of-1000"))
		return 0;
	if (!mkdtemp(folder))
		return 1;
	mkdir("build/bench", 0755);
	unlink(LOG);
	snprintf(store_path, sizeof(store_path), "%s/store", folder);
	snprintf(figure7, sizeof(figure7), "%s/figure7.yaml", folder);
	snprintf(many, sizeof(many), "%s/many.yaml", folder);
	snprintf(fewer, sizeof(fewer), "%s/fewer.yaml", folder);
	err = xs_store_open(store_path, 1, &store);
	if (!err)
		err = raise_rig();
	if (!err)
		err = write_figure7(figure7);
	if (!err)
		err = write_many(many, SLICES);
	if (!err)
		err = write_many(fewer, SLICES - 1);
	if (!err && result_wanted(argc, argv, "apply-figure7"))
		err = result_row("apply-figure7", "bare-figure7", RESULT_MS, measure_apply, &small, measure_bare, &small);
	stop_agents();
	if (!err && result_wanted(argc, argv, "apply-1000-slices"))
		err = result_row("apply-1000-slices", "bare-1000-slices", RESULT_MS, measure_apply, &large, measure_bare, &large);
	if (!err && result_wanted(argc, argv, "change-1-of-1000"))
		err = bench_change(many, fewer);
	if (err)
		fprintf(stderr, "bench: apply: %s; see " LOG "\n", strerror(-err));
	lower_rig();
	return err ? 1 : 0;
}
