/* SPDX-License-Identifier: (GPL-2.0-only OR GPL-2.0-or-later) */
/*
 * contract.h - what the datapath and user space agree on. Included by bpf/, by maps/, by the tests; stated nowhere else.
 *
 * Owner: the agent (xsliced) writes every map here except the counters, which only the datapath writes.
 * Always holds:
 *  - index 0 of port, vport, slice, nexthop, page, mux, mux_page, mux_node and cell means "none" and is never handed out
 *    (but slice 0's tables are the substrate's, see struct xs_slice);
 *  - an entry is filled completely before anything that leads to it is written (fill, then publish);
 *  - fields are host byte order unless typed __be16/__be32 or named mac; addresses are in wire order;
 *  - padding is zero. A change of layout changes XS_CONTRACT_VERSION: the version stands in the pin path, so old and new
 *    never share a map.
 */
#ifndef XSLICE_MAPS_CONTRACT_H
#define XSLICE_MAPS_CONTRACT_H

#include <linux/types.h>

#define XS_CONTRACT_VERSION 6

/* Every pin of a node lies under XS_PIN_ROOT/<node>/v<XS_CONTRACT_VERSION>/. Mode of the directories: 0700. */
#define XS_PIN_ROOT "/sys/fs/bpf/xslice"

#ifdef __bpf__
#define XS_ASSERT(expr) _Static_assert(expr, #expr)
#else
#include <assert.h>
#include <stddef.h>
#define XS_ASSERT(expr) static_assert(expr, #expr)
#endif

/* What there is once per family stands in an array that these index (loader/base/address.h says the same). */
#define XS_FAMILY4 0
#define XS_FAMILY6 1
#define XS_FAMILIES 2

#define XS_MAC_LEN 6
#define XS_VID_MIN 1
#define XS_VID_MAX 4094
#define XS_VIDS 4096

/* An address of either family, wire order. How many bytes count is the family's: 4 or 16; the others are zero. */
union xs_wire_address {
	__be32 v4;
	__be32 word[4];
	__u8 byte[16];
};
XS_ASSERT(sizeof(union xs_wire_address) == 16);

/* ---- ports and labels ---------------------------------------------------------------------------------------------- */

/* port_of_ifindex: array, mapped, key ifindex (below XS_IFINDEX_MAX; the agent refuses a port above), value __u32 port id. */
#define XS_IFINDEX_MAX 65536

enum xs_port_flag {
	XS_PORT_LOCAL_STACK = 1 << 0, /* a local stack lies behind (TAP, pod veth): there is no XDP before tc */
	XS_PORT_USER = 1 << 1,        /* a gateway or a MUX uses its untagged frames: sources are checked */
	XS_PORT_GENERIC = 1 << 2,     /* XDP in generic mode, which sends as the kernel does */
	XS_PORT_BY_TC = 1 << 3,       /* what XDP sends there would be lost: a local stack's, or a driver's without native XDP */
	XS_PORT_MERGED = 1 << 4,      /* XDP may see several frames as one (TAP, generic mode) */
	/* XDP may see frames whose checksum the device was to finish: users' (veth) or anybody's (TAP, generic mode). */
	XS_PORT_UNFINISHED = 1 << 5,
};

/*
 * vport_of_ifindex: array, mapped, key ifindex of the node's end of a sliver's or edge's veth, value __u32 vport id: whose the frames
 * are that come out of it.
 */

/* port: array, mapped, key port id. A physical port of the node, or a VLAN of users on one. */
struct xs_port {
	__u32 ifindex;
	__u32 flags;         /* enum xs_port_flag */
	__u32 untagged;      /* vport that takes untagged frames: a gateway's, or the edge's; 0: they are the host's. A VLAN's: its own */
	__u32 mux;           /* mux that selects the slice of untagged IP packets; 0: untagged belongs to the vport's slice */
	__u32 source_root[XS_FAMILIES]; /* address tables of the sources that users may have; 0: none is declared, so none is allowed */
	/* With a mux: the edge's own on the users' link; packets to it go to the edge. Zero: it has none of this family. */
	union xs_wire_address edge_address[XS_FAMILIES];
	/* Both ports of a MUX with an exit (R16) name each other: what is nobody's here goes out there as it came. 0: nowhere. */
	__u32 other_ifindex;
	__u32 other_flags; /* ... and the flags of that port */
};
XS_ASSERT(sizeof(struct xs_port) == 64);

/*
 * label: array, mapped, key port id * XS_VIDS + VLAN id, value __u32: the vport that the label leads to, 0 (unknown), XS_LABEL_PORT and a port
 * id (a VLAN of users, which is a port of its own: what bears this tag is untagged there), or XS_LABEL_HOST (the port reserves this
 * tag for the host).
 */
#define XS_LABEL_PORT 0x80000000u
#define XS_LABEL_HOST 0xffffffffu

/* ---- vports: the virtual ports of slivers (and of edges) ------------------------------------------------------------ */

enum xs_vport_kind {
	XS_VPORT_NONE,
	XS_VPORT_LINK,    /* end of a point-to-point link sliver: labelled on the wire */
	XS_VPORT_GATEWAY, /* gateway whose sliver is the port's edge: untagged on the wire */
	XS_VPORT_MUX,     /* a slice's end of a MUX_DEMUX: what leaves by it is sent on by the edge */
	XS_VPORT_EDGE,    /* the edge's own, shared by all slices behind a MUX: untagged on the wire, slice 0 */
	/* Paging. A slice has one uplink on each node where it has a gateway or MUX, whatever links its VRF there has. */
	XS_VPORT_UPLINK,  /* a sliver's veth to the node's own routing instance; beyond it addresses are the WAN's */
	XS_VPORT_WAN,     /* a port by which the node's own instance reaches the WAN: no veth, untagged, slice 0 */
};

/* vport: array, mapped, key vport id. */
struct xs_vport {
	__u32 kind;         /* enum xs_vport_kind */
	__u32 slice;        /* slice id; 0 for an edge and for a WAN's */
	__u32 port;         /* physical port it sends by; UPLINK: 0, the substrate's routes say which */
	__u32 port_ifindex; /* ... and that port's ifindex */
	__u32 port_flags;   /* ... and its flags: copied, so that emission reads one entry */
	__u32 veth;         /* ifindex of the node's end of its veth: what is punted goes in there */
	__u32 edge;         /* MUX: the edge's vport id; else 0 */
	__u16 vid;          /* label on the wire, or the VLAN of its users; 0: untagged */
	__u16 mtu;          /* largest IP packet, bytes */
	__u8 mac[XS_MAC_LEN];        /* its MAC on the wire: taken as destination, given as source (R7). MUX: the edge's. WAN: the device's */
	__u8 sliver_mac[XS_MAC_LEN]; /* MAC of the veth's end inside the namespace: a punted frame's destination */
	__u8 relay_mac[XS_MAC_LEN];  /* EDGE: frames from slivers for users carry this as destination (see tc_edge) */
	__u8 pad[14];
};
XS_ASSERT(sizeof(struct xs_vport) == 64);

/* ---- slices and their FIBs ------------------------------------------------------------------------------------------ */

/*
 * slice: array, mapped, key slice id (1..65535, unique in the domain). Slice 0 counts what was in no slice; its tables are the node's own
 * routing instance, the substrate that slices by paging share: routes by the ports of its WAN, and pages by the addresses there.
 */
#define XS_SLICE_MAX 65535
struct xs_slice {
	/* Address tables; their leaves are nexthop ids. One word each: a rebuilt table comes into force by one store. */
	__u32 fib_root[XS_FAMILIES];
	/* Address tables whose leaves are page ids: by virtual address, and in slice 0 by WAN address. 0: no paging. */
	__u32 page_root[XS_FAMILIES];
};
XS_ASSERT(sizeof(struct xs_slice) == 16);

/* ---- pages --------------------------------------------------------------------------------------------------------- */

/*
 * page: array, mapped, key page id. A prefix of a slice's addresses and the WAN prefix of the same length that it is mapped to, or a part
 * of such a pair that lies elsewhere than the rest. Both tables of a node lead to the same entry. Mapping and unmapping an address
 * are the same exclusive or, since only bits of the prefix differ; and whichever host it is, sums change by the same amount.
 * Small, and never over two cache lines: with many pages it is their memory that a packet waits for.
 *
 * What else the WAN's table has leads to an entry of no slice, which changes nothing: addresses of the domain's pools, and of pages of
 * slices that have no part in this node. No user may have them, and they are no stranger's.
 */
#define XS_PAGE_WORDS 2
#define XS_PAGE_LONG (1u << 31)
struct xs_page {
	__be32 change[XS_PAGE_WORDS]; /* virtual prefix xor WAN prefix: IPv4's, or the first half of IPv6's */
	/*
	 * Sum of the WAN prefix' 16-bit words less that of the virtual prefix', ones' complement (RFC 1624: m' - m), 1..0xffff, in
	 * the order of bytes in which checksums of packets are added up: as loaded from the wire.
	 */
	__u16 sum;
	__u16 slice;  /* 0: of none that has a part in this node */
	__u32 uplink; /* XS_PAGE_LONG: page_rest says how the other half changes. The rest: the slice's UPLINK, where its hosts are here; else 0 */
};
XS_ASSERT(sizeof(struct xs_page) == 16);

/* page_rest: array, mapped, key page id. What few packets ask for. */
struct xs_page_rest {
	__be32 change[XS_PAGE_WORDS]; /* of prefixes longer than 64 bits */
	/* Where its hosts are on this node: the gateway's own virtual address, in whose name errors of the WAN's routers leave. */
	union xs_wire_address own;
};
XS_ASSERT(sizeof(struct xs_page_rest) == 24);

enum xs_nexthop_kind {
	XS_NEXTHOP_PUNT,      /* the sliver's kernel decides: own address, known neighbour that does not answer (yet), ... */
	XS_NEXTHOP_FORWARD,   /* emit with what stands here */
	XS_NEXTHOP_EDGE,      /* look the destination up in table edge_root (users behind a MUX), then as above */
	XS_NEXTHOP_BLACKHOLE, /* drop(blackhole) */
	XS_NEXTHOP_RESOLVE,   /* punt: the kernel has to look for a new neighbour; how many is limited (struct xs_unresolved) */
	XS_NEXTHOP_UNREACHABLE, /* punt: the kernel says so by an ICMP error */
	XS_NEXTHOP_GROUP,     /* one of several, by the flow: a slot of the group says which */
	XS_NEXTHOP_UPLINK,    /* map both addresses to the WAN's, then look the new destination up in the substrate's table (slice 0) */
};

/*
 * nexthop: array, mapped. All that emission needs, so that a packet reads one line. Changing an entry that packets may be
 * reading: kind = PUNT, one grace period, the rest, then kind.
 */
struct xs_nexthop {
	__u8 dmac[XS_MAC_LEN];
	__u8 smac[XS_MAC_LEN];
	__be16 tci; /* VLAN tag control information to send with; 0: untagged */
	__u16 mtu;  /* largest IP packet, bytes */
	__u32 ifindex;
	__u32 vport;      /* sends by this vport: for the counters. UPLINK: the slice's. GROUP: mixed into the flow's hash, so that nodes differ */
	__u32 edge_root;  /* EDGE: address table whose leaves are nexthop ids; of the family of the routes that lead here */
	__u8 kind;        /* enum xs_nexthop_kind */
	__u8 port_flags;  /* enum xs_port_flag of the port it sends by */
	__u16 group;      /* GROUP: its entry in the map `group` */
};
XS_ASSERT(sizeof(struct xs_nexthop) == 32);

/*
 * group: array, mapped; 0 is none. A flow's hash (addresses, protocol and ports; of fragments addresses alone) chooses a slot, and
 * a slot holds a nexthop id of kind FORWARD, or PUNT for a moment. Weights are numbers of slots. A slot changes by one store.
 */
#define XS_GROUP_SLOTS 256
#define XS_GROUPS_MAX 65536
struct xs_group {
	__u32 slot[XS_GROUP_SLOTS];
};
XS_ASSERT(sizeof(struct xs_group) == 1024);

/* ---- the address table ---------------------------------------------------------------------------------------------- */

/*
 * block: array, mapped; key block number. One level per address byte; a lookup starts at a root block and takes at most one
 * step per byte of the address. An entry is EMPTY, a LEAF (an index whose meaning is the table's), the number of the next
 * BLOCK, or the number of a GUARD. Leaves are pushed down: an entry under a longer block repeats the leaf of the shorter
 * prefix, so the first entry that is no BLOCK decides. Block 0 is never used: root 0 is a table without entries.
 */
#define XS_BLOCK_ENTRIES 256
#define XS_ENTRY_EMPTY 0u
#define XS_ENTRY_LEAF (1u << 30)
#define XS_ENTRY_BLOCK (2u << 30)
#define XS_ENTRY_GUARD (3u << 30)
#define XS_ENTRY_KIND (3u << 30)
#define XS_ENTRY_INDEX (~XS_ENTRY_KIND)

/* What a node's pools have at most: 4 GiB of blocks, 2 GiB of guards. */
#define XS_BLOCKS_MAX (1u << 22)
#define XS_GUARDS_MAX (1u << 25)

struct xs_block {
	__u32 entry[XS_BLOCK_ENTRIES];
};
XS_ASSERT(sizeof(struct xs_block) == 1024);

/*
 * sieve: array, mapped; key block number. What most look-ups need of a block, in less memory than its entries: a bit for each
 * entry (IPv6: for each quarter of it, by the first bits of the address' next byte), 32 in a word. 0: the other half of this
 * very word is the answer, a LEAF or EMPTY: what covers the whole block. 1: the block's entry says. So what lies beside a
 * table's longer prefixes, however many they are, is told by a few words that stay in the cache. Nothing else changes: an
 * entry has its answer whether its sieve is asked or not, and nobody asks behind a network's part of the address, where
 * hosts stand close together.
 */
#define XS_SIEVE_LEVELS 8
#define XS_SIEVE_NEXT(address_bytes) ((address_bytes) == 4 ? 0 : 2) /* bits of the next byte */
#define XS_SIEVE_WORD_BITS 32
#define XS_SIEVE_WORDS 32 /* of IPv6; IPv4 has the first 8, one cache line */
#define XS_SIEVE_WORD(cover, bits) ((__u64)(cover) << XS_SIEVE_WORD_BITS | (__u32)(bits))
struct xs_sieve {
	__u64 word[XS_SIEVE_WORDS];
};
XS_ASSERT(sizeof(struct xs_sieve) == 256);

/*
 * guard: array, mapped; key guard number, 0 is never used. Leaves that stand high: where only a few prefixes lie under an
 * entry, they need no blocks of their own, but bear their whole prefixes, which are checked on arrival. The first that holds
 * the address decides, else `outside`. One cache line.
 *
 * Changed under its readers by one store: a leaf, `outside`, or a length that becomes 0. A prefix is never added: another
 * guard takes the place.
 */
#define XS_GUARD_PREFIXES 2
struct xs_guard {
	/* Prefixes as numbers of 128 bits, IPv4's the uppermost 32, zero beyond the length; a longer one before one that covers it. */
	__u64 high[XS_GUARD_PREFIXES], low[XS_GUARD_PREFIXES];
	__u32 leaf[XS_GUARD_PREFIXES]; /* entries: LEAF and index */
	__u32 outside;                 /* LEAF or EMPTY: what holds under the entry outside the prefixes */
	__u8 length[XS_GUARD_PREFIXES]; /* 0: no prefix */
	__u8 covered; /* for user space: length + 1 of the prefix that `outside` comes from; 0: none */
	__u8 pad[17];
};
XS_ASSERT(sizeof(struct xs_guard) == 64);

/* ---- MUX_DEMUX: select and switch ----------------------------------------------------------------------------------- */

/*
 * cell: array, mapped, outside all revisions. One aligned word per VM and per group: generation << 16 | slice id. The higher
 * generation of a condition's two cells names the slice in whose list it is in force. Slice 0: names none (a group before
 * its first switch). A switch is one store.
 */
#define XS_CELL_SLICE_BITS 16
#define XS_CELL_SLICE_MASK 0xffffull
#define XS_GENERATION_MAX ((1ull << (64 - XS_CELL_SLICE_BITS)) - 1)
#define XS_CELL(generation, slice) (((__u64)(generation) << XS_CELL_SLICE_BITS) | (slice))

/*
 * The address tables of a MUX. Leaves of the first two are rules: what is chosen at each longest prefix, see mux_node. Those of
 * the others are vectors: which general conditions a value leaves; numbers stand as IPv4 addresses, 16 bits in the first two
 * bytes and 8 bits in the first.
 */
#define XS_MUX_DESTINATION 0 /* + family */
#define XS_MUX_SOURCE 2      /* + family */
#define XS_MUX_PROTOCOL 4
#define XS_MUX_SOURCE_PORT 5
#define XS_MUX_DESTINATION_PORT 6
#define XS_MUX_DSCP 7
#define XS_MUX_INPUT_PORT 8
#define XS_MUX_TABLES 9

/* mux: array, key mux id. port.mux names one; a rebuilt policy stands in another entry and comes into force by that word. */
struct xs_mux {
	__u32 root[XS_MUX_TABLES]; /* 0: no condition asks for it */
	__u32 page;                /* first of its pages, chained by mux_origin; 0: it has none */
	__u32 general_first;       /* first entry in mux_general, sorted by position */
	__u32 general_count;       /* at most XS_MUX_GENERAL_MAX */
	__u32 vector_first;        /* first entry in mux_vector */
	__u32 vector_count;
	__u32 without_ports[2];    /* vectors: what is left where a packet has no source port, no destination port */
	__u32 id;                  /* the definition's MUX this is a policy of */
	__u32 pad;
};
XS_ASSERT(sizeof(struct xs_mux) == 72);

/* check refuses more general conditions, and more destination-only conditions and cells over one address, than this in
 * one MUX. */
#define XS_MUX_GENERAL_MAX 1024
#define XS_MUX_WALK_MAX 64
#define XS_MUX_CELLS_MAX   8

/*
 * A rule is a condition's place in a page of rules: page << XS_RULE_BITS | slot. It is where the condition is counted
 * (mux_stats), and, as a leaf of the MUX's address table, what is chosen there: the rules of a page share one node and their
 * cells are neighbours, so that a packet reads nothing of its rule but the counter, and the cell at the same time.
 *
 * mux_page: array, key page number.
 */
#define XS_RULE_BITS 4
#define XS_PAGE_RULES 16 /* 1 << XS_RULE_BITS */
#define XS_RULE_SLOT 15
struct xs_mux_page {
	__u32 node; /* where the walk of its leaves begins; 0: no leaf names a rule of it */
	__u32 cell; /* cell of slot 0; that of slot n is the n-th after it. 0: no node of the walk asks for it */
};
XS_ASSERT(sizeof(struct xs_mux_page) == 8);

/*
 * mux_node: array, key node number. What is chosen at a longest prefix, as questions to cells: the destination-only conditions
 * over it that can be chosen at all, which are at most the best one of those without a cell and before it those that bear one;
 * and which general conditions have this destination and are in force. Only an exact destination bears a cell. One node
 * serves all rules with equal questions and answers.
 */
struct xs_mux_node {
	__u32 cell;  /* the question: which slice does this VM's cell name? 0: the cell of the leaf's own slot */
	__u32 group; /* ... or this one, where its generation is higher; 0: the VM is in no group */
	__u16 named; /* holds if it is this one; 0: holds always */
	__u16 slice; /* what is chosen if it holds; with `then`: nothing yet */
	__u32 vport; /* the MUX vport of that slice; 0: nothing is chosen */
	__u32 rule;  /* that is counted; below XS_PAGE_RULES: that many slots after the leaf's */
	__u32 then;  /* node to go on with if it holds; 0: this one decides */
	__u32 other; /* node to go on with if it does not; 0: nothing is chosen, and no general condition is left */
	__u32 before; /* how many general conditions stand before that rule: they alone can take the packet from it */
	__u32 vector; /* general conditions with this destination that are in force; 0: there are none */
	__u32 pad;
};
XS_ASSERT(sizeof(struct xs_mux_node) == 40);

/* Questions at most: each condition over one address asks at most one. */
#define XS_MUX_QUESTIONS_MAX (XS_MUX_WALK_MAX + XS_MUX_GENERAL_MAX)

/* mux_origin: array, key page number. What user space wants to know again of a page; no packet reads it. */
#define XS_POSITION_NONE 0xffffffffu
struct xs_mux_origin {
	__u32 next; /* next page of the same policy; 0: end */
	__u32 pad;
	__u32 position[XS_PAGE_RULES]; /* in the naive walk: lists in order, conditions in order; or XS_POSITION_NONE */
};
XS_ASSERT(sizeof(struct xs_mux_origin) == 72);

/* mux_stats: per-CPU array, key page number. Packets that each rule selected, as counted by the CPU. */
struct xs_mux_stats {
	__u64 packets[XS_PAGE_RULES];
};
XS_ASSERT(sizeof(struct xs_mux_stats) == 128);

/* What a general condition tests besides its destination and its source. */
enum xs_general_field {
	XS_GENERAL_PROTOCOL = 1 << 0,
	XS_GENERAL_SOURCE_PORT = 1 << 1,
	XS_GENERAL_DESTINATION_PORT = 1 << 2,
	XS_GENERAL_DSCP = 1 << 3,
	XS_GENERAL_INPUT_PORT = 1 << 4,
};

/*
 * mux_vector: array. A set of a policy's general conditions: bit i of the whole is the i-th by position. Each property of a packet
 * leads to the set of those that it leaves; the smallest common one is the best of them. Entry 0 has all bits: what is not
 * asked for leaves all.
 */
#define XS_VECTOR_WORDS 16 /* of 64 bits: XS_MUX_GENERAL_MAX */
struct xs_mux_vector {
	__u64 summary; /* bit w: word w is not zero */
	__u64 word[XS_VECTOR_WORDS];
};
XS_ASSERT(sizeof(struct xs_mux_vector) == 136);
XS_ASSERT(XS_VECTOR_WORDS * 64 == XS_MUX_GENERAL_MAX);

/* mux_general: array. What a general condition selects; what it tests stands in the vectors. */
struct xs_mux_general {
	__u32 rule; /* that is counted */
	__u32 vport; /* the MUX vport of that slice */
	__u32 slice;
	__u32 pad;
};
XS_ASSERT(sizeof(struct xs_mux_general) == 16);

/* ---- punts ---------------------------------------------------------------------------------------------------------- */

/*
 * What the kernels of slivers and edges are asked for is policed per class, in packets a second and a burst, by each virtual
 * port: each belongs to one slice, so no slice pays for another's flood, and a slice's links do not pay for its users'. One list:
 * enum, name, rate, burst.
 *
 * The figures are what a kernel shares among its namespaces: time (10 000 packets on the slow path are some 5 % of a core);
 * entries of the neighbour tables (an entry that is not in use can be taken back after 5 s, and the agent sizes the tables for
 * 4 096 at a port for users); ICMP errors (icmp_msgs_per_sec is 1 000 and its burst 50, for all of them together).
 */
#define XS_PUNT_CLASSES(X)                                                                                  \
	X(OTHER, "other", 10000, 2000, "to the sliver or edge itself, options, to be fragmented")           \
	X(ROUTING, "routing", 2000, 1000, "routing protocols: OSPF, BGP, BFD, RIP, Babel, PIM, VRRP, RSVP") \
	X(NEIGHBOUR, "neighbour", 500, 1000, "ARP, neighbour and router discovery")                         \
	X(ERROR, "error", 100, 50, "what an ICMP error answers: TTL, too big, no route, unreachable")       \
	X(HEARD, "heard", 500, 1000, "copies for an edge of what passes: ARP and neighbour advertisements to all") \
	X(QUOTE, "quote", 2000, 1000, "paging: ICMP errors, in whose quotes addresses are mapped, too")

enum xs_punt_class {
#define XS_PUNT_ENUM(id, name, rate, burst, text) XS_PUNT_##id,
	XS_PUNT_CLASSES(XS_PUNT_ENUM)
#undef XS_PUNT_ENUM
	XS_PUNT_CLASS_COUNT,
};

/* policer: array, key vport id; written by the datapath alone. When each bucket will be full again (CLOCK_MONOTONIC, ns). */
struct xs_policer {
	__u64 full_at[XS_PUNT_CLASS_COUNT];
};
XS_ASSERT(sizeof(struct xs_policer) == 48);

/*
 * unresolved: array, key slice id; written by the datapath alone. Each new address that a slice makes its kernel look for takes
 * a token of this bucket besides. An address that was asked for lately takes none: its mark stands in its set of four in
 * `recent`, newest first. So a scan has at most burst + 3 s * rate + recent entries of the kernel's at once: an unanswered one goes
 * after 3 s.
 */
#define XS_UNRESOLVED_RATE 100
#define XS_UNRESOLVED_BURST 1024
#define XS_UNRESOLVED_MARKS 256
#define XS_UNRESOLVED_SET 4
struct xs_unresolved {
	__u64 full_at;
	__u64 seed; /* of the marks; 0: none was made yet */
	__u32 recent[XS_UNRESOLVED_MARKS];
};
XS_ASSERT(sizeof(struct xs_unresolved) == 1040);

/* ---- verdicts and counters ------------------------------------------------------------------------------------------ */

/*
 * Every received frame ends in exactly one verdict. One list: enum, metric name, trace line. Drop reasons come after DROP.
 * To add one: a line here, a use in bpf/, a test in selftests/bpf.
 */
#define XS_VERDICTS(X)                                                                        \
	X(FORWARDED, "forwarded", "emitted by a port")                                        \
	X(PUNTED, "punted", "handed to the kernel of the sliver or edge")                     \
	X(HOST, "host", "not ours: left to the node's own stack")                             \
	X(PASSED, "passed", "no slice takes it: it goes on as it came, by the other port of the MUX") \
	X(MALFORMED, "malformed", "truncated or inconsistent headers")                        \
	X(CHECKSUM, "checksum", "a wrong checksum of IPv4's header")                          \
	X(UNKNOWN_LABEL, "unknown-label", "no link sliver has this VLAN id on this port")     \
	X(LABEL_ZERO, "label-zero", "VLAN id 0 or 4095 is no label")                          \
	X(DOUBLE_TAG, "double-tag", "a second VLAN tag")                                      \
	X(TAG_ON_USER_PORT, "tag-on-user-port", "a tag where users send untagged frames")     \
	X(NOT_FOR_US, "not-for-us", "unicast to somebody else's MAC")                         \
	X(MULTICAST, "multicast", "multicast other than link-local is not offered")           \
	X(SPOOFED_SOURCE, "spoofed-source", "source outside the port's declared prefixes")    \
	X(MARTIAN, "martian", "an address that may not appear on a wire")                     \
	X(ETHERTYPE, "ethertype", "neither IP nor ARP inside a slice")                      \
	X(NO_SLICE, "no-slice", "no condition of the MUX in force takes it")                  \
	X(WAN_ADDRESS, "wan-address", "a page's WAN address, from or to a user")              \
	X(FOREIGN_PAGE, "foreign-page", "from the WAN: not out of a page of the slice that it is for") \
	X(NO_PAGE, "no-page", "to the WAN: an address in no page of the slice")               \
	X(UNMAPPABLE, "unmappable", "a header that cannot be mapped: its checksum is cut off, or it holds addresses of its own") \
	X(NO_ROUTE, "no-route", "the slice has no table")                                     \
	X(BLACKHOLE, "blackhole", "the route says so")                                        \
	X(POLICED, "policed", "more than the kernel may be asked for: by a vport's class, or new neighbours") \
	X(WALK_BOUND, "walk-bound", "more conditions over one address than check allows")     \
	X(EMIT_FAILED, "emit-failed", "the kernel refused a changed frame")

enum xs_verdict {
#define XS_VERDICT_ENUM(id, name, text) XS_##id,
	XS_VERDICTS(XS_VERDICT_ENUM)
#undef XS_VERDICT_ENUM
	XS_VERDICT_COUNT,
};
#define XS_DROP_FIRST XS_MALFORMED

/* port_stats: per-CPU array, key port id. Counted on arrival, before anything is decided; tags are counted in. */
struct xs_port_stats {
	__u64 rx_packets, rx_bytes;
};

/* vport_stats: per-CPU array, key vport id: a link sliver's, gateway's, MUX's traffic at this sliver. */
struct xs_vport_stats {
	__u64 rx_packets, rx_bytes; /* taken in from the wire */
	__u64 tx_packets, tx_bytes; /* emitted: forwarded, or come out of the sliver */
	__u64 originated;           /* of tx: came out of the sliver's or edge's kernel */
	__u64 originated_dropped;   /* came out of it and could not be emitted */
};

/*
 * slice_stats: per-CPU array, key slice id; 0 counts what ended before it was in a slice.
 * Conservation, per node: sum of port_stats.rx_packets = sum of verdict[] over all slices.
 */
struct xs_slice_stats {
	__u64 verdict[XS_VERDICT_COUNT];
};

#endif
