/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_topology.c - what is where: at most one VRF of a slice on a node (R5), one user of a port, devices and
 * namespaces whose names differ.
 */
#include <string.h>

#include "loader/model/check.h"

/* What already has a name, and where it is. */
struct holder {
	const char *kind, *name;
	const struct xs_place *place;
};

/* Adds `key` to names; where it is there already, *out is who has it. */
static int claim(struct xs_check *check, struct xs_names *names, const char *key, const char *kind, const char *name,
		 const struct xs_place *place, const struct holder **out)
{
	struct holder *holder;

	if (!key)
		return -ENOMEM;
	*out = xs_names_find(names, key);
	if (*out)
		return 0;
	holder = xs_arena_array(check->scratch, 1, sizeof(*holder));
	if (!holder)
		return -ENOMEM;
	*holder = (struct holder){ kind, name, place };
	return xs_names_add(names, check->scratch, key, holder);
}

/* ---- interfaces and users of ports ------------------------------------------------------------------------------ */

/* What a node calls its veths is no physical port; where it is written, the schema refuses it. */
static bool is_ours(const char *interface)
{
	return !strncmp(interface, "xs", 2) && interface[2] && !interface[2 + strspn(interface + 2, "0123456789")];
}

static int check_interfaces(struct xs_check *check, const struct xs_d_node *node)
{
	struct xs_names names = { 0 };
	const struct holder *there;
	int err = 0;

	for (size_t i = 0; i < node->port_count && !err; i++) {
		const struct xs_d_port *port = &node->port[i];

		if (!port->interface || port->on_text)
			continue;
		if (is_ours(port->interface))
			XS_FAULT(check, &port->interface_place,
				 "port \"%s\": its interface, by default its name, would be a device of xslice's own: write its interface",
				 port->name);
		err = claim(check, &names, port->interface, "port", port->name, &port->interface_place, &there);
		if (err || !there)
			continue;
		XS_FAULT(check, &port->interface_place, "interface: \"%s\" is already that of port \"%s\"",
			 port->interface, there->name);
		xs_diag_note(check->diag, there->place, "that port is here");
	}
	xs_names_clear(&names);
	return err;
}

/* One gateway or MUX claims the untagged frames of a port, which `leaf` names. */
static int use_port(struct xs_check *check, struct xs_names *users, const struct xs_d_port *port, const char *leaf,
		    const char *kind, const char *name, const struct xs_place *place)
{
	const struct holder *there;
	const char *key;
	int err;

	if (!port || !port->node->name || !port->name)
		return 0;
	if (port->peer_text) {
		XS_FAULT(check, place, "%s: \"%s\" leads to \"%s\": no users come in there", leaf, port->name,
			 port->peer_text);
		xs_diag_note(check->diag, &port->peer_place, "its peer is named here");
	}
	key = xs_arena_join(check->scratch, port->node->name, "/", port->name, NULL);
	err = claim(check, users, key, kind, name, place, &there);
	if (!err && there) {
		XS_FAULT(check, place, "%s: \"%s\" of node \"%s\" is already that of %s \"%s\"", leaf, port->name,
			 port->node->name, there->kind, there->name);
		xs_diag_note(check->diag, there->place, "%s \"%s\" uses it here", there->kind, there->name);
	}
	return err;
}

static int check_users(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	struct xs_names users = { 0 };
	int err = 0;

	for (size_t i = 0; i < domain->slice_count && !err; i++) {
		for (size_t j = 0; j < domain->slice[i].gateway_count && !err; j++) {
			const struct xs_d_gateway *gateway = &domain->slice[i].gateway[j];

			err = use_port(check, &users, gateway->port, "port", "gateway", gateway->name,
				       &gateway->port_place);
		}
	}
	for (size_t i = 0; i < domain->mux_count && !err; i++) {
		const struct xs_d_mux *mux = &domain->mux[i];

		err = use_port(check, &users, mux->port, "port", "mux", mux->name, &mux->port_place);
		if (!err)
			err = use_port(check, &users, mux->exit, "exit", "mux", mux->name, &mux->exit_place);
	}
	xs_names_clear(&users);
	return err;
}

/* ---- VRFs ------------------------------------------------------------------------------------------------------- */

/* R5; and the namespace of a sliver is called xs.NODE.SLICE: dots in names could make two of them one. */
static int check_vrfs(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	struct xs_names places = { 0 }, spaces = { 0 };
	const struct holder *there;
	int err = 0;

	for (size_t i = 0; i < domain->slice_count && !err; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; j < slice->vrf_count && !err; j++) {
			const struct xs_d_vrf *vrf = &slice->vrf[j];

			if (!vrf->node || !vrf->name)
				continue;
			err = claim(check, &places,
				    xs_arena_join(check->scratch, vrf->node->name, "/", slice->name, NULL), "vrf",
				    vrf->name, &vrf->place, &there);
			if (err)
				break;
			if (there) {
				XS_FAULT(check, &vrf->node_place,
					 "node: slice \"%s\" has a VRF on node \"%s\" already, \"%s\"", slice->name,
					 vrf->node->name, there->name);
				xs_diag_note(check->diag, there->place, "that VRF is here");
				continue;
			}
			err = claim(check, &spaces,
				    xs_arena_join(check->scratch, vrf->node->name, ".", slice->name, NULL), "vrf",
				    vrf->name, &vrf->place, &there);
			if (!err && there) {
				XS_FAULT(check, &vrf->node_place,
					 "node: the namespace \"xs.%s.%s\" would be that of VRF \"%s\" too",
					 vrf->node->name, slice->name, there->name);
				xs_diag_note(check->diag, there->place, "that VRF is here");
			}
		}
	}
	xs_names_clear(&places);
	xs_names_clear(&spaces);
	return err;
}

/* ---- devices inside a sliver ------------------------------------------------------------------------------------ */

static int claim_device(struct xs_check *check, struct xs_names *devices, const struct xs_d_vrf *vrf, const char *kind,
			const char *name, const struct xs_place *place)
{
	const struct holder *there;
	int err;

	if (!vrf || !vrf->name || !vrf->slice->name || !name)
		return 0;
	err = claim(check, devices, xs_arena_join(check->scratch, vrf->slice->name, "/", vrf->name, "/", name, NULL),
		    kind, name, place, &there);
	if (!err && there) {
		XS_FAULT(check, place, "%s \"%s\": VRF \"%s\" has a %s of that name: their devices would be one", kind,
			 name, vrf->name, there->kind);
		xs_diag_note(check->diag, there->place, "the %s is here", there->kind);
	}
	return err;
}

static int check_devices(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	struct xs_names devices = { 0 };
	int err = 0;

	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; j < 2 * slice->link_count && !err; j++) {
			const struct xs_d_link *link = &slice->link[j / 2];

			err = claim_device(check, &devices, link->end[j % 2], "link", link->name, &link->place);
		}
		for (size_t j = 0; j < slice->gateway_count && !err; j++) {
			const struct xs_d_gateway *gateway = &slice->gateway[j];

			err = claim_device(check, &devices, gateway->vrf, "gateway", gateway->name, &gateway->place);
		}
	}
	for (size_t i = 0; i < domain->mux_count; i++) {
		const struct xs_d_mux *mux = &domain->mux[i];

		for (size_t j = 0; j < mux->slice_count && !err; j++)
			err = claim_device(check, &devices, mux->slice[j].vrf, "mux", mux->name, &mux->place);
	}
	xs_names_clear(&devices);
	return err;
}

/* What passes is all that is on the wire, so both ends are wires, and no VLAN is taken out of them. */
static void check_exit_port(struct xs_check *check, const struct xs_d_mux *mux, const struct xs_d_port *port, const char *leaf,
			    const struct xs_place *place)
{
	const struct xs_d_port *vlan = port->on ? port : port->vlans;

	if (!vlan)
		return;
	XS_FAULT(check, place, "%s: \"%s\": mux \"%s\" has an exit, and does not work with a port that is a VLAN or has one", leaf,
		 port->name, mux->name);
	xs_diag_note(check->diag, &vlan->vlan_place, "the VLAN is here");
}

/* What passes from port to exit (R16) passes whole, and is no other's: the MUX is not the users' first hop. */
static void check_exits(struct xs_check *check)
{
	for (size_t i = 0; i < check->domain->mux_count; i++) {
		const struct xs_d_mux *mux = &check->domain->mux[i];

		if (!mux->port || !mux->exit)
			continue;
		check_exit_port(check, mux, mux->port, "port", &mux->port_place);
		check_exit_port(check, mux, mux->exit, "exit", &mux->exit_place);
		if (mux->port->mtu != mux->exit->mtu) {
			XS_FAULT(check, &mux->exit_place,
				 "exit: \"%s\" has an MTU of %u, port \"%s\" one of %u: what passes must fit both",
				 mux->exit->name, mux->exit->mtu, mux->port->name, mux->port->mtu);
			xs_diag_note(check->diag, &mux->port->place, "port \"%s\" is here", mux->port->name);
		}
		for (size_t j = 0; j < mux->client_count; j++) {
			const struct xs_d_client *client = &mux->client[j];
			char text[XS_PREFIX_TEXT];

			if (!client->prefix.family || client->via.family ||
			    mux->address[xs_family_index(client->prefix.family)].family)
				continue;
			XS_FAULT(check, &client->place,
				 "clients: %s: mux \"%s\" has an exit, so the users' first hop is beyond it: write an "
				 "address of %s of its own",
				 xs_prefix_text(&client->prefix, text), mux->name,
				 xs_family_name(client->prefix.family));
			xs_diag_note(check->diag, &mux->exit_place, "the exit is here");
		}
	}
}

static void check_mux_slices(struct xs_check *check)
{
	for (size_t i = 0; i < check->domain->mux_count; i++) {
		const struct xs_d_mux *mux = &check->domain->mux[i];

		for (size_t j = 0; j < mux->slice_count; j++) {
			const struct xs_d_mux_slice *one = &mux->slice[j];

			if (!mux->node || !one->slice || one->vrf)
				continue;
			XS_FAULT(check, &one->place, "slice: \"%s\" has no VRF on \"%s\", the node of mux \"%s\"",
				 one->slice->name, mux->node->name, mux->name);
			xs_diag_note(check->diag, &one->slice->place, "slice \"%s\" is here", one->slice->name);
		}
	}
}

int xs_check_topology(struct xs_check *check)
{
	int err = 0;

	for (size_t i = 0; i < check->domain->node_count && !err; i++)
		err = check_interfaces(check, &check->domain->node[i]);
	err = err ? err : check_users(check);
	err = err ? err : check_vrfs(check);
	err = err ? err : check_devices(check);
	check_mux_slices(check);
	check_exits(check);
	return err;
}
