/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_model_robust.c - definitions that were cut off or damaged: figure 7 cut at every byte (JSON and XML: every
 * third), and figure 7 with a byte replaced. There is a domain without a fault, or a fault and no domain; nothing else
 * happens (sanitizers watch). Replacements are drawn from a fixed seed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/model/document.h"
#include "selftests/unit/model_dump.h"

#define REPLACED 400

/* The text ends where its memory ends, so that a reader that goes on is seen. */
static void try_text(const char *text, size_t size, enum xs_format format)
{
	char *exact = malloc(size ? size : 1);

	assert_non_null(exact);
	memcpy(exact, text, size);
	free(model_faults(exact, size, format));
	free(exact);
}

static void cut(const char *path, enum xs_format format, size_t step)
{
	size_t size;
	char *text = model_slurp(path, &size);

	assert_true(size > 1000);
	for (size_t i = 0; i <= size; i += step)
		try_text(text, i, format);
	free(text);
}

static void test_yaml_cut_at_every_byte(void **state)
{
	cut("docs/examples/figure7.yaml", XS_FORMAT_YAML, 1);
}

static void test_json_cut(void **state)
{
	cut("docs/examples/figure7.json", XS_FORMAT_JSON, 3);
}

static void test_xml_cut(void **state)
{
	cut("docs/examples/figure7.xml", XS_FORMAT_XML, 3);
}

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void damage(const char *path, enum xs_format format)
{
	static const char odd[] = "{}[]:,-&*!|>'\"%@#<>/\\\0\x7f\xff\xc3 \t\n\r019xz";
	uint32_t seed = 7;
	size_t size;
	char *text = model_slurp(path, &size);

	for (int i = 0; i < REPLACED; i++) {
		size_t at = draw(&seed) % size;
		char kept = text[at];

		text[at] = odd[draw(&seed) % (sizeof(odd) - 1)];
		try_text(text, size, format);
		text[at] = kept;
	}
	free(text);
}

static void test_yaml_with_a_byte_replaced(void **state)
{
	damage("docs/examples/figure7.yaml", XS_FORMAT_YAML);
}

static void test_json_with_a_byte_replaced(void **state)
{
	damage("docs/examples/figure7.json", XS_FORMAT_JSON);
}

static void test_xml_with_a_byte_replaced(void **state)
{
	damage("docs/examples/figure7.xml", XS_FORMAT_XML);
}

/* Whatever the file says it is, the other readers must bear it. */
static void test_every_form_as_every_other(void **state)
{
	static const char *const paths[] = { "docs/examples/figure7.yaml", "docs/examples/figure7.json",
					     "docs/examples/figure7.xml" };

	for (size_t i = 0; i < 3; i++) {
		size_t size;
		char *text = model_slurp(paths[i], &size);

		for (int format = XS_FORMAT_GUESS; format <= XS_FORMAT_XML; format++)
			try_text(text, size, format);
		free(text);
	}
}

static char *said(const struct xs_diag *diag)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	xs_diag_print(diag, out);
	fclose(out);
	return text;
}

/* Eight bytes are looked at in one: each byte at each place among plain ones is refused, or not, as by itself. */
static void test_each_byte_at_each_place(void **state)
{
	for (int byte = 0; byte < 256; byte++) {
		const bool fine = byte == '\t' || byte == '\n' || (byte >= 0x20 && byte < 0x7f);

		for (size_t at = 0; at < 24; at++) {
			struct xs_diag *diag = xs_diag_new("f");
			char text[24], place[16], *words;

			memset(text, at % 2 ? '~' : ' ', sizeof(text));
			text[at] = (char)byte;
			if (at + 1 < sizeof(text) && byte == '\r')
				text[at + 1] = 'x';
			assert_int_equal(xs_text_check(text, sizeof(text), diag),
					 fine || (byte == '\r' && at + 1 == sizeof(text)) ? 0 : -EINVAL);
			words = said(diag);
			snprintf(place, sizeof(place), "f:1:%zu: ", at + 1);
			assert_int_equal(!strncmp(words, place, strlen(place)), xs_diag_errors(diag) != 0);
			free(words);
			xs_diag_free(diag);
		}
	}
}

/* Of each severity 1000 are told, so that no number of warnings hides an error; the counts are those of all. */
static void test_as_many_faults_as_are_told(void **state)
{
	const struct xs_path root = { .name = "domain" };
	const struct xs_place place = { 1, 1, &root };
	struct xs_diag *diag = xs_diag_new("f");
	char *words;

	for (int i = 0; i < XS_DIAG_TOLD_MAX + 1; i++) {
		xs_diag_add(diag, XS_WARNING, &place, "warning %d", i);
		xs_diag_note(diag, &place, "note %d", i);
	}
	xs_diag_add(diag, XS_ERROR, &place, "the error");
	words = said(diag);
	assert_int_equal(xs_diag_warnings(diag), XS_DIAG_TOLD_MAX + 1);
	assert_int_equal(xs_diag_errors(diag), 1);
	assert_non_null(strstr(words, "f:1:1: warning: /domain: warning 999\nf:1:1: note: /domain: note 999\n"
				      "f:1:1: error: /domain: the error\n"
				      "f: warning: 1 more warning was found: no more than 1000 are told\n"));
	free(words);
	xs_diag_free(diag);
}

/* Columns as one counts them, asked for in rising order, in lines of plain and of longer characters. */
static void test_columns(void **state)
{
	static const char *const piece[] = { "a", "plain text, and more of it", "\xc3\xa4", "\xe2\x82\xac", "\n", "\t" };
	uint32_t seed = 7;

	for (int round = 0; round < 200; round++) {
		struct xs_text_cursor cursor;
		char text[600] = "";
		size_t line = 0, character = 0, byte = 0, size;

		while (strlen(text) < sizeof(text) - 30)
			strcat(text, piece[draw(&seed) % 6]);
		size = strlen(text);
		cursor = (struct xs_text_cursor){ .at = text, .end = text + size };
		for (size_t i = 0; i < size; i++) {
			if (((unsigned char)text[i] & 0xc0) == 0x80) {
				byte++;
				continue;
			}
			if (draw(&seed) % 7 == 0)
				assert_int_equal(xs_text_column(&cursor, line, character), byte);
			character++;
			byte++;
			if (text[i] == '\n') {
				line++;
				character = byte = 0;
			}
		}
		/* Beyond a line's end, and beyond the text's: its last byte. */
		assert_int_equal(xs_text_column(&cursor, line, character + 9), byte);
		assert_int_equal(xs_text_column(&cursor, line + 2, 3), byte);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_cut_at_every_byte),
		cmocka_unit_test(test_json_cut),
		cmocka_unit_test(test_xml_cut),
		cmocka_unit_test(test_yaml_with_a_byte_replaced),
		cmocka_unit_test(test_json_with_a_byte_replaced),
		cmocka_unit_test(test_xml_with_a_byte_replaced),
		cmocka_unit_test(test_every_form_as_every_other),
		cmocka_unit_test(test_each_byte_at_each_place),
		cmocka_unit_test(test_as_many_faults_as_are_told),
		cmocka_unit_test(test_columns),
	};

	return cmocka_run_group_tests_name("model_robust", tests, NULL, NULL);
}
