/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath_stage.h - what the tests share that load a datapath and attach it: a small one, and a veth in a namespace of
 * the test's own, made anew for each test.
 *
 *     [ the test's unnamed namespace:  p0 ---veth--- p1 ]
 */
#ifndef XSLICE_SELFTESTS_BPF_DATAPATH_STAGE_H
#define XSLICE_SELFTESTS_BPF_DATAPATH_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <linux/bpf.h>

#include "loader/node/datapath.h"

extern char stage_node[16], stage_error[256];
extern int stage_netns;
extern uint32_t stage_port; /* index of p0 */
extern const struct xs_datapath_size stage_small;

int stage_open(void **state); /* cmocka: once */
int stage_set_up(void **state);
int stage_take_down(void **state); /* the node's pins go, too */
#define STAGE_TEST(function) cmocka_unit_test_setup_teardown(function, stage_set_up, stage_take_down)

void stage_run(const char *command);
/* A program of somebody else's, of two instructions. */
int stage_program(enum bpf_prog_type type, const char *name, int verdict);
uint32_t stage_xdp(void); /* id of what p0 has; 0: nothing */

struct xs_datapath *stage_datapath(const struct xs_datapath_size *size, struct xs_datapath *spare);
/* On p0; `how` 0. Fails the test if it returns something else. */
void stage_attach(struct xs_datapath *datapath, enum xs_hook hook, int expected);
void stage_said(const char *part);

#endif
