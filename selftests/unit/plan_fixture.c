/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan_fixture.c - see plan_fixture.h. */
#include "selftests/unit/plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/image/build.h"
#include "selftests/unit/model_dump.h"

#define FIGURE7 "docs/examples/figure7.yaml"
#define LABELLED "implementation: segmentation"
#define PAGED "implementation: paging"

/* With room for `more` bytes. */
static char *read_text(const char *path, size_t more)
{
	size_t size;
	char *text = model_slurp(path, &size);

	text = realloc(text, size + 1 + more);
	assert_non_null(text);
	return text;
}

char *figure7_with(const char *before, const char *extra)
{
	char *text = read_text(FIGURE7, strlen(extra)), *at = before ? strstr(text, before) : text + strlen(text);

	assert_non_null(at);
	memmove(at + strlen(extra), at, strlen(at) + 1);
	memcpy(at, extra, strlen(extra));
	return text;
}

char *text_by_paging(const char *path)
{
	char *text = read_text(path, 0), *at = strstr(text, LABELLED);

	assert_non_null(at);
	memmove(at + strlen(PAGED), at + strlen(LABELLED), strlen(at + strlen(LABELLED)) + 1);
	memcpy(at, PAGED, strlen(PAGED));
	return text;
}

static void take_faults(struct made *made)
{
	size_t size;
	FILE *out = open_memstream(&made->faults, &size);

	assert_non_null(out);
	xs_diag_print(made->diag, out);
	fclose(out);
}

static struct made *make(const char *text, const struct made *earlier, struct xs_past past,
			 void (*change)(struct xs_domain *))
{
	struct made *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	made->diag = xs_diag_new("test.yaml");
	assert_non_null(made->diag);
	if (xs_domain_parse(text, strlen(text), XS_FORMAT_YAML, made->diag, &made->domain)) {
		xs_diag_print(made->diag, stderr);
		fail_msg("the test's definition is wrong");
	}
	if (change)
		change(made->domain);
	if (earlier)
		assert_int_equal(xs_ledger_read(earlier->ledger, earlier->ledger_size, &past.ledger, NULL), 0);
	made->result = xs_plan_make(made->domain, &past, made->diag, &made->plan);
	xs_ledger_free(past.ledger);
	take_faults(made);
	if (made->result)
		return made;
	made->ledger = xs_ledger_write(xs_plan_ledger(made->plan), &made->ledger_size);
	assert_non_null(made->ledger);
	for (size_t i = 0; i < xs_plan_node_count(made->plan); i++) {
		assert_in_range(i, 0, MADE_NODES - 1);
		if (xs_image_build(made->plan, i, &made->image[i]))
			fail_msg("image of node %zu", i);
		made->bytes[i] = made->image[i]->header;
		made->size[i] = made->image[i]->size;
	}
	return made;
}

struct made *made_try(const char *text, const struct made *earlier, uint64_t generation,
		      void (*change)(struct xs_domain *))
{
	return make(text, earlier, (struct xs_past){ .generation = generation }, change);
}

struct made *made_switched(const char *text, const struct made *earlier, struct xs_switched *switched, size_t count)
{
	struct xs_past past = { .switched = switched, .switched_count = count };

	for (size_t i = 0; i < count; i++)
		past.generation = switched[i].generation > past.generation ? switched[i].generation : past.generation;
	return make(text, earlier, past, NULL);
}

struct made *made_new(const char *text, const struct made *earlier, uint64_t generation)
{
	struct made *made = made_try(text, earlier, generation, NULL);

	if (made->result)
		fail_msg("no plan: %s", made->faults);
	return made;
}

struct made *made_by_paging(const char *form)
{
	char path[64], *text;
	struct made *made;

	snprintf(path, sizeof(path), "docs/examples/figure7%s.yaml", form);
	text = text_by_paging(path);
	made = made_new(text, NULL, 0);
	free(text);
	return made;
}

void made_free(struct made *made)
{
	for (size_t i = 0; i < MADE_NODES; i++)
		xs_image_free(made->image[i]);
	xs_plan_free(made->plan);
	xs_domain_free(made->domain);
	xs_diag_free(made->diag);
	free(made->faults);
	free(made->ledger);
	free(made);
}

void made_refused(struct made *made, const char *fault)
{
	assert_int_equal(made->result, -22);
	assert_null(made->plan);
	if (!strstr(made->faults, fault))
		fail_msg("expected \"%s\" in: %s", fault, made->faults);
	made_free(made);
}

struct difference {
	struct made_changes changes;
	const char *node;
	int quiet;
};

static int count_change(void *context, enum xs_change change, const struct xs_record *before,
			const struct xs_record *after)
{
	struct difference *difference = context;
	const struct xs_record *record = after ? after : before;
	static const char *const names[] = { [XS_ADDED] = "added", [XS_REMOVED] = "removed", [XS_CHANGED] = "changed" };

	if (!difference->quiet)
		print_message("%s: %s %s\n", difference->node, xs_record_info(record->type)->name, names[change]);
	if (change == XS_ADDED)
		difference->changes.added++;
	else if (change == XS_REMOVED)
		difference->changes.removed++;
	else
		difference->changes.changed++;
	return 0;
}

struct made_changes made_diff(const struct made *before, const struct made *after, int quiet)
{
	struct difference difference = { .quiet = quiet };

	for (size_t i = 0; i < MADE_NODES; i++) {
		difference.node = after->image[i] ? after->image[i]->header->node : "-";
		xs_image_diff(before->image[i], after->image[i], count_change, &difference);
	}
	return difference.changes;
}

struct xs_p_slice *made_slice(const struct made *made, const char *name)
{
	for (size_t i = 0; i < made->domain->slice_count; i++) {
		if (!strcmp(made->plan->slice[i].def->name, name))
			return &made->plan->slice[i];
	}
	fail_msg("no slice %s", name);
	return NULL;
}

struct xs_p_vrf *made_vrf(const struct made *made, const char *slice, const char *node)
{
	struct xs_p_slice *found = made_slice(made, slice);

	for (size_t i = 0; i < found->def->vrf_count; i++) {
		if (!strcmp(found->vrf[i].node->def->name, node))
			return &found->vrf[i];
	}
	fail_msg("slice %s is not on %s", slice, node);
	return NULL;
}

const char *made_route(const struct xs_p_vrf *vrf, const char *prefix)
{
	static char text[2 * XS_PREFIX_TEXT];
	char buf[XS_PREFIX_TEXT];

	for (size_t i = 0; i < vrf->routes.count; i++) {
		const struct xs_p_route *route = vrf->routes.item[i];

		if (strcmp(xs_prefix_text(&route->prefix, buf), prefix))
			continue;
		snprintf(text, sizeof(text), "via %s dev %s",
			 route->via.family ? xs_address_text(&route->via, buf) : "link", route->vport->name);
		return text;
	}
	return "none";
}

const struct xs_rec_vport *made_vport(const struct xs_image *image, uint32_t kind, const char *name)
{
	const struct xs_rec_vport *vport;

	for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++)
		if (vport->kind == kind && !strcmp(vport->name, name))
			return vport;
	return NULL;
}

uint32_t made_slice_id(const struct xs_image *image, const char *name)
{
	const struct xs_rec_slice *slice;

	for (size_t i = 0; (slice = xs_image_at(image, XS_REC_SLICE, i)); i++)
		if (!strcmp(slice->name, name))
			return slice->id;
	return 0;
}

static const struct xs_rec_page *page_at(const struct xs_image *image, const char *slice, const char *prefix)
{
	struct {
		uint32_t slice;
		struct xs_prefix prefix;
	} key = { .slice = made_slice_id(image, slice) };

	assert_int_equal(xs_prefix_parse(prefix, &key.prefix), 0);
	return xs_image_find(image, XS_REC_PAGE, &key);
}

const char *made_page(const struct xs_image *image, const char *slice, const char *prefix)
{
	const struct xs_rec_page *found = page_at(image, slice, prefix);
	static char text[256];
	char mapped[XS_PREFIX_TEXT], own[XS_PREFIX_TEXT];

	if (!found)
		return "none";
	xs_prefix_text(&found->mapped, mapped);
	if (!found->uplink)
		return strcpy(text, mapped);
	snprintf(text, sizeof(text), "%s here in the name of %s", mapped, xs_address_text(&found->own, own));
	return text;
}
