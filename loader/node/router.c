// SPDX-License-Identifier: GPL-2.0-or-later
/* router.c - see router.h. */
#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loader/node/netns.h"
#include "loader/node/router.h"
#include "loader/node/want.h"
#include "maps/contract.h"

#define PREFIX_VALID_S     2592000 /* RFC 4861, 6.2.1: AdvValidLifetime, AdvPreferredLifetime */
#define PREFIX_PREFERRED_S 604800
#define HOP_LIMIT          64
#define RECEIVE_MAX        64 /* at once: others wait for the thread, too */

struct mac_option {
	struct nd_opt_hdr head;
	uint8_t mac[6];
};

struct advert {
	struct nd_router_advert head;
	struct mac_option mac;
	struct nd_opt_mtu mtu;
	struct nd_opt_prefix_info prefix;
};

static const struct in6_addr all_nodes = { .s6_addr = { 0xff, 2, [15] = 1 } },
			     all_routers = { .s6_addr = { 0xff, 2, [15] = 2 } };

bool xs_router_is(const struct xs_image *image, const struct xs_rec_vport *vport)
{
	const struct xs_rec_mux *mux;

	if (!vport->address[XS_FAMILY6].family || (vport->kind != XS_VPORT_GATEWAY && vport->kind != XS_VPORT_EDGE))
		return false;
	mux = vport->kind == XS_VPORT_EDGE ? xs_image_mux_of_edge(image, vport->id) : NULL;
	return !mux || !mux->exit;
}

/* ---- the socket -------------------------------------------------------------------------------------------------- */

static int set_option(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_IPV6, option, &value, sizeof(value)) ? -errno : 0;
}

static int prepare(int fd, uint32_t ifindex)
{
	struct ipv6_mreq group = { .ipv6mr_multiaddr = all_routers, .ipv6mr_interface = ifindex };
	struct icmp6_filter filter;
	int err;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
	if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex)) ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof(group)))
		return -errno;
	err = set_option(fd, IPV6_MULTICAST_HOPS, 255);
	if (!err)
		err = set_option(fd, IPV6_MULTICAST_LOOP, 0);
	if (!err)
		err = set_option(fd, IPV6_RECVHOPLIMIT, 1);
	return err;
}

int xs_router_open(int netns, uint32_t ifindex)
{
	struct xs_netns_scope scope;
	int err = xs_netns_enter(netns, &scope), fd;

	if (err)
		return err;
	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	err = fd < 0 ? -errno : prepare(fd, ifindex);
	xs_netns_leave(&scope);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

static struct advert advert_of(const struct xs_rec_vport *vport, uint16_t lifetime)
{
	const struct xs_prefix prefix = xs_prefix_mask(&vport->address[XS_FAMILY6], vport->length[XS_FAMILY6]);
	struct advert advert = {
		.head = {.nd_ra_type = ND_ROUTER_ADVERT, .nd_ra_curhoplimit = HOP_LIMIT},
		.mac = {.head = {.nd_opt_type = ND_OPT_SOURCE_LINKADDR, .nd_opt_len = 1}},
		.mtu = {.nd_opt_mtu_type = ND_OPT_MTU, .nd_opt_mtu_len = 1, .nd_opt_mtu_mtu = htonl(vport->mtu)},
		.prefix =
			{
				.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION,
				.nd_opt_pi_len = sizeof(struct nd_opt_prefix_info) / 8,
				.nd_opt_pi_prefix_len = prefix.length,
				.nd_opt_pi_flags_reserved = ND_OPT_PI_FLAG_ONLINK,
				.nd_opt_pi_valid_time = htonl(PREFIX_VALID_S),
				.nd_opt_pi_preferred_time = htonl(PREFIX_PREFERRED_S),
			},
	};

	advert.head.nd_ra_router_lifetime = htons(lifetime);
	memcpy(advert.mac.mac, vport->mac.bytes, sizeof(advert.mac.mac));
	if (prefix.length == 64)
		advert.prefix.nd_opt_pi_flags_reserved |= ND_OPT_PI_FLAG_AUTO;
	memcpy(&advert.prefix.nd_opt_pi_prefix, prefix.bytes, sizeof(advert.prefix.nd_opt_pi_prefix));
	return advert;
}

int xs_router_send(int fd, uint32_t ifindex, const struct xs_rec_vport *vport, uint16_t lifetime)
{
	const struct xs_address own = xs_want_link_local(&vport->mac);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = all_nodes, .sin6_scope_id = ifindex };
	struct advert advert = advert_of(vport, lifetime);
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {};
	struct iovec part = { &advert, sizeof(advert) };
	struct msghdr message = { .msg_name = &to,
				  .msg_namelen = sizeof(to),
				  .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct in6_pktinfo from = { .ipi6_ifindex = ifindex };

	/* From the address that hosts know the router by, whatever others the device has. */
	memcpy(&from.ipi6_addr, own.bytes, sizeof(from.ipi6_addr));
	control.head.cmsg_level = IPPROTO_IPV6;
	control.head.cmsg_type = IPV6_PKTINFO;
	control.head.cmsg_len = CMSG_LEN(sizeof(from));
	memcpy(CMSG_DATA(&control.head), &from, sizeof(from));
	return sendmsg(fd, &message, 0) < 0 ? -errno : 0;
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

/* RFC 4861, 6.1.1; the kernel has checked the checksum. */
static bool is_valid(const uint8_t *bytes, size_t size, const struct sockaddr_in6 *from, int hops)
{
	const struct nd_router_solicit *head = (const void *)bytes;

	if (hops != 255 || size < sizeof(*head) || head->nd_rs_type != ND_ROUTER_SOLICIT || head->nd_rs_code)
		return false;
	for (size_t at = sizeof(*head); at < size; at += (size_t)bytes[at + 1] * 8) {
		if (at + 2 > size || !bytes[at + 1] || at + (size_t)bytes[at + 1] * 8 > size)
			return false;
		if (bytes[at] == ND_OPT_SOURCE_LINKADDR && IN6_IS_ADDR_UNSPECIFIED(&from->sin6_addr))
			return false;
	}
	return true;
}

static int hop_limit_of(struct msghdr *message)
{
	int hops = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hops, CMSG_DATA(c), sizeof(hops));
	return hops;
}

bool xs_router_solicited(int fd)
{
	uint8_t bytes[1500] __attribute__((aligned(8)));
	bool solicited = false;

	for (int i = 0; i < RECEIVE_MAX; i++) {
		union {
			struct cmsghdr head;
			uint8_t bytes[CMSG_SPACE(sizeof(int))];
		} control;
		struct sockaddr_in6 from = {};
		struct iovec part = { bytes, sizeof(bytes) };
		struct msghdr message = { .msg_name = &from,
					  .msg_namelen = sizeof(from),
					  .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = &control,
					  .msg_controllen = sizeof(control) };
		ssize_t size = recvmsg(fd, &message, 0);

		if (size < 0)
			break;
		solicited |= is_valid(bytes, (size_t)size, &from, hop_limit_of(&message));
	}
	return solicited;
}

/* ---- leaving ----------------------------------------------------------------------------------------------------- */

static void leave(const struct xs_image *image, const struct xs_rec_vport *vport)
{
	const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &vport->slice);
	char name[XS_NETNS_NAME];
	struct xs_netns_scope scope;
	uint32_t ifindex;
	int netns, fd;

	if (vport->slice && !slice)
		return;
	if (slice)
		xs_sliver_netns(image->header->node, slice->name, name);
	else
		xs_edge_netns(image->header->node, vport->name, name);
	netns = xs_netns_open(name);
	if (netns < 0)
		return;
	if (!xs_netns_enter(netns, &scope)) {
		ifindex = if_nametoindex(vport->name);
		xs_netns_leave(&scope);
		fd = ifindex ? xs_router_open(netns, ifindex) : -ENODEV;
		if (fd >= 0) {
			xs_router_send(fd, ifindex, vport, 0);
			close(fd);
		}
	}
	close(netns);
}

void xs_routers_leave(const struct xs_image *former, const struct xs_image *next)
{
	const struct xs_rec_vport *vport, *stays;

	for (size_t i = 0; former && (vport = xs_image_at(former, XS_REC_VPORT, i)); i++) {
		stays = next ? xs_image_find(next, XS_REC_VPORT, &vport->id) : NULL;
		if (xs_router_is(former, vport) && !(stays && xs_router_is(next, stays)))
			leave(former, vport);
	}
}
