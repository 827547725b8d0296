/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ledger.c - numbers stay: over a change that concerns others, over a return, and none goes to somebody else in
 * the very change that frees it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "selftests/unit/plan_fixture.h"

/* A third slice beside figure 7's, on all three nodes. */
#define SLICE_B                                                                                                        \
	"  - name: B\n"                                                                                                \
	"    vrf: [{name: B1, node: R1}, {name: B2, node: R2}, {name: B3, node: R3}]\n"                                \
	"    link:\n"                                                                                                  \
	"      - {name: B12, ends: [B1, B2], subnet: 10.1.2.0/24}\n"                                                   \
	"      - {name: B23, ends: [B2, B3], subnet: 10.2.3.0/24}\n"

static void test_same_input_same_bytes(void **state)
{
	char *text = figure7_with(NULL, "");
	struct made *first = made_new(text, NULL, 0), *second = made_new(text, NULL, 0),
		    *third = made_new(text, first, 40);

	assert_int_equal(first->ledger_size, second->ledger_size);
	assert_memory_equal(first->ledger, second->ledger, first->ledger_size);
	assert_int_equal(first->ledger_size, third->ledger_size);
	assert_memory_equal(first->ledger, third->ledger, first->ledger_size);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(first->size[i], second->size[i]);
		assert_memory_equal(first->bytes[i], second->bytes[i], first->size[i]);
		assert_int_equal(first->size[i], third->size[i]);
		assert_memory_equal(first->bytes[i], third->bytes[i], first->size[i]);
	}
	made_free(first);
	made_free(second);
	made_free(third);
	free(text);
}

static void test_a_neighbour_comes_and_goes(void **state)
{
	/* In front of the others, where counting anew would shift everything. */
	char *text = figure7_with(NULL, ""), *more = figure7_with("  - name: P\n", SLICE_B);
	struct made *before = made_new(text, NULL, 0), *with = made_new(more, before, 1),
		    *after = made_new(text, with, 1);
	struct made *anew = made_new(more, NULL, 0);
	struct made_changes changes = made_diff(before, with, 1);

	assert_int_equal(changes.removed, 0);
	assert_int_equal(changes.changed, 0);
	/* Three VRFs, four ends of links, and each VRF's route to the link that it is not on (B2 is on both). */
	assert_int_equal(changes.added, 3 + 4 + 2);
	changes = made_diff(before, after, 1);
	assert_int_equal(changes.added + changes.removed + changes.changed, 0);
	changes = made_diff(before, anew, 1);
	assert_true(changes.changed > 0);
	made_free(before);
	made_free(with);
	made_free(after);
	made_free(anew);
	free(text);
	free(more);
}

/* A definition of slices, one link each over the one cable between two nodes; `labels` limits what there is. */
static char *slices_text(const char *const *names, size_t count, const char *reserved)
{
	size_t size;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, "node:\n  - {name: R1, port: [{name: r2, peer: R2/r1%s%s%s}]}\n",
		*reserved ? ", reserved-label: [" : "", reserved, *reserved ? "]" : "");
	fprintf(out, "  - {name: R2, port: [{name: r1, peer: R1/r2}]}\n%s", count ? "slice:\n" : "");
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "  - name: %s\n    vrf: [{name: a, node: R1}, {name: b, node: R2}]\n", names[i]);
		fprintf(out, "    link: [{name: l, ends: [a, b], subnet: 10.0.0.0/30}]\n");
	}
	fclose(out);
	return text;
}

static struct made *slices_try(const char *const *names, size_t count, const char *reserved, const struct made *earlier)
{
	char *text = slices_text(names, count, reserved);
	struct made *made = made_try(text, earlier, 0, NULL);

	free(text);
	return made;
}

static uint32_t label_of(const struct made *made, const char *slice)
{
	return made_slice(made, slice)->link[0].end[0]->vid;
}

static void test_freed_numbers_rest(void **state)
{
	static const char *const one[] = { "P", "Q" }, *const two[] = { "Q", "R" }, *const three[] = { "P", "Q", "R" };
	struct made *first = slices_try(one, 2, "", NULL), *second = slices_try(two, 2, "", first);
	struct made *third = slices_try(three, 3, "", second);

	assert_int_equal(first->result, 0);
	assert_int_equal(second->result, 0);
	assert_int_equal(third->result, 0);
	assert_int_equal(label_of(first, "P"), 2);
	assert_int_equal(label_of(first, "Q"), 3);
	/* P's numbers are free and low, but R gets others in the change that freed them. */
	assert_int_equal(label_of(second, "R"), 4);
	assert_int_equal(made_slice(second, "R")->id, 3);
	assert_int_not_equal(made_vrf(second, "R", "R1")->id, made_vrf(first, "P", "R1")->id);
	assert_memory_not_equal(&made_vrf(second, "R", "R1")->mac, &made_vrf(first, "P", "R1")->mac, 6);
	/* P returns and finds what it had; nobody else moves. */
	assert_int_equal(label_of(third, "P"), 2);
	assert_int_equal(made_slice(third, "P")->id, 1);
	assert_memory_equal(&made_vrf(third, "P", "R1")->mac, &made_vrf(first, "P", "R1")->mac, 6);
	assert_int_equal(label_of(third, "Q"), 3);
	assert_int_equal(label_of(third, "R"), 4);
	made_free(first);
	made_free(second);
	made_free(third);
}

/* R40: two cables through one switch, on which a label is one network; one of their ports reserves what it carries. */
#define SWITCHED(carries)                                                                                              \
	"switch: [{name: S1, carries: [" carries "]}]\n"                                                               \
	"node:\n"                                                                                                      \
	"  - {name: R1, port: [{name: r2, peer: R2/r1, switch: S1, reserved-label: 100}, {name: r3, peer: R3/r1}]}\n"  \
	"  - {name: R2, port: [{name: r1, peer: R1/r2}]}\n"                                                            \
	"  - {name: R3, port: [{name: r1, peer: R1/r3, switch: S1}]}\n"                                                \
	"slice:\n"                                                                                                     \
	"  - name: P\n"                                                                                                \
	"    vrf: [{name: P1, node: R1}, {name: P2, node: R2}, {name: P3, node: R3}]\n"                                \
	"    link:\n"                                                                                                  \
	"      - {name: a, ends: [P1, P2], subnet: 10.1.2.0/24}\n"                                                     \
	"      - {name: b, ends: [P1, P3], subnet: 10.1.3.0/24}\n"                                                     \
	"      - {name: c, ends: [P1, P3], subnet: 10.1.4.0/24}\n"

static void test_labels_that_a_switch_carries(void **state)
{
	static const unsigned int expected[] = { 101, 100, 200 }, after[] = { 101, 150, 200 };
	struct made *made = made_new(SWITCHED("100-101, 200"), NULL, 0);
	/* 100 is carried no more: its link gets another, and no other does. */
	struct made *later = made_new(SWITCHED("101, 150, 200"), made, 0);

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(made_slice(made, "P")->link[i].end[0]->vid, expected[i]);
		assert_int_equal(made_slice(later, "P")->link[i].end[1]->vid, after[i]);
	}
	made_free(made);
	made_free(later);
}

/* Behind the back of the model, which counts labels as well. */
static void reserve_all_but_two(struct xs_domain *domain)
{
	static struct xs_d_range range = { .first = 2, .last = 4093 };

	domain->node[0].port[0].reserved = &range;
	domain->node[0].port[0].reserved_count = 1;
}

static void test_labels_run_out(void **state)
{
	static const char *const pq[] = { "P", "Q" }, *const pqr[] = { "P", "Q", "R" }, *const qr[] = { "Q", "R" };
	static const char *const q[] = { "Q" };
	char *text = slices_text(pqr, 3, "");
	/* All but 1 and 4094 are the host's. */
	const char *reserved = "2-4093";
	struct made *first = slices_try(pq, 2, reserved, NULL), *second, *third;

	assert_int_equal(first->result, 0);
	/* 1 comes last: switches in between take it off. */
	assert_int_equal(label_of(first, "P"), 4094);
	assert_int_equal(label_of(first, "Q"), 1);
	made_refused(made_try(text, first, 0, reserve_all_but_two), "test.yaml:13:12: error: no label is left for R/l");
	/* In one change R would have to take what P just left: that is refused. In two it works. */
	made_refused(slices_try(qr, 2, reserved, first), "no label is left for R/l (label R1/r2 R2/r1)");
	second = slices_try(q, 1, reserved, first);
	assert_int_equal(second->result, 0);
	third = slices_try(qr, 2, reserved, second);
	assert_int_equal(third->result, 0);
	assert_int_equal(label_of(third, "Q"), 1);
	assert_int_equal(label_of(third, "R"), 4094);
	made_free(first);
	made_free(second);
	made_free(third);
	free(text);
}

static void test_reserved_labels_are_left(void **state)
{
	static const char *const pq[] = { "P", "Q" };
	struct made *first = slices_try(pq, 2, "", NULL), *second = slices_try(pq, 2, "\"1-2\", 4", first);

	/* P's label became the host's: P moves, Q does not. */
	assert_int_equal(second->result, 0);
	assert_int_equal(label_of(second, "P"), 5);
	assert_int_equal(label_of(second, "Q"), 3);
	made_free(first);
	made_free(second);
}

static uint16_t written_label;

static void write_last_label(struct xs_domain *domain)
{
	domain->slice[domain->slice_count - 1].link[0].label = written_label;
}

static void write_both_labels(struct xs_domain *domain)
{
	domain->slice[0].link[0].label = written_label;
	domain->slice[1].link[0].label = written_label;
}

static void write_slice_id(struct xs_domain *domain)
{
	domain->slice[0].id = 70000;
}

static void test_what_is_written_is_honoured(void **state)
{
	static const char *const pq[] = { "P", "Q" };
	char *text = slices_text(pq, 2, ""), *reserved = slices_text(pq, 2, "100-200");
	struct made *first = made_try(text, NULL, 0, NULL), *second, *third;

	written_label = 2;
	second = made_try(text, first, 0, write_last_label);
	assert_int_equal(second->result, 0);
	assert_int_equal(label_of(second, "Q"), 2);
	/* P had it and moves, and not to what Q just left. */
	assert_int_equal(label_of(second, "P"), 4);
	assert_non_null(strstr(second->faults, "warning: label 2 is P/l's until this change"));
	/* It is kept where it is no longer written. */
	third = made_new(text, second, 0);
	assert_int_equal(label_of(third, "Q"), 2);
	assert_int_equal(label_of(third, "P"), 4);
	assert_string_equal(third->faults, "");

	made_refused(made_try(text, first, 0, write_both_labels), "label 2 of Q/l is given to P/l as well");
	written_label = 150;
	made_refused(made_try(reserved, first, 0, write_last_label),
		     "label 150 is reserved by the port at the first end");
	written_label = 4095;
	made_refused(made_try(text, first, 0, write_last_label), "label 4095 is not in 1 to 4094");
	made_refused(made_try(text, NULL, 0, write_slice_id), "slice id 70000 is not in 1 to 65535");
	made_free(first);
	made_free(second);
	made_free(third);
	free(text);
	free(reserved);
}

#define POOL 12

/* Slices come and go at random for many changes. */
static void test_churn(void **state)
{
	static const char *const pool[POOL] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l" };
	struct made *before = slices_try(pool, 0, "", NULL), *after;
	uint32_t label[POOL] = { 0 }, last_label[POOL] = { 0 };
	unsigned int seed = 7, change;
	size_t i, j;

	for (change = 0; change < 150; change++) {
		const char *names[POOL];
		uint32_t now[POOL] = { 0 };
		size_t count = 0;

		for (i = 0; i < POOL; i++) {
			if (rand_r(&seed) % 2)
				names[count++] = pool[i];
		}
		/* 16 labels for 12 slices: those that were freed must be used again, and soon. */
		after = slices_try(names, count, "1-4078", before);
		if (after->result && strstr(after->faults, "no label is left")) {
			/* More came at once than the labels that rest leave. Then nothing has changed. */
			made_free(after);
			continue;
		}
		assert_int_equal(after->result, 0);
		for (i = 0; i < count; i++) {
			for (j = 0; strcmp(pool[j], names[i]); j++)
				;
			now[j] = label_of(after, names[i]);
			assert_in_range(now[j], 4079, 4094);
		}
		for (i = 0; i < POOL; i++) {
			if (label[i] && now[i])
				assert_int_equal(label[i], now[i]);
			for (j = 0; now[i] && j < POOL; j++) {
				if (j == i)
					continue;
				assert_int_not_equal(now[i], now[j]);
				/* Not the label that somebody else had a moment ago. */
				assert_int_not_equal(now[i], label[j]);
			}
			if (now[i])
				last_label[i] = now[i];
		}
		memcpy(label, now, sizeof(label));
		made_free(before);
		before = after;
	}
	for (i = 0; i < POOL; i++)
		assert_int_not_equal(last_label[i], 0);
	made_free(before);
}

static void test_text(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{",
		"{\"change\": 1, \"format\": 2}",
		"{\"change\": 1, \"format\": 1, \"spaces\": {}}",
		"{\"change\": -1, \"format\": 2, \"spaces\": {}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": []}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"given\": {\"P\": 0}}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"given\": {\"P\": \"1\"}}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"given\": {\"P\": 1, \"A\": 1}}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"freed\": [1]}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"given\": {\"P\": {\"number\": 0}}}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"given\": {\"P\": {\"number\": 1}, \"A\": "
		"{\"number\": 1}}}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"given\": {\"P\": {\"number\": 1}}, "
		"\"freed\": "
		"[{\"change\": 1, \"number\": 1}]}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"freed\": [{\"change\": 2, \"number\": "
		"1}]}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"freed\": [{\"number\": 1}]}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"slice\": {\"freed\": [{\"change\": 1, \"number\": 1, "
		"\"owner\": 3}]}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"page\": {\"given\": {\"P 10.0.0.0/8\": {\"number\": 1, "
		"\"prefix\": 1}}}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"page\": {\"given\": {\"P 10.0.0.0/8\": {\"number\": 1, "
		"\"prefix\": \"11.0.0.1/8\"}}}}}",
		"{\"change\": 1, \"format\": 2, \"spaces\": {\"cell\": {\"given\": {\"vm v\": {\"generation\": 0, "
		"\"number\": 1}}}}}",
	};
	static const char good[] = "{\"change\": 2, \"format\": 2, \"spaces\": {\"slice\": {\"freed\": [{\"change\": "
				   "2, \"number\": 3, \"owner\": \"Q\"}, "
				   "{\"change\": 1, \"number\": 9}], \"given\": {\"P\": {\"number\": 1}}}}}";
	struct xs_ledger *ledger = (struct xs_ledger *)1, *empty = xs_ledger_new();
	char *text, *again;
	const char *why;
	size_t i, size, again_size;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_int_equal(xs_ledger_read(bad[i], strlen(bad[i]), &ledger, &why), -EBADMSG);
		assert_non_null(why);
		assert_ptr_equal(ledger, (struct xs_ledger *)1);
	}
	assert_int_equal(xs_ledger_read(good, strlen(good), &ledger, NULL), 0);
	text = xs_ledger_write(ledger, &size);
	xs_ledger_free(ledger);
	assert_int_equal(xs_ledger_read(text, size, &ledger, NULL), 0);
	again = xs_ledger_write(ledger, &again_size);
	assert_int_equal(size, again_size);
	assert_string_equal(text, again);
	assert_non_null(strstr(text, "\"owner\": \"Q\""));
	assert_non_null(strstr(text, "\"P\": 1\n"));
	xs_ledger_free(ledger);
	free(text);
	free(again);
	text = xs_ledger_write(empty, &size);
	assert_int_equal(xs_ledger_read(text, size, &ledger, NULL), 0);
	xs_ledger_free(ledger);
	xs_ledger_free(empty);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_input_same_bytes),
		cmocka_unit_test(test_a_neighbour_comes_and_goes),
		cmocka_unit_test(test_freed_numbers_rest),
		cmocka_unit_test(test_labels_that_a_switch_carries),
		cmocka_unit_test(test_labels_run_out),
		cmocka_unit_test(test_reserved_labels_are_left),
		cmocka_unit_test(test_what_is_written_is_honoured),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
