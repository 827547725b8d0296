/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_subnet.c - subnets: large enough (R13, R14, R17), of unicast addresses, with room for packets of their family;
 * and the addresses that gateways and edges have in them. Overlaps: check_overlap.c.
 */
#include <string.h>

#include "loader/model/check.h"

static struct xs_address base_of(const struct xs_prefix *subnet)
{
	struct xs_address base = { .family = subnet->family };

	memcpy(base.bytes, subnet->bytes, sizeof(base.bytes));
	return base;
}

const char *xs_host_fault(const struct xs_prefix *subnet, const struct xs_address *address)
{
	unsigned int bits = xs_family_bits(subnet->family);
	struct xs_address last = base_of(subnet);

	if (!xs_prefix_contains(subnet, address))
		return "is outside of it";
	if (subnet->length + 1u >= bits)
		return NULL;
	if (!xs_address_compare(address, &last))
		return subnet->family == XS_IPV4 ? "is the network's own address"
						 : "is the anycast address of all its routers";
	if (subnet->family != XS_IPV4)
		return NULL;
	for (unsigned int bit = subnet->length; bit < bits; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
	return xs_address_compare(address, &last) ? NULL : "is its broadcast address";
}

bool xs_is_martian(const struct xs_prefix *prefix, bool inside)
{
	static const struct xs_prefix martian[] = {
		{ .family = XS_IPV4, .length = 8, .bytes = { 0 } },
		{ .family = XS_IPV4, .length = 8, .bytes = { 127 } },
		{ .family = XS_IPV4, .length = 16, .bytes = { 169, 254 } },
		{ .family = XS_IPV4, .length = 3, .bytes = { 224 } },
		{ .family = XS_IPV6, .length = 127, .bytes = { 0 } },
		{ .family = XS_IPV6, .length = 96, .bytes = { [10] = 0xff, [11] = 0xff } },
		{ .family = XS_IPV6, .length = 10, .bytes = { 0xfe, 0x80 } },
		{ .family = XS_IPV6, .length = 8, .bytes = { 0xff } },
	};

	for (size_t i = 0; i < sizeof(martian) / sizeof(martian[0]); i++) {
		if (inside ? xs_prefix_covers(&martian[i], prefix) : xs_prefix_overlaps(&martian[i], prefix))
			return true;
	}
	return false;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

static void check_unicast(struct xs_check *check, const struct xs_prefix *prefix, const struct xs_place *place,
			  const char *leaf, bool inside)
{
	char text[XS_PREFIX_TEXT];

	if (prefix->family && xs_is_martian(prefix, inside))
		XS_FAULT(check, place, "%s: %s holds addresses that no host can have", leaf,
			 xs_prefix_text(prefix, text));
}

/* `spare`: bits that a subnet of the kind must leave to its hosts. */
static void check_size(struct xs_check *check, const struct xs_prefix *subnet, const struct xs_place *place,
		       const char *kind, unsigned int spare)
{
	unsigned int longest = xs_family_bits(subnet->family) - spare;
	char text[XS_PREFIX_TEXT];

	if (!subnet->family)
		return;
	if (subnet->length > longest)
		XS_FAULT(check, place, "subnet: %s is too small: a %s needs a /%u or larger",
			 xs_prefix_text(subnet, text), kind, longest);
	check_unicast(check, subnet, place, "subnet", false);
}

/* One address for the edge and one per slice, of each family. */
static void check_mux_size(struct xs_check *check, const struct xs_d_mux *mux, const struct xs_prefix *subnet,
			   const struct xs_place *place)
{
	uint32_t hosts = xs_prefix_hosts(subnet);
	char text[XS_PREFIX_TEXT];

	if (!subnet->family)
		return;
	if (hosts < mux->slice_count + 1)
		XS_FAULT(check, place, "subnet: %s is too small: %u address%s, where the edge and %zu slice%s need %zu",
			 xs_prefix_text(subnet, text), hosts, hosts == 1 ? "" : "es", mux->slice_count,
			 mux->slice_count == 1 ? "" : "s", mux->slice_count + 1);
	check_unicast(check, subnet, place, "subnet", false);
}

/* ---- room for packets ------------------------------------------------------------------------------------------- */

/* IPv6 by a port whose MTU is not enough for it. */
static void check_port_mtu(struct xs_check *check, const struct xs_d_port *port, const struct xs_prefix *prefix,
			   const struct xs_place *place, const char *leaf)
{
	char text[XS_PREFIX_TEXT];

	if (!port || prefix->family != XS_IPV6 || port->mtu >= XS_IPV6_MTU_MIN)
		return;
	XS_FAULT(check, place, "%s: %s needs an MTU of %u; that of port \"%s/%s\" is %u", leaf,
		 xs_prefix_text(prefix, text), XS_IPV6_MTU_MIN, port->node->name, port->name, port->mtu);
	xs_diag_note(check->diag, &port->place, "the port is here");
}

static void check_link(struct xs_check *check, const struct xs_d_link *link)
{
	const struct xs_prefix *ipv6 = &link->subnet[XS_FAMILY6];
	char text[XS_PREFIX_TEXT];

	for (int f = 0; f < XS_FAMILIES; f++)
		check_size(check, &link->subnet[f], &link->subnet_place[f], "link", 1);
	if (!ipv6->family)
		return;
	if (link->mtu && link->mtu < XS_IPV6_MTU_MIN) {
		XS_FAULT(check, &link->mtu_place, "mtu: %u is less than the %u that IPv6 needs", link->mtu,
			 XS_IPV6_MTU_MIN);
		xs_diag_note(check->diag, &link->subnet_place[XS_FAMILY6], "its subnet %s is here",
			     xs_prefix_text(ipv6, text));
		return;
	}
	for (int i = 0; i < 2; i++)
		check_port_mtu(check, link->port[i], ipv6, &link->subnet_place[XS_FAMILY6], "subnet");
}

/* ---- addresses of gateways and edges ---------------------------------------------------------------------------- */

static void check_gateway_address(struct xs_check *check, const struct xs_d_gateway *gateway, int f)
{
	const struct xs_prefix *subnet = &gateway->subnet[f];
	const struct xs_address *address = &gateway->address[f];
	char text[XS_PREFIX_TEXT], net[XS_PREFIX_TEXT];
	const char *why;

	if (!address->family)
		return;
	if (!subnet->family) {
		/* What is at fault in the subnets was said. */
		if (!gateway->subnet[!f].family)
			return;
		XS_FAULT(check, &gateway->address_place[f], "address: %s: gateway \"%s\" has no subnet of %s",
			 xs_address_text(address, text), gateway->name, xs_family_name(address->family));
		xs_diag_note(check->diag, &gateway->subnet_place[!f], "its subnet is here");
		return;
	}
	why = xs_host_fault(subnet, address);
	if (!why)
		return;
	XS_FAULT(check, &gateway->address_place[f], "address: %s of gateway \"%s\" in %s %s",
		 xs_address_text(address, text), gateway->name, xs_prefix_text(subnet, net), why);
	xs_diag_note(check->diag, &gateway->subnet_place[f], "the subnet is here");
}

static void check_gateway(struct xs_check *check, const struct xs_d_gateway *gateway)
{
	for (int f = 0; f < XS_FAMILIES; f++) {
		check_size(check, &gateway->subnet[f], &gateway->subnet_place[f], "gateway", 2);
		check_gateway_address(check, gateway, f);
	}
	check_port_mtu(check, gateway->port, &gateway->subnet[XS_FAMILY6], &gateway->subnet_place[XS_FAMILY6],
		       "subnet");
	for (size_t i = 0; i < gateway->behind_count; i++)
		check_unicast(check, &gateway->behind[i].prefix, &gateway->behind[i].place, "behind", true);
}

/* The clients' prefix on the link that `address` is in. */
static const struct xs_d_client *home_of(const struct xs_d_mux *mux, const struct xs_address *address)
{
	for (size_t i = 0; i < mux->client_count; i++) {
		if (!mux->client[i].via.family && xs_prefix_contains(&mux->client[i].prefix, address))
			return &mux->client[i];
	}
	return NULL;
}

/* The edge's address of a family on the users' link. */
static void check_edge(struct xs_check *check, const struct xs_d_mux *mux, int f)
{
	const struct xs_d_client *first = NULL, *any = NULL, *home;
	struct xs_address address = mux->address[f];
	char text[XS_PREFIX_TEXT];
	const char *why;

	for (size_t i = mux->client_count; i--;) {
		if (mux->client[i].prefix.family != xs_family_at((unsigned int)f))
			continue;
		any = &mux->client[i];
		if (!any->via.family)
			first = any;
	}
	if (any && !first) {
		XS_FAULT(check, &mux->place,
			 "mux \"%s\": all its clients of %s are behind routers; those on the link are missing",
			 mux->name, xs_family_name(any->prefix.family));
		return;
	}
	if (!first && !address.family)
		return;
	if (!address.family && (!xs_prefix_hosts(&first->prefix) || xs_prefix_nth(&first->prefix, 1, &address))) {
		XS_FAULT(check, &first->place, "clients: %s has no room for the MUX's own address: write its address",
			 xs_prefix_text(&first->prefix, text));
		return;
	}
	home = home_of(mux, &address);
	why = home ? xs_host_fault(&home->prefix, &address) : "is in none of its clients' prefixes on the link";
	if (!why)
		return;
	XS_FAULT(check, mux->address[f].family ? &mux->address_place[f] : &first->place, "address: %s of mux \"%s\" %s",
		 xs_address_text(&address, text), mux->name, why);
	if (home)
		xs_diag_note(check->diag, &home->place, "the clients' prefix is here");
}

static bool carries(const struct xs_d_slice *slice, unsigned int f)
{
	for (size_t i = 0; i < slice->link_count; i++) {
		if (slice->link[i].subnet[f].family)
			return true;
	}
	for (size_t i = 0; i < slice->gateway_count; i++) {
		if (slice->gateway[i].subnet[f].family)
			return true;
	}
	return false;
}

/* What users send in a family, each of the slices must be able to take. One without links and gateways takes nothing. */
static void check_slices(struct xs_check *check, const struct xs_d_mux *mux, const struct xs_d_client *client)
{
	unsigned int f = xs_family_index(client->prefix.family);
	char text[XS_PREFIX_TEXT];

	for (size_t i = 0; i < mux->slice_count; i++) {
		const struct xs_d_mux_slice *one = &mux->slice[i];

		if (!one->slice || carries(one->slice, f) || !carries(one->slice, !f))
			continue;
		XS_FAULT(check, &one->place, "slice: \"%s\" has no link or gateway of %s, but mux \"%s\" has clients in %s",
			 one->slice->name, xs_family_name(client->prefix.family), mux->name,
			 xs_prefix_text(&client->prefix, text));
		xs_diag_note(check->diag, &client->place, "those clients are here");
	}
}

/* A MUX has addresses of its own in the families of its clients, and in no other. */
static void check_families(struct xs_check *check, const struct xs_d_mux *mux, int f)
{
	const struct xs_prefix *subnet = &mux->subnet[f];
	const struct xs_d_client *client = NULL;
	char text[XS_PREFIX_TEXT];

	for (size_t i = mux->client_count; i--;) {
		if (mux->client[i].prefix.family == xs_family_at((unsigned int)f))
			client = &mux->client[i];
	}
	if (client && !subnet->family) {
		XS_FAULT(check, &client->place, "clients: %s: mux \"%s\" has no subnet of %s for its own addresses",
			 xs_prefix_text(&client->prefix, text), mux->name, xs_family_name(client->prefix.family));
		xs_diag_note(check->diag, &mux->subnet_place[!f], "its subnet is here");
	} else if (subnet->family && !client) {
		XS_FAULT(check, &mux->subnet_place[f], "subnet: %s: no client of mux \"%s\" is in %s",
			 xs_prefix_text(subnet, text), mux->name, xs_family_name(subnet->family));
		xs_diag_note(check->diag, &mux->place, "mux \"%s\" is here", mux->name);
	} else if (client) {
		check_slices(check, mux, client);
	}
}

/* `sound`: no value was at fault before, so what is not there was not written. */
static void check_mux(struct xs_check *check, const struct xs_d_mux *mux, bool sound)
{
	bool faulty = false;

	for (size_t i = 0; i < mux->client_count; i++) {
		const struct xs_d_client *client = &mux->client[i];

		faulty |= !client->prefix.family;
		check_unicast(check, &client->prefix, &client->place, "clients", client->via.family);
		check_port_mtu(check, mux->port, &client->prefix, &client->place, "clients");
	}
	for (int f = 0; f < XS_FAMILIES; f++) {
		check_mux_size(check, mux, &mux->subnet[f], &mux->subnet_place[f]);
		if (!faulty && mux->client_count)
			check_edge(check, mux, f);
		if (sound)
			check_families(check, mux, f);
	}
}

int xs_check_subnets(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	bool sound = !xs_diag_errors(check->diag);

	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; j < slice->link_count; j++)
			check_link(check, &slice->link[j]);
		for (size_t j = 0; j < slice->gateway_count; j++)
			check_gateway(check, &slice->gateway[j]);
		for (size_t j = 0; j < slice->vrf_count; j++) {
			for (size_t k = 0; k < slice->vrf[j].route_count; k++)
				check_unicast(check, &slice->vrf[j].route[k].prefix, &slice->vrf[j].route[k].place,
					      "route", true);
		}
	}
	for (size_t i = 0; i < domain->mux_count; i++)
		check_mux(check, &domain->mux[i], sound);
	return xs_check_overlaps(check);
}
