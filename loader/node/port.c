/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port.c - physical ports: looked at first, then prepared (up, promiscuous, no tag offloads, the MTU of the image), and
 * given back as they were.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loader/model/domain.h"
#include "loader/node/datapath.h"
#include "loader/node/ethtool.h"
#include "loader/node/internal.h"
#include "maps/contract.h"

/*
 * With the first two the tag of a received frame stands beside it, where XDP does not see it: such a port would forward
 * blind. The others only cost: frames that a veth hands on with the tag beside them, tags that the port takes for
 * foreign. LRO merges frames before XDP sees them: some drivers turn it off for an XDP program, and never on again.
 */
static const struct {
	const char *name;
	bool needed;
} receive_features[] = {
	{ "rx-vlan-hw-parse", true },        { "rx-vlan-stag-hw-parse", true }, { "tx-vlan-hw-insert", false },
	{ "tx-vlan-stag-hw-insert", false }, { "rx-vlan-filter", false },       { "rx-vlan-stag-filter", false },
	{ "rx-lro", false },
};

const char *const xs_tx_checksum_features[] = {
	"tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6", "tx-checksum-sctp", NULL,
};

static struct xs_adjustment *add_adjustment(struct xs_port_work *work, enum xs_journal_kind kind, long was, long set)
{
	struct xs_adjustment *adjustment = &work->adjustment[work->count++];

	*adjustment = (struct xs_adjustment){ .kind = kind, .was = was, .set = set };
	snprintf(adjustment->key, sizeof(adjustment->key), "%s", work->record->interface);
	return adjustment;
}

static int look_at_feature(struct xs_node *node, const char *feature, bool needed, struct xs_port_work *work,
			   char *error)
{
	const char *interface = work->record->interface;
	struct xs_adjustment *adjustment;
	struct xs_feature now;
	int err;

	err = xs_feature_get(xs_netlink_fd(node->netlink), interface, feature, &now);
	if (err == -ENOENT || err == -EOPNOTSUPP)
		return 0;
	if (err)
		return xs_node_fail(error, err, "port %s of node %s: feature %s of interface %s", work->record->name,
				    node->name, feature, interface);
	if (!now.changeable) {
		if (now.active && needed)
			return xs_node_fail(error, -EOPNOTSUPP, "port %s of node %s: interface %s cannot turn %s off",
					    work->record->name, node->name, interface, feature);
		return 0;
	}
	if (!now.requested)
		return 0;
	adjustment = add_adjustment(work, XS_JOURNAL_FEATURE, 1, 0);
	adjustment->feature = feature;
	snprintf(adjustment->key, sizeof(adjustment->key), "%s %s", interface, feature);
	return 0;
}

static int refuse_foreign_xdp(struct xs_node *node, const struct xs_rec_port *record, const struct xs_link *link,
			      xs_admits_fn admits, void *context, char *error)
{
	const bool shared = record->attach == XS_ATTACH_SHARED;
	char who[XS_WHO_SIZE];

	for (size_t i = 0; i < XS_LINK_XDP_MAX && link->xdp[i]; i++) {
		snprintf(who, sizeof(who), "XDP program %u", link->xdp[i]);
		if (!admits || !admits(context, link->ifindex, link->xdp[i], shared, who))
			return xs_node_fail(error, -EBUSY,
					    "port %s of node %s: interface %s carries %s, which is not ours",
					    record->name, node->name, record->interface, who);
	}
	return 0;
}

int xs_port_look(struct xs_node *node, const struct xs_rec_port *record, xs_admits_fn admits, void *context,
		 struct xs_port_work *out, char *error)
{
	const struct xs_link *link = xs_link_find(node->links, node->link_count, record->interface);
	struct xs_port_work work = { .record = record };
	int err;

	if (!link)
		return xs_node_fail(error, -ENODEV, "port %s of node %s: there is no interface %s in %s", record->name,
				    node->name, record->interface, node->where);
	if (link->ifindex >= XS_IFINDEX_MAX)
		return xs_node_fail(
			error, -ERANGE,
			"port %s of node %s: interface %s has index %u, of which only those below %u can be served",
			record->name, node->name, record->interface, link->ifindex, XS_IFINDEX_MAX);
	err = refuse_foreign_xdp(node, record, link, admits, context, error);
	work.ifindex = link->ifindex;
	for (size_t i = 0; !err && i < sizeof(receive_features) / sizeof(receive_features[0]); i++)
		err = look_at_feature(node, receive_features[i].name, receive_features[i].needed, &work, error);
	for (const char *const *feature = xs_tx_checksum_features; !err && link->veth && *feature; feature++)
		err = look_at_feature(node, *feature, false, &work, error);
	if (err)
		return err;
	if (record->mtu && link->mtu != record->mtu)
		add_adjustment(&work, XS_JOURNAL_MTU, link->mtu, record->mtu);
	if (!(link->flags & IFF_PROMISC))
		add_adjustment(&work, XS_JOURNAL_PROMISC, 0, 1);
	if (!(link->flags & IFF_UP))
		add_adjustment(&work, XS_JOURNAL_UP, 0, 1);
	*out = work;
	return 0;
}

int xs_port_note(struct xs_node *node, const struct xs_port_work *work)
{
	int err = 0;

	for (size_t i = 0; !err && i < work->count; i++)
		err = xs_journal_note(node->journal, work->adjustment[i].kind, work->adjustment[i].key, work->ifindex,
				      work->adjustment[i].was, work->adjustment[i].set);
	return err;
}

static int adjust(struct xs_node *node, const char *interface, uint32_t ifindex, enum xs_journal_kind kind,
		  const char *feature, long value)
{
	int err;

	switch (kind) {
	case XS_JOURNAL_FEATURE:
		err = xs_feature_set(xs_netlink_fd(node->netlink), interface, feature, value);
		return err > 0 ? 0 : err;
	case XS_JOURNAL_MTU:
		return xs_link_set_mtu(node->netlink, ifindex, (uint32_t)value);
	case XS_JOURNAL_PROMISC:
		return xs_link_set_flags(node->netlink, ifindex, value ? IFF_PROMISC : 0, IFF_PROMISC);
	case XS_JOURNAL_UP:
		return xs_link_set_flags(node->netlink, ifindex, value ? IFF_UP : 0, IFF_UP);
	default:
		return -EINVAL;
	}
}

static const char *kind_text(enum xs_journal_kind kind, const char *feature)
{
	return kind == XS_JOURNAL_FEATURE   ? feature
	       : kind == XS_JOURNAL_MTU     ? "mtu"
	       : kind == XS_JOURNAL_PROMISC ? "promiscuity"
					    : "up";
}

int xs_port_adjust(struct xs_node *node, const struct xs_port_work *work, char *error)
{
	for (size_t i = 0; i < work->count; i++) {
		const struct xs_adjustment *adjustment = &work->adjustment[i];
		int err = adjust(node, work->record->interface, work->ifindex, adjustment->kind, adjustment->feature,
				 adjustment->set);

		if (err)
			return xs_node_fail(error, err, "port %s of node %s: set %s of interface %s to %ld%s",
					    work->record->name, node->name,
					    kind_text(adjustment->kind, adjustment->feature), work->record->interface,
					    adjustment->set, xs_netlink_why(node->netlink));
	}
	return 0;
}

static int value_now(struct xs_node *node, const struct xs_link *link, const struct xs_journal_entry *entry,
		     const char *feature, long *value)
{
	struct xs_feature now;
	int err;

	switch (entry->kind) {
	case XS_JOURNAL_FEATURE:
		err = xs_feature_get(xs_netlink_fd(node->netlink), link->name, feature, &now);
		if (!err)
			*value = now.requested;
		return err;
	case XS_JOURNAL_MTU:
		*value = link->mtu;
		return 0;
	case XS_JOURNAL_PROMISC:
		*value = !!(link->flags & IFF_PROMISC);
		return 0;
	default:
		*value = !!(link->flags & IFF_UP);
		return 0;
	}
}

int xs_port_give_back(struct xs_node *node, const struct xs_journal_entry *entry, char *error)
{
	char interface[IFNAMSIZ];
	const struct xs_link *link;
	const char *feature;
	long now;
	int err;

	snprintf(interface, sizeof(interface), "%.*s", (int)strcspn(entry->key, " "), entry->key);
	feature = strchr(entry->key, ' ');
	feature = feature ? feature + 1 : "";
	link = xs_link_find(node->links, node->link_count, interface);
	if (!link || link->ifindex != entry->ifindex)
		return 0; /* gone; what bears its name now is another */
	err = value_now(node, link, entry, feature, &now);
	if (!err && now == entry->set && now != entry->was)
		err = adjust(node, interface, link->ifindex, entry->kind, feature, entry->was);
	if (err && err != -ENODEV)
		return xs_node_fail(error, err, "node %s: give interface %s its %s %ld back%s", node->name, interface,
				    kind_text(entry->kind, feature), entry->was, xs_netlink_why(node->netlink));
	return 0;
}
