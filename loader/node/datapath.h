/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath.h - the BPF object of a node: loaded, pinned, attached, replaced in place, taken away.
 *
 * Always holds: maps are filled before a program that reads them is attached, but for the word that opens a port; XDP is attached by a pinned link of our own,
 * or, shared, behind libxdp's dispatcher, so it outlives the agent; tc by clsact filters of our own handle and priority. What stands at the pins is taken up if it is
 * of this layout and this code, and programs are replaced in place (no gap) if the code is another.
 *
 * Pins of a node, in xs_pin_dir(): MAP (maps), prog_PROGRAM, link_xdp_IFINDEX; and as empty directories, which are records
 * that end with a reboot as what they record does: shared_IFINDEX (a program of ours behind libxdp's dispatcher), tc_IFINDEX (a
 * filter of ours on a port), qdisc_IFINDEX (its clsact qdisc is ours, too).
 */
#ifndef XSLICE_NODE_DATAPATH_H
#define XSLICE_NODE_DATAPATH_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/node/netlink.h"
#include "maps/node_maps.h"

struct xs_datapath;

struct xs_datapath_size {
	/* Entries; rounded up as needed. pages: of MUXes' rules. mappings: of paging's pages. */
	uint32_t ports, vports, slices, nexthops, groups, blocks, guards, cells, muxes, pages, nodes, vectors, generals, mappings;
};

enum xs_hook {
	XS_HOOK_XDP_PORT,  /* native or generic XDP on a physical port */
	XS_HOOK_TC_PORT,   /* clsact ingress on a physical port */
	XS_HOOK_TC_SLIVER, /* clsact ingress on the node's end of a sliver's or edge's veth */
	XS_HOOK_TC_EDGE,   /* clsact ingress on the inner end of an edge's veth, in the edge's namespace */
	XS_HOOK_TC_UPLINK, /* likewise of an uplink's, in the sliver's namespace */
	XS_HOOK_COUNT,
};

/* How xdp_port is on its port. */
enum xs_how {
	XS_HOW_GENERIC = 1 << 0, /* after the driver; 0: in it */
	XS_HOW_SHARED = 1 << 1,	 /* behind libxdp's dispatcher, beside others' programs; 0: alone */
};

/* Filters of ours on a clsact qdisc. */
#define XS_TC_HANDLE 1
#define XS_TC_PRIORITY 0x5853 /* "XS" */

/*
 * Loads or takes up the node's object. A pinned map of another layout is refused: -EPROTO. Pinned maps that are too small
 * for `size` are replaced by larger ones with the same content; programs that are attached read the former ones until
 * xs_datapath_replace(), so call that at once when xs_datapath_grown() says so. error: >= 256 bytes.
 * spare: NULL, or from xs_datapath_spare(); where nothing is pinned and it is large enough it serves in place of a load. It
 * stays the caller's to close in any case.
 */
int xs_datapath_open(const char *node, const struct xs_datapath_size *size, struct xs_datapath *spare,
		     struct xs_datapath **out, char *error);

/*
 * An object that is loaded and neither pinned nor attached: verifying the programs is most of what a first apply takes, and
 * may be done while nobody waits, or by another thread. Good for nothing but xs_datapath_open() and xs_datapath_close().
 */
int xs_datapath_spare(const struct xs_datapath_size *size, struct xs_datapath **out, char *error);
bool xs_datapath_spare_fits(const struct xs_datapath *spare, const struct xs_datapath_size *size);
void xs_datapath_close(struct xs_datapath *datapath); /* leaves everything attached */
struct xs_node_maps *xs_datapath_maps(struct xs_datapath *datapath);
bool xs_datapath_taken_up(const struct xs_datapath *datapath); /* the maps were there: they hold a former agent's content */
bool xs_datapath_grown(const struct xs_datapath *datapath);    /* ... but at least one is a larger copy now */

/* Are the maps still at their pins? If not, links have gone with theirs, and a new object must be loaded. */
bool xs_datapath_pinned(const struct xs_datapath *datapath);

/* Puts the loaded programs in the place of former ones wherever one is attached in the node's namespace (descriptor). */
int xs_datapath_replace(struct xs_datapath *datapath, int netns, char *error);

/* Do the maps have room for `size`? If not, open it again, replace, and take up as after a restart. */
bool xs_datapath_fits(const struct xs_datapath *datapath, const struct xs_datapath_size *size);

/*
 * Attaches if it is not (0: was so, 1: attached or replaced). netns: descriptor of the device's namespace. -EBUSY: a program
 * that is not ours is there; its name is in `error`. how: of enum xs_how, XDP_PORT only.
 */
int xs_datapath_attach(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex, unsigned int how, char *error);
/*
 * The same for many, by a socket of their namespace and for hooks of tc: is the program there, and nothing to be done?
 * And for devices that were made just now, so that nothing is on them: 0 or negative errno; then each is to be attached
 * by itself, which says more.
 */
bool xs_datapath_is_attached(const struct xs_datapath *datapath, enum xs_hook hook, struct xs_netlink *netlink,
			     uint32_t ifindex);
int xs_datapath_attach_new(const struct xs_datapath *datapath, enum xs_hook hook, struct xs_netlink *netlink,
			   const uint32_t *ifindex, size_t count);
/* 0 also where nothing was attached or the device is gone. */
int xs_datapath_detach(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex);

/* Takes the program off every port that it is on and that is not among the `count` given: XDP_PORT and TC_PORT only. */
int xs_datapath_keep(struct xs_datapath *datapath, enum xs_hook hook, int netns, const uint32_t *ifindex, size_t count);

/* Is it one of this node's programs, loaded by us? context: the datapath. */
bool xs_datapath_owns(void *context, uint32_t program_id);

#define XS_WHO_SIZE 96
/* May a port be used that carries this XDP program? If not, `who` is the one in the way. For xs_node_make(); context: the datapath. */
bool xs_datapath_admits(void *context, uint32_t ifindex, uint32_t program_id, bool shared, char who[XS_WHO_SIZE]);

/* The ids of the loaded programs, XS_HOOK_COUNT of them, by enum xs_hook. */
const uint32_t *xs_datapath_program_ids(const struct xs_datapath *datapath);

/*
 * Detaches and unpins all of a node, whatever its version. netns: descriptor of the node's namespace, -1: it is gone and what
 * was attached in it with it. 0 also if there was nothing.
 */
int xs_datapath_clean(const char *node, int netns, char *error);

#endif
