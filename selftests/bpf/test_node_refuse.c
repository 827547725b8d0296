// SPDX-License-Identifier: GPL-2.0-or-later
/* test_node_refuse.c - what a node will not be made from: missing interfaces, names and programs of others. Nothing is
 * changed then. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "loader/node/netns.h"
#include "selftests/bpf/node_rig.h"

static void missing_interface_is_refused(void **context)
{
	struct node_variant variant = node_normal;
	struct xs_image *image;

	variant.interface = "eth7";
	image = node_image(node_name, &variant);
	assert_int_equal(xs_node_make(node, image, NULL, NULL, NULL, node_error), -ENODEV);
	xs_image_free(image);
	assert_non_null(strstr(node_error, "port r2"));
	assert_non_null(strstr(node_error, "eth7"));
	assert_non_null(strstr(node_error, node_name));
	expect_as_before();
}

static void foreign_names_are_refused(void **context)
{
	struct xs_image *image = node_image(node_name, &node_normal);
	char command[64];

	output("ip netns add xs.@.A");
	assert_int_equal(xs_node_make(node, image, NULL, NULL, NULL, node_error), -EEXIST);
	assert_non_null(strstr(node_error, "not of our making"));
	retire(NULL);
	snprintf(command, sizeof(command), "ls /run/netns/xs.@.A 2>&1");
	expect_not(command, "cannot access");
	output("ip netns del xs.@.A; ip -n @ link add xs4 type veth peer name other");
	assert_int_equal(xs_node_make(node, image, NULL, NULL, NULL, node_error), -EEXIST);
	assert_non_null(strstr(node_error, "xs4"));
	retire(NULL);
	expect("ip -n @ -o link show dev xs4", "xs4@other");
	output("ip -n @ link del xs4");
	xs_image_free(image);
	expect_as_before();
}

static bool all_are_admitted(void *context, uint32_t ifindex, uint32_t program_id, bool shared, char *who)
{
	*(uint32_t *)context = program_id;
	return true;
}

static bool none_is_admitted(void *context, uint32_t ifindex, uint32_t program_id, bool shared, char *who)
{
	strcpy(who, "XDP program 7 (somebodys)");
	return false;
}

static void foreign_xdp_is_refused(void **context)
{
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct xs_image *image = node_image(node_name, &node_normal);
	struct xs_netns_scope scope;
	uint32_t seen = 0;
	int program, err;

	program = bpf_prog_load(BPF_PROG_TYPE_XDP, "somebodys", "GPL", code, 2, NULL);
	assert_true(program >= 0);
	assert_int_equal(xs_netns_enter(xs_node_netns(node), &scope), 0);
	err = bpf_xdp_attach((int)if_nametoindex("p0"), program, 0, NULL);
	xs_netns_leave(&scope);
	assert_int_equal(err, 0);
	remember_state();

	assert_int_equal(xs_node_make(node, image, NULL, NULL, NULL, node_error), -EBUSY);
	assert_int_equal(xs_node_make(node, image, NULL, none_is_admitted, NULL, node_error), -EBUSY);
	assert_non_null(strstr(node_error, "(somebodys)"));
	assert_non_null(strstr(node_error, "port r2"));
	expect_as_before();
	assert_int_equal(xs_node_make(node, image, NULL, all_are_admitted, &seen, node_error), 0);
	assert_true(seen > 0);
	xs_image_free(image);
	close(program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(missing_interface_is_refused),
		NODE_TEST(foreign_names_are_refused),
		NODE_TEST(foreign_xdp_is_refused),
	};

	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
