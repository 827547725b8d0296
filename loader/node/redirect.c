// SPDX-License-Identifier: GPL-2.0-or-later
/* redirect.c - asks generic netlink's family "netdev", which came with Linux 6.3; older headers do not know it. */
#include "loader/node/redirect.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "loader/node/netns.h"

#define NETDEV_FAMILY       "netdev"
#define NETDEV_DEV_GET      1 /* NETDEV_CMD_DEV_GET */
#define NETDEV_IFINDEX      1 /* NETDEV_A_DEV_IFINDEX */
#define NETDEV_XDP_FEATURES 3 /* NETDEV_A_DEV_XDP_FEATURES */
#define NETDEV_NDO_XMIT     4 /* NETDEV_XDP_ACT_NDO_XMIT */

struct asker {
	struct mnl_socket *socket;
	unsigned int port, sequence;
	char buffer[8192] __attribute__((aligned(8)));
};

static struct nlmsghdr *begin(struct asker *asker, uint16_t type, uint8_t command)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(asker->buffer);
	struct genlmsghdr *head;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = ++asker->sequence;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->cmd = command;
	head->version = 1;
	return message;
}

/* Sends, and calls fn for each message of the answer. 0 or negative errno. */
static int ask(struct asker *asker, struct nlmsghdr *message, mnl_cb_t fn, void *context)
{
	int result = MNL_CB_OK;

	if (mnl_socket_sendto(asker->socket, message, message->nlmsg_len) < 0)
		return -errno;
	while (result > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(asker->socket, asker->buffer, sizeof(asker->buffer));

		if (size < 0)
			return -errno;
		result = mnl_cb_run(asker->buffer, (size_t)size, asker->sequence, asker->port, fn, context);
	}
	return result < 0 ? -errno : 0;
}

static int take_family(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute;
	uint16_t *family = context;

	mnl_attr_for_each(attribute, message,
			  sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID &&
							 mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0) *family =
		mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static int take_features(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attribute;
	int *taken = context;

	mnl_attr_for_each(attribute, message,
			  sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attribute) == NETDEV_XDP_FEATURES &&
							 mnl_attr_validate(attribute, MNL_TYPE_U64) >= 0) *taken =
		!!(mnl_attr_get_u64(attribute) & NETDEV_NDO_XMIT);
	return MNL_CB_OK;
}

static int find_family(struct asker *asker, uint16_t *family)
{
	struct nlmsghdr *message = begin(asker, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	int err;

	*family = 0;
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	err = ask(asker, message, take_family, family);
	return err == -ENOENT || (!err && !*family) ? -EOPNOTSUPP : err;
}

static int open_socket(int netns, struct asker *asker)
{
	struct xs_netns_scope scope;
	int err = xs_netns_enter(netns, &scope);

	if (err)
		return err;
	asker->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	err = asker->socket ? 0 : -errno;
	xs_netns_leave(&scope);
	if (!err && mnl_socket_bind(asker->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	if (!err)
		asker->port = mnl_socket_get_portid(asker->socket);
	return err;
}

int xs_redirects_look(int netns, const uint32_t *ifindex, size_t count, int *taken)
{
	struct asker asker = { 0 };
	uint16_t family;
	int err = open_socket(netns, &asker);

	if (!err)
		err = find_family(&asker, &family);
	for (size_t i = 0; i < count && !err; i++) {
		struct nlmsghdr *message = begin(&asker, family, NETDEV_DEV_GET);
		int why;

		taken[i] = -ENODATA;
		mnl_attr_put_u32(message, NETDEV_IFINDEX, ifindex[i]);
		why = ask(&asker, message, take_features, &taken[i]);
		if (why)
			taken[i] = why;
	}
	if (asker.socket)
		mnl_socket_close(asker.socket);
	return err;
}
