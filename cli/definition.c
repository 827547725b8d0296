// SPDX-License-Identifier: GPL-2.0-or-later
/* definition.c - see definition.h. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/definition.h"
#include "loader/manager/manager.h"

/* Longer input is refused by the reader; reading one byte more shows it that there is more. */
#define TEXT_MAX (64u * 1024 * 1024 + 1)

static int read_text(const char *path, void **text, size_t *size)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
	size_t room = 0, used = 0;
	char *buffer = NULL;
	int error = 0;

	if (!file)
		return -errno;
	for (;;) {
		size_t got;

		if (used == room) {
			char *grown = realloc(buffer, room = room ? room * 2 : 64 * 1024);

			if (!grown) {
				error = -ENOMEM;
				break;
			}
			buffer = grown;
		}
		got = fread(buffer + used, 1, room - used, file);
		used += got;
		if (!got || used >= TEXT_MAX)
			break;
	}
	if (ferror(file))
		error = errno ? -errno : -EIO;
	if (file != stdin)
		fclose(file);
	if (error) {
		free(buffer);
		return error;
	}
	*text = buffer;
	*size = used;
	return 0;
}

/* Bytes that trees, plan and images take for each of the text, measured; and no more at once than malloc() takes from the heap. */
#define MEMORY_PER_BYTE 56
#define MEMORY_MAX      (32u * 1024 * 1024)

/*
 * Has the memory from the kernel at once: page by page it is thousands of faults. And in large pages where there are some: all of
 * it is trees, and to look up where a page lies takes half of the time of who follows pointers through small ones, in a virtual
 * machine. A kernel that does not know how (before 5.14) gives it page by page.
 */
static void foresee(size_t text_size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = text_size * MEMORY_PER_BYTE;
	uintptr_t first, end;
	char *memory;

	mallopt(M_MMAP_THRESHOLD, MEMORY_MAX);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	memory = malloc(size < MEMORY_MAX ? size : MEMORY_MAX - page);
	if (!memory)
		return;
	first = ((uintptr_t)memory + page - 1) & ~(page - 1);
	end = ((uintptr_t)memory + (size < MEMORY_MAX ? size : MEMORY_MAX - page)) & ~(page - 1);
	if (end > first) {
		madvise((void *)first, end - first, MADV_HUGEPAGE);
		madvise((void *)first, end - first, MADV_POPULATE_WRITE);
	}
	free(memory);
}

enum xs_format xs_definition_format(const struct xs_options *options)
{
	static const struct {
		const char *ending;
		enum xs_format format;
	} endings[] = { { ".xml", XS_FORMAT_XML },
			{ ".json", XS_FORMAT_JSON },
			{ ".yaml", XS_FORMAT_YAML },
			{ ".yml", XS_FORMAT_YAML } };
	const char *dot = strrchr(options->argv[0], '.');

	if (options->format != XS_FORMAT_GUESS || !dot)
		return options->format;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (!strcmp(endings[i].ending, dot))
			return endings[i].format;
	return XS_FORMAT_GUESS;
}

static int plan(const struct xs_options *options, struct xs_store *store, struct xs_definition *out)
{
	struct xs_past past = { 0 };
	char why[XS_ERROR_TEXT];
	int error = store ? xs_load_past(store, &past, why) : 0;

	if (error) {
		xs_complain("store %s: %s", options->store, why);
		return error == -EINVAL ? -EIO : error;
	}
	error = xs_plan_make(out->domain, &past, out->diag, &out->plan);
	xs_past_free(&past);
	if (error && error != -EINVAL)
		xs_complain("%s: plan: %s", options->argv[0], strerror(-error));
	return error;
}

int xs_definition_load(const struct xs_options *options, struct xs_store *store, struct xs_definition *out)
{
	const char *path = options->argv[0];
	int error;

	memset(out, 0, sizeof(*out));
	error = read_text(path, &out->text, &out->size);
	if (error) {
		xs_complain("%s: %s", path, strerror(-error));
		return error == -ENOMEM ? error : -ENOENT;
	}
	foresee(out->size);
	out->diag = xs_diag_new(strcmp(path, "-") ? path : "<stdin>");
	if (!out->diag)
		return -ENOMEM;
	error = xs_domain_parse_as(out->text, out->size, xs_definition_format(options),
				   options->instead ? &options->implementation : NULL, out->diag, &out->domain);
	if (error && error != -EINVAL)
		xs_complain("%s: %s", path, strerror(-error));
	return error ? error : plan(options, store, out);
}

int xs_definition_plan(const struct xs_options *options, struct xs_store **store, struct xs_definition *out)
{
	int error = xs_store_open(options->store, 0, store);

	if (error && error != -ENOENT) {
		xs_open_store(options, false, store);
		return XS_EXIT_FAILED;
	}
	error = xs_definition_load(options, *store, out);
	if (error == -EINVAL)
		xs_definition_faults(options, out);
	else if (!error)
		xs_diag_print(out->diag, stderr);
	return xs_definition_exit(error);
}

int xs_definition_exit(int error)
{
	return !error ? XS_EXIT_DONE : error == -EINVAL || error == -ENOENT ? XS_EXIT_USAGE : XS_EXIT_FAILED;
}

void xs_definition_free(struct xs_definition *definition)
{
	xs_plan_free(definition->plan);
	xs_domain_free(definition->domain);
	xs_diag_free(definition->diag);
	free(definition->text);
}

void xs_definition_faults(const struct xs_options *options, const struct xs_definition *definition)
{
	xs_progress(NULL);
	if (options->json)
		xs_print_json(json_pack("{s:o}", "faults", xs_diag_json(definition->diag)));
	else
		xs_diag_print(definition->diag, stderr);
}
