// SPDX-License-Identifier: GPL-2.0-or-later
/* node_image.c - see node_image.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "maps/contract.h"
#include "selftests/bpf/node_image.h"

const struct node_variant node_normal = {
	.interface = "p0", .link_address = "10.1.2.1", .route_via = "10.1.2.2", .peer = "10.255.0.1", .mtu = 1400
};

const struct node_variant node_dual = {
	.interface = "p0",
	.link_address = "10.1.2.1",
	.route_via = "10.1.2.2",
	.peer = "10.255.0.1",
	.mtu = 1400,
	.ipv6 = true,
};

const struct node_variant node_paged = { .interface = "p0", .paging = true, .mapped = "100.64.0.0/16" };

static struct xs_address address(const char *text)
{
	struct xs_address out = {};

	assert_int_equal(xs_address_parse(text, &out), 0);
	return out;
}

static struct xs_prefix prefix(const char *text)
{
	struct xs_prefix out = {};

	assert_int_equal(xs_prefix_parse(text, &out), 0);
	return out;
}

#define HEAD(t, s)                                                                                                     \
	{                                                                                                              \
		.type = t, .size = sizeof(struct s)                                                                    \
	}

enum port_use { LINKS, USERS, WAN };

static void add_port(struct xs_image_writer *writer, uint32_t id, const char *port_name, const char *interface,
		     enum port_use use)
{
	struct xs_rec_port port = {
		.head = HEAD(XS_REC_PORT, xs_rec_port), .id = id, .user = use == USERS, .labelled = use == LINKS, .wan = use == WAN, .mtu = 1500
	};

	strcpy(port.name, port_name);
	strcpy(port.interface, interface);
	assert_int_equal(xs_image_writer_add(writer, &port), 0);
}

static void add_slice(struct xs_image_writer *writer, uint32_t id, const char *slice_name, const char *vrf)
{
	struct xs_rec_slice slice = { .head = HEAD(XS_REC_SLICE, xs_rec_slice), .id = id, .vrf_id = id };

	strcpy(slice.name, slice_name);
	strcpy(slice.vrf, vrf);
	assert_int_equal(xs_image_writer_add(writer, &slice), 0);
}

static void add_vport(struct xs_image_writer *writer, struct xs_rec_vport vport, const char *device)
{
	vport.head = (struct xs_record)HEAD(XS_REC_VPORT, xs_rec_vport);
	strcpy(vport.name, device);
	vport.mac = (struct xs_mac){ { 2, 0, 0, 0, 0, (uint8_t)vport.id } };
	if (vport.kind == XS_VPORT_EDGE || vport.kind == XS_VPORT_MUX || vport.kind == XS_VPORT_UPLINK)
		vport.relay = (struct xs_mac){ { 6, 0, 0, 0, 0, 3 } };
	assert_int_equal(xs_image_writer_add(writer, &vport), 0);
}

static void add_route(struct xs_image_writer *writer, uint32_t slice, uint32_t edge, const char *to, uint32_t vport,
		      const char *via)
{
	struct xs_rec_route route = { .head = HEAD(XS_REC_ROUTE, xs_rec_route),
				      .slice = slice,
				      .edge = edge,
				      .prefix = prefix(to),
				      .vport = vport };

	if (via)
		route.via = address(via);
	assert_int_equal(xs_image_writer_add(writer, &route), 0);
}

static void add_proxy(struct xs_image_writer *writer, const char *to)
{
	struct xs_rec_proxy proxy = { .head = HEAD(XS_REC_PROXY, xs_rec_proxy), .edge = 3, .prefix = prefix(to) };

	assert_int_equal(xs_image_writer_add(writer, &proxy), 0);
}

/* peer, shared: NULL: none. */
static void give_ipv6(struct xs_rec_vport *vport, const char *own, uint8_t length, const char *peer, const char *shared)
{
	vport->address[XS_FAMILY6] = address(own);
	vport->length[XS_FAMILY6] = length;
	if (peer)
		vport->peer[XS_FAMILY6] = address(peer);
	if (shared)
		vport->shared[XS_FAMILY6] = address(shared);
}

static void add_page(struct xs_image_writer *writer, uint32_t id, const char *own, const char *mapped, uint32_t uplink,
		     const char *name)
{
	struct xs_rec_page page = { .head = HEAD(XS_REC_PAGE, xs_rec_page),
				    .slice = 1,
				    .prefix = prefix(own),
				    .id = id,
				    .uplink = uplink,
				    .mapped = prefix(mapped) };

	if (uplink)
		page.own = address(name);
	assert_int_equal(xs_image_writer_add(writer, &page), 0);
}

static void add_address(struct xs_image_writer *writer, uint32_t slice, const char *text)
{
	struct xs_rec_address record = { .head = HEAD(XS_REC_ADDRESS, xs_rec_address), .slice = slice, .prefix = prefix(text) };

	assert_int_equal(xs_image_writer_add(writer, &record), 0);
}

static struct xs_rec_vport gateway_of_users(void)
{
	return (struct xs_rec_vport){ .id = 2,
				      .kind = XS_VPORT_GATEWAY,
				      .slice = 1,
				      .port = 2,
				      .mtu = 1500,
				      .length = { 16 },
				      .address = { address("10.0.0.1") } };
}

/* Slice P has a gateway here, and users elsewhere; another slice has a VRF here, and so an address, but no gateway. */
static void add_paging(struct xs_image_writer *writer, const struct node_variant *variant)
{
	struct xs_rec_vport gateway = gateway_of_users();
	struct xs_rec_vport uplink = { .id = 7,
				       .kind = XS_VPORT_UPLINK,
				       .slice = 1,
				       .mtu = variant->mtu ? variant->mtu : 1500 };
	const bool ipv4 = !variant->without[XS_FAMILY4], ipv6 = !variant->without[XS_FAMILY6];
	struct xs_rec_pool pool = { .head = HEAD(XS_REC_POOL, xs_rec_pool), .prefix = prefix("100.96.0.0/11") };
	struct xs_rec_vport wan = { .head = HEAD(XS_REC_VPORT, xs_rec_vport),
				    .id = 8,
				    .kind = XS_VPORT_WAN,
				    .port = 1,
				    .mtu = 1500,
				    .name = "r2" };

	if (ipv4)
		uplink.peer[XS_FAMILY4] = address(XS_UPLINK_PEER4);
	if (ipv6)
		uplink.peer[XS_FAMILY6] = address(XS_UPLINK_PEER6);
	if (ipv6)
		give_ipv6(&gateway, "2001:db8:a::1", 64, NULL, NULL);
	if (!ipv4)
		gateway.address[XS_FAMILY4] = (struct xs_address){};
	if (!ipv4)
		gateway.length[XS_FAMILY4] = 0;
	add_vport(writer, gateway, "GWP");
	add_vport(writer, uplink, "wan");
	assert_int_equal(xs_image_writer_add(writer, &wan), 0);
	if (ipv4) {
		add_page(writer, 1, "10.0.0.0/16", variant->mapped, 7, "10.0.0.1");
		add_page(writer, 2, "10.1.3.0/24", "100.80.3.0/24", 0, NULL);
		add_page(writer, 3, "10.1.3.1/32", "100.80.3.1/32", 7, "10.0.0.1");
		add_page(writer, 4, "192.0.2.0/24", "100.81.2.0/24", 0, NULL);
		add_address(writer, 1, "10.1.3.1/32");
		add_address(writer, 0, "100.90.0.1/32");
		add_route(writer, 1, 0, "192.0.2.0/24", 7, NULL);
	}
	if (ipv6) {
		add_page(writer, 5, "2001:db8:a::/64", "fd00:64:a::/64", 7, "2001:db8:a::1");
		add_page(writer, 6, "2001:db8:c::/64", "fd00:64:c::/64", 0, NULL);
		add_address(writer, 0, "fd00:90::1/128");
		add_route(writer, 1, 0, "2001:db8:c::/64", 7, NULL);
	}
	assert_int_equal(xs_image_writer_add(writer, &pool), 0);
}

static void add_vports(struct xs_image_writer *writer, const struct node_variant *variant)
{
	struct xs_rec_vport link = { .kind = XS_VPORT_LINK, .port = 1, .length = { 24 }, .mtu = 1500 };
	struct xs_rec_vport mux = { .kind = XS_VPORT_MUX,
				    .port = 3,
				    .edge = 3,
				    .length = { 32 },
				    .mtu = 1500,
				    .peer = { address(variant->peer) },
				    .shared = { address(variant->shared ? variant->shared : "192.0.2.1") } };
	struct xs_rec_vport edge = { .id = 3,
				     .kind = XS_VPORT_EDGE,
				     .port = 3,
				     .mtu = 1500,
				     .length = { 24 },
				     .address = { address("192.0.2.1") },
				     .peer = { address(variant->peer) } };
	struct xs_rec_vport gateway = gateway_of_users();

	struct xs_rec_vport mux_p = mux;

	if (variant->ipv6) {
		give_ipv6(&edge, "2001:db8:c::1", 64, "2001:db8:ff::1", NULL);
		give_ipv6(&gateway, "2001:db8:a::1", variant->gateway_length6 ? variant->gateway_length6 : 64, NULL, NULL);
		give_ipv6(&mux_p, "2001:db8:ff::2", 128, "2001:db8:ff::1", "2001:db8:c::1");
		give_ipv6(&link, variant->turned ? "2001:db8:12::" : "2001:db8:12::1", 127,
			  variant->turned ? "2001:db8:12::1" : "2001:db8:12::", NULL);
	}
	link.id = 1;
	link.slice = 1;
	link.vid = 100;
	link.mtu = (uint16_t)variant->mtu;
	link.address[XS_FAMILY4] = address(variant->link_address);
	link.peer[XS_FAMILY4] = address("10.1.2.2");
	if (variant->exchanged)
		link.length[XS_FAMILY4] = 16;
	add_vport(writer, link, "P12");
	add_vport(writer, gateway, "GWP");
	add_vport(writer, edge, "client");
	mux_p.id = 4;
	mux_p.slice = 1;
	mux_p.address[XS_FAMILY4] = address("10.255.0.2");
	add_vport(writer, mux_p, "MD");
	if (variant->without_a)
		return;
	mux.id = 5;
	mux.slice = 2;
	mux.address[XS_FAMILY4] = address("10.255.0.3");
	add_vport(writer, mux, "MD");
	link.address[XS_FAMILY6] = link.peer[XS_FAMILY6] = (struct xs_address){};
	link.length[XS_FAMILY6] = 0;
	link.length[XS_FAMILY4] = 24;
	link.id = 6;
	link.slice = 2;
	link.vid = 101;
	link.mtu = 1500;
	link.address[XS_FAMILY4] = address("10.1.2.1");
	add_vport(writer, link, "A12");
}

struct xs_image *node_image(const char *name, const struct node_variant *variant)
{
	struct xs_image_writer *writer = xs_image_writer_new(name);
	struct xs_rec_node head = {
		.head = HEAD(XS_REC_NODE, xs_rec_node), .blocks = 1024, .conditions = 1, .cells = 1
	};
	struct xs_rec_mux mux = { .head = HEAD(XS_REC_MUX, xs_rec_mux), .id = 1, .edge = 3, .name = "MD" };
	struct xs_image *image = NULL;
	const char *why = NULL;
	void *bytes;
	size_t size;

	assert_non_null(writer);
	assert_int_equal(xs_image_writer_add(writer, &head), 0);
	add_port(writer, 1, "r2", variant->interface, variant->paging ? WAN : LINKS);
	add_port(writer, 2, "pdc", "p1", USERS);
	add_slice(writer, 1, "P", "P1");
	if (variant->paging) {
		add_paging(writer, variant);
		goto out;
	}
	add_port(writer, 3, "client", "p2", USERS);
	assert_int_equal(xs_image_writer_add(writer, &mux), 0);
	if (!variant->without_a)
		add_slice(writer, 2, "A", "A1");
	add_vports(writer, variant);
	add_route(writer, 1, 0, variant->exchanged ? "10.1.2.0/24" : "10.9.0.0/16", 1, variant->route_via);
	add_route(writer, 1, 0, "192.0.2.0/24", 4, variant->peer);
	add_route(writer, 0, 3, "198.51.100.0/24", 3, "192.0.2.254");
	if (variant->ipv6) {
		add_route(writer, 1, 0, "2001:db8:9::/48", 1, variant->turned ? "2001:db8:12::1" : "2001:db8:12::");
		add_route(writer, 1, 0, "2001:db8:c::/64", 4, "2001:db8:ff::1");
		add_route(writer, 0, 3, "2001:db8:d::/48", 3, "2001:db8:c::fe");
		add_proxy(writer, "2001:db8:9::/48");
	}
	add_proxy(writer, "10.0.0.0/16");
	add_proxy(writer, "10.9.0.0/16");
	add_proxy(writer, "192.0.2.0/24"); /* the users' own subnet: must not hide it */
out:
	assert_int_equal(xs_image_writer_finish(writer, &bytes, &size), 0);
	xs_image_writer_free(writer);
	if (xs_image_read(bytes, size, &image, &why))
		fail_msg("image: %s", why);
	free(bytes);
	return image;
}
