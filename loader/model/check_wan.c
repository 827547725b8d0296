/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_wan.c - paging: ports by which a node's own routing instance reaches the WAN have room for IPv6 where a slice
 * sends or gets it there. Which of them a packet goes by is the WAN's routing to say, and a kernel has no IPv6 on a device
 * of a smaller MTU: so one that is large enough serves, and the others are told of.
 */
#include <stdlib.h>

#include "loader/model/check.h"
#include "loader/model/subnets.h"

struct users {
	const struct xs_d_port **port; /* where users send untagged frames, and what lies behind an exit */
	size_t count;
};

static int compare_ports(const void *left, const void *right)
{
	const struct xs_d_port *a = *(const struct xs_d_port *const *)left, *b = *(const struct xs_d_port *const *)right;

	return a < b ? -1 : a > b;
}

static int find_users(struct xs_check *check, struct users *users)
{
	const struct xs_domain *domain = check->domain;
	size_t room = 2 * domain->mux_count;

	for (size_t i = 0; i < domain->slice_count; i++)
		room += domain->slice[i].gateway_count;
	users->port = xs_arena_array(check->scratch, room, sizeof(struct xs_d_port *));
	if (!users->port)
		return -ENOMEM;
	for (size_t i = 0; i < domain->slice_count; i++) {
		for (size_t j = 0; j < domain->slice[i].gateway_count; j++)
			users->port[users->count++] = domain->slice[i].gateway[j].port;
	}
	for (size_t i = 0; i < domain->mux_count; i++) {
		users->port[users->count++] = domain->mux[i].port;
		users->port[users->count++] = domain->mux[i].exit;
	}
	if (users->count)
		qsort(users->port, users->count, sizeof(struct xs_d_port *), compare_ports);
	return 0;
}

static bool is_wan(const struct users *users, const struct xs_d_port *port)
{
	return !port->on_text &&
	       (!users->count ||
		!bsearch(&port, users->port, users->count, sizeof(struct xs_d_port *), compare_ports));
}

/* Where the subnet's addresses are; how many of node[] there are. */
static size_t nodes_of(const struct xs_d_subnet *subnet, const struct xs_d_node *node[2])
{
	size_t count = 0;

	for (int end = 0; subnet->link && end < 2; end++) {
		if (subnet->link->end[end] && subnet->link->end[end]->node)
			node[count++] = subnet->link->end[end]->node;
	}
	if (subnet->gateway && subnet->gateway->vrf && subnet->gateway->vrf->node)
		node[count++] = subnet->gateway->vrf->node;
	if (subnet->mux && subnet->mux->node)
		node[count++] = subnet->mux->node;
	return count;
}

/* Where a slice's IPv6 is: that of one node alone never leaves it. */
struct spread {
	const struct xs_d_node *first;
	bool elsewhere;
};

static void note_spread(struct spread *spread, const struct xs_d_node *node)
{
	spread->elsewhere |= spread->first && spread->first != node;
	if (!spread->first)
		spread->first = node;
}

/* needs: by node, the first IPv6 that it has of a slice by paging which has some elsewhere. */
static void find_needs(const struct xs_check *check, const struct xs_d_subnets *subnets, struct spread *spread,
		       const struct xs_d_subnet **needs)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < subnets->count; i++) {
			const struct xs_d_subnet *subnet = &subnets->list[i];
			struct spread *of = &spread[subnet->slice - check->domain->slice];
			const struct xs_d_node *node[2];
			size_t count = 0;

			if (subnet->slice->implementation == XS_PAGING && subnet->prefix.family == XS_IPV6)
				count = nodes_of(subnet, node);
			for (size_t j = 0; j < count; j++) {
				if (!pass)
					note_spread(of, node[j]);
				else if (of->elsewhere && !needs[node[j] - check->domain->node])
					needs[node[j] - check->domain->node] = subnet;
			}
		}
	}
}

static void check_node(struct xs_check *check, const struct xs_d_node *node, const struct users *users,
		       const struct xs_d_subnet *subnet)
{
	char text[XS_PREFIX_TEXT];
	bool enough = false;

	for (size_t i = 0; i < node->port_count; i++)
		enough |= is_wan(users, &node->port[i]) && node->port[i].mtu >= XS_IPV6_MTU_MIN;
	for (size_t i = 0; i < node->port_count; i++) {
		const struct xs_d_port *port = &node->port[i];

		if (!port->name || port->mtu >= XS_IPV6_MTU_MIN || !is_wan(users, port))
			continue;
		if (enough)
			xs_diag_add(check->diag, XS_WARNING, &port->mtu_place,
				    "mtu: %u is less than the %u that IPv6 needs: none that slice \"%s\" has goes by port \"%s/%s\"",
				    port->mtu, XS_IPV6_MTU_MIN, subnet->slice->name, node->name, port->name);
		else
			XS_FAULT(check, &port->mtu_place,
				 "mtu: %u is less than the %u that IPv6 needs, which slice \"%s\" has on \"%s\": by paging "
				 "it goes by port \"%s\"",
				 port->mtu, XS_IPV6_MTU_MIN, subnet->slice->name, node->name, port->name);
		xs_diag_note(check->diag, subnet->place, "%s of %s \"%s\" is here", xs_prefix_text(&subnet->prefix, text),
			     subnet->noun, subnet->name);
	}
}

int xs_check_wan(struct xs_check *check, const struct xs_d_subnets *subnets)
{
	const struct xs_domain *domain = check->domain;
	const struct xs_d_subnet **needs =
		xs_arena_array(check->scratch, domain->node_count, sizeof(struct xs_d_subnet *));
	struct spread *spread = xs_arena_array(check->scratch, domain->slice_count, sizeof(*spread));
	struct users users = { 0 };
	int err = needs && spread ? find_users(check, &users) : -ENOMEM;

	if (err)
		return err;
	find_needs(check, subnets, spread, needs);
	for (size_t i = 0; i < domain->node_count; i++) {
		if (needs[i] && domain->node[i].name)
			check_node(check, &domain->node[i], &users, needs[i]);
	}
	return 0;
}
