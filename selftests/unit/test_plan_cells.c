/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_plan_cells.c - cells and the conditions that bear them, generations, and a MUX's addresses over changes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "selftests/unit/plan_fixture.h"

static void assert_address(const struct xs_address *address, const char *expected)
{
	char text[XS_PREFIX_TEXT];

	assert_string_equal(xs_address_text(address, text), expected);
}

/* Replaces a domain's migrations and the first filter's conditions by `count` each: 10.0.0.0 + i in group i % groups. */
struct many {
	struct xs_d_migration *migration;
	struct xs_d_condition *condition;
	char (*name)[24];
	size_t count, groups;
};
static struct many many;

static void many_new(size_t count, size_t groups)
{
	static char group_name[16][24];

	many = (struct many){
		.migration = calloc(count, sizeof(*many.migration)),
		.condition = calloc(count, sizeof(*many.condition)),
		.name = calloc(count, sizeof(*many.name)),
		.count = count,
		.groups = groups,
	};
	for (size_t i = 0; i < groups; i++)
		snprintf(group_name[i], sizeof(group_name[i]), "g%zu", i);
	for (size_t i = 0; i < count; i++) {
		struct xs_d_migration *migration = &many.migration[i];
		struct xs_prefix base = { .family = XS_IPV4, .length = 8, .bytes = { 10 } };

		snprintf(many.name[i], sizeof(many.name[i]), "vm%zu", i);
		migration->name = many.name[i];
		migration->group = groups ? group_name[i % groups] : NULL;
		assert_int_equal(xs_prefix_nth(&base, (uint32_t)i, &migration->address[XS_FAMILY4]), 0);
		migration->mac =
			(struct xs_mac){ { 0x52, 0x54, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
		many.condition[i].fields = XS_MATCH_DESTINATION;
		many.condition[i].destination = xs_prefix_of_host(&migration->address[XS_FAMILY4]);
	}
}

static void many_free(void)
{
	free(many.migration);
	free(many.condition);
	free(many.name);
}

static void use_many(struct xs_domain *domain)
{
	for (size_t i = 0; i < many.count; i++) {
		many.migration[i].from = &domain->slice[0];
		many.migration[i].to = &domain->slice[1];
	}
	domain->migration = many.migration;
	domain->migration_count = many.count;
	domain->filter[0].condition = many.condition;
	domain->filter[0].condition_count = many.count;
}

static void test_many_cells(void **state)
{
	char *text = figure7_with(NULL, "");
	struct made *made, *again;
	const struct xs_rec_node *node;
	const struct xs_rec_condition *condition;
	const struct xs_rec_cell *cell;

	many_new(100000, 10);
	made = made_try(text, NULL, 0, use_many);
	assert_int_equal(made->result, 0);
	assert_int_equal(made->image[2]->count[XS_REC_CELL], 100010);
	assert_int_equal(made->image[2]->count[XS_REC_CONDITION], 100001);
	node = xs_image_at(made->image[2], XS_REC_NODE, 0);
	assert_true(node->cells > 100010 && node->conditions >= 200002 && node->blocks >= 2 * 391);
	condition = xs_image_at(made->image[2], XS_REC_CONDITION, 77777);
	assert_int_equal(condition->position, 77777);
	cell = xs_image_find(made->image[2], XS_REC_CELL, &condition->vm_cell);
	assert_string_equal(cell->name, "vm77777");
	cell = xs_image_find(made->image[2], XS_REC_CELL, &condition->group_cell);
	assert_string_equal(cell->name, "g7");
	again = made_try(text, made, 9, use_many);
	assert_int_equal(again->result, 0);
	assert_int_equal(again->size[2], made->size[2]);
	assert_memory_equal(again->bytes[2], made->bytes[2], made->size[2]);
	made_free(made);
	made_free(again);
	many_free();
	free(text);
}

static uint64_t generation_of(const struct made *made, size_t migration)
{
	return made->plan->cell[migration].generation;
}

static void test_generations(void **state)
{
	char *text = figure7_with(NULL, "");
	struct made *first, *second, *third, *fourth;

	many_new(3, 0);
	many.count = 2;
	first = made_try(text, NULL, 0, use_many);
	assert_int_equal(generation_of(first, 0), 1);
	assert_int_equal(generation_of(first, 1), 1);
	assert_int_equal(xs_plan_generation(first->plan), 1);
	/* Switches took the domain to 17: a new cell stands above them all, an old one keeps what it began with. */
	many.count = 3;
	second = made_try(text, first, 17, use_many);
	assert_int_equal(generation_of(second, 0), 1);
	assert_int_equal(generation_of(second, 2), 18);
	assert_int_equal(xs_plan_generation(second->plan), 18);
	/* A cell that was away is new, with its old id. */
	many.count = 2;
	third = made_try(text, second, 20, use_many);
	assert_int_equal(xs_plan_generation(third->plan), 20);
	many.count = 3;
	fourth = made_try(text, third, 20, use_many);
	assert_int_equal(fourth->plan->cell[2].id, second->plan->cell[2].id);
	assert_int_equal(generation_of(fourth, 2), 21);
	made_free(first);
	made_free(second);
	made_free(third);
	made_free(fourth);
	/* A store that lost its generation does not take the domain back. */
	first = made_try(text, NULL, 50, use_many);
	many.count = 2;
	second = made_try(text, first, 0, use_many);
	many.count = 3;
	third = made_try(text, second, 0, use_many);
	assert_int_equal(generation_of(third, 2), 52);
	made_free(first);
	made_free(second);
	made_free(third);
	made_refused(made_try(text, NULL, XS_GENERATION_MAX, use_many), "no generation is left");
	many_free();
	free(text);
}

/* Three slices at one MUX; conditions of all kinds over the addresses of migrations. */
#define CONDITIONS                                                                                                     \
	"node:\n"                                                                                                      \
	"  - {name: N1, port: [{name: client}, {name: dc1}, {name: dc2}, {name: dc3}]}\n"                              \
	"slice:\n"                                                                                                     \
	"  - {name: P, vrf: [{name: v, node: N1}], gateway: [{name: g, vrf: v, port: dc1, subnet: 10.0.0.0/16}]}\n"    \
	"  - {name: A, vrf: [{name: v, node: N1}], gateway: [{name: g, vrf: v, port: dc2, subnet: 10.0.0.0/16}]}\n"    \
	"  - {name: Q, vrf: [{name: v, node: N1}], gateway: [{name: g, vrf: v, port: dc3, subnet: 10.0.0.0/16}]}\n"    \
	"filter:\n"                                                                                                    \
	"  - name: f\n"                                                                                                \
	"    condition:\n"                                                                                             \
	"      - {destination: 10.0.0.5}\n"                                                                            \
	"      - {destination: 10.0.0.5, protocol: tcp, destination-port: 80-443, dscp: 46}\n"                         \
	"      - {destination: 10.0.0.0/24}\n"                                                                         \
	"      - {source: 192.0.2.5}\n"                                                                                \
	"      - {destination: 10.0.0.6, input-port: client}\n"                                                        \
	"      - {destination: 10.0.0.7}\n"                                                                            \
	"mux:\n"                                                                                                       \
	"  - {name: M, node: N1, port: client, clients: [192.0.2.0/24], subnet: 10.255.0.0/29,\n"                      \
	"     slice: [{name: P, filter: f}, {name: A, filter: f}, {name: Q, filter: f}]}\n"                            \
	"migration:\n"                                                                                                 \
	"  - {name: vm5, address: 10.0.0.5, mac: \"52:54:00:00:00:05\", from: P, to: A}\n"                             \
	"  - {name: vm6, address: 10.0.0.6, mac: \"52:54:00:00:00:06\", from: P, to: A}\n"

/* The model may refuse two migrations of one address; a plan must still know whose cell is meant. */
static struct xs_d_migration several[3];

static void second_tenant(struct xs_domain *domain)
{
	several[0] = domain->migration[0];
	several[1] = domain->migration[1];
	several[2] = domain->migration[0];
	several[2].name = "other5";
	several[2].from = several[2].to = &domain->slice[2];
	domain->migration = several;
	domain->migration_count = 3;
}

static const char *cell_name(const struct xs_image *image, size_t position)
{
	const struct xs_rec_condition *condition = xs_image_at(image, XS_REC_CONDITION, position);
	const struct xs_rec_cell *cell = xs_image_find(image, XS_REC_CELL, &condition->vm_cell);

	return cell ? cell->name : "none";
}

static void test_conditions(void **state)
{
	static const char *const borne[] = { "vm5", "vm5", "none", "none", "vm6", "none" };
	struct made *made = made_new(CONDITIONS, NULL, 0);
	const struct xs_image *image = made->image[0];
	const struct xs_rec_condition *condition;
	const struct xs_rec_port *port;

	assert_int_equal(image->count[XS_REC_CONDITION], 18);
	/* In every list, a third slice's too: it is in force there once the cell names that slice. */
	for (size_t i = 0; i < 18; i++)
		assert_string_equal(cell_name(image, i), borne[i % 6]);
	condition = xs_image_at(image, XS_REC_CONDITION, 7);
	assert_int_equal(condition->slice, made_slice(made, "A")->id);
	assert_int_equal(condition->vport, made->plan->mux[0].slice[1]->id);
	assert_int_equal(condition->number, 2);
	assert_int_equal(condition->protocol, 6);
	assert_int_equal(condition->destination_port[0], 80);
	assert_int_equal(condition->destination_port[1], 443);
	assert_int_equal(condition->dscp[0], 46);
	assert_int_equal(condition->dscp[1], 46);
	assert_int_equal(condition->source_port[1], 0);
	condition = xs_image_at(image, XS_REC_CONDITION, 4);
	port = xs_image_find(image, XS_REC_PORT, &condition->input_port);
	assert_string_equal(port->name, "client");
	made_free(made);

	made = made_try(CONDITIONS, NULL, 0, second_tenant);
	assert_int_equal(made->result, 0);
	assert_string_equal(cell_name(made->image[0], 0), "vm5");
	assert_string_equal(cell_name(made->image[0], 6), "vm5");
	assert_string_equal(cell_name(made->image[0], 12), "other5");
	made_free(made);
}

/* R20: MUXes share lists, on one node and on another; a VM's cell is one for all of them. */
static void test_lists_shared_by_muxes(void **state)
{
	static const char more[] =
		"  - {name: ME, node: R3, port: more, clients: [198.51.100.0/24], subnet: 10.255.1.0/29,\n"
		"     slice: [{name: P, filter: moved-later}, {name: A, filter: all}]}\n"
		"  - {name: MF, node: R1, port: more, clients: [203.0.113.0/24], subnet: 10.255.2.0/29,\n"
		"     slice: [{name: A, filter: moved-later}, {name: P, filter: all}]}\n\n";
	char *text = figure7_with("migration:\n", more), *with_ports = calloc(1, strlen(text) + 64), *at;
	const struct xs_rec_condition *one, *other, *far;
	struct made *made;

	assert_non_null(with_ports);
	/* A port for each of them. */
	at = strstr(text, "      - {name: pdc}\n");
	sprintf(with_ports, "%.*s      - {name: more}\n%s", (int)(at - text), text, at);
	at = strstr(with_ports, "      - {name: client}\n");
	memmove(at + strlen("      - {name: more}\n"), at, strlen(at) + 1);
	memcpy(at, "      - {name: more}\n", strlen("      - {name: more}\n"));
	made = made_new(with_ports, NULL, 0);
	assert_int_equal(made->image[2]->count[XS_REC_MUX], 2);
	assert_int_equal(made->image[2]->count[XS_REC_CONDITION], 2 * 3);
	assert_int_equal(made->image[0]->count[XS_REC_CONDITION], 3);
	assert_int_equal(made->image[2]->count[XS_REC_CELL], 3);
	assert_int_equal(made->image[0]->count[XS_REC_CELL], 3);
	one = xs_image_at(made->image[2], XS_REC_CONDITION, 0);
	other = xs_image_at(made->image[2], XS_REC_CONDITION, 3);
	far = xs_image_at(made->image[0], XS_REC_CONDITION, 0);
	assert_int_not_equal(one->mux, other->mux);
	assert_int_equal(one->vm_cell, other->vm_cell);
	assert_int_equal(one->vm_cell, far->vm_cell);
	assert_memory_equal(&one->destination, &other->destination, sizeof(one->destination));
	assert_int_equal(one->slice, made_slice(made, "P")->id);
	assert_int_equal(other->slice, one->slice);
	assert_int_equal(far->slice, made_slice(made, "A")->id);
	assert_string_equal(far->filter, "moved-later");
	made_free(made);
	free(with_ports);
	free(text);
}

/* ---- stability of a MUX ---- */

static void without_first_mux_slice(struct xs_domain *domain)
{
	domain->mux[0].slice++;
	domain->mux[0].slice_count--;
}

static void test_mux_addresses_stay(void **state)
{
	struct made *all = made_new(CONDITIONS, NULL, 0),
		    *fewer = made_try(CONDITIONS, all, 1, without_first_mux_slice);

	assert_int_equal(fewer->result, 0);
	assert_address(&all->plan->mux[0].slice[2]->address[XS_FAMILY4], "10.255.0.4");
	assert_address(&fewer->plan->mux[0].slice[1]->address[XS_FAMILY4], "10.255.0.4");
	assert_int_equal(fewer->plan->mux[0].slice[1]->id, all->plan->mux[0].slice[2]->id);
	made_free(all);
	made_free(fewer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_cells),         cmocka_unit_test(test_generations),
		cmocka_unit_test(test_conditions),         cmocka_unit_test(test_lists_shared_by_muxes),
		cmocka_unit_test(test_mux_addresses_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
