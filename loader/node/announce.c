// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * announce.c - tells those on a link, unasked, which MAC has an address: hosts that knew another one need not wait until that
 * has expired. ARP announcements (RFC 5227, 2.3) and unsolicited neighbour advertisements (RFC 4861, 7.2.6).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "loader/node/internal.h"
#include "loader/node/netns.h"

/* RFC 826, for Ethernet and IPv4. */
struct arp {
	__be16 hardware, protocol;
	uint8_t hardware_length, protocol_length;
	__be16 operation;
	uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
} __attribute__((packed));

static int announce_ipv4(const struct xs_node_vport *made, const struct xs_address *address)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)made->inner,
		.sll_halen = 6,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
	struct arp arp = {
		.hardware = htons(ARPHRD_ETHER),
		.protocol = htons(ETH_P_IP),
		.hardware_length = 6,
		.protocol_length = 4,
		.operation = htons(ARPOP_REQUEST),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	memcpy(arp.sender_mac, made->inner_mac, 6);
	memcpy(arp.sender, address->bytes, 4);
	memcpy(arp.target, address->bytes, 4);
	if (sendto(fd, &arp, sizeof(arp), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int announce_ipv6(const struct xs_node_vport *made, const struct xs_address *address)
{
	struct sockaddr_in6 from = { .sin6_family = AF_INET6 };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = made->inner };
	struct {
		struct nd_neighbor_advert head;
		struct nd_opt_hdr option;
		uint8_t mac[6];
	} advert = {
		.head.nd_na_type = ND_NEIGHBOR_ADVERT,
		.head.nd_na_flags_reserved = ND_NA_FLAG_ROUTER | ND_NA_FLAG_OVERRIDE,
		.option = { .nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1 },
	};
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6), hops = 255, err = 0;

	if (fd < 0)
		return -errno;
	memcpy(&from.sin6_addr, address->bytes, 16);
	memcpy(&advert.head.nd_na_target, address->bytes, 16);
	memcpy(advert.mac, made->inner_mac, 6);
	inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    sendto(fd, &advert, sizeof(advert), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		err = -errno;
	close(fd);
	return err;
}

int xs_node_announce(const struct xs_node *node, uint32_t vport, const struct xs_address *address)
{
	const struct xs_node_vport *made = xs_node_vport(node, vport);
	struct xs_netns_scope scope;
	int err = made ? xs_netns_enter(made->netns, &scope) : -ENODEV;

	if (err)
		return err;
	err = address->family == XS_IPV4 ? announce_ipv4(made, address) : announce_ipv6(made, address);
	xs_netns_leave(&scope);
	return err;
}
