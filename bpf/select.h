/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * select.h - MUX_DEMUX: which slice an untagged packet of a user port belongs to. Gives the answer of the naive walk (lists in
 * order, conditions in order, the first that matches and is in force), for any number of conditions in a bounded number
 * of steps: those that only name a destination by the address table, whose leaf leads to a few questions to cells; the
 * others by a scan in order of position.
 */
#ifndef XSLICE_BPF_SELECT_H
#define XSLICE_BPF_SELECT_H

#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/table.h"

/*
 * The cells' words that this packet goes by. All conditions over one VM's address bear the same cells: read once per packet, so
 * that a switch in mid-walk cannot make a packet miss both the old list and the new one.
 */
struct xs_cell_view {
	__u32 vm, group; /* cells that `word` was read from; 0: none yet */
	__u64 word;
};

static __always_inline __u64 xs_cell_word(__u32 id)
{
	const __u64 *word = bpf_map_lookup_elem(&cell, &id);

	return word ? XS_READ_ONCE(*word) : 0;
}

/* The slice that the cells name: the VM's, or its group's where that is of a higher generation. */
static __always_inline __u32 xs_named_slice(struct xs_cell_view *view, __u32 vm, __u32 group)
{
	if (vm != view->vm || group != view->group) {
		view->vm = vm;
		view->group = group;
		view->word = xs_cell_word(vm);
		if (group) {
			__u64 word = xs_cell_word(group);

			if (word > view->word)
				view->word = word;
		}
	}
	return view->word & XS_CELL_SLICE_MASK;
}

/* What select has found so far, and where it goes on. On the stack: both loops' steps get it as their context. */
struct xs_choice {
	struct xs_cell_view view;
	__u32 at;       /* next node to look at; 0: the walk has ended */
	__u32 leaf;     /* rule that the table named */
	__u32 own_cell; /* of the leaf's slot */
	__u32 rule, slice, vport; /* what is chosen; 0: nothing */
	__u32 before;   /* general conditions that may take the packet from it */
};

/* One node (struct xs_mux_node). True: the walk has ended. */
static __always_inline bool xs_walk_node(struct xs_choice *choice)
{
	const struct xs_mux_node *node;
	__u32 at = choice->at, named, rule;

	choice->at = 0;
	if (!at)
		return true;
	node = bpf_map_lookup_elem(&mux_node, &at);
	if (!node)
		return true;
	named = node->named;
	if (named && named != xs_named_slice(&choice->view, node->cell ? node->cell : choice->own_cell, node->group)) {
		choice->at = node->other;
		return false;
	}
	choice->at = node->then;
	if (choice->at)
		return false;
	rule = node->rule;
	choice->rule = rule < XS_PAGE_RULES ? choice->leaf + rule : rule;
	choice->slice = node->slice;
	choice->vport = node->vport;
	choice->before = node->before;
	return true;
}

static long xs_walk_step(__u32 i, void *context)
{
	return xs_walk_node(context);
}

/* Most walks end at the first node, so that one does without the loop. */
static __always_inline int xs_walk_nodes(struct xs_choice *choice)
{
	if (!xs_walk_node(choice))
		bpf_loop(XS_MUX_WALK_MAX, xs_walk_step, choice, 0);
	return choice->at ? XS_WALK_BOUND : XS_UNDECIDED;
}

static __always_inline bool xs_in_range(const __u16 range[2], __u16 value)
{
	return value >= range[0] && value <= range[1];
}

/* What general conditions test, and what is found: the context of the scan's steps. */
struct xs_scan {
	struct xs_choice *choice;
	__u32 next; /* mux_general entry */
	union xs_wire_address source, destination;
	__u32 input_port;
	__u16 source_port, destination_port;
	__u8 protocol, dscp, family;
	bool has_ports;
};

static __always_inline bool xs_masked_equal(const union xs_wire_address *address, const union xs_wire_address *mask,
					    const union xs_wire_address *value)
{
	return !(((address->word[0] & mask->word[0]) ^ value->word[0]) | ((address->word[1] & mask->word[1]) ^ value->word[1]) |
		 ((address->word[2] & mask->word[2]) ^ value->word[2]) | ((address->word[3] & mask->word[3]) ^ value->word[3]));
}

static __always_inline bool xs_general_matches(const struct xs_mux_general *general, const struct xs_scan *scan)
{
	__u16 fields = general->fields;

	if (!(general->families >> (scan->family & 1) & 1) ||
	    !xs_masked_equal(&scan->destination, &general->destination_mask, &general->destination) ||
	    !xs_masked_equal(&scan->source, &general->source_mask, &general->source))
		return false;
	if (fields & XS_GENERAL_PROTOCOL && scan->protocol != general->protocol)
		return false;
	if (fields & XS_GENERAL_DSCP && !(general->dscp >> (scan->dscp & 63) & 1))
		return false;
	if (fields & XS_GENERAL_INPUT_PORT && scan->input_port != general->input_port)
		return false;
	if (fields & XS_GENERAL_SOURCE_PORT && !(scan->has_ports && xs_in_range(general->source_port, scan->source_port)))
		return false;
	return !(fields & XS_GENERAL_DESTINATION_PORT) ||
	       (scan->has_ports && xs_in_range(general->destination_port, scan->destination_port));
}

/*
 * One general condition. They are sorted by position: the first that matches and is in force is the best of them. 1: the scan
 * has ended.
 */
static long xs_scan_step(__u32 i, void *context)
{
	struct xs_scan *scan = context;
	struct xs_choice *choice = scan->choice;
	const struct xs_mux_general *general;
	__u32 key = scan->next++;

	general = bpf_map_lookup_elem(&mux_general, &key);
	if (!general)
		return 1;
	if (!xs_general_matches(general, scan) ||
	    (general->vm_cell && xs_named_slice(&choice->view, general->vm_cell, general->group_cell) != general->slice))
		return 0;
	choice->rule = general->rule;
	choice->slice = general->slice;
	choice->vport = general->vport;
	return 1;
}

/* Those that stand before what the walk has chosen. */
static __always_inline void xs_scan_generals(const struct xs_mux *policy, const struct xs_packet *packet,
					     struct xs_choice *choice, int family)
{
	struct xs_scan scan = {
		.choice = choice,
		.next = policy->general_first,
		.source = packet->source,
		.destination = packet->destination,
		.input_port = packet->port_id,
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
		.protocol = packet->protocol,
		.dscp = xs_dscp(packet, family),
		.family = family,
		.has_ports = packet->has_ports,
	};
	__u32 count = policy->general_count;

	if (choice->rule && choice->before < count)
		count = choice->before;
	bpf_loop(count < XS_MUX_GENERAL_MAX ? count : XS_MUX_GENERAL_MAX, xs_scan_step, &scan, 0);
}

/* The counter of what is chosen, for xs_count_verdict(). */
static __always_inline __u64 *xs_rule_counter(__u32 rule)
{
	__u32 number = rule >> XS_RULE_BITS;
	struct xs_mux_stats *stats = bpf_map_lookup_elem(&mux_stats, &number);

	return stats ? &stats->packets[rule & XS_RULE_SLOT] : NULL;
}

/* Packets that no MUX has to select pass through. What is the edge's own goes there before any selection. */
static __always_inline int xs_select(struct xs_packet *packet, int family)
{
	struct xs_choice choice = {};
	const struct xs_mux_page *page;
	const struct xs_mux *policy;
	__u32 mux_id, number;
	int verdict;

	if (packet->tagged)
		return XS_UNDECIDED;
	mux_id = XS_READ_ONCE(packet->port->mux);
	if (!mux_id)
		return XS_UNDECIDED;
	if (xs_address_equal(&packet->destination, &packet->port->edge_address[family], family))
		return XS_PUNTED;
	policy = bpf_map_lookup_elem(&mux, &mux_id);
	if (!policy)
		return XS_NO_SLICE;
	choice.leaf = xs_table_lookup(policy->root[family], &packet->destination, xs_address_bytes(family)) & XS_ENTRY_INDEX;
	number = choice.leaf >> XS_RULE_BITS;
	page = bpf_map_lookup_elem(&mux_page, &number);
	if (page) {
		choice.at = page->node;
		choice.own_cell = page->cell + (choice.leaf & XS_RULE_SLOT);
	}
	verdict = xs_walk_nodes(&choice);
	if (verdict != XS_UNDECIDED)
		return verdict;
	if (policy->general_count) {
		xs_parse_ports(packet, family);
		xs_scan_generals(policy, packet, &choice, family);
	}
	if (!choice.rule)
		return XS_NO_SLICE;
	packet->rule = xs_rule_counter(choice.rule);
	packet->slice = choice.slice;
	packet->vport_id = choice.vport;
	return XS_UNDECIDED;
}

#endif
