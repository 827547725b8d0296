/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * select.h - MUX_DEMUX: which slice an untagged packet of a user port belongs to. Gives the answer of the naive walk (lists in
 * order, conditions in order, the first that matches and is in force), for any number of conditions in a bounded number
 * of steps: those that only name a destination by the address table, the others by a scan in order of position.
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

static __always_inline bool xs_in_force(const struct xs_mux_rule *rule, struct xs_cell_view *view)
{
	__u32 vm = rule->vm_cell, group = rule->group_cell;

	if (!vm)
		return true;
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
	return (view->word & XS_CELL_SLICE_MASK) == rule->slice;
}

/* What select has found so far, and where it goes on. On the stack: both loops' steps get it as their context. */
struct xs_choice {
	struct xs_mux_rule *rule;
	struct xs_cell_view view;
	__u32 position; /* the rule's; XS_POSITION_NONE without one */
	__u32 at;       /* next rule to look at; 0: the walk has ended */
};

/* One rule: the chain of the longest prefix, then those of the shorter ones (struct xs_mux_rule). True: the walk has ended. */
static __always_inline bool xs_walk_rule(struct xs_choice *choice)
{
	struct xs_mux_rule *rule;
	__u32 at = choice->at;

	choice->at = 0;
	if (!at)
		return true;
	rule = bpf_map_lookup_elem(&mux_rule, &at);
	if (!rule)
		return true;
	if (rule->position < choice->position) {
		if (!xs_in_force(rule, &choice->view)) {
			choice->at = rule->next;
			return false;
		}
		choice->rule = rule;
		choice->position = rule->position;
	}
	if (rule->rest > choice->position)
		return true;
	choice->at = rule->shorter;
	return false;
}

static long xs_walk_step(__u32 i, void *context)
{
	return xs_walk_rule(context);
}

/* Most walks end at the first rule, so that one does without the loop. */
static __always_inline int xs_walk_rules(struct xs_choice *choice)
{
	if (!xs_walk_rule(choice))
		bpf_loop(XS_MUX_WALK_MAX - 1, xs_walk_step, choice, 0);
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
	__be32 source, destination;
	__u32 input_port;
	__u16 source_port, destination_port;
	__u8 protocol, dscp;
	bool has_ports;
};

static __always_inline bool xs_general_matches(const struct xs_mux_general *general, const struct xs_scan *scan)
{
	__u16 fields = general->fields;

	if ((scan->destination & general->destination_mask) != general->destination ||
	    (scan->source & general->source_mask) != general->source)
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
 * One general condition. They are sorted by position: the first that matches and is in force is the best of them, if it stands
 * before what was chosen. 1: the scan has ended.
 */
static long xs_scan_step(__u32 i, void *context)
{
	struct xs_scan *scan = context;
	struct xs_choice *choice = scan->choice;
	const struct xs_mux_general *general;
	struct xs_mux_rule *rule;
	__u32 key = scan->next++;

	general = bpf_map_lookup_elem(&mux_general, &key);
	if (!general || general->position >= choice->position)
		return 1;
	if (!xs_general_matches(general, scan))
		return 0;
	key = general->rule;
	rule = bpf_map_lookup_elem(&mux_rule, &key);
	if (!rule || !xs_in_force(rule, &choice->view))
		return 0;
	choice->rule = rule;
	choice->position = general->position;
	return 1;
}

static __always_inline void xs_scan_generals(const struct xs_mux *policy, const struct xs_packet *packet,
					     struct xs_choice *choice, int family)
{
	struct xs_scan scan = {
		.choice = choice,
		.next = policy->general_first,
		.source = packet->source.v4,
		.destination = packet->destination.v4,
		.input_port = packet->port_id,
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
		.protocol = packet->protocol,
		.dscp = xs_dscp(packet, family),
		.has_ports = packet->has_ports,
	};
	__u32 count = policy->general_count;

	bpf_loop(count < XS_MUX_GENERAL_MAX ? count : XS_MUX_GENERAL_MAX, xs_scan_step, &scan, 0);
}

/* Packets that no MUX has to select pass through. What is the edge's own goes there before any selection. */
static __always_inline int xs_select(struct xs_packet *packet, int family)
{
	struct xs_choice choice = { .position = XS_POSITION_NONE };
	const struct xs_mux *policy;
	__u32 mux_id, leaf;
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
	leaf = xs_table_lookup(family == XS_FAMILY4 ? policy->root : 0, &packet->destination, xs_address_bytes(family));
	choice.at = leaf & XS_ENTRY_INDEX;
	verdict = xs_walk_rules(&choice);
	if (verdict != XS_UNDECIDED)
		return verdict;
	if (policy->general_count) {
		xs_parse_ports(packet, family);
		xs_scan_generals(policy, packet, &choice, family);
	}
	if (!choice.rule)
		return XS_NO_SLICE;
	packet->rule = choice.rule;
	packet->slice = choice.rule->slice;
	packet->vport_id = choice.rule->vport;
	return XS_UNDECIDED;
}

#endif
