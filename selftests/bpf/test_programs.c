/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_programs.c - every program loads as each clang there is compiles it; prints how many instructions the verifier looked at.
 * A clang that is not installed is a skipped case. Run from the top of the tree.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "selftests/bpf/fixture.h"

#define OBJECT "build/selftests/bpf/programs"
#define FLAGS "-target bpf -g -O2 -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter -I. -I/usr/include/$(gcc -dumpmachine)"
#define VERIFIED_MAX 100000

static bool installed(const char *clang)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", clang);
	return system(command) == 0;
}

static void compile(const char *clang, char *object, size_t size)
{
	char command[512];

	snprintf(object, size, OBJECT "/%s.o", clang);
	snprintf(command, sizeof(command), "mkdir -p " OBJECT " && %s " FLAGS " -c bpf/xslice.bpf.c -o %s", clang, object);
	assert_int_equal(system(command), 0);
}

static void loads_with(const char *clang)
{
	static const char *const names[] = {"xdp_port", "tc_port", "tc_sliver", "tc_edge", "tc_uplink"};
	struct bpf_object *object;
	char path[256];

	if (!installed(clang)) {
		print_message("%s is not installed\n", clang);
		skip();
	}
	compile(clang, path, sizeof(path));
	object = bpf_object__open(path);
	assert_non_null(object);
	assert_int_equal(bpf_object__load(object), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct bpf_program *program = bpf_object__find_program_by_name(object, names[i]);
		struct bpf_prog_info info = {};
		__u32 length = sizeof(info);

		assert_non_null(program);
		assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length), 0);
		print_message("%-9s %-9s %6u instructions verified, %5u bytes of code\n", clang, names[i], info.verified_insns,
			      info.jited_prog_len);
		assert_in_range(info.verified_insns, 1, VERIFIED_MAX);
	}
	bpf_object__close(object);
	unlink(path);
}

static void clang_14(void **state)
{
	loads_with("clang-14");
}

static void clang_16(void **state)
{
	loads_with("clang-16");
}

static void clang_19(void **state)
{
	loads_with("clang-19");
}

/* Names, types and sizes are those that the loader, the command and the tests rely on. */
static void maps_are_those_of_the_contract(void **state)
{
	const struct fixture *fixture = *state;

	for (int i = 0; i < XS_MAP_COUNT; i++) {
		const struct xs_map_info *want = xs_map_info(i);
		struct bpf_map_info info = {};
		__u32 length = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(fixture->maps.fd[i], &info, &length), 0);
		/* The kernel keeps 15 bytes of a name. */
		assert_int_equal(strncmp(info.name, want->name, sizeof(info.name) - 1), 0);
		assert_int_equal(info.value_size, want->value_size);
		assert_int_equal(info.key_size, 4);
		assert_int_equal(info.type, want->per_cpu ? BPF_MAP_TYPE_PERCPU_ARRAY : BPF_MAP_TYPE_ARRAY);
		assert_int_equal(!!(info.map_flags & BPF_F_MMAPABLE), want->mapped);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_are_those_of_the_contract),
		cmocka_unit_test(clang_14),
		cmocka_unit_test(clang_16),
		cmocka_unit_test(clang_19),
	};
	int skip = fixture_available();

	return skip ? skip : cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
