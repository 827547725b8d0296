/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * select.h - MUX_DEMUX: which slice an untagged packet of a user port belongs to. Gives the answer of the naive walk (lists in
 * order, conditions in order, the first that matches and is in force), for any number of conditions in a bounded number
 * of steps. The address table of destinations leads to a few questions to cells, and their answers to the best condition that
 * names a destination only, and to the set of general ones that have this destination and are in force. Only where that is
 * not empty are the packet's other properties looked up (general.h).
 */
#ifndef XSLICE_BPF_SELECT_H
#define XSLICE_BPF_SELECT_H

#include "bpf/general.h"
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

/* What the walk has found so far, and where it goes on. On the stack: the loop's steps get it as their context. */
struct xs_choice {
	struct xs_cell_view view;
	__u32 at;       /* next node to look at; 0: the walk has ended */
	__u32 leaf;     /* rule that the table named */
	__u32 own_cell; /* of the leaf's slot */
	__u32 rule, slice, vport; /* what is chosen; vport 0: nothing */
	__u32 before;   /* general conditions that may take the packet from it */
	__u32 vector;   /* those that have this destination and are in force; 0: none */
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
	choice->vector = node->vector;
	return true;
}

static long xs_walk_step(__u32 i, void *context)
{
	return xs_walk_node(context);
}

/*
 * Most walks end at the first node, so that one does without the loop, whose context has to be on the stack. A global function, so
 * that the verifier looks at it once and not once for each way that leads here.
 */
__noinline int xs_walk_is_too_long(struct xs_choice *choice)
{
	struct xs_choice walk;

	if (!choice)
		return 1;
	if (xs_walk_node(choice))
		return 0;
	walk = *choice;
	bpf_loop(XS_MUX_QUESTIONS_MAX, xs_walk_step, &walk, 0);
	*choice = walk;
	return walk.at != 0;
}

/* The best of the general conditions that the packet matches, if it stands before what the walk has chosen. */
static __always_inline void xs_try_generals(struct xs_packet *packet, const struct xs_mux *policy, __u32 mux_id,
					    struct xs_choice *choice, int family)
{
	const struct xs_mux_general *general;
	struct xs_match match = {};
	__u32 key;
	int found;

	xs_parse_ports(packet, family);
	match.source = packet->source;
	match.mux = mux_id;
	match.destination = choice->vector;
	match.family = family;
	match.protocol = packet->protocol;
	match.dscp = xs_dscp(packet, family);
	match.input_port = packet->port_id;
	match.has_ports = packet->has_ports;
	match.source_port = packet->source_port;
	match.destination_port = packet->destination_port;
	found = xs_first_general(&match);
	if (found < 0 || (__u32)found >= choice->before)
		return;
	key = policy->general_first + found;
	general = bpf_map_lookup_elem(&mux_general, &key);
	if (!general)
		return;
	choice->rule = general->rule;
	choice->slice = general->slice;
	choice->vport = general->vport;
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

	if (!packet->users)
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
	if (xs_walk_is_too_long(&choice))
		return XS_WALK_BOUND;
	if (choice.vector)
		xs_try_generals(packet, policy, mux_id, &choice, family);
	if (!choice.vport)
		return XS_NO_SLICE;
	packet->rule = xs_rule_counter(choice.rule);
	packet->slice = choice.slice;
	packet->vport_id = choice.vport;
	return XS_UNDECIDED;
}

#endif
