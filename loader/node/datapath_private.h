/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datapath_private.h - what the files of the datapath share, and nobody else sees. */
#ifndef XSLICE_NODE_DATAPATH_PRIVATE_H
#define XSLICE_NODE_DATAPATH_PRIVATE_H

#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>

#include "loader/node/datapath.h"

#define XS_ERROR_SIZE 256 /* least size of every `error` */

#define XS_PIN_XDP "link_xdp_"
#define XS_PIN_SHARED "shared_"
#define XS_PIN_TC "tc_"
#define XS_PIN_QDISC "qdisc_"
#define XS_PIN_PROGRAM "prog_"

struct xslice_bpf;

struct xs_datapath {
	char directory[PATH_MAX / 2];
	struct xslice_bpf *skeleton;
	struct xs_node_maps maps;
	int program[XS_HOOK_COUNT];
	uint32_t id[XS_HOOK_COUNT];
	uint32_t former_id[XS_HOOK_COUNT]; /* what was pinned before it was replaced; 0: nothing */
	bool taken_up, grown;
};

extern const char *const xs_hook_program[XS_HOOK_COUNT];

/* Writes the sentence and returns `code`, which is negative. */
static inline int __attribute__((format(printf, 3, 4))) xs_explain(char *error, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, XS_ERROR_SIZE, format, arguments);
	va_end(arguments);
	return code;
}

/* Path of a pin: directory/prefix + number or name. False if it does not fit. */
static inline bool __attribute__((format(printf, 2, 3))) xs_pin_path(char path[PATH_MAX], const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(path, PATH_MAX, format, arguments);
	va_end(arguments);
	return n > 0 && n < PATH_MAX;
}

/* Replaces the program of ours that is on the device; 0 where there is none, or none of ours. */
int xs_datapath_exchange(struct xs_datapath *datapath, enum xs_hook hook, int netns, uint32_t ifindex);

/* Copies all entries of a map into a larger one of the same layout. 0 or negative errno. */
int xs_map_copy(int from, int to);

/* Id and name (16 bytes) of a program by descriptor or by id; negative errno. */
int xs_program_id(int fd, uint32_t *id);
int xs_program_name(uint32_t id, char name[16]);
/* Has it the name of one of the datapath's, whoever loaded it? */
bool xs_program_is_ours_by_name(uint32_t id);
/* Do two loaded programs have the same code, read the same maps and the same constants? */
bool xs_program_same(int a, int b);
/* The same, whether loaded to be attached or to be a function of another program. */
bool xs_program_alike(int a, int b);
/* The same, but that b may have maps of its own (ids) where a has others. */
bool xs_program_twin(int a, int b, const uint32_t *own, size_t own_count);


/* What another version of this program left attached stands under `own`, the node's directory of this version, afterwards. */
int xs_pins_inherit(const char *node, const char *own);

/* Does a link that is pinned in the directory run this program? */
bool xs_links_run(const char *directory, uint32_t program_id);

#endif
