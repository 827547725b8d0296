/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain.h - the model: a definition that was read and checked, in its own words. Made by model/, read by plan/.
 *
 * The schema is xslice.yang (what does not depend on the mechanism), xslice-segmentation.yang and xslice-paging.yang (what
 * only the one or the other can be told, all optional). This is its typed form: references are resolved to pointers, defaults are filled
 * in, every object and every value that a fault may concern knows its place. Nothing is allocated here: no label, no
 * address that the definition does not write. What there is once per family is an array by XS_FAMILY4 and XS_FAMILY6.
 *
 * Always holds after xs_domain_read() returned 0: every pointer of a reference is set, names are unique in their lists
 * and at most XS_NAME_MAX bytes, everything that check refuses is absent. Lists keep the definition's order. Owner: the
 * caller, who frees the whole with xs_domain_free(). Strings live as long as the domain.
 */
#ifndef XSLICE_MODEL_DOMAIN_H
#define XSLICE_MODEL_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/base/address.h"
#include "loader/base/diag.h"
#include "loader/model/parameters.h"

#define XS_NAME_MAX 15 /* names that become device names: IFNAMSIZ - 1. Migrations, groups and filters: XS_LONG_NAME_MAX */
#define XS_LONG_NAME_MAX 63

#define XS_UPLINK_NAME "wan" /* of a sliver's device towards the WAN, by paging */

struct xs_domain_source;

enum xs_implementation { XS_SEGMENTATION, XS_PAGING };
enum xs_protocol { XS_ROUTING_STATIC, XS_ROUTING_OSPF };
enum xs_port_mode { XS_MODE_NATIVE, XS_MODE_GENERIC };
enum xs_port_attach { XS_ATTACH_EXCLUSIVE, XS_ATTACH_SHARED };
enum xs_port_stack { XS_STACK_WIRE, XS_STACK_LOCAL };

/* Paging: where pages come from that the definition does not map itself. */
#define XS_DEFAULT_POOL4 "100.64.0.0/10"
#define XS_DEFAULT_POOL6 "fd78:736c:6963::/48"

struct xs_d_range {
	uint16_t first, last; /* inclusive */
	struct xs_place place;
};

/* Segmentation: a VLAN switch, or several that are bridged, on which a label is one network (R40). */
struct xs_d_switch {
	const char *name;
	struct xs_place place;
	struct xs_d_range *carries; /* labels that it passes */
	size_t carries_count;
	struct xs_d_port *vlans; /* the first VLAN of users on a port that it leads to; the others by next_on_switch */
};

#define XS_PORT_MTU 1500 /* of a physical port that says none */

struct xs_d_port {
	const char *name;
	struct xs_place place;
	struct xs_d_node *node;
	const char *interface;  /* device in the node's namespace; the port's name if not given */
	struct xs_place interface_place;
	struct xs_d_port *peer; /* the port at the other end of the physical link; NULL: users or nothing of ours */
	const char *peer_text;  /* as written, "NODE/PORT"; NULL: not given */
	struct xs_place peer_place;
	struct xs_d_switch *through; /* what the cable runs through, whichever end says it; NULL: nothing */
	struct xs_place through_place;
	uint16_t mtu; /* bytes; 1500 if not given */
	enum xs_port_mode mode;
	enum xs_port_attach attach;
	enum xs_port_stack stack;
	struct xs_d_range *reserved; /* segmentation: labels left to the host */
	size_t reserved_count;
	/* A VLAN of users on a physical port of the node, from which it has interface, mode, attach and stack. */
	struct xs_d_port *on; /* NULL: it is a physical port itself */
	const char *on_text;  /* as written */
	uint16_t vlan;        /* 0: not given */
	bool half;            /* what is written of on and vlan is at fault in part, which was reported: the other is not missing */
	struct xs_place on_place, vlan_place, mtu_place;
	const char *not_its_own; /* what it says and only a physical port may: the leaf's name; NULL: nothing */
	struct xs_place not_its_own_place;
	struct xs_d_port *vlans, *next_vlan; /* the first VLAN on it; the next one on the same port */
	struct xs_d_port *next_on_switch;
};

/* The VLAN of users on a physical port that has this id; NULL: there is none. A switch's ports are one network. */
static inline const struct xs_d_port *xs_d_vlan_of(const struct xs_d_port *port, uint64_t id)
{
	const struct xs_d_port *vlan = port->vlans;

	while (vlan && vlan->vlan != id)
		vlan = vlan->next_vlan;
	if (!vlan && port->through)
		vlan = port->through->vlans;
	while (vlan && vlan->vlan != id)
		vlan = vlan->next_on_switch;
	return vlan;
}

struct xs_d_node {
	const char *name;
	struct xs_place place;
	uint32_t blocks; /* size of the address tables' pool; 0: not given, the plan chooses */
	struct xs_place blocks_place;
	struct xs_d_port *port;
	size_t port_count;
};

struct xs_d_route {
	struct xs_prefix prefix;
	struct xs_address via;
	struct xs_place place, via_place;
};

struct xs_d_vrf {
	const char *name;
	struct xs_place place;
	struct xs_d_slice *slice;
	struct xs_d_node *node;
	struct xs_place node_place;
	uint32_t id; /* R9; 0: not given */
	struct xs_mac mac; /* R7; all zero: not given */
	struct xs_place mac_place, id_place;
	struct xs_d_route *route;
	size_t route_count;
};

struct xs_d_link {
	const char *name;
	struct xs_place place;
	struct xs_d_slice *slice;
	struct xs_d_vrf *end[2];
	struct xs_place end_place[2];
	struct xs_d_port *port[2]; /* the physical link it runs over: port[i] is on end[i]'s node */
	const char *port_text;     /* as written, "NODE/PORT" at either end; NULL: not given, the first cable serves */
	struct xs_place port_place;
	struct xs_prefix subnet[XS_FAMILIES]; /* at least one */
	struct xs_place subnet_place[XS_FAMILIES];
	uint16_t mtu;   /* bytes; 0: not given, the smaller of its ports' */
	struct xs_place mtu_place;
	uint16_t label; /* segmentation: VLAN id; 0: not given */
	struct xs_place label_place;
};

struct xs_d_gateway {
	const char *name;
	struct xs_place place;
	struct xs_d_slice *slice;
	struct xs_d_vrf *vrf;
	struct xs_d_port *port;
	const char *port_text; /* as written; a port of the VRF's node */
	struct xs_place port_place;
	struct xs_prefix subnet[XS_FAMILIES]; /* at least one */
	struct xs_place subnet_place[XS_FAMILIES];
	/* NONE: base + 1. What another slice's gateway over the same subnet says is filled in here. */
	struct xs_address address[XS_FAMILIES];
	struct xs_place address_place[XS_FAMILIES];
	struct xs_mac mac; /* all zero: not given; what a gateway with the same first hop says is filled in, too */
	struct xs_place mac_place;
	/* The first of the gateways that a VM may move between: they share a subnet, hence the MAC. Itself where none
	 * does. */
	const struct xs_d_gateway *first_hop;
	struct xs_d_route *behind; /* further prefixes behind it: prefix via a host of the subnet */
	size_t behind_count;
};

/* Paging: a part of a slice's addresses that is mapped as a whole. */
struct xs_d_page {
	struct xs_prefix prefix;
	struct xs_prefix mapped; /* NONE: not given */
	struct xs_place place, mapped_place;
};

struct xs_d_slice {
	const char *name;
	struct xs_place place;
	uint32_t id; /* 0: not given */
	struct xs_place id_place;
	enum xs_implementation implementation;
	enum xs_protocol protocol;
	struct xs_d_vrf *vrf;
	struct xs_d_link *link;
	struct xs_d_gateway *gateway;
	struct xs_d_page *page; /* of a family of which it writes none, each subnet is a page */
	size_t vrf_count, link_count, gateway_count, page_count;
};

enum xs_condition_field {
	XS_MATCH_DESTINATION = 1 << 0,
	XS_MATCH_SOURCE = 1 << 1,
	XS_MATCH_PROTOCOL = 1 << 2,
	XS_MATCH_SOURCE_PORT = 1 << 3,
	XS_MATCH_DESTINATION_PORT = 1 << 4,
	XS_MATCH_DSCP = 1 << 5,
	XS_MATCH_INPUT_PORT = 1 << 6,
	XS_MATCH_ANY = 1 << 7,
};

struct xs_d_condition {
	struct xs_place place;
	uint32_t fields; /* enum xs_condition_field */
	struct xs_prefix destination, source;
	uint8_t protocol;
	struct xs_d_range source_port, destination_port, dscp;
	const char *input_port; /* name of a port; resolved at each MUX that uses the list */
	struct xs_place input_port_place;
};

struct xs_d_filter {
	const char *name;
	struct xs_place place;
	struct xs_d_condition *condition;
	size_t condition_count;
};

struct xs_d_client {
	struct xs_prefix prefix;
	struct xs_address via; /* NONE: on the link */
	struct xs_place place, via_place;
};

struct xs_d_mux_slice {
	struct xs_d_slice *slice;
	struct xs_d_vrf *vrf; /* the slice's VRF on the MUX's node */
	struct xs_d_filter *filter;
	struct xs_place place;
};

struct xs_d_mux {
	const char *name;
	struct xs_place place;
	struct xs_d_node *node;
	struct xs_d_port *port;
	const char *port_text; /* as written; a port of the node */
	struct xs_place port_place;
	struct xs_d_port *exit; /* R16: where goes on what no slice takes; NULL: nowhere */
	const char *exit_text;
	struct xs_place exit_place;
	struct xs_d_client *client;
	size_t client_count;
	struct xs_prefix subnet[XS_FAMILIES]; /* R17; of the families that its clients have */
	struct xs_place subnet_place[XS_FAMILIES];
	/* On the users' link; NONE: base + 1 of the family's first client prefix on the link. */
	struct xs_address address[XS_FAMILIES];
	struct xs_place address_place[XS_FAMILIES];
	struct xs_mac mac;
	struct xs_place mac_place;
	struct xs_d_mux_slice *slice; /* R18: in this order */
	size_t slice_count;
};

struct xs_d_migration {
	const char *name;
	const char *group; /* NULL: none */
	struct xs_place place, group_place, mac_place;
	struct xs_address address[XS_FAMILIES]; /* at least one */
	struct xs_place address_place[XS_FAMILIES];
	struct xs_mac mac;
	struct xs_d_slice *from, *to;
	struct xs_place from_place, to_place;
};

/* Paging: a WAN prefix that pages are allocated from. */
struct xs_d_pool {
	struct xs_prefix prefix;
	struct xs_place place; /* of a default: of no line */
	bool given;            /* false: the family's default */
};

struct xs_domain {
	enum xs_implementation implementation;
	struct xs_d_pool *pool; /* at least one of each family */
	struct xs_d_switch *through; /* switches */
	struct xs_d_node *node;
	struct xs_d_slice *slice;
	struct xs_d_filter *filter;
	struct xs_d_mux *mux;
	struct xs_d_migration *migration;
	size_t pool_count, through_count, node_count, slice_count, filter_count, mux_count, migration_count;
	void *memory; /* the pool that holds all of it */
	struct xs_domain_source *source; /* what it was read from */
};

enum xs_format { XS_FORMAT_GUESS, XS_FORMAT_YAML, XS_FORMAT_JSON, XS_FORMAT_XML };

/*
 * Reads and checks a definition. All faults go to `diag`. Returns 0 with *out set (warnings may have been added), -EINVAL if
 * there was an error (then *out is NULL), or another negative errno if the text could not be had or memory is exhausted.
 */
int xs_domain_read(const char *path, enum xs_format format, struct xs_diag *diag, struct xs_domain **out);
int xs_domain_parse(const char *text, size_t size, enum xs_format format, struct xs_diag *diag, struct xs_domain **out);
/* instead: the domain's implementation, whatever the text says of it (slices that say otherwise stay so); NULL: the text's. */
int xs_domain_parse_as(const char *text, size_t size, enum xs_format format, const enum xs_implementation *instead,
		       struct xs_diag *diag, struct xs_domain **out);
/* How many parameters it has. */
void xs_domain_parameters(const struct xs_domain *domain, struct xs_parameters *out);
/* Frees also what it was read from, which takes longer than one may think: who is waited for does it afterwards. */
void xs_domain_free(struct xs_domain *domain);

#endif
