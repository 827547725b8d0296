/* SPDX-License-Identifier: GPL-2.0-or-later */
/* candidate.c - see candidate.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "xslice.skel.h"
#include "selftests/bench/candidate.h"

#define MTU 1500

static int load(struct candidate *candidate, const struct candidate_size *size)
{
	int fd[XS_MAP_COUNT];

	candidate->skeleton = xslice_bpf__open();
	if (!candidate->skeleton)
		return -errno;
	bpf_map__set_max_entries(candidate->skeleton->maps.block, size->blocks);
	bpf_map__set_max_entries(candidate->skeleton->maps.sieve, size->blocks);
	bpf_map__set_max_entries(candidate->skeleton->maps.guard, size->guards);
	bpf_map__set_max_entries(candidate->skeleton->maps.cell, size->cells);
	bpf_map__set_max_entries(candidate->skeleton->maps.mux_page, size->pages);
	bpf_map__set_max_entries(candidate->skeleton->maps.mux_origin, size->pages);
	bpf_map__set_max_entries(candidate->skeleton->maps.mux_stats, size->pages);
	if (size->paged) {
		bpf_map__set_max_entries(candidate->skeleton->maps.page, size->paged);
		bpf_map__set_max_entries(candidate->skeleton->maps.page_rest, size->paged);
	}
	if (size->generals) {
		bpf_map__set_max_entries(candidate->skeleton->maps.mux_node, size->generals);
		bpf_map__set_max_entries(candidate->skeleton->maps.mux_vector, size->generals);
		bpf_map__set_max_entries(candidate->skeleton->maps.mux_general, size->generals);
	}
	int err = xslice_bpf__load(candidate->skeleton);

	if (err)
		return err;
	for (int i = 0; i < XS_MAP_COUNT; i++)
		fd[i] = bpf_object__find_map_fd_by_name(candidate->skeleton->obj, xs_map_info(i)->name);
	candidate->program = bpf_program__fd(candidate->skeleton->progs.xdp_port);
	return xs_node_maps_init(&candidate->maps, fd, true);
}

static int put(struct candidate *candidate, enum xs_map_id id, uint32_t key, const void *value)
{
	int err = xs_node_maps_put(&candidate->maps, id, key, value);

	return err < 0 ? err : 0;
}

static int put_port(struct candidate *candidate, uint32_t id, const struct xs_port *port)
{
	int err = put(candidate, XS_MAP_port, id, port);

	return err ? err : put(candidate, XS_MAP_port_of_ifindex, port->ifindex, &id);
}

static int put_link(struct candidate *candidate, uint32_t id, uint32_t slice, uint32_t port, uint32_t ifindex, uint16_t vid,
		    const uint8_t mac[6])
{
	struct xs_vport vport = {
		.kind = XS_VPORT_LINK, .slice = slice, .port = port, .port_ifindex = ifindex, .vid = vid, .mtu = MTU,
	};
	int err;

	memcpy(vport.mac, mac, 6);
	err = put(candidate, XS_MAP_vport, id, &vport);
	return err ? err : put(candidate, XS_MAP_label, port * XS_VIDS + vid, &id);
}

/* Tables of slot `slot`, one of each family, where `leaf` holds for all; their roots in root[]. */
static int make_tables(struct candidate *candidate, uint32_t slot, uint32_t leaf, __u32 root[XS_FAMILIES])
{
	static const uint8_t any[16];

	for (unsigned int f = 0; f < XS_FAMILIES; f++) {
		struct xs_table **table = &candidate->fib[slot][f];
		int err;

		if (!*table)
			*table = xs_table_new(candidate->pool, f == XS_FAMILY4 ? 4 : 16);
		if (!*table)
			return -errno;
		err = xs_table_set(*table, any, 0, leaf);
		if (err < 0)
			return err;
		root[f] = xs_table_root(*table);
	}
	return 0;
}

static int fill_slice(struct candidate *candidate, const struct rig *rig, uint32_t slice)
{
	struct xs_nexthop *nexthop = xs_node_maps_nexthop(&candidate->maps);
	struct xs_slice entry = {};
	int err;

	err = put_link(candidate, CANDIDATE_IN_LINK + slice - 1, slice, CANDIDATE_IN_PORT, rig->in_ifindex, 100 + slice,
		       rig->in_mac);
	if (!err)
		err = put_link(candidate, CANDIDATE_OUT_LINK + slice - 1, slice, CANDIDATE_OUT_PORT, rig->out_ifindex,
			       200 + slice, rig->out_mac);
	if (err)
		return err;
	for (uint32_t i = 0; i < CANDIDATE_NEXTHOPS; i++) {
		struct xs_nexthop *to = &nexthop[candidate_nexthop(slice, i)];

		memcpy(to->dmac, rig->receiver_mac, 6);
		memcpy(to->smac, rig->out_mac, 6);
		to->tci = htons(200 + slice);
		to->mtu = MTU;
		to->ifindex = rig->out_ifindex;
		to->vport = CANDIDATE_OUT_LINK + slice - 1;
		to->kind = XS_NEXTHOP_FORWARD;
	}
	err = make_tables(candidate, slice, candidate_nexthop(slice, 0), entry.fib_root);
	return err ? err : put(candidate, XS_MAP_slice, slice, &entry);
}

int candidate_open(struct candidate *candidate, const struct rig *rig, const struct candidate_size *size)
{
	struct xs_port in = {.ifindex = rig->in_ifindex}, out = {.ifindex = rig->out_ifindex};
	int err;

	memset(candidate, 0, sizeof(*candidate));
	err = load(candidate, size);
	if (err)
		goto out;
	candidate->pool = xs_pool_new(xs_node_maps_tables(&candidate->maps), NULL, NULL);
	if (!candidate->pool) {
		err = -ENOMEM;
		goto out;
	}
	err = put_port(candidate, CANDIDATE_IN_PORT, &in);
	if (!err)
		err = put_port(candidate, CANDIDATE_OUT_PORT, &out);
	for (uint32_t slice = 1; slice <= CANDIDATE_SLICES && !err; slice++)
		err = fill_slice(candidate, rig, slice);
out:
	if (err) {
		fprintf(stderr, "bench: the datapath did not load: %s\n", strerror(-err));
		candidate_close(candidate);
	}
	return err;
}

void candidate_close(struct candidate *candidate)
{
	for (int i = 0; i <= CANDIDATE_SLICES; i++)
		for (unsigned int f = 0; f < XS_FAMILIES; f++)
			if (candidate->fib[i][f])
				xs_table_free(candidate->fib[i][f]);
	if (candidate->pool)
		xs_pool_free(candidate->pool);
	if (candidate->maps.cpus)
		xs_node_maps_close(&candidate->maps);
	xslice_bpf__destroy(candidate->skeleton);
	memset(candidate, 0, sizeof(*candidate));
}

int candidate_use_mux(struct candidate *candidate, const struct rig *rig, uint32_t mux)
{
	struct xs_port port = {.ifindex = rig->in_ifindex, .flags = XS_PORT_USER, .untagged = CANDIDATE_EDGE, .mux = mux};
	struct xs_vport edge = {
		.kind = XS_VPORT_EDGE, .port = CANDIDATE_IN_PORT, .port_ifindex = rig->in_ifindex, .mtu = MTU,
	};
	struct xs_vport end = {
		.kind = XS_VPORT_MUX, .port = CANDIDATE_IN_PORT, .port_ifindex = rig->in_ifindex, .edge = CANDIDATE_EDGE, .mtu = MTU,
	};
	int err;

	err = make_tables(candidate, 0, 1, port.source_root);
	memcpy(edge.mac, rig->in_mac, 6);
	memcpy(end.mac, rig->in_mac, 6);
	if (!err)
		err = put(candidate, XS_MAP_vport, CANDIDATE_EDGE, &edge);
	for (uint32_t slice = 1; slice <= CANDIDATE_SLICES && !err; slice++) {
		end.slice = slice;
		err = put(candidate, XS_MAP_vport, CANDIDATE_MUX + slice - 1, &end);
	}
	return err ? err : put_port(candidate, CANDIDATE_IN_PORT, &port);
}
