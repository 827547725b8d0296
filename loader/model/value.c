/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * value.c - text to values. What the schema's patterns let through and is no value is reported here, in the same words.
 */
#include "loader/model/value.h"

#include <stdlib.h>
#include <string.h>

#include "loader/model/tree.h"

struct xs_place xs_value_place(const struct lyd_node *node)
{
	const struct xs_place *from = xs_tree_place(node);
	const struct xs_place none = { 0 };

	return from ? *from : none;
}

static struct xs_place place_at(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
				struct xs_place *out)
{
	struct xs_place place = { 0 };

	if (!node && !out)
		return place;
	place = xs_value_place(node ? node : parent);
	if (out)
		*out = place;
	return place;
}

static void refuse(struct xs_values *values, const struct xs_place *place, const struct lyd_node *node, const char *why)
{
	xs_diag_add(values->diag, XS_ERROR, place, "%s: \"%s\" %s", node->schema->name, lyd_get_value(node), why);
	xs_values_fail(values, -EINVAL);
}

/* Host bits: says what was probably meant. */
static void refuse_host_bits(struct xs_values *values, const struct xs_place *place, const struct lyd_node *node)
{
	const char *text = lyd_get_value(node), *slash = strchr(text, '/');
	char alone[XS_PREFIX_TEXT] = "", buf[XS_PREFIX_TEXT];
	struct xs_address address;
	struct xs_prefix meant;

	if (slash && (size_t)(slash - text) < sizeof(alone))
		memcpy(alone, text, (size_t)(slash - text));
	if (xs_address_parse(alone, &address)) {
		refuse(values, place, node, "is not an IP prefix such as 10.0.0.0/24");
		return;
	}
	meant = xs_prefix_mask(&address, (unsigned int)strtoul(slash + 1, NULL, 10));
	xs_diag_add(values->diag, XS_ERROR, place, "%s: \"%s\" has bits beyond its length; its network is %s",
		    node->schema->name, text, xs_prefix_text(&meant, buf));
	xs_values_fail(values, -EINVAL);
}

struct xs_prefix xs_value_prefix(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
				 struct xs_place *out)
{
	struct xs_place place = place_at(values, node, parent, out);
	struct xs_prefix prefix = { 0 }, none = { 0 };
	int err;

	if (!node)
		return none;
	err = xs_prefix_parse(lyd_get_value(node), &prefix);
	if (!err)
		return prefix;
	if (err == -ERANGE)
		refuse_host_bits(values, &place, node);
	else
		refuse(values, &place, node, "is not an IP prefix such as 10.0.0.0/24");
	return none;
}

struct xs_address xs_value_address(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
				   struct xs_place *out)
{
	struct xs_place place = place_at(values, node, parent, out);
	struct xs_address address = { 0 }, none = { 0 };

	if (!node)
		return none;
	if (!xs_address_parse(lyd_get_value(node), &address))
		return address;
	refuse(values, &place, node, "is not an IP address");
	return none;
}

struct xs_mac xs_value_mac(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
			   struct xs_place *out)
{
	static const struct xs_mac zero;
	struct xs_place place = place_at(values, node, parent, out);
	struct xs_mac mac = { 0 };

	if (!node)
		return zero;
	if (xs_mac_parse(lyd_get_value(node), &mac)) {
		refuse(values, &place, node, "is not a MAC address such as 52:54:00:00:00:05");
		return zero;
	}
	if (xs_mac_is_multicast(&mac)) {
		refuse(values, &place, node, "is a multicast address: nobody can have it");
		return zero;
	}
	if (!memcmp(&mac, &zero, sizeof(mac)))
		refuse(values, &place, node, "is no address");
	return mac;
}

struct xs_d_range xs_value_range(struct xs_values *values, const struct lyd_node *node, const struct lyd_node *parent,
				 uint32_t least, uint32_t most)
{
	struct xs_d_range range = { 0 }, none = { 0 };
	unsigned long first, last;
	const char *dash;

	if (!node)
		return none;
	range.place = xs_value_place(node);
	first = strtoul(lyd_get_value(node), NULL, 10);
	dash = strchr(lyd_get_value(node), '-');
	last = dash ? strtoul(dash + 1, NULL, 10) : first;
	none.place = range.place;
	if (first < least || last > most || first > most) {
		xs_diag_add(values->diag, XS_ERROR, &range.place, "%s: \"%s\" is not within %u to %u",
			    node->schema->name, lyd_get_value(node), least, most);
		xs_values_fail(values, -EINVAL);
		return none;
	}
	if (last < first) {
		refuse(values, &range.place, node, "runs backwards");
		return none;
	}
	range.first = (uint16_t)first;
	range.last = (uint16_t)last;
	return range;
}

uint8_t xs_value_protocol(const struct lyd_node *node)
{
	const struct lyd_value *value = &((const struct lyd_node_term *)node)->value;

	if (value->realtype->basetype == LY_TYPE_UNION)
		value = &value->subvalue->value;
	return value->realtype->basetype == LY_TYPE_ENUM ? (uint8_t)value->enum_item->value : value->uint8;
}
