// SPDX-License-Identifier: GPL-2.0-or-later
/* trace_input.c - frames that somebody has already: hex, and captures in the classic format of libpcap. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace_frame.h"

/* ---- hex --------------------------------------------------------------------------------------------------------- */

static bool is_between(int c)
{
	return isspace(c) || c == ':';
}

static bool is_hex(const char *text)
{
	for (; *text; text++)
		if (!isxdigit((unsigned char)*text) && !is_between((unsigned char)*text))
			return false;
	return true;
}

/* where: for complaints. */
static int digits(const char *where, const char *text, struct xs_trial_frame *out)
{
	size_t count = 0;

	memset(out, 0, sizeof(*out));
	for (const char *at = text; *at; at++) {
		if (is_between((unsigned char)*at))
			continue;
		if (!isxdigit((unsigned char)*at)) {
			xs_complain("--hex: %s: '%c' is no hex digit", where, *at);
			return -EINVAL;
		}
		if (count == 2 * XS_TRIAL_FRAME_MAX) {
			xs_complain("--hex: %s: more than %d bytes", where, XS_TRIAL_FRAME_MAX);
			return -EINVAL;
		}
		out->data[count / 2] |= (uint8_t)((isdigit((unsigned char)*at) ? *at - '0' : (*at | 32) - 'a' + 10)
						  << (count % 2 ? 0 : 4));
		count++;
	}
	out->length = count / 2;
	if (count % 2 || out->length < XS_TRIAL_FRAME_MIN) {
		xs_complain("--hex: %s: %zu hex digits are no frame of whole bytes, %d at least", where, count,
			    XS_TRIAL_FRAME_MIN);
		return -EINVAL;
	}
	return 0;
}

int xs_frame_hex(const char *text, struct xs_trial_frame *out)
{
	char buffer[4 * XS_TRIAL_FRAME_MAX];
	FILE *file;
	size_t size;

	if (text[0] && is_hex(text))
		return digits("the text given", text, out);
	file = strcmp(text, "-") ? fopen(text, "r") : stdin;
	if (!file) {
		xs_complain("--hex: %s: neither hex digits nor a file: %s", text, strerror(errno));
		return -EINVAL;
	}
	size = fread(buffer, 1, sizeof(buffer) - 1, file);
	buffer[size] = '\0';
	if (ferror(file)) {
		xs_complain("--hex: %s: %s", text, strerror(errno));
		size = 0;
	}
	if (file != stdin)
		fclose(file);
	return size ? digits(text, buffer, out) : -EINVAL;
}

/* ---- captures ---------------------------------------------------------------------------------------------------- */

#define PCAP_ETHERNET 1
#define PCAP_NG       0x0a0d0d0au

struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, most, link;
};

struct pcap_packet {
	uint32_t seconds, fraction, captured, length;
};

static uint32_t swapped(uint32_t value, bool swap)
{
	return swap ? __builtin_bswap32(value) : value;
}

static int pcap_open(const char *path, FILE **out, bool *swap)
{
	struct pcap_header header;
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;

	if (!file) {
		xs_complain("--pcap: %s: %s", path, strerror(errno));
		return -EINVAL;
	}
	*out = file;
	if (fread(&header.magic, 1, sizeof(header.magic), file) != sizeof(header.magic)) {
		xs_complain("--pcap: %s is shorter than a capture's header", path);
		return -EINVAL;
	}
	if (header.magic == PCAP_NG) {
		xs_complain("--pcap: %s is a pcapng file: make a classic one of it (editcap -F pcap)", path);
		return -EINVAL;
	}
	/* With times in microseconds, or in nanoseconds. */
	*swap = header.magic == 0xd4c3b2a1u || header.magic == 0x4d3cb2a1u;
	if ((!*swap && header.magic != 0xa1b2c3d4u && header.magic != 0xa1b23c4du) ||
	    fread(&header.major, 1, sizeof(header) - sizeof(header.magic), file) !=
		    sizeof(header) - sizeof(header.magic)) {
		xs_complain("--pcap: %s is no capture in the classic format", path);
		return -EINVAL;
	}
	if ((swapped(header.link, *swap) & 0xffff) != PCAP_ETHERNET) {
		xs_complain("--pcap: %s: its frames are of link type %u, not of Ethernet", path,
			    swapped(header.link, *swap) & 0xffff);
		return -EINVAL;
	}
	return 0;
}

/* 1: one was read, 0: the end. What was not captured of a frame is zero. */
static int pcap_next(const char *path, FILE *file, bool swap, size_t number, struct xs_trial_frame *out)
{
	struct pcap_packet packet;
	size_t got = fread(&packet, 1, sizeof(packet), file);
	uint32_t captured, length;

	if (!got && feof(file))
		return 0;
	captured = swapped(packet.captured, swap);
	length = swapped(packet.length, swap);
	if (got != sizeof(packet) || captured > length) {
		xs_complain("--pcap: %s: packet %zu is damaged", path, number);
		return -EINVAL;
	}
	if (length < XS_TRIAL_FRAME_MIN || length > XS_TRIAL_FRAME_MAX) {
		xs_complain("--pcap: %s: packet %zu has %u bytes; %d to %d can be tried", path, number, length,
			    XS_TRIAL_FRAME_MIN, XS_TRIAL_FRAME_MAX);
		return -EINVAL;
	}
	memset(out, 0, sizeof(*out));
	out->length = length;
	if (fread(out->data, 1, captured, file) != captured) {
		xs_complain("--pcap: %s: packet %zu is cut off", path, number);
		return -EINVAL;
	}
	return 1;
}

int xs_frame_pcap(const char *path, size_t most, struct xs_trial_frame **out, size_t *count)
{
	struct xs_trial_frame *frames = NULL, *grown, frame;
	FILE *file = NULL;
	size_t found = 0;
	bool swap;
	int result = pcap_open(path, &file, &swap);

	while (!result && found < most) {
		result = pcap_next(path, file, swap, found + 1, &frame);
		if (result != 1)
			break;
		grown = realloc(frames, (found + 1) * sizeof(*frames));
		result = grown ? 0 : -ENOMEM;
		if (!grown)
			break;
		frames = grown;
		frames[found++] = frame;
	}
	if (file && file != stdin)
		fclose(file);
	if (!result && !found) {
		xs_complain("--pcap: %s: no packet is in it", path);
		result = -EINVAL;
	}
	if (result) {
		free(frames);
		return result;
	}
	*out = frames;
	*count = found;
	return 0;
}
