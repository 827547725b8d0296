/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pass_cases.h - frames at the users' port of a MUX with an exit, and what becomes of each: what the slice takes, what is the edge's, and what
 * passes. Each in both families.
 */
#ifndef XSLICE_SELFTESTS_BPF_PASS_CASES_H
#define XSLICE_SELFTESTS_BPF_PASS_CASES_H

#include "selftests/bpf/fixture.h"

/* A frame whose payload frame_build() does not know. */
enum shape { PLAIN, ARP, SOLICITATION };

struct pass_case {
	const char *name;
	int verdict; /* from the users' port; from the exit everything passes, but for what the host reserves */
	uint32_t slice;
	struct frame_spec spec;
	const char *source, *destination; /* default: a user, an address that no condition takes */
	enum shape shape;
	const char *asked; /* ARP, SOLICITATION: for which address */
	unsigned int only; /* a bit of the family; 0: both */
	size_t cut;        /* > 0: the frame ends here */
	size_t patch_at;   /* > 0: this byte of the frame becomes patch */
	uint8_t patch;
	bool heard; /* passes by tc, which gives the edge a copy */
};

/* Parts of cases that are like those. */
#define ROUTER .destination_mac = {0x02, 0x99, 0, 0, 0, 1}
#define BROADCAST .destination_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
#define TAKEN .destination = "203.0.113.1"

extern const struct pass_case pass_cases[];
extern const size_t pass_case_count;

void pass_case_build(struct frame *frame, const struct pass_case *test, int family);

#endif
