/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_migration.c - VMs that move (R24, R25): both slices reach their address and meet in a MUX, and names of VMs and
 * groups differ, since `switch` takes either.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

/* Is there a MUX that chooses between the two? Answers are kept: 100 000 VMs share few pairs of slices. */
static int find_mux(struct xs_check *check, struct xs_names *pairs, const struct xs_d_slice *from, const struct xs_d_slice *to,
		    const struct xs_d_mux **out)
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

/* The VM must be on a gateway's subnet on either side, and not be the gateway. */
static void check_side(struct xs_check *check, const struct xs_d_migration *migration, const struct xs_d_slice *slice)
{
	const struct xs_d_gateway *gateway = NULL;
	char text[XS_PREFIX_TEXT];
	struct xs_address own;
	const char *why;
	bool faulty = false;

	for (size_t i = 0; i < slice->gateway_count && !gateway; i++) {
		faulty |= !slice->gateway[i].subnet.family;
		if (slice->gateway[i].subnet.family && xs_prefix_contains(&slice->gateway[i].subnet, &migration->address))
			gateway = &slice->gateway[i];
	}
	xs_address_text(&migration->address, text);
	if (!gateway) {
		if (faulty)
			return;
		XS_FAULT(check, &migration->address_place, "address: %s is on no gateway's subnet in slice \"%s\"", text, slice->name);
		xs_diag_note(check->diag, &slice->place, "slice \"%s\" is here", slice->name);
		return;
	}
	why = xs_host_fault(&gateway->subnet, &migration->address);
	own = gateway->address;
	if (!own.family && xs_prefix_nth(&gateway->subnet, 1, &own))
		return;
	if (!why && !xs_address_compare(&own, &migration->address))
		why = "is that gateway's own address";
	if (!why)
		return;
	XS_FAULT(check, &migration->address_place, "address: %s in the subnet of gateway \"%s\" %s", text, gateway->name, why);
	xs_diag_note(check->diag, &gateway->place, "gateway \"%s\" is here", gateway->name);
}

static int check_slices(struct xs_check *check, struct xs_names *pairs, const struct xs_d_migration *migration)
{
	const struct xs_d_slice *from = migration->from, *to = migration->to;
	const struct xs_d_mux *mux;
	int err;

	if (!from || !to)
		return 0;
	if (from == to) {
		XS_FAULT(check, &migration->to_place, "to: \"%s\" is where migration \"%s\" comes from", to->name, migration->name);
		xs_diag_note(check->diag, &migration->from_place, "from is here");
		return 0;
	}
	err = find_mux(check, pairs, from, to, &mux);
	if (!err && !mux)
		XS_FAULT(check, &migration->place, "migration \"%s\": no MUX chooses between slices \"%s\" and \"%s\"", migration->name,
			 from->name, to->name);
	if (migration->address.family) {
		check_side(check, migration, from);
		check_side(check, migration, to);
	}
	return err;
}

/* Addresses, compared as such. */
static int compare_addresses(const void *left, const void *right)
{
	const struct xs_d_migration *a = *(const struct xs_d_migration *const *)left;
	const struct xs_d_migration *b = *(const struct xs_d_migration *const *)right;
	int order = xs_address_compare(&a->address, &b->address);

	return order ? order : a < b ? -1 : a > b;
}

/* A condition bears the cell of the migration whose address it names, so there can be one. */
static int check_addresses(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	const struct xs_d_migration **list = xs_arena_array(check->scratch, domain->migration_count, sizeof(*list));
	char text[XS_PREFIX_TEXT];

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < domain->migration_count; i++)
		list[i] = &domain->migration[i];
	qsort(list, domain->migration_count, sizeof(*list), compare_addresses);
	for (size_t i = 1; i < domain->migration_count; i++) {
		const struct xs_d_migration *a = list[i - 1], *b = list[i];

		if (!b->address.family || xs_address_compare(&a->address, &b->address))
			continue;
		XS_FAULT(check, &b->address_place, "address: %s is already that of migration \"%s\"", xs_address_text(&b->address, text),
			 a->name);
		xs_diag_note(check->diag, &a->address_place, "it is given here");
	}
	return 0;
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

			if (condition->destination.family != XS_IPV4 || condition->destination.length != 32)
				continue;
			xs_prefix_text(&condition->destination, text);
			err = xs_names_add(&hosts, check->scratch, xs_arena_copy(check->scratch, text, strlen(text)), (void *)condition);
			err = err == -ENOMEM ? err : 0;
		}
	}
	for (size_t i = 0; i < domain->migration_count && !err; i++) {
		const struct xs_d_migration *migration = &domain->migration[i];
		struct xs_prefix host = xs_prefix_of_host(&migration->address);

		if (!migration->address.family || xs_names_find(&hosts, xs_prefix_text(&host, text)))
			continue;
		xs_diag_add(check->diag, XS_WARNING, &migration->address_place,
			    "address: no condition has the destination %s, so a switch of migration \"%s\" changes nothing", text,
			    migration->name);
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
			err = xs_names_add(&migrations, check->scratch, domain->migration[i].name, &domain->migration[i]);
		err = err == -ENOMEM ? err : 0;
	}
	for (size_t i = 0; i < domain->migration_count && !err; i++) {
		const struct xs_d_migration *migration = &domain->migration[i], *other;

		other = migration->group ? xs_names_find(&migrations, migration->group) : NULL;
		if (!other)
			continue;
		XS_FAULT(check, &migration->group_place, "group: \"%s\" is the name of a migration too", migration->group);
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
	return err ? err : warn_unnamed(check);
}
