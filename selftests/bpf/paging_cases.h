/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paging_cases.h - packets at the ports of paged.h's gateway, for users and to the WAN, and what becomes of each: whether it goes on, who gets
 * it, and whose it is counted as. Each in both families.
 */
#ifndef XSLICE_SELFTESTS_BPF_PAGING_CASES_H
#define XSLICE_SELFTESTS_BPF_PAGING_CASES_H

#include "selftests/bpf/paged.h"

struct paging_case {
	const char *name;
	uint32_t port;
	int verdict;
	uint32_t slice;
	const char *source, *destination;
	struct frame_spec spec;
	uint32_t punted_to; /* vport; 0: not punted */
	unsigned int only;  /* a bit of the family; 0: both */
	uint8_t icmp;       /* > 0: an ICMP error of this type (IPv4; of IPv6 it is type 1) */
};

extern const struct paging_case paging_cases[];
extern const size_t paging_case_count;

/* Fails the test if there is none. */
const struct paging_case *paging_case_of(const char *name);
bool paging_case_concerns(const struct paging_case *test, int family);
void paging_case_build(struct frame *frame, const struct paging_case *test, int family);

#endif
