// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - xsliced, the agent of one node: its options, its limits, and the bpf file system that its pins need. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "loader/agent/agent.h"
#include "loader/agent/log.h"
#include "loader/base/program.h"
#include "loader/store/where.h"

#define BPF_FS      "/sys/fs/bpf"
#define DESCRIPTORS (1u << 20) /* several for each namespace and mirror */

static void usage(FILE *out)
{
	fputs("usage: xsliced --node NAME [--store DIR] [--netns NAME]\n"
	      "\n"
	      "Makes this machine, or one of its network namespaces, equal to what the store says of node NAME, keeps "
	      "it\n"
	      "so, and reports to the store. One agent per node. Ended or killed, it leaves the node forwarding; "
	      "started\n"
	      "again, it takes up what is there.\n"
	      "\n"
	      "  -n, --node NAME    the node, as the definition calls it\n"
	      "  -s, --store DIR    the store that `xslice apply` writes to; else $XSLICE_STORE, else " XS_STORE_DEFAULT
	      "\n"
	      "  -N, --netns NAME   the node is this namespace (ip netns), not the machine's own\n"
	      "  -h, --help         this text\n"
	      "  -V, --version      the version\n"
	      "\n"
	      "Signals: TERM, INT leave; HUP looks at everything now instead of within 30 s.\n"
	      "\n"
	      "Examples:\n"
	      "  xsliced --node R1\n"
	      "      the agent of a router called R1, as the unit xsliced@R1 runs it\n"
	      "  ip netns add R3; xsliced --node R3 --netns R3\n"
	      "      one of several nodes on one machine\n",
	      out);
}

static int see_help(void)
{
	fputs("xsliced: see xsliced --help\n", stderr);
	return 2;
}

static int bad_usage(const char *option, const char *value, const char *what)
{
	fprintf(stderr, "xsliced: %s%s%s%s: %s\n", option, value ? " '" : "", value ? value : "", value ? "'" : "",
		what);
	return see_help();
}

/* A name that stands for itself in a directory, /run/netns. */
static bool is_plain_name(const char *name, size_t size)
{
	return name[0] && name[0] != '.' && strlen(name) < size && !strchr(name, '/');
}

/* As the definition's `name`: what is none can never be given anything. */
static bool is_node_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char all[sizeof(letters) + 3];

	snprintf(all, sizeof(all), "%s_.-", letters);
	return strspn(name, letters) && !name[strspn(name, all)] && strlen(name) < XS_IMAGE_NAME;
}

static int parse(int argc, char **argv, struct xs_agent *agent)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, 'n' },  { "store", required_argument, NULL, 's' },
		{ "netns", required_argument, NULL, 'N' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },     { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "n:s:N:hV", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			agent->name = optarg;
			break;
		case 's':
			agent->store_path = optarg;
			break;
		case 'N':
			agent->netns = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(xs_end_output("xsliced", 0));
		case 'V':
			puts("xsliced " XS_VERSION);
			exit(xs_end_output("xsliced", 0));
		default: /* getopt said what is wrong */
			return see_help();
		}
	}
	if (optind < argc)
		return bad_usage("argument", argv[optind], "belongs to no option");
	if (!agent->name)
		return bad_usage("--node NAME", NULL, "is needed: which of the definition's nodes this is");
	if (!is_node_name(agent->name))
		return bad_usage("--node", agent->name,
				 "not the name of a node: 1 to 15 letters, digits, '_', '.' and '-', the first a letter or digit");
	if (agent->netns && !is_plain_name(agent->netns, sizeof(agent->report.netns)))
		return bad_usage("--netns", agent->netns,
				 "not the name of a namespace, as `ip netns list` shows it: no path");
	if (!agent->store_path[0])
		return bad_usage("--store", agent->store_path, "not a directory's path");
	return 0;
}

static void raise_limit(int resource, rlim_t wanted)
{
	struct rlimit limit = { wanted, wanted };

	if (!setrlimit(resource, &limit) || getrlimit(resource, &limit))
		return;
	/* Without the right to more: as much as there is. */
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

static int mount_bpf_fs(void)
{
	struct statfs status;

	if (!statfs(BPF_FS, &status) && status.f_type == BPF_FS_MAGIC)
		return 0;
	if (!mount("bpf", BPF_FS, "bpf", 0, "mode=0700"))
		return 0;
	xs_log("%s: no bpf file system, and none can be mounted: %s (mount -t bpf bpf %s)", BPF_FS, strerror(errno),
	       BPF_FS);
	return 1;
}

int main(int argc, char **argv)
{
	static struct xs_agent agent;
	int code;

	/* Begun anew by /proc/self/exe, the kernel calls the process "exe". */
	prctl(PR_SET_NAME, "xsliced");
	agent.store_path = xs_store_where();
	code = parse(argc, argv, &agent);
	if (code)
		return code;
	agent.argv = argv;
	xs_log_begin(agent.name);
	if (geteuid() != 0) {
		xs_log("only root can make namespaces and load programs: run it as root");
		return 1;
	}
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
	raise_limit(RLIMIT_NOFILE, DESCRIPTORS);
	return mount_bpf_fs() ? 1 : xs_agent_run(&agent);
}
