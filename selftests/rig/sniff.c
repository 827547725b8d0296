// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sniff.c - looks at every frame that a device receives: is it whole, no longer than the link takes, and are its checksums right?
 *
 *     sniff DEVICE MTU       until SIGTERM, then says what it saw as JSON; a line "listens" when it has begun
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define FRAME_MAX     (256 * 1024)
#define SOCKET_BUFFER (128 << 20)
#define TAG           4

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

static struct {
	unsigned long frames, tagged, tcp, udp, unfinished, too_long, wrong_ip, wrong_transport, fragments;
	unsigned int longest; /* IP packet */
} seen;
static volatile sig_atomic_t over;

static void end(int signal)
{
	over = 1;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sniff: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t sum(uint32_t total, const uint8_t *data, size_t size)
{
	for (; size > 1; data += 2, size -= 2)
		total += (uint32_t)(data[0] << 8 | data[1]);
	return size ? total + (uint32_t)(data[0] << 8) : total;
}

static bool is_right(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total == 0xffff;
}

/* addresses: both, one after the other. */
static void look_at_transport(uint8_t protocol, const uint8_t *addresses, size_t size, const uint8_t *data, size_t length)
{
	uint32_t total = sum(protocol + (uint32_t)(length & 0xffff) + (uint32_t)(length >> 16), addresses, size);

	seen.tcp += protocol == IPPROTO_TCP;
	seen.udp += protocol == IPPROTO_UDP;
	if (protocol == IPPROTO_ICMP)
		total = 0;
	else if (protocol == IPPROTO_UDP && length >= 8 && !data[6] && !data[7])
		return;
	else if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_ICMPV6)
		return;
	seen.wrong_transport += !is_right(sum(total, data, length));
}

static void look_at_packet(uint16_t ethertype, const uint8_t *data, size_t length)
{
	size_t header, total;

	if (ethertype == ETH_P_IP) {
		const struct iphdr *ip = (const void *)data;

		header = ip->ihl * 4u;
		total = ntohs(ip->tot_len);
		if (length < sizeof(*ip) || total > length || header > total || !is_right(sum(0, data, header))) {
			seen.wrong_ip++;
			return;
		}
		if (ip->frag_off & htons(0x3fff))
			seen.fragments++;
		else
			look_at_transport(ip->protocol, data + 12, 8, data + header, total - header);
	} else if (ethertype == ETH_P_IPV6) {
		const struct ipv6hdr *ip6 = (const void *)data;

		total = sizeof(*ip6) + ntohs(ip6->payload_len);
		if (length < sizeof(*ip6) || total > length || !ip6->payload_len)
			seen.wrong_ip++;
		else
			look_at_transport(ip6->nexthdr, data + 8, 32, data + sizeof(*ip6), total - sizeof(*ip6));
	}
}

static void look(const uint8_t *frame, size_t length, const struct tpacket_auxdata *beside, unsigned int mtu)
{
	size_t at = ETH_HLEN;
	uint16_t ethertype;

	seen.frames++;
	if (length < ETH_HLEN)
		return;
	ethertype = (uint16_t)(frame[12] << 8 | frame[13]);
	if (ethertype == ETH_P_8021Q && length >= ETH_HLEN + TAG) {
		ethertype = (uint16_t)(frame[16] << 8 | frame[17]);
		at += TAG;
	}
	seen.tagged += at != ETH_HLEN || beside->tp_status & TP_STATUS_VLAN_VALID;
	seen.unfinished += !!(beside->tp_status & TP_STATUS_CSUMNOTREADY);
	if (length - at > seen.longest)
		seen.longest = (unsigned int)(length - at);
	seen.too_long += length - at > mtu;
	look_at_packet(ethertype, frame + at, length - at);
}

static int open_device(const char *device)
{
	struct sockaddr_ll own = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				   .sll_ifindex = (int)if_nametoindex(device) };
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), yes = 1, size = SOCKET_BUFFER;

	if (sock < 0 || !own.sll_ifindex)
		die(device);
	setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_usec = 100000 }, sizeof(struct timeval));
	if (setsockopt(sock, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof(yes)) ||
	    setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) ||
	    bind(sock, (struct sockaddr *)&own, sizeof(own)))
		die(device);
	return sock;
}

int main(int argc, char **argv)
{
	static uint8_t frame[FRAME_MAX];
	struct tpacket_stats counted = { 0 };
	socklen_t length = sizeof(counted);
	unsigned int mtu;
	int sock;

	if (argc != 3) {
		fputs("usage: sniff DEVICE MTU\n", stderr);
		return 2;
	}
	mtu = (unsigned int)atoi(argv[2]);
	sock = open_device(argv[1]);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = end }, NULL);
	puts("listens");
	fflush(stdout);
	for (;;) {
		union {
			struct cmsghdr align;
			char room[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		} control;
		struct tpacket_auxdata beside = { 0 };
		struct iovec at = { frame, sizeof(frame) };
		struct msghdr message = { .msg_iov = &at, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
		bool last = over; /* what has come until then is still looked at */
		ssize_t n = recvmsg(sock, &message, last ? MSG_DONTWAIT : 0);
		struct cmsghdr *one = n < 0 ? NULL : CMSG_FIRSTHDR(&message);

		if (n < 0 && last)
			break;
		if (n < 0)
			continue;
		if (one && one->cmsg_level == SOL_PACKET && one->cmsg_type == PACKET_AUXDATA)
			memcpy(&beside, CMSG_DATA(one), sizeof(beside));
		look(frame, (size_t)n, &beside, mtu);
	}
	getsockopt(sock, SOL_PACKET, PACKET_STATISTICS, &counted, &length);
	printf("{\"frames\": %lu, \"tagged\": %lu, \"tcp\": %lu, \"udp\": %lu, \"longest\": %u, \"too_long\": %lu, \"unfinished\": %lu, "
	       "\"wrong_ip\": %lu, \"wrong_transport\": %lu, \"fragments\": %lu, \"missed\": %u}\n",
	       seen.frames, seen.tagged, seen.tcp, seen.udp, seen.longest, seen.too_long, seen.unfinished, seen.wrong_ip,
	       seen.wrong_transport, seen.fragments, counted.tp_drops);
	return 0;
}
