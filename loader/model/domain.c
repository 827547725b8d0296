/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domain.c - the way of a definition: text → document → data tree → typed domain → checks. Every stage goes on as far
 * as the faults of the one before let it, so that one run reports all of them.
 */
#include "loader/model/domain.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/model/check.h"
#include "loader/model/document.h"
#include "loader/model/tree.h"
#include "loader/model/typed.h"

/* Only freeing asks for it once there is a domain: that takes a tenth of the time of reading, and need not be in its way. */
struct xs_domain_source {
	char *text;
	struct xs_document document;
	struct xs_schema schema;
	struct lyd_node *tree;
};

static enum xs_format guess(const char *text, size_t size)
{
	size_t i = 0;

	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		i = 3;
	while (i < size && isspace((unsigned char)text[i]))
		i++;
	return i < size && text[i] == '<' ? XS_FORMAT_XML : XS_FORMAT_YAML;
}

static enum xs_format format_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (!dot)
		return XS_FORMAT_GUESS;
	if (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"))
		return XS_FORMAT_YAML;
	if (!strcmp(dot, ".json"))
		return XS_FORMAT_JSON;
	return strcmp(dot, ".xml") ? XS_FORMAT_GUESS : XS_FORMAT_XML;
}

/* Nothing but white space and an element can begin XML. */
static bool begins_otherwise(const char *text, size_t size)
{
	size_t at = size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;

	while (at < size && strchr(" \t\r\n", text[at]))
		at++;
	return at < size && text[at] != '<';
}

static int read_document(const char *text, size_t size, enum xs_format format, struct xs_diag *diag,
			 struct xs_document *document)
{
	const struct xs_place start = { .line = 1, .column = 1 };
	int err = xs_text_check(text, size, diag);

	if (err)
		return err;
	if (format == XS_FORMAT_GUESS)
		format = guess(text, size);
	if (format == XS_FORMAT_XML)
		err = xs_read_xml(text, size, diag, document);
	else
		err = xs_read_yaml(text, size, format == XS_FORMAT_JSON, diag, document);
	if (!err && (!document->root || (!document->xml && document->root->kind == XS_DOC_NOTHING))) {
		xs_diag_add(diag, XS_ERROR, &start, "%s",
			    document->xml && begins_otherwise(text, size) ? "it is not XML" : "the definition is empty");
		return -EINVAL;
	}
	return err;
}

static int run_checks(struct xs_check *check, const struct lyd_node *tree)
{
	static int (*const checks[])(struct xs_check *) = {
		xs_resolve,      xs_check_topology, xs_check_identity,   xs_check_labels,  xs_check_subnets,
		xs_check_routes, xs_check_filters,  xs_check_migrations, xs_check_shadows, xs_check_pages,
	};
	int err = xs_check_supported(tree, check->diag);

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && !err; i++)
		err = checks[i](check);
	return err;
}

/* From the document to a checked domain in `arena`. 0 says only that nothing ran out: faults are counted by diag. */
static int make_domain(struct xs_domain_source *source, const enum xs_implementation *instead, struct xs_diag *diag,
		       size_t errors, struct xs_arena *arena, struct xs_domain *domain)
{
	const struct xs_schema *schema = &source->schema;
	struct xs_index index = { 0 };
	struct xs_check check = { .domain = domain, .index = &index, .diag = diag };
	int err;

	check.scratch = xs_arena_new();
	if (!check.scratch)
		return -ENOMEM;
	err = xs_tree_build(schema, &source->document, diag, &source->tree);
	if (err && err != -EINVAL)
		goto out;
	err = xs_tree_check_references(schema, source->tree, diag);
	if (err && err != -EINVAL)
		goto out;
	if (xs_diag_errors(diag) == errors)
		err = xs_tree_cross_check(schema, &source->tree, diag);
	if (err && err != -EINVAL)
		goto out;
	err = xs_typed_read(source->tree, instead, arena, diag, &index, domain);
	if (!err || err == -EINVAL)
		err = run_checks(&check, source->tree);
out:
	xs_index_clear(&index);
	xs_arena_free(check.scratch);
	return err;
}

int xs_domain_parse(const char *text, size_t size, enum xs_format format, struct xs_diag *diag, struct xs_domain **out)
{
	return xs_domain_parse_as(text, size, format, NULL, diag, out);
}

static void free_source(struct xs_domain_source *source)
{
	if (!source)
		return;
	lyd_free_all(source->tree);
	xs_schema_close(&source->schema);
	xs_arena_free(source->document.arena);
	free(source->text);
	free(source);
}

/* With the text's copy: libyang reads a string; the caller's need not be one. Longer texts are refused without it. */
static struct xs_domain_source *new_source(const char *text, size_t size)
{
	struct xs_domain_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->document.arena = xs_arena_new();
	source->text = malloc(size <= XS_DOCUMENT_MAX ? size + 1 : 1);
	if (!source->document.arena || !source->text) {
		free_source(source);
		return NULL;
	}
	if (size > XS_DOCUMENT_MAX)
		size = 0;
	memcpy(source->text, text, size);
	source->text[size] = '\0';
	return source;
}

int xs_domain_parse_as(const char *text, size_t size, enum xs_format format, const enum xs_implementation *instead,
		       struct xs_diag *diag, struct xs_domain **out)
{
	struct xs_domain_source *source = new_source(text, size);
	struct xs_arena *memory = xs_arena_new();
	size_t errors = xs_diag_errors(diag);
	struct xs_domain *domain = NULL;
	int err = -ENOMEM;

	*out = NULL;
	/* For the process: libyang's own union type resets what is set for a thread. Nobody else here uses libyang. */
	ly_log_options(LY_LOSTORE_LAST);
	domain = memory ? xs_arena_array(memory, 1, sizeof(*domain)) : NULL;
	if (!source || !domain)
		goto out;
	err = read_document(size <= XS_DOCUMENT_MAX ? source->text : text, size, format, diag, &source->document);
	if ((err && err != -EINVAL) || !source->document.root)
		goto out;
	err = xs_schema_open(&source->schema);
	if (err)
		goto out;
	err = make_domain(source, instead, diag, errors, memory, domain);
	if (!err && xs_diag_errors(diag) > errors)
		err = -EINVAL;
	if (err)
		goto out;
	domain->memory = memory;
	domain->source = source;
	*out = domain;
	memory = NULL;
	source = NULL;
out:
	free_source(source);
	xs_arena_free(memory);
	return err;
}

void xs_domain_parameters(const struct xs_domain *domain, struct xs_parameters *out)
{
	xs_parameters_count(domain->source->tree, out);
}

/* The whole file, NUL-terminated, malloc()ed; at most one byte more than is allowed, so that the excess is seen. */
static int read_file(const char *path, char **out, size_t *out_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	size_t size = 0, room = 64 * 1024;
	char *text = NULL, *grown;
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
	while (!err) {
		grown = realloc(text, room + 1);
		if (!grown) {
			err = -ENOMEM;
			break;
		}
		text = grown;
		got = read(fd, text + size, room - size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = -errno;
		if (got <= 0)
			break;
		size += (size_t)got;
		if (size > XS_DOCUMENT_MAX)
			break;
		if (size == room)
			room *= 2;
	}
	close(fd);
	if (err) {
		free(text);
		return err;
	}
	text[size] = '\0';
	*out = text;
	*out_size = size;
	return 0;
}

int xs_domain_read(const char *path, enum xs_format format, struct xs_diag *diag, struct xs_domain **out)
{
	char *text = NULL;
	size_t size = 0;
	int err = read_file(path, &text, &size);

	*out = NULL;
	if (err) {
		xs_diag_add(diag, XS_ERROR, NULL, "%s", strerror(-err));
		return err;
	}
	err = xs_domain_parse(text, size, format == XS_FORMAT_GUESS ? format_of(path) : format, diag, out);
	free(text);
	return err;
}

void xs_domain_free(struct xs_domain *domain)
{
	if (!domain)
		return;
	free_source(domain->source);
	xs_arena_free(domain->memory);
}
