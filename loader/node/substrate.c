/* SPDX-License-Identifier: GPL-2.0-or-later */
/* substrate.c - see substrate.h. */
#include "loader/node/substrate.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/node/inet.h"
#include "loader/node/netns.h"
#include "maps/contract.h"

/* Of the node's end of an uplink. What comes out of a sliver is in a page, and so are the answers: whatever the ports are told. */
static const struct {
	unsigned int family;
	const char *name;
	long value;
} uplink_settings[] = {
	{ XS_FAMILY4, "forwarding", 1 },     { XS_FAMILY4, "rp_filter", 0 },	    { XS_FAMILY4, "send_redirects", 0 },
	{ XS_FAMILY4, "proxy_arp", 0 },	     { XS_FAMILY4, "accept_redirects", 0 }, { XS_FAMILY6, "addr_gen_mode", 1 },
	{ XS_FAMILY6, "disable_ipv6", 0 },   { XS_FAMILY6, "forwarding", 1 },	    { XS_FAMILY6, "accept_ra", 0 },
	{ XS_FAMILY6, "accept_dad", 0 },
};

static struct xs_address self_of(unsigned int family)
{
	struct xs_address address = { .family = XS_FAMILY_NONE };

	xs_address_parse(family == XS_FAMILY6 ? XS_UPLINK_SELF6 : XS_UPLINK_SELF4, &address);
	return address;
}

static uint32_t veth_of(const struct xs_node *node, uint32_t uplink)
{
	const struct xs_node_vport *made = xs_node_vport(node, uplink);

	return made ? made->veth : 0;
}

/* ---- uplinks ------------------------------------------------------------------------------------------------------- */

static int make_settings(struct xs_node *node, const struct xs_rec_vport *uplink)
{
	struct xs_netns_scope scope;
	char name[IFNAMSIZ], path[96];
	int err = xs_netns_enter(node->netns, &scope);

	if (err)
		return err;
	xs_veth_name(uplink->id, name);
	for (size_t i = 0; err >= 0 && i < sizeof(uplink_settings) / sizeof(uplink_settings[0]); i++) {
		const unsigned int family = uplink_settings[i].family;

		/* A device is always one of IPv4. */
		if (family == XS_FAMILY6 && !xs_vport_carries(uplink, XS_FAMILY6))
			continue;
		snprintf(path, sizeof(path), "conf/%s/%s", name, uplink_settings[i].name);
		err = xs_sysctl_set(family == XS_FAMILY6 ? node->sysctl.ipv6 : node->sysctl.ipv4, path,
				    uplink_settings[i].value);
	}
	xs_netns_leave(&scope);
	return err < 0 ? err : 0;
}

/* By the node's end of its uplink, a slice without IPv6 has none, as its sliver's devices have none. */
static int end_ipv6(struct xs_node *node, const struct xs_rec_vport *uplink)
{
	struct xs_netns_scope scope;
	char name[IFNAMSIZ], path[96];
	int err;

	if (node->sysctl.ipv6 < 0)
		return 0;
	err = xs_netns_enter(node->netns, &scope);
	if (err)
		return err;
	xs_veth_name(uplink->id, name);
	snprintf(path, sizeof(path), "conf/%s/disable_ipv6", name);
	err = xs_sysctl_set(node->sysctl.ipv6, path, 1);
	xs_netns_leave(&scope);
	/* A device of less than 1280 bytes has no such setting: it has no IPv6. */
	return err < 0 && err != -ENOENT ? err : 0;
}

static int make_neighbour(struct xs_node *node, const struct xs_rec_vport *uplink, unsigned int family)
{
	struct xs_held_neighbour held = { .ifindex = veth_of(node, uplink->id), .address = self_of(family) }, set = held;
	int err = xs_neighbour_get(node->netlink, &held);

	if (!err && held.permanent && !memcmp(&held.mac, &uplink->mac, sizeof(held.mac)))
		return 0;
	set.mac = uplink->mac;
	return err && err != -ENOENT ? err : xs_neighbour_set(node->netlink, &set);
}

static int end_neighbour4(struct xs_node *node, const struct xs_rec_vport *uplink)
{
	struct xs_held_neighbour held = { .ifindex = veth_of(node, uplink->id), .address = self_of(XS_FAMILY4) };
	int err = xs_neighbour_get(node->netlink, &held);

	if (!err)
		err = xs_neighbour_delete(node->netlink, &held);
	return err == -ENOENT ? 0 : err;
}

static int make_uplinks(struct xs_node *node, const struct xs_image *image, char *error)
{
	const struct xs_rec_vport *vport;
	int err = 0;

	for (size_t i = 0; !err && (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		if (vport->kind != XS_VPORT_UPLINK)
			continue;
		err = make_settings(node, vport);
		for (unsigned int family = 0; !err && family < XS_FAMILIES; family++)
			if (xs_vport_carries(vport, family))
				err = make_neighbour(node, vport, family);
		if (err)
			xs_node_fail(error, err, "node %s: prepare uplink xs%u%s", node->name, vport->id,
				     xs_netlink_why(node->netlink));
	}
	return err;
}

/* A family that the slice of an uplink does not carry, any more or at all, is not there. IPv6's neighbours go with it. */
static int trim_uplinks(struct xs_node *node, const struct xs_image *image, char *error)
{
	const struct xs_rec_vport *vport;
	int err = 0;

	for (size_t i = 0; !err && (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
		if (vport->kind != XS_VPORT_UPLINK)
			continue;
		if (!xs_vport_carries(vport, XS_FAMILY4))
			err = end_neighbour4(node, vport);
		else if (!xs_vport_carries(vport, XS_FAMILY6))
			err = end_ipv6(node, vport);
		if (err)
			xs_node_fail(error, err, "node %s: trim uplink xs%u%s", node->name, vport->id,
				     xs_netlink_why(node->netlink));
	}
	return err;
}

/* ---- addresses ----------------------------------------------------------------------------------------------------- */

static struct xs_held_address held_of(const struct xs_prefix *host)
{
	struct xs_held_address held = { .ifindex = XS_LO_IFINDEX,
					.length = host->length,
					.scope = RT_SCOPE_UNIVERSE,
					.address = { .family = host->family } };

	memcpy(held.address.bytes, host->bytes, sizeof(held.address.bytes));
	return held;
}

static bool holds(const struct xs_held_address *held, size_t count, const struct xs_address *address)
{
	for (size_t i = 0; i < count; i++)
		if (!xs_address_compare(&held[i].address, address))
			return true;
	return false;
}

static const struct xs_rec_address *own_address(const struct xs_image *image, size_t i)
{
	const struct xs_rec_address *record = image ? xs_image_at(image, XS_REC_ADDRESS, i) : NULL;

	/* Slice 0 sorts first. */
	return record && !record->slice ? record : NULL;
}

/* The addresses that the node's namespace has; malloc()ed. Not looked at where the image gives it none. */
static int held_addresses(struct xs_node *node, const struct xs_image *image, struct xs_held_address **held, size_t *count,
			  char *error)
{
	int err = own_address(image, 0) ? xs_address_dump(node->netlink, XS_FAMILIES, held, count) : 0;

	return err ? xs_node_fail(error, err, "node %s: read the addresses of %s", node->name, node->where) : 0;
}

int xs_substrate_claim(struct xs_node *node, const struct xs_image *image, char *error)
{
	const struct xs_rec_address *record;
	struct xs_held_address *held = NULL;
	char text[XS_PREFIX_TEXT];
	size_t count = 0;
	int err = held_addresses(node, image, &held, &count, error);

	if (!err && own_address(image, 0) && xs_substrate_is_down(node))
		err = xs_node_fail(error, -ENETDOWN, "node %s: device lo in %s, which is to hold mapped addresses (ip link set lo up)",
				   node->name, node->where);
	for (size_t i = 0; !err && (record = own_address(image, i)); i++) {
		const struct xs_held_address wanted = held_of(&record->prefix);

		xs_prefix_text(&record->prefix, text);
		if (xs_journal_find(node->journal, XS_JOURNAL_ADDRESS, text))
			continue;
		if (holds(held, count, &wanted.address))
			err = xs_node_fail(error, -EEXIST, "node %s: address %s in %s is not of our making", node->name,
					   text, node->where);
		else
			err = xs_journal_note(node->journal, XS_JOURNAL_ADDRESS, text, 0, 0, 1);
	}
	free(held);
	return err;
}

static int make_addresses(struct xs_node *node, const struct xs_image *image, char *error)
{
	const struct xs_rec_address *record;
	struct xs_held_address *held = NULL;
	char text[XS_PREFIX_TEXT];
	size_t count = 0;
	int err = held_addresses(node, image, &held, &count, error);

	for (size_t i = 0; !err && (record = own_address(image, i)); i++) {
		const struct xs_held_address wanted = held_of(&record->prefix);

		if (!holds(held, count, &wanted.address))
			err = xs_address_add(node->netlink, &wanted);
		if (err)
			xs_node_fail(error, err, "node %s: add address %s to %s%s", node->name,
				     xs_prefix_text(&record->prefix, text), node->where, xs_netlink_why(node->netlink));
	}
	free(held);
	return err;
}

/* ---- routes -------------------------------------------------------------------------------------------------------- */

static struct xs_held_route route_of_page(const struct xs_node *node, const struct xs_rec_page *page)
{
	return (struct xs_held_route){ .prefix = page->mapped,
				       .ifindex = veth_of(node, page->uplink),
				       .via = self_of(xs_family_index(page->mapped.family)),
				       .onlink = true };
}

static int by_prefix(const void *a, const void *b)
{
	return xs_prefix_compare(&((const struct xs_held_route *)a)->prefix, &((const struct xs_held_route *)b)->prefix);
}

/* Sorted, malloc()ed: all routes that the image wants in the node's namespace. NULL without memory. */
static struct xs_held_route *wanted_routes(const struct xs_node *node, const struct xs_image *image, size_t *count)
{
	size_t room = image ? image->count[XS_REC_PAGE] + image->count[XS_REC_ADDRESS] : 0;
	struct xs_held_route *wanted = calloc(room + 1, sizeof(*wanted));
	const struct xs_rec_address *address;
	const struct xs_rec_page *page;

	*count = 0;
	for (size_t i = 0; wanted && image && (page = xs_image_at(image, XS_REC_PAGE, i)); i++)
		if (page->uplink)
			wanted[(*count)++] = route_of_page(node, page);
	for (size_t i = 0; wanted && (address = own_address(image, i)); i++)
		wanted[(*count)++] =
			(struct xs_held_route){ .prefix = address->prefix, .ifindex = XS_LO_IFINDEX };
	if (wanted)
		qsort(wanted, *count, sizeof(*wanted), by_prefix);
	return wanted;
}

static bool same_route(const struct xs_held_route *a, const struct xs_held_route *b)
{
	/* IPv6's kernel does not tell that a link-local gateway was said to be on the link. */
	return a->ifindex == b->ifindex && !memcmp(&a->via, &b->via, sizeof(a->via));
}

/* remove: takes away what is there and not wanted; else adds what is wanted and not there. */
static int settle_routes(struct xs_node *node, const struct xs_image *image, bool remove, char *error)
{
	struct xs_held_route *wanted, *held = NULL, *found;
	size_t count, held_count = 0;
	char text[XS_PREFIX_TEXT];
	int err = 0;

	wanted = wanted_routes(node, image, &count);
	err = wanted ? xs_route_dump(node->netlink, XS_FAMILIES, &held, &held_count) : -ENOMEM;
	if (err) {
		xs_node_fail(error, err, "node %s: read the routes of %s", node->name, node->where);
		goto out;
	}
	if (held_count)
		qsort(held, held_count, sizeof(*held), by_prefix);
	for (size_t i = 0; !err && !remove && i < count; i++) {
		found = held_count ? bsearch(&wanted[i], held, held_count, sizeof(*held), by_prefix) : NULL;
		if (!found || !same_route(found, &wanted[i]))
			err = xs_route_set(node->netlink, &wanted[i], found);
		if (err)
			xs_node_fail(error, err, "node %s: set route %s in %s%s", node->name,
				     xs_prefix_text(&wanted[i].prefix, text), node->where,
				     xs_netlink_why(node->netlink));
	}
	for (size_t i = 0; !err && remove && i < held_count; i++) {
		if (count && bsearch(&held[i], wanted, count, sizeof(*wanted), by_prefix))
			continue;
		err = xs_route_delete(node->netlink, &held[i]);
		err = err == -ESRCH ? 0 : err;
		if (err)
			xs_node_fail(error, err, "node %s: remove route %s from %s%s", node->name,
				     xs_prefix_text(&held[i].prefix, text), node->where, xs_netlink_why(node->netlink));
	}
out:
	free(wanted);
	free(held);
	return err;
}

/* ---- both ---------------------------------------------------------------------------------------------------------- */

static bool is_concerned(const struct xs_record *record)
{
	return record->type == XS_REC_PAGE || record->type == XS_REC_ADDRESS ||
	       (record->type == XS_REC_VPORT && ((const struct xs_rec_vport *)record)->kind == XS_VPORT_UPLINK);
}

static int note_difference(void *context, enum xs_change change, const struct xs_record *before,
			   const struct xs_record *after)
{
	(void)change;
	(void)context;
	return (before && is_concerned(before)) || (after && is_concerned(after));
}

/* Was an uplink looked at just now, and perhaps made anew? */
static bool is_anew(const struct xs_node *node, const struct xs_image *image)
{
	const struct xs_rec_vport *vport;

	for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
		if (vport->kind == XS_VPORT_UPLINK && xs_node_vport(node, vport->id) &&
		    xs_node_vport(node, vport->id)->looked_at)
			return true;
	return false;
}

static bool holds_any(const struct xs_image *image)
{
	const struct xs_rec_page *page;

	for (size_t i = 0; image && (page = xs_image_at(image, XS_REC_PAGE, i)); i++)
		if (page->uplink)
			return true;
	return own_address(image, 0);
}

int xs_node_join_substrate(struct xs_node *node, const struct xs_image *image, const struct xs_image *former, char *error)
{
	int err;

	if (!holds_any(image) ||
	    (former && !is_anew(node, image) && !xs_image_diff(former, image, note_difference, NULL)))
		return 0;
	err = make_uplinks(node, image, error);
	if (!err)
		err = make_addresses(node, image, error);
	return err ? err : settle_routes(node, image, false, error);
}

int xs_substrate_trim(struct xs_node *node, const struct xs_image *image, char *error)
{
	int err;

	/* Where no page is here any more, the routes went with their uplinks, and the addresses' go with them. */
	if (!holds_any(image) || !node->netlink)
		return 0;
	err = settle_routes(node, image, true, error);
	return err ? err : trim_uplinks(node, image, error);
}

int xs_substrate_give_back(struct xs_node *node, const struct xs_journal_entry *entry, char *error)
{
	struct xs_held_route route = { .ifindex = XS_LO_IFINDEX };
	struct xs_held_address held;
	int err = xs_prefix_parse(entry->key, &route.prefix) ? -EBADMSG : 0;

	if (err)
		return xs_node_fail(error, err, "node %s: address \"%s\" of the journal", node->name, entry->key);
	held = held_of(&route.prefix);
	err = xs_route_delete(node->netlink, &route);
	if (!err || err == -ESRCH)
		err = xs_address_delete(node->netlink, &held);
	if (err && err != -EADDRNOTAVAIL)
		return xs_node_fail(error, err, "node %s: remove address %s from %s%s", node->name, entry->key,
				    node->where, xs_netlink_why(node->netlink));
	return 0;
}
