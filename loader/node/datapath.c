// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * datapath.c - opens a node's BPF object: sizes its maps, takes up those that are pinned (or copies them into larger ones),
 * loads the programs, and keeps the pinned ones where they are the same, so that what is attached need not be touched.
 *
 * Always holds: a pin is put in place by rename(2), so under its name there is always a whole object, the former or the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/node/datapath.h"
#include "loader/node/datapath_private.h"
#include "loader/node/refusal.h"
#include "xslice.skel.h"

const char *const xs_hook_program[XS_HOOK_COUNT] = {
	[XS_HOOK_XDP_PORT] = "xdp_port",
	[XS_HOOK_TC_PORT] = "tc_port",
	[XS_HOOK_TC_SLIVER] = "tc_sliver",
	[XS_HOOK_TC_EDGE] = "tc_edge",
	[XS_HOOK_TC_UPLINK] = "tc_uplink",
};

/* Of libbpf, while an object is loaded: the first that names a program or a map, which those after it sum up; else the last. */
static char complaint[160];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level != LIBBPF_WARN || !strncmp(complaint, "prog '", 6) || !strncmp(complaint, "map '", 5))
		return 0;
	if (!strncmp(format, "libbpf: ", 8))
		format += 8;
	vsnprintf(complaint, sizeof(complaint), format, arguments);
	complaint[strcspn(complaint, "\n")] = '\0';
	return 0;
}

/* ---- sizes --------------------------------------------------------------------------------------------------------- */

static uint32_t round_up(uint32_t wanted, uint32_t least)
{
	uint32_t n = least;

	while (n < wanted && n < 1u << 30)
		n <<= 1;
	return n;
}

/* Entries that the map of this name must have at least; 0: as the object says. */
static uint32_t entries_wanted(const struct xs_datapath_size *size, const char *name)
{
	const struct {
		const char *name;
		uint32_t entries;
	} wanted[] = {
		{"port", round_up(size->ports, 16)},
		{"port_stats", round_up(size->ports, 16)},
		{"label", round_up(size->ports, 16) * XS_VIDS},
		{"vport", round_up(size->vports, 256)},
		{"vport_stats", round_up(size->vports, 256)},
		{"policer", round_up(size->vports, 256)},
		{"slice", round_up(size->slices, 256)},
		{"slice_stats", round_up(size->slices, 256)},
		{"unresolved", round_up(size->slices, 256)},
		{"nexthop", round_up(size->nexthops, 4096)},
		{"group", round_up(size->groups, 128)},
		{"block", size->blocks < 1024 ? 1024 : size->blocks},
		{"sieve", size->blocks < 1024 ? 1024 : size->blocks},
		{"guard", round_up(size->guards, 4096)},
		{"cell", round_up(size->cells, 1024)},
		{"page", round_up(size->mappings, 1024)},
		{"page_rest", round_up(size->mappings, 1024)},
		{"mux", round_up(size->muxes, 16)},
		{"mux_page", round_up(size->pages, 1024)},
		{"mux_origin", round_up(size->pages, 1024)},
		{"mux_stats", round_up(size->pages, 1024)},
		{"mux_node", round_up(size->nodes, 1024)},
		{"mux_vector", round_up(size->vectors, 64)},
		{"mux_general", round_up(size->generals, 64)},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strcmp(wanted[i].name, name))
			return wanted[i].entries;
	return 0;
}

bool xs_datapath_fits(const struct xs_datapath *datapath, const struct xs_datapath_size *size)
{
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		uint32_t wanted = entries_wanted(size, xs_map_info(i)->name);

		/* Rounded sizes leave head-room; what counts here is what the object has now. */
		if (wanted > datapath->maps.entries[i])
			return false;
	}
	return true;
}

/* ---- maps ---------------------------------------------------------------------------------------------------------- */

static int check_layout(const struct bpf_map *map, const struct bpf_map_info *info, char *error)
{
	if (info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	    info->value_size == bpf_map__value_size(map) && info->map_flags == bpf_map__map_flags(map))
		return 0;
	return xs_explain(error, -EPROTO,
			  "pinned map %s has another layout (type %u, key %u, value %u, flags 0x%x): run xslice clean",
			  bpf_map__name(map), info->type, info->key_size, info->value_size, info->map_flags);
}

/*
 * Prepares one map before the object is loaded: sized, and the pinned one reused if it fits. former: descriptor of a pinned
 * one that is too small, whose content is to be copied; -1: none.
 */
static int prepare_map(struct xs_datapath *datapath, struct bpf_map *map, const struct xs_datapath_size *size, bool *found,
		       int *former, char *error)
{
	const char *name = bpf_map__name(map);
	uint32_t wanted = entries_wanted(size, name);
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);
	char path[PATH_MAX];
	int fd, err;

	*found = false;
	*former = -1;
	if (!xs_pin_path(path, "%s/%s", datapath->directory, name))
		return -ENAMETOOLONG;
	if (wanted)
		bpf_map__set_max_entries(map, wanted);
	fd = bpf_obj_get(path);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return xs_explain(error, -errno, "%s: %s", path, strerror(errno));
	err = bpf_obj_get_info_by_fd(fd, &info, &length) ? -errno : check_layout(map, &info, error);
	if (err) {
		close(fd);
		return err;
	}
	*found = true;
	if (info.max_entries < wanted) {
		*former = fd;
		return 0;
	}
	err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err ? xs_explain(error, err, "%s: %s", path, strerror(-err)) : 0;
}

/* A whole object under its name at any moment. */
static int pin(const struct xs_datapath *datapath, int fd, const char *prefix, const char *name, char *error)
{
	char path[PATH_MAX], aside[PATH_MAX];

	if (!xs_pin_path(path, "%s/%s%s", datapath->directory, prefix, name) ||
	    !xs_pin_path(aside, "%s/next_%s%s", datapath->directory, prefix, name))
		return -ENAMETOOLONG;
	if ((unlink(aside) && errno != ENOENT) || bpf_obj_pin(fd, aside) || rename(aside, path))
		return xs_explain(error, -errno, "cannot pin %s: %s", path, strerror(errno));
	return 0;
}

/* After loading: content of grown maps is copied, and every map stands at its pin. */
static int pin_maps(struct xs_datapath *datapath, const int *former, char *error)
{
	struct bpf_map *map;
	char path[PATH_MAX];
	int i = 0, err;

	bpf_object__for_each_map(map, datapath->skeleton->obj) {
		const char *name = bpf_map__name(map);
		int was = former[i++];

		if (bpf_map__is_internal(map))
			continue;
		if (was >= 0) {
			err = xs_map_copy(was, bpf_map__fd(map));
			if (err)
				return xs_explain(error, err, "cannot copy map %s into a larger one: %s", name, strerror(-err));
			datapath->grown = true;
		} else if (xs_pin_path(path, "%s/%s", datapath->directory, name) && !access(path, F_OK)) {
			continue;
		}
		err = pin(datapath, bpf_map__fd(map), "", name, error);
		if (err)
			return err;
	}
	return 0;
}

/* ---- programs ------------------------------------------------------------------------------------------------------ */

/* The pinned program stays if it is the same as the loaded one; else the loaded one takes its pin. */
static int settle_program(struct xs_datapath *datapath, enum xs_hook hook, char *error)
{
	const char *name = xs_hook_program[hook];
	struct bpf_program *program = bpf_object__find_program_by_name(datapath->skeleton->obj, name);
	char path[PATH_MAX];
	int fd, pinned;

	if (!program)
		return xs_explain(error, -ENOENT, "the datapath has no program %s", name);
	if (!xs_pin_path(path, "%s/" XS_PIN_PROGRAM "%s", datapath->directory, name))
		return -ENAMETOOLONG;
	fd = bpf_program__fd(program);
	pinned = bpf_obj_get(path);
	if (pinned >= 0 && xs_program_same(pinned, fd)) {
		datapath->program[hook] = pinned;
		return xs_program_id(pinned, &datapath->id[hook]);
	}
	if (pinned >= 0) {
		xs_program_id(pinned, &datapath->former_id[hook]);
		close(pinned);
	}
	datapath->program[hook] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (datapath->program[hook] < 0)
		return xs_explain(error, -errno, "program %s: %s", name, strerror(errno));
	xs_program_id(fd, &datapath->id[hook]);
	return pin(datapath, fd, XS_PIN_PROGRAM, name, error);
}

/* ---- the object ---------------------------------------------------------------------------------------------------- */

#define OBJECT_MAPS_MAX 64

static int open_object(struct xs_datapath *datapath, char *error)
{
	libbpf_print_fn_t former = libbpf_set_print(keep_complaint);

	datapath->skeleton = xslice_bpf__open();
	libbpf_set_print(former);
	return datapath->skeleton ? 0 : xs_explain(error, -errno, "cannot open the datapath's object: %s", strerror(errno));
}

static int load_object(struct xs_datapath *datapath, char *error)
{
	libbpf_print_fn_t former = libbpf_set_print(keep_complaint);
	struct utsname kernel = {};
	int err;

	complaint[0] = '\0';
	err = xslice_bpf__load(datapath->skeleton);
	libbpf_set_print(former);
	if (!err)
		return 0;
	uname(&kernel);
	return xs_explain_kernel(err, complaint, kernel.release, error);
}

bool xs_datapath_spare_fits(const struct xs_datapath *spare, const struct xs_datapath_size *size)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, spare->skeleton->obj)
		if (!bpf_map__is_internal(map) && entries_wanted(size, bpf_map__name(map)) > bpf_map__max_entries(map))
			return false;
	return true;
}

static bool nothing_is_pinned(const struct xs_datapath *datapath)
{
	char path[PATH_MAX];

	for (int i = 0; i < XS_MAP_COUNT; i++)
		if (!xs_pin_path(path, "%s/%s", datapath->directory, xs_map_info(i)->name) || !access(path, F_OK))
			return false;
	return true;
}

/* ---- open and close ------------------------------------------------------------------------------------------------ */

static int make_directory(const char *path, char *error)
{
	struct stat status;

	if (mkdir(path, 0700) && errno != EEXIST)
		return xs_explain(error, -errno, "%s: %s%s", path, strerror(errno),
				  errno == EPERM || errno == ENOENT ? " (is a bpf file system mounted there?)" : "");
	if (!stat(path, &status) && (status.st_mode & 07777) != 0700 && chmod(path, 0700))
		return xs_explain(error, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int make_pin_directory(struct xs_datapath *datapath, const char *node, char *error)
{
	char parent[PATH_MAX];
	int err = xs_pin_dir(node, datapath->directory, sizeof(datapath->directory));

	if (err)
		return xs_explain(error, err, "node %s: the pins' path is too long", node);
	err = make_directory(XS_PIN_ROOT, error);
	if (!err && !xs_pin_path(parent, "%s/%s", XS_PIN_ROOT, node))
		err = -ENAMETOOLONG;
	if (!err)
		err = make_directory(parent, error);
	if (!err)
		err = make_directory(datapath->directory, error);
	if (err)
		return err;
	err = xs_pins_inherit(node, datapath->directory);
	return err ? xs_explain(error, err, "%s: cannot take over the pins of another version: %s", parent, strerror(-err)) : 0;
}

/* Where nothing is pinned and the spare is large enough, it serves; else an object is opened, sized and loaded. */
static int load(struct xs_datapath *datapath, const struct xs_datapath_size *size, struct xs_datapath *spare, int former[],
		char *error)
{
	int count = 0, contract = 0, present = 0, err;
	struct bpf_map *map;

	if (spare && nothing_is_pinned(datapath) && xs_datapath_spare_fits(spare, size)) {
		datapath->skeleton = spare->skeleton;
		spare->skeleton = NULL;
		return 0;
	}
	err = open_object(datapath, error);
	if (err)
		return err;
	bpf_object__for_each_map(map, datapath->skeleton->obj) {
		bool found;

		if (count == OBJECT_MAPS_MAX)
			return xs_explain(error, -E2BIG, "the datapath has too many maps");
		if (bpf_map__is_internal(map)) {
			count++;
			continue;
		}
		err = prepare_map(datapath, map, size, &found, &former[count++], error);
		if (err)
			return err;
		contract++;
		present += found;
	}
	datapath->taken_up = contract && present == contract;
	return load_object(datapath, error);
}

/* What was loaded takes its pins, or gives way to what is pinned and the same. */
static int settle(struct xs_datapath *datapath, const int former[], char *error)
{
	int fd[XS_MAP_COUNT], err = pin_maps(datapath, former, error);

	for (int i = 0; !err && i < XS_MAP_COUNT; i++) {
		fd[i] = bpf_object__find_map_fd_by_name(datapath->skeleton->obj, xs_map_info(i)->name);
		if (fd[i] < 0)
			err = xs_explain(error, -ENOENT, "the datapath has no map %s", xs_map_info(i)->name);
	}
	if (!err) {
		err = xs_node_maps_init(&datapath->maps, fd, true);
		if (err)
			xs_explain(error, err, "cannot map the datapath's maps: %s", strerror(-err));
	}
	for (int hook = 0; !err && hook < XS_HOOK_COUNT; hook++)
		err = settle_program(datapath, hook, error);
	return err;
}

static struct xs_datapath *empty_datapath(void)
{
	struct xs_datapath *datapath = calloc(1, sizeof(*datapath));

	for (int i = 0; datapath && i < XS_MAP_COUNT; i++)
		datapath->maps.fd[i] = -1;
	for (int hook = 0; datapath && hook < XS_HOOK_COUNT; hook++)
		datapath->program[hook] = -1;
	return datapath;
}

int xs_datapath_open(const char *node, const struct xs_datapath_size *size, struct xs_datapath *spare,
		     struct xs_datapath **out, char *error)
{
	struct xs_datapath *datapath = empty_datapath();
	int former[OBJECT_MAPS_MAX], err;

	if (!datapath)
		return xs_explain(error, -ENOMEM, "no memory for the datapath");
	for (int i = 0; i < OBJECT_MAPS_MAX; i++)
		former[i] = -1;
	err = make_pin_directory(datapath, node, error);
	if (!err)
		err = load(datapath, size, spare, former, error);
	if (!err)
		err = settle(datapath, former, error);
	for (int i = 0; i < OBJECT_MAPS_MAX; i++)
		if (former[i] >= 0)
			close(former[i]);
	if (err)
		xs_datapath_close(datapath);
	else
		*out = datapath;
	return err;
}

int xs_datapath_spare(const struct xs_datapath_size *size, struct xs_datapath **out, char *error)
{
	struct xs_datapath *spare = empty_datapath();
	struct bpf_map *map;
	int err;

	if (!spare)
		return xs_explain(error, -ENOMEM, "no memory for the datapath");
	err = open_object(spare, error);
	if (!err) {
		bpf_object__for_each_map(map, spare->skeleton->obj) {
			uint32_t wanted = entries_wanted(size, bpf_map__name(map));

			if (wanted)
				bpf_map__set_max_entries(map, wanted);
		}
		err = load_object(spare, error);
	}
	if (err)
		xs_datapath_close(spare);
	else
		*out = spare;
	return err;
}

void xs_datapath_close(struct xs_datapath *datapath)
{
	if (!datapath)
		return;
	for (int hook = 0; hook < XS_HOOK_COUNT; hook++)
		if (datapath->program[hook] >= 0)
			close(datapath->program[hook]);
	xs_node_maps_close(&datapath->maps);
	xslice_bpf__destroy(datapath->skeleton);
	free(datapath);
}

/* ---- what is asked of an open one ---------------------------------------------------------------------------------- */

struct xs_node_maps *xs_datapath_maps(struct xs_datapath *datapath)
{
	return &datapath->maps;
}

bool xs_datapath_taken_up(const struct xs_datapath *datapath)
{
	return datapath->taken_up;
}

bool xs_datapath_pinned(const struct xs_datapath *datapath)
{
	for (int i = 0; i < XS_MAP_COUNT; i++) {
		char path[PATH_MAX];

		if (!xs_pin_path(path, "%s/%s", datapath->directory, xs_map_info(i)->name) || access(path, F_OK))
			return false;
	}
	return true;
}

bool xs_datapath_grown(const struct xs_datapath *datapath)
{
	return datapath->grown;
}

const uint32_t *xs_datapath_program_ids(const struct xs_datapath *datapath)
{
	return datapath->id;
}
