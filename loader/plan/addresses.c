/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addresses.c - addresses of gateways, edges and MUX ends (R17), and MTUs. Those towards the WAN are the expansions'.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/plan/expansion.h"
#include "loader/plan/steps.h"

int xs_plan_host(const struct xs_prefix *subnet, uint32_t n, struct xs_address *out)
{
	return n <= xs_prefix_hosts(subnet) ? xs_prefix_nth(subnet, n, out) : -ERANGE;
}

void xs_plan_too_small(struct xs_plan *plan, const struct xs_place *place, const struct xs_prefix *subnet, const char *what,
		       uint32_t needed)
{
	char text[XS_PREFIX_TEXT];

	xs_diag_add(plan->diag, XS_ERROR, place, "subnet %s of %s is too small: %u address%s needed",
		    xs_prefix_text(subnet, text), what, needed, needed == 1 ? " is" : "es are");
}

static void address_gateway(struct xs_plan *plan, struct xs_p_gateway *gateway)
{
	const struct xs_d_gateway *def = gateway->def;
	struct xs_p_vport *vport = gateway->vport;
	unsigned int f;

	vport->mtu = def->port->mtu;
	for (f = 0; f < XS_FAMILIES; f++) {
		if (!def->subnet[f].family)
			continue;
		vport->length[f] = def->subnet[f].length;
		vport->address[f] = def->address[f];
		if (!def->address[f].family && xs_plan_host(&def->subnet[f], 1, &vport->address[f]))
			xs_plan_too_small(plan, &def->subnet_place[f], &def->subnet[f], def->name, 1);
	}
}

/* The edge's address of a family on the users' link, and that link's prefix. */
static void address_edge(struct xs_plan *plan, struct xs_p_mux *mux, unsigned int f)
{
	const struct xs_d_mux *def = mux->def;
	const struct xs_address *written = &def->address[f];
	struct xs_p_vport *edge = mux->edge;
	char text[XS_PREFIX_TEXT];
	size_t i;

	for (i = 0; i < def->client_count; i++) {
		const struct xs_d_client *client = &def->client[i];

		if (client->prefix.family != xs_family_at(f) || client->via.family ||
		    (written->family && !xs_prefix_contains(&client->prefix, written)))
			continue;
		edge->length[f] = client->prefix.length;
		edge->address[f] = *written;
		if (!written->family && xs_plan_host(&client->prefix, 1, &edge->address[f]))
			xs_plan_too_small(plan, &client->place, &client->prefix, def->name, 1);
		return;
	}
	if (written->family)
		xs_diag_add(plan->diag, XS_ERROR, &def->address_place[f],
			    "address %s of MUX %s is in none of its clients' prefixes on the link",
			    xs_address_text(written, text), def->name);
	else
		xs_diag_add(plan->diag, XS_ERROR, &def->place,
			    "MUX %s has no clients of %s on its link: it needs an address there", def->name,
			    xs_family_name(xs_family_at(f)));
}

/* Of one family: base + 1 is the edge's, base + number the slices'. */
static void address_mux_family(struct xs_plan *plan, struct xs_p_mux *mux, const struct xs_want *want, unsigned int f)
{
	const struct xs_d_mux *def = mux->def;
	size_t i;

	address_edge(plan, mux, f);
	xs_plan_host(&def->subnet[f], 1, &mux->edge->peer[f]);
	for (i = 0; i < def->slice_count; i++) {
		struct xs_p_vport *vport = mux->slice[i];

		if (want[i].number)
			xs_plan_host(&def->subnet[f], (uint32_t)want[i].number, &vport->address[f]);
		vport->length[f] = (uint8_t)xs_family_bits(def->subnet[f].family);
		vport->peer[f] = mux->edge->peer[f];
		vport->shared[f] = mux->edge->address[f];
	}
}

/*
 * base + 2 and up are numbers of the ledger, so that no slice's moves as another leaves; the same number in both
 * families.
 */
static int address_mux(struct xs_plan *plan, struct xs_p_mux *mux)
{
	const struct xs_d_mux *def = mux->def;
	char name[XS_NAME_MAX + 16];
	struct xs_rule rule = { .noun = "address", .first = 2, .start = 2, .last = XS_SLICE_MAX + 1 };
	struct xs_want *want = xs_arena_array(plan->arena, def->slice_count, sizeof(*want));
	struct xs_space *space;
	unsigned int f;
	size_t i;
	int err;

	snprintf(name, sizeof(name), "address %s", def->name);
	space = xs_ledger_space(plan->ledger, name);
	if (!want || !space)
		return -ENOMEM;
	mux->edge->mtu = def->port->mtu;
	for (i = 0; i < def->slice_count; i++)
		mux->slice[i]->mtu = def->port->mtu;
	for (f = 0; f < XS_FAMILIES; f++) {
		uint32_t hosts = xs_prefix_hosts(&def->subnet[f]);

		if (!def->subnet[f].family)
			continue;
		if (hosts < def->slice_count + 1) {
			xs_plan_too_small(plan, &def->subnet_place[f], &def->subnet[f], def->name,
				  (uint32_t)def->slice_count + 1);
			return 0;
		}
		if (rule.last > hosts)
			rule.last = hosts;
	}
	for (i = 0; i < def->slice_count; i++)
		want[i] = (struct xs_want){ .space = space,
					    .owner = def->slice[i].slice->name,
					    .place = &def->slice[i].place };
	err = xs_allocate(plan->ledger, &rule, want, def->slice_count, plan->diag);
	for (f = 0; f < XS_FAMILIES && !err; f++) {
		if (def->subnet[f].family)
			address_mux_family(plan, mux, want, f);
	}
	return err;
}

int xs_plan_addresses(struct xs_plan *plan)
{
	size_t i, j;
	int err = 0;

	for (i = 0; i < plan->domain->slice_count; i++) {
		struct xs_p_slice *slice = &plan->slice[i];

		for (j = 0; j < slice->def->gateway_count; j++)
			address_gateway(plan, &slice->gateway[j]);
	}
	for (i = 0; i < plan->domain->mux_count && !err; i++)
		err = address_mux(plan, &plan->mux[i]);
	for (i = 0; i < plan->domain->slice_count && !err; i++)
		err = plan->slice[i].expansion->addresses(plan, &plan->slice[i]);
	return err;
}
