/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flood.c - frames at full rate, out of one device, of what a hostile user may send. Until SIGTERM; then says how many
 * went out in how many seconds.
 *
 *     flood KIND DEVICE MAC FROM TO
 *
 * FROM, TO: ADDRESS/LENGTH of either family; each frame has other addresses of these prefixes. MAC: the first hop's.
 *
 *   scan       UDP
 *   expire     UDP whose TTL ends at the first router
 *   neighbour  ARP requests, neighbour solicitations: FROM asks for TO, and is somebody else each time
 *   fragment   pieces of what never becomes whole, each of another packet
 *   stranger   UDP to somebody else's MAC
 *
 * In the current network namespace; one system call sends BATCH frames, past the device's queue.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH     64
#define FRAME_MAX 128
#define DATA      18 /* bytes of UDP, or of a fragment (rounded up to 8 there) */

enum kind { SCAN, EXPIRE, NEIGHBOUR, FRAGMENT, STRANGER, KINDS };

static const char *const kind_name[KINDS] = { "scan", "expire", "neighbour", "fragment", "stranger" };

struct prefix {
	int family;
	unsigned int bytes, length;
	uint8_t address[16];
};

struct flood {
	enum kind kind;
	struct prefix from, to;
	uint8_t first_hop[ETH_ALEN], own[ETH_ALEN];
};

static volatile sig_atomic_t over;

static void end(int number)
{
	over = 1;
}

static uint64_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static bool read_prefix(const char *text, struct prefix *prefix)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	prefix->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	prefix->bytes = prefix->family == AF_INET ? 4 : 16;
	prefix->length = slash ? (unsigned int)atoi(slash + 1) : 8 * prefix->bytes;
	return prefix->length <= 8 * prefix->bytes && inet_pton(prefix->family, address, prefix->address) == 1;
}

/* Some address of the prefix. */
static void draw(const struct prefix *prefix, void *to)
{
	uint8_t *byte = to;

	memcpy(byte, prefix->address, prefix->bytes);
	for (unsigned int at = prefix->length / 8; at < prefix->bytes; at++) {
		uint8_t fixed = at == prefix->length / 8 ? 0xff00 >> prefix->length % 8 : 0;

		byte[at] = (byte[at] & fixed) | ((next_random() >> 32) & ~fixed & 0xff);
	}
}

static uint16_t checksum(uint32_t sum, const void *from, unsigned int bytes)
{
	const uint16_t *word = from;

	for (; bytes > 1; bytes -= 2)
		sum += *word++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static unsigned int put_udp(void *at)
{
	struct udphdr *udp = at;

	udp->source = htons(4000);
	udp->dest = htons(33434);
	udp->len = htons(sizeof(*udp) + DATA);
	udp->check = 0; /* no router looks at it */
	return sizeof(*udp) + DATA;
}

static unsigned int put_ipv4(const struct flood *flood, void *at)
{
	bool piece = flood->kind == FRAGMENT;
	struct iphdr *ip = at;
	unsigned int length = sizeof(*ip) + (piece ? (DATA + 7) / 8 * 8 : put_udp(ip + 1));

	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons(length);
	ip->id = next_random();
	ip->frag_off = piece ? htons(0x2000 | (next_random() & 0xff)) : 0;
	ip->ttl = flood->kind == EXPIRE ? 1 : 64;
	ip->protocol = IPPROTO_UDP;
	draw(&flood->from, &ip->saddr);
	draw(&flood->to, &ip->daddr);
	ip->check = 0;
	ip->check = checksum(0, ip, sizeof(*ip));
	return length;
}

static unsigned int put_ipv6(const struct flood *flood, void *at)
{
	struct ip6_hdr *ip = at;
	struct ip6_frag *fragment = (void *)(ip + 1);
	unsigned int length;

	ip->ip6_flow = htonl(0x60000000);
	ip->ip6_hlim = flood->kind == EXPIRE ? 1 : 64;
	draw(&flood->from, &ip->ip6_src);
	draw(&flood->to, &ip->ip6_dst);
	if (flood->kind == FRAGMENT) {
		ip->ip6_nxt = IPPROTO_FRAGMENT;
		fragment->ip6f_nxt = IPPROTO_UDP;
		fragment->ip6f_offlg = htons((next_random() & 0xff) << 3 | 1);
		fragment->ip6f_ident = next_random();
		length = sizeof(*fragment) + (DATA + 7) / 8 * 8;
	} else {
		ip->ip6_nxt = IPPROTO_UDP;
		length = put_udp(ip + 1);
	}
	ip->ip6_plen = htons(length);
	return sizeof(*ip) + length;
}

static unsigned int put_arp(const struct flood *flood, void *at)
{
	struct ether_arp *arp = at;

	arp->arp_hrd = htons(ARPHRD_ETHER);
	arp->arp_pro = htons(ETHERTYPE_IP);
	arp->arp_hln = ETH_ALEN;
	arp->arp_pln = 4;
	arp->arp_op = htons(ARPOP_REQUEST);
	memcpy(arp->arp_sha, flood->own, ETH_ALEN);
	draw(&flood->from, arp->arp_spa);
	draw(&flood->to, arp->arp_tpa);
	return sizeof(*arp);
}

/* To the target itself, whose link-layer address everybody knows; from an address that it will want to remember. */
static unsigned int put_solicitation(const struct flood *flood, void *at)
{
	struct ip6_hdr *ip = at;
	struct nd_neighbor_solicit *ask = (void *)(ip + 1);
	struct nd_opt_hdr *option = (void *)(ask + 1);
	const unsigned int length = sizeof(*ask) + 8;

	ip->ip6_flow = htonl(0x60000000);
	ip->ip6_nxt = IPPROTO_ICMPV6;
	ip->ip6_hlim = 255;
	ip->ip6_plen = htons(length);
	draw(&flood->from, &ip->ip6_src);
	draw(&flood->to, &ip->ip6_dst);
	ask->nd_ns_type = ND_NEIGHBOR_SOLICIT;
	ask->nd_ns_target = ip->ip6_dst;
	option->nd_opt_type = ND_OPT_SOURCE_LINKADDR;
	option->nd_opt_len = 1;
	memcpy(option + 1, flood->own, ETH_ALEN);
	ask->nd_ns_cksum = 0;
	/* The pseudo-header: both addresses, which lie before the message, its length and its protocol. */
	ask->nd_ns_cksum = checksum(htons(length) + htons(IPPROTO_ICMPV6), &ip->ip6_src, 32 + length);
	return sizeof(*ip) + length;
}

/* The frame's length. */
static unsigned int put(const struct flood *flood, void *frame)
{
	bool four = flood->to.family == AF_INET, asks = flood->kind == NEIGHBOUR;
	struct ether_header *eth = frame;
	unsigned int length;

	memcpy(eth->ether_dhost, flood->first_hop, ETH_ALEN);
	memcpy(eth->ether_shost, flood->own, ETH_ALEN);
	if (flood->kind == STRANGER)
		eth->ether_dhost[5] ^= 0x55;
	eth->ether_type = htons(!four ? ETHERTYPE_IPV6 : asks ? ETHERTYPE_ARP : ETHERTYPE_IP);
	if (four)
		length = asks ? put_arp(flood, eth + 1) : put_ipv4(flood, eth + 1);
	else
		length = asks ? put_solicitation(flood, eth + 1) : put_ipv6(flood, eth + 1);
	length += sizeof(*eth);
	return length < 60 ? 60 : length;
}

/* A packet socket that sends by the device; its MAC in own. Negative errno. */
static int open_device(const char *name, uint8_t own[ETH_ALEN])
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
	struct ifreq request = {};

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &request) || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on))) {
		int err = -errno;

		close(fd);
		return err;
	}
	memcpy(own, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* How many frames went out; -1: errno says why not. */
static long long send_all(const struct flood *flood, int fd)
{
	static uint8_t frame[BATCH][FRAME_MAX];
	struct mmsghdr message[BATCH] = {};
	struct iovec part[BATCH];
	long long sent = 0;

	for (int i = 0; i < BATCH; i++) {
		part[i].iov_base = frame[i];
		message[i].msg_hdr.msg_iov = &part[i];
		message[i].msg_hdr.msg_iovlen = 1;
	}
	while (!over) {
		int done;

		for (int i = 0; i < BATCH; i++)
			part[i].iov_len = put(flood, frame[i]);
		done = sendmmsg(fd, message, BATCH, 0);
		if (done > 0)
			sent += done;
		else if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
			return -1;
	}
	return sent;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	struct flood flood = { .kind = KINDS };
	long long sent;
	double begin;
	int fd;

	for (int i = 0; argc > 1 && i < KINDS; i++)
		if (!strcmp(argv[1], kind_name[i]))
			flood.kind = i;
	if (argc != 6 || flood.kind == KINDS || !read_prefix(argv[4], &flood.from) ||
	    !read_prefix(argv[5], &flood.to) || flood.from.family != flood.to.family ||
	    sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &flood.first_hop[0], &flood.first_hop[1],
		   &flood.first_hop[2], &flood.first_hop[3], &flood.first_hop[4], &flood.first_hop[5]) != ETH_ALEN) {
		fprintf(stderr,
			"usage: flood scan|expire|neighbour|fragment|stranger DEVICE MAC FROM/LENGTH TO/LENGTH\n");
		return 2;
	}
	fd = open_device(argv[2], flood.own);
	if (fd < 0) {
		fprintf(stderr, "flood: %s: %s\n", argv[2], strerror(-fd));
		return 1;
	}
	sigaction(SIGTERM, &action, NULL);
	begin = now();
	sent = send_all(&flood, fd);
	if (sent < 0) {
		fprintf(stderr, "flood: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	printf("%lld %.3f\n", sent, now() - begin);
	return 0;
}
