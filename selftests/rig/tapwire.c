// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tapwire.c - makes a TAP in each of two namespaces and carries frames between them, with their virtio-net headers: what QEMU does
 * between the TAP of a node and the network card of a VM. So one namespace is the VM: its stack leaves segmentation and checksums
 * to the card, and the frames come out of the node's TAP as a VM's do.
 *
 *     tapwire NETNS DEVICE NETNS DEVICE       until standard input ends; a line "on" or "off" there sets what the cards can do
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#define FRAME_MAX (sizeof(struct virtio_net_hdr) + 14 + 4 + 65535)
#define AT_ONCE   64

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "tapwire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_tap(const char *netns, const char *device)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	char path[256];
	int there, tap;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET))
		die(path);
	close(there);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &request))
		die(device);
	return tap;
}

/* As much as the kernel knows: segments of UDP came with Linux 6.2. */
static void set_offloads(int tap, int on)
{
	unsigned long all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (!on)
		all = 0;
	if ((!on || ioctl(tap, TUNSETOFFLOAD, all | TUN_F_USO4 | TUN_F_USO6)) && ioctl(tap, TUNSETOFFLOAD, all))
		die("TUNSETOFFLOAD");
}

static void carry(int from, int to)
{
	static uint8_t frame[FRAME_MAX];

	for (int i = 0; i < AT_ONCE; i++) {
		ssize_t n = read(from, frame, sizeof(frame));

		if (n <= 0)
			return;
		while (write(to, frame, (size_t)n) < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ .fd = to, .events = POLLOUT }, 1, 10);
	}
}

int main(int argc, char **argv)
{
	struct pollfd end[3] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	char line[16];

	if (argc != 5) {
		fputs("usage: tapwire NETNS DEVICE NETNS DEVICE\n", stderr);
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		end[1 + i] = (struct pollfd){ .fd = open_tap(argv[1 + 2 * i], argv[2 + 2 * i]), .events = POLLIN };
		set_offloads(end[1 + i].fd, 1);
	}
	puts("carries");
	fflush(stdout);
	for (;;) {
		if (poll(end, 3, -1) < 0)
			die("poll");
		if (end[0].revents) {
			ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

			if (n <= 0)
				return 0;
			for (int i = 1; i < 3; i++)
				set_offloads(end[i].fd, !strncmp(line, "on", 2));
			puts("set");
			fflush(stdout);
		}
		if (end[1].revents)
			carry(end[1].fd, end[2].fd);
		if (end[2].revents)
			carry(end[2].fd, end[1].fd);
	}
}
