/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify.c - asks the running kernel's verifier about every program of the given objects: verify OBJECT...
 *
 * One line each: "verified OBJECT PROGRAM INSTRUCTIONS BYTES", or "refused OBJECT PROGRAM-OR-- REASON". Runs on the host
 * and, for other kernels, as all that a virtual machine does (scripts/verify-kernels). Exit 0 if none was refused.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* What libbpf and the verifier say last is what stands in the way; of the verifier's log, its end. */
static char complaint[1024];
static bool logged;

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char *text = NULL;
	int length;

	if (level != LIBBPF_WARN || logged || (length = vasprintf(&text, format, arguments)) < 0)
		return 0;
	logged = strstr(text, "BEGIN PROG LOAD LOG");
	snprintf(complaint, sizeof(complaint), "%s", (size_t)length < sizeof(complaint) ? text : text + length - sizeof(complaint) + 1);
	free(text);
	return 0;
}

static int refused(const char *path, const char *program, int err)
{
	for (char *c = complaint; *c; c++)
		if (*c == '\n')
			*c = ' ';
	printf("refused %s %s %s: %s\n", path, program, strerror(-err), complaint);
	return 1;
}

/* The object's programs, loaded together as the agent loads them. */
static int verify(const char *path)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program;
	int err, bad = 0;

	logged = false;
	if (!object)
		return refused(path, "-", -errno);
	err = bpf_object__load(object);
	if (err)
		bad = refused(path, "-", err);
	else
		bpf_object__for_each_program(program, object) {
			struct bpf_prog_info info = { 0 };
			__u32 length = sizeof(info);

			if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length))
				bad |= refused(path, bpf_program__name(program), -errno);
			else
				printf("verified %s %s %u %u\n", path, bpf_program__name(program), info.verified_insns,
				       info.jited_prog_len);
		}
	bpf_object__close(object);
	return bad;
}

int main(int argc, char **argv)
{
	int bad = argc < 2;

	libbpf_set_print(keep_complaint);
	for (int i = 1; i < argc; i++)
		bad |= verify(argv[i]);
	return bad;
}
