/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_migration.c - VMs that move (R24, R25): both slices reach their address and meet in a MUX, and names of VMs and
 * groups differ, since `switch` takes either.
 */
#include <string.h>

#include "loader/model/check.h"

/* Is there a MUX that chooses between the two? Answers are kept: 100 000 VMs share few pairs of slices. */
static int find_mux(struct xs_check *check, struct xs_names *pairs, const struct xs_d_slice *from,
		    const struct xs_d_slice *to, const struct xs_d_mux **out)
{
	static const struct xs_d_mux none;
	const char *key = xs_arena_print(check->scratch, "%s/%s", from->name, to->name);
	const struct xs_d_mux *found = key ? xs_names_find(pairs, key) : NULL;
	int err = 0;

	for (size_t i = 0; i < check->domain->mux_count && !found; i++) {
		const struct xs_d_mux *mux = &check->domain->mux[i];
		bool has_from = false, has_to = false;

		for (size_t j = 0; j < mux->slice_count; j++) {
			has_from |= mux->slice[j].slice == from;
			has_to |= mux->slice[j].slice == to;
		}
		if (has_from && has_to)
			found = mux;
	}
	if (!found)
		found = &none;
	err = xs_names_add(pairs, check->scratch, key, (void *)found);
	*out = found == &none ? NULL : found;
	return err == -ENOMEM ? err : 0;
}

/* The VM must be on a gateway's subnet on either side, and not be the gateway. NULL: reported, or at fault before. */
static const struct xs_d_gateway *check_side(struct xs_check *check, const struct xs_d_migration *migration,
					     const struct xs_d_slice *slice, int f)
{
	const struct xs_address *address = &migration->address[f];
	const struct xs_place *place = &migration->address_place[f];
	const struct xs_d_gateway *gateway = NULL;
	char text[XS_PREFIX_TEXT];
	struct xs_address own;
	const char *why;
	bool faulty = false;

	for (size_t i = 0; i < slice->gateway_count && !gateway; i++) {
		faulty |= !slice->gateway[i].subnet[XS_FAMILY4].family && !slice->gateway[i].subnet[XS_FAMILY6].family;
		if (xs_prefix_contains(&slice->gateway[i].subnet[f], address))
			gateway = &slice->gateway[i];
	}
	xs_address_text(address, text);
	if (!gateway) {
		if (faulty)
			return NULL;
		XS_FAULT(check, place, "address: %s is on no gateway's subnet in slice \"%s\"", text, slice->name);
		xs_diag_note(check->diag, &slice->place, "slice \"%s\" is here", slice->name);
		return NULL;
	}
	why = xs_host_fault(&gateway->subnet[f], address);
	own = gateway->address[f];
	if (!own.family && xs_prefix_nth(&gateway->subnet[f], 1, &own))
		return NULL;
	if (!why && !xs_address_compare(&own, address))
		why = "is that gateway's own address";
	if (!why)
		return gateway;
	XS_FAULT(check, place, "address: %s in the subnet of gateway \"%s\" %s", text, gateway->name, why);
	xs_diag_note(check->diag, &gateway->place, "gateway \"%s\" is here", gateway->name);
	return NULL;
}

/*
 * What is the VM's neighbour on the one side must be so on the other, by the same first hop. (Over one subnet, gateways
 * have one address and one MAC: first_hop.c.)
 */
static void check_sides(struct xs_check *check, const struct xs_d_migration *migration, int f)
{
	const struct xs_d_gateway *from = check_side(check, migration, migration->from, f), *to;
	char text[XS_PREFIX_TEXT], one[XS_PREFIX_TEXT], other[XS_PREFIX_TEXT];

	to = from ? check_side(check, migration, migration->to, f) : NULL;
	if (!to || !xs_prefix_compare(&from->subnet[f], &to->subnet[f]))
		return;
	XS_FAULT(
		check, &migration->address_place[f],
		"address: %s is in %s of gateway \"%s\", but in %s of gateway \"%s\": a VM that moves keeps its subnet",
		xs_address_text(&migration->address[f], text), xs_prefix_text(&from->subnet[f], one), from->name,
		xs_prefix_text(&to->subnet[f], other), to->name);
	xs_diag_note(check->diag, &to->subnet_place[f], "%s is here", other);
}

static int check_slices(struct xs_check *check, struct xs_names *pairs, const struct xs_d_migration *migration)
{
	const struct xs_d_slice *from = migration->from, *to = migration->to;
	const struct xs_d_mux *mux;
	int err;

	if (!from || !to)
		return 0;
	if (from == to) {
		XS_FAULT(check, &migration->to_place, "to: \"%s\" is where migration \"%s\" comes from", to->name,
			 migration->name);
		xs_diag_note(check->diag, &migration->from_place, "from is here");
		return 0;
	}
	err = find_mux(check, pairs, from, to, &mux);
	if (!err && !mux)
		XS_FAULT(check, &migration->place, "migration \"%s\": no MUX chooses between slices \"%s\" and \"%s\"",
			 migration->name, from->name, to->name);
	for (int f = 0; f < XS_FAMILIES; f++) {
		if (migration->address[f].family)
			check_sides(check, migration, f);
	}
	return err;
}

/*
 * A condition in a slice's list bears the cell of the migration of its address that goes from or to the slice: there
 * can be one. Tenants with slices of their own may use the same addresses.
 */
static int check_addresses(struct xs_check *check)
{
	struct xs_names movers = { 0 };
	char text[XS_PREFIX_TEXT];
	int err = 0;

	for (size_t i = 0; i < XS_FAMILIES * check->domain->migration_count && !err; i++) {
		struct xs_d_migration *migration = &check->domain->migration[i / XS_FAMILIES], *other = NULL;
		const struct xs_d_slice *slice[2] = { migration->from, migration->to };
		size_t f = i % XS_FAMILIES;

		if (!migration->address[f].family)
			continue;
		xs_address_text(&migration->address[f], text);
		for (int j = 0; j < 2 && !err && !other; j++) {
			const char *key = slice[j] ? xs_arena_print(check->scratch, "%s/%s", text, slice[j]->name) : "";

			other = key && slice[j] ? xs_names_find(&movers, key) : NULL;
			if (!other && slice[j])
				err = xs_names_add(&movers, check->scratch, key, migration);
			if (!other || other == migration)
				continue;
			XS_FAULT(check, &migration->address_place[f],
				 "address: %s in slice \"%s\" is already that of migration \"%s\"", text,
				 slice[j]->name, other->name);
			xs_diag_note(check->diag, &other->address_place[f], "it is given here");
		}
	}
	xs_names_clear(&movers);
	return err;
}

/* A migration that no condition names would be switched without effect. */
static int warn_unnamed(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	struct xs_names hosts = { 0 };
	char text[XS_PREFIX_TEXT];
	int err = 0;

	for (size_t i = 0; i < domain->filter_count && !err; i++) {
		for (size_t j = 0; j < domain->filter[i].condition_count && !err; j++) {
			const struct xs_d_condition *condition = &domain->filter[i].condition[j];

			if (!condition->destination.family ||
			    condition->destination.length != xs_family_bits(condition->destination.family))
				continue;
			xs_prefix_text(&condition->destination, text);
			err = xs_names_add(&hosts, check->scratch, xs_arena_copy(check->scratch, text, strlen(text)),
					   (void *)condition);
			err = err == -ENOMEM ? err : 0;
		}
	}
	for (size_t i = 0; i < XS_FAMILIES * domain->migration_count && !err; i++) {
		const struct xs_d_migration *migration = &domain->migration[i / XS_FAMILIES];
		const struct xs_address *address = &migration->address[i % XS_FAMILIES];
		struct xs_prefix host = xs_prefix_of_host(address);

		if (!address->family || xs_names_find(&hosts, xs_prefix_text(&host, text)))
			continue;
		xs_diag_add(
			check->diag, XS_WARNING, &migration->address_place[i % XS_FAMILIES],
			"address: no condition has the destination %s, so a switch of migration \"%s\" changes nothing",
			text, migration->name);
	}
	xs_names_clear(&hosts);
	return err;
}

static int check_groups(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	struct xs_names migrations = { 0 };
	int err = 0;

	for (size_t i = 0; i < domain->migration_count && !err; i++) {
		if (domain->migration[i].name)
			err = xs_names_add(&migrations, check->scratch, domain->migration[i].name,
					   &domain->migration[i]);
		err = err == -ENOMEM ? err : 0;
	}
	for (size_t i = 0; i < domain->migration_count && !err; i++) {
		const struct xs_d_migration *migration = &domain->migration[i], *other;

		other = migration->group ? xs_names_find(&migrations, migration->group) : NULL;
		if (!other)
			continue;
		XS_FAULT(check, &migration->group_place, "group: \"%s\" is the name of a migration too",
			 migration->group);
		xs_diag_note(check->diag, &other->place, "that migration is here");
	}
	xs_names_clear(&migrations);
	return err;
}

int xs_check_migrations(struct xs_check *check)
{
	struct xs_names pairs = { 0 };
	int err = 0;

	for (size_t i = 0; i < check->domain->migration_count && !err; i++)
		err = check_slices(check, &pairs, &check->domain->migration[i]);
	xs_names_clear(&pairs);
	err = err ? err : check_addresses(check);
	err = err ? err : check_groups(check);
	if (err || xs_diag_errors(check->diag))
		return err;
	return warn_unnamed(check);
}
