// SPDX-License-Identifier: GPL-2.0-or-later
/* dispatched.c - see dispatched.h. */
#include "loader/node/dispatched.h"

#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/node/datapath_private.h"

#define PIN_ROOT "/sys/fs/bpf/xdp"

bool xs_dispatched_read(uint32_t ifindex, uint32_t id, struct xs_dispatched *out)
{
	char path[PATH_MAX], name[16];

	memset(out, 0, sizeof(*out));
	if (xs_program_name(id, name) || strncmp(name, XS_DISPATCHER, sizeof(name)))
		return false;
	while (out->count < XS_DISPATCHED_MAX) {
		int fd, err;

		if (!xs_pin_path(path, PIN_ROOT "/dispatch-%u-%u/prog%u-prog", ifindex, id, out->count))
			return false;
		fd = bpf_obj_get(path);
		if (fd < 0)
			break;
		err = xs_program_id(fd, &out->program[out->count].id);
		close(fd);
		if (err || xs_program_name(out->program[out->count].id, out->program[out->count].name))
			return false;
		out->count++;
	}
	return out->count > 0;
}
