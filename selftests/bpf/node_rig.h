/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node_rig.h - what the tests of a node share: a namespace with three ports, the node in it, commands that look at it.
 * Machine state is compared as text before and after.
 *
 *     namespace xst<pid>:   p0 (links, veth) ... q0      p1 (gateway, veth, down, mtu 9000) ... q1      p2 (MUX, veth)
 * ... q2
 */
#ifndef XSLICE_SELFTESTS_NODE_RIG_H
#define XSLICE_SELFTESTS_NODE_RIG_H

#include "loader/node/node.h"
#include "selftests/bpf/node_image.h"

extern char node_name[16], node_error[256];
extern struct xs_node *node;

/* Runs a command in which @ stands for the node's name and % for an @; what it prints, in static memory. */
const char *output(const char *format);
void expect(const char *command, const char *part);
void expect_not(const char *command, const char *part);
void expect_text(const char *command, const char *whole);

void make(const struct node_variant *variant);
void retire(const struct node_variant *variant); /* NULL: everything */
void make_and_retire_change_nothing(const struct node_variant *variant);
void reopen(void); /* as an agent that is started anew */

void remember_state(void); /* set_up() does */
void expect_as_before(void);

/* What node_normal says, as far as iproute2 and ethtool can tell. */
void expect_sliver(void);
void expect_edge(void);
void expect_ports(void);

int set_up(void **context);
int tear_down(void **context);
#define NODE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
