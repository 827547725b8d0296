/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parameters.h - how many parameters a definition has, by what they are of and by which mechanism needs them: the
 * paper's table 1 (R47). A parameter is a leaf that the text writes; of a list of values each is one. Which mechanism
 * needs it the schema says: what stands in xslice.yang is common, what only one mechanism knows stands in a module of
 * its own.
 */
#ifndef XSLICE_MODEL_PARAMETERS_H
#define XSLICE_MODEL_PARAMETERS_H

/* As the paper's rows: a gateway is a node sliver; wires (which end is where), filters, MUXes and migrations are
 * others. The network below, nodes and their ports, is in no row of the paper's, and in no total. */
enum xs_component {
	XS_COMPONENT_SLICE,
	XS_COMPONENT_NODE,
	XS_COMPONENT_LINK,
	XS_COMPONENT_OTHER,
	XS_COMPONENT_SUBSTRATE,
	XS_COMPONENTS,
};

#define XS_MECHANISMS 2 /* by enum xs_implementation */

struct xs_parameters {
	unsigned int common[XS_COMPONENTS];
	unsigned int required[XS_MECHANISMS][XS_COMPONENTS]; /* what a definition must have for this mechanism alone */
	unsigned int override[XS_MECHANISMS][XS_COMPONENTS]; /* what it may have for it */
};

struct lyd_node;
/* Of a tree that was made of a document (tree.h). */
void xs_parameters_count(const struct lyd_node *domain, struct xs_parameters *out);

#endif
