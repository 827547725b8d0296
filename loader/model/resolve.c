/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolve.c - references that a leafref cannot express: a peer "NODE/PORT", the port of a gateway (on its VRF's node)
 * or MUX, the cable of a link. What gateways over one subnet share: first_hop.c.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

static void resolve_peers(struct xs_check *check)
{
	for (size_t i = 0; i < check->domain->node_count; i++) {
		struct xs_d_node *node = &check->domain->node[i];

		for (size_t j = 0; j < node->port_count; j++) {
			struct xs_d_port *port = &node->port[j], *peer;

			if (!port->peer_text)
				continue;
			peer = xs_names_find(&check->index->port, port->peer_text);
			if (!peer)
				XS_FAULT(check, &port->peer_place, "peer: there is no port \"%s\"", port->peer_text);
			else if (peer == port)
				XS_FAULT(check, &port->peer_place, "peer: \"%s\" is this port itself", port->peer_text);
			else if (peer->on_text)
				XS_FAULT(check, &port->peer_place, "peer: \"%s\" is a VLAN of users", port->peer_text);
			else if (peer->node == node)
				XS_FAULT(check, &port->peer_place, "peer: \"%s\" is on the same node", port->peer_text);
			else
				port->peer = peer;
		}
	}
}

/* A cable has two ends that know each other. */
static void check_symmetry(struct xs_check *check)
{
	for (size_t i = 0; i < check->domain->node_count; i++) {
		const struct xs_d_node *node = &check->domain->node[i];

		for (size_t j = 0; j < node->port_count; j++) {
			const struct xs_d_port *port = &node->port[j], *peer = port->peer;

			if (!peer || peer->peer == port)
				continue;
			if (!peer->peer_text) {
				XS_FAULT(check, &port->peer_place, "peer: \"%s\" does not name \"%s/%s\" as its peer",
					 port->peer_text, node->name, port->name);
				xs_diag_note(check->diag, &peer->place, "\"%s\" is here", port->peer_text);
			} else if (peer->peer) {
				XS_FAULT(check, &port->peer_place, "peer: \"%s\" names \"%s\" as its peer",
					 port->peer_text, peer->peer_text);
				xs_diag_note(check->diag, &peer->peer_place, "it does so here");
			}
		}
	}
}

/* `leaf`: that names it. */
/* One end of a cable says what it runs through, or both say the same (R32, R40). */
static void resolve_switches(struct xs_check *check)
{
	for (size_t i = 0; i < check->domain->node_count; i++) {
		struct xs_d_node *node = &check->domain->node[i];

		for (size_t j = 0; j < node->port_count; j++) {
			struct xs_d_port *port = &node->port[j], *peer = port->peer;

			if (!port->through)
				continue;
			if (!port->peer_text) {
				XS_FAULT(check, &port->through_place,
					 "switch: \"%s\": port \"%s\" has no peer that it could lead to",
					 port->through->name, port->name);
			} else if (!peer || peer->peer != port || peer->through == port->through) {
				continue;
			} else if (!peer->through) {
				peer->through = port->through;
				peer->through_place = port->through_place;
			} else if (xs_place_after(&port->through_place, &peer->through_place)) {
				XS_FAULT(check, &port->through_place,
					 "switch: \"%s\", but the other end of the cable, \"%s\", says \"%s\"",
					 port->through->name, port->peer_text, peer->through->name);
				xs_diag_note(check->diag, &peer->through_place, "it does so here");
			}
		}
	}
}

static struct xs_d_port *port_of(struct xs_check *check, const struct xs_d_node *node, const char *leaf,
				 const char *name, const struct xs_place *place)
{
	struct xs_d_port *port;

	if (!node || !name)
		return NULL;
	port = xs_names_find_in(&check->index->port, node->name, name);
	if (!port) {
		XS_FAULT(check, place, "%s: node \"%s\" has no port \"%s\"", leaf, node->name, name);
		xs_diag_note(check->diag, &node->place, "node \"%s\" is here", node->name);
	}
	return port;
}

static bool joins(const struct xs_d_port *port, const struct xs_d_node *a, const struct xs_d_node *b)
{
	return port->peer && port->peer->peer == port && port->node == a && port->peer->node == b;
}

/* The port on end 0's node of the cable that the link runs over; NULL: reported, or none is needed. */
static struct xs_d_port *cable_of(struct xs_check *check, const struct xs_d_link *link)
{
	struct xs_d_node *a = link->end[0]->node, *b = link->end[1]->node;
	struct xs_d_port *port;

	if (link->port_text) {
		port = xs_names_find(&check->index->port, link->port_text);
		if (!port) {
			XS_FAULT(check, &link->port_place, "port: there is no port \"%s\"", link->port_text);
			return NULL;
		}
		if (joins(port, a, b))
			return port;
		if (joins(port, b, a))
			return port->peer;
		XS_FAULT(check, &link->port_place, "port: \"%s\" does not lead from \"%s\" to \"%s\"", link->port_text,
			 a->name, b->name);
		xs_diag_note(check->diag, &port->place, "port \"%s\" is here", link->port_text);
		return NULL;
	}
	for (size_t i = 0; i < a->port_count; i++) {
		if (joins(&a->port[i], a, b))
			return &a->port[i];
	}
	/* What finds its way by the WAN's own routing needs no cable from node to node. */
	if (link->slice->implementation == XS_PAGING)
		return NULL;
	XS_FAULT(check, &link->place,
		 "link \"%s\": no cable joins \"%s\" and \"%s\": no port of the one has a peer on the other",
		 link->name, a->name, b->name);
	return NULL;
}

static void resolve_link(struct xs_check *check, struct xs_d_link *link)
{
	if (!link->end[0] || !link->end[1] || !link->end[0]->node || !link->end[1]->node)
		return;
	if (link->end[0]->node == link->end[1]->node) {
		XS_FAULT(check, &link->end_place[1], "ends: \"%s\" and \"%s\" are both on node \"%s\"",
			 link->end[0]->name, link->end[1]->name, link->end[0]->node->name);
		return;
	}
	link->port[0] = cable_of(check, link);
	if (link->port[0])
		link->port[1] = link->port[0]->peer;
	for (int i = 0; link->mtu && link->port[0] && i < 2; i++) {
		if (link->mtu <= link->port[i]->mtu)
			continue;
		XS_FAULT(check, &link->mtu_place, "mtu: %u is more than the %u of port \"%s/%s\"", link->mtu,
			 link->port[i]->mtu, link->port[i]->node->name, link->port[i]->name);
		xs_diag_note(check->diag, &link->port[i]->place, "the port is here");
		break;
	}
}

int xs_resolve(struct xs_check *check)
{
	struct xs_domain *domain = check->domain;

	xs_resolve_vlans(check);
	resolve_peers(check);
	check_symmetry(check);
	resolve_switches(check);
	xs_join_vlans(check);
	for (size_t i = 0; i < domain->slice_count; i++) {
		struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; j < slice->link_count; j++)
			resolve_link(check, &slice->link[j]);
		for (size_t j = 0; j < slice->gateway_count; j++) {
			struct xs_d_gateway *gateway = &slice->gateway[j];

			if (gateway->vrf)
				gateway->port = port_of(check, gateway->vrf->node, "port", gateway->port_text,
							&gateway->port_place);
		}
	}
	for (size_t i = 0; i < domain->mux_count; i++) {
		struct xs_d_mux *mux = &domain->mux[i];

		mux->port = port_of(check, mux->node, "port", mux->port_text, &mux->port_place);
		mux->exit = port_of(check, mux->node, "exit", mux->exit_text, &mux->exit_place);
	}
	return xs_share_first_hops(check);
}
