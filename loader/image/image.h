/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image.h - all that one node needs, as plain records. Made by xs_image_build() (build.h) from a plan, carried by the store, read by
 * the agent. An agent knows nothing but its image.
 *
 * Always holds of a struct xs_image: it was checked (magic, version, sizes, checksum, order, every reference leads to a
 * record, names end in NUL, numbers lie in the contract's ranges), records are sorted by (type, key) and keys are unique.
 * Same plan, same bytes. All numbers are host byte order: images do not travel between byte orders, and the magic says so.
 */
#ifndef XSLICE_IMAGE_IMAGE_H
#define XSLICE_IMAGE_IMAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/base/address.h"
#include "maps/contract.h"

#define XS_IMAGE_MAGIC 0x31656369u /* "ice1" */
#define XS_IMAGE_VERSION   5
#define XS_IMAGE_NAME 16 /* device-like names, NUL included */
#define XS_IMAGE_LONG_NAME 64
#define XS_IMAGE_SIZE_MAX (1u << 30)

struct xs_image_header {
	uint32_t magic, version;
	uint64_t size;     /* of the whole, bytes */
	uint32_t checksum; /* CRC-32 (zlib) of all that follows the header */
	uint32_t record_count;
	char node[XS_IMAGE_NAME];
};
static_assert(sizeof(struct xs_image_header) == 40, "header");

/*
 * Ids are unique on the node, stable over changes, never 0. Port, vport and mux ids index the maps of maps/contract.h; so
 * low ones are given first, and none above these is accepted.
 */
#define XS_PORT_ID_MAX 4095
#define XS_VPORT_ID_MAX ((1u << 20) - 1)
#define XS_MUX_ID_MAX 4095
#define XS_CELL_ID_MAX ((1u << 24) - 1)
#define XS_PAGE_ID_MAX ((1u << 20) - 1)

enum xs_record_type {
	XS_REC_NODE = 1,
	XS_REC_PORT,
	XS_REC_RESERVED,
	XS_REC_SLICE,
	XS_REC_VPORT,
	XS_REC_SOURCE,
	XS_REC_ROUTE,
	XS_REC_PROXY,
	XS_REC_CELL,
	XS_REC_MUX,
	XS_REC_CONDITION,
	XS_REC_PAGE,
	XS_REC_ADDRESS,
	XS_REC_POOL,
	XS_REC_COUNT,
};

/* Every record starts with this; the key's fields follow it directly (key sizes: xs_record_info()). */
struct xs_record {
	uint16_t type;
	uint16_t size; /* with this head; a multiple of 8 */
	uint32_t pad;
};

struct xs_rec_node {
	struct xs_record head; /* key: none, one per image */
	uint32_t blocks;       /* size of the address tables' pool */
	uint32_t guards;       /* ... and of that of their guards, at least: they may be more, by what the blocks are */
	uint32_t conditions;   /* how many conditions the rule maps must hold at once (both revisions of a change) */
	uint32_t cells;        /* entries of the cell map: more than the highest cell id, with head-room */
};

/* A port of the node that something of ours uses. */
struct xs_rec_port {
	struct xs_record head;
	uint32_t id;   /* key */
	uint32_t user; /* 1: a gateway or MUX takes its untagged frames */
	char name[XS_IMAGE_NAME];
	char interface[XS_IMAGE_NAME];
	uint16_t mtu; /* largest untagged IP packet */
	uint8_t mode, attach, stack; /* enum xs_port_mode, _attach, _stack */
	uint8_t labelled; /* 1: link slivers use it, so frames are 4 bytes longer */
	uint8_t exit; /* 1: of the MUX that names it; its frames go to that MUX's port, and no virtual port uses it */
	uint8_t wan;  /* 1: the node's own routing instance reaches the WAN by it; a vport of kind WAN is its */
	/* A VLAN of users on another port, whose interface, mode, attach and stack it repeats: its frames bear this tag there. */
	uint32_t on;  /* that port's id; 0: it is a physical port */
	uint16_t vid; /* host order */
	uint8_t pad[2];
};

struct xs_rec_reserved {
	struct xs_record head;
	uint32_t port;        /* key */
	uint16_t first, last; /* key; labels left to the host */
};

/* A VRF node sliver on this node (R5: one per slice). Its namespace is named by xs_sliver_netns(). */
struct xs_rec_slice {
	struct xs_record head;
	uint32_t id; /* key; domain-wide slice id */
	uint32_t vrf_id; /* R9 */
	char name[XS_IMAGE_NAME];
	char vrf[XS_IMAGE_NAME];
};

/* A virtual port of a sliver, or an edge (kind EDGE: a namespace of its own, slice 0). Its veth inside bears its name. */
struct xs_rec_vport {
	struct xs_record head;
	uint32_t id;    /* key */
	uint32_t kind;  /* enum xs_vport_kind */
	uint32_t slice; /* 0 for an edge */
	uint32_t port;  /* UPLINK: 0 */
	uint32_t edge;  /* MUX: its edge's vport id; else 0 */
	uint16_t vid;   /* host order; 0: untagged. GATEWAY, EDGE: the port's */
	uint16_t mtu;
	char name[XS_IMAGE_NAME]; /* of the device in the namespace: the link's, gateway's, MUX's, "wan" of an uplink; an edge's and a WAN's: the port's */
	struct xs_mac mac;        /* on the wire (MUX: of its veth inside; users see the edge's). UPLINK: of its veth inside. WAN: none, the device has its own */
	struct xs_mac relay;      /* EDGE: what slivers send to; MUX: the same, the permanent neighbour of `peer`. UPLINK: likewise, what the sliver sends to the WAN by */
	/*
	 * By family (XS_FAMILY4, XS_FAMILY6), at least one of them; NONE and 0 in all where a family is not carried. UPLINK: peer alone,
	 * XS_UPLINK_PEER*, of the families that the slice carries. WAN: none.
	 */
	uint8_t length[XS_FAMILIES]; /* of the address' on-link prefix; MUX: the family's bits */
	uint8_t pad[2];
	struct xs_address address[XS_FAMILIES]; /* its own */
	/* LINK: the other end's; MUX: the edge's in the MUX's subnet; EDGE: its own there; else NONE */
	struct xs_address peer[XS_FAMILIES];
	/* MUX: the edge's address on the users' link, held by the sliver on lo, too; else NONE */
	struct xs_address shared[XS_FAMILIES];
};

/* Does it carry the family (XS_FAMILY4, XS_FAMILY6)? An uplink does without an address of its own. */
static inline bool xs_vport_carries(const struct xs_rec_vport *vport, unsigned int family)
{
	return vport->address[family].family || vport->peer[family].family;
}

/* Has it a veth, and so a namespace that the veth leads to? */
static inline bool xs_vport_has_veth(const struct xs_rec_vport *vport)
{
	return vport->kind != XS_VPORT_WAN;
}

/* "link", "gateway", "mux", "edge", "uplink", "wan"; "none". */
const char *xs_vport_kind_name(uint32_t kind);

/* A prefix that users behind this vport (GATEWAY or EDGE) may have as source. */
struct xs_rec_source {
	struct xs_record head;
	uint32_t vport; /* key */
	struct xs_prefix prefix; /* key */
};

/* A route in the namespace of a sliver (its slice id) or of an edge (slice 0, its vport). */
struct xs_rec_route {
	struct xs_record head;
	uint32_t slice; /* key */
	uint32_t edge;  /* key: the edge's vport id where slice is 0; else 0 */
	struct xs_prefix prefix; /* key */
	uint32_t vport; /* the device it leaves by: a vport of that namespace */
	struct xs_address via; /* NONE: on-link by that device */
	uint32_t pad;
};

/* A prefix for which an edge answers ARP as a proxy (R8): what its slices can reach. */
struct xs_rec_proxy {
	struct xs_record head;
	uint32_t edge; /* key: vport id */
	struct xs_prefix prefix; /* key */
};

enum xs_cell_kind { XS_CELL_VM = 1, XS_CELL_GROUP };

/* A switch cell (maps/contract.h). Ids are domain-wide and bear no order. */
struct xs_rec_cell {
	struct xs_record head;
	uint32_t id; /* key */
	uint32_t kind; /* enum xs_cell_kind */
	uint32_t group; /* VM: id of its group's cell; 0: none */
	uint32_t slice; /* what a new one names: VM: where it comes from; GROUP: 0 */
	uint64_t generation; /* of a new one */
	char name[XS_IMAGE_LONG_NAME]; /* the migration's or group's */
};

struct xs_rec_mux {
	struct xs_record head;
	uint32_t id;   /* key */
	uint32_t edge; /* its edge's vport id; the edge says the port */
	uint32_t exit; /* R16: port id, where goes on unchanged what no slice takes; 0: nowhere, it is dropped */
	uint32_t pad;
	char name[XS_IMAGE_NAME];
};

/* One condition of one list of one MUX, in the order of the naive walk. */
struct xs_rec_condition {
	struct xs_record head;
	uint32_t mux;      /* key */
	uint32_t position; /* key: 0.. in the order of the walk */
	uint32_t slice;
	uint32_t vport;    /* the MUX vport of that slice */
	uint32_t vm_cell, group_cell; /* 0: none */
	uint32_t fields;   /* enum xs_condition_field */
	struct xs_prefix destination, source;
	uint16_t source_port[2], destination_port[2], dscp[2]; /* first, last */
	uint32_t input_port; /* port id */
	uint8_t protocol;
	uint8_t pad[3];
	uint32_t number;   /* 1..: place in its filter list, for people */
	char filter[XS_IMAGE_LONG_NAME];
	uint32_t pad2;
};

/*
 * Paging: a page, or a part of one that lies elsewhere than the rest (a link's own address). The node's routing instance has a
 * route to those with an uplink, by it, of protocol 158 (XS_RTPROT), for its routing daemon to take up.
 */
struct xs_rec_page {
	struct xs_record head;
	uint32_t slice;          /* key */
	struct xs_prefix prefix; /* key: the slice's own, virtual */
	uint32_t id;             /* unique on the node; low ones first */
	uint32_t uplink;         /* the slice's UPLINK vport on this node, where its hosts are; 0: elsewhere */
	struct xs_prefix mapped; /* in the WAN, of the same family and length */
	struct xs_address own;   /* with an uplink: in whose name errors of the WAN's routers are sent on; else NONE */
	uint32_t pad[2];
};

/* Paging: an address that a sliver has (on lo), or, slice 0, that the node's own routing instance has, and has a route to for its
 * daemon: of VRFs and links on nodes where the slice has no sliver, mapped (R35, R36). */
struct xs_rec_address {
	struct xs_record head;
	uint32_t slice;          /* key; 0: the node's own */
	struct xs_prefix prefix; /* key: of full length */
};

/*
 * Paging: WAN addresses that are no user's here, beside those of the pages: what the domain's pages are given out of, and pages that are
 * written elsewhere, of slices that have no sliver on this node.
 */
struct xs_rec_pool {
	struct xs_record head;
	struct xs_prefix prefix; /* key */
	uint32_t written; /* 1: a page's, and no pool of the domain */
};

/* Neighbours on an uplink: what a sliver sends to the WAN by, and what the node's own instance sends to the sliver by. */
#define XS_UPLINK_PEER4 "169.254.88.1"
#define XS_UPLINK_SELF4 "169.254.88.2"
#define XS_UPLINK_PEER6 "fe80::1"
#define XS_UPLINK_SELF6 "fe80::2"

struct xs_record_info {
	const char *name;
	uint16_t size;     /* of the record */
	uint16_t key_size; /* bytes behind the head */
};
/* NULL for a type that does not exist. */
const struct xs_record_info *xs_record_info(unsigned int type);

/* Order of an image: by type, then by the key's numbers and prefixes. Both must be of types that exist. */
int xs_record_compare(const struct xs_record *a, const struct xs_record *b);

struct xs_image {
	const struct xs_image_header *header;
	size_t size;
	const struct xs_record **record; /* header->record_count, sorted */
	size_t first[XS_REC_COUNT], count[XS_REC_COUNT]; /* records of a type: record[first .. first + count) */
	void *memory;
};

/*
 * Takes a copy of `bytes`. 0, or -EBADMSG with a sentence in *why (static text, NULL allowed) when it must be refused,
 * -EPROTONOSUPPORT for another version, -ENOMEM. *out is unchanged on failure.
 */
int xs_image_read(const void *bytes, size_t size, struct xs_image **out, const char **why);
void xs_image_free(struct xs_image *image);

/* Record of a type by key (key_size bytes as they stand behind the head); NULL if there is none. */
const void *xs_image_find(const struct xs_image *image, unsigned int type, const void *key);

/* i-th record of a type; NULL past the end. */
static inline const void *xs_image_at(const struct xs_image *image, unsigned int type, size_t i)
{
	return i < image->count[type] ? image->record[image->first[type] + i] : NULL;
}

/* The MUX whose edge it is; NULL if there is none. */
const struct xs_rec_mux *xs_image_mux_of_edge(const struct xs_image *image, uint32_t edge);

enum xs_change { XS_ADDED = 1, XS_REMOVED, XS_CHANGED };

/*
 * Calls fn for each record that differs, in order; before/after is NULL where added/removed. Either image may be NULL
 * (empty). Stops at and returns fn's first non-zero value.
 */
int xs_image_diff(const struct xs_image *before, const struct xs_image *after,
		  int (*fn)(void *context, enum xs_change change, const struct xs_record *before, const struct xs_record *after),
		  void *context);

/* Names of namespaces, derived so that node, agent and tests agree. buf of XS_NETNS_NAME bytes. */
#define XS_NETNS_NAME 40
const char *xs_sliver_netns(const char *node, const char *slice, char *buf); /* "xs.NODE.SLICE" */
const char *xs_edge_netns(const char *node, const char *port, char *buf);    /* "xs.NODE@PORT" */

/*
 * For making one: records are appended in any order. Both ways to end sort them, make the bytes and read those as who gets them
 * will: one returns what was read, the other the malloc()ed bytes.
 */
struct xs_image_writer;
struct xs_image_writer *xs_image_writer_new(const char *node);
int xs_image_writer_add(struct xs_image_writer *writer, const void *record); /* copied; -EEXIST for a second key */
int xs_image_writer_read(struct xs_image_writer *writer, struct xs_image **out);
int xs_image_writer_finish(struct xs_image_writer *writer, void **bytes, size_t *size);
void xs_image_writer_free(struct xs_image_writer *writer);

#endif
