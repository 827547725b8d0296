/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_frame.h - the frames that `xslice trace` sends on their way: made of options, of hex or of a capture; and what
 * is to be read in one.
 *
 * Functions that take what a person wrote return 0, or -EINVAL (bad usage) or another negative errno, and have
 * complained.
 */
#ifndef XSLICE_CLI_TRACE_FRAME_H
#define XSLICE_CLI_TRACE_FRAME_H

#include "cli/cli.h"
#include "loader/node/trial.h"

/* What the options say of a packet, checked; before it is known where it comes in. */
struct xs_packet_spec {
	struct xs_address from, to;
	bool has_mac, df;
	struct xs_mac mac;
	uint8_t protocol, ttl, dscp;
	uint16_t source_port, destination_port;
	uint16_t length; /* of the IP packet; 0: not given */
	uint16_t label;  /* 0: untagged */
};

int xs_packet_spec_read(const struct xs_options *options, struct xs_packet_spec *out);
/* mac: that of the port or link it comes in by, for where the packet's own address does not tell. */
void xs_packet_build(const struct xs_packet_spec *spec, const struct xs_mac *mac, struct xs_trial_frame *out);

/* Hex digits, with or without spaces, colons and line ends between them; or a file of such, "-" standard input. */
int xs_frame_hex(const char *text, struct xs_trial_frame *out);

/* The first `most` packets of a capture in the classic format; malloc()ed. */
int xs_frame_pcap(const char *path, size_t most, struct xs_trial_frame **out, size_t *count);

/* A decimal number of an option, within its bounds. */
int xs_option_number(const char *option, const char *text, unsigned long least, unsigned long most, unsigned long *out);

/* What is read in a frame, as far as it goes. */
struct xs_frame_view {
	bool tagged, unicast;
	uint16_t vid, ethertype; /* host order; ethertype: behind the tag */
	struct xs_mac destination_mac;
	bool ip; /* the rest is there */
	struct xs_address source, destination;
	uint8_t protocol, ttl;
	bool options, df, fragment, has_ports;
	uint32_t length; /* of the IP packet */
	uint16_t source_port, destination_port;
};
void xs_frame_look(const struct xs_trial_frame *frame, struct xs_frame_view *out);

/* "untagged, 192.0.2.10 -> 10.0.0.5 udp 49152 -> 9, TTL 64, 64 bytes"; text: XS_FRAME_TEXT bytes. */
#define XS_FRAME_TEXT 256
const char *xs_frame_text(const struct xs_frame_view *view, char *text);

#endif
