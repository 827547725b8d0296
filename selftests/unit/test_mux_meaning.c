/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mux_meaning.c - MUX policies in plain memory: what they compile to, walked as the datapath walks it, against the
 * naive walk, for both families; and what of them is shared.
 */
#include <errno.h>

#include "selftests/random.h"
#include "selftests/unit/mux_node.h"

#define PAIRS          1200000
#define CONDITIONS_MAX 1080 /* a sixteenth of them plain, the others general */
#define SLICES         4

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint32_t rnd(void)
{
	return (uint32_t)random_next(&random_state);
}

/* A range of what packets have, or of any ports. */
static void random_range(uint16_t range[2], bool wide)
{
	range[0] = wide ? rnd() % 65536 : rnd() % 4;
	range[1] = range[0] + (wide ? rnd() % (65536 - range[0]) : rnd() % 4);
}

static void random_general(struct xs_condition *c)
{
	c->fields = rnd() & 31;
	c->protocol = rnd() % 2 ? 6 : 17;
	if (c->family < XS_FAMILIES && rnd() % 3 == 0) {
		c->source_length = rnd() % (c->family == XS_FAMILY4 ? 33 : 129);
		mux_node_address(c->source, c->family, rnd() & 0x03000003);
	}
	random_range(c->source_port, rnd() % 4 == 0);
	random_range(c->destination_port, rnd() % 4 == 0);
	c->dscp[0] = rnd() % 64;
	c->dscp[1] = c->dscp[0] + rnd() % (64 - c->dscp[0]);
	c->input_port = 1 + rnd() % 2;
}

/*
 * `many`: nearly as many conditions as there may be general ones. `nested`: prefixes of at most 64 addresses, every address
 * in several lists. An exact destination bears the cell of its address, or now and then another one, as that of another
 * tenant; every other one a group's. A VM has a cell for both its addresses.
 */
static size_t random_conditions(struct xs_condition *c, bool nested, bool many)
{
	size_t count = many ? CONDITIONS_MAX - rnd() % 200 : 1 + rnd() % (nested ? 120 : 60);
	uint32_t base = 0x0a000000 | (rnd() & 0x3) << 6;

	for (size_t i = 0; i < count; i++) {
		uint32_t where = nested ? base + rnd() % 64 : rnd() & 0x0f0f0f0f, cut = nested ? rnd() % 7 : rnd() % 33;

		memset(&c[i], 0, sizeof(c[i]));
		c[i].position = i;
		c[i].slice = 1 + i * SLICES / count;
		c[i].vport = 100 + c[i].slice;
		c[i].family = rnd() % 2;
		if ((nested && rnd() % 2) || (many && i % 16 == 0))
			cut = 0;
		c[i].destination_length = (c[i].family == XS_FAMILY4 ? 32 : 128) - cut;
		if (rnd() % 25 == 0 && cut)
			c[i].destination_length = 0;
		if (rnd() % 50 == 0 && cut) {
			c[i].destination_length = 0;
			c[i].family = rnd() % 8 ? XS_FAMILY_EITHER : XS_FAMILY_NEITHER;
		}
		if (c[i].destination_length && !cut && rnd() % 16) {
			c[i].vm_cell = 1 + where % 64 + (rnd() % 8 ? 0 : 1);
			if (c[i].vm_cell & 1)
				c[i].group_cell = 100 + c[i].vm_cell % 4;
		}
		/* Host bits are left set: they must not matter. */
		mux_node_address(c[i].destination, c[i].family, where);
		if (many ? i % 16 != 0 : rnd() % 4 == 0)
			random_general(&c[i]);
		/* ... and so choosy that the last ones are chosen, too. */
		if (many && i % 16)
			c[i].fields = 31 & ~(1u << rnd() % 8);
	}
	return count;
}

static void random_selector(struct xs_selector *s, const struct xs_condition *near)
{
	memset(s, 0, sizeof(*s));
	s->family = near->family < XS_FAMILIES ? near->family : rnd() % 2;
	if (near->family < XS_FAMILIES)
		memcpy(s->destination, near->destination, sizeof(s->destination));
	if (rnd() % 3 == 0)
		s->destination[s->family == XS_FAMILY4 ? 3 : 15] ^= 1u << rnd() % 8;
	mux_node_address(s->source, s->family, rnd() & 0x03000003);
	s->protocol = rnd() % 2 ? 6 : 17;
	s->dscp = rnd() % 64;
	s->has_ports = rnd() % 4 != 0;
	s->source_port = rnd() % 4 ? rnd() % 8 : rnd() % 65536;
	s->destination_port = rnd() % 4 ? rnd() % 8 : rnd() % 65536;
	s->input_port = 1 + rnd() % 2;
}

static void random_cells(struct mux_node *node)
{
	for (uint32_t id = 1; id < MUX_NODE_CELLS; id++)
		xs_cell_set(&node->maps, id, XS_CELL(rnd() % 1000 * MUX_NODE_CELLS + id, rnd() % (SLICES + 1)));
}

static void test_against_the_naive_walk(void **state)
{
	unsigned int pairs = 0, different = 0, selected = 0, flips = 0, too_deep = 0, late = 0, of[XS_FAMILIES] = {};
	static struct xs_condition c[CONDITIONS_MAX];
	struct mux_node node;

	mux_node_new(&node, 4096, 16384);
	for (unsigned int set = 0; pairs < PAIRS; set++) {
		struct xs_policy *policy;
		size_t count = random_conditions(c, set & 1, set % 32 < 2);
		int err = xs_policy_build(node.space, 7, c, count, &policy);

		if (err == -E2BIG) {
			assert_true(xs_conditions_depth(c, count) > XS_MUX_WALK_MAX);
			too_deep++;
			continue;
		}
		assert_int_equal(err, 0);
		assert_true(xs_conditions_depth(c, count) <= XS_MUX_WALK_MAX);
		random_cells(&node);
		for (unsigned int i = 0; i < 400; i++, pairs++) {
			struct xs_selector s;
			int64_t naive, compiled;
			uint32_t rule = 0;

			random_selector(&s, &c[rnd() % count]);
			if (rnd() % 4 == 0) {
				xs_cell_set(&node.maps, 1 + rnd() % 110,
					    XS_CELL(1000 * MUX_NODE_CELLS + pairs, rnd() % (SLICES + 1)));
				flips++;
			}
			naive = xs_naive_walk(c, count, &s, mux_node_cells(&node));
			compiled = mux_node_walk(&node, xs_policy_mux(policy), &s, &rule);
			different += naive != compiled || (naive >= 0 && rule != xs_policy_rule(policy, naive));
			selected += naive >= 0;
			of[s.family] += naive >= 0;
			late += naive > CONDITIONS_MAX / 2;
		}
		xs_policy_free(policy);
	}
	print_message(
		"%u pairs (%u + %u selected a slice, %u of them late, %u flips, %u sets too deep): %u different\n",
		pairs, of[XS_FAMILY4], of[XS_FAMILY6], late, flips, too_deep, different);
	assert_int_equal(different, 0);
	assert_true(selected > pairs / 4 && selected < pairs);
	assert_true(of[XS_FAMILY4] > pairs / 8 && of[XS_FAMILY6] > pairs / 8 && late > pairs / 1000);
	mux_node_free(&node);
}

/* What a hundred thousand addresses cost: a slot each, and a page's share; nodes only as many as there are kinds. */
static void test_a_hundred_thousand(void **state)
{
	struct xs_policy_size size;
	struct xs_policy *policy, *again;
	struct mux_node node;
	size_t count;
	uint32_t mux;
	struct xs_condition *c = mux_node_hosts(50000, &count);

	assert_int_equal(xs_policy_measure(c, count, &size), 0);
	assert_int_equal(size.nodes, 4); /* the end, twice: as a leaf's and after questions; two questions */
	assert_int_equal(size.generals, 0);
	mux_node_new(&node, 60000, 1000);
	assert_int_equal(xs_policy_build(node.space, 1, c, count, &policy), 0);
	mux = xs_policy_mux(policy);
	for (unsigned int i = 0; i < 50000; i += 99) {
		struct xs_selector s = {};
		uint32_t rule = 0;

		mux_node_address(s.destination, XS_FAMILY4, 0x0a000000 + i);
		xs_cell_set(&node.maps, 1 + i % 100, XS_CELL(i + 1, 1 + i % 2));
		assert_int_equal(mux_node_walk(&node, mux, &s, &rule),
				 xs_naive_walk(c, count, &s, mux_node_cells(&node)));
	}
	mux_node_name_in_port(&node, 1, mux);
	mux_node_lose(policy);
	mux_node_stop(&node);
	mux_node_start(&node);
	assert_int_equal(xs_policy_adopt(node.space, mux, c, count, &again), 0);
	xs_policy_free(again);
	/* Each with a cell of its own, as VMs have: eight in a page, for there are two lists. */
	for (size_t i = 0; i < count - 1; i++)
		c[i].vm_cell = 1 + i % 50000;
	assert_int_equal(xs_policy_measure(c, count, &size), 0);
	assert_int_equal(size.nodes, 4);
	assert_true(size.pages <= 50000 / 8 + 2);
	mux_node_free(&node);
	free(c);
}

/* Two tenants' VMs at one address, their lists interleaved: every combination of what their cells name. */
static void test_several_cells_over_one_address(void **state)
{
	static const uint32_t slice_of[] = { 1, 3, 2, 4, 5 };
	struct xs_condition c[5];
	struct xs_policy *policy;
	struct mux_node node;

	mux_node_new(&node, 64, 64);
	for (uint32_t i = 0; i < 5; i++) {
		c[i] = (struct xs_condition){
			.position = i,
			.slice = slice_of[i],
			.vport = 100 + slice_of[i],
			.vm_cell = i < 4 ? 1 + i % 2 : 0,
			.destination_length = 32,
		};
		mux_node_address(c[i].destination, XS_FAMILY4, 0x0a000005);
	}
	assert_int_equal(xs_policy_build(node.space, 1, c, 5, &policy), 0);
	for (uint32_t first = 0; first <= 6; first++) {
		for (uint32_t second = 0; second <= 6; second++) {
			struct xs_selector s = { .destination = { 10, 0, 0, 5 } };
			uint32_t rule;

			xs_cell_set(&node.maps, 1, XS_CELL(1, first));
			xs_cell_set(&node.maps, 2, XS_CELL(2, second));
			assert_int_equal(mux_node_walk(&node, xs_policy_mux(policy), &s, &rule),
					 xs_naive_walk(c, 5, &s, mux_node_cells(&node)));
		}
	}
	xs_policy_free(policy);
	mux_node_free(&node);
}

/* One address in more lists than a page has slots. */
static void test_many_lists_over_one_address(void **state)
{
	struct xs_condition c[XS_MUX_WALK_MAX];
	struct xs_policy *policy;
	struct mux_node node;

	mux_node_new(&node, 256, 64);
	for (uint32_t lists = 15; lists <= XS_MUX_WALK_MAX; lists += lists == 18 ? 46 : 1) {
		for (uint32_t i = 0; i < lists; i++) {
			c[i] = (struct xs_condition){ .position = i,
						      .slice = 1 + i,
						      .vport = 101 + i,
						      .vm_cell = 5,
						      .destination_length = 128,
						      .family = XS_FAMILY6 };
			mux_node_address(c[i].destination, XS_FAMILY6, 5);
		}
		assert_int_equal(xs_policy_build(node.space, 1, c, lists, &policy), 0);
		for (uint32_t slice = 0; slice <= lists + 1; slice++) {
			struct xs_selector s = { .family = XS_FAMILY6 };
			int64_t naive;
			uint32_t rule;

			mux_node_address(s.destination, XS_FAMILY6, 5);
			xs_cell_set(&node.maps, 5, XS_CELL(1, slice));
			naive = xs_naive_walk(c, lists, &s, mux_node_cells(&node));
			assert_int_equal(naive, slice && slice <= lists ? (int64_t)slice - 1 : -1);
			assert_int_equal(mux_node_walk(&node, xs_policy_mux(policy), &s, &rule), naive);
			assert_int_equal(rule, naive < 0 ? 0 : xs_policy_rule(policy, naive));
		}
		xs_policy_free(policy);
	}
	mux_node_free(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_naive_walk),
		cmocka_unit_test(test_a_hundred_thousand),
		cmocka_unit_test(test_several_cells_over_one_address),
		cmocka_unit_test(test_many_lists_over_one_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
