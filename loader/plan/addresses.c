/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addresses.c - addresses of virtual ports (R13), of gateways, edges and MUX ends (R17), and MTUs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/plan/steps.h"

/* The n-th address of a subnet; not its last, which is for broadcast, where there is one. */
static int host_address(const struct xs_prefix *subnet, uint32_t n, struct xs_address *out)
{
	unsigned int bits = xs_family_bits(subnet->family);
	struct xs_address address, after;
	int err = xs_prefix_nth(subnet, n, &address);

	if (!err && subnet->family == XS_IPV4 && subnet->length + 1u < bits)
		err = xs_prefix_nth(subnet, n + 1, &after);
	if (!err)
		*out = address;
	return err;
}

static void too_small(struct xs_plan *plan, const struct xs_place *place, const struct xs_prefix *subnet,
		      const char *what, uint32_t needed)
{
	char text[XS_PREFIX_TEXT];

	xs_diag_add(plan->diag, XS_ERROR, place, "subnet %s of %s is too small: %u addresses are needed",
		    xs_prefix_text(subnet, text), what, needed);
}

static void address_link(struct xs_plan *plan, struct xs_p_link *link)
{
	const struct xs_d_link *def = link->def;
	/* A subnet of two addresses (R14) has no base to leave out. */
	uint32_t first = def->subnet.length + 1u == xs_family_bits(def->subnet.family) ? 0 : 1;
	uint16_t mtu = def->port[0]->mtu < def->port[1]->mtu ? def->port[0]->mtu : def->port[1]->mtu;
	struct xs_p_vport **end = link->end;
	unsigned int i;

	if (host_address(&def->subnet, first, &end[0]->address) ||
	    host_address(&def->subnet, first + 1, &end[1]->address)) {
		too_small(plan, &def->subnet_place, &def->subnet, def->name, 2);
		return;
	}
	if (def->mtu > mtu)
		xs_diag_add(plan->diag, XS_ERROR, &def->place, "MTU %u of link %s is above its ports' (%u)", def->mtu,
			    def->name, mtu);
	for (i = 0; i < 2; i++) {
		end[i]->length = def->subnet.length;
		end[i]->peer = end[!i]->address;
		end[i]->mtu = def->mtu ? def->mtu : mtu;
	}
}

static void address_gateway(struct xs_plan *plan, struct xs_p_gateway *gateway)
{
	const struct xs_d_gateway *def = gateway->def;
	const struct xs_d_gateway *written = def->address.family ? def : gateway->subnet->address;
	struct xs_p_vport *vport = gateway->vport;

	vport->length = def->subnet.length;
	vport->mtu = def->port->mtu;
	if (written)
		vport->address = written->address;
	else if (host_address(&def->subnet, 1, &vport->address))
		too_small(plan, &def->subnet_place, &def->subnet, def->name, 1);
}

/* The edge's address on the users' link, and that link's prefix. */
static void address_edge(struct xs_plan *plan, struct xs_p_mux *mux)
{
	const struct xs_d_mux *def = mux->def;
	struct xs_p_vport *edge = mux->edge;
	char text[XS_PREFIX_TEXT];
	size_t i;

	for (i = 0; i < def->client_count; i++) {
		const struct xs_d_client *client = &def->client[i];

		if (client->via.family || (def->address.family && !xs_prefix_contains(&client->prefix, &def->address)))
			continue;
		edge->length = client->prefix.length;
		edge->address = def->address;
		if (!def->address.family && host_address(&client->prefix, 1, &edge->address))
			too_small(plan, &client->place, &client->prefix, def->name, 1);
		return;
	}
	if (def->address.family)
		xs_diag_add(plan->diag, XS_ERROR, &def->address_place,
			    "address %s of MUX %s is in none of its clients' prefixes on the link",
			    xs_address_text(&def->address, text), def->name);
	else
		xs_diag_add(plan->diag, XS_ERROR, &def->place,
			    "MUX %s has no clients on its link: it needs an address there", def->name);
}

/* base + 1 is the edge's, base + 2 and up the slices', kept by the ledger so that no slice's moves as another leaves.
 */
static int address_mux(struct xs_plan *plan, struct xs_p_mux *mux)
{
	const struct xs_d_mux *def = mux->def;
	char name[XS_NAME_MAX + 16];
	struct xs_rule rule = { .noun = "address", .first = 2, .start = 2, .last = 2 };
	struct xs_want *want = xs_arena_array(plan->arena, def->slice_count, sizeof(*want));
	struct xs_space *space;
	struct xs_address address;
	size_t i;
	int err;

	snprintf(name, sizeof(name), "address %s", def->name);
	space = xs_ledger_space(plan->ledger, name);
	if (!want || !space)
		return -ENOMEM;
	address_edge(plan, mux);
	mux->edge->mtu = def->port->mtu;
	if (host_address(&def->subnet, 1, &mux->edge->peer) ||
	    host_address(&def->subnet, (uint32_t)def->slice_count + 1, &address)) {
		too_small(plan, &def->subnet_place, &def->subnet, def->name, (uint32_t)def->slice_count + 1);
		return 0;
	}
	/* As many as there are, but no more than a MUX could ever use. */
	while (rule.last < XS_SLICE_MAX && !host_address(&def->subnet, (uint32_t)rule.last + 1, &address))
		rule.last++;
	for (i = 0; i < def->slice_count; i++)
		want[i] = (struct xs_want){ .space = space,
					    .owner = def->slice[i].slice->name,
					    .place = &def->slice[i].place };
	err = xs_allocate(plan->ledger, &rule, want, def->slice_count, plan->diag);
	for (i = 0; i < def->slice_count && !err; i++) {
		struct xs_p_vport *vport = mux->slice[i];

		if (want[i].number)
			host_address(&def->subnet, (uint32_t)want[i].number, &vport->address);
		vport->length = (uint8_t)xs_family_bits(def->subnet.family);
		vport->mtu = def->port->mtu;
		vport->peer = mux->edge->peer;
		vport->shared = mux->edge->address;
	}
	return err;
}

int xs_plan_addresses(struct xs_plan *plan)
{
	size_t i, j;
	int err = 0;

	for (i = 0; i < plan->domain->slice_count; i++) {
		struct xs_p_slice *slice = &plan->slice[i];

		for (j = 0; j < slice->def->link_count; j++)
			address_link(plan, &slice->link[j]);
		for (j = 0; j < slice->def->gateway_count; j++)
			address_gateway(plan, &slice->gateway[j]);
	}
	for (i = 0; i < plan->domain->mux_count && !err; i++)
		err = address_mux(plan, &plan->mux[i]);
	return err;
}
