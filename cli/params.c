// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * params.c - `xslice params`: the paper's table 1 (R47) of a definition: how many parameters it has, how many of them
 * only one mechanism needs, and how many its expansions contain. docs/parameters.md says what is counted.
 */
#include "cli/params.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/definition.h"
#include "loader/image/build.h"

static const char *const components[XS_COMPONENTS] = {
	[XS_COMPONENT_SLICE] = "slice", [XS_COMPONENT_NODE] = "node sliver",    [XS_COMPONENT_LINK] = "link sliver",
	[XS_COMPONENT_OTHER] = "other", [XS_COMPONENT_SUBSTRATE] = "substrate",
};

static const char *const mechanisms[XS_MECHANISMS] = { [XS_SEGMENTATION] = "segmentation", [XS_PAGING] = "paging" };

struct expanded {
	bool there; /* it can be expanded so */
	unsigned int count[XS_COMPONENTS];
};

static int count_images(const struct xs_plan *plan, struct expanded *out)
{
	int error = 0;

	for (size_t i = 0; i < xs_plan_node_count(plan) && !error; i++) {
		struct xs_image *image = NULL;

		error = xs_image_build(plan, i, &image);
		if (!error)
			xs_params_image(image, out->count);
		xs_image_free(image);
	}
	return error;
}

/*
 * Of nothing that was given before, so that a definition has one table. Where it can be expanded by the other mechanism
 * alone, the faults tell why.
 */
static int expand(const struct xs_options *options, const struct xs_definition *definition,
		  enum xs_implementation mechanism, struct expanded *out)
{
	struct xs_diag *diag = xs_diag_new(strcmp(options->argv[0], "-") ? options->argv[0] : "<stdin>");
	struct xs_past past = { 0 };
	struct xs_domain *domain = NULL;
	struct xs_plan *plan = NULL;
	int error = diag ? xs_domain_parse_as(definition->text, definition->size, xs_definition_format(options),
					      &mechanism, diag, &domain)
			 : -ENOMEM;

	if (!error)
		error = xs_plan_make(domain, &past, diag, &plan);
	if (error == -EINVAL) {
		fprintf(stderr, "xslice: params: not by %s:\n", mechanisms[mechanism]);
		xs_diag_print(diag, stderr);
		error = 0;
	} else if (!error) {
		error = count_images(plan, out);
		out->there = !error;
	}
	xs_plan_free(plan);
	xs_domain_free(domain);
	xs_diag_free(diag);
	return error;
}

/* ---- the table ---- */

/* [component], or with XS_COMPONENTS all of the paper's rows. */
static int sum(const unsigned int count[XS_COMPONENTS], unsigned int component)
{
	int total = 0;

	if (component < XS_COMPONENTS)
		return (int)count[component];
	for (unsigned int i = 0; i < XS_COMPONENT_SUBSTRATE; i++)
		total += (int)count[i];
	return total;
}

static json_t *by_mechanism(const unsigned int count[XS_MECHANISMS][XS_COMPONENTS], unsigned int component)
{
	json_t *object = json_object();

	for (unsigned int m = 0; m < XS_MECHANISMS; m++)
		json_object_set_new(object, mechanisms[m], json_integer(sum(count[m], component)));
	return object;
}

static json_t *row(const struct xs_parameters *parameters, const struct expanded expanded[XS_MECHANISMS],
		   unsigned int component)
{
	json_t *object = json_object();

	for (unsigned int m = 0; m < XS_MECHANISMS; m++)
		json_object_set_new(object, mechanisms[m],
				    expanded[m].there ? json_integer(sum(expanded[m].count, component)) : json_null());
	return json_pack("{s:i,s:o,s:o,s:o}", "common", sum(parameters->common, component), "required",
			 by_mechanism(parameters->required, component), "override",
			 by_mechanism(parameters->override, component), "expanded", object);
}

static json_t *table(const struct xs_parameters *parameters, const struct expanded expanded[XS_MECHANISMS])
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < XS_COMPONENTS; i++)
		json_object_set_new(object, components[i], row(parameters, expanded, i));
	json_object_set_new(object, "total", row(parameters, expanded, XS_COMPONENTS));
	return object;
}

static int number(const json_t *of, const char *group, const char *name)
{
	return (int)json_integer_value(json_object_get(json_object_get(of, group), name));
}

static void print_row(const char *name, const json_t *of)
{
	char expanded[XS_MECHANISMS][16];

	for (unsigned int m = 0; m < XS_MECHANISMS; m++) {
		const json_t *count = json_object_get(json_object_get(of, "expanded"), mechanisms[m]);

		snprintf(expanded[m], sizeof(expanded[m]), json_is_integer(count) ? "%d" : "-",
			 (int)json_integer_value(count));
	}
	printf("%-12s %7d %13d %7d %10d %7d %13s %7s\n", name, (int)json_integer_value(json_object_get(of, "common")),
	       number(of, "required", "segmentation"), number(of, "required", "paging"),
	       number(of, "override", "segmentation"), number(of, "override", "paging"), expanded[XS_SEGMENTATION],
	       expanded[XS_PAGING]);
}

static void print(const json_t *all)
{
	printf("%-12s %7s %21s %18s %21s\n", "", "", "required only by", "overrides for", "expanded by");
	printf("%-12s %7s %13s %7s %10s %7s %13s %7s\n", "", "common", "segmentation", "paging", "segment.", "paging",
	       "segmentation", "paging");
	for (unsigned int i = 0; i < XS_COMPONENT_SUBSTRATE; i++)
		print_row(components[i], json_object_get(all, components[i]));
	print_row("total", json_object_get(all, "total"));
	print_row("(substrate)", json_object_get(all, components[XS_COMPONENT_SUBSTRATE]));
}

int xs_command_params(const struct xs_options *options)
{
	struct expanded expanded[XS_MECHANISMS] = { 0 };
	struct xs_definition definition;
	struct xs_parameters parameters;
	int error = xs_definition_load(options, NULL, &definition), code = xs_definition_exit(error);

	if (error == -EINVAL)
		xs_definition_faults(options, &definition);
	for (unsigned int m = 0; m < XS_MECHANISMS && !error; m++) {
		if (options->instead && options->implementation != m)
			continue;
		error = expand(options, &definition, m, &expanded[m]);
		if (error) {
			xs_complain("params: %s", strerror(-error));
			code = XS_EXIT_FAILED;
		}
	}
	if (!error) {
		xs_domain_parameters(definition.domain, &parameters);
		xs_print_result(options, table(&parameters, expanded), print);
	}
	xs_definition_free(&definition);
	return code;
}
