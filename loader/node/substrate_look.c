/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * substrate_look.c - what a router of the WAN has, and this node's own namespace has not. It is the operator's, so it
 * is told and not set.
 */
#include <errno.h>
#include <linux/ip.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "loader/node/inet.h"
#include "loader/node/netns.h"
#include "loader/node/substrate.h"
#include "maps/contract.h"

struct look {
	struct xs_node *node;
	const struct xs_image *image;
	xs_tell_fn tell;
	void *context;
};

static void tell(const struct look *look, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(const struct look *look, const char *format, ...)
{
	char sentence[XS_NODE_ERROR];
	va_list list;

	va_start(list, format);
	vsnprintf(sentence, sizeof(sentence), format, list);
	va_end(list);
	look->tell(look->context, sentence);
}

/* Of which families pages or mapped addresses are here. False: of none. */
static bool find_families(const struct xs_image *image, bool has[XS_FAMILIES])
{
	const struct xs_rec_address *address;
	const struct xs_rec_page *page;

	has[XS_FAMILY4] = has[XS_FAMILY6] = false;
	for (size_t i = 0; (page = xs_image_at(image, XS_REC_PAGE, i)); i++)
		has[xs_family_index(page->mapped.family)] |= page->uplink != 0;
	/* Slice 0 sorts first. */
	for (size_t i = 0; (address = xs_image_at(image, XS_REC_ADDRESS, i)) && !address->slice; i++)
		has[xs_family_index(address->prefix.family)] = true;
	return has[XS_FAMILY4] || has[XS_FAMILY6];
}

/* ---- forwarding -------------------------------------------------------------------------------------------------- */

/* IPv4's kernel asks the device that a packet comes in by, IPv6's the namespace. */
static void look_at_forwarding(const struct look *look, const bool has[XS_FAMILIES])
{
	const struct xs_rec_port *port;
	long all = 1, all6 = 1;

	xs_sysctl_get(look->node->sysctl.ipv4, "conf/all/forwarding", &all);
	xs_sysctl_get(look->node->sysctl.ipv6, "conf/all/forwarding", &all6);
	if (has[XS_FAMILY4] && !all)
		tell(look,
		     "the node does not forward IPv4, which a node with pages has to: sysctl net.ipv4.ip_forward is 0");
	if (has[XS_FAMILY6] && !all6)
		tell(look, "the node does not forward IPv6, which a node with pages has to: sysctl "
			   "net.ipv6.conf.all.forwarding is 0");
	for (size_t i = 0; has[XS_FAMILY4] && all && (port = xs_image_at(look->image, XS_REC_PORT, i)); i++) {
		const struct xs_node_port *device = xs_node_port(look->node, port->id);
		struct xs_link link;

		if (port->wan && device && !xs_link_get(look->node->netlink, NULL, device->ifindex, &link) &&
		    !link.ipv4[IPV4_DEVCONF_FORWARDING])
			tell(look,
			     "the node does not forward what comes in by port %s: sysctl net.ipv4.conf.%s.forwarding "
			     "is 0",
			     port->name, link.name);
	}
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* Where in the image the address lies; family NONE: in no page and no pool. */
static struct xs_prefix place_of(const struct xs_image *image, const struct xs_address *address)
{
	const struct xs_rec_pool *pool;
	const struct xs_rec_page *page;

	for (size_t i = 0; (page = xs_image_at(image, XS_REC_PAGE, i)); i++)
		if (xs_prefix_contains(&page->mapped, address))
			return page->mapped;
	for (size_t i = 0; (pool = xs_image_at(image, XS_REC_POOL, i)); i++)
		if (xs_prefix_contains(&pool->prefix, address))
			return pool->prefix;
	return (struct xs_prefix){ .family = XS_FAMILY_NONE };
}

static bool is_ours(const struct xs_image *image, const struct xs_address *address)
{
	struct {
		uint32_t slice;
		struct xs_prefix prefix;
	} key = { .prefix = xs_prefix_of_host(address) };

	return xs_image_find(image, XS_REC_ADDRESS, &key);
}

static int look_at_addresses(const struct look *look)
{
	char text[XS_PREFIX_TEXT], where[XS_PREFIX_TEXT];
	struct xs_held_address *held = NULL;
	struct xs_link link;
	size_t count = 0;
	int err = xs_address_dump(look->node->netlink, XS_FAMILIES, &held, &count);

	for (size_t i = 0; !err && i < count; i++) {
		struct xs_prefix place;

		if (is_ours(look->image, &held[i].address))
			continue;
		place = place_of(look->image, &held[i].address);
		if (!place.family || xs_link_get(look->node->netlink, NULL, held[i].ifindex, &link))
			continue;
		tell(look,
		     "address %s of device %s lies in %s, which is kept for pages: give the device another, or the "
		     "domain another `pool`",
		     xs_address_text(&held[i].address, text), link.name, xs_prefix_text(&place, where));
	}
	free(held);
	return err;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

bool xs_substrate_is_down(struct xs_node *node)
{
	struct xs_link lo;

	return !xs_link_get(node->netlink, NULL, XS_LO_IFINDEX, &lo) && !(lo.flags & IFF_UP);
}

int xs_node_look_at_substrate(struct xs_node *node, const struct xs_image *image, xs_tell_fn tell_fn, void *context)
{
	const struct look look = { .node = node, .image = image, .tell = tell_fn, .context = context };
	bool has[XS_FAMILIES];

	if (!find_families(image, has))
		return 0;
	look_at_forwarding(&look, has);
	if (xs_substrate_is_down(node))
		tell(&look, "device lo is down, which holds the node's own addresses: ip link set lo up");
	return look_at_addresses(&look);
}
