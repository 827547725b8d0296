/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clsact.c - see clsact.h. */
#include "loader/node/clsact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "loader/node/datapath.h"

#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EGRESS  TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

bool xs_clsact_is_missing(int err)
{
	return err == -ENODEV || err == -EINVAL || err == -ENOENT;
}

/* ---- the qdisc ---- */

static int change_qdisc(struct xs_netlink *netlink, uint16_t type, uint16_t flags, uint32_t ifindex)
{
	struct tcmsg *info = xs_netlink_begin(netlink, type, flags, sizeof(*info));

	info->tcm_ifindex = (int)ifindex;
	info->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	info->tcm_parent = TC_H_CLSACT;
	mnl_attr_put_strz(xs_netlink_message(netlink), TCA_KIND, "clsact");
	return xs_netlink_change(netlink);
}

int xs_clsact_add(struct xs_netlink *netlink, uint32_t ifindex)
{
	return change_qdisc(netlink, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex);
}

int xs_clsact_remove(struct xs_netlink *netlink, uint32_t ifindex)
{
	return change_qdisc(netlink, RTM_DELQDISC, 0, ifindex);
}

static int see_filter(void *context, const struct nlmsghdr *message)
{
	*(int *)context |= message->nlmsg_type == RTM_NEWTFILTER;
	return 0;
}

int xs_clsact_is_used(struct xs_netlink *netlink, uint32_t ifindex)
{
	const uint32_t side[] = { INGRESS, EGRESS };
	int used = 0;

	for (size_t i = 0; i < sizeof(side) / sizeof(side[0]); i++) {
		struct tcmsg *info = xs_netlink_begin(netlink, RTM_GETTFILTER, NLM_F_DUMP, sizeof(*info));
		int err;

		info->tcm_ifindex = (int)ifindex;
		info->tcm_parent = side[i];
		err = xs_netlink_ask(netlink, see_filter, &used);
		if (err && !xs_clsact_is_missing(err))
			return err;
	}
	return used;
}

/* ---- the filter ---- */

static struct nlmsghdr *begin_filter(struct xs_netlink *netlink, uint16_t type, uint16_t flags, uint32_t ifindex)
{
	struct tcmsg *info = xs_netlink_begin(netlink, type, flags, sizeof(*info));

	info->tcm_ifindex = (int)ifindex;
	info->tcm_handle = XS_TC_HANDLE;
	info->tcm_parent = INGRESS;
	info->tcm_info = TC_H_MAKE((uint32_t)XS_TC_PRIORITY << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(xs_netlink_message(netlink), TCA_KIND, "bpf");
	return xs_netlink_message(netlink);
}

static int read_program(void *context, const struct nlmsghdr *message)
{
	const struct nlattr *attribute, *option;

	if (message->nlmsg_type != RTM_NEWTFILTER)
		return 0;
	mnl_attr_for_each(attribute, message, sizeof(struct tcmsg))
	{
		if (mnl_attr_get_type(attribute) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(option, attribute)
		{
			if (mnl_attr_get_type(option) == TCA_BPF_ID)
				*(uint32_t *)context = mnl_attr_get_u32(option);
		}
	}
	return 0;
}

int xs_clsact_program(struct xs_netlink *netlink, uint32_t ifindex, uint32_t *program)
{
	*program = 0;
	begin_filter(netlink, RTM_GETTFILTER, 0, ifindex);
	return xs_netlink_ask(netlink, read_program, program);
}

static int put_filter(struct xs_netlink *netlink, uint16_t flags, uint32_t ifindex, int program, const char *name)
{
	struct nlmsghdr *message = begin_filter(netlink, RTM_NEWTFILTER, NLM_F_CREATE | flags, ifindex);
	struct nlattr *options = mnl_attr_nest_start(message, TCA_OPTIONS);

	mnl_attr_put_u32(message, TCA_BPF_FD, (uint32_t)program);
	mnl_attr_put_strz(message, TCA_BPF_NAME, name);
	mnl_attr_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(message, options);
	return xs_netlink_change(netlink);
}

int xs_clsact_run(struct xs_netlink *netlink, uint32_t ifindex, int program, const char *name)
{
	return put_filter(netlink, NLM_F_EXCL, ifindex, program, name);
}

int xs_clsact_exchange(struct xs_netlink *netlink, uint32_t ifindex, int program, const char *name)
{
	return put_filter(netlink, NLM_F_REPLACE, ifindex, program, name);
}

int xs_clsact_stop(struct xs_netlink *netlink, uint32_t ifindex)
{
	begin_filter(netlink, RTM_DELTFILTER, 0, ifindex);
	return xs_netlink_change(netlink);
}
