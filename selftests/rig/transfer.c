// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * transfer.c - moves many bytes through a network and says whether they arrived as they left: each end makes a hash of what it
 * sent or heard, and the sender compares. By TCP, whose stack uses what offloads its device has; or by UDP, cut into datagrams
 * by the kernel (UDP_SEGMENT).
 *
 *     transfer serve PORT                     until it is ended; prints a line when it listens
 *     transfer send ADDRESS PORT BYTES        prints what was seen as JSON; exit 0: all of it arrived, unchanged
 *     transfer send ADDRESS PORT BYTES wait   ... says "half" where that is, and keeps back the last quarter until a line comes
 *     transfer send-udp ADDRESS PORT BYTES SEGMENT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define CHUNK         (1u << 20)
#define BATCH_BYTES   60000 /* one call, at most 64 KiB with its headers */
#define BATCHES_MAX   64    /* segments of a call: UDP_MAX_SEGMENTS of old kernels */
#define WINDOW        4     /* calls that may be on their way: more would overrun queues, and nothing here sends again */
#define UDP_PATIENCE  2000  /* ms for an answer */
#define SOCKET_BUFFER (16 << 20)

struct summary {
	uint64_t bytes, hash;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "transfer: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- what is sent: numbers that do not repeat, and a hash of them ---- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ word ^ 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Of whole words; the rest is filled with zeros. */
static uint64_t hash_bytes(uint64_t hash, const uint8_t *data, size_t size)
{
	uint64_t word;

	for (; size >= sizeof(word); data += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		hash = hash_word(hash, word);
	}
	if (!size)
		return hash;
	word = 0;
	memcpy(&word, data, size);
	return hash_word(hash, word);
}

static void fill(uint8_t *data, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size; i += sizeof(seed)) {
		uint64_t word = mix(seed += 0x9e3779b97f4a7c15ull);

		memcpy(data + i, &word, size - i < sizeof(word) ? size - i : sizeof(word));
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- TCP ---- */

static void serve_tcp(int listener)
{
	static uint8_t buffer[CHUNK];
	struct summary seen = { 0 };
	size_t kept = 0;
	ssize_t n;
	int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (sock < 0)
		return;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 20 }, sizeof(struct timeval));
	while ((n = recv(sock, buffer + kept, sizeof(buffer) - kept, 0)) > 0) {
		size_t whole = (kept + (size_t)n) & ~(size_t)7;

		seen.bytes += (uint64_t)n;
		seen.hash = hash_bytes(seen.hash, buffer, whole);
		kept += (size_t)n - whole;
		memmove(buffer, buffer + whole, kept);
	}
	if (!n) {
		seen.hash = hash_bytes(seen.hash, buffer, kept);
		send(sock, &seen, sizeof(seen), MSG_NOSIGNAL);
	}
	close(sock);
}

/* Somebody changes the network between half of the bytes and three quarters of them. Returns how long that kept us. */
static double wait_for_line(void)
{
	double begin = now();
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		die("nobody says that it goes on");
	return now() - begin;
}

static int send_tcp(int sock, uint64_t bytes, uint64_t seed, bool wait)
{
	static uint8_t buffer[CHUNK];
	struct summary sent = { 0 }, heard = { 0 };
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	double begin = now(), half = 0, waited = 0;
	int told = 0;

	while (sent.bytes < bytes) {
		size_t size = bytes - sent.bytes < CHUNK ? (size_t)(bytes - sent.bytes) : CHUNK;

		if (wait && told == 0 && sent.bytes >= bytes / 2) {
			half = now() - begin;
			puts("half");
			fflush(stdout);
			told++;
		}
		if (wait && told == 1 && sent.bytes >= bytes / 4 * 3) {
			waited = wait_for_line();
			told++;
		}

		fill(buffer, size, seed ^ mix(sent.bytes));
		for (size_t done = 0; done < size;) {
			ssize_t n = send(sock, buffer + done, size - done, MSG_NOSIGNAL);

			if (n < 0)
				die("send");
			done += (size_t)n;
		}
		sent.hash = hash_bytes(sent.hash, buffer, size);
		sent.bytes += size;
	}
	shutdown(sock, SHUT_WR);
	if (recv(sock, &heard, sizeof(heard), MSG_WAITALL) != sizeof(heard))
		die("no answer from the other end");
	getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &length);
	printf("{\"bytes\": %llu, \"seconds\": %.3f, \"sent\": \"%016llx\", \"heard\": \"%016llx\", \"pmtu\": %u, \"mss\": %u, "
	       "\"again\": %u, \"half\": %.3f, \"waited\": %.3f}\n",
	       (unsigned long long)heard.bytes, now() - begin, (unsigned long long)sent.hash, (unsigned long long)heard.hash,
	       info.tcpi_pmtu, info.tcpi_snd_mss, info.tcpi_total_retrans, half, waited);
	return sent.bytes != heard.bytes || sent.hash != heard.hash;
}

/* ---- UDP: datagrams in calls of many; the last of each call is answered with what was heard so far ---- */

struct datagram {
	uint64_t number;
	uint32_t answer; /* 1: is wanted; 2: the stream begins anew */
	uint32_t pad;
};

static void serve_udp(int sock)
{
	static struct summary seen;
	uint8_t buffer[65536];
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	struct datagram head;
	ssize_t n = recvfrom(sock, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length);

	if (n < (ssize_t)sizeof(head))
		return;
	memcpy(&head, buffer, sizeof(head));
	if (head.answer & 2)
		seen = (struct summary){ 0 };
	seen.bytes += (uint64_t)n;
	/* In whatever order: a sender that goes on on another CPU may overtake itself. */
	seen.hash += hash_bytes(0, buffer, (size_t)n);
	if (head.answer & 1)
		sendto(sock, &seen, sizeof(seen), 0, (struct sockaddr *)&from, length);
}

static int hear_udp(int sock, struct summary *heard)
{
	if (recv(sock, heard, sizeof(*heard), 0) == sizeof(*heard))
		return 0;
	fprintf(stderr, "transfer: no answer after %llu bytes\n", (unsigned long long)heard->bytes);
	return -1;
}

static int send_udp(int sock, uint64_t bytes, uint64_t seed, size_t segment)
{
	static uint8_t buffer[BATCH_BYTES];
	size_t segments = BATCH_BYTES / segment < BATCHES_MAX ? BATCH_BYTES / segment : BATCHES_MAX;
	struct summary sent = { 0 }, heard = { 0 };
	unsigned int unanswered = 0;
	uint64_t number = 0;
	double begin = now();
	int size = (int)segment, err = 0;

	if (setsockopt(sock, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
		die("UDP_SEGMENT");
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = UDP_PATIENCE / 1000 }, sizeof(struct timeval));
	while (!err && sent.bytes < bytes) {
		/* The last datagram is shorter, as the last segment of most packets is. */
		size_t last = sizeof(struct datagram) + mix(number) % (segment - sizeof(struct datagram)) + 1;
		size_t total = (segments - 1) * segment + last;

		fill(buffer, total, seed ^ mix(number));
		for (size_t i = 0; i < segments; i++) {
			struct datagram head = { number++, (sent.bytes || i ? 0 : 2) | (i == segments - 1), 0 };
			size_t length = i == segments - 1 ? last : segment;

			memcpy(buffer + i * segment, &head, sizeof(head));
			sent.hash += hash_bytes(0, buffer + i * segment, length);
		}
		if (send(sock, buffer, total, 0) != (ssize_t)total)
			die("send");
		sent.bytes += total;
		if (++unanswered == WINDOW) {
			err = hear_udp(sock, &heard);
			unanswered--;
		}
	}
	for (; !err && unanswered; unanswered--)
		err = hear_udp(sock, &heard);
	printf("{\"bytes\": %llu, \"of\": %llu, \"seconds\": %.3f, \"sent\": \"%016llx\", \"heard\": \"%016llx\"}\n",
	       (unsigned long long)heard.bytes, (unsigned long long)sent.bytes, now() - begin, (unsigned long long)sent.hash,
	       (unsigned long long)heard.hash);
	return err || sent.bytes != heard.bytes || sent.hash != heard.hash;
}

/* ---- the command ---- */

static int listen_on(uint16_t port, int type)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int sock = socket(AF_INET6, type | SOCK_CLOEXEC, 0), no = 0, yes = 1, size = SOCKET_BUFFER;

	if (sock < 0)
		die("socket");
	setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (type == SOCK_DGRAM)
		setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(sock, (struct sockaddr *)&own, sizeof(own)) || (type == SOCK_STREAM && listen(sock, 4)))
		die("bind");
	return sock;
}

static _Noreturn void serve(uint16_t port)
{
	struct pollfd sock[2] = { { .fd = listen_on(port, SOCK_STREAM), .events = POLLIN },
				  { .fd = listen_on(port, SOCK_DGRAM), .events = POLLIN } };

	puts("listens");
	fflush(stdout);
	for (;;) {
		if (poll(sock, 2, -1) < 0)
			die("poll");
		if (sock[0].revents)
			serve_tcp(sock[0].fd);
		if (sock[1].revents)
			serve_udp(sock[1].fd);
	}
}

static int connect_to(const char *address, const char *port, int type)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = type }, *to;
	int sock;

	if (getaddrinfo(address, port, &hints, &to)) {
		errno = EINVAL;
		die(address);
	}
	sock = socket(to->ai_family, type | SOCK_CLOEXEC, 0);
	if (sock < 0)
		die("socket");
	if (type == SOCK_STREAM) {
		struct timeval patience = { .tv_sec = 20 };

		setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	}
	if (connect(sock, to->ai_addr, to->ai_addrlen))
		die("connect");
	freeaddrinfo(to);
	return sock;
}

int main(int argc, char **argv)
{
	uint64_t seed = mix((uint64_t)(now() * 1e9) ^ (uint64_t)getpid());

	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve((uint16_t)atoi(argv[2]));
	if ((argc == 5 || (argc == 6 && !strcmp(argv[5], "wait"))) && !strcmp(argv[1], "send"))
		return send_tcp(connect_to(argv[2], argv[3], SOCK_STREAM), strtoull(argv[4], NULL, 10), seed, argc == 6);
	if (argc == 6 && !strcmp(argv[1], "send-udp") && atoi(argv[5]) > (int)sizeof(struct datagram))
		return send_udp(connect_to(argv[2], argv[3], SOCK_DGRAM), strtoull(argv[4], NULL, 10), seed, (size_t)atoi(argv[5]));
	fputs("usage: transfer serve PORT | send ADDRESS PORT BYTES [wait] | send-udp ADDRESS PORT BYTES SEGMENT\n", stderr);
	return 2;
}
