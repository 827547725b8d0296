/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink.c - see netlink.h. */
#include "loader/node/netlink.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loader/node/netns.h"
#include "loader/node/node.h"

#define ANSWER_SIZE 65536
#define KEPT_SIZE   32768
#define KEPT_MAX    64 /* each that fails is answered, and all answers must fit the socket's buffer */

/* Changes that are sent together. */
struct kept {
	size_t count, used;
	uint32_t first; /* sequence of the first */
	struct nlmsghdr *last;
	int may_fail[KEPT_MAX];
	char bytes[KEPT_SIZE] __attribute__((aligned(8)));
};

struct xs_netlink {
	struct mnl_socket *socket;
	unsigned int port_id;
	uint32_t sequence;
	char why[160];
	struct kept *kept; /* NULL: nothing is being gathered */
	char request[XS_NETLINK_REQUEST] __attribute__((aligned(8)));
};

static _Atomic uint64_t changes; /* ahead.c makes some, too */

/*
 * Large buffers are had for as long as they are used, and the last that was given back is the next that is had: hundreds of sockets may
 * be open at once, and a hole of such a size beside each would be most of an agent's memory.
 */
static void *spare_answer, *spare_kept;

static void *have(void **spare, size_t size)
{
	void *buffer = *spare ? *spare : malloc(size);

	*spare = NULL;
	return buffer;
}

static void give_back(void **spare, void *buffer)
{
	if (*spare)
		free(buffer);
	else
		*spare = buffer;
}

uint64_t xs_netlink_changes(void)
{
	return changes;
}

void xs_netlink_count_change(void)
{
	changes++;
}

int xs_netlink_open_here(struct xs_netlink **out)
{
	/* Not zeroed as a whole: most requests are short. */
	struct xs_netlink *netlink = malloc(sizeof(*netlink));
	int err = 0;

	if (!netlink)
		return -ENOMEM;
	memset(netlink, 0, offsetof(struct xs_netlink, request));
	netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!netlink->socket) {
		err = -errno;
		goto out;
	}
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = -errno;
		goto out;
	}
	netlink->port_id = mnl_socket_get_portid(netlink->socket);
	/* Both are luxuries: an older kernel gives no text, and dumps more than was asked for, which readers skip. */
	mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &(int){ 1 }, sizeof(int));
	mnl_socket_setsockopt(netlink->socket, NETLINK_GET_STRICT_CHK, &(int){ 1 }, sizeof(int));
	*out = netlink;
	netlink = NULL;
out:
	xs_netlink_close(netlink);
	return err;
}

int xs_netlink_open(int netns, struct xs_netlink **out)
{
	struct xs_netns_scope scope;
	int err = xs_netns_enter(netns, &scope);

	if (err)
		return err;
	err = xs_netlink_open_here(out);
	xs_netns_leave(&scope);
	return err;
}

void xs_netlink_close(struct xs_netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	free(netlink->kept);
	free(netlink);
}

int xs_netlink_fd(const struct xs_netlink *netlink)
{
	return mnl_socket_get_fd(netlink->socket);
}

const char *xs_netlink_why(const struct xs_netlink *netlink)
{
	return netlink->why;
}

struct nlmsghdr *xs_netlink_message(struct xs_netlink *netlink)
{
	return (struct nlmsghdr *)netlink->request;
}

void *xs_netlink_begin(struct xs_netlink *netlink, uint16_t type, uint16_t flags, size_t extra)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(netlink->request);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++netlink->sequence;
	return mnl_nlmsg_put_extra_header(message, extra);
}

/* The text that may follow an error (NETLINK_EXT_ACK). */
static void keep_why(struct xs_netlink *netlink, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t offset = sizeof(*error);
	const struct nlattr *attribute;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(message->nlmsg_flags & NLM_F_CAPPED)) /* the whole request stands in between */
		offset += error->msg.nlmsg_len - sizeof(error->msg);
	mnl_attr_for_each(attribute, message, offset)
	{
		if (mnl_attr_get_type(attribute) != NLMSGERR_ATTR_MSG)
			continue;
		snprintf(netlink->why, sizeof(netlink->why), ": %.*s", (int)mnl_attr_get_payload_len(attribute),
			 (const char *)mnl_attr_get_payload(attribute));
	}
}

/* 1: the answer is complete, 0: more follows, negative errno. */
static int read_message(struct xs_netlink *netlink, const struct nlmsghdr *message,
			int (*fn)(void *context, const struct nlmsghdr *message), void *context)
{
	int err;

	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	switch (message->nlmsg_type) {
	case NLMSG_ERROR:
		if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nlmsgerr))
			return -EBADMSG;
		err = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
		if (err)
			keep_why(netlink, message);
		return err < 0 ? err : 1;
	case NLMSG_DONE:
		err = mnl_nlmsg_get_payload_len(message) >= sizeof(int) ? *(const int *)mnl_nlmsg_get_payload(message)
									: 0;
		return err < 0 ? err : 1;
	case NLMSG_NOOP:
		return 0;
	default:
		err = fn ? fn(context, message) : 0;
		return err < 0 ? err : 0;
	}
}

/* Gives every message that comes to `take`, until it says that this was the last. */
static int receive(struct xs_netlink *netlink,
		   bool (*take)(struct xs_netlink *netlink, const struct nlmsghdr *message, void *context),
		   void *context)
{
	char *answer = have(&spare_answer, ANSWER_SIZE);
	int err = answer ? 0 : -ENOMEM;
	bool last = false;

	while (!err && !last) {
		ssize_t size = mnl_socket_recvfrom(netlink->socket, answer, ANSWER_SIZE);
		const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
		int left = (int)size;

		if (size < 0)
			err = errno == EINTR ? 0 : -errno;
		for (; !last && mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			last = take(netlink, message, context);
	}
	give_back(&spare_answer, answer);
	return err;
}

/* ---- one question ------------------------------------------------------------------------------------------------ */

struct question {
	int (*fn)(void *context, const struct nlmsghdr *message);
	void *context;
	bool dump, acknowledged; /* how its answer ends */
	int failed;
};

static bool is_last(const struct nlmsghdr *message)
{
	return message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE;
}

static bool take_answer(struct xs_netlink *netlink, const struct nlmsghdr *message, void *context)
{
	struct question *asked = context;
	int err;

	if (message->nlmsg_seq != xs_netlink_message(netlink)->nlmsg_seq)
		return false;
	err = read_message(netlink, message, asked->failed ? NULL : asked->fn, asked->context);
	if (err < 0 && !asked->failed)
		asked->failed = err;
	/* After a failure the rest of a dump is still read: until it has ended there can be no other. */
	return err > 0 || !asked->acknowledged || (err < 0 && (!asked->dump || is_last(message)));
}

int xs_netlink_ask(struct xs_netlink *netlink, int (*fn)(void *context, const struct nlmsghdr *message), void *context)
{
	const struct nlmsghdr *request = xs_netlink_message(netlink);
	struct question asked = { .fn = fn, .context = context };
	int err;

	asked.dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && !(request->nlmsg_flags & NLM_F_ACK);
	asked.acknowledged = asked.dump || request->nlmsg_flags & NLM_F_ACK;
	netlink->why[0] = '\0';
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	err = receive(netlink, take_answer, &asked);
	return err ? err : asked.failed;
}

/* ---- changes, one or many ---------------------------------------------------------------------------------------- */

/* Of changes that were sent together. */
struct outcome {
	size_t failures;
	int first; /* failure that was not expected */
};

/*
 * An answer to one of those that were sent: true if it is the last's. Only the last asks for an acknowledgement; of the
 * others, those that fail are answered.
 */
static bool take_outcome(struct xs_netlink *netlink, const struct nlmsghdr *message, void *context)
{
	const struct kept *kept = netlink->kept;
	uint32_t number = message->nlmsg_seq - kept->first;
	struct outcome *outcome = context;
	int err;

	if (number >= kept->count || message->nlmsg_type != NLMSG_ERROR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct nlmsgerr))
		return false;
	err = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
	outcome->failures += err != 0;
	if (err && err != kept->may_fail[number] && !outcome->first) {
		outcome->first = err;
		keep_why(netlink, message);
	}
	return number == kept->count - 1;
}

static int send_kept(struct xs_netlink *netlink)
{
	struct kept *kept = netlink->kept;
	struct outcome outcome = { 0 };
	int err;

	if (!kept->count)
		return 0;
	netlink->why[0] = '\0';
	kept->last->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(netlink->socket, kept->bytes, kept->used) < 0) {
		err = -errno;
	} else {
		err = receive(netlink, take_outcome, &outcome);
		err = outcome.first ? outcome.first : err;
		changes += kept->count - outcome.failures;
	}
	kept->count = kept->used = 0;
	return err;
}

static int keep(struct xs_netlink *netlink)
{
	const struct nlmsghdr *message = xs_netlink_message(netlink);
	struct kept *kept = netlink->kept;
	size_t size = NLMSG_ALIGN(message->nlmsg_len);
	int err = 0;

	if (kept->count == KEPT_MAX || kept->used + size > sizeof(kept->bytes))
		err = send_kept(netlink);
	if (!kept->count)
		kept->first = message->nlmsg_seq;
	kept->last = memset(kept->bytes + kept->used, 0, size);
	memcpy(kept->last, message, message->nlmsg_len);
	kept->used += size;
	kept->may_fail[kept->count++] = 0;
	return err;
}

void xs_netlink_gather(struct xs_netlink *netlink)
{
	if (!netlink->kept)
		netlink->kept = have(&spare_kept, sizeof(*netlink->kept));
	if (netlink->kept) /* else each by itself */
		netlink->kept->count = netlink->kept->used = 0;
}

void xs_netlink_may_fail(struct xs_netlink *netlink, int err)
{
	if (netlink->kept && netlink->kept->count)
		netlink->kept->may_fail[netlink->kept->count - 1] = err;
}

int xs_netlink_flush(struct xs_netlink *netlink)
{
	int err;

	if (!netlink->kept)
		return 0;
	err = send_kept(netlink);
	give_back(&spare_kept, netlink->kept);
	netlink->kept = NULL;
	return err;
}

int xs_netlink_change(struct xs_netlink *netlink)
{
	int err;

	if (netlink->kept)
		return keep(netlink);
	xs_netlink_message(netlink)->nlmsg_flags |= NLM_F_ACK;
	err = xs_netlink_ask(netlink, NULL, NULL);
	if (!err)
		xs_netlink_count_change();
	return err;
}

static int read_nsid(void *context, const struct nlmsghdr *message)
{
	const struct nlattr *attribute;
	int32_t *nsid = context;

	mnl_attr_for_each(attribute, message,
			  sizeof(struct rtgenmsg)) if (mnl_attr_get_type(attribute) == NETNSA_NSID) *nsid =
		(int32_t)mnl_attr_get_u32(attribute);
	return 0;
}

int xs_netlink_nsid(struct xs_netlink *netlink, int netns, int32_t *nsid)
{
	int32_t found = NETNSA_NSID_NOT_ASSIGNED;
	int err;

	/* All zero: AF_UNSPEC. */
	xs_netlink_begin(netlink, RTM_GETNSID, 0, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(xs_netlink_message(netlink), NETNSA_FD, (uint32_t)netns);
	err = xs_netlink_ask(netlink, read_nsid, &found);
	if (!err)
		*nsid = found;
	return err;
}
