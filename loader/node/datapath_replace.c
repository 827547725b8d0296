// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * datapath_replace.c - programs on many devices at once. After maps were copied into larger ones: every hook of the node's namespace that runs a former program
 * gets the one that reads the new maps, so that nothing goes on in maps that nobody writes any more. Where our programs are
 * is read from the pins and from the vport map. (tc_edge reads no map; it and tc_uplink, which reads what was copied, are replaced when they are next attached.) And of what is
 * on ports, what is no longer wanted goes.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/node/datapath_private.h"

/* The ifindex that a pin's name carries behind the prefix; 0: the name is another. */
static uint32_t index_of(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(name, prefix, length) ? 0 : strtoul(name + length, NULL, 10);
}

/* ... of a pin or record of xdp_port, alone on its port or not. */
static uint32_t xdp_index_of(const char *name)
{
	uint32_t index = index_of(name, XS_PIN_XDP);

	return index ? index : index_of(name, XS_PIN_SHARED);
}

static int replace_on_ports(struct xs_datapath *datapath, int netns, char *error)
{
	struct dirent **entry;
	int count = scandir(datapath->directory, &entry, NULL, alphasort), err = 0;

	if (count < 0)
		return xs_explain(error, -errno, "%s: %s", datapath->directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		uint32_t xdp = xdp_index_of(entry[i]->d_name), tc = index_of(entry[i]->d_name, XS_PIN_TC);
		int result = 0;

		if (xdp && !err)
			result = xs_datapath_exchange(datapath, XS_HOOK_XDP_PORT, netns, xdp);
		else if (tc && !err)
			result = xs_datapath_exchange(datapath, XS_HOOK_TC_PORT, netns, tc);
		if (result < 0)
			err = xs_explain(error, result, "device %u: cannot replace the program: %s", xdp ? xdp : tc,
					 strerror(-result));
		free(entry[i]);
	}
	free(entry);
	return err;
}

int xs_datapath_replace(struct xs_datapath *datapath, int netns, char *error)
{
	int err = replace_on_ports(datapath, netns, error);

	for (uint32_t id = 1; !err && id < datapath->maps.entries[XS_MAP_vport]; id++) {
		struct xs_vport vport;

		err = xs_node_maps_get(&datapath->maps, XS_MAP_vport, id, &vport);
		if (err) {
			xs_explain(error, err, "vport %u: %s", id, strerror(-err));
		} else if (vport.veth) {
			int result = xs_datapath_exchange(datapath, XS_HOOK_TC_SLIVER, netns, vport.veth);

			if (result < 0)
				err = xs_explain(error, result, "veth of vport %u: cannot replace the program: %s", id,
						 strerror(-result));
		}
	}
	return err;
}

int xs_datapath_keep(struct xs_datapath *datapath, enum xs_hook hook, int netns, const uint32_t *ifindex, size_t count)
{
	struct dirent **entry;
	int entries = scandir(datapath->directory, &entry, NULL, alphasort), err = 0;

	if (entries < 0)
		return -errno;
	for (int i = 0; i < entries; i++) {
		const char *name = entry[i]->d_name;
		uint32_t there = hook == XS_HOOK_XDP_PORT ? xdp_index_of(name) : index_of(name, XS_PIN_TC);
		bool kept = !there;

		for (size_t k = 0; k < count; k++)
			kept |= ifindex[k] == there;
		if (!kept && !err)
			err = xs_datapath_detach(datapath, hook, netns, there);
		free(entry[i]);
	}
	free(entry);
	return err;
}
