/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * macs.c - MACs: 02:78:73 and a number of the ledger, or what the definition writes. One per VRF (R7), per first
 * hop of gateways, per edge and per MUX end. An edge's relay MAC is its MAC with one bit of the first byte turned.
 *
 * Always holds: no two of them, and none of them and a migrating VM's, are the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/plan/expansion.h"
#include "loader/plan/steps.h"

#define MAC_NUMBER_MAX 0xffffff
#define RELAY_BIT      0x04 /* keeps it unicast; a locally administered one stays so */

/* Whose a MAC is. `role` is what may be the same for several objects: gateways' first hop; else the object itself. */
struct holder {
	struct xs_mac mac;
	const char *role;
	const struct xs_place *place;
	UT_hash_handle hh;
};

struct mac_step {
	struct xs_plan *plan;
	struct holder *held; /* by MAC: all that the definition writes, then what was given */
};

static struct xs_mac numbered(uint64_t number)
{
	return (struct xs_mac){ { 0x02, 0x78, 0x73, (uint8_t)(number >> 16), (uint8_t)(number >> 8),
				  (uint8_t)number } };
}

struct xs_mac xs_mac_relay(const struct xs_mac *mac)
{
	struct xs_mac relay = *mac;

	relay.bytes[0] ^= RELAY_BIT;
	return relay;
}

/* A fault if somebody else has it. */
static int hold(struct mac_step *step, const struct xs_mac *mac, const char *role, const struct xs_place *place)
{
	struct xs_plan *plan = step->plan;
	char text[XS_PREFIX_TEXT];
	struct holder *holder;

	if (!role)
		return -ENOMEM;
	HASH_FIND(hh, step->held, mac, sizeof(*mac), holder);
	if (holder) {
		if (strcmp(holder->role, role)) {
			xs_diag_add(plan->diag, XS_ERROR, place, "MAC %s of %s is that of %s", xs_mac_text(mac, text),
				    role, holder->role);
			xs_diag_note(plan->diag, holder->place, "%s is here", holder->role);
		}
		return 0;
	}
	holder = xs_arena_array(plan->arena, 1, sizeof(*holder));
	if (!holder)
		return -ENOMEM;
	*holder = (struct holder){ .mac = *mac, .role = role, .place = place };
	HASH_ADD(hh, step->held, mac, sizeof(holder->mac), holder);
	return holder->hh.tbl ? 0 : -ENOMEM;
}

/* ---- who has which role ---- */

static const char *vrf_role(struct xs_plan *plan, const struct xs_d_vrf *def)
{
	return xs_arena_join(plan->arena, "vrf ", def->slice->name, "/", def->name, NULL);
}

#define GATEWAY "gateway"

/* By the subnets of the first of those that share them: "gateway 10.0.0.0/16 2001:db8::/64". */
static const char *gateway_role(struct xs_plan *plan, const struct xs_d_gateway *def)
{
	const char *role = GATEWAY;
	char text[XS_PREFIX_TEXT];

	for (unsigned int f = 0; role && f < XS_FAMILIES; f++)
		if (def->first_hop->subnet[f].family)
			role = xs_arena_print(plan->arena, "%s %s", role,
					      xs_prefix_text(&def->first_hop->subnet[f], text));
	return role;
}

static const char *edge_role(struct xs_plan *plan, const struct xs_p_mux *mux, const char *prefix)
{
	return xs_arena_print(plan->arena, "%s %s/%s", prefix, mux->def->node->name, mux->def->port->name);
}

/* What the definition writes goes first, so that what is given keeps clear of it. */
static int hold_written(struct mac_step *step)
{
	struct xs_plan *plan = step->plan;
	const struct xs_domain *domain = plan->domain;
	struct xs_mac relay;
	size_t i, j;
	int err = 0;

	for (i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (j = 0; j < slice->vrf_count && !err; j++) {
			if (xs_mac_given(&slice->vrf[j].mac))
				err = hold(step, &slice->vrf[j].mac, vrf_role(plan, &slice->vrf[j]),
					   &slice->vrf[j].mac_place);
		}
		for (j = 0; j < slice->gateway_count && !err; j++) {
			const struct xs_d_gateway *gateway = &slice->gateway[j];

			if (xs_mac_given(&gateway->mac))
				err = hold(step, &gateway->mac, gateway_role(plan, gateway), &gateway->mac_place);
		}
	}
	for (i = 0; i < domain->mux_count && !err; i++) {
		const struct xs_d_mux *mux = &domain->mux[i];

		if (!xs_mac_given(&mux->mac))
			continue;
		relay = xs_mac_relay(&mux->mac);
		err = hold(step, &mux->mac, edge_role(plan, &plan->mux[i], "edge"), &mux->mac_place);
		if (!err)
			err = hold(step, &relay, edge_role(plan, &plan->mux[i], "relay of edge"), &mux->mac_place);
	}
	/* Migrations may share one among themselves: a VM with several addresses. */
	for (i = 0; i < domain->migration_count && !err; i++)
		err = hold(step, &domain->migration[i].mac, "a migrating VM", &domain->migration[i].place);
	return err;
}

static bool mac_refused(void *context, const struct xs_want *want, uint64_t number, const char **why,
			const struct xs_place **at)
{
	const struct mac_step *step = context;
	struct xs_mac mac = numbered(number), relay = xs_mac_relay(&mac);
	struct holder *holder, *relayed;

	HASH_FIND(hh, step->held, &mac, sizeof(mac), holder);
	HASH_FIND(hh, step->held, &relay, sizeof(relay), relayed);
	*why = "is written elsewhere";
	return holder || relayed;
}

/* ---- giving ---- */

struct mac_want {
	struct xs_want *want;
	struct xs_mac **target;
	size_t count;
	struct xs_space *space;
};

static int want_mac(struct mac_want *wants, const char *role, const struct xs_place *place, struct xs_mac *target)
{
	if (!role)
		return -ENOMEM;
	wants->target[wants->count] = target;
	wants->want[wants->count++] = (struct xs_want){ .space = wants->space, .owner = role, .place = place };
	return 0;
}

/* Gateways with one first hop want one MAC together: the first of them asks. */
static int want_gateway(struct xs_plan *plan, struct mac_want *wants, struct xs_p_gateway *gateway)
{
	const struct xs_d_gateway *def = gateway->def;

	if (xs_mac_given(&def->mac))
		gateway->vport->mac = def->mac;
	else if (def->first_hop == def)
		return want_mac(wants, gateway_role(plan, def), &def->place, &gateway->vport->mac);
	return 0;
}

static int want_slice(struct xs_plan *plan, struct mac_want *wants, struct xs_p_slice *slice)
{
	size_t i;
	int err = 0;

	for (i = 0; i < slice->def->vrf_count && !err; i++) {
		struct xs_p_vrf *vrf = &slice->vrf[i];

		if (xs_mac_given(&vrf->def->mac))
			vrf->mac = vrf->def->mac;
		else
			err = want_mac(wants, vrf_role(plan, vrf->def), &vrf->def->place, &vrf->mac);
	}
	for (i = 0; i < slice->def->gateway_count && !err; i++)
		err = want_gateway(plan, wants, &slice->gateway[i]);
	return err;
}

static int want_mux(struct xs_plan *plan, struct mac_want *wants, struct xs_p_mux *mux)
{
	const struct xs_d_mux *def = mux->def;
	size_t i;
	int err = 0;

	if (xs_mac_given(&def->mac))
		mux->edge->mac = def->mac;
	else
		err = want_mac(wants, edge_role(plan, mux, "edge"), &def->place, &mux->edge->mac);
	for (i = 0; i < def->slice_count && !err; i++)
		err = want_mac(wants, mux->slice[i]->owner, &def->slice[i].place, &mux->slice[i]->mac);
	return err;
}

/* ---- what gateways had ----
 *
 * One of the subnets that a gateway's role names may come or go, and the MAC that its hosts know must stay: so it takes
 * over what was held by the other subnet.
 */

struct by_word {
	struct xs_entry *entry; /* NULL: of the roles that are wanted */
	UT_hash_handle hh;
};

static int word_add(struct xs_plan *plan, struct by_word **words, const char *word, size_t size, struct xs_entry *entry)
{
	struct by_word *known;

	HASH_FIND(hh, *words, word, size, known);
	if (known) {
		if (entry && known->entry->freed && !entry->freed)
			known->entry = entry;
		return 0;
	}
	known = xs_arena_array(plan->arena, 1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	known->entry = entry;
	HASH_ADD_KEYPTR(hh, *words, word, size, known);
	return known->hh.tbl ? 0 : -ENOMEM;
}

/* The next subnet of a role, from *at on; its size, 0: none. */
static size_t next_subnet(const char **at)
{
	*at += strcspn(*at, " ");
	*at += strspn(*at, " ");
	return strcspn(*at, " ");
}

static bool is_gateway(const char *role)
{
	return !strncmp(role, GATEWAY " ", sizeof(GATEWAY));
}

static int index_gateways(struct xs_plan *plan, const struct mac_want *wants, struct by_word **had,
			  struct by_word **wanted)
{
	int err = 0;

	for (size_t i = 0; i < wants->count && !err; i++)
		if (is_gateway(wants->want[i].owner))
			err = word_add(plan, wanted, wants->want[i].owner, strlen(wants->want[i].owner), NULL);
	for (struct xs_entry *entry = wants->space->by_owner; *wanted && entry && !err; entry = entry->by_owner.next) {
		const char *subnet;
		size_t size;

		if (!is_gateway(entry->owner))
			continue;
		/* Copied, as the entry may get another name while it is looked for by this one's words. */
		subnet = xs_arena_copy(plan->arena, entry->owner, strlen(entry->owner));
		err = subnet ? 0 : -ENOMEM;
		while (!err && (size = next_subnet(&subnet)))
			err = word_add(plan, had, subnet, size, entry);
	}
	return err;
}

static int take_over(struct mac_want *wants, const char *role, struct by_word *had, struct by_word *wanted)
{
	const char *subnet = role;
	size_t size;

	while ((size = next_subnet(&subnet))) {
		struct by_word *known, *other;

		HASH_FIND(hh, had, subnet, size, known);
		if (!known)
			continue;
		HASH_FIND(hh, wanted, known->entry->owner, strlen(known->entry->owner), other);
		if (!other)
			return xs_space_rename(wants->space, known->entry, role);
	}
	return 0;
}

static int take_over_all(struct xs_plan *plan, struct mac_want *wants)
{
	struct by_word *had = NULL, *wanted = NULL;
	int err = index_gateways(plan, wants, &had, &wanted);

	for (size_t i = 0; i < wants->count && !err; i++) {
		const char *role = wants->want[i].owner;

		if (is_gateway(role) && !xs_space_owner(wants->space, role))
			err = take_over(wants, role, had, wanted);
	}
	HASH_CLEAR(hh, had);
	HASH_CLEAR(hh, wanted);
	return err;
}

/* What is the same for several virtual ports goes to all of them. */
static void spread(struct xs_plan *plan)
{
	size_t i, j;

	for (i = 0; i < plan->domain->slice_count; i++) {
		struct xs_p_slice *slice = &plan->slice[i];

		slice->expansion->macs(slice);
		for (j = 0; j < slice->def->gateway_count; j++) {
			struct xs_p_gateway *gateway = &slice->gateway[j];

			if (!xs_mac_given(&gateway->def->mac))
				gateway->vport->mac = xs_plan_gateway_of(plan, gateway->def->first_hop)->vport->mac;
		}
	}
	for (i = 0; i < plan->domain->mux_count; i++) {
		struct xs_p_mux *mux = &plan->mux[i];

		mux->edge->relay = xs_mac_relay(&mux->edge->mac);
		for (j = 0; j < mux->def->slice_count; j++)
			mux->slice[j]->relay = mux->edge->relay;
	}
}

/* A VM that moves keeps its first hop: address and MAC of the gateway must be the same on both sides. */
static void check_first_hop(struct xs_plan *plan, const struct xs_d_migration *def, unsigned int f)
{
	struct xs_p_slice *from = xs_plan_slice_of(plan, def->from), *to = xs_plan_slice_of(plan, def->to);
	size_t i, j;

	for (i = 0; i < from->def->gateway_count; i++) {
		struct xs_p_gateway *a = &from->gateway[i];

		if (!xs_prefix_contains(&a->def->subnet[f], &def->address[f]))
			continue;
		for (j = 0; j < to->def->gateway_count; j++) {
			struct xs_p_gateway *b = &to->gateway[j];

			if (xs_prefix_compare(&a->def->subnet[f], &b->def->subnet[f]) ||
			    (!memcmp(&a->vport->mac, &b->vport->mac, sizeof(struct xs_mac)) &&
			     !xs_address_compare(&a->vport->address[f], &b->vport->address[f])))
				continue;
			xs_diag_add(plan->diag, XS_ERROR, &def->place,
				    "the first hop of migration %s would change: gateways %s and %s differ in address "
				    "or MAC",
				    def->name, a->def->name, b->def->name);
			xs_diag_note(plan->diag, &b->def->place, "gateway %s", b->def->name);
		}
	}
}

static void check_first_hops(struct xs_plan *plan)
{
	size_t i;

	for (i = 0; i < XS_FAMILIES * plan->domain->migration_count; i++)
		check_first_hop(plan, &plan->domain->migration[i / XS_FAMILIES], i % XS_FAMILIES);
}

int xs_plan_macs(struct xs_plan *plan)
{
	struct mac_step step = { .plan = plan };
	const struct xs_rule rule = {
		.noun = "MAC",
		.first = 1,
		.start = 1,
		.last = MAC_NUMBER_MAX,
		.refuses = mac_refused,
		.context = &step,
	};
	struct mac_want wants = { .space = xs_ledger_space(plan->ledger, "mac") };
	size_t i, room = plan->vports.count;
	int err = hold_written(&step);

	for (i = 0; i < plan->domain->slice_count; i++)
		room += plan->slice[i].def->vrf_count;
	wants.want = xs_arena_array(plan->arena, room, sizeof(*wants.want));
	wants.target = xs_arena_array(plan->arena, room, sizeof(*wants.target));
	if (!wants.space || !wants.want || !wants.target)
		err = -ENOMEM;
	for (i = 0; i < plan->domain->slice_count && !err; i++)
		err = want_slice(plan, &wants, &plan->slice[i]);
	for (i = 0; i < plan->domain->mux_count && !err; i++)
		err = want_mux(plan, &wants, &plan->mux[i]);
	if (!err)
		err = take_over_all(plan, &wants);
	if (!err)
		err = xs_allocate(plan->ledger, &rule, wants.want, wants.count, plan->diag);
	for (i = 0; i < wants.count && !err; i++)
		*wants.target[i] = numbered(wants.want[i].number);
	if (!err) {
		spread(plan);
		check_first_hops(plan);
	}
	HASH_CLEAR(hh, step.held);
	return err;
}
