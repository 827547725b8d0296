/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vlan.c - VLANs of users: ports of their own on a physical one, of which they say no more than their id and MTU. Their
 * ids are nobody else's on that port: no link's label, nothing that is reserved for the host, no other VLAN's.
 */
#include <string.h>

#include "loader/model/check.h"

/* NULL: reported, or nothing to report. */
static struct xs_d_port *physical_of(struct xs_check *check, const struct xs_d_port *port)
{
	struct xs_d_port *on;

	if (port->on_text && !port->vlan && !port->half)
		XS_FAULT(check, &port->on_place, "on: \"%s\": a port on another one needs a vlan", port->on_text);
	if (!port->on_text) {
		if (port->vlan && !port->half)
			XS_FAULT(check, &port->vlan_place, "vlan: %u: write which physical port it is on: `on`",
				 port->vlan);
		return NULL;
	}
	if (!port->node->name)
		return NULL;
	on = xs_names_find_in(&check->index->port, port->node->name, port->on_text);
	if (!on)
		XS_FAULT(check, &port->on_place, "on: node \"%s\" has no port \"%s\"", port->node->name, port->on_text);
	else if (on == port)
		XS_FAULT(check, &port->on_place, "on: \"%s\" is this port itself", port->on_text);
	else if (on->on_text)
		XS_FAULT(check, &port->on_place, "on: \"%s\" is a VLAN itself: one tag is all that a frame may have",
			 port->on_text);
	else
		return on;
	return NULL;
}

static const struct xs_d_range *range_with(const struct xs_d_range *range, size_t count, uint16_t vlan)
{
	for (size_t i = 0; i < count; i++)
		if (vlan >= range[i].first && vlan <= range[i].last)
			return &range[i];
	return NULL;
}

static void check_id(struct xs_check *check, const struct xs_d_port *port)
{
	const struct xs_d_range *range = range_with(port->on->reserved, port->on->reserved_count, port->vlan);
	const struct xs_d_port *other = xs_d_vlan_of(port->on, port->vlan);

	if (range) {
		XS_FAULT(check, &port->vlan_place, "vlan: %u is reserved by port \"%s\" for the host", port->vlan,
			 port->on->name);
		xs_diag_note(check->diag, &range->place, "it is reserved here");
	}
	if (other) {
		XS_FAULT(check, &port->vlan_place, "vlan: %u of port \"%s\" is already that of port \"%s\"", port->vlan,
			 port->on->name, other->name);
		xs_diag_note(check->diag, &other->vlan_place, "that port is here");
	}
}

static void resolve_vlan(struct xs_check *check, struct xs_d_port *port)
{
	struct xs_d_port *on = physical_of(check, port);

	if (port->on_text && port->not_its_own)
		XS_FAULT(check, &port->not_its_own_place, "%s: port \"%s\" is a VLAN: this is for port \"%s\" to say",
			 port->not_its_own, port->name ? port->name : "", port->on_text);
	if (!port->mtu)
		port->mtu = on ? on->mtu : XS_PORT_MTU;
	if (!on || !port->vlan)
		return;
	port->on = on;
	port->interface = on->interface;
	port->mode = on->mode;
	port->attach = on->attach;
	port->stack = on->stack;
	check_id(check, port);
	if (port->mtu > on->mtu) {
		XS_FAULT(check, &port->mtu_place, "mtu: %u is more than the %u of port \"%s\"", port->mtu, on->mtu,
			 on->name);
		xs_diag_note(check->diag, &on->place, "the port is here");
	}
	port->next_vlan = on->vlans;
	on->vlans = port;
}

void xs_resolve_vlans(struct xs_check *check)
{
	for (size_t i = 0; i < check->domain->node_count; i++)
		for (size_t j = 0; j < check->domain->node[i].port_count; j++)
			resolve_vlan(check, &check->domain->node[i].port[j]);
}

static void join_vlan(struct xs_check *check, struct xs_d_port *port)
{
	struct xs_d_switch *through = port->on ? port->on->through : NULL;

	if (!through)
		return;
	port->next_on_switch = through->vlans;
	through->vlans = port;
	if (range_with(through->carries, through->carries_count, port->vlan))
		return;
	XS_FAULT(check, &port->vlan_place, "vlan: %u is not carried by switch \"%s\", which port \"%s\" leads to",
		 port->vlan, through->name, port->on->name);
	xs_diag_note(check->diag, through->carries_count ? &through->carries[0].place : &through->place,
		     "what it carries is here");
}

void xs_join_vlans(struct xs_check *check)
{
	for (size_t i = 0; i < check->domain->node_count; i++)
		for (size_t j = 0; j < check->domain->node[i].port_count; j++)
			join_vlan(check, &check->domain->node[i].port[j]);
}
