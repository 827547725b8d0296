/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * typed.c - the objects of the domain: values out of leaves (leaf.h), names into the index, references that the schema knows.
 * Those that it cannot express (ports and peers) are resolve.c's.
 */
#include "loader/model/typed.h"

#include <errno.h>
#include <string.h>

#include "loader/model/leaf.h"
#include "loader/model/tree.h"

struct typing {
	struct xs_arena *arena;
	struct xs_index *index;
	struct xs_domain *domain;
	struct xs_values values;
};

static void *named(const struct xs_names *names, const struct lyd_node *parent, const char *name)
{
	const struct lyd_node *child = xs_leaf_find(parent, name);

	return child ? xs_names_find(names, lyd_get_value(child)) : NULL;
}

static void remember(struct typing *t, struct xs_names *names, const char *owner, const char *name, void *object)
{
	const char *key = owner ? xs_arena_join(t->arena, owner, "/", name, NULL) : name;

	if (xs_names_add(names, t->arena, key, object) == -ENOMEM)
		t->values.err = -ENOMEM;
}

/*
 * The list `name` of `parent` as an array of objects of `size` bytes, each filled by `read`. `owner` is handed on.
 */
static void *read_list(struct typing *t, const struct lyd_node *parent, const char *name, size_t size,
		       void (*read)(struct typing *, const struct lyd_node *, void *, void *), void *owner,
		       size_t *out_count)
{
	const struct lyd_node *child;
	size_t count = 0;
	char *array, *at;

	LY_LIST_FOR(lyd_child(parent), child)
	count += !strcmp(child->schema->name, name);
	array = at = xs_arena_array(t->arena, count, size);
	if (!array) {
		t->values.err = -ENOMEM;
		return NULL;
	}
	*out_count = count;
	LY_LIST_FOR(lyd_child(parent), child)
	{
		if (t->values.err == -ENOMEM)
			break;
		if (strcmp(child->schema->name, name))
			continue;
		read(t, child, at, owner);
		at += size;
	}
	return array;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

/* A label, or a range of them. */
static void read_labels(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_range *range = object;

	*range = xs_value_range(&t->values, from, from, 1, 4094);
}

static void read_switch(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_switch *through = object;

	through->place = xs_value_place(from);
	through->name = xs_leaf_text(&t->values, from, "name", NULL);
	through->carries =
		read_list(t, from, "carries", sizeof(*through->carries), read_labels, NULL, &through->carries_count);
	if (through->name)
		remember(t, &t->index->through, NULL, through->name, through);
}

static void read_vlan(struct typing *t, const struct lyd_node *from, struct xs_d_port *port)
{
	static const char *const physical[] = { "interface", "peer", "mode", "attach", "stack", "switch", "reserved-label" };

	port->on_text = xs_leaf_text(&t->values, from, "on", &port->on_place);
	port->vlan = (uint16_t)xs_leaf_number(&t->values, from, "vlan", &port->vlan_place);
	port->half = (!port->on_text && xs_tree_wrote(from, "on")) || (!port->vlan && xs_tree_wrote(from, "vlan"));
	for (size_t i = 0; i < sizeof(physical) / sizeof(physical[0]) && !port->not_its_own; i++) {
		const struct lyd_node *said = xs_leaf_find(from, physical[i]);

		if (!said || said->flags & LYD_DEFAULT)
			continue;
		port->not_its_own = physical[i];
		port->not_its_own_place = xs_leaf_place(&t->values, from, physical[i]);
	}
}

static void read_port(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_port *port = object;
	struct xs_d_node *node = owner;

	port->place = xs_value_place(from);
	port->node = node;
	port->name = xs_leaf_text(&t->values, from, "name", NULL);
	port->interface = xs_leaf_text(&t->values, from, "interface", &port->interface_place);
	if (!port->interface) {
		port->interface = port->name;
		port->interface_place = xs_leaf_place(&t->values, from, "name");
	}
	port->peer_text = xs_leaf_text(&t->values, from, "peer", &port->peer_place);
	port->through = named(&t->index->through, from, "switch");
	port->through_place = xs_leaf_place(&t->values, from, "switch");
	port->mtu = (uint16_t)xs_leaf_number(&t->values, from, "mtu", &port->mtu_place);
	port->mode = xs_leaf_says(from, "mode", "generic") ? XS_MODE_GENERIC : XS_MODE_NATIVE;
	port->attach = xs_leaf_says(from, "attach", "shared") ? XS_ATTACH_SHARED : XS_ATTACH_EXCLUSIVE;
	port->stack = xs_leaf_says(from, "stack", "local") ? XS_STACK_LOCAL : XS_STACK_WIRE;
	port->reserved =
		read_list(t, from, "reserved-label", sizeof(*port->reserved), read_labels, NULL, &port->reserved_count);
	read_vlan(t, from, port);
	if (!port->mtu && !port->on_text)
		port->mtu = XS_PORT_MTU;
	if (node->name && port->name)
		remember(t, &t->index->port, node->name, port->name, port);
}

static void read_node(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_node *node = object;

	node->place = xs_value_place(from);
	node->name = xs_leaf_text(&t->values, from, "name", NULL);
	node->blocks = xs_leaf_number(&t->values, from, "address-blocks", &node->blocks_place);
	node->port = read_list(t, from, "port", sizeof(*node->port), read_port, node, &node->port_count);
	if (node->name)
		remember(t, &t->index->node, NULL, node->name, node);
}

/* ---- slices ----------------------------------------------------------------------------------------------------- */

static void read_route(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_route *route = object;

	route->prefix = xs_leaf_prefix(&t->values, from, "prefix", &route->place);
	route->via = xs_leaf_address(&t->values, from, "via", &route->via_place);
}

static void read_vrf(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_slice *slice = owner;
	struct xs_d_vrf *vrf = object;

	vrf->place = xs_value_place(from);
	vrf->node_place = xs_leaf_place(&t->values, from, "node");
	vrf->slice = slice;
	vrf->name = xs_leaf_text(&t->values, from, "name", NULL);
	vrf->node = named(&t->index->node, from, "node");
	vrf->id = xs_leaf_number(&t->values, from, "id", &vrf->id_place);
	vrf->mac = xs_leaf_mac(&t->values, from, "mac", &vrf->mac_place);
	vrf->route = read_list(t, from, "route", sizeof(*vrf->route), read_route, NULL, &vrf->route_count);
	if (slice->name && vrf->name)
		remember(t, &t->index->vrf, slice->name, vrf->name, vrf);
}

static struct xs_d_vrf *vrf_of(struct typing *t, const struct xs_d_slice *slice, const struct lyd_node *value)
{
	return slice->name && value ? xs_names_find_in(&t->index->vrf, slice->name, lyd_get_value(value)) : NULL;
}

static void read_link(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_link *link = object;
	const struct lyd_node *child;
	size_t ends = 0;

	link->place = link->end_place[0] = link->end_place[1] = xs_value_place(from);
	link->slice = owner;
	link->name = xs_leaf_text(&t->values, from, "name", NULL);
	LY_LIST_FOR(lyd_child(from), child)
	{
		if (strcmp(child->schema->name, "ends") || ends == 2)
			continue;
		link->end[ends] = vrf_of(t, owner, child);
		link->end_place[ends++] = xs_value_place(child);
	}
	xs_leaf_prefixes(&t->values, from, "subnet", link->subnet, link->subnet_place);
	link->mtu = (uint16_t)xs_leaf_number(&t->values, from, "mtu", &link->mtu_place);
	link->label = (uint16_t)xs_leaf_number(&t->values, from, "label", &link->label_place);
	link->port_text = xs_leaf_text(&t->values, from, "port", &link->port_place);
}

static void read_gateway(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_gateway *gateway = object;

	gateway->place = xs_value_place(from);
	gateway->slice = owner;
	gateway->name = xs_leaf_text(&t->values, from, "name", NULL);
	gateway->vrf = vrf_of(t, owner, xs_leaf_find(from, "vrf"));
	gateway->port_text = xs_leaf_text(&t->values, from, "port", &gateway->port_place);
	gateway->first_hop = gateway;
	xs_leaf_prefixes(&t->values, from, "subnet", gateway->subnet, gateway->subnet_place);
	xs_leaf_addresses(&t->values, from, "address", gateway->address, gateway->address_place);
	gateway->mac = xs_leaf_mac(&t->values, from, "mac", &gateway->mac_place);
	gateway->behind =
		read_list(t, from, "behind", sizeof(*gateway->behind), read_route, NULL, &gateway->behind_count);
}

static void read_page(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_page *page = object;

	page->prefix = xs_leaf_prefix(&t->values, from, "prefix", &page->place);
	page->mapped = xs_leaf_prefix(&t->values, from, "mapped", &page->mapped_place);
}

static void read_slice(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_slice *slice = object;
	const struct lyd_node *routing = xs_leaf_find(from, "routing");

	slice->place = xs_value_place(from);
	slice->name = xs_leaf_text(&t->values, from, "name", NULL);
	slice->id = xs_leaf_number(&t->values, from, "id", &slice->id_place);
	slice->implementation = t->domain->implementation;
	if (xs_leaf_find(from, "implementation"))
		slice->implementation = xs_leaf_says(from, "implementation", "paging") ? XS_PAGING : XS_SEGMENTATION;
	slice->protocol = routing && xs_leaf_says(routing, "protocol", "ospf") ? XS_ROUTING_OSPF : XS_ROUTING_STATIC;
	if (slice->name)
		remember(t, &t->index->slice, NULL, slice->name, slice);
	slice->vrf = read_list(t, from, "vrf", sizeof(*slice->vrf), read_vrf, slice, &slice->vrf_count);
	slice->link = read_list(t, from, "link", sizeof(*slice->link), read_link, slice, &slice->link_count);
	slice->gateway =
		read_list(t, from, "gateway", sizeof(*slice->gateway), read_gateway, slice, &slice->gateway_count);
	slice->page = read_list(t, from, "page", sizeof(*slice->page), read_page, NULL, &slice->page_count);
}

static void read_pool(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_pool *pool = object;

	pool->prefix = xs_value_prefix(&t->values, from, from, &pool->place);
	pool->given = true;
}

/* What the definition writes, and behind it the default of a family of which it writes none. */
static void read_pools(struct typing *t, const struct lyd_node *tree, struct xs_domain *out)
{
	static const char *const defaults[XS_FAMILIES] = { XS_DEFAULT_POOL4, XS_DEFAULT_POOL6 };
	size_t count = 0;
	struct xs_d_pool *written = read_list(t, tree, "pool", sizeof(*written), read_pool, NULL, &count);

	out->pool = xs_arena_array(t->arena, count + XS_FAMILIES, sizeof(*out->pool));
	if (!written || !out->pool) {
		t->values.err = -ENOMEM;
		return;
	}
	memcpy(out->pool, written, count * sizeof(*written));
	out->pool_count = count;
	for (unsigned int f = 0; f < XS_FAMILIES; f++) {
		bool there = false;

		for (size_t i = 0; i < count; i++)
			there |= written[i].prefix.family == xs_family_at(f);
		if (!there)
			xs_prefix_parse(defaults[f], &out->pool[out->pool_count++].prefix);
	}
}

/* ---- filters, MUXes, migrations --------------------------------------------------------------------------------- */

/* In the order of enum xs_condition_field. */
static const char *const condition_names[] = { "destination",      "source", "protocol",   "source-port",
					       "destination-port", "dscp",   "input-port", "any" };

/* Fields are noted as named even where their value is at fault: what follows from it then is not reported. */
static void read_condition(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_condition *condition = object;
	const struct lyd_node *child;

	condition->place = xs_value_place(from);
	for (const struct xs_doc_node *one = ((const struct xs_doc_node *)from->priv)->first; one; one = one->next) {
		const char *colon = one->key ? strchr(one->key, ':') : NULL;

		for (size_t i = 0; one->key && i < sizeof(condition_names) / sizeof(condition_names[0]); i++) {
			if (strcmp(colon ? colon + 1 : one->key, condition_names[i]))
				continue;
			condition->fields |= 1u << i;
			if (!xs_leaf_find(from, condition_names[i]))
				condition->fields |= XS_MATCH_FAULTY;
		}
	}
	condition->destination = xs_leaf_prefix(&t->values, from, "destination", NULL);
	condition->source = xs_leaf_prefix(&t->values, from, "source", NULL);
	child = xs_leaf_find(from, "protocol");
	if (child)
		condition->protocol = xs_value_protocol(child);
	condition->source_port = xs_value_range(&t->values, xs_leaf_find(from, "source-port"), from, 0, 65535);
	condition->destination_port = xs_value_range(&t->values, xs_leaf_find(from, "destination-port"), from, 0, 65535);
	condition->dscp = xs_value_range(&t->values, xs_leaf_find(from, "dscp"), from, 0, 63);
	condition->input_port = xs_leaf_text(&t->values, from, "input-port", &condition->input_port_place);
	child = xs_leaf_find(from, "any");
	if (child && xs_leaf_says(from, "any", "false")) {
		struct xs_place place = xs_value_place(child);

		xs_diag_add(t->values.diag, XS_ERROR, &place,
			    "any: \"false\" matches nothing: leave the condition out");
		xs_values_fail(&t->values, -EINVAL);
	}
}

static void read_filter(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_filter *filter = object;

	filter->place = xs_value_place(from);
	filter->name = xs_leaf_text(&t->values, from, "name", NULL);
	filter->condition = read_list(t, from, "condition", sizeof(*filter->condition), read_condition, NULL,
				      &filter->condition_count);
	if (filter->name)
		remember(t, &t->index->filter, NULL, filter->name, filter);
}

static void read_client(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_client *client = object;

	client->prefix = xs_leaf_prefix(&t->values, from, "prefix", &client->place);
	client->via = xs_leaf_address(&t->values, from, "via", &client->via_place);
}

static void read_mux_slice(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_mux_slice *one = object;
	const struct xs_d_mux *mux = owner;

	one->place = xs_value_place(from);
	one->slice = named(&t->index->slice, from, "name");
	one->filter = named(&t->index->filter, from, "filter");
	for (size_t i = 0; one->slice && mux->node && i < one->slice->vrf_count; i++) {
		if (one->slice->vrf[i].node == mux->node)
			one->vrf = &one->slice->vrf[i];
	}
}

static void read_mux(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_mux *mux = object;

	mux->place = xs_value_place(from);
	mux->name = xs_leaf_text(&t->values, from, "name", NULL);
	mux->node = named(&t->index->node, from, "node");
	mux->port_text = xs_leaf_text(&t->values, from, "port", &mux->port_place);
	mux->exit_text = xs_leaf_text(&t->values, from, "exit", &mux->exit_place);
	mux->client = read_list(t, from, "clients", sizeof(*mux->client), read_client, NULL, &mux->client_count);
	xs_leaf_prefixes(&t->values, from, "subnet", mux->subnet, mux->subnet_place);
	xs_leaf_addresses(&t->values, from, "address", mux->address, mux->address_place);
	mux->mac = xs_leaf_mac(&t->values, from, "mac", &mux->mac_place);
	mux->slice = read_list(t, from, "slice", sizeof(*mux->slice), read_mux_slice, mux, &mux->slice_count);
}

static void read_migration(struct typing *t, const struct lyd_node *from, void *object, void *owner)
{
	struct xs_d_migration *migration = object;

	migration->place = xs_value_place(from);
	migration->name = xs_leaf_text(&t->values, from, "name", NULL);
	migration->group = xs_leaf_text(&t->values, from, "group", &migration->group_place);
	xs_leaf_addresses(&t->values, from, "address", migration->address, migration->address_place);
	migration->mac = xs_leaf_mac(&t->values, from, "mac", &migration->mac_place);
	migration->from = named(&t->index->slice, from, "from");
	migration->to = named(&t->index->slice, from, "to");
	migration->from_place = xs_leaf_place(&t->values, from, "from");
	migration->to_place = xs_leaf_place(&t->values, from, "to");
}

int xs_typed_read(const struct lyd_node *tree, const enum xs_implementation *instead, struct xs_arena *arena,
		  struct xs_diag *diag, struct xs_index *index, struct xs_domain *out)
{
	struct typing t = { .arena = arena, .index = index, .domain = out, .values = { .diag = diag, .arena = arena } };
	struct xs_domain *d = out;

	d->implementation = xs_leaf_says(tree, "implementation", "paging") ? XS_PAGING : XS_SEGMENTATION;
	if (instead)
		d->implementation = *instead;
	d->through = read_list(&t, tree, "switch", sizeof(*d->through), read_switch, NULL, &d->through_count);
	read_pools(&t, tree, d);
	d->node = read_list(&t, tree, "node", sizeof(*d->node), read_node, NULL, &d->node_count);
	d->slice = read_list(&t, tree, "slice", sizeof(*d->slice), read_slice, NULL, &d->slice_count);
	d->filter = read_list(&t, tree, "filter", sizeof(*d->filter), read_filter, NULL, &d->filter_count);
	d->mux = read_list(&t, tree, "mux", sizeof(*d->mux), read_mux, NULL, &d->mux_count);
	d->migration =
		read_list(&t, tree, "migration", sizeof(*d->migration), read_migration, NULL, &d->migration_count);
	return t.values.err;
}
