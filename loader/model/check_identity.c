/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_identity.c - what must tell things apart: ids of slices, ids of VRFs on a node (R9), MACs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/model/check.h"

struct identity {
	uint64_t value;
	const void *scope; /* values differ within one */
	const char *kind, *name;
	const struct xs_place *place;       /* of the value */
	const struct xs_d_gateway *gateway; /* MACs: the gateway's that it is, or NULL */
};

static int compare_identities(const void *left, const void *right)
{
	const struct identity *a = left, *b = right;

	if (a->scope != b->scope)
		return (uintptr_t)a->scope < (uintptr_t)b->scope ? -1 : 1;
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return xs_place_after(a->place, b->place) ? 1 : xs_place_after(b->place, a->place) ? -1 : 0;
}

/* Gateways that a VM may move between have one MAC on purpose. */
static bool may_share(const struct identity *a, const struct identity *b)
{
	return a->gateway && b->gateway && a->gateway->first_hop == b->gateway->first_hop;
}

static void report_same(struct xs_check *check, struct identity *list, size_t count, const char *what)
{
	char text[XS_PREFIX_TEXT];
	size_t first = 0;

	qsort(list, count, sizeof(*list), compare_identities);
	for (size_t i = 1; i < count; i++) {
		const struct identity *a = &list[first], *b = &list[i];
		struct xs_mac mac;

		if (a->scope != b->scope || a->value != b->value) {
			first = i;
			continue;
		}
		if (may_share(a, b))
			continue;
		snprintf(text, sizeof(text), "%llu", (unsigned long long)b->value);
		if (!strcmp(what, "mac")) {
			for (int byte = 0; byte < 6; byte++)
				mac.bytes[byte] = (uint8_t)(b->value >> (40 - 8 * byte));
			xs_mac_text(&mac, text);
		}
		XS_FAULT(check, b->place, "%s: %s is already that of %s \"%s\"", what, text, a->kind, a->name);
		xs_diag_note(check->diag, a->place, "it is given here");
	}
}

static int check_ids(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	size_t room = domain->slice_count, slices = 0, vrfs = 0;
	struct identity *slice_ids, *vrf_ids;

	for (size_t i = 0; i < domain->slice_count; i++)
		room += domain->slice[i].vrf_count;
	slice_ids = xs_arena_array(check->scratch, domain->slice_count, sizeof(*slice_ids));
	vrf_ids = xs_arena_array(check->scratch, room, sizeof(*vrf_ids));
	if (!slice_ids || !vrf_ids)
		return -ENOMEM;
	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		if (slice->id)
			slice_ids[slices++] =
				(struct identity){ slice->id, NULL, "slice", slice->name, &slice->id_place, NULL };
		for (size_t j = 0; j < slice->vrf_count; j++) {
			const struct xs_d_vrf *vrf = &slice->vrf[j];

			if (vrf->id && vrf->node)
				vrf_ids[vrfs++] =
					(struct identity){ vrf->id, vrf->node, "vrf", vrf->name, &vrf->id_place, NULL };
		}
	}
	report_same(check, slice_ids, slices, "id");
	report_same(check, vrf_ids, vrfs, "id");
	return 0;
}

static void add_mac(struct identity *list, size_t *count, const struct xs_mac *mac, const char *kind, const char *name,
		    const struct xs_place *place, const struct xs_d_gateway *gateway)
{
	uint64_t value = 0;

	if (!xs_mac_is_given(mac))
		return;
	for (size_t i = 0; i < sizeof(mac->bytes); i++)
		value = value << 8 | mac->bytes[i];
	list[(*count)++] = (struct identity){ value, NULL, kind, name, place, gateway };
}

static int check_macs(struct xs_check *check)
{
	const struct xs_domain *domain = check->domain;
	size_t room = domain->mux_count + domain->migration_count, count = 0;
	struct identity *list;

	for (size_t i = 0; i < domain->slice_count; i++)
		room += domain->slice[i].vrf_count + domain->slice[i].gateway_count;
	list = xs_arena_array(check->scratch, room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < domain->slice_count; i++) {
		const struct xs_d_slice *slice = &domain->slice[i];

		for (size_t j = 0; j < slice->vrf_count; j++)
			add_mac(list, &count, &slice->vrf[j].mac, "vrf", slice->vrf[j].name, &slice->vrf[j].mac_place,
				NULL);
		for (size_t j = 0; j < slice->gateway_count; j++) {
			const struct xs_d_gateway *gateway = &slice->gateway[j];

			add_mac(list, &count, &gateway->mac, "gateway", gateway->name, &gateway->mac_place, gateway);
		}
	}
	for (size_t i = 0; i < domain->mux_count; i++)
		add_mac(list, &count, &domain->mux[i].mac, "mux", domain->mux[i].name, &domain->mux[i].mac_place, NULL);
	for (size_t i = 0; i < domain->migration_count; i++) {
		const struct xs_d_migration *migration = &domain->migration[i];

		add_mac(list, &count, &migration->mac, "migration", migration->name, &migration->mac_place, NULL);
	}
	report_same(check, list, count, "mac");
	return 0;
}

int xs_check_identity(struct xs_check *check)
{
	int err = check_ids(check);

	return err ? err : check_macs(check);
}
