/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_fill_vport.c - a node's vports in the maps, as images follow each other whose ids were given again: what led to
 * a vport while it was another's, whose counters it begins with, and whose the frames of a veth are.
 *
 *     port 1: links      port 2: users, untagged      port 3: a VLAN of users on port 1
 */
#include <stdlib.h>
#include <string.h>

#include "loader/image/image.h"
#include "loader/node/fill_private.h"
#include "loader/node/internal.h"
#include "maps/pool.h"
#include "selftests/bpf/fixture.h"

#define VPORTS 4
#define USERS_VID 30

enum { ON_LINKS = 1, ON_USERS, ON_VLAN, ON_COUNT };

struct vport_spec {
	uint32_t kind, slice, port;
	uint16_t vid;
	const char *name;
	uint32_t veth;
};

/* Vports 1, 2, ...; kind 0: there is none with this id. */
struct revision {
	struct vport_spec vport[VPORTS];
	const char *slice[VPORTS]; /* 1, 2, ...; NULL: as ever */
};

struct scene {
	struct fixture *fixture;
	struct xs_fill *fill;
	struct xs_image *former;
};

static char error[512];

static struct xs_record head(unsigned int type)
{
	return (struct xs_record){ .type = (uint16_t)type, .size = xs_record_info(type)->size };
}

static void add_ports(struct xs_image_writer *writer)
{
	static const char *const interface[ON_COUNT] = { NULL, "p0", "p1", "p0" };

	for (uint32_t id = 1; id < ON_COUNT; id++) {
		struct xs_rec_port port = { .head = head(XS_REC_PORT), .id = id, .user = id != ON_LINKS, .labelled = id == ON_LINKS, .mtu = 1500 };

		port.name[0] = (char)('a' + id);
		strcpy(port.interface, interface[id]);
		if (id == ON_VLAN) {
			port.on = ON_LINKS;
			port.vid = USERS_VID;
		}
		assert_int_equal(xs_image_writer_add(writer, &port), 0);
	}
}

static void add_slices(struct xs_image_writer *writer, const struct revision *revision)
{
	static const char *const usual[] = { "P", "Q", "R", "S" };

	for (uint32_t id = 1; id <= VPORTS; id++) {
		struct xs_rec_slice slice = { .head = head(XS_REC_SLICE), .id = id, .vrf_id = id, .vrf = "v" };

		strcpy(slice.name, revision->slice[id - 1] ? revision->slice[id - 1] : usual[id - 1]);
		assert_int_equal(xs_image_writer_add(writer, &slice), 0);
	}
}

static struct xs_image *image_of(const struct revision *revision)
{
	const struct xs_rec_node node = { .head = head(XS_REC_NODE), .blocks = 1024, .cells = 16 };
	struct xs_image_writer *writer = xs_image_writer_new("R1");
	struct xs_image *image = NULL;
	const char *why = NULL;
	void *bytes;
	size_t size;

	assert_int_equal(xs_image_writer_add(writer, &node), 0);
	add_ports(writer);
	add_slices(writer, revision);
	for (uint32_t id = 1; id <= VPORTS; id++) {
		const struct vport_spec *spec = &revision->vport[id - 1];
		struct xs_rec_vport record = { .head = head(XS_REC_VPORT),
					       .id = id,
					       .kind = spec->kind,
					       .slice = spec->slice,
					       .port = spec->port,
					       .vid = spec->vid,
					       .mtu = 1500,
					       .mac = { { 2, 0, 0, 0, 0, (uint8_t)spec->slice } },
					       .length = { 24 } };

		if (!spec->kind)
			continue;
		strcpy(record.name, spec->name);
		assert_int_equal(xs_address_parse("10.1.2.1", &record.address[XS_FAMILY4]), 0);
		if (spec->kind == XS_VPORT_LINK)
			assert_int_equal(xs_address_parse("10.1.2.2", &record.peer[XS_FAMILY4]), 0);
		assert_int_equal(xs_image_writer_add(writer, &record), 0);
	}
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), 0);
	xs_image_writer_free(writer);
	if (xs_image_read(bytes, size, &image, &why))
		fail_msg("image: %s", why);
	free(bytes);
	return image;
}

/* What became of it on the machine. */
static void make_node(struct xs_node *node, const struct revision *revision)
{
	memset(node, 0, sizeof(*node));
	for (uint32_t id = 1; id < ON_COUNT; id++) {
		struct xs_port_state *port = calloc(1, sizeof(*port));

		port->public = (struct xs_node_port){ .id = id, .ifindex = id == ON_VLAN ? ON_LINKS : id };
		HASH_ADD(hh, node->ports, public.id, sizeof(port->public.id), port);
	}
	for (uint32_t id = 1; id <= VPORTS; id++) {
		struct xs_vport_state *vport = calloc(1, sizeof(*vport));

		vport->public = (struct xs_node_vport){ .id = id, .veth = revision->vport[id - 1].veth };
		HASH_ADD(hh, node->vports, public.id, sizeof(vport->public.id), vport);
	}
}

static void free_node(struct xs_node *node)
{
	struct xs_vport_state *vport, *next_vport;
	struct xs_port_state *port, *next_port;

	HASH_ITER(hh, node->vports, vport, next_vport) {
		HASH_DEL(node->vports, vport);
		free(vport);
	}
	HASH_ITER(hh, node->ports, port, next_port) {
		HASH_DEL(node->ports, port);
		free(port);
	}
}

/* The steps of a change, as far as `steps` says. */
enum { VPORTS_FILLED = 1, LABELS_FILLED, PORTS_FILLED, WITHDRAWN };

static void change(struct scene *scene, const struct revision *revision, int steps)
{
	struct xs_image *image = image_of(revision);
	struct xs_node node;

	make_node(&node, revision);
	assert_int_equal(xs_fill_vports(scene->fill, image, scene->former, &node, error), 0);
	if (steps >= LABELS_FILLED)
		assert_int_equal(xs_fill_labels(scene->fill, image, error), 0);
	if (steps >= PORTS_FILLED)
		assert_int_equal(xs_fill_ports(scene->fill, image, &node, error), 0);
	if (steps >= WITHDRAWN) {
		assert_int_equal(xs_fill_withdraw(scene->fill, image, error), 0);
		xs_image_free(scene->former);
		scene->former = image;
		image = NULL;
	}
	free_node(&node);
	xs_image_free(image);
}

/* As an agent that begins anew, and does not know what the former one had. */
static void forget_former(struct scene *scene)
{
	xs_image_free(scene->former);
	scene->former = NULL;
}

static uint32_t label(struct scene *scene, uint16_t vid)
{
	uint32_t leads_to;

	assert_int_equal(xs_node_maps_get(&scene->fixture->maps, XS_MAP_label, ON_LINKS * XS_VIDS + vid, &leads_to), 0);
	return leads_to;
}

static uint32_t untagged(struct scene *scene, uint32_t port)
{
	struct xs_port entry;

	assert_int_equal(xs_node_maps_get(&scene->fixture->maps, XS_MAP_port, port, &entry), 0);
	return entry.untagged;
}

static uint32_t of_veth(struct scene *scene, uint32_t ifindex)
{
	uint32_t vport;

	assert_int_equal(xs_node_maps_get(&scene->fixture->maps, XS_MAP_vport_of_ifindex, ifindex, &vport), 0);
	return vport;
}

static uint32_t slice_of(struct scene *scene, uint32_t vport)
{
	struct xs_vport entry;

	assert_int_equal(xs_node_maps_get(&scene->fixture->maps, XS_MAP_vport, vport, &entry), 0);
	return entry.slice;
}

/* On each CPU. */
static void count(struct scene *scene, uint32_t vport, uint64_t packets)
{
	const struct xs_vport_stats stats = { .rx_packets = packets };

	assert_true(xs_node_maps_put(&scene->fixture->maps, XS_MAP_vport_stats, vport, &stats) >= 0);
}

static uint64_t counted(struct scene *scene, uint32_t vport)
{
	struct xs_vport_stats stats;

	assert_int_equal(xs_vport_stats_sum(&scene->fixture->maps, vport, &stats), 0);
	return stats.rx_packets / (uint64_t)scene->fixture->maps.cpus;
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	void *fixture = NULL;

	assert_non_null(scene);
	fixture_setup(&fixture);
	scene->fixture = fixture;
	scene->fill = xs_fill_new(&scene->fixture->maps, scene->fixture->pool, scene->fixture->space);
	assert_non_null(scene->fill);
	/* What the fixture has of its own. */
	assert_int_equal(xs_fill_withdraw(scene->fill, NULL, error), 0);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;
	void *fixture = scene->fixture;

	forget_former(scene);
	xs_fill_free(scene->fill);
	fixture_teardown(&fixture);
	free(scene);
	return 0;
}

/* ---- the images -------------------------------------------------------------------------------------------------- */

#define LINK_OF(s, label_id, device, ifindex) { XS_VPORT_LINK, s, ON_LINKS, label_id, device, ifindex }
#define GATEWAY_OF(s, on, device, ifindex)                                                                             \
	{ XS_VPORT_GATEWAY, s, on, (on) == ON_VLAN ? USERS_VID : 0, device, ifindex }

/* P has a link, a gateway and one in a VLAN; the last one, of R, stays as it is. */
static const struct revision first = { .vport = { LINK_OF(1, 101, "l", 100), GATEWAY_OF(1, ON_USERS, "g", 101),
						  GATEWAY_OF(1, ON_VLAN, "h", 102), LINK_OF(3, 301, "r", 103) } };

/* P has nothing any more, and Q links with the same ids: a whole revision was missed. */
static const struct revision links_of_q = { .vport = { LINK_OF(2, 201, "x", 104), LINK_OF(2, 202, "y", 105),
						       LINK_OF(2, 203, "z", 106), LINK_OF(3, 301, "r", 103) } };

/* ---- what led there ---------------------------------------------------------------------------------------------- */

static void assert_first(struct scene *scene)
{
	assert_int_equal(label(scene, 101), 1);
	assert_int_equal(label(scene, 201), 0);
	assert_int_equal(label(scene, 301), 4);
	assert_int_equal(untagged(scene, ON_USERS), 2);
	assert_int_equal(untagged(scene, ON_VLAN), 3);
	assert_int_equal(label(scene, USERS_VID), XS_LABEL_PORT | ON_VLAN);
	for (uint32_t id = 1; id <= VPORTS; id++) {
		assert_int_equal(slice_of(scene, id), id == 4 ? 3 : 1);
		assert_int_equal(of_veth(scene, 99 + id), id);
	}
}

static void assert_closed(struct scene *scene)
{
	assert_int_equal(slice_of(scene, 1), 2);
	assert_int_equal(label(scene, 101), 0);
	assert_int_equal(untagged(scene, ON_USERS), 0);
	assert_int_equal(untagged(scene, ON_VLAN), 0);
	for (uint32_t veth = 100; veth < 103; veth++)
		assert_int_equal(of_veth(scene, veth), 0);
	/* What stays is led to all the time. */
	assert_int_equal(label(scene, 301), 4);
	assert_int_equal(of_veth(scene, 103), 4);
}

static void nothing_leads_to_a_vport_that_becomes_anothers(void **state)
{
	struct scene *scene = *state;

	for (int known = 0; known < 2; known++) {
		change(scene, &first, WITHDRAWN);
		assert_first(scene);
		if (!known)
			forget_former(scene);
		change(scene, &links_of_q, VPORTS_FILLED);
		assert_closed(scene);
		change(scene, &links_of_q, WITHDRAWN);
		assert_int_equal(label(scene, 201), 1);
		assert_int_equal(label(scene, 202), 2);
		assert_int_equal(label(scene, 203), 3);
		assert_closed(scene);
	}
}

/* Neither the number of the slice nor the kind says it, but the slice's name. */
static void so_where_the_slice_has_the_number_of_another(void **state)
{
	struct scene *scene = *state;
	struct revision renamed = first;

	change(scene, &first, WITHDRAWN);
	renamed.slice[0] = "new";
	count(scene, 1, 7);
	count(scene, 4, 9);
	change(scene, &renamed, VPORTS_FILLED);
	assert_int_equal(label(scene, 101), 0);
	assert_int_equal(untagged(scene, ON_USERS), 0);
	assert_int_equal(untagged(scene, ON_VLAN), 0);
	assert_int_equal(counted(scene, 1), 0);
	assert_int_equal(label(scene, 301), 4);
	assert_int_equal(counted(scene, 4), 9);
	change(scene, &renamed, WITHDRAWN);
	assert_first(scene);
}

static unsigned int grace_periods;
static struct scene *looking;

static void look(void *context)
{
	grace_periods++;
	assert_int_equal(label(looking, 101), 0);
	assert_int_equal(untagged(looking, ON_USERS), 0);
	assert_int_equal(slice_of(looking, 1), 1);
}

/* Frames that have been led there already are P's to their end. */
static void it_becomes_anothers_after_a_grace_period(void **state)
{
	struct scene *scene = looking = *state;

	change(scene, &first, WITHDRAWN);
	grace_periods = 0;
	scene->fixture->pool->grace = look;
	change(scene, &first, VPORTS_FILLED);
	assert_int_equal(grace_periods, 0);
	change(scene, &links_of_q, VPORTS_FILLED);
	assert_int_equal(grace_periods, 1);
	scene->fixture->pool->grace = NULL;
}

/* It did not come to that: what was, is. */
static void a_change_that_fails_goes_back(void **state)
{
	struct scene *scene = *state;
	uint64_t writes;

	change(scene, &first, WITHDRAWN);
	for (int steps = VPORTS_FILLED; steps <= PORTS_FILLED; steps++) {
		change(scene, &links_of_q, steps);
		change(scene, &first, WITHDRAWN);
		assert_first(scene);
	}
	writes = scene->fixture->maps.writes;
	change(scene, &first, WITHDRAWN);
	forget_former(scene);
	change(scene, &first, WITHDRAWN);
	assert_int_equal(scene->fixture->maps.writes, writes);
}

/* The same gateway and the same link, elsewhere: they go on where they were until they are in force there. */
static void what_moves_to_another_port_is_led_to_all_the_time(void **state)
{
	struct scene *scene = *state;
	struct revision moved = { .vport = { LINK_OF(1, 105, "l", 100), GATEWAY_OF(1, ON_VLAN, "g", 101) } };
	const struct revision before = { .vport = { LINK_OF(1, 101, "l", 100), GATEWAY_OF(1, ON_USERS, "g", 101) } };

	change(scene, &before, WITHDRAWN);
	count(scene, 1, 7);
	count(scene, 2, 8);
	change(scene, &moved, VPORTS_FILLED);
	assert_int_equal(label(scene, 101), 1);
	assert_int_equal(untagged(scene, ON_USERS), 2);
	change(scene, &moved, WITHDRAWN);
	assert_int_equal(label(scene, 101), 0);
	assert_int_equal(label(scene, 105), 1);
	assert_int_equal(untagged(scene, ON_USERS), 0);
	assert_int_equal(untagged(scene, ON_VLAN), 2);
	assert_int_equal(counted(scene, 1), 7);
	assert_int_equal(counted(scene, 2), 8);
}

/* ---- counters ---------------------------------------------------------------------------------------------------- */

static void counters_begin_at_zero_with_each_owner(void **state)
{
	struct scene *scene = *state;
	struct revision named = links_of_q;

	change(scene, &first, WITHDRAWN);
	for (uint32_t id = 1; id <= VPORTS; id++)
		count(scene, id, 10 * id);
	change(scene, &links_of_q, WITHDRAWN);
	for (uint32_t id = 1; id < VPORTS; id++)
		assert_int_equal(counted(scene, id), 0);
	assert_int_equal(counted(scene, 4), 40);
	/* Another link of the same slice. */
	for (uint32_t id = 1; id <= VPORTS; id++)
		count(scene, id, 10 * id);
	named.vport[1].name = "another";
	change(scene, &named, WITHDRAWN);
	assert_int_equal(counted(scene, 1), 10);
	assert_int_equal(counted(scene, 2), 0);
	assert_int_equal(counted(scene, 3), 30);
}

/* ---- veths ------------------------------------------------------------------------------------------------------- */

static void shift(struct revision *revision, int by)
{
	for (size_t i = 0; i < VPORTS; i++)
		revision->vport[i].veth += by;
}

/* A namespace made anew numbers its devices anew: each has the number that another one had. */
static void a_veth_is_whose_it_is_now(void **state)
{
	struct scene *scene = *state;
	struct revision there = first, less;

	change(scene, &first, WITHDRAWN);
	for (int by = 1; by >= -1; by -= 2) {
		shift(&there, by);
		change(scene, &there, WITHDRAWN);
		for (uint32_t id = 1; id <= VPORTS; id++)
			assert_int_equal(of_veth(scene, there.vport[id - 1].veth), id);
		assert_int_equal(of_veth(scene, by > 0 ? 100 : 104), 0);
	}
	/* One that goes had the number that another one has now. */
	less = there;
	less.vport[3].kind = XS_VPORT_NONE;
	less.vport[0].veth = there.vport[3].veth;
	change(scene, &less, WITHDRAWN);
	assert_int_equal(of_veth(scene, less.vport[0].veth), 1);
	assert_int_equal(of_veth(scene, there.vport[0].veth), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_leads_to_a_vport_that_becomes_anothers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(so_where_the_slice_has_the_number_of_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_becomes_anothers_after_a_grace_period, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_change_that_fails_goes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_moves_to_another_port_is_led_to_all_the_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counters_begin_at_zero_with_each_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_veth_is_whose_it_is_now, set_up, tear_down),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
