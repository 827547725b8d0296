/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grace.c - waits for RCU, under which BPF programs run, from user space.
 *
 * membarrier(MEMBARRIER_CMD_GLOBAL) is synchronize_rcu() in the kernel, for anybody. It refuses where CPUs are
 * nohz_full; there the update of a map in a map waits alike (it must not return while a program may still hold the
 * former inner map).
 */
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "maps/grace.h"

/* 0 if an update of a map in a map has waited. */
static int wait_by_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int inner, outer = -1, err = -1;
	unsigned int key = 0;

	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "xs_grace_inner", 4, 4, 1, NULL);
	if (inner < 0)
		return -1;
	opts.inner_map_fd = inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "xs_grace", 4, 4, 1, &opts);
	if (outer >= 0) {
		err = bpf_map_update_elem(outer, &key, &inner, BPF_ANY);
		close(outer);
	}
	close(inner);
	return err;
}

void xs_grace(void)
{
	if (!syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) || !wait_by_map())
		return;
	/* Neither is allowed here. A program ends within its softirq: a second is beyond any of them. */
	sleep(1);
}
