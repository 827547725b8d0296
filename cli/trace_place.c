// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace_place.c - where the definition writes what decided. Objects of images bear the definition's names, so they are
 * looked up by these; what no line writes (a derived route) has the place of what it was derived from.
 */
#include <stdio.h>
#include <string.h>

#include "cli/trace.h"
#include "maps/contract.h"

static const struct xs_d_slice *slice_of(const struct xs_trace *trace, const char *name)
{
	for (size_t i = 0; name && trace->domain && i < trace->domain->slice_count; i++)
		if (!strcmp(trace->domain->slice[i].name, name))
			return &trace->domain->slice[i];
	return NULL;
}

static const char *slice_name(const struct xs_image *image, uint32_t id)
{
	const struct xs_rec_slice *slice = xs_image_find(image, XS_REC_SLICE, &id);

	return slice ? slice->name : NULL;
}

static const struct xs_d_link *link_of(const struct xs_d_slice *slice, const char *name)
{
	for (size_t i = 0; slice && i < slice->link_count; i++)
		if (!strcmp(slice->link[i].name, name))
			return &slice->link[i];
	return NULL;
}

static const struct xs_d_gateway *gateway_of(const struct xs_d_slice *slice, const char *name)
{
	for (size_t i = 0; slice && i < slice->gateway_count; i++)
		if (!strcmp(slice->gateway[i].name, name))
			return &slice->gateway[i];
	return NULL;
}

/* A MUX's vports bear its name, its edge the port's. */
static const struct xs_d_mux *mux_of(const struct xs_trace *trace, const struct xs_image *image,
				     const struct xs_rec_vport *vport)
{
	for (size_t i = 0; trace->domain && i < trace->domain->mux_count; i++) {
		const struct xs_d_mux *mux = &trace->domain->mux[i];

		if (!strcmp(mux->node->name, image->header->node) &&
		    !strcmp(vport->kind == XS_VPORT_EDGE ? mux->port->name : mux->name, vport->name))
			return mux;
	}
	return NULL;
}

const struct xs_place *xs_trace_place_port(const struct xs_trace *trace, const char *node, const char *port)
{
	for (size_t i = 0; trace->domain && i < trace->domain->node_count; i++) {
		const struct xs_d_node *one = &trace->domain->node[i];

		for (size_t k = 0; !strcmp(one->name, node) && k < one->port_count; k++)
			if (!strcmp(one->port[k].name, port))
				return &one->port[k].place;
	}
	return NULL;
}

const struct xs_place *xs_trace_place_vport(const struct xs_trace *trace, const struct xs_image *image,
					    const struct xs_rec_vport *vport)
{
	const struct xs_d_slice *slice = slice_of(trace, slice_name(image, vport->slice));
	const struct xs_d_gateway *gateway;
	const struct xs_d_link *link;
	const struct xs_d_mux *mux;

	switch (vport->kind) {
	case XS_VPORT_LINK:
		link = link_of(slice, vport->name);
		return link ? &link->place : NULL;
	case XS_VPORT_GATEWAY:
		gateway = gateway_of(slice, vport->name);
		return gateway ? &gateway->place : NULL;
	case XS_VPORT_WAN:
		return xs_trace_place_port(trace, image->header->node, vport->name);
	case XS_VPORT_UPLINK:
		return NULL;
	default:
		mux = mux_of(trace, image, vport);
		return mux ? &mux->place : NULL;
	}
}

const struct xs_place *xs_trace_place_users(const struct xs_trace *trace, const struct xs_image *image,
					    const struct xs_rec_vport *vport)
{
	const struct xs_d_mux *mux = vport->kind == XS_VPORT_EDGE ? mux_of(trace, image, vport) : NULL;

	return mux && mux->client_count ? &mux->client[0].place : xs_trace_place_vport(trace, image, vport);
}

const struct xs_place *xs_trace_place_condition(const struct xs_trace *trace, const struct xs_rec_condition *condition)
{
	for (size_t i = 0; trace->domain && i < trace->domain->filter_count; i++) {
		const struct xs_d_filter *filter = &trace->domain->filter[i];

		if (!strcmp(filter->name, condition->filter))
			return condition->number && condition->number <= filter->condition_count
				       ? &filter->condition[condition->number - 1].place
				       : NULL;
	}
	return NULL;
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

static bool is_it(const struct xs_prefix *one, const struct xs_prefix *prefix)
{
	return !xs_prefix_compare(one, prefix);
}

/* A link's or gateway's own subnet, wherever in the slice it is. */
static const struct xs_place *subnet(const struct xs_trace *trace, uint32_t slice, const struct xs_prefix *prefix,
				     char *origin)
{
	const unsigned int family = xs_family_index(prefix->family);
	const struct xs_rec_vport *vport;

	for (size_t n = 0; n < trace->images.count; n++) {
		const struct xs_image *image = trace->images.image[n];

		for (size_t i = 0; (vport = xs_image_at(image, XS_REC_VPORT, i)); i++) {
			struct xs_prefix own;

			if (vport->slice != slice || !vport->address[family].family || vport->kind == XS_VPORT_MUX)
				continue;
			own = xs_prefix_mask(&vport->address[family], vport->length[family]);
			if (!is_it(&own, prefix))
				continue;
			snprintf(origin, XS_TRACE_ORIGIN, "%s %s", vport->kind == XS_VPORT_LINK ? "link" : "gateway",
				 vport->name);
			return xs_trace_place_vport(trace, image, vport);
		}
	}
	return NULL;
}

static const struct xs_place *behind(const struct xs_d_slice *slice, const struct xs_prefix *prefix, char *origin)
{
	for (size_t i = 0; i < slice->gateway_count; i++) {
		const struct xs_d_gateway *gateway = &slice->gateway[i];

		for (size_t k = 0; k < gateway->behind_count; k++) {
			if (!is_it(&gateway->behind[k].prefix, prefix))
				continue;
			snprintf(origin, XS_TRACE_ORIGIN, "behind gateway %s", gateway->name);
			return &gateway->behind[k].place;
		}
	}
	return NULL;
}

static bool leads_into(const struct xs_d_mux *mux, const struct xs_d_slice *slice)
{
	for (size_t i = 0; i < mux->slice_count; i++)
		if (mux->slice[i].slice == slice)
			return true;
	return false;
}

static const struct xs_place *clients(const struct xs_domain *domain, const struct xs_d_slice *slice,
				      const struct xs_prefix *prefix, char *origin)
{
	for (size_t i = 0; i < domain->mux_count; i++) {
		const struct xs_d_mux *mux = &domain->mux[i];

		for (size_t k = 0; leads_into(mux, slice) && k < mux->client_count; k++) {
			if (!is_it(&mux->client[k].prefix, prefix))
				continue;
			snprintf(origin, XS_TRACE_ORIGIN, "clients of MUX %s", mux->name);
			return &mux->client[k].place;
		}
	}
	return NULL;
}

const struct xs_place *xs_trace_place_route(const struct xs_trace_step *step, const struct xs_prefix *prefix,
					    char *origin)
{
	const struct xs_d_slice *slice = step->slice ? slice_of(step->trace, step->slice->name) : NULL;
	const struct xs_place *place;

	origin[0] = '\0';
	for (size_t i = 0; slice && i < slice->vrf_count; i++) {
		const struct xs_d_vrf *vrf = &slice->vrf[i];

		for (size_t k = 0; !strcmp(vrf->name, step->slice->vrf) && k < vrf->route_count; k++)
			if (is_it(&vrf->route[k].prefix, prefix))
				return &vrf->route[k].place;
	}
	if (!slice)
		return NULL;
	place = subnet(step->trace, step->slice->id, prefix, origin);
	if (!place)
		place = behind(slice, prefix, origin);
	return place ? place : clients(step->trace->domain, slice, prefix, origin);
}
