/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.c - what is refused before any parser sees it, and columns in bytes.
 *
 * libyaml counts columns in characters and takes U+0085, U+2028, U+2029 and a lone carriage return for the end of a
 * line; editors do not. Those are refused here, so its lines are everybody's lines.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "loader/model/document.h"

#define FAULTS_MAX 20

/* Length of the UTF-8 sequence at `at`, and its code point; 0 if it is none. */
static size_t decode(const unsigned char *at, size_t left, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = at[0] < 0x80             ? 1
			: (at[0] & 0xe0) == 0xc0 ? 2
			: (at[0] & 0xf0) == 0xe0 ? 3
			: (at[0] & 0xf8) == 0xf0 ? 4
						 : 0;
	uint32_t value = length == 1 ? at[0] : at[0] & (0x7f >> length);

	if (!length || length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code = value;
	return length;
}

static bool is_refused(uint32_t code, bool ends_line)
{
	if (code == '\r')
		return !ends_line;
	return (code < 0x20 && code != '\t' && code != '\n') || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
	       code == 0x2029 || code == 0xfeff || code == 0xfffe || code == 0xffff;
}

/* Are these eight bytes printable ASCII? Almost all are, and then nothing else has to be asked of them. */
static bool is_plain(const unsigned char *at)
{
	const uint64_t each = 0x0101010101010101ull;
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	/* The high bits of what is above 0x7e, or (borrowing goes no further than the first that is) below 0x20. */
	return !((word | (word + each) | (word - 0x20 * each)) & 0x80 * each);
}

int xs_text_check(const char *text, size_t size, struct xs_diag *diag)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + size, *line_start = at;
	struct xs_place place = { .line = 1 };
	uint32_t faults = 0, faulty_line = 0, code;

	if (size > XS_DOCUMENT_MAX) {
		xs_diag_add(diag, XS_ERROR, NULL, "the definition has %zu bytes: more than %u", size, XS_DOCUMENT_MAX);
		return -EINVAL;
	}
	if (size >= 2 && (!memcmp(at, "\xff\xfe", 2) || !memcmp(at, "\xfe\xff", 2))) {
		place.column = 1;
		xs_diag_add(diag, XS_ERROR, &place, "this is UTF-16: save it as UTF-8");
		return -EINVAL;
	}
	if (size >= 3 && !memcmp(at, "\xef\xbb\xbf", 3))
		at += 3;
	while (at < end && faults < FAULTS_MAX) {
		size_t length;

		if (end - at >= 8 && is_plain(at)) {
			at += 8;
			continue;
		}
		length = decode(at, (size_t)(end - at), &code);
		if (*at == '\n') {
			place.line++;
			line_start = at + 1;
		}
		if (place.line != faulty_line && (!length || is_refused(code, at + 1 == end || at[1] == '\n'))) {
			place.column = (uint32_t)(at - line_start) + 1;
			faulty_line = place.line;
			faults++;
			if (!length)
				xs_diag_add(diag, XS_ERROR, &place, "byte 0x%02x is not UTF-8", *at);
			else if (!code)
				xs_diag_add(diag, XS_ERROR, &place, "a NUL byte");
			else
				xs_diag_add(diag, XS_ERROR, &place, "character U+%04X is not allowed", code);
		}
		at += length ? length : 1;
	}
	return faults ? -EINVAL : 0;
}

size_t xs_text_column(struct xs_text_cursor *cursor, size_t line, size_t character)
{
	const char *newline;

	while (cursor->line < line && (newline = memchr(cursor->at, '\n', (size_t)(cursor->end - cursor->at)))) {
		cursor->at = newline + 1;
		cursor->line++;
		cursor->character = cursor->byte = 0;
	}
	while (cursor->line == line && cursor->character + 8 <= character && cursor->end - cursor->at >= 8 &&
	       is_plain((const unsigned char *)cursor->at)) {
		cursor->at += 8;
		cursor->character += 8;
		cursor->byte += 8;
	}
	while (cursor->at < cursor->end && *cursor->at != '\n' &&
	       (cursor->line < line || (cursor->line == line && cursor->character < character))) {
		do {
			cursor->at++;
			cursor->byte++;
		} while (cursor->at < cursor->end && (*cursor->at & 0xc0) == 0x80);
		cursor->character++;
	}
	return cursor->byte;
}
