/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_main.c - paging at one gateway: plain -> slice's route -> both addresses and checksums -> substrate's route -> plain, against a
 * bare redirect, against tag -> route -> tag, and against the ways in which the kernel maps prefixes. Pages are as long as those of a
 * definition (/24, /64), and destinations uniform over them and over HOSTS of each. page-mux: the slice is selected first.
 * bare-page-100k: the destination's look-up and page alone, in the very blocks and entries that the candidate reads: what this machine's
 * memory makes of as many pages.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "selftests/bench/scene.h"
#include "selftests/bench/bench.skel.h"

#define PACKETS (1u << 20)
#define PAGES 100000
#define SOME 1000
#define HOSTS 256

enum { GATEWAY = 20, UPLINK, WAN }; /* vports */
enum { TO_UPLINK = 40, TO_WAN };    /* next hops */

/* The WAN's addresses differ in the first byte: 10, 11 and 192.0.2 become 20, 21 and 222.0.2; those of IPv6 likewise. */
#define CHANGE 0x1e

/* Of the i-th page, from 10.0.0.0/24 and 2001:db8:1::/64 on. */
static void page_prefix(unsigned int family, uint32_t i, uint8_t address[16])
{
	static const uint8_t first[XS_FAMILIES][16] = {{10}, {0x20, 0x01, 0x0d, 0xb8, 0, 1}};

	memcpy(address, first[family], 16);
	for (unsigned int byte = 0; byte < 3; byte++)
		address[bench_page_bits(family) / 8 - 1 - byte] += i >> 8 * byte;
}

struct paging {
	struct xs_table *pages, *wan, *substrate, *inside;
	struct xs_slice was;
};

static int put(struct scene *scene, enum xs_map_id id, uint32_t key, const void *value)
{
	int err = xs_node_maps_put(&scene->candidate.maps, id, key, value);

	return err < 0 ? err : 0;
}

static int add_page(struct scene *scene, struct paging *paging, uint32_t id, const uint8_t address[16], uint8_t length, uint32_t uplink)
{
	/* In 16-bit words as they are added up on the wire; the change carries nowhere. */
	const uint16_t more = htons((uint16_t)(((address[0] ^ CHANGE) - address[0]) * 256));
	struct xs_page page = {.slice = 1, .uplink = uplink, .sum = more};
	uint8_t mapped[16];
	int err;

	page.change[0] = htonl((uint32_t)CHANGE << 24);
	memcpy(mapped, address, 16);
	mapped[0] ^= CHANGE;
	err = put(scene, XS_MAP_page, id, &page);
	if (!err)
		err = xs_table_set(paging->pages, address, length, id);
	if (err >= 0)
		err = xs_table_set(paging->wan, mapped, length, id);
	return err < 0 ? err : 0;
}

static int fill_pages(struct scene *scene, struct paging *paging, uint32_t count)
{
	uint8_t address[16];
	int err;

	scene_source(scene->family, address);
	memset(address + (scene->family == XS_FAMILY4 ? 3 : 8), 0, scene->family == XS_FAMILY4 ? 1 : 8);
	err = add_page(scene, paging, 1, address, scene_source_bits(scene->family), UPLINK);
	for (uint32_t i = 0; i < count && !err; i++) {
		page_prefix(scene->family, i, address);
		err = add_page(scene, paging, 2 + i, address, bench_page_bits(scene->family), 0);
	}
	return err;
}

static int fill_vports(struct scene *scene)
{
	const struct rig *rig = &scene->rig;
	struct xs_vport gateway = {
		.kind = XS_VPORT_GATEWAY, .slice = 1, .port = CANDIDATE_IN_PORT, .port_ifindex = rig->in_ifindex, .mtu = 1500};
	struct xs_vport uplink = {.kind = XS_VPORT_UPLINK, .slice = 1, .mtu = 1500};
	struct xs_vport wan = {.kind = XS_VPORT_WAN, .port = CANDIDATE_OUT_PORT, .port_ifindex = rig->out_ifindex, .mtu = 1500};
	struct xs_nexthop *nexthop = xs_node_maps_nexthop(&scene->candidate.maps);
	int err;

	memcpy(gateway.mac, rig->in_mac, 6);
	memcpy(wan.mac, rig->out_mac, 6);
	err = put(scene, XS_MAP_vport, GATEWAY, &gateway);
	if (!err)
		err = put(scene, XS_MAP_vport, UPLINK, &uplink);
	if (!err)
		err = put(scene, XS_MAP_vport, WAN, &wan);
	nexthop[TO_WAN] = (struct xs_nexthop){.mtu = 1500, .ifindex = rig->out_ifindex, .vport = WAN, .kind = XS_NEXTHOP_FORWARD};
	memcpy(nexthop[TO_WAN].dmac, rig->receiver_mac, 6);
	memcpy(nexthop[TO_WAN].smac, rig->out_mac, 6);
	nexthop[TO_UPLINK] = (struct xs_nexthop){.vport = UPLINK, .kind = XS_NEXTHOP_UPLINK};
	return err;
}

/* Slice 1 is one by paging from here on: its route leads to the uplink, and the WAN is behind the port to the receiver. */
static int begin(struct scene *scene, struct paging *paging, uint32_t pages)
{
	const uint8_t bytes = scene->family == XS_FAMILY4 ? 4 : 16;
	static const uint8_t any[16];
	struct xs_slice slice, substrate = {};
	int err;

	memset(paging, 0, sizeof(*paging));
	paging->pages = xs_table_new(scene->candidate.pool, bytes);
	paging->wan = xs_table_new(scene->candidate.pool, bytes);
	paging->substrate = xs_table_new(scene->candidate.pool, bytes);
	paging->inside = xs_table_new(scene->candidate.pool, bytes);
	if (!paging->pages || !paging->wan || !paging->substrate || !paging->inside)
		return -ENOMEM;
	err = xs_node_maps_get(&scene->candidate.maps, XS_MAP_slice, 1, &slice);
	paging->was = slice;
	if (!err)
		err = fill_vports(scene);
	if (!err)
		err = fill_pages(scene, paging, pages);
	if (!err)
		err = xs_table_set(paging->substrate, any, 0, TO_WAN);
	if (err >= 0)
		err = xs_table_set(paging->inside, any, 0, TO_UPLINK);
	if (err < 0)
		return err;
	slice.fib_root[scene->family] = xs_table_root(paging->inside);
	slice.page_root[scene->family] = xs_table_root(paging->pages);
	substrate.fib_root[scene->family] = xs_table_root(paging->substrate);
	substrate.page_root[scene->family] = xs_table_root(paging->wan);
	err = put(scene, XS_MAP_slice, 1, &slice);
	return err ? err : put(scene, XS_MAP_slice, 0, &substrate);
}

static void end(struct scene *scene, struct paging *paging)
{
	put(scene, XS_MAP_slice, 1, &paging->was);
	if (paging->pages)
		xs_table_free(paging->pages);
	if (paging->wan)
		xs_table_free(paging->wan);
	if (paging->substrate)
		xs_table_free(paging->substrate);
	if (paging->inside)
		xs_table_free(paging->inside);
}

/* ---- sides ---------------------------------------------------------------------------------------------------------- */

struct page_side {
	struct side side;
	bool paged;  /* untagged frames of the port are slice 1's; else by side.mux, or tagged */
	uint32_t pages;
	struct bench_bpf *bare; /* asked for a page's destination and no more; else NULL */
};

static int use_gateway(struct scene *scene)
{
	struct xs_port port = {.ifindex = scene->rig.in_ifindex, .flags = XS_PORT_USER, .untagged = GATEWAY};

	for (unsigned int f = 0; f < XS_FAMILIES; f++)
		port.source_root[f] = scene->candidate.fib[0][f] ? xs_table_root(scene->candidate.fib[0][f]) : 0;
	return put(scene, XS_MAP_port, CANDIDATE_IN_PORT, &port);
}

static int measure(void *context, double *ns)
{
	struct page_side *page = context;
	struct scene *scene = page->side.scene;
	struct rig *rig = &scene->rig;
	struct paging paging;
	int err;

	if (!page->paged)
		return scene_measure(&page->side, ns);
	err = begin(scene, &paging, page->pages);
	if (!err)
		err = candidate_use_mux(&scene->candidate, rig, page->side.mux); /* any source may send */
	if (!err && !page->side.mux)
		err = use_gateway(scene);
	if (page->bare) {
		page->bare->bss->root = paging.pages ? xs_table_root(paging.pages) : 0;
		page->bare->bss->traffic.protocol = page->side.traffic.protocol;
	}
	if (!err)
		err = rig_node_program(rig, page->side.program);
	if (!err) {
		rig_traffic(rig, &page->side.traffic);
		err = rig_run(rig, page->side.packets, ns);
	}
	end(scene, &paging);
	return err;
}

static int row(struct scene *scene, const char *name, const char *against, enum result_unit unit, struct page_side *candidate,
	       struct page_side *base)
{
	if (!scene_wants(scene, name))
		return 0;
	return result_row(scene_name(scene, name), against, unit, measure, candidate, measure, base);
}

static struct page_side paged(struct scene *scene, uint32_t pages, uint32_t mux, uint8_t protocol)
{
	struct page_side side = {.side = scene_side(scene, PACKETS, mux, BENCH_PAGES, pages), .paged = true, .pages = pages};

	side.side.traffic.tag = 0;
	side.side.traffic.hosts = HOSTS;
	side.side.traffic.protocol = protocol;
	page_prefix(scene->family, 0, side.side.traffic.first.byte);
	return side;
}

/* ---- the kernel's ways ---------------------------------------------------------------------------------------------- */

/*
 * What they say in the shell: `pages` says each page, what it becomes and its number, line by line. A prefix of its own for each page, by
 * one look-up, as for the candidate; NETMAP has none but a rule for each. What is stateful asks for the first packet of a flow only, and
 * then has the flow's entry.
 */
static const char *const words[XS_FAMILIES] = {
	"f=ip t=ipv4_addr own=192.0.2.0 wan=222.0.2.0 bits=24 host=0.0.0.255\n"
	"pages() { for i in $(seq 0 %u); do p=$((i / 256)).$((i %% 256)).0/24; echo 10.$p 20.$p $i; done; }\n",
	"f=ip6 t=ipv6_addr own=2001:db8:0:200:: wan=3e01:db8:0:200:: bits=64 host=::ffff:ffff:ffff:ffff\n"
	"pages() { for i in $(seq 0 %u); do printf '2001:db8:1:%%x::/64 3e01:db8:1:%%x::/64 %%u\\n' $i $i $i; done; }\n"};

static const struct way {
	const char *name, *make;
} ways[] = {
	{"kernel-nft-stateless",
	 "{ echo \"add table $f x\n"
	 "add chain $f x c { type filter hook prerouting priority -300; }\n"
	 "add rule $f x c notrack\n"
	 "add rule $f x c $f saddr $own/$bits $f saddr set $f saddr and $host or $wan\"; "
	 "pages | while read in out i; do echo \"add chain $f x p$i\n"
	 "add rule $f x p$i $f daddr set $f daddr and $host or ${out%/*}\"; done; "
	 "echo \"add map $f x m { type $t : verdict; flags interval; }\n"
	 "add rule $f x c $f daddr vmap @m\"; "
	 "pages | while read in out i; do echo \"add element $f x m { $in : jump p$i }\"; done; } | nft -f -"},
	{"kernel-nft-prefix",
	 "{ echo \"add table $f x\n"
	 "add map $f x m { type $t : interval $t; flags interval; }\n"
	 "add chain $f x p { type nat hook prerouting priority -100; }\n"
	 "add chain $f x q { type nat hook postrouting priority 100; }\n"
	 "add rule $f x p dnat $f prefix to $f daddr map @m\n"
	 "add rule $f x q snat $f prefix to $f saddr map { $own/$bits : $wan/$bits }\"; "
	 "pages | while read in out i; do echo \"add element $f x m { $in : $out }\"; done; } | nft -f -"},
	{"kernel-netmap",
	 "{ echo '*nat'; pages | while read in out i; do echo \"-A PREROUTING -d $in -j NETMAP --to $out\"; done; "
	 "echo \"-A POSTROUTING -s $own/$bits -j NETMAP --to $wan/$bits\"; echo COMMIT; } | ${f}tables-restore -n"},
};

static const char unmake[] = "nft flush ruleset; iptables -t nat -F; ip6tables -t nat -F; true";

static int use_way(struct scene *scene, const struct way *way)
{
	char command[2048];
	int size = snprintf(command, sizeof(command), words[scene->family], SOME - 1);

	snprintf(command + size, sizeof(command) - size, "%s", way->make);
	return rig_node_command(&scene->rig, command);
}

/* One host of each page: the kernel keeps an entry for each flow, whose number the pages' is to be. */
static int against_kernel(struct scene *scene, const struct page_side *pages)
{
	struct page_side page = *pages, router;
	int err;

	if (!scene_wants(scene, "page"))
		return 0;
	err = rig_make_router(&scene->rig);
	page.side.traffic.hosts = 1;
	router = page;
	router.paged = false;
	router.side.program = -1;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways) && !err; i++) {
		err = use_way(scene, &ways[i]);
		if (!err)
			err = row(scene, "page", ways[i].name, RESULT_PPS, &page, &router);
		rig_node_command(&scene->rig, unmake);
	}
	return err;
}

static int bare_rows(struct scene *scene, const struct page_side *many, const struct page_side *one)
{
	struct page_side bare_many = *many, bare_one = *one;
	struct bench_bpf *bare = NULL;
	int err;

	if (!scene_wants(scene, "bare-page-100k"))
		return 0;
	err = scene_load_bare(scene, &bare);
	if (!err) {
		bare_many.bare = bare_one.bare = bare;
		bare_many.side.program = bare_one.side.program = bpf_program__fd(bare->progs.bench_page);
		err = row(scene, "bare-page-100k", scene_name(scene, "bare-page-1"), RESULT_NS, &bare_many, &bare_one);
	}
	rig_node_program(&scene->rig, -1);
	bench_bpf__destroy(bare);
	return err;
}

static int run(struct scene *scene)
{
	const struct xs_condition any = {.slice = 1, .vport = CANDIDATE_MUX, .family = XS_FAMILY_EITHER};
	struct xs_policy *policy = NULL;
	int err = scene_policy(scene, 1, &any, 1, &policy);

	if (!err) {
		struct page_side page = paged(scene, SOME, 0, IPPROTO_TCP), udp = paged(scene, SOME, 0, IPPROTO_UDP);
		struct page_side many = paged(scene, PAGES, 0, IPPROTO_TCP), one = paged(scene, 1, 0, IPPROTO_TCP);
		struct page_side mux = paged(scene, SOME, xs_policy_mux(policy), IPPROTO_TCP);
		struct page_side floor = page, transit = page;

		floor.paged = transit.paged = false;
		floor.side.program = bpf_program__fd(scene->rig.ends->progs.bench_redirect);
		transit.side.traffic.tag = 101;
		err = row(scene, "page", "floor-redirect", RESULT_PPS, &page, &floor);
		if (!err)
			err = row(scene, "page-udp", "floor-redirect", RESULT_PPS, &udp, &floor);
		if (!err)
			err = row(scene, "page", scene_name(scene, "transit"), RESULT_PPS, &page, &transit);
		if (!err)
			err = row(scene, "page-mux", "floor-redirect", RESULT_PPS, &mux, &floor);
		if (!err)
			err = row(scene, "page-100k", scene_name(scene, "page-1"), RESULT_NS, &many, &one);
		if (!err)
			err = bare_rows(scene, &many, &one);
		if (!err)
			err = against_kernel(scene, &page);
	}
	xs_policy_free(policy);
	return err;
}

int main(int argc, char **argv)
{
	static const char *const rows[] = {"page", "page-udp", "page-mux", "page-100k", "bare-page-100k", NULL};
	static const struct candidate_size size = {.blocks = 4096, .guards = 4096, .cells = 2, .pages = 64, .paged = PAGES + 2};
	static const struct bench bench = {rows, {size, size}, run};

	return scene_main(argc, argv, &bench);
}
