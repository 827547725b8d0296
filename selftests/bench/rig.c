/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rig.c - see rig.h. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "selftests/bench/rig.h"
#include "selftests/bench/bench.skel.h"

#define BATCH 64
#define TRIES 8

static int enter(int netns)
{
	return setns(netns, CLONE_NEWNET) ? -errno : 0;
}

/* A new namespace; the thread stays in its own. */
static int make_netns(int own)
{
	int fd = -1;

	if (!unshare(CLONE_NEWNET))
		fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	enter(own);
	return fd;
}

static int shell(const char *command)
{
	int status = system(command);

	if (status)
		fprintf(stderr, "bench: failed: %s\n", command);
	return status ? -EIO : 0;
}

static int command_in(const struct rig *rig, int netns, const char *command)
{
	int err = enter(netns);

	if (err)
		return err;
	err = shell(command);
	enter(rig->netns_own);
	return err;
}

/* ifindex and MAC of a device of `netns`. */
static int look_up(const struct rig *rig, int netns, const char *name, uint32_t *ifindex, uint8_t mac[6])
{
	struct ifreq request = {};
	int fd, err = enter(netns);

	if (err)
		return err;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		err = -errno;
	else
		memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	*ifindex = if_nametoindex(name);
	if (fd >= 0)
		close(fd);
	enter(rig->netns_own);
	return *ifindex ? err : -ENODEV;
}

static int attach(const struct rig *rig, int netns, uint32_t ifindex, int program)
{
	int err = enter(netns);

	if (err)
		return err;
	err = bpf_xdp_attach(ifindex, program, XDP_FLAGS_DRV_MODE, NULL);
	enter(rig->netns_own);
	return err;
}

static int lay_out(struct rig *rig)
{
	char command[512];
	int err;

	/* The veths are made in the node's namespace; their far ends go to the others, by descriptor. */
	snprintf(command, sizeof(command),
		 "ip link add in numtxqueues 1 numrxqueues 1 type veth peer name g numtxqueues 1 numrxqueues 1 && "
		 "ip link add out numtxqueues 1 numrxqueues 1 type veth peer name r numtxqueues 1 numrxqueues 1 && "
		 "ip link set g netns /proc/%d/fd/%d && ip link set r netns /proc/%d/fd/%d && "
		 "for d in in out; do ethtool -K $d tx off rx off tso off gso off gro off txvlan off rxvlan off >/dev/null 2>&1;"
		 " ip link set $d up; done",
		 getpid(), rig->netns_generator, getpid(), rig->netns_receiver);
	err = command_in(rig, rig->netns_node, command);
	if (!err)
		err = command_in(rig, rig->netns_generator,
				 "ethtool -K g tx off rx off tso off gso off gro off txvlan off rxvlan off >/dev/null 2>&1;"
				 " ip link set g up");
	if (!err)
		err = command_in(rig, rig->netns_receiver,
				 "ethtool -K r tx off rx off tso off gso off gro off txvlan off rxvlan off >/dev/null 2>&1;"
				 " ip link set r up");
	if (!err)
		err = look_up(rig, rig->netns_generator, "g", &rig->generator_ifindex, rig->generator_mac);
	if (!err)
		err = look_up(rig, rig->netns_node, "in", &rig->in_ifindex, rig->in_mac);
	if (!err)
		err = look_up(rig, rig->netns_node, "out", &rig->out_ifindex, rig->out_mac);
	if (!err)
		err = look_up(rig, rig->netns_receiver, "r", &rig->receiver_ifindex, rig->receiver_mac);
	return err;
}

static int pin_to_core(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/* A ring over all entries in an order that no prefetcher knows: 29 is prime to their number. */
static int fill_chain(const struct rig *rig)
{
	const struct bpf_map *chain = rig->ends->maps.chain;
	uint32_t count = bpf_map__max_entries(chain);
	int err = 0;

	for (uint32_t at = 0; at < count && !err; at++) {
		uint32_t next = (at + 29) % count;

		err = bpf_map_update_elem(bpf_map__fd(chain), &at, &next, BPF_ANY);
	}
	return err ? -errno : 0;
}

int rig_open(struct rig *rig)
{
	int err;

	memset(rig, 0, sizeof(*rig));
	rig->node_program = -1;
	rig->netns_own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (rig->netns_own < 0)
		return -errno;
	rig->netns_generator = make_netns(rig->netns_own);
	rig->netns_node = make_netns(rig->netns_own);
	rig->netns_receiver = make_netns(rig->netns_own);
	if (rig->netns_generator < 0 || rig->netns_node < 0 || rig->netns_receiver < 0) {
		fprintf(stderr, "bench: no network namespaces (root is needed)\n");
		err = -EPERM;
		goto out;
	}
	err = lay_out(rig);
	if (err)
		goto out;
	rig->ends = bench_bpf__open_and_load();
	if (!rig->ends) {
		err = -errno;
		goto out;
	}
	err = fill_chain(rig);
	if (!err)
		err = attach(rig, rig->netns_generator, rig->generator_ifindex, bpf_program__fd(rig->ends->progs.bench_pass));
	if (!err)
		err = attach(rig, rig->netns_receiver, rig->receiver_ifindex, bpf_program__fd(rig->ends->progs.bench_sink));
	if (!err)
		err = pin_to_core();
	rig->ends->bss->out_ifindex = rig->out_ifindex;
out:
	if (err) {
		fprintf(stderr, "bench: the rig did not stand up: %s\n", strerror(-err));
		rig_close(rig);
	}
	return err;
}

void rig_close(struct rig *rig)
{
	int *fd[] = {&rig->netns_generator, &rig->netns_node, &rig->netns_receiver, &rig->netns_own};

	bench_bpf__destroy(rig->ends);
	rig->ends = NULL;
	for (unsigned int i = 0; i < sizeof(fd) / sizeof(*fd); i++) {
		if (*fd[i] > 0)
			close(*fd[i]);
		*fd[i] = -1;
	}
}

int rig_node_program(struct rig *rig, int program)
{
	int err;

	if (program == rig->node_program)
		return 0;
	err = attach(rig, rig->netns_node, rig->in_ifindex, program);
	if (!err)
		rig->node_program = program;
	return err;
}

int rig_node_command(struct rig *rig, const char *command)
{
	return command_in(rig, rig->netns_node, command);
}

int rig_make_router(struct rig *rig)
{
	char command[1024], mac[24];
	const uint8_t *m = rig->receiver_mac;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	snprintf(command, sizeof(command),
		 "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.in.rp_filter=0 "
		 "net.ipv6.conf.all.forwarding=1 && "
		 "ip address add 10.99.0.1/24 dev in && ip address add 10.99.1.1/24 dev out && "
		 "ip address add 2001:db8:99:1::1/64 dev out nodad && "
		 "ip neigh replace 10.99.1.2 lladdr %s dev out && ip neigh replace 2001:db8:99:1::2 lladdr %s dev out && "
		 "ip route add default via 10.99.1.2 && ip -6 route add default via 2001:db8:99:1::2 && ethtool -K in gro on",
		 mac, mac);
	return rig_node_command(rig, command);
}

void rig_traffic(struct rig *rig, const struct bench_traffic *traffic)
{
	rig->ends->bss->traffic = *traffic;
	memcpy(rig->ends->bss->traffic.source_mac, rig->generator_mac, 6);
}

static uint64_t received(const struct rig *rig)
{
	uint64_t value[1024] = {}, sum = 0;
	uint32_t key = 0;

	if (libbpf_num_possible_cpus() > 1024 ||
	    bpf_map_lookup_elem(bpf_map__fd(rig->ends->maps.received), &key, value))
		return 0;
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		sum += value[cpu];
	return sum;
}

static uint64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* One try. *delivered: by the receiver's count. */
static int send_packets(struct rig *rig, uint32_t packets, double *ns, uint64_t *delivered)
{
	char frame[BENCH_FRAME(XS_FAMILY6)] = {};
	__u32 length = BENCH_FRAME(rig->ends->bss->traffic.family);
	struct xdp_md context = {.data_end = length, .ingress_ifindex = rig->generator_ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = length, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = packets, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = BATCH);
	uint64_t before = received(rig), start, spent;
	int err = enter(rig->netns_generator);

	if (err)
		return err;
	start = thread_ns();
	err = bpf_prog_test_run_opts(bpf_program__fd(rig->ends->progs.bench_generate), &opts);
	spent = thread_ns() - start;
	enter(rig->netns_own);
	if (err)
		return -errno;
	*delivered = received(rig) - before;
	*ns = *delivered ? (double)spent / *delivered : 0;
	return 0;
}

/*
 * Packets are lost when the kernel moves the node's work out of the generator's thread (another process wanted the core), and
 * then its time is not the whole: such a measurement is void and is made again.
 */
int rig_run(struct rig *rig, uint32_t packets, double *ns)
{
	uint64_t delivered = 0;

	for (int try = 0; try < TRIES; try++) {
		int err = send_packets(rig, packets, ns, &delivered);

		if (err)
			return err;
		if (delivered >= packets - packets / 1000)
			return 0;
	}
	fprintf(stderr, "bench: %llu of %u packets arrived\n", (unsigned long long)delivered, packets);
	return -EIO;
}
